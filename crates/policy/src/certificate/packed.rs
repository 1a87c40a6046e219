//! A set of keys of one length that never changes: the keys themselves, and four bytes for about
//! each of them. A million fingerprints take 36 MB.
//!
//! Keys lie in buckets by their hash, sorted within: a look-up reads one place of the index and then
//! one or two keys. Whoever chose keys that fall into one bucket has made it a binary search.

/// Keys of `N` bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Packed<const N: usize> {
    keys: Box<[[u8; N]]>,
    /// Where each bucket begins, and where the last ends; a power of two and one more.
    starts: Box<[u32]>,
    shift: u32,
}

impl<const N: usize> Packed<N> {
    /// At most 2^32 - 1 keys; those beyond are the caller's to refuse.
    pub(super) fn new(keys: Vec<[u8; N]>) -> Packed<N> {
        if keys.is_empty() {
            return Packed {
                keys: Box::default(),
                starts: Box::default(),
                shift: 0,
            };
        }
        let bits = keys.len().next_power_of_two().trailing_zeros().clamp(1, 31);
        let shift = u64::BITS - bits;
        let mut free = starts(&keys, bits);
        let mut sorted = vec![[0; N]; keys.len()];
        for key in keys {
            let Some(place) = free.get_mut((hash(&key) >> shift) as usize) else {
                continue;
            };
            if let Some(to) = sorted.get_mut(*place as usize) {
                *to = key;
            }
            *place += 1;
        }
        // Each bucket's first free place is now its end.
        let mut from = 0;
        for to in free {
            if let Some(bucket) = sorted.get_mut(from..to as usize) {
                bucket.sort_unstable();
            }
            from = to as usize;
        }
        sorted.dedup();
        Packed {
            starts: starts(&sorted, bits).into(),
            keys: sorted.into(),
            shift,
        }
    }

    pub(super) fn contains(&self, key: &[u8; N]) -> bool {
        if self.keys.is_empty() {
            return false;
        }
        let bucket = (hash(key) >> self.shift) as usize;
        let ends = (self.starts.get(bucket), self.starts.get(bucket + 1));
        let (Some(from), Some(to)) = ends else {
            return false;
        };
        let keys = self.keys.get(*from as usize..*to as usize);
        keys.unwrap_or_default().binary_search(key).is_ok()
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// How many keys the fullest bucket has.
    #[cfg(test)]
    pub(super) fn bucket_max(&self) -> u32 {
        let ends = self.starts.windows(2);
        ends.map(|ends| ends[1] - ends[0]).max().unwrap_or(0)
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.keys) + size_of_val(&*self.starts)
    }
}

/// Where each bucket begins, and at the end how many keys there are.
fn starts<const N: usize>(keys: &[[u8; N]], bits: u32) -> Vec<u32> {
    let mut starts = vec![0_u32; (1 << bits) + 1];
    for key in keys {
        let bucket = (hash(key) >> (u64::BITS - bits)) as usize;
        if let Some(after) = starts.get_mut(bucket + 1) {
            *after += 1;
        }
    }
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    starts
}

/// Serials may count up from one, so all bytes must move the upper bits: multiplied by the golden
/// ratio, as in Fibonacci hashing (Knuth, volume 3, 6.4).
fn hash<const N: usize>(key: &[u8; N]) -> u64 {
    let pieces = key.chunks(8);
    pieces
        .fold(N as u64, |hash, piece| {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(piece) {
                *to = *from;
            }
            let mixed = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            mixed ^ (mixed >> 32)
        })
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
