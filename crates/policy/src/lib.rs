//! What an edge decides for one request: whether its bytes are well formed, whose it is, whether
//! they may, who answers. Bounded work, no input or output: the caller passes bytes, counters and
//! `now`.
//!
//! `edge` carries it out. Nothing here knows of sockets, TLS or threads.

pub mod balance;
pub mod bans;
pub mod breaker;
pub mod bytes;
pub mod certificate;
pub mod challenge;
pub mod cohort;
pub mod config;
mod decay;
pub mod failover;
pub mod health;
pub mod limits;
pub mod modes;
pub mod path;
pub mod permits;
mod prefix;
mod refusal;
pub mod retries;
pub mod shed;
mod sip;
mod sync;
pub mod table;
pub mod version;
pub mod wire;

pub use prefix::{BadPrefix, Prefix};
pub use refusal::Reason;
pub use sip::Seed;

/// Microseconds on a clock that never goes back: since when does not matter, the caller decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

impl Moment {
    /// So many milliseconds later.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Moment {
        Moment(self.0.saturating_add(ms.saturating_mul(1_000)))
    }

    /// Microseconds from `earlier` to this one, 0 if it is the other way round.
    pub fn micros_since(self, earlier: Moment) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Milliseconds from `earlier` to this one, 0 if it is the other way round.
    pub fn ms_since(self, earlier: Moment) -> u64 {
        self.micros_since(earlier) / 1_000
    }
}
