//! A head as httparse reads it, made a request of. The gate has judged these bytes before.

use std::mem::MaybeUninit;

use bytes::Bytes;
use httparse::Header;
use hyper::header::{CONNECTION, EXPECT, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Uri, Version};

/// Heads have seldom more lines.
const LINES_USUAL: usize = 48;

/// What is asked, and how.
pub(super) struct Asked {
    pub(super) parts: Parts,
    pub(super) manner: Manner,
    /// The body is sent when we say so (RFC 9110, 10.1.1).
    pub(super) expects: bool,
}

/// What the answer must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Manner {
    /// Answers to `HEAD` have no body.
    pub(super) head: bool,
    pub(super) http10: bool,
    /// No other request follows.
    pub(super) last: bool,
    /// The client can take fields behind the body (RFC 9110, 6.5.1).
    pub(super) trailers: bool,
}

impl Manner {
    /// Of the answer to what could not be read.
    pub(super) const LAST: Manner = Manner {
        head: false,
        http10: false,
        last: true,
        trailers: false,
    };
}

/// Reads a head; none: httparse does not see in it what the gate saw.
pub(super) fn read(head: Bytes, lines_max: usize) -> Option<Asked> {
    let mut few = [const { MaybeUninit::uninit() }; LINES_USUAL];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(&head, &mut few) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => asked(&head, &request),
        Err(httparse::Error::TooManyHeaders) => {
            let mut many: Vec<MaybeUninit<Header<'_>>> = Vec::new();
            many.resize_with(lines_max.saturating_add(1), MaybeUninit::uninit);
            let mut request = httparse::Request::new(&mut []);
            match request.parse_with_uninit_headers(&head, &mut many) {
                Ok(httparse::Status::Complete(length)) if length == head.len() => {
                    asked(&head, &request)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn asked(head: &Bytes, request: &httparse::Request<'_, '_>) -> Option<Asked> {
    let mut headers = HeaderMap::with_capacity(request.headers.len() + 8);
    for Header { name, value } in request.headers.iter() {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(value)).ok()?;
        headers.try_append(name, value).ok()?;
    }
    let target = head.slice_ref(request.path?.as_bytes());
    let method = Method::from_bytes(request.method?.as_bytes()).ok()?;
    let http10 = request.version? == 0;
    let manner = Manner {
        head: method == Method::HEAD,
        http10,
        last: match http10 {
            true => !names(&headers, "keep-alive"),
            false => names(&headers, "close"),
        },
        trailers: headers
            .get(hyper::header::TE)
            .is_some_and(|te| te.as_bytes() == b"trailers"),
    };
    let expects = !http10 && headers.contains_key(EXPECT);
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = method;
    parts.uri = Uri::from_maybe_shared(target).ok()?;
    parts.version = if http10 {
        Version::HTTP_10
    } else {
        Version::HTTP_11
    };
    parts.headers = headers;
    Some(Asked {
        parts,
        manner,
        expects,
    })
}

/// Whether `Connection` holds this option.
fn names(headers: &HeaderMap, option: &str) -> bool {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','))
        .any(|one| one.trim().eq_ignore_ascii_case(option))
}
