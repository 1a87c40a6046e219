//! What the engine needs from the world: a log, a keystore, a clock. `store` and `sim` provide it.

use base::{KeyRef, Timestamp};
use record::hash::Hash;
use record::kinds::incident::ClockSeen;
use record::sealed::SubjectKey;
use record::tree::Frontier;

/// The record as the writer sees it. There is one writer.
pub trait Log: Send {
    /// Where the log stands: size and right edge, everything in it durable.
    fn frontier(&self) -> &Frontier;

    /// Writes `entries` behind the `expected_size` that are there, and makes them durable.
    ///
    /// `fence_epoch` is the epoch this writer believes in; a backend with several writers refuses
    /// an older one. `urgent` entries may use the space kept in reserve for a full disk.
    ///
    /// # Errors
    /// [`AppendError::Refused`]: nothing was written. [`AppendError::Fatal`]: it is not known what
    /// was written; the process must end and recover, never retry.
    fn append_batch(
        &mut self,
        expected_size: u64,
        fence_epoch: u64,
        entries: &[Vec<u8>],
        urgent: bool,
    ) -> Result<Appended, AppendError>;

    /// Signs the present checkpoint, appends the signature to the log and writes the anchor,
    /// without waiting for either to be durable. Called after every [`Log::append_batch`].
    ///
    /// # Errors
    /// As for `append_batch`: fatal.
    fn sign(&mut self) -> Result<SignedHead, AppendError>;

    /// Makes a new signing key durable and returns its verifier key (`vkey`). It signs from the
    /// call of [`Log::use_new_key`] on.
    ///
    /// # Errors
    /// When the key could not be made durable.
    fn prepare_key(&mut self) -> Result<String, AppendError>;

    /// Signs with the key of the last [`Log::prepare_key`] from now on.
    ///
    /// # Errors
    /// When there is none, or the change could not be made durable.
    fn use_new_key(&mut self) -> Result<(), AppendError>;
}

/// What a batch brought the log to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// How many entries there are now.
    pub size: u64,
    /// The tree's root.
    pub root: Hash,
    /// The leaf hashes of the batch's entries.
    pub leaves: Vec<Hash>,
}

/// A signed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHead {
    /// How many entries it covers.
    pub size: u64,
    /// The root.
    pub root: Hash,
    /// The signed note (C2SP tlog-checkpoint), with the log's signature alone.
    pub note: String,
}

/// Why a batch was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Nothing was written; the command may be sent again later.
    #[error("the record takes nothing now: {0}")]
    Refused(AppendRefusal),
    /// What was written is unknown. The process must end.
    #[error("the record can't be written: {what}")]
    Fatal {
        /// What failed.
        what: String,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
}

/// Why nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendRefusal {
    /// Too little room on the disk.
    #[error("the disk is full: {free_bytes} bytes are free, {needed_bytes} are kept in reserve")]
    NoSpace {
        /// Free bytes.
        free_bytes: u64,
        /// How many must stay free.
        needed_bytes: u64,
    },
    /// Somebody else has written.
    #[error("the record has {actual} entries, not {expected}")]
    WrongSize {
        /// What the caller believed.
        expected: u64,
        /// What is true.
        actual: u64,
    },
    /// A newer writer has taken over.
    #[error("epoch {current} has begun; this writer is of epoch {ours}")]
    Fenced {
        /// The writer's epoch.
        ours: u64,
        /// The present epoch.
        current: u64,
    },
}

/// Reading what is durable.
pub trait Entries: Send + Sync {
    /// The entry at this index, if there is one.
    ///
    /// # Errors
    /// When it can't be read, or lies in an archive that is not at hand.
    fn entry(&self, index: u64) -> Result<Option<Vec<u8>>, ReadError>;

    /// The entry of the act with this id.
    ///
    /// # Errors
    /// As for [`Entries::entry`].
    fn find_act(&self, id: &base::ActId) -> Result<Option<u64>, ReadError>;

    /// Indexes of the acts on this subject from `from` on, at most `limit`, in order.
    ///
    /// # Errors
    /// As for [`Entries::entry`].
    fn of_subject(
        &self,
        subject: &record::act::Subject,
        from: u64,
        limit: usize,
    ) -> Result<Vec<u64>, ReadError>;

    /// Shows the entries from `from` on, in order, until `visit` says no or the end is reached.
    /// Faster than asking for one after the other.
    ///
    /// # Errors
    /// As for [`Entries::entry`].
    fn scan(&self, from: u64, visit: &mut dyn FnMut(u64, &[u8]) -> bool) -> Result<(), ReadError>;

    /// Makes acts findable that became durable just now, the first of them at index `first`. Only
    /// the writer calls this, in order, before it answers anyone.
    fn publish(&self, first: u64, acts: &[record::act::Act]);

    /// How many entries are durable and findable.
    fn size(&self) -> u64;
}

/// Why an entry can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It was archived to a place that is not at hand.
    #[error("entry {index} lies in an archived segment: {place}")]
    Archived {
        /// Which entry.
        index: u64,
        /// Where the segment went.
        place: String,
    },
    /// The disk or the file is damaged.
    #[error("the record can't be read: {0}")]
    Damaged(String),
    /// The operating system said no.
    #[error("the record can't be read")]
    Io(#[from] std::io::Error),
}

/// Keys of subjects, kept outside the record.
pub trait Keystore: Send + Sync {
    /// The key with this name, made and durable if it did not exist.
    ///
    /// # Errors
    /// When it could not be made durable.
    fn ensure(&self, name: &KeyRef) -> std::io::Result<SubjectKey>;

    /// The key with this name, if there is one.
    ///
    /// # Errors
    /// When the keystore can't be read.
    fn find(&self, name: &KeyRef) -> std::io::Result<Option<SubjectKey>>;

    /// Erases the key with this name for good, durably; there may be none. Whoever makes copies of
    /// keys has to erase them as well.
    ///
    /// # Errors
    /// When it could not be erased; it may still be there.
    fn erase(&self, name: &KeyRef) -> std::io::Result<()>;
}

/// The time, for those who may know it.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// How sure that is, if anybody can say.
    fn seen(&self) -> Option<ClockSeen> {
        None
    }
}

/// Makes the tree public: tiles and the checkpoint. Follows behind the writer.
pub trait Publisher: Send {
    /// Publishes the tree with these further leaves, up to this checkpoint.
    ///
    /// # Errors
    /// When it could not; the leaves count as taken and are written with the next.
    fn publish(&mut self, leaves: &[Hash], head: &SignedHead) -> std::io::Result<()>;
}

/// States kept so that a start need not fold everything. Derived: lost ones are rebuilt.
pub trait Snapshots: Send + Sync {
    /// Keeps the state after `size` acts, when the tree's root was `root`.
    ///
    /// # Errors
    /// When it could not be written; nothing depends on it.
    fn save(&self, size: u64, root: &Hash, state: &[u8]) -> std::io::Result<()>;

    /// The newest state that belongs to this record, with its size; damaged or foreign ones are
    /// passed over with a warning.
    fn newest(&self) -> Option<(u64, Vec<u8>)>;
}
