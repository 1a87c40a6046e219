//! What readers and the writer share: how far the record is durable, and where its entries are.
//!
//! The newest segment's table is in memory and grows with it. Older segments have an index file,
//! and are opened when they are asked for. What is asked, and how, is in `read`.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::thread::JoinHandle;

use base::ActId;
use engine::ports::ReadError;

use crate::catalog::{self, Listed, Place};
use crate::durable::FileError;
use crate::index::{self, BadIndex, IndexFile};
use crate::layout::Paths;
use crate::live::{Rows, Span, Table};
use crate::segment;

/// How many closed segments stay open.
const OPEN_MAX: usize = 128;

/// Everything a [`crate::Reader`] stands on.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) paths: Paths,
    archives: Vec<PathBuf>,
    pub(crate) writable: bool,
    /// Entries that are durable.
    pub(crate) durable: AtomicU64,
    /// Entries that are durable and can be found by act and subject.
    pub(crate) findable: AtomicU64,
    /// Segments whose tables are in memory, oldest first; the last is the one being written.
    live: RwLock<Vec<Arc<Live>>>,
    /// All others, oldest first.
    closed: RwLock<Vec<Arc<Closed>>>,
    /// How many of those are open.
    open: AtomicUsize,
    /// Threads that write index files.
    indexing: Mutex<Vec<JoinHandle<()>>>,
}

/// A segment whose table is in memory.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) first: u64,
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    pub(crate) table: RwLock<Table>,
    /// The index of the first entry behind it; [`u64::MAX`] while it is being written.
    end: AtomicU64,
    /// Set once its index file is being written.
    closing: AtomicBool,
}

/// A segment that is not written any more.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) listed: Listed,
    pub(crate) end: u64,
    open: Mutex<Option<Arc<Open>>>,
}

impl Closed {
    fn new(listed: Listed, end: u64) -> Arc<Closed> {
        Arc::new(Closed {
            listed,
            end,
            open: Mutex::new(None),
        })
    }

    fn open(&self) -> MutexGuard<'_, Option<Arc<Open>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A closed segment that was used lately.
#[derive(Debug)]
pub(crate) struct Open {
    /// Missing when it is archived and not at hand.
    file: Option<File>,
    index: Index,
    place: String,
}

#[derive(Debug)]
enum Index {
    File(IndexFile),
    Memory(Rows),
}

/// A segment, and so where an entry is.
#[derive(Clone, Debug)]
pub(crate) enum At {
    Live(Arc<Live>),
    Closed(Arc<Closed>),
}

impl Live {
    pub(crate) fn new(first: u64, path: PathBuf, file: File, table: Table) -> Live {
        Live {
            first,
            path,
            file,
            table: RwLock::new(table),
            end: AtomicU64::new(u64::MAX),
            closing: AtomicBool::new(false),
        }
    }

    /// The index of the first entry behind it, once it is not written any more.
    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    pub(crate) fn table(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// `listed` are the segments before `last`, which is the one that is written.
    pub(crate) fn new(
        paths: Paths,
        archives: Vec<PathBuf>,
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
            .map(|(listed, end)| Closed::new(listed, end))
            .collect();
        Shared {
            paths,
            archives,
            writable,
            durable: AtomicU64::new(size),
            findable: AtomicU64::new(size),
            live: RwLock::new(vec![Arc::new(last)]),
            closed: RwLock::new(closed),
            open: AtomicUsize::new(0),
            indexing: Mutex::new(Vec::new()),
        }
    }

    /// Segments whose tables are in memory, oldest first.
    pub(crate) fn live(&self) -> RwLockReadGuard<'_, Vec<Arc<Live>>> {
        self.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// All others, oldest first.
    pub(crate) fn closed(&self) -> Vec<Arc<Closed>> {
        self.closed
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// All segments, oldest first. They need not be closed in their order.
    pub(crate) fn segments(&self) -> Vec<At> {
        // The live ones are asked first: one that is being closed meanwhile is then seen twice
        // rather than not at all.
        let live: Vec<At> = self.live().iter().cloned().map(At::Live).collect();
        let mut all: Vec<At> = self.closed().into_iter().map(At::Closed).collect();
        all.extend(live);
        all.sort_by_key(At::first);
        all.dedup_by_key(|at| at.first());
        all
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
        let mut all = self.live.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = all.last() {
            before.end.store(first, Ordering::Release);
        }
        all.push(live);
    }

    /// The segment with this entry.
    pub(crate) fn locate(&self, index: u64) -> Option<At> {
        let holds = |live: &&Arc<Live>| live.first <= index && index < live.end();
        if let Some(live) = self.live().iter().find(holds) {
            return Some(At::Live(live.clone()));
        }
        let closed = self.closed.read().unwrap_or_else(PoisonError::into_inner);
        let at = closed.partition_point(|closed| closed.listed.first <= index);
        at.checked_sub(1)
            .and_then(|at| closed.get(at))
            .cloned()
            .map(At::Closed)
    }

    /// The file of a closed segment: where it was, or where it went since.
    pub(crate) fn file_of(&self, closed: &Closed) -> Result<(Option<File>, String), ReadError> {
        let mut listed = closed.listed.clone();
        let mut file = listed.open();
        if file.as_ref().is_err_and(FileError::is_missing) {
            // It was archived since it was listed.
            let all = catalog::list(&self.paths, &self.archives).map_err(io::Error::from)?;
            if let Some(now) = all.into_iter().find(|now| now.first == listed.first) {
                listed = now;
                file = listed.open();
            }
        }
        let place = match &listed.place {
            Place::Here(path) => path.display().to_string(),
            Place::Archived(stub, _) => stub.to.clone(),
        };
        Ok((file.map_err(io::Error::from)?, place))
    }

    /// A closed segment with its index, opened if it is not.
    pub(crate) fn opened(&self, closed: &Closed) -> Result<Arc<Open>, ReadError> {
        let mut open = closed.open();
        if let Some(open) = &*open {
            return Ok(open.clone());
        }
        let opened = Arc::new(self.open_closed(closed)?);
        *open = Some(opened.clone());
        drop(open);
        if self.open.fetch_add(1, Ordering::AcqRel) + 1 > OPEN_MAX {
            // All at once: with as many segments as that, files are opened now and then anyway.
            self.open.store(0, Ordering::Release);
            self.closed()
                .iter()
                .for_each(|closed| drop(closed.open().take()));
        }
        Ok(opened)
    }

    fn open_closed(&self, closed: &Closed) -> Result<Open, ReadError> {
        let (file, place) = self.file_of(closed)?;
        let first = closed.listed.first;
        let length = file
            .as_ref()
            .map(|file| file.metadata().map(|found| found.len()));
        let length = length.transpose()?;
        let path = self.paths.index(first);
        let count = closed.end - first;
        match IndexFile::open(&path, first, length) {
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
        let (Some(file), Some(length)) = (file, length) else {
            return Err(ReadError::Archived {
                index: first,
                place,
            });
        };
        let rows = Rows::scan(file.try_clone()?)?;
        if rows.len() != count {
            let found = rows.len();
            let what = format!("{place} has {found} entries, and {count} belong in it");
            return Err(ReadError::Damaged(what));
        }
        if self.writable
            && let Err(error) = index::write(&path, first, length, &rows)
        {
            tracing::warn!(%error, "an index could not be kept; it is made again when needed");
        }
        Ok(Open {
            file: Some(file),
            index: Index::Memory(rows),
            place,
        })
    }

    /// Writes the index of segments that are closed and can be found in whole, on a thread of its
    /// own: a tenth of a second for each 64 MiB.
    pub(crate) fn close_finished(self: &Arc<Self>) {
        let finished: Vec<Arc<Live>> = self
            .live()
            .iter()
            .filter(|live| live.end() < u64::MAX && live.table().is_complete())
            .cloned()
            .collect();
        for live in finished {
            if live.closing.swap(true, Ordering::AcqRel) {
                continue;
            }
            let shared = self.clone();
            let spawned = std::thread::Builder::new()
                .name("index".to_owned())
                .spawn(move || shared.close(&live));
            match spawned {
                Ok(thread) => {
                    let mut all = self.indexing.lock().unwrap_or_else(PoisonError::into_inner);
                    all.retain(|thread| !thread.is_finished());
                    all.push(thread);
                }
                Err(error) => {
                    tracing::warn!(%error, "a closed segment stays in memory until the next start");
                }
            }
        }
    }

    /// Waits until no thread writes here: the directory may then be another process's.
    pub(crate) fn finish_indexing(&self) {
        let threads =
            std::mem::take(&mut *self.indexing.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread that wrote an index has panicked");
            }
        }
    }

    fn close(&self, live: &Live) {
        let path = self.paths.index(live.first);
        let length = live.file.metadata().map(|found| found.len());
        let written = length.map_err(FileError::new("look at", &live.path));
        let written = written
            .and_then(|length| index::write(&path, live.first, length, &live.table().to_rows()));
        if let Err(error) = written {
            tracing::warn!(%error, "an index could not be kept; it is made again when needed");
        }
        let listed = Listed {
            first: live.first,
            place: Place::Here(live.path.clone()),
        };
        let mut closed = self.closed.write().unwrap_or_else(PoisonError::into_inner);
        let at = closed.partition_point(|closed| closed.listed.first < live.first);
        closed.insert(at, Closed::new(listed, live.end()));
        drop(closed);
        let mut all = self.live.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| other.first != live.first);
    }
}

impl At {
    /// The index of the segment's first entry.
    pub(crate) fn first(&self) -> u64 {
        match self {
            At::Live(live) => live.first,
            At::Closed(closed) => closed.listed.first,
        }
    }

    /// The index of the first entry behind it; of the one being written, as far as it is.
    pub(crate) fn end(&self) -> u64 {
        match self {
            At::Live(live) => live.first + live.table().len(),
            At::Closed(closed) => closed.end,
        }
    }
}

impl Open {
    /// Where an entry stands, counted from the segment's first.
    pub(crate) fn span(&self, ordinal: u64) -> io::Result<Option<Span>> {
        match &self.index {
            Index::File(index) => match u32::try_from(ordinal) {
                Ok(ordinal) => index.span(ordinal),
                Err(_) => Ok(None),
            },
            Index::Memory(rows) => Ok(rows.span(ordinal)),
        }
    }

    /// Entries whose act may be this one.
    pub(crate) fn act(&self, id: &ActId) -> io::Result<Vec<u32>> {
        match &self.index {
            Index::File(index) => index.act(id),
            Index::Memory(rows) => Ok(rows.act(id)),
        }
    }

    /// Entries whose subject may have this key.
    pub(crate) fn subject(&self, key: u64, from: u32, limit: usize) -> io::Result<Vec<u32>> {
        match &self.index {
            Index::File(index) => index.subject(key, from, limit),
            Index::Memory(rows) => Ok(rows.subject(key, from, limit)),
        }
    }

    /// Reads entry `index` of the segment that begins at `first`.
    pub(crate) fn entry(&self, first: u64, index: u64) -> Result<Vec<u8>, ReadError> {
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

/// An entry is not where the index says it is.
pub(crate) fn misplaced(index: u64) -> ReadError {
    ReadError::Damaged(format!("entry {index} is not where it was written"))
}

/// One `pread` of an entry and the line feed behind it.
pub(crate) fn read_span(file: &File, span: Span, index: u64) -> Result<Vec<u8>, ReadError> {
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
