//! The keys that sign and verify notes, in C2SP `signed-note`'s encodings: vkey and skey.
//!
//! Two of the specification's signature types are here, Ed25519 and (with `cosignature`)
//! timestamped Ed25519 cosignatures. Where keys are stored, and where seeds come from, is not
//! decided here.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{BadNote, Note, NoteSignature, check_text};
use crate::checkpoint::BadCheckpoint;
use crate::cosignature;
use crate::hash;

/// Bytes in an Ed25519 public key and in its seed (RFC 8032 §5.1.5).
pub const KEY_BYTES: usize = 32;

const SKEY_PREFIX: &str = "PRIVATE+KEY+";

/// Whether this can name a key: not empty, no Unicode spaces, no plus, no control characters.
#[must_use]
pub fn is_key_name(name: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c == '+' || c < ' ';
    !name.is_empty() && !name.contains(forbidden)
}

/// The kinds of signature that are understood, with the type bytes that the specification assigns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Algorithm {
    /// Ed25519 over the text.
    Ed25519 = 0x01,
    /// Ed25519 over a checkpoint and the time it was seen; see [`cosignature`].
    CosignatureV1 = 0x04,
}

impl Algorithm {
    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Ed25519, Self::CosignatureV1]
            .into_iter()
            .find(|known| *known as u8 == byte)
    }
}

/// The text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Not `name+id+key`, or the name, the id or the base64 is malformed.
    #[error("a key is written as its name, its id in 8 hex digits and its base64, joined by '+'")]
    Format,
    /// A signature type that is not understood.
    #[error("the key has signature type 0x{0:02x}; 0x01 and 0x04 are understood")]
    Algorithm(u8),
    /// Not 32 bytes after the type byte.
    #[error("an Ed25519 key has {KEY_BYTES} bytes, not {0}")]
    Length(usize),
    /// The id is not the one that follows from name, type and key: a typing error, most likely.
    #[error("the key's id does not match its name and key")]
    Id,
}

/// A signature, or a whole note, is not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// No signature line names the key.
    #[error("no trusted key has signed the note")]
    NotSigned,
    /// A line names the key, and its signature is not by that key over that text.
    #[error("the signature of {name} is not valid")]
    BadSignature { name: String },
}

/// A public key with its name: what is needed to verify signatures.
///
/// Written as a *vkey*, `name+id+base64`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: String,
    key_id: u32,
    algorithm: Algorithm,
    public: [u8; KEY_BYTES],
}

impl VerifierKey {
    /// A key from its parts.
    ///
    /// # Errors
    /// If the name is no key name.
    pub fn new(name: &str, algorithm: Algorithm, public: [u8; KEY_BYTES]) -> Result<Self, BadKey> {
        if !is_key_name(name) {
            return Err(BadKey::Format);
        }
        let key_id = key_id(name, algorithm, &public);
        Ok(Self {
            name: name.to_owned(),
            key_id,
            algorithm,
            public,
        })
    }

    /// The key's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of the hash over name, type and key.
    #[must_use]
    pub fn key_id(&self) -> u32 {
        self.key_id
    }

    /// What its signatures are over.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The Ed25519 public key (RFC 8032 §5.1.5).
    #[must_use]
    pub fn public_key(&self) -> &[u8; KEY_BYTES] {
        &self.public
    }

    /// Whether the signature line says that it is by this key.
    #[must_use]
    pub fn is_named_by(&self, signature: &NoteSignature) -> bool {
        self.key_id == signature.key_id && self.name == signature.name
    }

    /// Checks one signature over a text.
    ///
    /// # Errors
    /// If the line names another key, or the signature is not valid.
    pub fn verify(&self, text: &str, signature: &NoteSignature) -> Result<(), Unverified> {
        match self.algorithm {
            Algorithm::Ed25519 if self.is_named_by(signature) => {
                self.verify_bytes(text.as_bytes(), signature.bytes())
            }
            Algorithm::Ed25519 => Err(Unverified::NotSigned),
            Algorithm::CosignatureV1 => cosignature::verify(self, text, signature).map(drop),
        }
    }

    /// Checks an Ed25519 signature over bytes.
    pub(crate) fn verify_bytes(&self, message: &[u8], signature: &[u8]) -> Result<(), Unverified> {
        UnparsedPublicKey::new(&ED25519, &self.public)
            .verify(message, signature)
            .map_err(|_| Unverified::BadSignature {
                name: self.name.clone(),
            })
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = encode_key(self.algorithm, &self.public);
        write!(f, "{}+{:08x}+{encoded}", self.name, self.key_id)
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl FromStr for VerifierKey {
    type Err = BadKey;

    fn from_str(vkey: &str) -> Result<Self, BadKey> {
        let (name, key_id, algorithm, public) = split_key(vkey)?;
        let key = Self::new(name, algorithm, public)?;
        if key.key_id == key_id {
            Ok(key)
        } else {
            Err(BadKey::Id)
        }
    }
}

/// Splits `name+id+base64`. The base64 may contain a plus itself, the name may not.
fn split_key(text: &str) -> Result<(&str, u32, Algorithm, [u8; KEY_BYTES]), BadKey> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(BadKey::Format);
    };
    let key_id = u32::from_str_radix(id, 16).map_err(|_| BadKey::Format)?;
    if !is_key_name(name) || format!("{key_id:08x}") != id {
        return Err(BadKey::Format);
    }
    let mut bytes = STANDARD.decode(encoded).map_err(|_| BadKey::Format)?;
    let key = typed_key(&bytes);
    // It may have been a private one.
    clear(&mut bytes);
    let (algorithm, key) = key?;
    Ok((name, key_id, algorithm, key))
}

fn typed_key(bytes: &[u8]) -> Result<(Algorithm, [u8; KEY_BYTES]), BadKey> {
    let (algorithm, key) = bytes.split_first().ok_or(BadKey::Format)?;
    let algorithm = Algorithm::from_byte(*algorithm).ok_or(BadKey::Algorithm(*algorithm))?;
    Ok((
        algorithm,
        key.try_into().map_err(|_| BadKey::Length(key.len()))?,
    ))
}

fn encode_key(algorithm: Algorithm, key: &[u8]) -> String {
    let mut bytes = [&[algorithm as u8], key].concat();
    let encoded = STANDARD.encode(&bytes);
    // It may have been a private one.
    clear(&mut bytes);
    encoded
}

fn key_id(name: &str, algorithm: Algorithm, public: &[u8; KEY_BYTES]) -> u32 {
    let hash = hash::sha256(&[name.as_bytes(), b"\n", &[algorithm as u8], public]);
    let (id, _) = hash.0.split_first_chunk().expect("a hash has 32 bytes");
    u32::from_be_bytes(*id)
}

/// A private key with its name: what is needed to sign.
///
/// Written as an *skey*, `PRIVATE+KEY+name+id+base64`. The seed lives in the cryptographic
/// library's key, which clears it when it is dropped.
pub struct SignerKey {
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

impl SignerKey {
    /// The key that follows from a seed of 32 random bytes (RFC 8032 §5.1.5).
    ///
    /// # Errors
    /// If the name is no key name.
    pub fn from_seed(
        name: &str,
        algorithm: Algorithm,
        mut seed: [u8; KEY_BYTES],
    ) -> Result<Self, BadKey> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed);
        clear(&mut seed);
        let pair = pair.map_err(|_| BadKey::Length(KEY_BYTES))?;
        let public = pair
            .public_key()
            .as_ref()
            .try_into()
            .map_err(|_| BadKey::Format)?;
        Ok(Self {
            pair,
            verifier: VerifierKey::new(name, algorithm, public)?,
        })
    }

    /// Reads an skey. The caller clears the text.
    ///
    /// # Errors
    /// If the text is not a private key, or its id is not the one of its seed.
    pub fn parse(skey: &str) -> Result<Self, BadKey> {
        let rest = skey.strip_prefix(SKEY_PREFIX).ok_or(BadKey::Format)?;
        let (name, key_id, algorithm, seed) = split_key(rest)?;
        let key = Self::from_seed(name, algorithm, seed)?;
        if key.verifier.key_id == key_id {
            Ok(key)
        } else {
            Err(BadKey::Id)
        }
    }

    /// Writes the private key as an skey, to be stored where only its owner reads.
    #[must_use]
    pub fn to_skey(&self) -> String {
        let seed = self.pair.seed().expect("a key made from its seed has it");
        let seed = seed.as_be_bytes().expect("a seed is bytes already");
        let VerifierKey {
            name,
            key_id,
            algorithm,
            ..
        } = &self.verifier;
        let encoded = encode_key(*algorithm, seed.as_ref());
        format!("{SKEY_PREFIX}{name}+{key_id:08x}+{encoded}")
    }

    /// The key that verifies what this one signs.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Signs a text.
    ///
    /// # Errors
    /// If the text cannot be a note's, or this key makes cosignatures, which need a time:
    /// see [`cosignature::cosign`].
    pub fn sign(&self, text: &str) -> Result<NoteSignature, CannotSign> {
        if self.verifier.algorithm != Algorithm::Ed25519 {
            return Err(CannotSign::OtherAlgorithm);
        }
        check_text(text)?;
        Ok(self.signature(self.sign_bytes(text.as_bytes())))
    }

    /// Signs a text and makes a note of both.
    ///
    /// # Errors
    /// As [`SignerKey::sign`], and if the text is too long for a note.
    pub fn sign_note(&self, text: String) -> Result<Note, CannotSign> {
        let signature = self.sign(&text)?;
        Ok(Note::new(text, vec![signature])?)
    }

    pub(crate) fn sign_bytes(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }

    /// The line that carries these signature bytes under this key's name.
    pub(crate) fn signature(&self, bytes: Vec<u8>) -> NoteSignature {
        NoteSignature {
            name: self.verifier.name.clone(),
            key_id: self.verifier.key_id,
            bytes,
        }
    }
}

impl fmt::Debug for SignerKey {
    /// Only the public half.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignerKey({}, private half not shown)", self.verifier)
    }
}

/// A key cannot sign this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotSign {
    /// The key's signatures are of another kind.
    #[error("the key makes another kind of signature")]
    OtherAlgorithm,
    /// The text can be no note's.
    #[error(transparent)]
    Text(#[from] BadNote),
    /// A cosignature is asked for over what is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] BadCheckpoint),
    /// A log signs checkpoints under its own name only.
    #[error("the key of {name} does not sign checkpoints of {origin}")]
    Origin { origin: String, name: String },
    /// The time is zero or does not fit.
    #[error("a cosignature's time is between 1 s and 2^63 - 1 s after the epoch, not {0} s")]
    Time(u64),
}

/// Overwrites a secret. The compiler is told that the zeroes are looked at, so that it does not
/// drop the writes; without unsafe code there is no stronger promise.
fn clear(secret: &mut [u8]) {
    secret.fill(0);
    std::hint::black_box(secret);
}
