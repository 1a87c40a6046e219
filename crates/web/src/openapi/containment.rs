//! Bans, revocations and other tiers in the description of the API.

use serde_json::{Value, json};

use super::commands::{Argument, may, must};
use super::schemas::{maybe, object};
use crate::route::reference;

/// The form of a command about containment.
pub(super) fn form(name: &str) -> Option<(&'static str, Vec<Argument>, Value)> {
    let sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let end = "2030-01-01T10:00:00.000Z";
    Some(match name {
        "client.ban" => (
            "Answers clients with these addresses nothing; asked again, the new end holds",
            vec![
                may("ends_at", "Timestamp"),
                may("incident", "IncidentId"),
                must("prefix", "Prefix"),
            ],
            json!({"prefix": "192.0.2.0/24", "ends_at": end}),
        ),
        "client.unban" => (
            "Lifts a ban",
            vec![must("prefix", "Prefix")],
            json!({"prefix": "192.0.2.0/24"}),
        ),
        "certificate.revoke" => (
            "Lets nobody in with a certificate any more, for ever",
            vec![
                may("fingerprint", "Sha256Digits"),
                may("incident", "IncidentId"),
                may("issuer", "Sha256Digits"),
                may("serial", "Serial"),
            ],
            json!({"fingerprint": sha256}),
        ),
        "failover.override" => (
            "Has another tier of a route answer for a while, or goes back to the plan",
            vec![
                may("cell", "Name"),
                must("ends_at", "Timestamp"),
                may("incident", "IncidentId"),
                must("route", "Name"),
                may("tier", "FailoverTier"),
            ],
            json!({"route": "site", "tier": 1, "ends_at": end}),
        ),
        _ => return switched(name, end).or_else(|| reported(name, sha256)),
    })
}

/// The form of a command about switches and postures.
fn switched(name: &str, end: &str) -> Option<(&'static str, Vec<Argument>, Value)> {
    Some(match name {
        "switch.turn_off" => (
            "Turns a switch off, at every edge and for every application; asked again, the new end holds",
            vec![
                may("ends_at", "Timestamp"),
                may("incident", "IncidentId"),
                must("switch", "SwitchName"),
            ],
            json!({"switch": "feature/recommendations", "ends_at": end}),
        ),
        "switch.turn_on" => (
            "Turns a switch on again",
            vec![must("switch", "SwitchName")],
            json!({"switch": "feature/recommendations"}),
        ),
        "posture.set" => (
            "Says how a service works: as usual, without what can be missed, or the least",
            vec![
                may("ends_at", "Timestamp"),
                may("incident", "IncidentId"),
                must("posture", "Posture"),
                must("service", "ServiceName"),
            ],
            json!({"service": "checkout", "posture": "degraded", "ends_at": end}),
        ),
        _ => return None,
    })
}

/// The form of what hereby says itself of certificates.
fn reported(name: &str, sha256: &str) -> Option<(&'static str, Vec<Argument>, Value)> {
    Some(match name {
        "certificate.report" => (
            "Says what a client certificate was used for; hereby says it itself",
            vec![
                must("cell", "Line"),
                must("fingerprint", "Sha256Digits"),
                must("first_at", "Timestamp"),
                must("issuer", "Sha256Digits"),
                must("last_at", "Timestamp"),
                may("last_let_through_at", "Timestamp"),
                must("let_through", "Count"),
                must("let_through_after", "Count"),
                (
                    "prefixes",
                    json!({"type": "array", "maxItems": 8, "uniqueItems": true,
                        "items": reference("Prefix")}),
                    true,
                ),
                must("refused", "Count"),
                must("refused_after", "Count"),
                must("serial", "Serial"),
                must("tenant", "Line"),
            ],
            json!({
                "cell": "default", "fingerprint": sha256, "issuer": sha256, "serial": "01c0ffee",
                "tenant": "shop", "first_at": "2026-01-01T10:00:00.000Z",
                "last_at": "2026-01-01T10:00:00.000Z", "let_through": 1, "let_through_after": 0,
                "prefixes": ["192.0.2.0/24"], "refused": 0, "refused_after": 0,
            }),
        ),
        _ => return None,
    })
}

/// Who said something, when, why and for what, beside what they said.
fn said(mut more: Value) -> Value {
    if let Value::Object(fields) = &mut more {
        fields.insert("at".to_owned(), reference("Timestamp"));
        fields.insert("by".to_owned(), reference("Actor"));
        fields.insert("incident".to_owned(), maybe("IncidentId"));
        fields.insert("why".to_owned(), maybe("Line"));
    }
    object(more)
}

/// The same of switches and postures.
pub(super) fn schemas_of_switches() -> Value {
    json!({
        "SwitchName": {
            "type": "string",
            "maxLength": 80,
            "pattern": "^(feature|limit|route|tenant)/[a-z0-9][a-z0-9._-]*$",
            "description": "What it is of, and its name: feature/recommendations",
        },
        "Posture": {"enum": ["normal", "degraded", "safe"]},
        "Switch": said(json!({
            "switch": reference("SwitchName"), "ends_at": maybe("Timestamp"),
        })),
        "ServicePosture": said(json!({
            "service": reference("ServiceName"),
            "posture": reference("Posture"),
            "ends_at": maybe("Timestamp"),
        })),
    })
}

/// What stands in these commands, and what is read of them.
pub(super) fn schemas() -> Value {
    json!({
        "Prefix": {
            "type": "string",
            "minLength": 2,
            "maxLength": 49,
            "pattern": "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$",
            "description": "An address or a block of them: 192.0.2.7, 192.0.2.0/24, 2001:db8::/64",
        },
        "Sha256Digits": {
            "type": "string",
            "pattern": "^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$",
            "description": "SHA-256 in hexadecimal digits, as openssl prints it",
        },
        "Serial": {
            "type": "string",
            "maxLength": 64,
            "pattern": "^[0-9A-Fa-f]+(:[0-9A-Fa-f]{2})*$",
            "description": "A certificate's number in hexadecimal digits, at most 20 bytes",
        },
        "FailoverTier": {"type": "integer", "minimum": 0, "maximum": 15},
        "Ban": said(json!({"prefix": reference("Prefix"), "ends_at": maybe("Timestamp")})),
        "Revocation": said(json!({
            "certificate": {"type": "string"},
            "fingerprint": maybe("Sha256Digits"),
            "issuer": maybe("Sha256Digits"),
            "serial": maybe("Serial"),
        })),
        "CertificateUses": object(json!({
            "certificate": {"type": "string"},
            "edge": {"type": "boolean", "description": "Whether an edge of this machine answered"},
            "revoked": maybe("Revocation"),
            "uses": {"type": "array", "items": reference("CertificateUse")},
        })),
        "CertificateUse": object(json!({
            "fingerprint": reference("Sha256Digits"),
            "issuer": reference("Sha256Digits"),
            "serial": reference("Serial"),
            "cell": reference("Line"),
            "tenant": reference("Line"),
            "first_at": reference("Timestamp"),
            "last_at": reference("Timestamp"),
            "last_let_through_at": maybe("Timestamp"),
            "let_through": reference("Count"),
            "let_through_after": reference("Count"),
            "refused": reference("Count"),
            "refused_after": reference("Count"),
            "prefixes": {"type": "array", "items": reference("Prefix")},
            "live": {"type": "boolean", "description": "An edge counted on since the record has it"},
        })),
        "FailoverOverride": said(json!({
            "route": reference("Name"),
            "cell": maybe("Name"),
            "tier": maybe("FailoverTier"),
            "ends_at": reference("Timestamp"),
        })),
        "Overlay": overlay(),
    })
}

fn overlay() -> Value {
    let list = |item: Value| json!({"type": "array", "items": item});
    let until = || json!({"type": ["integer", "null"]});
    json!({
        "type": "object",
        // Switches and postures are left out where there are none.
        "required": ["version", "sequence", "bans", "revoked", "failovers"],
        "properties": {
            "version": {"const": 1},
            "sequence": reference("Index"),
            "bans": list(object(json!({
                "prefix": reference("Prefix"),
                "until_s": {"type": ["integer", "null"]},
            }))),
            "revoked": list(json!({"oneOf": [
                object(json!({"sha256": reference("Sha256Digits")})),
                object(json!({
                    "issuer": reference("Sha256Digits"), "serial": reference("Serial"),
                })),
            ]})),
            "failovers": list(json!({
                "type": "object",
                "required": ["route", "tier", "until_ms", "reason"],
                "properties": {
                    "cell": reference("Name"),
                    "route": reference("Name"),
                    "tier": maybe("FailoverTier"),
                    "until_ms": {"type": "integer"},
                    "reason": {"type": "string"},
                },
            })),
            "switches": list(object(json!({
                "switch": reference("SwitchName"), "until_ms": until(),
            }))),
            "postures": list(object(json!({
                "service": reference("ServiceName"),
                "posture": reference("Posture"),
                "until_ms": until(),
            }))),
        },
    })
}
