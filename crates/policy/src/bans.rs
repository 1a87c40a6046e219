//! Who may not come in at all: blocks of addresses, each until a time or for ever, a million of them
//! in little memory.
//!
//! [`Bans`] never changes once it is built; what is added while it runs lies over it in [`Layered`].
//! Who is banned, and why, is decided elsewhere; `list` reads the text form.

mod list;
mod table;

use core::net::IpAddr;
use std::sync::Arc;

use table::{Building, Table};

pub use list::{BadLine, parse};

use crate::Prefix;

/// One block that is kept out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ban {
    pub prefix: Prefix,
    /// The Unix time, in seconds, from which on it may come in again; none: never.
    pub until_s: Option<i64>,
}

/// Banned blocks, looked up by address.
///
/// A sorted array for each length of prefix that occurs, with an index: 4 bytes for a block of IPv4
/// and 16 for one of IPv6, 4 more each where a length has any that ends, and 1 of index. An address
/// is looked for once for each length.
#[derive(Clone, Debug)]
pub struct Bans {
    base_s: i64,
    ipv4: Vec<Table<u32>>,
    ipv6: Vec<Table<u128>>,
}

impl Default for Bans {
    fn default() -> Bans {
        Bans::build(0, [])
    }
}

impl Bans {
    /// Of these. Times are kept as seconds after `base_s` (now, as a rule): who is free by then is
    /// left out, and who isn't within 136 years is never. Of two that name one block the longer
    /// holds.
    pub fn build(base_s: i64, bans: impl IntoIterator<Item = Ban>) -> Bans {
        let mut ipv4: Vec<Building<u32>> = (0..=32).map(|_| Building::default()).collect();
        let mut ipv6: Vec<Building<u128>> = (0..=128).map(|_| Building::default()).collect();
        for Ban { prefix, until_s } in bans {
            let until = match until_s.map(|until_s| until_s.saturating_sub(base_s)) {
                Some(..=0) => continue,
                Some(seconds) => u32::try_from(seconds).unwrap_or(table::FOR_EVER),
                None => table::FOR_EVER,
            };
            let length = usize::from(prefix.length());
            match prefix.address() {
                IpAddr::V4(v4) => {
                    if let Some(building) = ipv4.get_mut(length) {
                        building.add(v4.to_bits(), until);
                    }
                }
                IpAddr::V6(v6) => {
                    if let Some(building) = ipv6.get_mut(length) {
                        building.add(v6.to_bits(), until);
                    }
                }
            }
        }
        Bans {
            base_s,
            ipv4: tables(ipv4),
            ipv6: tables(ipv6),
        }
    }

    /// Whether this address is banned at that Unix time, in seconds.
    pub fn holds(&self, address: IpAddr, now_s: i64) -> bool {
        let since = now_s.saturating_sub(self.base_s).max(0);
        // In 136 years only those that never end are left.
        let since = u32::try_from(since).unwrap_or(table::FOR_EVER - 1);
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let bits = v4.to_bits();
                self.ipv4.iter().any(|table| table.holds(bits, since))
            }
            IpAddr::V6(v6) => {
                let bits = v6.to_bits();
                self.ipv6.iter().any(|table| table.holds(bits, since))
            }
        }
    }

    /// How many blocks, also those that ended meanwhile.
    pub fn len(&self) -> usize {
        let ipv4: usize = self.ipv4.iter().map(Table::len).sum();
        let ipv6: usize = self.ipv6.iter().map(Table::len).sum();
        ipv4 + ipv6
    }

    /// Whether nobody is banned.
    pub fn is_empty(&self) -> bool {
        self.ipv4.is_empty() && self.ipv6.is_empty()
    }

    /// What it takes of the heap, in bytes.
    pub fn heap_bytes(&self) -> usize {
        let ipv4: usize = self.ipv4.iter().map(Table::heap_bytes).sum();
        let ipv6: usize = self.ipv6.iter().map(Table::heap_bytes).sum();
        ipv4 + ipv6
            + self.ipv4.capacity() * size_of::<Table<u32>>()
            + self.ipv6.capacity() * size_of::<Table<u128>>()
    }
}

fn tables<B: table::Bits>(buildings: Vec<Building<B>>) -> Vec<Table<B>> {
    let mut tables = Vec::new();
    for (length, building) in (0_u8..).zip(buildings) {
        tables.extend(building.done(length));
    }
    tables.shrink_to_fit();
    tables
}

/// What is built once, and some that were added since. To add one is to sort all that were added,
/// so there are at most [`ADDED_MAX`] of them; a clone shares what is below.
#[derive(Clone, Debug, Default)]
pub struct Layered {
    base: Arc<Bans>,
    added: Vec<Ban>,
    over: Arc<Bans>,
}

/// Bans that can be added before what is below has to be built again.
pub const ADDED_MAX: usize = 10_000;

/// There are [`ADDED_MAX`] already: build anew from all that hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{ADDED_MAX} bans were added since the files were read; reload them")]
pub struct TooMany;

impl Layered {
    /// Nothing added yet.
    pub fn over(base: Arc<Bans>) -> Layered {
        Layered {
            base,
            ..Layered::default()
        }
    }

    /// These, and what was added to the others: for a file that was read again.
    #[must_use]
    pub fn with_base(&self, base: Arc<Bans>) -> Layered {
        Layered {
            base,
            ..self.clone()
        }
    }

    /// With these as well. Of what was added before, what ended by `now_s` is forgotten.
    ///
    /// # Errors
    ///
    /// If that would be too many; then nothing is added.
    pub fn with(&self, bans: &[Ban], now_s: i64) -> Result<Layered, TooMany> {
        let holds = |ban: &&Ban| ban.until_s.is_none_or(|until_s| until_s > now_s);
        let mut added: Vec<Ban> = self
            .added
            .iter()
            .chain(bans)
            .filter(holds)
            .copied()
            .collect();
        // Of one block the longest stays; none, for ever, comes first so.
        let length = |ban: &Ban| core::cmp::Reverse(ban.until_s.unwrap_or(i64::MAX));
        added.sort_by_key(|ban| (ban.prefix, length(ban)));
        added.dedup_by_key(|ban| ban.prefix);
        if added.len() > ADDED_MAX {
            return Err(TooMany);
        }
        Ok(self.of(added, now_s))
    }

    /// Without one that was added; what the files ban stays banned.
    #[must_use]
    pub fn without(&self, prefix: &Prefix, now_s: i64) -> Layered {
        let rest = self.added.iter().filter(|ban| ban.prefix != *prefix);
        self.of(rest.copied().collect(), now_s)
    }

    fn of(&self, added: Vec<Ban>, now_s: i64) -> Layered {
        Layered {
            base: Arc::clone(&self.base),
            over: Arc::new(Bans::build(now_s, added.iter().copied())),
            added,
        }
    }

    /// Whether this address is banned at that Unix time, in seconds.
    pub fn holds(&self, address: IpAddr, now_s: i64) -> bool {
        self.over.holds(address, now_s) || self.base.holds(address, now_s)
    }

    /// What was added.
    pub fn added(&self) -> &[Ban] {
        &self.added
    }
}

#[cfg(test)]
mod tests;
