//! Room on the disk: refusing before it is full, and keeping some for the last acts.
//!
//! Ordinary batches are refused when less than a low-water mark would stay free. Urgent ones may
//! go below it. When the disk has nothing left for them either, the reserve, a file of real
//! blocks, is given up once; it is made again when there is room.

use std::fs;
use std::io;
use std::path::PathBuf;

use engine::ports::AppendRefusal;
use rustix::fs::FallocateFlags;

use crate::durable::{self, FileError};

/// What must stay free beside an urgent batch, so that its signature and the tiles have room.
const URGENT_SLACK_BYTES: u64 = 1024 * 1024;

/// The low-water mark and the reserve.
#[derive(Debug)]
pub(crate) struct Space {
    directory: PathBuf,
    /// The same, open: it is asked with every batch.
    opened: Option<fs::File>,
    reserve: PathBuf,
    low_water_bytes: u64,
    reserve_bytes: u64,
    reserved: bool,
}

impl Space {
    /// Watches the disk that `directory` lies on, and makes the reserve if there is room.
    pub(crate) fn new(
        directory: PathBuf,
        reserve: PathBuf,
        low_water_bytes: u64,
        reserve_bytes: u64,
    ) -> Space {
        let mut space = Space {
            opened: fs::File::open(&directory).ok(),
            directory,
            reserve,
            low_water_bytes,
            reserve_bytes,
            reserved: false,
        };
        let length = fs::metadata(&space.reserve)
            .map(|found| found.len())
            .unwrap_or(0);
        space.reserved = length >= reserve_bytes && reserve_bytes > 0;
        if !space.reserved
            && space
                .free()
                .is_ok_and(|free| space.has_room_for_reserve(free))
        {
            space.make_reserve();
        }
        space
    }

    /// Free bytes for this user.
    pub(crate) fn free(&self) -> Result<u64, FileError> {
        let stat = match &self.opened {
            Some(directory) => rustix::fs::fstatvfs(directory),
            None => rustix::fs::statvfs(&self.directory),
        };
        let stat = stat.map_err(io::Error::from);
        let stat = stat.map_err(FileError::new("ask for the free space of", &self.directory))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn has_room_for_reserve(&self, free: u64) -> bool {
        free >= self
            .low_water_bytes
            .saturating_add(self.reserve_bytes.saturating_mul(2))
    }

    /// Whether a batch of so many bytes may be written now.
    pub(crate) fn admit(&mut self, bytes: u64, urgent: bool) -> Result<(), AppendRefusal> {
        // A disk that does not say how full it is refuses the write itself when it is.
        let Ok(free) = self.free() else { return Ok(()) };
        if !self.reserved && self.has_room_for_reserve(free) {
            self.make_reserve();
        }
        let keep = if urgent {
            URGENT_SLACK_BYTES
        } else {
            self.low_water_bytes
        };
        if free >= bytes.saturating_add(keep) || (urgent && self.release()) {
            return Ok(());
        }
        Err(AppendRefusal::NoSpace {
            free_bytes: free,
            needed_bytes: keep,
        })
    }

    /// Whether so many bytes may be taken only to be quicker.
    pub(crate) fn is_ample(&self, bytes: u64) -> bool {
        let keep = self.low_water_bytes.saturating_add(self.reserve_bytes);
        let wanted = keep.saturating_add(bytes.saturating_mul(4));
        self.free().is_ok_and(|free| free >= wanted)
    }

    /// Why a write that the disk had no room for is refused.
    pub(crate) fn refusal(&self) -> AppendRefusal {
        let free_bytes = self.free().unwrap_or(0);
        AppendRefusal::NoSpace {
            free_bytes,
            needed_bytes: self.low_water_bytes,
        }
    }

    /// Gives up the reserve; says whether there was one.
    pub(crate) fn release(&mut self) -> bool {
        if !self.reserved {
            return false;
        }
        self.reserved = false;
        match fs::remove_file(&self.reserve) {
            Ok(()) => {
                tracing::error!("the disk is full: the record's reserve is given up");
                true
            }
            Err(error) => {
                tracing::error!(%error, "the record's reserve can't be given up");
                false
            }
        }
    }

    fn make_reserve(&mut self) {
        if self.reserve_bytes == 0 {
            return;
        }
        // An old one of another length goes first.
        let _ = fs::remove_file(&self.reserve);
        let made = durable::create(&self.reserve).and_then(|file| {
            rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, self.reserve_bytes)
                .map_err(io::Error::from)
                .map_err(FileError::new("allocate", &self.reserve))
        });
        match made {
            Ok(()) => self.reserved = true,
            Err(error) => {
                let cause = error.source.to_string();
                tracing::warn!(%error, cause, "the record has no reserve for a full disk");
                let _ = fs::remove_file(&self.reserve);
                // A disk that can't do it now is not asked again with every batch.
                self.reserve_bytes = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests;
