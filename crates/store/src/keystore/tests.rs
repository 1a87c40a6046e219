//! Keys are durable, the same for ever, and nobody else's.

use std::os::unix::fs::PermissionsExt as _;

use base::KeyRef;
use engine::ports::Keystore as _;

use super::{CannotLoadKey, Keystore, Presence, digest_key, log_key, make_log_key};
use crate::tests::Place;

fn name(text: &str) -> KeyRef {
    text.parse().unwrap()
}

fn open_to_others(path: &std::path::Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o640)).unwrap();
}

#[test]
fn a_key_is_made_once_and_found_again() {
    let place = Place::new();
    drop(place.lock());
    let keystore = Keystore::new(&place.paths());
    let error = keystore.find(&name("incident/INC-7")).unwrap_err();
    assert!(error.to_string().contains("is empty"), "{error}");
    let seven = keystore.ensure(&name("incident/INC-7")).unwrap();
    assert!(keystore.find(&name("incident/INC-8")).unwrap().is_none());
    let eight = keystore.ensure(&name("incident/INC-8")).unwrap();
    assert_ne!(seven.expose(), eight.expose());
    assert_ne!(seven.expose(), &[0; 32]);
    // A later process, without what this one remembers.
    let keystore = Keystore::new(&place.paths());
    assert_eq!(
        keystore.find(&name("incident/INC-7")).unwrap().unwrap(),
        seven
    );
    assert_eq!(keystore.ensure(&name("incident/INC-8")).unwrap(), eight);
    assert_eq!(
        keystore.list().unwrap(),
        [name("incident/INC-7"), name("incident/INC-8")]
    );
    for file in std::fs::read_dir(place.paths().keystore()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(file.file_name().len(), 64);
    }
}

/// A directory that was configured and not made refused every private incident.
#[test]
fn a_directory_that_is_not_there_is_made_with_the_first_key_and_missed_before() {
    let place = Place::new();
    let directory = place.paths().root().join("elsewhere/keys");
    let keystore = Keystore::at(directory.clone());
    assert_eq!(keystore.presence().unwrap(), Presence::Missing);
    let error = keystore.find(&name("incident/INC-7")).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    let said = error.to_string();
    assert!(said.contains("elsewhere/keys is not there"), "{said}");
    keystore.ensure(&name("incident/INC-7")).unwrap();
    assert_eq!(keystore.presence().unwrap(), Presence::Keys);
    let mode = std::fs::metadata(&directory).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    // Lost as a whole, it does not look as if keys had been erased.
    std::fs::remove_dir_all(&directory).unwrap();
    std::fs::create_dir(&directory).unwrap();
    std::fs::create_dir(directory.join("lost+found")).unwrap();
    let fresh = Keystore::at(directory);
    assert_eq!(fresh.presence().unwrap(), Presence::Empty);
    assert!(fresh.list().unwrap().is_empty());
    let error = fresh.key(&name("incident/INC-7")).unwrap_err();
    assert!(matches!(error, CannotLoadKey::Lost { .. }), "{error}");
}

#[test]
fn threads_that_want_the_same_key_get_the_same() {
    let place = Place::new();
    drop(place.lock());
    let keystore = Keystore::new(&place.paths());
    let keys: Vec<[u8; 32]> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| *keystore.ensure(&name("incident/INC-1")).unwrap().expose()))
            .collect();
        all.into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]));
    let again = Keystore::new(&place.paths())
        .find(&name("incident/INC-1"))
        .unwrap()
        .unwrap();
    assert_eq!(again.expose(), &keys[0]);
}

#[test]
fn a_damaged_moved_or_readable_key_is_not_used_and_not_replaced() {
    let place = Place::new();
    drop(place.lock());
    let keystore = Keystore::new(&place.paths());
    keystore.ensure(&name("incident/INC-7")).unwrap();
    keystore.ensure(&name("incident/INC-8")).unwrap();
    let (seven, eight) = (
        keystore.path(&name("incident/INC-7")),
        keystore.path(&name("incident/INC-8")),
    );
    let whole = std::fs::read(&seven).unwrap();
    let fresh = || Keystore::new(&place.paths());
    std::fs::copy(&eight, &seven).unwrap();
    let error = fresh().ensure(&name("incident/INC-7")).unwrap_err();
    assert!(error.to_string().contains("another key"), "{error}");
    std::fs::write(&seven, &whole[..whole.len() / 2]).unwrap();
    assert!(fresh().ensure(&name("incident/INC-7")).is_err());
    std::fs::write(&seven, &whole).unwrap();
    fresh().ensure(&name("incident/INC-7")).unwrap();
    open_to_others(&seven);
    let error = fresh().find(&name("incident/INC-7")).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
}

#[test]
fn the_logs_keys_are_kept_and_not_shown() {
    let place = Place::new();
    drop(place.lock());
    let path = place.paths().log_key();
    assert!(log_key(&path).unwrap().is_none());
    let made = make_log_key(&path, "record.example/hereby").unwrap();
    let loaded = log_key(&path).unwrap().unwrap();
    assert_eq!(made.verifier(), loaded.verifier());
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    open_to_others(&path);
    assert!(matches!(
        log_key(&path),
        Err(CannotLoadKey::Exposed { mode: 0o640, .. })
    ));
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, b"PRIVATE+KEY+nonsense\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(log_key(&path), Err(CannotLoadKey::Damaged { .. })));
}

#[test]
fn the_digest_key_stays_the_same() {
    let place = Place::new();
    drop(place.lock());
    let actor = base::Actor::Person {
        id: "sam".parse().unwrap(),
    };
    let digest = |key| record::command::digest(&key, &actor, b"{}");
    let first = digest(digest_key(&place.paths()).unwrap());
    assert_eq!(digest(digest_key(&place.paths()).unwrap()), first);
    open_to_others(&place.paths().digest_key());
    assert!(digest_key(&place.paths()).is_err());
}
