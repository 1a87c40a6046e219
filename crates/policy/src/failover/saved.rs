//! What a successor process takes over: plain, with times as ages, because its clock is another.

use serde::{Deserialize, Serialize};

use super::{Failover, Overriding, micros};
use crate::Moment;
use crate::config;

/// Everything but the plan and the names, which are the configuration's. A negative age lies in the
/// future.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    pub serving: usize,
    /// So long that tier has served.
    pub serving_for_ms: i64,
    pub tiers: Vec<SavedTier>,
    /// So long ago the last override ended, if one ever did.
    #[serde(default)]
    pub override_ended_ms_ago: Option<i64>,
    #[serde(default)]
    pub overriding: Option<SavedOverride>,
}

/// One tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedTier {
    pub up: bool,
    /// So long it is as it is.
    pub for_ms: i64,
    /// The down clock, if it runs.
    #[serde(default)]
    pub down_for_ms: Option<i64>,
    /// So long ago it served last.
    #[serde(default)]
    pub left_ms_ago: Option<i64>,
}

/// An override that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedOverride {
    pub ends_in_ms: i64,
    pub reason: Box<str>,
}

/// Why it can't be taken over: the route has other tiers now. Begin with [`Failover::new`], and say
/// so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSaved {
    #[error("it is about {saved} tiers, and the route has {tiers}")]
    Tiers { saved: usize, tiers: usize },
    #[error("the tier that served is none of them")]
    Serving,
}

impl Failover {
    /// As of now; whole milliseconds.
    pub fn save(&self, now: Moment) -> Saved {
        let now = self.now.max(micros(now));
        let age = |at: i64| now.saturating_sub(at) / 1_000;
        let tiers = self.tiers.iter().map(|tier| SavedTier {
            up: tier.up,
            for_ms: age(tier.since),
            down_for_ms: tier.down_since.map(age),
            left_ms_ago: tier.left_at.map(age),
        });
        Saved {
            serving: self.serving,
            serving_for_ms: age(self.serving_since),
            tiers: tiers.collect(),
            override_ended_ms_ago: (self.counted_from != i64::MIN).then(|| age(self.counted_from)),
            overriding: self.overriding.as_ref().map(|one| SavedOverride {
                ends_in_ms: -age(one.until),
                reason: one.reason.clone(),
            }),
        }
    }

    /// Goes on with what another process saved, at the moment that is now here. What passed between
    /// saving and this is added by whoever knows it, by an earlier `now`.
    ///
    /// # Errors
    ///
    /// The route has other tiers than those saved.
    pub fn restore(
        plan: &config::Failover,
        names: Vec<Box<str>>,
        saved: &Saved,
        now: Moment,
    ) -> Result<Failover, BadSaved> {
        if saved.tiers.len() != names.len() {
            return Err(BadSaved::Tiers {
                saved: saved.tiers.len(),
                tiers: names.len(),
            });
        }
        if saved.serving >= names.len().max(1) {
            return Err(BadSaved::Serving);
        }
        let mut failover = Failover::new(plan, names, now);
        let now = failover.now;
        let at = |age_ms: i64| now.saturating_sub(age_ms.saturating_mul(1_000));
        for (tier, saved) in failover.tiers.iter_mut().zip(&saved.tiers) {
            tier.up = saved.up;
            tier.since = at(saved.for_ms);
            // One that is down has been since some time, whatever was written.
            let down_for_ms = saved.down_for_ms.or((!saved.up).then_some(saved.for_ms));
            tier.down_since = down_for_ms.map(at);
            tier.left_at = saved.left_ms_ago.map(at);
        }
        failover.serving = saved.serving;
        failover.serving_since = at(saved.serving_for_ms);
        failover.counted_from = saved.override_ended_ms_ago.map_or(i64::MIN, at);
        failover.overriding = saved.overriding.as_ref().map(|one| Overriding {
            until: at(one.ends_in_ms.saturating_neg()),
            reason: one.reason.clone(),
        });
        Ok(failover)
    }
}
