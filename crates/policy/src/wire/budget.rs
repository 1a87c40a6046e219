//! So many of something each minute: a token bucket, in whole numbers.

use crate::{Moment, Reason};

const MICROS_PER_MINUTE: u64 = 60_000_000;

/// A minute's worth at most, refilled evenly. Levels are counted in parts of which one token has
/// as many as a minute has microseconds, so that nothing is lost in between.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    per_minute: u64,
    level: u64,
    refilled: Moment,
}

impl Budget {
    pub(super) fn full(per_minute: u32, now: Moment) -> Budget {
        let per_minute = u64::from(per_minute);
        Budget {
            per_minute,
            level: per_minute * MICROS_PER_MINUTE,
            refilled: now,
        }
    }

    /// Takes one.
    ///
    /// # Errors
    /// `Http2Flood`: there is none.
    pub(super) fn spend(&mut self, now: Moment) -> Result<(), Reason> {
        let refill = now
            .micros_since(self.refilled)
            .saturating_mul(self.per_minute);
        self.refilled = self.refilled.max(now);
        self.give(refill);
        self.level = self
            .level
            .checked_sub(MICROS_PER_MINUTE)
            .ok_or(Reason::Http2Flood)?;
        Ok(())
    }

    /// Adds `count / per` tokens.
    pub(super) fn earn(&mut self, count: u64, per: u64) {
        self.give(count.saturating_mul(MICROS_PER_MINUTE / per.max(1)));
    }

    fn give(&mut self, parts: u64) {
        let most = self.per_minute * MICROS_PER_MINUTE;
        self.level = self.level.saturating_add(parts).min(most);
    }
}
