//! The head of an HTTP/1 request, line by line (RFC 9112), and what it says when it is complete.

use core::ops::Range;

use crate::Reason;
use crate::wire::class::{TOKEN, is_value, length, trimmed};
use crate::wire::host::host;
use crate::wire::http1::{Framing, HeadLimits};
use crate::wire::target::target;

const METHOD_BYTES_MAX: usize = 32;

/// What stands in a request line besides its target: a method, two spaces, `HTTP/1.1`.
pub(super) const REQUEST_LINE_BYTES: usize = METHOD_BYTES_MAX + 2 + 8;

/// What the lines that have come so far have said.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    request: Option<Request>,
    fields: usize,
    host: bool,
    length: Option<u64>,
    chunked: bool,
    expects: bool,
    /// `Upgrade: websocket`.
    upgrade: bool,
    /// `Connection` names `upgrade`.
    upgrade_named: bool,
}

#[derive(Clone, Debug)]
struct Request {
    get: bool,
    version: Version,
    /// Where in the head the authority of an absolute target is.
    authority: Option<Range<usize>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Http10,
    Http11,
}

impl Head {
    /// Whether the request line has come.
    pub(super) fn has_begun(&self) -> bool {
        self.request.is_some()
    }

    /// Takes the next line, without its end; `head` is everything from the first byte on.
    pub(super) fn line(
        &mut self,
        line: &[u8],
        head: &[u8],
        limits: &HeadLimits,
    ) -> Result<(), Reason> {
        if self.request.is_none() {
            self.request = Some(request(line, limits.url_bytes_max)?);
            return Ok(());
        }
        self.fields += 1;
        if self.fields > limits.header_lines_max {
            return Err(Reason::TooManyHeaders);
        }
        self.field(line, head)
    }

    /// What the complete head says of the body.
    pub(super) fn end(&self) -> Result<Framing, Reason> {
        let request = self.request.as_ref().ok_or(Reason::HeadMalformed)?;
        if !self.host {
            return Err(Reason::HostMissing);
        }
        let framing = match (self.length, self.chunked) {
            (Some(_), true) => return Err(Reason::LengthWithEncoding),
            // HTTP/1.0 has no transfer encodings (RFC 9112, 6.1).
            (None, true) if request.version == Version::Http10 => {
                return Err(Reason::EncodingUnknown);
            }
            (None, true) => Framing::Chunked,
            (Some(length), false) => Framing::Length(length),
            (None, false) => Framing::None,
        };
        let empty = matches!(framing, Framing::None | Framing::Length(0));
        let upgradable =
            request.get && request.version == Version::Http11 && self.upgrade_named && empty;
        if self.upgrade && !upgradable {
            return Err(Reason::UpgradeRefused);
        }
        Ok(framing)
    }

    fn field(&mut self, line: &[u8], head: &[u8]) -> Result<(), Reason> {
        let name_end = line.iter().position(|&byte| !TOKEN.has(byte));
        let (name, value) = match name_end.and_then(|end| line.split_at_checked(end)) {
            Some(([], [b' ' | b'\t', ..])) => return Err(Reason::FoldedHeader),
            Some((name @ [_, ..], [b':', value @ ..])) => (name, value),
            _ => return Err(Reason::HeaderNameMalformed),
        };
        if !is_value(value) {
            return Err(Reason::HeaderValueMalformed);
        }
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        match name.len() {
            4 if is(b"host") => self.host_is(trimmed(value), head),
            6 if is(b"expect") => self.expect_is(trimmed(value)),
            7 if is(b"upgrade") => self.upgrade_is(trimmed(value)),
            10 if is(b"connection") => self.connection_is(value),
            14 if is(b"content-length") => self.length_is(trimmed(value)),
            14 if is(b"http2-settings") => Err(Reason::UpgradeRefused),
            17 if is(b"transfer-encoding") => self.encoding_is(trimmed(value)),
            // An upstream that writes fields as CGI variables can't tell these from the real ones.
            14 if is(b"content_length") => Err(Reason::HeaderNameMalformed),
            17 if is(b"transfer_encoding") => Err(Reason::HeaderNameMalformed),
            _ => Ok(()),
        }
    }

    fn host_is(&mut self, value: &[u8], head: &[u8]) -> Result<(), Reason> {
        if self.host {
            return Err(Reason::HostTwice);
        }
        self.host = true;
        host(value)?;
        let authority = self.request.as_ref().and_then(|it| it.authority.clone());
        match authority.map(|range| head.get(range)) {
            None => Ok(()),
            Some(Some(authority)) if authority.eq_ignore_ascii_case(value) => Ok(()),
            Some(_) => Err(Reason::TargetMalformed),
        }
    }

    fn length_is(&mut self, value: &[u8]) -> Result<(), Reason> {
        if self.length.is_some() {
            return Err(Reason::LengthMalformed);
        }
        self.length = Some(length(value).ok_or(Reason::LengthMalformed)?);
        Ok(())
    }

    fn encoding_is(&mut self, value: &[u8]) -> Result<(), Reason> {
        if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Reason::EncodingUnknown);
        }
        self.chunked = true;
        Ok(())
    }

    fn expect_is(&mut self, value: &[u8]) -> Result<(), Reason> {
        if self.expects || !value.eq_ignore_ascii_case(b"100-continue") {
            return Err(Reason::ExpectationUnknown);
        }
        self.expects = true;
        Ok(())
    }

    fn upgrade_is(&mut self, value: &[u8]) -> Result<(), Reason> {
        if self.upgrade || !value.eq_ignore_ascii_case(b"websocket") {
            return Err(Reason::UpgradeRefused);
        }
        self.upgrade = true;
        Ok(())
    }

    /// A list of names (RFC 9110, 7.6.1): whoever passes the request on drops the fields it names.
    fn connection_is(&mut self, value: &[u8]) -> Result<(), Reason> {
        for option in value.split(|&byte| byte == b',').map(trimmed) {
            if !TOKEN.has_all(option) || is_end_to_end(option) {
                return Err(Reason::HeaderValueMalformed);
            }
            self.upgrade_named |= option.eq_ignore_ascii_case(b"upgrade");
        }
        Ok(())
    }
}

/// Fields that we or an upstream decide by, and that nobody may have dropped on the way.
fn is_end_to_end(name: &[u8]) -> bool {
    const NAMES: &[&[u8]] = &[
        b"host",
        b"content-length",
        b"content-type",
        b"content-encoding",
        b"transfer-encoding",
        b"expect",
        b"authorization",
        b"cookie",
        b"origin",
        b"forwarded",
        b"x-real-ip",
        b"via",
    ];
    const FORWARDED: &[u8] = b"x-forwarded-";
    let prefix = name.get(..FORWARDED.len()).unwrap_or_default();
    prefix.eq_ignore_ascii_case(FORWARDED)
        || NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Reads `METHOD SP target SP HTTP/1.x` (RFC 9112, 3).
fn request(line: &[u8], url_bytes_max: usize) -> Result<Request, Reason> {
    let space = |part: &[u8]| part.iter().position(|&byte| byte == b' ');
    let method_end = space(line).unwrap_or(line.len());
    let (method, rest) = line.split_at_checked(method_end).unwrap_or_default();
    let target_end = memchr::memrchr(b' ', rest).filter(|&end| end > 0);
    let target_end = target_end.ok_or(Reason::HeadMalformed)?;
    let target = rest.get(1..target_end).unwrap_or_default();
    let version = rest.get(target_end + 1..).unwrap_or_default();
    if memchr::memchr(b' ', target).is_some() {
        return Err(Reason::HeadMalformed);
    }
    let version = match version {
        b"HTTP/1.1" => Version::Http11,
        b"HTTP/1.0" => Version::Http10,
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
            return Err(Reason::VersionUnsupported);
        }
        _ => return Err(Reason::HeadMalformed),
    };
    if method.is_empty() || !TOKEN.has_all(method) {
        return Err(Reason::HeadMalformed);
    }
    let plain = |&byte: &u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_');
    let known = method.len() <= METHOD_BYTES_MAX && method.iter().all(plain);
    if !known || matches!(method, b"CONNECT" | b"TRACE") {
        return Err(Reason::MethodRefused);
    }
    if target.len() > url_bytes_max {
        return Err(Reason::UrlTooLong);
    }
    Ok(Request {
        get: method == b"GET",
        version,
        authority: authority(method, target)?,
    })
}

/// Checks a target of any form; where in the request line its authority is, if it has one.
fn authority(method: &[u8], whole: &[u8]) -> Result<Option<Range<usize>>, Reason> {
    let (scheme, rest) = match whole {
        [b'/', ..] => return target(whole).map(|()| None),
        b"*" if method == b"OPTIONS" => return Ok(None),
        [b'h', b't', b't', b'p', b':', b'/', b'/', rest @ ..] => ("http://", rest),
        [b'h', b't', b't', b'p', b's', b':', b'/', b'/', rest @ ..] => ("https://", rest),
        _ => return Err(Reason::TargetMalformed),
    };
    let slash = memchr::memchr(b'/', rest).ok_or(Reason::TargetMalformed)?;
    let (authority, path) = rest.split_at(slash);
    host(authority).map_err(|_| Reason::TargetMalformed)?;
    target(path)?;
    let begin = method.len() + 1 + scheme.len();
    Ok(Some(begin..begin + authority.len()))
}
