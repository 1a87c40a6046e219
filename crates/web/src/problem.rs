//! The one file that turns what went wrong into HTTP: problem details (RFC 9457).
//!
//! `outcome` says what became of what was asked: `refused` (nothing happened) or `unknown` (nobody
//! can say; send it again with the same id).

use axum::body::Body;
use engine::ports::ReadError;
use hyper::header::{
    ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use incident::{Reason, Refusal};
use record::kinds::access::Scope;
use serde_json::json;

use crate::backstage::BlobRefused;

/// The content type of every problem.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// Reasons beside those of [`Reason`], with their status and title.
pub(crate) const MORE_REASONS: &[(&str, u16, &str)] = &[
    ("bad_request", 400, "The request is malformed"),
    ("method_not_allowed", 405, "This can't be done here"),
    ("gone", 410, "It was there once"),
    ("too_slow", 408, "The request came too slowly"),
    ("too_large", 413, "The request is too large"),
    ("unsupported_media_type", 415, "The body is of another type"),
    ("misdirected", 421, "This is not the place"),
    ("internal", 500, "Something in hereby is broken"),
    ("unknown", 504, "Nobody can say whether this happened"),
];

/// Marks an answer that is a problem with its reason, for the metrics.
#[derive(Clone, Copy)]
pub(crate) struct Refused(pub(crate) &'static str);

/// Something that went wrong, on its way to whoever asked.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) reason: &'static str,
    title: &'static str,
    detail: String,
    unknown: bool,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The status that goes with a refusal's reason.
pub(crate) fn status_of(reason: Reason) -> u16 {
    match reason {
        Reason::NotFound => 404,
        Reason::WrongState | Reason::RoleConflict | Reason::IdReused | Reason::TooMany => 409,
        Reason::Forbidden => 403,
        Reason::OutOfRange => 422,
        Reason::NoSpace => 507,
        Reason::Keystore | Reason::Overloaded | Reason::Stopping => 503,
    }
}

fn title_of(reason: Reason) -> &'static str {
    match reason {
        Reason::NotFound => "There is no such thing",
        Reason::WrongState => "Not possible as things are",
        Reason::RoleConflict => "These two roles exclude each other",
        Reason::Forbidden => "You may not do this",
        Reason::OutOfRange => "An argument is out of its range",
        Reason::IdReused => "This id came before with something else",
        Reason::TooMany => "There are as many as there may be",
        Reason::NoSpace => "The disk is full",
        Reason::Keystore => "The keystore can't be used",
        Reason::Overloaded => "More is asked than can be done now",
        Reason::Stopping => "hereby is stopping",
    }
}

impl Problem {
    fn of(reason: &'static str, detail: impl Into<String>) -> Problem {
        let known = MORE_REASONS.iter().find(|(word, ..)| *word == reason);
        let (status, title) = known.map_or((500, ""), |(_, status, title)| (*status, *title));
        Problem {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            reason,
            title,
            detail: detail.into(),
            unknown: false,
            headers: Vec::new(),
        }
    }

    fn with(mut self, name: HeaderName, value: &str) -> Problem {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// What it is called.
    pub(crate) fn title(&self) -> &'static str {
        self.title
    }

    /// What is wrong, and what to do.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether nobody can say if it happened.
    pub(crate) fn is_unknown(&self) -> bool {
        self.unknown
    }

    /// Asked for by a name that is not the console's.
    pub(crate) fn misdirected() -> Problem {
        Problem::of(
            "misdirected",
            "the console is not known by this name: add it to console.hosts in hereby.toml",
        )
    }

    /// The request is not of the form it must have.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Problem {
        Problem::of("bad_request", detail)
    }

    /// The same, and the connection can't be used any more.
    pub(crate) fn closing(self) -> Problem {
        self.with(CONNECTION, "close")
    }

    /// There is nothing under this name.
    pub(crate) fn not_found(detail: impl Into<String>) -> Problem {
        Refusal {
            reason: Reason::NotFound,
            detail: detail.into(),
        }
        .into()
    }

    /// It can't be done in the state things are in.
    pub(crate) fn wrong_state(detail: impl Into<String>) -> Problem {
        Refusal {
            reason: Reason::WrongState,
            detail: detail.into(),
        }
        .into()
    }

    /// There is more of it than can be had at once.
    pub(crate) fn too_many(detail: impl Into<String>) -> Problem {
        Refusal {
            reason: Reason::TooMany,
            detail: detail.into(),
        }
        .into()
    }

    /// No valid token was sent (RFC 6750 section 3).
    pub(crate) fn unauthorized(detail: impl Into<String>, sent: bool) -> Problem {
        let challenge = match sent {
            true => "Bearer realm=\"hereby\", error=\"invalid_token\"",
            false => "Bearer realm=\"hereby\"",
        };
        let mut problem = Problem::forbidden(detail).with(WWW_AUTHENTICATE, challenge);
        problem.status = StatusCode::UNAUTHORIZED;
        problem.title = "Who is asking?";
        problem
    }

    /// Whoever asks is known, and may not.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Problem {
        Refusal {
            reason: Reason::Forbidden,
            detail: detail.into(),
        }
        .into()
    }

    /// The token is good, but not for this.
    pub(crate) fn lacks_scope(needed: &[Scope]) -> Problem {
        let words: Vec<&str> = needed.iter().map(|scope| scope.as_str()).collect();
        let detail = format!("the token is not good for `{}`", words.join("` or `"));
        let challenge = format!(
            "Bearer realm=\"hereby\", error=\"insufficient_scope\", scope=\"{}\"",
            words.join(" ")
        );
        Problem::forbidden(detail).with(WWW_AUTHENTICATE, &challenge)
    }

    /// It was there once, and won't be again.
    pub(crate) fn gone(detail: impl Into<String>) -> Problem {
        Problem::of("gone", detail)
    }

    /// The path is there, the method is not.
    pub(crate) fn method_not_allowed(allowed: &str) -> Problem {
        Problem::of(
            "method_not_allowed",
            format!("only {allowed} can be sent here"),
        )
        .with(ALLOW, allowed)
    }

    /// The body did not come in time.
    pub(crate) fn too_slow(detail: impl Into<String>) -> Problem {
        Problem::of("too_slow", detail).with(CONNECTION, "close")
    }

    /// More bytes than are read.
    pub(crate) fn too_large(bytes_max: usize) -> Problem {
        Problem::of(
            "too_large",
            format!("a body here has at most {bytes_max} bytes"),
        )
        .with(CONNECTION, "close")
    }

    /// The body says that it is something else.
    pub(crate) fn unsupported_media_type() -> Problem {
        Problem::of(
            "unsupported_media_type",
            "the body must be `Content-Type: application/json`",
        )
    }

    /// Too much at once; try again in so many seconds.
    pub(crate) fn overloaded(detail: impl Into<String>, retry_after_s: u64) -> Problem {
        let mut problem: Problem = Refusal {
            reason: Reason::Overloaded,
            detail: detail.into(),
        }
        .into();
        problem.headers.retain(|(name, _)| *name != RETRY_AFTER);
        problem.with(RETRY_AFTER, &retry_after_s.max(1).to_string())
    }

    /// Nobody can say what became of it.
    pub(crate) fn unknown(detail: impl Into<String>) -> Problem {
        Problem {
            unknown: true,
            ..Problem::of("unknown", detail)
        }
    }

    /// Something of ours is broken. The cause goes to the log, not to whoever asked.
    pub(crate) fn internal(what: &str, cause: &dyn std::fmt::Display) -> Problem {
        tracing::error!(%cause, "{what}");
        Problem::of("internal", format!("{what}; the log says why"))
    }

    /// The record does not take acts: what `/readyz` answers, whatever the reason.
    pub(crate) fn not_ready(refusal: Refusal) -> Problem {
        let mut problem = Problem::from(refusal);
        problem.status = StatusCode::SERVICE_UNAVAILABLE;
        problem.with(RETRY_AFTER, "5")
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let body = json!({
            "type": format!("about:blank#{}", self.reason),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
            "outcome": if self.unknown { "unknown" } else { "refused" },
            "reason": self.reason,
        });
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        response.extensions_mut().insert(Refused(self.reason));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let reason = refusal.reason;
        let problem = Problem {
            status: StatusCode::from_u16(status_of(reason))
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            reason: reason.word(),
            title: title_of(reason),
            detail: refusal.detail,
            unknown: false,
            headers: Vec::new(),
        };
        match reason {
            Reason::Overloaded | Reason::Stopping => problem.with(RETRY_AFTER, "1"),
            Reason::NoSpace => problem.with(RETRY_AFTER, "30"),
            _ => problem,
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Problem {
        match error {
            ReadError::Archived { .. } => Problem::not_found(error.to_string()),
            ReadError::Damaged(_) | ReadError::Io(_) => {
                Problem::internal("the record can't be read", &error)
            }
        }
    }
}

impl From<BlobRefused> for Problem {
    fn from(refused: BlobRefused) -> Problem {
        match refused {
            BlobRefused::NoSpace => Refusal {
                reason: Reason::NoSpace,
                detail: refused.to_string(),
            }
            .into(),
            BlobRefused::Io(cause) => {
                tracing::error!(%cause, "a blob could not be kept");
                Problem::unknown("whether the blob was kept is not known; send it again")
            }
        }
    }
}

#[cfg(test)]
mod tests;
