//! What is published is the tree, whenever the publisher starts and whatever was left.

use engine::ports::{Entries as _, Log as _, Publisher as _, SignedHead};
use record::hash;
use record::tile::{TILE_WIDTH, TileId};
use record::tree::{verify_consistency, verify_inclusion};

use super::{Published, TilePublisher};
use crate::Log;
use crate::tests::{Place, act, append, fill};
use crate::verify::tests::check;

/// Appends acts in one batch and publishes them.
fn grow(log: &mut Log, publisher: &mut TilePublisher, acts: u64) -> SignedHead {
    let first = log.frontier().size();
    let acts: Vec<_> = (first..first + acts).map(act).collect();
    let (leaves, head) = append(log, &acts);
    publisher.publish(&leaves, &head).unwrap();
    head
}

fn begin(place: &Place) -> (Log, TilePublisher) {
    let mut opened = place.open();
    fill(&mut opened.log, 1, 4);
    let head = opened.log.sign().unwrap();
    let reader = opened.log.reader();
    let publisher = TilePublisher::open(&place.paths(), &reader, Some(&head)).unwrap();
    (opened.log, publisher)
}

#[test]
fn every_proof_from_the_tiles_verifies() {
    let place = Place::new();
    let (mut log, mut publisher) = begin(&place);
    let mut heads = Vec::new();
    for acts in [1, 250, 1, 1, 300, 7, 1_000] {
        heads.push(grow(&mut log, &mut publisher, acts));
    }
    let published = publisher.published();
    let last = heads.last().unwrap();
    assert_eq!(published.newest(), Some((last.size, last.note.clone())));
    let reader = log.reader();
    for head in &heads {
        assert_eq!(published.root_at(head.size).unwrap(), head.root);
        let proof = published.consistency_proof(head.size, last.size).unwrap();
        verify_consistency(head.size, head.root, last.size, last.root, &proof).unwrap();
        for index in (0..head.size).step_by(97).chain([head.size - 1]) {
            let proof = published.inclusion_proof(index, head.size).unwrap();
            let leaf = hash::leaf(&reader.entry(index).unwrap().unwrap());
            verify_inclusion(leaf, index, head.size, &proof, head.root).unwrap();
        }
    }
    assert!(published.inclusion_proof(last.size, last.size).is_err());
    drop(log);
    assert_eq!(check(&place).problems, []);
}

#[test]
fn partial_tiles_go_when_the_full_one_has_been_published_with() {
    let place = Place::new();
    let (mut log, mut publisher) = begin(&place);
    let record = place.paths().record();
    grow(&mut log, &mut publisher, 200);
    assert!(record.join("tile/0/000.p/205").exists());
    grow(&mut log, &mut publisher, 100);
    assert!(record.join("tile/0/000").exists());
    // Who has just fetched the checkpoint before this one still finds its tile.
    assert!(record.join("tile/0/000.p/205").exists());
    grow(&mut log, &mut publisher, 1);
    assert!(!record.join("tile/0/000.p").exists());
    assert!(record.join("tile/0/001.p/50").exists());
    // Its beginning is in the full one.
    let id = TileId {
        level: 0,
        index: 0,
        width: 205,
    };
    let full = std::fs::read(record.join("tile/0/000")).unwrap();
    assert_eq!(
        publisher.published().tile(id).unwrap().unwrap(),
        full[..205 * 32]
    );
    assert_eq!(
        publisher
            .published()
            .tile(TileId { index: 9, ..id })
            .unwrap(),
        None
    );
}

#[test]
fn lost_damaged_and_foreign_tiles_are_made_again() {
    let place = Place::new();
    let (mut log, mut publisher) = begin(&place);
    let head = grow(&mut log, &mut publisher, 700);
    drop(publisher);
    let record = place.paths().record();
    let damage: [&dyn Fn(); 7] = [
        &|| std::fs::remove_dir_all(record.join("tile")).unwrap(),
        &|| std::fs::remove_file(record.join("tile/0/001")).unwrap(),
        &|| std::fs::write(record.join("tile/0/001"), b"short").unwrap(),
        &|| std::fs::remove_file(record.join("tile/1/000.p/2")).unwrap(),
        &|| {
            let mut tile = std::fs::read(record.join("tile/0/002.p/193")).unwrap();
            tile[0] ^= 1;
            std::fs::write(record.join("tile/0/002.p/193"), tile).unwrap();
        },
        &|| std::fs::write(record.join("checkpoint"), b"nonsense\n").unwrap(),
        &|| std::fs::remove_file(record.join("checkpoint")).unwrap(),
    ];
    for (number, damage) in damage.iter().enumerate() {
        damage();
        let publisher = TilePublisher::open(&place.paths(), &log.reader(), Some(&head)).unwrap();
        assert_eq!(
            publisher.published().root_at(705).unwrap(),
            head.root,
            "{number}"
        );
        assert_eq!(check(&place).problems, [], "{number}");
    }
}

#[test]
fn a_publisher_catches_up_with_what_was_written_without_it() {
    let place = Place::new();
    let (mut log, publisher) = begin(&place);
    drop(publisher);
    fill(&mut log, 3, 300);
    let head = log.sign().unwrap();
    let mut publisher = TilePublisher::open(&place.paths(), &log.reader(), Some(&head)).unwrap();
    assert_eq!(
        Published::open(&place.paths()).unwrap().newest().unwrap().0,
        head.size
    );
    let head = grow(&mut log, &mut publisher, 5);
    assert_eq!(publisher.published().root_at(head.size).unwrap(), head.root);
    drop(log);
    assert_eq!(check(&place).problems, []);
}

#[test]
fn a_checkpoint_that_the_leaves_do_not_lead_to_is_not_published() {
    let place = Place::new();
    let (mut log, mut publisher) = begin(&place);
    let before = publisher.published().newest();
    let (leaves, head) = append(&mut log, &[act(5), act(6)]);
    let mut other = leaves.clone();
    other[1] = leaves[0];
    assert!(publisher.publish(&other, &head).is_err());
    assert_eq!(publisher.published().newest(), before);
    drop(log);
    assert_eq!(check(&place).problems, []);
}

#[test]
fn leaves_of_a_publication_that_failed_are_written_with_the_next() {
    let place = Place::new();
    let (mut log, mut publisher) = begin(&place);
    grow(&mut log, &mut publisher, 200);
    // The name of the first full tile is taken by a directory.
    let in_the_way = place.paths().record().join("tile/0/000");
    std::fs::create_dir(&in_the_way).unwrap();
    let acts: Vec<_> = (205..305).map(act).collect();
    let (leaves, head) = append(&mut log, &acts);
    assert!(publisher.publish(&leaves, &head).is_err());
    assert_eq!(publisher.published().newest().unwrap().0, 205);
    std::fs::remove_dir(&in_the_way).unwrap();
    grow(&mut log, &mut publisher, 1);
    let full = TileId {
        level: 0,
        index: 0,
        width: TILE_WIDTH,
    };
    assert!(publisher.published().tile(full).unwrap().is_some());
    drop(log);
    assert_eq!(check(&place).problems, []);
}
