//! The anchor: the newest signed checkpoint, kept on another path than the record.
//!
//! Who restores an old copy of the data directory, or loses its newest entries, has an anchor that
//! is ahead of the record; signing on would fork it. Two slots are written in turn, so that a torn
//! write leaves the other. What follows from the comparison is decided in `recover`.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use record::checkpoint::Checkpoint;
use record::hash::Hash;
use record::note::{Note, VerifierKey};

use crate::durable::{self, FileError};

/// Bytes in a slot.
pub(crate) const SLOT_BYTES: usize = 2_048;

/// Slots, written in turn.
pub(crate) const SLOTS: usize = 2;

/// The file an anchor is kept in, for a log of this name: slashes and the like are spelled out.
pub fn file_name(origin: &str) -> String {
    let mut name = String::new();
    for byte in origin.bytes() {
        if byte.is_ascii_alphanumeric()
            || b"-_".contains(&byte)
            || (byte == b'.' && !name.is_empty())
        {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    name
}

/// What a slot holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Never written.
    Blank,
    /// A checkpoint that one of the log's keys has signed.
    Signed {
        /// What was signed.
        checkpoint: Checkpoint,
        /// The whole note.
        note: String,
    },
    /// Neither; the reason.
    Damaged(String),
}

/// How the anchor stands to the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// At the record's head, or behind it on the same history.
    Agrees,
    /// There is no anchor.
    Missing,
    /// There is a file, and no slot of it can be read.
    Damaged(String),
    /// It covers more entries than the record has.
    Ahead {
        /// How many it covers.
        size: u64,
        /// Its note.
        note: String,
    },
    /// Its root is not the record's at its size: two histories.
    Differs {
        /// How many entries it covers.
        size: u64,
        /// Its note.
        note: String,
    },
}

/// The anchor, open for writing.
#[derive(Debug)]
pub struct Anchor {
    file: Arc<File>,
    path: PathBuf,
    next: usize,
    /// The largest size in a slot when it was opened.
    newest: Option<u64>,
    /// Nothing was ever written to it.
    blank: bool,
}

/// Makes what was written to the anchor durable; for a thread of its own.
#[derive(Clone, Debug)]
pub struct AnchorSync {
    file: Arc<File>,
}

impl AnchorSync {
    /// Waits until the newest note is on the disk.
    ///
    /// # Errors
    /// When the disk says it is not: the next comparison may find the anchor behind.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fdatasync(&self.file)?)
    }
}

/// Reads the slots of an anchor; `None` when there is no such file.
///
/// # Errors
/// When it can't be read.
pub(crate) fn read(path: &Path, keys: &[VerifierKey]) -> Result<Option<Vec<Slot>>, FileError> {
    let most = (SLOT_BYTES * SLOTS * 2) as u64;
    let Some(bytes) = durable::read_bounded(path, most)? else {
        return Ok(None);
    };
    let mut slots: Vec<Slot> = bytes
        .chunks(SLOT_BYTES)
        .take(SLOTS)
        .map(|slot| read_slot(slot, keys))
        .collect();
    if bytes.len() > SLOT_BYTES * SLOTS {
        let extra = bytes.len() - SLOT_BYTES * SLOTS;
        slots.push(Slot::Damaged(format!(
            "{extra} bytes stand behind the last slot"
        )));
    }
    while slots.len() < SLOTS {
        slots.push(Slot::Damaged("the file ends before it".to_owned()));
    }
    Ok(Some(slots))
}

fn read_slot(slot: &[u8], keys: &[VerifierKey]) -> Slot {
    let damaged = |why: &dyn std::fmt::Display| Slot::Damaged(why.to_string());
    let spaces = slot.strip_suffix(b"\n").unwrap_or_default();
    let note = spaces.trim_ascii_end_spaces();
    if slot.len() != SLOT_BYTES || slot.last() != Some(&b'\n') {
        return damaged(&"the slot is cut");
    }
    if note.is_empty() {
        return Slot::Blank;
    }
    let note = match Note::parse(note) {
        Ok(note) => note,
        Err(error) => return damaged(&error),
    };
    if let Err(error) = note.verify(keys) {
        return damaged(&error);
    }
    match Checkpoint::parse_text(note.text()) {
        Ok(checkpoint) if keys.iter().any(|key| key.name() == checkpoint.origin()) => {
            Slot::Signed {
                checkpoint,
                note: note.to_string(),
            }
        }
        Ok(checkpoint) => damaged(&format!("it is of the log {}", checkpoint.origin())),
        Err(error) => damaged(&error),
    }
}

/// Spaces only, unlike `trim_ascii_end`: a note's own line feed stays.
trait TrimSpaces {
    fn trim_ascii_end_spaces(&self) -> &[u8];
}

impl TrimSpaces for [u8] {
    fn trim_ascii_end_spaces(&self) -> &[u8] {
        let end = self
            .iter()
            .rposition(|byte| *byte != b' ')
            .map_or(0, |last| last + 1);
        self.get(..end).unwrap_or_default()
    }
}

/// The slot's bytes: the note, then spaces, then a line feed. `None` if it does not fit.
fn to_slot(note: &str) -> Option<[u8; SLOT_BYTES]> {
    let mut slot = [b' '; SLOT_BYTES];
    *slot.last_mut()? = b'\n';
    slot.get_mut(..note.len())
        .filter(|room| room.len() < SLOT_BYTES)?
        .copy_from_slice(note.as_bytes());
    Some(slot)
}

/// The newest checkpoint in the slots.
pub(crate) fn newest(slots: &[Slot]) -> Option<(&Checkpoint, &str)> {
    let signed = slots.iter().filter_map(|slot| match slot {
        Slot::Signed { checkpoint, note } => Some((checkpoint, note.as_str())),
        Slot::Blank | Slot::Damaged(_) => None,
    });
    signed.max_by_key(|(checkpoint, _)| checkpoint.size())
}

/// How the anchor at `path` stands to a record that nobody writes, which these keys have signed.
///
/// # Errors
/// When either can't be read.
pub fn standing(
    path: &Path,
    keys: &[VerifierKey],
    record: &crate::Reader,
) -> Result<Standing, engine::ports::ReadError> {
    let slots = read(path, keys).map_err(io::Error::from)?;
    compare(slots.as_deref(), record.durable(), |size| {
        record.root_at(size)
    })
}

/// Compares what the anchor holds with a record of `size` entries whose root at any earlier size
/// `root_at` tells.
///
/// # Errors
/// Those of `root_at`.
pub(crate) fn compare<E>(
    slots: Option<&[Slot]>,
    size: u64,
    root_at: impl FnOnce(u64) -> Result<Hash, E>,
) -> Result<Standing, E> {
    let Some(slots) = slots else {
        return Ok(Standing::Missing);
    };
    let Some((checkpoint, note)) = newest(slots) else {
        let why = slots.iter().find_map(|slot| match slot {
            Slot::Damaged(why) => Some(why.clone()),
            Slot::Blank | Slot::Signed { .. } => None,
        });
        // Two blank slots are what there is until the first note is on the disk, and until then
        // nobody was answered: the record can have no more than the act that opens it.
        return Ok(why.map_or(Standing::Agrees, Standing::Damaged)).map(
            |standing| match standing {
                Standing::Agrees if size > 1 => {
                    Standing::Damaged("both slots are blank".to_owned())
                }
                other => other,
            },
        );
    };
    let note = note.to_owned();
    if checkpoint.size() > size {
        return Ok(Standing::Ahead {
            size: checkpoint.size(),
            note,
        });
    }
    if root_at(checkpoint.size())? == checkpoint.root() {
        Ok(Standing::Agrees)
    } else {
        Ok(Standing::Differs {
            size: checkpoint.size(),
            note,
        })
    }
}

impl Anchor {
    /// Opens the anchor for writing; makes it, two blank slots, if it is not there. `slots` is
    /// what [`read`] found: the slot that is not the newest is written next.
    pub(crate) fn open(path: &Path, slots: Option<&[Slot]>) -> Result<Anchor, FileError> {
        let file = match slots {
            Some(_) => OpenOptions::new()
                .read(true)
                .write(true)
                .mode(0o600)
                .open(path)
                .map_err(FileError::new("open", path))?,
            None => {
                durable::make_dir(durable::parent(path))?;
                let blank = to_slot("")
                    .map(|slot| slot.repeat(SLOTS))
                    .unwrap_or_default();
                durable::replace(path, &blank, durable::Keep::Durable)?;
                return Anchor::open(path, Some(&[]));
            }
        };
        let length = (SLOT_BYTES * SLOTS) as u64;
        let found = file
            .metadata()
            .map_err(FileError::new("look at", path))?
            .len();
        if found != length {
            file.set_len(length)
                .map_err(FileError::new("set the length of", path))?;
        }
        let of = |slot: &Slot| match slot {
            Slot::Signed { checkpoint, .. } => Some(checkpoint.size()),
            Slot::Blank | Slot::Damaged(_) => None,
        };
        let sizes: Vec<Option<u64>> = slots.unwrap_or_default().iter().map(of).collect();
        let newer_first = sizes.first() > sizes.get(1);
        Ok(Anchor {
            file: Arc::new(file),
            path: path.to_owned(),
            next: usize::from(newer_first),
            newest: sizes.into_iter().max().flatten(),
            blank: slots
                .unwrap_or_default()
                .iter()
                .all(|slot| *slot == Slot::Blank),
        })
    }

    /// Writes a note into the older slot, without waiting for the disk; only for the very first
    /// one, or a power failure would leave an anchor that looks as if there was no record yet.
    ///
    /// # Errors
    /// When it can't be written, or is too long for a slot.
    pub(crate) fn write(&mut self, note: &str) -> Result<(), FileError> {
        let slot = to_slot(note).ok_or_else(|| {
            let long = io::Error::new(io::ErrorKind::InvalidData, "the note is too long");
            FileError::new("write", &self.path)(long)
        })?;
        let at = (self.next * SLOT_BYTES) as u64;
        let written = durable::write_whole(&self.file, &slot, at).map_err(io::Error::from);
        written.map_err(FileError::new("write", &self.path))?;
        self.next = (self.next + 1) % SLOTS;
        if std::mem::take(&mut self.blank) {
            self.syncer()
                .sync()
                .map_err(FileError::new("sync", &self.path))?;
        }
        Ok(())
    }

    /// Brings the anchor to the record's head at a start: if it is behind, or in both slots if
    /// what it held was overruled and must not stay the newest.
    pub(crate) fn renew(&mut self, note: &str, size: u64, overrule: bool) -> Result<(), FileError> {
        if overrule {
            self.write(note)?;
        }
        if overrule || self.newest != Some(size) {
            self.write(note)?;
            self.newest = Some(size);
            self.syncer()
                .sync()
                .map_err(FileError::new("sync", &self.path))?;
        }
        Ok(())
    }

    /// A handle that syncs it.
    pub fn syncer(&self) -> AnchorSync {
        AnchorSync {
            file: self.file.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
