//! How an edge convinces itself of what it is told: what it knows of the record, and what grows out of that.

use base::{Name, Tenant};

use super::{
    BUNDLE_MAX, Bundle, FIRST_PROTOCOL, Grown, HASHES_MAX, KeyChange, PROTOCOL, Succeeded, Word,
};
use crate::act::{Act, BadAct};
use crate::checkpoint::{CannotOpen, Checkpoint, SignedCheckpoint};
use crate::kinds::Body;
use crate::note::VerifierKey;
use crate::proof::{ActProof, BadProof, Unproven};
use crate::statement::{BadStatement, Statement as _};
use crate::succession::{Succession, lineage};
use crate::tree::{self, ProofError};

/// What an edge knows of the record: the newest checkpoint that it has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    key: VerifierKey,
    newest: Checkpoint,
}

/// Why what an edge was told is not believed. All but the first are findings: somebody shows this edge
/// another record than before, or something that is on none.
#[derive(Debug, thiserror::Error)]
pub enum Disbelieved {
    /// The record is shown shorter than it was.
    #[error("the record had {known} acts and is shown with {shown}")]
    Shorter {
        /// What this edge has seen.
        known: u64,
        /// What it was shown now.
        shown: u64,
    },
    /// No checkpoint of the log.
    #[error("the checkpoint is not the log's: {0}")]
    Checkpoint(#[from] CannotOpen),
    /// It is of another log.
    #[error("the checkpoint is of another log: {0}")]
    Origin(String),
    /// It did not grow out of what this edge has seen.
    #[error("the record is not the one that was seen before: {0}")]
    Fork(#[from] ProofError),
    /// More hashes than any proof has.
    #[error("the proof of consistency has {0} hashes")]
    TooLong(usize),
    /// More acts than a bundle has.
    #[error("the bundle has {0} acts, and 64 are read")]
    TooMany(usize),
    /// It says that it is complete up to an act that is not there.
    #[error("the bundle is said to be whole up to act {0}, which the record does not have")]
    Ahead(u64),
    /// A later version, which means something that this edge does not know.
    #[error("it is of protocol {0}, and at most {PROTOCOL} is understood")]
    Version(u32),
    /// The cell takes no less, and it is said with less: somebody would have us agree on what is weaker.
    #[error("it is of protocol {shown}, and this cell takes no less than {floor}")]
    BelowFloor {
        /// What it is of.
        shown: u32,
        /// What is taken.
        floor: u32,
    },
    /// The proof is none.
    #[error("the proof can't be read: {0}")]
    Proof(#[from] BadProof),
    /// The act is not on the record.
    #[error("the act is not on the record: {0}")]
    Inclusion(#[from] Unproven),
    /// The proof is of another checkpoint.
    #[error("the proof is not of the checkpoint that it came with")]
    OtherCheckpoint,
    /// The act can't be read.
    #[error("the act can't be read: {0}")]
    Act(#[from] BadAct),
    /// No root key is known that could say how another epoch began.
    #[error("another epoch of the record is shown, and no root key is known that could say so")]
    NoRootKey,
    /// The root key does not say it.
    #[error("another epoch of the record is shown, and the root key did not say so: {0}")]
    Succession(#[from] BadStatement),
    /// It is not the next one, or not of this record.
    #[error("epoch {shown} is said to follow {from}, and this is epoch {known} of {record}")]
    OtherEpoch {
        /// Which epoch is said to begin.
        shown: u64,
        /// Behind which record.
        from: String,
        /// Which epoch it is followed in.
        known: u64,
        /// The record that is followed.
        record: String,
    },
    /// The act does not say that the log's key was changed from this one.
    #[error("the act does not name the key behind this one")]
    NoKey,
    /// The act tells this edge nothing.
    #[error("the act does not say what this edge is to run")]
    NotForUs,
    /// It was told something newer before.
    #[error("act {told} says so, and act {floor} was followed already")]
    Older {
        /// What it was told now.
        told: u64,
        /// What it runs by.
        floor: u64,
    },
}

impl Known {
    /// What an edge knows by this checkpoint, signed by that key.
    ///
    /// # Errors
    /// When the key did not sign it.
    pub fn new(key: VerifierKey, checkpoint: &str) -> Result<Known, CannotOpen> {
        let signed = SignedCheckpoint::open(checkpoint.as_bytes(), &key)?;
        let newest = signed.checkpoint().clone();
        Ok(Known { key, newest })
    }

    /// How many acts the record had.
    pub fn size(&self) -> u64 {
        self.newest.size()
    }

    /// Takes in how the tree stands now. Whether it has grown.
    ///
    /// # Errors
    /// When it is not what the one that was seen before grew into; that one stands.
    pub fn grow(&mut self, grown: &Grown) -> Result<bool, Disbelieved> {
        if grown.consistency.len() > HASHES_MAX {
            return Err(Disbelieved::TooLong(grown.consistency.len()));
        }
        let signed = SignedCheckpoint::open(grown.checkpoint.as_bytes(), &self.key)?;
        let shown = signed.checkpoint();
        let known = &self.newest;
        if shown.origin() != known.origin() {
            return Err(Disbelieved::Origin(shown.origin().to_owned()));
        }
        if shown.size() < known.size() {
            return Err(Disbelieved::Shorter {
                known: known.size(),
                shown: shown.size(),
            });
        }
        let (old, new) = ((known.size(), known.root()), (shown.size(), shown.root()));
        tree::verify_consistency(old.0, old.1, new.0, new.1, &grown.consistency)?;
        let more = shown.size() > known.size();
        self.newest = shown.clone();
        Ok(more)
    }

    /// The key that is believed.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Believes the key that the one so far was changed to.
    ///
    /// # Errors
    /// When that key does not vouch for it; it is believed as before.
    pub fn follow_key(&mut self, change: &KeyChange) -> Result<(), Disbelieved> {
        if change.v != 1 {
            return Err(Disbelieved::Version(change.v));
        }
        self.grow(&change.grown)?;
        let proof = ActProof::parse(change.proof.as_bytes())?;
        let entry = proof.verify(&self.key, &[], 0)?;
        // The last that it signed.
        if entry.checkpoint != self.newest || entry.index + 1 != self.newest.size() {
            return Err(Disbelieved::OtherCheckpoint);
        }
        let act = Act::decode_strict(&entry.entry)?;
        let Body::LogKeyRotated(rotated) = act.body else {
            return Err(Disbelieved::NoKey);
        };
        let from: Result<VerifierKey, _> = rotated.from.parse();
        let to: Result<VerifierKey, _> = rotated.to.parse();
        match (from, to) {
            (Ok(from), Ok(to)) if from == self.key && to.name() == self.key.name() => {
                let next = SignedCheckpoint::open(change.next.as_bytes(), &to)?;
                if *next.checkpoint() != self.newest {
                    return Err(Disbelieved::OtherCheckpoint);
                }
                self.key = to;
                Ok(())
            }
            _ => Err(Disbelieved::NoKey),
        }
    }

    /// Follows the record into the epoch that begins by what that root key has signed. `epoch`: the one so far.
    /// What was seen behind the tree that goes on is lost, and says nothing any more.
    ///
    /// # Errors
    /// When the root key does not say so, or of another record; what is known stands.
    pub fn succeed(
        &mut self,
        succeeded: &Succeeded,
        root: Option<&str>,
        epoch: u64,
    ) -> Result<Succession, Disbelieved> {
        if succeeded.v != 1 {
            return Err(Disbelieved::Version(succeeded.v));
        }
        let root: Option<VerifierKey> = root.and_then(|root| root.parse().ok());
        let root = root.ok_or(Disbelieved::NoRootKey)?;
        let said = Succession::open(succeeded.note.as_bytes(), &root)?;
        // Which epochs lay between, if any did, is not known; of which record they were is.
        let follows = lineage(&said.from) == lineage(self.newest.origin());
        let (Some(key), Some(newest), true) =
            (said.log_key(), said.begins(), follows && said.epoch > epoch)
        else {
            return Err(Disbelieved::OtherEpoch {
                shown: said.epoch,
                from: said.from.into(),
                known: epoch,
                record: self.newest.origin().to_owned(),
            });
        };
        let mut known = Known { key, newest };
        known.grow(&succeeded.grown)?;
        *self = known;
        Ok(said)
    }

    /// What an edge is told to run. `protocol`: the least that its cell takes. `floor`: the act by which it runs the
    /// fleet's version, or a tenant's own.
    ///
    /// # Errors
    /// When anything of it does not hold.
    pub fn told(
        &mut self,
        bundle: &Bundle,
        (cell, edge): (&Name, &Name),
        protocol: u32,
        floor: impl Fn(Option<&Tenant>) -> Option<u64>,
    ) -> Result<Vec<Word>, Disbelieved> {
        if !(FIRST_PROTOCOL..=PROTOCOL).contains(&bundle.v) {
            return Err(Disbelieved::Version(bundle.v));
        }
        if bundle.v < protocol {
            let (shown, floor) = (bundle.v, protocol);
            return Err(Disbelieved::BelowFloor { shown, floor });
        }
        if bundle.proofs.len() > BUNDLE_MAX {
            return Err(Disbelieved::TooMany(bundle.proofs.len()));
        }
        self.grow(&bundle.grown)?;
        if bundle.upto >= self.newest.size() {
            return Err(Disbelieved::Ahead(bundle.upto));
        }
        let mut all = Vec::with_capacity(bundle.proofs.len());
        for proof in &bundle.proofs {
            let proof = ActProof::parse(proof.as_bytes())?;
            let entry = proof.verify(&self.key, &[], 0)?;
            if entry.checkpoint != self.newest {
                return Err(Disbelieved::OtherCheckpoint);
            }
            let act = Act::decode_strict(&entry.entry)?;
            let word = Word::of(&act, entry.index, (cell, edge));
            let word = word.filter(|word| word.protocol() <= bundle.v);
            let word = word.ok_or(Disbelieved::NotForUs)?;
            if let Word::Run(told) = &word
                && let Some(floor) = floor(told.tenant.as_ref())
                && entry.index < floor
            {
                return Err(Disbelieved::Older {
                    told: entry.index,
                    floor,
                });
            }
            all.push(word);
        }
        Ok(all)
    }
}
