//! What will happen, and when, if each tier stays as it is.

use super::{Failover, micros, to_ms};
use crate::Moment;

/// For whoever looks at the route now. Its text is one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The override that holds ends in so many milliseconds.
    pub override_ends_in_ms: Option<u64>,
    /// The next change.
    pub next: Option<Next>,
    pub(super) serving: Box<str>,
    /// Whether the serving tier is up.
    pub(super) up: bool,
    /// Whether the primary serves.
    pub(super) primary: bool,
}

/// A change that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    pub to: usize,
    /// In so many milliseconds, rounded up; 0: at the next step.
    pub in_ms: u64,
    /// Because a better tier has been up for long enough; else because the serving one is down.
    pub back: bool,
    pub(super) name: Box<str>,
}

impl Failover {
    /// The plan as of now: a step at that time, and none before it, makes this change, unless some
    /// tier goes down or comes up, or a person says something else.
    pub fn plan(&self, now: Moment) -> Plan {
        let now = self.now.max(micros(now));
        let due = (0..self.tiers.len()).filter_map(|to| Some((self.due(to)?, to)));
        let next = due.min_by_key(|(due, to)| (due.at.max(now), *to));
        let overriding = self.overriding.as_ref();
        let ends = overriding.map(|one| one.until).filter(|until| *until > now);
        let serving = self.tiers.get(self.serving);
        Plan {
            override_ends_in_ms: ends.map(|until| up_to_ms(until - now)),
            next: next.map(|(due, to)| Next {
                to,
                in_ms: up_to_ms(due.at.saturating_sub(now)),
                back: due.back,
                name: self.name(to),
            }),
            serving: self.name(self.serving),
            up: serving.is_none_or(|tier| tier.up),
            primary: self.serving == 0,
        }
    }
}

fn up_to_ms(us: i64) -> u64 {
    to_ms(us.max(0).saturating_add(999))
}
