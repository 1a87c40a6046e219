//! The schemas of reviews, follow-ups and their meeting.

use serde_json::{Value, json};

use super::schemas::{maybe, object};
use crate::route::reference;

/// Those of a review, by name.
pub(super) fn schemas() -> Value {
    let cites = json!({"type": "array", "items": reference("Citation")});
    let words = json!({"type": "array", "items": {"type": "string"}});
    let corrections = json!({"type": "array", "items": reference("Saying")});
    json!({
        "Citation": object(json!({"act": reference("ActId"), "index": maybe("Index")})),
        "Fact": object(json!({"text": {"type": "string"}, "cites": cites})),
        "Saying": object(json!({
            "act": reference("ActId"),
            "index": maybe("Index"),
            "at": reference("Timestamp"),
            "by": {"type": "string"},
            "text": {"type": "string"},
            "cites": cites,
            "notes": words,
            "corrections": corrections,
        })),
        "ReviewMoment": object(json!({
            "act": reference("ActId"),
            "index": maybe("Index"),
            "at": reference("Timestamp"),
            "by": {"type": "string"},
            "deed": {"type": "string"},
            "text": {"type": ["string", "null"]},
            "why": {"type": ["string", "null"]},
            "corrections": corrections,
        })),
        "Block": block(),
        "Remark": object(json!({
            "issue": {"enum": [
                "name", "two_versions", "uncited", "stray_citation", "missing_section",
                "missing_time"
            ]},
            "holds_back": {"type": "boolean"},
            "place": {"type": "string"},
            "acts": {"type": "array", "items": reference("ActId")},
            "name": {"type": ["string", "null"]},
            "says": {"type": "string"},
            "next": {"type": "string"},
        })),
        "ReviewDocument": object(json!({
            "incident": reference("IncidentId"),
            "audience": reference("ReviewAudience"),
            "title": {"type": "string"},
            "marks": {"type": "array", "items": object(json!({
                "word": {"type": "string"},
                "says": {"type": "string"},
            }))},
            "made_from": {"type": ["string", "null"]},
            "chapters": {"type": "array", "items": object(json!({
                "anchor": {"type": "string"},
                "heading": {"type": "string"},
                "blocks": {"type": "array", "items": reference("Block")},
            }))},
            "findings": {"type": "array", "items": object(json!({
                "section": reference("ReviewSection"),
                "reach": maybe("Reach"),
                "group": maybe("Index"),
                "saying": reference("Saying"),
            }))},
            "remarks": {"type": "array", "items": reference("Remark")},
        })),
    })
}

/// Those of what is left to do, by name.
pub(super) fn afterwards() -> Value {
    json!({
        "Followup": object(json!({
            "incident": reference("IncidentId"),
            "followup": reference("Index"),
            "act": reference("ActId"),
            "text": {"anyOf": [reference("SealableText"), {"type": "null"}]},
            "owner": reference("PersonName"),
            "due_at": reference("Timestamp"),
            "overdue": {"type": "boolean"},
            "reminders": reference("Index"),
            "remind_at": reference("Timestamp"),
            "tried_at": {"anyOf": [reference("Timestamp"), {"type": "null"}]},
            "tried_before": {"anyOf": [reference("Timestamp"), {"type": "null"}]},
            "ticket": {"anyOf": [
                object(json!({
                    "tracker": reference("Name"),
                    "ticket": reference("Line"),
                    "url": reference("Line"),
                })),
                {"type": "null"},
            ]},
        })),
        "Meeting": object(json!({
            "incident": reference("IncidentId"),
            "title": {"anyOf": [reference("SealableText"), {"type": "null"}]},
            "uid": {"type": "string"},
            "sequence": reference("Index"),
            "act": reference("ActId"),
            "at": reference("Timestamp"),
            "cancelled": {"type": "boolean"},
            "starts_at": reference("Timestamp"),
            "minutes": reference("Index"),
            "place": {"anyOf": [reference("SealableText"), {"type": "null"}]},
            "people": {"type": "array", "items": object(json!({
                "person": reference("PersonName"),
                "full_name": maybe("Line"),
                "mail": maybe("Line"),
            }))},
        })),
    })
}

fn block() -> Value {
    let list = |item: &str| json!({"type": "array", "items": reference(item)});
    let one = |kind: &str, name: &str, content: Value| {
        object(json!({"type": {"const": kind}, name: content}))
    };
    json!({"oneOf": [
        one("paragraph", "fact", reference("Fact")),
        one("facts", "facts", json!({"type": "array", "items": object(json!({
            "name": {"type": "string"},
            "fact": reference("Fact"),
        }))})),
        one("saying", "saying", reference("Saying")),
        one("versions", "sayings", list("Saying")),
        object(json!({
            "type": {"const": "table"},
            "head": {"type": "array", "items": {"type": "string"}},
            "rows": {"type": "array", "items": list("Fact")},
        })),
        one("timeline", "moments", list("ReviewMoment")),
        one("missing", "text", json!({"type": "string"})),
    ]})
}
