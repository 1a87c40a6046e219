//! Which servers of one upstream may be asked: by probes, and by what their answers were.
//!
//! A server that was never probed is usable: unknown is not unhealthy, and an edge that has just
//! started serves. Two things take a server out. A row of failed probes does, until a row of
//! good ones. A row of failed answers does for a while ("ejected"), longer each time, up to ten times as
//! long; but never more servers than the configured share, one always excepted, and never the
//! last usable one: leaving out one that fails is choosing others, and if there are none, the
//! breaker and the failover decide.
//!
//! A good probe does not end an ejection: answers failed that the probe did not see.
//!
//! This does not probe, and knows no addresses: a server is its place among the upstream's.

use crate::Moment;
use crate::config;

/// An ejection is at most so many times as long as the first.
pub const EJECTION_TIMES_MAX: u32 = 10;

/// The servers of one upstream.
#[derive(Clone, Debug)]
pub struct Health {
    healthy_after: u32,
    unhealthy_after: u32,
    outlier: config::Outlier,
    servers: Box<[Server]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Server {
    probes: Probes,
    /// Probes in a row that contradict what is held.
    contradictions: u32,
    /// Failed answers in a row.
    failures: u32,
    /// Ejections that still count for the length of the next.
    ejections: u32,
    ejected_until: Moment,
    /// Since when `ejections` has gone down by one for each `eject_ms`.
    forgiven_at: Moment,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Probes {
    #[default]
    Unknown,
    Good,
    Bad,
}

/// What is held of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Never probed: usable.
    Unknown,
    Healthy,
    /// Its probes failed.
    Unhealthy,
    /// Its answers failed; so long it is left out.
    Ejected {
        until: Moment,
    },
}

impl Health {
    /// Of so many servers, none of which anything is known of. Without `probes` what is reported
    /// to [`Health::probed`] counts at once.
    pub fn new(
        servers: usize,
        probes: Option<&config::Health>,
        outlier: &config::Outlier,
    ) -> Health {
        Health {
            healthy_after: probes.map_or(1, |probes| probes.healthy_after.max(1)),
            unhealthy_after: probes.map_or(1, |probes| probes.unhealthy_after.max(1)),
            outlier: outlier.clone(),
            servers: vec![Server::default(); servers].into(),
        }
    }

    /// A probe came back, or did not in time. The first good one of a server makes it healthy at
    /// once; there is nothing yet that it would contradict. A server that does not exist is ignored.
    pub fn probed(&mut self, server: usize, ok: bool) {
        let (healthy_after, unhealthy_after) = (self.healthy_after, self.unhealthy_after);
        let Some(server) = self.servers.get_mut(server) else {
            return;
        };
        let (held, after) = match server.probes {
            Probes::Unknown if ok => {
                server.probes = Probes::Good;
                (true, 1)
            }
            Probes::Unknown | Probes::Good => (true, unhealthy_after),
            Probes::Bad => (false, healthy_after),
        };
        if ok == held {
            server.contradictions = 0;
            return;
        }
        server.contradictions = server.contradictions.saturating_add(1);
        if server.contradictions >= after {
            server.contradictions = 0;
            server.probes = if ok { Probes::Good } else { Probes::Bad };
        }
    }

    /// It is known from elsewhere that its probes fail: it is out until they are good.
    pub fn begins_unhealthy(&mut self, server: usize) {
        if let Some(server) = self.servers.get_mut(server) {
            server.probes = Probes::Bad;
        }
    }

    /// A request to the server ended: well, or not (no connection, too slow, broken off, a status that
    /// counts as failure). Gives until when it is ejected, if that was decided now. What comes back
    /// from an ejected server was asked before, and counts nothing.
    pub fn answered(&mut self, server: usize, ok: bool, now: Moment) -> Option<Moment> {
        let (threshold, eject_ms) = (self.outlier.failures, self.outlier.eject_ms);
        let state = self.servers.get_mut(server)?;
        if state.ejected(now) {
            return None;
        }
        state.failures = if ok {
            0
        } else {
            state.failures.saturating_add(1)
        };
        if threshold == 0 || state.failures < threshold || !self.spares(server, now) {
            return None;
        }
        let state = self.servers.get_mut(server)?;
        state.forgive(now, eject_ms);
        state.failures = 0;
        state.ejections = (state.ejections + 1).min(EJECTION_TIMES_MAX);
        let long_ms = eject_ms.saturating_mul(u64::from(state.ejections));
        state.ejected_until = now.plus_ms(long_ms);
        state.forgiven_at = state.ejected_until;
        Some(state.ejected_until)
    }

    /// Whether it may be asked. One that does not exist may not.
    pub fn usable(&self, server: usize, now: Moment) -> bool {
        self.servers
            .get(server)
            .is_some_and(|server| server.usable(now))
    }

    /// Whether any may be asked: whether the upstream is up.
    pub fn any_usable(&self, now: Moment) -> bool {
        self.servers.iter().any(|server| server.usable(now))
    }

    /// What is held of it; `None` if there is no such server.
    pub fn condition(&self, server: usize, now: Moment) -> Option<Condition> {
        let server = self.servers.get(server)?;
        Some(match server.probes {
            Probes::Bad => Condition::Unhealthy,
            _ if server.ejected(now) => Condition::Ejected {
                until: server.ejected_until,
            },
            Probes::Unknown => Condition::Unknown,
            Probes::Good => Condition::Healthy,
        })
    }

    /// How many servers there are.
    pub fn servers(&self) -> usize {
        self.servers.len()
    }

    /// Whether the others can do without it: the share allows one more, and another is usable.
    fn spares(&self, server: usize, now: Moment) -> bool {
        let ejected = self.servers.iter().filter(|one| one.ejected(now)).count() as u64;
        let share = self.servers.len() as u64 * u64::from(self.outlier.ejected_ppm_max);
        let mut others = self.servers.iter().enumerate();
        ejected < (share / 1_000_000).max(1)
            && others.any(|(place, other)| place != server && other.usable(now))
    }
}

impl Server {
    fn ejected(&self, now: Moment) -> bool {
        now < self.ejected_until
    }

    fn usable(&self, now: Moment) -> bool {
        self.probes != Probes::Bad && !self.ejected(now)
    }

    /// For each `eject_ms` that it was not ejected one ejection is forgotten.
    fn forgive(&mut self, now: Moment, eject_ms: u64) {
        let times = now.ms_since(self.forgiven_at) / eject_ms.max(1);
        let times = u32::try_from(times).unwrap_or(u32::MAX);
        self.ejections = self.ejections.saturating_sub(times);
    }
}

#[cfg(test)]
mod tests;
