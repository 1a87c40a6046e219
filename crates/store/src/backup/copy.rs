//! Copies that are durable, compared, and no longer than what is new.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use record::hash::Hash;

use super::{CannotBackUp, Copied, Damaged, Files, Kept};
use crate::durable::{self, FileError};

/// Bytes read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// What is to be copied: a path in the data directory, and how many bytes of it.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) from: PathBuf,
    pub(super) bytes: u64,
    /// It may have grown since the last backup; what was there has not changed.
    pub(super) grows: bool,
}

/// Copies files into one directory.
pub(super) struct Copier<'a> {
    to: &'a Path,
    pub(super) files: Files,
    /// Bytes that were written.
    pub(super) written: u64,
    /// Directories with new names in them.
    touched: BTreeSet<PathBuf>,
    done: Copied,
    progress: &'a mut dyn FnMut(Copied),
}

impl<'a> Copier<'a> {
    pub(super) fn new(to: &'a Path, all: u64, progress: &'a mut dyn FnMut(Copied)) -> Copier<'a> {
        Copier {
            to,
            files: Files::new(),
            written: 0,
            touched: BTreeSet::new(),
            done: Copied { done: 0, all },
            progress,
        }
    }

    fn step(&mut self, bytes: u64) {
        self.done.done += bytes;
        (self.progress)(self.done);
    }

    /// Makes sure that the file is in the backup, as far as it is wanted. `before` is what the
    /// manifest of the last backup says of it.
    pub(super) fn take(
        &mut self,
        wanted: Wanted,
        before: Option<Kept>,
    ) -> Result<(), CannotBackUp> {
        let target = self.to.join(&wanted.name);
        let there = fs::metadata(&target).map_or(0, |found| found.len());
        let kept = match before.filter(|before| there >= before.bytes) {
            Some(before) if before.bytes == wanted.bytes => {
                self.step(wanted.bytes);
                before
            }
            Some(before) if wanted.grows && before.bytes < wanted.bytes => {
                match self.append(&wanted, &target, before)? {
                    Some(kept) => kept,
                    None => self.whole(&wanted, &target)?,
                }
            }
            _ => self.whole(&wanted, &target)?,
        };
        self.files.insert(wanted.name, kept);
        Ok(())
    }

    fn make_room_for(&mut self, target: &Path) -> Result<(), FileError> {
        let directory = durable::parent(target);
        durable::make_dir(directory)?;
        self.touched.insert(directory.to_owned());
        Ok(())
    }

    /// Writes what is new behind what is there; `None` when that is not what was kept.
    fn append(
        &mut self,
        wanted: &Wanted,
        target: &Path,
        before: Kept,
    ) -> Result<Option<Kept>, CannotBackUp> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(target)
            .map_err(FileError::new("open", target))?;
        let mut context = Context::new(&SHA256);
        let same = read(&mut file, target, before.bytes, &mut |chunk| {
            context.update(chunk);
            Ok(())
        })?;
        if same < before.bytes || finish(context.clone()) != before.sha256 {
            return Ok(None);
        }
        self.step(before.bytes);
        // What a backup that did not end has left.
        let cut = file.set_len(before.bytes);
        cut.map_err(FileError::new("set the length of", target))?;
        let (source, rest) = (&wanted.from, wanted.bytes - before.bytes);
        let mut from = File::open(source).map_err(FileError::new("open", source))?;
        from.seek(SeekFrom::Start(before.bytes))
            .map_err(FileError::new("read", source))?;
        self.pour(&mut from, source, rest, &mut file, target, &mut context)?;
        Ok(Some(Kept {
            bytes: wanted.bytes,
            sha256: finish(context),
        }))
    }

    /// Copies the file beside its place and renames it.
    fn whole(&mut self, wanted: &Wanted, target: &Path) -> Result<Kept, CannotBackUp> {
        self.make_room_for(target)?;
        let mut beside = target.as_os_str().to_owned();
        beside.push(".tmp");
        let beside = PathBuf::from(beside);
        // What an interrupted copy left.
        durable::forget(&beside);
        let source = &wanted.from;
        let mut from = File::open(source).map_err(FileError::new("open", source))?;
        let mut file = durable::create(&beside)?;
        let mut context = Context::new(&SHA256);
        self.pour(
            &mut from,
            source,
            wanted.bytes,
            &mut file,
            &beside,
            &mut context,
        )?;
        fs::rename(&beside, target).map_err(FileError::new("rename to", target))?;
        Ok(Kept {
            bytes: wanted.bytes,
            sha256: finish(context),
        })
    }

    fn pour(
        &mut self,
        from: &mut File,
        source: &Path,
        bytes: u64,
        file: &mut File,
        target: &Path,
        context: &mut Context,
    ) -> Result<(), CannotBackUp> {
        let end = file
            .seek(SeekFrom::End(0))
            .map_err(FileError::new("write", target))?;
        let poured = read(from, source, bytes, &mut |chunk| {
            context.update(chunk);
            self.step(chunk.len() as u64);
            file.write_all(chunk)
                .map_err(FileError::new("write", target))
        })?;
        if poured < bytes {
            return Err(Damaged {
                path: source.to_owned(),
                what: format!("it ends after {} bytes", end + poured),
            }
            .into());
        }
        file.sync_all().map_err(FileError::new("sync", target))?;
        self.written += poured;
        Ok(())
    }

    /// Every new name is on the disk.
    pub(super) fn sync(&mut self) -> Result<(), FileError> {
        std::mem::take(&mut self.touched)
            .iter()
            .try_for_each(|directory| durable::sync_dir(directory))
    }
}

/// SHA-256 of the first `bytes` of a file, told piece by piece; with it how many there are.
pub(super) fn digest(
    path: &Path,
    bytes: u64,
    step: &mut dyn FnMut(u64),
) -> Result<(u64, Hash), FileError> {
    let mut file = File::open(path).map_err(FileError::new("open", path))?;
    let mut context = Context::new(&SHA256);
    let found = read(&mut file, path, bytes, &mut |chunk| {
        context.update(chunk);
        step(chunk.len() as u64);
        Ok(())
    })?;
    Ok((found, finish(context)))
}

fn finish(context: Context) -> Hash {
    let digest = context.finish();
    Hash(digest.as_ref().try_into().expect("SHA-256 yields 32 bytes"))
}

/// Reads at most `bytes`, piece by piece; says how many there were.
fn read(
    file: &mut File,
    path: &Path,
    bytes: u64,
    take: &mut dyn FnMut(&[u8]) -> Result<(), FileError>,
) -> Result<u64, FileError> {
    let mut from = file.take(bytes);
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut found = 0;
    loop {
        let read = from
            .read(&mut chunk)
            .map_err(FileError::new("read", path))?;
        if read == 0 {
            return Ok(found);
        }
        take(chunk.get(..read).unwrap_or_default())?;
        found += read as u64;
    }
}
