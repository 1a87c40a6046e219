//! Signed text, as C2SP `signed-note` defines it, and the keys that sign and verify it.
//!
//! A note is text that ends in a newline, a blank line, and signature lines that begin with an em
//! dash. [`Note::parse`] only reads: the text means nothing until [`Note::verify`] has found a good
//! signature by a key that the caller trusts. Two of the specification's signature types are here,
//! Ed25519 and (with `cosignature`) timestamped Ed25519 cosignatures; lines of other types are
//! kept and ignored. Where keys are stored and which are trusted is not decided here.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::cosignature;
use crate::hash;

/// The longest note that is read, in bytes. The specification asks for room for 16 signatures, and
/// post-quantum ones have up to 5 kB, 7 kB in base64.
pub const NOTE_BYTES_MAX: usize = 128 * 1024;

/// The most signatures that are read in one note.
pub const SIGNATURES_MAX: usize = 100;

/// Bytes in an Ed25519 public key and in its seed (RFC 8032 §5.1.5).
pub const KEY_BYTES: usize = 32;

const SKEY_PREFIX: &str = "PRIVATE+KEY+";
const SIGNATURE_PREFIX: &str = "— ";

/// The text is no note, or cannot become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadNote {
    /// Longer than [`NOTE_BYTES_MAX`].
    #[error("the note has {0} bytes, more than {NOTE_BYTES_MAX}")]
    TooLong(usize),
    /// Not UTF-8, or a control character other than newline.
    #[error("a note is UTF-8 without control characters other than newline")]
    Characters,
    /// No blank line, so there is nothing that could be signatures.
    #[error("the note has no blank line between its text and its signatures")]
    NoSignatures,
    /// The text does not end in a newline.
    #[error("the text of a note ends in a newline")]
    Unterminated,
    /// A signature line is not "em dash, space, name, space, base64, newline".
    #[error("line {0} after the note's text is not a signature")]
    SignatureLine(usize),
    /// More than [`SIGNATURES_MAX`].
    #[error("a note has at most {SIGNATURES_MAX} signatures")]
    TooManySignatures,
    /// The key name is empty, or has a space, a plus or a control character.
    #[error("a key name is not empty and has no spaces, plus signs or control characters")]
    Name,
    /// A signature without any bytes.
    #[error("a signature has at least one byte after its key id")]
    EmptySignature,
}

/// A text and who signed it, well formed but not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    key_id: u32,
    bytes: Vec<u8>,
}

impl Note {
    /// A note of this text with these signatures.
    ///
    /// # Errors
    /// If the text does not end in a newline or has control characters, there is no signature, or
    /// there are too many, or the whole is too long.
    pub fn new(text: String, signatures: Vec<NoteSignature>) -> Result<Self, BadNote> {
        check_text(&text)?;
        if signatures.is_empty() {
            return Err(BadNote::NoSignatures);
        }
        if signatures.len() > SIGNATURES_MAX {
            return Err(BadNote::TooManySignatures);
        }
        let note = Self { text, signatures };
        let length = note.to_string().len();
        if length > NOTE_BYTES_MAX {
            Err(BadNote::TooLong(length))
        } else {
            Ok(note)
        }
    }

    /// Reads a note. What it accepts is what [`Display`](fmt::Display) writes, byte for byte.
    ///
    /// # Errors
    /// If the bytes are not a well-formed note within the limits.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadNote> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(BadNote::TooLong(bytes.len()));
        }
        let note = str::from_utf8(bytes).map_err(|_| BadNote::Characters)?;
        check_characters(note)?;
        // The text may have blank lines itself: the last one separates.
        let separator = note.rfind("\n\n").ok_or(BadNote::NoSignatures)?;
        let (text, rest) = note.split_at(separator + 1);
        let lines = rest.strip_prefix('\n').ok_or(BadNote::NoSignatures)?;
        Ok(Self {
            text: text.to_owned(),
            signatures: parse_signature_lines(lines)?,
        })
    }

    /// The signed text, with its final newline.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures in their order, verified or not.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The same note with more signatures; those it already has are not repeated.
    ///
    /// # Errors
    /// If there are then too many, or the note is too long.
    pub fn with_signatures(
        mut self,
        more: impl IntoIterator<Item = NoteSignature>,
    ) -> Result<Self, BadNote> {
        for signature in more {
            if !self.signatures.contains(&signature) {
                self.signatures.push(signature);
            }
        }
        Self::new(self.text, self.signatures)
    }

    /// Verifies the note by the keys that the caller trusts, and tells which of them signed it,
    /// in the order of the signature lines.
    ///
    /// Lines by other keys are ignored, but no line that names a trusted key may fail.
    ///
    /// # Errors
    /// If no trusted key signed the note, or a signature under a trusted key's name and id is bad.
    pub fn verify<'n, 'k>(
        &'n self,
        trusted: &'k [VerifierKey],
    ) -> Result<Vec<(&'k VerifierKey, &'n NoteSignature)>, Unverified> {
        let mut good = Vec::new();
        for signature in &self.signatures {
            for key in trusted.iter().filter(|key| key.is_named_by(signature)) {
                key.verify(&self.text, signature)?;
                good.push((key, signature));
            }
        }
        if good.is_empty() {
            Err(Unverified::NotSigned)
        } else {
            Ok(good)
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        f.write_str("\n")?;
        self.signatures
            .iter()
            .try_for_each(|signature| signature.fmt(f))
    }
}

/// Reads signature lines, each ended by a newline: the end of a note, or a witness's answer.
///
/// # Errors
/// If there is none, there are too many, or a line is malformed.
pub fn parse_signature_lines(lines: &str) -> Result<Vec<NoteSignature>, BadNote> {
    let lines = lines.strip_suffix('\n').ok_or(BadNote::NoSignatures)?;
    let mut signatures = Vec::new();
    for (at, line) in lines.split('\n').enumerate() {
        if at == SIGNATURES_MAX {
            return Err(BadNote::TooManySignatures);
        }
        signatures.push(parse_signature(line).ok_or(BadNote::SignatureLine(at + 1))?);
    }
    Ok(signatures)
}

fn parse_signature(line: &str) -> Option<NoteSignature> {
    let (name, encoded) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
    let bytes = STANDARD.decode(encoded).ok()?;
    let (key_id, signature) = bytes.split_first_chunk()?;
    NoteSignature::new(name, u32::from_be_bytes(*key_id), signature.to_vec()).ok()
}

impl NoteSignature {
    /// A signature by the key of this name and id.
    ///
    /// # Errors
    /// If the name is no key name, or there are no bytes.
    pub fn new(name: &str, key_id: u32, bytes: Vec<u8>) -> Result<Self, BadNote> {
        if !is_key_name(name) {
            return Err(BadNote::Name);
        }
        if bytes.is_empty() {
            return Err(BadNote::EmptySignature);
        }
        Ok(Self {
            name: name.to_owned(),
            key_id,
            bytes,
        })
    }

    /// The name of the key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the key.
    #[must_use]
    pub fn key_id(&self) -> u32 {
        self.key_id
    }

    /// The signature itself, whose form depends on the key's type.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Display for NoteSignature {
    /// The whole line, with its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = STANDARD.encode([&self.key_id.to_be_bytes(), self.bytes.as_slice()].concat());
        writeln!(f, "{SIGNATURE_PREFIX}{} {encoded}", self.name)
    }
}

fn check_text(text: &str) -> Result<(), BadNote> {
    check_characters(text)?;
    if text.ends_with('\n') {
        Ok(())
    } else {
        Err(BadNote::Unterminated)
    }
}

fn check_characters(text: &str) -> Result<(), BadNote> {
    let forbidden = |byte: u8| byte < 0x20 && byte != b'\n';
    if text.bytes().any(forbidden) {
        Err(BadNote::Characters)
    } else {
        Ok(())
    }
}

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
        let seed =
            aws_lc_rs::encoding::AsBigEndian::as_be_bytes(&seed).expect("a seed is bytes already");
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
    Checkpoint(#[from] crate::checkpoint::BadCheckpoint),
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

#[cfg(test)]
mod tests;
