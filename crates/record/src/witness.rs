//! The witness protocol's `add-checkpoint`, as C2SP `tlog-witness` defines it, without HTTP.
//!
//! A log sends [`AddCheckpoint`]; a witness [`judge`]s it against the last state it cosigned and
//! either gets the next state to persist, after which it may cosign, or a [`WitnessRefusal`] with
//! the status to answer. Judging and persisting must be one atomic step, and that is the caller's
//! duty: two requests judged against the same state could otherwise roll the log back. The optional
//! `sign-subtree` call is not here.

use std::fmt;

use crate::checkpoint::{BadCheckpoint, Checkpoint, parse_decimal};
use crate::hash::{EMPTY_ROOT, HASH_CHARS, Hash};
use crate::note::{
    BadNote, NOTE_BYTES_MAX, Note, NoteSignature, Unverified, VerifierKey, parse_signature_lines,
};
use crate::tree::{self, ProofError, SIZE_MAX};

/// The most hashes in a consistency proof that a request may have.
pub const HASHES_MAX: usize = 63;

/// The longest request, in bytes: all its parts at their longest.
pub const REQUEST_BYTES_MAX: usize =
    "old 9223372036854775807\n".len() + HASHES_MAX * (HASH_CHARS + 1) + 1 + NOTE_BYTES_MAX;

/// A log asks for a cosignature: "I have grown from `old_size`, here is the proof and the
/// checkpoint". Well formed but not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    old_size: u64,
    proof: Vec<Hash>,
    note: Note,
    checkpoint: Checkpoint,
}

/// The bytes are no request. A witness answers 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// Longer than [`REQUEST_BYTES_MAX`].
    #[error("the request has {0} bytes, more than {REQUEST_BYTES_MAX}")]
    TooLong(usize),
    /// No empty line before the checkpoint, or not UTF-8.
    #[error("a request is an old size, a proof, an empty line and a checkpoint, in UTF-8")]
    Format,
    /// The first line is not `old` and a decimal number.
    #[error("a request begins with a line of `old` and a size in decimal")]
    OldSize,
    /// A line of the consistency proof is no hash.
    #[error("hash {0} of the request's proof is not base64 of 32 bytes")]
    Hash(usize),
    /// More than [`HASHES_MAX`].
    #[error("a request has at most {HASHES_MAX} hashes")]
    TooManyHashes,
    /// What follows the empty line is no note.
    #[error(transparent)]
    Note(#[from] BadNote),
    /// The note is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] BadCheckpoint),
    /// The checkpoint is older than the old size.
    #[error("the old size {old} is above the checkpoint's size {new}")]
    Shrinks { old: u64, new: u64 },
}

impl AddCheckpoint {
    /// A request to cosign the checkpoint in the note.
    ///
    /// # Errors
    /// If the note is no checkpoint, or the old size or proof is outside the limits.
    pub fn new(old_size: u64, proof: Vec<Hash>, note: Note) -> Result<Self, BadRequest> {
        if old_size > SIZE_MAX {
            return Err(BadRequest::OldSize);
        }
        if proof.len() > HASHES_MAX {
            return Err(BadRequest::TooManyHashes);
        }
        let checkpoint = Checkpoint::parse_text(note.text())?;
        Ok(Self {
            old_size,
            proof,
            note,
            checkpoint,
        })
    }

    /// Reads a request's body; accepts exactly what [`Display`](fmt::Display) writes.
    ///
    /// # Errors
    /// If it is malformed or outside the limits.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadRequest> {
        if bytes.len() > REQUEST_BYTES_MAX {
            return Err(BadRequest::TooLong(bytes.len()));
        }
        let text = str::from_utf8(bytes).map_err(|_| BadRequest::Format)?;
        let (head, note) = text.split_once("\n\n").ok_or(BadRequest::Format)?;
        let mut lines = head.split('\n');
        let old_size = lines.next().and_then(|line| line.strip_prefix("old "));
        let old_size = old_size
            .and_then(parse_decimal)
            .ok_or(BadRequest::OldSize)?;
        let mut proof = Vec::new();
        for (at, line) in lines.enumerate() {
            if at == HASHES_MAX {
                return Err(BadRequest::TooManyHashes);
            }
            proof.push(line.parse().map_err(|_| BadRequest::Hash(at + 1))?);
        }
        Self::new(old_size, proof, Note::parse(note.as_bytes())?)
    }

    /// The size from which the log says it has grown.
    #[must_use]
    pub fn old_size(&self) -> u64 {
        self.old_size
    }

    /// The consistency proof.
    #[must_use]
    pub fn proof(&self) -> &[Hash] {
        &self.proof
    }

    /// The signed checkpoint.
    #[must_use]
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// What the note says, whoever signed it. Its origin tells the witness which state to look up.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        self.proof
            .iter()
            .try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.note)
    }
}

/// A log that a witness is configured to cosign for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownLog {
    /// The origin line of its checkpoints.
    pub origin: String,
    /// The keys that may sign them.
    pub keys: Vec<VerifierKey>,
}

/// The latest checkpoint that a witness has cosigned for a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessState {
    /// The log.
    pub origin: String,
    /// How many entries it had.
    pub size: u64,
    /// Its root at that size.
    pub root: Hash,
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessRefusal {
    /// Malformed, or going backwards.
    #[error(transparent)]
    BadRequest(#[from] BadRequest),
    /// The witness is not configured for this log.
    #[error("the log {origin} is not known here")]
    UnknownOrigin { origin: String },
    /// No known key of the log has signed, or a signature under a known key's name is bad.
    #[error(transparent)]
    BadSignature(#[from] Unverified),
    /// The old size is not that of the latest cosigned checkpoint.
    #[error("the latest cosigned checkpoint has size {size}")]
    Conflict { size: u64 },
    /// The trees are not consistent, or not shown to be.
    #[error(transparent)]
    BadProof(#[from] ProofError),
    /// The witness looked up the state of another log: its own fault, and no reason to cosign.
    #[error("the stored state is of {stored}, the checkpoint of {origin}")]
    StateOfOtherLog { stored: String, origin: String },
}

impl WitnessRefusal {
    /// The HTTP status to answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::BadRequest(_) => 400,
            Self::BadSignature(_) => 403,
            Self::UnknownOrigin { .. } => 404,
            Self::Conflict { .. } => 409,
            Self::BadProof(_) => 422,
            Self::StateOfOtherLog { .. } => 500,
        }
    }

    /// The body to answer, with its content type. The size in a conflict is part of the protocol;
    /// otherwise it is the reason in words.
    #[must_use]
    pub fn body(&self) -> (&'static str, String) {
        match self {
            Self::Conflict { size } => ("text/x.tlog.size", format!("{size}\n")),
            other => ("text/plain; charset=utf-8", format!("{other}\n")),
        }
    }
}

/// Judges a request against the latest state cosigned for its origin (`None` if never), and
/// returns the state to persist. Only after it is persisted may the checkpoint be cosigned.
///
/// The checks are those of the specification, in its order.
///
/// # Errors
/// If the witness must not cosign.
pub fn judge(
    state: Option<&WitnessState>,
    known_logs: &[KnownLog],
    request: &AddCheckpoint,
) -> Result<WitnessState, WitnessRefusal> {
    let (old, new) = (request.old_size, &request.checkpoint);
    let origin = new.origin();
    let log = known_logs
        .iter()
        .find(|log| log.origin == origin)
        .ok_or_else(|| WitnessRefusal::UnknownOrigin {
            origin: origin.to_owned(),
        })?;
    request.note.verify(&log.keys)?;
    if old > new.size() {
        return Err(BadRequest::Shrinks {
            old,
            new: new.size(),
        }
        .into());
    }
    let (latest, latest_root) = match state {
        Some(state) if state.origin != origin => {
            return Err(WitnessRefusal::StateOfOtherLog {
                stored: state.origin.clone(),
                origin: origin.to_owned(),
            });
        }
        Some(state) => (state.size, state.root),
        None => (0, EMPTY_ROOT),
    };
    if old != latest {
        return Err(WitnessRefusal::Conflict { size: latest });
    }
    // This also holds an empty tree to its root, and demands an empty proof where none is needed.
    tree::verify_consistency(old, latest_root, new.size(), new.root(), &request.proof)?;
    Ok(WitnessState {
        origin: origin.to_owned(),
        size: new.size(),
        root: new.root(),
    })
}

/// Reads the body of a witness's 200: cosignature lines, not verified. The caller adds those of
/// witnesses it knows to its checkpoint.
///
/// # Errors
/// If there is no line, a line is malformed, or there are too many.
pub fn parse_cosignatures(body: &[u8]) -> Result<Vec<NoteSignature>, BadNote> {
    if body.len() > NOTE_BYTES_MAX {
        return Err(BadNote::TooLong(body.len()));
    }
    parse_signature_lines(str::from_utf8(body).map_err(|_| BadNote::Characters)?)
}

/// Reads the body of a witness's 409: the size from which the next request has to prove. `None`
/// if it is not a decimal number and a newline.
#[must_use]
pub fn parse_conflict(body: &[u8]) -> Option<u64> {
    parse_decimal(str::from_utf8(body).ok()?.strip_suffix('\n')?)
}

#[cfg(test)]
mod tests;
