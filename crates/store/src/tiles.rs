//! The published tree: C2SP tiles and the checkpoint under `record/`.
//!
//! Derived from the segments and never ahead of them: tiles first, then the checkpoint that needs
//! them. Tiles are not synced; what is missing or does not lead to the published root at a start
//! is made again. Entry bundles are not kept, they are made from the segments when asked for.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use engine::ports::{Entries as _, Publisher, ReadError, SignedHead};
use record::checkpoint::Checkpoint;
use record::hash::{self, HASH_BYTES, Hash};
use record::note::Note;
use record::tile::{TILE_WIDTH, TileBuilder, TileError, TileId, TileReader, TiledTree, tiles_for};
use record::tree::{self, ProveError};

use crate::durable::{self, FileError, Keep};
use crate::layout::Paths;
use crate::log::is_full;
use crate::read::Reader;

/// While catching up, full tiles are written after this many entries.
const CATCH_UP_STEP: u64 = 65_536;

/// The published tree, for readers on any thread.
#[derive(Debug)]
pub struct Published {
    paths: Paths,
    newest: RwLock<Option<(u64, String)>>,
}

/// Why the tree proves nothing: out of range, or a tile is missing.
pub type CannotProve = ProveError<TileError<io::Error>>;

impl Published {
    /// The published tree of a data directory, as its checkpoint says. Signatures are not checked
    /// here.
    ///
    /// # Errors
    /// When the checkpoint can't be read.
    pub fn open(paths: &Paths) -> Result<Published, FileError> {
        let limit = record::note::NOTE_BYTES_MAX as u64;
        let bytes = durable::read_bounded(&paths.checkpoint(), limit)?;
        let newest = bytes.and_then(|bytes| {
            let checkpoint = parse(&bytes)?;
            Some((checkpoint.size(), String::from_utf8(bytes).ok()?))
        });
        Ok(Published {
            paths: paths.clone(),
            newest: RwLock::new(newest),
        })
    }

    /// The newest published checkpoint: its size and the signed note.
    pub fn newest(&self) -> Option<(u64, String)> {
        self.newest
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// This tile, if it is there. A partial tile that is gone is the beginning of a wider one.
    ///
    /// # Errors
    /// When it can't be read, or is not as long as its name says.
    pub fn tile(&self, id: TileId) -> io::Result<Option<Vec<u8>>> {
        if let Some(bytes) = self.exact(id)? {
            return Ok(Some(bytes));
        }
        if id.is_full() {
            return Ok(None);
        }
        let mut wider = vec![TILE_WIDTH];
        wider.extend(
            self.widths(id)?
                .into_iter()
                .filter(|width| *width > id.width),
        );
        for width in wider {
            if let Some(mut bytes) = self.exact(TileId { width, ..id })? {
                bytes.truncate(id.byte_length());
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    /// The root of the tree when it had `size` entries, as the tiles have it.
    ///
    /// # Errors
    /// When a tile is missing.
    pub fn root_at(&self, size: u64) -> Result<Hash, CannotProve> {
        tree::root_at(size, &TiledTree::new(size, self))
    }

    /// The proof that entry `index` is in the tree of `size` entries.
    ///
    /// # Errors
    /// When the index is not below the size, or a tile is missing.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Result<Vec<Hash>, CannotProve> {
        tree::inclusion_proof(index, size, &TiledTree::new(size, self))
    }

    /// The proof that the tree of `old` entries is the beginning of the tree of `new`.
    ///
    /// # Errors
    /// When the old size is above the new one, or a tile is missing.
    pub fn consistency_proof(&self, old: u64, new: u64) -> Result<Vec<Hash>, CannotProve> {
        tree::consistency_proof(old, new, &TiledTree::new(new, self))
    }

    /// Where a tile is kept.
    pub(crate) fn path(&self, id: TileId) -> PathBuf {
        self.paths.tile_prefix().join(id.path())
    }

    /// Where the partial tiles of a position are kept.
    fn partials(&self, id: TileId) -> PathBuf {
        let full = TileId {
            width: TILE_WIDTH,
            ..id
        };
        self.paths.tile_prefix().join(format!("{}.p", full.path()))
    }

    /// The bytes of this very file; `None` when it is not there.
    pub(crate) fn exact(&self, id: TileId) -> Result<Option<Vec<u8>>, FileError> {
        let path = self.path(id);
        let longest = u64::from(TILE_WIDTH) * HASH_BYTES as u64;
        let Some(bytes) = durable::read_bounded(&path, longest)? else {
            return Ok(None);
        };
        if bytes.len() == id.byte_length() {
            return Ok(Some(bytes));
        }
        let what = format!("it has {} bytes, not {}", bytes.len(), id.byte_length());
        Err(FileError::new("read", &path)(io::Error::new(
            io::ErrorKind::InvalidData,
            what,
        )))
    }

    /// The widths of the partial tiles that are kept for a position.
    pub(crate) fn widths(&self, id: TileId) -> Result<Vec<u16>, FileError> {
        let directory = self.partials(id);
        let names = match fs::read_dir(&directory) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(FileError::new("list", &directory)(error)),
        };
        let mut widths = Vec::new();
        for name in names {
            let name = name
                .map_err(FileError::new("list", &directory))?
                .file_name();
            let width = name.to_str().and_then(|name| name.parse().ok());
            widths.extend(width.filter(|width| (1..TILE_WIDTH).contains(width)));
        }
        widths.sort_unstable();
        Ok(widths)
    }

    fn write(&self, id: TileId, bytes: &[u8]) -> Result<(), FileError> {
        let path = self.path(id);
        match durable::replace(&path, bytes, Keep::Derived) {
            Err(error) if error.is_missing() => {
                let directory = durable::parent(&path);
                fs::create_dir_all(directory)
                    .map_err(FileError::new("make the directory", directory))?;
                durable::replace(&path, bytes, Keep::Derived)
            }
            written => written,
        }
    }

    fn drop_partials(&self, id: TileId) {
        let directory = self.partials(id);
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                // They take room and do no harm.
                tracing::warn!(%error, path = %directory.display(), "partial tiles stay");
            }
            Ok(()) | Err(_) => {}
        }
    }

    fn set(&self, head: &SignedHead) {
        let mut newest = self.newest.write().unwrap_or_else(PoisonError::into_inner);
        *newest = Some((head.size, head.note.clone()));
    }
}

impl TileReader for Published {
    type Error = io::Error;

    fn tile(&self, id: TileId) -> io::Result<Vec<u8>> {
        Published::tile(self, id)?
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no {}", id.path())))
    }
}

fn parse(note: &[u8]) -> Option<Checkpoint> {
    Checkpoint::parse_text(Note::parse(note).ok()?.text()).ok()
}

/// Removes the tiles, so that the next start makes them again: for who found them damaged.
///
/// # Errors
/// When they can't be removed.
pub fn forget_tiles(paths: &Paths) -> Result<(), FileError> {
    let tiles = paths.tile_prefix().join("tile");
    match fs::remove_dir_all(&tiles) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FileError::new("remove", &tiles)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes tiles and the checkpoint behind the writer. See [`Publisher`].
#[derive(Debug)]
pub struct TilePublisher {
    published: Arc<Published>,
    builder: TileBuilder,
    /// Full tiles that are not written yet.
    waiting: Vec<(TileId, Vec<u8>)>,
    /// Positions that became full and whose partial tiles are still there.
    outgrown: Vec<TileId>,
}

/// Why the tree can't be published.
#[derive(Debug, thiserror::Error)]
pub enum CannotPublish {
    /// An entry can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file can't be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The entries hash to another root than the one that was signed.
    #[error(
        "the entries hash to another root than the checkpoint of size {0}: run `hereby verify`"
    )]
    OtherRoot(u64),
}

impl TilePublisher {
    /// Goes on from the tiles that are there if they lead to the published checkpoint and that is
    /// no larger than the record; makes them again from the first entry if not. Then publishes
    /// `head`, the newest signed checkpoint (none while there are no entries).
    ///
    /// # Errors
    /// See [`CannotPublish`].
    pub fn open(
        paths: &Paths,
        reader: &Reader,
        head: Option<&SignedHead>,
    ) -> Result<TilePublisher, CannotPublish> {
        let published = Arc::new(Published::open(paths)?);
        let restored = restore(&published, head.map_or(0, |head| head.size));
        if restored.is_none() {
            // What is there may be of another history; without all entries it is all there is.
            reader.check_at_hand()?;
            forget_tiles(paths)?;
        }
        let mut publisher = TilePublisher {
            published,
            builder: restored.unwrap_or_default(),
            waiting: Vec::new(),
            outgrown: Vec::new(),
        };
        publisher.outgrown = publisher.newest_full();
        if let Some(head) = head {
            publisher.catch_up(reader, head)?;
        }
        Ok(publisher)
    }

    /// What readers see of it.
    pub fn published(&self) -> Arc<Published> {
        self.published.clone()
    }

    /// The last full tile of each level: what a process that ended may have left partials of.
    fn newest_full(&self) -> Vec<TileId> {
        let newest = |level: u8| {
            let hashes = self
                .builder
                .size()
                .checked_shr(u32::from(level) * 8)
                .unwrap_or(0);
            let index = (hashes / u64::from(TILE_WIDTH)).checked_sub(1)?;
            Some(TileId {
                level,
                index,
                width: TILE_WIDTH,
            })
        };
        (0..8).filter_map(newest).collect()
    }

    fn catch_up(&mut self, reader: &Reader, head: &SignedHead) -> Result<(), CannotPublish> {
        let mut failed = None;
        if self.builder.size() < head.size {
            reader.scan(self.builder.size(), &mut |index, entry| {
                self.builder.append(hash::leaf(entry));
                if (index + 1) % CATCH_UP_STEP == 0 {
                    self.take_full();
                    failed = self
                        .write_waiting()
                        .err()
                        .filter(|error| !is_full(&error.source));
                }
                failed.is_none() && index + 1 < head.size
            })?;
        }
        if let Some(error) = failed {
            return Err(error.into());
        }
        let tree = self.builder.frontier();
        if (tree.size(), tree.root()) != (head.size, head.root) {
            return Err(CannotPublish::OtherRoot(head.size));
        }
        match self.write(head) {
            Err(error) if is_full(&error.source) => {
                // Who has to read the record now can't wait until there is room.
                tracing::error!(%error, "the checkpoint was not published; tried again with the next");
                Ok(())
            }
            written => Ok(written?),
        }
    }

    /// Moves full tiles out of the builder; returns the partial ones of the present size.
    fn take_full(&mut self) -> Vec<(TileId, Vec<u8>)> {
        let (full, partial): (Vec<_>, Vec<_>) = self
            .builder
            .take_tiles()
            .into_iter()
            .partition(|(id, _)| id.is_full());
        self.waiting.extend(full);
        partial
    }

    fn write_waiting(&mut self) -> Result<(), FileError> {
        let mut written = 0;
        let mut failed = None;
        for (id, bytes) in &self.waiting {
            if let Err(error) = self.published.write(*id, bytes) {
                failed = Some(error);
                break;
            }
            self.outgrown.push(*id);
            written += 1;
        }
        self.waiting.drain(..written);
        failed.map_or(Ok(()), Err)
    }

    /// Writes what is new, then the checkpoint that needs it.
    fn write(&mut self, head: &SignedHead) -> Result<(), FileError> {
        let partial = self.take_full();
        // Partials of the checkpoint that is being replaced stay until the next one: whoever has
        // just fetched it can still follow it.
        let before = self.outgrown.len();
        self.write_waiting()?;
        partial
            .iter()
            .try_for_each(|(id, bytes)| self.published.write(*id, bytes))?;
        let path = self.published.paths.checkpoint();
        durable::replace(&path, head.note.as_bytes(), Keep::Whole)?;
        self.published.set(head);
        self.outgrown
            .drain(..before)
            .for_each(|id| self.published.drop_partials(id));
        Ok(())
    }
}

/// The builder at the published checkpoint; `None` when the tiles are not all there, do not lead
/// to its root, or it is of a larger tree than the record is.
fn restore(published: &Published, size: u64) -> Option<TileBuilder> {
    let Some((published_size, note)) = published.newest() else {
        // Nothing was published, so nothing can be of another history.
        return (!published.paths.tile_prefix().join("tile").exists()).then(TileBuilder::new);
    };
    let checkpoint = parse(note.as_bytes())?;
    let again = |why: &str| tracing::warn!(published_size, size, "{why}; tiles are made again");
    if published_size > size {
        again("the published tree is larger than the record");
        return None;
    }
    let missing = tiles_for(0, published_size).any(|id| {
        let length = fs::metadata(published.path(id)).map(|found| found.len());
        id.is_full() && length.ok() != Some(id.byte_length() as u64)
    });
    if missing {
        again("a tile is missing");
        return None;
    }
    match TileBuilder::restore(published_size, published) {
        Ok(builder) if builder.frontier().root() == checkpoint.root() => Some(builder),
        Ok(_) => {
            again("the tiles do not lead to the published root");
            None
        }
        Err(error) => {
            again(&error.to_string());
            None
        }
    }
}

impl Publisher for TilePublisher {
    fn publish(&mut self, leaves: &[Hash], head: &SignedHead) -> io::Result<()> {
        self.builder.extend(leaves.iter().copied());
        let tree = self.builder.frontier();
        if (tree.size(), tree.root()) != (head.size, head.root) {
            return Err(io::Error::other(format!(
                "the tiles have {} entries and the root {}, the checkpoint {} and {}; the next \
                 start makes them again",
                tree.size(),
                tree.root(),
                head.size,
                head.root
            )));
        }
        Ok(self.write(head)?)
    }
}

#[cfg(test)]
mod tests;
