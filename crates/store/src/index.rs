//! The index file of a closed segment: act id and subject to entry, and entry to place.
//!
//! Derived: a missing, damaged or foreign one is made again from the segment. Looking up reads a
//! few hundred bytes. Keys are cut to 8 bytes, so whoever asks compares the entry it finds.
//!
//! The file, integers in little-endian: magic, first entry, bytes of the segment, entries, acts,
//! subjects; for each entry its offset (4 bytes) and length (2); then two sorted tables, of acts
//! and of subjects, each 4,097 counts (how many keys are below each twelve-bit prefix) and records
//! of a key (8 bytes) and an entry (4); last SHA-256 of all before.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use base::ActId;
use record::hash::{self, HASH_BYTES};

use crate::durable::{self, FileError, Keep};
use crate::keys::act_key;
use crate::live::{Rows, Span};

const MAGIC: &[u8; 8] = b"hereby/1";

/// Magic, first, bytes of the segment (8 bytes each), entries, acts, subjects (4 bytes each).
const HEAD_BYTES: usize = 8 + 8 + 8 + 4 + 4 + 4;

const SPAN_BYTES: u64 = 6;

const RECORD_BYTES: u64 = 12;

/// One bucket for each value of a key's first twelve bits.
const BUCKETS: usize = 4_096;

const FANOUT_BYTES: usize = (BUCKETS + 1) * 4;

/// Ranges up to this many records are read at once.
const RUN: u32 = 256;

/// An index file that was found whole.
#[derive(Debug)]
pub(crate) struct IndexFile {
    file: File,
    entries: u32,
    acts: Sorted,
    subjects: Sorted,
    filter: Filter,
}

/// Says of most acts that are not there that they are not, without reading the file: a Bloom
/// filter of a byte an act. Every new command asks for its act in every segment.
#[derive(Debug)]
struct Filter {
    bits: Vec<u64>,
    /// One less than the number of bits, which is a power of two.
    mask: u64,
}

impl Filter {
    fn of(keys: impl Iterator<Item = u64>, count: usize) -> Filter {
        let words = (count / 8).next_power_of_two();
        let mut filter = Filter {
            bits: vec![0; words],
            mask: words as u64 * 64 - 1,
        };
        for key in keys {
            for bit in filter.places(key) {
                if let Some(word) = filter.bits.get_mut((bit / 64) as usize) {
                    *word |= 1 << (bit % 64);
                }
            }
        }
        filter
    }

    /// Keys are parts of hashes, so parts of keys are as good as hashes of them.
    fn places(&self, key: u64) -> [u64; 3] {
        [key, key.rotate_right(21), key.rotate_right(42)].map(|part| part & self.mask)
    }

    fn may_have(&self, key: u64) -> bool {
        self.places(key).into_iter().all(|bit| {
            self.bits
                .get((bit / 64) as usize)
                .is_some_and(|word| word & (1 << (bit % 64)) != 0)
        })
    }
}

/// One sorted table.
#[derive(Debug)]
struct Sorted {
    /// Where its records begin.
    at: u64,
    fanout: Vec<u32>,
}

/// Why an index file is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadIndex {
    #[error("it is not there")]
    Missing,
    #[error("it is damaged, or of another version")]
    Damaged,
    #[error("it is of another segment")]
    Foreign,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes the index of a closed segment.
pub(crate) fn write(
    path: &Path,
    first: u64,
    segment_bytes: u64,
    rows: &Rows,
) -> Result<(), FileError> {
    let bytes = encode(first, segment_bytes, rows)
        .ok_or_else(crate::live::too_large)
        .map_err(FileError::new("index", path))?;
    durable::replace(path, &bytes, Keep::Derived)
}

fn encode(first: u64, segment_bytes: u64, rows: &Rows) -> Option<Vec<u8>> {
    let Rows {
        spans,
        acts,
        subjects,
    } = rows;
    let records = (acts.len() + subjects.len()) * RECORD_BYTES as usize;
    let tables = spans.len() * SPAN_BYTES as usize + 2 * FANOUT_BYTES + records;
    let mut out = Vec::with_capacity(HEAD_BYTES + tables + HASH_BYTES);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&first.to_le_bytes());
    out.extend_from_slice(&segment_bytes.to_le_bytes());
    for count in [spans.len(), acts.len(), subjects.len()] {
        out.extend_from_slice(&u32::try_from(count).ok()?.to_le_bytes());
    }
    for span in spans {
        out.extend_from_slice(&span.at.to_le_bytes());
        out.extend_from_slice(&span.length.to_le_bytes());
    }
    for records in [acts, subjects] {
        encode_sorted(records, &mut out)?;
    }
    let digest = hash::sha256(&[&out]);
    out.extend_from_slice(digest.as_bytes());
    Some(out)
}

fn encode_sorted(records: &[(u64, u32)], out: &mut Vec<u8>) -> Option<()> {
    let mut below = 0;
    for prefix in 0..=BUCKETS {
        let rest = records.get(below..).unwrap_or_default();
        below += rest
            .iter()
            .take_while(|(key, _)| bucket(*key) < prefix)
            .count();
        out.extend_from_slice(&u32::try_from(below).ok()?.to_le_bytes());
    }
    for (key, ordinal) in records {
        out.extend_from_slice(&key.to_le_bytes());
        out.extend_from_slice(&ordinal.to_le_bytes());
    }
    Some(())
}

/// Which bucket a key falls into: its first twelve bits.
fn bucket(key: u64) -> usize {
    (key >> 52) as usize
}

impl IndexFile {
    /// Opens the index of the segment that begins at `first` and has so many bytes
    /// (when that is known).
    pub(crate) fn open(
        path: &Path,
        first: u64,
        segment_bytes: Option<u64>,
    ) -> Result<IndexFile, BadIndex> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(BadIndex::Missing),
            Err(error) => return Err(error.into()),
        };
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut (&file), &mut bytes)?;
        let (content, digest) = bytes
            .split_last_chunk::<HASH_BYTES>()
            .ok_or(BadIndex::Damaged)?;
        if hash::sha256(&[content]).as_bytes() != digest {
            return Err(BadIndex::Damaged);
        }
        let mut rest = content.strip_prefix(MAGIC).ok_or(BadIndex::Damaged)?;
        let (found_first, found_bytes) = (take_u64(&mut rest)?, take_u64(&mut rest)?);
        if found_first != first || segment_bytes.is_some_and(|bytes| bytes != found_bytes) {
            return Err(BadIndex::Foreign);
        }
        let entries = take_u32(&mut rest)?;
        let (acts, subjects) = (take_u32(&mut rest)?, take_u32(&mut rest)?);
        let spans = u64::from(entries) * SPAN_BYTES;
        let acts = Sorted::parse(&mut rest, HEAD_BYTES as u64 + spans, spans, acts)?;
        let (records, _) = rest.as_chunks::<{ RECORD_BYTES as usize }>();
        let keys = records
            .iter()
            .take(acts.len() as usize)
            .map(|record| parse_record(record).0);
        let filter = Filter::of(keys, acts.len() as usize);
        let behind = acts.at + u64::from(acts.len()) * RECORD_BYTES;
        let skip = u64::from(acts.len()) * RECORD_BYTES;
        let subjects = Sorted::parse(&mut rest, behind, skip, subjects)?;
        Ok(IndexFile {
            file,
            entries,
            acts,
            subjects,
            filter,
        })
    }

    /// How many entries the segment has.
    pub(crate) fn entries(&self) -> u32 {
        self.entries
    }

    /// Where an entry stands in the segment.
    pub(crate) fn span(&self, ordinal: u32) -> io::Result<Option<Span>> {
        if ordinal >= self.entries {
            return Ok(None);
        }
        let mut bytes = [0; SPAN_BYTES as usize];
        let at = HEAD_BYTES as u64 + u64::from(ordinal) * SPAN_BYTES;
        self.file.read_exact_at(&mut bytes, at)?;
        let [a, b, c, d, e, f] = bytes;
        Ok(Some(Span {
            at: u32::from_le_bytes([a, b, c, d]),
            length: u16::from_le_bytes([e, f]),
        }))
    }

    /// Entries whose act id begins like this one.
    pub(crate) fn act(&self, id: &ActId) -> io::Result<Vec<u32>> {
        if !self.filter.may_have(act_key(id)) {
            return Ok(Vec::new());
        }
        self.acts.find(&self.file, act_key(id), 0, usize::MAX)
    }

    /// Entries from `from` on whose subject has this key.
    pub(crate) fn subject(&self, key: u64, from: u32, limit: usize) -> io::Result<Vec<u32>> {
        self.subjects.find(&self.file, key, from, limit)
    }
}

impl Sorted {
    /// Reads the counts; `skip` bytes of `rest` are before them, and `at` is where they begin.
    fn parse(rest: &mut &[u8], at: u64, skip: u64, records: u32) -> Result<Sorted, BadIndex> {
        let skip = usize::try_from(skip).map_err(|_| BadIndex::Damaged)?;
        let behind = rest.get(skip..).ok_or(BadIndex::Damaged)?;
        let (fanout, after) = behind
            .split_at_checked(FANOUT_BYTES)
            .ok_or(BadIndex::Damaged)?;
        *rest = after;
        let (counts, _) = fanout.as_chunks::<4>();
        let fanout: Vec<u32> = counts
            .iter()
            .map(|count| u32::from_le_bytes(*count))
            .collect();
        let fits = after.len() as u64 >= u64::from(records) * RECORD_BYTES;
        if fanout.last() != Some(&records) || !fanout.is_sorted() || !fits {
            return Err(BadIndex::Damaged);
        }
        Ok(Sorted {
            at: at + FANOUT_BYTES as u64,
            fanout,
        })
    }

    fn len(&self) -> u32 {
        self.fanout.last().copied().unwrap_or(0)
    }

    /// The entries with this key, from `from` on.
    fn find(&self, file: &File, key: u64, from: u32, limit: usize) -> io::Result<Vec<u32>> {
        let within = |at| self.fanout.get(at).copied().unwrap_or(0);
        let (mut low, end) = (within(bucket(key)), within(bucket(key) + 1));
        let mut high = end;
        // The first record that is not below the one wanted is in `low..=high`.
        while high - low > RUN {
            let middle = low + (high - low) / 2;
            let record = self.read(file, middle, 1)?;
            if record.first().is_some_and(|record| *record < (key, from)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let mut found = Vec::new();
        let mut at = low;
        while at < end && found.len() < limit {
            let run = self.read(file, at, RUN.min(end - at))?;
            for record in &run {
                if record.0 == key && record.1 >= from && found.len() < limit {
                    found.push(record.1);
                }
            }
            if run.last().is_none_or(|last| last.0 > key) {
                break;
            }
            at += RUN.min(end - at);
        }
        Ok(found)
    }

    fn read(&self, file: &File, at: u32, count: u32) -> io::Result<Vec<(u64, u32)>> {
        let mut bytes = vec![0; count as usize * RECORD_BYTES as usize];
        file.read_exact_at(&mut bytes, self.at + u64::from(at) * RECORD_BYTES)?;
        let (records, _) = bytes.as_chunks::<{ RECORD_BYTES as usize }>();
        Ok(records.iter().map(parse_record).collect())
    }
}

fn parse_record(record: &[u8; RECORD_BYTES as usize]) -> (u64, u32) {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *record;
    (
        u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        u32::from_le_bytes([i, j, k, l]),
    )
}

fn take_u64(rest: &mut &[u8]) -> Result<u64, BadIndex> {
    let (bytes, after) = rest.split_first_chunk().ok_or(BadIndex::Damaged)?;
    *rest = after;
    Ok(u64::from_le_bytes(*bytes))
}

fn take_u32(rest: &mut &[u8]) -> Result<u32, BadIndex> {
    let (bytes, after) = rest.split_first_chunk().ok_or(BadIndex::Damaged)?;
    *rest = after;
    Ok(u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests;
