//! What the writer refuses, and when it ends.

use engine::ports::{AppendError, AppendRefusal, Entries as _, Log as _};

use crate::catalog;
use crate::tests::{Place, act, append, fill, root_of, text_of, written};
use crate::{Log, Options, VerifyOptions, verify};

fn entry(number: u64) -> Vec<Vec<u8>> {
    vec![act(number).encode().unwrap()]
}

#[test]
fn a_writer_with_a_wrong_idea_of_the_log_writes_nothing() {
    let place = Place::new();
    let mut opened = place.open();
    let log = &mut opened.log;
    fill(log, 1, 3);
    let length = written(&place.last_segment());
    match log.append_batch(3, 1, &entry(9), true) {
        Err(AppendError::Refused(AppendRefusal::WrongSize {
            expected: 3,
            actual: 4,
        })) => {}
        other => panic!("{other:?}"),
    }
    match log.append_batch(4, 2, &entry(9), true) {
        Err(AppendError::Refused(AppendRefusal::Fenced {
            ours: 2,
            current: 1,
        })) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(log.append_batch(4, 1, &[], false).unwrap().size, 4);
    assert_eq!(written(&place.last_segment()), length);
    append(log, &[act(4)]);
}

#[test]
fn a_disk_below_the_mark_takes_only_what_is_urgent() {
    let place = Place::new();
    let mut opened = place.open();
    fill(&mut opened.log, 1, 3);
    drop(opened);
    // More than any disk has.
    let full = Options {
        low_water_bytes: u64::MAX / 2,
        ..place.options()
    };
    let mut opened = Log::open(place.lock(), &full).unwrap();
    let log = &mut opened.log;
    match log.append_batch(4, 1, &entry(4), false) {
        Err(AppendError::Refused(AppendRefusal::NoSpace { needed_bytes, .. })) => {
            assert_eq!(needed_bytes, u64::MAX / 2);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(log.append_batch(4, 1, &entry(4), true).unwrap().size, 5);
    log.sign().unwrap();
    assert_eq!(log.reader().entry(4).unwrap().unwrap(), entry(4)[0]);
}

#[test]
fn after_an_error_of_the_disk_nothing_more_is_written() {
    let place = Place::new();
    let mut opened = place.open();
    let log = &mut opened.log;
    fill(log, 1, 3);
    let before = text_of(&place.last_segment());
    // Writing to a file that is open for reading fails as a dying disk does.
    let writable = std::mem::replace(
        &mut log.segment.file,
        std::fs::File::open(place.last_segment()).unwrap(),
    );
    assert!(matches!(
        log.append_batch(4, 1, &entry(4), false),
        Err(AppendError::Fatal { .. })
    ));
    log.segment.file = writable;
    assert!(matches!(
        log.append_batch(4, 1, &entry(4), false),
        Err(AppendError::Fatal { .. })
    ));
    assert!(matches!(log.sign(), Err(AppendError::Fatal { .. })));
    assert!(matches!(log.prepare_key(), Err(AppendError::Fatal { .. })));
    assert_eq!(text_of(&place.last_segment()), before);
    assert_eq!(log.reader().durable(), 4);
}

#[test]
fn what_is_no_entry_is_never_written() {
    let bad: [Vec<u8>; 4] = [
        b"{\"batch\":{}}".to_vec(),
        b"{\"actor\":1}\n".to_vec(),
        Vec::new(),
        {
            let mut long = b"{\"actor\":\"".to_vec();
            long.resize(70_000, b'x');
            long
        },
    ];
    for entry in bad {
        let place = Place::new();
        let mut opened = place.open();
        fill(&mut opened.log, 1, 3);
        let before = text_of(&place.last_segment());
        let refused = opened.log.append_batch(4, 1, &[entry], false);
        assert!(
            matches!(refused, Err(AppendError::Fatal { .. })),
            "{refused:?}"
        );
        assert_eq!(text_of(&place.last_segment()), before);
    }
}

#[test]
fn a_batch_waits_for_the_signature_before_it() {
    let place = Place::new();
    let mut opened = place.open();
    let log = &mut opened.log;
    fill(log, 1, 3);
    log.append_batch(4, 1, &entry(4), false).unwrap();
    assert!(matches!(
        log.append_batch(5, 1, &entry(5), false),
        Err(AppendError::Fatal { .. })
    ));
}

#[test]
fn the_signature_is_by_the_key_over_the_root() {
    let place = Place::new();
    let mut opened = place.open();
    let log = &mut opened.log;
    let empty = log.sign().unwrap();
    assert_eq!(empty.size, 0);
    fill(log, 2, 3);
    let head = log.sign().unwrap();
    let key = log.vkey().parse().unwrap();
    let signed = record::checkpoint::SignedCheckpoint::open(head.note.as_bytes(), &key).unwrap();
    assert_eq!(signed.checkpoint().size(), 7);
    assert_eq!(signed.checkpoint().root(), log.frontier().root());
    // Signed once is enough.
    let length = written(&place.last_segment());
    assert_eq!(log.sign().unwrap(), head);
    assert_eq!(written(&place.last_segment()), length);
}

#[test]
fn readers_see_a_batch_when_it_is_durable_and_find_it_when_it_is_published() {
    let place = Place::new();
    let mut opened = place.open();
    let log = &mut opened.log;
    fill(log, 1, 3);
    let reader = log.reader();
    log.append_batch(4, 1, &entry(4), false).unwrap();
    assert_eq!((reader.durable(), reader.size()), (5, 4));
    assert_eq!(reader.entry(4).unwrap().unwrap(), entry(4)[0]);
    assert_eq!(reader.find_act(&act(4).id).unwrap(), None);
    reader.publish(4, &[act(4)]);
    assert_eq!(reader.size(), 5);
    assert_eq!(reader.find_act(&act(4).id).unwrap(), Some(4));
}

/// Segments of 4 MiB, and a thousand acts of 350 bytes in a batch.
#[test]
fn what_comes_quickly_goes_to_segments_made_ahead_and_leaves_no_zeroes() {
    const BYTES: u64 = 4 << 20;
    let place = Place::new();
    let options = Options {
        segment_bytes_max: BYTES,
        low_water_bytes: 0,
        ..place.options()
    };
    let mut opened = Log::open(place.lock(), &options).unwrap();
    let spare = place.paths().spare();
    let mut seen = false;
    for round in 0..200 {
        fill(&mut opened.log, 1, 1_000);
        seen |= spare.exists();
        if round > 20 && seen && catalog::list(&place.paths(), &[]).unwrap().len() > 4 {
            break;
        }
    }
    assert!(seen, "nothing was made ahead");
    // As a power failure leaves it: with zeroes behind the end, and half a spare.
    let copy = place.copy();
    let all = opened.log.frontier().root();
    drop(opened);
    assert!(!spare.exists());
    for listed in catalog::list(&place.paths(), &[]).unwrap() {
        let path = listed.path().unwrap();
        let length = std::fs::metadata(path).unwrap().len();
        assert_eq!(length, written(path), "{}", path.display());
        assert!(length < BYTES + (1 << 20), "{length}");
    }
    std::fs::write(copy.paths().spare(), [0; 5_000]).unwrap();
    let again = Log::open(copy.lock(), &options).unwrap();
    assert_eq!(again.log.frontier().root(), all);
    assert_eq!(again.torn, None);
    assert_eq!(root_of(&again.log.reader()), all);
    let mut log = again.log;
    fill(&mut log, 2, 3);
    drop(log);
    let report = verify(&copy.paths(), &VerifyOptions::default(), &mut |_| {}).unwrap();
    assert_eq!(report.problems, []);
    assert!(!copy.paths().spare().exists());
}
