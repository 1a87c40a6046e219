//! The blobs that entries cite, each hashed once however often it is cited.
//!
//! Digests are compared in order, shelf by shelf: memory holds the names of one shelf and a run of
//! digests. A blob that nothing cites is no problem: its command may have been refused.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use record::act::Act;
use record::hash::Hash;

use super::sorted::{Merged, Sorted};
use super::{Problem, Report, counted};
use crate::blob::{Blobs, Kept};
use crate::durable::FileError;
use crate::layout::Paths;

/// Directories that blobs lie in: one for each first byte of a digest.
const SHELVES: u64 = 256;

/// Collects which blobs are cited: a digest in four parts, and the entry.
#[derive(Debug, Default)]
pub(super) struct Cited(Sorted<5>);

impl Cited {
    /// What the entry with this index cites.
    pub(super) fn push(&mut self, index: u64, act: &Act) -> io::Result<()> {
        for blob in act.body.blobs() {
            let mut record = [index; 5];
            let parts = blob.sha256.0.as_chunks::<8>().0;
            for (slot, part) in record.iter_mut().zip(parts) {
                *slot = u64::from_be_bytes(*part);
            }
            self.0.push(record)?;
        }
        Ok(())
    }

    /// Checks every blob that was cited, and counts the others.
    pub(super) fn check(self, paths: &Paths, report: &mut Report) -> Result<(), FileError> {
        let beside = paths.blobs();
        let spilled = || FileError::new("use a temporary file beside", &beside);
        let mut cited = self.0.merged().and_then(Digests::new).map_err(spilled())?;
        let blobs = Blobs::new(paths);
        let (mut checked, mut others) = (0, 0);
        for shelf in 0..SHELVES {
            let directory = paths.blobs().join(format!("{shelf:02x}"));
            let mut names = names_in(&directory)?;
            while let Some((digest, entry)) = cited.next_on(shelf).map_err(spilled())? {
                let path = blobs.path(&digest);
                if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
                    names.remove(name);
                }
                match judge(&blobs, &digest) {
                    Ok(()) => checked += 1,
                    Err(what) => report.problem(Problem {
                        path,
                        line: None,
                        byte: None,
                        entry: Some(entry),
                        what,
                    }),
                }
            }
            others += names.len() as u64;
        }
        report.blobs = checked;
        if others > 0 {
            let cite = match report.checked == report.entries {
                true => "no entry cites",
                false => "no entry at hand cites",
            };
            report
                .notes
                .push(format!("{} that {cite}", counted(others, "blob")));
        }
        Ok(())
    }
}

fn judge(blobs: &Blobs, digest: &Hash) -> Result<(), String> {
    match blobs.look_at(digest) {
        Ok(Kept::Whole) => Ok(()),
        Ok(Kept::Changed) => {
            Err("the blob that the entry cites has changed: its SHA-256 is not its name".to_owned())
        }
        Ok(Kept::Missing) => Err("the blob that the entry cites is missing".to_owned()),
        Err(error) => Err(format!(
            "the blob that the entry cites can't be read: {}",
            error.source
        )),
    }
}

/// Digests in ascending order, each once, with the first entry that cites it.
struct Digests {
    records: Merged<5>,
    ahead: Option<[u64; 5]>,
}

impl Digests {
    fn new(mut records: Merged<5>) -> io::Result<Digests> {
        let ahead = records.next()?;
        Ok(Digests { records, ahead })
    }

    /// The next one whose first byte is `shelf`.
    fn next_on(&mut self, shelf: u64) -> io::Result<Option<(Hash, u64)>> {
        let Some(record @ [a, b, c, d, entry]) = self.ahead.filter(|[a, ..]| a >> 56 == shelf)
        else {
            return Ok(None);
        };
        let is_same = |next: &[u64; 5]| next.starts_with(&[a, b, c, d]);
        self.ahead = Some(record);
        while self.ahead.as_ref().is_some_and(is_same) {
            self.ahead = self.records.next()?;
        }
        let mut digest = Hash([0; 32]);
        for (slot, part) in digest.0.as_chunks_mut::<8>().0.iter_mut().zip([a, b, c, d]) {
            *slot = part.to_be_bytes();
        }
        Ok(Some((digest, entry)))
    }
}

/// The names in a directory; none when it is not there.
fn names_in(directory: &Path) -> Result<BTreeSet<String>, FileError> {
    let names = match fs::read_dir(directory) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(FileError::new("list", directory)(error)),
    };
    let mut found = BTreeSet::new();
    for name in names {
        let name = name.map_err(FileError::new("list", directory))?.file_name();
        found.insert(name.to_string_lossy().into_owned());
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
