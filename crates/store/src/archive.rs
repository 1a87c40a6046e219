//! Moving a closed segment elsewhere, so that the record can outgrow its disk.
//!
//! The copy is on its disk and compared before the original goes, and a stub says where it went
//! and what it must be. Its index stays, so that acts in it are still found. Proofs need the
//! tiles, which stay as well.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use record::hash::Hash;

use crate::catalog::{self, Listed, Place, Stub};
use crate::durable::{self, FileError, Keep};
use crate::index::{self, IndexFile};
use crate::layout::{Paths, segment_name};
use crate::live::Rows;
use crate::recover::{CannotOpen, Corruption};
use crate::scan::{self, Start};

/// Why a segment was not archived. It is where it was.
#[derive(Debug, thiserror::Error)]
pub enum CannotArchive {
    /// The segment is still being written.
    #[error("the segment that begins at entry {0} is the newest; only closed ones are archived")]
    Newest(u64),
    /// There is no such segment in the data directory.
    #[error("no segment in the data directory begins at entry {0}")]
    Unknown(u64),
    /// The copy is not what was copied.
    #[error("the copy {} is not the segment: the disk it is on can't be trusted", .0.display())]
    Differs(PathBuf),
    /// There is another file of that name where it should go.
    #[error("{} is there already and is another file", .0.display())]
    Occupied(PathBuf),
    /// The segment itself is damaged.
    #[error(transparent)]
    Damaged(#[from] CannotOpen),
    /// The operating system said no.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The first entries of the segments that can be archived, oldest first.
///
/// # Errors
/// When the segments can't be listed.
pub fn archivable(paths: &Paths) -> Result<Vec<u64>, FileError> {
    let mut listed = catalog::list(paths, &[])?;
    listed.pop();
    let here = |listed: &Listed| matches!(listed.place, Place::Here(_)).then_some(listed.first);
    Ok(listed.iter().filter_map(here).collect())
}

/// Moves the segment that begins at `first` into the directory `to`. Only the process that holds
/// the data directory may do this; its readers find the segment where it went.
///
/// # Errors
/// See [`CannotArchive`]; the original stays unless everything else went well.
pub fn archive(paths: &Paths, first: u64, to: &Path) -> Result<Stub, CannotArchive> {
    let listed = catalog::list(paths, &[])?;
    let at = listed.iter().position(|listed| listed.first == first);
    let at = at.ok_or(CannotArchive::Unknown(first))?;
    let end = listed
        .get(at + 1)
        .ok_or(CannotArchive::Newest(first))?
        .first;
    let Some(Place::Here(path)) = listed.get(at).map(|listed| &listed.place) else {
        return Err(CannotArchive::Unknown(first));
    };
    let root = check_whole(path, first, end)?;
    keep_index(paths, path, first)?;
    let copied = to.join(segment_name(first, "jsonl"));
    let sha256 = copy(path, &copied)?;
    if digest(&copied)? != sha256 {
        return Err(CannotArchive::Differs(copied));
    }
    let directory = fs::canonicalize(to).map_err(FileError::new("find", to))?;
    let stub = Stub {
        first,
        root,
        sha256,
        size: end,
        to: directory.display().to_string(),
    };
    let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "the stub has no form");
    let line = stub
        .to_line()
        .ok_or_else(invalid)
        .map_err(FileError::new("describe", path))?;
    durable::replace(&paths.stub(first), &line, Keep::Durable)?;
    fs::remove_file(path).map_err(FileError::new("remove", path))?;
    durable::sync_dir(&paths.segments())?;
    Ok(stub)
}

/// Everything in the segment fits, up to its end; returns the root there.
fn check_whole(path: &Path, first: u64, end: u64) -> Result<Hash, CannotArchive> {
    let damaged = |at: u64, what: String| {
        let corruption = Corruption {
            path: path.to_owned(),
            at,
            entry: first,
            what,
        };
        CannotArchive::Damaged(corruption.into())
    };
    match scan::scan(path, None) {
        Ok(Start::Whole(scan)) => {
            if let Some(stopped) = scan.stopped {
                return Err(damaged(stopped.at, stopped.why));
            }
            let size = scan.replay.kept().size();
            // Its last batch may be unsigned where another epoch begins behind it.
            if size != end || scan.kept_bytes != scan.written_bytes {
                let what = format!("it ends at {size} entries, and the next begins at {end}");
                return Err(damaged(scan.kept_bytes, what));
            }
            Ok(scan.replay.root())
        }
        Ok(Start::Torn) => Err(damaged(0, "it has no header".to_owned())),
        Err(scan::ScanError::File(error)) => Err(error.into()),
        Err(scan::ScanError::Damaged { at, what }) => Err(damaged(at, what)),
        Err(scan::ScanError::Newer(line)) => Err(damaged(0, line.to_string())),
    }
}

/// Makes sure that the index is there: without the segment it can't be made again.
fn keep_index(paths: &Paths, path: &Path, first: u64) -> Result<(), FileError> {
    let file = File::open(path).map_err(FileError::new("open", path))?;
    let length = file
        .metadata()
        .map_err(FileError::new("look at", path))?
        .len();
    let at = paths.index(first);
    if IndexFile::open(&at, first, Some(length)).is_ok() {
        return Ok(());
    }
    let rows = Rows::scan(file).map_err(FileError::new("read", path))?;
    index::write(&at, first, length, &rows)
}

/// Copies a file durably; returns the SHA-256 of what was read.
fn copy(from: &Path, to: &Path) -> Result<Hash, CannotArchive> {
    durable::make_dir(durable::parent(to))?;
    let sha256 = digest(from)?;
    match digest(to) {
        Ok(found) if found == sha256 => {}
        Ok(_) => return Err(CannotArchive::Occupied(to.to_owned())),
        Err(error) if error.is_missing() => {
            let mut beside = to.as_os_str().to_owned();
            beside.push(".tmp");
            let beside = PathBuf::from(beside);
            // What an interrupted copy left.
            let _ = fs::remove_file(&beside);
            let mut source = File::open(from).map_err(FileError::new("open", from))?;
            let mut target = durable::create(&beside)?;
            io::copy(&mut source, &mut target).map_err(FileError::new("write", &beside))?;
            target.sync_all().map_err(FileError::new("sync", &beside))?;
            fs::rename(&beside, to).map_err(FileError::new("rename to", to))?;
        }
        Err(error) => return Err(error.into()),
    }
    durable::sync_dir(durable::parent(to))?;
    Ok(sha256)
}

/// SHA-256 of a file.
pub(crate) fn digest(path: &Path) -> Result<Hash, FileError> {
    let mut file = File::open(path).map_err(FileError::new("open", path))?;
    let mut context = Context::new(&SHA256);
    let mut chunk = vec![0; 256 * 1024];
    loop {
        let read = file
            .read(&mut chunk)
            .map_err(FileError::new("read", path))?;
        if read == 0 {
            let digest = context.finish();
            return Ok(Hash(
                digest.as_ref().try_into().expect("SHA-256 yields 32 bytes"),
            ));
        }
        context.update(chunk.get(..read).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests;
