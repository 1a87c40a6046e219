//! Segments are read to their last whole batch, whatever is in them.

use proptest::prelude::*;

use super::{ScanError, Start, root_at, scan};
use crate::tests::{Place, fill, root_of};

#[test]
fn the_root_at_every_size_is_the_one_that_was_signed() {
    let place = Place::new();
    let mut opened = place.open();
    let mut roots = Vec::new();
    for batch in 0..20 {
        fill(&mut opened.log, u64::from(batch > 0), 3);
        let head = engine::ports::Log::sign(&mut opened.log).unwrap();
        roots.push((head.size, head.root));
    }
    let reader = opened.log.reader();
    for (size, root) in &roots {
        assert_eq!(reader.root_at(*size).unwrap(), *root, "{size}");
    }
    assert_eq!(reader.root_at(0).unwrap(), record::hash::EMPTY_ROOT);
    assert_eq!(roots.last().unwrap().1, root_of(&reader));
    assert!(reader.root_at(roots.last().unwrap().0 + 1).is_err());
    let last = place.last_segment();
    assert_eq!(root_at(&last, roots.last().unwrap().0 + 1).unwrap(), None);
}

proptest! {
    /// Nothing that stands in a file makes reading it panic or take what is not there.
    #[test]
    fn no_bytes_make_it_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..2_000),
        start in any::<bool>(),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("segment");
        let header = b"{\"segment\":{\"epoch\":1,\"first\":0,\"frontier\":[],\"origin\":\"a\",\"v\":1}}\n";
        let text = if start { [header, bytes.as_slice()].concat() } else { bytes };
        std::fs::write(&path, &text).unwrap();
        match scan(&path, Some(&[])) {
            Ok(Start::Whole(scan)) => prop_assert_eq!(scan.replay.kept().size(), 0),
            Ok(Start::Torn) | Err(ScanError::Damaged { .. } | ScanError::Newer(_)) => {}
            Err(ScanError::File(error)) => prop_assert!(false, "{}", error),
        }
    }
}
