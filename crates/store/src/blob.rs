//! Files cited by acts, named by their SHA-256 under `blobs/`: what is larger than an entry may be.
//!
//! A blob is durable before the act that cites it is decided, and is compared with its name
//! whenever it is read. Which acts cite it is not known here, and nothing is encrypted.

use std::io;
use std::path::{Path, PathBuf};

use record::hash::{self, Hash};

use crate::archive;
use crate::durable::{self, FileError, Keep};
use crate::layout::Paths;

/// The longest blob, in bytes.
pub const BLOB_BYTES_MAX: usize = 8 << 20;

/// What there is of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// The bytes that its name says.
    Whole,
    /// Others.
    Changed,
    /// None.
    Missing,
}

/// The blobs of one data directory.
#[derive(Clone, Debug)]
pub struct Blobs {
    directory: PathBuf,
}

impl Blobs {
    /// The blobs of a data directory.
    pub fn new(paths: &Paths) -> Blobs {
        Blobs {
            directory: paths.blobs(),
        }
    }

    /// Keeps a blob, durably, and returns its SHA-256. A damaged one of that name is replaced.
    ///
    /// # Errors
    /// When it is longer than [`BLOB_BYTES_MAX`], or can't be made durable.
    pub fn put(&self, bytes: &[u8]) -> io::Result<Hash> {
        if bytes.len() > BLOB_BYTES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "a blob has at most 8 MiB",
            ));
        }
        let sha256 = hash::sha256(&[bytes]);
        let path = self.path(&sha256);
        durable::make_dir(durable::parent(&path))?;
        if !is_kept(&path, bytes) {
            durable::replace(&path, bytes, Keep::Durable)?;
        }
        Ok(sha256)
    }

    /// The blob with this SHA-256, if there is one.
    ///
    /// # Errors
    /// When it can't be read, or its bytes have another hash.
    pub fn open(&self, sha256: &Hash) -> io::Result<Option<Vec<u8>>> {
        let path = self.path(sha256);
        let Some(bytes) = durable::read_bounded(&path, BLOB_BYTES_MAX as u64)? else {
            return Ok(None);
        };
        if hash::sha256(&[&bytes]) != *sha256 {
            let what = format!("{} is damaged: its SHA-256 is not its name", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(Some(bytes))
    }

    /// Whether the blob with this SHA-256 is there and whole. It is read piece by piece.
    ///
    /// # Errors
    /// When it can't be read.
    pub(crate) fn look_at(&self, sha256: &Hash) -> Result<Kept, FileError> {
        let path = self.path(sha256);
        // A longer file is another one, and nobody waits for terabytes to be told so.
        let long = |path: &Path| {
            path.metadata()
                .is_ok_and(|it| it.len() > BLOB_BYTES_MAX as u64)
        };
        if long(&path) {
            return Ok(Kept::Changed);
        }
        match archive::digest(&path) {
            Ok(found) if found == *sha256 => Ok(Kept::Whole),
            Ok(_) => Ok(Kept::Changed),
            Err(error) if error.is_missing() => Ok(Kept::Missing),
            Err(error) => Err(error),
        }
    }

    /// Where the blob with this SHA-256 is kept.
    pub fn path(&self, sha256: &Hash) -> PathBuf {
        let hex: String = sha256.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let (shelf, _) = hex.split_at(2);
        self.directory.join(shelf).join(&hex)
    }
}

/// Whether the file is there, whole, and its name durable: another thread may just have made it.
fn is_kept(path: &Path, bytes: &[u8]) -> bool {
    let found = durable::read_bounded(path, BLOB_BYTES_MAX as u64);
    found.is_ok_and(|found| found.as_deref() == Some(bytes))
        && durable::sync_dir(durable::parent(path)).is_ok()
}

#[cfg(test)]
mod tests;
