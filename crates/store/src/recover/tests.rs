//! What a crash, a bad disk and a restored backup leave, and what is made of it.

use std::path::Path;

use engine::ports::{Entries as _, Log as _};
use record::kinds::log::KeyRotated;

use super::{CannotOpen, Opened};
use crate::tests::{Place, act, append, fill, root_of, text_of, written};
use crate::verify::tests::check;
use crate::{Log, Options, Standing};

/// A record of a few batches in one segment, and the length of its file and a copy of the whole
/// place after each batch.
fn grown(batches: u64) -> (Place, Vec<(u64, Place)>) {
    let place = Place::new();
    let mut opened = Log::open(place.lock(), &roomy(&place)).unwrap();
    let mut steps = Vec::new();
    for batch in 0..batches {
        fill(&mut opened.log, u64::from(batch > 0), 2 + batch % 3);
        let length = written(&place.last_segment());
        steps.push((length, place.copy()));
    }
    drop(opened);
    (place, steps)
}

fn roomy(place: &Place) -> Options {
    Options {
        segment_bytes_max: 1 << 20,
        ..place.options()
    }
}

fn open(place: &Place) -> Result<Opened, CannotOpen> {
    Log::open(place.lock(), &roomy(place))
}

fn size(opened: &Opened) -> u64 {
    opened.log.frontier().size()
}

fn cut(path: &Path, length: u64) {
    std::fs::OpenOptions::new()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(length)
        .unwrap();
}

/// Goes on after a recovery, and checks everything.
fn goes_on(place: &Place, mut opened: Opened) {
    fill(&mut opened.log, 1, 2);
    let root = opened.log.frontier().root();
    assert_eq!(root_of(&opened.log.reader()), root);
    drop(opened);
    let report = check(place);
    assert_eq!(report.problems, []);
    assert_eq!(report.root, root);
}

#[test]
fn a_record_cut_anywhere_in_its_last_two_batches_is_whole_or_refused() {
    let (place, steps) = grown(5);
    let path = place.last_segment();
    let (before, whole) = (steps[2].0, steps[4].0);
    let all = root_of(&place.reader());
    for length in before..whole {
        let copy = place.copy();
        cut(&copy.last_segment(), length);
        match open(&copy) {
            // Only the last signature is missing, and it is made again.
            Ok(opened) => {
                assert_eq!(opened.log.frontier().root(), all, "cut at {length}");
                assert!(opened.unsigned_tail);
                goes_on(&copy, opened);
            }
            Err(CannotOpen::Corrupt(_) | CannotOpen::Anchor { .. }) => {}
            Err(other) => panic!("cut at {length}: {other}"),
        }
        assert_eq!(written(&path), whole);
    }
}

#[test]
fn a_write_that_stopped_anywhere_loses_nothing_that_was_told() {
    let (place, steps) = grown(5);
    let text = text_of(&place.last_segment());
    let (before, earlier) = &steps[3];
    let told = earlier.reader().size();
    let all = place.reader().size();
    let lengths = *before..text.len() as u64;
    for (length, room) in lengths.flat_map(|length| [(length, 0), (length, 1), (length, 5_000)]) {
        // The anchor and the tiles are those of before: nobody was told of the last batch.
        let copy = earlier.copy();
        let end = usize::try_from(length).unwrap();
        let mut image = text[..end].to_vec();
        image.resize(end + room, 0);
        std::fs::write(copy.last_segment(), &image).unwrap();
        let opened = open(&copy).unwrap_or_else(|error| panic!("cut at {length}: {error}"));
        assert!(
            size(&opened) == told || size(&opened) == all,
            "cut at {length}"
        );
        match &opened.torn {
            None => assert!(length == *before || size(&opened) == all, "cut at {length}"),
            Some(torn) => {
                let kept = copy.paths().record().join(&torn.kept_in);
                let kept = std::fs::read(kept).unwrap();
                assert_eq!(kept.len() as u64, torn.bytes);
                assert!(text[..end].ends_with(&kept), "cut at {length}");
            }
        }
        goes_on(&copy, opened);
    }
}

#[test]
fn sectors_that_never_arrived_are_a_torn_tail() {
    let (place, steps) = grown(5);
    let text = text_of(&place.last_segment());
    let (before, earlier) = &steps[3];
    let told = earlier.reader().size();
    // The signature before the last batch was not synced either; the batch's own end was.
    let line_before = |end: usize| {
        text[..end - 1]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .unwrap()
            + 1
    };
    let unsynced = line_before(usize::try_from(*before).unwrap());
    let batch_end = line_before(text.len());
    for lost in unsynced / 512..=batch_end / 512 {
        let copy = earlier.copy();
        let mut torn = text[..batch_end].to_vec();
        let begin = (lost * 512).max(unsynced);
        let end = (lost * 512 + 512).min(torn.len());
        torn[begin..end].fill(0);
        std::fs::write(copy.last_segment(), &torn).unwrap();
        let opened = open(&copy).unwrap_or_else(|error| panic!("sector {lost}: {error}"));
        assert_eq!(size(&opened), told, "sector {lost}");
        assert!(opened.torn.is_some());
        goes_on(&copy, opened);
    }
}

#[test]
fn a_changed_byte_of_a_signed_batch_is_never_taken_for_a_torn_tail() {
    let (place, steps) = grown(5);
    let text = text_of(&place.last_segment());
    let (before, earlier) = &steps[3];
    let all = place.reader().size();
    for at in usize::try_from(*before).unwrap()..text.len() {
        // Not even the anchor knows of the last batch: its own signature must be enough.
        let copy = earlier.copy();
        let mut changed = text.clone();
        changed[at] ^= 1;
        std::fs::write(copy.last_segment(), &changed).unwrap();
        match open(&copy) {
            Ok(opened) => assert_eq!(size(&opened), all, "byte {at}"),
            Err(CannotOpen::Corrupt(_)) => {}
            Err(other) => panic!("byte {at}: {other}"),
        }
    }
}

#[test]
fn an_older_copy_beside_the_newer_anchor_signs_no_fork() {
    let (place, steps) = grown(5);
    let old = steps[2].1.copy();
    std::fs::copy(place.anchor(), old.anchor()).unwrap();
    let all = place.reader().size();
    match open(&old) {
        Err(CannotOpen::Anchor {
            standing: Standing::Ahead { size, .. },
            ..
        }) => {
            assert_eq!(size, all);
        }
        other => panic!("{other:?}"),
    }
    // Nothing was changed by the refusal.
    let length = written(&old.last_segment());
    assert_eq!(length, steps[2].0);
    let accept = Options {
        accept_anchor: true,
        ..roomy(&old)
    };
    let opened = Log::open(old.lock(), &accept).unwrap();
    assert!(
        matches!(&opened.accepted, Some(Standing::Ahead { .. })),
        "{:?}",
        opened.accepted
    );
    // Until it stands on the record that it was accepted, it was not.
    drop(opened);
    assert!(matches!(open(&old), Err(CannotOpen::Anchor { .. })));
    let mut opened = Log::open(old.lock(), &accept).unwrap();
    append(&mut opened.log, &[act(700)]);
    drop(opened);
    let opened = open(&old).unwrap();
    assert_eq!(opened.accepted, None);
    goes_on(&old, opened);
}

#[test]
fn two_histories_are_told_apart_by_the_anchor() {
    let (place, steps) = grown(4);
    let other = steps[2].1.copy();
    let mut opened = open(&other).unwrap();
    append(
        &mut opened.log,
        &[act(900), act(901), act(902), act(903), act(904), act(905)],
    );
    drop(opened);
    assert!(other.reader().size() > place.reader().size());
    std::fs::copy(place.anchor(), other.anchor()).unwrap();
    match open(&other) {
        Err(CannotOpen::Anchor {
            standing: Standing::Differs { .. },
            ..
        }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_missing_or_unreadable_anchor_is_not_gone_over() {
    let (place, _) = grown(4);
    let whole = std::fs::read(place.anchor()).unwrap();
    std::fs::remove_file(place.anchor()).unwrap();
    assert!(matches!(
        open(&place),
        Err(CannotOpen::Anchor {
            standing: Standing::Missing,
            ..
        })
    ));
    // One torn slot: the other is enough.
    for slot in 0..2 {
        let mut torn = whole.clone();
        torn[slot * 2_048..slot * 2_048 + 700].fill(0);
        std::fs::write(place.anchor(), &torn).unwrap();
        open(&place).unwrap();
    }
    std::fs::write(place.anchor(), vec![0; 4_096]).unwrap();
    assert!(matches!(
        open(&place),
        Err(CannotOpen::Anchor {
            standing: Standing::Damaged(_),
            ..
        })
    ));
    let accept = Options {
        accept_anchor: true,
        ..roomy(&place)
    };
    let mut opened = Log::open(place.lock(), &accept).unwrap();
    assert!(opened.accepted.is_some());
    append(&mut opened.log, &[act(700)]);
    drop(opened);
    goes_on(&place, open(&place).unwrap());
    // One that is gone, and a crash before it stands on the record that this was accepted.
    std::fs::remove_file(place.anchor()).unwrap();
    drop(Log::open(place.lock(), &accept).unwrap());
    assert!(matches!(open(&place), Err(CannotOpen::Anchor { .. })));
}

#[test]
fn a_new_record_is_not_begun_where_an_old_one_has_left_its_anchor() {
    let (place, _) = grown(3);
    let fresh = Place::new();
    std::fs::copy(place.anchor(), fresh.anchor()).unwrap();
    assert!(matches!(open(&fresh), Err(CannotOpen::Anchor { .. })));
    // Nor is a key made for it.
    assert!(!fresh.paths().log_key().exists());
}

#[test]
fn a_segment_that_was_being_made_is_made_again() {
    let (place, _) = grown(3);
    let (root, next) = (root_of(&place.reader()), place.reader().size());
    let header = text_of(&place.last_segment());
    let line = header.split(|byte| *byte == b'\n').next().unwrap();
    for length in [0, 1, 40, line.len()] {
        std::fs::write(place.paths().segment(next), &line[..length]).unwrap();
        assert_eq!(check(&place).problems, []);
        assert_eq!(root_of(&place.reader()), root);
        let opened = open(&place).unwrap();
        assert_eq!(size(&opened), next);
        assert!(!place.paths().segment(next).exists());
    }
    std::fs::remove_file(place.anchor()).unwrap();
    let first = Place::new();
    drop(first.lock());
    std::fs::write(first.paths().segment(0), b"{\"segm").unwrap();
    assert!(open(&first).unwrap().is_new);
}

#[test]
fn a_segment_without_entries_is_gone_on_with() {
    let place = Place::new();
    let mut opened = place.open();
    fill(&mut opened.log, 12, 4);
    drop(opened);
    // As after a crash between making a segment and its first batch.
    let path = place.last_segment();
    let text = std::fs::read_to_string(&path).unwrap();
    let header = text.split_inclusive('\n').next().unwrap();
    std::fs::write(&path, header).unwrap();
    let before = place.reader().size();
    let older = Options {
        accept_anchor: true,
        ..place.options()
    };
    let mut opened = Log::open(place.lock(), &older).unwrap();
    assert_eq!(size(&opened), before);
    append(&mut opened.log, &[act(700)]);
    drop(opened);
    goes_on(&place, place.open());
}

#[test]
fn missing_segments_are_named() {
    let place = Place::new();
    let mut opened = place.open();
    fill(&mut opened.log, 30, 4);
    drop(opened);
    let listed = crate::catalog::list(&place.paths(), &[]).unwrap();
    assert!(listed.len() >= 4);
    for missing in [0, 1, listed.len() - 1] {
        let copy = place.copy();
        std::fs::remove_file(copy.paths().segment(listed[missing].first)).unwrap();
        let refused = Log::open(copy.lock(), &copy.options());
        assert!(refused.is_err() || missing == 1, "{missing}");
        assert!(!check(&copy).is_clean(), "{missing}");
    }
}

#[test]
fn a_new_key_signs_from_the_next_checkpoint_on_whenever_the_process_ends() {
    // How far the change gets before the end.
    for steps in 0..4 {
        let place = Place::new();
        let mut opened = open(&place).unwrap();
        fill(&mut opened.log, 2, 3);
        let from = opened.log.vkey();
        let to = opened.log.prepare_key().unwrap();
        let mut rotation = act(7);
        rotation.subject = record::act::Subject::Record;
        rotation.body = KeyRotated {
            from: from.as_str().into(),
            to: to.as_str().into(),
        }
        .into();
        let log = &mut opened.log;
        if steps > 0 {
            log.append_batch(7, log.epoch(), &[rotation.encode().unwrap()], false)
                .unwrap();
        }
        if steps > 1 {
            log.sign().unwrap();
        }
        if steps > 2 {
            log.use_new_key().unwrap();
        }
        drop(opened);
        let mut opened = open(&place).unwrap();
        let now = if steps > 0 { &to } else { &from };
        assert_eq!(&opened.log.vkey(), now, "after {steps} steps");
        assert!(!place.paths().next_log_key().exists());
        let head = opened.log.sign().unwrap();
        assert!(head.note.contains("\n— "));
        fill(&mut opened.log, 2, 3);
        drop(opened);
        let report = check(&place);
        assert_eq!(report.problems, [], "after {steps} steps");
        let expected: Vec<&String> = if steps > 0 {
            vec![&from, &to]
        } else {
            vec![&from]
        };
        assert_eq!(report.vkeys.iter().collect::<Vec<_>>(), expected);
        goes_on(&place, open(&place).unwrap());
    }
}

#[test]
fn a_record_without_its_key_is_not_written() {
    let (place, _) = grown(3);
    std::fs::remove_file(place.paths().log_key()).unwrap();
    assert!(matches!(open(&place), Err(CannotOpen::Key(_))));
    let (other, _) = grown(3);
    std::fs::copy(other.paths().log_key(), place.paths().log_key()).unwrap();
    // The other key has the same name: the signatures are not its.
    assert!(matches!(open(&place), Err(CannotOpen::Corrupt(_))));
}
