//! Which segments there are, and where: in the data directory, or archived.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use record::canonical;
use record::hash::Hash;
use serde::{Deserialize, Serialize};

use crate::durable::{self, FileError};
use crate::layout::{Paths, parse_segment_name, segment_name};

/// The longest stub that is read.
const STUB_BYTES_MAX: u64 = 16 * 1024;

/// Says where an archived segment went, and what it must be when it is found there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stub {
    /// The index of its first entry.
    pub first: u64,
    /// The tree's root at its end.
    pub root: Hash,
    /// SHA-256 of the file.
    pub sha256: Hash,
    /// How many entries the tree has at its end.
    pub size: u64,
    /// The directory it went to.
    pub to: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StubLine<S> {
    archived: S,
}

impl Stub {
    /// One line of canonical JSON.
    pub(crate) fn to_line(&self) -> Option<Vec<u8>> {
        let mut line = canonical::to_vec(&StubLine { archived: self }).ok()?;
        line.push(b'\n');
        Some(line)
    }

    pub(crate) fn parse(text: &[u8]) -> Option<Stub> {
        let stub = serde_json::from_slice::<StubLine<Stub>>(text)
            .ok()?
            .archived;
        (stub.to_line().as_deref() == Some(text)).then_some(stub)
    }
}

/// Where a segment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the data directory.
    Here(PathBuf),
    /// Archived; the path is where it was found.
    Archived(Stub, Option<PathBuf>),
}

/// A segment, named by the index of its first entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) first: u64,
    pub(crate) place: Place,
}

impl Listed {
    /// The file, if it is at hand.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Here(path) => Some(path),
            Place::Archived(_, path) => path.as_deref(),
        }
    }

    /// Opens the file; `None` when it is archived and not at hand.
    pub(crate) fn open(&self) -> Result<Option<File>, FileError> {
        self.path()
            .map(|path| File::open(path).map_err(FileError::new("open", path)))
            .transpose()
    }
}

/// Lists the segments in order. `archives` are further directories to look for archived ones in.
///
/// # Errors
/// When the directory or a stub can't be read. A missing directory lists nothing.
pub(crate) fn list(paths: &Paths, archives: &[PathBuf]) -> Result<Vec<Listed>, FileError> {
    let directory = paths.segments();
    let names = match fs::read_dir(&directory) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(FileError::new("list", &directory)(error)),
    };
    let mut found = Vec::new();
    for name in names {
        let name = name
            .map_err(FileError::new("list", &directory))?
            .file_name();
        let Some((first, ending)) = name.to_str().and_then(parse_segment_name) else {
            continue;
        };
        let place = match ending {
            "jsonl" => Place::Here(paths.segment(first)),
            "archived" => {
                let stub = read_stub(&paths.stub(first), first)?;
                let at = find_archived(&stub, archives);
                Place::Archived(stub, at)
            }
            _ => continue,
        };
        found.push(Listed { first, place });
    }
    // A segment that is both here and archived was being archived: the one here counts.
    found.sort_by_key(|listed| (listed.first, matches!(listed.place, Place::Archived(..))));
    found.dedup_by_key(|listed| listed.first);
    Ok(found)
}

fn read_stub(path: &Path, first: u64) -> Result<Stub, FileError> {
    let text = durable::read_bounded(path, STUB_BYTES_MAX)?.unwrap_or_default();
    Stub::parse(&text)
        .filter(|stub| stub.first == first)
        .ok_or_else(|| {
            let bad = io::Error::new(io::ErrorKind::InvalidData, "it does not say where to");
            FileError::new("read", path)(bad)
        })
}

fn find_archived(stub: &Stub, archives: &[PathBuf]) -> Option<PathBuf> {
    let name = segment_name(stub.first, "jsonl");
    let said = PathBuf::from(&stub.to);
    std::iter::once(&said)
        .chain(archives)
        .map(|directory| directory.join(&name))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests;
