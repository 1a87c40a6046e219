//! Authors' signatures, checked together by whoever comes to it: many at once cost a third.
//!
//! Nobody waits for others to come. Who asks leaves a signature, lets those run who can run now,
//! and then takes whatever lies there, which may be their own, others', or nothing any more.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rand_core::{TryCryptoRng, TryRng};
use record::author::{AuthorSignature, are_all_valid};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

/// More than this at once are hardly cheaper, and occupy one core while others have nothing to do.
const TOGETHER_MAX: usize = 16;

/// Fewer than this are quicker one by one.
const TOGETHER_MIN: usize = 3;

/// What callers' threads share.
#[derive(Default)]
pub(crate) struct Signatures {
    waiting: Mutex<Vec<Waiting>>,
    /// How many are left and not answered yet.
    pub(crate) checking: Arc<AtomicUsize>,
}

struct Waiting {
    signature: AuthorSignature,
    tell: oneshot::Sender<bool>,
    _checking: Checking,
}

/// One signature that is being checked, while it lives.
struct Checking(Arc<AtomicUsize>);

impl Checking {
    fn begin(count: &Arc<AtomicUsize>) -> Checking {
        count.fetch_add(1, Ordering::Relaxed);
        Checking(count.clone())
    }
}

impl Drop for Checking {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Signatures {
    /// Whether it is valid.
    pub(crate) async fn is_valid(&self, signature: AuthorSignature) -> bool {
        let (tell, mut told) = oneshot::channel();
        self.lock().push(Waiting {
            signature,
            tell,
            _checking: Checking::begin(&self.checking),
        });
        tokio::task::yield_now().await;
        loop {
            let taken = self.take();
            if taken.is_empty() {
                // Whoever took it answers before doing anything else.
                return told.await.unwrap_or(false);
            }
            check(taken);
            match told.try_recv() {
                Ok(valid) => return valid,
                Err(TryRecvError::Closed) => return false,
                Err(TryRecvError::Empty) => {}
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The oldest first, as many as are worth it.
    fn take(&self) -> Vec<Waiting> {
        let mut waiting = self.lock();
        let count = waiting.len().min(TOGETHER_MAX);
        waiting.drain(..count).collect()
    }
}

/// Says of each whether it is valid. One that is not costs the others the time saved, no more.
fn check(taken: Vec<Waiting>) {
    let all = taken.len() >= TOGETHER_MIN && {
        let mut random = SystemRandom { failed: false };
        let signatures = taken.iter().map(|waiting| waiting.signature.clone());
        are_all_valid(signatures, &mut random) && !random.failed
    };
    for waiting in taken {
        let valid = all || waiting.signature.is_valid();
        // Nobody may be waiting any more: a connection that ended.
        let _ = waiting.tell.send(valid);
    }
}

/// The operating system's random numbers. What is checked with them while it has none counts for
/// nothing.
struct SystemRandom {
    failed: bool,
}

impl TryRng for SystemRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.failed |= aws_lc_rs::rand::fill(bytes).is_err();
        Ok(())
    }
}

impl TryCryptoRng for SystemRandom {}

#[cfg(test)]
mod tests;
