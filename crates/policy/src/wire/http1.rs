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
    /// Bytes are no longer looked at.
    Tunnel,
}

/// What a head says of the body that follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    None,
    /// So many bytes: fewer than 10¹⁸, perhaps 0.
    Length(u64),
    Chunked,
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
    Tunnel,
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

    /// How many bytes at the start of `bytes` may be handed on: a whole head, or what is there of a
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
            Stage::Length(left) => Ok(self.admit_length(bytes, left)),
            Stage::Chunked(chunks) => self.admit_chunks(bytes, chunks),
            Stage::Tunnel => Ok(bytes.len()),
        };
        self.refused = admitted.err();
        admitted
    }

    /// Where it is.
    pub fn phase(&self) -> Phase {
        match self.stage {
            Stage::Head if self.scanned == 0 => Phase::Idle,
            Stage::Head => Phase::Head,
            Stage::Length(_) | Stage::Chunked(_) => Phase::Body,
            Stage::Tunnel => Phase::Tunnel,
        }
    }

    /// What the newest head that was handed on said of its body.
    pub fn declared(&self) -> Option<Framing> {
        self.declared
    }

    /// After the application has agreed to an upgrade, and before its 101 is sent: from now on
    /// every byte passes. Until then what follows the request is read as another one.
    pub fn tunnel(&mut self) {
        self.stage = Stage::Tunnel;
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

    fn admit_length(&mut self, bytes: &[u8], left: u64) -> usize {
        let here = u64::try_from(bytes.len()).unwrap_or(u64::MAX).min(left);
        self.stage = match left - here {
            0 => Stage::Head,
            left => Stage::Length(left),
        };
        usize::try_from(here).unwrap_or(bytes.len())
    }

    fn admit_chunks(&mut self, bytes: &[u8], mut chunks: Chunks) -> Result<usize, Reason> {
        let passed = chunks.pass(bytes)?;
        self.stage = match chunks {
            Chunks::Over => Stage::Head,
            chunks => Stage::Chunked(chunks),
        };
        Ok(passed)
    }
}
