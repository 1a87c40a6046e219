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

/// Where a person's keys are.
pub(super) struct Keys {
    dir: PathBuf,
}

impl Keys {
    /// Those of the person who runs this.
    pub(super) fn of_user() -> Result<Keys, Failure> {
        Ok(Keys {
            dir: place::config_dir()?,
        })
    }

    /// Makes a key and keeps it. An existing file is never written over.
    pub(super) fn make(&self, name: &Name) -> Result<(PathBuf, VerifierKey), Failure> {
        let mut seed = [0; 32];
        aws_lc_rs::rand::fill(&mut seed)
            .map_err(|_| Failure::new(Exit::Internal, "the system gives no random bytes"))?;
        let key = SignerKey::from_seed(name.as_str(), Algorithm::Ed25519, seed)
            .map_err(|error| Failure::from(anyhow::Error::new(error)))?;
        let dir = &self.dir;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|error| {
                Failure::usage(format!("cannot make the directory {}", dir.display()))
                    .because(error)
            })?;
        let path = self.path(name);
        write_new(&path, &key.to_skey())?;
        Ok((path, key.verifier().clone()))
    }

    /// The public half of the key with this name.
    pub(super) fn verifier(&self, name: &Name) -> Result<VerifierKey, Failure> {
        Ok(self.read(name)?.0.verifier().clone())
    }

    /// The key with this name, ready to sign notes.
    pub(super) fn signer_of_notes(&self, name: &Name) -> Result<SignerKey, Failure> {
        Ok(self.read(name)?.0)
    }

    /// The key with this name, ready to sign commands.
    pub(super) fn signer(&self, name: &Name) -> Result<Ed25519KeyPair, Failure> {
        let (_, text) = self.read(name)?;
        // It was read as a key: PRIVATE+KEY+name+id+base64, where base64 may hold a plus itself.
        let wrong = || Failure::new(Exit::Internal, format!("the key {name} can't be used"));
        let encoded = text.trim().splitn(5, '+').last().ok_or_else(wrong)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| wrong())?;
        // The type's byte, then the seed.
        let seed = bytes.get(1..).ok_or_else(wrong)?;
        Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| wrong())
    }

    fn path(&self, name: &Name) -> PathBuf {
        self.dir.join(format!("{name}.key"))
    }

    fn read(&self, name: &Name) -> Result<(SignerKey, String), Failure> {
        let path = self.path(name);
        let cannot = |error: std::io::Error| {
            Failure::usage(format!("cannot read the key {}", path.display()))
                .because(error)
                .hint(format!("make it: hereby key new {name}"))
        };
        let file = std::fs::File::open(&path).map_err(cannot)?;
        let mode = file.metadata().map_err(cannot)?.mode();
        if mode & 0o077 != 0 {
            return Err(
                Failure::usage(format!("the key {} is open to others", path.display()))
                    .because("what others could read may sign in your name")
                    .hint(format!("if nobody did: chmod 600 {}", path.display())),
            );
        }
        let mut text = String::new();
        file.take(FILE_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(cannot)?;
        let key = SignerKey::parse(text.trim()).map_err(|error| {
            Failure::usage(format!("{} holds no key", path.display())).because(error)
        })?;
        Ok((key, text))
    }
}

/// Writes a secret to a file that did not exist, readable by its owner alone, and syncs it.
pub(super) fn write_new(path: &Path, secret: &str) -> Result<(), Failure> {
    write_new_bytes(path, format!("{secret}\n").as_bytes())
}

/// The same with any bytes.
pub(super) fn write_new_bytes(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| {
        Failure::usage(format!("cannot write {}", path.display())).because(error)
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(cannot)?;
    file.write_all(bytes).map_err(cannot)?;
    file.sync_all().map_err(cannot)
}

#[cfg(test)]
mod tests;
