//! The gate over HTTP/1 (RFC 9112) from a client: one request after the other, each head checked
//! before one byte of it goes on, each body counted to its end.

use memchr::memchr3;

use crate::Reason;
use crate::wire::chunks::Chunks;
use crate::wire::head::{Head, REQUEST_LINE_BYTES};

#[cfg(test)]
mod tests;

/// What a head may be at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// From the first byte of the request line to the empty line at the end.
    pub head_bytes_max: usize,
    /// Lines between the request line and the empty line.
    pub header_lines_max: usize,
    /// The target, as it stands in the request line.
    pub url_bytes_max: usize,
}

/// Where in a request the bytes are that come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing of a (next) request has come.
    Idle,
    /// A part of a head has come.
    Head,
    /// A head was handed on, and its body isn't over.
    Body,
}

/// What a head says of the body that follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    None,
    /// So many bytes: fewer than 10¹⁸, perhaps 0.
    Length(u64),
    Chunked,
}

/// What stands at the start of some bytes of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// So many bytes say how long what follows is, or where something ends.
    pub framing: usize,
    /// And so many behind them are content.
    pub content: usize,
}

impl Piece {
    /// How many bytes it takes.
    pub fn length(self) -> usize {
        self.framing + self.content
    }
}

/// The gate over one connection that speaks HTTP/1.
#[derive(Clone, Debug)]
pub struct Http1 {
    limits: HeadLimits,
    stage: Stage,
    /// What the lines of an incomplete head said.
    head: Head,
    /// So many bytes of an incomplete head need not be looked at again.
    scanned: usize,
    /// Where in it the line begins that isn't complete.
    line_begin: usize,
    declared: Option<Framing>,
    refused: Option<Reason>,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Head,
    /// So many bytes of a body are still to come.
    Length(u64),
    Chunked(Chunks),
}

impl Http1 {
    /// A gate that waits for the first request.
    pub fn new(limits: HeadLimits) -> Http1 {
        Http1 {
            limits,
            stage: Stage::Head,
            head: Head::default(),
            scanned: 0,
            line_begin: 0,
            declared: None,
            refused: None,
        }
    }

    /// How many bytes at the start of `bytes` may be handed on: a whole head, or a piece of a
    /// body. 0: more are needed, because there are none, or only a part of a head. The caller hands
    /// on exactly so many, drops them, and asks again with the rest, until it hears 0 or an error.
    /// When it asks again about a part of a head, that part stands at the start again; each byte
    /// is looked at once, however slowly they come.
    ///
    /// # Errors
    /// Why the connection must be closed, now and whenever it is asked again.
    pub fn admit(&mut self, bytes: &[u8]) -> Result<usize, Reason> {
        if let Some(reason) = self.refused {
            return Err(reason);
        }
        let admitted = match self.stage {
            Stage::Head => self.admit_head(bytes),
            Stage::Length(_) | Stage::Chunked(_) => self.piece(bytes).map(Piece::length),
        };
        self.refused = admitted.err();
        admitted
    }

    /// What the bytes of a body begin with: nothing when there are none, or the body is over. The
    /// caller drops what it was told of, and asks again.
    ///
    /// # Errors
    /// Why the connection must be closed, now and whenever it is asked again.
    pub fn piece(&mut self, bytes: &[u8]) -> Result<Piece, Reason> {
        if let Some(reason) = self.refused {
            return Err(reason);
        }
        let piece = match &mut self.stage {
            Stage::Head => return Ok(Piece::default()),
            Stage::Length(left) => {
                let here = u64::try_from(bytes.len()).unwrap_or(u64::MAX).min(*left);
                *left -= here;
                Ok(Piece {
                    framing: 0,
                    content: usize::try_from(here).unwrap_or(bytes.len()),
                })
            }
            Stage::Chunked(chunks) => chunks.piece(bytes),
        };
        if matches!(self.stage, Stage::Length(0) | Stage::Chunked(Chunks::Over)) {
            self.stage = Stage::Head;
        }
        self.refused = piece.err();
        piece
    }

    /// How many bytes of content the body still has; none: only its end will tell.
    pub fn left(&self) -> Option<u64> {
        match self.stage {
            Stage::Head => Some(0),
            Stage::Length(left) => Some(left),
            Stage::Chunked(_) => None,
        }
    }

    /// Where it is.
    pub fn phase(&self) -> Phase {
        match self.stage {
            Stage::Head if self.scanned == 0 => Phase::Idle,
            Stage::Head => Phase::Head,
            Stage::Length(_) | Stage::Chunked(_) => Phase::Body,
        }
    }

    /// What the newest head that was handed on said of its body.
    pub fn declared(&self) -> Option<Framing> {
        self.declared
    }

    fn admit_head(&mut self, bytes: &[u8]) -> Result<usize, Reason> {
        match bytes.first() {
            None => return Ok(0),
            // Servers may skip empty lines before a request (RFC 9112, 2.2). This one doesn't.
            Some(b'\r' | b'\n') => return Err(Reason::HeadMalformed),
            Some(_) => {}
        }
        loop {
            let (most, too_long) = self.bytes_max();
            let window = bytes.get(..most).unwrap_or(bytes);
            let Some(line_end) = self.line_end(window)? else {
                return if bytes.len() < most {
                    Ok(0)
                } else {
                    Err(too_long)
                };
            };
            let line = window.get(self.line_begin..line_end).unwrap_or_default();
            self.scanned = line_end + 2;
            self.line_begin = self.scanned;
            if line.is_empty() {
                return self.head_over();
            }
            self.head.line(line, window, &self.limits)?;
        }
    }

    /// How many bytes of the head may come before the line that is being read must have ended, and
    /// what is wrong if they come all the same.
    fn bytes_max(&self) -> (usize, Reason) {
        let head = self.limits.head_bytes_max;
        let line = self
            .limits
            .url_bytes_max
            .saturating_add(REQUEST_LINE_BYTES + 2);
        if line < head && !self.head.has_begun() {
            (line, Reason::UrlTooLong)
        } else {
            (head, Reason::HeadTooLarge)
        }
    }

    /// Where the line that is being read ends: the place of its CR. None: not yet.
    fn line_end(&mut self, window: &[u8]) -> Result<Option<usize>, Reason> {
        let rest = window.get(self.scanned..).unwrap_or_default();
        let Some(found) = memchr3(b'\r', b'\n', 0, rest) else {
            self.scanned = self.scanned.max(window.len());
            return Ok(None);
        };
        let at = self.scanned + found;
        match (window.get(at), window.get(at + 1)) {
            (Some(0), _) => Err(Reason::NulByte),
            (Some(b'\r'), Some(b'\n')) => Ok(Some(at)),
            (Some(b'\r'), None) => {
                self.scanned = at;
                Ok(None)
            }
            _ => Err(Reason::LineEndBare),
        }
    }

    fn head_over(&mut self) -> Result<usize, Reason> {
        let framing = self.head.end()?;
        let length = self.scanned;
        self.declared = Some(framing);
        self.stage = match framing {
            Framing::None | Framing::Length(0) => Stage::Head,
            Framing::Length(left) => Stage::Length(left),
            Framing::Chunked => Stage::Chunked(Chunks::new()),
        };
        self.head = Head::default();
        self.scanned = 0;
        self.line_begin = 0;
        Ok(length)
    }
}
