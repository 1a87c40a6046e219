//! What edges are told at once, in a file beside them: written at the start, and whenever an act
//! changes it. Edges of this machine read it; they need no answer from hereby to shut somebody out.
//!
//! The file is replaced as a whole, durably: an edge sees the one before or the new one. If it can't
//! be written, that is said and tried again; the acts stand on the record anyway.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::Engine;

use crate::log::Repeated;

/// When it could not be written, it is tried again after this.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The file, and how it stands.
pub(crate) struct Overlay {
    engine: Arc<Engine>,
    path: PathBuf,
    standing: Mutex<web::OverlayFile>,
    trouble: Repeated,
}

/// Where it lies in this data directory.
pub(crate) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("edge").join("overlay.json")
}

impl Overlay {
    /// The file in this data directory, not written yet.
    pub(crate) fn new(engine: Arc<Engine>, data_dir: &Path) -> Overlay {
        Overlay {
            engine,
            path: path(data_dir),
            standing: Mutex::default(),
            trouble: Repeated::default(),
        }
    }

    /// How it stands.
    pub(crate) fn standing(&self) -> web::OverlayFile {
        let mut standing = self
            .standing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        standing.wanted = self.wanted();
        standing
    }

    /// Writes it now and whenever it changes, for as long as hereby runs.
    pub(crate) async fn keep(self: Arc<Overlay>) {
        let mut heads = self.engine.view().heads();
        loop {
            heads.mark_unchanged();
            let this = self.clone();
            // A thread that failed is as a disk that did: it is tried again.
            let written = tokio::task::spawn_blocking(move || this.write())
                .await
                .unwrap_or(false);
            if !written {
                tokio::time::sleep(AGAIN_AFTER).await;
                continue;
            }
            while self.standing().is_written() {
                if heads.changed().await.is_err() {
                    return;
                }
            }
        }
    }

    fn wanted(&self) -> u64 {
        self.engine.view().read(|state| state.overlay_sequence)
    }

    fn write(&self) -> bool {
        let now = self.engine.now();
        let (sequence, text) = self
            .engine
            .view()
            .read(|state| (state.overlay_sequence, web::overlay(state, now)));
        let outcome = text
            .map_err(io::Error::from)
            .and_then(|text| replace(&self.path, &text));
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        match &outcome {
            Ok(()) => {
                self.trouble.ended();
                standing.written = Some(sequence);
                standing.trouble = None;
            }
            Err(error) => {
                let trouble = format!("{}: {error}", self.path.display());
                let why = "bans, revocations and failovers don't reach edges: the overlay can't be \
                           written";
                self.trouble.say(&format!("{why}: {trouble}"));
                standing.failures += 1;
                standing.trouble = Some(trouble);
            }
        }
        outcome.is_ok()
    }
}

/// Replaces the file as a whole: whoever reads it sees the one before or this one, also after the
/// power was gone.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(path);
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let fresh = path.with_extension("json.new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    // It may be left over from somebody else's day.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    //! The file is there as a whole, and closed to others.

    use std::os::unix::fs::PermissionsExt as _;

    use super::{path, replace};

    #[test]
    fn it_is_replaced_as_a_whole_and_closed_to_others() {
        let place = tempfile::tempdir().unwrap();
        let path = path(place.path());
        for text in ["{\"version\":1,\"a\":\"long one\"}", "{}"] {
            replace(&path, text.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let directory = path.parent().unwrap();
        assert_eq!(std::fs::read_dir(directory).unwrap().count(), 1);
        let mode = std::fs::metadata(directory).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn where_it_can_not_be_the_old_one_stays() {
        let place = tempfile::tempdir().unwrap();
        let path = path(place.path());
        replace(&path, b"{}").unwrap();
        std::fs::create_dir(path.with_extension("json.new")).unwrap();
        assert!(replace(&path, b"[]").is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{}");
    }
}
