//! Checkpoints that are known beside those in the segments, against the tree.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use record::checkpoint::Checkpoint;
use record::hash::Hash;
use record::note::{NOTE_BYTES_MAX, Note, VerifierKey};

use super::walk::Walked;
use super::{Report, VerifyOptions};
use crate::anchor::{self, SLOT_BYTES, Slot};
use crate::durable::{self, FileError};
use crate::layout::Paths;

/// What is known, and the roots the walk must remember for it.
pub(super) struct Known {
    notes: Vec<(PathBuf, Note, Checkpoint)>,
    roots: BTreeMap<u64, Option<Hash>>,
    /// The smallest size that is wanted and not reached.
    next: Option<u64>,
}

impl Known {
    /// Whether the root at this size is wanted.
    pub(super) fn wants(&self, size: u64) -> bool {
        self.next == Some(size)
    }

    /// The root at a size that is wanted.
    pub(super) fn reached(&mut self, size: u64, root: Hash) {
        if let Some(known) = self.roots.get_mut(&size) {
            *known = Some(root);
        }
        self.skip_to(size + 1);
    }

    /// Sizes below this are not reached any more.
    pub(super) fn skip_to(&mut self, size: u64) {
        self.next = self.roots.range(size..).next().map(|(size, _)| *size);
    }
}

/// Reads every checkpoint. What is no checkpoint is a problem; signatures are checked at the end,
/// when the keys are known.
pub(super) fn gather(
    paths: &Paths,
    options: &VerifyOptions,
    report: &mut Report,
) -> Result<Known, FileError> {
    let mut known = Known {
        notes: Vec::new(),
        roots: BTreeMap::new(),
        next: None,
    };
    let published = paths.checkpoint();
    let limit = NOTE_BYTES_MAX as u64;
    match durable::read_bounded(&published, limit)? {
        Some(text) => known.take(&published, &text, report),
        None => report.notes.push("no checkpoint is published".to_owned()),
    }
    for (path, text) in &options.checkpoints {
        known.take(path, text, report);
    }
    if let Some(witness) = &options.witness {
        let path = witness.join("checkpoint");
        match durable::read_bounded(&path, limit)? {
            Some(text) => known.take(&path, &text, report),
            None => report.wrong(&path, "the witness has no checkpoint"),
        }
    }
    if let Some(path) = &options.anchor {
        // Whose signatures these are is asked in `check`; which sizes they name is needed now.
        let text = durable::read_bounded(path, 2 * SLOT_BYTES as u64 + 1)?.unwrap_or_default();
        for slot in text.chunks(SLOT_BYTES) {
            let note = slot.trim_ascii_end().to_vec();
            let note = Note::parse(&[note.as_slice(), b"\n"].concat());
            let checkpoint = note
                .ok()
                .and_then(|note| Checkpoint::parse_text(note.text()).ok());
            known
                .roots
                .extend(checkpoint.map(|checkpoint| (checkpoint.size(), None)));
        }
    }
    known.skip_to(0);
    Ok(known)
}

impl Known {
    fn take(&mut self, path: &Path, text: &[u8], report: &mut Report) {
        let note = Note::parse(text).map_err(|error| error.to_string());
        let checkpoint = note.and_then(|note| {
            let checkpoint = Checkpoint::parse_text(note.text());
            Ok((note, checkpoint.map_err(|error| error.to_string())?))
        });
        match checkpoint {
            Ok((note, checkpoint)) => {
                self.roots.insert(checkpoint.size(), None);
                self.notes.push((path.to_owned(), note, checkpoint));
            }
            Err(error) => report.wrong(path, error),
        }
    }
}

/// Compares every checkpoint with the tree the walk has found.
pub(super) fn check(
    known: Known,
    walked: &Walked,
    options: &VerifyOptions,
    report: &mut Report,
) -> Result<(), FileError> {
    for (path, note, checkpoint) in &known.notes {
        if let Err(what) = signed(note, checkpoint, walked) {
            report.wrong(path, what);
        } else if let Err(what) = agrees(checkpoint, &known.roots, report.entries) {
            report.problem(super::Problem {
                path: path.clone(),
                line: None,
                byte: None,
                entry: missing(checkpoint, walked),
                what,
            });
        }
    }
    match &options.anchor {
        Some(path) => check_anchor(path, &known.roots, walked, report),
        None => {
            report.notes.push("no anchor was compared".to_owned());
            Ok(())
        }
    }
}

fn signed(note: &Note, checkpoint: &Checkpoint, walked: &Walked) -> Result<(), String> {
    if Some(checkpoint.origin()) != walked.origin.as_deref() {
        return Err(format!(
            "the checkpoint is of the log {}",
            checkpoint.origin()
        ));
    }
    // Ahead of the record, any of its keys may be the one.
    let mut keys = walked.keys.at(checkpoint.size());
    if checkpoint.size() > walked.size {
        keys = walked.keys.all();
    }
    note.verify(&keys)
        .map(drop)
        .map_err(|error| error.to_string())
}

/// The first entry that a checkpoint covers and the record does not have. Where the record is
/// damaged, the bad entry is named already.
fn missing(checkpoint: &Checkpoint, walked: &Walked) -> Option<u64> {
    (checkpoint.size() > walked.size && !walked.cut).then_some(walked.size)
}

fn agrees(
    checkpoint: &Checkpoint,
    roots: &BTreeMap<u64, Option<Hash>>,
    entries: u64,
) -> Result<(), String> {
    let size = checkpoint.size();
    if size > entries {
        return Err(format!(
            "the checkpoint covers {size} entries, and {entries} are whole: entries are missing, \
             or this is an older copy"
        ));
    }
    match roots.get(&size).copied().flatten() {
        Some(root) if root == checkpoint.root() => Ok(()),
        Some(root) => Err(format!(
            "the checkpoint's root over {size} entries is {}, and the entries' is {root}",
            checkpoint.root()
        )),
        None => Err(format!(
            "the root over {size} entries is not known: entries are missing"
        )),
    }
}

fn check_anchor(
    path: &Path,
    roots: &BTreeMap<u64, Option<Hash>>,
    walked: &Walked,
    report: &mut Report,
) -> Result<(), FileError> {
    let keys: Vec<VerifierKey> = walked.keys.all();
    let Some(slots) = anchor::read(path, &keys)? else {
        if report.entries > 0 {
            report.wrong(path, "the anchor is missing");
        }
        return Ok(());
    };
    if slots.iter().all(|slot| *slot == Slot::Blank) && report.entries > 0 {
        report
            .notes
            .push("the anchor was made and never written; the next start writes it".to_owned());
    }
    for (at, slot) in slots.iter().enumerate() {
        let problem = |entry, what: String| super::Problem {
            path: path.to_owned(),
            line: None,
            byte: Some((at * SLOT_BYTES) as u64),
            entry,
            what,
        };
        match slot {
            Slot::Blank => {}
            Slot::Damaged(why) => report.problem(problem(None, format!("slot {at}: {why}"))),
            Slot::Signed { checkpoint, .. } => {
                if let Err(what) = agrees(checkpoint, roots, report.entries) {
                    let missing = missing(checkpoint, walked);
                    report.problem(problem(missing, format!("slot {at}: {what}")));
                }
            }
        }
    }
    Ok(())
}
