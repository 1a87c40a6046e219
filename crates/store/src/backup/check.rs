//! Whether a backup is what its manifest says, file by file. Whether the record in it is sound is
//! `verify`'s question: a backup has the layout of a data directory.

use std::path::Path;

use record::checkpoint::Checkpoint;
use record::note::Note;

use super::keys::{KEYS, KEYSTORE, TLS};
use super::{
    CannotBackUp, Copied, Damaged, Files, KEYS_VERSION, KeysManifest, Manifest, VERSION,
    check_names, copy, read_manifest,
};

/// What a backup of a record may hold.
const ROOTS: [&str; 4] = [
    "record/segments/",
    "record/tile/",
    "record/snapshots/",
    "blobs/",
];

/// Reads the manifest of a backup and every byte that it names.
///
/// # Errors
/// [`CannotBackUp::Damaged`] names the first file that is not what it was, and
/// [`CannotBackUp::NoBackup`] says that there is none.
pub fn check_backup(
    backup: &Path,
    progress: &mut dyn FnMut(Copied),
) -> Result<Manifest, CannotBackUp> {
    let manifest: Option<Manifest> = read_manifest(backup)?;
    let manifest = manifest.ok_or_else(|| CannotBackUp::NoBackup(backup.to_owned()))?;
    must_be_version(backup, manifest.hereby_backup, VERSION)?;
    check_names(backup, &manifest.files, &ROOTS)?;
    let covers = Note::parse(manifest.checkpoint.as_bytes())
        .ok()
        .and_then(|note| Checkpoint::parse_text(note.text()).ok());
    let agrees = covers.is_some_and(|covers| {
        covers.origin() == manifest.origin
            && covers.size() == manifest.size
            && covers.root() == manifest.root
    });
    if !agrees {
        return Err(Damaged {
            path: backup.join(super::MANIFEST),
            what: "its checkpoint is not of its size and root".to_owned(),
        }
        .into());
    }
    check_files(backup, &manifest.files, progress)?;
    Ok(manifest)
}

/// The same for a backup of keys.
///
/// # Errors
/// As for [`check_backup`].
pub fn check_keys(backup: &Path) -> Result<KeysManifest, CannotBackUp> {
    let manifest: Option<KeysManifest> = read_manifest(backup)?;
    let manifest = manifest.ok_or_else(|| CannotBackUp::NoBackup(backup.to_owned()))?;
    must_be_version(backup, manifest.hereby_keys_backup, KEYS_VERSION)?;
    check_names(backup, &manifest.files, &[KEYS, KEYSTORE, TLS])?;
    check_files(backup, &manifest.files, &mut |_| {})?;
    Ok(manifest)
}

fn must_be_version(backup: &Path, version: u32, newest: u32) -> Result<(), Damaged> {
    if (1..=newest).contains(&version) {
        return Ok(());
    }
    Err(Damaged {
        path: backup.join(super::MANIFEST),
        what: format!("it is of version {version}, this build reads {newest}: use a newer hereby"),
    })
}

fn check_files(
    backup: &Path,
    files: &Files,
    progress: &mut dyn FnMut(Copied),
) -> Result<(), CannotBackUp> {
    let mut done = Copied {
        done: 0,
        all: files.values().map(|kept| kept.bytes).sum(),
    };
    for (name, kept) in files {
        let path = backup.join(name);
        let found = copy::digest(&path, kept.bytes, &mut |bytes| {
            done.done += bytes;
            progress(done);
        });
        let what = match found {
            Ok((bytes, sha256)) if (bytes, sha256) == (kept.bytes, kept.sha256) => continue,
            Ok((bytes, _)) if bytes < kept.bytes => {
                format!("it has {bytes} bytes of {}", kept.bytes)
            }
            Ok(_) => "it has changed: its SHA-256 is another".to_owned(),
            Err(error) if error.is_missing() => "it is missing".to_owned(),
            Err(error) => return Err(error.into()),
        };
        return Err(Damaged { path, what }.into());
    }
    Ok(())
}
