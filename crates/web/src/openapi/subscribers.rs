//! Subscribers and notices in the description of the API.

use serde_json::{Value, json};

use super::commands::{Argument, must, several};
use super::schemas::{maybe, object};
use crate::route::reference;

/// The form of a command about subscribers or notices.
pub(super) fn form(name: &str) -> Option<(&'static str, Vec<Argument>, Value)> {
    let wishes = || vec![several("components", "Name", 32), must("language", "Name")];
    let with = |mut more: Vec<Argument>, wishes: Vec<Argument>| {
        more.extend(wishes);
        more
    };
    Some(match name {
        "subscriber.confirm" => (
            "Makes a subscriber of an address; who answers for it gives a reason",
            with(
                vec![must("address", "Line"), must("channel", "Channel")],
                wishes(),
            ),
            json!({"address": "sam@example.org", "channel": "mail", "language": "en"}),
        ),
        "subscriber.change" => (
            "Changes what a subscriber is told",
            with(vec![must("subscriber", "Name")], wishes()),
            json!({"subscriber": "sub-1", "components": ["checkout"], "language": "de"}),
        ),
        "subscriber.remove" => (
            "Tells a subscriber nothing any more, and erases their address",
            vec![must("subscriber", "Name")],
            json!({"subscriber": "sub-1"}),
        ),
        "notice.send" => (
            "Sends a public update to those who subscribed to it",
            vec![
                several("components", "Name", 64),
                must("incident", "IncidentId"),
                must("update", "ActId"),
            ],
            json!({"incident": "INC-1", "update": "00112233445566778899aabbccddeeff"}),
        ),
        "notice.report" => (
            "Says what became of a notice; a person gives a reason",
            vec![
                must("done", "Count"),
                must("failed", "Count"),
                must("incident", "IncidentId"),
                must("notice", "Name"),
                must("outcomes", "BlobRef"),
                must("round", "Number"),
                must("unknown", "Count"),
            ],
            json!({
                "incident": "INC-1", "notice": "ntc-1", "round": 1,
                "done": 1, "failed": 0, "unknown": 0,
                "outcomes": {"bytes": 0, "sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
            }),
        ),
        "notice.retry" => (
            "Tries the deliveries of a notice again whose outcome is unknown; needs a reason",
            vec![must("incident", "IncidentId"), must("notice", "Name")],
            json!({"incident": "INC-1", "notice": "ntc-1"}),
        ),
        _ => return None,
    })
}

/// Their schemas, by name.
pub(super) fn schemas() -> Value {
    let names = json!({"type": "array", "items": reference("Name")});
    let counts = json!({"type": "object", "additionalProperties": reference("Count")});
    json!({
        "Channel": {"enum": ["mail", "webhook"]},
        "Subscriber": object(json!({
            "subscriber": reference("Name"),
            "channel": reference("Channel"),
            "components": names,
            "language": reference("Name"),
            "confirmed_act": reference("ActId"),
        })),
        "SubscriberAddress": object(json!({
            "subscriber": reference("Name"),
            "address": {"type": "string"},
        })),
        "SubscriberCounts": object(json!({
            "total": reference("Count"),
            "everything": reference("Count"),
            "channels": counts,
            "languages": counts,
            "components": counts,
        })),
        "Notice": object(json!({
            "notice": reference("Name"),
            "incident": reference("IncidentId"),
            "update": reference("ActId"),
            "at": reference("Timestamp"),
            "by": reference("Actor"),
            "components": names,
            "mail": reference("Count"),
            "webhook": reference("Count"),
            "round": reference("Count"),
            "running": {"type": "boolean"},
            "done": reference("Count"),
            "failed": reference("Count"),
            "unknown": reference("Count"),
            "open": reference("Count"),
            "outcomes": maybe("BlobRef"),
        })),
        "NoticePreview": object(json!({
            "incident": reference("IncidentId"),
            "update": reference("ActId"),
            "sent_as": maybe("Name"),
            "components": names,
            "mail": reference("Count"),
            "webhook": reference("Count"),
            "languages": {"type": "array", "items": object(json!({
                "language": reference("Name"),
                "people": reference("Count"),
                "subject": {"type": "string"},
                "text": {"type": "string"},
                "html": {"type": "string"},
            }))},
            "event": {"type": "object"},
        })),
    })
}
