//! A whole record verifies; any byte that is changed is found.

use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use engine::ports::{Log as _, Publisher as _};
use proptest::prelude::*;

use super::{Report, VerifyOptions, verify};
use crate::tests::{Place, act, append, fill, opening};
use crate::{Log, TilePublisher};

/// Some three hundred acts in several segments, published, and anchored.
pub(crate) fn published() -> Place {
    let place = published_with(&[3, 90, 1, 159, 7, 41, 2, 5], 24_000);
    assert!(crate::catalog::list(&place.paths(), &[]).unwrap().len() >= 3);
    place
}

/// A record of batches with so many acts.
pub(crate) fn published_with(batches: &[u64], segment_bytes_max: u64) -> Place {
    let place = Place::new();
    let options = crate::Options {
        segment_bytes_max,
        ..place.options()
    };
    let mut opened = Log::open(place.lock(), &options).unwrap();
    let log = &mut opened.log;
    let mut publisher = TilePublisher::open(&place.paths(), &log.reader(), None).unwrap();
    let opening = opening(&log.vkey());
    let (leaves, head) = append(log, &[opening]);
    publisher.publish(&leaves, &head).unwrap();
    for width in batches {
        let first = log.frontier().size();
        let acts: Vec<_> = (first..first + width).map(act).collect();
        let (leaves, head) = append(log, &acts);
        publisher.publish(&leaves, &head).unwrap();
    }
    place
}

pub(crate) fn check(place: &Place) -> Report {
    let anchor = Some(place.anchor());
    let options = VerifyOptions {
        anchor,
        ..VerifyOptions::default()
    };
    verify(&place.paths(), &options, &mut |_| ()).unwrap()
}

/// Every file whose bytes are checked.
fn files(place: &Place) -> Vec<PathBuf> {
    fn add(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => add(&path, found),
                false => found.push(path),
            }
        }
    }
    let paths = place.paths();
    let mut found = vec![place.anchor(), paths.checkpoint()];
    add(&paths.segments(), &mut found);
    found.retain(|path| path.extension().is_none_or(|ending| ending != "idx"));
    add(&paths.record().join("tile"), &mut found);
    found.sort();
    found
}

/// Changes one byte, runs, and changes it back.
fn with_flipped<T>(path: &Path, at: u64, mask: u8, run: impl FnOnce() -> T) -> T {
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ mask], at).unwrap();
    let result = run();
    file.write_all_at(&byte, at).unwrap();
    result
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

#[test]
fn a_whole_record_verifies_and_says_what_it_is() {
    let place = published();
    let mut told = Vec::new();
    let options = VerifyOptions {
        anchor: Some(place.anchor()),
        ..VerifyOptions::default()
    };
    let report = verify(&place.paths(), &options, &mut |progress| {
        told.push(progress)
    })
    .unwrap();
    assert_eq!(report.problems, []);
    assert!(report.is_clean());
    assert_eq!(report.entries, 309);
    assert_eq!(report.root, place.open().log.frontier().root());
    assert_eq!(report.signatures, 9);
    assert_eq!(report.origin.as_deref(), Some(crate::tests::ORIGIN));
    assert_eq!(report.vkeys.len(), 1);
    assert_eq!(report.notes, Vec::<String>::new());
    let last = told.last().unwrap();
    assert_eq!((last.entries, last.bytes), (309, last.bytes_total));
}

#[test]
fn any_byte_of_the_last_batch_is_missed_by_nobody() {
    let place = published_with(&[3, 4, 3], 1_500);
    let path = place.last_segment();
    let text = std::fs::read(&path).unwrap();
    // The last batch: three entries, the line that ends it, and the signature.
    let lines: Vec<usize> = text
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(at, _)| at)
        .collect();
    let begin = lines[lines.len() - 6] + 1;
    for (at, byte) in text.iter().enumerate().skip(begin) {
        for mask in [1, 0x80, *byte, byte ^ b'\n'] {
            if mask == 0 {
                continue;
            }
            let report = with_flipped(&path, at as u64, mask, || check(&place));
            assert!(
                !report.is_clean(),
                "byte {at} ^ {mask:#x} of {}",
                path.display()
            );
        }
    }
    assert!(check(&place).is_clean());
}

#[test]
fn the_entry_that_was_changed_is_named() {
    let place = published();
    let mut index = 0_u64;
    for listed in crate::catalog::list(&place.paths(), &[]).unwrap() {
        let path = listed.path().unwrap();
        let text = std::fs::read(path).unwrap();
        let mut at = 0;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            if line.starts_with(b"{\"actor") {
                if index.is_multiple_of(13) && index > 0 {
                    let needle = format!("note number {index}").into_bytes();
                    let within = line
                        .windows(needle.len())
                        .position(|window| window == needle)
                        .unwrap();
                    // The note's text changes: the entry stays canonical, and its hash does not.
                    let flipped = (at + within) as u64;
                    let report = with_flipped(path, flipped, 1, || check(&place));
                    assert_eq!(
                        report.first_bad_entry(),
                        Some(index),
                        "{:?}",
                        report.problems
                    );
                }
                index += 1;
            }
            at += line.len();
        }
    }
    assert_eq!(index, 309);
}

#[test]
fn a_torn_tail_is_a_note_and_an_older_copy_is_a_problem() {
    let place = published();
    let path = place.last_segment();
    let old = place.copy();
    let whole = length(&path);
    // A batch that was being written when the power failed.
    let mut torn = std::fs::read(&path).unwrap();
    torn.extend_from_slice(&act(400).encode().unwrap());
    std::fs::write(&path, &torn).unwrap();
    let report = check(&place);
    assert_eq!(report.problems, []);
    assert!(
        report.notes[0].starts_with("a torn tail: "),
        "{:?}",
        report.notes
    );
    // The same, and the disk's sectors behind the first did not arrive.
    torn.extend_from_slice(&act(401).encode().unwrap());
    let arrived = torn.len() / 512 * 512;
    assert!(arrived as u64 > whole);
    torn[arrived..].fill(0);
    std::fs::write(&path, &torn).unwrap();
    assert_eq!(check(&place).problems, []);
    // Within a sector nothing gets lost.
    torn[arrived - 1] = 0;
    std::fs::write(&path, &torn).unwrap();
    assert_eq!(check(&place).problems.len(), 1);
    torn.truncate(usize::try_from(whole).unwrap());
    std::fs::write(&path, &torn).unwrap();
    // Going on, then bringing back the old directory beside the new anchor.
    let mut opened = place.open();
    fill(&mut opened.log, 2, 2);
    drop(opened);
    std::fs::copy(place.anchor(), old.anchor()).unwrap();
    let report = check(&old);
    assert_eq!(report.first_bad_entry(), Some(309), "{:?}", report.problems);
}

#[test]
fn a_tile_that_is_missing_or_of_nothing_is_a_problem() {
    let place = published();
    let tile = place.paths().record().join("tile");
    let full = tile.join("0/000");
    let bytes = std::fs::read(&full).unwrap();
    std::fs::remove_file(&full).unwrap();
    assert!(!check(&place).is_clean());
    std::fs::write(&full, &bytes[..bytes.len() - 32]).unwrap();
    assert!(!check(&place).is_clean());
    std::fs::write(&full, &bytes).unwrap();
    assert!(check(&place).is_clean());
    std::fs::write(tile.join("0/007"), &bytes).unwrap();
    assert!(!check(&place).is_clean());
    std::fs::remove_file(tile.join("0/007")).unwrap();
    std::fs::remove_dir_all(&tile).unwrap();
    let report = check(&place);
    assert_eq!(report.problems, []);
    assert_eq!(
        report.notes,
        ["there are no tiles; the next start makes them"]
    );
}

#[test]
fn another_key_than_the_one_that_is_known_is_a_problem() {
    let (place, other) = (published(), published());
    let vkey = check(&other).vkeys[0].parse().unwrap();
    let options = VerifyOptions {
        vkey: Some(vkey),
        ..VerifyOptions::default()
    };
    let report = verify(&place.paths(), &options, &mut |_| ()).unwrap();
    assert_eq!(report.first_bad_entry(), Some(0), "{:?}", report.problems);
    let mine = check(&place).vkeys[0].parse().unwrap();
    let options = VerifyOptions {
        vkey: Some(mine),
        ..VerifyOptions::default()
    };
    assert!(
        verify(&place.paths(), &options, &mut |_| ())
            .unwrap()
            .is_clean()
    );
    // A checkpoint of the other, as if a witness had kept it.
    let note = std::fs::read(other.paths().checkpoint()).unwrap();
    let checkpoints = vec![(PathBuf::from("elsewhere"), note)];
    let options = VerifyOptions {
        checkpoints,
        ..VerifyOptions::default()
    };
    assert!(
        !verify(&place.paths(), &options, &mut |_| ())
            .unwrap()
            .is_clean()
    );
}

#[test]
fn who_holds_the_key_and_rewrites_history_is_caught_by_the_witness() {
    let place = published();
    let witness = place.temporary.path().join("witness");
    let reader = place.reader();
    for (number, width, name) in [(0, 256, "000"), (1, 53, "001.p/53")] {
        let path = witness.join("entries").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, reader.entry_bundle(number, width).unwrap().unwrap()).unwrap();
    }
    std::fs::copy(place.paths().checkpoint(), witness.join("checkpoint")).unwrap();
    let options = |witness: &Path| VerifyOptions {
        witness: Some(witness.into()),
        ..VerifyOptions::default()
    };
    let report = verify(&place.paths(), &options(&witness), &mut |_| ()).unwrap();
    assert_eq!(report.problems, []);
    assert!(
        report
            .notes
            .contains(&"309 entries are the same as the witness's".to_owned())
    );

    // The same key, another history.
    let forged = Place::new();
    drop(forged.lock());
    std::fs::copy(place.paths().log_key(), forged.paths().log_key()).unwrap();
    let mut opened = forged.open();
    fill(&mut opened.log, 1, 200);
    let mut changed = act(201);
    changed.subject = base::IncidentId::from_number(77).into_subject();
    append(&mut opened.log, &[changed]);
    fill(&mut opened.log, 1, 120);
    drop(opened);
    assert!(
        verify(&forged.paths(), &VerifyOptions::default(), &mut |_| ())
            .unwrap()
            .is_clean()
    );
    let report = verify(&forged.paths(), &options(&witness), &mut |_| ()).unwrap();
    assert_eq!(report.first_bad_entry(), Some(201), "{:?}", report.problems);
}

trait IntoSubject {
    fn into_subject(self) -> record::act::Subject;
}

impl IntoSubject for base::IncidentId {
    fn into_subject(self) -> record::act::Subject {
        record::act::Subject::Incident(self)
    }
}

#[test]
fn an_id_that_stands_twice_is_found() {
    let place = Place::new();
    let mut opened = place.open();
    fill(&mut opened.log, 3, 5);
    append(&mut opened.log, &[act(7)]);
    drop(opened);
    let report = check(&place);
    assert_eq!(report.first_bad_entry(), Some(16), "{:?}", report.problems);
    assert!(
        report.problems[0].what.contains("entry 7"),
        "{:?}",
        report.problems
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    /// Any one byte, in any file, to any other value.
    #[test]
    fn any_flipped_byte_is_found(
        picks in proptest::collection::vec((any::<u64>(), any::<u64>(), 1_u8..=255), 60)
    ) {
        let place = published();
        let files = files(&place);
        for (file, at, mask) in picks {
            let path = &files[usize::try_from(file % files.len() as u64).unwrap()];
            let at = at % length(path);
            let report = with_flipped(path, at, mask, || check(&place));
            prop_assert!(!report.is_clean(), "byte {} ^ {:#x} of {}", at, mask, path.display());
        }
        prop_assert!(check(&place).is_clean());
    }
}
