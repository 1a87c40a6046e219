//! One writer at a time, and a name for who it is.

use std::os::unix::fs::PermissionsExt as _;

use super::{CannotLock, DataDir};
use crate::tests::now;

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_second_writer_is_told_who_the_first_is() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("deep/data");
    let first = DataDir::open(&root, "hereby up", now()).unwrap();
    match DataDir::open(&root, "hereby serve", now()) {
        Err(error @ CannotLock::Held { .. }) => {
            let said = error.to_string();
            let process = format!("process {} (`hereby up`, since 2017-", std::process::id());
            assert!(said.contains(&process), "{said}");
        }
        other => panic!("{other:?}"),
    }
    let holder = DataDir::holder(&root).unwrap().unwrap().unwrap();
    assert_eq!(
        (holder.pid, holder.runs.as_str()),
        (std::process::id(), "hereby up")
    );
    // Reading needs no lock.
    assert!(!DataDir::read_only(&root).is_writable());
    drop(first);
    assert_eq!(DataDir::holder(&root).unwrap(), None);
    DataDir::open(&root, "hereby serve", now()).unwrap();
}

#[test]
fn everything_in_it_is_its_owners_alone() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("data");
    let dir = DataDir::open(&root, "hereby up", now()).unwrap();
    for directory in dir.paths().directories() {
        assert_eq!(mode(&directory), 0o700, "{}", directory.display());
    }
    assert_eq!(mode(&dir.paths().lock()), 0o600);
}

#[test]
fn a_directory_of_others_is_not_taken_over() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("shared");
    std::fs::create_dir(&root).unwrap();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&root, open.clone()).unwrap();
    std::fs::write(root.join("letter"), b"not ours").unwrap();
    assert!(matches!(
        DataDir::open(&root, "hereby up", now()),
        Err(CannotLock::NotOurs(_))
    ));
    assert_eq!(mode(&root), 0o755);
    // Not with a configuration beside it either.
    std::fs::write(root.join("hereby.toml"), b"").unwrap();
    assert!(matches!(
        DataDir::open(&root, "hereby up", now()),
        Err(CannotLock::NotOurs(_))
    ));
    std::fs::remove_file(root.join("hereby.toml")).unwrap();
    // An empty one is, and is closed to others.
    std::fs::remove_file(root.join("letter")).unwrap();
    drop(DataDir::open(&root, "hereby up", now()).unwrap());
    assert_eq!(mode(&root), 0o700);
    std::fs::set_permissions(&root, open).unwrap();
    drop(DataDir::open(&root, "hereby up", now()).unwrap());
    assert_eq!(mode(&root), 0o700);
}

#[test]
fn a_directory_with_nothing_but_a_configuration_is_taken_and_closed_to_others() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("prepared");
    std::fs::create_dir(&root).unwrap();
    std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(root.join("hereby.toml"), b"[record]\n").unwrap();
    drop(DataDir::open(&root, "hereby up", now()).unwrap());
    assert_eq!(mode(&root), 0o700);
    assert_eq!(
        std::fs::read(root.join("hereby.toml")).unwrap(),
        b"[record]\n"
    );
}
