//! Small files that say how far a channel is. Each is replaced whole, and durably: a crash leaves the
//! one before or the one after.
//!
//! They are not part of the record, and losing one loses no act: each kind of channel says what
//! follows (`mirror`, `listen`).

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest journal that is read, in bytes: a thousand rooms take a hundredth of it.
const BYTES_MAX: u64 = 8 << 20;

/// A journal and what stands in it.
pub(super) struct Journal<T> {
    path: PathBuf,
    content: T,
    kept: T,
}

impl<T: Clone + Default + PartialEq + Serialize + DeserializeOwned> Journal<T> {
    /// The journal in this file; an empty one if it is not there, or can't be read, which is said.
    pub(super) fn open(path: PathBuf) -> Journal<T> {
        let content = match read(&path) {
            Ok(content) => content.unwrap_or_default(),
            Err(error) => {
                let path = path.display();
                tracing::error!(%path, error, "how far a channel is can't be read; it begins anew");
                T::default()
            }
        };
        Journal {
            path,
            kept: content.clone(),
            content,
        }
    }

    pub(super) fn content(&self) -> &T {
        &self.content
    }

    /// Changes what stands in it, durably.
    ///
    /// # Errors
    /// When it could not be kept; then nothing that rests on it may be done.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut T)) -> Result<(), String> {
        change(&mut self.content);
        if self.content == self.kept {
            return Ok(());
        }
        write(&self.path, &self.content)
            .map_err(|error| format!("{} can't be kept: {error}", self.path.display()))?;
        self.kept = self.content.clone();
        Ok(())
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, String> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let mut bytes = Vec::new();
    let read = file.take(BYTES_MAX).read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| error.to_string())
}

fn write(path: &Path, content: &impl Serialize) -> std::io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(&serde_json::to_vec(content)?)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Numbers = Journal<BTreeMap<String, u64>>;

    #[test]
    fn what_was_kept_is_there_after_a_start_and_damage_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("chat").join("matrix.said.json");
        let mut journal = Numbers::open(path.clone());
        assert!(journal.content().is_empty());
        journal
            .change(|all| all.extend([("INC-1".to_owned(), 7)]))
            .unwrap();
        assert_eq!(Numbers::open(path.clone()).content()["INC-1"], 7);
        std::fs::write(&path, b"{").unwrap();
        assert!(Numbers::open(path).content().is_empty());
    }

    #[test]
    fn what_cannot_be_kept_is_an_error_and_is_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("chat");
        std::fs::write(&at, b"a file").unwrap();
        let mut journal = Numbers::open(at.join("x.json"));
        assert!(
            journal
                .change(|all| all.extend([("a".to_owned(), 1)]))
                .is_err()
        );
        std::fs::remove_file(&at).unwrap();
        journal.change(|_| {}).unwrap();
        assert_eq!(Numbers::open(at.join("x.json")).content()["a"], 1);
    }
}
