//! The manifest: one signature for every byte.

use base::Timestamp;
use record::hash;
use record::note::{Algorithm, SignerKey};

use super::{Told, at, options};
use crate::Site;
use crate::manifest::{BadManifest, Manifest, list, read_list};

fn key(name: &str) -> SignerKey {
    SignerKey::from_seed(name, Algorithm::Ed25519, [7; 32]).unwrap()
}

fn manifest(list: &[u8]) -> Manifest {
    Manifest {
        site: "https://status.example.org".to_owned(),
        sequence: 42,
        issued: at(0),
        expires: at(15),
        list_hash: hash::sha256(&[list]),
        list_bytes: list.len() as u64,
        said: [base::ActId::from_bytes([3; 16])].into(),
    }
}

#[test]
fn what_was_signed_is_read_and_what_was_changed_is_not() {
    let mut told = Told::default();
    told.component(0, "x", "X");
    let mut site = Site::new(options()).unwrap();
    site.build(&told.page, Timestamp::from_ms(super::MORNING), 0);
    let list = list(site.files());
    let key = key("test.example/status");
    let trusted = [key.verifier().clone()];
    let note = manifest(list.as_bytes()).sign(&key).unwrap().to_string();
    let read = Manifest::verify(note.as_bytes(), &trusted).unwrap();
    assert_eq!(read, manifest(list.as_bytes()));
    assert_eq!(
        read.check_list(list.as_bytes()).unwrap().len(),
        site.files().len()
    );

    let changed = list.replacen("index", "indez", 1);
    assert_eq!(read.check_list(changed.as_bytes()), Err(BadManifest::List));
    let forged = note.replace("sequence 42", "sequence 43");
    let forged = Manifest::verify(forged.as_bytes(), &trusted);
    assert!(
        matches!(forged, Err(BadManifest::Signature(_))),
        "{forged:?}"
    );
    let stranger = [key_of_another().verifier().clone()];
    let strange = Manifest::verify(note.as_bytes(), &stranger);
    assert!(matches!(strange, Err(BadManifest::Signature(_))));
}

fn key_of_another() -> SignerKey {
    SignerKey::from_seed("other.example/status", Algorithm::Ed25519, [8; 32]).unwrap()
}

#[test]
fn no_path_leads_out_of_the_site() {
    let hash = "0".repeat(64);
    for path in [
        "../x",
        "/etc/passwd",
        "a/../b",
        "a//b",
        ".hidden",
        "a/.b",
        "",
        "a b",
        "a\\b",
    ] {
        let text = format!("{hash}  {path}\n");
        assert_eq!(read_list(&text), Err(BadManifest::Line(1)), "{path}");
    }
    let twice = format!("{hash}  a\n{hash}  a\n");
    assert_eq!(read_list(&twice), Err(BadManifest::Line(2)));
    assert_eq!(
        read_list(&format!("{hash}  de/incidents/ab.html\n"))
            .unwrap()
            .len(),
        1
    );
}
