//! SHA-256 as the record uses it: leaf and node hashes of RFC 6962 §2.1, and base64 as their text.
//!
//! The prefix bytes 0x00 (leaf) and 0x01 (node) keep an entry from ever being read as an inner
//! node. No other hash function exists here, on purpose: C2SP `tlog-tiles` fixes SHA-256.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Bytes in a hash.
pub const HASH_BYTES: usize = 32;

/// Characters in a hash's text: 32 bytes in padded standard base64.
pub const HASH_CHARS: usize = 44;

/// Entries up to this size are hashed from one stack buffer, which costs a short copy and saves
/// two calls into the digest's streaming interface. Most acts are shorter.
const ONE_SHOT_BYTES_MAX: usize = 1024;

/// One SHA-256 value: a leaf, a node, a root or a digest of something else.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; HASH_BYTES]);

/// The root of the tree without entries: SHA-256 of nothing (RFC 6962 §2.1).
pub const EMPTY_ROOT: Hash = Hash([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// The text is not the one way to write a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 44 characters of padded standard base64 that encode 32 bytes")]
pub struct BadHash;

/// The hash of a leaf: `SHA-256(0x00 || entry)`.
#[must_use]
pub fn leaf(entry: &[u8]) -> Hash {
    let mut buffer = [0_u8; 1 + ONE_SHOT_BYTES_MAX];
    match buffer.get_mut(1..=entry.len()) {
        Some(room) => {
            room.copy_from_slice(entry);
            one_shot(
                buffer
                    .get(..=entry.len())
                    .expect("the mutable slice above was longer"),
            )
        }
        None => sha256(&[&[0x00], entry]),
    }
}

/// The hash of an inner node: `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node(left: &Hash, right: &Hash) -> Hash {
    let mut buffer = [0x01_u8; 1 + 2 * HASH_BYTES];
    let (_prefix, children) = buffer.split_at_mut(1);
    let (to_left, to_right) = children.split_at_mut(HASH_BYTES);
    to_left.copy_from_slice(&left.0);
    to_right.copy_from_slice(&right.0);
    one_shot(&buffer)
}

/// SHA-256 of the parts, one after another without separators. Callers whose parts vary in length
/// separate them themselves.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    from_digest(&context.finish())
}

fn one_shot(bytes: &[u8]) -> Hash {
    from_digest(&digest::digest(&digest::SHA256, bytes))
}

fn from_digest(digest: &digest::Digest) -> Hash {
    Hash(digest.as_ref().try_into().expect("SHA-256 yields 32 bytes"))
}

impl Hash {
    /// The hash's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Base64Display::new(&self.0, &STANDARD).fmt(f)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.to_string();
        write!(f, "Hash({}…)", text.get(..8).unwrap_or(&text))
    }
}

impl FromStr for Hash {
    type Err = BadHash;

    /// Accepts what [`Display`](fmt::Display) writes and nothing else: padding is required and
    /// the two unused bits of the last character are zero.
    fn from_str(text: &str) -> Result<Self, BadHash> {
        if text.len() != HASH_CHARS {
            return Err(BadHash);
        }
        // 44 characters may decode to 33 bytes if the last one is no padding.
        let mut bytes = [0_u8; HASH_BYTES + 1];
        let length = STANDARD
            .decode_slice(text, &mut bytes)
            .map_err(|_| BadHash)?;
        if length != HASH_BYTES {
            return Err(BadHash);
        }
        let (bytes, _) = bytes.split_first_chunk().expect("33 bytes begin with 32");
        Ok(Self(*bytes))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FromText;
        impl de::Visitor<'_> for FromText {
            type Value = Hash;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a SHA-256 hash in base64")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Hash, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(FromText)
    }
}

#[cfg(test)]
mod tests;
