//! An older copy goes on in another epoch by the root key's word, and by nothing else.

use std::path::PathBuf;

use base::{Line, Timestamp};
use engine::ports::{Entries as _, Log as _};
use record::act::{Act, Subject};
use record::kinds::Body;
use record::kinds::log::{RootKeySet, Succeeded};
use record::note::{Algorithm, SignerKey};
use record::statement::Statement as _;
use record::succession::{RootChange, Succession, Tree, name_in};

use super::{Stands, stands, succession_key};
use crate::tests::{Place, act, append, fill, opening};
use crate::verify::{Report, VerifyOptions, verify};
use crate::{CannotOpen, Log, Opened, Options};

fn root(seed: u8) -> SignerKey {
    SignerKey::from_seed("root", Algorithm::Ed25519, [seed; 32]).unwrap()
}

fn on_record(number: u64, body: impl Into<Body>) -> Act {
    Act {
        subject: Subject::Record,
        body: body.into(),
        ..act(number)
    }
}

fn naming(seed: u8, vouched: Option<Box<str>>) -> RootKeySet {
    RootKeySet {
        vkey: root(seed).verifier().to_string().into(),
        vouched,
    }
}

/// A record that names a root key, as it was at a backup, and how far it had gone after that.
fn restored() -> (Place, Tree) {
    let place = Place::new();
    let mut opened = place.open();
    let first = opening(&opened.log.vkey());
    append(&mut opened.log, &[first]);
    append(&mut opened.log, &[on_record(1, naming(1, None))]);
    fill(&mut opened.log, 2, 9);
    let backup = place.copy();
    fill(&mut opened.log, 1, 40);
    let seen = Tree {
        root: opened.log.frontier().root(),
        size: opened.log.frontier().size(),
    };
    drop(opened);
    // The anchor is on another disk, which is there.
    std::fs::copy(place.anchor(), backup.anchor()).unwrap();
    (backup, seen)
}

fn standing(place: &Place) -> Stands {
    stands(&place.paths(), &[]).unwrap().unwrap()
}

/// What is to be signed for this record.
fn wanted(place: &Place, gap: Option<Tree>) -> Succession {
    let stands = standing(place);
    let origin = name_in(&stands.origin, stands.epoch + 1, 0xc0_ffee);
    let key = succession_key(&place.lock(), &origin).unwrap();
    Succession {
        at: Timestamp::from_ms(1_513_841_400_000),
        epoch: stands.epoch + 1,
        from: stands.origin.into(),
        gap,
        kept: stands.kept,
        origin: origin.into(),
        vkey: key.to_string().into(),
        why: "the disk died".parse::<Line>().unwrap(),
    }
}

fn options(place: &Place, said: &Succession) -> Options {
    Options {
        succession: Some(said.clone()),
        ..place.options()
    }
}

fn begin(place: &Place, said: &Succession) -> Result<Opened, CannotOpen> {
    Log::open(place.lock(), &options(place, said))
}

/// Begins the epoch as that key signed it, and writes the act that says so.
fn succeed(place: &Place, said: &Succession, by: u8) {
    let mut opened = begin(place, said).unwrap();
    assert!(opened.succeeds);
    let note = said.sign(&root(by)).unwrap().to_string().into();
    let root = root(by).verifier().to_string().into();
    let number = 1_000 + opened.log.frontier().size();
    append(
        &mut opened.log,
        &[on_record(number, Succeeded { note, root })],
    );
}

fn check(place: &Place, root: Option<&SignerKey>) -> Report {
    check_with(place, root, place.anchor())
}

fn check_with(place: &Place, root: Option<&SignerKey>, anchor: PathBuf) -> Report {
    let options = VerifyOptions {
        anchor: Some(anchor),
        root: root.map(|root| root.verifier().clone()),
        ..VerifyOptions::default()
    };
    verify(&place.paths(), &options, &mut |_| ()).unwrap()
}

#[test]
fn an_older_copy_goes_on_in_another_epoch_and_verifies_from_the_first_key() {
    let (place, seen) = restored();
    let refused = Log::open(place.lock(), &place.options()).unwrap_err();
    assert!(matches!(refused, CannotOpen::Anchor { .. }), "{refused}");
    let said = wanted(&place, Some(seen));
    succeed(&place, &said, 1);
    let mut opened = place.open();
    assert_eq!(opened.log.origin(), &*said.origin);
    assert_eq!(opened.log.epoch(), 2);
    assert_eq!(opened.log.vkey(), *said.vkey);
    fill(&mut opened.log, 1, 3);
    opened.log.prepare_key().unwrap();
    drop(opened);
    for pinned in [None, Some(root(1))] {
        let report = check(&place, pinned.as_ref());
        assert_eq!(report.problems, []);
        assert_eq!(report.entries, said.kept.size + 4);
        assert_eq!(report.origin.as_deref(), Some(&*said.origin));
        assert_eq!(report.vkeys.len(), 2);
    }
    // And again, from there.
    let next = wanted(&place, None);
    assert_eq!(next.epoch, 3);
    succeed(&place, &next, 1);
    let report = check(&place, None);
    assert_eq!(report.problems, []);
    assert_eq!(report.vkeys.len(), 3);
}

#[test]
fn no_key_but_the_root_key_begins_an_epoch_that_verifies() {
    let (place, seen) = restored();
    let said = wanted(&place, Some(seen));
    let place_of = |by: u8| {
        let copy = place.copy();
        succeed(&copy, &said, by);
        copy
    };
    let by_another = check(&place_of(2), None);
    assert!(!by_another.is_clean());
    let what = &by_another.problems.first().unwrap().what;
    assert!(what.contains("the root key did not say"), "{what}");
    // The record's word counts for nothing beside what the caller knows.
    assert!(!check(&place_of(1), Some(&root(2))).is_clean());
    assert!(check(&place_of(1), Some(&root(1))).is_clean());
}

#[test]
fn an_epoch_whose_first_act_does_not_say_so_does_not_verify() {
    let (place, seen) = restored();
    let said = wanted(&place, Some(seen));
    let mut opened = begin(&place, &said).unwrap();
    fill(&mut opened.log, 1, 2);
    drop(opened);
    let report = check(&place, None);
    let what = &report.problems.first().unwrap().what;
    assert!(what.contains("its first act does not say so"), "{what}");
}

#[test]
fn an_epoch_that_was_begun_is_finished_and_nothing_else_is_written_before() {
    let (place, seen) = restored();
    let said = wanted(&place, Some(seen));
    // It ends when the segment is there, and the key in its place or not.
    let old_key = std::fs::read(place.paths().log_key()).unwrap();
    drop(begin(&place, &said).unwrap());
    for half in [false, true] {
        let place = place.copy();
        if half {
            let (log_key, next) = (place.paths().log_key(), place.paths().succession_key());
            std::fs::rename(&log_key, &next).unwrap();
            crate::durable::replace(&log_key, &old_key, crate::durable::Keep::Durable).unwrap();
        }
        let refused = Log::open(place.lock(), &place.options()).unwrap_err();
        assert!(matches!(refused, CannotOpen::Unfinished(2)), "{refused}");
        // Of another tree it can't be finished.
        let other = Succession {
            kept: seen,
            gap: None,
            ..said.clone()
        };
        let refused = begin(&place, &other).unwrap_err();
        assert!(matches!(refused, CannotOpen::Succession(_)), "{refused}");
        assert!(standing(&place).begun);
        succeed(&place, &said, 1);
        assert_eq!(check(&place, None).problems, []);
        // Once more is once too often.
        let refused = begin(&place, &said).unwrap_err();
        assert!(matches!(refused, CannotOpen::Succession(_)), "{refused}");
    }
}

#[test]
fn a_record_goes_on_without_its_key_but_not_elsewhere_than_was_signed() {
    let (place, seen) = restored();
    let said = wanted(&place, Some(seen));
    std::fs::remove_file(place.paths().log_key()).unwrap();
    let refused = |change: &dyn Fn(&mut Succession)| {
        let mut said = said.clone();
        change(&mut said);
        let refused = begin(&place, &said).unwrap_err();
        assert!(matches!(refused, CannotOpen::Succession(_)), "{refused}");
    };
    refused(&|said| said.kept.size -= 1);
    refused(&|said| said.kept.root = said.gap.unwrap().root);
    refused(&|said| said.epoch = 1);
    refused(&|said| said.from = "example.org/other".into());
    refused(&|said| {
        let other = SignerKey::from_seed(&said.origin, Algorithm::Ed25519, [9; 32]).unwrap();
        said.vkey = other.verifier().to_string().into();
    });
    succeed(&place, &said, 1);
    assert_eq!(check(&place, None).problems, []);
}

#[test]
fn what_the_epoch_before_signed_beyond_it_is_known_to_be_lost() {
    let (place, seen) = restored();
    let anchor = place.temporary.path().join("anchor-before");
    std::fs::copy(place.anchor(), &anchor).unwrap();
    let said = wanted(&place, Some(seen));
    succeed(&place, &said, 1);
    let report = check_with(&place, None, anchor);
    assert_eq!(report.problems, []);
    let lost = format!("epoch 2 went on behind {}", said.kept.size);
    assert!(
        report.notes.iter().any(|note| note.contains(&lost)),
        "{:?}",
        report.notes
    );
}

#[test]
fn another_root_key_counts_when_the_one_before_vouches_for_it() {
    let change = RootChange {
        from: root(1).verifier().to_string().into(),
        to: root(2).verifier().to_string().into(),
    };
    let vouched = change.sign(&root(1)).unwrap().to_string();
    for (vouched, counts) in [(Some(vouched.into()), true), (None, false)] {
        let (place, _) = restored();
        let mut opened = Log::open(
            place.lock(),
            &Options {
                accept_anchor: true,
                ..place.options()
            },
        )
        .unwrap();
        append(&mut opened.log, &[on_record(500, naming(2, vouched))]);
        drop(opened);
        let said = wanted(&place, None);
        succeed(&place, &said, 2);
        assert_eq!(check(&place, None).is_clean(), counts);
    }
}

#[test]
fn a_damaged_record_goes_on_behind_what_is_whole() {
    let (place, seen) = restored();
    let path = place.last_segment();
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.len() * 2 / 3;
    bytes[at] ^= 0x20;
    std::fs::write(&path, bytes).unwrap();
    let before = standing(&place);
    assert!(before.claimed > Some(before.kept.size));
    let none = wanted(&place, None);
    let refused = begin(&place, &none).unwrap_err();
    assert!(
        refused.to_string().contains("a signature covers"),
        "{refused}"
    );
    succeed(&place, &wanted(&place, Some(seen)), 1);
    assert_eq!(check(&place, None).problems, []);
    assert_eq!(place.reader().size(), before.kept.size + 1);
}

#[test]
fn a_last_batch_that_nobody_signed_goes_on_as_well() {
    let (place, seen) = restored();
    let path = place.last_segment();
    let text = std::fs::read(&path).unwrap();
    // The line that a power failure takes.
    let text = text.strip_suffix(b"\n").unwrap();
    let end = text.iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    std::fs::write(&path, &text[..end]).unwrap();
    let said = wanted(&place, Some(seen));
    succeed(&place, &said, 1);
    assert_eq!(check(&place, None).problems, []);
    let archive = tempfile::tempdir().unwrap();
    let first = crate::archivable(&place.paths()).unwrap();
    let _held = place.lock();
    for first in first {
        crate::archive(&place.paths(), first, archive.path()).unwrap();
    }
}

#[test]
fn an_epoch_behind_what_was_archived_is_proven_by_the_root_key_that_is_given() {
    let (place, seen) = restored();
    let said = wanted(&place, Some(seen));
    succeed(&place, &said, 1);
    let archive = tempfile::tempdir().unwrap();
    {
        let _held = place.lock();
        for first in crate::archivable(&place.paths()).unwrap() {
            crate::archive(&place.paths(), first, archive.path()).unwrap();
        }
    }
    drop(archive);
    let without = check(&place, None);
    assert_eq!(without.problems, []);
    let unproven =
        |note: &String| note.contains("could not be checked: entries that are not at hand name");
    assert!(without.notes.iter().any(unproven), "{:?}", without.notes);
    let proven = check(&place, Some(&root(1)));
    assert_eq!(proven.problems, []);
    assert!(!proven.notes.iter().any(unproven), "{:?}", proven.notes);
    assert!(!check(&place, Some(&root(2))).is_clean());
}

#[test]
fn a_checkpoint_that_the_succession_knew_otherwise_is_of_another_history() {
    let (place, seen) = restored();
    let anchor = place.temporary.path().join("anchor-before");
    std::fs::copy(place.anchor(), &anchor).unwrap();
    let other = Tree {
        root: record::hash::Hash([9; 32]),
        ..seen
    };
    let said = wanted(&place, Some(other));
    succeed(&place, &said, 1);
    let report = check_with(&place, None, anchor);
    let what = &report.problems.first().unwrap().what;
    assert!(what.contains("two histories"), "{what}");
}
