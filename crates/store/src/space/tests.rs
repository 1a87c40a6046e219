//! The mark, and the reserve that is given up once.

use engine::ports::AppendRefusal;

use super::Space;

#[test]
fn the_reserve_is_real_blocks_and_is_given_up_for_what_is_urgent() {
    use std::os::unix::fs::MetadataExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("reserve");
    let mut space = Space::new(directory.path().to_owned(), path.clone(), 0, 1 << 20);
    let found = std::fs::metadata(&path).unwrap();
    assert_eq!(found.len(), 1 << 20);
    assert!(found.blocks() * 512 >= 1 << 20, "{} blocks", found.blocks());
    assert_eq!(space.admit(1_000, false), Ok(()));
    // More than the disk has: an ordinary batch is refused and the reserve stays.
    let free = space.free().unwrap();
    assert!(matches!(
        space.admit(free * 2, false),
        Err(AppendRefusal::NoSpace { .. })
    ));
    assert!(path.exists());
    assert_eq!(space.admit(free * 2, true), Ok(()));
    assert!(!path.exists());
    // It is given up once.
    assert!(!space.release());
    // And made again when there is room.
    assert_eq!(space.admit(1_000, false), Ok(()));
    assert!(path.exists());
}

#[test]
fn below_the_mark_only_what_is_urgent_is_admitted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("reserve");
    let mut space = Space::new(
        directory.path().to_owned(),
        path.clone(),
        u64::MAX / 2,
        1 << 20,
    );
    assert!(
        !path.exists(),
        "there is no room for a reserve below the mark"
    );
    let refused = space.admit(1, false);
    let free = space.free().unwrap();
    match refused {
        Err(AppendRefusal::NoSpace {
            free_bytes,
            needed_bytes,
        }) => {
            assert!(free_bytes.abs_diff(free) < 1 << 30);
            assert_eq!(needed_bytes, u64::MAX / 2);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(space.admit(1, true), Ok(()));
}
