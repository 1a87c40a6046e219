//! Answers: their content types, how long they may be kept by caches, and what is held until they
//! were taken.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use crate::connection::Ticket;
use crate::problem::Problem;

/// What a handler answers.
pub(crate) type Answer = Result<Response<Body>, Problem>;

pub(crate) const JSON: &str = "application/json";
pub(crate) const SVG: &str = "image/svg+xml";
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
pub(crate) const HTML: &str = "text/html; charset=utf-8";
pub(crate) const MARKDOWN: &str = "text/markdown; charset=utf-8";
pub(crate) const BYTES: &str = "application/octet-stream";

/// May anyone, or only the asker, keep it for ever? What is named by its hash or its place in the
/// log never changes.
#[derive(Clone, Copy)]
pub(crate) enum Keep {
    Never,
    ForEverPublic,
    ForEverPrivate,
}

/// 200 with this as JSON.
pub(crate) fn json(value: &impl Serialize) -> Answer {
    let text = serde_json::to_vec(value)
        .map_err(|error| Problem::internal("the answer can't be written", &error))?;
    Ok(with_type(text, JSON, Keep::Never))
}

/// 200 with these bytes.
pub(crate) fn with_type(body: impl Into<Bytes>, media: &'static str, keep: Keep) -> Response<Body> {
    let mut response = Response::new(Body::from(body.into()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    let keep = match keep {
        Keep::Never => "no-store",
        Keep::ForEverPublic => "public, max-age=31536000, immutable",
        Keep::ForEverPrivate => "private, max-age=31536000, immutable",
    };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    response
}

/// This status and nothing else.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Marks an answer that has no end.
#[derive(Clone, Copy)]
pub(crate) struct Endless;

/// What is held while an answer is being taken.
pub(crate) struct Held {
    /// The request's place among those of its connection.
    pub(crate) ticket: Ticket,
    /// Its place among all requests.
    pub(crate) place: Option<OwnedSemaphorePermit>,
    /// The memory that a large answer takes.
    pub(crate) memory: Option<OwnedSemaphorePermit>,
}

/// Bytes handed on at once. HTTP/2 takes whatever piece it is given into its own buffer as soon as
/// one byte fits, and it would count as taken: so the pieces are small.
const PIECE_BYTES_MAX: usize = 32 << 10;

/// An answer's body, and what is held until it was taken.
pub(crate) struct Tracked {
    inner: Body,
    /// What is left of a large piece.
    rest: Bytes,
    _held: Held,
}

impl Tracked {
    pub(crate) fn new(inner: Body, held: Held) -> Tracked {
        Tracked {
            inner,
            rest: Bytes::new(),
            _held: held,
        }
    }
}

impl HttpBody for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let frame = match Pin::new(&mut self.inner).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => frame,
                other => return other,
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let bytes = self.rest.len().min(PIECE_BYTES_MAX);
        let piece = self.rest.split_to(bytes);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.inner.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}
