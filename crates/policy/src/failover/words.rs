//! What a person reads: names of tiers, and sentences.

use core::fmt;

use super::{Change, Plan, Why};
use crate::config;

/// What a route's tiers are called: `primary`, `secondary`, `tier 3`, `mirror`, `mirror 2`.
pub fn names(tiers: &[config::Tier]) -> Vec<Box<str>> {
    let mut mirrors = 0;
    let tiers = tiers.iter().enumerate();
    let names = tiers.map(|(place, tier)| match (place, tier) {
        (0, _) => "primary".into(),
        (_, config::Tier::Mirror(_)) => {
            mirrors += 1;
            match mirrors {
                1 => "mirror".into(),
                more => format!("mirror {more}").into(),
            }
        }
        (1, config::Tier::Upstream(_)) => "secondary".into(),
        (place, config::Tier::Upstream(_)) => format!("tier {}", place + 1).into(),
    });
    names.collect()
}

/// `1 h 5 min`, `7 min 10 s`, `10 s`, `300 ms`.
struct Duration(u64);

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.0 / 1_000;
        let (h, min, s) = (s / 3_600, s / 60 % 60, s % 60);
        match (h, min, s) {
            (0, 0, 0) => write!(f, "{} ms", self.0),
            (0, 0, s) => write!(f, "{s} s"),
            (0, min, 0) => write!(f, "{min} min"),
            (0, min, s) => write!(f, "{min} min {s} s"),
            (h, 0, _) => write!(f, "{h} h"),
            (h, min, _) => write!(f, "{h} h {min} min"),
        }
    }
}

/// `secondary serves instead of primary, which was down for 15 min`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = &self.names;
        write!(f, "{to} serves instead of {from}")?;
        match &self.why {
            Why::Down { for_ms } => write!(f, ", which was down for {}", Duration(*for_ms)),
            Why::Back { for_ms } => {
                write!(f, ", because {to} has been up for {}", Duration(*for_ms))
            }
            Why::Override { reason, for_ms } => {
                write!(f, ", for {} at most: {reason}", Duration(*for_ms))
            }
        }
    }
}

/// `fails over from primary to secondary in 7 min 10 s, unless primary comes back`.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let serving = &self.serving;
        if let Some(ms) = self.override_ends_in_ms {
            write!(f, "the override to {serving} ends in {}; ", Duration(ms))?;
        }
        let Some(next) = &self.next else {
            return match (self.up, self.primary) {
                (true, true) => write!(f, "{serving} serves, and nothing is to change"),
                (true, false) => {
                    write!(f, "{serving} goes on serving until a better one comes back")
                }
                (false, _) => write!(f, "{serving} is down, and no other tier is up to serve"),
            };
        };
        let (name, when) = (&next.name, Duration(next.in_ms));
        if next.back {
            write!(
                f,
                "goes back from {serving} to {name} in {when}, if {name} stays up"
            )
        } else {
            write!(
                f,
                "fails over from {serving} to {name} in {when}, unless {serving} comes back"
            )
        }
    }
}
