//! Room that is written with zeroes before it is needed.
//!
//! An `fdatasync` behind the end of a file also commits the file's new length and blocks, which
//! takes a third of its time and waits for whatever else the file system's journal holds. Within a
//! length that is on the disk already it does not. A segment is therefore filled ahead in steps,
//! and one that fills quickly is followed by a spare that was filled beside it.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::fs::FallocateFlags;

use crate::durable::{self, FileError, write_whole};
use crate::rank::Rank;

/// A segment is filled ahead by this much at a time.
const STEP_BYTES: u64 = 1 << 20;

/// Zeroes written to a spare at once, past the page cache where that is possible, else synced: one
/// large sync would delay the batches that are written meanwhile.
const PIECE_BYTES: usize = 256 * 1024;

/// What memory and offsets of a write past the page cache must be multiples of.
const ALIGN: usize = 4_096;

/// After a piece the disk is left to others for so many times as long as the piece took.
const REST: u32 = 2;

/// Whoever writes this much in a second gets a spare.
const QUICK_BYTES_PER_S: u64 = 1 << 20;

/// How far a segment is filled, and how quickly that is used up.
#[derive(Debug)]
pub(crate) struct Filled {
    /// Where the file ends; behind what was written there are zeroes up to here.
    pub(crate) end: u64,
    /// 0: no further.
    step: u64,
    /// Where the segment is full.
    full: u64,
    from: u64,
    since: Instant,
    asked: bool,
}

impl Filled {
    /// A file that ends at `end`, in a log whose segments have `segment_bytes_max`.
    pub(crate) fn new(written: u64, end: u64, segment_bytes_max: u64) -> Filled {
        Filled {
            end,
            step: STEP_BYTES.min(segment_bytes_max.max(1)),
            full: segment_bytes_max,
            from: written,
            since: Instant::now(),
            asked: false,
        }
    }

    /// How far to fill so that there is room up to `needed`; `None` when there is.
    pub(crate) fn next(&self, needed: u64) -> Option<u64> {
        let wanted = needed > self.end && self.step > 0;
        wanted.then(|| {
            needed
                .next_multiple_of(self.step)
                .min(self.full)
                .max(needed)
        })
    }

    /// It was written up to `written`, which may be behind what was filled.
    pub(crate) fn reached(&mut self, written: u64) {
        self.end = self.end.max(written);
    }

    /// The file can't be filled: what comes goes behind its end.
    pub(crate) fn stop(&mut self) {
        self.step = 0;
    }

    /// The file was filled up to `end`.
    pub(crate) fn to(&mut self, written: u64, end: u64) {
        self.end = end;
        self.from = written;
        self.since = Instant::now();
        self.asked = false;
    }

    /// Whether an eighth of the room is gone, for the first time, and went quickly.
    pub(crate) fn goes_quickly(&mut self, written: u64) -> bool {
        let used = written.saturating_sub(self.from);
        if self.asked || used * 7 < self.end.saturating_sub(written) {
            return false;
        }
        self.asked = true;
        self.since.elapsed() < Duration::from_millis(used.saturating_mul(1_000) / QUICK_BYTES_PER_S)
    }
}

/// Writes zeroes from `from` to `to`.
pub(crate) fn fill(file: &File, from: u64, to: u64) -> Result<(), rustix::io::Errno> {
    let zeroes = vec![0; usize::try_from(to - from).unwrap_or(PIECE_BYTES)];
    write_whole(file, &zeroes, from)
}

/// A file of zeroes that becomes the next segment.
#[derive(Debug)]
pub(crate) struct Spare {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    making: Option<JoinHandle<Result<File, FileError>>>,
}

impl Spare {
    /// None yet; what another process left is removed.
    pub(crate) fn new(path: PathBuf) -> Spare {
        durable::forget(&path);
        Spare {
            path,
            stop: Arc::new(AtomicBool::new(false)),
            making: None,
        }
    }

    /// Begins to make one, if none is there or in the making.
    pub(crate) fn begin(&mut self, bytes: u64) {
        if self.making.is_some() {
            return;
        }
        let (path, stop) = (self.path.clone(), self.stop.clone());
        let spawned = std::thread::Builder::new()
            .name("spare".to_owned())
            .spawn(move || make(&path, bytes, &stop));
        match spawned {
            Ok(thread) => self.making = Some(thread),
            Err(error) => tracing::warn!(%error, "no segment is made ahead"),
        }
    }

    /// The file, if it is ready. Its name is still the spare's.
    pub(crate) fn take(&mut self) -> Option<(File, PathBuf)> {
        let making = self.making.take_if(|making| making.is_finished())?;
        match making.join() {
            Ok(Ok(file)) => Some((file, self.path.clone())),
            Ok(Err(error)) => {
                tracing::warn!(%error, "no segment could be made ahead");
                durable::forget(&self.path);
                None
            }
            Err(_) => {
                tracing::error!("the thread that makes a segment ahead has panicked");
                durable::forget(&self.path);
                None
            }
        }
    }

    /// Gives its room back. What comes is another process's directory.
    pub(crate) fn give_up(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(making) = self.making.take() {
            // Whatever became of it, it goes.
            let _ = making.join();
            durable::forget(&self.path);
        }
        self.stop.store(false, Ordering::Relaxed);
    }
}

fn make(path: &std::path::Path, bytes: u64, stop: &AtomicBool) -> Result<File, FileError> {
    // Nobody waits for it. Where that is not to be had, it is only in the way.
    let _ = Rank::Behind.take();
    let file = durable::create(path)?;
    // Without it, it only takes longer.
    let _ = rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes);
    let direct = durable::open_direct(path).ok();
    let zeroes = vec![0; PIECE_BYTES + ALIGN];
    let from = zeroes.as_ptr().align_offset(ALIGN).min(ALIGN);
    let zeroes = zeroes.get(from..from + PIECE_BYTES).unwrap_or_default();
    let mut at = 0;
    while at < bytes {
        if stop.load(Ordering::Relaxed) {
            let stopped = io::Error::from(io::ErrorKind::Interrupted);
            return Err(FileError::new("fill", path)(stopped));
        }
        let begin = Instant::now();
        let length = usize::try_from(bytes - at).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
        let piece = zeroes.get(..length).unwrap_or_default();
        let past_cache = direct
            .as_ref()
            .is_some_and(|direct| write_whole(direct, piece, at).is_ok());
        if !past_cache {
            write_whole(&file, piece, at)
                .and_then(|()| rustix::fs::fdatasync(&file))
                .map_err(io::Error::from)
                .map_err(FileError::new("fill", path))?;
        }
        at += length as u64;
        std::thread::sleep(begin.elapsed() * REST);
    }
    file.sync_all().map_err(FileError::new("sync", path))?;
    Ok(file)
}

#[cfg(test)]
mod tests;
