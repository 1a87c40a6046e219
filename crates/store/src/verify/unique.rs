//! Whether an id stands twice among any number of them, in bounded memory.
//!
//! Ids are sorted in runs; runs that do not fit are kept in an unnamed temporary file each and
//! merged at the end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use base::ActId;

/// Ids in a run: 24 bytes each.
const RUN: usize = 1 << 20;

const RECORD_BYTES: usize = 24;

/// An id in two halves, and where it stands.
type Record = (u64, u64, u64);

/// Collects ids.
#[derive(Debug, Default)]
pub(super) struct Ids {
    run: Vec<Record>,
    spilled: Vec<File>,
}

impl Ids {
    /// The id of the entry with this index.
    pub(super) fn push(&mut self, id: &ActId, index: u64) -> io::Result<()> {
        self.push_to_run(id, index, RUN)
    }

    fn push_to_run(&mut self, id: &ActId, index: u64, run: usize) -> io::Result<()> {
        let (high, low) = id.as_bytes().split_at(8);
        let half = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().unwrap_or_default());
        self.run.push((half(high), half(low), index));
        if self.run.len() < run {
            return Ok(());
        }
        self.run.sort_unstable();
        let mut file = BufWriter::new(unnamed(self.spilled.len())?);
        for record in self.run.drain(..) {
            file.write_all(&to_bytes(record))?;
        }
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        self.spilled.push(file);
        Ok(())
    }

    /// Entries whose id an earlier entry has: the later and the earlier index.
    pub(super) fn repeated(mut self) -> io::Result<Vec<(u64, u64)>> {
        self.run.sort_unstable();
        let mut files: Vec<BufReader<File>> =
            self.spilled.into_iter().map(BufReader::new).collect();
        let memory = files.len();
        let mut run = self.run.into_iter();
        let mut heap = BinaryHeap::new();
        for at in 0..=memory {
            let record = next(&mut files, &mut run, at)?;
            heap.extend(record.map(|record| Reverse((record, at))));
        }
        let mut repeated = Vec::new();
        let mut before: Option<Record> = None;
        while let Some(Reverse((record, at))) = heap.pop() {
            if let Some(first) = before.filter(|first| (first.0, first.1) == (record.0, record.1)) {
                repeated.push((record.2, first.2));
            } else {
                before = Some(record);
            }
            heap.extend(next(&mut files, &mut run, at)?.map(|record| Reverse((record, at))));
        }
        repeated.sort_unstable();
        Ok(repeated)
    }
}

/// The next record of a run: those in files first, then the one in memory.
fn next(
    files: &mut [BufReader<File>],
    run: &mut impl Iterator<Item = Record>,
    at: usize,
) -> io::Result<Option<Record>> {
    let Some(file) = files.get_mut(at) else {
        return Ok(run.next());
    };
    let mut bytes = [0; RECORD_BYTES];
    match file.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(from_bytes(&bytes))),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn to_bytes((high, low, index): Record) -> [u8; RECORD_BYTES] {
    let mut bytes = [0; RECORD_BYTES];
    for (slot, number) in bytes
        .as_chunks_mut::<8>()
        .0
        .iter_mut()
        .zip([high, low, index])
    {
        *slot = number.to_le_bytes();
    }
    bytes
}

fn from_bytes(bytes: &[u8; RECORD_BYTES]) -> Record {
    let mut numbers = bytes
        .as_chunks::<8>()
        .0
        .iter()
        .map(|bytes| u64::from_le_bytes(*bytes));
    let mut number = || numbers.next().unwrap_or_default();
    (number(), number(), number())
}

/// A file that nobody else sees and that goes with this process.
fn unnamed(number: usize) -> io::Result<File> {
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
