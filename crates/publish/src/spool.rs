//! The newest edition of the site, on this machine's disk: what is served here, and what targets
//! are brought to.
//!
//! Nothing here is precious: it follows from the acts, and is made again at the next start.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::{ActId, Timestamp};
use record::hash::{self, Hash};
use record::note::{SignerKey, VerifierKey};
use status::manifest::{self, BadManifest, LIST_PATH, MANIFEST_PATH, Manifest};
use status::{Change, Held, Options};

/// For how long a manifest counts.
const EXPIRES_AFTER_MS: i64 = 15 * 60_000;

/// A site at one moment: what its files hash to, and the manifest that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edition {
    /// Higher in each one than in the one before.
    pub sequence: u64,
    /// When it was made.
    pub made_at: Timestamp,
    /// Every file but the manifest and its list.
    pub files: BTreeMap<String, Held>,
    /// The list of files.
    pub list: Vec<u8>,
    /// The signed manifest.
    pub manifest: Vec<u8>,
    /// When the newest edition was made, up to this one, that said something new.
    pub news_at: Timestamp,
    /// The acts of every word that it shows.
    pub said: Arc<BTreeSet<ActId>>,
}

/// What an edition is sealed with.
#[derive(Clone, Debug)]
pub struct Sealing {
    /// Higher than in the edition before.
    pub sequence: u64,
    /// The time.
    pub now: Timestamp,
    /// When the newest edition was made, up to this one, that said something new.
    pub news_at: Timestamp,
    /// The acts of every word that it shows.
    pub said: Arc<BTreeSet<ActId>>,
    /// Those of them that are not on the record.
    pub said_elsewhere: BTreeSet<ActId>,
}

/// A directory that holds the newest edition.
#[derive(Clone, Debug)]
pub struct Spool {
    root: PathBuf,
}

impl Spool {
    /// The spool in this directory, which is made.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn open(root: &Path) -> io::Result<Spool> {
        fs::create_dir_all(root)?;
        Ok(Spool {
            root: root.to_owned(),
        })
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The sequence of the manifest that lies there, if one of these keys signed it.
    pub fn sequence(&self, trusted: &[VerifierKey]) -> Option<u64> {
        let bytes = fs::read(self.root.join(MANIFEST_PATH)).ok()?;
        let manifest = Manifest::verify(&bytes, trusted).ok()?;
        Some(manifest.sequence)
    }

    /// Writes what has changed, then the list, then the manifest.
    ///
    /// # Errors
    /// When a file can't be written; then the manifest is the one of before.
    pub fn write(&self, changes: &[Change]) -> io::Result<()> {
        for change in changes {
            match change {
                Change::Write { path, bytes } => put(&self.root, path, bytes)?,
                Change::Remove { path } => remove(&self.root, path)?,
            }
        }
        Ok(())
    }

    /// Signs what there is and writes the list and the manifest.
    ///
    /// # Errors
    /// When they can't be written.
    pub fn seal(
        &self,
        options: &Options,
        files: &BTreeMap<String, Held>,
        key: &SignerKey,
        sealing: Sealing,
    ) -> io::Result<Edition> {
        let list = manifest::list(files).into_bytes();
        let manifest = Manifest {
            site: options.url.clone(),
            sequence: sealing.sequence,
            issued: sealing.now,
            expires: sealing.now.plus_ms(EXPIRES_AFTER_MS),
            list_hash: hash::sha256(&[&list]),
            list_bytes: u64::try_from(list.len()).unwrap_or(u64::MAX),
            said: sealing.said_elsewhere,
        };
        let note = manifest.sign(key).map_err(io::Error::other)?;
        let manifest = note.to_string().into_bytes();
        put(&self.root, LIST_PATH, &list)?;
        put(&self.root, MANIFEST_PATH, &manifest)?;
        Ok(Edition {
            sequence: sealing.sequence,
            made_at: sealing.now,
            files: files.clone(),
            list,
            manifest,
            news_at: sealing.news_at,
            said: sealing.said,
        })
    }

    /// Removes what lies there and belongs to no edition: left by a build that was another one.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn sweep(&self, files: &BTreeMap<String, Held>) -> io::Result<()> {
        let mut strangers = BTreeSet::new();
        strays(&self.root, "", files, &mut strangers)?;
        for path in strangers {
            remove(&self.root, &path)?;
        }
        Ok(())
    }

    /// A file of the edition; `None` when what lies there is of another one by now.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn read(&self, path: &str, held: &Held) -> io::Result<Option<Vec<u8>>> {
        let bytes = fs::read(self.root.join(path))?;
        Ok((hash::sha256(&[&bytes]) == held.hash).then_some(bytes))
    }
}

fn strays(
    root: &Path,
    folder: &str,
    files: &BTreeMap<String, Held>,
    found: &mut BTreeSet<String>,
) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = match folder.is_empty() {
            true => name,
            false => format!("{folder}/{name}"),
        };
        if entry.file_type()?.is_dir() {
            strays(root, &path, files, found)?;
        } else if !files.contains_key(&path) && path != MANIFEST_PATH && path != LIST_PATH {
            found.insert(path);
        }
    }
    Ok(())
}

/// Writes a file so that whoever reads sees the old one or the new one.
pub(crate) fn put(root: &Path, path: &str, bytes: &[u8]) -> io::Result<()> {
    let place = root.join(path);
    let folder = place.parent().unwrap_or(root);
    fs::create_dir_all(folder)?;
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    let fresh = folder.join(format!(".{name}.new"));
    fs::write(&fresh, bytes)?;
    fs::rename(&fresh, &place)
}

/// Removes a file that may be gone already.
pub(crate) fn remove(root: &Path, path: &str) -> io::Result<()> {
    match fs::remove_file(root.join(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What a manifest and its list say that a place holds.
pub(crate) fn said(
    manifest: &[u8],
    list: &[u8],
    trusted: &[VerifierKey],
) -> Result<BTreeMap<String, Hash>, BadManifest> {
    Manifest::verify(manifest, trusted)?.check_list(list)
}
