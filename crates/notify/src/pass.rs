//! Passes: what stands in a link that a stranger gets, so that nothing need be kept of strangers.
//!
//! A pass says what it is for, until when, and what was asked. It is encrypted and authenticated
//! under a key that only hereby has (AES-256-GCM, NIST SP 800-38D), so that nobody makes one, and
//! whoever sees the link does not read an address in it.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest pass, in characters.
pub const PASS_CHARACTERS_MAX: usize = 4_096;

const NONCE_BYTES: usize = 12;

/// The key of passes: 32 secret bytes. It never shows itself.
#[derive(Clone)]
pub struct PassKey([u8; 32]);

/// A text that is no pass, or one of another key or purpose, or was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this link is not whole, or not one of ours")]
pub struct BadPass;

impl fmt::Debug for PassKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PassKey(…)")
    }
}

impl PassKey {
    /// The key with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> PassKey {
        PassKey(bytes)
    }

    /// Another key, for this purpose and name: the same again for the same.
    pub fn derive(&self, purpose: &str, name: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        context.update(purpose.as_bytes());
        context.update(b"\0");
        context.update(name.as_bytes());
        let mut bytes = [0; 32];
        for (slot, byte) in bytes.iter_mut().zip(context.sign().as_ref()) {
            *slot = *byte;
        }
        bytes
    }

    fn cipher(&self) -> LessSafeKey {
        let key = self.derive("hereby/pass/1 encrypt", "");
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).expect("the key has 32 bytes"))
    }

    /// A pass for `purpose` that says `what`. The nonce is never used twice: it is random, or
    /// follows from all that is said.
    ///
    /// # Errors
    /// When `what` can't be written, or the pass would be too long.
    pub fn seal(
        &self,
        purpose: &str,
        what: &impl Serialize,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<String, BadPass> {
        let mut text = serde_json::to_vec(what).map_err(|_| BadPass)?;
        let sealed = self.cipher().seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(purpose.as_bytes()),
            &mut text,
        );
        sealed.map_err(|_| BadPass)?;
        let mut bytes = nonce.to_vec();
        bytes.append(&mut text);
        let pass = URL_SAFE_NO_PAD.encode(bytes);
        match pass.len() <= PASS_CHARACTERS_MAX {
            true => Ok(pass),
            false => Err(BadPass),
        }
    }

    /// A pass that is the same again for the same purpose and words.
    ///
    /// # Errors
    /// As [`PassKey::seal`].
    pub fn seal_the_same(&self, purpose: &str, what: &impl Serialize) -> Result<String, BadPass> {
        let text = serde_json::to_string(what).map_err(|_| BadPass)?;
        let digest = self.derive(&format!("hereby/pass/1 nonce {purpose}"), &text);
        let nonce = digest.first_chunk().copied().unwrap_or_default();
        self.seal(purpose, what, nonce)
    }

    /// What a pass says.
    ///
    /// # Errors
    /// [`BadPass`] for everything that this key did not seal for this purpose.
    pub fn open<T: DeserializeOwned>(&self, purpose: &str, pass: &str) -> Result<T, BadPass> {
        if pass.len() > PASS_CHARACTERS_MAX {
            return Err(BadPass);
        }
        let bytes = URL_SAFE_NO_PAD.decode(pass).map_err(|_| BadPass)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(BadPass)?;
        let mut sealed = sealed.to_vec();
        let opened = self.cipher().open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(purpose.as_bytes()),
            &mut sealed,
        );
        serde_json::from_slice(opened.map_err(|_| BadPass)?).map_err(|_| BadPass)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> PassKey {
        PassKey::from_bytes([3; 32])
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_for_its_purpose_and_no_other(what in ".{0,300}", nonce in any::<[u8; 12]>()) {
            let pass = key().seal("confirm", &what, nonce).unwrap();
            prop_assert_eq!(key().open::<String>("confirm", &pass), Ok(what.clone()));
            prop_assert_eq!(key().open::<String>("manage", &pass), Err(BadPass));
            let other = PassKey::from_bytes([4; 32]);
            prop_assert_eq!(other.open::<String>("confirm", &pass), Err(BadPass));
            prop_assert!(what.len() < 4 || !pass.contains(&what), "it is not readable");
        }

        #[test]
        fn a_changed_pass_opens_nowhere(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
            let pass = key().seal_the_same("confirm", &"sam@example.org").unwrap();
            let mut changed: Vec<u8> = pass.clone().into_bytes();
            let at = at.index(changed.len());
            changed[at] = to.as_bytes()[0];
            let changed = String::from_utf8(changed).unwrap();
            prop_assume!(changed != pass);
            prop_assert_eq!(key().open::<String>("confirm", &changed), Err(BadPass));
        }

        #[test]
        fn any_text_is_a_pass_or_not_and_never_a_panic(text in ".{0,500}") {
            let _ = key().open::<String>("confirm", &text);
        }
    }

    #[test]
    fn a_pass_has_a_bound() {
        let long = "x".repeat(PASS_CHARACTERS_MAX);
        assert_eq!(key().seal("confirm", &long, [0; 12]), Err(BadPass));
        assert_eq!(key().open::<String>("confirm", &long), Err(BadPass));
    }
}
