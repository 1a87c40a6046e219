//! Blocks of one length: their first addresses in order, and where each run of leading bits begins.

/// An address as a number.
pub(super) trait Bits: Copy + Ord {
    /// The leading `length` bits, the others 0.
    fn masked(self, length: u8) -> Self;
    /// The leading `count` bits (at most 16) as a number.
    fn leading(self, count: u32) -> usize;
}

impl Bits for u32 {
    fn masked(self, length: u8) -> u32 {
        let others = u32::BITS.saturating_sub(u32::from(length));
        self & u32::MAX.checked_shl(others).unwrap_or(0)
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

    fn leading(self, count: u32) -> usize {
        self.checked_shr(u128::BITS.saturating_sub(count))
            .unwrap_or(0) as usize
    }
}

/// Instead of when it ends.
pub(super) const FOR_EVER: u32 = u32::MAX;

/// Leading bits that an index knows, at most.
const INDEX_BITS_MAX: u32 = 16;

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
        self.found.push((first, until));
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
        // About one block for each place of the index, and none that the length can't tell apart.
        let bits = firsts
            .len()
            .ilog2()
            .min(INDEX_BITS_MAX)
            .min(u32::from(length));
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
    firsts: Vec<B>,
    /// When each ends; empty if none does.
    until: Vec<u32>,
}

impl<B: Bits> Table<B> {
    pub(super) fn holds(&self, address: B, since: u32) -> bool {
        let first = address.masked(self.length);
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
