//! Reads a segment to its last whole batch, and computes roots from segments.
//!
//! What stands behind that batch is judged in `tail`; what follows is decided in `recover`.

use std::fs::File;
use std::io;
use std::path::Path;

use record::act::Act;
use record::checkpoint::Checkpoint;
use record::hash::{self, Hash};
use record::kinds::Body;
use record::kinds::log::KeyRotated;
use record::note::{Note, VerifierKey};
use record::tree::Frontier;

use crate::durable::FileError;
use crate::keys::{Keys, keys_of};
use crate::lines::{self, Lines};
use crate::live::{Span, Table};
use crate::replay::{Mismatch, Replay, check_signature};
use crate::segment::{self, Header, Line, Signed};
use crate::tail::{self, Stopped, Tail};

/// How a segment's first line is.
pub(crate) enum Start {
    /// Not there, or torn, with nothing behind it: the segment was being made.
    Torn,
    /// Complete.
    Whole(Box<Scan>),
}

/// A segment, read to the last whole batch.
pub(crate) struct Scan {
    pub(crate) header: Header,
    /// After the last whole batch, or before the first.
    pub(crate) replay: Replay,
    pub(crate) table: Table,
    /// Where the last whole batch and its signature end.
    pub(crate) kept_bytes: u64,
    /// Where what was written ends.
    pub(crate) written_bytes: u64,
    /// The last signature line: its offset, and the root it is over.
    last_signed: Option<(u64, Signed, Hash)>,
    /// The signed note of the last whole batch, if its signature is in this segment.
    pub(crate) note: Option<String>,
    /// The last change of the log's key in it.
    pub(crate) rotated: Option<KeyRotated>,
    /// Why reading stopped before the end of the file.
    pub(crate) stopped: Option<Stopped>,
    /// What is there behind the last whole batch.
    pub(crate) tail: Tail,
}

/// Why a segment can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScanError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("byte {at}: {what}")]
    Damaged { at: u64, what: String },
    #[error(transparent)]
    Newer(segment::BadLine),
}

/// Reads the segment, and checks its last signature: a key among `keys` must have made it, or one
/// that an act in the segment itself names as the log's. `None` leaves it unchecked. The signatures
/// before it are checked by `verify`: there may be a hundred thousand of them.
pub(crate) fn scan(path: &Path, keys: Option<&[VerifierKey]>) -> Result<Start, ScanError> {
    let (mut lines, written_bytes) = open(path)?;
    let Some(header) = header_of(&mut lines, path, written_bytes)? else {
        return Ok(Start::Torn);
    };
    let replay = Replay::from_header(&header).ok_or_else(|| ScanError::Damaged {
        at: 0,
        what: "its frontier is none".to_owned(),
    })?;
    let mut scan = Scan {
        header,
        replay,
        table: Table::default(),
        kept_bytes: lines.offset(),
        written_bytes,
        last_signed: None,
        note: None,
        rotated: None,
        stopped: None,
        tail: Tail::default(),
    };
    if let Err((at, stop)) = scan
        .read(&mut lines)
        .map_err(FileError::new("read", path))?
    {
        let cut = matches!(stop, Stop::Cut);
        scan.stopped = Some(Stopped {
            at,
            why: stop.to_string(),
            cut,
        });
    }
    scan.replay.drop_unfinished();
    if scan.kept_bytes < written_bytes {
        let (size, origin) = (scan.replay.kept().size(), scan.replay.origin().to_owned());
        scan.tail = tail::judge(path, scan.kept_bytes, size, &origin, scan.stopped.as_ref())?;
    }
    scan.check_last_signature(keys);
    Ok(Start::Whole(Box::new(scan)))
}

fn open(path: &Path) -> Result<(Lines, u64), FileError> {
    let file = File::open(path).map_err(FileError::new("open", path))?;
    let length = lines::written_bytes(&file).map_err(FileError::new("read", path))?;
    let lines = Lines::new(file, 0, length).map_err(FileError::new("read", path))?;
    Ok((lines, length))
}

/// The header of a segment; `None` when its first line is torn.
pub(crate) fn read_header(path: &Path) -> Result<Option<Header>, ScanError> {
    let (mut lines, length) = open(path)?;
    header_of(&mut lines, path, length)
}

fn header_of(lines: &mut Lines, path: &Path, length: u64) -> Result<Option<Header>, ScanError> {
    let line = lines.next().map_err(FileError::new("read", path))?;
    let Some(line) = line else { return Ok(None) };
    let all = line.bytes.len() as u64 + u64::from(line.ended) == length;
    let damaged = |what: String| ScanError::Damaged { at: 0, what };
    match segment::parse(line.bytes) {
        Ok(Line::Header(header)) if line.ended => Ok(Some(header)),
        // Entries are written only when the header is on the disk.
        _ if all && (!line.ended || line.bytes.contains(&0)) => Ok(None),
        Ok(_) => Err(damaged(
            "the segment does not begin with its header".to_owned(),
        )),
        Err(error @ segment::BadLine::Version(_)) => Err(ScanError::Newer(error)),
        Err(error) => Err(damaged(error.to_string())),
    }
}

/// Why reading stopped before the end of the file.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error("the file ends within a line")]
    Cut,
    #[error(transparent)]
    Line(#[from] segment::BadLine),
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    #[error("a second header stands in the segment")]
    Header,
}

impl Scan {
    /// Reads on behind the header.
    fn read(&mut self, lines: &mut Lines) -> io::Result<Result<(), (u64, Stop)>> {
        let mut batch: Vec<(Span, Option<Keys>)> = Vec::new();
        let mut rotated = None;
        while let Some(line) = lines.next()? {
            let (at, length) = (line.at, line.bytes.len() as u64 + 1);
            if !line.ended {
                return Ok(Err((at, Stop::Cut)));
            }
            let line = match segment::parse(line.bytes) {
                Ok(line) => line,
                Err(error) => return Ok(Err((at, error.into()))),
            };
            let fits = match line {
                Line::Entry(entry) => {
                    self.replay.entry(hash::leaf(entry));
                    let found = keys_of(entry);
                    if found.is_some_and(|found| found.rotates) {
                        rotated = rotation(entry);
                    }
                    batch.push((span(at, entry)?, found));
                    continue;
                }
                Line::Batch(end) => self.replay.batch(&end).map(|()| {
                    for (span, found) in batch.drain(..) {
                        self.table.place(span);
                        self.table.find_by(found);
                    }
                    self.rotated = rotated.take().or_else(|| self.rotated.take());
                }),
                Line::Signed(signed) => self.replay.signed(&signed).map(|()| {
                    self.last_signed = Some((at, signed, self.replay.root()));
                }),
                Line::Header(_) => return Ok(Err((at, Stop::Header))),
            };
            match fits {
                Ok(()) => self.kept_bytes = at + length,
                Err(mismatch) => return Ok(Err((at, mismatch.into()))),
            }
        }
        Ok(Ok(()))
    }

    fn check_last_signature(&mut self, keys: Option<&[VerifierKey]>) {
        let Some((at, signed, root)) = &self.last_signed else {
            return;
        };
        let keys = keys.map(|keys| {
            let mut keys = keys.to_vec();
            keys.extend(self.named_keys());
            keys
        });
        let note = match &keys {
            Some(keys) => check_signature(signed, self.replay.origin(), *root, keys),
            None => Ok(String::new()),
        };
        match note {
            Ok(note) if self.replay.is_signed() => self.note = keys.map(|_| note),
            Ok(_) => {}
            Err(mismatch) => self.tail.damaged = Some((*at, mismatch.to_string())),
        }
    }

    /// Where the last signed line ends, and the signed checkpoint that it stands for.
    pub(crate) fn signed_end(&self) -> Option<(u64, Checkpoint, Note)> {
        let (at, signed, root) = self.last_signed.as_ref()?;
        let mut line = String::new();
        signed.write(&mut line);
        let note = signed.to_note(self.replay.origin(), *root)?;
        let checkpoint = Checkpoint::parse_text(note.text()).ok()?;
        Some((at + line.len() as u64, checkpoint, note))
    }

    /// The keys that the last change of the log's key in the segment names.
    pub(crate) fn named_keys(&self) -> Vec<VerifierKey> {
        let named = self
            .rotated
            .iter()
            .flat_map(|rotated| [&rotated.from, &rotated.to]);
        named.filter_map(|vkey| vkey.parse().ok()).collect()
    }
}

fn span(at: u64, entry: &[u8]) -> io::Result<Span> {
    let large = |_| crate::live::too_large();
    Ok(Span {
        at: u32::try_from(at).map_err(large)?,
        length: u16::try_from(entry.len()).map_err(large)?,
    })
}

fn rotation(entry: &[u8]) -> Option<KeyRotated> {
    match Act::decode(entry).ok()?.body {
        Body::LogKeyRotated(rotated) => Some(rotated),
        _ => None,
    }
}

/// The root of the tree of `size` entries, from the segment that begins at or before them; `None`
/// when the segment has fewer.
pub(crate) fn root_at(path: &Path, size: u64) -> Result<Option<Hash>, ScanError> {
    root_in(
        File::open(path).map_err(FileError::new("open", path))?,
        size,
    )
    .map_err(|error| match error {
        RootError::Io(error) => FileError::new("read", path)(error).into(),
        RootError::Line { at, what } => ScanError::Damaged { at, what },
    })
}

/// Why a segment's root can't be computed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("byte {at}: {what}")]
    Line { at: u64, what: String },
}

/// As [`root_at`], from a file that is open.
pub(crate) fn root_in(file: File, size: u64) -> Result<Option<Hash>, RootError> {
    let end = lines::written_bytes(&file)?;
    let mut lines = Lines::new(file, 0, end)?;
    let mut tree: Option<Frontier> = None;
    loop {
        if let Some(tree) = tree.as_ref().filter(|tree| tree.size() >= size) {
            return Ok((tree.size() == size).then(|| tree.root()));
        }
        let Some(line) = lines.next()?.filter(|line| line.ended) else {
            return Ok(None);
        };
        let at = line.at;
        let wrong = |what: &str| RootError::Line {
            at,
            what: what.to_owned(),
        };
        match (segment::parse(line.bytes), &mut tree) {
            (Ok(Line::Header(header)), None) => tree = header.frontier(),
            (Ok(Line::Entry(entry)), Some(tree)) => tree.append(hash::leaf(entry)),
            (Ok(Line::Batch(_) | Line::Signed(_)), Some(_)) => {}
            (Err(error), _) => return Err(wrong(&error.to_string())),
            (Ok(_), _) => return Err(wrong("the line does not belong here")),
        }
    }
}

#[cfg(test)]
mod tests;
