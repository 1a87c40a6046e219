//! Jira Cloud's tickets, over its REST API version 3.
//!
//! The marker is a label, because a label can be asked for exactly; it stands in the description as
//! well, for people. Jira answers from a search index that lags behind by seconds: that is what
//! [`SETTLE`] is for.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base::{Line, Timestamp};
use hyper::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ANSWER_BYTES_MAX, BaseUrl, LABEL, Marker, Refusal, Ticket, TicketDraft, Tracker};
use exchange::{Ask, Server};

/// The search index follows within seconds; a request that was given up ends within a minute.
pub(super) const SETTLE: Duration = Duration::from_secs(120);

/// Tickets asked for. More than one with the same marker is somebody's copy.
const FOUND_MAX: usize = 50;

/// Jira's own limit is 10 characters for a key unless an administrator changed it; for a ticket's
/// a number follows.
const KEY_BYTES_MAX: usize = 64;

const HEADERS: &[(&str, &str)] = &[("accept", "application/json")];

/// A project's key: `OPS`. Letters in upper case, digits and underscores, a letter first.
#[derive(Clone, PartialEq, Eq)]
pub struct ProjectKey(Box<str>);

/// A text that is no project's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a project's key is written in upper case, as in OPS")]
pub struct BadProjectKey;

impl ProjectKey {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProjectKey {
    type Err = BadProjectKey;
    fn from_str(text: &str) -> Result<ProjectKey, BadProjectKey> {
        let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        if (1..=KEY_BYTES_MAX).contains(&text.len())
            && text.bytes().all(allowed)
            && text.starts_with(|first: char| first.is_ascii_uppercase())
        {
            Ok(ProjectKey(text.into()))
        } else {
            Err(BadProjectKey)
        }
    }
}

impl fmt::Display for ProjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ProjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Deserialize)]
struct Found {
    issues: Vec<Issue>,
    #[serde(rename = "nextPageToken")]
    next_page_token: Option<String>,
    #[serde(rename = "isLast")]
    is_last: Option<bool>,
}

#[derive(Deserialize)]
struct Issue {
    key: String,
    fields: Fields,
}

#[derive(Deserialize)]
struct Fields {
    labels: Vec<String>,
}

#[derive(Deserialize)]
struct Created {
    key: String,
}

/// Asks for the project's tickets with the marker as a label. Naming the project makes Jira refuse
/// when the account can't see it, where it would else find nothing.
pub(super) async fn find(
    tracker: &Tracker,
    project: &ProjectKey,
    marker: &Marker,
    now: Timestamp,
) -> Result<Option<Ticket>, Refusal> {
    let query = json!({
        // Neither a key nor a marker can hold a quotation mark or a backslash.
        "jql": format!("project = \"{project}\" AND labels = \"{marker}\" ORDER BY created ASC"),
        "fields": ["labels"],
        "maxResults": FOUND_MAX,
    });
    let ask = Ask {
        method: Method::POST,
        path: tracker.server.base.path_of("/rest/api/3/search/jql"),
        headers: HEADERS,
        body: Some(query.to_string().into_bytes()),
        answer_bytes_max: ANSWER_BYTES_MAX,
        ..Ask::default()
    };
    let answer = tracker.read(ask, now).await?;
    let body = answer.body.as_deref().unwrap_or_default();
    let found: Found = serde_json::from_slice(body)
        .map_err(|_| tracker.unreadable("it is no list of tickets with labels"))?;
    // Jira compares without regard to case; markers are exact.
    let ours = found.issues.iter().find(|issue| {
        let mut labels = issue.fields.labels.iter();
        labels.any(|label| label == marker.as_str())
    });
    match ours {
        Some(issue) => {
            let ticket = ticket(tracker.site(), &issue.key, true);
            let ticket = ticket.ok_or_else(|| tracker.unreadable("a ticket has no usable key"))?;
            Ok(Some(ticket))
        }
        None if found.next_page_token.is_none() && found.is_last != Some(false) => Ok(None),
        None => Err(tracker.too_many(
            format!("more than {FOUND_MAX} tickets in {project} have a label like {marker}"),
            format!("look in {project} for the label `{marker}`; if none has it, open the ticket by hand and note its link"),
        )),
    }
}

/// The request for a new ticket.
pub(super) fn creation(
    server: &Server,
    project: &ProjectKey,
    issue_type: &Line,
    draft: &TicketDraft,
) -> Ask {
    let json = json!({
        "fields": {
            "project": {"key": project.as_str()},
            "issuetype": {"name": issue_type.as_str()},
            "summary": draft.title.as_str(),
            "description": document(draft.body.as_str(), &draft.marker),
            "labels": [LABEL, draft.marker.as_str()],
        },
    });
    Ask {
        method: Method::POST,
        path: server.base.path_of("/rest/api/3/issue"),
        headers: HEADERS,
        body: Some(json.to_string().into_bytes()),
        answer_bytes_max: ANSWER_BYTES_MAX,
        ..Ask::default()
    }
}

/// The ticket that a successful answer names.
pub(super) fn created(site: &BaseUrl, body: &[u8]) -> Option<Ticket> {
    let created: Created = serde_json::from_slice(body).ok()?;
    ticket(site, &created.key, false)
}

fn ticket(site: &BaseUrl, key: &str, existed: bool) -> Option<Ticket> {
    let (project, number) = key.rsplit_once('-')?;
    let project: ProjectKey = project.parse().ok()?;
    let number: u64 = number.parse().ok()?;
    let key = format!("{project}-{number}");
    let url = format!("{site}/browse/{key}").parse().ok()?;
    Some(Ticket { key, url, existed })
}

/// Plain text as a document in Atlassian's format (ADF version 1): paragraphs between empty lines,
/// line breaks in them, and the marker at the end. A text node must not be empty.
fn document(body: &str, marker: &Marker) -> Value {
    let mut paragraphs: Vec<Value> = Vec::new();
    let mut inline: Vec<Value> = Vec::new();
    for line in body.split('\n').chain([""]) {
        if line.trim().is_empty() {
            if !inline.is_empty() {
                paragraphs.push(json!({"type": "paragraph", "content": inline}));
                inline = Vec::new();
            }
            continue;
        }
        if !inline.is_empty() {
            inline.push(json!({"type": "hardBreak"}));
        }
        inline.push(json!({"type": "text", "text": line}));
    }
    paragraphs.push(json!({
        "type": "paragraph",
        "content": [
            {"type": "text", "text": "hereby knows this ticket by "},
            {"type": "text", "text": marker.as_str(), "marks": [{"type": "code"}]},
        ],
    }));
    json!({"type": "doc", "version": 1, "content": paragraphs})
}

#[cfg(test)]
mod tests;
