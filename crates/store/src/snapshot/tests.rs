//! A snapshot is used if it is whole and of this very record.

use engine::ports::{Log as _, Snapshots as _};

use super::Snapshots;
use crate::tests::{Place, act, append, fill};

#[test]
fn the_newest_whole_snapshot_is_found_and_two_are_kept() {
    let place = Place::new();
    let mut opened = place.open();
    let snapshots = Snapshots::new(&place.paths(), opened.log.reader());
    assert_eq!(snapshots.newest(), None);
    for round in 0..3_u64 {
        fill(&mut opened.log, 4, 3);
        let head = opened.log.sign().unwrap();
        let state = format!("{{\"round\":{round}}}");
        snapshots
            .save(head.size, &head.root, state.as_bytes())
            .unwrap();
        assert_eq!(snapshots.newest(), Some((head.size, state.into_bytes())));
    }
    assert_eq!(snapshots.sizes().unwrap(), [37, 25]);
    // A damaged one is passed over for the one before it.
    let path = place.paths().snapshots().join(format!("{:020}.json", 37));
    let whole = std::fs::read(&path).unwrap();
    for at in [0, 20, whole.len() - 3] {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(&path, changed).unwrap();
        assert_eq!(
            snapshots.newest(),
            Some((25, b"{\"round\":1}".to_vec())),
            "byte {at}"
        );
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(snapshots.newest().unwrap().0, 25);
}

#[test]
fn a_snapshot_of_another_history_or_ahead_of_this_one_is_not_used() {
    let place = Place::new();
    let mut opened = place.open();
    fill(&mut opened.log, 2, 3);
    let copy = place.copy();
    drop(opened);
    let mut opened = place.open();
    append(&mut opened.log, &[act(700)]);
    let head = opened.log.sign().unwrap();
    let snapshots = Snapshots::new(&place.paths(), opened.log.reader());
    snapshots.save(head.size, &head.root, b"{}").unwrap();
    assert!(snapshots.newest().is_some());

    // The copy is a history of its own from there on.
    let mut other = copy.open();
    let name = format!("{:020}.json", head.size);
    let theirs = copy.paths().snapshots().join(&name);
    std::fs::copy(place.paths().snapshots().join(&name), theirs).unwrap();
    let snapshots = Snapshots::new(&copy.paths(), other.log.reader());
    assert_eq!(snapshots.newest(), None, "it is ahead");
    append(&mut other.log, &[act(800)]);
    assert_eq!(other.log.frontier().size(), head.size);
    assert_eq!(snapshots.newest(), None, "its root is another");
}
