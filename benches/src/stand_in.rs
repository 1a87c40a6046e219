//! Ports that the embedded storage does not fill yet.

use std::io;

use engine::ports::{Publisher, SignedHead, Snapshots};
use record::hash::Hash;

/// Publishes nothing.
pub(crate) struct Unpublished;

impl Publisher for Unpublished {
    fn publish(&mut self, _: &[Hash], _: &SignedHead) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps nothing.
pub(crate) struct NoSnapshots;

impl Snapshots for NoSnapshots {
    fn save(&self, _: u64, _: &Hash, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
    fn newest(&self) -> Option<(u64, Vec<u8>)> {
        None
    }
}
