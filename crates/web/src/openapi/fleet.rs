//! Cells, edges, versions and how they go out, in the description of the API.

use record::kinds::rollout::{Measure, Part, Ring};
use serde_json::{Value, json};

use super::commands::{Argument, may, must};
use super::schemas::{maybe, object};
use crate::route::reference;

/// The form of a command about what edges run.
pub(super) fn form(name: &str) -> Option<(&'static str, Vec<Argument>, Value)> {
    let hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    Some(match name {
        "cell.set_floor" => (
            "Has edges of a cell take no bundle of an earlier protocol",
            vec![must("cell", "Name"), must("protocol", "Count")],
            json!({"cell": "eu-1", "protocol": 2}),
        ),
        "cell.define" => (
            "Makes a cell, or gives it another ring",
            vec![must("cell", "Name"), must("ring", "Ring")],
            json!({"cell": "eu-1", "ring": "serving"}),
        ),
        "cell.remove" => (
            "Removes a cell without edges",
            vec![must("cell", "Name")],
            json!({"cell": "eu-1"}),
        ),
        "edge.invite" => (
            "Lets an edge enroll once, with the token that has this hash",
            vec![
                must("cell", "Name"),
                must("edge", "Name"),
                must("expires_at", "Timestamp"),
                must("hash", "Hash"),
            ],
            json!({
                "cell": "eu-1", "edge": "edge-1", "hash": hash,
                "expires_at": "2030-01-01T10:00:00.000Z",
            }),
        ),
        "edge.retire" => (
            "Tells an edge nothing any more; its key is worth nothing",
            vec![must("edge", "Name")],
            json!({"edge": "edge-1"}),
        ),
        _ => return moved(name),
    })
}

/// The form of a command about a version on its way, or back.
fn moved(name: &str) -> Option<(&'static str, Vec<Argument>, Value)> {
    let hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let dep = || must("deployment", "Name");
    Some(match name {
        "version.deploy" => (
            "Brings out a version that was uploaded as a blob before",
            vec![
                must("bytes", "Count"),
                (
                    "changes",
                    json!({"type": "array", "uniqueItems": true, "items": reference("VersionPart")}),
                    true,
                ),
                must("digest", "Hash"),
                may("cell", "Name"),
                may("incident", "IncidentId"),
                may("tenant", "Name"),
                (
                    "template",
                    json!({"type": ["string", "null"], "maxLength": 32_768}),
                    false,
                ),
            ],
            json!({"bytes": 120, "changes": ["routes"], "digest": hash}),
        ),
        "deployment.advance" => (
            "Begins the next stage; before the present one has held, for a reason and signed",
            vec![dep(), may("requests", "Count"), must("stage", "Count")],
            json!({"deployment": "dep-1", "stage": 1}),
        ),
        "deployment.pause" => (
            "Holds a deployment where it is; triggers go on",
            vec![dep()],
            json!({"deployment": "dep-1"}),
        ),
        "deployment.resume" => (
            "Lets a deployment go on",
            vec![dep()],
            json!({"deployment": "dep-1"}),
        ),
        "version.roll_back" => (
            "Has all cells run an earlier version again, in one step",
            vec![
                may("digest", "Hash"),
                may("incident", "IncidentId"),
                may("lease_ms", "Milliseconds"),
                may("tenant", "Name"),
            ],
            json!({}),
        ),
        "lease.lift" => (
            "Lets a version that was rolled back be brought out again",
            vec![must("digest", "Hash")],
            json!({"digest": hash}),
        ),
        "fleet.freeze" => (
            "Lets nothing new go out; what goes back does",
            vec![],
            json!({}),
        ),
        "fleet.unfreeze" => ("Lets versions go out again", vec![], json!({})),
        _ => return without_control(name),
    })
}

/// The form of a command about break-glass notes.
fn without_control(name: &str) -> Option<(&'static str, Vec<Argument>, Value)> {
    Some(match name {
        "break_glass.end" => (
            "Has a cell's edges run what all run again, whatever notes they went back by",
            vec![must("cell", "Name")],
            json!({"cell": "eu-1"}),
        ),
        "break_glass.set_key" => (
            "Says whose break-glass notes edges believe when control is gone; without a key, nobody's",
            vec![may("vkey", "VerifierKey")],
            json!({}),
        ),
        _ => return None,
    })
}

fn words<T: Copy>(all: &[T], word: fn(T) -> &'static str) -> Value {
    let words: Vec<&str> = all.iter().map(|one| word(*one)).collect();
    json!({"enum": words})
}

/// What stands in these commands, and what is read of them.
pub(super) fn schemas() -> Value {
    let list = |item: Value| json!({"type": "array", "items": item});
    let hex = || reference("VersionDigest");
    let grown = object(json!({
        "checkpoint": {"type": "string"},
        "consistency": list(reference("Hash")),
    }));
    json!({
        "Ring": words(Ring::ALL, Ring::as_str),
        "VersionPart": words(Part::ALL, Part::as_str),
        "VersionDigest": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "Said": object(json!({
            "at": reference("Timestamp"), "by": reference("Actor"), "why": maybe("Line"),
        })),
        "EdgePins": {
            "type": "object",
            "required": ["cell", "checkpoint", "vkey"],
            "properties": {
                "cell": reference("Name"),
                "checkpoint": {"type": "string"},
                "vkey": reference("VerifierKey"),
            },
        },
        "EdgeSucceeded": object(json!({
            "grown": grown.clone(),
            "note": {"type": "string", "description": "C2SP signed-note by the root key"},
            "v": {"const": 1},
        })),
        "EdgeDirections": {
            "type": "object",
            "required": ["at_ms", "grown", "overlay"],
            "properties": {
                "at_ms": reference("Milliseconds"),
                "epoch": {"type": "integer", "minimum": 2, "description": "none: the first"},
                "grown": grown.clone(),
                "overlay": reference("Index"),
                "sequence": reference("Index"),
            },
        },
        "EdgeBundle": object(json!({
            "grown": grown.clone(),
            "proofs": list(json!({"type": "string", "description": "C2SP tlog-proof"})),
            "upto": reference("Index"),
            "v": {"const": 1},
        })),
        "EdgeKeyChange": object(json!({
            "grown": grown.clone(),
            "next": {"type": "string", "description": "the same checkpoint, signed by the new key"},
            "proof": {"type": "string", "description": "C2SP tlog-proof"},
            "v": {"const": 1},
        })),
        "Traffic": object(json!({
            "measured_ms": reference("Milliseconds"),
            "requests": reference("Count"),
            "tenants": list(object(json!({
                "tenant": reference("Name"), "requests": reference("Count"),
            }))),
        })),
        "Fleet": fleet(),
        "Edge": edge(),
        "Version": object(json!({
            "version": hex(),
            "tenant": maybe("Name"),
            "bytes": reference("Count"),
            "deployment": reference("Name"),
            "said": reference("Said"),
            "full_at": maybe("Timestamp"),
            "current": {"type": "boolean"},
        })),
        "Deployment": deployment(),
    })
}

fn fleet() -> Value {
    let list = |item: Value| json!({"type": "array", "items": item});
    let hex = || reference("VersionDigest");
    object(json!({
        "current": maybe("VersionDigest"),
        "tenants": list(object(json!({
            "tenant": reference("Name"),
            "version": maybe("VersionDigest"),
            "cells": list(reference("Name")),
        }))),
        "cells": list(object(json!({
            "cell": reference("Name"),
            "ring": reference("Ring"),
            "edges": reference("Count"),
            "version": maybe("VersionDigest"),
            "one": {"anyOf": [
                object(json!({"edge": reference("Name"), "version": maybe("VersionDigest")})),
                {"type": "null"},
            ]},
        }))),
        "leases": list(object(json!({
            "version": hex(), "ends_at": reference("Timestamp"), "said": reference("Said"),
        }))),
        "frozen": maybe("Said"),
        "break_glass": maybe("VerifierKey"),
        "deployments": list(reference("Deployment")),
        "invitations": list(object(json!({
            "edge": reference("Name"),
            "cell": reference("Name"),
            "expires_at": reference("Timestamp"),
        }))),
    }))
}

fn edge() -> Value {
    let count = || maybe("Count");
    let hex = || maybe("VersionDigest");
    object(json!({
        "edge": reference("Name"),
        "cell": reference("Name"),
        "ring": maybe("Ring"),
        "enrolled_at": reference("Timestamp"),
        "standing": {
            "enum": [
                "unknown", "idle", "follows", "behind", "refuses", "break_glass", "below_floor",
            ],
            "description": "unknown: not heard of for 5 s; break_glass: it went back by a break-glass note; below_floor: its cell takes no protocol that it speaks",
        },
        "told": hex(),
        "told_at": maybe("Timestamp"),
        "runs": hex(),
        "heard_ms": count(),
        "program": maybe("Line"),
        "protocol": count(),
        "floor": reference("Count"),
        "overlay_behind": {"type": ["boolean", "null"]},
        "refused": maybe("Line"),
        "requests": count(),
        "failed": count(),
    }))
}

fn deployment() -> Value {
    let list = |item: Value| json!({"type": "array", "items": item});
    object(json!({
        "deployment": reference("Name"),
        "tenant": maybe("Name"),
        "cell": maybe("Name"),
        "version": reference("VersionDigest"),
        "base": maybe("VersionDigest"),
        "standing": {
            "enum": ["going", "paused", "watched", "completed", "rolled_back", "aborted"],
        },
        "stage": reference("Count"),
        "stage_at": reference("Timestamp"),
        "stages": list(object(json!({
            "cells": list(reference("Name")),
            "one": {"type": "boolean"},
            "requests_min": reference("Count"),
            "time_ms_min": reference("Milliseconds"),
        }))),
        "triggers": list(json!({
            "type": "object",
            "required": ["compare", "measure", "name", "requests_min"],
            "properties": {
                "compare": {"type": "boolean"},
                "measure": words(Measure::ALL, Measure::as_str),
                "most_ppm": reference("Count"),
                "name": reference("Name"),
                "reason": reference("Name"),
                "requests_min": reference("Count"),
                "slower_than_ms": reference("Milliseconds"),
            },
        })),
        "watch_ms": reference("Milliseconds"),
        "template": reference("Name"),
        "reached": list(object(json!({
            "cell": reference("Name"), "edge": maybe("Name"),
        }))),
        "said": reference("Said"),
        "paused": maybe("Said"),
        "fired": {"anyOf": [
            object(json!({
                "bad": reference("Count"),
                "digest": reference("Hash"),
                "requests": reference("Count"),
                "stage": reference("Count"),
                "trigger": reference("Name"),
                "unchanged_bad": reference("Count"),
                "unchanged_requests": reference("Count"),
                "what": reference("Line"),
            })),
            {"type": "null"},
        ]},
        "ended_at": maybe("Timestamp"),
    }))
}
