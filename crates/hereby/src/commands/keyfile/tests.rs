//! A key that was made signs; one that others could read does not.

use std::os::unix::fs::PermissionsExt as _;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

use super::{Keys, write_new};
use crate::exit::Exit;

fn keys() -> (tempfile::TempDir, Keys) {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("hereby");
    (home, Keys { dir })
}

#[test]
fn a_key_that_was_made_signs_what_its_public_half_verifies() {
    // Base64 holds a plus in two of three keys: ten of them are enough to meet one.
    let (_home, keys) = keys();
    for number in 0..10 {
        let name = format!("sam-{number}").parse().unwrap();
        let (path, vkey) = keys.make(&name).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(keys.verifier(&name).unwrap(), vkey);
        let signature = keys.signer(&name).unwrap().sign(b"a command");
        UnparsedPublicKey::new(&ED25519, vkey.public_key())
            .verify(b"a command", signature.as_ref())
            .unwrap();
    }
    let mode = keys.dir.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_key_is_never_written_over() {
    let (_home, keys) = keys();
    let name = "sam".parse().unwrap();
    let (_, first) = keys.make(&name).unwrap();
    assert_eq!(keys.make(&name).unwrap_err().exit, Exit::Usage);
    assert_eq!(keys.verifier(&name).unwrap(), first);
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let (_home, keys) = keys();
    let name = "sam".parse().unwrap();
    let (path, _) = keys.make(&name).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let failure = keys.signer(&name).map(drop).unwrap_err();
    assert_eq!(failure.exit, Exit::Usage);
    assert!(failure.hints[0].contains("chmod 600"), "{failure:?}");
}

#[test]
fn what_is_no_key_is_said_to_be_none() {
    let (home, keys) = keys();
    let name = "sam".parse().unwrap();
    let failure = keys.signer(&name).map(drop).unwrap_err();
    assert!(
        failure.hints[0].contains("hereby key new sam"),
        "{failure:?}"
    );
    std::fs::create_dir_all(&keys.dir).unwrap();
    write_new(&keys.path(&name), "hby_not-a-key").unwrap();
    assert!(keys.signer(&name).is_err());
    drop(home);
}
