//! Atomics and locks, in one place, so that `--cfg loom` can put in those that try every order in
//! which threads may meet. Nothing else may be taken from `core::sync` by what workers share.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p policy --release loom` runs the models in `tests`.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
#[cfg(not(loom))]
pub(crate) use std::sync::{Arc, Mutex, MutexGuard};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
#[cfg(loom)]
pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};

/// The lock, also after somebody panicked while holding it: what is kept under one here is counts,
/// each of them valid whatever was done to the others.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    match mutex.lock() {
        Ok(guard) => guard,
        Err(poisoned) => poisoned.into_inner(),
    }
}

#[cfg(all(test, loom))]
mod tests;
