//! What decisions come to before they are durable: acts to be written together, and answers that
//! wait for them.

use incident::Refusal;
use record::act::Act;

/// Acts decided together, to be written together.
#[derive(Debug, Default)]
pub struct Batch {
    /// The index of the first.
    pub first: u64,
    /// The acts.
    pub acts: Vec<Act>,
    /// Their entries.
    pub entries: Vec<Vec<u8>>,
    /// How many bytes the entries have.
    pub bytes: usize,
    /// None of them may be held up by a full disk: all are a person's words in an incident.
    pub urgent: bool,
    /// The log's key changes behind this batch.
    pub(crate) rotates: bool,
}

/// What a request came to, before the batch it was decided in is durable.
#[derive(Clone, Debug, PartialEq)]
pub enum Settled {
    /// These acts of the batch, from index to index.
    Done {
        /// The first.
        first: u64,
        /// How many.
        count: u32,
    },
    /// It happened before: these acts.
    Repeated {
        /// The first.
        first: u64,
        /// How many.
        count: u32,
    },
    /// It did not happen.
    Refused(Refusal),
    /// Alerts: indexes of the acts that followed, and counts of the rest.
    Signals(SignalsSettled),
    /// Whether such a heartbeat is expected.
    Beat(bool),
}

/// What a delivery of alerts came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SignalsSettled {
    /// First index and number of the acts of each command that followed.
    pub acts: Vec<(u64, u32)>,
    /// Known: a longer lease.
    pub known: u32,
    /// Ignored by a rule.
    pub ignored: u32,
    /// Ends of what does not fire.
    pub stale: u32,
    /// Alerts whose acts can't be written down at all: counted, so that one of them does not keep
    /// the others out for ever.
    pub unwritable: u32,
    /// Why the rest was not taken.
    pub refused: Option<Refusal>,
}
