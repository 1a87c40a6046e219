//! A body in chunks (RFC 9112, 7.1), of which only the sizes and line ends are looked at.
//!
//! Narrower than the grammar: no extensions and no trailers, which no client sends by itself and
//! which servers are known to read differently.

use crate::Reason;
use crate::wire::class::hex;

/// More digits than that would be more bytes than there are.
const DIGITS_MAX: u8 = 15;

/// Where in the body we are: what has to come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunks {
    Size {
        digits: u8,
        size: u64,
    },
    SizeLf {
        size: u64,
    },
    Data {
        left: u64,
    },
    DataCr,
    DataLf,
    /// Behind the last chunk: the empty line that would follow trailers.
    LastCr,
    LastLf,
    Over,
}

impl Chunks {
    pub(super) fn new() -> Chunks {
        Chunks::Size { digits: 0, size: 0 }
    }

    /// How many of these bytes are well formed and of this body: all of them, or up to its end, or
    /// up to the first that is wrong.
    ///
    /// # Errors
    /// `ChunkMalformed` when the first one is wrong.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Result<usize, Reason> {
        let mut passed = 0;
        while let Some(rest) = bytes.get(passed..).filter(|rest| !rest.is_empty()) {
            match self.step(rest) {
                Ok(0) => break,
                Ok(count) => passed += count,
                Err(_) if passed > 0 => break,
                Err(reason) => return Err(reason),
            }
        }
        Ok(passed)
    }

    fn step(&mut self, bytes: &[u8]) -> Result<usize, Reason> {
        let Some(&first) = bytes.first() else {
            return Ok(0);
        };
        *self = match (*self, first) {
            (Chunks::Data { left }, _) => {
                let here = u64::try_from(bytes.len()).unwrap_or(u64::MAX).min(left);
                *self = match left - here {
                    0 => Chunks::DataCr,
                    left => Chunks::Data { left },
                };
                return Ok(usize::try_from(here).unwrap_or(bytes.len()));
            }
            (Chunks::Over, _) => return Ok(0),
            (Chunks::Size { digits: 1.., size }, b'\r') => Chunks::SizeLf { size },
            (Chunks::Size { digits, size }, byte) if digits < DIGITS_MAX => Chunks::Size {
                digits: digits + 1,
                size: size << 4 | u64::from(hex(byte).ok_or(Reason::ChunkMalformed)?),
            },
            (Chunks::SizeLf { size: 0 }, b'\n') => Chunks::LastCr,
            (Chunks::SizeLf { size }, b'\n') => Chunks::Data { left: size },
            (Chunks::DataCr, b'\r') => Chunks::DataLf,
            (Chunks::DataLf, b'\n') => Chunks::new(),
            (Chunks::LastCr, b'\r') => Chunks::LastLf,
            (Chunks::LastLf, b'\n') => Chunks::Over,
            _ => return Err(Reason::ChunkMalformed),
        };
        Ok(1)
    }
}
