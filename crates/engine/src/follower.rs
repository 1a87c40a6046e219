//! Follows behind the writer: folds what is durable into the state that readers see, answers, and
//! keeps snapshots.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockWriteGuard};

use base::{Name, Timestamp};
use tokio::sync::watch;

use crate::answers::Committed;
use crate::lookup::fold_act;
use crate::ports::{Entries, ReadError, SignedHead, Snapshots};
use crate::state::State;

/// A snapshot is taken after this many acts.
const SNAPSHOT_EVERY: u64 = 65_536;

/// At a clean stop one is taken if at least so many acts would have to be folded again.
const SNAPSHOT_AT_STOP: u64 = 2_000;

/// So many acts, for so many who wait, are folded and answered by the writer itself.
const FEW: usize = 128;

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

    /// Folds a batch in: readers see it from now on.
    pub(crate) fn fold(
        &self,
        committed: &Committed,
        entries: &dyn Entries,
    ) -> Result<(), ReadError> {
        let state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        self.fold_into(state, committed, entries)
    }

    /// The same if it can be done at once: it is short, all before it is folded, and nobody reads.
    /// Two threads need not be woken then.
    pub(crate) fn fold_at_once(
        &self,
        committed: &Committed,
        entries: &dyn Entries,
    ) -> Result<bool, ReadError> {
        let few = committed.acts.len() <= FEW && committed.waiting.len() <= FEW;
        if !few || self.head.borrow().size != committed.first {
            return Ok(false);
        }
        match self.state.try_write() {
            Ok(state) => self.fold_into(state, committed, entries).map(|()| true),
            Err(_) => Ok(false),
        }
    }

    fn fold_into(
        &self,
        mut state: RwLockWriteGuard<'_, State>,
        committed: &Committed,
        entries: &dyn Entries,
    ) -> Result<(), ReadError> {
        for (index, act) in (committed.first..).zip(&committed.acts) {
            fold_act(&mut state, act, entries, index)?;
        }
        drop(state);
        if self.head.borrow().size < committed.head.size {
            self.head.send_replace(committed.head.clone());
        }
        Ok(())
    }
}

/// Whether a snapshot is due somewhere between these sizes.
pub(crate) fn passes_snapshot(first: u64, size: u64) -> bool {
    first / SNAPSHOT_EVERY != size / SNAPSHOT_EVERY
}

/// The follower's thread: until the writer is gone, or what is on the record can't be read back,
/// which is fatal. `saved` is the size of the snapshot that this
/// start began from: what is killed again and again must not fold more and more each time.
pub(crate) fn follow(
    view: &View,
    entries: &dyn Entries,
    snapshots: &dyn Snapshots,
    mut saved: u64,
    batches: &Receiver<Committed>,
) -> Result<(), ReadError> {
    while let Ok(mut committed) = batches.recv() {
        view.fold(&committed, entries)?;
        committed.answer(entries);
        let size = view.head().size;
        if size >= saved + SNAPSHOT_EVERY {
            saved = size;
            save(view, snapshots);
        }
    }
    if view.head().size >= saved + SNAPSHOT_AT_STOP {
        save(view, snapshots);
    }
    Ok(())
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
