//! GitHub's issues, over its REST API of 2022-11-28.
//!
//! Tickets are looked for in the repository's list of issues, newest first: it comes from the
//! database. GitHub's search lags behind by seconds to minutes, and labels are dropped without a
//! word when the account may not set them, so neither can show that there is no ticket.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base::Timestamp;
use hyper::Method;
use hyper::header::{self, HeaderMap};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::{ANSWER_BYTES_MAX, LABEL, Marker, Refusal, Ticket, TicketDraft, Tracker};
use crate::Link;
use exchange::{Ask, Server};

/// GitHub ends a request itself after 10 s; the rest is for a database's copies to catch up.
pub(super) const SETTLE: Duration = Duration::from_secs(30);

/// How far this machine's clock and GitHub's may be apart, in milliseconds: a day.
const CLOCKS_APART_MS: i64 = 86_400_000;

/// Issues on one page. The largest fit: an issue's text has at most 65,536 characters.
const PAGE_ISSUES: usize = 50;

/// The longest page, in bytes.
const PAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Pages that are looked through: 3,000 issues.
const PAGES_MAX: usize = 60;

/// The longest path and query of a next page.
const NEXT_BYTES_MAX: usize = 2_000;

const HEADERS: &[(&str, &str)] = &[
    ("accept", "application/vnd.github+json"),
    ("x-github-api-version", "2022-11-28"),
];

/// A repository: `OWNER/NAME`.
#[derive(Clone, PartialEq, Eq)]
pub struct Repository(Box<str>);

/// A text that names no repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a repository is written OWNER/NAME")]
pub struct BadRepository;

impl Repository {
    /// `OWNER/NAME`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Repository {
    type Err = BadRepository;
    fn from_str(text: &str) -> Result<Repository, BadRepository> {
        let is = |part: &str, bytes_max, others: &[u8]| {
            (1..=bytes_max).contains(&part.len())
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
                && !matches!(part, "." | "..")
        };
        match text.split_once('/') {
            // Accounts that a company manages have an underscore.
            Some((owner, name)) if is(owner, 64, b"-_") && is(name, 100, b"-_.") => {
                Ok(Repository(text.into()))
            }
            _ => Err(BadRepository),
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One of a list. Pull requests stand among the issues.
#[derive(Deserialize)]
struct Issue {
    number: u64,
    html_url: String,
    created_at: String,
    body: Option<String>,
    pull_request: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Created {
    number: u64,
    html_url: String,
}

/// Looks through the issues that were created since a day before `since`.
pub(super) async fn find(
    tracker: &Tracker,
    repository: &Repository,
    marker: &Marker,
    since: Timestamp,
    now: Timestamp,
) -> Result<Option<Ticket>, Refusal> {
    let since = since.plus_ms(-CLOCKS_APART_MS);
    let mut path = Some(tracker.server.base.path_of(&format!(
        "/repos/{repository}/issues?state=all&sort=created&direction=desc&since={}&per_page={PAGE_ISSUES}",
        seconds(since)
    )));
    let mut found = None;
    for _ in 0..PAGES_MAX {
        let Some(page) = path.take() else {
            return Ok(found);
        };
        let ask = Ask {
            method: Method::GET,
            path: page,
            headers: HEADERS,
            body: None,
            answer_bytes_max: PAGE_BYTES_MAX,
            ..Ask::default()
        };
        let answer = tracker.read(ask, now).await?;
        let body = answer.body.as_deref().unwrap_or_default();
        let unreadable = |why: &str| tracker.unreadable(why);
        let issues: Vec<Issue> =
            serde_json::from_slice(body).map_err(|_| unreadable("it is no list of issues"))?;
        for issue in issues {
            let created_at = Timestamp::parse_rfc3339(&issue.created_at)
                .map_err(|_| unreadable("an issue does not say when it was created"))?;
            if created_at < since {
                return Ok(found);
            }
            let ours =
                issue.pull_request.is_none() && issue.body.is_some_and(|body| marker.is_in(&body));
            if ours {
                let ticket = ticket(repository, issue.number, &issue.html_url, true);
                found = Some(ticket.ok_or_else(|| unreadable("an issue has no usable URL"))?);
            }
        }
        path = next_page(&answer.headers)
            .map(|url| {
                let here = tracker.server.base.path_here(&url);
                here.filter(|path| path.len() <= NEXT_BYTES_MAX)
                    .ok_or_else(|| unreadable("its list goes on at another host"))
            })
            .transpose()?;
    }
    match found {
        Some(ticket) => Ok(Some(ticket)),
        None if path.is_none() => Ok(None),
        None => Err(tracker.too_many(
            format!(
                "{repository} has more than {} issues since {}, and none of the newest is this ticket",
                PAGES_MAX * PAGE_ISSUES,
                seconds(since)
            ),
            format!("look in {repository} for `{marker}`; if there is none, open it by hand and note its link"),
        )),
    }
}

/// The request for a new issue.
pub(super) fn creation(server: &Server, repository: &Repository, draft: &TicketDraft) -> Ask {
    let body = format!(
        "{}\n\n---\nhereby knows this ticket by `{}`.\n",
        draft.body, draft.marker
    );
    let json = json!({
        "title": draft.title.as_str(),
        "body": body,
        "labels": [LABEL],
    });
    Ask {
        method: Method::POST,
        path: server.base.path_of(&format!("/repos/{repository}/issues")),
        headers: HEADERS,
        body: Some(json.to_string().into_bytes()),
        answer_bytes_max: ANSWER_BYTES_MAX,
        ..Ask::default()
    }
}

/// The ticket that a successful answer names.
pub(super) fn created(repository: &Repository, body: &[u8]) -> Option<Ticket> {
    let created: Created = serde_json::from_slice(body).ok()?;
    ticket(repository, created.number, &created.html_url, false)
}

fn ticket(repository: &Repository, number: u64, url: &str, existed: bool) -> Option<Ticket> {
    let url: Link = url.parse().ok()?;
    Some(Ticket {
        key: format!("{repository}#{number}"),
        url,
        existed,
    })
}

/// A time without its milliseconds, as GitHub's documentation writes it.
fn seconds(time: Timestamp) -> String {
    let text = time.to_string();
    format!("{}Z", text.split('.').next().unwrap_or_default())
}

/// The URL with `rel="next"` out of the `Link` header (RFC 8288 §3).
fn next_page(headers: &HeaderMap) -> Option<String> {
    let mut rest = headers.get(header::LINK)?.to_str().ok()?;
    loop {
        let (_, from) = rest.split_once('<')?;
        let (url, after) = from.split_once('>')?;
        let parameters = after.split('<').next().unwrap_or_default();
        let next = parameters
            .split([';', ','])
            .map(str::trim)
            .any(|parameter| matches!(parameter, "rel=\"next\"" | "rel=next"));
        if next {
            return Some(url.to_owned());
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests;
