//! What other tools report, and when hereby is asked not to listen.

use std::collections::BTreeMap;

use base::{Line, Name, ServiceName, Severity, Timestamp};
use serde::{Deserialize, Serialize};

use super::nothing_sealed;
use super::page::PublicPlan;

/// An alert began to fire. Its refreshes are signals and leave no act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fired {
    /// A few annotations, cut to size: `summary`, `description`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<Box<str>, Box<str>>,
    /// Rehearsed, not real (its label `drill` is `true`).
    #[serde(default, skip_serializing_if = "is_false")]
    pub drill: bool,
    /// The source's own identity of what fires (Alertmanager's fingerprint, a dedup key).
    pub fingerprint: Line,
    /// Labels, within the bounds that `ingest` states.
    pub labels: BTreeMap<Box<str>, Box<str>>,
    /// How many label or annotation bytes were cut to fit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost_bytes: u64,
    /// Which tool reported it: `alertmanager`, `pagerduty`, `heartbeat`.
    pub source: Name,
    /// When it began, by the source's clock.
    pub starts_at: Timestamp,
    /// What it says, in a line.
    pub title: Line,
}

/// Why an alert counts as over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The source said so.
    Reported,
    /// Its announced end passed without a refresh.
    EndsAt,
    /// No refresh came for the resolve time-out: nobody knows, so nothing is rounded to healthy.
    TimedOut,
}

/// An alert ended, or was not heard of for too long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolved {
    /// When, by the source's clock if it said, else by ours.
    pub ended_at: Timestamp,
    /// How we know.
    pub ending: Ending,
}

/// A source said that somebody there took the alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledged {}

/// Alerts with these labels declare and attach nothing until then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SilenceCreated {
    /// When it ends by itself.
    pub ends_at: Timestamp,
    /// Label values that must all be equal; at least one.
    pub matchers: BTreeMap<Box<str>, Box<str>>,
}

/// A silence ended before its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SilenceEnded {}

/// Planned work: alerts of the service declare nothing meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceScheduled {
    /// Until when.
    pub ends_at: Timestamp,
    /// What the public is told; nothing without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<PublicPlan>,
    /// Whose.
    pub service: ServiceName,
    /// From when.
    pub starts_at: Timestamp,
    /// What is done, in a line.
    pub title: Line,
}

/// Planned work ended before its time, or was called off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceEnded {}

/// A dead man's switch: a sign of life is expected at least this often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatExpected {
    /// How late one may be before it is an alert.
    pub grace_ms: u64,
    /// How often one is expected.
    pub interval_ms: u64,
    /// The service whose life it is a sign of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// With a severity, its silence declares an incident; without, it is an alert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
}

/// No sign of life is expected any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatForgotten {}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

nothing_sealed!(
    Fired,
    Resolved,
    Acknowledged,
    SilenceCreated,
    SilenceEnded,
    MaintenanceScheduled,
    MaintenanceEnded,
    HeartbeatExpected,
    HeartbeatForgotten,
);
