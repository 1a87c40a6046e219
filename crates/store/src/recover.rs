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
use record::hash::{EMPTY_ROOT, Hash};
use record::note::{Note, SignerKey, VerifierKey};
use record::succession::FIRST_EPOCH;
use record::tree::Frontier;

use crate::anchor::{self, Anchor, Slot, Standing};
use crate::catalog::{self, Listed};
use crate::durable::FileError;
use crate::fill::{Filled, Spare};
use crate::found::{Found, at, find, set_aside};
use crate::keystore::{self, CannotLoadKey};
use crate::known::{check_known, published};
use crate::layout::Paths;
use crate::live::Table;
use crate::lock::DataDir;
use crate::log::{Log, Options};
use crate::read::Reader;
use crate::scan::{self, Scan};
use crate::segment::{Header, is_origin};
use crate::segment_file::{Segment, make_segment};
use crate::shared::{Live, Shared};
use crate::space::Space;
use crate::succeed;

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
    /// Another epoch has begun: the first act in it must say so.
    pub succeeds: bool,
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
    /// A newer hereby wrote it. Nothing was changed.
    #[error("{}: {what}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Which version of what.
        what: String,
    },
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
    /// It can't go on as the succession says.
    #[error("the succession is not of this record: {0}")]
    Succession(String),
    /// Another epoch was begun, and nothing on the record says so yet.
    #[error("epoch {0} of the record was begun and not finished")]
    Unfinished(u64),
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
    for listed in catalog::list(paths, &[])?.into_iter().rev() {
        if let Some(path) = listed.path()
            && let Some(header) = scan::read_header(path).map_err(at(path, listed.first))?
        {
            return Ok(Some(header.origin));
        }
    }
    Ok(None)
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
        let begun = match &options.succession {
            Some(begins) => succeed::begin(dir.paths(), &options.archives, begins)?,
            None => None,
        };
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
        if found.begins_epoch && options.succession.is_none() {
            return Err(CannotOpen::Unfinished(found.scan.header.epoch));
        }
        let signer = signer.ok_or(CannotLoadKey::Missing(key_path.clone()))?;
        let origin = found.scan.replay.origin().to_owned();
        check_key(&signer, &key_path, &origin)?;
        if found.begins_epoch {
            // What else is known is of the epoch before.
            return resume(dir, options, found, (signer, None), begun, None);
        }
        let keys = [keys, found.scan.named_keys()].concat();
        let accepted = check_known(&found, dir.paths(), options, &keys)?;
        let torn = set_aside(&found, dir.paths())?;
        resume(dir, options, found, (signer, next_signer), torn, accepted)
    }
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
    let key_path = dir.paths().log_key();
    if let Some(signer) = &signer {
        check_key(signer, &key_path, &options.origin)?;
    }
    let accepted = check_new(dir.paths(), options, signer.as_ref())?;
    let signer = match signer {
        Some(signer) => signer,
        None => keystore::make_log_key(&key_path, &options.origin)?,
    };
    let header = Header::new(FIRST_EPOCH, &options.origin, &Frontier::new());
    let path = dir.paths().segment(0);
    // One without a whole header was being made when the process ended; nothing was in it.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(FileError::new("remove", &path)(error).into());
        }
        Ok(()) | Err(_) => {}
    }
    let segment = make_segment(path, &header, options.segment_bytes_max)?;
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
    let mut log = assemble(dir, options, segment, tree, (signer, None))?;
    log.overruled = accepted.as_ref().map(|_| 0);
    Ok(Opened {
        log,
        head: None,
        torn: None,
        unsigned_tail: false,
        is_new: true,
        accepted,
        succeeds: false,
    })
}

/// Refuses to begin anew where checkpoints of a record are left that is gone: it would be a fork.
/// Returns what a person has accepted instead.
fn check_new(
    paths: &Paths,
    options: &Options,
    signer: Option<&SignerKey>,
) -> Result<Option<Standing>, CannotOpen> {
    let keys: Vec<VerifierKey> = signer
        .map(|key| key.verifier().clone())
        .into_iter()
        .collect();
    let known = published(paths, &keys)?.map(|known| Slot::Signed {
        checkpoint: known.checkpoint().clone(),
        note: known.to_string(),
    });
    let anchored = anchor::read(&options.anchor, &keys)?;
    let slots: Vec<Slot> = anchored.into_iter().flatten().chain(known).collect();
    if slots.is_empty() {
        return Ok(None);
    }
    match anchor::compare(Some(&slots), 0, |_| Ok::<Hash, CannotOpen>(EMPTY_ROOT))? {
        Standing::Agrees => Ok(None),
        standing if options.accept_anchor => Ok(Some(standing)),
        standing => Err(CannotOpen::Anchor {
            path: options.anchor.clone(),
            standing,
        }),
    }
}

pub(crate) fn check_key(key: &SignerKey, path: &Path, origin: &str) -> Result<(), CannotOpen> {
    let found = key.verifier().name();
    if found == origin {
        return Ok(());
    }
    Err(CannotOpen::OtherKey {
        path: path.to_owned(),
        found: found.to_owned(),
        expected: origin.to_owned(),
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
        older,
        last,
        scan,
        begins_epoch: succeeds,
        ..
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
    let end = file.metadata().map_err(FileError::new("look at", &last))?;
    let segment = Segment {
        file,
        path: last,
        length: kept_bytes,
        filled: Filled::new(kept_bytes, end.len(), options.segment_bytes_max),
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
    log.overruled = (accepted.is_some() || succeeds).then_some(size);
    log.take_head(note, succeeds)?;
    if finish {
        // The act that changes the key is on the record; only the change itself is missing.
        log.use_new_key()?;
    } else if log.next_signer.take().is_some() {
        let path = log.dir.paths().next_log_key();
        std::fs::remove_file(&path).map_err(FileError::new("remove", &path))?;
    }
    let head = if size > 0 { Some(log.sign()?) } else { None };
    if let (Some(head), None) = (&head, log.overruled) {
        log.anchor.renew(&head.note, size, false)?;
    }
    Ok(Opened {
        log,
        head,
        torn,
        unsigned_tail,
        is_new: false,
        accepted,
        succeeds,
    })
}

impl Log {
    /// The checkpoint that is the newest: the last line's, if the present key has signed that.
    fn take_head(&mut self, note: Option<String>, succeeds: bool) -> Result<(), AppendError> {
        if succeeds {
            // The first act of an epoch comes before everything else in it, signatures too.
            self.head = Some(self.unwritten_head()?);
        } else if let Some(note) = note
            && is_by(&note, self.signer.verifier())
        {
            let (size, root) = (self.frontier.size(), self.root);
            self.head = Some(SignedHead { size, root, note });
        }
        Ok(())
    }
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
    let spare = Spare::new(paths.spare());
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
        overruled: None,
        space,
        spare,
        shared: Arc::new(shared),
        buffer: Vec::new(),
        spans: Vec::new(),
        ended: false,
    })
}

/// Reads a record that nobody writes.
pub(crate) fn read_only(
    paths: &Paths,
    archives: &[PathBuf],
    damaged_too: bool,
) -> Result<Reader, CannotOpen> {
    let found = find(paths, archives, None)?;
    let Found {
        older, last, scan, ..
    } = found.ok_or_else(|| CannotOpen::Missing(paths.root().to_owned()))?;
    if let Some((at, claimed)) = scan.tail.claims.filter(|_| !damaged_too) {
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
