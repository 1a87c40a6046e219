//! The tiles on the disk against those the entries make.

use std::fs;
use std::path::Path;

use record::hash::{HASH_BYTES, Hash};
use record::tile::{TILE_WIDTH, TileBuilder, TileId, partial_tile};

use super::Report;
use crate::durable::FileError;
use crate::layout::Paths;
use crate::tiles::Published;

/// Compares tiles while the tree grows.
pub(super) struct Tiles {
    store: Published,
    builder: TileBuilder,
    /// Full tiles below this size were published and must be there.
    published: u64,
    /// There is no `tile/` at all: it was removed, and is made again at the next start.
    absent: bool,
    /// The bytes of the level-0 tile read last, to tell which entry has changed.
    leaves: Option<(u64, Vec<u8>)>,
}

impl Tiles {
    pub(super) fn new(paths: &Paths, report: &mut Report) -> Result<Tiles, FileError> {
        let store = Published::open(paths)?;
        let absent = !paths.tile_prefix().join("tile").is_dir();
        let published = store.newest().map_or(0, |(size, _)| size);
        if absent && published > 0 {
            report
                .notes
                .push("there are no tiles; the next start makes them".to_owned());
        }
        Ok(Tiles {
            store,
            builder: TileBuilder::new(),
            published,
            absent,
            leaves: None,
        })
    }

    /// How many entries were taken.
    pub(super) fn size(&self) -> u64 {
        self.builder.size()
    }

    /// Whether the tree so far has this right edge.
    pub(super) fn frontier_is(&self, frontier: &[Hash]) -> bool {
        self.builder.frontier().to_hashes() == frontier
    }

    /// Takes the next entry's leaf hash.
    pub(super) fn append(&mut self, leaf: Hash, report: &mut Report) -> Result<(), FileError> {
        self.builder.append(leaf);
        if self.builder.size().is_multiple_of(u64::from(TILE_WIDTH)) && !self.absent {
            for (id, bytes) in self.builder.take_tiles() {
                if id.is_full() {
                    self.compare_position(id, &bytes, report)?;
                }
            }
        }
        Ok(())
    }

    /// The leaf hash that the tiles have for an entry, if they have one.
    pub(super) fn leaf(&mut self, index: u64) -> Option<Hash> {
        let number = index / u64::from(TILE_WIDTH);
        if self
            .leaves
            .as_ref()
            .is_none_or(|(known, _)| *known != number)
        {
            let id = TileId {
                level: 0,
                index: number,
                width: TILE_WIDTH,
            };
            let full = self.store.exact(id).ok().flatten();
            let widest = || {
                let width = self.store.widths(id).ok()?.last().copied()?;
                self.store.exact(TileId { width, ..id }).ok().flatten()
            };
            self.leaves = Some((number, full.or_else(widest)?));
        }
        let (_, bytes) = self.leaves.as_ref()?;
        let at = usize::try_from(index % u64::from(TILE_WIDTH)).ok()?;
        bytes.as_chunks::<HASH_BYTES>().0.get(at).copied().map(Hash)
    }

    /// Compares every file of one position with what must be in it, which `bytes` is so far.
    fn compare_position(
        &self,
        id: TileId,
        bytes: &[u8],
        report: &mut Report,
    ) -> Result<(), FileError> {
        let mut found = false;
        for width in self.store.widths(id)?.into_iter().chain([TILE_WIDTH]) {
            let id = TileId { width, ..id };
            found |= self.compare(id, bytes, report);
        }
        let covered = self
            .published
            .checked_shr(u32::from(id.level) * 8)
            .unwrap_or(0);
        let end = id.index * u64::from(TILE_WIDTH) + u64::from(id.width);
        if !found && end <= covered {
            let path = self.store.path(id);
            report.wrong(
                &path,
                "the tile is missing, and the published checkpoint needs it",
            );
        }
        Ok(())
    }

    /// Whether there is such a file; if so, it is compared with the beginning of `bytes`.
    fn compare(&self, id: TileId, bytes: &[u8], report: &mut Report) -> bool {
        let path = self.store.path(id);
        match self.store.exact(id) {
            Ok(None) => false,
            Ok(Some(found)) => {
                match bytes.get(..id.byte_length()) {
                    Some(expected) if expected == found => {}
                    Some(expected) => report.wrong(&path, different(id, &found, expected)),
                    None => report.wrong(&path, "the tile is wider than the tree"),
                }
                true
            }
            Err(error) => {
                report.wrong(&path, format!("the tile can't be read: {}", error.source));
                true
            }
        }
    }

    /// Compares what is left: the partial tiles of the tree's right edge, and files that are none.
    pub(super) fn finish(mut self, report: &mut Report) -> Result<(), FileError> {
        if self.absent {
            return Ok(());
        }
        let size = self.builder.size();
        for (id, bytes) in self.builder.take_tiles() {
            if id.is_full() {
                self.compare_position(id, &bytes, report)?;
            } else {
                self.compare_edge(id, &bytes, report)?;
            }
        }
        for level in 0..8 {
            if let Some(id) = partial_tile(level, self.published.min(size)) {
                let there = self.store.tile(id).is_ok_and(|found| found.is_some());
                if !there {
                    let path = self.store.path(id);
                    report.wrong(&path, "the published checkpoint needs this tile");
                }
            }
        }
        let root = self.store.path(TileId {
            level: 0,
            index: 0,
            width: TILE_WIDTH,
        });
        let root = root.ancestors().nth(2).map(Path::to_owned);
        root.map_or(Ok(()), |root| check_names(&root, "tile", size, report))
    }

    fn compare_edge(&self, id: TileId, bytes: &[u8], report: &mut Report) -> Result<(), FileError> {
        for width in self.store.widths(id)?.into_iter().chain([TILE_WIDTH]) {
            self.compare(TileId { width, ..id }, bytes, report);
        }
        Ok(())
    }
}

fn different(id: TileId, found: &[u8], expected: &[u8]) -> String {
    let pairs = found
        .as_chunks::<HASH_BYTES>()
        .0
        .iter()
        .zip(expected.as_chunks::<HASH_BYTES>().0);
    let at = pairs
        .take_while(|(found, expected)| found == expected)
        .count() as u64;
    let place = id.index * u64::from(TILE_WIDTH) + at;
    match id.level {
        0 => format!("the tile has another hash for entry {place} than the entry has"),
        level => format!("the tile has another hash for node {place} of tile level {level}"),
    }
}

/// Every file under `tile/` must be a tile of a tree of this size.
fn check_names(
    directory: &Path,
    name: &str,
    size: u64,
    report: &mut Report,
) -> Result<(), FileError> {
    let names = fs::read_dir(directory).map_err(FileError::new("list", directory))?;
    for found in names {
        let found = found.map_err(FileError::new("list", directory))?;
        let name = format!("{name}/{}", found.file_name().to_string_lossy());
        let path = found.path();
        if found
            .file_type()
            .map_err(FileError::new("look at", &path))?
            .is_dir()
        {
            check_names(&path, &name, size, report)?;
        } else if name.ends_with(".tmp") {
            report.notes.push(format!(
                "{} was not finished; it may be removed",
                path.display()
            ));
        } else if !TileId::parse(&name).is_some_and(|id| is_within(id, size)) {
            report.wrong(&path, "the file is no tile of this tree");
        }
    }
    Ok(())
}

fn is_within(id: TileId, size: u64) -> bool {
    let hashes = size.checked_shr(u32::from(id.level) * 8).unwrap_or(0);
    id.level < 8 && id.index * u64::from(TILE_WIDTH) + u64::from(id.width) <= hashes
}
