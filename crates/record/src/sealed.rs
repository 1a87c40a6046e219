//! Text that can be made unreadable later without changing a byte of the record.
//!
//! A short list of fields is written encrypted under a key that is kept outside the record, one
//! key per incident or per person. Erasing the key erases the text; the entry, its hash and every
//! proof stay as they were. AES-256-GCM (NIST SP 800-38D); the nonce is derived, so that sealing
//! needs no randomness: see [`seal`].

mod file;

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base::{ActId, CommandDigest, KeyRef};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use file::SealedFile;

/// Text as it stands on the record: readable, or sealed under a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Sealable<T> {
    /// Readable by everyone who may read the entry.
    Open(T),
    /// Readable while the key exists.
    Sealed(Sealed),
}

/// Encrypted text and the name of the key that opens it.
///
/// On the record: `{"sealed":{"ct":BASE64,"key":"incident/INC-7"}}`, where `ct` is the 12-byte
/// nonce, the ciphertext and the 16-byte tag.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    ct: Box<str>,
    /// Which key of the keystore opens it.
    pub key: KeyRef,
}

/// A key of the keystore: 32 secret bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct SubjectKey([u8; 32]);

impl fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubjectKey(…)")
    }
}

impl Drop for SubjectKey {
    fn drop(&mut self) {
        // The compiler may keep copies; this shortens, it does not end, the secret's life.
        self.0 = std::hint::black_box([0; 32]);
    }
}

/// Why sealed text could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotOpen {
    /// Wrong key, or the ciphertext was changed or moved to another act or field.
    #[error("the sealed text does not open with this key here: changed, moved, or another key")]
    Mismatch,
    /// What opened is not text of the expected form.
    #[error("the sealed text opened, but is not of the form its field has")]
    Form,
}

/// Where a sealed text stands. It opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The act that holds it.
    pub act: ActId,
    /// The digest of the act's command.
    pub digest: CommandDigest,
    /// The field: `body.text`, `why`.
    pub field: &'a str,
}

impl SubjectKey {
    /// The key with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> SubjectKey {
        SubjectKey(bytes)
    }

    /// The bytes, for the keystore and nobody else.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    fn derive(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        context.update(purpose.as_bytes());
        for part in parts {
            context.update(part);
        }
        let mut out = [0; 32];
        for (slot, byte) in out.iter_mut().zip(context.sign().as_ref()) {
            *slot = *byte;
        }
        out
    }

    fn cipher(&self) -> LessSafeKey {
        let key = self.derive("hereby/seal/1 encrypt\0", &[]);
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).expect("the key has 32 bytes"))
    }
}

fn associated(place: &Place<'_>) -> Vec<u8> {
    let mut aad = b"hereby/sealed/1\0".to_vec();
    aad.extend_from_slice(place.act.as_bytes());
    aad.extend_from_slice(place.field.as_bytes());
    aad
}

/// Encrypts `text` for one field of one act.
///
/// The nonce is an HMAC of the place and the text under a key derived for that purpose, so the
/// same nonce is used twice only for the same text in the same place.
pub fn seal(key: &SubjectKey, name: &KeyRef, place: &Place<'_>, text: &str) -> Sealed {
    let parts = [
        place.act.as_bytes().as_slice(),
        place.digest.as_bytes(),
        &(place.field.len() as u64).to_be_bytes(),
        place.field.as_bytes(),
        text.as_bytes(),
    ];
    let mut nonce = [0; 12];
    for (slot, byte) in nonce
        .iter_mut()
        .zip(key.derive("hereby/seal/1 nonce\0", &parts))
    {
        *slot = byte;
    }
    let mut sealed = text.as_bytes().to_vec();
    key.cipher()
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(associated(place)),
            &mut sealed,
        )
        .expect("an entry is far shorter than AES-GCM's limit");
    let mut ct = nonce.to_vec();
    ct.append(&mut sealed);
    Sealed {
        ct: STANDARD.encode(ct).into(),
        key: name.clone(),
    }
}

impl Sealed {
    /// Decrypts what [`seal`] wrote for the same place.
    ///
    /// # Errors
    /// [`CannotOpen::Mismatch`] for any other key, place or ciphertext.
    pub fn open(&self, key: &SubjectKey, place: &Place<'_>) -> Result<String, CannotOpen> {
        let bytes = STANDARD
            .decode(self.ct.as_bytes())
            .map_err(|_| CannotOpen::Mismatch)?;
        let (nonce, sealed) = bytes
            .split_first_chunk::<12>()
            .ok_or(CannotOpen::Mismatch)?;
        let mut sealed = sealed.to_vec();
        let plain = key
            .cipher()
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(associated(place)),
                &mut sealed,
            )
            .map_err(|_| CannotOpen::Mismatch)?;
        String::from_utf8(plain.to_vec()).map_err(|_| CannotOpen::Form)
    }
}

impl<T: FromStr + fmt::Display> Sealable<T> {
    /// Seals the text if it is readable; what is sealed already stays as it is.
    pub fn seal(&mut self, key: &SubjectKey, name: &KeyRef, place: &Place<'_>) {
        if let Sealable::Open(text) = self {
            *self = Sealable::Sealed(seal(key, name, place, &text.to_string()));
        }
    }

    /// Opens the text if it is sealed under `key`.
    ///
    /// # Errors
    /// See [`CannotOpen`]; the text stays sealed.
    pub fn open(&mut self, key: &SubjectKey, place: &Place<'_>) -> Result<(), CannotOpen> {
        if let Sealable::Sealed(sealed) = self {
            let text = sealed.open(key, place)?;
            *self = Sealable::Open(text.parse().map_err(|_| CannotOpen::Form)?);
        }
        Ok(())
    }
}

impl<T> Sealable<T> {
    /// The text, if it is readable.
    pub fn readable(&self) -> Option<&T> {
        match self {
            Sealable::Open(text) => Some(text),
            Sealable::Sealed(_) => None,
        }
    }

    /// The key that opens it, if it is sealed.
    pub fn key(&self) -> Option<&KeyRef> {
        match self {
            Sealable::Open(_) => None,
            Sealable::Sealed(sealed) => Some(&sealed.key),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Sealable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sealable::Open(text) => text.fmt(f),
            Sealable::Sealed(sealed) => write!(f, "(sealed under {})", sealed.key),
        }
    }
}

#[derive(Serialize)]
struct Tagged<'a> {
    sealed: &'a Sealed,
}

impl<T: Serialize> Serialize for Sealable<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Sealable::Open(text) => text.serialize(serializer),
            Sealable::Sealed(sealed) => Tagged { sealed }.serialize(serializer),
        }
    }
}

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Sealable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(std::marker::PhantomData<T>);
        impl<'de, T: FromStr<Err: fmt::Display>> Visitor<'de> for Either<T> {
            type Value = Sealable<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, or {\"sealed\":{\"ct\":…,\"key\":…}}")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                text.parse().map(Sealable::Open).map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                match map.next_key::<&str>()? {
                    Some("sealed") => {}
                    _ => return Err(A::Error::custom("`sealed` expected")),
                }
                let sealed = map.next_value()?;
                match map.next_key::<&str>()? {
                    None => Ok(Sealable::Sealed(sealed)),
                    Some(_) => Err(A::Error::custom("nothing but `sealed` expected")),
                }
            }
        }
        deserializer.deserialize_any(Either(std::marker::PhantomData))
    }
}

impl<T> From<T> for Sealable<T> {
    fn from(text: T) -> Sealable<T> {
        Sealable::Open(text)
    }
}

#[cfg(test)]
mod tests;
