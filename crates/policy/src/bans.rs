//! Who may not come in at all: blocks of addresses, each until a time or for ever, a million of them
//! in little memory; and who shows a certificate that is banned, of which there are few.
//!
//! [`Bans`] never changes once it is built; another takes its place. Who is banned, and why, is decided elsewhere; `list` reads the text form.

mod list;
mod table;

use core::net::IpAddr;
use std::collections::BTreeMap;

use table::{Building, Table};

pub use list::{BadLine, parse};

use crate::Prefix;
use crate::certificate::{Fingerprint, fingerprint};

/// One block that is kept out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ban {
    pub prefix: Prefix,
    /// The Unix time, in seconds, from which on it may come in again; none: never.
    pub until_s: Option<i64>,
}

/// A certificate whose holder is kept out, as a block is: for a while, where a revocation is for
/// ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateBan {
    pub fingerprint: Fingerprint,
    /// As in [`Ban`].
    pub until_s: Option<i64>,
}

/// Banned blocks, looked up by address; and banned certificates.
///
/// A sorted array for each length of prefix that occurs, with an index: 4 bytes for a block of IPv4
/// and 16 for one of IPv6, 4 more each where a length has any that ends, and 1 of index. An address
/// is looked for once for each length.
#[derive(Clone, Debug)]
pub struct Bans {
    base_s: i64,
    ipv4: Vec<Table<u32>>,
    ipv6: Vec<Table<u128>>,
    certificates: BTreeMap<Fingerprint, Option<i64>>,
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
            certificates: BTreeMap::new(),
        }
    }

    /// With these certificates as well. Of two bans of one the longer holds.
    #[must_use]
    pub fn with_certificates(mut self, bans: impl IntoIterator<Item = CertificateBan>) -> Bans {
        for ban in bans {
            let until_s = self
                .certificates
                .entry(ban.fingerprint)
                .or_insert(Some(i64::MIN));
            *until_s = until_s.zip(ban.until_s).map(|(one, other)| one.max(other));
        }
        self
    }

    /// Whether who shows this certificate is banned at that Unix time, in seconds.
    pub fn holds_certificate(&self, fingerprint: &Fingerprint, now_s: i64) -> bool {
        let until_s = self.certificates.get(fingerprint);
        until_s.is_some_and(|until_s| until_s.is_none_or(|until_s| until_s > now_s))
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

    /// How many blocks and certificates, also those that ended meanwhile.
    pub fn len(&self) -> usize {
        let ipv4: usize = self.ipv4.iter().map(Table::len).sum();
        let ipv6: usize = self.ipv6.iter().map(Table::len).sum();
        ipv4 + ipv6 + self.certificates.len()
    }

    /// Whether nobody is banned.
    pub fn is_empty(&self) -> bool {
        self.ipv4.is_empty() && self.ipv6.is_empty() && self.certificates.is_empty()
    }

    /// What it takes of the heap, in bytes.
    pub fn heap_bytes(&self) -> usize {
        let ipv4: usize = self.ipv4.iter().map(Table::heap_bytes).sum();
        let ipv6: usize = self.ipv6.iter().map(Table::heap_bytes).sum();
        ipv4 + ipv6
            + self.ipv4.capacity() * size_of::<Table<u32>>()
            + self.ipv6.capacity() * size_of::<Table<u128>>()
            + self.certificates.len() * size_of::<CertificateBan>()
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

#[cfg(test)]
mod tests;
