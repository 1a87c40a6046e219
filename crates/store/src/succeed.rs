//! Another epoch of a record: where it stands, the key that is to sign, and the segment that the epoch begins
//! with. The root key's word has been looked at before this is called.
//!
//! Whenever this ends on the way, the same call goes on: the segment's header is durable before the key takes its
//! place, and nothing else is written on the record before the act that says what happened.

use std::path::PathBuf;

use record::note::VerifierKey;
use record::succession::{Succession, Tree};

use crate::durable::{self, FileError};
use crate::found::{Found, find, set_aside};
use crate::keystore;
use crate::layout::Paths;
use crate::lock::DataDir;
use crate::recover::{CannotOpen, Torn, check_key};
use crate::segment::{Header, is_origin};
use crate::segment_file::{cut, make_segment};

/// The epoch that begins.
pub type Begins = Succession;

/// Where a record stands that may not be written on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stands {
    /// Its name.
    pub origin: String,
    /// Which epoch it is.
    pub epoch: u64,
    /// What of it is whole.
    pub kept: Tree,
    /// Another epoch was begun, and nothing says so yet: its name is `origin`.
    pub begun: bool,
    /// A signature in it covers so many entries, which is more than are whole.
    pub claimed: Option<u64>,
}

/// Where the record stands; none: there is none.
///
/// # Errors
/// When it can't be read at all.
pub fn stands(paths: &Paths, archives: &[PathBuf]) -> Result<Option<Stands>, CannotOpen> {
    let found = find(paths, archives, None)?;
    Ok(found.map(|found| Stands {
        origin: found.scan.header.origin.clone(),
        epoch: found.scan.header.epoch,
        kept: kept(&found),
        begun: found.begins_epoch,
        claimed: found.scan.tail.claims.map(|(_, claimed)| claimed),
    }))
}

fn kept(found: &Found) -> Tree {
    Tree {
        root: found.scan.replay.root(),
        size: found.scan.replay.kept().size(),
    }
}

/// The key that is to sign in the epoch of this name; made, durable, if it is not there yet.
///
/// # Errors
/// When it can't be read or made, or the name can't be a log's.
pub fn succession_key(dir: &DataDir, origin: &str) -> Result<VerifierKey, CannotOpen> {
    if !is_origin(origin) {
        return Err(CannotOpen::Origin(origin.to_owned()));
    }
    let path = dir.paths().succession_key();
    let known = keystore::log_key(&path)?;
    let key = match known.filter(|key| key.verifier().name() == origin) {
        Some(key) => key,
        None => keystore::make_log_key(&path, origin)?,
    };
    Ok(key.verifier().clone())
}

/// Begins the epoch: its first segment, and its key in the place of the one before.
pub(crate) fn begin(
    paths: &Paths,
    archives: &[PathBuf],
    begins: &Begins,
) -> Result<Option<Torn>, CannotOpen> {
    let none = || CannotOpen::Missing(paths.root().to_owned());
    let found = find(paths, archives, None)?.ok_or_else(none)?;
    let header = &found.scan.header;
    let is_begun = header.epoch == begins.epoch && *header.origin == *begins.origin;
    let here = header.epoch;
    if found.begins_epoch != (is_begun && kept(&found) == begins.kept) {
        let what = format!("epoch {here} was begun by another note, and is to be finished by that");
        return Err(CannotOpen::Succession(what));
    }
    if is_begun && !found.begins_epoch {
        let what = format!("epoch {here} has begun, and acts stand in it");
        return Err(CannotOpen::Succession(what));
    }
    let key = key(paths, begins)?;
    let torn = match is_begun {
        true => None,
        false => {
            check(&found, begins)?;
            make(&found, paths, begins)?
        }
    };
    if let Some(path) = key {
        let to = paths.log_key();
        std::fs::rename(&path, &to).map_err(FileError::new("rename to", &to))?;
        durable::sync_dir(&paths.keys())?;
    }
    Ok(torn)
}

/// Where the epoch's key waits; none: it is in its place.
fn key(paths: &Paths, begins: &Begins) -> Result<Option<PathBuf>, CannotOpen> {
    for path in [paths.log_key(), paths.succession_key()] {
        let key = keystore::log_key(&path)?;
        if let Some(key) = key.filter(|key| *key.verifier().to_string() == *begins.vkey) {
            check_key(&key, &path, &begins.origin)?;
            return Ok((path != paths.log_key()).then_some(path));
        }
    }
    let what = "the key that it names is not here; hereby succession request made it".to_owned();
    Err(CannotOpen::Succession(what))
}

fn check(found: &Found, begins: &Begins) -> Result<(), CannotOpen> {
    let wrong = |what: String| Err(CannotOpen::Succession(what));
    let header = &found.scan.header;
    if begins.epoch <= header.epoch || *header.origin != *begins.from {
        return wrong(format!(
            "it begins epoch {} behind {}, and this is epoch {} of {}",
            begins.epoch, begins.from, header.epoch, header.origin
        ));
    }
    let kept = kept(found);
    if kept != begins.kept {
        return wrong(format!(
            "it goes on behind {} entries with the root {}, and the record has {} with {}",
            begins.kept.size, begins.kept.root, kept.size, kept.root
        ));
    }
    if kept.size == 0 {
        return wrong("there is nothing to go on with".to_owned());
    }
    let gap = begins.gap.map_or(kept.size, |gap| gap.size);
    match found.scan.tail.claims {
        Some((_, claimed)) if claimed > gap => wrong(format!(
            "a signature covers {claimed} entries, and it says that {gap} were known"
        )),
        _ => Ok(()),
    }
}

/// Closes the last segment, and makes the one that the epoch begins with. What could not be read is set aside.
fn make(found: &Found, paths: &Paths, begins: &Begins) -> Result<Option<Torn>, CannotOpen> {
    let torn = set_aside(found, paths)?;
    cut(&found.last, found.scan.kept_bytes)?;
    let first = begins.kept.size;
    if found.scan.header.first == first {
        // Nothing stands in it, and its name is needed.
        std::fs::remove_file(&found.last).map_err(FileError::new("remove", &found.last))?;
    }
    let header = Header::new(begins.epoch, &begins.origin, found.scan.replay.kept());
    make_segment(paths.segment(first), &header, 0)?;
    Ok(torn)
}

#[cfg(test)]
mod tests;
