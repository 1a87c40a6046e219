//! How many requests somebody may make: token buckets, one for each key of a limit.
//!
//! [`Bucket`] is one of them; [`Limits`] are those of one configured limit, for keys that outsiders
//! choose. Which key a request has, and what it costs, is for the caller to say; so is `now`.
//!
//! Laws: in any span of time no more than the burst and the rate's share of that span is admitted,
//! in whatever order threads call; a bucket left alone for as long as it takes to fill is full; time
//! that stands still or goes back grants nothing.

mod bucket;
mod fields;

use core::fmt;

use bucket::{Pace, parts};

pub use bucket::Bucket;
pub use fields::{policy_item, standing_item};

use crate::config::{Limit, Rate};
use crate::sync::{AtomicU64, Mutex, Ordering, lock};
use crate::{Moment, Prefix, Seed};

/// How a bucket stands after a request was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Requests that a full one holds: the burst.
    pub limit: u32,
    /// Requests that may come now.
    pub remaining: u32,
    /// When it is full again, in milliseconds from now, rounded up.
    pub reset_ms: u64,
}

/// It isn't admitted now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// When it would be, if nobody else takes from the bucket: milliseconds from now, rounded up,
    /// at least 1.
    pub retry_after_ms: u64,
}

impl Wait {
    /// It costs more than a full bucket holds.
    pub const NEVER: Wait = Wait {
        retry_after_ms: u64::MAX,
    };

    /// For `Retry-After` (RFC 9110, 10.2.3): seconds, rounded up, at most a day.
    pub fn retry_after_s(self) -> u64 {
        self.retry_after_ms.div_ceil(1_000).min(86_400)
    }
}

/// Whose bucket it is: 64 bits of a keyed hash. Two of a million keys share one with a chance of
/// 1 to 37 million, and nobody without the seed can make it so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key(u64);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:016x})", self.0)
    }
}

impl Key {
    /// Of a value's bytes: a header's, a name's.
    pub fn of(seed: Seed, value: &[u8]) -> Key {
        Key(seed.hash(value))
    }

    /// Of a place in the configuration: a tenant's, a route's.
    pub fn of_place(seed: Seed, place: u32) -> Key {
        Key(seed.hash(&place.to_le_bytes()))
    }

    /// Of a block of addresses.
    pub fn of_prefix(seed: Seed, prefix: &Prefix) -> Key {
        let mut bytes = [0_u8; 17];
        let (address, length) = match prefix.address() {
            core::net::IpAddr::V4(v4) => (v4.to_ipv6_mapped(), prefix.length().saturating_add(96)),
            core::net::IpAddr::V6(v6) => (v6, prefix.length()),
        };
        let (front, last) = bytes.split_at_mut(16);
        front.copy_from_slice(&address.octets());
        last.fill(length);
        Key(seed.hash(&bytes))
    }
}

/// Slots looked at together: 128 bytes, two cache lines.
const WAYS: usize = 8;

/// Parts of the table, with a lock each, where it is large enough for that.
const SHARDS_MAX: usize = 16;

/// So many slots a part has at least, if there are several.
const SHARD_SLOTS_MIN: usize = 64;

/// The buckets of one configured limit, in a table that never grows: 16 bytes for each of its
/// `keys_max`, rounded up to whole groups. For all threads.
///
/// A key has two groups of eight slots, and lives in one of them. A newcomer takes a slot there
/// that is empty or whose bucket is **full again**: forgetting that one changes nothing for its
/// owner. If there is none, the newcomer is counted in one bucket that all such newcomers share.
/// So who floods the table with new keys is held to one bucket with all of them, resets nobody's
/// bucket (their own least of all), and makes it hard for other newcomers, not for those who are
/// known. Who was counted with the others and then finds room begins with a full bucket, once. A
/// request looks at sixteen slots, never at more.
#[derive(Debug)]
pub struct Limits {
    pace: Pace,
    shards: Box<[Mutex<Shard>]>,
    overflow: Mutex<Slot>,
    overflowed: AtomicU64,
}

/// A key, and when its bucket is full again. An empty slot is the full bucket of key 0.
type Slot = [u64; 2];

#[derive(Debug)]
struct Shard {
    slots: Vec<Slot>,
    /// The latest time it was asked at: what was given up as full may not be not so full again.
    latest: u64,
}

impl Limits {
    /// For a limit as configured.
    pub fn new(limit: &Limit) -> Limits {
        Limits::with(&limit.rate, limit.keys_max)
    }

    /// For a rate, and so many keys that are remembered.
    pub fn with(rate: &Rate, keys_max: usize) -> Limits {
        let shards = (keys_max / SHARD_SLOTS_MIN).clamp(1, SHARDS_MAX);
        let slots = keys_max.div_ceil(shards).max(1).next_multiple_of(WAYS);
        Limits {
            pace: Pace::of(rate),
            shards: (0..shards)
                .map(|_| {
                    Mutex::new(Shard {
                        slots: vec![[0; 2]; slots],
                        latest: 0,
                    })
                })
                .collect(),
            overflow: Mutex::new([0; 2]),
            overflowed: AtomicU64::new(0),
        }
    }

    /// Takes `cost` requests' worth from the key's bucket, or nothing.
    ///
    /// # Errors
    ///
    /// As [`Bucket::try_take`].
    pub fn try_take(&self, key: Key, now: Moment, cost: u32) -> Result<Standing, Wait> {
        let now = parts(now);
        // The upper bits choose the part, the rest the groups in it.
        let place = scaled((key.0 >> 48) as u32, 16, self.shards.len());
        let Some(shard) = self.shards.get(place) else {
            return Err(Wait::NEVER);
        };
        if let Some(outcome) = lock(shard).try_take(&self.pace, key, now, cost) {
            return outcome;
        }
        self.overflowed.fetch_add(1, Ordering::Relaxed);
        let mut slot = lock(&self.overflow);
        take(&self.pace, &mut slot, now, cost)
    }

    /// How often a newcomer found no room and was counted with the others, since the beginning.
    pub fn overflowed_total(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed)
    }

    /// Keys it has room for.
    pub fn keys_max(&self) -> usize {
        let slots = self.shards.iter().map(|shard| lock(shard).slots.len());
        slots.sum()
    }
}

impl Shard {
    /// `None`: it isn't there, and there is no room for it.
    fn try_take(
        &mut self,
        pace: &Pace,
        key: Key,
        now: u64,
        cost: u32,
    ) -> Option<Result<Standing, Wait>> {
        self.latest = self.latest.max(now);
        let now = self.latest;
        let (groups, _) = self.slots.as_chunks_mut::<WAYS>();
        let [first, second] = places(key, groups.len());
        let mut emptier = (first, 0_u32);
        for place in [first, second] {
            let group = groups.get_mut(place)?;
            let (owned, full) = seen(group, key, now);
            if let Some(slot) = group.get_mut(owned.trailing_zeros() as usize) {
                return Some(take(pace, slot, now, cost));
            }
            // So that both fill evenly.
            if full.count_ones() > emptier.1.count_ones() {
                emptier = (place, full);
            }
        }
        let (place, full) = emptier;
        // Without any the number is one that no slot has.
        let slot = groups
            .get_mut(place)?
            .get_mut(full.trailing_zeros() as usize)?;
        *slot = [key.0, 0];
        Some(take(pace, slot, now, cost))
    }
}

/// A bit for each slot that is the key's, and for each whose bucket is full again. All are looked at
/// in any case: to guess where to stop costs more.
fn seen(group: &[Slot; WAYS], key: Key, now: u64) -> (u32, u32) {
    let (mut owned, mut full) = (0, 0);
    for (at, [owner, full_at]) in (0_u32..).zip(group) {
        owned |= u32::from(*owner == key.0) << at;
        full |= u32::from(*full_at <= now) << at;
    }
    (owned, full)
}

fn take(pace: &Pace, slot: &mut Slot, now: u64, cost: u32) -> Result<Standing, Wait> {
    let [_, full_at] = slot;
    *full_at = pace.take(*full_at, now, cost)?;
    Ok(pace.standing(*full_at, now))
}

/// The two groups where a key may live, of so many.
#[expect(
    clippy::cast_possible_truncation,
    reason = "halves of a word are meant"
)]
fn places(key: Key, groups: usize) -> [usize; 2] {
    // The product's upper half depends on all of the key's bits (Fibonacci hashing, Knuth 6.4).
    let other = key.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    [
        scaled(key.0 as u32, 32, groups),
        scaled(other as u32, 32, groups),
    ]
}

/// A number of so many bits, evenly mapped to 0..count.
fn scaled(number: u32, bits: u32, count: usize) -> usize {
    ((u128::from(number) * count as u128) >> bits) as usize
}

#[cfg(test)]
mod tests;
