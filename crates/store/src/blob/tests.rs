//! Blobs are found by their digest, whole or not at all.

use record::hash::{EMPTY_ROOT, sha256};

use super::{BLOB_BYTES_MAX, Blobs};
use crate::tests::Place;

#[test]
fn a_blob_is_what_its_name_says() {
    let place = Place::new();
    drop(place.lock());
    let blobs = Blobs::new(&place.paths());
    let digest = blobs.put(b"the cron table of host 7").unwrap();
    assert_eq!(digest, sha256(&[b"the cron table of host 7"]));
    assert_eq!(blobs.put(b"the cron table of host 7").unwrap(), digest);
    assert_eq!(
        blobs.open(&digest).unwrap().unwrap(),
        b"the cron table of host 7"
    );
    assert_eq!(blobs.open(&sha256(&[b"nothing"])).unwrap(), None);
    assert_eq!(blobs.put(b"").unwrap(), EMPTY_ROOT);
    // A changed one is not shown, and is put right by who still has it.
    std::fs::write(blobs.path(&digest), b"something else").unwrap();
    assert_eq!(
        blobs.open(&digest).unwrap_err().kind(),
        std::io::ErrorKind::InvalidData
    );
    blobs.put(b"the cron table of host 7").unwrap();
    assert_eq!(
        blobs.open(&digest).unwrap().unwrap(),
        b"the cron table of host 7"
    );
}

#[test]
fn a_blob_has_a_limit() {
    let place = Place::new();
    drop(place.lock());
    let blobs = Blobs::new(&place.paths());
    let mut bytes = vec![7; BLOB_BYTES_MAX];
    let digest = blobs.put(&bytes).unwrap();
    assert_eq!(blobs.open(&digest).unwrap().unwrap().len(), BLOB_BYTES_MAX);
    bytes.push(7);
    assert_eq!(
        blobs.put(&bytes).unwrap_err().kind(),
        std::io::ErrorKind::FileTooLarge
    );
    assert!(!blobs.path(&sha256(&[&bytes])).exists());
}
