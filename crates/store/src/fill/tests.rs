//! Filling ahead: how far, when a spare is worth it, and that it leaves nothing behind.

use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Filled, Spare};

const MIB: u64 = 1 << 20;

#[test]
fn room_is_made_in_steps_up_to_the_end_of_the_segment() {
    let mut filled = Filled::new(100, 100, 64 * MIB);
    assert_eq!(filled.next(100), None, "there is room");
    assert_eq!(filled.next(101), Some(MIB));
    assert_eq!(filled.next(MIB + 1), Some(2 * MIB));
    filled.to(100, MIB);
    assert_eq!(filled.next(MIB), None);
    assert_eq!(filled.next(64 * MIB - 5), Some(64 * MIB));
    // The last batch of a segment may end beyond it.
    assert_eq!(filled.next(64 * MIB + 5), Some(64 * MIB + 5));
    filled.stop();
    assert_eq!(filled.next(2 * MIB), None, "it was tried and did not work");
}

#[test]
fn a_spare_is_worth_it_only_when_room_goes_quickly() {
    let mut quick = Filled::new(0, 8 * MIB, 8 * MIB);
    assert!(!quick.goes_quickly(MIB / 2), "too soon to tell");
    assert!(quick.goes_quickly(2 * MIB));
    assert!(!quick.goes_quickly(3 * MIB), "it is said once");
    let mut slow = Filled::new(0, 1_000, 1_000);
    std::thread::sleep(Duration::from_millis(20));
    assert!(!slow.goes_quickly(900), "900 bytes in 20 ms");
}

#[test]
fn a_spare_is_zeroes_and_given_up_it_is_gone() {
    let directory = TempDir::new_in("/var/tmp").unwrap();
    let path = directory.path().join("spare");
    std::fs::write(&path, "left by a process that was killed").unwrap();
    let mut spare = Spare::new(path.clone());
    assert!(!path.exists());
    assert!(spare.take().is_none());
    // No multiple of a page: the last piece does not go past the cache.
    let bytes = 3 * MIB + 77;
    spare.begin(bytes);
    let begin = Instant::now();
    let (file, at) = loop {
        if let Some(taken) = spare.take() {
            break taken;
        }
        assert!(begin.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(at, path);
    assert_eq!(file.metadata().unwrap().len(), bytes);
    assert!(std::fs::read(&path).unwrap().iter().all(|byte| *byte == 0));
    std::fs::remove_file(&path).unwrap();
    spare.begin(64 * MIB);
    spare.give_up();
    assert!(!path.exists());
    assert!(spare.take().is_none());
}

#[test]
fn a_spare_that_cannot_be_made_is_no_harm() {
    let directory = TempDir::new().unwrap();
    let mut spare = Spare::new(directory.path().join("missing/spare"));
    spare.begin(MIB);
    for _ in 0..100 {
        assert!(spare.take().is_none());
        std::thread::sleep(Duration::from_millis(1));
    }
}
