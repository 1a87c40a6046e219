//! Makes a data directory from a backup. Everything is written and compared beside its place, judged
//! there by whoever asked for it, and only then moved to where a start would find it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::check::{check_backup, check_keys};
use super::copy::{Copier, Wanted};
use super::keys::{KEYS, KEYSTORE, signed_by};
use super::{
    CannotBackUp, Copied, Damaged, Files, KeysManifest, Manifest, SETTINGS, is_empty, must_be_apart,
};
use crate::durable::{self, FileError};
use crate::keystore::{self, CannotLoadKey, Keystore, Presence};
use crate::layout::Paths;

/// Where a restore is prepared, in the directory it is for.
const STAGING: &str = ".restoring";

/// In the order in which they get their places: a directory with a record and without keys does not
/// start, one with keys and without a record would begin a new one.
const PLACES: [&str; 6] = ["record", "blobs", "keys", "keystore", "tls", SETTINGS];

/// What is to be restored.
#[derive(Clone, Copy, Debug)]
pub struct Restoring<'a> {
    /// The backup of the record.
    pub backup: &'a Path,
    /// The backup of its keys, if they are to be restored.
    pub keys: Option<&'a Path>,
    /// The data directory: not there, or empty but for a `hereby.toml`, which then counts.
    pub to: &'a Path,
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What the backup holds.
    pub manifest: Manifest,
    /// What the backup of keys holds, if one was given.
    pub keys: Option<KeysManifest>,
    /// Where the keys of subjects went, and how many; none without a backup of keys.
    pub keystore: Option<(PathBuf, usize)>,
    /// A keystore elsewhere had keys already, and was left as it is.
    pub keystore_kept: bool,
    /// Settings were there already, and were left as they are.
    pub settings_kept: bool,
}

/// Restores a backup. `judge` is shown the directory before anything in it gets its place, and says
/// where the configured keystore is, if it is not in the data directory; its error ends the restore.
///
/// # Errors
/// See [`CannotBackUp`], and what `judge` says. The directory is then as it was.
pub fn restore<E: From<CannotBackUp>>(
    restoring: &Restoring<'_>,
    progress: &mut dyn FnMut(Copied),
    judge: impl FnOnce(&Paths, &Manifest) -> Result<Option<PathBuf>, E>,
) -> Result<Restored, E> {
    let to = restoring.to;
    must_be_apart(restoring.backup, to)?;
    let keys = restoring.keys.map(check_keys).transpose()?;
    if let Some(from) = restoring.keys {
        must_be_apart(from, to)?;
    }
    let staging = to.join(STAGING);
    make_empty(to, &staging)?;
    let outcome = stage(restoring, &staging, keys.as_ref(), progress).map_err(E::from);
    let judged = outcome.and_then(|manifest| {
        let elsewhere = judge(&Paths::new(&staging), &manifest)?;
        Ok((manifest, elsewhere))
    });
    let (manifest, elsewhere) = match judged {
        Ok(judged) => judged,
        Err(error) => {
            // Begun again from nothing, whatever stays of it.
            let _ = fs::remove_dir_all(&staging);
            return Err(error);
        }
    };
    let mut restored = Restored {
        manifest,
        keys,
        keystore: None,
        keystore_kept: false,
        settings_kept: to.join(SETTINGS).symlink_metadata().is_ok(),
    };
    place_keystore(&mut restored, to, &staging, elsewhere)?;
    move_in(to, &staging, restored.settings_kept)?;
    Ok(restored)
}

fn make_empty(to: &Path, staging: &Path) -> Result<(), CannotBackUp> {
    durable::make_dir(to)?;
    match fs::remove_dir_all(staging) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(FileError::new("remove", staging)(error).into()),
    }
    if !is_empty(to, &[SETTINGS])? {
        return Err(CannotBackUp::Occupied(to.to_owned()));
    }
    durable::make_dir(staging)?;
    Ok(())
}

/// Copies everything, and compares what was copied with the manifests.
fn stage(
    restoring: &Restoring<'_>,
    staging: &Path,
    keys: Option<&KeysManifest>,
    progress: &mut dyn FnMut(Copied),
) -> Result<Manifest, CannotBackUp> {
    // Read once to be checked, and once to be copied.
    let manifest = check_backup(restoring.backup, &mut |it| {
        progress(Copied {
            done: it.done,
            all: it.all * 2,
        });
    })?;
    let all = manifest.files.values().map(|kept| kept.bytes).sum::<u64>();
    let mut on = |it: Copied| {
        progress(Copied {
            done: all + it.done,
            all: all * 2,
        });
    };
    copy_all(restoring.backup, staging, &manifest.files, &mut on)?;
    manifest.write_beside(staging)?;
    if let (Some(from), Some(keys)) = (restoring.keys, keys) {
        if keys.origin != manifest.origin {
            return Err(CannotBackUp::OtherLog {
                path: from.to_owned(),
                found: keys.origin.clone(),
                expected: manifest.origin,
            });
        }
        copy_all(from, staging, &keys.files, &mut |_| {})?;
        let path = Paths::new(staging).log_key();
        let place = || from.join(KEYS).join("log.key");
        let signer = keystore::log_key(&path)?.ok_or_else(|| CannotLoadKey::Missing(place()))?;
        if !signed_by(&manifest.checkpoint, signer.verifier()) {
            return Err(CannotBackUp::OtherKey(place()));
        }
    }
    Ok(manifest)
}

fn copy_all(
    from: &Path,
    to: &Path,
    files: &Files,
    progress: &mut dyn FnMut(Copied),
) -> Result<(), CannotBackUp> {
    let mut copier = Copier::new(to, 0, progress);
    for (name, kept) in files {
        let wanted = Wanted {
            name: name.clone(),
            from: from.join(name),
            bytes: kept.bytes,
            grows: false,
        };
        copier.take(wanted, None)?;
        if copier.files.get(name) != Some(kept) {
            return Err(Damaged {
                path: from.join(name),
                what: "it changed while it was copied".to_owned(),
            }
            .into());
        }
    }
    Ok(copier.sync()?)
}

/// Puts the keys of subjects where the configuration says; a keystore that has keys is newer, and an
/// erased key must not come back.
fn place_keystore(
    restored: &mut Restored,
    to: &Path,
    staging: &Path,
    elsewhere: Option<PathBuf>,
) -> Result<(), CannotBackUp> {
    let Some(keys) = &restored.keys else {
        return Ok(());
    };
    let of_subjects = |(name, _): &(&String, &super::Kept)| name.starts_with(KEYSTORE);
    let count = keys.files.iter().filter(of_subjects).count();
    let staged = staging.join(KEYSTORE);
    let place = match elsewhere {
        None => to.join("keystore"),
        Some(elsewhere) => {
            if Keystore::at(elsewhere.clone()).presence()? == Presence::Keys {
                restored.keystore_kept = true;
            } else {
                let files: Files = keys
                    .files
                    .iter()
                    .filter_map(|(name, kept)| {
                        Some((name.strip_prefix(KEYSTORE)?.to_owned(), *kept))
                    })
                    .collect();
                durable::make_dir(&elsewhere)?;
                copy_all(&staged, &elsewhere, &files, &mut |_| {})?;
            }
            if staged.exists() {
                fs::remove_dir_all(&staged).map_err(FileError::new("remove", &staged))?;
            }
            elsewhere
        }
    };
    restored.keystore = Some((place, count));
    Ok(())
}

fn move_in(to: &Path, staging: &Path, settings_kept: bool) -> Result<(), CannotBackUp> {
    for name in PLACES {
        if settings_kept && name == SETTINGS {
            continue;
        }
        let (from, place) = (staging.join(name), to.join(name));
        match fs::rename(&from, &place) {
            Ok(()) => durable::sync_dir(to)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(FileError::new("rename to", &place)(error).into()),
        }
    }
    fs::remove_dir_all(staging).map_err(FileError::new("remove", staging))?;
    Ok(durable::sync_dir(to)?)
}
