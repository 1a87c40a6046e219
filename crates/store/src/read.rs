//! Reading entries, while the writer appends and from a copy.
//!
//! Shared by any number of threads. Only what is durable is shown: the writer says how far that
//! is. An entry is one `pread`; finding one takes a look into memory for the newest segment and a
//! few hundred bytes of the index of each older one.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use base::ActId;
use engine::ports::{Entries, ReadError};
use record::act::{Act, Subject};

use crate::catalog::{Listed, Place};
use crate::durable::FileError;
use crate::index::{self, BadIndex, IndexFile};
use crate::layout::Paths;
use crate::lines::Lines;
use crate::live::{self, Keys, Span, Table, key_of, keys_of};
use crate::recover::CannotOpen;
use crate::segment::{self, Line};

/// How many closed segments stay open.
const OPEN_MAX: usize = 128;

/// Reads the entries of a record. Clones share everything.
#[derive(Clone, Debug)]
pub struct Reader {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    paths: Paths,
    writable: bool,
    /// Entries that are durable.
    durable: AtomicU64,
    /// Entries that are durable and can be found by act and subject.
    findable: AtomicU64,
    /// Segments whose tables are in memory, oldest first; the last is the one being written.
    live: RwLock<Vec<Arc<Live>>>,
    /// All others, oldest first.
    closed: RwLock<Vec<Closed>>,
    open: Mutex<Vec<(u64, Arc<Open>)>>,
}

#[derive(Debug)]
pub(crate) struct Live {
    first: u64,
    path: PathBuf,
    file: File,
    table: RwLock<Table>,
    /// Set once its index file is being written.
    closing: AtomicBool,
}

#[derive(Clone, Debug)]
struct Closed {
    listed: Listed,
    end: u64,
}

/// A closed segment that was used lately.
#[derive(Debug)]
struct Open {
    /// Missing when it is archived and not at hand.
    file: Option<File>,
    index: Index,
    place: String,
}

#[derive(Debug)]
enum Index {
    File(IndexFile),
    Memory(Table),
}

/// Where an entry is.
enum At {
    Live(Arc<Live>),
    Closed(Closed),
}

impl Live {
    pub(crate) fn new(first: u64, path: PathBuf, file: File, table: Table) -> Live {
        Live {
            first,
            path,
            file,
            table: RwLock::new(table),
            closing: AtomicBool::new(false),
        }
    }

    fn table(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// `listed` are the segments before `last`, which is the one that is written.
    pub(crate) fn new(
        paths: Paths,
        writable: bool,
        listed: Vec<Listed>,
        last: Live,
        size: u64,
    ) -> Shared {
        let ends = listed
            .iter()
            .skip(1)
            .map(|next| next.first)
            .chain([last.first]);
        let ends: Vec<u64> = ends.collect();
        let closed = listed
            .into_iter()
            .zip(ends)
            .map(|(listed, end)| Closed { listed, end })
            .collect();
        Shared {
            paths,
            writable,
            durable: AtomicU64::new(size),
            findable: AtomicU64::new(size),
            live: RwLock::new(vec![Arc::new(last)]),
            closed: RwLock::new(closed),
            open: Mutex::new(Vec::new()),
        }
    }

    fn live(&self) -> RwLockReadGuard<'_, Vec<Arc<Live>>> {
        self.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> MutexGuard<'_, Vec<(u64, Arc<Open>)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer made these entries durable, in the segment it is writing.
    pub(crate) fn appended(&self, spans: &[Span], size: u64) {
        if let Some(live) = self.live().last() {
            let mut table = live.table.write().unwrap_or_else(PoisonError::into_inner);
            spans.iter().for_each(|span| table.place(*span));
        }
        self.durable.store(size, Ordering::Release);
    }

    /// The writer opened a new segment.
    pub(crate) fn rolled(&self, first: u64, path: PathBuf, file: File) {
        let live = Arc::new(Live::new(first, path, file, Table::default()));
        self.live
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(live);
    }

    fn locate(&self, index: u64) -> Option<At> {
        if let Some(live) = self.live().iter().rev().find(|live| live.first <= index) {
            return Some(At::Live(live.clone()));
        }
        let closed = self.closed.read().unwrap_or_else(PoisonError::into_inner);
        let at = closed.partition_point(|closed| closed.listed.first <= index);
        at.checked_sub(1)
            .and_then(|at| closed.get(at))
            .cloned()
            .map(At::Closed)
    }

    /// Closed segments, newest first.
    fn closed_newest_first(&self) -> Vec<Closed> {
        let closed = self.closed.read().unwrap_or_else(PoisonError::into_inner);
        closed.iter().rev().cloned().collect()
    }

    fn opened(&self, closed: &Closed) -> Result<Arc<Open>, ReadError> {
        let first = closed.listed.first;
        let mut open = self.open();
        if let Some(at) = open.iter().position(|(known, _)| *known == first) {
            let known = open.remove(at);
            open.push(known.clone());
            return Ok(known.1);
        }
        let opened = Arc::new(self.open_closed(closed)?);
        if open.len() >= OPEN_MAX {
            open.remove(0);
        }
        open.push((first, opened.clone()));
        Ok(opened)
    }

    fn open_closed(&self, closed: &Closed) -> Result<Open, ReadError> {
        let Closed { listed, end } = closed;
        let file = listed.open().map_err(io::Error::from)?;
        let place = match &listed.place {
            Place::Here(path) => path.display().to_string(),
            Place::Archived(stub, _) => stub.to.clone(),
        };
        let length = file
            .as_ref()
            .map(|file| file.metadata().map(|found| found.len()));
        let length = length.transpose()?;
        let path = self.paths.index(listed.first);
        let count = end - listed.first;
        match IndexFile::open(&path, listed.first, length) {
            Ok(index) if u64::from(index.entries()) == count => {
                return Ok(Open {
                    file,
                    index: Index::File(index),
                    place,
                });
            }
            Ok(_) | Err(BadIndex::Missing) => {}
            Err(BadIndex::Io(error)) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "an index is made again");
            }
        }
        let (Some(segment), Some(length)) = (listed.open().map_err(io::Error::from)?, length)
        else {
            return Err(ReadError::Archived {
                index: listed.first,
                place,
            });
        };
        let table = Table::scan(segment)?;
        if table.len() != count {
            return Err(ReadError::Damaged(format!(
                "{place} has {} entries, and {count} belong in it",
                table.len()
            )));
        }
        if self.writable
            && let Err(error) = index::write(&path, listed.first, length, &table)
        {
            tracing::warn!(%error, "an index could not be kept; it is made again when needed");
        }
        Ok(Open {
            file,
            index: Index::Memory(table),
            place,
        })
    }

    /// Writes the index of segments that are closed and can be found in whole, on a thread of its
    /// own: a tenth of a second for each 64 MiB.
    fn close_finished(self: &Arc<Self>) {
        let live = self.live();
        let Some((_, finished)) = live.split_last().filter(|(_, older)| !older.is_empty()) else {
            return;
        };
        let ends = live.iter().skip(1).map(|next| next.first);
        for (live, end) in finished.iter().zip(ends) {
            if !live.table().is_complete() || live.closing.swap(true, Ordering::AcqRel) {
                continue;
            }
            let (shared, live) = (self.clone(), live.clone());
            let spawned = std::thread::Builder::new()
                .name("index".to_owned())
                .spawn(move || shared.close(&live, end));
            if let Err(error) = spawned {
                tracing::warn!(%error, "a closed segment stays in memory until the next start");
            }
        }
    }

    fn close(&self, live: &Arc<Live>, end: u64) {
        let path = self.paths.index(live.first);
        let length = live.file.metadata().map(|found| found.len());
        let written = length.map_err(FileError::new("look at", &live.path));
        let written =
            written.and_then(|length| index::write(&path, live.first, length, &live.table()));
        if let Err(error) = written {
            tracing::warn!(%error, "an index could not be kept; it is made again when needed");
        }
        let listed = Listed {
            first: live.first,
            place: Place::Here(live.path.clone()),
        };
        let mut closed = self.closed.write().unwrap_or_else(PoisonError::into_inner);
        let at = closed.partition_point(|closed| closed.listed.first < live.first);
        closed.insert(at, Closed { listed, end });
        drop(closed);
        let mut all = self.live.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| other.first != live.first);
    }
}

impl Open {
    fn span(&self, ordinal: u64) -> io::Result<Option<Span>> {
        match &self.index {
            Index::File(index) => match u32::try_from(ordinal) {
                Ok(ordinal) => index.span(ordinal),
                Err(_) => Ok(None),
            },
            Index::Memory(table) => Ok(table.span(ordinal)),
        }
    }

    fn entry(&self, first: u64, index: u64) -> Result<Vec<u8>, ReadError> {
        let span = self.span(index - first)?;
        let Some(file) = &self.file else {
            return Err(ReadError::Archived {
                index,
                place: self.place.clone(),
            });
        };
        span.map_or_else(
            || Err(misplaced(index)),
            |span| read_span(file, span, index),
        )
    }
}

fn misplaced(index: u64) -> ReadError {
    ReadError::Damaged(format!("entry {index} is not where it was written"))
}

fn read_span(file: &File, span: Span, index: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = vec![0; usize::from(span.length) + 1];
    match file.read_exact_at(&mut bytes, u64::from(span.at)) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(misplaced(index)),
        Err(error) => return Err(error.into()),
    }
    if bytes.pop() == Some(b'\n') && segment::is_entry(&bytes) {
        Ok(bytes)
    } else {
        Err(misplaced(index))
    }
}

impl Reader {
    /// Reads a data directory that nobody writes, or a copy of one, and changes nothing in it.
    /// Entries of a batch that did not end are not shown. `archives` are directories to look for
    /// archived segments in.
    ///
    /// # Errors
    /// When the segments can't be read, or the newest is damaged.
    pub fn open(paths: &Paths, archives: &[PathBuf]) -> Result<Reader, CannotOpen> {
        crate::recover::read_only(paths, archives)
    }

    /// Where everything lies.
    pub fn paths(&self) -> &Paths {
        &self.shared.paths
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

    /// How many entries are durable. [`Entries::size`] may be behind by the batch that is being
    /// made findable.
    pub fn durable(&self) -> u64 {
        self.shared.durable.load(Ordering::Acquire)
    }

    /// Shows the entries of one segment; says whether to go on.
    fn scan_segment(
        &self,
        at: &At,
        from: u64,
        end: u64,
        visit: &mut dyn FnMut(u64, &[u8]) -> bool,
    ) -> Result<bool, ReadError> {
        let (span, file) = match at {
            At::Live(live) => (
                live.table().span(from - live.first),
                File::open(&live.path)?,
            ),
            At::Closed(closed) => {
                let open = self.shared.opened(closed)?;
                let file = closed.listed.open().map_err(io::Error::from)?;
                let file = file.ok_or_else(|| ReadError::Archived {
                    index: from,
                    place: open.place.clone(),
                })?;
                (open.span(from - closed.listed.first)?, file)
            }
        };
        let mut lines = Lines::new(file, u64::from(span.ok_or_else(|| misplaced(from))?.at))?;
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

    fn subject_in_closed(
        &self,
        closed: &Closed,
        subject: &Subject,
        from: u64,
        limit: usize,
    ) -> Result<Vec<u64>, ReadError> {
        let first = closed.listed.first;
        let ordinal = u32::try_from(from.saturating_sub(first)).unwrap_or(u32::MAX);
        let open = self.shared.opened(closed)?;
        let ordinals = match &open.index {
            Index::File(index) => index.subject(key_of(subject), ordinal, limit)?,
            Index::Memory(table) => table.subject(key_of(subject), ordinal, limit),
        };
        Ok(ordinals
            .into_iter()
            .map(|ordinal| first + u64::from(ordinal))
            .collect())
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
                span.map_or_else(
                    || Err(misplaced(index)),
                    |span| read_span(&live.file, span, index).map(Some),
                )
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
        let live = self.shared.live().clone();
        for live in live.iter().rev() {
            if let Some(ordinal) = live.table().act(id) {
                return Ok(Some(live.first + u64::from(ordinal)));
            }
        }
        for closed in self.shared.closed_newest_first() {
            let first = closed.listed.first;
            let open = self.shared.opened(&closed)?;
            let ordinals = match &open.index {
                Index::Memory(table) => table.act(id).into_iter().collect(),
                Index::File(index) => index.act(id)?,
            };
            for index in ordinals
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
            let wanted = limit - found.len();
            let candidates = self.candidates(subject, next, wanted)?;
            let Some(last) = candidates.last().copied() else {
                break;
            };
            next = last + 1;
            for index in candidates {
                if self
                    .entry(index)?
                    .is_some_and(|entry| live::is_on(&entry, subject))
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
            let end = match &at {
                At::Closed(closed) => closed.end,
                At::Live(live) => live.first + live.table().len(),
            };
            let end = end.min(size);
            if end <= index || !self.scan_segment(&at, index, end, visit)? {
                return Ok(());
            }
            index = end;
        }
        Ok(())
    }

    fn publish(&self, first: u64, acts: &[Act]) {
        let live = self.shared.live();
        if let Some(live) = live.iter().rev().find(|live| live.first <= first) {
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

impl Reader {
    /// Entries that may be on the subject, in order.
    fn candidates(
        &self,
        subject: &Subject,
        from: u64,
        limit: usize,
    ) -> Result<Vec<u64>, ReadError> {
        // Taken before the closed ones: a segment that moves from one to the other meanwhile is
        // seen twice rather than not at all.
        let live = self.shared.live().clone();
        let mut found = Vec::new();
        for closed in self.shared.closed_newest_first().into_iter().rev() {
            if closed.end > from && found.len() < limit {
                found.extend(self.subject_in_closed(
                    &closed,
                    subject,
                    from,
                    limit - found.len(),
                )?);
            }
        }
        let key = key_of(subject);
        for live in live {
            let ordinal = u32::try_from(from.saturating_sub(live.first)).unwrap_or(u32::MAX);
            let seen = found.last().copied();
            let ordinals = live
                .table()
                .subject(key, ordinal, limit.saturating_sub(found.len()));
            let indexes = ordinals
                .into_iter()
                .map(|ordinal| live.first + u64::from(ordinal));
            found.extend(indexes.filter(|index| Some(*index) > seen));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
