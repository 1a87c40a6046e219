//! Blocks of one length: their first addresses in an order of their own, and where each run in it
//! begins.
//!
//! Addresses lie close together, those of IPv6 most of all. So each is multiplied by an odd number
//! first (Fibonacci hashing, Knuth 6.4), which spreads them and can be undone; the spread ones are
//! sorted, and an index knows their leading bits. Where somebody chose addresses that don't spread,
//! a search takes as many steps as in any sorted array.

/// An address as a number.
pub(super) trait Bits: Copy + Ord {
    /// The leading `length` bits, the others 0.
    fn masked(self, length: u8) -> Self;
    /// A number of its own for each, with leading bits that depend on all of its bits.
    fn spread(self) -> Self;
    /// The leading `count` bits (at most 32) as a number.
    fn leading(self, count: u32) -> usize;
}

impl Bits for u32 {
    fn masked(self, length: u8) -> u32 {
        let others = u32::BITS.saturating_sub(u32::from(length));
        self & u32::MAX.checked_shl(others).unwrap_or(0)
    }

    fn spread(self) -> u32 {
        self.wrapping_mul(0x9e37_79b1)
    }

    fn leading(self, count: u32) -> usize {
        self.checked_shr(u32::BITS.saturating_sub(count))
            .unwrap_or(0) as usize
    }
}

impl Bits for u128 {
    fn masked(self, length: u8) -> u128 {
        let others = u128::BITS.saturating_sub(u32::from(length));
        self & u128::MAX.checked_shl(others).unwrap_or(0)
    }

    fn spread(self) -> u128 {
        self.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }

    fn leading(self, count: u32) -> usize {
        self.checked_shr(u128::BITS.saturating_sub(count))
            .unwrap_or(0) as usize
    }
}

/// Instead of when it ends.
pub(super) const FOR_EVER: u32 = u32::MAX;

/// So many bits fewer than would give each block a place of its own in the index: about four to
/// eight lie in one.
const INDEX_BITS_LESS: u32 = 2;

/// Blocks in no order yet.
pub(super) struct Building<B> {
    found: Vec<(B, u32)>,
}

impl<B> Default for Building<B> {
    fn default() -> Building<B> {
        Building { found: Vec::new() }
    }
}

impl<B: Bits> Building<B> {
    /// A block's first address, and when it ends.
    pub(super) fn add(&mut self, first: B, until: u32) {
        self.found.push((first.spread(), until));
    }

    /// `None` if there are none.
    pub(super) fn done(mut self, length: u8) -> Option<Table<B>> {
        if self.found.is_empty() {
            return None;
        }
        // The one that ends last comes first, and stays.
        self.found
            .sort_unstable_by_key(|(first, until)| (*first, core::cmp::Reverse(*until)));
        self.found.dedup_by_key(|(first, _)| *first);
        let ends = self.found.iter().any(|(_, until)| *until != FOR_EVER);
        let firsts: Vec<B> = self.found.iter().map(|(first, _)| *first).collect();
        let until = match ends {
            true => self.found.iter().map(|(_, until)| *until).collect(),
            false => Vec::new(),
        };
        let bits = firsts.len().ilog2().saturating_sub(INDEX_BITS_LESS);
        Some(Table {
            length,
            bits,
            index: index(&firsts, bits),
            firsts,
            until,
        })
    }
}

/// For each run of leading bits the place of its first block, and then how many there are.
fn index<B: Bits>(firsts: &[B], bits: u32) -> Vec<u32> {
    let mut index = Vec::with_capacity((1 << bits) + 1);
    let mut place = 0_u32;
    let mut rest = firsts.iter().peekable();
    for run in 0..1_usize << bits {
        index.push(place);
        while rest.next_if(|first| first.leading(bits) == run).is_some() {
            place = place.saturating_add(1);
        }
    }
    index.push(place);
    index
}

/// Blocks of one length.
#[derive(Clone, Debug)]
pub(super) struct Table<B> {
    length: u8,
    /// Leading bits that the index knows.
    bits: u32,
    index: Vec<u32>,
    /// Spread, in order.
    firsts: Vec<B>,
    /// When each ends; empty if none does.
    until: Vec<u32>,
}

impl<B: Bits> Table<B> {
    pub(super) fn holds(&self, address: B, since: u32) -> bool {
        let first = address.masked(self.length).spread();
        let run = first.leading(self.bits);
        let (Some(from), Some(to)) = (self.index.get(run), self.index.get(run + 1)) else {
            return false;
        };
        let from = *from as usize;
        let Some(blocks) = self.firsts.get(from..*to as usize) else {
            return false;
        };
        match blocks.binary_search(&first) {
            Ok(at) => self.until.get(from + at).is_none_or(|until| *until > since),
            Err(_) => false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.firsts.len()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.firsts.capacity() * size_of::<B>()
            + (self.until.capacity() + self.index.capacity()) * size_of::<u32>()
    }
}
