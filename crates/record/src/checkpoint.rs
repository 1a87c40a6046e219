//! Checkpoints, as C2SP `tlog-checkpoint` defines them: the log's signed word on its size and root.
//!
//! The text is the log's name (*origin*), the number of entries, the root, and possibly extension
//! lines. [`SignedCheckpoint`] exists only for text that a known key has signed, so that unsigned
//! sizes and roots cannot be mistaken for the log's. Whether two checkpoints are consistent is
//! `tree`'s question.

use std::fmt;

use crate::hash::Hash;
use crate::note::{BadNote, CannotSign, Note, NoteSignature, SignerKey, Unverified, VerifierKey};
use crate::tree::SIZE_MAX;

/// The text is no checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadCheckpoint {
    /// Fewer than three lines, an empty line, or no final newline.
    #[error("a checkpoint is at least three lines, none empty, each ended by a newline")]
    Lines,
    /// The size is not a plain decimal number that a tree can have.
    #[error("the second line of a checkpoint is the tree's size in decimal")]
    Size,
    /// The root is not base64 of 32 bytes.
    #[error("the third line of a checkpoint is the tree's root in base64")]
    Root,
    /// The origin or an extension line has a control character.
    #[error("a checkpoint's lines have no control characters")]
    Characters,
}

/// A tree's size and root, under the name of its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// A checkpoint without extension lines.
    ///
    /// # Errors
    /// If the origin is empty or has control characters, or the size is above 2^63 - 1.
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Self, BadCheckpoint> {
        Self::with_extensions(origin, size, root, Vec::new())
    }

    /// A checkpoint with extension lines, which nobody audits: the specification advises against.
    ///
    /// # Errors
    /// As [`Checkpoint::new`], and if a line is empty or has control characters.
    pub fn with_extensions(
        origin: &str,
        size: u64,
        root: Hash,
        extensions: Vec<String>,
    ) -> Result<Self, BadCheckpoint> {
        if size > SIZE_MAX {
            return Err(BadCheckpoint::Size);
        }
        for line in std::iter::once(origin).chain(extensions.iter().map(String::as_str)) {
            if line.is_empty() {
                return Err(BadCheckpoint::Lines);
            }
            if line.bytes().any(|byte| byte < 0x20) {
                return Err(BadCheckpoint::Characters);
            }
        }
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root,
            extensions,
        })
    }

    /// Reads a note's text; accepts exactly what [`Checkpoint::to_text`] writes.
    ///
    /// # Errors
    /// If it is no checkpoint.
    pub fn parse_text(text: &str) -> Result<Self, BadCheckpoint> {
        let mut lines = text
            .strip_suffix('\n')
            .ok_or(BadCheckpoint::Lines)?
            .split('\n');
        let mut line = || {
            lines
                .next()
                .filter(|line| !line.is_empty())
                .ok_or(BadCheckpoint::Lines)
        };
        let (origin, size, root) = (line()?, line()?, line()?);
        let size = parse_decimal(size).ok_or(BadCheckpoint::Size)?;
        let root = root.parse().map_err(|_| BadCheckpoint::Root)?;
        Self::with_extensions(origin, size, root, lines.map(str::to_owned).collect())
    }

    /// The text to sign.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.to_string()
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many entries the tree has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree of that size.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.root
    }

    /// Further lines, opaque.
    #[must_use]
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)?;
        self.extensions
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Reads a decimal number as these formats write it: digits only, no leading zeroes, and no larger
/// than a tree can be.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let needless_zero = text.len() > 1 && text.starts_with('0');
    if !digits || needless_zero {
        return None;
    }
    text.parse().ok().filter(|number| *number <= SIZE_MAX)
}

/// A signed note is not the log's checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotOpen {
    /// Not a note at all.
    #[error(transparent)]
    Note(#[from] BadNote),
    /// A note that the log did not sign.
    #[error(transparent)]
    Unverified(#[from] Unverified),
    /// Signed by the log's key, and still no checkpoint.
    #[error(transparent)]
    Text(#[from] BadCheckpoint),
    /// A checkpoint of another log.
    #[error("the checkpoint is of {found}, not of {expected}")]
    Origin { expected: String, found: String },
}

/// A checkpoint that the log has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

impl SignedCheckpoint {
    /// Signs a checkpoint by the log's key.
    ///
    /// # Errors
    /// If the key is not of the Ed25519 type, or its name is not the checkpoint's origin.
    pub fn sign(checkpoint: Checkpoint, key: &SignerKey) -> Result<Self, CannotSign> {
        if key.verifier().name() != checkpoint.origin {
            return Err(CannotSign::Origin {
                origin: checkpoint.origin,
                name: key.verifier().name().to_owned(),
            });
        }
        let note = key.sign_note(checkpoint.to_text())?;
        Ok(Self { checkpoint, note })
    }

    /// Reads a signed checkpoint and verifies that it is by the log with this key.
    ///
    /// # Errors
    /// If it is malformed, not signed by the key, or not under the key's name.
    pub fn open(bytes: &[u8], key: &VerifierKey) -> Result<Self, CannotOpen> {
        Self::from_note(Note::parse(bytes)?, key)
    }

    /// Verifies that a note is a checkpoint by the log with this key.
    ///
    /// # Errors
    /// If it is not signed by the key, not a checkpoint, or not under the key's name.
    pub fn from_note(note: Note, key: &VerifierKey) -> Result<Self, CannotOpen> {
        note.verify(std::slice::from_ref(key))?;
        let checkpoint = Checkpoint::parse_text(note.text())?;
        if checkpoint.origin != key.name() {
            return Err(CannotOpen::Origin {
                expected: key.name().to_owned(),
                found: checkpoint.origin,
            });
        }
        Ok(Self { checkpoint, note })
    }

    /// The same checkpoint with more signatures, such as witnesses'. They are not verified here.
    ///
    /// # Errors
    /// If there are too many.
    pub fn with_signatures(
        self,
        more: impl IntoIterator<Item = NoteSignature>,
    ) -> Result<Self, BadNote> {
        Ok(Self {
            checkpoint: self.checkpoint,
            note: self.note.with_signatures(more)?,
        })
    }

    /// What the log signed.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note, with all its signatures.
    #[must_use]
    pub fn note(&self) -> &Note {
        &self.note
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

#[cfg(test)]
mod tests;
