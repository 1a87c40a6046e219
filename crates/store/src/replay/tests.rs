//! Lines that come in another order, or of another tree, do not fit.

use record::hash::{self, Hash};
use record::note::{Algorithm, SignerKey};
use record::succession::FIRST_EPOCH;

use super::{Mismatch, Replay, check_signature, text_hash};
use crate::segment::{BatchEnd, Header, Signed};

const ORIGIN: &str = "record.example/hereby";

fn key(seed: u8) -> SignerKey {
    SignerKey::from_seed(ORIGIN, Algorithm::Ed25519, [seed; 32]).unwrap()
}

fn begin() -> Replay {
    let origin = ORIGIN.to_owned();
    let header = Header {
        epoch: FIRST_EPOCH,
        first: 0,
        frontier: Vec::new(),
        origin,
        v: 1,
    };
    Replay::from_header(&header).unwrap()
}

fn leaf(number: u64) -> Hash {
    hash::leaf(&number.to_be_bytes())
}

fn signature(seed: u8, size: u64, root: Hash) -> Signed {
    let text = format!("{ORIGIN}\n{size}\n{root}\n");
    Signed::of(&key(seed).sign(&text).unwrap(), size).unwrap()
}

/// Two entries, not ended.
fn with_entries() -> (Replay, Hash) {
    let mut replay = begin();
    replay.entry(leaf(0));
    replay.entry(leaf(1));
    (replay, hash::node(&leaf(0), &leaf(1)))
}

#[test]
fn a_batch_ends_with_its_size_its_root_and_the_checkpoint_before_it() {
    let (mut replay, root) = with_entries();
    let good = BatchEnd {
        prev: None,
        root,
        size: 2,
    };
    let wrong = [
        (
            BatchEnd { size: 3, ..good },
            Mismatch::Size {
                expected: 2,
                found: 3,
            },
        ),
        (
            BatchEnd {
                root: leaf(7),
                ..good
            },
            Mismatch::Root {
                size: 2,
                expected: root,
                found: leaf(7),
            },
        ),
        (
            BatchEnd {
                prev: Some(leaf(7)),
                ..good
            },
            Mismatch::Prev { size: 2 },
        ),
    ];
    for (batch, mismatch) in wrong {
        assert_eq!(replay.clone().batch(&batch), Err(mismatch));
    }
    replay.batch(&good).unwrap();
    assert_eq!((replay.kept().size(), replay.root()), (2, root));
    assert!(!replay.is_signed());
    // The next one needs the signature first, and then names it.
    replay.entry(leaf(2));
    let three = hash::node(&root, &leaf(2));
    let next = BatchEnd {
        prev: text_hash(ORIGIN, 2, root),
        root: three,
        size: 3,
    };
    assert_eq!(
        replay.clone().batch(&next),
        Err(Mismatch::Unsigned { size: 2 })
    );
    replay.drop_unfinished();
    replay.signed(&signature(1, 2, root)).unwrap();
    assert_eq!(
        replay.batch(&next),
        Err(Mismatch::Size {
            expected: 2,
            found: 3
        })
    );
    replay.entry(leaf(2));
    assert_eq!(
        replay.clone().batch(&BatchEnd { prev: None, ..next }),
        Err(Mismatch::Prev { size: 3 })
    );
    replay.batch(&next).unwrap();
    let empty = BatchEnd { size: 3, ..next };
    assert_eq!(replay.batch(&empty), Err(Mismatch::Empty));
}

#[test]
fn only_a_key_of_the_log_signs_and_only_what_is_there() {
    let (mut replay, root) = with_entries();
    let keys = [key(1).verifier().clone()];
    let good = signature(1, 2, root);
    assert_eq!(replay.clone().signed(&good), Err(Mismatch::SignedWithin));
    replay
        .batch(&BatchEnd {
            prev: None,
            root,
            size: 2,
        })
        .unwrap();
    assert_eq!(
        replay.clone().signed(&signature(1, 3, root)),
        Err(Mismatch::SignedSize {
            expected: 2,
            found: 3
        })
    );
    let id = key(1).verifier().key_id();
    let other = Signed {
        key: format!("other.example+{id:08x}"),
        ..good.clone()
    };
    assert!(matches!(
        replay.clone().signed(&other),
        Err(Mismatch::Key(_))
    ));
    replay.signed(&good).unwrap();
    assert!(replay.is_signed());

    let check = |signed: &Signed| check_signature(signed, ORIGIN, root, &keys);
    assert!(matches!(
        check(&signature(2, 2, root)),
        Err(Mismatch::Key(_))
    ));
    assert!(matches!(
        check(&signature(1, 2, leaf(7))),
        Err(Mismatch::Signature { size: 2, .. })
    ));
    let note = check(&good).unwrap();
    let opened = record::checkpoint::SignedCheckpoint::open(note.as_bytes(), &keys[0]).unwrap();
    assert_eq!(opened.checkpoint().root(), root);
}

#[test]
fn a_segment_goes_on_with_the_very_tree_before_it() {
    let (mut replay, root) = with_entries();
    let header = |first, frontier: Vec<Hash>, origin: &str| Header {
        epoch: FIRST_EPOCH,
        first,
        frontier,
        origin: origin.to_owned(),
        v: 1,
    };
    let good = header(2, vec![root], ORIGIN);
    assert!(matches!(replay.header(&good), Err(Mismatch::First { .. })));
    replay
        .batch(&BatchEnd {
            prev: None,
            root,
            size: 2,
        })
        .unwrap();
    assert_eq!(replay.header(&good), Err(Mismatch::Unsigned { size: 2 }));
    replay.signed(&signature(1, 2, root)).unwrap();
    assert_eq!(replay.header(&good), Ok(()));
    assert_eq!(
        replay.header(&header(2, vec![leaf(7)], ORIGIN)),
        Err(Mismatch::Frontier)
    );
    assert!(matches!(
        replay.header(&header(2, vec![root], "other.example")),
        Err(Mismatch::Origin(_))
    ));
    // What a segment begins with is what the one before it ended with.
    let next = Replay::from_header(&good).unwrap();
    assert_eq!((next.root(), next.prev()), (replay.root(), replay.prev()));
}
