//! Finds what of a record is whole, and moves what is torn out of the way.
//!
//! Only the newest segment is read whole; of the older ones the headers must fit each other.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use record::hash::{EMPTY_ROOT, Hash};
use record::note::VerifierKey;

use crate::catalog::{self, Listed, Place};
use crate::durable::{self, FileError};
use crate::layout::Paths;
use crate::recover::{CannotOpen, Corruption, Torn};
use crate::scan::{self, Scan, ScanError, Start};
use crate::segment::Header;

/// The newest segment and the ones before it.
pub(crate) struct Found {
    pub(crate) older: Vec<Listed>,
    pub(crate) last: PathBuf,
    pub(crate) scan: Box<Scan>,
    /// The newest segment begins another epoch than the one before it, and nothing stands in it yet.
    pub(crate) begins_epoch: bool,
    /// A segment that was being made when the process ended.
    pub(crate) unmade: Option<PathBuf>,
}

/// Finds the newest segment with a header, and reads it.
pub(crate) fn find(
    paths: &Paths,
    archives: &[PathBuf],
    keys: Option<&[VerifierKey]>,
) -> Result<Option<Found>, CannotOpen> {
    let mut older = catalog::list(paths, archives)?;
    let mut unmade = None;
    while let Some(last) = older.pop() {
        let Place::Here(path) = &last.place else {
            let what = "the newest segment is archived".to_owned();
            let path = paths.stub(last.first);
            return Err(Corruption {
                path,
                at: 0,
                entry: last.first,
                what,
            }
            .into());
        };
        let path = path.clone();
        match scan::scan(&path, keys).map_err(at(&path, last.first))? {
            Start::Whole(scan) => {
                check_name(&scan.header, last.first, &path)?;
                let before = check_older(&older, &scan)?;
                let is_empty = scan.replay.kept().size() == scan.header.first;
                let begins_epoch = is_empty && before.is_some_and(|it| it < scan.header.epoch);
                return Ok(Some(Found {
                    older,
                    begins_epoch,
                    last: path,
                    scan,
                    unmade,
                }));
            }
            // Only the very newest can be unmade: a segment is begun when the one before is whole.
            Start::Torn if unmade.is_none() => unmade = Some(path),
            Start::Torn => {
                let what = "the segment has no header".to_owned();
                return Err(Corruption {
                    path,
                    at: 0,
                    entry: last.first,
                    what,
                }
                .into());
            }
        }
    }
    Ok(None)
}

fn check_name(header: &Header, first: u64, path: &Path) -> Result<(), CannotOpen> {
    if header.first == first {
        return Ok(());
    }
    let what = format!("the segment begins at entry {}", header.first);
    Err(Corruption {
        path: path.to_owned(),
        at: 0,
        entry: first,
        what,
    }
    .into())
}

/// The older segments follow each other, and the newest follows the last of them. The epoch of that one, if it
/// is at hand.
fn check_older(older: &[Listed], scan: &Scan) -> Result<Option<u64>, CannotOpen> {
    let corrupt = |path: &Path, entry, what: &str| Corruption {
        path: path.to_owned(),
        at: 0,
        entry,
        what: what.to_owned(),
    };
    let mut next = 0;
    let mut before: Option<Header> = None;
    for (at_hand, listed) in older.iter().enumerate() {
        let end = older
            .get(at_hand + 1)
            .map_or(scan.header.first, |next| next.first);
        if at_hand == 0 && listed.first != 0 || end <= listed.first {
            let path = listed.path().unwrap_or(Path::new("the archive"));
            return Err(corrupt(path, next, "segments before it are missing").into());
        }
        match &listed.place {
            Place::Archived(stub, _) if stub.size != end => {
                let path = PathBuf::from(&stub.to);
                return Err(corrupt(&path, end, "the archived segment ends elsewhere").into());
            }
            Place::Archived(..) => {}
            Place::Here(path) => {
                let header = scan::read_header(path).map_err(at(path, listed.first))?;
                let header =
                    header.ok_or_else(|| corrupt(path, listed.first, "it has no header"))?;
                check_name(&header, listed.first, path)?;
                if before.as_ref().is_some_and(|it| !follows(it, &header)) {
                    return Err(corrupt(path, listed.first, "it is of another log").into());
                }
                before = Some(header);
            }
        }
        next = end;
    }
    let epoch = before.as_ref().map(|before| before.epoch);
    if before.is_some_and(|before| !follows(&before, &scan.header)) {
        let what = "the newest segment is of another log";
        return Err(corrupt(Path::new("record/segments"), next, what).into());
    }
    if scan.header.first == next {
        return Ok(epoch);
    }
    let what = "the segments before the newest are missing";
    Err(corrupt(Path::new("record/segments"), next, what).into())
}

/// Whether a segment may come behind that one, of the same epoch or a later one, as far as headers tell.
fn follows(before: &Header, header: &Header) -> bool {
    match header.origin == before.origin {
        true => header.epoch == before.epoch,
        false => header.epoch > before.epoch,
    }
}

/// The root at an earlier size, from whatever segment has it.
pub(crate) fn root_at(found: &Found, size: u64) -> Result<Hash, CannotOpen> {
    let replay = &found.scan.replay;
    if size == replay.kept().size() {
        return Ok(replay.root());
    }
    if size == 0 {
        return Ok(EMPTY_ROOT);
    }
    let corrupt = |path: &Path, what: &str| {
        let what = what.to_owned();
        CannotOpen::from(Corruption {
            path: path.to_owned(),
            at: 0,
            entry: size,
            what,
        })
    };
    let older = found.older.iter().rev().find(|listed| listed.first <= size);
    let path = match older {
        Some(listed) if size < found.scan.header.first => match (&listed.place, listed.path()) {
            (Place::Archived(stub, _), _) if stub.size == size => return Ok(stub.root),
            (_, Some(path)) => path,
            (Place::Archived(stub, _), None) => {
                let what = "the segment with the anchor's size is archived and not at hand";
                return Err(corrupt(Path::new(&stub.to), what));
            }
            (Place::Here(path), None) => path,
        },
        _ => &found.last,
    };
    let root = scan::root_at(path, size).map_err(at(path, size))?;
    root.ok_or_else(|| corrupt(path, "entries are missing"))
}

/// Moves what is no whole batch out of the way: rule 2.
pub(crate) fn set_aside(found: &Found, paths: &Paths) -> Result<Option<Torn>, CannotOpen> {
    if let Some(path) = &found.unmade {
        std::fs::remove_file(path).map_err(FileError::new("remove", path))?;
        durable::sync_dir(&paths.segments())?;
    }
    let scan = &found.scan;
    if scan.written_bytes == scan.kept_bytes {
        return Ok(None);
    }
    let path = &found.last;
    let file = OpenOptions::new().read(true).write(true).open(path);
    let file = file.map_err(FileError::new("open", path))?;
    let kept_in = copy_tail(&file, scan, paths)?;
    file.set_len(scan.kept_bytes)
        .map_err(FileError::new("cut", path))?;
    file.sync_all().map_err(FileError::new("sync", path))?;
    let bytes = scan.written_bytes - scan.kept_bytes;
    let size = scan.replay.kept().size();
    tracing::warn!(bytes, size, kept_in, "a torn batch was set aside");
    Ok(Some(Torn {
        bytes,
        kept_in,
        size,
    }))
}

/// Copies the tail to `torn/`, durably; returns the copy's name.
fn copy_tail(file: &std::fs::File, scan: &Scan, paths: &Paths) -> Result<String, CannotOpen> {
    use std::io::{Read as _, Seek as _, SeekFrom, copy};
    let first = scan.header.first;
    let mut attempt = 0_u32;
    let (path, mut kept) = loop {
        let again = if attempt == 0 {
            String::new()
        } else {
            format!("-{attempt}")
        };
        let name = format!("{first:020}-{}{again}.bin", scan.kept_bytes);
        let path = paths.torn().join(name);
        match durable::create(&path) {
            Ok(kept) => break (path, kept),
            Err(error) if error.source.kind() == io::ErrorKind::AlreadyExists => attempt += 1,
            Err(error) => return Err(error.into()),
        }
    };
    let mut from = file;
    from.seek(SeekFrom::Start(scan.kept_bytes))
        .and_then(|_| {
            copy(
                &mut from.take(scan.written_bytes - scan.kept_bytes),
                &mut kept,
            )
        })
        .and_then(|_| kept.sync_all())
        .map_err(FileError::new("write", &path))?;
    durable::sync_dir(&paths.torn())?;
    Ok(paths.relative(&path))
}

/// Says which file an error is about.
pub(crate) fn at(path: &Path, entry: u64) -> impl FnOnce(ScanError) -> CannotOpen {
    let path = path.to_owned();
    move |error| match error {
        ScanError::File(error) => error.into(),
        ScanError::Newer(line) => CannotOpen::Newer {
            path,
            what: line.to_string(),
        },
        ScanError::Damaged { at, what } => Corruption {
            path,
            at,
            entry,
            what,
        }
        .into(),
    }
}
