//! What the commands about rooms take, and how channels are shown.

use serde_json::{Value, json};

use super::commands::{Argument, may, must, several};
use super::schemas::{maybe, object};
use crate::route::reference;

type Form = (&'static str, Vec<Argument>, Value);

fn on() -> Vec<Argument> {
    vec![must("channel", "Name"), must("incident", "IncidentId")]
}

fn and(argument: Argument) -> Vec<Argument> {
    let mut all = on();
    all.push(argument);
    all
}

/// The form of one of these commands.
pub(super) fn form(name: &str) -> Option<Form> {
    Some(match name {
        "chat.open_room" => (
            "Asks for a room of an incident in a channel",
            and(may("room", "Line")),
            json!({"incident": "INC-1", "channel": "matrix"}),
        ),
        "chat.link_room" => (
            "Says that the room is there. hereby says it by itself once it has made one",
            and(must("room", "Line")),
            json!({"incident": "INC-1", "channel": "matrix", "room": "!opaque:example.org"}),
        ),
        "chat.close_room" => (
            "Asks for the end of a room: what was said in it is attached to the incident",
            on(),
            json!({"incident": "INC-1", "channel": "matrix"}),
        ),
        "chat.unlink_room" => (
            "Says that nothing is said or heard in a room any more, and attaches what was. hereby \
             says it by itself once it has read the room",
            vec![
                must("channel", "Name"),
                several("files", "BlobRef", 8),
                must("incident", "IncidentId"),
                must("transcript", "Transcript"),
            ],
            json!({"incident": "INC-1", "channel": "matrix", "transcript": "given_up"}),
        ),
        _ => return None,
    })
}

/// The schemas of channels, by name.
pub(super) fn schemas() -> Value {
    let counts = |names: &[&str]| {
        let fields = names.iter();
        object(Value::Object(
            fields
                .map(|name| ((*name).to_owned(), reference("Index")))
                .collect(),
        ))
    };
    let text = json!({"type": ["string", "null"]});
    json!({
        "Transcript": {"enum": ["attached", "none", "given_up"]},
        "ChatChannel": object(json!({
            "channel": reference("Name"),
            "kind": {"enum": ["matrix", "slack", "webhook"]},
            "host": {"type": "string"},
            "private": {"type": "boolean"},
            "rooms": {"type": "array", "items": reference("ChatRoom")},
            "said": counts(&["done", "failed", "unknown"]),
            "notes": counts(&["noted", "refused", "unanswered"]),
            "last_error": text,
            "last_error_at": maybe("Timestamp"),
        })),
        "ChatRoom": object(json!({
            "incident": reference("IncidentId"),
            "room": text,
            "state": {"enum": ["asked", "linked", "closed"]},
            "waiting": maybe("Index"),
            "waiting_since": maybe("Timestamp"),
            "error": text,
        })),
    })
}
