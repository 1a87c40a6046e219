//! What a monitoring tool tells: that an alert fires, or that it ended.
//!
//! Signals are many and lossy; only a change of what is known becomes an act. Reading the formats
//! of the tools is `ingest`'s work.

use std::collections::BTreeMap;

use base::{Line, Name, Timestamp};

/// The most labels or annotations a signal may carry; more are dropped and counted.
pub const LABELS_MAX: usize = 32;

/// The longest label or annotation name, in bytes.
pub const LABEL_NAME_BYTES_MAX: usize = 128;

/// The longest label value, in bytes.
pub const LABEL_VALUE_BYTES_MAX: usize = 512;

/// The longest annotation value, in bytes.
pub const ANNOTATION_VALUE_BYTES_MAX: usize = 2_048;

/// Whether it fires or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It fires, at least until the signal's `ends_at`, or the resolve time-out if it has none.
    Firing,
    /// Somebody at the source took it (PagerDuty's `acknowledge`).
    Acknowledged,
    /// The source says that it ended.
    Resolved,
}

/// One tool's word on one alert. Within the bounds stated here by construction of `ingest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertSignal {
    /// Annotations, cut to size.
    pub annotations: BTreeMap<Box<str>, Box<str>>,
    /// When it ends or ended, by the source's clock, if the source said.
    pub ends_at: Option<Timestamp>,
    /// The source's identity of what fires; with `starts_at` of one firing.
    pub fingerprint: Line,
    /// Labels, cut to size.
    pub labels: BTreeMap<Box<str>, Box<str>>,
    /// How many bytes of labels and annotations were dropped to fit the bounds.
    pub lost_bytes: u64,
    /// Firing or not.
    pub phase: Phase,
    /// Which tool.
    pub source: Name,
    /// When it began, by the source's clock. A source that does not say (PagerDuty's shape) leaves
    /// it out: then the open firing with this fingerprint is meant, or a new one that begins now.
    pub starts_at: Option<Timestamp>,
    /// What it says, in a line.
    pub title: Line,
}
