//! Makes a backup of a record that may be written meanwhile. Nothing of it is changed, and no lock
//! of the data directory is taken.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base::Timestamp;
use record::checkpoint::Checkpoint;
use record::note::Note;

use super::copy::{Copier, Wanted};
use super::{
    CannotBackUp, Copied, Damaged, Manifest, VERSION, must_be_apart, read_manifest, take_directory,
    write_manifest,
};
use crate::catalog::{self, Listed, Place};
use crate::durable::{self, FileError};
use crate::found::at;
use crate::layout::Paths;
use crate::read::Reader;
use crate::scan::{self, Start};
use crate::snapshot::Snapshots;

/// How often a pass over tiles that are being replaced begins again.
const TILE_PASSES: usize = 5;

/// The longest settings that are kept.
const SETTINGS_BYTES_MAX: u64 = 1 << 20;

/// What a backup came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackedUp {
    /// What is in it.
    pub manifest: Manifest,
    /// How many entries the backup before it had; none: there was none.
    pub before: Option<u64>,
    /// Bytes that were written.
    pub written_bytes: u64,
    /// Segments that are archived and so not in it: the directories they went to.
    pub archived: Vec<String>,
}

/// A record up to a signed checkpoint.
struct Cut {
    segments: Vec<Wanted>,
    archived: Vec<Listed>,
    checkpoint: Checkpoint,
    note: Note,
}

/// Backs a record up into the directory `to`, which is empty or holds the last backup of it.
/// `settings` is the file that counts as `hereby.toml`, if there is one.
///
/// # Errors
/// See [`CannotBackUp`]; the backup that was there still holds.
pub fn back_up(
    paths: &Paths,
    to: &Path,
    settings: Option<&Path>,
    made_at: Timestamp,
    progress: &mut dyn FnMut(Copied),
) -> Result<BackedUp, CannotBackUp> {
    must_be_apart(paths.root(), to)?;
    let _held = take_directory(to)?;
    let before: Option<Manifest> = read_manifest(to)?;
    let tiles = tiles(paths)?;
    let cut = cut(paths)?;
    if let Some(before) = &before {
        check_continues(paths, to, before, &cut.checkpoint)?;
    }
    let mut wanted = cut.segments;
    for archived in &cut.archived {
        for path in [paths.stub(archived.first), paths.index(archived.first)] {
            wanted.extend(file_of(paths, &path)?);
        }
    }
    let mut published = cut.note.to_string();
    if !cut.archived.is_empty() {
        // Without these a restored record could be read, and neither started nor proven.
        wanted.extend(tiles.files);
        published = tiles.checkpoint.unwrap_or(published);
        wanted.extend(newest_snapshot(paths, cut.checkpoint.size())?);
    }
    wanted.extend(blobs(paths)?);
    let all = wanted.iter().map(|wanted| wanted.bytes).sum();
    let mut copier = Copier::new(to, all, progress);
    for wanted in wanted {
        let known = before.as_ref().and_then(|it| it.files.get(&wanted.name));
        copier.take(wanted, known.copied())?;
    }
    copier.sync()?;
    let settings = settings
        .map(|path| durable::read_bounded(path, SETTINGS_BYTES_MAX))
        .transpose()?
        .flatten();
    let manifest = Manifest {
        checkpoint: cut.note.to_string(),
        files: std::mem::take(&mut copier.files),
        hereby_backup: VERSION,
        made_at,
        origin: cut.checkpoint.origin().to_owned(),
        published,
        root: cut.checkpoint.root(),
        settings: settings.map(|text| String::from_utf8_lossy(&text).into_owned()),
        size: cut.checkpoint.size(),
    };
    write_manifest(to, &manifest)?;
    // For whoever reads the backup as a data directory; it holds without them.
    manifest.write_beside(to)?;
    prune(to, &manifest)?;
    let place = |listed: &Listed| match &listed.place {
        Place::Archived(stub, _) => Some(stub.to.clone()),
        Place::Here(_) => None,
    };
    Ok(BackedUp {
        manifest,
        before: before.map(|before| before.size),
        written_bytes: copier.written,
        archived: cut.archived.iter().filter_map(place).collect(),
    })
}

/// The segments up to the newest signature in them.
fn cut(paths: &Paths) -> Result<Cut, CannotBackUp> {
    let mut listed = catalog::list(paths, &[])?;
    // The newest may have been begun just now, and have nothing signed in it yet.
    let (last, end, checkpoint, note) = loop {
        let last = listed.pop().ok_or(CannotBackUp::Unsigned)?;
        let Place::Here(path) = &last.place else {
            return Err(CannotBackUp::Unsigned);
        };
        match scan::scan(path, None).map_err(at(path, last.first))? {
            Start::Torn => {}
            Start::Whole(scan) => {
                if let Some((at, covered)) = scan.tail.claims {
                    let size = scan.replay.kept().size();
                    return Err(Damaged {
                        path: path.clone(),
                        what: format!(
                            "byte {at}: a signature covers {covered} entries, and {size} are whole"
                        ),
                    }
                    .into());
                }
                if let Some((end, checkpoint, note)) = scan.signed_end() {
                    break (last, end, checkpoint, note);
                }
            }
        }
    };
    let mut segments = Vec::new();
    let mut archived = Vec::new();
    for older in listed {
        match &older.place {
            Place::Here(path) => segments.extend(file_of(paths, path)?),
            Place::Archived(..) => archived.push(older),
        }
    }
    if let Place::Here(path) = &last.place {
        segments.push(Wanted {
            name: name_of(paths, path),
            from: path.clone(),
            bytes: end,
            grows: true,
        });
    }
    segments.iter_mut().for_each(|segment| segment.grows = true);
    Ok(Cut {
        segments,
        archived,
        checkpoint,
        note,
    })
}

/// Whether the backup that is there is the beginning of this very record.
fn check_continues(
    paths: &Paths,
    to: &Path,
    before: &Manifest,
    now: &Checkpoint,
) -> Result<(), CannotBackUp> {
    if before.origin != now.origin() {
        return Err(CannotBackUp::OtherLog {
            path: to.to_owned(),
            found: before.origin.clone(),
            expected: now.origin().to_owned(),
        });
    }
    let differs = CannotBackUp::OtherHistory {
        backup: before.size,
        record: now.size(),
    };
    if before.size > now.size() {
        return Err(differs);
    }
    let root = Reader::open(paths, &[])?.root_at(before.size)?;
    if root == before.root {
        Ok(())
    } else {
        Err(differs)
    }
}

fn name_of(paths: &Paths, path: &Path) -> String {
    path.strip_prefix(paths.root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// A file that does not change; none if it is not there.
fn file_of(paths: &Paths, path: &Path) -> Result<Option<Wanted>, FileError> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(Wanted {
            name: name_of(paths, path),
            from: path.to_owned(),
            bytes: found.len(),
            grows: false,
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::new("look at", path)(error)),
    }
}

/// Every blob: those that acts cite up to the cut are among them, because they are durable before.
fn blobs(paths: &Paths) -> Result<Vec<Wanted>, FileError> {
    let mut found = Vec::new();
    for path in files_below(&paths.blobs())? {
        let name = path.file_name().and_then(|name| name.to_str());
        let is_blob =
            |name: &str| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if name.is_some_and(is_blob) {
            found.extend(file_of(paths, &path)?);
        }
    }
    Ok(found)
}

fn newest_snapshot(paths: &Paths, size: u64) -> Result<Option<Wanted>, CannotBackUp> {
    let reader = Reader::open(paths, &[])?;
    let sizes = Snapshots::new(paths, reader).sizes()?;
    let newest = sizes.into_iter().find(|kept| *kept <= size);
    Ok(newest
        .map(|size| {
            let name = crate::layout::segment_name(size, "json");
            file_of(paths, &paths.snapshots().join(name))
        })
        .transpose()?
        .flatten())
}

/// The tiles, and the checkpoint that they all belong to.
struct TileFiles {
    files: Vec<Wanted>,
    checkpoint: Option<String>,
}

/// Tiles of one published checkpoint: those of the one before stay while it is the newest.
fn tiles(paths: &Paths) -> Result<TileFiles, FileError> {
    let checkpoint = || {
        let text = durable::read_bounded(&paths.checkpoint(), 128 << 10)?;
        Ok::<_, FileError>(text.and_then(|text| String::from_utf8(text).ok()))
    };
    let mut last = None;
    for _ in 0..TILE_PASSES {
        let before = checkpoint()?;
        let mut files = Vec::new();
        for path in files_below(&paths.record().join("tile"))? {
            if path.extension().is_none_or(|ending| ending != "tmp") {
                files.extend(file_of(paths, &path)?);
            }
        }
        let settled = checkpoint()? == before;
        last = Some(TileFiles {
            files,
            checkpoint: before,
        });
        if settled {
            break;
        }
    }
    Ok(last.unwrap_or(TileFiles {
        files: Vec::new(),
        checkpoint: None,
    }))
}

/// Removes what an earlier backup needed and this one does not: tiles that were outgrown, snapshots,
/// and what an interrupted copy left. Anything else that lies there is left alone.
fn prune(to: &Path, manifest: &Manifest) -> Result<(), FileError> {
    for path in files_below(to)? {
        let name = path.strip_prefix(to).unwrap_or(&path).display().to_string();
        let is_ours = name.starts_with("record/tile/")
            || name.starts_with("record/snapshots/")
            || name.starts_with("record/") && name.ends_with(".tmp");
        if is_ours && !manifest.files.contains_key(&name) {
            fs::remove_file(&path).map_err(FileError::new("remove", &path))?;
        }
    }
    Ok(())
}

/// Every file below a directory, in order; none when it is not there.
fn files_below(directory: &Path) -> Result<Vec<PathBuf>, FileError> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        let names = match fs::read_dir(&directory) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(FileError::new("list", &directory)(error)),
        };
        for name in names {
            let name = name.map_err(FileError::new("list", &directory))?;
            let kind = name.file_type();
            match kind.map_err(FileError::new("look at", &name.path()))? {
                kind if kind.is_dir() => waiting.push(name.path()),
                kind if kind.is_file() => found.push(name.path()),
                _ => {}
            }
        }
    }
    found.sort();
    Ok(found)
}
