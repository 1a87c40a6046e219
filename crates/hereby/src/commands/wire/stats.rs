//! What `GET /api/v1/stats` answers, as far as it is printed.

use base::{IncidentId, ServiceName, Timestamp};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(in crate::commands) struct Stats {
    pub(in crate::commands) asked: Asked,
    pub(in crate::commands) incidents: u64,
    pub(in crate::commands) open: u64,
    pub(in crate::commands) left_out: LeftOut,
    pub(in crate::commands) detected_internally: Noticed,
    pub(in crate::commands) phases: Vec<Phase>,
    pub(in crate::commands) means: Vec<Mean>,
    #[serde(default)]
    pub(in crate::commands) repair: Option<Repair>,
}

#[derive(Debug, Deserialize)]
pub(in crate::commands) struct Asked {
    pub(in crate::commands) drills: bool,
    #[serde(default)]
    pub(in crate::commands) phase: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(in crate::commands) struct LeftOut {
    pub(in crate::commands) drills: u64,
    pub(in crate::commands) duplicates: u64,
}

#[derive(Debug, Deserialize)]
pub(in crate::commands) struct Noticed {
    pub(in crate::commands) by_alert: u64,
    pub(in crate::commands) by_program: u64,
    pub(in crate::commands) unknown: u64,
}

#[derive(Debug, Deserialize)]
pub(in crate::commands) struct Phase {
    pub(in crate::commands) phase: String,
    pub(in crate::commands) from: String,
    pub(in crate::commands) to: String,
    pub(in crate::commands) n: u64,
    pub(in crate::commands) ongoing: u64,
    pub(in crate::commands) missing: Missing,
    pub(in crate::commands) contradictory: u64,
    pub(in crate::commands) incidents: Vec<Incident>,
    #[serde(default)]
    pub(in crate::commands) quantiles_ms: Option<Quantiles>,
    #[serde(default)]
    pub(in crate::commands) median_interval_ms: Option<Interval>,
    #[serde(default)]
    pub(in crate::commands) survival: Option<Survival>,
    #[serde(default)]
    pub(in crate::commands) trend: Option<Trend>,
}

#[derive(Debug, Deserialize)]
pub(in crate::commands) struct Missing {
    pub(in crate::commands) either: u64,
    pub(in crate::commands) from: u64,
    pub(in crate::commands) to: u64,
}

#[derive(Debug, Deserialize)]
pub(in crate::commands) struct Incident {
    pub(in crate::commands) incident: IncidentId,
    pub(in crate::commands) state: String,
    #[serde(default)]
    pub(in crate::commands) took_ms: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(in crate::commands) struct Quantiles {
    pub(in crate::commands) p25: i64,
    pub(in crate::commands) p50: i64,
    pub(in crate::commands) p75: i64,
    pub(in crate::commands) p90: i64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(in crate::commands) struct Interval {
    pub(in crate::commands) low: i64,
    pub(in crate::commands) high: i64,
}

#[derive(Debug, Deserialize)]
pub(in crate::commands) struct Survival {
    #[serde(default)]
    pub(in crate::commands) median_ms: Option<i64>,
    #[serde(default)]
    pub(in crate::commands) low_ms: Option<i64>,
    #[serde(default)]
    pub(in crate::commands) high_ms: Option<i64>,
}

/// Shown with its numbers, or refused with the reason.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(in crate::commands) enum Trend {
    Shown {
        ratio_ppm: i64,
        low_ppm: i64,
        high_ppm: i64,
        level_ppm: i64,
        earlier: Half,
        later: Half,
    },
    Refused {
        why: String,
    },
}

#[derive(Debug, Deserialize)]
pub(in crate::commands) struct Half {
    pub(in crate::commands) n: u64,
    pub(in crate::commands) median_ms: i64,
}

#[derive(Debug, Deserialize)]
pub(in crate::commands) struct Mean {
    pub(in crate::commands) mean: String,
    #[serde(default)]
    pub(in crate::commands) value_ms: Option<i64>,
    pub(in crate::commands) n: u64,
    #[serde(default)]
    pub(in crate::commands) interval_ms: Option<Interval>,
    pub(in crate::commands) cannot_say: String,
}

#[derive(Debug, Deserialize)]
pub(in crate::commands) struct Repair {
    pub(in crate::commands) since: Timestamp,
    pub(in crate::commands) until: Timestamp,
    pub(in crate::commands) services: Vec<Service>,
    pub(in crate::commands) without_service: u64,
}

#[derive(Debug, Deserialize)]
pub(in crate::commands) struct Service {
    pub(in crate::commands) service: ServiceName,
    pub(in crate::commands) failures: u64,
    pub(in crate::commands) undated: u64,
    pub(in crate::commands) still_down: u64,
    pub(in crate::commands) down_ms: i64,
    #[serde(default)]
    pub(in crate::commands) mttf_ms: Option<i64>,
    #[serde(default)]
    pub(in crate::commands) mtbf_ms: Option<i64>,
}
