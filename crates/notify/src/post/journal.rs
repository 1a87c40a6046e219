//! The journal of one notice's deliveries, on the disk: what a crash leaves behind says what was
//! begun.
//!
//! Lines are appended by one thread, which writes and syncs what has come together (`fdatasync`).
//! Whoever is about to send something waits for that; outcomes do not wait, for one that is lost is
//! an unknown outcome, and said to be.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::ledger::{Entry, Ledger};

/// The longest journal that is read: 100,000 deliveries with all their steps have about a tenth.
const JOURNAL_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Lines that may wait for the disk.
const QUEUE_MAX: usize = 4_096;

/// Lines that are written and synced together at most.
const BATCH_MAX: usize = 1_024;

/// A journal that takes lines.
pub struct Journal {
    lines: Mutex<Option<SyncSender<Line>>>,
    ledger: Arc<Mutex<Ledger>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// Why a journal takes nothing any more: what was not synced may be lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal of deliveries can't be written: {0}")]
pub struct CannotWrite(pub String);

struct Line {
    text: Vec<u8>,
    synced: oneshot::Sender<Result<(), CannotWrite>>,
}

/// What a journal on the disk says.
#[derive(Debug)]
pub struct Read {
    /// The fold over its lines.
    pub ledger: Ledger,
    /// Where its last whole line ends.
    whole_bytes: u64,
    /// A line in the middle can't be read, or can't follow.
    pub damaged: bool,
}

/// Reads a journal; `None` when there is none. A last line without its end was never synced, and
/// counts for nothing.
///
/// # Errors
/// When the file can't be read, or is longer than any journal.
pub fn read(path: &Path) -> io::Result<Option<Read>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(JOURNAL_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > JOURNAL_BYTES_MAX {
        return Err(io::Error::other("it is longer than any journal"));
    }
    let whole = bytes.iter().rposition(|byte| *byte == b'\n');
    let whole = whole.map_or(0, |last| last + 1);
    let mut ledger = Ledger::default();
    let mut damaged = false;
    for line in bytes
        .get(..whole)
        .unwrap_or_default()
        .split(|byte| *byte == b'\n')
    {
        if line.is_empty() {
            continue;
        }
        let entry = serde_json::from_slice::<Entry>(line).ok();
        damaged |= entry.is_none_or(|entry| ledger.apply(&entry).is_err());
    }
    Ok(Some(Read {
        ledger,
        whole_bytes: whole as u64,
        damaged,
    }))
}

impl Journal {
    /// Opens the journal at `path`, or makes it, and goes on behind what `read` found in it.
    ///
    /// # Errors
    /// When the file can't be used, or there is no thread.
    pub fn open(path: &Path, found: Option<Read>) -> io::Result<Arc<Journal>> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)?;
        let (ledger, whole_bytes) = match found {
            Some(found) => (found.ledger, found.whole_bytes),
            None => (Ledger::default(), 0),
        };
        file.set_len(whole_bytes)?;
        file.seek(io::SeekFrom::End(0))?;
        file.sync_all()?;
        if let Some(directory) = path.parent() {
            File::open(directory)?.sync_all()?;
        }
        let (lines, incoming) = sync_channel(QUEUE_MAX);
        let writer = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || write_all(file, &incoming))?;
        Ok(Arc::new(Journal {
            lines: Mutex::new(Some(lines)),
            ledger: Arc::new(Mutex::new(ledger)),
            writer: Mutex::new(Some(writer)),
        }))
    }

    /// What the journal says by now.
    pub fn ledger<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        look(&self.ledger.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a line; what is answered says when it is on the disk. Whoever does not care drops it.
    ///
    /// # Errors
    /// When it can't follow, or the journal is closed.
    pub fn add(
        &self,
        entry: &Entry,
    ) -> Result<oneshot::Receiver<Result<(), CannotWrite>>, CannotWrite> {
        let mut text = serde_json::to_vec(entry).map_err(|bad| CannotWrite(bad.to_string()))?;
        text.push(b'\n');
        // One lock for both: lines are on the disk in the order in which they were folded.
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger
            .apply(entry)
            .map_err(|bad| CannotWrite(bad.to_string()))?;
        let (synced, receiver) = oneshot::channel();
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = || CannotWrite("it is closed".to_owned());
        let lines = lines.as_ref().ok_or_else(closed)?;
        lines.send(Line { text, synced }).map_err(|_| closed())?;
        Ok(receiver)
    }

    /// Adds a line and waits until it is on the disk.
    ///
    /// # Errors
    /// When it can't follow, or can't be written.
    pub async fn sync(&self, entry: &Entry) -> Result<(), CannotWrite> {
        let gone = |_| CannotWrite("its writer is gone".to_owned());
        self.add(entry)?.await.map_err(gone)?
    }

    /// Takes no more lines, and waits until all are on the disk.
    pub fn close(&self) {
        drop(
            self.lines
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(writer) = writer {
            let _ = writer.join();
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

/// Writes what comes, and syncs as much as has come together. After an error nothing is written any
/// more: what the disk kept is unknown.
fn write_all(mut file: File, incoming: &Receiver<Line>) {
    let mut failed: Option<CannotWrite> = None;
    while let Ok(first) = incoming.recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX
            && let Ok(next) = incoming.try_recv()
        {
            batch.push(next);
        }
        if failed.is_none() {
            let bytes: Vec<u8> = batch.iter().flat_map(|line| line.text.clone()).collect();
            let written = file.write_all(&bytes).and_then(|()| file.sync_data());
            failed = written.err().map(|error| CannotWrite(error.to_string()));
        }
        for line in batch {
            let _ = line.synced.send(failed.clone().map_or(Ok(()), Err));
        }
    }
}
