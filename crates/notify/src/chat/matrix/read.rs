//! What comes from a room: events as far as hereby understands them, and as they came.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Id, MARK, Marked, Raw};

/// An event in a room.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its id.
    pub id: Id,
    /// Who sent it.
    pub sender: Id,
    /// When the sender's server says that was, in Unix milliseconds.
    pub at_ms: i64,
    /// Its type: `m.room.message`.
    pub kind: Box<str>,
    /// What it says.
    pub content: Value,
    /// The whole event as it came, on one line or several.
    pub json: Raw,
}

#[derive(Deserialize)]
struct Fields {
    event_id: Id,
    sender: Id,
    #[serde(default)]
    origin_server_ts: i64,
    #[serde(rename = "type")]
    kind: Box<str>,
    #[serde(default)]
    content: Value,
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Event, D::Error> {
        let json = Raw::deserialize(deserializer)?;
        let fields: Fields = serde_json::from_str(json.get()).map_err(serde::de::Error::custom)?;
        Ok(Event {
            id: fields.event_id,
            sender: fields.sender,
            at_ms: fields.origin_server_ts,
            kind: fields.kind,
            content: fields.content,
            json,
        })
    }
}

impl Event {
    /// The text of a message that a person wrote: no notice, no edit of an earlier one, nothing that
    /// was taken back.
    pub fn message(&self) -> Option<&str> {
        let text = self.content.get("msgtype")?.as_str()?;
        let is_edit = self
            .relation()
            .is_some_and(|(kind, ..)| kind == "m.replace");
        let said = self.kind.as_ref() == "m.room.message" && text != "m.notice" && !is_edit;
        said.then(|| self.body())?
    }

    /// The text of any message, a notice as well.
    pub fn body(&self) -> Option<&str> {
        self.content.get("body")?.as_str()
    }

    /// The event that a person put this sign on, and the sign.
    pub fn reaction(&self) -> Option<(Id, &str)> {
        if self.kind.as_ref() != "m.reaction" {
            return None;
        }
        match self.relation()? {
            ("m.annotation", event, Some(key)) => Some((event.parse().ok()?, key)),
            _ => None,
        }
    }

    /// Which act it is about, if hereby sent it. Whether hereby did is for the caller to see from
    /// the sender.
    pub fn mark(&self) -> Option<Marked> {
        serde_json::from_value(self.content.get(MARK)?.clone()).ok()
    }

    fn relation(&self) -> Option<(&str, &str, Option<&str>)> {
        let relation = self.content.get("m.relates_to")?;
        let text = |name: &str| relation.get(name).and_then(Value::as_str);
        Some((text("rel_type")?, text("event_id")?, text("key")))
    }
}

/// A page of a room's events.
#[derive(Debug, Deserialize)]
pub struct Page {
    /// The events, in the order in which they were asked for.
    #[serde(rename = "chunk", deserialize_with = "those_understood")]
    pub events: Vec<Event>,
    /// Where the next page begins; none: there is none.
    pub end: Option<String>,
}

/// What came since the last time.
#[derive(Debug, Deserialize)]
pub struct Synced {
    /// Where the next time begins.
    pub next_batch: String,
    #[serde(default)]
    rooms: Rooms,
}

#[derive(Debug, Default, Deserialize)]
struct Rooms {
    #[serde(default)]
    join: BTreeMap<Id, Joined>,
}

#[derive(Debug, Deserialize)]
struct Joined {
    #[serde(default)]
    timeline: Timeline,
}

/// What was said in one room, oldest first.
#[derive(Debug, Default, Deserialize)]
pub struct Timeline {
    /// The events.
    #[serde(default, deserialize_with = "those_understood")]
    pub events: Vec<Event>,
    /// There is more before them.
    #[serde(default)]
    pub limited: bool,
    /// Where what is before them ends.
    pub prev_batch: Option<String>,
}

impl Synced {
    /// The rooms in which something was said, each with what it was.
    pub fn rooms(self) -> impl Iterator<Item = (Id, Timeline)> {
        let joined = self.rooms.join.into_iter();
        joined.map(|(room, joined)| (room, joined.timeline))
    }
}

/// One event that is of no form known must not keep the others from being read: it is passed over.
fn those_understood<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Event>, D::Error> {
    let all = Vec::<Raw>::deserialize(deserializer)?;
    let understood = |raw: &Raw| serde_json::from_str(raw.get()).ok();
    Ok(all.iter().filter_map(understood).collect())
}
