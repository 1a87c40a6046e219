//! Authors' signatures over commands: Ed25519 (RFC 8032) by the validation rules of ZIP 215.
//!
//! Those rules are the ones under which checking many signatures together and checking each alone
//! always agree, so that what a busy server took is what `hereby verify` accepts. For every
//! signature that was made as RFC 8032 says, they agree with any other verifier. Notes and
//! checkpoints, which others' tools read, are checked by `note`. See docs/design/0006.

use curve25519_dalek::edwards::CompressedEdwardsY;
use ed25519_zebra::batch::{Item, Verifier};
use ed25519_zebra::{Signature, VerificationKeyBytes};
use rand_core::CryptoRng;

use crate::note::KEY_BYTES;

/// A signature with the key that should have made it and the message it should be over.
#[derive(Clone, Debug)]
pub struct AuthorSignature(Item);

impl AuthorSignature {
    /// `None`: it has not the length of a signature, 64 bytes.
    #[must_use]
    pub fn new(key: &[u8; KEY_BYTES], signature: &[u8], message: &[u8]) -> Option<Self> {
        let signature = Signature::from_slice(signature).ok()?;
        let key = VerificationKeyBytes::from(*key);
        Some(Self(Item::from((key, signature, message))))
    }

    /// Whether this key made it over this message.
    #[must_use]
    pub fn is_valid(self) -> bool {
        self.0.verify_single().is_ok()
    }
}

/// Whether all of them are valid, in a third of the time that each alone would take. The random
/// numbers must be unpredictable to whoever made the signatures.
pub fn are_all_valid(
    signatures: impl IntoIterator<Item = AuthorSignature>,
    random: impl CryptoRng,
) -> bool {
    let mut all = Verifier::new();
    for signature in signatures {
        all.queue(signature.0);
    }
    all.verify(random).is_ok()
}

/// Whether signatures of this key say who signed: not when it is no point of the curve, nor when
/// it is one of the few for which a signature fits every message.
#[must_use]
pub fn is_sound_key(key: &[u8; KEY_BYTES]) -> bool {
    let point = CompressedEdwardsY(*key).decompress();
    point.is_some_and(|point| !point.is_small_order())
}

#[cfg(test)]
mod tests;
