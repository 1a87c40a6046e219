//! Proof files, as C2SP `tlog-proof` defines them: everything needed to check one entry offline.
//!
//! A file has the entry's index, its inclusion proof, and the log's checkpoint with whatever
//! witnesses have cosigned it. The specification's `extra` line carries the entry's own bytes here,
//! so that the file stands alone: they need no trust, because they are what is hashed into the
//! leaf. Which log key and which witnesses count, and how many, is the verifier's policy.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::{CannotOpen, Checkpoint, SignedCheckpoint, parse_decimal};
use crate::cosignature;
use crate::hash::{self, HASH_CHARS, Hash};
use crate::note::{Algorithm, BadNote, NOTE_BYTES_MAX, Note, Unverified, VerifierKey};
use crate::tile::ENTRY_BYTES_MAX;
use crate::tree::{self, ProofError, SIZE_MAX};

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// The most hashes in an inclusion proof: a tree has at most 2^63 - 1 entries.
pub const HASHES_MAX: usize = 63;

/// The longest proof file, in bytes: all its parts at their longest.
pub const PROOF_BYTES_MAX: usize = HEADER.len()
    + 1
    + "extra \n".len()
    + ENTRY_BYTES_MAX.div_ceil(3) * 4
    + "index 9223372036854775807\n".len()
    + HASHES_MAX * (HASH_CHARS + 1)
    + 1
    + NOTE_BYTES_MAX;

/// The bytes are no proof file, or one cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadProof {
    /// Longer than [`PROOF_BYTES_MAX`].
    #[error("the proof has {0} bytes, more than {PROOF_BYTES_MAX}")]
    TooLong(usize),
    /// The first line is another.
    #[error("a proof begins with the line {HEADER}")]
    Header,
    /// The extra line is empty, too long, or not base64.
    #[error("a proof's extra line has 1 to {ENTRY_BYTES_MAX} bytes in base64")]
    Extra,
    /// There is no index line, or its number is malformed.
    #[error("a proof has a line with the entry's index in decimal")]
    Index,
    /// A line of the inclusion proof is no hash.
    #[error("hash {0} of the proof is not base64 of 32 bytes")]
    Hash(usize),
    /// More than [`HASHES_MAX`].
    #[error("a proof has at most {HASHES_MAX} hashes")]
    TooManyHashes,
    /// What follows the empty line is no signed note, or there is no empty line.
    #[error("the proof's checkpoint is malformed: {0}")]
    Checkpoint(BadNote),
}

/// What the proof claims is not proven.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// The file does not carry the entry.
    #[error("the proof does not contain the entry that it is about")]
    NoEntry,
    /// The checkpoint is not the log's.
    #[error(transparent)]
    Checkpoint(#[from] CannotOpen),
    /// A witness key that cannot have cosigned anything: the verifier is misconfigured.
    #[error("the key of witness {name} is not a cosignature key (type 0x04)")]
    WitnessKey { name: String },
    /// A line under a known witness's name and id is not by that witness.
    #[error(transparent)]
    Cosignature(Unverified),
    /// Too few known witnesses have cosigned.
    #[error("{found} of the known witnesses have cosigned the checkpoint, {needed} are needed")]
    Quorum { needed: usize, found: usize },
    /// The entry is not in the tree at that index.
    #[error(transparent)]
    Inclusion(#[from] ProofError),
}

/// A proof file, well formed but not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActProof {
    extra: Option<Vec<u8>>,
    index: u64,
    hashes: Vec<Hash>,
    checkpoint: Note,
}

/// What a proof has proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedEntry {
    /// The entry's bytes.
    pub entry: Vec<u8>,
    /// Its number in the log, from 0.
    pub index: u64,
    /// The log's checkpoint that covers it.
    pub checkpoint: Checkpoint,
    /// The known witnesses that cosigned the checkpoint, each once.
    pub cosigned_by: Vec<Cosigned>,
}

/// A known witness's word that it has seen a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// The witness's name.
    pub name: String,
    /// When it says it saw the checkpoint as the largest, in seconds since the epoch; the latest
    /// time if it said so more than once.
    pub time_s: u64,
}

impl ActProof {
    /// A proof of the entry in `extra` (or of one that the verifier has, if `None`).
    ///
    /// # Errors
    /// If a part is outside its limits.
    pub fn new(
        extra: Option<Vec<u8>>,
        index: u64,
        hashes: Vec<Hash>,
        checkpoint: Note,
    ) -> Result<Self, BadProof> {
        if let Some(extra) = &extra
            && !(1..=ENTRY_BYTES_MAX).contains(&extra.len())
        {
            return Err(BadProof::Extra);
        }
        if index > SIZE_MAX {
            return Err(BadProof::Index);
        }
        if hashes.len() > HASHES_MAX {
            return Err(BadProof::TooManyHashes);
        }
        Ok(Self {
            extra,
            index,
            hashes,
            checkpoint,
        })
    }

    /// Reads a proof file; accepts exactly what [`Display`](fmt::Display) writes.
    ///
    /// # Errors
    /// If it is malformed or outside the limits.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadProof> {
        if bytes.len() > PROOF_BYTES_MAX {
            return Err(BadProof::TooLong(bytes.len()));
        }
        let no_utf8 = BadProof::Checkpoint(BadNote::Characters);
        let text = str::from_utf8(bytes).map_err(|_| no_utf8)?;
        let no_note = BadProof::Checkpoint(BadNote::NoSignatures);
        let (head, note) = text.split_once("\n\n").ok_or(no_note)?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(BadProof::Header);
        }
        let extra = match lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            Some(encoded) => {
                lines.next();
                Some(STANDARD.decode(encoded).map_err(|_| BadProof::Extra)?)
            }
            None => None,
        };
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.and_then(parse_decimal).ok_or(BadProof::Index)?;
        let hashes = parse_hashes(lines)?;
        let checkpoint = Note::parse(note.as_bytes()).map_err(BadProof::Checkpoint)?;
        Self::new(extra, index, hashes, checkpoint)
    }

    /// Checks everything: the log's signature, the witnesses' cosignatures, and that the entry in
    /// the file is in the tree.
    ///
    /// A witness counts once, however many of its lines and names there are: one public key is one
    /// witness. Lines by unknown keys are ignored, but a bad line under a known key's name and id
    /// makes the whole proof bad, as `signed-note` asks.
    ///
    /// # Errors
    /// If anything that the proof claims does not hold.
    pub fn verify(
        &self,
        log_key: &VerifierKey,
        witnesses: &[VerifierKey],
        quorum: usize,
    ) -> Result<VerifiedEntry, Unproven> {
        let entry = self.extra.clone().ok_or(Unproven::NoEntry)?;
        let signed = SignedCheckpoint::from_note(self.checkpoint.clone(), log_key)?;
        let cosigned_by = cosigned_by(&self.checkpoint, witnesses)?;
        if cosigned_by.len() < quorum {
            return Err(Unproven::Quorum {
                needed: quorum,
                found: cosigned_by.len(),
            });
        }
        let checkpoint = signed.checkpoint().clone();
        let leaf = hash::leaf(&entry);
        let (size, root) = (checkpoint.size(), checkpoint.root());
        tree::verify_inclusion(leaf, self.index, size, &self.hashes, root)?;
        Ok(VerifiedEntry {
            entry,
            index: self.index,
            checkpoint,
            cosigned_by,
        })
    }

    /// The opaque extra bytes: by our convention the entry. Not verified.
    #[must_use]
    pub fn extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    /// The entry's number in the log, as the file claims.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The inclusion proof, leaf's sibling first.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// The log's checkpoint, not verified.
    #[must_use]
    pub fn checkpoint(&self) -> &Note {
        &self.checkpoint
    }
}

fn parse_hashes<'t>(lines: impl Iterator<Item = &'t str>) -> Result<Vec<Hash>, BadProof> {
    let mut hashes = Vec::new();
    for (at, line) in lines.enumerate() {
        if at == HASHES_MAX {
            return Err(BadProof::TooManyHashes);
        }
        hashes.push(line.parse().map_err(|_| BadProof::Hash(at + 1))?);
    }
    Ok(hashes)
}

/// The witnesses among `known` that have cosigned the note, in the order of their public keys.
fn cosigned_by(note: &Note, known: &[VerifierKey]) -> Result<Vec<Cosigned>, Unproven> {
    let mut found: BTreeMap<_, Cosigned> = BTreeMap::new();
    for key in known {
        if key.algorithm() != Algorithm::CosignatureV1 {
            return Err(Unproven::WitnessKey {
                name: key.name().to_owned(),
            });
        }
        for signature in note
            .signatures()
            .iter()
            .filter(|line| key.is_named_by(line))
        {
            let time_s =
                cosignature::verify(key, note.text(), signature).map_err(Unproven::Cosignature)?;
            found
                .entry(key.public_key())
                .and_modify(|seen| seen.time_s = seen.time_s.max(time_s))
                .or_insert_with(|| Cosigned {
                    name: key.name().to_owned(),
                    time_s,
                });
        }
    }
    Ok(found.into_values().collect())
}

impl fmt::Display for ActProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.hashes
            .iter()
            .try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests;
