//! How often services fail and how long they are down, seen as systems that are repaired: up, down,
//! up again.
//!
//! A service is down from an incident's impact start until it is resolved. Incidents of one service
//! that overlap are one failure. An incident whose impact start nobody gave is a failure of unknown
//! length: it counts as one, and how long it lasted is missing.

use std::collections::{BTreeMap, BTreeSet};

use base::{ServiceName, Timestamp};

use super::Question;
use super::row::Row;

/// What is watched, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// When the record begins: nothing is known of before.
    pub since: Timestamp,
    /// The time it is.
    pub now: Timestamp,
    /// Services that are known, also those that never failed.
    pub services: BTreeSet<ServiceName>,
}

/// How often services failed in a window of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Repair {
    /// Where the window begins.
    pub since: Timestamp,
    /// Where it ends.
    pub until: Timestamp,
    /// Each service.
    pub services: BTreeMap<ServiceName, Uptime>,
    /// All services together: their times up and down and their failures are added.
    pub overall: Uptime,
    /// Incidents that name no service, and count for none.
    pub without_service: usize,
}

/// How often one service failed, and how long it was down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uptime {
    /// How long was looked, in milliseconds.
    pub watched_ms: i64,
    /// How long it was down of that, as far as it is known, in milliseconds.
    pub down_ms: i64,
    /// How many times it went down and it is known for how long.
    pub spells: usize,
    /// Failures of which nobody said when they began.
    pub undated: usize,
    /// Whether, or for how many services, it was still down at the end.
    pub still_down: usize,
}

impl Uptime {
    /// How often it failed.
    pub fn failures(&self) -> usize {
        self.spells + self.undated
    }

    /// Time up divided by failures, in milliseconds; none without a failure. Too long when there
    /// are [undated](Uptime::undated) ones.
    pub fn mttf_ms(&self) -> Option<f64> {
        let up = self.watched_ms - self.down_ms;
        (self.failures() > 0).then(|| up as f64 / self.failures() as f64)
    }

    /// How long it was down each time, in milliseconds; none if that is never known.
    pub fn mean_down_ms(&self) -> Option<f64> {
        (self.spells > 0).then(|| self.down_ms as f64 / self.spells as f64)
    }

    /// From one failure to the next, in milliseconds: MTTF and mean down time.
    pub fn mtbf_ms(&self) -> Option<f64> {
        Some(self.mttf_ms()? + self.mean_down_ms()?)
    }

    fn add(&mut self, other: &Uptime) {
        self.watched_ms += other.watched_ms;
        self.down_ms += other.down_ms;
        self.spells += other.spells;
        self.undated += other.undated;
        self.still_down += other.still_down;
    }
}

/// Of these incidents; none for a window of no length.
pub(super) fn of(rows: &[&Row], question: &Question, watched: &Watched) -> Option<Repair> {
    let since = question.since.unwrap_or(watched.since).max(watched.since);
    let until = question.until.unwrap_or(watched.now).min(watched.now);
    if until <= since {
        return None;
    }
    let mut by_service: BTreeMap<&ServiceName, Vec<&Row>> = match &question.service {
        Some(service) => BTreeMap::from([(service, Vec::new())]),
        None => watched.services.iter().map(|it| (it, Vec::new())).collect(),
    };
    let mut without_service = 0;
    for row in rows {
        match &row.service {
            Some(service) => by_service.entry(service).or_default().push(row),
            None => without_service += 1,
        }
    }
    let services: BTreeMap<ServiceName, Uptime> = by_service
        .into_iter()
        .map(|(service, rows)| (service.clone(), uptime(&rows, since, until)))
        .collect();
    let mut overall = Uptime::default();
    for uptime in services.values() {
        overall.add(uptime);
    }
    Some(Repair {
        since,
        until,
        services,
        overall,
        without_service,
    })
}

fn uptime(rows: &[&Row], since: Timestamp, until: Timestamp) -> Uptime {
    let mut uptime = Uptime {
        watched_ms: until.ms_since(since),
        ..Uptime::default()
    };
    let mut spells: Vec<(Timestamp, Timestamp)> = Vec::new();
    for row in rows {
        let end = row.resolved.unwrap_or(until).min(until);
        match row.impact_start {
            Some(start) if row.resolved.is_none_or(|resolved| start <= resolved) => {
                let start = start.clamp(since, until);
                spells.push((start, end.max(start)));
            }
            _ => uptime.undated += 1,
        }
    }
    spells.sort_unstable();
    let mut down_until: Option<Timestamp> = None;
    for (start, end) in spells {
        match down_until {
            // Down already: this is more of the same failure.
            Some(until) if start <= until => {
                uptime.down_ms += end.ms_since(until).max(0);
                down_until = Some(until.max(end));
            }
            _ => {
                uptime.spells += 1;
                uptime.down_ms += end.ms_since(start);
                down_until = Some(end);
            }
        }
    }
    let ends_later = |row: &&&Row| row.resolved.is_none_or(|resolved| until <= resolved);
    uptime.still_down = usize::from(rows.iter().any(|row| ends_later(&row)));
    uptime
}
