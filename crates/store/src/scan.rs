//! Reads the segment that was being written, and judges what stands behind its last whole batch.
//!
//! Bytes that are no whole batch are a torn tail or damage. A torn tail is what a power failure
//! leaves of writes that were not synced: lines that end early, and zeroes where sectors never
//! arrived. A complete signature line that is wrong is neither, and is damage.

use std::fs::File;
use std::io;
use std::path::Path;

use record::act::Act;
use record::hash::{self, Hash};
use record::kinds::Body;
use record::kinds::log::KeyRotated;
use record::note::VerifierKey;
use record::tree::Frontier;

use crate::durable::FileError;
use crate::lines::Lines;
use crate::live::{Keys, Span, Table, keys_of};
use crate::replay::{Mismatch, Replay};
use crate::segment::{self, Header, Line, SIGNED};

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
    /// How long the file is.
    pub(crate) file_bytes: u64,
    /// The signed note of the last whole batch, if its signature is in this segment.
    pub(crate) note: Option<String>,
    /// The last change of the log's key in it.
    pub(crate) rotated: Option<KeyRotated>,
    pub(crate) tail: Tail,
}

/// What stands behind the last whole batch and its signature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tail {
    /// Why reading stopped: offset and reason.
    pub(crate) stopped: Option<(u64, String)>,
    /// Whether that was the file's end within a line.
    cut: bool,
    /// The largest tree that a signature in it covers, and its offset.
    pub(crate) claims: Option<(u64, u64)>,
    /// What no interrupted write leaves: offset and reason.
    pub(crate) damaged: Option<(u64, String)>,
    /// What recovery may set aside and a clean stop does not leave: offset and reason.
    pub(crate) odd: Option<(u64, String)>,
}

/// Why a segment can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScanError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("byte {at}: {what}")]
    Damaged { at: u64, what: String },
}

/// Reads the segment. `keys` may sign in it, beside those that acts in the segment itself name as
/// the log's; `None` leaves signatures unchecked.
pub(crate) fn scan(path: &Path, keys: Option<&[VerifierKey]>) -> Result<Start, ScanError> {
    let Some(keys) = keys else {
        return scan_with(path, None).map(|(start, _)| start);
    };
    let (start, unknown_key) = scan_with(path, Some(keys))?;
    if !unknown_key {
        return Ok(start);
    }
    // The segment may have been signed by a key that was retired further down.
    let mut more = keys.to_vec();
    more.extend(rotated_keys(path)?);
    scan_with(path, Some(&more)).map(|(start, _)| start)
}

fn open(path: &Path) -> Result<(Lines, u64), FileError> {
    let file = File::open(path).map_err(FileError::new("open", path))?;
    let length = file
        .metadata()
        .map_err(FileError::new("look at", path))?
        .len();
    let lines = Lines::new(file, 0).map_err(FileError::new("read", path))?;
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
        Err(error) => Err(damaged(error.to_string())),
    }
}

/// The second value says whether a key that is not in `keys` had signed.
fn scan_with(path: &Path, keys: Option<&[VerifierKey]>) -> Result<(Start, bool), ScanError> {
    let (mut lines, file_bytes) = open(path)?;
    let Some(header) = header_of(&mut lines, path, file_bytes)? else {
        return Ok((Start::Torn, false));
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
        file_bytes,
        note: None,
        rotated: None,
        tail: Tail::default(),
    };
    let mut unknown_key = false;
    if let Err((at, stop)) = scan
        .read(&mut lines, keys)
        .map_err(FileError::new("read", path))?
    {
        unknown_key = matches!(stop, Stop::Mismatch(Mismatch::Key(_)));
        scan.tail.cut = matches!(stop, Stop::Cut);
        scan.tail.stopped = Some((at, stop.to_string()));
    }
    scan.replay.drop_unfinished();
    if scan.kept_bytes < file_bytes {
        scan.judge_tail(path, keys.is_some())?;
    }
    Ok((Start::Whole(Box::new(scan)), unknown_key))
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
    fn read(
        &mut self,
        lines: &mut Lines,
        keys: Option<&[VerifierKey]>,
    ) -> io::Result<Result<(), (u64, Stop)>> {
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
                    self.note = None;
                    self.rotated = rotated.take().or_else(|| self.rotated.take());
                }),
                Line::Signed(signed) => self.replay.signed(&signed, keys).map(|note| {
                    self.note = Some(note);
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

    fn judge_tail(&mut self, path: &Path, checked: bool) -> Result<(), ScanError> {
        let file = File::open(path).map_err(FileError::new("open", path))?;
        let lines = Lines::new(file, self.kept_bytes);
        let mut lines = lines.map_err(FileError::new("read", path))?;
        let origin = self.replay.origin().to_owned();
        let mut zeroes = false;
        while let Some(line) = lines.next().map_err(FileError::new("read", path))? {
            let at = line.at;
            zeroes |= line.bytes.contains(&0);
            if let Some(size) = signature_in(line.bytes)
                && size > self.replay.kept().size()
                && self.tail.claims.is_none_or(|(_, most)| size > most)
            {
                self.tail.claims = Some((at, size));
            }
            let found = judge_line(line.bytes, line.ended, &origin);
            let (place, what) = match found {
                Found::Plausible => continue,
                Found::Odd(what) => (&mut self.tail.odd, what),
                Found::Damaged(what) if checked => (&mut self.tail.damaged, what),
                Found::Damaged(what) => (&mut self.tail.odd, what),
            };
            place.get_or_insert((at, what.to_owned()));
        }
        // Nothing is missing, and still it is no batch: a byte has changed.
        if let Some((at, why)) = &self.tail.stopped
            && !self.tail.cut
            && !zeroes
        {
            self.tail.odd.get_or_insert((*at, why.clone()));
        }
        Ok(())
    }
}

fn span(at: u64, entry: &[u8]) -> io::Result<Span> {
    let large = |_| crate::live::too_large();
    Ok(Span {
        at: u32::try_from(at).map_err(large)?,
        length: u16::try_from(entry.len()).map_err(large)?,
    })
}

/// What a line behind the last whole batch is.
enum Found {
    /// What an interrupted write leaves.
    Plausible,
    Odd(&'static str),
    Damaged(&'static str),
}

fn judge_line(line: &[u8], ended: bool, origin: &str) -> Found {
    let zeroes = line.iter().filter(|byte| **byte == 0).count();
    if zeroes > 0 {
        // Sectors are lost whole, bytes are not.
        return if zeroes == 1 {
            Found::Odd("one byte is zero")
        } else {
            Found::Plausible
        };
    }
    if line.starts_with(SIGNED) {
        return match (ended, segment::parse(line)) {
            (true, Ok(Line::Signed(_))) => {
                Found::Damaged("a signature is not the log's over the entries before it")
            }
            (true, _) => Found::Damaged("a signature line is not of its form"),
            (false, _) if segment::begins_signed(line, origin) => Found::Plausible,
            (false, _) => Found::Damaged("a signature line is neither whole nor cut"),
        };
    }
    if ended && segment::parse(line).is_err() {
        return Found::Odd("a line is none of entry, batch and signed");
    }
    Found::Plausible
}

/// The size that a signature line says, wherever in this line it begins. Entries can't hold one:
/// within a string its quotes would be escaped, and no act has such a member.
fn signature_in(line: &[u8]) -> Option<u64> {
    let at = line
        .windows(SIGNED.len())
        .position(|window| window == SIGNED)?;
    match segment::parse(line.get(at..)?) {
        Ok(Line::Signed(signed)) => Some(signed.size),
        _ => None,
    }
}

fn rotation(entry: &[u8]) -> Option<KeyRotated> {
    match Act::decode(entry).ok()?.body {
        Body::LogKeyRotated(rotated) => Some(rotated),
        _ => None,
    }
}

/// Every key that acts in the segment name as the log's.
fn rotated_keys(path: &Path) -> Result<Vec<VerifierKey>, ScanError> {
    let (mut lines, _) = open(path)?;
    let mut keys = Vec::new();
    while let Some(line) = lines.next().map_err(FileError::new("read", path))? {
        if let Ok(Line::Entry(entry)) = segment::parse(line.bytes)
            && keys_of(entry).is_some_and(|found| found.rotates)
            && let Some(rotated) = rotation(entry)
        {
            keys.extend(
                [rotated.from, rotated.to]
                    .iter()
                    .filter_map(|vkey| vkey.parse().ok()),
            );
        }
    }
    Ok(keys)
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
    let mut lines = Lines::new(file, 0)?;
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
