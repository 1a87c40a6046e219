//! The data directory and who may write in it: one process at a time.
//!
//! The lock is the kernel's (`flock`), so it ends with the process however that ends. What stands
//! in the file is for the person who wonders who holds it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Read as _;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use base::Timestamp;
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::durable::{self, FileError};
use crate::layout::Paths;

/// A data directory that is open, for writing or for reading only.
#[derive(Debug)]
pub struct DataDir {
    paths: Paths,
    /// Dropping it lets go of the lock.
    lock: Option<File>,
}

/// Who holds a data directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// What it runs: `hereby up`.
    pub runs: String,
    /// Since when.
    pub since: Timestamp,
}

/// Why a data directory can't be opened for writing.
#[derive(Debug, thiserror::Error)]
pub enum CannotLock {
    /// Another process has it.
    #[error("{} is held by {}", path.display(), said(holder.as_ref()))]
    Held {
        /// The directory.
        path: std::path::PathBuf,
        /// Who, if the lock file says so.
        holder: Option<Holder>,
    },
    /// The directory has other things in it, and others may read it.
    #[error(
        "{} is not a data directory: it is readable by others and has other files in it; name \
         one that is not there, or has at most hereby.toml in it", .0.display()
    )]
    NotOurs(std::path::PathBuf),
    /// The operating system said no.
    #[error(transparent)]
    File(#[from] FileError),
}

fn said(holder: Option<&Holder>) -> String {
    holder.map_or_else(
        || "another process".to_owned(),
        |Holder { pid, runs, since }| format!("process {pid} (`{runs}`, since {since})"),
    )
}

/// The file that may lie in a directory before it is a data directory.
const CONFIGURATION: &str = "hereby.toml";

/// The longest lock file that is read.
const LOCK_BYTES_MAX: u64 = 4_096;

impl DataDir {
    /// Opens the directory for writing: makes what is missing (0700) and takes the lock without
    /// waiting. `runs` says what this process does, for whoever finds the lock held.
    ///
    /// # Errors
    /// See [`CannotLock`].
    pub fn open(root: &Path, runs: &str, now: Timestamp) -> Result<DataDir, CannotLock> {
        let paths = Paths::new(root);
        if !durable::make_dir(root)? {
            make_private(&paths)?;
        }
        let lock = take_lock(&paths, runs, now)?;
        for directory in paths.directories() {
            durable::make_dir(&directory)?;
        }
        Ok(DataDir {
            paths,
            lock: Some(lock),
        })
    }

    /// Opens the directory, or a copy of it, for reading. Takes no lock and changes nothing.
    pub fn read_only(root: &Path) -> DataDir {
        DataDir {
            paths: Paths::new(root),
            lock: None,
        }
    }

    /// Who holds the directory now, if anyone does.
    ///
    /// # Errors
    /// When the lock file can't be opened.
    pub fn holder(root: &Path) -> Result<Option<Option<Holder>>, FileError> {
        let path = Paths::new(root).lock();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(FileError::new("open", &path)(error)),
        };
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(None),
            Err(Errno::WOULDBLOCK) => Ok(Some(read_holder(&file))),
            Err(error) => Err(FileError::new("lock", &path)(error.into())),
        }
    }

    /// Where things lie in it.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// Whether it was opened for writing.
    pub fn is_writable(&self) -> bool {
        self.lock.is_some()
    }
}

/// Closes a directory that was there before to others, if it is ours, or has nothing in it but the
/// configuration: that is how one is prepared.
fn make_private(paths: &Paths) -> Result<(), CannotLock> {
    let root = paths.root();
    let metadata = fs::metadata(root).map_err(FileError::new("look at", root))?;
    if metadata.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    for within in fs::read_dir(root).map_err(FileError::new("list", root))? {
        let name = within.map_err(FileError::new("list", root))?.file_name();
        if name != CONFIGURATION && !paths.lock().exists() {
            return Err(CannotLock::NotOurs(root.to_owned()));
        }
    }
    tracing::info!(path = %root.display(), "closing the data directory to other users");
    fs::set_permissions(root, Permissions::from_mode(0o700))
        .map_err(FileError::new("close to others", root))?;
    Ok(())
}

fn take_lock(paths: &Paths, runs: &str, now: Timestamp) -> Result<File, CannotLock> {
    let path = paths.lock();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(FileError::new("open", &path))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => {
            let holder = read_holder(&file);
            return Err(CannotLock::Held {
                path: paths.root().to_owned(),
                holder,
            });
        }
        Err(error) => return Err(FileError::new("lock", &path)(error.into()).into()),
    }
    let holder = Holder {
        pid: std::process::id(),
        runs: runs.to_owned(),
        since: now,
    };
    let mut line = serde_json::to_vec(&holder).unwrap_or_default();
    line.push(b'\n');
    // The kernel holds the lock; on a full disk the text is what can be missed.
    if let Err(error) = file.set_len(0).and_then(|()| file.write_all_at(&line, 0)) {
        tracing::warn!(%error, path = %path.display(), "the lock file can't say who holds it");
    }
    Ok(file)
}

fn read_holder(mut file: &File) -> Option<Holder> {
    let mut text = Vec::new();
    let _ = (&mut file)
        .take(LOCK_BYTES_MAX)
        .read_to_end(&mut text)
        .ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests;
