//! Alerts that fire, what silences them, and heartbeats that are expected.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use base::{ActId, AlertId, IncidentId, Line, Name, ServiceName, Severity, Timestamp};
use record::kinds::alert::Ending;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::rules::matches_all;

/// One firing of one alert, until a day after it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Whether somebody at the source took it.
    pub acknowledged: bool,
    /// Rehearsed, not real.
    pub drill: bool,
    /// When hereby recorded that it ended, if it did.
    pub end_recorded_at: Option<Timestamp>,
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

/// Alerts that fire, and those that ended within a day, by id.
///
/// What else they are found by follows from them: it is made anew when they are read from a
/// snapshot, and two sets of the same alerts are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alerts {
    by_id: BTreeMap<AlertId, Alert>,
    /// Those that fire, by what their source calls them and when they began.
    firing: BTreeSet<(Name, Line, Timestamp, AlertId)>,
    /// Those that ended, by when that was recorded.
    ended: BTreeSet<(Timestamp, AlertId)>,
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

impl Alerts {
    /// The open firing of what a source calls by this fingerprint; the newest if there are several.
    pub(crate) fn firing(&self, source: &Name, fingerprint: &Line) -> Option<&Alert> {
        let at = |starts_at, id| (source.clone(), fingerprint.clone(), starts_at, id);
        let first = at(Timestamp::from_ms(i64::MIN), AlertId::from_bytes([0; 16]));
        let last = at(
            Timestamp::from_ms(i64::MAX),
            AlertId::from_bytes([u8::MAX; 16]),
        );
        let (_, _, _, newest) = self.firing.range(first..=last).next_back()?;
        self.by_id.get(newest)
    }

    /// How many fire.
    pub(crate) fn firing_count(&self) -> usize {
        self.firing.len()
    }

    /// How many ended.
    pub(crate) fn ended_count(&self) -> usize {
        self.ended.len()
    }

    /// The one that ended first, and when that was recorded.
    pub(crate) fn first_ended(&self) -> Option<(Timestamp, AlertId)> {
        self.ended.first().copied()
    }

    /// Adds it, or puts it in the place of the one with its id.
    pub(crate) fn put(&mut self, alert: Alert) {
        self.take(alert.id);
        match alert.end_recorded_at {
            None => self.firing.insert(firing_key(&alert)),
            Some(at) => self.ended.insert((at, alert.id)),
        };
        self.by_id.insert(alert.id, alert);
    }

    /// Takes it out.
    pub(crate) fn take(&mut self, id: AlertId) -> Option<Alert> {
        let alert = self.by_id.remove(&id)?;
        match alert.end_recorded_at {
            None => self.firing.remove(&firing_key(&alert)),
            Some(at) => self.ended.remove(&(at, id)),
        };
        Some(alert)
    }

    /// Changes it, if it is known.
    pub(crate) fn change(&mut self, id: AlertId, change: impl FnOnce(&mut Alert)) {
        if let Some(mut alert) = self.take(id) {
            change(&mut alert);
            self.put(alert);
        }
    }
}

fn firing_key(alert: &Alert) -> (Name, Line, Timestamp, AlertId) {
    (
        alert.source.clone(),
        alert.fingerprint.clone(),
        alert.starts_at,
        alert.id,
    )
}

impl Deref for Alerts {
    type Target = BTreeMap<AlertId, Alert>;

    fn deref(&self) -> &BTreeMap<AlertId, Alert> {
        &self.by_id
    }
}

impl Serialize for Alerts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.by_id.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Alerts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Alerts, D::Error> {
        let mut alerts = Alerts::default();
        for alert in BTreeMap::<AlertId, Alert>::deserialize(deserializer)?.into_values() {
            alerts.put(alert);
        }
        Ok(alerts)
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
