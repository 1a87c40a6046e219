//! Opens a ticket for a follow-up in GitHub or Jira, and never two.
//!
//! Neither system knows repeated requests by itself. So hereby writes a [`Marker`] into its ticket
//! and looks for it before it opens one, always: [`open`] is one look and at most one request that
//! creates something. What became of it is one of three, and the third is never rounded to one of
//! the others:
//!
//! - [`Outcome::Done`]: there is a ticket, this one.
//! - [`Outcome::Refused`]: this call opened none, for a reason, and what to do about it.
//! - [`Outcome::Unknown`]: the request may have arrived and nobody said. Call [`open`] again after
//!   [`Unknown::look_after`], with the time of this call in [`TicketDraft::unknown_at`]: until then
//!   a ticket that was opened may not be found yet, and `open` only looks.
//!
//! Two calls at the same time for the same follow-up can open two tickets: the caller makes them one
//! after the other. Nothing is kept here, no clock is asked what time it is, and no secret is read
//! from a file, shown, or put into a URL.
//! The reasons for doing it this way are in `docs/design/0010-tickets-are-looked-for.md`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base::{Line, Prose, Timestamp};
use hyper::StatusCode;
use rustls::ClientConfig;
use tokio::time::timeout;

use crate::Link;
use exchange::{Answer, Ask, Server, Trouble, Unread};

mod github;
mod jira;
mod marker;
mod refusal;

pub use exchange::Patience;
pub use exchange::{Auth, BadSecret, Secret};
pub use exchange::{BadBaseUrl, BaseUrl};
pub use github::{BadRepository, Repository};
pub use jira::{BadProjectKey, ProjectKey};
pub use marker::{BadMarker, MARKER_BYTES_MAX, Marker};
pub use refusal::{Reason, Refusal};

/// The label that every ticket of hereby's has, for people to filter by.
pub const LABEL: &str = "hereby";

/// The longest answer to one created ticket or one refusal, in bytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// The host that serves all of Jira's sites for tokens with scopes.
const ATLASSIAN_GATEWAY: &str = "api.atlassian.com";

/// Which system, and where in it tickets go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum System {
    /// GitHub, its own or an enterprise server.
    GitHub {
        /// Whose issues are the tickets.
        repository: Repository,
    },
    /// Jira Cloud. (Data Center has another API.)
    Jira {
        /// The project of the tickets.
        project: ProjectKey,
        /// The name of their type, such as `Task`.
        issue_type: Line,
        /// Where people look at tickets, if that is not where the API is.
        site: Option<BaseUrl>,
    },
}

/// A place for tickets, and how to get there.
pub struct Tracker {
    system: System,
    server: Server,
}

/// Why a tracker can't be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTracker {
    /// GitHub takes a token, not a name and a token.
    #[error("GitHub takes a token alone, without an account's name")]
    BasicForGitHub,
    /// The gateway's URL is not where people look at tickets.
    #[error("with {ATLASSIAN_GATEWAY} the site's own URL must be named, for links to tickets")]
    SiteMissing,
}

/// A ticket to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketDraft {
    /// What the ticket is known by. It is added to the body.
    pub marker: Marker,
    /// Its title.
    pub title: Line,
    /// What is to be done. GitHub reads it as Markdown, a person's `@name` included; Jira shows it
    /// as it is.
    pub body: Prose,
    /// No ticket for it can be older than this: when it was first tried to open one, if that is
    /// known, else when the follow-up was agreed. GitHub's list is looked through back to a day
    /// before it.
    pub since: Timestamp,
    /// When the last try was made whose outcome is unknown; none if there was no such try.
    pub unknown_at: Option<Timestamp>,
}

/// A ticket that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// How people call it: `acme/shop#12`, `OPS-12`.
    pub key: String,
    /// Where it is.
    pub url: Link,
    /// It was found, not opened by this call.
    pub existed: bool,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There is a ticket.
    Done(Ticket),
    /// This call opened none.
    Refused(Refusal),
    /// There may be a ticket.
    Unknown(Unknown),
}

/// Why nobody knows whether there is a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// What happened, as a clause.
    pub why: String,
    /// How long to wait before the next try, so that it finds a ticket if there is one.
    pub look_after: Duration,
    /// What keeps hereby from looking, if that is what happened.
    pub hindrance: Option<Refusal>,
}

/// Looks for the draft's ticket and opens it if there is none.
///
/// `now` is the present: it is compared with the draft's times and with the server's rate limits.
/// It takes at most [`Patience::look`], [`Patience::connect`] and [`Patience::answer`] together, in
/// a tokio runtime with its timers and sockets.
pub async fn open(tracker: &Tracker, draft: &TicketDraft, now: Timestamp) -> Outcome {
    let settle = tracker.settle();
    let unknown = |why: String, look_after, hindrance| {
        Outcome::Unknown(Unknown {
            why,
            look_after,
            hindrance,
        })
    };
    match find(tracker, &draft.marker, draft.since, now).await {
        Ok(Some(ticket)) => return Outcome::Done(ticket),
        Ok(None) => {}
        // What an earlier try has left open is as open as before.
        Err(refusal) if draft.unknown_at.is_some() => {
            let why = format!("an earlier try is unsettled, and looking failed: {refusal}");
            let wait = refusal.wait().unwrap_or(settle);
            return unknown(why, wait, Some(refusal));
        }
        Err(refusal) => return Outcome::Refused(refusal),
    }
    if let Some(tried_at) = draft.unknown_at {
        let passed = u64::try_from(now.ms_since(tried_at)).unwrap_or(0);
        let rest = settle.saturating_sub(Duration::from_millis(passed));
        if !rest.is_zero() {
            let why = "an earlier try is unsettled, and its ticket may not be found yet";
            return unknown(why.to_owned(), rest, None);
        }
    }
    match tracker.create(draft, now).await {
        Ok(ticket) => Outcome::Done(ticket),
        Err(Failed::Refused(refusal)) => Outcome::Refused(refusal),
        Err(Failed::Unknown(why)) => unknown(why, settle, None),
    }
}

/// Looks for a ticket. Of several the oldest is given.
///
/// # Errors
/// When it can't be said whether there is one.
pub async fn find(
    tracker: &Tracker,
    marker: &Marker,
    since: Timestamp,
    now: Timestamp,
) -> Result<Option<Ticket>, Refusal> {
    let looking = async {
        match &tracker.system {
            System::GitHub { repository } => {
                github::find(tracker, repository, marker, since, now).await
            }
            System::Jira { project, .. } => jira::find(tracker, project, marker, now).await,
        }
    };
    match timeout(tracker.server.patience.look, looking).await {
        Ok(found) => found,
        Err(_) => {
            let seconds = tracker.server.patience.look.as_secs_f32();
            Err(tracker.unreachable(&format!(
                "looking for the ticket took more than {seconds} s"
            )))
        }
    }
}

/// Why a request that creates something gave no ticket.
enum Failed {
    Refused(Refusal),
    Unknown(String),
}

impl Tracker {
    /// A tracker at a base URL. `tls` says which certificates are trusted; it is not used on a
    /// loopback address.
    ///
    /// # Errors
    /// When the parts do not fit together.
    pub fn new(
        system: System,
        base: BaseUrl,
        auth: Auth,
        tls: &ClientConfig,
    ) -> Result<Tracker, BadTracker> {
        match (&system, &auth) {
            (System::GitHub { .. }, Auth::Basic { .. }) => return Err(BadTracker::BasicForGitHub),
            (System::Jira { site: None, .. }, _) if base.host() == ATLASSIAN_GATEWAY => {
                return Err(BadTracker::SiteMissing);
            }
            _ => {}
        }
        let mut tls = tls.clone();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let server = Server {
            base,
            auth: Some(auth),
            tls: Arc::new(tls),
            patience: Patience::default(),
        };
        Ok(Tracker { system, server })
    }

    /// The same with other deadlines.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Tracker {
        self.server.patience = patience;
        self
    }

    /// After how long a ticket is found if it is there, and a request that was given up has ended.
    fn settle(&self) -> Duration {
        match self.system {
            System::GitHub { .. } => github::SETTLE,
            System::Jira { .. } => jira::SETTLE,
        }
    }

    /// Where people look at tickets.
    fn site(&self) -> &BaseUrl {
        match &self.system {
            System::Jira {
                site: Some(site), ..
            } => site,
            _ => &self.server.base,
        }
    }

    async fn create(&self, draft: &TicketDraft, now: Timestamp) -> Result<Ticket, Failed> {
        let ask = match &self.system {
            System::GitHub { repository } => github::creation(&self.server, repository, draft),
            System::Jira {
                project,
                issue_type,
                ..
            } => jira::creation(&self.server, project, issue_type, draft),
        };
        let answer = self
            .server
            .ask(ask)
            .await
            .map_err(|trouble| match trouble {
                Trouble::Unsent(why) => Failed::Refused(self.unreachable(&why)),
                Trouble::Lost(why) => Failed::Unknown(why),
            })?;
        let status = answer.status;
        if status.is_success() {
            return self.read_created(&answer).map_err(Failed::Unknown);
        }
        // 303 comes after the deed, 408 may come from something in between; of what went wrong
        // inside a server (5xx) nobody knows how far it came.
        let certain = status.is_client_error() || status.is_redirection();
        let open = [StatusCode::SEE_OTHER, StatusCode::REQUEST_TIMEOUT].contains(&status);
        if certain && !open {
            Err(Failed::Refused(self.refused(&answer, now)))
        } else {
            Err(Failed::Unknown(self.sentence(&answer)))
        }
    }

    fn read_created(&self, answer: &Answer) -> Result<Ticket, String> {
        let status = answer.status.as_u16();
        let body = match &answer.body {
            Ok(body) => body,
            Err(why) => return Err(format!("it answered {status}, but {why}")),
        };
        let ticket = match &self.system {
            System::GitHub { repository } => github::created(repository, body),
            System::Jira { .. } => jira::created(self.site(), body),
        };
        ticket.ok_or_else(|| format!("it answered {status}, but named no ticket"))
    }

    /// A reading request's successful answer, whole.
    async fn read(&self, ask: Ask, now: Timestamp) -> Result<Answer, Refusal> {
        let answer = match self.server.ask(ask).await {
            Ok(answer) => answer,
            Err(Trouble::Unsent(why)) => return Err(self.unreachable(&why)),
            Err(Trouble::Lost(why)) => return Err(self.silent(&why)),
        };
        match &answer.body {
            _ if !answer.status.is_success() => Err(self.refused(&answer, now)),
            Ok(_) => Ok(answer),
            Err(Unread::Lost(why)) => Err(self.silent(why)),
            Err(why @ Unread::TooLong(_)) => Err(self.unreadable(&why.to_string())),
        }
    }
}

impl fmt::Debug for Tracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracker")
            .field("system", &self.system)
            .field("base", &self.server.base)
            .field("auth", &self.server.auth)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
