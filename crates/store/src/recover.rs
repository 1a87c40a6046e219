//! Opening a record: what of it is whole, what was torn, and whether it may be written on.
//!
//! The rules are those of "What is true after a crash" in `docs/reference/record.md`. Only the
//! newest segment is read whole; the older ones are held by its frontier and by the checkpoints
//! that are known, and `verify` reads them.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::ports::{AppendError, Log as _, SignedHead};
use record::checkpoint::SignedCheckpoint;
use record::hash::{EMPTY_ROOT, Hash};
use record::note::{Note, SignerKey, VerifierKey};
use record::tree::Frontier;

use crate::anchor::{self, Anchor, Slot, Standing};
use crate::catalog::{self, Listed, Place};
use crate::durable::{self, FileError};
use crate::keystore::{self, CannotLoadKey};
use crate::layout::Paths;
use crate::live::Table;
use crate::lock::DataDir;
use crate::log::{Log, Options, Segment, make_segment};
use crate::read::Reader;
use crate::scan::{self, Scan, ScanError, Start};
use crate::segment::{Header, VERSION, is_origin};
use crate::shared::{Live, Shared};
use crate::space::Space;

/// The longest published checkpoint that is read.
const CHECKPOINT_BYTES_MAX: u64 = record::note::NOTE_BYTES_MAX as u64;

/// A record that is open for writing.
#[derive(Debug)]
pub struct Opened {
    /// Its writer.
    pub log: Log,
    /// The newest signed checkpoint; none when there are no entries.
    pub head: Option<SignedHead>,
    /// What was set aside: an act should say so.
    pub torn: Option<Torn>,
    /// The last batch had no signature; it was kept, and has one now.
    pub unsigned_tail: bool,
    /// Whether the record was made by this call.
    pub is_new: bool,
    /// The anchor was missing, or did not agree, and was accepted: an act should say so.
    pub accepted: Option<Standing>,
}

/// Bytes that were no whole batch, and that no known checkpoint covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// How many.
    pub bytes: u64,
    /// The file they are kept in, relative to the record's directory.
    pub kept_in: String,
    /// How many entries there are before them.
    pub size: u64,
}

/// A place that is damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is damaged at byte {at} (entry {entry}): {what}", path.display())]
pub struct Corruption {
    /// The file.
    pub path: PathBuf,
    /// The offset of the line in it.
    pub at: u64,
    /// The index of the entry that is there, or comes next.
    pub entry: u64,
    /// What is wrong.
    pub what: String,
}

/// Why a record can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum CannotOpen {
    /// It is damaged. Restore it from a copy; `hereby verify` says what else is wrong.
    #[error(transparent)]
    Corrupt(#[from] Corruption),
    /// The anchor does not agree with it.
    #[error("{}", said(path, standing))]
    Anchor {
        /// The anchor's file.
        path: PathBuf,
        /// How it stands to the record.
        standing: Standing,
    },
    /// The name can't be a log's.
    #[error("`{0}` can't be a log's name: at most 200 letters, digits and .-_/:@")]
    Origin(String),
    /// There is no record here.
    #[error("there is no record in {}", .0.display())]
    Missing(PathBuf),
    /// The directory was opened for reading only.
    #[error("{} was opened for reading only", .0.display())]
    ReadOnly(PathBuf),
    /// The log's key can't be used.
    #[error(transparent)]
    Key(#[from] CannotLoadKey),
    /// The log's key is of another log.
    #[error("the key in {} is of the log {found}, and the record of {expected}", path.display())]
    OtherKey {
        /// The key's file.
        path: PathBuf,
        /// Whose key it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// The operating system said no.
    #[error(transparent)]
    File(#[from] FileError),
    /// The last batch had no signature, and can't be signed.
    #[error(transparent)]
    Sign(#[from] AppendError),
}

fn said(path: &Path, standing: &Standing) -> String {
    let next = "If you know why, `hereby record accept-anchor` goes on and says so on the record.";
    let what = match standing {
        Standing::Agrees => "agrees".to_owned(),
        Standing::Missing => {
            "is missing, so an older copy can't be told from the newest".to_owned()
        }
        Standing::Damaged(why) => format!("can't be read: {why}"),
        Standing::Ahead { size, .. } => {
            format!("covers {size} entries, more than the record has: this is an older copy")
        }
        Standing::Differs { size, .. } => {
            format!("has another root for {size} entries: these are two histories")
        }
    };
    format!("the anchor {} {what}. {next}", path.display())
}

/// The name of the log in a data directory; `None` when there is no record yet.
///
/// # Errors
/// When the segments can't be read.
pub fn origin_of(paths: &Paths) -> Result<Option<String>, CannotOpen> {
    for listed in catalog::list(paths, &[])? {
        if let Some(path) = listed.path()
            && let Some(header) = scan::read_header(path).map_err(at(path, listed.first))?
        {
            return Ok(Some(header.origin));
        }
    }
    Ok(None)
}

/// Says which file an error is about.
fn at(path: &Path, entry: u64) -> impl FnOnce(ScanError) -> CannotOpen {
    let path = path.to_owned();
    move |error| match error {
        ScanError::File(error) => error.into(),
        ScanError::Damaged { at, what } => Corruption {
            path,
            at,
            entry,
            what,
        }
        .into(),
    }
}

/// The newest segment and the ones before it.
struct Found {
    older: Vec<Listed>,
    last: PathBuf,
    scan: Box<Scan>,
    /// A segment that was being made when the process ended.
    unmade: Option<PathBuf>,
}

impl Log {
    /// Opens the record for writing; makes it if there is none.
    ///
    /// Nothing is changed before it is known that writing may go on.
    ///
    /// # Errors
    /// See [`CannotOpen`].
    pub fn open(dir: DataDir, options: &Options) -> Result<Opened, CannotOpen> {
        if !dir.is_writable() {
            return Err(CannotOpen::ReadOnly(dir.paths().root().to_owned()));
        }
        let key_path = dir.paths().log_key();
        let signer = keystore::log_key(&key_path)?;
        let next_signer = keystore::log_key(&dir.paths().next_log_key())?;
        let keys: Vec<VerifierKey> = signer
            .iter()
            .chain(&next_signer)
            .map(|key| key.verifier().clone())
            .collect();
        let Some(found) = find(dir.paths(), &options.archives, Some(&keys))? else {
            return create(dir, options, signer);
        };
        let signer = signer.ok_or(CannotLoadKey::Missing(key_path.clone()))?;
        let origin = found.scan.replay.origin().to_owned();
        if signer.verifier().name() != origin {
            let found = signer.verifier().name().to_owned();
            return Err(CannotOpen::OtherKey {
                path: key_path,
                found,
                expected: origin,
            });
        }
        let keys = with_rotated(keys, &found.scan);
        let accepted = check_known(&found, dir.paths(), options, &keys)?;
        let torn = set_aside(&found, dir.paths())?;
        resume(dir, options, found, (signer, next_signer), torn, accepted)
    }
}

fn with_rotated(mut keys: Vec<VerifierKey>, scan: &Scan) -> Vec<VerifierKey> {
    if let Some(rotated) = &scan.rotated {
        keys.extend(
            [&rotated.from, &rotated.to]
                .into_iter()
                .filter_map(|vkey| vkey.parse().ok()),
        );
    }
    keys
}

/// Finds the newest segment with a header, and reads it.
fn find(
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
                check_older(&older, &scan)?;
                return Ok(Some(Found {
                    older,
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

/// The older segments follow each other, and the newest follows the last of them.
fn check_older(older: &[Listed], scan: &Scan) -> Result<(), CannotOpen> {
    let corrupt = |path: &Path, entry, what: &str| Corruption {
        path: path.to_owned(),
        at: 0,
        entry,
        what: what.to_owned(),
    };
    let mut next = 0;
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
                if header.origin != scan.header.origin {
                    return Err(corrupt(path, listed.first, "it is of another log").into());
                }
            }
        }
        next = end;
    }
    if scan.header.first == next {
        return Ok(());
    }
    let what = "the segments before the newest are missing";
    Err(corrupt(Path::new("record/segments"), next, what).into())
}

/// The root at an earlier size, from whatever segment has it.
fn root_at(found: &Found, size: u64) -> Result<Hash, CannotOpen> {
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

/// Holds what is whole against every checkpoint that is known: rule 3.
fn check_known(
    found: &Found,
    paths: &Paths,
    options: &Options,
    keys: &[VerifierKey],
) -> Result<Option<Standing>, CannotOpen> {
    let (scan, size) = (&found.scan, found.scan.replay.kept().size());
    let corrupt = |at: u64, what: String| {
        CannotOpen::from(Corruption {
            path: found.last.clone(),
            at,
            entry: size,
            what,
        })
    };
    let stopped = scan
        .tail
        .stopped
        .as_ref()
        .map(|(_, why)| format!(" ({why})"));
    if let Some((at, claimed)) = scan.tail.claims {
        let (at, why) = scan.tail.stopped.clone().unwrap_or((at, String::new()));
        let what = format!("a signature covers {claimed} entries, and {size} are whole: {why}");
        return Err(corrupt(at, what));
    }
    if let Some((at, what)) = &scan.tail.damaged {
        return Err(corrupt(*at, what.clone()));
    }
    let torn = scan.file_bytes > scan.kept_bytes;
    let slots = anchor::read(&options.anchor, keys)?;
    let mut standing = anchor::compare(slots.as_deref(), size, |size| root_at(found, size))?;
    if standing == Standing::Missing && size == 0 {
        standing = Standing::Agrees;
    }
    if standing == Standing::Agrees
        && let Some(published) = published(paths, keys)?
    {
        standing = compare_published(found, &published)?;
    }
    match standing {
        Standing::Agrees => Ok(None),
        standing if options.accept_anchor => Ok(Some(standing)),
        Standing::Ahead { size: covered, .. } if torn => {
            let why = stopped.unwrap_or_default();
            Err(corrupt(
                scan.kept_bytes,
                format!("a known checkpoint covers {covered} entries, and {size} are whole{why}"),
            ))
        }
        standing => Err(CannotOpen::Anchor {
            path: options.anchor.clone(),
            standing,
        }),
    }
}

fn compare_published(found: &Found, published: &SignedCheckpoint) -> Result<Standing, CannotOpen> {
    let slot = Slot::Signed {
        checkpoint: published.checkpoint().clone(),
        note: published.to_string(),
    };
    let size = found.scan.replay.kept().size();
    anchor::compare(Some(&[slot]), size, |size| root_at(found, size))
}

/// The published checkpoint, if it is there and one of the keys has signed it. It is derived: a
/// damaged one is published again.
fn published(paths: &Paths, keys: &[VerifierKey]) -> Result<Option<SignedCheckpoint>, CannotOpen> {
    let path = paths.checkpoint();
    let Some(text) = durable::read_bounded(&path, CHECKPOINT_BYTES_MAX)? else {
        return Ok(None);
    };
    let opened = Note::parse(&text).ok().and_then(|note| {
        let open = |key: &VerifierKey| SignedCheckpoint::from_note(note.clone(), key).ok();
        keys.iter().find_map(open)
    });
    if opened.is_none() {
        tracing::warn!(path = %path.display(), "the published checkpoint can't be used");
    }
    Ok(opened)
}

/// Moves what is no whole batch out of the way: rule 2.
fn set_aside(found: &Found, paths: &Paths) -> Result<Option<Torn>, CannotOpen> {
    if let Some(path) = &found.unmade {
        std::fs::remove_file(path).map_err(FileError::new("remove", path))?;
        durable::sync_dir(&paths.segments())?;
    }
    let scan = &found.scan;
    if scan.file_bytes == scan.kept_bytes {
        return Ok(None);
    }
    let path = &found.last;
    let file = OpenOptions::new().read(true).write(true).open(path);
    let file = file.map_err(FileError::new("open", path))?;
    let kept_in = copy_tail(&file, scan, paths)?;
    file.set_len(scan.kept_bytes)
        .map_err(FileError::new("cut", path))?;
    file.sync_all().map_err(FileError::new("sync", path))?;
    let bytes = scan.file_bytes - scan.kept_bytes;
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
    use std::io::{Seek as _, SeekFrom, copy};
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
        .and_then(|_| copy(&mut from, &mut kept))
        .and_then(|_| kept.sync_all())
        .map_err(FileError::new("write", &path))?;
    durable::sync_dir(&paths.torn())?;
    Ok(paths.relative(&path))
}

/// Makes a new record: its key, its first segment, its anchor.
fn create(
    dir: DataDir,
    options: &Options,
    signer: Option<SignerKey>,
) -> Result<Opened, CannotOpen> {
    if !is_origin(&options.origin) {
        return Err(CannotOpen::Origin(options.origin.clone()));
    }
    let signer = match signer {
        Some(signer) if signer.verifier().name() != options.origin => {
            return Err(CannotOpen::OtherKey {
                path: dir.paths().log_key(),
                found: signer.verifier().name().to_owned(),
                expected: options.origin.clone(),
            });
        }
        Some(signer) => signer,
        None => keystore::make_log_key(&dir.paths().log_key(), &options.origin)?,
    };
    let keys = [signer.verifier().clone()];
    let known = published(dir.paths(), &keys)?.map(|known| Slot::Signed {
        checkpoint: known.checkpoint().clone(),
        note: known.to_string(),
    });
    let anchored = anchor::read(&options.anchor, &keys)?;
    let slots: Vec<Slot> = anchored.iter().flatten().cloned().chain(known).collect();
    // An anchor of a record that is gone: beginning anew would fork it.
    let empty = |_| Ok::<Hash, CannotOpen>(EMPTY_ROOT);
    let standing = match slots.is_empty() {
        true => Standing::Agrees,
        false => anchor::compare(Some(&slots), 0, empty)?,
    };
    let accepted = match standing {
        Standing::Agrees => None,
        standing if options.accept_anchor => Some(standing),
        standing => {
            return Err(CannotOpen::Anchor {
                path: options.anchor.clone(),
                standing,
            });
        }
    };
    let header = Header {
        epoch: 1,
        first: 0,
        frontier: Vec::new(),
        origin: options.origin.clone(),
        v: VERSION,
    };
    let path = dir.paths().segment(0);
    // One without a whole header was being made when the process ended; nothing was in it.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(FileError::new("remove", &path)(error).into());
        }
        Ok(()) | Err(_) => {}
    }
    let segment = make_segment(&path, &header)?;
    let tree = Tree {
        origin: options.origin.clone(),
        epoch: header.epoch,
        first: 0,
        frontier: Frontier::new(),
        root: EMPTY_ROOT,
        prev: None,
        is_signed: true,
        table: Table::default(),
        older: Vec::new(),
    };
    let log = assemble(dir, options, segment, tree, (signer, None))?;
    Ok(Opened {
        log,
        head: None,
        torn: None,
        unsigned_tail: false,
        is_new: true,
        accepted,
    })
}

/// Goes on with a record whose tail is clean.
fn resume(
    dir: DataDir,
    options: &Options,
    found: Found,
    (signer, next_signer): (SignerKey, Option<SignerKey>),
    torn: Option<Torn>,
    accepted: Option<Standing>,
) -> Result<Opened, CannotOpen> {
    let Found {
        older, last, scan, ..
    } = found;
    let Scan {
        header,
        replay,
        table,
        kept_bytes,
        note,
        rotated,
        ..
    } = *scan;
    let file = OpenOptions::new().read(true).write(true).open(&last);
    let file = file.map_err(FileError::new("open", &last))?;
    let segment = Segment {
        file,
        path: last,
        length: kept_bytes,
    };
    let size = replay.kept().size();
    let tree = Tree {
        origin: header.origin.clone(),
        epoch: header.epoch,
        first: header.first,
        frontier: replay.kept().clone(),
        root: replay.root(),
        prev: replay.prev(),
        is_signed: replay.is_signed(),
        table,
        older,
    };
    let unsigned_tail = !tree.is_signed;
    let to = rotated.map(|rotated| rotated.to);
    let finish = next_signer
        .as_ref()
        .is_some_and(|next| to.as_deref() == Some(&*next.verifier().to_string()));
    let mut log = assemble(dir, options, segment, tree, (signer, next_signer))?;
    if let Some(note) = note
        && is_by(&note, log.signer.verifier())
    {
        log.head = Some(SignedHead {
            size,
            root: log.root,
            note,
        });
    }
    if finish {
        // The act that changes the key is on the record; only the change itself is missing.
        log.use_new_key()?;
    } else if log.next_signer.take().is_some() {
        let path = log.dir.paths().next_log_key();
        std::fs::remove_file(&path).map_err(FileError::new("remove", &path))?;
    }
    let head = if size > 0 { Some(log.sign()?) } else { None };
    if let Some(head) = &head {
        log.anchor.renew(&head.note, size, accepted.is_some())?;
    }
    Ok(Opened {
        log,
        head,
        torn,
        unsigned_tail,
        is_new: false,
        accepted,
    })
}

fn is_by(note: &str, key: &VerifierKey) -> bool {
    Note::parse(note.as_bytes())
        .is_ok_and(|note| note.signatures().iter().any(|line| key.is_named_by(line)))
}

/// Where a log stands.
struct Tree {
    origin: String,
    epoch: u64,
    first: u64,
    frontier: Frontier,
    root: Hash,
    prev: Option<Hash>,
    is_signed: bool,
    table: Table,
    older: Vec<Listed>,
}

fn assemble(
    dir: DataDir,
    options: &Options,
    segment: Segment,
    tree: Tree,
    (signer, next_signer): (SignerKey, Option<SignerKey>),
) -> Result<Log, CannotOpen> {
    let paths = dir.paths().clone();
    let keys = [signer.verifier().clone()];
    let slots = anchor::read(&options.anchor, &keys)?;
    let anchor = Anchor::open(&options.anchor, slots.as_deref())?;
    let space = Space::new(
        paths.record(),
        paths.reserve(),
        options.low_water_bytes,
        options.reserve_bytes,
    );
    let read = segment
        .file
        .try_clone()
        .map_err(FileError::new("share", &segment.path))?;
    let live = Live::new(tree.first, segment.path.clone(), read, tree.table);
    let shared = Shared::new(
        paths,
        options.archives.clone(),
        true,
        tree.older,
        live,
        tree.frontier.size(),
    );
    Ok(Log {
        dir,
        origin: tree.origin,
        epoch: tree.epoch,
        segment_bytes_max: options.segment_bytes_max,
        segment,
        frontier: tree.frontier,
        root: tree.root,
        prev: tree.prev,
        head: None,
        is_signed: tree.is_signed,
        signer,
        next_signer,
        anchor,
        space,
        shared: Arc::new(shared),
        buffer: Vec::new(),
        spans: Vec::new(),
        ended: false,
    })
}

/// Reads a record that nobody writes.
pub(crate) fn read_only(paths: &Paths, archives: &[PathBuf]) -> Result<Reader, CannotOpen> {
    let found = find(paths, archives, None)?;
    let Found {
        older, last, scan, ..
    } = found.ok_or_else(|| CannotOpen::Missing(paths.root().to_owned()))?;
    if let Some((at, claimed)) = scan.tail.claims {
        let size = scan.replay.kept().size();
        let what = format!("a signature covers {claimed} entries, and {size} are whole");
        return Err(Corruption {
            path: last,
            at,
            entry: size,
            what,
        }
        .into());
    }
    let file = std::fs::File::open(&last).map_err(FileError::new("open", &last))?;
    let size = scan.replay.kept().size();
    let live = Live::new(scan.header.first, last, file, scan.table);
    let shared = Shared::new(paths.clone(), archives.to_vec(), false, older, live, size);
    Ok(Reader {
        shared: Arc::new(shared),
    })
}

#[cfg(test)]
mod tests;
