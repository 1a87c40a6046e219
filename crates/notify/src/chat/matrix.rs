//! A Matrix homeserver, over the client-server API v1.11 that every homeserver speaks.
//!
//! What is sent has a transaction id, so that the same thing sent twice is there once; the room that
//! an incident has is found by an alias, so that a room made twice is one as well. What is written
//! goes out as a notice of plain text that mentions nobody: clients show no mark-up in it, and
//! notices call nobody. End-to-end encryption is not spoken.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use base::{Line, Text};
use bytes::Bytes;
use hyper::Method;
use rustls::ClientConfig;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{ANSWER_BYTES_MAX, BaseUrl, Fate, Patience, Secret, Undone, cut, taken};
use exchange::Auth;
use exchange::{Ask, Server};

mod read;

pub use read::{Event, Page, Synced, Timeline};

/// The longest text, in bytes: a whole event has at most 65,536.
const TEXT_BYTES_MAX: usize = 30_000;

/// The longest answer with events, in bytes.
const EVENTS_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What hereby's own events carry beside their text.
const MARK: &str = "hereby.act";

/// An id of Matrix's: a user's begins with `@`, a room's with `!`, an event's with `$`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(Box<str>);

/// A text that is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id of Matrix's is @user:server, !room or $event, at most 200 visible characters")]
pub struct BadId;

impl Id {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a user's.
    pub fn is_user(&self) -> bool {
        self.0.starts_with('@') && self.0.contains(':')
    }

    /// Whether it is a room's.
    pub fn is_room(&self) -> bool {
        self.0.starts_with('!')
    }
}

impl FromStr for Id {
    type Err = BadId;
    /// Matrix allows 255 bytes; the record's lines have 200, and real ids a third of that.
    fn from_str(text: &str) -> Result<Id, BadId> {
        let sound = text.starts_with(['@', '!', '$']) && text.len() > 1;
        let line: Line = text.parse().map_err(|_| BadId)?;
        match sound && line.as_str().bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Id(text.into())),
            false => Err(BadId),
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A room to be made, or found.
#[derive(Clone, Copy, Debug)]
pub struct RoomPlan<'a> {
    /// The part of its alias before the colon: what it is found by.
    pub alias: &'a str,
    /// What people see.
    pub name: &'a str,
    /// What it is for.
    pub topic: &'a str,
}

/// Something to be said.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    /// The text, shown as it is.
    pub text: &'a str,
    /// The act that it is about: what the place in the room is found by.
    pub act: Option<&'a Marked>,
    /// The event that it answers.
    pub answers: Option<&'a Id>,
}

/// What an event of hereby's own carries: which act it is about.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
pub struct Marked {
    /// The act's id.
    pub act: Box<str>,
    /// The incident.
    pub incident: Box<str>,
    /// The act's place on the record.
    pub index: u64,
    /// Its kind.
    pub kind: Box<str>,
}

/// A homeserver, and an account there.
pub struct Homeserver {
    server: Server,
}

impl Homeserver {
    /// The homeserver at this URL, with an account's access token.
    pub fn new(base: BaseUrl, token: Secret, tls: &ClientConfig, patience: Patience) -> Homeserver {
        Homeserver {
            server: Server {
                base,
                auth: Some(Auth::Bearer(token)),
                tls: Arc::new(tls.clone()),
                patience,
            },
        }
    }

    /// The server's name in its URL.
    pub fn host(&self) -> &str {
        self.server.base.host()
    }

    /// Whose the token is.
    ///
    /// # Errors
    /// When it was not said.
    pub async fn whoami(&self) -> Result<Id, Undone> {
        #[derive(Deserialize)]
        struct Answer {
            user_id: Id,
        }
        let answer: Answer = self.read("/account/whoami".to_owned()).await?;
        Ok(answer.user_id)
    }

    /// The room with this alias that `me` made; made now if there is none. Whoever can't say whether
    /// it was made asks again.
    ///
    /// # Errors
    /// When it was neither made nor found, or somebody else has the alias.
    pub async fn room(&self, me: &Id, plan: &RoomPlan<'_>) -> Result<Id, Undone> {
        #[derive(Deserialize)]
        struct Made {
            room_id: Id,
        }
        let body = json!({
            "room_alias_name": plan.alias,
            "name": cut(plan.name, 200),
            "topic": cut(plan.topic, 500),
            "preset": "private_chat",
            "visibility": "private",
            // Who is in the room may talk; to call everybody at once is for those who run it.
            "power_level_content_override": {"notifications": {"room": 100}},
        });
        let made = self
            .write::<Made>(Method::POST, "/createRoom".to_owned(), &body)
            .await;
        match made {
            Ok(made) => Ok(made.room_id),
            Err(undone) if undone.code == "M_ROOM_IN_USE" => self.found(me, plan.alias).await,
            Err(undone) => Err(undone),
        }
    }

    /// The room with this alias, if `me` made it: whoever else took the alias first would read along.
    async fn found(&self, me: &Id, alias: &str) -> Result<Id, Undone> {
        #[derive(Deserialize)]
        struct Known {
            room_id: Id,
        }
        let domain = me.as_str().split_once(':').map_or("", |(_, domain)| domain);
        let alias = format!("#{alias}:{domain}");
        let path = format!("/directory/room/{}", segment(&alias));
        let known: Known = self.read(path).await?;
        let room = known.room_id;
        let state = format!("/rooms/{}/state", segment(room.as_str()));
        let state: Vec<Event> = self.read(state).await?;
        let creation = state
            .iter()
            .find(|event| event.kind.as_ref() == "m.room.create");
        match creation.is_some_and(|event| event.sender == *me) {
            true => Ok(room),
            false => Err(Undone::new(
                Fate::Blocked,
                format!("the alias {alias} is another's room"),
            )),
        }
    }

    /// Joins a room that one was invited to, or is in.
    ///
    /// # Errors
    /// When that was not done.
    pub async fn join(&self, room: &Id) -> Result<(), Undone> {
        let path = format!("/rooms/{}/join", segment(room.as_str()));
        self.write::<Value>(Method::POST, path, &json!({}))
            .await
            .map(drop)
    }

    /// Invites somebody.
    ///
    /// # Errors
    /// When that was not done.
    pub async fn invite(&self, room: &Id, user: &Id) -> Result<(), Undone> {
        let path = format!("/rooms/{}/invite", segment(room.as_str()));
        let body = json!({"user_id": user.as_str()});
        self.write::<Value>(Method::POST, path, &body)
            .await
            .map(drop)
    }

    /// Everybody who is, was, or was asked to be in a room.
    ///
    /// # Errors
    /// When that was not said.
    pub async fn people(&self, room: &Id) -> Result<Vec<Box<str>>, Undone> {
        #[derive(Deserialize)]
        struct Members {
            chunk: Vec<Member>,
        }
        #[derive(Deserialize)]
        struct Member {
            state_key: Box<str>,
        }
        let path = format!("/rooms/{}/members", segment(room.as_str()));
        let members: Members = self.read(path).await?;
        Ok(members.chunk.into_iter().map(|it| it.state_key).collect())
    }

    /// Says something. With the same `transaction` it is there once, however often it is said.
    ///
    /// # Errors
    /// When it was not taken, or nobody knows: then it is right to say it again.
    pub async fn say(
        &self,
        room: &Id,
        transaction: &str,
        notice: &Notice<'_>,
    ) -> Result<(), Undone> {
        let path = format!(
            "/rooms/{}/send/m.room.message/{}",
            segment(room.as_str()),
            segment(transaction)
        );
        self.write::<Value>(Method::PUT, path, &content(notice))
            .await
            .map(drop)
    }

    /// The place on the record of the last act that `me` said in the room and that is `known`: of
    /// this incident, and on the record at that very place. After a restore from an older backup the
    /// room can hold acts that never were.
    ///
    /// # Errors
    /// When the room can't be read back so far.
    pub async fn last_said(
        &self,
        me: &Id,
        room: &Id,
        known: &(dyn Fn(&Marked) -> bool + Sync),
    ) -> Result<Option<u64>, Undone> {
        const PAGES_MAX: usize = 100;
        let only_ours = json!({"senders": [me.as_str()], "types": ["m.room.message"]});
        let mut from = None;
        for _ in 0..PAGES_MAX {
            let page = self
                .messages(
                    room,
                    &Reading::back(from.as_deref(), None, Some(&only_ours)),
                )
                .await?;
            let ours = page.events.iter().filter(|event| event.sender == *me);
            let marks = ours.filter_map(|event| event.mark());
            if let Some(index) = marks
                .filter(|mark| known(mark))
                .map(|mark| mark.index)
                .max()
            {
                return Ok(Some(index));
            }
            match page.end {
                Some(end) => from = Some(end),
                None => return Ok(None),
            }
        }
        let what = format!("the room {room} has too much in it to find what was said last");
        Err(Undone::new(Fate::Blocked, what))
    }

    /// What came since `since`: waits up to `wait` for something.
    ///
    /// # Errors
    /// When nothing can be said of it.
    pub async fn sync(&self, since: Option<&str>, wait: Duration) -> Result<Synced, Undone> {
        let none = json!({"types": []});
        let filter = json!({
            "account_data": none,
            "presence": none,
            "room": {
                "account_data": none,
                "ephemeral": none,
                "state": none,
                "timeline": {"limit": 50, "types": ["m.room.message", "m.reaction"]},
            },
        });
        let mut path = format!(
            "/sync?timeout={}&filter={}",
            wait.as_millis(),
            segment(&filter.to_string())
        );
        if let Some(since) = since {
            path.push_str(&format!("&since={}", segment(since)));
        }
        self.read(path).await
    }

    /// A page of what was said in a room.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn messages(&self, room: &Id, reading: &Reading<'_>) -> Result<Page, Undone> {
        let mut path = format!(
            "/rooms/{}/messages?limit=100&dir={}",
            segment(room.as_str()),
            if reading.forwards { "f" } else { "b" },
        );
        for (name, token) in [("from", reading.from), ("to", reading.to)] {
            if let Some(token) = token {
                path.push_str(&format!("&{name}={}", segment(token)));
            }
        }
        if let Some(filter) = reading.filter {
            path.push_str(&format!("&filter={}", segment(&filter.to_string())));
        }
        self.read(path).await
    }

    /// One event.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn event(&self, room: &Id, event: &Id) -> Result<Event, Undone> {
        let path = format!(
            "/rooms/{}/event/{}",
            segment(room.as_str()),
            segment(event.as_str())
        );
        self.read(path).await
    }

    /// Reads something; asking changes nothing, so no answer is no unknown outcome.
    async fn read<T: DeserializeOwned>(&self, path: String) -> Result<T, Undone> {
        let ask = Ask {
            method: Method::GET,
            path: self.path_of(&path),
            answer_bytes_max: EVENTS_BYTES_MAX,
            ..Ask::default()
        };
        let taken = taken(&self.server, self.server.ask(ask).await).map_err(|mut undone| {
            if undone.fate == Fate::Unknown {
                undone.fate = Fate::Later(None);
            }
            undone
        })?;
        self.parsed(&taken)
    }

    async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: String,
        body: &Value,
    ) -> Result<T, Undone> {
        let ask = Ask {
            method,
            path: self.path_of(&path),
            body: Some(body.to_string().into_bytes()),
            answer_bytes_max: ANSWER_BYTES_MAX,
            ..Ask::default()
        };
        let taken = taken(&self.server, self.server.ask(ask).await)?;
        self.parsed(&taken)
    }

    fn path_of(&self, path: &str) -> String {
        self.server
            .base
            .path_of(&format!("/_matrix/client/v3{path}"))
    }

    fn parsed<T: DeserializeOwned>(&self, body: &Bytes) -> Result<T, Undone> {
        serde_json::from_slice(body).map_err(|error| {
            let place = self.server.base.authority();
            // Tried again later: the server may be mended meanwhile.
            let fate = Fate::Later(None);
            Undone::new(
                fate,
                format!("{place} gave an answer that can't be used: {error}"),
            )
        })
    }
}

/// Which part of a room's events is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading<'a> {
    from: Option<&'a str>,
    to: Option<&'a str>,
    filter: Option<&'a Value>,
    forwards: bool,
}

impl<'a> Reading<'a> {
    /// Newest first, from a token (or the end) back to another one (or the beginning).
    pub fn back(
        from: Option<&'a str>,
        to: Option<&'a str>,
        filter: Option<&'a Value>,
    ) -> Reading<'a> {
        Reading {
            from,
            to,
            filter,
            forwards: false,
        }
    }

    /// Oldest first, from a token or the beginning.
    pub fn forwards(from: Option<&'a str>) -> Reading<'a> {
        Reading {
            from,
            forwards: true,
            ..Reading::default()
        }
    }
}

/// A message's content: `m.notice` so that no client calls anybody because of it, no formatted body
/// so that nothing in it is mark-up, and `m.mentions` that is there and empty, which switches the
/// search for names and `@room` in the text off (client-server API, "User and room mentions").
fn content(notice: &Notice<'_>) -> Value {
    let mut content = json!({
        "msgtype": "m.notice",
        "body": cut(notice.text, TEXT_BYTES_MAX),
        "m.mentions": {},
    });
    if let Value::Object(fields) = &mut content {
        if let Some(mark) = notice.act {
            fields.insert(MARK.to_owned(), json!(mark));
        }
        if let Some(event) = notice.answers {
            let answers = json!({"m.in_reply_to": {"event_id": event.as_str()}});
            fields.insert("m.relates_to".to_owned(), answers);
        }
    }
    content
}

/// One segment of a path, or one value of a query.
fn segment(text: &str) -> String {
    encoded(text, b"")
}

/// Percent-encoded but for what RFC 3986 never reserves, and `also`.
pub(super) fn encoded(text: &str, also: &[u8]) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || also.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Text on one line as a person may read it, cut to what a line of the transcript takes.
pub fn readable(text: &str) -> String {
    Text::<{ 64 * 1024 }, true>::clean(text)
        .map(|(text, _)| text.to_string())
        .unwrap_or_default()
}

#[cfg(test)]
pub(super) fn content_of(notice: &Notice<'_>) -> Value {
    content(notice)
}

/// An event's JSON as it came.
pub(crate) type Raw = Box<RawValue>;
