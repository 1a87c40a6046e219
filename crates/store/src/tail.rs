//! Judges what stands behind the last whole batch of the segment that was being written.
//!
//! A torn tail is what a power failure leaves of writes that were not synced: lines that end early,
//! and zeroes where sectors never arrived. A complete signature line that is wrong is not that, and
//! is damage. What follows from the judgement differs: recovery sets aside whatever nobody was told
//! of, `verify` names whatever a clean stop does not leave.

use std::fs::File;
use std::path::Path;

use crate::durable::FileError;
use crate::lines::{self, Lines};
use crate::segment::{self, Line, SIGNED};

/// What a disk writes whole or not at all, at the least.
const SECTOR_BYTES: u64 = 512;

/// Why reading stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stopped {
    /// The offset of the line.
    pub(crate) at: u64,
    pub(crate) why: String,
    /// Whether the file just ends within the line.
    pub(crate) cut: bool,
}

/// What stands behind the last whole batch and its signature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tail {
    /// The largest tree that a signature in it covers, behind its offset.
    pub(crate) claims: Option<(u64, u64)>,
    /// What no interrupted write leaves: offset and reason.
    pub(crate) damaged: Option<(u64, String)>,
    /// What recovery may set aside and no interrupted write of whole sectors leaves either.
    pub(crate) odd: Option<(u64, String)>,
}

/// Judges the bytes from `from` on, where `size` entries are whole before them.
pub(crate) fn judge(
    path: &Path,
    from: u64,
    size: u64,
    origin: &str,
    stopped: Option<&Stopped>,
) -> Result<Tail, FileError> {
    let mut tail = Tail::default();
    let mut zeroes = false;
    let file = File::open(path).map_err(FileError::new("open", path))?;
    let length = file.metadata().map_err(FileError::new("look at", path))?;
    let end = lines::written_bytes(&file).map_err(FileError::new("read", path))?;
    let is_filled = length.len() > end;
    let mut lines = Lines::new(file, from, end).map_err(FileError::new("read", path))?;
    while let Some(line) = lines.next().map_err(FileError::new("read", path))? {
        let at = line.at;
        zeroes |= line.bytes.contains(&0);
        if let Some(covered) = signature_in(line.bytes)
            && covered > size
            && tail.claims.is_none_or(|(_, most)| covered > most)
        {
            tail.claims = Some((at, covered));
        }
        let judged = match judge_line(line.bytes, line.ended, origin) {
            // The zeroes behind it are sectors that never arrived.
            Found::Plausible if is_filled && !line.ended && !is_cut_by_sector(end, line.bytes) => {
                Found::Odd("a line ends within a sector, without its line feed")
            }
            judged => judged,
        };
        let (place, what) = match judged {
            Found::Plausible => continue,
            Found::Odd(what) => (&mut tail.odd, what),
            Found::Damaged(what) => (&mut tail.damaged, what),
        };
        place.get_or_insert((at, what.to_owned()));
    }
    // Nothing is missing, and still it is no batch: a byte has changed.
    if let Some(stopped) = stopped.filter(|stopped| !stopped.cut && !zeroes) {
        tail.odd.get_or_insert((stopped.at, stopped.why.clone()));
    }
    Ok(tail)
}

/// Whether a line whose end was not written may be what arrived of it.
fn is_cut_by_sector(end: u64, line: &[u8]) -> bool {
    let is_whole = matches!(
        segment::parse(line),
        Ok(Line::Batch(_) | Line::Signed(_) | Line::Header(_))
    );
    end.is_multiple_of(SECTOR_BYTES) && !is_whole
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

#[cfg(test)]
mod tests;
