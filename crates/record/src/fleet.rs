//! What an edge and control say to each other, and how an edge convinces itself of what it is told.
//!
//! Every request of an edge is a signed note (C2SP signed-note) whose text is [`HEADER`], a line with its
//! type, and one line of JSON. What control answers about versions is worth nothing by itself: an edge
//! believes an act that is on the record, in a tree that its own checkpoint grew into, under the log's key
//! that it was given when it enrolled ([`Pins`]).
//!
//! Counts in reports are totals since the edge's process began: a report that is lost loses nothing.

use std::collections::BTreeMap;

use base::{Line, Name, Tenant};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::act::{Act, BadAct};
use crate::checkpoint::{CannotOpen, Checkpoint, SignedCheckpoint};
use crate::hash::Hash;
use crate::kinds::Body;
use crate::note::{BadNote, CannotSign, Note, SignerKey, Unverified, VerifierKey};
use crate::proof::{ActProof, BadProof, Unproven};
use crate::statement::{BadStatement, Statement as _};
use crate::succession::{FIRST_EPOCH, Succession};
use crate::tree::{self, ProofError};

mod told;

pub use told::{Told, Word, tells};

/// The first line of everything an edge sends.
const HEADER: &str = "hereby/edge/1";
/// The longest request of an edge, in bytes.
pub const REQUEST_BYTES_MAX: usize = 8 << 10;
/// The longest proof of consistency: one hash for each bit of a size, twice.
const HASHES_MAX: usize = 128;
/// Upper bounds of [`Counts::took`], in milliseconds.
pub const TOOK_MS: [u64; 12] = [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];

/// A request of an edge, by its type.
pub trait Request: Serialize + DeserializeOwned {
    /// The second line of the note.
    const TYPE: &'static str;
    /// Who asks.
    fn edge(&self) -> &Name;
    /// The edge's time, in milliseconds since 1970. It rises from request to request.
    fn at_ms(&self) -> u64;
}

macro_rules! requests {
    ($($request:ident = $type:literal,)*) => {
        $(impl Request for $request {
            const TYPE: &'static str = $type;
            fn edge(&self) -> &Name {
                &self.edge
            }
            fn at_ms(&self) -> u64 {
                self.at_ms
            }
        })*
    };
}
requests! {
    Enroll = "enroll",
    Report = "report",
    Fetch = "fetch",
}

/// An edge shows the token that it was invited with, and the key that it will sign with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enroll {
    /// The edge's time.
    pub at_ms: u64,
    /// What it was invited as.
    pub edge: Name,
    /// The token.
    pub token: Box<str>,
    /// Its key; the note is signed with it.
    pub vkey: Box<str>,
}

/// What an edge is given when it enrolls, and believes from then on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pins {
    /// Which cell it is in.
    pub cell: Name,
    /// A checkpoint that covers its enrollment.
    pub checkpoint: Box<str>,
    /// Which epoch of the record that is.
    #[serde(default = "first_epoch", skip_serializing_if = "is_first_epoch")]
    pub epoch: u64,
    /// The log's key, as a C2SP verifier key.
    pub vkey: Box<str>,
}

/// How an edge is: sent every second, whether anything changed or not. Fields that control does not know are
/// passed over: an edge may be newer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The edge's time.
    pub at_ms: u64,
    /// By which break-glass note it went back, as long as it runs by that, and until control has heard of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<WentBack>,
    /// What its requests came to.
    pub counts: Counts,
    /// Who says it.
    pub edge: Name,
    /// Which epoch of the record it follows.
    #[serde(default = "first_epoch", skip_serializing_if = "is_first_epoch")]
    pub epoch: u64,
    /// It knows every act up to this one that tells it something, and does what it says but for `refused`;
    /// none: it was told nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<u64>,
    /// The sequence of the overlay that holds.
    pub overlay: u64,
    /// Drawn when its process began: counts begin anew with it.
    pub process: u64,
    /// The release of hereby that it runs.
    pub program: Line,
    /// What it was told and did not take; at most [`REFUSED_MAX`] of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedOrder>,
    /// How much more it was told and did not take.
    #[serde(default, skip_serializing_if = "is_none")]
    pub refused_more: u32,
    /// What it runs: the fleet's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<Runs>,
    /// The size of the checkpoint that it knows.
    pub size: u64,
}

/// So many refused acts are in a report.
pub const REFUSED_MAX: usize = 4;

fn first_epoch() -> u64 {
    FIRST_EPOCH
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_first_epoch(epoch: &u64) -> bool {
    *epoch == FIRST_EPOCH
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_none(count: &u32) -> bool {
    *count == 0
}

/// An edge went back while control was gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WentBack {
    /// When, by the edge's time.
    pub at_ms: u64,
    /// As in the note.
    pub counter: u64,
    /// SHA-256 of the version that it ran before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Hash>,
    /// Whether it still runs by that; if not, it was told something newer since.
    pub holds: bool,
    /// The note ([`crate::break_glass`]).
    pub note: Box<str>,
}

/// A version that an edge runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    /// Which.
    pub digest: Hash,
    /// The act that told it so.
    pub sequence: u64,
    /// Since when, by the edge's time.
    pub since_ms: u64,
}

/// What an edge was told and did not take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedOrder {
    /// The act that told it so.
    pub sequence: u64,
    /// Why it did not.
    pub why: Line,
}

/// Requests since the process began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Answered with 5xx that the edge or those behind it are to blame for, or broken off by us. What was
    /// refused on purpose is not among them.
    pub failed: u64,
    /// Refused, by reason.
    pub refused: BTreeMap<Name, u64>,
    /// All of them.
    pub requests: u64,
    /// How many took at most each of [`TOOK_MS`], and how many were timed at all.
    pub took: Vec<u64>,
}

/// Asks for something that was named in an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fetch {
    /// The edge's time.
    pub at_ms: u64,
    /// Who asks.
    pub edge: Name,
    /// The size of the checkpoint that it knows.
    pub size: u64,
    /// What is wanted.
    pub what: Wanted,
}

/// So many acts are in one bundle at most; the next begins behind them.
pub const BUNDLE_MAX: usize = 64;

/// What an edge fetches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// What it is told behind that act, with the proofs: a [`Bundle`]; behind none: all that holds.
    Bundle {
        /// What it follows already.
        after: Option<u64>,
    },
    /// How the log's key was changed that the edge trusts: a [`KeyChange`].
    Key {
        /// That key, as a C2SP verifier key.
        vkey: Box<str>,
    },
    /// What holds at once, apart from versions.
    Overlay,
    /// How the newest epoch of the record began: a [`Succeeded`].
    Succession,
    /// The bytes of a version.
    Version(Hash),
}

/// What an edge is told each time. Always of about the same size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directions {
    /// The edge's time of the newest report that was heard: an edge whose clock went back goes on from there.
    pub at_ms: u64,
    /// Which epoch of the record it is.
    #[serde(default = "first_epoch", skip_serializing_if = "is_first_epoch")]
    pub epoch: u64,
    /// How the tree stands.
    pub grown: Grown,
    /// The sequence of the overlay that is to hold.
    pub overlay: u64,
    /// The newest act that tells anybody in its cell what to run, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
}

/// A checkpoint, and the proof that the tree of an earlier one grew into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grown {
    /// The signed checkpoint.
    pub checkpoint: Box<str>,
    /// RFC 6962, 2.1.2.
    pub consistency: Vec<Hash>,
}

/// What an edge is to run: for the fleet's version and for each tenant's own the act that says so, and the
/// proof that it is on the record. A field that an edge does not know may change what it means: such a bundle
/// is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// How the tree stands.
    pub grown: Grown,
    /// Acts and their proofs (C2SP tlog-proof), under the same checkpoint, in the record's order.
    pub proofs: Vec<Box<str>>,
    /// Up to this act that is all that the edge is told.
    pub upto: u64,
    /// 1.
    pub v: u32,
}

/// How the log's key was changed. The old key signed the tree that ends with the act that names the new one,
/// and so vouches for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyChange {
    /// That tree's checkpoint, signed by the old key.
    pub grown: Grown,
    /// The same, signed by the new one.
    pub next: Box<str>,
    /// The act and its proof (C2SP tlog-proof), under the same checkpoint.
    pub proof: Box<str>,
    /// 1.
    pub v: u32,
}

/// How an epoch of the record began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Succeeded {
    /// The first checkpoint that the epoch's key has signed, grown out of the tree that goes on.
    pub grown: Grown,
    /// What the root key has signed ([`crate::succession`]).
    pub note: Box<str>,
    /// 1.
    pub v: u32,
}

/// Why a request is not an edge's.
#[derive(Debug, thiserror::Error)]
pub enum BadRequest {
    /// It is longer than [`REQUEST_BYTES_MAX`].
    #[error("it has {0} bytes, at most 8192 are read")]
    TooLong(usize),
    /// It is no note.
    #[error(transparent)]
    Note(#[from] BadNote),
    /// Its text is not one line of JSON behind two that say what it is.
    #[error("its text is not a request of type \"{0}\"")]
    Form(&'static str),
    /// The JSON is not of the type's form.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// Somebody else signed it, or nobody.
    #[error(transparent)]
    Unverified(#[from] Unverified),
}

/// A request as it was read, before anybody knows whether it is who it says.
pub struct Claimed<R> {
    note: Note,
    request: R,
}

impl<R: Request> Claimed<R> {
    /// Reads a request.
    ///
    /// # Errors
    /// When it is none of this type.
    pub fn parse(bytes: &[u8]) -> Result<Claimed<R>, BadRequest> {
        if bytes.len() > REQUEST_BYTES_MAX {
            return Err(BadRequest::TooLong(bytes.len()));
        }
        let note = Note::parse(bytes)?;
        let mut lines = note.text().split('\n');
        let (header, kind) = (lines.next(), lines.next());
        let (json, end, more) = (lines.next(), lines.next(), lines.next());
        let formed = header == Some(HEADER) && kind == Some(R::TYPE);
        let request = match (json, end, more) {
            (Some(json), Some(""), None) if formed => serde_json::from_str(json)?,
            _ => return Err(BadRequest::Form(R::TYPE)),
        };
        Ok(Claimed { note, request })
    }

    /// What it claims.
    pub fn claimed(&self) -> &R {
        &self.request
    }

    /// The request, if that key signed it.
    ///
    /// # Errors
    /// When it did not.
    pub fn signed_by(self, key: &VerifierKey) -> Result<R, BadRequest> {
        self.note.verify(std::slice::from_ref(key))?;
        Ok(self.request)
    }
}

/// A request, signed.
///
/// # Errors
/// When the key can't sign notes, or the request is too long for one.
pub fn sign<R: Request>(request: &R, key: &SignerKey) -> Result<String, CannotSign> {
    // The types above have JSON, whatever stands in them.
    let json = serde_json::to_string(request).unwrap_or_default();
    let note = key.sign_note(format!("{HEADER}\n{}\n{json}\n", R::TYPE))?;
    Ok(note.to_string())
}

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
    #[error("the bundle is of version {0}, and 1 is understood")]
    Version(u32),
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
        // Which epochs lay between, if any did, is not known: each was signed by the same key.
        let follows = *said.from == *self.newest.origin() || said.epoch > epoch + 1;
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

    /// What an edge is told to run. `floor`: the act by which it runs the fleet's version, or a tenant's own.
    ///
    /// # Errors
    /// When anything of it does not hold.
    pub fn told(
        &mut self,
        bundle: &Bundle,
        (cell, edge): (&Name, &Name),
        floor: impl Fn(Option<&Tenant>) -> Option<u64>,
    ) -> Result<Vec<Word>, Disbelieved> {
        if bundle.v != 1 {
            return Err(Disbelieved::Version(bundle.v));
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
            let word = Word::of(&act, entry.index, (cell, edge)).ok_or(Disbelieved::NotForUs)?;
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
