//! The schemas that the document's operations refer to.

mod stats;

use serde_json::{Value, json};

use crate::route::reference;

/// Every schema by name.
pub(crate) fn all() -> Value {
    let parts = parts().into_iter().filter_map(|part| match part {
        Value::Object(part) => Some(part),
        _ => None,
    });
    Value::Object(parts.flatten().collect())
}

/// The schemas in families. A name is in one of them: a test holds that.
pub(super) fn parts() -> Vec<Value> {
    vec![
        words(),
        text(),
        record(),
        incidents(),
        work(),
        prepared(),
        alerts(),
        access(),
        entry(),
        answers(),
        stats::all(),
        super::page::schemas(),
        super::page::answers(),
        super::review::schemas(),
        super::subscribers::schemas(),
        super::review::afterwards(),
        super::chat::schemas(),
        super::containment::schemas(),
        super::containment::schemas_of_switches(),
        super::fleet::schemas(),
    ]
}

pub(super) fn maybe(schema: &str) -> Value {
    json!({"anyOf": [reference(schema), {"type": "null"}]})
}

fn matching(pattern: &str) -> Value {
    json!({"type": "string", "pattern": pattern})
}

/// An object that has all of these and may have more in later versions.
pub(super) fn object(properties: Value) -> Value {
    let required: Vec<String> = match &properties {
        Value::Object(fields) => fields.keys().cloned().collect(),
        _ => Vec::new(),
    };
    json!({"type": "object", "required": required, "properties": properties})
}

fn words() -> Value {
    let name = "^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$";
    json!({
        "IncidentId": matching("^INC-[1-9][0-9]{0,9}$"),
        "AlertId": matching("^[0-9a-f]{32}$"),
        "ActId": matching("^[0-9a-f]{32}$"),
        "TokenId": matching("^tok-[0-9a-f]{16}$"),
        "LoginId": matching("^log-[0-9a-f]{16}$"),
        "SessionId": matching("^ses-[0-9a-f]{16}$"),
        "Name": matching(name),
        "PersonName": matching(name),
        "ServiceName": matching(name),
        "TeamName": matching(name),
        "Severity": {"type": "integer", "minimum": 1, "maximum": 5},
        "Role": {"enum": ["commander", "operations", "communications", "planning"]},
        "Stamp": {"enum": ["impact_start", "detected", "diagnosed", "mitigated"]},
        "Audience": {"enum": ["insiders", "public"]},
        "IncidentStatus": {"enum": ["investigating", "identified", "monitoring", "resolved"]},
        "Scope": {"enum": ["read", "respond", "alerts", "witness", "admin"]},
        "Index": {"type": "integer", "minimum": 0},
        "Number": {"type": "integer", "minimum": 1, "maximum": u32::MAX},
        "Count": {"type": "integer", "minimum": 0, "maximum": (1_u64 << 53) - 1},
        "Currency": matching("^[A-Z]{3}$"),
        "Relation": {"enum": ["caused_by", "duplicate_of", "related_to"]},
        "DataHarm": {"enum": ["changed", "lost", "none", "read"]},
        "TaskOutcome": {"enum": ["done", "dropped"]},
        "StepOutcome": {"enum": ["done", "skipped"]},
        "Reach": {"enum": ["team", "organisation", "everyone"]},
        "ReviewAudience": {"enum": ["internal", "customers", "executive"]},
        "ReviewSection": {"enum": [
            "abstract", "problem", "impact", "contributing_factor", "sooner_detection", "worked",
            "near_miss", "learned", "customers_what", "customers_data", "customers_actions",
            "customers_next", "residual_risk"
        ]},
        "Milliseconds": {"type": "integer", "minimum": 0, "maximum": (1_u64 << 53) - 1},
        "Hash": {
            "type": "string",
            "pattern": "^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$",
            "description": "SHA-256 in base64",
        },
        "VerifierKey": {
            "type": "string",
            "maxLength": 300,
            "description": "A C2SP signed-note verifier key: NAME+HASH+KEY",
        },
    })
}

fn text() -> Value {
    let plain = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$";
    let lines = "^[^\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$";
    json!({
        "Line": {
            "type": "string",
            "minLength": 1,
            "maxLength": 200,
            "pattern": plain,
            "description": "One line, at most 200 bytes of UTF-8, not blank",
        },
        "Prose": {
            "type": "string",
            "minLength": 1,
            "maxLength": 16_384,
            "pattern": lines,
            "description": "At most 16 KiB of UTF-8, with line feeds, not blank",
        },
        "SealableText": {
            "description": "Text, or the ciphertext of a private incident's",
            "oneOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "required": ["sealed"],
                    "properties": {"sealed": {
                        "type": "object",
                        "required": ["ct", "key"],
                        "properties": {"ct": {"type": "string"}, "key": {"type": "string"}},
                    }},
                },
            ],
        },
        "Timestamp": {
            "type": "string",
            "format": "date-time",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$",
        },
        "Labels": {
            "type": "object",
            "additionalProperties": {"type": "string"},
        },
    })
}

fn record() -> Value {
    json!({
        "Actor": {
            "type": "object",
            "required": ["type", "id"],
            "properties": {
                "type": {"enum": ["person", "uid", "service", "system"]},
                "id": {"type": ["string", "integer"]},
                "for": {"type": "string"},
            },
        },
        "Subject": object(json!({"type": {"type": "string"}, "id": {"type": "string"}})),
        "BlobRef": {
            "type": "object",
            "required": ["bytes", "sha256"],
            "properties": {
                "bytes": reference("Milliseconds"),
                "name": maybe("Line"),
                "sha256": reference("Hash"),
            },
            "additionalProperties": false,
        },
        "Act": {
            "type": "object",
            "required": ["v", "kind", "id", "at", "actor", "proof", "subject", "body"],
            "properties": {
                "v": {"const": 1},
                "kind": {"type": "string"},
                "id": reference("ActId"),
                "at": reference("Timestamp"),
                "claimed_at": reference("Timestamp"),
                "actor": reference("Actor"),
                "proof": {"type": "object"},
                "subject": reference("Subject"),
                "tenant": {"type": "string"},
                "cause": reference("ActId"),
                "why": reference("SealableText"),
                "body": {"type": "object"},
            },
        },
        "PlacedAct": object(json!({"index": reference("Index"), "act": reference("Act")})),
        "ActWithEntry": object(json!({
            "index": reference("Index"),
            "act": reference("Act"),
            "entry": {"type": "string"},
        })),
        "Receipt": object(json!({
            "act": reference("ActId"),
            "at": reference("Timestamp"),
            "index": reference("Index"),
            "kind": {"type": "string"},
            "subject": reference("Subject"),
            "inclusion": {"type": ["array", "null"], "items": reference("Hash")},
        })),
        "Bundle": {
            "type": "object",
            "required": ["hereby_bundle"],
            "properties": {"hereby_bundle": {"const": 1}},
        },
    })
}

/// An incident's room in a channel.
fn room() -> Value {
    object(json!({
        "channel": reference("Name"),
        "state": {"enum": ["asked", "linked", "closed", "unlinked"]},
        "room": {"type": ["string", "null"]},
    }))
}

fn incidents() -> Value {
    let summary = json!({
        "id": reference("IncidentId"),
        "title": reference("SealableText"),
        "severity": reference("Severity"),
        "status": reference("IncidentStatus"),
        "service": maybe("ServiceName"),
        "private": {"type": "boolean"},
        "drill": {"type": "boolean"},
        "declared_act": reference("ActId"),
        "declared_at": reference("Timestamp"),
        "declared_by": reference("Actor"),
        "acknowledged": {"anyOf": [
            object(json!({"at": reference("Timestamp"), "by": reference("Actor")})),
            {"type": "null"},
        ]},
        "times": {
            "type": "object",
            "propertyNames": reference("Stamp"),
            "additionalProperties": object(json!({
                "at": reference("Timestamp"),
                "act": reference("ActId"),
            })),
        },
        "reopened_at": maybe("Timestamp"),
        "resolved_at": maybe("Timestamp"),
        "touched_at": reference("Timestamp"),
        "roles": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": reference("PersonName")},
        },
        "acts": reference("Index"),
        "people": {"type": "array", "items": reference("PersonName")},
        "impact": {"type": "object", "properties": {
            "cost_minor": reference("Count"),
            "currency": reference("Currency"),
            "customers": reference("Count"),
            "data": reference("DataHarm"),
        }},
        "redacted": {"type": "boolean"},
        "relations": {"type": "array", "items": object(json!({
            "relation": reference("Relation"),
            "to": reference("IncidentId"),
        }))},
        "waived": {"type": "array", "items": reference("PersonName")},
    });
    json!({
        "IncidentSummary": object(summary),
        "IncidentWithAlerts": object(json!({
            "incident": {"allOf": [
                reference("IncidentSummary"),
                {"type": "object", "properties": {
                    "offers": {"type": "array", "items": object(json!({
                        "role": reference("Role"),
                        "from": reference("PersonName"),
                        "to": reference("PersonName"),
                    }))},
                    "next_reminder": maybe("Timestamp"),
                    "reminders": reference("Index"),
                    "told_at": {"type": "object", "additionalProperties": reference("Timestamp")},
                    "rooms": {"type": "array", "items": room()},
                    "work": reference("Work"),
                    "review": reference("Review"),
                }},
            ]},
            "alerts": {"type": "array", "items": reference("Alert")},
        })),
    })
}

/// What people do in an incident, and what is written down before one.
fn work() -> Value {
    let list = |item: Value| json!({"type": "array", "items": item});
    json!({
        "UpdateEvery": {
            "type": "object",
            "propertyNames": reference("Audience"),
            "additionalProperties": reference("Milliseconds"),
        },
        "Work": object(json!({
            "tasks": list(object(json!({
                "task": reference("Number"),
                "act": reference("ActId"),
                "owner": maybe("PersonName"),
                "outcome": maybe("TaskOutcome"),
            }))),
            "questions": list(object(json!({
                "question": reference("Number"),
                "act": reference("ActId"),
                "person": maybe("PersonName"),
                "answer": maybe("ActId"),
            }))),
            "contacts": list(object(json!({
                "contact": reference("Number"),
                "act": reference("ActId"),
            }))),
            "checklists": list(object(json!({
                "checklist": reference("Number"),
                "act": reference("ActId"),
                "steps": reference("Number"),
                "ticked": {"type": "object", "additionalProperties": reference("StepOutcome")},
            }))),
            "files": list(object(json!({"sha256": reference("Hash"), "act": reference("ActId")}))),
            "clocks": list(object(json!({
                "audience": reference("Audience"),
                "every_ms": reference("Milliseconds"),
                "due_at": reference("Timestamp"),
                "remind_at": reference("Timestamp"),
            }))),
            "read": list(object(json!({
                "person": reference("PersonName"),
                "acts": reference("Index"),
            }))),
        })),
        "Review": object(json!({
            "findings_standing": reference("Index"),
            "followups_opened": reference("Index"),
            "published": {
                "type": "object",
                "propertyNames": reference("ReviewAudience"),
                "additionalProperties": reference("Timestamp"),
            },
            "meeting": {"anyOf": [
                object(json!({
                    "act": reference("ActId"),
                    "minutes": reference("Number"),
                    "sequence": reference("Index"),
                    "starts_at": reference("Timestamp"),
                })),
                {"type": "null"},
            ]},
        })),
    })
}

/// What is written down before an incident, and what waits.
fn prepared() -> Value {
    let list = |item: Value| json!({"type": "array", "items": item});
    json!({
        "Runbook": object(json!({
            "runbook": reference("Name"),
            "title": reference("Line"),
            "steps": list(reference("Line")),
        })),
        "Template": object(json!({
            "template": reference("Name"),
            "title": maybe("Line"),
            "severity": maybe("Severity"),
            "service": maybe("ServiceName"),
            "private": {"type": "boolean"},
            "runbooks": list(reference("Name")),
            "update_every_ms": reference("UpdateEvery"),
        })),
        "Request": object(json!({
            "request": reference("Name"),
            "command": {"type": "string"},
            "args": {"type": "object"},
            "act": reference("ActId"),
            "by": reference("Actor"),
            "at": reference("Timestamp"),
            "why": {"anyOf": [reference("SealableText"), {"type": "null"}]},
            "approvals": reference("Index"),
            "approved": list(reference("PersonName")),
            "due_at": maybe("Timestamp"),
            "not_before": maybe("Timestamp"),
            "expires_at": reference("Timestamp"),
        })),
    })
}

fn alerts() -> Value {
    json!({
        "Alert": object(json!({
            "id": reference("AlertId"),
            "title": reference("Line"),
            "state": {"enum": ["firing", "ended"]},
            "source": reference("Name"),
            "fingerprint": reference("Line"),
            "labels": reference("Labels"),
            "starts_at": reference("Timestamp"),
            "fired_at": reference("Timestamp"),
            "fired_act": reference("ActId"),
            "firings": reference("Index"),
            "ended_at": maybe("Timestamp"),
            "ending": {"enum": ["reported", "ends_at", "timed_out", null]},
            "acknowledged": {"type": "boolean"},
            "drill": {"type": "boolean"},
            "incident": maybe("IncidentId"),
        })),
        "Silence": object(json!({
            "silence": reference("Name"),
            "matchers": reference("Labels"),
            "ends_at": reference("Timestamp"),
            "active": {"type": "boolean"},
        })),
        "Maintenance": object(json!({
            "maintenance": reference("Name"),
            "title": reference("Line"),
            "service": reference("ServiceName"),
            "starts_at": reference("Timestamp"),
            "ends_at": reference("Timestamp"),
            "active": {"type": "boolean"},
        })),
        "Heartbeat": object(json!({
            "heartbeat": reference("Name"),
            "interval_ms": reference("Milliseconds"),
            "grace_ms": reference("Milliseconds"),
            "service": maybe("ServiceName"),
            "severity": maybe("Severity"),
            "expected_since": reference("Timestamp"),
            "last_at": maybe("Timestamp"),
        })),
        "Delivered": object(json!({
            "recorded": reference("Index"),
            "known": reference("Index"),
            "ignored": reference("Index"),
            "stale": reference("Index"),
            "truncated": reference("Index"),
            "dropped": {"type": "object", "additionalProperties": reference("Index")},
        })),
        "Enqueued": object(json!({
            "status": {"const": "success"},
            "message": {"type": "string"},
            "dedup_key": {"type": "string"},
        })),
        "InvalidEvent": object(json!({
            "status": {"type": "string"},
            "message": {"type": "string"},
            "errors": {"type": "array", "items": {"type": "string"}},
        })),
    })
}

/// Who may come in.
fn entry() -> Value {
    json!({
        "Token": object(json!({
            "token": reference("TokenId"),
            "actor": reference("Actor"),
            "scopes": {"type": "array", "items": reference("Scope")},
            "expires_at": reference("Timestamp"),
            "expired": {"type": "boolean"},
        })),
        "Session": object(json!({
            "session": reference("SessionId"),
            "person": reference("PersonName"),
            "begun_at": reference("Timestamp"),
            "used_at": maybe("Timestamp"),
            "expires_at": reference("Timestamp"),
            "idle_ms": reference("Count"),
            "issuer": {"type": ["string", "null"]},
            "over": {"type": "boolean"},
        })),
        "Key": object(json!({
            "key": reference("Name"),
            "person": reference("PersonName"),
            "vkey": {"type": "string"},
        })),
    })
}

fn access() -> Value {
    let holder = |kind: &str| {
        json!({
            "type": "object",
            "required": ["type", "id"],
            "properties": {"type": {"const": kind}, "id": reference("Name")},
            "additionalProperties": false,
        })
    };
    json!({
        "TokenHolder": {"oneOf": [holder("person"), holder("service")]},
        "Person": object(json!({
            "person": reference("PersonName"),
            "full_name": {"description": "Text, sealed, or `null`: none was given, or you may not see it"},
            "places": {"type": "array", "items": {"type": "object"}},
            "permissions": {"type": "array", "items": object(json!({
                "permission": reference("Permission"),
                "team": maybe("TeamName"),
            }))},
            "registered_act": reference("ActId"),
        })),
        "Team": object(json!({
            "team": reference("TeamName"),
            "about": maybe("Line"),
        })),
        "Service": object(json!({
            "service": reference("ServiceName"),
            "about": maybe("Line"),
            "owner": maybe("TeamName"),
            "tier": reference("Tier"),
            "dependencies": {"type": "array", "items": reference("Dependency")},
        })),
        "Address": {
            "type": "object",
            "required": ["address", "kind"],
            "properties": {
                "address": reference("Line"),
                "kind": {"enum": ["mail", "matrix", "phone", "slack"]},
            },
            "additionalProperties": false,
        },
        "Dependency": {
            "type": "object",
            "required": ["kind", "name", "when_fails"],
            "properties": {
                "kind": {"enum": [
                    "certificate", "clock", "dns", "identity", "route", "service", "vendor"
                ]},
                "name": reference("Name"),
                "when_fails": {"enum": ["closed", "degraded", "open"]},
            },
            "additionalProperties": false,
        },
        "Permission": {"enum": [
            "viewer", "reporter", "responder", "commander", "publisher", "operator", "admin"
        ]},
        "Tier": {"type": "integer", "minimum": 1, "maximum": 4},
    })
}

fn answers() -> Value {
    json!({
        "Done": object(json!({
            "outcome": {"const": "done"},
            "receipts": {"type": "array", "items": reference("Receipt")},
            "checkpoint": {"type": "string"},
        })),
        "StoredBlob": object(json!({
            "sha256": reference("Hash"),
            "hex": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "bytes": reference("Index"),
        })),
        "Status": object(json!({
            "version": {"type": "string"},
            "console": {"type": ["string", "null"]},
            "origin": {"type": ["string", "null"]},
            "epoch": reference("Index"),
            "root_key": {"type": ["string", "null"]},
            "size": reference("Index"),
            "root": reference("Hash"),
            "vkey": {"type": ["string", "null"]},
            "published_size": maybe("Index"),
            "witnesses": {"type": "array", "items": object(json!({
                "name": {"type": "string"},
                "size": maybe("Index"),
                "at": maybe("Timestamp"),
            }))},
            "disk_free_bytes": maybe("Index"),
            "started_at": reference("Timestamp"),
        })),
        "Problem": object(json!({
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "outcome": {"enum": ["refused", "unknown"]},
            "reason": {"type": "string"},
        })),
    })
}
