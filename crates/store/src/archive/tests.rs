//! A segment that went elsewhere is still part of the record.

use engine::ports::{Entries as _, Log as _, ReadError};

use record::act::{Act, Subject};
use record::kinds::log::KeyRotated;

use super::{CannotArchive, archivable, archive};
use crate::tests::{Place, act, append, fill, root_of};
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
    // Nor is it needed for the root at its end.
    let root = reader.root_at(firsts[1]).unwrap();
    assert!(reader.root_at(firsts[1] - 1).is_err());
    assert_eq!(
        Reader::open(&place.paths(), std::slice::from_ref(&moved))
            .unwrap()
            .root_at(firsts[1])
            .unwrap(),
        root
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

#[test]
fn without_the_archive_and_the_key_signatures_are_not_called_wrong() {
    let place = published();
    let to = place.temporary.path().join("away");
    std::fs::create_dir(&to).unwrap();
    let whole = check(&place);
    assert_eq!((whole.checked, whole.entries), (309, 309));
    let firsts = archivable(&place.paths()).unwrap();
    for first in &firsts {
        archive(&place.paths(), *first, &to).unwrap();
        assert_eq!(check(&place).checked, 309);
    }
    std::fs::rename(&to, place.temporary.path().join("moved")).unwrap();
    let report = check(&place);
    assert_eq!(report.problems, []);
    let begun = crate::catalog::list(&place.paths(), &[]).unwrap();
    let begun = begun.last().unwrap().first;
    assert_eq!((report.checked, report.entries), (309 - begun, 309));
    assert_eq!((report.signatures, report.vkeys.len()), (0, 0));
    let signatures = "signatures could not be checked: name the archive (--archive DIR) or the key";
    let told = |what: &str| {
        report
            .notes
            .iter()
            .filter(|note| note.contains(what))
            .count()
    };
    assert_eq!(told(signatures), 1, "{:?}", report.notes);
    for file in [place.paths().checkpoint(), place.anchor()] {
        let what = format!("the signature of {} could not be checked", file.display());
        assert_eq!(told(&what), 1, "{:?}", report.notes);
    }
    // The key alone is enough for the signatures, and another key is no key of this log.
    let vkey = whole.vkeys[0].parse().unwrap();
    let report = check_pinned(&place, vkey);
    assert_eq!(report.problems, []);
    assert!(report.signatures > 0);
    assert!(
        !report
            .notes
            .iter()
            .any(|note| note.contains("could not be checked"))
    );
    let other = check(&published()).vkeys[0].parse().unwrap();
    assert!(!check_pinned(&place, other).is_clean());
    // An entry that is at hand can't be changed unnoticed, whoever signed it.
    let path = place.last_segment();
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(!check(&place).is_clean());
}

#[test]
fn a_key_that_an_entry_at_hand_names_is_held_to_its_signatures() {
    let place = Place::new();
    let mut opened = place.open();
    let log = &mut opened.log;
    fill(log, 3, 20);
    let old = log.vkey();
    let new = log.prepare_key().unwrap();
    let rotation = Act {
        subject: Subject::Record,
        body: KeyRotated {
            from: old.as_str().into(),
            to: new.as_str().into(),
        }
        .into(),
        ..act(61)
    };
    append(log, &[rotation]);
    log.use_new_key().unwrap();
    append(log, &[act(62)]);
    drop(opened);
    assert_eq!(check(&place).problems, []);
    let to = place.temporary.path().join("away");
    std::fs::create_dir(&to).unwrap();
    archive(&place.paths(), 0, &to).unwrap();
    std::fs::rename(&to, place.temporary.path().join("moved")).unwrap();
    let report = check(&place);
    assert_eq!(report.problems, []);
    assert!(report.checked < report.entries);
    assert_eq!(report.vkeys, [old, new]);
    assert!(report.signatures > 0);
}

fn check_pinned(place: &Place, vkey: record::note::VerifierKey) -> crate::Report {
    let options = VerifyOptions {
        vkey: Some(vkey),
        anchor: Some(place.anchor()),
        ..VerifyOptions::default()
    };
    verify(&place.paths(), &options, &mut |_| ()).unwrap()
}
