//! Where the entries of one segment are and what they are about, in memory.
//!
//! The segment being written has its table grown by the writer; a closed one gets it from a scan
//! until its index file is there.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io;

use base::ActId;
use record::act::Subject;
use record::hash;
use serde::Deserialize;

use crate::lines::Lines;
use crate::segment::{self, Line};

/// Where an entry stands in its segment's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) at: u32,
    pub(crate) length: u16,
}

/// What an entry can be found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) act: ActId,
    pub(crate) subject: u64,
    /// Whether the act changes the key that signs.
    pub(crate) rotates: bool,
}

/// The kind of act that changes the log's key, of whatever version.
const ROTATES: &str = "record.key_rotated/";

/// The entries of one segment. `u32` ordinals count from the segment's first entry.
#[derive(Debug, Default)]
pub(crate) struct Table {
    spans: Vec<Span>,
    acts: HashMap<ActId, u32>,
    subjects: HashMap<u64, Vec<u32>>,
    findable: u32,
}

/// The key of a subject: half of a half of a SHA-256. Whoever finds by it compares the entry.
pub(crate) fn subject_key(type_name: &str, id: &str) -> u64 {
    let digest = hash::sha256(&[type_name.as_bytes(), b"\0", id.as_bytes()]);
    let (key, _) = digest.0.split_first_chunk().expect("a hash has 32 bytes");
    u64::from_be_bytes(*key)
}

/// The key of a [`Subject`].
pub(crate) fn key_of(subject: &Subject) -> u64 {
    subject_key(subject.type_name(), &subject.id())
}

/// What of an entry is looked at to find it.
#[derive(Deserialize)]
struct Form<'a> {
    id: ActId,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    subject: SubjectForm<'a>,
}

#[derive(Deserialize)]
struct SubjectForm<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    type_name: Cow<'a, str>,
}

/// What an entry can be found by; `None` when it has no id and subject of the form known here.
pub(crate) fn keys_of(entry: &[u8]) -> Option<Keys> {
    let form: Form<'_> = serde_json::from_slice(entry).ok()?;
    Some(Keys {
        act: form.id,
        subject: subject_key(&form.subject.type_name, &form.subject.id),
        rotates: form.kind.starts_with(ROTATES),
    })
}

/// Whether this is an entry on that subject.
pub(crate) fn is_on(entry: &[u8], subject: &Subject) -> bool {
    serde_json::from_slice::<Form<'_>>(entry).is_ok_and(|form| {
        form.subject.type_name == subject.type_name() && form.subject.id == subject.id()
    })
}

impl Table {
    /// Reads a closed segment whole.
    pub(crate) fn scan(file: File) -> io::Result<Table> {
        let mut table = Table::default();
        let mut lines = Lines::new(file, 0)?;
        while let Some(line) = lines.next()? {
            if let (true, Ok(Line::Entry(entry))) = (line.ended, segment::parse(line.bytes)) {
                let at = u32::try_from(line.at).map_err(|_| too_large())?;
                let length = u16::try_from(entry.len()).map_err(|_| too_large())?;
                table.place(Span { at, length });
                table.find_by(keys_of(entry));
            }
        }
        Ok(table)
    }

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

    pub(crate) fn spans(&self) -> &[Span] {
        &self.spans
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

    /// Every act's key in order, with the entry.
    pub(crate) fn sorted_acts(&self) -> Vec<(u64, u32)> {
        let mut acts: Vec<(u64, u32)> = self
            .acts
            .iter()
            .map(|(id, ordinal)| (act_key(id), *ordinal))
            .collect();
        acts.sort_unstable();
        acts
    }

    /// Every subject's key in order, with the entries.
    pub(crate) fn sorted_subjects(&self) -> Vec<(u64, u32)> {
        let flat = self
            .subjects
            .iter()
            .flat_map(|(key, ordinals)| ordinals.iter().map(move |ordinal| (*key, *ordinal)));
        let mut subjects: Vec<(u64, u32)> = flat.collect();
        subjects.sort_unstable();
        subjects
    }
}

/// The key of an act in an index file: half of its id.
pub(crate) fn act_key(id: &ActId) -> u64 {
    let (key, _) = id
        .as_bytes()
        .split_first_chunk()
        .expect("an id has 16 bytes");
    u64::from_be_bytes(*key)
}

pub(crate) fn too_large() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the segment is larger than segments are",
    )
}
