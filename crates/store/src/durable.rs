//! Files that are there after a power failure: what to sync, and in which order.
//!
//! A new name is durable when the directory that holds it was synced; new content, when the file
//! was. A file that is replaced is written beside its place, synced, and renamed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// Bytes written at once.
const CHUNK_BYTES: usize = 1 << 30;

/// An error of the operating system, with what was being done to which file.
#[derive(Debug, thiserror::Error)]
#[error("can't {doing} {}", path.display())]
pub struct FileError {
    /// What was being done: `read`, `sync`.
    pub doing: &'static str,
    /// To which file.
    pub path: PathBuf,
    /// What the operating system said.
    #[source]
    pub source: io::Error,
}

impl FileError {
    /// Turns an error into one that names the file, for `map_err`.
    pub(crate) fn new(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
        let path = path.to_owned();
        move |source| FileError {
            doing,
            path,
            source,
        }
    }

    /// Whether the file was not there.
    pub fn is_missing(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

impl From<FileError> for io::Error {
    fn from(error: FileError) -> io::Error {
        io::Error::new(error.source.kind(), error)
    }
}

/// Whether what is written must outlive a power failure.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Synced, file and name, before the call returns.
    Durable,
    /// The content is synced before it gets its name; the name may still be the old one after a
    /// power failure.
    Whole,
    /// Not synced at all: it is derived, and made again when it is missing or damaged.
    Derived,
}

/// Syncs a directory: the names in it are durable.
pub(crate) fn sync_dir(path: &Path) -> Result<(), FileError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(FileError::new("sync", path))
}

/// The directory that a path lies in.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Makes a directory (0700) durable if it is not there, its missing parents as well. Says whether
/// it was made.
pub(crate) fn make_dir(path: &Path) -> Result<bool, FileError> {
    if path.is_dir() {
        return Ok(false);
    }
    if path.parent().is_some_and(|parent| parent != Path::new("")) {
        make_dir(parent(path))?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => sync_dir(parent(path)).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(false),
        Err(error) => Err(FileError::new("make the directory", path)(error)),
    }
}

/// Makes a file that was not there, readable by its owner only.
pub(crate) fn create(path: &Path) -> Result<File, FileError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(FileError::new("make", path))
}

/// Opens a file to write it past the page cache.
pub(crate) fn open_direct(path: &Path) -> Result<File, FileError> {
    let flags = i32::try_from(rustix::fs::OFlags::DIRECT.bits()).unwrap_or(0);
    OpenOptions::new()
        .write(true)
        .custom_flags(flags)
        .open(path)
        .map_err(FileError::new("open", path))
}

/// Removes a file that nobody needs, if it is there: nothing depends on its being gone.
pub(crate) fn forget(path: &Path) {
    let _ = fs::remove_file(path);
}

/// Puts `bytes` in the place of whatever the file held, all or nothing.
pub(crate) fn replace(path: &Path, bytes: &[u8], keep: Keep) -> Result<(), FileError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    let beside = PathBuf::from(beside);
    let written = write_beside(&beside, bytes, keep)
        .and_then(|()| fs::rename(&beside, path).map_err(FileError::new("rename to", path)));
    if written.is_err() {
        // A half-written file is of no use to anyone; if it stays, the next try overwrites it.
        let _ = fs::remove_file(&beside);
    }
    written?;
    if keep == Keep::Durable {
        sync_dir(parent(path))
    } else {
        Ok(())
    }
}

/// Writes all bytes at an offset with one call, or fails: a file's write is cut short when the disk
/// is full, and not otherwise, and what it says it wrote then is not relied on.
pub(crate) fn write_whole(file: &File, bytes: &[u8], at: u64) -> Result<(), Errno> {
    let written = rustix::io::retry_on_intr(|| rustix::io::pwrite(file, bytes, at))?;
    if written == bytes.len() {
        Ok(())
    } else {
        Err(Errno::NOSPC)
    }
}

fn write_beside(path: &Path, bytes: &[u8], keep: Keep) -> Result<(), FileError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(FileError::new("make", path))?;
    // The kernel takes at most 2 GiB less a page at once.
    for (at, chunk) in (0_u64..)
        .step_by(CHUNK_BYTES)
        .zip(bytes.chunks(CHUNK_BYTES))
    {
        let written = write_whole(&file, chunk, at).map_err(io::Error::from);
        written.map_err(FileError::new("write", path))?;
    }
    if keep != Keep::Derived {
        file.sync_all().map_err(FileError::new("sync", path))?;
    }
    Ok(())
}

/// Reads a whole file that may have at most `limit` bytes; `None` when it is not there.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
    use std::io::Read as _;
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::new("open", path)(error)),
    };
    let mut bytes = Vec::new();
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(FileError::new("read", path))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= limit) {
        return Ok(Some(bytes));
    }
    let long = io::Error::new(
        io::ErrorKind::InvalidData,
        format!("more than {limit} bytes"),
    );
    Err(FileError::new("read", path)(long))
}
