//! One token bucket in one word, as the generic cell rate algorithm (ITU-T I.371, annex A): what is
//! kept is when the bucket will be full again, and all else follows from that.

use super::{Standing, Wait};
use crate::Moment;
use crate::config::Rate;
use crate::sync::{AtomicU64, Ordering};

/// Parts of a microsecond that are reckoned with. A step between two requests is rounded up to one,
/// so a rate is kept 0.03 % too low at a million a second, and never too high. A `Moment` may count
/// 142 years; later ones are refused everything.
const PARTS: u64 = 4096;

/// 35 years: no bucket takes longer to fill.
const ROOM_MAX: u64 = 1 << 62;

/// A rate as the algorithm wants it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// From one request to the next, in parts of a microsecond.
    step: u64,
    /// How far ahead of time one may be: the burst's steps.
    room: u64,
    burst: u32,
}

impl Pace {
    /// Of a rate without requests, period or burst nothing is ever admitted.
    pub(crate) fn of(rate: &Rate) -> Pace {
        let period = rate.per_ms.saturating_mul(1_000 * PARTS);
        let step = match (rate.requests, period) {
            (0, _) | (_, 0) => u64::MAX,
            (requests, period) => period.div_ceil(u64::from(requests)),
        };
        // A step of 35 years is one that nobody waits for.
        let room = match step {
            ROOM_MAX.. => 0,
            step => step.saturating_mul(u64::from(rate.burst)).min(ROOM_MAX),
        };
        Pace {
            step,
            room,
            burst: rate.burst,
        }
    }

    /// Takes `cost` from a bucket that is full again at `full_at`; when it is full again after that.
    pub(crate) fn take(&self, full_at: u64, now: u64, cost: u32) -> Result<u64, Wait> {
        let span = self.step.checked_mul(u64::from(cost)).ok_or(Wait::NEVER)?;
        if span > self.room {
            return Err(Wait::NEVER);
        }
        let next = full_at.max(now).checked_add(span).ok_or(Wait::NEVER)?;
        match next.saturating_sub(now).checked_sub(self.room) {
            None | Some(0) => Ok(next),
            Some(early) => Err(Wait {
                retry_after_ms: ms(early).max(1),
            }),
        }
    }

    /// What there is in it.
    pub(crate) fn standing(&self, full_at: u64, now: u64) -> Standing {
        let ahead = full_at.saturating_sub(now);
        let left = self.room.saturating_sub(ahead) / self.step.max(1);
        Standing {
            limit: self.burst,
            remaining: u32::try_from(left).unwrap_or(u32::MAX).min(self.burst),
            reset_ms: ms(ahead),
        }
    }
}

/// In parts of a microsecond.
pub(crate) fn parts(now: Moment) -> u64 {
    now.0.saturating_mul(PARTS)
}

/// In milliseconds, rounded up: who comes back then isn't early.
fn ms(parts: u64) -> u64 {
    parts.div_ceil(1_000 * PARTS)
}

/// A token bucket of one rate: `burst` at once, then `requests` each period. It begins full. For
/// all threads; the rate is passed in, so a new one counts on from what was taken.
#[derive(Debug)]
pub struct Bucket {
    full_at: AtomicU64,
}

impl Default for Bucket {
    fn default() -> Bucket {
        Bucket::new()
    }
}

impl Bucket {
    /// A full one.
    pub fn new() -> Bucket {
        Bucket {
            full_at: AtomicU64::new(0),
        }
    }

    /// Takes `cost` requests' worth, or nothing. A cost of 0 asks how it stands.
    ///
    /// # Errors
    ///
    /// When to come back, if there isn't so much in it now; [`Wait::NEVER`] if there never will be.
    pub fn try_take(&self, rate: &Rate, now: Moment, cost: u32) -> Result<Standing, Wait> {
        let (pace, now) = (Pace::of(rate), parts(now));
        // One word holds all there is to know, so its own order is enough.
        let mut full_at = self.full_at.load(Ordering::Relaxed);
        loop {
            let next = pace.take(full_at, now, cost)?;
            match self.full_at.compare_exchange_weak(
                full_at,
                next,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(pace.standing(next, now)),
                Err(found) => full_at = found,
            }
        }
    }
}
