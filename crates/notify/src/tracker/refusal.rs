//! Why no ticket was opened, what the server said about it, and what to do next.
//!
//! What a server says is cut, cleaned of what could forge a line, and never repeats the token.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use base::{Text, Timestamp};
use hyper::StatusCode;
use hyper::header::{self, HeaderMap};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{System, Tracker};
use exchange::Answer;

/// How much of a server's own words is kept, in bytes.
const SAID_BYTES_MAX: usize = 400;

/// The longest wait that is believed, in seconds: a day.
const WAIT_S_MAX: u64 = 86_400;

/// GitHub's advice for a limit that names no time.
const SECONDARY_LIMIT_WAIT: Duration = Duration::from_secs(60);

/// Why no ticket was opened, by what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The server was not reached, or gave no whole answer to a question.
    Unreachable,
    /// It does not know the token (401).
    Unauthorised,
    /// The token may not do it (403).
    Forbidden,
    /// The place is not there, or hidden from the token (404).
    NotFound,
    /// The place takes no tickets, or the API is gone (410).
    Gone,
    /// It does not take the ticket as it is (400, 422 and every other 4xx).
    Invalid,
    /// It was asked too often (429, or GitHub's 403). How long to wait, if it said.
    RateLimited(Option<Duration>),
    /// It is somewhere else now (3xx). hereby does not follow: a token stays where it was sent.
    Moved,
    /// It is out of order (5xx).
    Unavailable,
    /// It answers with something that its documentation does not know.
    Unreadable,
    /// There are more tickets than hereby looks through.
    TooMany,
}

/// Why no ticket was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The kind.
    pub reason: Reason,
    /// What happened, in a clause, with the server's own words.
    pub what: String,
    /// What to do, as an imperative.
    pub next: String,
}

impl Refusal {
    /// How long to wait before trying again, if the server said so.
    pub fn wait(&self) -> Option<Duration> {
        match self.reason {
            Reason::RateLimited(wait) => wait,
            _ => None,
        }
    }
}

/// What happened. What to do next is [`Refusal::next`].
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Refusal {}

/// GitHub's errors and Jira's, whichever it is.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    message: Option<String>,
    #[serde(rename = "errorMessages")]
    error_messages: Vec<String>,
    errors: Errors,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Errors {
    /// Jira: a sentence for each field.
    Fields(BTreeMap<String, String>),
    /// GitHub: a list of sentences and of fields with codes.
    List(Vec<Fault>),
    /// Something else: the message beside it still counts.
    Other(IgnoredAny),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Fault {
    Sentence(String),
    Field {
        resource: Option<String>,
        field: Option<String>,
        code: Option<String>,
        message: Option<String>,
    },
    Other(IgnoredAny),
}

impl Default for Errors {
    fn default() -> Errors {
        Errors::List(Vec::new())
    }
}

impl Said {
    fn of(answer: &Answer) -> Said {
        let body = answer.body.as_ref().ok();
        body.and_then(|body| serde_json::from_slice(body).ok())
            .unwrap_or_default()
    }

    fn words(self) -> String {
        let mut words: Vec<String> = self.message.into_iter().collect();
        words.extend(self.error_messages);
        match self.errors {
            Errors::Fields(fields) => {
                words.extend(
                    fields
                        .iter()
                        .map(|(field, said)| format!("{field}: {said}")),
                );
            }
            Errors::List(list) => words.extend(list.into_iter().map(|fault| match fault {
                Fault::Sentence(sentence) => sentence,
                Fault::Field {
                    resource,
                    field,
                    code,
                    message,
                } => {
                    let parts = [resource, field, code, message];
                    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
                }
                Fault::Other(_) => String::new(),
            })),
            Errors::Other(_) => {}
        }
        words.retain(|said| !said.trim().is_empty());
        words.join("; ")
    }
}

impl Tracker {
    /// What an answer means that is no success.
    pub(super) fn refused(&self, answer: &Answer, now: Timestamp) -> Refusal {
        let reason = self.reason(answer, now);
        let next = match &self.system {
            System::GitHub { repository } => github_next(reason, answer, repository.as_str()),
            System::Jira { project, .. } => jira_next(reason, answer, project.as_str()),
        };
        Refusal {
            reason,
            what: self.sentence(answer),
            next,
        }
    }

    fn reason(&self, answer: &Answer, now: Timestamp) -> Reason {
        let github = matches!(self.system, System::GitHub { .. });
        match answer.status {
            StatusCode::TOO_MANY_REQUESTS => Reason::RateLimited(wait(answer, now)),
            StatusCode::FORBIDDEN if github && is_rate_limit(answer) => {
                let wait = wait(answer, now).or(Some(SECONDARY_LIMIT_WAIT));
                Reason::RateLimited(wait)
            }
            StatusCode::UNAUTHORIZED => Reason::Unauthorised,
            StatusCode::FORBIDDEN => Reason::Forbidden,
            StatusCode::NOT_FOUND => Reason::NotFound,
            StatusCode::GONE => Reason::Gone,
            status if status.is_redirection() => Reason::Moved,
            status if status.is_server_error() => Reason::Unavailable,
            _ => Reason::Invalid,
        }
    }

    /// `GitHub at api.github.com answered 404: Not Found`.
    pub(super) fn sentence(&self, answer: &Answer) -> String {
        let status = answer.status.as_u16();
        let place = self.place();
        let words = match answer.headers.get(header::LOCATION) {
            Some(location) if answer.status.is_redirection() => {
                String::from_utf8_lossy(location.as_bytes()).into_owned()
            }
            _ => Said::of(answer).words(),
        };
        match self.speakable(&words) {
            Some(words) => format!("{place} answered {status}: {words}"),
            None => format!("{place} answered {status} and gave no reason"),
        }
    }

    pub(super) fn unreachable(&self, why: &str) -> Refusal {
        let host = self.server.base.host();
        Refusal {
            reason: Reason::Unreachable,
            what: format!("{} was not reached: {why}", self.place()),
            next: format!("check the base URL and whether {host} can be reached, and try again"),
        }
    }

    /// A question whose answer did not come: asking changes nothing, so it is no unknown outcome.
    pub(super) fn silent(&self, why: &str) -> Refusal {
        Refusal {
            reason: Reason::Unreachable,
            what: format!("{} did not answer: {why}", self.place()),
            next: try_again(None),
        }
    }

    pub(super) fn unreadable(&self, why: &str) -> Refusal {
        Refusal {
            reason: Reason::Unreadable,
            what: format!("{} gave an answer that can't be used: {why}", self.place()),
            next: "check that the base URL is the API's and not a page for people".to_owned(),
        }
    }

    pub(super) fn too_many(&self, what: String, next: String) -> Refusal {
        let reason = Reason::TooMany;
        Refusal { reason, what, next }
    }

    fn place(&self) -> String {
        let name = match self.system {
            System::GitHub { .. } => "GitHub",
            System::Jira { .. } => "Jira",
        };
        format!("{name} at {}", self.server.base.authority())
    }

    /// A server's own words on one line, cut, and without the token should it repeat that.
    fn speakable(&self, words: &str) -> Option<String> {
        let mut words = words.to_owned();
        for secret in self.server.unspeakable() {
            words = words.replace(&secret, "(the token)");
        }
        let (text, lost) = Text::<SAID_BYTES_MAX, false>::clean(&words)?;
        let more = if lost { " (shortened)" } else { "" };
        Some(format!("{text}{more}"))
    }
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn is_rate_limit(answer: &Answer) -> bool {
    let headers = &answer.headers;
    let said = || Said::of(answer).message.unwrap_or_default();
    headers.contains_key(header::RETRY_AFTER)
        || text_of(headers, "x-ratelimit-remaining") == Some("0")
        || said().to_ascii_lowercase().contains("rate limit")
}

/// How long to wait: `Retry-After` (RFC 9110 §10.2.3), else GitHub's `x-ratelimit-reset`, which is
/// in seconds since 1970. Jira's header of that name is no number and comes with the other.
fn wait(answer: &Answer, now: Timestamp) -> Option<Duration> {
    let now_s = now.as_ms().div_euclid(1_000);
    let until = |at_s: i64| u64::try_from(at_s.saturating_sub(now_s)).unwrap_or(0);
    let retry_after = text_of(&answer.headers, "retry-after").and_then(|text| {
        let date = || jiff::fmt::rfc2822::parse(text).ok();
        text.parse()
            .ok()
            .or_else(|| date().map(|date| until(date.timestamp().as_second())))
    });
    let reset = || {
        text_of(&answer.headers, "x-ratelimit-reset")?
            .parse()
            .ok()
            .map(until)
    };
    let seconds = retry_after.or_else(reset)?;
    (seconds <= WAIT_S_MAX).then(|| Duration::from_secs(seconds))
}

fn try_again(wait: Option<Duration>) -> String {
    match wait {
        Some(wait) => format!("try again in {} s", wait.as_secs()),
        None => "try again later".to_owned(),
    }
}

fn github_next(reason: Reason, answer: &Answer, repository: &str) -> String {
    let said = Said::of(answer).words();
    match reason {
        Reason::Unauthorised => format!(
            "make a token that may read and write the issues of {repository}, and put it into the token's file"
        ),
        Reason::Forbidden if answer.headers.contains_key("x-github-sso") => {
            "authorise the token for the organisation's single sign-on, in GitHub's token settings"
                .to_owned()
        }
        Reason::Forbidden => {
            format!("give the token the permission to read and write the issues of {repository}")
        }
        Reason::NotFound => format!(
            "check the name {repository}, and that the token may see it: GitHub says 404 for what is hidden"
        ),
        Reason::Gone => {
            format!("switch the issues of {repository} on, or name another repository")
        }
        Reason::Invalid if said.to_ascii_lowercase().contains("label") => {
            format!("make the label `{}` in {repository}", super::LABEL)
        }
        Reason::RateLimited(wait) => try_again(wait),
        Reason::Moved => format!("put the present name of {repository} into the configuration"),
        Reason::Unavailable => try_again(None),
        _ => format!("change what GitHub does not take, or open it in {repository} by hand"),
    }
}

fn jira_next(reason: Reason, answer: &Answer, project: &str) -> String {
    let said = Said::of(answer);
    let about_labels =
        matches!(&said.errors, Errors::Fields(fields) if fields.contains_key("labels"));
    match reason {
        Reason::Unauthorised => {
            "check the account's mail address and its API token; a token with scopes needs the base URL https://api.atlassian.com/ex/jira/CLOUD-ID"
                .to_owned()
        }
        Reason::Forbidden => format!(
            "give the account the permissions Browse projects and Create issues in {project}"
        ),
        Reason::NotFound => {
            "check the base URL: Jira Cloud's is https://NAME.atlassian.net".to_owned()
        }
        Reason::Gone => "look for a newer hereby: this Jira has dropped the API it uses".to_owned(),
        Reason::Invalid if about_labels => {
            format!("put the field Labels on the screen that creates tickets in {project}")
        }
        Reason::RateLimited(wait) => try_again(wait),
        Reason::Moved => "put the present URL of the site into the configuration".to_owned(),
        Reason::Unavailable => try_again(None),
        _ => format!(
            "check the project {project}, that the account may see it, its type of tickets, and the fields that it demands"
        ),
    }
}
