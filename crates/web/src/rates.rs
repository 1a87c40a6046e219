//! How often one caller may ask: a token bucket for each caller and class of request. Bounded: the
//! callers beyond the bound share one bucket.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base::{SessionId, TokenId};

use crate::limits::Limits;

/// Callers whose buckets are kept; a full bucket is forgotten first.
const BUCKETS_MAX: usize = 8_192;

/// How much more the local socket may than a token.
const LOCAL_FACTOR: u32 = 10;

/// Who asks, as far as rates go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    /// A user of this machine.
    Uid(u32),
    /// A token's holder.
    Token(TokenId),
    /// Somebody's session.
    Session(SessionId),
    /// Nobody we know, from this address.
    Address(IpAddr),
    /// All for whom there is no bucket of their own.
    Others,
}

/// What is asked, as far as rates go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// Commands and blobs.
    Command,
    /// Alerts and heartbeats.
    Delivery,
    /// What edges ask, each of them every second.
    Edge,
    /// Everything else.
    Read,
}

/// All buckets.
pub(crate) struct Rates {
    command: (u32, u32),
    delivery: (u32, u32),
    edge: (u32, u32),
    read: (u32, u32),
    buckets: Mutex<HashMap<(Who, Class), Bucket>>,
}

struct Bucket {
    level: f64,
    filled_at: Instant,
}

impl Rates {
    pub(crate) fn new(limits: &Limits) -> Rates {
        Rates {
            command: (limits.commands_per_second, limits.commands_burst),
            delivery: (limits.deliveries_per_second, limits.deliveries_burst),
            edge: (limits.edges_per_second, limits.edges_burst),
            read: (limits.reads_per_second, limits.reads_burst),
            buckets: Mutex::new(HashMap::new()),
        }
    }

    /// Takes one request out of the caller's bucket.
    ///
    /// # Errors
    /// How long until there is one again.
    pub(crate) fn take(&self, who: &Who, class: Class, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(&(who.clone(), class)) {
            buckets.retain(|(who, class), bucket| {
                let (per_second, burst) = self.rate(who, *class);
                bucket.fill(per_second, burst, now);
                bucket.level < burst
            });
        }
        let known = buckets.len() < BUCKETS_MAX || buckets.contains_key(&(who.clone(), class));
        let who = if known { who.clone() } else { Who::Others };
        let (per_second, burst) = self.rate(&who, class);
        let bucket = buckets.entry((who, class)).or_insert(Bucket {
            level: burst,
            filled_at: now,
        });
        bucket.fill(per_second, burst, now);
        if bucket.level < 1.0 {
            let missing = 1.0 - bucket.level;
            return Err(Duration::try_from_secs_f64(missing / per_second).unwrap_or(Duration::MAX));
        }
        bucket.level -= 1.0;
        Ok(())
    }

    /// Requests a second, and at once.
    fn rate(&self, who: &Who, class: Class) -> (f64, f64) {
        let (per_second, burst) = match class {
            Class::Command => self.command,
            Class::Delivery => self.delivery,
            Class::Edge => self.edge,
            Class::Read => self.read,
        };
        let factor = f64::from(if matches!(who, Who::Uid(_)) {
            LOCAL_FACTOR
        } else {
            1
        });
        (f64::from(per_second) * factor, f64::from(burst) * factor)
    }
}

impl Bucket {
    fn fill(&mut self, per_second: f64, burst: f64, now: Instant) {
        let since = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.filled_at = now;
        self.level = (self.level + since * per_second).min(burst);
    }
}

#[cfg(test)]
mod tests;
