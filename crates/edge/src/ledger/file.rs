//! Where the ledger of certificates is kept: one file in the state directory, replaced as a whole.
//! Whoever is killed loses what was counted since the last look, at most a few seconds.
//!
//! At an upgrade the file goes to the successor, which reads it when it starts. What the old edge
//! still counts while it drains lies in files of its own, which the successor adds and removes. If it
//! is killed between the two, a piece is counted twice rather than not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::edge::Edge;
use crate::upstream::lock;

use super::{Book, Ledger, Stage, Writing};

/// The form's version.
pub(super) const VERSION: u32 = 1;
/// Its name in the state directory.
const FILE: &str = "certificates.json";
/// What names of pieces begin with.
const PIECE: &str = "certificates.rest-";
const BYTES_MAX: u64 = 64 << 20;
/// Between two looks whether something changed; a long ledger is written more rarely.
const EVERY: Duration = Duration::from_secs(1);
const EVERY_MORE_PER_ENTRY: Duration = Duration::from_millis(1);

/// Keeps it for as long as the edge runs.
pub(crate) async fn keep(edge: Arc<Edge>, state_dir: PathBuf) {
    loop {
        let (entries, _) = edge.ledger.size();
        let more = EVERY_MORE_PER_ENTRY * u32::try_from(entries).unwrap_or(0);
        tokio::time::sleep(EVERY + more).await;
        let (edge, state_dir) = (edge.clone(), state_dir.clone());
        let _ = tokio::task::spawn_blocking(move || edge.ledger.save(&state_dir)).await;
    }
}

impl Ledger {
    /// Begins with what an earlier edge knew.
    pub(crate) fn load(&self, state_dir: &Path) {
        let path = state_dir.join(FILE);
        match read(&path) {
            Ok(None) => {}
            Ok(Some(book)) => self.held().merge(book),
            Err(error) => {
                let aside = path.with_extension("json.damaged");
                tracing::error!(%error, aside = %aside.display(),
                    "which certificates were used before can't be read; it begins anew");
                let _ = fs::rename(&path, aside);
            }
        }
    }

    /// Writes down what changed.
    pub(crate) fn save(&self, state_dir: &Path) {
        let mut writing = lock(&self.writing);
        let ours = match self.held().stage {
            Stage::Ours => true,
            Stage::Theirs => false,
            Stage::Lent { .. } => return,
        };
        let outcome = match ours {
            true => self.save_ours(state_dir, &mut writing),
            false => self.hand_on(state_dir, &mut writing),
        };
        if let Err(error) = outcome {
            self.held().changed = true;
            tracing::error!(%error, "which certificates were used can't be written down");
        }
    }

    /// Takes in what other edges left here.
    fn gather(&self, state_dir: &Path, writing: &mut Writing) {
        for piece in pieces(state_dir) {
            if writing.added.contains(&piece) {
                continue;
            }
            match read(&piece) {
                Ok(book) => self.held().merge(book.unwrap_or_default()),
                Err(error) => tracing::error!(%error, "a part of the ledger is passed over"),
            }
            writing.added.push(piece);
        }
    }

    fn save_ours(&self, state_dir: &Path, writing: &mut Writing) -> io::Result<()> {
        self.gather(state_dir, writing);
        let book = {
            let mut held = self.held();
            if !std::mem::take(&mut held.changed) && writing.added.is_empty() {
                return Ok(());
            }
            held.book()
        };
        write_ours(state_dir, writing, &book)
    }

    fn hand_on(&self, state_dir: &Path, writing: &mut Writing) -> io::Result<()> {
        let book = {
            let mut held = self.held();
            if held.count == 0 && held.dropped == 0 {
                return Ok(());
            }
            held.take()
        };
        writing.pieces += 1;
        let name = format!("{PIECE}{}-{}.json", std::process::id(), writing.pieces);
        replace(&state_dir.join(name), &book).inspect_err(|_| self.held().merge(book))
    }

    /// Writes it down for a successor that is about to start; until that is settled what is counted
    /// is kept apart.
    pub(super) fn lend(&self, state_dir: &Path) {
        let mut writing = lock(&self.writing);
        self.gather(state_dir, &mut writing);
        let given = {
            let mut held = self.held();
            let given = held.take();
            held.stage = Stage::Lent {
                given: given.clone(),
                written: true,
            };
            given
        };
        if let Err(error) = write_ours(state_dir, &mut writing, &given) {
            tracing::error!(%error, "the successor will hear later which certificates were used");
            if let Stage::Lent { written, .. } = &mut self.held().stage {
                *written = false;
            }
        }
    }

    /// There is no successor: it goes on as if it had not been lent.
    pub(super) fn take_back(&self) {
        let mut held = self.held();
        if let Stage::Lent { given, .. } = std::mem::take(&mut held.stage) {
            held.merge(given);
            held.changed = true;
        }
    }

    /// The successor has it.
    pub(super) fn give(&self) {
        let mut held = self.held();
        let stage = std::mem::replace(&mut held.stage, Stage::Theirs);
        // What could not be written for it is handed on with the rest.
        if let Stage::Lent {
            given,
            written: false,
        } = stage
        {
            held.merge(given);
        }
    }
}

/// While a successor starts the ledger is lent to it, and taken back unless it took over.
pub(crate) struct Lent(Option<Arc<Edge>>);

impl Lent {
    pub(crate) fn new(edge: &Arc<Edge>, state_dir: &Path) -> Lent {
        edge.ledger.lend(state_dir);
        Lent(Some(edge.clone()))
    }

    /// The successor took over.
    pub(crate) fn given(mut self) {
        if let Some(edge) = self.0.take() {
            edge.ledger.give();
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(edge) = self.0.take() {
            edge.ledger.take_back();
        }
    }
}

/// Writes the file, and removes the pieces that are in it now.
fn write_ours(state_dir: &Path, writing: &mut Writing, book: &Book) -> io::Result<()> {
    replace(&state_dir.join(FILE), book)?;
    while let Some(piece) = writing.added.last() {
        fs::remove_file(piece)?;
        writing.added.pop();
    }
    Ok(())
}

/// What an edge that is gone, or goes, has left.
fn pieces(state_dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(state_dir).into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(PIECE) && name.ends_with(".json")
        })
        .map(|entry| entry.path())
        .collect()
}

fn read(path: &Path) -> Result<Option<Book>, String> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let mut bytes = Vec::new();
    file.take(BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    let book: Book = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    match book.version {
        VERSION => Ok(Some(book)),
        other => Err(format!(
            "its version is {other}, and {VERSION} is understood"
        )),
    }
}

/// Replaces the file as a whole: it is the one before or this one, also after the power was gone.
fn replace(path: &Path, book: &Book) -> io::Result<()> {
    let fresh = path.with_extension(format!("new-{}", std::process::id()));
    let text = serde_json::to_vec(book)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}
