//! Checkpoints that are known beside those in the segments, against the tree.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use record::checkpoint::Checkpoint;
use record::hash::Hash;
use record::note::{NOTE_BYTES_MAX, Note, Unverified, VerifierKey};

use super::walk::{Walked, next_for_keys};
use super::{Report, VerifyOptions, counted};
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
        match lost(note, checkpoint, walked) {
            Some(Ok(said)) => {
                report.notes.push(format!("{}: {said}", path.display()));
                continue;
            }
            Some(Err(what)) => {
                report.wrong(path, what);
                continue;
            }
            None => {}
        }
        match signed(note, checkpoint, walked) {
            Ok(true) => {}
            Ok(false) => report.notes.push(not_checked(path, options)),
            Err(what) => {
                report.wrong(path, what);
                continue;
            }
        }
        if is_away(checkpoint, &known.roots, walked) {
            report.notes.push(format!(
                "{} covers {}, and those are not at hand: it was not compared",
                path.display(),
                counted(checkpoint.size(), "entry")
            ));
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
        Some(path) => check_anchor(path, &known.roots, walked, options, report),
        None => {
            report.notes.push("no anchor was compared".to_owned());
            Ok(())
        }
    }
}

fn not_checked(path: &Path, options: &VerifyOptions) -> String {
    let next = next_for_keys(options);
    let path = path.display();
    format!("the signature of {path} could not be checked: {next}")
}

/// What is to be said of a checkpoint of an epoch that has ended, where it covers what is lost. `Err`: the
/// succession knew of another tree.
fn lost(note: &Note, checkpoint: &Checkpoint, walked: &Walked) -> Option<Result<String, String>> {
    let ended = walked.epochs.that_ended(checkpoint)?;
    let (kept, size) = (ended.kept.size, checkpoint.size());
    if size <= kept || note.verify(&walked.keys.all()).is_err() {
        return None;
    }
    let said = format!(
        "a checkpoint of {} over {}; epoch {} went on behind {kept}",
        ended.from,
        counted(size, "entry"),
        ended.epoch
    );
    Some(match ended.gap {
        Some(gap) if gap.size == size && gap.root != checkpoint.root() => Err(format!(
            "{said}, and the succession knew of another tree of that size: these are two histories"
        )),
        Some(gap) if gap.size >= size => Ok(format!("{said}, and what was there is lost")),
        _ => Ok(format!(
            "{said}, and did not know of so much: it is lost as well, or somebody else signed it"
        )),
    })
}

/// Whether the log has signed the note; `false` when entries that are not at hand may name the key
/// that has.
fn signed(note: &Note, checkpoint: &Checkpoint, walked: &Walked) -> Result<bool, String> {
    let is_ours = Some(checkpoint.origin()) == walked.origin.as_deref()
        || walked.epochs.that_ended(checkpoint).is_some();
    if !is_ours {
        return Err(format!(
            "the checkpoint is of the log {}",
            checkpoint.origin()
        ));
    }
    let is_unsure = walked.keys.is_unsure(checkpoint.size());
    // Ahead of the record, any of its keys may be the one.
    let keys = match checkpoint.size() > walked.size || is_unsure {
        true => walked.keys.all(),
        false => walked.keys.at(checkpoint.size()),
    };
    match note.verify(&keys) {
        Ok(_) => Ok(true),
        Err(Unverified::NotSigned) if is_unsure => Ok(false),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether the tree of that size ends among entries that are not at hand.
fn is_away(checkpoint: &Checkpoint, roots: &BTreeMap<u64, Option<Hash>>, walked: &Walked) -> bool {
    let size = checkpoint.size();
    walked.gap && size <= walked.size && !matches!(roots.get(&size), Some(Some(_)))
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
    let covered = counted(size, "entry");
    if size > entries {
        let are = if entries == 1 { "is" } else { "are" };
        return Err(format!(
            "the checkpoint covers {covered}, and {entries} {are} whole: entries are missing, or \
             this is an older copy"
        ));
    }
    match roots.get(&size).copied().flatten() {
        Some(root) if root == checkpoint.root() => Ok(()),
        Some(root) => Err(format!(
            "the checkpoint's root over {covered} is {}, and the entries' is {root}",
            checkpoint.root()
        )),
        None => Err(format!(
            "the root over {covered} is not known: entries are missing"
        )),
    }
}

/// Slots that a key may have signed which is not at hand: their roots are compared all the same.
fn believe(
    path: &Path,
    mut slots: Vec<Slot>,
    walked: &Walked,
    options: &VerifyOptions,
    report: &mut Report,
) -> Result<Vec<Slot>, FileError> {
    let text = durable::read_bounded(path, 2 * SLOT_BYTES as u64 + 1)?.unwrap_or_default();
    let mut unsure = false;
    for (slot, text) in slots.iter_mut().zip(text.chunks_exact(SLOT_BYTES)) {
        let text = [text.trim_ascii_end(), b"\n"].concat();
        let (Slot::Damaged(_), Ok(note)) = (&*slot, Note::parse(&text)) else {
            continue;
        };
        if let Ok(checkpoint) = Checkpoint::parse_text(note.text())
            && signed(&note, &checkpoint, walked) == Ok(false)
        {
            unsure = true;
            let note = note.to_string();
            *slot = Slot::Signed { checkpoint, note };
        }
    }
    if unsure {
        report.notes.push(not_checked(path, options));
    }
    Ok(slots)
}

fn check_anchor(
    path: &Path,
    roots: &BTreeMap<u64, Option<Hash>>,
    walked: &Walked,
    options: &VerifyOptions,
    report: &mut Report,
) -> Result<(), FileError> {
    let keys: Vec<VerifierKey> = walked.keys.all();
    let Some(slots) = anchor::read(path, &keys)? else {
        if report.entries > 0 {
            report.wrong(path, "the anchor is missing");
        }
        return Ok(());
    };
    let slots = believe(path, slots, walked, options, report)?;
    match (anchor::newest(&slots), report.entries) {
        (Some(_), _) | (None, 0) => {}
        // Whoever would have been told of it has heard nothing.
        (None, 1) if slots.iter().all(|slot| *slot == Slot::Blank) => report
            .notes
            .push("the anchor is blank: the next start writes it".to_owned()),
        (None, _) => report.wrong(path, "the anchor holds no checkpoint"),
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
            Slot::Signed { checkpoint, note }
                if let Ok(note) = Note::parse(note.as_bytes())
                    && let Some(said) = lost(&note, checkpoint, walked) =>
            {
                match said {
                    Ok(said) => report
                        .notes
                        .push(format!("{}, slot {at}: {said}", path.display())),
                    Err(what) => report.problem(problem(None, format!("slot {at}: {what}"))),
                }
            }
            Slot::Damaged(why) => report.problem(problem(None, format!("slot {at}: {why}"))),
            Slot::Signed { checkpoint, .. } if is_away(checkpoint, roots, walked) => {
                report.notes.push(format!(
                    "{}, slot {at} covers {}, and those are not at hand: it was not \
                     compared",
                    path.display(),
                    counted(checkpoint.size(), "entry")
                ));
            }
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
