//! Whether an id stands twice among any number of them, in bounded memory.

use std::io;

use base::ActId;

use super::sorted::Sorted;

/// Collects ids: each in two halves, and where it stands.
#[derive(Debug, Default)]
pub(super) struct Ids(Sorted<3>);

impl Ids {
    /// The id of the entry with this index.
    pub(super) fn push(&mut self, id: &ActId, index: u64) -> io::Result<()> {
        let (high, low) = id.as_bytes().split_at(8);
        let half = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().unwrap_or_default());
        self.0.push([half(high), half(low), index])
    }

    /// Entries whose id an earlier entry has: the later and the earlier index.
    pub(super) fn repeated(self) -> io::Result<Vec<(u64, u64)>> {
        let mut merged = self.0.merged()?;
        let mut repeated = Vec::new();
        let mut first: Option<[u64; 3]> = None;
        while let Some(record) = merged.next()? {
            let ([high, low, index], same) = (record, first);
            match same.filter(|same| same.starts_with(&[high, low])) {
                Some([.., earlier]) => repeated.push((index, earlier)),
                None => first = Some(record),
            }
        }
        repeated.sort_unstable();
        Ok(repeated)
    }
}

#[cfg(test)]
mod tests;
