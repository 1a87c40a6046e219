//! Backs keys up apart from the record: those that sign, and those that open sealed text.
//!
//! The backup follows the keystore: a key that was erased there has to go here as well, or erasing it
//! did nothing. Because a keystore that was lost looks the same, a person says which it is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use base::Timestamp;
use record::note::{Note, VerifierKey};

use super::copy::{Copier, Wanted};
use super::{
    CannotBackUp, Copied, KEYS_VERSION, KeysManifest, must_be_apart, read_manifest, take_directory,
    write_manifest,
};
use crate::durable::{self, FileError};
use crate::keystore::{self, CannotLoadKey, Keystore};
use crate::layout::Paths;

/// Where subject keys are in a backup.
pub(super) const KEYSTORE: &str = "keystore/";

/// Where the log's own keys are.
pub(super) const KEYS: &str = "keys/";

/// Where the certificate is that hereby made for its own listener: what edges and programs pin. Restored without
/// it, hereby is a stranger to them.
pub(super) const TLS: &str = "tls/";

/// What a backup of keys came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysBackedUp {
    /// What is in it.
    pub manifest: KeysManifest,
    /// How many keys of subjects are in it.
    pub subjects: usize,
    /// Names of those that were erased from it.
    pub erased: Vec<String>,
}

/// Backs up the keys of the log `origin` into the directory `to`, which is empty or holds the last
/// such backup. `checkpoint` is the newest of the record's backup, if one is made with it: the log's
/// key must have signed it. Keys that are in the backup and no longer in the keystore are removed
/// from it if `erase` is set; else they are named, and nothing is done.
///
/// # Errors
/// See [`CannotBackUp`].
pub fn back_up_keys(
    paths: &Paths,
    keystore: &Keystore,
    origin: &str,
    checkpoint: Option<&str>,
    to: &Path,
    erase: bool,
    made_at: Timestamp,
) -> Result<KeysBackedUp, CannotBackUp> {
    must_be_apart(paths.root(), to)?;
    must_be_apart(keystore.directory(), to)?;
    let _held = take_directory(to)?;
    let before: Option<KeysManifest> = read_manifest(to)?;
    if let Some(before) = before.iter().find(|before| before.origin != origin) {
        return Err(CannotBackUp::OtherLog {
            path: to.to_owned(),
            found: before.origin.clone(),
            expected: origin.to_owned(),
        });
    }
    let log_key = paths.log_key();
    let signer = keystore::log_key(&log_key)?.ok_or(CannotLoadKey::Missing(log_key.clone()))?;
    if checkpoint.is_some_and(|note| !signed_by(note, signer.verifier())) {
        return Err(CannotBackUp::OtherKey(log_key));
    }
    // Reads every file as a key: a damaged one is no backup.
    let names = keystore.list()?;
    let mut wanted = Vec::new();
    let own = [
        log_key,
        paths.next_log_key(),
        paths.digest_key(),
        paths.pass_key(),
        paths.status_key(),
    ];
    for path in own {
        wanted.extend(key_file(KEYS, &path)?);
    }
    for name in ["ca.crt", "server.crt", "server.key"] {
        wanted.extend(key_file(TLS, &paths.tls().join(name))?);
    }
    for name in &names {
        wanted.extend(key_file(KEYSTORE, &keystore.path(name))?);
    }
    let gone = gone(to, &wanted)?;
    if !gone.is_empty() && !erase {
        let names = gone.into_iter().map(|(name, _)| name).collect();
        return Err(CannotBackUp::Gone(names, to.to_owned()));
    }
    if !gone.is_empty() {
        // One without any key was lost, and nothing was erased.
        keystore.must_be_there()?;
    }
    let mut told = |_: Copied| {};
    let mut copier = Copier::new(to, 0, &mut told);
    for wanted in wanted {
        // Keys are few and small, and the log's own change under one name: always anew.
        copier.take(wanted, None)?;
    }
    copier.sync()?;
    let manifest = KeysManifest {
        files: std::mem::take(&mut copier.files),
        hereby_keys_backup: KEYS_VERSION,
        made_at,
        origin: origin.to_owned(),
    };
    write_manifest(to, &manifest)?;
    let erased = erase_files(to, gone)?;
    forget_retired(to, &manifest);
    Ok(KeysBackedUp {
        manifest,
        subjects: names.len(),
        erased,
    })
}

/// Whether this key has signed the note.
pub(super) fn signed_by(note: &str, key: &VerifierKey) -> bool {
    Note::parse(note.as_bytes()).is_ok_and(|note| note.verify(std::slice::from_ref(key)).is_ok())
}

fn key_file(root: &str, path: &Path) -> Result<Option<Wanted>, FileError> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return Ok(None);
    };
    match fs::metadata(path) {
        Ok(found) => Ok(Some(Wanted {
            name: format!("{root}{name}"),
            from: path.to_owned(),
            bytes: found.len(),
            grows: false,
        })),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::new("look at", path)(error)),
    }
}

/// Keys of subjects that lie in the backup and are not in the keystore: what each opens, and its
/// file. What lies there counts, and not the manifest: a power failure may have come between.
fn gone(to: &Path, wanted: &[Wanted]) -> Result<Vec<(String, PathBuf)>, CannotBackUp> {
    let kept: BTreeSet<PathBuf> = wanted.iter().map(|wanted| to.join(&wanted.name)).collect();
    let backup = Keystore::at(to.join("keystore"));
    let files = backup.files()?;
    let gone = files.into_iter().filter(|path| !kept.contains(path));
    let named = |path: PathBuf| match backup.name_in(&path) {
        Some(name) => (name.to_string(), path),
        None => (path.display().to_string(), path),
    };
    Ok(gone.map(named).collect())
}

/// Removes the files, durably; what the disk makes of their old blocks is the disk's matter.
fn erase_files(to: &Path, gone: Vec<(String, PathBuf)>) -> Result<Vec<String>, FileError> {
    let mut erased = Vec::new();
    for (name, path) in gone {
        fs::remove_file(&path).map_err(FileError::new("remove", &path))?;
        erased.push(name);
    }
    if !erased.is_empty() {
        durable::sync_dir(&to.join(KEYSTORE))?;
    }
    Ok(erased)
}

/// A key that was to be the log's next one is no more.
fn forget_retired(to: &Path, manifest: &KeysManifest) {
    let name = format!("{KEYS}log.key.next");
    if !manifest.files.contains_key(&name) {
        durable::forget(&to.join(name));
    }
}
