//! An answer as it is written (RFC 9112): its head, how its body's end is told, and the body.

use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as _, Frame};
use hyper::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderMap, TRANSFER_ENCODING};
use hyper::{Response, StatusCode};

use crate::body::Answer;
use crate::clock;
use crate::http1::head::Manner;
use crate::tunnel::Joint;

/// So much is collected before it is written.
const COLLECTED_BYTES: usize = 64 << 10;
/// What a head takes as a rule, and a short body with it.
const USUAL_BYTES: usize = 2 << 10;

/// How the other side knows where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Nothing,
    /// So many bytes are still to come.
    Length(u64),
    Chunked,
    UntilClose,
}

/// One answer on its way out.
pub(super) struct Reply {
    body: Answer,
    framing: Framing,
    manner: Manner,
    /// What is to be written, from `written` on.
    out: Vec<u8>,
    written: usize,
    /// All of it is in `out`.
    ended: bool,
}

/// The body can't be told whole: what was written of it must not look so.
#[derive(Debug)]
pub(super) struct Broken;

impl Reply {
    /// `unread`: something of the request was not read, so that no other one can follow.
    pub(super) fn new(response: Response<Answer>, manner: Manner, unread: bool) -> Reply {
        let (parts, mut body) = response.into_parts();
        let status = parts.status;
        let upgrades = status == StatusCode::SWITCHING_PROTOCOLS;
        let bodiless = manner.head
            || status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let said = length(&parts.headers);
        let size = body.size_hint().exact();
        let framing = match (bodiless, size) {
            (true, _) => Framing::Nothing,
            (false, Some(size)) => Framing::Length(size),
            (false, None) if manner.http10 => Framing::UntilClose,
            (false, None) => Framing::Chunked,
        };
        let closes = parts
            .headers
            .get(CONNECTION)
            .is_some_and(|option| option.as_bytes().eq_ignore_ascii_case(b"close"));
        let last = manner.last || unread || closes || framing == Framing::UntilClose;
        let mut out = Vec::with_capacity(USUAL_BYTES);
        status_line(&mut out, status);
        fields(&mut out, &parts.headers, upgrades);
        match framing {
            Framing::Length(size) => field(&mut out, "content-length", size),
            Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            // What a GET would be answered with (RFC 9110, 8.6).
            Framing::Nothing if manner.head || status == StatusCode::NOT_MODIFIED => {
                if let Some(size) = said.or(size.filter(|size| *size > 0)) {
                    field(&mut out, "content-length", size);
                }
            }
            Framing::Nothing | Framing::UntilClose => {}
        }
        if !upgrades && last {
            out.extend_from_slice(b"connection: close\r\n");
        } else if manner.http10 {
            out.extend_from_slice(b"connection: keep-alive\r\n");
        }
        if !parts.headers.contains_key(DATE) {
            out.extend_from_slice(b"date: ");
            out.extend_from_slice(&clock::http_date());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        if framing == Framing::Nothing && !upgrades {
            body.skip();
        }
        Reply {
            body,
            framing,
            manner: Manner { last, ..manner },
            out,
            written: 0,
            ended: matches!(framing, Framing::Nothing | Framing::Length(0)),
        }
    }

    /// Whether no other request follows.
    pub(super) fn is_last(&self) -> bool {
        self.manner.last
    }

    /// Who is to be joined with the client once this is written.
    pub(super) fn joint(&mut self) -> Option<Joint> {
        self.body.joint()
    }

    /// Collects of the body what is there.
    ///
    /// # Errors
    /// When there is no more, and it is not whole.
    pub(super) fn fill(&mut self, cx: &mut Context<'_>) -> Result<(), Broken> {
        while !self.ended && self.out.len() < COLLECTED_BYTES {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => self.frame(frame)?,
                Poll::Ready(Some(Err(_))) => return Err(Broken),
                Poll::Ready(None) => self.finish(None)?,
                Poll::Pending => break,
            }
            if !self.ended && self.body.is_end_stream() {
                self.finish(None)?;
            }
        }
        Ok(())
    }

    fn frame(&mut self, frame: Frame<Bytes>) -> Result<(), Broken> {
        match frame.into_data() {
            Ok(data) => self.data(&data),
            Err(frame) => match frame.into_trailers() {
                Ok(trailers) => self.finish(Some(&trailers)),
                Err(_) => Ok(()),
            },
        }
    }

    fn data(&mut self, data: &[u8]) -> Result<(), Broken> {
        match &mut self.framing {
            Framing::Length(left) => {
                *left = left.checked_sub(data.len() as u64).ok_or(Broken)?;
                self.out.extend_from_slice(data);
                self.ended = *left == 0;
            }
            Framing::Chunked if data.is_empty() => {}
            Framing::Chunked => {
                let _ = write!(self.out, "{:x}\r\n", data.len());
                self.out.extend_from_slice(data);
                self.out.extend_from_slice(b"\r\n");
            }
            Framing::UntilClose => self.out.extend_from_slice(data),
            Framing::Nothing => {}
        }
        Ok(())
    }

    fn finish(&mut self, trailers: Option<&HeaderMap>) -> Result<(), Broken> {
        if matches!(self.framing, Framing::Length(1..)) {
            return Err(Broken);
        }
        if self.framing == Framing::Chunked {
            self.out.extend_from_slice(b"0\r\n");
            if let Some(trailers) = trailers.filter(|_| self.manner.trailers) {
                fields(&mut self.out, trailers, false);
            }
            self.out.extend_from_slice(b"\r\n");
        }
        self.ended = true;
        Ok(())
    }

    /// What is to be written next.
    pub(super) fn waiting(&self) -> &[u8] {
        self.out.get(self.written..).unwrap_or(&[])
    }

    /// So much of it was.
    pub(super) fn wrote(&mut self, size: usize) {
        self.written += size;
        if self.written >= self.out.len() {
            self.out.clear();
            self.written = 0;
        }
    }

    /// Whether nothing is left.
    pub(super) fn is_written(&self) -> bool {
        self.ended && self.waiting().is_empty()
    }
}

/// What the answer's own head says of its length.
fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn status_line(out: &mut Vec<u8>, status: StatusCode) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or("").as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// All fields but those that say how this connection goes on, which are ours to say.
fn fields(out: &mut Vec<u8>, headers: &HeaderMap, upgrades: bool) {
    for (name, value) in headers {
        if *name == CONTENT_LENGTH || *name == TRANSFER_ENCODING {
            continue;
        }
        if *name == CONNECTION && !upgrades {
            continue;
        }
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

fn field(out: &mut Vec<u8>, name: &str, value: u64) {
    let _ = write!(out, "{name}: {value}\r\n");
}
