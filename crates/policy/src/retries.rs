//! How often a route's requests may be sent again: a share of its recent requests, and a few. Where
//! everything fails, retries would otherwise multiply the load that makes it fail.
//!
//! "Recently" is a count that forgets with a mean of ten seconds (`decay`). Whether a request may
//! be sent twice at all is another question, and is not answered here.

use crate::Moment;
use crate::decay::Decayed;

/// An eighth of the half-life that has a mean of 10 s: 10 s × ln 2 / 8.
const EIGHTH_US: u64 = 866_434;

/// Counted in such parts, so that a count of few requests can fade. So 16 million in ten seconds
/// are counted, and more are taken for that many.
const PARTS: u32 = 256;

/// So many in ten seconds are always allowed: a route with few requests has a share of almost none.
const FLOOR: u32 = 3;

/// The budget of one route, for all threads.
///
/// Law: of so many requests in a time, at most `budget_ppm` of them, and three for its
/// beginning and for each ten seconds, are sent again.
#[derive(Debug)]
pub struct RetryBudget {
    requests: Decayed,
    retries: Decayed,
}

impl Default for RetryBudget {
    fn default() -> RetryBudget {
        RetryBudget::new()
    }
}

impl RetryBudget {
    /// Nothing was asked yet.
    pub fn new() -> RetryBudget {
        RetryBudget {
            requests: Decayed::new(EIGHTH_US),
            retries: Decayed::new(EIGHTH_US),
        }
    }

    /// A request came (once, however often it is sent on).
    pub fn request(&self, now: Moment) {
        self.requests.add(PARTS, now);
    }

    /// Whether one may be sent again now, with retries for `budget_ppm` millionths of requests; if
    /// so it is counted.
    pub fn try_retry(&self, budget_ppm: u32, now: Moment) -> bool {
        // A request that is counted meanwhile counts for the next retry.
        let share = u64::from(self.requests.amount(now)) * u64::from(budget_ppm) / 1_000_000;
        let most = share.saturating_add(u64::from(FLOOR * PARTS));
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        self.retries.add_within(PARTS, most, now)
    }
}

#[cfg(test)]
mod tests;
