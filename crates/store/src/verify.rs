//! Checks a whole data directory, believing nothing in it.
//!
//! Read-only, for a stopped server or a copy. Every line of every segment, every entry, root,
//! signature, tile and blob, and every checkpoint that is known elsewhere. One pass in bounded memory;
//! what is wrong is collected, the first bad entry first. Nothing is repaired here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use record::hash::{EMPTY_ROOT, Hash};
use record::note::VerifierKey;

use crate::catalog;
use crate::durable::FileError;
use crate::keystore::Keystore;
use crate::layout::Paths;

mod acts;
mod blame;
mod blobs;
mod checkpoints;
mod epochs;
mod seals;
mod signatures;
mod sorted;
mod tiles;
mod unique;
mod walk;
mod witness;

/// More problems than this are only counted.
const PROBLEMS_MAX: usize = 1_000;

/// What is checked beside the directory itself.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// Directories to look for archived segments in.
    pub archives: Vec<PathBuf>,
    /// The log's first key, if the caller knows it. Otherwise the record's own word is taken; where
    /// entries that may have it are not at hand, signatures are not checked, and a note says so.
    /// Signatures by keys that such entries may name are checked by nobody either way; where a key
    /// is given and nothing at hand is signed by one that follows from it, they are wrong.
    pub vkey: Option<VerifierKey>,
    /// The root key, if the caller knows it: no other can have said how another epoch began. Otherwise the
    /// record's own word is taken, from before that epoch.
    pub root: Option<VerifierKey>,
    /// The anchor's file.
    pub anchor: Option<PathBuf>,
    /// Checkpoints from elsewhere: where each is from, and the signed note.
    pub checkpoints: Vec<(PathBuf, Vec<u8>)>,
    /// The keys of sealed text: signed commands that are sealed are checked with them.
    pub keystore: Option<Arc<Keystore>>,
    /// The directory of a witness, whose copy of the entries is compared with ours.
    pub witness: Option<PathBuf>,
}

/// How far a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Entries checked.
    pub entries: u64,
    /// Bytes of segments read.
    pub bytes: u64,
    /// Bytes of all segments at hand.
    pub bytes_total: u64,
}

/// Where something is wrong, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// The line in it, from 1.
    pub line: Option<u64>,
    /// The offset of that line.
    pub byte: Option<u64>,
    /// The index of the entry.
    pub entry: Option<u64>,
    /// What is wrong.
    pub what: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(byte) = self.byte {
            write!(f, ", byte {byte}")?;
        }
        if let Some(entry) = self.entry {
            write!(f, ", entry {entry}")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Entries in whole batches.
    pub entries: u64,
    /// How many of them were read and checked; the rest lies in segments that are archived and not
    /// at hand, or can't be read.
    pub checked: u64,
    /// The tree's root over them.
    pub root: Hash,
    /// The log's name.
    pub origin: Option<String>,
    /// The log's keys, the first one first.
    pub vkeys: Vec<String>,
    /// Signed checkpoints in the segments whose signatures were checked.
    pub signatures: u64,
    /// Blobs that entries cite and that are what their names say.
    pub blobs: u64,
    /// What is wrong. Empty if and only if nothing is.
    pub problems: Vec<Problem>,
    /// How many more problems there are than are listed.
    pub problems_more: u64,
    /// What a reader should know and what is no problem.
    pub notes: Vec<String>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// The lowest entry that is named by a problem.
    pub fn first_bad_entry(&self) -> Option<u64> {
        self.problems
            .iter()
            .filter_map(|problem| problem.entry)
            .min()
    }

    fn problem(&mut self, problem: Problem) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        } else {
            self.problems_more += 1;
        }
    }

    /// Something is wrong with a file as a whole.
    fn wrong(&mut self, path: &Path, what: impl Into<String>) {
        self.problem(Problem {
            path: path.to_owned(),
            line: None,
            byte: None,
            entry: None,
            what: what.into(),
        });
    }
}

/// How many of something: `1 entry`, `2 entries`.
fn counted(count: u64, noun: &str) -> String {
    match (count, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{count} {stem}ies"),
        _ => format!("{count} {noun}s"),
    }
}

/// Checks everything in a data directory.
///
/// # Errors
/// When a file can't be read at all, or not every check could be made. What is read and wrong is
/// in the report.
pub fn verify(
    paths: &Paths,
    options: &VerifyOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, FileError> {
    let mut report = Report {
        entries: 0,
        checked: 0,
        root: EMPTY_ROOT,
        origin: None,
        vkeys: Vec::new(),
        signatures: 0,
        blobs: 0,
        problems: Vec::new(),
        problems_more: 0,
        notes: Vec::new(),
    };
    let listed = catalog::list(paths, &options.archives)?;
    if listed.is_empty() {
        report.wrong(&paths.segments(), "there is no record here");
        return Ok(report);
    }
    let mut known = checkpoints::gather(paths, options, &mut report)?;
    let mut walked = walk::walk(paths, options, &listed, &mut known, &mut report, progress)?;
    std::mem::take(&mut walked.cited).check(paths, &mut report)?;
    checkpoints::check(known, &walked, options, &mut report)?;
    // Threads report as they finish; a person reads from the top.
    report
        .problems
        .sort_by_key(|problem| (problem.entry.is_none(), problem.entry));
    Ok(report)
}

#[cfg(test)]
pub(crate) mod tests;
