//! How fast outsiders may make the record grow: a token bucket over acts.
//!
//! What an outsider sends waits until there is room for it. What follows from it later, by time
//! alone, can't wait: it happens, and what is sent next waits the longer.

use base::Timestamp;
use incident::{Deed, Draft};
use record::act::Subject;
use record::kinds::Body;

/// A bucket that fills with time. Deterministic: it is handed the time.
#[derive(Clone, Debug)]
pub struct Growth {
    per_second: i64,
    /// Thousandths of an act.
    brim: i64,
    /// Thousandths of an act; below zero, more happened than there was room for.
    level: i64,
    filled_at: Option<Timestamp>,
}

impl Growth {
    /// A full bucket: `burst` acts at once, `per_second` sustained.
    pub fn new(per_second: u64, burst: u64) -> Growth {
        let brim = thousandths(burst);
        Growth {
            per_second: i64::try_from(per_second).unwrap_or(i64::MAX),
            brim,
            level: brim,
            filled_at: None,
        }
    }

    /// Whether that many acts fit now. More than the bucket holds fit when it is full: they would
    /// never otherwise.
    pub fn has(&mut self, acts: u64, now: Timestamp) -> bool {
        self.fill(now);
        self.level >= thousandths(acts).min(self.brim)
    }

    /// Takes that many acts out, whether they fit or not.
    pub fn take(&mut self, acts: u64, now: Timestamp) {
        self.fill(now);
        self.level = self.level.saturating_sub(thousandths(acts));
    }

    fn fill(&mut self, now: Timestamp) {
        let since_ms = self.filled_at.map_or(0, |at| now.ms_since(at).max(0));
        self.filled_at = Some(now);
        let gained = self.per_second.saturating_mul(since_ms);
        self.level = self.level.saturating_add(gained).min(self.brim);
    }
}

fn thousandths(acts: u64) -> i64 {
    i64::try_from(acts)
        .unwrap_or(i64::MAX)
        .saturating_mul(1_000)
}

/// How many acts a signal is charged with, of those by which alerts may make the record grow. Who
/// begins an alert pays for its end as well: that comes by itself, or is sent, and must not wait.
pub(crate) fn cost_when_heard(deed: &Deed) -> u64 {
    let cost = |draft: &Draft| match draft.body {
        Body::AlertFired(_) => 2,
        Body::AlertResolved(_) => 0,
        _ => 1,
    };
    deed.drafts.iter().map(cost).sum()
}

/// The same for what follows from earlier signals when time has passed: reminders of incidents,
/// and alerts that are placed later. Ends were paid for. A missing heartbeat is not charged: how
/// often that can happen is up to the person who said when one is expected.
pub(crate) fn cost_when_due(deed: &Deed) -> u64 {
    let Some(first) = deed.drafts.first() else {
        return 0;
    };
    match (&first.subject, &first.body) {
        // What people asked to be reminded of is theirs.
        (_, Body::FollowupReminded(_) | Body::IncidentUpdateOverdue(_)) => 0,
        (Subject::Incident(_), _) => deed.drafts.len() as u64,
        _ => 0,
    }
}
