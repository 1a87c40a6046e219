//! What is committed and not yet published: filled by the writer, emptied by the publisher's thread.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use record::hash::Hash;

use crate::ports::{Publisher, SignedHead};

/// The tree is published at most this often.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);

/// The disk is left to the writer for so many times as long as publishing took: the file system's
/// journal is shared.
const REST: u32 = 16;

/// The longest time that it is left so.
const REST_MAX: Duration = Duration::from_millis(500);

/// What could not be published is tried again after this time.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// The writer waits for a publisher that is behind by so many leaves: 32 MiB of them.
const LEAVES_MAX: usize = 1 << 20;

/// Between the writer and the publisher's thread.
#[derive(Default)]
pub(crate) struct Outlet {
    pending: Mutex<Pending>,
    changed: Condvar,
}

#[derive(Default)]
struct Pending {
    leaves: Vec<Hash>,
    head: Option<Arc<SignedHead>>,
    closed: bool,
}

/// The writer's end. Dropped, it ends the publisher once all is published.
pub(crate) struct Inlet(pub(crate) Arc<Outlet>);

impl Inlet {
    /// The tree has grown by these leaves to this head.
    pub(crate) fn put(&self, leaves: Vec<Hash>, head: Arc<SignedHead>) {
        let mut pending = self.0.lock();
        while pending.leaves.len() >= LEAVES_MAX {
            pending = self
                .0
                .changed
                .wait(pending)
                .unwrap_or_else(PoisonError::into_inner);
        }
        pending.leaves.extend(leaves);
        let idle = pending.head.replace(head).is_none();
        drop(pending);
        if idle {
            self.0.changed.notify_all();
        }
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
}

impl Outlet {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What there is now, once there is something; `None` at the end. `patience` bounds the wait.
    fn take(&self, patience: Option<Duration>) -> Option<(Vec<Hash>, Option<Arc<SignedHead>>)> {
        let mut pending = self.lock();
        while pending.head.is_none() {
            if pending.closed {
                return None;
            }
            pending = match patience {
                None => self
                    .changed
                    .wait(pending)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(time) => {
                    let waited = self.changed.wait_timeout(pending, time);
                    let (pending, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                    if timeout.timed_out() && pending.head.is_none() {
                        return Some((Vec::new(), None));
                    }
                    pending
                }
            };
        }
        let taken = (std::mem::take(&mut pending.leaves), pending.head.take());
        drop(pending);
        self.changed.notify_all();
        Some(taken)
    }

    /// Leaves the disk to others for this time, or until the end.
    fn rest(&self, time: Duration) {
        let pending = self.lock();
        let waited = self.changed.wait_timeout_while(pending, time, |pending| {
            !pending.closed && pending.leaves.len() < LEAVES_MAX
        });
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// The publisher's thread: until the writer is gone.
    pub(crate) fn publish(&self, publisher: &mut dyn Publisher) {
        let mut unpublished: Option<Arc<SignedHead>> = None;
        while let Some((leaves, head)) = self.take(unpublished.as_ref().map(|_| RETRY_EVERY)) {
            let Some(head) = head.or(unpublished.take()) else {
                continue;
            };
            let begin = Instant::now();
            if let Err(error) = publisher.publish(&leaves, &head) {
                tracing::error!(%error, "the checkpoint was not published; tried again soon");
                unpublished = Some(head);
            }
            // What arrives meanwhile is published at once: partial tiles are rewritten less.
            self.rest((begin.elapsed() * REST).clamp(PUBLISH_EVERY, REST_MAX));
        }
    }
}
