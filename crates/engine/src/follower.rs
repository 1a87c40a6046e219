//! Follows behind the writer: folds what is durable into the state that readers see, keeps
//! snapshots, and publishes the tree.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use base::{Name, Timestamp};
use record::act::Act;
use record::hash::Hash;
use tokio::sync::watch;

use crate::lookup::acts_on;
use crate::ports::{Entries, Publisher, SignedHead, Snapshots};
use crate::state::State;

/// A snapshot is taken after this many acts.
const SNAPSHOT_EVERY: u64 = 65_536;

/// At a clean stop one is taken if at least so many acts would have to be folded again.
const SNAPSHOT_AT_STOP: u64 = 2_000;

/// The tree is published at most this often.
const PUBLISH_EVERY: Duration = Duration::from_millis(20);

/// What could not be published is tried again after this time.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// A batch that is durable and signed.
#[derive(Debug)]
pub(crate) struct Committed {
    pub(crate) first: u64,
    pub(crate) acts: Vec<Act>,
    pub(crate) leaves: Vec<Hash>,
    pub(crate) head: Arc<SignedHead>,
}

/// What readers see: only what is durable.
pub struct View {
    state: RwLock<State>,
    head: watch::Sender<Arc<SignedHead>>,
    beats: Mutex<BTreeMap<Name, Timestamp>>,
}

impl View {
    pub(crate) fn new(state: State, head: SignedHead) -> View {
        let (head, _) = watch::channel(Arc::new(head));
        View {
            state: RwLock::new(state),
            head,
            beats: Mutex::new(BTreeMap::new()),
        }
    }

    /// Reads the state. Keep it short: the follower waits meanwhile.
    pub fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        // A poisoned lock means that a reader panicked; the state itself is whole.
        read(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The newest checkpoint that the state includes.
    pub fn head(&self) -> Arc<SignedHead> {
        self.head.borrow().clone()
    }

    /// Follows the checkpoint as it moves.
    pub fn heads(&self) -> watch::Receiver<Arc<SignedHead>> {
        self.head.subscribe()
    }

    /// Waits until the state includes that many acts.
    pub async fn caught_up(&self, size: u64) {
        // The sender lives in this very view, so waiting can't fail.
        let _ = self.heads().wait_for(|head| head.size >= size).await;
    }

    /// When the last sign of life of this heartbeat came, if one came since the start.
    pub fn last_beat(&self, heartbeat: &Name) -> Option<Timestamp> {
        self.beats
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(heartbeat)
            .copied()
    }

    pub(crate) fn beat(&self, heartbeat: Name, at: Timestamp) {
        self.beats
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(heartbeat, at);
    }

    pub(crate) fn fold(&self, committed: &Committed, entries: &dyn Entries) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for (index, act) in (committed.first..).zip(&committed.acts) {
            state.apply(act, &mut |id| acts_on(entries, id, index, &[]));
        }
        drop(state);
        self.head.send_replace(committed.head.clone());
    }
}

/// The follower's thread: until the writer is gone. `saved` is the size of the snapshot that this
/// start began from: what is killed again and again must not fold more and more each time.
pub(crate) fn follow(
    view: &View,
    entries: &dyn Entries,
    snapshots: &dyn Snapshots,
    mut saved: u64,
    batches: &Receiver<Arc<Committed>>,
) {
    while let Ok(committed) = batches.recv() {
        view.fold(&committed, entries);
        if committed.head.size >= saved + SNAPSHOT_EVERY {
            saved = committed.head.size;
            save(view, snapshots);
        }
    }
    if view.head().size >= saved + SNAPSHOT_AT_STOP {
        save(view, snapshots);
    }
}

/// Keeps the present state for the next start.
pub(crate) fn save(view: &View, snapshots: &dyn Snapshots) {
    let head = view.head();
    match view.read(State::to_snapshot) {
        Ok(json) => {
            if let Err(error) = snapshots.save(head.size, &head.root, &json) {
                tracing::warn!(%error, "no snapshot was kept; the next start takes longer");
            }
        }
        Err(error) => tracing::warn!(%error, "the state has no snapshot form"),
    }
}

/// The publisher's thread: until the writer is gone.
pub(crate) fn publish(publisher: &mut dyn Publisher, batches: &Receiver<Arc<Committed>>) {
    let mut unpublished: Option<Arc<SignedHead>> = None;
    loop {
        let (mut leaves, mut head) = match (next(batches, unpublished.is_some()), &unpublished) {
            (Ok(first), _) => (first.leaves.clone(), first.head.clone()),
            (Err(RecvTimeoutError::Timeout), Some(head)) => (Vec::new(), head.clone()),
            _ => return,
        };
        // What arrives within a moment is published at once: partial tiles are rewritten less.
        let ended = loop {
            match batches.recv_timeout(PUBLISH_EVERY) {
                Ok(next) => {
                    leaves.extend_from_slice(&next.leaves);
                    head = next.head.clone();
                    if leaves.len() >= 4_096 {
                        break false;
                    }
                }
                Err(RecvTimeoutError::Timeout) => break false,
                Err(RecvTimeoutError::Disconnected) => break true,
            }
        };
        unpublished = match publisher.publish(&leaves, &head) {
            Ok(()) => None,
            Err(error) => {
                tracing::error!(%error, "the checkpoint was not published; tried again soon");
                Some(head)
            }
        };
        if ended {
            return;
        }
    }
}

/// The next batch; while something is unpublished, only for as long as until the next try.
fn next(
    batches: &Receiver<Arc<Committed>>,
    unpublished: bool,
) -> Result<Arc<Committed>, RecvTimeoutError> {
    if unpublished {
        return batches.recv_timeout(RETRY_EVERY);
    }
    batches.recv().map_err(|_| RecvTimeoutError::Disconnected)
}
