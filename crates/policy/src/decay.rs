//! A count that forgets: half of it in a half-life. For shares and budgets "recently", in one word
//! that all workers add to.
//!
//! It forgets in eighths of a half-life, so between two of those it stands still.

use crate::Moment;
use crate::sync::{AtomicU64, Ordering};

/// 2^(-n/8), as 16-bit fractions, rounded down.
const EIGHTHS: [u64; 8] = [
    65_536, 60_096, 55_108, 50_534, 46_340, 42_494, 38_967, 35_733,
];

/// The upper half of the word is the amount, the lower one when it was that much (in eighths of a
/// half-life, modulo 2^32: a count that is left alone for 2^31 of them is as it was).
#[derive(Debug)]
pub(crate) struct Decayed {
    word: AtomicU64,
    eighth_us: u64,
}

impl Decayed {
    /// Nothing yet, with an eighth of its half-life in microseconds (at least 1).
    pub(crate) fn new(eighth_us: u64) -> Decayed {
        Decayed {
            word: AtomicU64::new(0),
            eighth_us: eighth_us.max(1),
        }
    }

    /// How much is left of it.
    pub(crate) fn amount(&self, now: Moment) -> u32 {
        let word = self.word.load(Ordering::Relaxed);
        amount(faded(word, self.eighth(now)))
    }

    /// Adds that much; at `u32::MAX` it grows no more.
    pub(crate) fn add(&self, more: u32, now: Moment) {
        let at = self.eighth(now);
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let before = faded(word, at);
            let sum = amount(before).saturating_add(more);
            match self.swap(word, with(before, sum)) {
                Ok(()) => return,
                Err(found) => word = found,
            }
        }
    }

    /// Adds that much if no more than `most` is there then; whether it was.
    pub(crate) fn add_within(&self, more: u32, most: u32, now: Moment) -> bool {
        let at = self.eighth(now);
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let before = faded(word, at);
            let Some(sum) = amount(before).checked_add(more).filter(|sum| *sum <= most) else {
                return false;
            };
            match self.swap(word, with(before, sum)) {
                Ok(()) => return true,
                Err(found) => word = found,
            }
        }
    }

    // One word holds all there is to know, so its own order is enough.
    fn swap(&self, from: u64, to: u64) -> Result<(), u64> {
        self.word
            .compare_exchange_weak(from, to, Ordering::Relaxed, Ordering::Relaxed)
            .map(|_| ())
    }

    fn eighth(&self, now: Moment) -> u32 {
        (now.0 / self.eighth_us) as u32
    }
}

/// The word as it is at that time. A time before its own changes nothing.
fn faded(word: u64, at: u32) -> u64 {
    let (before, since) = (amount(word), stamp(word));
    let past = at.wrapping_sub(since);
    if before == 0 {
        return u64::from(at);
    }
    if past == 0 || past > u32::MAX / 2 {
        return word;
    }
    let part = EIGHTHS.get((past % 8) as usize).copied().unwrap_or(0);
    let left = ((u64::from(before) * part) >> 16)
        .checked_shr(past / 8)
        .unwrap_or(0);
    (left << 32) | u64::from(at)
}

fn amount(word: u64) -> u32 {
    (word >> 32) as u32
}

fn stamp(word: u64) -> u32 {
    word as u32
}

fn with(word: u64, amount: u32) -> u64 {
    (u64::from(amount) << 32) | u64::from(stamp(word))
}

#[cfg(test)]
mod tests;
