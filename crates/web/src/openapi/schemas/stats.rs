//! The schemas of the numbers.

use serde_json::{Value, json};

use super::{maybe, object};
use crate::route::reference;

/// Every schema of them by name.
pub(super) fn all() -> Value {
    json!({
        "Stats": stats(),
        "PhaseStats": phase(),
        "Survival": survival(),
        "Uptime": object(uptime()),
        "Trend": trend(),
        "IntervalMs": object(json!({
            "low": reference("Milliseconds"),
            "high": reference("Milliseconds"),
        })),
        "Ppm": {
            "type": "integer",
            "minimum": 0,
            "description": "Parts per million",
        },
        "Phase": {"enum": [
            "detect", "declare", "acknowledge", "diagnose", "mitigate", "repair"
        ]},
        "Moment": {"enum": [
            "impact_start", "detected", "declared", "acknowledged", "diagnosed", "mitigated",
            "resolved"
        ]},
    })
}

fn list(item: Value) -> Value {
    json!({"type": "array", "items": item})
}

fn stats() -> Value {
    object(json!({
        "at": reference("Timestamp"),
        "asked": object(json!({
            "drills": {"type": "boolean"},
            "phase": maybe("Phase"),
            "service": maybe("ServiceName"),
            "severity": maybe("Severity"),
            "since": maybe("Timestamp"),
            "until": maybe("Timestamp"),
        })),
        "incidents": reference("Index"),
        "open": reference("Index"),
        "left_out": object(json!({
            "drills": reference("Index"),
            "duplicates": reference("Index"),
        })),
        "detected_internally": object(json!({
            "at_least_ppm": maybe("Ppm"),
            "by_alert": reference("Index"),
            "by_program": reference("Index"),
            "unknown": reference("Index"),
        })),
        "method": object(json!({
            "quantiles": {"type": "string"},
            "median_interval": {"type": "string"},
            "mean_interval": {"type": "string"},
            "survival": {"type": "string"},
            "level_ppm": reference("Ppm"),
            "resamples": reference("Index"),
            "seed": reference("Index"),
        })),
        "phases": list(reference("PhaseStats")),
        "means": list(object(json!({
            "mean": {"enum": ["mttf", "mttd", "mtt_diagnose", "mttr", "mtbf"]},
            "is": {"type": "string"},
            "value_ms": maybe("Milliseconds"),
            "n": reference("Index"),
            "interval_ms": maybe("IntervalMs"),
            "cannot_say": {"type": "string"},
        }))),
        "repair": {"anyOf": [
            object(json!({
                "since": reference("Timestamp"),
                "until": reference("Timestamp"),
                "services": list(json!({"allOf": [
                    reference("Uptime"),
                    object(json!({"service": reference("ServiceName")})),
                ]})),
                "overall": reference("Uptime"),
                "without_service": reference("Index"),
            })),
            {"type": "null"},
        ]},
    }))
}

fn phase() -> Value {
    let quantiles = object(json!({
        "p25": reference("Milliseconds"),
        "p50": reference("Milliseconds"),
        "p75": reference("Milliseconds"),
        "p90": reference("Milliseconds"),
    }));
    object(json!({
        "phase": reference("Phase"),
        "from": reference("Moment"),
        "to": reference("Moment"),
        "n": reference("Index"),
        "ongoing": reference("Index"),
        "missing": object(json!({
            "either": reference("Index"),
            "from": reference("Index"),
            "to": reference("Index"),
        })),
        "contradictory": reference("Index"),
        "incidents": list(object(json!({
            "incident": reference("IncidentId"),
            "state": {"enum": ["over", "ongoing", "missing", "contradictory"]},
            "took_ms": maybe("Milliseconds"),
        }))),
        "quantiles_ms": {"anyOf": [quantiles, {"type": "null"}]},
        "mean_ms": maybe("Milliseconds"),
        "median_interval_ms": maybe("IntervalMs"),
        "mean_interval_ms": maybe("IntervalMs"),
        "ecdf": list(object(json!({
            "at_ms": reference("Milliseconds"),
            "share_ppm": reference("Ppm"),
        }))),
        "survival": maybe("Survival"),
        "trend": maybe("Trend"),
    }))
}

fn survival() -> Value {
    object(json!({
        "median_ms": maybe("Milliseconds"),
        "low_ms": maybe("Milliseconds"),
        "high_ms": maybe("Milliseconds"),
        "steps": list(object(json!({
            "at_ms": reference("Milliseconds"),
            "at_risk": reference("Index"),
            "ended": reference("Index"),
            "share_ppm": reference("Ppm"),
            "low_ppm": maybe("Ppm"),
            "high_ppm": maybe("Ppm"),
        }))),
    }))
}

fn uptime() -> Value {
    json!({
        "watched_ms": reference("Milliseconds"),
        "down_ms": reference("Milliseconds"),
        "failures": reference("Index"),
        "undated": reference("Index"),
        "still_down": reference("Index"),
        "mttf_ms": maybe("Milliseconds"),
        "mean_down_ms": maybe("Milliseconds"),
        "mtbf_ms": maybe("Milliseconds"),
    })
}

fn trend() -> Value {
    let half = || {
        object(json!({
            "n": reference("Index"),
            "median_ms": reference("Milliseconds"),
        }))
    };
    json!({"oneOf": [
        object(json!({"shown": {"const": false}, "why": {"type": "string"}})),
        object(json!({
            "shown": {"const": true},
            "ratio_ppm": reference("Ppm"),
            "low_ppm": reference("Ppm"),
            "high_ppm": reference("Ppm"),
            "level_ppm": reference("Ppm"),
            "earlier": half(),
            "later": half(),
        })),
    ]})
}
