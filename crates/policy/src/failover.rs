//! Which tier of a route answers: the primary, another, a mirror. Planned, not improvised: failing
//! over too soon can make it worse.
//!
//! **Down.** A tier's down clock starts when it is first said to be down, and goes on over short
//! recoveries: only when it was up for [settling](Failover::settle_ms) (`hold_ms`, at most a minute)
//! without a break is the clock forgotten. The time it was up in between counts as down.
//!
//! **Over.** When the serving tier is down and its clock has run for `wait_ms`, the first tier of the
//! list serves that is up and settled, and was not left within the last `hold_ms` unless it has
//! been up for all of `hold_ms`. Until then the serving tier goes on, and answers as it can: that is
//! the plan. If no other tier is ready, it goes on too.
//!
//! **Back.** When a better tier than the serving one has been up for `hold_ms` without a break, it
//! serves.
//!
//! **Override.** A person's word applies at once, whatever is up, and until when they said.
//! Meanwhile nothing is changed. When it ends, by itself or by "auto", the tier that serves goes on,
//! and no wait and no hold is counted from before that moment: nothing jumps.
//!
//! So, without overrides, while no tier stays up for `hold_ms`, no tier is entered twice within
//! `hold_ms`: of two tiers, at most one change each hold.
//!
//! It does not ask who is up; it is told, in each [`Failover::step`], and takes that to hold until the
//! next. The same steps give the same changes.

mod plan;
mod saved;
mod words;

use crate::Moment;
use crate::config;

pub use plan::{Next, Plan};
pub use saved::{BadSaved, Saved, SavedOverride, SavedTier};
pub use words::names;

/// Short recoveries are shorter than this, in milliseconds, or than the hold.
pub const SETTLE_MS_MAX: u64 = 60_000;

/// The tiers of one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failover {
    wait_us: i64,
    hold_us: i64,
    settle_us: i64,
    tiers: Vec<Tier>,
    serving: usize,
    serving_since: i64,
    /// Nothing is counted from before this: when the last override ended.
    counted_from: i64,
    overriding: Option<Overriding>,
    /// The latest moment that was heard of.
    now: i64,
}

/// Moments are microseconds and may lie before the clock began: a successor's clock is younger than
/// what it takes over.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tier {
    name: Box<str>,
    up: bool,
    /// Since when it is as it is.
    since: i64,
    /// The down clock, if it runs.
    down_since: Option<i64>,
    left_at: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Overriding {
    until: i64,
    reason: Box<str>,
}

/// What a person said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    pub to: To,
    /// When it ends by itself. Of no meaning for [`To::Auto`].
    pub until: Moment,
    /// Bounded by whoever hears it.
    pub reason: Box<str>,
}

/// Where an override leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// That tier, up or not.
    Tier(usize),
    /// Back to the plan: ends what overrides.
    Auto,
}

/// Why an override can't be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadOverride {
    #[error("there are {tiers} tiers")]
    NoSuchTier { tiers: usize },
    #[error("it would have ended already")]
    Past,
}

/// Another tier serves from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub at: Moment,
    pub from: usize,
    pub to: usize,
    pub why: Why,
    names: (Box<str>, Box<str>),
}

/// Why it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The one that served was down for so long, in milliseconds.
    Down { for_ms: u64 },
    /// A better one has been up for so long, in milliseconds.
    Back { for_ms: u64 },
    /// A person said so.
    Override { reason: Box<str>, for_ms: u64 },
}

/// How the route serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posture {
    /// The primary serves, and is up as far as is known.
    Normal,
    /// Another serves, or the primary is down and what comes of it is answered.
    Degraded,
}

impl Failover {
    /// The first of these tiers serves; until something else is said each is taken to be up, since
    /// now. [`names`] gives their names.
    pub fn new(plan: &config::Failover, tiers: Vec<Box<str>>, now: Moment) -> Failover {
        let now = micros(now);
        let tiers = tiers.into_iter().map(|name| Tier {
            name,
            up: true,
            since: now,
            down_since: None,
            left_at: None,
        });
        Failover {
            wait_us: from_ms(plan.wait_ms),
            hold_us: from_ms(plan.hold_ms),
            settle_us: from_ms(plan.hold_ms.min(SETTLE_MS_MAX)),
            tiers: tiers.collect(),
            serving: 0,
            serving_since: now,
            counted_from: i64::MIN,
            overriding: None,
            now,
        }
    }

    /// The tier that serves: a place among the route's tiers.
    pub fn serving(&self) -> usize {
        self.serving
    }

    /// How long it has, in milliseconds.
    pub fn serving_for_ms(&self, now: Moment) -> u64 {
        to_ms(self.now.max(micros(now)).saturating_sub(self.serving_since))
    }

    /// So long a tier must be up, in milliseconds, before its down clock is forgotten.
    pub fn settle_ms(&self) -> u64 {
        to_ms(self.settle_us)
    }

    /// Time goes on, and this is which tiers are up (of those that are not mentioned nothing
    /// new is known). At most one change; it is decided now, however long ago it was due. A
    /// moment before the latest one is taken to be that.
    pub fn step(&mut self, now: Moment, up: &[bool]) -> Option<Change> {
        self.hear(now);
        let (now, settle_us) = (self.now, self.settle_us);
        for (tier, up) in self.tiers.iter_mut().zip(up) {
            tier.hear(*up, now, settle_us);
        }
        if self.overriding.is_some() {
            return None;
        }
        let due = (0..self.tiers.len()).find_map(|to| {
            let next = self.due(to)?;
            (next.at <= now).then_some((to, next.back))
        });
        let (to, back) = due?;
        let why = if back {
            let since = self.tiers.get(to).map_or(now, |tier| tier.since);
            let for_ms = to_ms(now - since);
            Why::Back { for_ms }
        } else {
            let serving = self.tiers.get(self.serving);
            let since = serving.and_then(|tier| tier.down_since).unwrap_or(now);
            let for_ms = to_ms(now - since);
            Why::Down { for_ms }
        };
        Some(self.change(to, why))
    }

    /// A person's word. Gives the change, if another tier serves because of it.
    ///
    /// # Errors
    ///
    /// There is no such tier, or it would end before it began. Nothing has changed then.
    pub fn instruct(
        &mut self,
        now: Moment,
        said: &Override,
    ) -> Result<Option<Change>, BadOverride> {
        let until = micros(said.until);
        match said.to {
            To::Auto => {
                self.hear(now);
                if self.overriding.take().is_some() {
                    self.counted_from = self.now;
                }
                Ok(None)
            }
            To::Tier(to) if to >= self.tiers.len() => Err(BadOverride::NoSuchTier {
                tiers: self.tiers.len(),
            }),
            To::Tier(_) if until <= self.now.max(micros(now)) => Err(BadOverride::Past),
            To::Tier(to) => {
                self.hear(now);
                let reason = said.reason.clone();
                self.overriding = Some(Overriding {
                    until,
                    reason: reason.clone(),
                });
                if to == self.serving {
                    return Ok(None);
                }
                let for_ms = to_ms(until - self.now);
                Ok(Some(self.change(to, Why::Override { reason, for_ms })))
            }
        }
    }

    /// Why and for how many milliseconds more a person's word holds, if one does.
    pub fn overridden(&self, now: Moment) -> Option<(&str, u64)> {
        let overriding = self.overriding.as_ref()?;
        let left = overriding.until - self.now.max(micros(now));
        (left > 0).then_some((&*overriding.reason, to_ms(left)))
    }

    /// How it serves.
    pub fn posture(&self) -> Posture {
        let up = self.tiers.get(self.serving).is_none_or(|tier| tier.up);
        if self.serving == 0 && up {
            Posture::Normal
        } else {
            Posture::Degraded
        }
    }

    fn hear(&mut self, now: Moment) {
        self.now = self.now.max(micros(now));
        let ended = self.overriding.take_if(|one| one.until <= self.now);
        if let Some(ended) = ended {
            self.counted_from = ended.until;
        }
    }

    fn change(&mut self, to: usize, why: Why) -> Change {
        let from = self.serving;
        if let Some(tier) = self.tiers.get_mut(from) {
            tier.left_at = Some(self.now);
        }
        self.serving = to;
        self.serving_since = self.now;
        Change {
            at: Moment(u64::try_from(self.now).unwrap_or(0)),
            from,
            to,
            why,
            names: (self.name(from), self.name(to)),
        }
    }

    fn name(&self, tier: usize) -> Box<str> {
        let tier = self.tiers.get(tier);
        tier.map(|tier| tier.name.clone()).unwrap_or_default()
    }

    /// From when on the plan has that tier serve instead, if each stays as it is: the rule itself, which
    /// both the step and what is shown of the plan ask.
    fn due(&self, to: usize) -> Option<Due> {
        let serving = self.tiers.get(self.serving)?;
        let tier = self.tiers.get(to).filter(|tier| tier.up)?;
        if to == self.serving {
            return None;
        }
        // An override that still holds ends first.
        let from = match &self.overriding {
            Some(overriding) => overriding.until,
            None => self.counted_from,
        };
        let held = tier.since.saturating_add(self.hold_us);
        let back = (to < self.serving).then(|| Due {
            at: tier.since.max(from).saturating_add(self.hold_us),
            back: true,
        });
        let down_since = serving.down_since.filter(|_| !serving.up);
        let over = down_since.map(|down_since| {
            let waited = down_since.max(from).saturating_add(self.wait_us);
            let settled = match tier.down_since {
                Some(_) => tier.since.saturating_add(self.settle_us),
                None => i64::MIN,
            };
            let left = tier.left_at.map_or(i64::MIN, |left_at| {
                left_at.saturating_add(self.hold_us).min(held)
            });
            Due {
                at: waited.max(settled).max(left),
                back: false,
            }
        });
        match (back, over) {
            (Some(back), Some(over)) if over.at < back.at => Some(over),
            (Some(back), _) => Some(back),
            (None, over) => over,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Due {
    at: i64,
    /// Because a better one has held; else because the serving one was down.
    back: bool,
}

impl Tier {
    fn hear(&mut self, up: bool, now: i64, settle_us: i64) {
        let settled = self.up && now.saturating_sub(self.since) >= settle_us;
        if settled {
            self.down_since = None;
        }
        if up == self.up {
            return;
        }
        self.up = up;
        self.since = now;
        if !up {
            self.down_since = self.down_since.or(Some(now));
        }
    }
}

fn micros(moment: Moment) -> i64 {
    i64::try_from(moment.0).unwrap_or(i64::MAX)
}

fn from_ms(ms: u64) -> i64 {
    i64::try_from(ms.saturating_mul(1_000)).unwrap_or(i64::MAX)
}

/// 0 for what is negative.
fn to_ms(us: i64) -> u64 {
    u64::try_from(us / 1_000).unwrap_or(0)
}

#[cfg(test)]
mod tests;
