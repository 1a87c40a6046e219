//! So many at once: requests in progress, connections. A permit is given back when it is dropped,
//! so nobody can forget to.
//!
//! Nobody waits here: who gets none is refused. Who may ask is for the caller to say.

use crate::sync::{Arc, AtomicU32, Ordering};

/// A number of permits, for all threads: a clone hands out the same ones.
#[derive(Clone, Debug)]
pub struct Permits {
    count: Arc<Count>,
}

#[derive(Debug)]
struct Count {
    taken: AtomicU32,
    max: AtomicU32,
}

impl Permits {
    /// So many, none of them taken.
    pub fn new(max: u32) -> Permits {
        Permits {
            count: Arc::new(Count {
                taken: AtomicU32::new(0),
                max: AtomicU32::new(max),
            }),
        }
    }

    /// One of them, if there is one left.
    pub fn try_take(&self) -> Option<Permit> {
        let max = self.max();
        let mut taken = self.count.taken.load(Ordering::Relaxed);
        while taken < max {
            // Who takes a permit sees what was done under it before.
            match self.count.taken.compare_exchange_weak(
                taken,
                taken.saturating_add(1),
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    return Some(Permit {
                        count: Arc::clone(&self.count),
                    });
                }
                Err(found) => taken = found,
            }
        }
        None
    }

    /// How many are out.
    pub fn taken(&self) -> u32 {
        self.count.taken.load(Ordering::Relaxed)
    }

    /// How many there are.
    pub fn max(&self) -> u32 {
        self.count.max.load(Ordering::Relaxed)
    }

    /// Another number of them. Those that are out stay out: with fewer, none is handed out until
    /// enough came back.
    pub fn set_max(&self, max: u32) {
        self.count.max.store(max, Ordering::Relaxed);
    }
}

/// One that was taken; dropping it gives it back.
#[must_use = "dropped, it is given back at once"]
#[derive(Debug)]
pub struct Permit {
    count: Arc<Count>,
}

impl Permit {
    /// For several holders: it is given back when the last of them drops it. For a connection whose
    /// streams, or whose two directions, end by themselves.
    pub fn share(self) -> SharedPermit {
        SharedPermit {
            _permit: Arc::new(self),
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.count.taken.fetch_sub(1, Ordering::Release);
    }
}

/// One permit that several hold.
#[must_use = "dropped by its last holder, it is given back"]
#[derive(Clone, Debug)]
pub struct SharedPermit {
    _permit: Arc<Permit>,
}

#[cfg(test)]
mod tests;
