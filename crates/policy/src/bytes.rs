//! How fast a tenant's answers may go out: bytes are charged when they are about to be written, and
//! the writer is told how long to wait before the next ones.
//!
//! Unlike a request, a piece of an answer can't be refused. So the bucket goes into debt: whoever
//! writes pays afterwards, by waiting. The pieces' size is the caller's: with smaller ones the pace
//! is more even, and several streams of one tenant share it more fairly.

use crate::Moment;
use crate::sync::{AtomicU64, Ordering};

/// Parts of a microsecond that are reckoned with. A charge is rounded up to one. A `Moment` may count
/// 142 years; later ones wait for ever.
const PARTS: u64 = 4096;

/// In one second.
const SECOND: u64 = 1_000_000 * PARTS;

/// One tenant's bytes, for all threads and all of the tenant's streams together.
///
/// Law: if each writer waits as told before it charges again, then in any span of time the bytes
/// charged are at most the burst, the rate's share of the span, and one piece for each writer.
#[derive(Debug)]
pub struct Throttle {
    /// When all that was charged is paid.
    paid_at: AtomicU64,
    bytes_per_s: u64,
    /// How much debt nobody waits for, as a time.
    room: u64,
}

impl Throttle {
    /// So many bytes a second (0 counts as 1), and so many at once before anybody waits.
    pub fn new(bytes_per_s: u64, burst_bytes: u64) -> Throttle {
        let bytes_per_s = bytes_per_s.max(1);
        Throttle {
            paid_at: AtomicU64::new(0),
            bytes_per_s,
            room: time(burst_bytes, bytes_per_s),
        }
    }

    /// Charges these bytes; how long to wait before charging more, in milliseconds, rounded up.
    pub fn charge(&self, bytes: u64, now: Moment) -> u64 {
        let (now, span) = (now.0.saturating_mul(PARTS), time(bytes, self.bytes_per_s));
        // One word holds all there is to know, so its own order is enough.
        let mut paid_at = self.paid_at.load(Ordering::Relaxed);
        loop {
            let next = paid_at.max(now).saturating_add(span);
            match self.paid_at.compare_exchange_weak(
                paid_at,
                next,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return self.wait_from(next, now),
                Err(found) => paid_at = found,
            }
        }
    }

    /// How long to wait now, without charging anything, in milliseconds.
    pub fn wait_ms(&self, now: Moment) -> u64 {
        let paid_at = self.paid_at.load(Ordering::Relaxed);
        self.wait_from(paid_at, now.0.saturating_mul(PARTS))
    }

    fn wait_from(&self, paid_at: u64, now: u64) -> u64 {
        let debt = paid_at.saturating_sub(now);
        debt.saturating_sub(self.room).div_ceil(SECOND / 1_000)
    }
}

/// How long so many bytes take, rounded up.
fn time(bytes: u64, bytes_per_s: u64) -> u64 {
    match bytes.checked_mul(SECOND) {
        // Up to 4.5 GB.
        Some(product) => product.div_ceil(bytes_per_s),
        None => {
            let product = u128::from(bytes) * u128::from(SECOND);
            u64::try_from(product.div_ceil(u128::from(bytes_per_s))).unwrap_or(u64::MAX)
        }
    }
}

#[cfg(test)]
mod tests;
