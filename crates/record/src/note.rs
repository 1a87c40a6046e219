//! Signed text, as C2SP `signed-note` defines it, and the keys that sign and verify it.
//!
//! A note is text that ends in a newline, a blank line, and signature lines that begin with an em
//! dash. [`Note::parse`] only reads: the text means nothing until [`Note::verify`] has found a good
//! signature by a key that the caller trusts. Lines by other keys are kept and ignored. Which keys
//! are trusted is not decided here.

mod key;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use key::{
    Algorithm, BadKey, CannotSign, KEY_BYTES, SignerKey, Unverified, VerifierKey, is_key_name,
};

/// The longest note that is read, in bytes. The specification asks for room for 16 signatures, and
/// post-quantum ones have up to 5 kB, 7 kB in base64.
pub const NOTE_BYTES_MAX: usize = 128 * 1024;

/// The most signatures that are read in one note.
pub const SIGNATURES_MAX: usize = 100;

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

#[cfg(test)]
mod tests;
