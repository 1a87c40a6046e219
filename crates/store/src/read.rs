//! Reading entries, while the writer appends and from a copy.
//!
//! Shared by any number of threads. Only what is durable is shown: the writer says how far that
//! is. An entry is one `pread`; finding one takes a look into memory for the newest segment and a
//! few hundred bytes of the index of each older one.

use std::fs::File;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use base::ActId;
use engine::ports::{Entries, ReadError};
use record::act::{Act, Subject};
use record::hash::{EMPTY_ROOT, Hash};
use record::tile::{TILE_WIDTH, encode_entry_bundle};

use crate::keys::{Keys, is_on, key_of, keys_of};
use crate::layout::Paths;
use crate::lines::Lines;
use crate::recover::CannotOpen;
use crate::scan;
use crate::segment::{self, Line};
use crate::shared::{At, Live, Shared, misplaced, read_span};

/// Reads the entries of a record. Clones share everything.
#[derive(Clone, Debug)]
pub struct Reader {
    pub(crate) shared: Arc<Shared>,
}

impl Reader {
    /// Reads a data directory that nobody writes, or a copy of one, and changes nothing in it.
    /// Entries of a batch that did not end are not shown. `archives` are directories to look for
    /// archived segments in.
    ///
    /// # Errors
    /// When the segments can't be read, or the newest is damaged.
    pub fn open(paths: &Paths, archives: &[PathBuf]) -> Result<Reader, CannotOpen> {
        crate::recover::read_only(paths, archives, false)
    }

    /// The same of what is whole, also where the newest segment is damaged behind it.
    ///
    /// # Errors
    /// When the segments can't be read.
    pub fn open_whole(paths: &Paths) -> Result<Reader, CannotOpen> {
        crate::recover::read_only(paths, &[], true)
    }

    /// Where everything lies.
    pub fn paths(&self) -> &Paths {
        &self.shared.paths
    }

    /// How many entries are durable. [`Entries::size`] may be behind by the batch that is being
    /// made findable.
    pub fn durable(&self) -> u64 {
        self.shared.durable.load(Ordering::Acquire)
    }

    /// Entries of a range, as many as fit `bytes_max`, but at least one if there is one.
    ///
    /// # Errors
    /// As for [`Entries::entry`].
    pub fn entries(&self, range: Range<u64>, bytes_max: usize) -> Result<Vec<Vec<u8>>, ReadError> {
        let mut found: Vec<Vec<u8>> = Vec::new();
        let mut bytes = 0;
        if range.is_empty() {
            return Ok(found);
        }
        self.scan(range.start, &mut |index, entry| {
            bytes += entry.len();
            if index >= range.end || (bytes > bytes_max && !found.is_empty()) {
                return false;
            }
            found.push(entry.to_vec());
            index + 1 < range.end
        })?;
        Ok(found)
    }

    /// The C2SP entry bundle with this number and width (1 to 256); `None` when there are not as
    /// many entries.
    ///
    /// # Errors
    /// As for [`Entries::entry`].
    pub fn entry_bundle(&self, number: u64, width: u16) -> Result<Option<Vec<u8>>, ReadError> {
        let first = number.checked_mul(u64::from(TILE_WIDTH));
        let end = first.and_then(|first| first.checked_add(u64::from(width)));
        let (Some(first), Some(end)) = (first, end) else {
            return Ok(None);
        };
        if width == 0 || width > TILE_WIDTH || end > self.durable() {
            return Ok(None);
        }
        let entries = self.entries(first..end, usize::MAX)?;
        let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
        let bundle = encode_entry_bundle(&entries);
        bundle
            .map(Some)
            .map_err(|error| ReadError::Damaged(error.to_string()))
    }

    /// The root of the tree of the first `size` entries, computed from the segment that has the
    /// last of them and the frontier it begins with, or from the one that begins behind them.
    ///
    /// # Errors
    /// When that segment can't be read, or there are not as many entries.
    pub fn root_at(&self, size: u64) -> Result<Hash, ReadError> {
        let Some(last) = size.checked_sub(1) else {
            return Ok(EMPTY_ROOT);
        };
        let few = || ReadError::Damaged(format!("there are no {size} entries"));
        if size > self.durable() {
            return Err(few());
        }
        let behind = self
            .shared
            .segments()
            .into_iter()
            .find(|at| at.first() == size);
        let at = behind
            .or_else(|| self.shared.locate(last))
            .ok_or_else(few)?;
        let file = self.open_file(&at, last)?;
        let root = scan::root_in(file, size)
            .map_err(|error| ReadError::Damaged(format!("entry {last}: {error}")))?;
        root.ok_or_else(few)
    }

    /// Whether every entry could be read now.
    ///
    /// # Errors
    /// [`ReadError::Archived`] for the first segment that is not at hand.
    pub fn check_at_hand(&self) -> Result<(), ReadError> {
        for closed in self.shared.closed() {
            if let (None, place) = self.shared.file_of(&closed)? {
                return Err(ReadError::Archived {
                    index: closed.listed.first,
                    place,
                });
            }
        }
        Ok(())
    }

    /// A handle of its own on the segment with entry `index`.
    fn open_file(&self, at: &At, index: u64) -> Result<File, ReadError> {
        match at {
            At::Live(live) => Ok(File::open(&live.path)?),
            At::Closed(closed) => match self.shared.file_of(closed)? {
                (Some(file), _) => Ok(file),
                (None, place) => Err(ReadError::Archived { index, place }),
            },
        }
    }

    /// Shows entries of one segment; says whether to go on.
    fn scan_segment(
        &self,
        at: &At,
        from: u64,
        end: u64,
        visit: &mut dyn FnMut(u64, &[u8]) -> bool,
    ) -> Result<bool, ReadError> {
        let span = match at {
            At::Live(live) => live.table().span(from - live.first),
            At::Closed(closed) => self
                .shared
                .opened(closed)?
                .span(from - closed.listed.first)?,
        };
        let file = self.open_file(at, from)?;
        let at = span.ok_or_else(|| misplaced(from))?.at;
        let mut lines = Lines::new(file, u64::from(at), u64::MAX)?;
        let mut index = from;
        while index < end {
            let line = lines
                .next()?
                .filter(|line| line.ended)
                .ok_or_else(|| misplaced(index))?;
            match segment::parse(line.bytes) {
                Ok(Line::Entry(entry)) => {
                    if !visit(index, entry) {
                        return Ok(false);
                    }
                    index += 1;
                }
                Ok(Line::Batch(_) | Line::Signed(_)) => {}
                Ok(Line::Header(_)) | Err(_) => return Err(misplaced(index)),
            }
        }
        Ok(true)
    }

    /// Entries that may be on the subject, in order.
    fn candidates(
        &self,
        subject: &Subject,
        from: u64,
        limit: usize,
    ) -> Result<Vec<u64>, ReadError> {
        let key = key_of(subject);
        let mut found: Vec<u64> = Vec::new();
        for at in self.shared.segments() {
            let room = limit - found.len();
            if room == 0 {
                break;
            }
            if at.end() <= from {
                continue;
            }
            let first = at.first();
            let ordinal = u32::try_from(from.saturating_sub(first)).unwrap_or(u32::MAX);
            let ordinals = match &at {
                At::Live(live) => live.table().subject(key, ordinal, room),
                At::Closed(closed) => self.shared.opened(closed)?.subject(key, ordinal, room)?,
            };
            found.extend(
                ordinals
                    .into_iter()
                    .map(|ordinal| first + u64::from(ordinal)),
            );
        }
        Ok(found)
    }
}

impl Entries for Reader {
    fn entry(&self, index: u64) -> Result<Option<Vec<u8>>, ReadError> {
        if index >= self.durable() {
            return Ok(None);
        }
        match self.shared.locate(index) {
            Some(At::Live(live)) => {
                let span = live.table().span(index - live.first);
                let span = span.ok_or_else(|| misplaced(index))?;
                read_span(&live.file, span, index).map(Some)
            }
            Some(At::Closed(closed)) => self
                .shared
                .opened(&closed)?
                .entry(closed.listed.first, index)
                .map(Some),
            None => Err(misplaced(index)),
        }
    }

    fn find_act(&self, id: &ActId) -> Result<Option<u64>, ReadError> {
        // The live ones first, as in `Shared::segments`; an act stands in one segment only.
        let ordinal = |live: &Arc<Live>| Some(live.first + u64::from(live.table().act(id)?));
        if let Some(index) = self.shared.live().iter().rev().find_map(ordinal) {
            return Ok(Some(index));
        }
        for closed in self.shared.closed().into_iter().rev() {
            let first = closed.listed.first;
            let open = self.shared.opened(&closed)?;
            for index in open
                .act(id)?
                .into_iter()
                .map(|ordinal| first + u64::from(ordinal))
            {
                let entry = open.entry(first, index)?;
                if keys_of(&entry).is_some_and(|keys| keys.act == *id) {
                    return Ok(Some(index));
                }
            }
        }
        Ok(None)
    }

    fn of_subject(
        &self,
        subject: &Subject,
        from: u64,
        limit: usize,
    ) -> Result<Vec<u64>, ReadError> {
        let mut found = Vec::new();
        let mut next = from;
        // Candidates that turn out to be on another subject make room for further ones.
        while found.len() < limit {
            let candidates = self.candidates(subject, next, limit - found.len())?;
            let Some(last) = candidates.last() else { break };
            next = last + 1;
            for index in candidates {
                if self
                    .entry(index)?
                    .is_some_and(|entry| is_on(&entry, subject))
                {
                    found.push(index);
                }
            }
        }
        Ok(found)
    }

    fn scan(&self, from: u64, visit: &mut dyn FnMut(u64, &[u8]) -> bool) -> Result<(), ReadError> {
        let size = self.durable();
        let mut index = from;
        while index < size {
            let at = self.shared.locate(index).ok_or_else(|| misplaced(index))?;
            let end = at.end().min(size);
            if end <= index || !self.scan_segment(&at, index, end, visit)? {
                return Ok(());
            }
            index = end;
        }
        Ok(())
    }

    fn publish(&self, first: u64, acts: &[Act]) {
        let live = self.shared.live();
        if let Some(live) = live
            .iter()
            .find(|live| live.first <= first && first < live.end())
        {
            let mut table = live.table.write().unwrap_or_else(PoisonError::into_inner);
            for act in acts {
                let subject = key_of(&act.subject);
                table.find_by(Some(Keys {
                    act: act.id,
                    subject,
                    rotates: false,
                }));
            }
        }
        let closing = live.len() > 1;
        drop(live);
        self.shared
            .findable
            .store(first + acts.len() as u64, Ordering::Release);
        if closing && self.shared.writable {
            self.shared.close_finished();
        }
    }

    fn size(&self) -> u64 {
        self.shared.findable.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests;
