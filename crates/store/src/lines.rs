//! Reads a segment line by line, with the offset of each, in bounded memory.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Take};
use std::os::unix::fs::FileExt as _;

use crate::segment::LINE_BYTES_MAX;

/// Bytes read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// Where a line is cut: a byte longer than any may be, with its line feed.
const LINE_MAX: usize = LINE_BYTES_MAX + 2;

/// Reads lines from an offset on.
pub(crate) struct Lines {
    file: Take<File>,
    /// Bytes of the file; those from `begin` to `end` were read and are not taken yet.
    chunk: Vec<u8>,
    begin: usize,
    end: usize,
    /// Where the next line begins in the file.
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
        Ok(Lines {
            file: file.take(end.saturating_sub(offset)),
            chunk: vec![0; CHUNK_BYTES.max(2 * LINE_MAX)],
            begin: 0,
            end: 0,
            next: offset,
        })
    }

    /// The next line; `None` at the end of the file.
    ///
    /// A line that is too long is cut, and the rest of it comes as lines of its own: no caller
    /// accepts any of them.
    pub(crate) fn next(&mut self) -> io::Result<Option<RawLine<'_>>> {
        let mut looked = 0;
        let (length, ended) = loop {
            let there = self.chunk.get(self.begin..self.end).unwrap_or_default();
            let there = there.get(..LINE_MAX).unwrap_or(there);
            let behind = there.get(looked..).unwrap_or_default();
            if let Some(feed) = memchr::memchr(b'\n', behind) {
                break (looked + feed, true);
            }
            looked = there.len();
            if looked == LINE_MAX || !self.read_more()? {
                break (looked, false);
            }
        };
        let (from, at) = (self.begin, self.next);
        let taken = length + usize::from(ended);
        if taken == 0 {
            return Ok(None);
        }
        self.begin += taken;
        self.next += taken as u64;
        let bytes = self.chunk.get(from..from + length).unwrap_or_default();
        Ok(Some(RawLine { at, bytes, ended }))
    }

    /// Reads behind what is not taken yet, of which there is less than a line; says whether there
    /// was more.
    fn read_more(&mut self) -> io::Result<bool> {
        self.chunk.copy_within(self.begin..self.end, 0);
        self.end -= self.begin;
        self.begin = 0;
        let room = self.chunk.get_mut(self.end..).unwrap_or_default();
        loop {
            match self.file.read(room) {
                Ok(read) => {
                    self.end += read;
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Where the next line begins.
    pub(crate) fn offset(&self) -> u64 {
        self.next
    }
}
