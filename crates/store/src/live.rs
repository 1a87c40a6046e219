//! Where the entries of one segment are and what they are about, in memory.
//!
//! The segment being written has a [`Table`] that the writer grows. Of a closed one there are
//! [`Rows`], sorted as they stand in its index file.

use std::collections::HashMap;
use std::fs::File;
use std::io;

use base::ActId;

use crate::keys::{Keys, act_key, keys_of};
use crate::lines::Lines;
use crate::segment::{self, Line};

/// Where an entry stands in its segment's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) at: u32,
    pub(crate) length: u16,
}

/// The entries of the segment being written. `u32` ordinals count from the segment's first entry.
#[derive(Debug, Default)]
pub(crate) struct Table {
    spans: Vec<Span>,
    acts: HashMap<ActId, u32>,
    subjects: HashMap<u64, Vec<u32>>,
    findable: u32,
}

/// The entries of a closed segment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) spans: Vec<Span>,
    /// Every act's key, in order, with its entry.
    pub(crate) acts: Vec<(u64, u32)>,
    /// Every subject's key, in order, with its entries in order.
    pub(crate) subjects: Vec<(u64, u32)>,
}

impl Table {
    /// The next entry stands here.
    pub(crate) fn place(&mut self, span: Span) {
        self.spans.push(span);
    }

    /// The next entry that can't be found yet can be found by these from now on.
    pub(crate) fn find_by(&mut self, keys: Option<Keys>) {
        let ordinal = self.findable;
        self.findable += 1;
        if let Some(Keys { act, subject, .. }) = keys {
            self.acts.insert(act, ordinal);
            self.subjects.entry(subject).or_default().push(ordinal);
        }
    }

    pub(crate) fn span(&self, ordinal: u64) -> Option<Span> {
        self.spans.get(usize::try_from(ordinal).ok()?).copied()
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> u64 {
        self.spans.len() as u64
    }

    /// Whether every entry can be found.
    pub(crate) fn is_complete(&self) -> bool {
        u64::from(self.findable) == self.len()
    }

    pub(crate) fn act(&self, id: &ActId) -> Option<u32> {
        self.acts.get(id).copied()
    }

    /// The entries on a subject from `from` on.
    pub(crate) fn subject(&self, key: u64, from: u32, limit: usize) -> Vec<u32> {
        let ordinals = self
            .subjects
            .get(&key)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let begin = ordinals.partition_point(|ordinal| *ordinal < from);
        ordinals.iter().skip(begin).take(limit).copied().collect()
    }

    /// The same, sorted.
    pub(crate) fn to_rows(&self) -> Rows {
        let acts = self
            .acts
            .iter()
            .map(|(id, ordinal)| (act_key(id), *ordinal))
            .collect();
        let subjects = self
            .subjects
            .iter()
            .flat_map(|(key, ordinals)| ordinals.iter().map(move |ordinal| (*key, *ordinal)));
        Rows {
            spans: self.spans.clone(),
            acts,
            subjects: subjects.collect(),
        }
        .sorted()
    }
}

impl Rows {
    /// Reads a closed segment whole.
    pub(crate) fn scan(file: File) -> io::Result<Rows> {
        let mut rows = Rows::default();
        let mut lines = Lines::new(file, 0, u64::MAX)?;
        while let Some(line) = lines.next()? {
            if let (true, Ok(Line::Entry(entry))) = (line.ended, segment::parse(line.bytes)) {
                let ordinal = u32::try_from(rows.spans.len()).map_err(|_| too_large())?;
                let at = u32::try_from(line.at).map_err(|_| too_large())?;
                let length = u16::try_from(entry.len()).map_err(|_| too_large())?;
                rows.spans.push(Span { at, length });
                if let Some(Keys { act, subject, .. }) = keys_of(entry) {
                    rows.acts.push((act_key(&act), ordinal));
                    rows.subjects.push((subject, ordinal));
                }
            }
        }
        Ok(rows.sorted())
    }

    fn sorted(mut self) -> Rows {
        self.acts.sort_unstable();
        self.subjects.sort_unstable();
        self
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> u64 {
        self.spans.len() as u64
    }

    pub(crate) fn span(&self, ordinal: u64) -> Option<Span> {
        self.spans.get(usize::try_from(ordinal).ok()?).copied()
    }

    /// Entries whose act id begins like this one.
    pub(crate) fn act(&self, id: &ActId) -> Vec<u32> {
        find(&self.acts, act_key(id), 0, usize::MAX)
    }

    /// Entries from `from` on whose subject has this key.
    pub(crate) fn subject(&self, key: u64, from: u32, limit: usize) -> Vec<u32> {
        find(&self.subjects, key, from, limit)
    }
}

fn find(rows: &[(u64, u32)], key: u64, from: u32, limit: usize) -> Vec<u32> {
    let begin = rows.partition_point(|row| *row < (key, from));
    let rest = rows.get(begin..).unwrap_or_default();
    rest.iter()
        .take_while(|row| row.0 == key)
        .take(limit)
        .map(|row| row.1)
        .collect()
}

pub(crate) fn too_large() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the segment is larger than segments are",
    )
}
