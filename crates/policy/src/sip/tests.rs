//! The hash is SipHash-1-3, by the paper and by the standard library.

use core::hash::Hasher as _;
use std::hash::DefaultHasher;

use proptest::prelude::*;

use super::{Seed, sip};

/// Appendix A of the paper: key 00 01 … 0f, message 00 01 … 0e.
#[test]
fn the_papers_own_example() {
    let seed = Seed(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
    let message: Vec<u8> = (0..15).collect();
    assert_eq!(sip::<2, 4>(seed, &message), 0xa129_ca61_49be_45e5);
}

#[test]
fn a_seed_is_not_printed() {
    assert_eq!(format!("{:?}", Seed(1, 2)), "Seed(…)");
}

proptest! {
    #[test]
    fn without_a_key_it_is_what_the_standard_library_computes(bytes: Vec<u8>) {
        let mut standard = DefaultHasher::new();
        standard.write(&bytes);
        prop_assert_eq!(Seed(0, 0).hash(&bytes), standard.finish());
    }

    #[test]
    fn another_seed_is_another_hash(bytes: Vec<u8>, k0: u64, k1: u64) {
        prop_assert_ne!(Seed(k0, k1).hash(&bytes), Seed(k0 ^ 1, k1).hash(&bytes));
        prop_assert_ne!(Seed(k0, k1).hash(&bytes), Seed(k0, k1 ^ 1).hash(&bytes));
    }
}
