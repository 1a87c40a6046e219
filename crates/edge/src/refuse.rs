//! The answer to a request that is refused: problem details (RFC 9457) that say which limit it was,
//! and what to quote when asking about it.

use std::fmt::Write as _;

use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
};
use hyper::{Response, StatusCode};
use policy::Reason;

use crate::account::RequestId;
use crate::body::Answer;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("hereby-request-id");

/// Why a request is refused, and what is said with it.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) reason: Reason,
    pub(crate) detail: Option<Box<str>>,
    pub(crate) retry_after_s: Option<u64>,
    pub(crate) fields: Vec<(HeaderName, HeaderValue)>,
    /// A page for people instead.
    pub(crate) page: Option<String>,
}

impl Refused {
    pub(crate) fn new(reason: Reason) -> Refused {
        Refused {
            reason,
            detail: None,
            retry_after_s: None,
            fields: Vec::new(),
            page: None,
        }
    }

    /// What exactly it is about.
    #[must_use]
    pub(crate) fn about(mut self, detail: impl Into<Box<str>>) -> Refused {
        self.detail = Some(detail.into());
        self
    }

    /// When asking again may help.
    #[must_use]
    pub(crate) fn after_s(mut self, seconds: u64) -> Refused {
        self.retry_after_s = Some(seconds.max(1));
        self
    }

    #[must_use]
    pub(crate) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Refused {
        if let Ok(value) = HeaderValue::try_from(value.into()) {
            self.fields.push((name, value));
        }
        self
    }

    /// Which methods would be accepted (RFC 9110, 15.5.6).
    #[must_use]
    pub(crate) fn allowing(self, methods: impl Into<String>) -> Refused {
        self.with(ALLOW, methods)
    }

    /// The answer.
    pub(crate) fn answer(&self, id: RequestId) -> Response<Answer> {
        let status = self.reason.status();
        let (kind, body) = match &self.page {
            Some(page) => ("text/html; charset=utf-8", page.clone()),
            None => ("application/problem+json", self.problem(status, id)),
        };
        let mut answer = Response::new(Answer::whole(body));
        *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if closes(self.reason) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        for (name, value) in &self.fields {
            headers.append(name.clone(), value.clone());
        }
        answer
    }

    fn problem(&self, status: u16, id: RequestId) -> String {
        let mut text = String::with_capacity(256);
        text.push_str("{\"type\":\"about:blank\",\"title\":\"");
        text.push_str(title(status));
        let _ = write!(text, "\",\"status\":{status},\"reason\":\"");
        text.push_str(self.reason.as_str());
        text.push('"');
        if let Some(detail) = &self.detail {
            text.push_str(",\"detail\":");
            text.push_str(&serde_json::to_string(detail).unwrap_or_default());
        }
        text.push_str(",\"request_id\":\"");
        let _ = write!(text, "{id}");
        text.push_str("\"}\n");
        text
    }
}

fn title(status: u16) -> &'static str {
    StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Refused")
}

/// Whether the connection is not to be trusted with another request: where its bytes were not clear.
fn closes(reason: Reason) -> bool {
    reason as u8 <= Reason::Http2Flood as u8
}
