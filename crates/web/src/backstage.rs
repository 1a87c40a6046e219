//! What the server needs beside the engine, handed in by the binary: the published record, keys,
//! blobs, the disk, and the formats of monitoring tools.

use std::io;
use std::sync::Arc;

use base::{IncidentId, KeyRef, Line, Timestamp};
use incident::{AlertSignal, Refusal};
use record::hash::Hash;
use record::kinds::containment::CertificateUsed;
use record::note::VerifierKey;
use record::sealed::SubjectKey;
use record::tile::TileId;

use crate::chat::ChatChannel;

/// Storage as the server sees it. Calls may block, except where it is said otherwise.
pub trait Backstage: Send + Sync {
    /// The newest published checkpoint. Kept in memory: this is called often, and never blocks.
    fn published(&self) -> Option<Arc<Published>>;

    /// Exactly this hash tile, if it is there.
    ///
    /// # Errors
    /// When it can't be read.
    fn tile(&self, id: TileId) -> io::Result<Option<Vec<u8>>>;

    /// The checkpoint with this size as that key signed it, if it did and the segment is here. Reads a
    /// whole segment.
    ///
    /// # Errors
    /// When it can't be read.
    fn signed_by(&self, size: u64, key: &VerifierKey) -> io::Result<Option<String>>;

    /// The key that opens sealed text, if it was not erased.
    ///
    /// # Errors
    /// When the keystore can't be read.
    fn subject_key(&self, name: &KeyRef) -> io::Result<Option<SubjectKey>>;

    /// The same; made, durably, if there is none.
    ///
    /// # Errors
    /// When the keystore can't be used.
    fn ensure_subject_key(&self, name: &KeyRef) -> io::Result<SubjectKey>;

    /// Keeps a blob, durably, and answers its SHA-256.
    ///
    /// # Errors
    /// See [`BlobRefused`].
    fn put_blob(&self, bytes: &[u8]) -> Result<Hash, BlobRefused>;

    /// The blob with this SHA-256, checked, if there is one.
    ///
    /// # Errors
    /// When it can't be read, or is damaged.
    fn blob(&self, sha256: &Hash) -> io::Result<Option<Vec<u8>>>;

    /// Free bytes on the record's disk.
    ///
    /// # Errors
    /// When the operating system does not say.
    fn disk_free_bytes(&self) -> io::Result<u64>;

    /// What each configured witness has cosigned. Never blocks.
    fn witnesses(&self) -> Vec<Witness>;

    /// Whether the record takes acts now.
    ///
    /// # Errors
    /// Why not.
    fn readiness(&self) -> Result<(), Refusal>;

    /// One incident with its acts, blobs and proofs as a bundle; with the keys of its sealed text
    /// if asked for. `None`: there is no such incident.
    ///
    /// # Errors
    /// When something of it can't be read.
    fn export(&self, incident: IncidentId, with_keys: bool) -> io::Result<Option<Vec<u8>>>;

    /// The configured channels and how far they are. Never blocks.
    fn chat(&self) -> Vec<ChatChannel>;

    /// What the auditor has found so far; `None`: nothing audits here. Never blocks.
    fn audited(&self) -> Option<Audited>;

    /// What the edge of this machine says of itself, as `hereby edge top --json` has it; `None`: none
    /// answers. Waits for it, a second at most.
    fn edge(&self) -> Option<serde_json::Value>;

    /// What the edge of this machine has counted of a certificate, by the name that it has on the
    /// record; `None`: no edge answers. Waits for it, a second at most.
    fn edge_certificate(&self, name: &Line) -> Option<Vec<CertificateUsed>>;

    /// How each place stands that the status page is published to. Never blocks.
    fn page_targets(&self) -> Vec<PageTarget>;

    /// How the file stands that edges of this machine read; `None`: none is written here. Never
    /// blocks for long.
    fn overlay_file(&self) -> Option<OverlayFile>;
}

/// The file beside edges with what they are told at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OverlayFile {
    /// The sequence that stands in it; `None`: it was not written since the start.
    pub written: Option<u64>,
    /// The sequence that should.
    pub wanted: u64,
    /// How often it could not be written since the start.
    pub failures: u64,
    /// What was wrong the last time.
    pub trouble: Option<String>,
}

impl OverlayFile {
    /// Whether all that was said stands in it.
    pub fn is_written(&self) -> bool {
        self.written == Some(self.wanted)
    }
}

/// A place that the status page is published to, and how it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageTarget {
    /// What it is called.
    pub name: String,
    /// What kind of place it is: `directory`, `bucket`, `rsync`.
    pub kind: &'static str,
    /// Whether readers there may see what is not true any more.
    pub behind: bool,
    /// The edition that was seen there last.
    pub sequence: Option<u64>,
    /// When that was made.
    pub made_at: Option<Timestamp>,
    /// When it was seen there.
    pub seen_at: Option<Timestamp>,
    /// Since when news wait to be seen there.
    pub waiting_since: Option<Timestamp>,
    /// How long the last news took, in milliseconds.
    pub news_took_ms: Option<u64>,
    /// What was wrong the last time.
    pub trouble: Option<String>,
    /// How often it was brought up to date.
    pub rounds: u64,
    /// How often that did not work.
    pub failures: u64,
    /// How often in a row.
    pub failures_in_a_row: u32,
    /// Files that were other than they should be, and were put right.
    pub mended: u64,
}

/// What an auditor that runs beside the server has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audited {
    /// Every invariant that it checks, with the number of violations since the start.
    pub violations: Vec<(&'static str, u64)>,
    /// How many entries it has read and judged, from the first on.
    pub entries: u64,
    /// When it last came to the end of the record, having compared everything on the way.
    pub last_success: Option<Timestamp>,
}

/// A checkpoint whose tiles are all readable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// How many entries it covers.
    pub size: u64,
    /// The signed note, with whatever witnesses have cosigned.
    pub note: String,
}

/// A witness and what it has cosigned last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Its name.
    pub name: String,
    /// The size of the newest checkpoint it has cosigned; `None`: it has not answered yet.
    pub size: Option<u64>,
    /// When it did.
    pub at: Option<Timestamp>,
}

/// Why a blob was not kept.
#[derive(Debug, thiserror::Error)]
pub enum BlobRefused {
    /// The disk is full; nothing was kept.
    #[error("too little room is left on the disk for a blob")]
    NoSpace,
    /// It could not be made durable.
    #[error("the blob could not be kept")]
    Io(#[from] io::Error),
}

/// Readers of what monitoring tools send. Pure functions.
#[derive(Clone, Copy)]
pub struct AlertFormats {
    /// Alertmanager's webhook, version 4.
    pub alertmanager: fn(body: &[u8], now: Timestamp) -> Result<Delivery, Unreadable>,
    /// Alertmanager's API v2, as Prometheus speaks it.
    pub prometheus: fn(body: &[u8], now: Timestamp) -> Result<Delivery, Unreadable>,
    /// PagerDuty's Events v2.
    pub pagerduty: fn(body: &[u8]) -> Result<Event, Unreadable>,
}

/// What one request told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The signals, in the order in which they were sent.
    pub signals: Vec<AlertSignal>,
    /// What was left out or changed: a reason and how often.
    pub dropped: Vec<(&'static str, u64)>,
    /// How many alerts the sender says it left out.
    pub truncated: u64,
}

/// One event in PagerDuty's shape.
pub struct Event {
    /// What the sender authenticates with: a token.
    pub token: String,
    /// What it tells.
    pub signal: AlertSignal,
    /// What was left out or changed: a reason and how often.
    pub dropped: Vec<(&'static str, u64)>,
    /// The answer once it is durable, as JSON.
    pub answer: String,
}

/// A body that is not of its format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// What is wrong, and where; never a secret.
    pub detail: String,
    /// The answer that the format itself defines for this, as JSON.
    pub answer: Option<String>,
}
