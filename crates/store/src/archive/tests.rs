//! A segment that went elsewhere is still part of the record.

use engine::ports::{Entries as _, Log as _, ReadError};

use super::{CannotArchive, archivable, archive};
use crate::tests::{Place, act, fill, root_of};
use crate::verify::tests::{check, published};
use crate::{Log, Options, Reader, TilePublisher, VerifyOptions, verify};

#[test]
fn an_archived_segment_is_read_and_verified_where_it_went() {
    let place = published();
    let root = root_of(&place.reader());
    let running = place.reader();
    running.entry(3).unwrap();
    let to = place.temporary.path().join("far/away");
    std::fs::create_dir_all(&to).unwrap();
    let firsts = archivable(&place.paths()).unwrap();
    assert!(firsts.len() >= 2);
    for first in &firsts {
        let stub = archive(&place.paths(), *first, &to).unwrap();
        assert_eq!(stub.first, *first);
        assert!(!place.paths().segment(*first).exists());
    }
    assert_eq!(archivable(&place.paths()).unwrap(), Vec::<u64>::new());
    // Readers that were there before, and new ones.
    assert_eq!(root_of(&running), root);
    assert_eq!(root_of(&place.reader()), root);
    assert_eq!(check(&place).problems, []);
    // The log goes on.
    let mut opened = Log::open(place.lock(), &Options { ..place.options() }).unwrap();
    fill(&mut opened.log, 1, 3);
    let head = opened.log.sign().unwrap();
    TilePublisher::open(&place.paths(), &opened.log.reader(), Some(&head)).unwrap();
}

#[test]
fn without_the_archive_it_is_said_what_is_missing_and_where_it_went() {
    let place = published();
    let to = place.temporary.path().join("away");
    std::fs::create_dir(&to).unwrap();
    let firsts = archivable(&place.paths()).unwrap();
    archive(&place.paths(), firsts[0], &to).unwrap();
    let moved = place.temporary.path().join("moved");
    std::fs::rename(&to, &moved).unwrap();
    let reader = place.reader();
    match reader.entry(2) {
        Err(ReadError::Archived { index: 2, place }) => assert!(place.ends_with("away"), "{place}"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        reader.check_at_hand(),
        Err(ReadError::Archived { .. })
    ));
    // Its index is still there: what is not in it is known not to be.
    assert_eq!(reader.find_act(&act(9_999).id).unwrap(), None);
    assert_eq!(reader.find_act(&act(300).id).unwrap(), Some(300));
    assert!(reader.find_act(&act(2).id).is_err());
    assert_eq!(
        reader.entry(308).unwrap().unwrap(),
        act(308).encode().unwrap()
    );
    let vkey = check_with(&place, vec![moved.clone()]).vkeys[0].clone();
    assert_eq!(check_with(&place, vec![moved.clone()]).problems, []);
    // Without it the rest is checked, and its tiles against the roots that are signed.
    let options = VerifyOptions {
        vkey: Some(vkey.parse().unwrap()),
        anchor: Some(place.anchor()),
        ..VerifyOptions::default()
    };
    let report = verify(&place.paths(), &options, &mut |_| ()).unwrap();
    assert_eq!(report.problems, []);
    assert!(
        report.notes[0].contains("are archived in"),
        "{:?}",
        report.notes
    );
    let elsewhere = Reader::open(&place.paths(), std::slice::from_ref(&moved)).unwrap();
    assert_eq!(
        elsewhere.entry(2).unwrap().unwrap(),
        act(2).encode().unwrap()
    );
    // A changed byte in the archive is found as well.
    let file = moved.join(format!("{:020}.jsonl", firsts[0]));
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert!(!check_with(&place, vec![moved]).is_clean());
}

fn check_with(place: &Place, archives: Vec<std::path::PathBuf>) -> crate::Report {
    let anchor = Some(place.anchor());
    let options = VerifyOptions {
        archives,
        anchor,
        ..VerifyOptions::default()
    };
    verify(&place.paths(), &options, &mut |_| ()).unwrap()
}

#[test]
fn the_newest_and_the_damaged_stay_where_they_are() {
    let place = published();
    let to = place.temporary.path().join("away");
    std::fs::create_dir(&to).unwrap();
    let firsts = archivable(&place.paths()).unwrap();
    let listed = crate::catalog::list(&place.paths(), &[]).unwrap();
    let newest = listed.last().unwrap().first;
    assert!(matches!(
        archive(&place.paths(), newest, &to),
        Err(CannotArchive::Newest(first)) if first == newest
    ));
    assert!(matches!(
        archive(&place.paths(), 5, &to),
        Err(CannotArchive::Unknown(5))
    ));
    let path = place.paths().segment(firsts[0]);
    let whole = std::fs::read(&path).unwrap();
    let mut changed = whole.clone();
    changed[500] ^= 1;
    std::fs::write(&path, &changed).unwrap();
    assert!(matches!(
        archive(&place.paths(), firsts[0], &to),
        Err(CannotArchive::Damaged(_))
    ));
    std::fs::write(&path, &whole).unwrap();
    // Another file is in the way.
    let name = path.file_name().unwrap();
    std::fs::write(to.join(name), b"something else").unwrap();
    assert!(matches!(
        archive(&place.paths(), firsts[0], &to),
        Err(CannotArchive::Occupied(_))
    ));
    assert_eq!(std::fs::read(&path).unwrap(), whole);
    // What an interrupted move left is finished.
    std::fs::write(to.join(name), &whole).unwrap();
    archive(&place.paths(), firsts[0], &to).unwrap();
    assert_eq!(check(&place).problems, []);
}

#[test]
fn a_move_that_was_interrupted_counts_as_not_begun() {
    let place = published();
    let to = place.temporary.path().join("away");
    std::fs::create_dir(&to).unwrap();
    let first = archivable(&place.paths()).unwrap()[0];
    let path = place.paths().segment(first);
    let whole = std::fs::read(&path).unwrap();
    archive(&place.paths(), first, &to).unwrap();
    // The stub was written, the original not yet removed.
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(archivable(&place.paths()).unwrap()[0], first);
    assert_eq!(check(&place).problems, []);
    archive(&place.paths(), first, &to).unwrap();
    assert!(!path.exists());
}
