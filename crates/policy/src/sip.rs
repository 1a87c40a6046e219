//! SipHash-1-3, keyed (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): what an
//! outsider chooses is hashed with a seed they don't know, so they can't choose what collides.
//!
//! The standard library has the same function, and lets nobody choose its key without a deprecated
//! type. Not for secrets or signatures: that is HMAC's work.

/// The key: 128 bits that no outsider knows, drawn once by whoever starts the process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub u64, pub u64);

// Who reads a log must not learn what collides.
impl core::fmt::Debug for Seed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Seed(…)")
    }
}

impl Seed {
    /// The hash of these bytes.
    pub fn hash(self, bytes: &[u8]) -> u64 {
        sip::<1, 3>(self, bytes)
    }
}

fn sip<const EACH: usize, const LAST: usize>(seed: Seed, bytes: &[u8]) -> u64 {
    let Seed(k0, k1) = seed;
    let mut state = State {
        v0: k0 ^ 0x736f_6d65_7073_6575,
        v1: k1 ^ 0x646f_7261_6e64_6f6d,
        v2: k0 ^ 0x6c79_6765_6e65_7261,
        v3: k1 ^ 0x7465_6462_7974_6573,
    };
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        state.take::<EACH>(u64::from_le_bytes(*word));
    }
    let mut last = [0_u8; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    // The length's lowest byte stands in the last word's highest.
    state.take::<EACH>(u64::from_le_bytes(last) | ((bytes.len() as u64) << 56));
    state.v2 ^= 0xff;
    for _ in 0..LAST {
        state.round();
    }
    state.v0 ^ state.v1 ^ state.v2 ^ state.v3
}

struct State {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
}

impl State {
    #[inline]
    fn take<const EACH: usize>(&mut self, word: u64) {
        self.v3 ^= word;
        for _ in 0..EACH {
            self.round();
        }
        self.v0 ^= word;
    }

    #[inline]
    fn round(&mut self) {
        self.v0 = self.v0.wrapping_add(self.v1);
        self.v1 = self.v1.rotate_left(13) ^ self.v0;
        self.v0 = self.v0.rotate_left(32);
        self.v2 = self.v2.wrapping_add(self.v3);
        self.v3 = self.v3.rotate_left(16) ^ self.v2;
        self.v0 = self.v0.wrapping_add(self.v3);
        self.v3 = self.v3.rotate_left(21) ^ self.v0;
        self.v2 = self.v2.wrapping_add(self.v1);
        self.v1 = self.v1.rotate_left(17) ^ self.v2;
        self.v2 = self.v2.rotate_left(32);
    }
}

#[cfg(test)]
mod tests;
