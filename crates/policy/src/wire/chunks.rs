//! A body in chunks (RFC 9112, 7.1), of which only the sizes and line ends are looked at.
//!
//! Narrower than the grammar: no extensions and no trailers, which no client sends by itself and
//! which servers are known to read differently.

use crate::Reason;
use crate::wire::class::hex;
use crate::wire::http1::Piece;

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

    /// What these bytes begin with: framing up to the next content, and as much of that as there
    /// is; or up to the body's end, or the first byte that is wrong.
    ///
    /// # Errors
    /// `ChunkMalformed` when the first one is wrong.
    pub(super) fn piece(&mut self, bytes: &[u8]) -> Result<Piece, Reason> {
        let mut framing = 0;
        while let Some(&next) = bytes.get(framing) {
            if let Chunks::Data { left } = *self {
                let content = self.data(left, bytes.len() - framing);
                return Ok(Piece { framing, content });
            }
            match self.step(next) {
                Ok(true) => framing += 1,
                Ok(false) => break,
                Err(_) if framing > 0 => break,
                Err(reason) => return Err(reason),
            }
        }
        Ok(Piece {
            framing,
            content: 0,
        })
    }

    /// So many bytes of content may be taken of so many.
    fn data(&mut self, left: u64, here: usize) -> usize {
        let taken = u64::try_from(here).unwrap_or(u64::MAX).min(left);
        *self = match left - taken {
            0 => Chunks::DataCr,
            left => Chunks::Data { left },
        };
        usize::try_from(taken).unwrap_or(here)
    }

    /// Whether this byte of framing belongs to the body.
    fn step(&mut self, byte: u8) -> Result<bool, Reason> {
        *self = match (*self, byte) {
            (Chunks::Over, _) => return Ok(false),
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
        Ok(true)
    }
}
