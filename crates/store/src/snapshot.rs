//! States kept for the next start, so that it need not fold every act.
//!
//! Derived and never trusted silently: one is used only if it is whole and its root is the
//! record's at its size. What the state is, and its version, is the engine's.

use std::fs;
use std::io;
use std::path::PathBuf;

use record::hash::{self, Hash};
use serde::{Deserialize, Serialize};

use crate::durable::{self, FileError, Keep};
use crate::layout::{Paths, parse_segment_name, segment_name};
use crate::read::Reader;

/// How many are kept: the newest, and one more should it be damaged.
const KEPT: usize = 2;

/// The longest that is read.
const SNAPSHOT_BYTES_MAX: u64 = 1 << 30;

/// The snapshots of one record.
#[derive(Debug)]
pub struct Snapshots {
    directory: PathBuf,
    reader: Reader,
}

/// The first line of a snapshot; the state follows.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    root: Hash,
    sha256: Hash,
    size: u64,
}

/// Why a snapshot is not used.
#[derive(Debug, thiserror::Error)]
enum Unused {
    #[error("it is gone")]
    Gone,
    #[error("it is damaged: {0}")]
    Damaged(String),
    #[error("it covers {0} entries, more than there are")]
    Ahead(u64),
    #[error("its root is not the record's: it is of another record, or was changed")]
    Foreign,
    #[error("the record's root at its size can't be computed: {0}")]
    Unknown(String),
    #[error(transparent)]
    File(#[from] FileError),
}

impl Snapshots {
    /// The snapshots of the record that `reader` reads.
    pub fn new(paths: &Paths, reader: Reader) -> Snapshots {
        Snapshots {
            directory: paths.snapshots(),
            reader,
        }
    }

    /// The state that was kept at this size, whole and of this record; `None` when it has gone, or
    /// nobody can tell whether it is of this record.
    ///
    /// # Errors
    /// What is wrong with it, to be said behind "the snapshot of so many acts".
    pub fn kept_at(&self, size: u64) -> Result<Option<Vec<u8>>, String> {
        match self.load(size) {
            Ok(state) => Ok(Some(state)),
            Err(Unused::Gone | Unused::Unknown(_) | Unused::Ahead(_)) => Ok(None),
            Err(Unused::File(error)) => Err(format!("can't be read: {}", error.source)),
            Err(Unused::Damaged(why)) => Err(format!("is damaged: {why}")),
            Err(Unused::Foreign) => Err(format!("is no good: {}", Unused::Foreign)),
        }
    }

    /// The sizes of the snapshots there are, newest first.
    ///
    /// # Errors
    /// When they can't be listed.
    pub fn sizes(&self) -> Result<Vec<u64>, FileError> {
        let names = match fs::read_dir(&self.directory) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(FileError::new("list", &self.directory)(error)),
        };
        let mut sizes = Vec::new();
        for name in names {
            let name = name
                .map_err(FileError::new("list", &self.directory))?
                .file_name();
            let parsed = name.to_str().and_then(parse_segment_name);
            sizes.extend(
                parsed
                    .filter(|(_, ending)| *ending == "json")
                    .map(|(size, _)| size),
            );
        }
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        Ok(sizes)
    }

    fn path(&self, size: u64) -> PathBuf {
        self.directory.join(segment_name(size, "json"))
    }

    fn load(&self, size: u64) -> Result<Vec<u8>, Unused> {
        let damaged = |why: &dyn std::fmt::Display| Unused::Damaged(why.to_string());
        let bytes = durable::read_bounded(&self.path(size), SNAPSHOT_BYTES_MAX)?;
        let mut bytes = bytes.ok_or(Unused::Gone)?;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let state = bytes.split_off(end.ok_or_else(|| damaged(&"it has no header"))? + 1);
        let header: Header = serde_json::from_slice(&bytes).map_err(|error| damaged(&error))?;
        if header.size != size {
            return Err(damaged(&"it lies under the name of another"));
        }
        if hash::sha256(&[&state]) != header.sha256 {
            return Err(damaged(&"its state is not the one that was kept"));
        }
        if size > self.reader.durable() {
            return Err(Unused::Ahead(size));
        }
        let root = self
            .reader
            .root_at(size)
            .map_err(|error| Unused::Unknown(error.to_string()))?;
        if root == header.root {
            Ok(state)
        } else {
            Err(Unused::Foreign)
        }
    }
}

impl engine::ports::Snapshots for Snapshots {
    fn save(&self, size: u64, root: &Hash, state: &[u8]) -> io::Result<()> {
        let header = Header {
            root: *root,
            sha256: hash::sha256(&[state]),
            size,
        };
        let mut bytes = serde_json::to_vec(&header)?;
        bytes.push(b'\n');
        bytes.extend_from_slice(state);
        durable::make_dir(&self.directory)?;
        durable::replace(&self.path(size), &bytes, Keep::Durable)?;
        for old in self.sizes()?.into_iter().skip(KEPT) {
            let path = self.path(old);
            fs::remove_file(&path).map_err(FileError::new("remove", &path))?;
        }
        Ok(())
    }

    fn newest(&self) -> Option<(u64, Vec<u8>)> {
        let sizes = match self.sizes() {
            Ok(sizes) => sizes,
            Err(error) => {
                tracing::warn!(%error, "snapshots can't be listed; the start takes longer");
                return None;
            }
        };
        for size in sizes {
            match self.load(size) {
                Ok(state) => return Some((size, state)),
                Err(why) => {
                    tracing::warn!(size, %why, "a snapshot is passed over; the start takes longer");
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
