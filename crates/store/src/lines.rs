//! Reads a segment line by line, with the offset of each, in bounded memory.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Take};
use std::os::unix::fs::FileExt as _;

use crate::segment::LINE_BYTES_MAX;

/// Bytes read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// Reads lines from an offset on.
pub(crate) struct Lines {
    file: BufReader<Take<File>>,
    line: Vec<u8>,
    /// Where the next line begins.
    next: u64,
}

/// One line as it stands in the file.
pub(crate) struct RawLine<'a> {
    /// The offset of its first byte.
    pub(crate) at: u64,
    /// The bytes without the line feed. If there are more than [`LINE_BYTES_MAX`], not all.
    pub(crate) bytes: &'a [u8],
    /// Whether a line feed ended it.
    pub(crate) ended: bool,
}

/// Where what was written ends: a segment is filled with zeroes ahead (see `fill`), and no line holds
/// one.
pub(crate) fn written_bytes(file: &File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut chunk = vec![0; CHUNK_BYTES];
    while end > 0 {
        let length = end.min(CHUNK_BYTES as u64);
        let bytes = chunk.get_mut(..usize::try_from(length).unwrap_or(CHUNK_BYTES));
        let bytes = bytes.unwrap_or_default();
        file.read_exact_at(bytes, end - length)?;
        if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
            return Ok(end - length + last as u64 + 1);
        }
        end -= length;
    }
    Ok(0)
}

impl Lines {
    /// Reads from `offset` to `end`.
    pub(crate) fn new(mut file: File, offset: u64, end: u64) -> io::Result<Lines> {
        file.seek(SeekFrom::Start(offset))?;
        let file = file.take(end.saturating_sub(offset));
        let file = BufReader::with_capacity(CHUNK_BYTES, file);
        Ok(Lines {
            file,
            line: Vec::new(),
            next: offset,
        })
    }

    /// The next line; `None` at the end of the file.
    ///
    /// A line that is too long is cut, and the rest of it comes as lines of its own: no caller
    /// accepts any of them.
    pub(crate) fn next(&mut self) -> io::Result<Option<RawLine<'_>>> {
        self.line.clear();
        let limit = LINE_BYTES_MAX as u64 + 2;
        let read = self
            .file
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        let at = self.next;
        self.next += read as u64;
        let (bytes, ended) = match self.line.split_last() {
            Some((b'\n', bytes)) => (bytes, true),
            _ => (self.line.as_slice(), false),
        };
        Ok(Some(RawLine { at, bytes, ended }))
    }

    /// Where the next line begins.
    pub(crate) fn offset(&self) -> u64 {
        self.next
    }
}
