//! Any number of small records in order, in bounded memory.
//!
//! Records are sorted in runs; runs that do not fit are kept in an unnamed temporary file each and
//! merged at the end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers in a run, 8 bytes each.
const RUN: usize = 3 << 20;

/// Collects records of `N` numbers.
#[derive(Debug)]
pub(super) struct Sorted<const N: usize> {
    run: Vec<[u64; N]>,
    /// Records in a run.
    limit: usize,
    spilled: Vec<File>,
}

/// The records in ascending order.
pub(super) struct Merged<const N: usize> {
    files: Vec<BufReader<File>>,
    run: std::vec::IntoIter<[u64; N]>,
    /// The next record of each run, and which run it is of; the one in memory is the last.
    heap: BinaryHeap<Reverse<([u64; N], usize)>>,
}

impl<const N: usize> Default for Sorted<N> {
    fn default() -> Sorted<N> {
        Sorted::with_run(RUN / N.max(1))
    }
}

impl<const N: usize> Sorted<N> {
    /// Keeps so many records in memory.
    pub(super) fn with_run(limit: usize) -> Sorted<N> {
        Sorted {
            run: Vec::new(),
            limit,
            spilled: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, record: [u64; N]) -> io::Result<()> {
        self.run.push(record);
        if self.run.len() < self.limit {
            return Ok(());
        }
        self.run.sort_unstable();
        let mut file = BufWriter::new(unnamed()?);
        for number in self.run.drain(..).flatten() {
            file.write_all(&number.to_le_bytes())?;
        }
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        self.spilled.push(file);
        Ok(())
    }

    /// All of them, in order.
    pub(super) fn merged(mut self) -> io::Result<Merged<N>> {
        self.run.sort_unstable();
        let mut merged = Merged {
            files: self.spilled.into_iter().map(BufReader::new).collect(),
            run: self.run.into_iter(),
            heap: BinaryHeap::new(),
        };
        for at in 0..=merged.files.len() {
            merged.refill(at)?;
        }
        Ok(merged)
    }
}

impl<const N: usize> Merged<N> {
    /// The next record; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<[u64; N]>> {
        let Some(Reverse((record, at))) = self.heap.pop() else {
            return Ok(None);
        };
        self.refill(at)?;
        Ok(Some(record))
    }

    fn refill(&mut self, at: usize) -> io::Result<()> {
        let record = match self.files.get_mut(at) {
            Some(file) => read(file)?,
            None => self.run.next(),
        };
        self.heap.extend(record.map(|record| Reverse((record, at))));
        Ok(())
    }
}

fn read<const N: usize>(file: &mut BufReader<File>) -> io::Result<Option<[u64; N]>> {
    let mut record = [0; N];
    for (at, number) in record.iter_mut().enumerate() {
        let mut bytes = [0; 8];
        match file.read_exact(&mut bytes) {
            Ok(()) => *number = u64::from_le_bytes(bytes),
            Err(error) if at == 0 && error.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Some(record))
}

/// A file that nobody else sees and that goes with this process.
fn unnamed() -> io::Result<File> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("hereby-verify-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests;
