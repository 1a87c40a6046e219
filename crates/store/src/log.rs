//! The log as the writer sees it: entries in, a durable and signed tree out.
//!
//! A batch is one buffer, one write and one `fdatasync`; then the checkpoint is signed, and the
//! signature and the anchor are written without a sync. After any error that leaves it unknown
//! what is on the disk, nothing more is written: the process ends and recovers.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use engine::ports::{AppendError, AppendRefusal, Appended, SignedHead};
use record::checkpoint::{Checkpoint, SignedCheckpoint};
use record::hash::{self, Hash};
use record::note::SignerKey;
use record::tree::Frontier;
use rustix::io::Errno;

use crate::anchor::{Anchor, AnchorSync};
use crate::durable::{FileError, write_whole};
use crate::fill::{self, Spare};
use crate::keystore;
use crate::live::Span;
use crate::lock::DataDir;
use crate::read::Reader;
use crate::segment::{self, BatchEnd, Header, Signed};
use crate::segment_file::{Segment, make_segment, use_spare};
use crate::shared::Shared;
use crate::space::Space;
use crate::succeed::Begins;

/// A batch may have this many bytes at most, so that offsets in a segment fit 32 bits.
const BATCH_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A signature line has this many bytes at most.
const SIGNED_BYTES_MAX: u64 = 512;

/// A page of the page cache.
const PAGE_BYTES: u64 = 4_096;

/// Shorter segments than this are not made ahead.
const SPARE_BYTES_MIN: u64 = 4 * 1024 * 1024;

/// How a log is kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name of a log that is made; one that is there keeps its own.
    pub origin: String,
    /// The anchor's file.
    pub anchor: PathBuf,
    /// Directories to look for archived segments in.
    pub archives: Vec<PathBuf>,
    /// A segment is closed by the first batch that ends beyond this.
    pub segment_bytes_max: u64,
    /// Ordinary batches are refused when less would stay free on the disk.
    pub low_water_bytes: u64,
    /// How long the reserve for urgent batches is; 0 keeps none.
    pub reserve_bytes: u64,
    /// Go on although the anchor is missing or ahead, or differs. A person said so.
    pub accept_anchor: bool,
    /// Begin this epoch: the root key said so.
    pub succession: Option<Begins>,
}

impl Options {
    /// Segments of 64 MiB, 64 MiB kept free, 8 MiB in reserve.
    pub fn new(origin: impl Into<String>, anchor: PathBuf) -> Options {
        Options {
            origin: origin.into(),
            anchor,
            archives: Vec::new(),
            segment_bytes_max: 64 * 1024 * 1024,
            low_water_bytes: 64 * 1024 * 1024,
            reserve_bytes: 8 * 1024 * 1024,
            accept_anchor: false,
            succession: None,
        }
    }
}

/// The only writer of a record. See [`engine::ports::Log`].
#[derive(Debug)]
pub struct Log {
    pub(crate) dir: DataDir,
    pub(crate) origin: String,
    pub(crate) epoch: u64,
    pub(crate) segment_bytes_max: u64,
    pub(crate) segment: Segment,
    pub(crate) frontier: Frontier,
    pub(crate) root: Hash,
    /// SHA-256 of the text of the last signed checkpoint.
    pub(crate) prev: Option<Hash>,
    /// The newest checkpoint, if it is signed by the present key.
    pub(crate) head: Option<SignedHead>,
    /// Whether the tree as it is was signed, by whatever key.
    pub(crate) is_signed: bool,
    pub(crate) signer: SignerKey,
    pub(crate) next_signer: Option<SignerKey>,
    pub(crate) anchor: Anchor,
    /// A person overruled the anchor when there were so many entries. It stays as it is until a
    /// batch behind them, which says so on the record, is signed.
    pub(crate) overruled: Option<u64>,
    pub(crate) space: Space,
    pub(crate) spare: Spare,
    pub(crate) shared: Arc<Shared>,
    pub(crate) buffer: Vec<u8>,
    pub(crate) spans: Vec<Span>,
    /// Set by the first fatal error.
    pub(crate) ended: bool,
}

/// What became of a write.
enum Written {
    Whole,
    /// The disk had no room, and the file is as it was.
    NoRoom,
}

impl Log {
    /// Reads what is durable.
    pub fn reader(&self) -> Reader {
        Reader {
            shared: self.shared.clone(),
        }
    }

    /// A handle that makes the anchor durable, to be called every second or so.
    pub fn anchor_syncer(&self) -> AnchorSync {
        self.anchor.syncer()
    }

    /// The log's name.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The epoch of this writer.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The key that signs now, as a verifier key.
    pub fn vkey(&self) -> String {
        self.signer.verifier().to_string()
    }

    /// Says that nothing more may be written, and why.
    fn fatal(&mut self, what: &str, source: impl Into<io::Error>) -> AppendError {
        self.ended = true;
        AppendError::Fatal {
            what: what.to_owned(),
            source: source.into(),
        }
    }

    fn check_alive(&self) -> Result<(), AppendError> {
        if !self.ended {
            return Ok(());
        }
        Err(AppendError::Fatal {
            what: "writing ended with an earlier error".to_owned(),
            source: io::Error::other("the process must be restarted"),
        })
    }

    /// Puts the entries and the end of their batch into the buffer; returns the tree with them.
    fn fill_buffer(&mut self, entries: &[Vec<u8>], leaves: &mut Vec<Hash>) -> io::Result<Frontier> {
        let invalid = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
        self.buffer.clear();
        self.spans.clear();
        let mut ahead = self.frontier.clone();
        for entry in entries {
            if !segment::is_entry(entry) {
                return Err(invalid(
                    "an entry is not one: too long, or not an act in one line",
                ));
            }
            let leaf = hash::leaf(entry);
            leaves.push(leaf);
            ahead.append(leaf);
            self.buffer.extend_from_slice(entry);
            self.buffer.push(b'\n');
        }
        if self.buffer.len() > BATCH_BYTES_MAX {
            return Err(invalid("the batch is too large"));
        }
        BatchEnd {
            prev: self.prev,
            root: ahead.root(),
            size: ahead.size(),
        }
        .write(&mut self.buffer);
        Ok(ahead)
    }

    /// Writes the buffer behind the segment's end. A write that is not whole is taken back.
    fn write_buffer(&mut self) -> Result<Written, AppendError> {
        let at = self.segment.length;
        let length = self.buffer.len();
        // A page that is written to its end need not be read first.
        let end = (at + length as u64).next_multiple_of(PAGE_BYTES);
        if end <= self.segment.filled.end {
            let padded = usize::try_from(end - at).unwrap_or(length);
            self.buffer.resize(padded, 0);
        }
        let written = write_whole(&self.segment.file, &self.buffer, at);
        self.buffer.truncate(length);
        let Err(error) = written else {
            self.segment.filled.reached(at + length as u64);
            return Ok(Written::Whole);
        };
        if !matches!(error, Errno::NOSPC | Errno::DQUOT | Errno::FBIG) {
            return Err(self.fatal("a batch could not be written", error));
        }
        // How long the file was is known, so it can be made so again.
        let undone = self
            .segment
            .file
            .set_len(at)
            .and_then(|()| sync_data(&self.segment.file));
        match undone {
            Ok(()) => {
                self.segment.filled.to(at, at);
                Ok(Written::NoRoom)
            }
            Err(error) => {
                Err(self.fatal("a batch that did not fit could not be taken back", error))
            }
        }
    }

    /// Makes room for the buffer and a signature, if there is plenty: see `fill`. With little room
    /// the buffer goes behind the end of the file.
    fn make_room(&mut self) -> Result<Written, AppendError> {
        let full = self.segment.length >= self.segment_bytes_max;
        let needed = self.segment.length + self.buffer.len() as u64 + SIGNED_BYTES_MAX;
        let next = self.segment.filled.next(needed);
        if full || next.is_some() {
            let ready = self.spare.take();
            if full || ready.is_some() {
                return self.roll(ready);
            }
        }
        if let Some(end) = next.filter(|end| self.space.is_ample(end - self.segment.length)) {
            let from = self.segment.filled.end;
            match fill::fill(&self.segment.file, from, end) {
                Ok(()) => self.segment.filled.to(self.segment.length, end),
                Err(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => self.segment.filled.stop(),
                Err(error) => return Err(self.fatal("a segment could not be filled", error)),
            }
        }
        if self.segment.filled.goes_quickly(self.segment.length)
            && self.segment_bytes_max >= SPARE_BYTES_MIN
            && self.space.is_ample(self.segment_bytes_max)
        {
            self.spare.begin(self.segment_bytes_max);
        }
        Ok(Written::Whole)
    }

    /// Closes the segment and opens the next. The old one, with its last signature, and the new
    /// one, with its name, are on the disk before this returns.
    fn roll(&mut self, spare: Option<(std::fs::File, PathBuf)>) -> Result<Written, AppendError> {
        let cut = self.segment.file.set_len(self.segment.length);
        if let Err(error) = cut.and_then(|()| sync_data(&self.segment.file)) {
            return Err(self.fatal("a full segment could not be synced", error));
        }
        let header = Header::new(self.epoch, &self.origin, &self.frontier);
        let path = self.dir.paths().segment(header.first);
        let made = match spare {
            Some((file, at)) => use_spare(file, &at, path.clone(), &header),
            None => make_segment(path.clone(), &header, self.segment_bytes_max),
        };
        match made {
            Ok(segment) => {
                let file = segment.file.try_clone();
                let file = file.map_err(|error| self.fatal("a segment can't be shared", error))?;
                self.shared.rolled(header.first, path, file);
                self.segment = segment;
                Ok(Written::Whole)
            }
            Err(error) if error.doing != "sync" && is_full(&error.source) => {
                // The next start would find an empty segment and use it; better there is none.
                match std::fs::remove_file(&path) {
                    Ok(()) => Ok(Written::NoRoom),
                    Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(Written::NoRoom),
                    Err(error) => Err(self.fatal("a segment could not be taken back", error)),
                }
            }
            Err(error) => Err(self.fatal("a new segment could not be made", error)),
        }
    }

    /// Writes the buffer, in a new segment if this one is full. Gives up the reserve for what is
    /// urgent.
    fn write_batch(&mut self, urgent: bool) -> Result<(), AppendError> {
        loop {
            let written = match self.make_room()? {
                Written::Whole => self.write_buffer()?,
                Written::NoRoom => Written::NoRoom,
            };
            match written {
                Written::Whole => return Ok(()),
                Written::NoRoom if urgent && self.space.release() => {}
                Written::NoRoom => return Err(AppendError::Refused(self.space.refusal())),
            }
        }
    }

    /// Tells where the batch's entries stand, now that it is known in which segment.
    fn note_spans(&mut self, entries: &[Vec<u8>]) -> io::Result<()> {
        let mut at = u32::try_from(self.segment.length).map_err(|_| crate::live::too_large())?;
        for entry in entries {
            let length = u16::try_from(entry.len()).map_err(|_| crate::live::too_large())?;
            self.spans.push(Span { at, length });
            at = at
                .checked_add(u32::from(length) + 1)
                .ok_or_else(crate::live::too_large)?;
        }
        Ok(())
    }

    /// Appends a signature line. It needs no sync: it can be made again.
    fn write_signature(&mut self, line: &str) -> Result<(), AppendError> {
        loop {
            match write_whole(&self.segment.file, line.as_bytes(), self.segment.length) {
                Ok(()) => {
                    self.segment.length += line.len() as u64;
                    self.segment.filled.reached(self.segment.length);
                    return Ok(());
                }
                // What was written of it is overwritten by the next try.
                Err(Errno::NOSPC | Errno::DQUOT) if self.space.release() => {}
                Err(error) => return Err(self.fatal("a signature could not be written", error)),
            }
        }
    }

    /// The signed checkpoint of the tree as it is, which is not kept in the segment.
    pub(crate) fn unwritten_head(&mut self) -> Result<SignedHead, AppendError> {
        let made = self.make_head().map(|(head, ..)| head);
        made.map_err(|why| self.fatal("the checkpoint can't be signed", io::Error::other(why)))
    }

    /// The signed checkpoint of the tree as it is, by the present key: the head, the line that
    /// keeps it, and the hash of what was signed.
    fn make_head(&self) -> Result<(SignedHead, Option<Signed>, Hash), String> {
        let (size, root) = (self.frontier.size(), self.root);
        let checkpoint =
            Checkpoint::new(&self.origin, size, root).map_err(|error| error.to_string())?;
        let signed =
            SignedCheckpoint::sign(checkpoint, &self.signer).map_err(|error| error.to_string())?;
        let note = signed.note();
        let line = note
            .signatures()
            .first()
            .and_then(|line| Signed::of(line, size));
        let text = hash::sha256(&[note.text().as_bytes()]);
        Ok((
            SignedHead {
                size,
                root,
                note: note.to_string(),
            },
            line,
            text,
        ))
    }
}

/// Whether the disk has no room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

fn sync_data(file: &std::fs::File) -> io::Result<()> {
    Ok(rustix::fs::fdatasync(file)?)
}

impl engine::ports::Log for Log {
    fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    fn append_batch(
        &mut self,
        expected_size: u64,
        fence_epoch: u64,
        entries: &[Vec<u8>],
        urgent: bool,
    ) -> Result<Appended, AppendError> {
        self.check_alive()?;
        if fence_epoch != self.epoch {
            let (ours, current) = (fence_epoch, self.epoch);
            return Err(AppendError::Refused(AppendRefusal::Fenced {
                ours,
                current,
            }));
        }
        let actual = self.frontier.size();
        if expected_size != actual {
            let expected = expected_size;
            return Err(AppendError::Refused(AppendRefusal::WrongSize {
                expected,
                actual,
            }));
        }
        if entries.is_empty() {
            return Ok(Appended {
                size: actual,
                root: self.root,
                leaves: Vec::new(),
            });
        }
        if !self.is_signed {
            // What is behind an unsigned batch could not be told from a torn tail.
            return Err(self.fatal(
                "a batch was appended before the one before it was signed",
                io::Error::from(io::ErrorKind::InvalidInput),
            ));
        }
        let mut leaves = Vec::with_capacity(entries.len());
        let ahead = self.fill_buffer(entries, &mut leaves);
        let ahead = ahead.map_err(|error| self.fatal("a batch is not of its form", error))?;
        self.space
            .admit(self.buffer.len() as u64, urgent)
            .map_err(AppendError::Refused)?;
        self.write_batch(urgent)?;
        if let Err(error) = sync_data(&self.segment.file) {
            return Err(self.fatal("a batch could not be synced", error));
        }
        let spans = self.note_spans(entries);
        spans.map_err(|error| self.fatal("the segment has grown too large", error))?;
        self.segment.length += self.buffer.len() as u64;
        self.root = ahead.root();
        self.frontier = ahead;
        self.is_signed = false;
        self.head = None;
        self.shared.appended(&self.spans, self.frontier.size());
        Ok(Appended {
            size: self.frontier.size(),
            root: self.root,
            leaves,
        })
    }

    fn sign(&mut self) -> Result<SignedHead, AppendError> {
        self.check_alive()?;
        if let Some(head) = &self.head {
            return Ok(head.clone());
        }
        let made = self.make_head();
        let (head, line, text) = made
            .map_err(|why| self.fatal("the checkpoint can't be signed", io::Error::other(why)))?;
        // The empty tree has a checkpoint, but nothing to keep it for.
        if let Some(signed) = line.filter(|_| head.size > 0) {
            let mut line = String::with_capacity(256);
            signed.write(&mut line);
            self.write_signature(&line)?;
            let anchored = match self.overruled {
                Some(size) if head.size <= size => Ok(()),
                Some(_) => self.anchor.renew(&head.note, head.size, true),
                None => self.anchor.write(&head.note),
            };
            anchored.map_err(|error| self.fatal("the anchor could not be written", error))?;
            self.overruled = self.overruled.filter(|size| head.size <= *size);
        }
        self.prev = (head.size > 0).then_some(text);
        self.is_signed = true;
        self.head = Some(head.clone());
        Ok(head)
    }

    fn prepare_key(&mut self) -> Result<String, AppendError> {
        self.check_alive()?;
        let path = self.dir.paths().next_log_key();
        // Nothing depends on it yet, so an error here leaves everything as it was.
        let made = keystore::make_log_key(&path, &self.origin);
        let key = made.map_err(|error| AppendError::Fatal {
            what: "a new key could not be kept".to_owned(),
            source: error.into(),
        })?;
        let vkey = key.verifier().to_string();
        self.next_signer = Some(key);
        Ok(vkey)
    }

    fn use_new_key(&mut self) -> Result<(), AppendError> {
        self.check_alive()?;
        // The old key's last signature is what vouches for the new one; it can't be made again
        // once the old key is gone.
        engine::ports::Log::sign(self)?;
        if let Err(error) = sync_data(&self.segment.file) {
            return Err(self.fatal("the old key's last signature could not be synced", error));
        }
        let Some(next) = self.next_signer.take() else {
            return Err(self.fatal(
                "no new key was prepared",
                io::Error::other("nothing to use"),
            ));
        };
        let (from, to) = (self.dir.paths().next_log_key(), self.dir.paths().log_key());
        let renamed = std::fs::rename(&from, &to).map_err(FileError::new("rename to", &to));
        let renamed = renamed.and_then(|()| crate::durable::sync_dir(&self.dir.paths().keys()));
        renamed.map_err(|error| self.fatal("the new key could not take its place", error))?;
        self.signer = next;
        self.head = None;
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // Before the lock is let go.
        self.shared.finish_indexing();
        self.spare.give_up();
        if !self.ended {
            // Zeroes behind the end are no harm; without them the file is plain JSON Lines.
            let _ = self.segment.file.set_len(self.segment.length);
        }
    }
}

#[cfg(test)]
mod tests;
