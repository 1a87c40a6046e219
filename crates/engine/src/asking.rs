//! Waiting for the writer's answer.
//!
//! Waking a thread can take as long as a sync does. Who asks while nobody else does stays awake for
//! about as long as a good disk takes: the core has nothing better to do. Whatever takes longer, or
//! is not alone, is waited for as usual.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

/// The longest time that one who is alone stays awake.
const AWAKE: Duration = Duration::from_micros(300);

/// Everyone who waits for an answer.
pub(crate) struct Asking {
    count: AtomicUsize,
    /// The writer has a core of its own to answer from.
    spare: bool,
}

/// One of them, while it lives.
struct One<'a>(&'a AtomicUsize);

impl Drop for One<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Asking {
    pub(crate) fn new() -> Asking {
        Asking {
            count: AtomicUsize::new(0),
            spare: available_parallelism().map_or(1, NonZero::get) > 1,
        }
    }

    /// The answer; `None`: nobody can say what became of it.
    pub(crate) async fn wait<T>(&self, mut answer: oneshot::Receiver<T>) -> Option<T> {
        self.count.fetch_add(1, Ordering::Relaxed);
        let _one = One(&self.count);
        let begin = Instant::now();
        while self.spare && self.count.load(Ordering::Relaxed) == 1 && begin.elapsed() < AWAKE {
            match answer.try_recv() {
                Ok(answer) => return Some(answer),
                Err(TryRecvError::Closed) => return None,
                Err(TryRecvError::Empty) => std::hint::spin_loop(),
            }
        }
        answer.await.ok()
    }
}
