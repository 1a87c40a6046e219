//! Keys: those of subjects, the log's, and the one of command digests.
//!
//! A subject's key is durable before anything that is sealed under it is written, or a crash would
//! leave text that nobody can ever read. Every file is its owner's alone (0600). Secrets are never
//! logged; the text they were read from is overwritten. Copies of erased keys are elsewhere and not
//! known here. A keystore without
//! any key is not one whose keys were erased: it was lost, and whoever asks it is told.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base::KeyRef;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use record::command::DigestKey;
use record::hash;
use record::note::{Algorithm, BadKey, KEY_BYTES, SignerKey};
use record::sealed::SubjectKey;
use serde::{Deserialize, Serialize};

use crate::durable::{self, FileError, Keep};
use crate::layout::Paths;

/// The longest key file that is read.
const KEY_FILE_BYTES_MAX: u64 = 4_096;

/// Ends the name of the mark that an erased key leaves.
const ERASED: &str = "erased";

/// How many keys are kept in memory, so that sealing a note needs no file.
const CACHED_MAX: usize = 1_024;

/// Why a key can't be loaded.
#[derive(Debug, thiserror::Error)]
pub enum CannotLoadKey {
    /// It should be there and is not.
    #[error("the key {} is missing; restore it from its backup", .0.display())]
    Missing(PathBuf),
    /// Others may read it.
    #[error(
        "the key {} can be read by others (mode {mode:o}); it may be known to them. If it is not, \
         `chmod 600` it", path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a key.
    #[error("the key {} is damaged: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A key is asked for, and the keystore holds none at all: it was lost, or is not mounted.
    #[error(
        "the keystore {} {why}: that erases nothing. Mount it, restore it, or name it \
         (record.keystore)", directory.display()
    )]
    Lost {
        /// The keystore's directory.
        directory: PathBuf,
        /// That it is not there, or that it is empty.
        why: &'static str,
    },
    /// It was erased for good: another is never made in its place.
    #[error("the key {} was erased", .0.display())]
    Erased(PathBuf),
    /// The operating system gave no randomness.
    #[error("the operating system gives no random bytes")]
    NoRandomness,
    /// The operating system said no.
    #[error(transparent)]
    File(#[from] FileError),
}

impl From<CannotLoadKey> for io::Error {
    fn from(error: CannotLoadKey) -> io::Error {
        match error {
            CannotLoadKey::File(error) => error.into(),
            CannotLoadKey::Missing(_) | CannotLoadKey::Lost { .. } => {
                io::Error::new(io::ErrorKind::NotFound, error)
            }
            CannotLoadKey::Exposed { .. } => io::Error::new(io::ErrorKind::PermissionDenied, error),
            other => io::Error::new(io::ErrorKind::InvalidData, other),
        }
    }
}

fn random() -> Result<[u8; KEY_BYTES], CannotLoadKey> {
    let mut bytes = [0; KEY_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| CannotLoadKey::NoRandomness)?;
    Ok(bytes)
}

/// Reads a secret file; `None` when it is not there.
fn read_secret(path: &Path) -> Result<Option<Vec<u8>>, CannotLoadKey> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::new("open", path)(error).into()),
    };
    let mode = file
        .metadata()
        .map_err(FileError::new("look at", path))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(CannotLoadKey::Exposed {
            path: path.to_owned(),
            mode: mode & 0o7777,
        });
    }
    let mut text = Vec::new();
    let read = file.take(KEY_FILE_BYTES_MAX).read_to_end(&mut text);
    read.map_err(FileError::new("read", path))?;
    Ok(Some(text))
}

/// Overwrites a secret that is no longer needed.
fn clear(secret: &mut [u8]) {
    secret.fill(0);
    std::hint::black_box(secret);
}

fn damaged(path: &Path) -> impl Fn(&str) -> CannotLoadKey {
    let path = path.to_owned();
    move |why| CannotLoadKey::Damaged {
        path: path.clone(),
        why: why.to_owned(),
    }
}

/// Loads the log's key; `None` when there is none.
///
/// # Errors
/// See [`CannotLoadKey`].
pub fn log_key(path: &Path) -> Result<Option<SignerKey>, CannotLoadKey> {
    let Some(mut text) = read_secret(path)? else {
        return Ok(None);
    };
    let skey = str::from_utf8(&text)
        .ok()
        .and_then(|text| text.strip_suffix('\n'));
    let key = skey.ok_or(BadKey::Format).and_then(SignerKey::parse);
    clear(&mut text);
    let key = key.map_err(|error| damaged(path)(&error.to_string()))?;
    if key.verifier().algorithm() != Algorithm::Ed25519 {
        return Err(damaged(path)("it is not one that signs checkpoints"));
    }
    Ok(Some(key))
}

/// Makes a key for the log of this name, durable at `path`.
///
/// # Errors
/// See [`CannotLoadKey`].
pub(crate) fn make_log_key(path: &Path, origin: &str) -> Result<SignerKey, CannotLoadKey> {
    let key = SignerKey::from_seed(origin, Algorithm::Ed25519, random()?)
        .map_err(|error| damaged(path)(&error.to_string()))?;
    let mut text = key.to_skey().into_bytes();
    text.push(b'\n');
    let kept = durable::replace(path, &text, Keep::Durable);
    clear(&mut text);
    kept?;
    Ok(key)
}

/// Loads the key of command digests; makes it, durable, if there is none.
///
/// # Errors
/// See [`CannotLoadKey`].
pub fn digest_key(paths: &Paths) -> Result<DigestKey, CannotLoadKey> {
    let mut bytes = ensured(&paths.digest_key())?;
    let key = DigestKey::from_bytes(&bytes);
    clear(&mut bytes);
    Ok(key)
}

/// Loads the key of links that strangers get; makes it, durable, if there is none. Without it those
/// that were sent lead nowhere, and webhooks have another secret.
///
/// # Errors
/// See [`CannotLoadKey`].
pub fn pass_key(paths: &Paths) -> Result<[u8; KEY_BYTES], CannotLoadKey> {
    ensured(&paths.pass_key())
}

/// The secret in this file; made, durable, if there is none.
fn ensured(path: &Path) -> Result<[u8; KEY_BYTES], CannotLoadKey> {
    if let Some(mut text) = read_secret(path)? {
        let bytes = decode_secret(text.strip_suffix(b"\n").unwrap_or(&text));
        clear(&mut text);
        return bytes.ok_or_else(|| damaged(path)("it is not 32 bytes in base64"));
    }
    let bytes = random()?;
    let mut text = STANDARD.encode(bytes).into_bytes();
    text.push(b'\n');
    let kept = durable::replace(path, &text, Keep::Durable);
    clear(&mut text);
    kept?;
    Ok(bytes)
}

fn decode_secret(text: &[u8]) -> Option<[u8; KEY_BYTES]> {
    let mut bytes = STANDARD.decode(text).ok()?;
    let secret = bytes.as_slice().try_into().ok();
    clear(&mut bytes);
    secret
}

/// Keys of subjects, one file for each.
#[derive(Debug)]
pub struct Keystore {
    directory: PathBuf,
    /// Also keeps two threads from making the same key.
    known: Mutex<HashMap<KeyRef, SubjectKey>>,
}

/// What there is of a keystore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// No such directory.
    Missing,
    /// A directory without a key.
    Empty,
    /// Some keys.
    Keys,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    key: KeyRef,
    secret: String,
}

impl Keystore {
    /// The keystore of a data directory.
    pub fn new(paths: &Paths) -> Keystore {
        Keystore::at(paths.keystore())
    }

    /// A keystore in this directory, such as a restored backup.
    pub fn at(directory: PathBuf) -> Keystore {
        Keystore {
            directory,
            known: Mutex::new(HashMap::new()),
        }
    }

    /// Where the keys are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What there is of it. A keystore without a key is as it was made, or was lost.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn presence(&self) -> Result<Presence, FileError> {
        let names = match fs::read_dir(&self.directory) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Presence::Missing),
            Err(error) => return Err(FileError::new("list", &self.directory)(error)),
        };
        for name in names {
            let path = name
                .map_err(FileError::new("list", &self.directory))?
                .path();
            if is_key_file(&path) || path.extension().is_some_and(|it| it == ERASED) {
                return Ok(Presence::Keys);
            }
        }
        Ok(Presence::Empty)
    }

    /// Where no key at all is, none was erased: `Err` says so.
    pub(crate) fn must_be_there(&self) -> Result<(), CannotLoadKey> {
        let lost = |why| {
            Err(CannotLoadKey::Lost {
                directory: self.directory.clone(),
                why,
            })
        };
        match self.presence()? {
            Presence::Keys => Ok(()),
            Presence::Missing => lost("is not there"),
            Presence::Empty => lost("is empty"),
        }
    }

    /// The key with this name; `None` when the keystore has others and not this one.
    ///
    /// # Errors
    /// See [`CannotLoadKey`]; [`CannotLoadKey::Lost`] when the keystore has no key at all.
    pub fn key(&self, name: &KeyRef) -> Result<Option<SubjectKey>, CannotLoadKey> {
        self.known(name, false)
    }

    /// The names of all keys, in order.
    ///
    /// # Errors
    /// When the directory or a file in it can't be read.
    pub fn list(&self) -> Result<Vec<KeyRef>, CannotLoadKey> {
        let mut keys = Vec::new();
        for path in self.files()? {
            if let Some((name, _)) = self.load(&path)? {
                keys.push(name);
            }
        }
        keys.sort();
        Ok(keys)
    }

    /// The files that keys are in.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>, FileError> {
        let names = match fs::read_dir(&self.directory) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(FileError::new("list", &self.directory)(error)),
        };
        let mut files = Vec::new();
        for name in names {
            let path = name
                .map_err(FileError::new("list", &self.directory))?
                .path();
            if is_key_file(&path) {
                files.push(path);
            }
        }
        Ok(files)
    }

    /// What the key in this file is called, if it is whole.
    pub(crate) fn name_in(&self, path: &Path) -> Option<KeyRef> {
        self.load(path).ok()?.map(|(name, _)| name)
    }

    /// The file that the key with this name is in, if there is one.
    pub(crate) fn path(&self, name: &KeyRef) -> PathBuf {
        let digest = hash::sha256(&[name.as_str().as_bytes()]);
        let hex: String = digest.0.iter().map(|byte| format!("{byte:02x}")).collect();
        self.directory.join(hex)
    }

    fn load(&self, path: &Path) -> Result<Option<(KeyRef, SubjectKey)>, CannotLoadKey> {
        let Some(mut text) = read_secret(path)? else {
            return Ok(None);
        };
        let file = serde_json::from_slice::<KeyFile>(&text);
        clear(&mut text);
        let mut file = file.map_err(|_| damaged(path)("it is not of its form"))?;
        let secret = decode_secret(file.secret.as_bytes());
        // The string's bytes; it is not used as text again.
        let mut spent = std::mem::take(&mut file.secret).into_bytes();
        clear(&mut spent);
        let secret = secret.ok_or_else(|| damaged(path)("the secret is not 32 bytes in base64"))?;
        if self.path(&file.key) != path {
            return Err(damaged(path)("it lies under the name of another key"));
        }
        Ok(Some((file.key, SubjectKey::from_bytes(secret))))
    }

    fn make(&self, path: &Path, name: &KeyRef) -> Result<SubjectKey, CannotLoadKey> {
        let mut bytes = random()?;
        let key = SubjectKey::from_bytes(bytes);
        let file = KeyFile {
            key: name.clone(),
            secret: STANDARD.encode(bytes),
        };
        clear(&mut bytes);
        durable::make_dir(&self.directory)?;
        let mut text =
            serde_json::to_vec(&file).map_err(|error| damaged(path)(&error.to_string()))?;
        text.push(b'\n');
        let kept = durable::replace(path, &text, Keep::Durable);
        clear(&mut text);
        if let Err(error) = kept {
            // It may be there and not be durable: the next call must not take it for a good one.
            let _ = fs::remove_file(path);
            return Err(error.into());
        }
        Ok(key)
    }

    /// Erases a key for good: its bytes are overwritten, its file removed, both durable. A mark with
    /// its name stays, so that a keystore whose last key was erased is not taken for a lost one.
    fn erase_key(&self, name: &KeyRef) -> Result<(), CannotLoadKey> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(name);
        let path = self.path(name);
        let file = match fs::OpenOptions::new().write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // There was none, or no more: none is made from now on either.
                let mark = path.with_extension(ERASED);
                if !mark.exists() {
                    durable::make_dir(&self.directory)?;
                    durable::replace(&mark, b"", Keep::Durable)?;
                }
                return Ok(());
            }
            Err(error) => return Err(FileError::new("open", &path)(error).into()),
        };
        let bytes = file.metadata().map_err(FileError::new("look at", &path))?;
        let zeros = vec![0; usize::try_from(bytes.len()).unwrap_or(0)];
        durable::replace(&path.with_extension(ERASED), b"", Keep::Durable)?;
        (&file)
            .write_all(&zeros)
            .and_then(|()| file.sync_all())
            .map_err(FileError::new("overwrite", &path))?;
        fs::remove_file(&path).map_err(FileError::new("remove", &path))?;
        Ok(durable::sync_dir(&self.directory)?)
    }

    fn known(&self, name: &KeyRef, make: bool) -> Result<Option<SubjectKey>, CannotLoadKey> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = known.get(name) {
            return Ok(Some(key.clone()));
        }
        let path = self.path(name);
        let key = match self.load(&path)? {
            Some((_, key)) => key,
            None if make && path.with_extension(ERASED).exists() => {
                return Err(CannotLoadKey::Erased(path));
            }
            None if make => self.make(&path, name)?,
            None => return self.must_be_there().map(|()| None),
        };
        if known.len() >= CACHED_MAX {
            known.clear();
        }
        known.insert(name.clone(), key.clone());
        Ok(Some(key))
    }
}

/// Whether this is a key's file: a temporary one that a crash left is no key yet, nor is what a
/// file system keeps for itself (`lost+found`).
fn is_key_file(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl engine::ports::Keystore for Keystore {
    fn ensure(&self, name: &KeyRef) -> io::Result<SubjectKey> {
        let key = self.known(name, true)?;
        key.ok_or_else(|| io::Error::other("a key that was made is missing"))
    }

    fn find(&self, name: &KeyRef) -> io::Result<Option<SubjectKey>> {
        Ok(self.known(name, false)?)
    }

    fn erase(&self, name: &KeyRef) -> io::Result<()> {
        Ok(self.erase_key(name)?)
    }
}

#[cfg(test)]
mod tests;
