//! The file of a segment that is begun: its first line and its name are on the disk before anything stands in it.
//! What its lines say is in `segment`; when the next one is begun, `log` and `succeed` decide.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::durable::{self, FileError, write_whole};
use crate::fill::Filled;
use crate::segment::Header;

/// The segment being written.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
    /// How many bytes were written to it.
    pub(crate) length: u64,
    pub(crate) filled: Filled,
}

/// Makes a segment durable, name and header.
pub(crate) fn make_segment(
    path: PathBuf,
    header: &Header,
    bytes_max: u64,
) -> Result<Segment, FileError> {
    let file = durable::create(&path)?;
    let length = write_header(&file, &path, header)?;
    durable::sync_dir(durable::parent(&path))?;
    let filled = Filled::new(length, length, bytes_max);
    Ok(Segment {
        file,
        path,
        length,
        filled,
    })
}

/// Makes a segment of zeroes that were written before: it gets its header, then its name.
pub(crate) fn use_spare(
    file: File,
    spare: &Path,
    path: PathBuf,
    header: &Header,
) -> Result<Segment, FileError> {
    let length = write_header(&file, spare, header)?;
    std::fs::rename(spare, &path).map_err(FileError::new("rename to", &path))?;
    durable::sync_dir(durable::parent(&path))?;
    let end = file
        .metadata()
        .map_err(FileError::new("look at", &path))?
        .len();
    let filled = Filled::new(length, end, end);
    Ok(Segment {
        file,
        path,
        length,
        filled,
    })
}

/// Writes the first line, durably; says how long it is.
fn write_header(file: &File, path: &Path, header: &Header) -> Result<u64, FileError> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "its header has no form");
    let mut line = header
        .to_line()
        .ok_or_else(invalid)
        .map_err(FileError::new("make", path))?;
    line.push(b'\n');
    let written = write_whole(file, &line, 0).map_err(io::Error::from);
    written.map_err(FileError::new("write", path))?;
    file.sync_all().map_err(FileError::new("sync", path))?;
    Ok(line.len() as u64)
}

/// Ends a segment behind so many bytes, durably.
pub(crate) fn cut(path: &Path, length: u64) -> Result<(), FileError> {
    let file = OpenOptions::new().write(true).open(path);
    let file = file.map_err(FileError::new("open", path))?;
    let cut = file.set_len(length).and_then(|()| file.sync_all());
    cut.map_err(FileError::new("cut", path))
}
