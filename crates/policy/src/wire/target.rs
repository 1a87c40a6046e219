//! What a request asks for: the target of a request line, or HTTP/2's `:path`.
//!
//! Nothing is decoded and nothing changed. A path that servers are known to read differently is
//! refused, so that what a rule saw is what an upstream sees.

use crate::Reason;
use crate::wire::class::{PATH, QUERY, hex};

#[cfg(test)]
mod tests;

/// Whether that is a path and query (origin-form, RFC 9112, 3.2.1) that everybody reads alike.
/// `*`, which only OPTIONS may ask for, is none.
///
/// In the path each `%` begins an escape. In the query a stray one is let through: people type
/// `?q=100%`, browsers send that as it is, and nothing here is decided by the query.
///
/// # Errors
/// `TargetMalformed`; `PathAmbiguous` for a segment that is `.` or `..`, escaped or not, with
/// escaped slashes and backslashes taken as separators and with parameters (`..;x`) left off, and
/// for an escaped NUL.
pub fn target(path: &[u8]) -> Result<(), Reason> {
    if path.first() != Some(&b'/') {
        return Err(Reason::TargetMalformed);
    }
    let (path, query) = match memchr::memchr(b'?', path) {
        Some(at) => path.split_at(at),
        None => (path, &[][..]),
    };
    if !QUERY.has_all(query) {
        return Err(Reason::TargetMalformed);
    }
    segments(path)
}

/// How a segment has begun.
#[derive(Clone, Copy)]
enum Segment {
    Empty,
    Dot,
    DotDot,
    Other,
}

impl Segment {
    fn end(self) -> Result<(), Reason> {
        match self {
            Segment::Dot | Segment::DotDot => Err(Reason::PathAmbiguous),
            Segment::Empty | Segment::Other => Ok(()),
        }
    }

    fn dot(self) -> Segment {
        match self {
            Segment::Empty => Segment::Dot,
            Segment::Dot => Segment::DotDot,
            Segment::DotDot | Segment::Other => Segment::Other,
        }
    }
}

fn segments(path: &[u8]) -> Result<(), Reason> {
    let mut segment = Segment::Empty;
    let mut rest = path.iter().copied();
    while let Some(byte) = rest.next() {
        if !PATH.has(byte) {
            return Err(Reason::TargetMalformed);
        }
        let byte = if byte == b'%' {
            let high = rest.next().and_then(hex).ok_or(Reason::TargetMalformed)?;
            let low = rest.next().and_then(hex).ok_or(Reason::TargetMalformed)?;
            high << 4 | low
        } else {
            byte
        };
        segment = match byte {
            0 => return Err(Reason::PathAmbiguous),
            b'/' | b'\\' => {
                segment.end()?;
                Segment::Empty
            }
            // Some servers cut `;parameters` off before they look for dots.
            b';' => {
                segment.end()?;
                Segment::Other
            }
            b'.' => segment.dot(),
            _ => Segment::Other,
        };
    }
    segment.end()
}
