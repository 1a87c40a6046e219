//! Backups: a copy of the record up to a signed checkpoint, made while hereby runs, and back.
//!
//! A backup has the layout of a data directory, and beside it a manifest that was written last: every
//! file with its length and SHA-256, and the signed checkpoint. Segments only grow and blobs never
//! change, so the next backup into the same directory copies what is new; until its manifest is
//! there, the one before it still holds. Keys are backed up apart ([`back_up_keys`]), or erasing one
//! would be a fiction. What can be made again (tiles, indexes, snapshots) is left out, except where
//! that takes archived segments.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

use base::Timestamp;
use engine::ports::ReadError;
use record::canonical;
use record::hash::Hash;
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::durable::{self, FileError, Keep};
use crate::keystore::CannotLoadKey;
use crate::recover::CannotOpen;

mod check;
mod copy;
mod keys;
mod restore;
mod take;

pub use check::{check_backup, check_keys};
pub use keys::{KeysBackedUp, back_up_keys};
pub use restore::{Restored, Restoring, restore};
pub use take::{BackedUp, back_up};

/// Settings may lie in a data directory before it is one.
const SETTINGS: &str = "hereby.toml";

/// The name of a manifest.
const MANIFEST: &str = "manifest.json";

/// Held while a backup is made; also says that a directory without a manifest is a backup that was
/// begun.
const LOCK: &str = "backup.lock";

/// The longest manifest that is read: a million blobs.
const MANIFEST_BYTES_MAX: u64 = 256 << 20;

/// The version of both manifests.
const VERSION: u32 = 1;
/// The version of a backup of keys: 2 also has what others pin.
const KEYS_VERSION: u32 = 2;

/// One file of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// How many of its bytes belong to the backup. A segment may be longer: what is behind is of a
    /// later backup that did not end.
    pub bytes: u64,
    /// SHA-256 of these.
    pub sha256: Hash,
}

/// Files by their path in the data directory.
pub(crate) type Files = BTreeMap<String, Kept>;

/// What a backup of a record holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The signed note (C2SP tlog-checkpoint) that covers all of it.
    pub checkpoint: String,
    /// Every file.
    pub files: BTreeMap<String, Kept>,
    /// The version of this form.
    hereby_backup: u32,
    /// When it was made.
    pub made_at: Timestamp,
    /// The log's name.
    pub origin: String,
    /// The checkpoint that the tiles are of; `checkpoint` itself where none are needed.
    published: String,
    /// The tree's root.
    pub root: Hash,
    /// What `hereby.toml` said, if there was one.
    settings: Option<String>,
    /// How many entries it has.
    pub size: u64,
}

/// What a backup of keys holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysManifest {
    /// Every file.
    pub files: BTreeMap<String, Kept>,
    /// The version of this form.
    hereby_keys_backup: u32,
    /// When it was made.
    pub made_at: Timestamp,
    /// The name of the log that the keys are of.
    pub origin: String,
}

/// How far a backup, a check or a restore is, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Bytes read so far.
    pub done: u64,
    /// Bytes to read.
    pub all: u64,
}

/// A backup that is not what its manifest says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", path.display())]
pub struct Damaged {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub what: String,
}

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum CannotBackUp {
    /// The directory has other things in it.
    #[error("{} is not empty, and no backup", .0.display())]
    Occupied(PathBuf),
    /// There is no backup there.
    #[error("{} holds no whole backup: there is no manifest", .0.display())]
    NoBackup(PathBuf),
    /// Another process makes a backup there.
    #[error("another backup is being made in {}", .0.display())]
    Busy(PathBuf),
    /// One directory lies in another: what must be apart would not be.
    #[error("{} and {} are not apart: one lies in the other", .0.display(), .1.display())]
    NotApart(PathBuf, PathBuf),
    /// A backup of one log, and another log.
    #[error("{} is of the log {found}, not of {expected}", path.display())]
    OtherLog {
        /// The backup.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// The backup there reaches further, or is of another history.
    #[error(
        "the backup has {backup} entries that are not the first {backup} of the record's {record}"
    )]
    OtherHistory {
        /// Entries in the backup.
        backup: u64,
        /// Entries in the record.
        record: u64,
    },
    /// Keys that are not in the keystore any more would be removed from their backup.
    #[error("{} are in the backup {} and not in the keystore", .0.join(", "), .1.display())]
    Gone(Vec<String>, PathBuf),
    /// The log's key is not the one that signed the checkpoint.
    #[error("{} did not sign the newest checkpoint of the backup: it is older or newer", .0.display())]
    OtherKey(PathBuf),
    /// Nothing on the record is signed yet.
    #[error("nothing on the record is signed yet")]
    Unsigned,
    /// The record, or a backup, is damaged.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// The record can't be opened.
    #[error(transparent)]
    Open(#[from] CannotOpen),
    /// An entry can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A key can't be read.
    #[error(transparent)]
    Key(#[from] CannotLoadKey),
    /// The operating system said no.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Manifest {
    /// Writes what is in the manifest itself where a data directory has it.
    fn write_beside(&self, directory: &Path) -> Result<(), FileError> {
        let checkpoint = crate::layout::Paths::new(directory).checkpoint();
        durable::make_dir(durable::parent(&checkpoint))?;
        durable::replace(&checkpoint, self.published.as_bytes(), Keep::Durable)?;
        let settings = directory.join(SETTINGS);
        match &self.settings {
            Some(text) => durable::replace(&settings, text.as_bytes(), Keep::Durable),
            None => {
                durable::forget(&settings);
                Ok(())
            }
        }
    }
}

/// Takes the directory of a backup, and makes it if it is not there. Dropping the file lets go.
fn take_directory(to: &Path) -> Result<File, CannotBackUp> {
    durable::make_dir(to)?;
    let (lock, manifest) = (to.join(LOCK), to.join(MANIFEST));
    if !lock.exists() && !manifest.exists() && !is_empty(to, &[])? {
        return Err(CannotBackUp::Occupied(to.to_owned()));
    }
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&lock)
        .map_err(FileError::new("open", &lock))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(CannotBackUp::Busy(to.to_owned())),
        Err(error) => Err(FileError::new("lock", &lock)(error.into()).into()),
    }
}

/// Whether a directory has nothing in it but these, and what a file system keeps for itself.
fn is_empty(directory: &Path, but: &[&str]) -> Result<bool, FileError> {
    let names = std::fs::read_dir(directory).map_err(FileError::new("list", directory))?;
    for name in names {
        let name = name.map_err(FileError::new("list", directory))?.file_name();
        let expected = name.to_str().is_some_and(|name| but.contains(&name));
        if name != "lost+found" && !expected {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `Err` unless neither directory lies in the other.
fn must_be_apart(one: &Path, other: &Path) -> Result<(), CannotBackUp> {
    let real = |path: &Path| {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        // Of a directory that is not there yet, the part that is.
        let there = absolute
            .ancestors()
            .find_map(|it| Some((it, it.canonicalize().ok()?)));
        match there {
            Some((it, found)) => found.join(absolute.strip_prefix(it).unwrap_or(Path::new(""))),
            None => absolute,
        }
    };
    let (a, b) = (real(one), real(other));
    if a.starts_with(&b) || b.starts_with(&a) {
        return Err(CannotBackUp::NotApart(one.to_owned(), other.to_owned()));
    }
    Ok(())
}

/// Reads a manifest; `None` when there is none.
fn read_manifest<T: DeserializeOwned>(directory: &Path) -> Result<Option<T>, CannotBackUp> {
    let path = directory.join(MANIFEST);
    let Some(text) = durable::read_bounded(&path, MANIFEST_BYTES_MAX)? else {
        return Ok(None);
    };
    let manifest = serde_json::from_slice(&text);
    let damaged = |what: String| Damaged { path, what };
    Ok(Some(manifest.map_err(|error| {
        damaged(format!("it is no manifest of this version: {error}"))
    })?))
}

fn write_manifest(directory: &Path, manifest: &impl Serialize) -> Result<(), CannotBackUp> {
    let path = directory.join(MANIFEST);
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let mut text = canonical::to_vec(manifest)
        .map_err(invalid)
        .map_err(FileError::new("describe", &path))?;
    text.push(b'\n');
    Ok(durable::replace(&path, &text, Keep::Durable)?)
}

/// Refuses files that a manifest may not name: nothing is read or written elsewhere.
fn check_names(directory: &Path, files: &Files, roots: &[&str]) -> Result<(), Damaged> {
    let is_plain = |name: &str| {
        let path = Path::new(name);
        let normal = |part: Component<'_>| matches!(part, Component::Normal(_));
        path.components().all(normal)
            && roots.iter().any(|root| name.starts_with(root))
            && !name.ends_with('/')
    };
    match files.keys().find(|name| !is_plain(name)) {
        None => Ok(()),
        Some(name) => Err(Damaged {
            path: directory.join(MANIFEST),
            what: format!("`{name}` is no file of a backup"),
        }),
    }
}

#[cfg(test)]
mod tests;
