//! Alerts that fire, what silences them, and heartbeats that are expected.

use std::collections::BTreeMap;

use base::{ActId, AlertId, IncidentId, Line, Name, ServiceName, Severity, Timestamp};
use record::kinds::alert::Ending;
use serde::{Deserialize, Serialize};

use crate::rules::matches_all;

/// One firing of one alert, until a day after it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Whether somebody at the source took it.
    pub acknowledged: bool,
    /// Rehearsed, not real.
    pub drill: bool,
    /// When it ended and how we know, if it did.
    pub ended: Option<(Timestamp, Ending)>,
    /// The act that says it fired.
    pub fired_act: ActId,
    /// When hereby recorded that.
    pub fired_at: Timestamp,
    /// How often it was recorded as fired: more than once if it timed out in between.
    pub firings: u32,
    /// The source's identity of what fires.
    pub fingerprint: Line,
    /// Its id.
    pub id: AlertId,
    /// The incident it belongs to.
    pub incident: Option<IncidentId>,
    /// Labels.
    pub labels: BTreeMap<Box<str>, Box<str>>,
    /// Which tool reported it.
    pub source: Name,
    /// When it began, by the source's clock.
    pub starts_at: Timestamp,
    /// What it says.
    pub title: Line,
}

/// Alerts with these labels do nothing until then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// When it ends.
    pub ends_at: Timestamp,
    /// Label values that must all be equal.
    pub matchers: BTreeMap<Box<str>, Box<str>>,
}

/// Planned work on a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    /// Until when.
    pub ends_at: Timestamp,
    /// Whose.
    pub service: ServiceName,
    /// From when.
    pub starts_at: Timestamp,
    /// What is done.
    pub title: Line,
}

/// An expected sign of life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Since when it is expected.
    pub expected_since: Timestamp,
    /// How late one may be, in milliseconds.
    pub grace_ms: u64,
    /// How often one is expected, in milliseconds.
    pub interval_ms: u64,
    /// Whose life it is a sign of.
    pub service: Option<ServiceName>,
    /// With a severity, its silence declares an incident.
    pub severity: Option<Severity>,
}

impl Alert {
    /// Whether it fires, as far as anybody knows.
    pub fn is_firing(&self) -> bool {
        self.ended.is_none()
    }
}

impl Silence {
    pub(crate) fn holds(&self, labels: &BTreeMap<Box<str>, Box<str>>, now: Timestamp) -> bool {
        now < self.ends_at && matches_all(&self.matchers, labels)
    }
}

impl Maintenance {
    pub(crate) fn holds(&self, labels: &BTreeMap<Box<str>, Box<str>>, now: Timestamp) -> bool {
        self.starts_at <= now
            && now < self.ends_at
            && labels
                .get("service")
                .is_some_and(|service| **service == *self.service.as_str())
    }
}
