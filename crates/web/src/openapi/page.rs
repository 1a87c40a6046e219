//! What the commands about the status page take, and what is said of it.

use serde_json::{Value, json};

use super::commands::{Argument, may, must, several};
use super::schemas::{maybe, object};
use crate::route::reference;

/// The form of one of these commands.
pub(super) fn form(name: &str) -> Option<(&'static str, Vec<Argument>, Value)> {
    Some(match name {
        "component.register" => (
            "Makes a component of the status page known, or changes what is known of it",
            vec![
                must("component", "Name"),
                ("descriptions", reference("ByLanguage"), false),
                may("group", "Name"),
                may("position", "Position"),
                several("services", "ServiceName", 64),
                must("titles", "ByLanguage"),
            ],
            json!({
                "component": "checkout",
                "titles": {"en": "Checkout", "de": "Kasse"},
                "services": ["checkout"],
            }),
        ),
        "component.remove" => (
            "Takes a component from the status page",
            vec![must("component", "Name")],
            json!({"component": "checkout"}),
        ),
        "page.measure" => (
            "Says for how much of a past day hereby was there to hear that something is wrong",
            vec![must("minutes", "Minutes"), must("starts_at", "Timestamp")],
            json!({"minutes": 1440, "starts_at": "2026-01-01T00:00:00.000Z"}),
        ),
        _ => return None,
    })
}

/// The schemas of what is said to the page.
pub(super) fn schemas() -> Value {
    let by_name = |schema: &str| {
        json!({
            "type": "object",
            "propertyNames": reference("Name"),
            "additionalProperties": reference(schema),
        })
    };
    let closed = |required: Value, properties: Value| {
        json!({
            "type": "object",
            "required": required,
            "properties": properties,
            "additionalProperties": false,
        })
    };
    json!({
        "ByLanguage": {
            "type": "object",
            "properties": {"en": reference("Line"), "de": reference("Line")},
            "additionalProperties": false,
        },
        "Position": {"type": "integer", "minimum": 0, "maximum": 1_000_000},
        "Minutes": {"type": "integer", "minimum": 0, "maximum": 1440},
        "ComponentStatus": {"enum": [
            "operational", "degraded_performance", "partial_outage", "major_outage",
            "under_maintenance"
        ]},
        "PublicImpact": {"enum": ["none", "minor", "major", "critical"]},
        "PublicStatus": {"enum": ["investigating", "identified", "monitoring", "resolved"]},
        "Translation": closed(
            json!(["text"]),
            json!({"headline": maybe("Line"), "text": reference("Prose")}),
        ),
        "Translations": {
            "type": "object",
            "properties": {"en": reference("Translation"), "de": reference("Translation")},
            "additionalProperties": false,
        },
        "PageWord": closed(
            json!([]),
            json!({
                "components": by_name("ComponentStatus"),
                "headline": maybe("Line"),
                "impact": maybe("PublicImpact"),
                "status": maybe("PublicStatus"),
                "translations": reference("Translations"),
            }),
        ),
        "PublicPlan": closed(
            json!(["headline", "text"]),
            json!({
                "components": {"type": "array", "maxItems": 64, "items": reference("Name")},
                "headline": reference("Line"),
                "text": reference("Prose"),
                "translations": reference("Translations"),
            }),
        ),
    })
}

/// The schemas of what is read of the page.
pub(super) fn answers() -> Value {
    json!({
        "Component": object(json!({
            "component": reference("Name"),
            "titles": reference("ByLanguage"),
            "descriptions": reference("ByLanguage"),
            "group": maybe("Name"),
            "position": reference("Position"),
            "services": {"type": "array", "items": reference("ServiceName")},
            "status": reference("ComponentStatus"),
            "registered_at": reference("Timestamp"),
        })),
        "PageTarget": object(json!({
            "target": {"type": "string"},
            "kind": {"enum": ["directory", "bucket", "rsync"]},
            "behind": {"type": "boolean"},
            "sequence": maybe("Index"),
            "made_at": maybe("Timestamp"),
            "seen_at": maybe("Timestamp"),
            "waiting_since": maybe("Timestamp"),
            "news_took_ms": maybe("Milliseconds"),
            "trouble": {"type": ["string", "null"]},
            "rounds": reference("Index"),
            "failures": reference("Index"),
            "failures_in_a_row": reference("Index"),
            "mended": reference("Index"),
        })),
    })
}
