//! A circuit breaker: an upstream that fails as a whole is not asked for a while, and then a little.
//!
//! Closed: requests pass, and their outcomes are counted in ten slices of a sliding window. Open:
//! they are refused, for `open_ms`. Half open: as many as `probes` pass at once; when so many ended
//! well, it closes; the first that fails opens it again.
//!
//! A request that passes holds a [`Ticket`] and gives it back with its [`Outcome`]. A ticket that
//! is never given back (a task that was cancelled) holds a probe's place for a while only: when all
//! places are taken and nobody was let through for `open_ms`, those still out are given up, their
//! places are free again, and what they say later is not heard.
//!
//! It keeps no connections and counts no bytes; who is asked instead is the failover's to decide.

use crate::config;
use crate::{Moment, Reason};

const SLICES: u64 = 10;

/// Of one upstream, or of one tenant's use of it.
#[derive(Clone, Debug)]
pub struct Breaker {
    errors_ppm: u64,
    requests_min: u64,
    slice_us: u64,
    open_ms: u64,
    probes: u32,
    /// Goes up whenever earlier tickets stop counting.
    turn: u64,
    state: Inner,
    slices: [Slice; SLICES as usize],
}

#[derive(Clone, Copy, Debug)]
enum Inner {
    Closed,
    Open {
        since: Moment,
    },
    Half {
        out: u32,
        good: u32,
        last_out: Moment,
    },
}

#[derive(Clone, Copy, Debug, Default)]
struct Slice {
    /// Which slice of time it counts, from the beginning of the clock.
    number: u64,
    good: u32,
    failed: u32,
}

/// What a request that passed holds until it has ended. Give it to [`Breaker::after`] once.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a ticket that is not given back may hold a probe's place for open_ms"]
pub struct Ticket {
    turn: u64,
}

/// How a request ended, as far as the upstream is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    Failed,
    /// The client went away, or it was never sent: it says nothing about the upstream.
    Abandoned,
}

/// As it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Closed,
    /// Tried again in so many milliseconds.
    Open {
        ms: u64,
    },
    HalfOpen,
}

impl Breaker {
    /// Closed. No probes is one probe, and no requests at least is one.
    pub fn new(plan: &config::Breaker) -> Breaker {
        Breaker {
            errors_ppm: u64::from(plan.errors_ppm),
            requests_min: u64::from(plan.requests_min.max(1)),
            slice_us: (plan.window_ms.saturating_mul(1_000) / SLICES).max(1),
            open_ms: plan.open_ms,
            probes: plan.probes.max(1),
            turn: 0,
            state: Inner::Closed,
            slices: [Slice::default(); SLICES as usize],
        }
    }

    /// Whether a request may pass now.
    ///
    /// # Errors
    ///
    /// [`Reason::BreakerOpen`] if it may not: open, or half open with every probe out.
    pub fn before(&mut self, now: Moment) -> Result<Ticket, Reason> {
        if let Inner::Open { since } = self.state
            && now.ms_since(since) >= self.open_ms
        {
            self.turn += 1;
            self.state = Inner::Half {
                out: 0,
                good: 0,
                last_out: now,
            };
        }
        match &mut self.state {
            Inner::Closed => {}
            Inner::Open { .. } => return Err(Reason::BreakerOpen),
            Inner::Half {
                out,
                good,
                last_out,
            } => {
                if *out + *good >= self.probes {
                    if now.ms_since(*last_out) < self.open_ms {
                        return Err(Reason::BreakerOpen);
                    }
                    self.turn += 1;
                    *out = 0;
                }
                *out += 1;
                *last_out = now;
            }
        }
        Ok(Ticket { turn: self.turn })
    }

    /// A request that passed has ended. What was let through before the breaker last changed counts
    /// nothing.
    pub fn after(&mut self, ticket: Ticket, outcome: Outcome, now: Moment) {
        if ticket.turn != self.turn {
            return;
        }
        match (&mut self.state, outcome) {
            (Inner::Closed, Outcome::Ok) => {
                let slice = self.count(now);
                slice.good = slice.good.saturating_add(1);
            }
            (Inner::Closed, Outcome::Failed) => {
                let slice = self.count(now);
                slice.failed = slice.failed.saturating_add(1);
                if self.fails(now) {
                    self.open(now);
                }
            }
            (Inner::Closed | Inner::Open { .. }, _) => {}
            (Inner::Half { .. }, Outcome::Failed) => self.open(now),
            (Inner::Half { out, .. }, Outcome::Abandoned) => *out = out.saturating_sub(1),
            (Inner::Half { out, good, .. }, Outcome::Ok) => {
                *out = out.saturating_sub(1);
                *good += 1;
                if *good >= self.probes {
                    self.turn += 1;
                    self.slices = [Slice::default(); SLICES as usize];
                    self.state = Inner::Closed;
                }
            }
        }
    }

    /// For whoever looks. Open for as long as configured is half open: the next request may pass.
    pub fn state(&self, now: Moment) -> State {
        match self.state {
            Inner::Closed => State::Closed,
            Inner::Half { .. } => State::HalfOpen,
            Inner::Open { since } => match self.open_ms.saturating_sub(now.ms_since(since)) {
                0 => State::HalfOpen,
                ms => State::Open { ms },
            },
        }
    }

    fn open(&mut self, now: Moment) {
        self.turn += 1;
        self.state = Inner::Open { since: now };
    }

    /// The slice of now, emptied if it held an older one.
    fn count(&mut self, now: Moment) -> &mut Slice {
        let number = now.0 / self.slice_us;
        let place = (number % SLICES) as usize;
        let slice = self
            .slices
            .get_mut(place)
            .expect("a remainder of SLICES is a place among SLICES");
        if slice.number != number {
            *slice = Slice {
                number,
                ..Slice::default()
            };
        }
        slice
    }

    /// Whether the window holds enough requests, and too many failures among them.
    fn fails(&self, now: Moment) -> bool {
        let number = now.0 / self.slice_us;
        let recent = self.slices.iter();
        let recent =
            recent.filter(|slice| slice.number <= number && slice.number + SLICES > number);
        let (good, failed) = recent.fold((0_u64, 0_u64), |(good, failed), slice| {
            (
                good + u64::from(slice.good),
                failed + u64::from(slice.failed),
            )
        });
        let all = good + failed;
        self.errors_ppm > 0
            && all >= self.requests_min
            && failed * 1_000_000 >= self.errors_ppm * all
    }
}

#[cfg(test)]
mod tests;
