//! Says what happens in an incident where people talk: a Matrix room, an incoming webhook in Slack's
//! shape, a program that takes CloudEvents.
//!
//! Whether something said once is said again after a lost answer differs, and each file says why:
//! Matrix knows a repeated request by its transaction id ([`matrix`]), receivers of CloudEvents by
//! the event's id ([`cloudevents`]); Slack's shape has nothing of the kind ([`slack`]).
//!
//! Nothing is kept here, no clock is asked, no file is read; whoever calls does.

use std::fmt;
use std::time::Duration;

use base::Text;
use bytes::Bytes;
use hyper::StatusCode;
use serde::Deserialize;

use exchange::{Answer, Server, Trouble, Unread};

pub mod cloudevents;
pub mod matrix;
pub mod slack;

pub use exchange::Patience;
pub use exchange::{BadBaseUrl, BaseUrl};
pub use exchange::{BadSecret, Secret};

/// How much of a server's own words is kept, in bytes.
const SAID_BYTES_MAX: usize = 300;

/// The longest wait that is believed: an hour.
const WAIT_MAX: Duration = Duration::from_secs(3_600);

/// The longest answer to something that was sent, in bytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Why something was not done, by what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// This will never be taken as it is; what comes after it may be.
    Failed,
    /// Nothing will be taken until somebody mends it: the token, the address, a membership.
    Blocked,
    /// It was not taken now, and may be later; wait so long, if that was said.
    Later(Option<Duration>),
    /// It may have been taken, and nobody said.
    Unknown,
}

/// Something that was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// What follows.
    pub fate: Fate,
    /// The server's own word for it, where it has one: `M_ROOM_IN_USE`.
    pub code: String,
    /// What happened, as a clause, without any secret.
    pub what: String,
}

impl fmt::Display for Undone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Undone {}

/// A server's error in Matrix's form; other forms have none of these.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    errcode: String,
    error: String,
    retry_after_ms: Option<u64>,
}

impl Undone {
    fn new(fate: Fate, what: impl Into<String>) -> Undone {
        Undone {
            fate,
            code: String::new(),
            what: what.into(),
        }
    }

    /// What no answer means.
    fn of_trouble(server: &Server, trouble: Trouble) -> Undone {
        let place = server.base.authority();
        match trouble {
            Trouble::Unsent(why) => {
                Undone::new(Fate::Later(None), format!("{place} was not reached: {why}"))
            }
            Trouble::Lost(why) => {
                Undone::new(Fate::Unknown, format!("{place} did not answer: {why}"))
            }
        }
    }

    /// What an answer means that is no success.
    fn of_answer(server: &Server, answer: &Answer) -> Undone {
        let body = answer.body.as_deref().unwrap_or_default();
        let said: Said = serde_json::from_slice(body).unwrap_or_default();
        let fate = match answer.status {
            StatusCode::TOO_MANY_REQUESTS => Fate::Later(wait(answer, &said)),
            StatusCode::TOO_EARLY | StatusCode::SERVICE_UNAVAILABLE => {
                Fate::Later(wait(answer, &said))
            }
            // Of what went wrong inside a server nobody knows how far it came, nor of what something
            // in between gave up.
            StatusCode::REQUEST_TIMEOUT | StatusCode::SEE_OTHER => Fate::Unknown,
            status if status.is_server_error() => Fate::Unknown,
            StatusCode::UNAUTHORIZED
            | StatusCode::PAYMENT_REQUIRED
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::PROXY_AUTHENTICATION_REQUIRED
            | StatusCode::GONE => Fate::Blocked,
            // hereby does not follow: a token stays where it was sent.
            status if status.is_redirection() => Fate::Blocked,
            _ => Fate::Failed,
        };
        let words = if said.errcode.is_empty() {
            String::from_utf8_lossy(body).into_owned()
        } else {
            format!("{} {}", said.errcode, said.error)
        };
        let place = server.base.authority();
        let status = answer.status.as_u16();
        let what = match speakable(server, &words) {
            Some(words) => format!("{place} answered {status}: {words}"),
            None => format!("{place} answered {status} and gave no reason"),
        };
        Undone {
            fate,
            code: said.errcode,
            what,
        }
    }
}

/// The body of a successful answer.
fn taken(server: &Server, asked: Result<Answer, Trouble>) -> Result<Bytes, Undone> {
    let answer = asked.map_err(|trouble| Undone::of_trouble(server, trouble))?;
    if !answer.status.is_success() {
        return Err(Undone::of_answer(server, &answer));
    }
    let place = server.base.authority();
    answer.body.map_err(|unread| match unread {
        Unread::Lost(why) => Undone::new(Fate::Unknown, format!("{place}: {why}")),
        Unread::TooLong(_) => Undone::new(Fate::Failed, format!("{place}: {unread}")),
    })
}

/// How long to wait: `Retry-After` in seconds (RFC 9110 §10.2.3), or Matrix's older
/// `retry_after_ms`.
fn wait(answer: &Answer, said: &Said) -> Option<Duration> {
    let header = answer.headers.get("retry-after");
    let seconds = header.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let wait = seconds
        .map(Duration::from_secs)
        .max(said.retry_after_ms.map(Duration::from_millis))?;
    Some(wait.min(WAIT_MAX))
}

/// A server's own words on one line, cut, and without the token or the address should it repeat
/// them: the address of an incoming webhook is a secret.
fn speakable(server: &Server, words: &str) -> Option<String> {
    let mut words = words.to_owned();
    let path = server.base.path_of("");
    let path = Some(path).filter(|path| path.len() > 1);
    for secret in server.unspeakable().into_iter().chain(path) {
        words = words.replace(&secret, "(secret)");
    }
    let (text, lost) = Text::<SAID_BYTES_MAX, false>::clean(&words)?;
    let more = if lost { " (shortened)" } else { "" };
    Some(format!("{text}{more}"))
}

/// Text of at most `bytes_max` bytes, cut between characters, and saying so.
fn cut(text: &str, bytes_max: usize) -> String {
    const MORE: &str = "… (shortened: the whole text is in hereby)";
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let room = bytes_max.saturating_sub(MORE.len());
    let fits = |(at, c): &(usize, char)| at + c.len_utf8() <= room;
    let mut kept: String = text
        .char_indices()
        .take_while(fits)
        .map(|(_, c)| c)
        .collect();
    kept.push_str(MORE);
    kept
}

#[cfg(test)]
mod tests;
