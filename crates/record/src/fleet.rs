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

use crate::hash::Hash;
use crate::note::{BadNote, CannotSign, Note, SignerKey, Unverified, VerifierKey};
use crate::succession::FIRST_EPOCH;

mod known;
mod told;

pub use known::{Disbelieved, Known};
pub use told::{Told, Word, tells};

/// What this build speaks, which is what [`Bundle::v`] says: 1, what to run, and whose break-glass notes are
/// believed; 2, also the root key, and the floor of a cell. An edge is told in the latest that both speak.
pub const PROTOCOL: u32 = PROTOCOL_OF_EPOCHS;
/// The first that has root keys, epochs and floors.
pub const PROTOCOL_OF_EPOCHS: u32 = 2;
/// What every build speaks.
pub const FIRST_PROTOCOL: u32 = 1;
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
    /// The latest protocol that it speaks.
    #[serde(default = "first_protocol", skip_serializing_if = "is_first_protocol")]
    pub protocol: u32,
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
    /// Requests of some tenants since its process began, at most [`TENANTS_MAX`]: others the next time.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tenants: BTreeMap<Tenant, u64>,
}

/// So many tenants are in a report.
pub const TENANTS_MAX: usize = 16;
/// So many refused acts are in a report.
pub const REFUSED_MAX: usize = 4;

fn first_protocol() -> u32 {
    FIRST_PROTOCOL
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_first_protocol(protocol: &u32) -> bool {
    *protocol == FIRST_PROTOCOL
}

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
    /// The protocol that it is of.
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
