//! What is counted: for each tenant, route and upstream, a fixed number of counters each, so that
//! nobody outside can make them more.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use policy::Reason;

/// Upper bounds of the latency histograms, in microseconds.
pub(crate) const LATENCY_MICROS: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];

/// One counter.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, some: u64) {
        self.0.fetch_add(some, Relaxed);
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Counters by refusal reason. There are none until somebody is refused: most tenants' requests
/// never are.
#[derive(Debug, Default)]
pub(crate) struct Refusals(OnceLock<Box<[Count]>>);

impl Refusals {
    pub(crate) fn add(&self, reason: Reason) {
        let none = || Reason::ALL.iter().map(|_| Count::default()).collect();
        if let Some(count) = self.0.get_or_init(none).get(reason as usize) {
            count.add(1);
        }
    }

    /// Each reason that happened, and how often.
    pub(crate) fn totals(&self) -> impl Iterator<Item = (Reason, u64)> {
        let counts = self.0.get().map_or(&[][..], |counts| counts);
        let counts = Reason::ALL.iter().copied().zip(counts);
        counts
            .map(|(reason, count)| (reason, count.total()))
            .filter(|(_, total)| *total > 0)
    }
}

/// Answers by the first digit of their status.
#[derive(Debug, Default)]
pub(crate) struct Statuses([Count; 5]);

impl Statuses {
    pub(crate) fn add(&self, status: u16) {
        let class = usize::from(status / 100).saturating_sub(1);
        if let Some(count) = self.0.get(class) {
            count.add(1);
        }
    }

    /// `1xx` to `5xx`, and how often.
    pub(crate) fn totals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        ["1xx", "2xx", "3xx", "4xx", "5xx"]
            .into_iter()
            .zip(&self.0)
            .map(|(class, count)| (class, count.total()))
    }
}

/// How long things took.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    buckets: [Count; LATENCY_MICROS.len() + 1],
    sum_micros: Count,
}

impl Latency {
    pub(crate) fn add(&self, micros: u64) {
        let place = LATENCY_MICROS.iter().position(|bound| micros <= *bound);
        if let Some(bucket) = self.buckets.get(place.unwrap_or(LATENCY_MICROS.len())) {
            bucket.add(1);
        }
        self.sum_micros.add(micros);
    }

    /// How many took at most each bound, and how many there were at all.
    pub(crate) fn cumulated(&self) -> Vec<u64> {
        let mut sum = 0;
        self.buckets
            .iter()
            .map(|bucket| {
                sum += bucket.total();
                sum
            })
            .collect()
    }

    pub(crate) fn sum_micros(&self) -> u64 {
        self.sum_micros.total()
    }
}

/// A route's traffic by kind of client: those that are declared, in their order, then the rest. Empty
/// where none is declared.
#[derive(Debug, Default)]
pub(crate) struct Cohorts(Box<[CohortCounts]>);

/// What trouble one kind of client had.
#[derive(Debug, Default)]
pub(crate) struct CohortCounts {
    pub(crate) retries: Count,
    pub(crate) timeouts: Count,
}

impl Cohorts {
    pub(crate) fn new(declared: usize) -> Cohorts {
        let size = if declared == 0 { 0 } else { declared + 1 };
        Cohorts((0..size).map(|_| CohortCounts::default()).collect())
    }

    /// Those of one kind; none: of the rest.
    pub(crate) fn of(&self, cohort: Option<usize>) -> Option<&CohortCounts> {
        self.0.get(cohort.unwrap_or(self.0.len().saturating_sub(1)))
    }
}

/// What a tenant's traffic was.
#[derive(Debug, Default)]
pub(crate) struct TenantCounts {
    pub(crate) statuses: Statuses,
    pub(crate) refusals: Refusals,
    pub(crate) bytes: Count,
    /// Judgements of its rules that took too long.
    pub(crate) rules_over_budget: Count,
}

/// What a route's traffic was.
#[derive(Debug, Default)]
pub(crate) struct RouteCounts {
    pub(crate) statuses: Statuses,
    pub(crate) latency: Latency,
    pub(crate) retries: Count,
    pub(crate) timeouts: Count,
    pub(crate) degraded: Count,
}

/// What an upstream's traffic was.
#[derive(Debug, Default)]
pub(crate) struct UpstreamCounts {
    pub(crate) statuses: Statuses,
    pub(crate) latency: Latency,
    pub(crate) failures: Count,
}
