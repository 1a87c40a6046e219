//! Together and alone agree, also on signatures that were made to tell verifiers apart.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use proptest::prelude::*;
use rand_core::{Infallible, TryCryptoRng, TryRng};

use super::*;

/// Predictable: fit for tests alone.
struct Counter(u64);

impl TryRng for Counter {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.try_next_u64()? as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Ok(mixed ^ (mixed >> 31))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let random = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Counter {}

fn pair(seed: u8) -> (Ed25519KeyPair, [u8; KEY_BYTES]) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
    let public = pair.public_key().as_ref().try_into().unwrap();
    (pair, public)
}

fn made(seed: u8, message: &[u8]) -> AuthorSignature {
    let (pair, public) = pair(seed);
    AuthorSignature::new(&public, pair.sign(message).as_ref(), message).unwrap()
}

#[test]
fn a_signature_holds_for_its_key_and_its_message_alone() {
    let (pair, public) = pair(1);
    let signature = pair.sign(b"restart the queue");
    let signature = signature.as_ref();
    let valid = |key: &[u8; KEY_BYTES], signature: &[u8], message: &[u8]| {
        AuthorSignature::new(key, signature, message).is_some_and(AuthorSignature::is_valid)
    };
    assert!(valid(&public, signature, b"restart the queue"));
    assert!(!valid(&public, signature, b"restart the queues"));
    assert!(!valid(&self::pair(2).1, signature, b"restart the queue"));
    assert!(!valid(&public, &signature[..63], b"restart the queue"));
    for at in 0..64 {
        let mut bent = signature.to_vec();
        bent[at] ^= 1;
        assert!(!valid(&public, &bent, b"restart the queue"), "byte {at}");
    }
}

#[test]
fn a_signature_with_a_larger_scalar_is_refused() {
    let (pair, public) = pair(1);
    let mut signature = pair.sign(b"once").as_ref().to_vec();
    // s + l stands for the same scalar; taking it would let anyone write a second signature.
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0;
    for (byte, add) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    let twisted = AuthorSignature::new(&public, &signature, b"once").unwrap();
    assert!(!twisted.clone().is_valid());
    assert!(!are_all_valid([twisted, made(2, b"other")], Counter(1)));
}

/// A signature whose R has a part of small order: RFC 8032 lets verifiers differ on it.
fn with_torsion(torsion: &EdwardsPoint, message: &[u8]) -> (AuthorSignature, bool) {
    use aws_lc_rs::digest::{SHA512, digest};
    let wide = |bytes: &[u8]| {
        let hash: [u8; 64] = digest(&SHA512, bytes).as_ref().try_into().unwrap();
        Scalar::from_bytes_mod_order_wide(&hash)
    };
    let secret = wide(b"a secret scalar");
    let public = EdwardsPoint::mul_base(&secret).compress().to_bytes();
    let nonce = wide(b"a nonce");
    let r = (EdwardsPoint::mul_base(&nonce) + torsion)
        .compress()
        .to_bytes();
    let k = wide(&[r.as_slice(), public.as_slice(), message].concat());
    let signature = [r, (nonce + k * secret).to_bytes()].concat();
    let elsewhere = UnparsedPublicKey::new(&ED25519, &public).verify(message, &signature);
    let here = AuthorSignature::new(&public, &signature, message).unwrap();
    (here, elsewhere.is_ok())
}

#[test]
fn together_and_alone_agree_where_verifiers_differ() {
    let mut differ = 0;
    for torsion in &EIGHT_TORSION {
        let (signature, elsewhere) = with_torsion(torsion, b"one way or the other");
        let alone = signature.clone().is_valid();
        for seed in 0..32 {
            let together = [signature.clone(), made(3, b"beside it")];
            assert_eq!(are_all_valid(together, Counter(seed)), alone);
        }
        differ += u32::from(alone != elsewhere);
    }
    // Without these this test would show nothing.
    assert_eq!(differ, 7);
}

#[test]
fn keys_for_which_a_signature_fits_every_message_are_not_sound() {
    for torsion in &EIGHT_TORSION {
        assert!(!is_sound_key(&torsion.compress().to_bytes()));
    }
    assert!(is_sound_key(&pair(1).1));
    // Not on the curve.
    assert!((0..=255).any(|first| {
        let mut key = [0; KEY_BYTES];
        key[0] = first;
        CompressedEdwardsY(key).decompress().is_none() && !is_sound_key(&key)
    }));
}

proptest! {
    #[test]
    fn all_are_valid_if_each_is(
        made_by in prop::collection::vec(0_u8..4, 1..40),
        bent in prop::option::of(0_usize..40),
        seed: u64,
    ) {
        let mut signatures: Vec<AuthorSignature> = made_by
            .iter()
            .enumerate()
            .map(|(at, seed)| made(*seed, &at.to_le_bytes()))
            .collect();
        if let Some(bent) = bent {
            let (at, seed) = (bent % made_by.len(), made_by[bent % made_by.len()]);
            let (pair, public) = pair(seed);
            let signature = pair.sign(b"something else");
            signatures[at] = AuthorSignature::new(&public, signature.as_ref(), b"this").unwrap();
        }
        let each = signatures.iter().cloned().all(AuthorSignature::is_valid);
        prop_assert_eq!(each, bent.is_none());
        prop_assert_eq!(are_all_valid(signatures, Counter(seed)), each);
    }
}
