//! What is refused when the process has more to do than it can: a level that rises quickly and
//! falls slowly at first, and the order in which it reaches tenants.
//!
//! 1. **Heavy tenants**, whose recent use is above one and a half times their fair share, of any
//!    priority but critical; the heavier, the sooner. One that is three and a half times as heavy
//!    as is fair is refused wholly from level 100 on, and every heavy one at level 400.
//! 2. **Sheddable** tenants, from level 400 on, all of them at 700.
//! 3. **Normal** tenants, from level 700 on, all of them at 1000.
//! 4. **Critical** tenants only when the process itself is in danger: when its memory is above its
//!    limit. Other pressure never reaches them. Heavy ones go first here too.
//!
//! Laws: more pressure never admits more; of one priority, no tenant is refused while a heavier one
//! is admitted (at the same seed); at level 0 all are admitted.
//!
//! Who is refused is told by how much such requests are: a connection that was refused need not be heard again
//! at once. One that is heard less uses less, and so is less heavy.
//!
//! Of all requests that may be in progress one in ten is kept for critical tenants ([`open_to_all`]), so
//! that what others hold does not keep them out before the level has risen.
//!
//! What pressure there is, and what a request uses, is measured by the caller.

use crate::Moment;
use crate::config::{Overload, Priority};
use crate::decay::Decayed;
use crate::sync::{AtomicU32, Ordering};

/// How often [`Shed::tick`] is meant to be called, in milliseconds.
pub const TICK_MS: u64 = 100;

/// The highest level. All that is "per mille" here ends there.
const FULL: u32 = 1_000;

/// Levels at which the next in order begin.
const SHEDDABLE_FROM: u32 = 400;
const NORMAL_FROM: u32 = 700;

/// A tenant is heavy above this share. Measured shares waver, and equal tenants must not be taken
/// for unequal ones.
const HEAVY: u32 = 1_500;

/// Above this strain (and below the limit) the level falls slowly: enough to leave no level behind for
/// ever, too little to swing.
const EASY: u32 = 800;

/// Below the limit a level falls by one in a tick; below `EASY` by one more after every so many ticks in which
/// that was so, and from full to none in 9 s: what is let in again is first seen to be no more than can be
/// done.
const FALL_SOONER: u32 = 4;

/// In one tick, from none to full in 5 s just above the limit, in 2 s far above it. What waits already
/// has to be worked off before it shows that enough is refused: who rises faster refuses too many.
const RISE_MIN: u32 = 20;
const RISE_MAX: u32 = 50;

/// How much there is to do, measured at a tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// How late the latest worker is for what it should do now.
    pub lag_ms: u64,
    /// Resident memory.
    pub memory_bytes: u64,
    /// Requests in progress, all tenants together.
    pub requests_concurrent: u32,
}

/// A tenant's recent use, per mille of what would be fair: 1000 is as much as the others that are
/// active have on average.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(pub u32);

impl Share {
    /// Neither heavy nor light.
    pub const FAIR: Share = Share(1_000);
}

/// What one tenant used recently, half forgotten after a second. In whatever unit all tenants'
/// are counted: microseconds of processor time, bytes, requests. For all threads.
#[derive(Debug)]
pub struct Usage {
    recent: Decayed,
}

impl Default for Usage {
    fn default() -> Usage {
        Usage::new()
    }
}

impl Usage {
    /// Nothing yet.
    pub fn new() -> Usage {
        Usage {
            recent: Decayed::new(125_000),
        }
    }

    /// It used that much more. The count ends at `u32::MAX`.
    pub fn add(&self, amount: u32, now: Moment) {
        self.recent.add(amount, now);
    }

    /// What is left of it.
    pub fn recent(&self, now: Moment) -> u32 {
        self.recent.amount(now)
    }
}

/// How far things have gone. One thread ticks, all others ask.
#[derive(Debug)]
pub struct Shed {
    /// 0 to 1000, from all pressure.
    level: AtomicU32,
    /// 0 to 1000, from memory alone, and never above the level.
    danger: AtomicU32,
    /// For how many ticks there was little strain, from all pressure and from memory.
    easy: AtomicU32,
    easy_memory: AtomicU32,
    /// Recent use that would be fair; 0: there are no two tenants to compare.
    fair: AtomicU32,
}

impl Default for Shed {
    fn default() -> Shed {
        Shed::new()
    }
}

impl Shed {
    /// At level 0.
    pub fn new() -> Shed {
        Shed {
            level: AtomicU32::new(0),
            danger: AtomicU32::new(0),
            easy: AtomicU32::new(0),
            easy_memory: AtomicU32::new(0),
            fair: AtomicU32::new(0),
        }
    }

    /// Takes in what was measured, every [`TICK_MS`]; the new level. A limit of 0 is none.
    pub fn tick(&self, pressure: &Pressure, overload: &Overload) -> u32 {
        let memory = strain(pressure.memory_bytes, overload.memory_bytes_max);
        let worst = memory
            .max(strain(pressure.lag_ms, overload.lag_ms_max))
            .max(strain(
                u64::from(pressure.requests_concurrent),
                open_to_all(overload.requests_concurrent_max).into(),
            ));
        step(&self.danger, &self.easy_memory, memory);
        step(&self.level, &self.easy, worst)
    }

    /// Takes in what all tenants used recently, at a tick: what is fair is what those that used
    /// anything did on average.
    pub fn weigh(&self, usages: impl IntoIterator<Item = u32>) {
        let (mut total, mut active) = (0_u64, 0_u64);
        for usage in usages.into_iter().filter(|usage| *usage > 0) {
            total = total.saturating_add(u64::from(usage));
            active += 1;
        }
        let fair = match active {
            0 | 1 => 0,
            _ => u32::try_from(total / active).unwrap_or(u32::MAX),
        };
        self.fair.store(fair, Ordering::Relaxed);
    }

    /// The share of a tenant with that recent use.
    pub fn share(&self, usage: u32) -> Share {
        let fair = u64::from(self.fair.load(Ordering::Relaxed));
        match (u64::from(usage) * 1_000).checked_div(fair) {
            Some(share) => Share(u32::try_from(share).unwrap_or(u32::MAX)),
            None => Share::FAIR,
        }
    }

    /// Whether a request may come in. The seed is any number of the request's own: the same one is
    /// judged the same way.
    ///
    /// # Errors
    /// When it may not: per mille of such requests that are refused now.
    pub fn admit(&self, priority: Priority, share: Share, seed: u64) -> Result<(), u32> {
        match refused(self.level(), self.danger(), priority, share) {
            refused if die(seed) < refused => Err(refused),
            _ => Ok(()),
        }
    }

    /// How far it has gone, 0 to 1000.
    pub fn level(&self) -> u32 {
        self.level.load(Ordering::Relaxed)
    }

    /// How far memory alone has gone, 0 to 1000: what critical tenants feel.
    pub fn danger(&self) -> u32 {
        self.danger.load(Ordering::Relaxed)
    }
}

/// How many of the requests that may be in progress may be others than critical tenants'.
pub fn open_to_all(most: u32) -> u32 {
    most - most / 10
}

/// Per mille of what is allowed.
fn strain(found: u64, most: u64) -> u32 {
    let strain = found.saturating_mul(1_000).checked_div(most).unwrap_or(0);
    u32::try_from(strain).unwrap_or(u32::MAX)
}

/// Takes a level, and for how long it was easy, one tick further.
fn step(level: &AtomicU32, easy: &AtomicU32, strain: u32) -> u32 {
    let ticks = match strain < EASY {
        true => easy.load(Ordering::Relaxed).saturating_add(1),
        false => 0,
    };
    easy.store(ticks, Ordering::Relaxed);
    let next = next(level.load(Ordering::Relaxed), strain, ticks);
    level.store(next, Ordering::Relaxed);
    next
}

/// The level after this one, after so many easy ticks. More strain never leads lower, nor does a higher level
/// before, nor more trouble before.
fn next(level: u32, strain: u32, easy: u32) -> u32 {
    match strain.checked_sub(FULL) {
        Some(above) => level
            .saturating_add((above / 4).clamp(RISE_MIN, RISE_MAX))
            .min(FULL),
        None => level.saturating_sub(1 + easy / FALL_SOONER),
    }
}

/// Per mille of such requests that are refused.
fn refused(level: u32, danger: u32, priority: Priority, share: Share) -> u32 {
    let (level, light) = match priority {
        Priority::Sheddable => (level, ramp(level, SHEDDABLE_FROM, NORMAL_FROM)),
        Priority::Normal => (level, ramp(level, NORMAL_FROM, FULL)),
        Priority::Critical => (danger, ramp(danger, NORMAL_FROM, FULL)),
    };
    let Some(excess) = share.0.checked_sub(HEAVY).filter(|excess| *excess > 0) else {
        return light;
    };
    let by_weight = u64::from(level) * u64::from(excess) / 200;
    u32::try_from(by_weight)
        .unwrap_or(FULL)
        .max(ramp(level, SHEDDABLE_FROM - 100, SHEDDABLE_FROM))
        .min(FULL)
}

/// 0 up to `from`, 1000 from `to` on, and even between.
fn ramp(level: u32, from: u32, to: u32) -> u32 {
    let width = to.saturating_sub(from).max(1);
    (level.saturating_sub(from) * FULL / width).min(FULL)
}

/// 0 to 999, by a finalizer that spreads numbers in a row (Steele, Lea and Flood, "Fast splittable
/// pseudorandom number generators", 2014).
fn die(seed: u64) -> u32 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (((mixed >> 32) * u64::from(FULL)) >> 32) as u32
}

#[cfg(test)]
mod tests;
