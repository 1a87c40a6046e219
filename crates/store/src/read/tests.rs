//! Readers see what is durable and nothing else, on any thread, while the writer goes on.

use std::sync::atomic::{AtomicBool, Ordering};

use engine::ports::{Entries as _, Log as _, ReadError};
use record::tile::decode_entry_bundle;

use crate::tests::{Place, act, append, fill, root_of, text_of, written};
use crate::{CannotOpen, Options, Reader};

#[test]
fn readers_follow_a_writer_over_many_segments() {
    let place = Place::new();
    let mut opened = place.open();
    fill(&mut opened.log, 1, 1);
    let reader = opened.log.reader();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut seen = 0;
                while !done.load(Ordering::Relaxed) {
                    let size = reader.size();
                    assert!(size >= seen);
                    seen = size;
                    for index in [1, size / 2 + 1, size - 1]
                        .into_iter()
                        .filter(|at| *at < size)
                    {
                        let entry = reader.entry(index).unwrap().unwrap();
                        assert_eq!(entry, act(index).encode().unwrap());
                        assert_eq!(reader.find_act(&act(index).id).unwrap(), Some(index));
                    }
                    let subject = act(3).subject;
                    let found = reader.of_subject(&subject, 0, 10_000).unwrap();
                    let expected: Vec<u64> = (1..size).filter(|index| index % 7 == 3).collect();
                    assert_eq!(found[..expected.len()], expected);
                }
            });
        }
        fill(&mut opened.log, 400, 3);
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(root_of(&reader), opened.log.frontier().root());
}

#[test]
fn closed_segments_get_an_index_that_is_made_again_when_it_is_gone() {
    let place = Place::new();
    let mut opened = place.open();
    fill(&mut opened.log, 60, 3);
    drop(opened);
    let listed = crate::catalog::list(&place.paths(), &[]).unwrap();
    let (last, closed) = listed.split_last().unwrap();
    assert!(closed.len() > 5);
    // Reading a copy changes nothing in it.
    for segment in &listed {
        let _ = std::fs::remove_file(place.paths().index(segment.first));
    }
    let reader = place.reader();
    for index in 1..reader.size() {
        assert_eq!(reader.find_act(&act(index).id).unwrap(), Some(index));
    }
    assert!(
        closed
            .iter()
            .all(|segment| !place.paths().index(segment.first).exists())
    );
    // The writer keeps what it makes.
    for damaged in [false, true] {
        let opened = place.open();
        let reader = opened.log.reader();
        for index in 1..reader.size() {
            assert_eq!(reader.find_act(&act(index).id).unwrap(), Some(index));
            assert_eq!(
                reader.entry(index).unwrap().unwrap(),
                act(index).encode().unwrap()
            );
        }
        for segment in closed {
            let path = place.paths().index(segment.first);
            assert!(path.exists());
            if !damaged {
                std::fs::write(&path, b"damaged").unwrap();
            }
        }
    }
    assert!(!place.paths().index(last.first).exists());
}

#[test]
fn entries_come_in_bundles_and_within_bounds() {
    let place = Place::new();
    let options = Options {
        segment_bytes_max: 30_000,
        ..place.options()
    };
    let mut opened = crate::Log::open(place.lock(), &options).unwrap();
    fill(&mut opened.log, 3, 100);
    let reader = opened.log.reader();
    let bundle = reader.entry_bundle(1, 45).unwrap().unwrap();
    let entries = decode_entry_bundle(&bundle, 45).unwrap();
    for (index, entry) in (256..301).zip(entries) {
        assert_eq!(entry, act(index).encode().unwrap());
    }
    assert_eq!(reader.entry_bundle(1, 46).unwrap(), None);
    assert_eq!(reader.entry_bundle(1, 0).unwrap(), None);
    assert_eq!(reader.entry_bundle(u64::MAX, 256).unwrap(), None);
    assert!(reader.entry_bundle(0, 256).unwrap().is_some());
    assert_eq!(reader.entries(10..10, 99).unwrap(), Vec::<Vec<u8>>::new());
    assert_eq!(
        reader.entries(10..300, 1).unwrap(),
        [act(10).encode().unwrap()]
    );
    assert_eq!(reader.entries(299..500, usize::MAX).unwrap().len(), 2);
    assert_eq!(
        reader.entries(301..500, usize::MAX).unwrap(),
        Vec::<Vec<u8>>::new()
    );
}

#[test]
fn an_entry_that_is_not_where_it_was_is_an_error_and_never_another_entry() {
    let place = Place::new();
    let mut opened = place.open();
    fill(&mut opened.log, 2, 3);
    let reader = opened.log.reader();
    let path = place.last_segment();
    let whole = std::fs::read(&path).unwrap();
    let line_end = whole.iter().rposition(|byte| *byte == b'\n').unwrap();
    std::fs::write(&path, &whole[..line_end / 2]).unwrap();
    assert!(matches!(reader.entry(6), Err(ReadError::Damaged(_))));
    std::fs::write(&path, vec![b'x'; whole.len()]).unwrap();
    assert!(matches!(reader.entry(6), Err(ReadError::Damaged(_))));
    assert!(reader.scan(4, &mut |_, _| true).is_err());
}

#[test]
fn a_copy_without_a_record_is_said_to_have_none() {
    let place = Place::new();
    assert!(matches!(
        Reader::open(&place.paths(), &[]),
        Err(CannotOpen::Missing(_))
    ));
    drop(place.lock());
    assert!(matches!(
        Reader::open(&place.paths(), &[]),
        Err(CannotOpen::Missing(_))
    ));
}

#[test]
fn what_was_not_whole_is_not_shown_in_a_copy() {
    let place = Place::new();
    let mut opened = place.open();
    fill(&mut opened.log, 2, 3);
    let copy = place.copy();
    append(&mut opened.log, &[act(7), act(8)]);
    let text = text_of(&place.last_segment());
    let before = written(&copy.last_segment());
    let torn = &text[..usize::try_from(before).unwrap() + 400];
    std::fs::write(copy.last_segment(), torn).unwrap();
    let reader = copy.reader();
    assert_eq!((reader.size(), reader.entry(7).unwrap()), (7, None));
    assert_eq!(text_of(&copy.last_segment()), torn);
}
