//! A person's own key in a file that only they read: `$XDG_CONFIG_HOME/hereby/NAME.key`, one line
//! with a C2SP signed-note private key.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::Ed25519KeyPair;
use base::Name;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use record::note::{Algorithm, SignerKey, VerifierKey};

use crate::exit::{Exit, Failure};
use crate::place;

/// A key file holds one short line.
const FILE_BYTES_MAX: u64 = 1_024;

/// Where the key with this name is.
pub(super) fn path(name: &Name) -> Result<PathBuf, Failure> {
    Ok(place::config_dir()?.join(format!("{name}.key")))
}

/// Makes a key and keeps it. An existing file is never written over.
pub(super) fn make(name: &Name) -> Result<(PathBuf, VerifierKey), Failure> {
    let mut seed = [0; 32];
    aws_lc_rs::rand::fill(&mut seed)
        .map_err(|_| Failure::new(Exit::Internal, "the system gives no random bytes"))?;
    let key = SignerKey::from_seed(name.as_str(), Algorithm::Ed25519, seed)
        .map_err(|error| Failure::from(anyhow::Error::new(error)))?;
    let dir = place::config_dir()?;
    DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(|error| {
        Failure::usage(format!("cannot make the directory {}", dir.display())).because(error)
    })?;
    let path = path(name)?;
    write_new(&path, &key.to_skey())?;
    Ok((path, key.verifier().clone()))
}

/// Writes a secret to a file that did not exist, readable by its owner alone, and syncs it.
pub(super) fn write_new(path: &Path, secret: &str) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| {
        Failure::usage(format!("cannot write {}", path.display())).because(error)
    };
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(cannot)?;
    file.write_all(format!("{secret}\n").as_bytes()).map_err(cannot)?;
    file.sync_all().map_err(cannot)
}

/// The public half of the key with this name.
pub(super) fn verifier(name: &Name) -> Result<VerifierKey, Failure> {
    Ok(read(name)?.0.verifier().clone())
}

/// The key with this name, ready to sign commands.
pub(super) fn load(name: &Name) -> Result<Ed25519KeyPair, Failure> {
    let (_, text) = read(name)?;
    // The file was read as a key: behind the last plus stands the type byte and the seed. Base64
    // may hold a plus itself, so it is the fifth part and all behind it.
    let wrong = || Failure::new(Exit::Internal, format!("the key {name} can't be used"));
    let encoded = text.trim().splitn(5, '+').last().ok_or_else(wrong)?;
    let bytes = STANDARD.decode(encoded).map_err(|_| wrong())?;
    let seed = bytes.get(1..).ok_or_else(wrong)?;
    Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| wrong())
}

fn read(name: &Name) -> Result<(SignerKey, String), Failure> {
    let path = path(name)?;
    let cannot = |error: std::io::Error| {
        Failure::usage(format!("cannot read the key {}", path.display()))
            .because(error)
            .hint(format!("make it: hereby key new {name}"))
    };
    let file = std::fs::File::open(&path).map_err(cannot)?;
    let mode = file.metadata().map_err(cannot)?.mode();
    if mode & 0o077 != 0 {
        return Err(Failure::usage(format!("the key {} is readable by others", path.display()))
            .because("what others could read may sign in your name")
            .hint(format!("if nobody did: chmod 600 {}", path.display())));
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(cannot)?;
    let key = SignerKey::parse(text.trim()).map_err(|error| {
        Failure::usage(format!("{} holds no key", path.display())).because(error)
    })?;
    Ok((key, text))
}
