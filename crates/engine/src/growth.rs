//! How fast outsiders may make the record grow: a token bucket over acts.

use base::Timestamp;

/// A bucket that fills with time. Deterministic: it is handed the time.
#[derive(Clone, Debug)]
pub struct Growth {
    per_second: u64,
    burst: u64,
    /// Thousandths of an act.
    level: u64,
    filled_at: Option<Timestamp>,
}

impl Growth {
    /// A full bucket: `burst` acts at once, `per_second` sustained.
    pub fn new(per_second: u64, burst: u64) -> Growth {
        Growth {
            per_second,
            burst,
            level: burst.saturating_mul(1_000),
            filled_at: None,
        }
    }

    /// Whether that many acts fit now.
    pub fn has(&mut self, acts: u64, now: Timestamp) -> bool {
        let since_ms = self.filled_at.map_or(0, |at| now.ms_since(at).max(0));
        self.filled_at = Some(now);
        let gained = self
            .per_second
            .saturating_mul(u64::try_from(since_ms).unwrap_or(0));
        self.level = self
            .level
            .saturating_add(gained)
            .min(self.burst.saturating_mul(1_000));
        self.level >= acts.saturating_mul(1_000)
    }

    /// Takes that many acts out; below empty it stays empty.
    pub fn take(&mut self, acts: u64) {
        self.level = self.level.saturating_sub(acts.saturating_mul(1_000));
    }
}
