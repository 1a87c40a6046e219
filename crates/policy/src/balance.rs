//! Which of an upstream's servers is asked next, among those that may be.
//!
//! By turns: smooth weighted round robin, as nginx does it: of weights 5, 1, 1 the first is chosen five
//! times in seven, and not five times in a row. By load: the one with the fewest requests for
//! its weight. Both are linear in the servers, allocate nothing and know no chance.
//!
//! Who may be asked is the caller's to say (health, connections, and for a second try that it was not
//! asked before). A server whose weight is 0 is never chosen.

use core::cmp::Ordering;

use crate::config::Server;

/// Turns of one upstream's servers.
#[derive(Clone, Debug)]
pub struct Turns {
    servers: Box<[Turn]>,
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    weight: i64,
    /// What it is owed; the sum over all is 0.
    owed: i64,
}

impl Turns {
    /// Nobody is owed anything yet.
    pub fn new(servers: &[Server]) -> Turns {
        let servers = servers.iter().map(|server| Turn {
            weight: i64::from(server.weight),
            owed: 0,
        });
        Turns {
            servers: servers.collect(),
        }
    }

    /// The next of those that are usable, by its place; `None` if there is none. Over any time in
    /// which the same ones are usable, each is chosen as its weight says, to within one turn for each
    /// server; of equals the first goes first. Who is not usable is owed no more meanwhile, and no less.
    pub fn next(&mut self, usable: impl Fn(usize) -> bool) -> Option<usize> {
        let mut sum = 0;
        let mut best: Option<(usize, i64)> = None;
        for (place, server) in self.servers.iter_mut().enumerate() {
            if server.weight == 0 || !usable(place) {
                continue;
            }
            sum += server.weight;
            server.owed = server.owed.saturating_add(server.weight);
            if best.is_none_or(|(_, owed)| server.owed > owed) {
                best = Some((place, server.owed));
            }
        }
        let (place, _) = best?;
        let server = self.servers.get_mut(place)?;
        server.owed = server.owed.saturating_sub(sum);
        Some(place)
    }
}

/// The usable server with the fewest requests in progress for its weight; `None` if there is none.
/// Of equals the next one from the place that `turn` (a counter, or a seed) falls on, so that idle
/// servers take turns.
pub fn least_requests(
    servers: &[Server],
    turn: u64,
    usable: impl Fn(usize) -> bool,
    in_progress: impl Fn(usize) -> u32,
) -> Option<usize> {
    let count = servers.len() as u64;
    let start = usize::try_from(turn.checked_rem(count)?).ok()?;
    let from_start = servers.iter().enumerate().cycle().skip(start);
    let mut best: Option<(usize, u64, u64)> = None;
    for (place, server) in from_start.take(servers.len()) {
        if server.weight == 0 || !usable(place) {
            continue;
        }
        // One more than it has, so that of idle ones the heavier is less busy.
        let load = u64::from(in_progress(place)) + 1;
        let weight = u64::from(server.weight);
        let less = best.is_none_or(|(_, other, other_weight)| {
            // Both products fit: each factor is at most 2^32.
            let ours = u128::from(load) * u128::from(other_weight);
            ours.cmp(&(u128::from(other) * u128::from(weight))) == Ordering::Less
        });
        if less {
            best = Some((place, load, weight));
        }
    }
    best.map(|(place, _, _)| place)
}

#[cfg(test)]
mod tests;
