//! Two slots, of which one is always whole.

use record::checkpoint::{Checkpoint, SignedCheckpoint};
use record::hash::{Hash, sha256};
use record::note::{Algorithm, SignerKey, VerifierKey};

use super::{Anchor, SLOT_BYTES, Slot, Standing, compare, file_name, newest, read};
use crate::tests::Place;

const ORIGIN: &str = "record.example/hereby";

fn key(seed: u8) -> SignerKey {
    SignerKey::from_seed(ORIGIN, Algorithm::Ed25519, [seed; 32]).unwrap()
}

fn keys() -> Vec<VerifierKey> {
    vec![key(1).verifier().clone()]
}

fn root(size: u64) -> Hash {
    sha256(&[&size.to_be_bytes()])
}

fn note(size: u64) -> String {
    let checkpoint = Checkpoint::new(ORIGIN, size, root(size)).unwrap();
    SignedCheckpoint::sign(checkpoint, &key(1))
        .unwrap()
        .to_string()
}

fn slots(place: &Place) -> Vec<Slot> {
    read(&place.anchor(), &keys()).unwrap().unwrap()
}

fn reopened(place: &Place) -> Anchor {
    Anchor::open(&place.anchor(), Some(&slots(place))).unwrap()
}

fn sizes(place: &Place) -> Vec<Option<u64>> {
    let size = |slot: &Slot| match slot {
        Slot::Signed { checkpoint, .. } => Some(checkpoint.size()),
        Slot::Blank | Slot::Damaged(_) => None,
    };
    slots(place).iter().map(size).collect()
}

#[test]
fn the_older_slot_is_written_whoever_opens_it() {
    let place = Place::new();
    assert_eq!(read(&place.anchor(), &keys()).unwrap(), None);
    let mut anchor = Anchor::open(&place.anchor(), None).unwrap();
    assert_eq!(slots(&place), [Slot::Blank, Slot::Blank]);
    for size in 1..6 {
        anchor.write(&note(size)).unwrap();
        let newest = slots(&place);
        assert_eq!(super::newest(&newest).unwrap().0.size(), size);
        // A process that starts anew goes on with the same slot.
        if size % 2 == 0 {
            anchor = reopened(&place);
        }
    }
    let mut last = sizes(&place);
    last.sort_unstable();
    assert_eq!(last, [Some(4), Some(5)]);
    let text = std::fs::read_to_string(place.anchor()).unwrap();
    assert_eq!(text.len(), 2 * SLOT_BYTES);
    assert!(text.starts_with(ORIGIN) && text.ends_with(" \n"));
}

#[test]
fn any_changed_byte_spoils_its_slot_and_no_other() {
    let place = Place::new();
    let mut anchor = Anchor::open(&place.anchor(), None).unwrap();
    anchor.write(&note(3)).unwrap();
    anchor.write(&note(4)).unwrap();
    let whole = std::fs::read(place.anchor()).unwrap();
    for at in (0..whole.len())
        .step_by(7)
        .chain(0..300)
        .chain(SLOT_BYTES - 3..SLOT_BYTES + 3)
    {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(place.anchor(), &changed).unwrap();
        let slots = slots(&place);
        assert!(
            matches!(slots[at / SLOT_BYTES], Slot::Damaged(_)),
            "byte {at}"
        );
        assert!(
            matches!(slots[1 - at / SLOT_BYTES], Slot::Signed { .. }),
            "byte {at}"
        );
        // The damaged slot is the one that is written next.
        reopened(&place).write(&note(5)).unwrap();
        assert!(!sizes(&place).contains(&None), "byte {at}");
    }
    std::fs::write(place.anchor(), &whole[..SLOT_BYTES + 100]).unwrap();
    assert_eq!(newest(&slots(&place)).unwrap().0.size(), 3);
    std::fs::write(place.anchor(), [whole.as_slice(), b"x"].concat()).unwrap();
    assert!(
        slots(&place)
            .iter()
            .any(|slot| matches!(slot, Slot::Damaged(_)))
    );
}

#[test]
fn it_is_compared_at_its_own_size() {
    let place = Place::new();
    let known = |size| Ok::<Hash, std::io::Error>(root(size));
    let standing = |size| compare(Some(&slots(&place)), size, known).unwrap();
    assert_eq!(compare(None, 4, known).unwrap(), Standing::Missing);
    let mut anchor = Anchor::open(&place.anchor(), None).unwrap();
    assert_eq!(standing(0), Standing::Agrees);
    // Killed between the first act and its note.
    assert_eq!(standing(1), Standing::Agrees);
    assert!(matches!(standing(4), Standing::Damaged(_)));
    anchor.write(&note(4)).unwrap();
    assert_eq!(standing(4), Standing::Agrees);
    assert_eq!(standing(9), Standing::Agrees);
    assert_eq!(
        standing(3),
        Standing::Ahead {
            size: 4,
            note: note(4)
        }
    );
    let other = |_| Ok::<Hash, std::io::Error>(root(77));
    assert_eq!(
        compare(Some(&slots(&place)), 9, other).unwrap(),
        Standing::Differs {
            size: 4,
            note: note(4)
        }
    );
    // Another log's key is nobody here.
    let stranger = [key(2).verifier().clone()];
    let slots = read(&place.anchor(), &stranger).unwrap().unwrap();
    assert!(matches!(
        compare(Some(&slots), 4, known).unwrap(),
        Standing::Damaged(_)
    ));
}

#[test]
fn a_logs_name_makes_one_plain_file_name() {
    assert_eq!(
        file_name("record.example/hereby"),
        "record.example%2Fhereby"
    );
    assert_eq!(file_name("../../etc"), "%2E.%2F..%2Fetc");
    assert_eq!(file_name("a:7700@b"), "a%3A7700%40b");
}

#[test]
fn a_note_that_does_not_fit_is_refused() {
    let place = Place::new();
    let mut anchor = Anchor::open(&place.anchor(), None).unwrap();
    anchor.write(&note(1)).unwrap();
    assert!(anchor.write(&"x".repeat(SLOT_BYTES)).is_err());
    assert_eq!(newest(&slots(&place)).unwrap().0.size(), 1);
}
