//! How many requests each tenant had in the last hour, from what edges report: so that people see before a version
//! goes out whose traffic it is about. Kept in memory and bounded; lost at a restart, and then it says since when
//! it counts.

use std::collections::BTreeMap;

use base::{Name, Tenant, Timestamp};

/// So many tenants are counted at most; others are in the sum alone.
const TENANTS_MAX: usize = 10_000;
const MINUTES: usize = 60;
const MINUTE_MS: i64 = 60_000;

/// Requests by tenant and minute.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// Totals that each edge's process has said.
    said: BTreeMap<Name, (u64, BTreeMap<Tenant, u64>)>,
    tenants: BTreeMap<Tenant, Hour>,
    all: Hour,
    since: Option<Timestamp>,
}

/// The last minutes.
#[derive(Clone, Debug)]
struct Hour {
    /// The minute that is counted now, since 1970.
    minute: i64,
    counts: [u64; MINUTES],
}

impl Default for Hour {
    fn default() -> Hour {
        Hour {
            minute: 0,
            counts: [0; MINUTES],
        }
    }
}

impl Hour {
    /// What was counted in minutes that are too long ago is forgotten.
    fn reach(&mut self, minute: i64) {
        let passed = usize::try_from(minute - self.minute).unwrap_or(0);
        for step in 0..passed.min(MINUTES) {
            let place = usize::try_from((minute - step as i64).rem_euclid(MINUTES as i64));
            let count = place.ok().and_then(|place| self.counts.get_mut(place));
            count.into_iter().for_each(|count| *count = 0);
        }
        self.minute = self.minute.max(minute);
    }

    fn add(&mut self, minute: i64, more: u64) {
        self.reach(minute);
        let place = usize::try_from(self.minute.rem_euclid(MINUTES as i64)).ok();
        if let Some(count) = place.and_then(|place| self.counts.get_mut(place)) {
            *count = count.saturating_add(more);
        }
    }

    fn sum(&self, minute: i64) -> u64 {
        let mut now = self.clone();
        now.reach(minute);
        now.counts
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// What is known of the last hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastHour {
    /// How much of it was counted, in milliseconds.
    pub measured_ms: u64,
    /// All requests that belong to a tenant.
    pub requests: u64,
    /// Of each tenant that had any.
    pub tenants: BTreeMap<Tenant, u64>,
}

impl Traffic {
    /// Takes in totals of some tenants since that process of an edge began. What it said first of one says nothing
    /// yet.
    pub(crate) fn hear(
        &mut self,
        edge: &Name,
        process: u64,
        totals: &BTreeMap<Tenant, u64>,
        now: Timestamp,
    ) {
        if totals.is_empty() {
            return;
        }
        let minute = now.as_ms().div_euclid(MINUTE_MS);
        self.since.get_or_insert(now);
        if !self.said.contains_key(edge) {
            self.said.insert(edge.clone(), (process, BTreeMap::new()));
        }
        let Some((known, said)) = self.said.get_mut(edge) else {
            return;
        };
        if *known != process {
            (*known, *said) = (process, BTreeMap::new());
        }
        for (tenant, total) in totals {
            let before = said.get(tenant).copied();
            if before.is_some() || said.len() < TENANTS_MAX {
                said.insert(tenant.clone(), *total);
            }
            let more = before.map_or(0, |before| total.saturating_sub(before));
            if more == 0 {
                continue;
            }
            self.all.add(minute, more);
            if let Some(hour) = self.tenants.get_mut(tenant) {
                hour.add(minute, more);
            } else if self.tenants.len() < TENANTS_MAX {
                let mut hour = Hour::default();
                hour.add(minute, more);
                self.tenants.insert(tenant.clone(), hour);
            }
        }
    }

    /// Forgets edges that there are no more, and tenants that nobody asked for an hour.
    pub(crate) fn keep(&mut self, is_there: impl Fn(&Name) -> bool, now: Timestamp) {
        self.said.retain(|edge, _| is_there(edge));
        let minute = now.as_ms().div_euclid(MINUTE_MS);
        self.tenants
            .retain(|_, hour| minute - hour.minute < MINUTES as i64);
    }

    /// What is known of the last hour.
    pub fn last_hour(&self, now: Timestamp) -> LastHour {
        let minute = now.as_ms().div_euclid(MINUTE_MS);
        let since = self.since.map_or(0, |since| now.ms_since(since));
        let of_each = self.tenants.iter();
        LastHour {
            measured_ms: u64::try_from(since.clamp(0, MINUTES as i64 * MINUTE_MS)).unwrap_or(0),
            requests: self.all.sum(minute),
            tenants: of_each
                .map(|(tenant, hour)| (tenant.clone(), hour.sum(minute)))
                .filter(|(_, requests)| *requests > 0)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_ms(1_600_000_000_000 + minutes * MINUTE_MS)
    }

    fn totals(all: &[(&str, u64)]) -> BTreeMap<Tenant, u64> {
        let each = all
            .iter()
            .map(|(tenant, total)| (tenant.parse().unwrap(), *total));
        each.collect()
    }

    #[test]
    fn what_each_tenant_had_in_the_last_hour_is_the_sum_over_edges() {
        let mut traffic = Traffic::default();
        let (a, b) = ("e-1".parse().unwrap(), "e-2".parse().unwrap());
        // Totals that nobody knows the beginning of are no traffic of now.
        traffic.hear(&a, 1, &totals(&[("shop", 1_000)]), at(0));
        traffic.hear(&b, 2, &totals(&[("shop", 5), ("bank", 0)]), at(0));
        assert_eq!(traffic.last_hour(at(0)).requests, 0);
        traffic.hear(&a, 1, &totals(&[("shop", 1_040)]), at(10));
        traffic.hear(&b, 2, &totals(&[("shop", 15)]), at(30));
        traffic.hear(&b, 2, &totals(&[("bank", 50)]), at(30));
        let hour = traffic.last_hour(at(30));
        assert_eq!((hour.measured_ms, hour.requests), (1_800_000, 100));
        assert_eq!(hour.tenants, totals(&[("shop", 50), ("bank", 50)]));
        // A process that began anew counts from nothing.
        traffic.hear(&a, 9, &totals(&[("shop", 3)]), at(31));
        assert_eq!(traffic.last_hour(at(31)).requests, 100);
        traffic.hear(&a, 9, &totals(&[("shop", 13)]), at(32));
        assert_eq!(
            traffic.last_hour(at(32)).tenants,
            totals(&[("shop", 60), ("bank", 50)])
        );
        // What was an hour ago is no part of it.
        let hour = traffic.last_hour(at(71));
        assert_eq!((hour.measured_ms, hour.requests), (3_600_000, 70));
        assert_eq!(traffic.last_hour(at(200)).requests, 0);
        traffic.keep(|_| false, at(200));
        assert!(traffic.said.is_empty() && traffic.tenants.is_empty());
    }

    #[test]
    fn tenants_that_nobody_knows_are_not_kept_without_end() {
        let mut traffic = Traffic::default();
        let edge = "e-1".parse().unwrap();
        for round in [0, 1] {
            for number in 0..TENANTS_MAX + 10 {
                let name = format!("t-{number}");
                traffic.hear(&edge, 1, &totals(&[(&name, round)]), at(0));
            }
        }
        assert_eq!(traffic.tenants.len(), TENANTS_MAX);
        assert_eq!(traffic.said.values().next().unwrap().1.len(), TENANTS_MAX);
    }
}
