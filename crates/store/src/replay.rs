//! Follows a segment's lines and says of each whether it is what must come there.
//!
//! Recovery and `verify` both stand on this: what one keeps, the other accepts. Nothing here
//! touches a file.

use record::checkpoint::Checkpoint;
use record::hash::{self, Hash};
use record::note::{Unverified, VerifierKey};
use record::tree::Frontier;

use crate::segment::{BatchEnd, Header, Signed};

/// The tree as the lines so far have it.
#[derive(Clone, Debug)]
pub(crate) struct Replay {
    epoch: u64,
    origin: String,
    /// After the last whole batch.
    kept: Frontier,
    /// With the entries of the batch that has not ended yet.
    ahead: Frontier,
    root: Hash,
    /// SHA-256 of the text of the last signed checkpoint.
    prev: Option<Hash>,
    /// Whether the last whole batch is signed.
    signed: bool,
}

/// A line is not what must come there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Mismatch {
    #[error("a batch ends at {found} entries, and there are {expected}")]
    Size { expected: u64, found: u64 },
    #[error("a batch without entries ends")]
    Empty,
    #[error("the root of the tree of {size} entries is {expected}, and the batch says {found}")]
    Root {
        size: u64,
        expected: Hash,
        found: Hash,
    },
    #[error("the batch that ends at {size} entries does not name the checkpoint before it")]
    Prev { size: u64 },
    #[error("a batch stands behind one of {size} entries that is not signed")]
    Unsigned { size: u64 },
    #[error("a signature is over {found} entries, and {expected} are there")]
    SignedSize { expected: u64, found: u64 },
    #[error("a signature stands within a batch")]
    SignedWithin,
    #[error("the key {0} signs, and is not the log's at that place")]
    Key(String),
    #[error("the log's signature over {size} entries is not valid: {why}")]
    Signature { size: u64, why: Unverified },
    #[error("the segment begins at entry {found}, and {expected} are before it")]
    First { expected: u64, found: u64 },
    #[error("the segment's frontier is not that of the tree before it")]
    Frontier,
    #[error("the segment is of the log {0}")]
    Origin(String),
    #[error("the segment is of epoch {found}, and epoch {expected} is before it")]
    Epoch { expected: u64, found: u64 },
    #[error("another epoch begins, and the log keeps its name")]
    SameName,
}

/// SHA-256 over a checkpoint's text; `None` for the empty tree, which no batch names.
pub(crate) fn text_hash(origin: &str, size: u64, root: Hash) -> Option<Hash> {
    let checkpoint = Checkpoint::new(origin, size, root)
        .ok()
        .filter(|_| size > 0)?;
    Some(hash::sha256(&[checkpoint.to_text().as_bytes()]))
}

impl Replay {
    /// Begins before the first entry of a segment, believing its header.
    ///
    /// A segment begins only when what is before it is signed, so the checkpoint before follows
    /// from the header.
    pub(crate) fn from_header(header: &Header) -> Option<Replay> {
        let kept = header.frontier()?;
        let root = kept.root();
        Some(Replay {
            prev: text_hash(&header.origin, kept.size(), root),
            epoch: header.epoch,
            origin: header.origin.clone(),
            ahead: kept.clone(),
            kept,
            root,
            signed: true,
        })
    }

    /// The tree after the last whole batch.
    pub(crate) fn kept(&self) -> &Frontier {
        &self.kept
    }

    /// Its root.
    pub(crate) fn root(&self) -> Hash {
        self.root
    }

    /// The root with the entries of the batch that has not ended yet.
    pub(crate) fn ahead_root(&self) -> Hash {
        self.ahead.root()
    }

    /// The index the next entry has.
    pub(crate) fn next_index(&self) -> u64 {
        self.ahead.size()
    }

    /// Whether entries stand behind the last whole batch.
    pub(crate) fn within_batch(&self) -> bool {
        self.ahead.size() > self.kept.size()
    }

    /// Whether the last whole batch is signed.
    pub(crate) fn is_signed(&self) -> bool {
        self.signed
    }

    /// What the next batch must name.
    pub(crate) fn prev(&self) -> Option<Hash> {
        self.prev
    }

    /// Which epoch it is.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The log's name.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// A header, which must continue this very tree: in the same epoch, or as the next one. Who may begin that
    /// is asked by whoever reads the entries.
    pub(crate) fn header(&mut self, header: &Header) -> Result<(), Mismatch> {
        let begins = header.epoch > self.epoch;
        match (begins, header.origin == self.origin) {
            (true, true) => return Err(Mismatch::SameName),
            (false, false) => return Err(Mismatch::Origin(header.origin.clone())),
            (false, true) if header.epoch != self.epoch => {
                return Err(Mismatch::Epoch {
                    expected: self.epoch,
                    found: header.epoch,
                });
            }
            _ => {}
        }
        if header.first != self.kept.size() || self.within_batch() {
            return Err(Mismatch::First {
                expected: self.kept.size(),
                found: header.first,
            });
        }
        if header.frontier != self.kept.to_hashes() {
            return Err(Mismatch::Frontier);
        }
        if begins {
            // What goes on is vouched for by the root key, whether the log's own key signed the last of it or
            // not, and has another name from here on.
            self.epoch = header.epoch;
            self.origin.clone_from(&header.origin);
            self.prev = text_hash(&self.origin, self.kept.size(), self.root);
            self.signed = true;
        }
        if self.signed {
            Ok(())
        } else {
            Err(Mismatch::Unsigned {
                size: self.kept.size(),
            })
        }
    }

    /// An entry.
    pub(crate) fn entry(&mut self, leaf: Hash) {
        self.ahead.append(leaf);
    }

    /// The end of a batch.
    pub(crate) fn batch(&mut self, batch: &BatchEnd) -> Result<(), Mismatch> {
        let size = self.ahead.size();
        if batch.size != size {
            return Err(Mismatch::Size {
                expected: size,
                found: batch.size,
            });
        }
        if !self.within_batch() {
            return Err(Mismatch::Empty);
        }
        let root = self.ahead.root();
        if batch.root != root {
            return Err(Mismatch::Root {
                size,
                expected: root,
                found: batch.root,
            });
        }
        if !self.signed {
            return Err(Mismatch::Unsigned {
                size: self.kept.size(),
            });
        }
        if batch.prev != self.prev {
            return Err(Mismatch::Prev { size });
        }
        self.kept.clone_from(&self.ahead);
        self.root = root;
        self.signed = false;
        Ok(())
    }

    /// Forgets the entries of a batch that did not end.
    pub(crate) fn drop_unfinished(&mut self) {
        self.ahead.clone_from(&self.kept);
    }

    /// A signature line. That it is valid is checked with [`check_signature`].
    pub(crate) fn signed(&mut self, signed: &Signed) -> Result<(), Mismatch> {
        let size = self.kept.size();
        if self.within_batch() {
            return Err(Mismatch::SignedWithin);
        }
        if signed.size != size {
            return Err(Mismatch::SignedSize {
                expected: size,
                found: signed.size,
            });
        }
        // A log signs under its own name only (C2SP tlog-checkpoint).
        if signed
            .key
            .rsplit_once('+')
            .is_none_or(|(name, _)| name != self.origin)
        {
            return Err(Mismatch::Key(signed.key.clone()));
        }
        self.signed = true;
        self.prev = text_hash(&self.origin, size, self.root);
        Ok(())
    }
}

/// Checks that one of these keys has signed the checkpoint with this root; returns the note.
pub(crate) fn check_signature(
    signed: &Signed,
    origin: &str,
    root: Hash,
    keys: &[VerifierKey],
) -> Result<String, Mismatch> {
    let unknown = || Mismatch::Key(signed.key.clone());
    let note = signed.to_note(origin, root).ok_or_else(unknown)?;
    match note.verify(keys) {
        Ok(_) => Ok(note.to_string()),
        Err(Unverified::NotSigned) => Err(unknown()),
        Err(why) => Err(Mismatch::Signature {
            size: signed.size,
            why,
        }),
    }
}

#[cfg(test)]
mod tests;
