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
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
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

/// An answer's body, and what is held until it was taken.
pub(crate) struct Tracked {
    inner: Body,
    _held: Held,
}

impl Tracked {
    pub(crate) fn new(inner: Body, held: Held) -> Tracked {
        Tracked { inner, _held: held }
    }
}

impl HttpBody for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
