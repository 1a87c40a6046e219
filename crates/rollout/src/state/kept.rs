//! What the fold remembers of versions and deployments that have ended; the record has all.

use std::collections::{BTreeMap, BTreeSet};

use base::{Tenant, Timestamp};
use record::hash::Hash;

use super::State;

/// So many ended deployments are remembered.
const ENDED_KEPT: usize = 100;
/// So many that were fully deployed are remembered of each track, whatever else came.
const FULL_KEPT: usize = 3;
/// So many versions are remembered.
const VERSIONS_KEPT: usize = 5_000;

impl State {
    /// Forgets the oldest of what has ended.
    pub(super) fn forget(&mut self) {
        let ended = self.deployments.iter().filter(|(_, it)| it.ended.is_some());
        let ended: Vec<u32> = ended.map(|(number, _)| *number).collect();
        let many = ended.len().saturating_sub(ENDED_KEPT);
        for number in ended.iter().take(many) {
            self.deployments.remove(number);
        }
        let many = self.versions.len().saturating_sub(VERSIONS_KEPT);
        if many == 0 {
            return;
        }
        let kept = self.in_use();
        let rest = self.versions.iter();
        let rest = rest.filter(|(digest, _)| !kept.contains(digest));
        let mut rest: Vec<(u32, Hash)> = rest
            .map(|(digest, version)| (version.deployment, *digest))
            .collect();
        rest.sort_unstable();
        for (_, digest) in rest.iter().take(many) {
            self.versions.remove(digest);
        }
    }

    /// Versions that somebody runs, is told to, goes back to, or must not.
    fn in_use(&self) -> BTreeSet<Hash> {
        let tracks = self.tenants.values().chain([&self.fleet]);
        let told = tracks.flat_map(|track| {
            let orders = track.orders.values().flat_map(|orders| {
                let one = orders.one.iter().map(|(_, order)| order);
                orders.all.iter().chain(one)
            });
            orders.filter_map(|order| order.digest).chain(track.current)
        });
        let under_way = self.deployments.values();
        let under_way = under_way.filter(|it| it.ended.is_none());
        let under_way = under_way.flat_map(|it| [Some(it.digest), it.base].into_iter().flatten());
        let leased = self.leases.keys().copied();
        told.chain(under_way)
            .chain(leased)
            .chain(self.last_full())
            .collect()
    }

    /// The last of each track that all of it ran: what is gone back to without a name.
    fn last_full(&self) -> impl Iterator<Item = Hash> {
        let full = self.versions.iter();
        let full = full.filter(|(_, version)| version.full_at.is_some());
        let mut by_track: BTreeMap<Option<&Tenant>, Vec<(Option<Timestamp>, Hash)>> =
            BTreeMap::new();
        for (digest, version) in full {
            let of_track = by_track.entry(version.tenant.as_ref()).or_default();
            of_track.push((version.ran_at, *digest));
            of_track.sort_unstable_by_key(|(at, _)| std::cmp::Reverse(*at));
            of_track.truncate(FULL_KEPT);
        }
        by_track.into_values().flatten().map(|(_, digest)| digest)
    }
}
