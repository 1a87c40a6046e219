//! How often strangers may ask to be told, and what became of those who did.
//!
//! Three bounds: from one address, to one mailbox or webhook, and in all. What goes past one is
//! counted by reason. All of it is in memory and bounded; mailboxes are kept as keyed digests.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use notify::pass::PassKey;

const HOUR: Duration = Duration::from_secs(3_600);

/// Messages that ask one mailbox or webhook to confirm, in a day.
const TO_ONE_PER_DAY: u32 = 3;

/// Askers and mailboxes that are kept apart; beyond that, nobody new may ask until some are
/// forgotten.
const KEPT_MAX: usize = 50_000;

/// Which bound was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// This asker's, for so many seconds.
    Asker(u64),
    /// This mailbox's or webhook's. Nobody is told: it would say that somebody else asked.
    Address,
    /// Everybody's, for so many seconds.
    All(u64),
}

/// The bounds.
pub(super) struct Limits {
    per_hour: u32,
    of_one_per_hour: u32,
    windows: Mutex<Windows>,
    key: PassKey,
}

struct Windows {
    all: Window,
    askers: HashMap<IpAddr, Window>,
    addresses: HashMap<[u8; 32], Window>,
}

/// So many since then.
#[derive(Clone, Copy)]
struct Window {
    since: Instant,
    count: u32,
}

impl Window {
    fn new(now: Instant) -> Window {
        Window {
            since: now,
            count: 0,
        }
    }

    /// Takes one; else how long until there is one again.
    fn take(&mut self, max: u32, length: Duration, now: Instant) -> Result<(), Duration> {
        let passed = now.saturating_duration_since(self.since);
        if passed >= length {
            *self = Window::new(now);
        }
        if self.count >= max {
            return Err(length.saturating_sub(passed));
        }
        self.count += 1;
        Ok(())
    }
}

fn window_of<K: Hash + Eq>(
    windows: &mut HashMap<K, Window>,
    key: K,
    length: Duration,
    now: Instant,
) -> Option<&mut Window> {
    if windows.len() >= KEPT_MAX && !windows.contains_key(&key) {
        windows.retain(|_, window| now.saturating_duration_since(window.since) < length);
        if windows.len() >= KEPT_MAX {
            return None;
        }
    }
    Some(windows.entry(key).or_insert(Window::new(now)))
}

/// The address as far as bounds go: of IPv6 one network of 64 bits is one asker.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => IpAddr::V4(address),
            None => {
                let top = u128::from(address) >> 64 << 64;
                IpAddr::V6(top.into())
            }
        },
        v4 => v4,
    }
}

impl Limits {
    pub(super) fn new(per_hour: u32, of_one_per_hour: u32, key: PassKey) -> Limits {
        let now = Instant::now();
        Limits {
            per_hour,
            of_one_per_hour,
            windows: Mutex::new(Windows {
                all: Window::new(now),
                askers: HashMap::new(),
                addresses: HashMap::new(),
            }),
            key,
        }
    }

    fn windows(&self) -> MutexGuard<'_, Windows> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one request of this asker to this address out of all bounds. Who asks on this machine
    /// has no bound of their own.
    ///
    /// # Errors
    /// The bound that was met first.
    pub(super) fn take(
        &self,
        asker: Option<IpAddr>,
        address: &str,
        now: Instant,
    ) -> Result<(), Bound> {
        let seconds = |wait: Duration| wait.as_secs().max(1);
        let crowded = || Bound::All(HOUR.as_secs());
        let mut windows = self.windows();
        let windows = &mut *windows;
        if let Some(asker) = asker {
            let window = window_of(&mut windows.askers, network(asker), HOUR, now);
            let window = window.ok_or_else(crowded)?;
            let taken = window.take(self.of_one_per_hour, HOUR, now);
            taken.map_err(|wait| Bound::Asker(seconds(wait)))?;
        }
        let taken = windows.all.take(self.per_hour, HOUR, now);
        taken.map_err(|wait| Bound::All(seconds(wait)))?;
        let digest = self
            .key
            .derive("hereby/asked/1", &address.to_ascii_lowercase());
        let day = 24 * HOUR;
        let window = window_of(&mut windows.addresses, digest, day, now).ok_or_else(crowded)?;
        let taken = window.take(TO_ONE_PER_DAY, day, now);
        taken.map_err(|_| Bound::Address)
    }
}

/// What became of those who asked.
pub(super) struct Requests(Mutex<BTreeMap<&'static str, u64>>);

/// Every outcome that is counted.
const OUTCOMES: &[&str] = &[
    "asked",
    "malformed",
    "too_many_of_one",
    "too_many_to_one",
    "too_many",
    "mail_sent",
    "mail_failed",
    "mail_unknown",
    "challenge_answered",
    "challenge_failed",
    "private_address",
    "confirmed",
    "changed",
    "left",
    "bad_link",
    "link_over",
];

impl Default for Requests {
    fn default() -> Requests {
        Requests(Mutex::new(OUTCOMES.iter().map(|word| (*word, 0)).collect()))
    }
}

impl Requests {
    pub(super) fn count(&self, outcome: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(outcome).or_default() += 1;
    }

    pub(super) fn all(&self) -> Vec<(&'static str, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(word, count)| (*word, *count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits::new(10, 2, PassKey::from_bytes([1; 32]))
    }

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn one_asker_one_mailbox_and_everybody_have_each_a_bound() {
        let (limits, now) = (limits(), Instant::now());
        let ask = |from, to: &str| limits.take(from, to, now);
        assert_eq!(ask(ip("192.0.2.1"), "a@example.org"), Ok(()));
        assert_eq!(ask(ip("192.0.2.1"), "b@example.org"), Ok(()));
        assert!(matches!(
            ask(ip("192.0.2.1"), "c@example.org"),
            Err(Bound::Asker(_))
        ));
        assert_eq!(ask(ip("192.0.2.2"), "A@example.org"), Ok(()));
        assert_eq!(ask(ip("192.0.2.3"), "a@example.org"), Ok(()));
        let fourth = ask(ip("192.0.2.4"), "a@EXAMPLE.org");
        assert_eq!(fourth, Err(Bound::Address), "one mailbox however written");
        for number in 5..10 {
            let from = ip(&format!("192.0.2.{number}"));
            let _ = ask(from, &format!("{number}@example.org"));
        }
        assert!(matches!(
            ask(ip("192.0.2.99"), "z@example.org"),
            Err(Bound::All(_))
        ));
        let later = now + HOUR;
        assert_eq!(limits.take(ip("192.0.2.1"), "z@example.org", later), Ok(()));
    }

    #[test]
    fn a_network_of_ipv6_is_one_asker() {
        let (limits, now) = (limits(), Instant::now());
        for number in 1..=2 {
            let from = ip(&format!("2001:db8::{number}"));
            let to = format!("{number}@example.org");
            assert_eq!(limits.take(from, &to, now), Ok(()));
        }
        let third = limits.take(ip("2001:db8::dead:1"), "x@example.org", now);
        assert!(matches!(third, Err(Bound::Asker(_))), "{third:?}");
    }
}
