//! The tree cut into tiles, as C2SP `tlog-tiles` publishes it.
//!
//! A tile is up to 256 consecutive hashes of every eighth level of the tree; an entry bundle is the
//! up to 256 entries under one tile of level 0. This module knows their names, which of them a
//! growing tree completes ([`tiles_for`]), how to make them ([`TileBuilder`]) and how to read a
//! tree back from them ([`TiledTree`]). Where tiles are kept, and whether a lost partial tile may
//! be answered with the full one, is the caller's business. Hashes read from tiles are not
//! authenticated here: a proof made from bad tiles fails when it is verified.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::error::Error;
use std::fmt::Write as _;

use crate::hash::{HASH_BYTES, Hash};
use crate::tree::{Frontier, HashReader, SIZE_MAX};

/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;

/// Levels of the tree that one level of tiles spans.
const TILE_HEIGHT: u32 = 8;

/// Levels of tiles that a tree can have: 8 of them, 8 tree levels each, span 2^64 entries.
const TILE_LEVELS: u8 = 8;

/// The highest level that the specification lets a path name.
const LEVEL_MAX: u8 = 63;

/// The longest entry, in bytes: bundles give its length in 16 bits.
pub const ENTRY_BYTES_MAX: usize = 65_535;

/// The name of one tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileId {
    /// Tile level: its hashes are the tree's nodes of level `8 * level`.
    pub level: u8,
    /// Position among the tiles of the level.
    pub index: u64,
    /// How many hashes it has: 1 to 256. Below 256 it is a partial tile.
    pub width: u16,
}

impl TileId {
    /// The tile's path under the log's prefix, such as `tile/0/x001/x234/067.p/112`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("tile/{}/{}", self.level, index_path(self.index, self.width))
    }

    /// Reads a path; `None` unless it is exactly what [`TileId::path`] writes.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let level = level.parse().ok().filter(|level| *level <= LEVEL_MAX)?;
        let (index, width) = parse_index_path(rest)?;
        let id = Self {
            level,
            index,
            width,
        };
        // Comparing with the one right spelling refuses signs and needless zeroes.
        (id.path() == path).then_some(id)
    }

    /// Whether the tile has all its 256 hashes and will never change.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// How many bytes the tile has.
    #[must_use]
    pub fn byte_length(&self) -> usize {
        usize::from(self.width) * HASH_BYTES
    }
}

/// The path of an entry bundle under the log's prefix, such as `tile/entries/x001/234.p/7`.
#[must_use]
pub fn entries_path(index: u64, width: u16) -> String {
    format!("tile/entries/{}", index_path(index, width))
}

/// Reads a bundle's path into its index and width; `None` unless it is exactly what
/// [`entries_path`] writes.
#[must_use]
pub fn parse_entries_path(path: &str) -> Option<(u64, u16)> {
    let (index, width) = parse_index_path(path.strip_prefix("tile/entries/")?)?;
    (entries_path(index, width) == path).then_some((index, width))
}

fn index_path(index: u64, width: u16) -> String {
    let mut thousands = Vec::new();
    let mut rest = index / 1000;
    while rest > 0 {
        thousands.push(rest % 1000);
        rest /= 1000;
    }
    let mut path = String::new();
    for group in thousands.iter().rev() {
        write!(path, "x{group:03}/").expect("writing to a string cannot fail");
    }
    write!(path, "{:03}", index % 1000).expect("writing to a string cannot fail");
    if width != TILE_WIDTH {
        write!(path, ".p/{width}").expect("writing to a string cannot fail");
    }
    path
}

/// Reads an index path leniently in spelling (callers compare with the right one) but not in range.
fn parse_index_path(path: &str) -> Option<(u64, u16)> {
    let (groups, width) = match path.split_once(".p/") {
        Some((groups, width)) => {
            let width = width.parse().ok()?;
            (
                groups,
                Some(width).filter(|width| (1..TILE_WIDTH).contains(width))?,
            )
        }
        None => (path, TILE_WIDTH),
    };
    let mut index = 0_u64;
    for group in groups.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        let number: u64 = digits.parse().ok().filter(|number| *number < 1000)?;
        index = index.checked_mul(1000)?.checked_add(number)?;
    }
    Some((index, width))
}

/// The tiles to write when a tree grows from `old_size` to `new_size` entries: every tile that
/// becomes full, and the partial tiles of the new size, lowest level first. Partial tiles that did
/// not change are among them, since the new size is no reason for them to exist already.
pub fn tiles_for(old_size: u64, new_size: u64) -> impl Iterator<Item = TileId> {
    (0..TILE_LEVELS).flat_map(move |level| {
        let width = u64::from(TILE_WIDTH);
        let (old, new) = (hashes_at(level, old_size), hashes_at(level, new_size));
        let full = (old / width..new / width).map(move |index| TileId {
            level,
            index,
            width: TILE_WIDTH,
        });
        full.chain(partial_tile(level, new_size))
    })
}

/// The partial tile of a level in a tree of `size` entries, if it has one.
#[must_use]
pub fn partial_tile(level: u8, size: u64) -> Option<TileId> {
    let hashes = hashes_at(level, size);
    let width = u16::try_from(hashes % u64::from(TILE_WIDTH)).expect("a remainder of 256");
    (width > 0).then_some(TileId {
        level,
        index: hashes / u64::from(TILE_WIDTH),
        width,
    })
}

/// How many hashes all tiles of a level have together, in a tree of `size` entries.
fn hashes_at(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level) * TILE_HEIGHT)
        .unwrap_or(0)
}

/// An entry bundle is malformed, or cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadBundle {
    /// An entry does not fit the 16-bit length.
    #[error("entry {at} of the bundle has {bytes} bytes, more than {ENTRY_BYTES_MAX}")]
    EntryTooLong { at: usize, bytes: usize },
    /// More entries than a bundle holds.
    #[error("a bundle holds at most {TILE_WIDTH} entries, not {0}")]
    TooMany(usize),
    /// The bytes end within an entry, or before the last one.
    #[error("the bundle ends within entry {at}")]
    Cut { at: usize },
    /// There are bytes after the last entry.
    #[error("the bundle has {0} bytes after its last entry")]
    Trailing(usize),
}

/// Writes entries as a bundle: each after its length in two bytes, big-endian.
///
/// # Errors
/// If an entry is longer than 65,535 bytes, or there are more than 256.
pub fn encode_entry_bundle(entries: &[&[u8]]) -> Result<Vec<u8>, BadBundle> {
    if entries.len() > usize::from(TILE_WIDTH) {
        return Err(BadBundle::TooMany(entries.len()));
    }
    let length = entries.iter().map(|entry| 2 + entry.len()).sum();
    let mut bundle = Vec::with_capacity(length);
    for (at, entry) in entries.iter().enumerate() {
        let length = u16::try_from(entry.len()).map_err(|_| BadBundle::EntryTooLong {
            at,
            bytes: entry.len(),
        })?;
        bundle.extend_from_slice(&length.to_be_bytes());
        bundle.extend_from_slice(entry);
    }
    Ok(bundle)
}

/// Reads a bundle of exactly `width` entries.
///
/// # Errors
/// If the bytes end early, or go on after the last entry.
pub fn decode_entry_bundle(bundle: &[u8], width: u16) -> Result<Vec<&[u8]>, BadBundle> {
    if width > TILE_WIDTH {
        return Err(BadBundle::TooMany(usize::from(width)));
    }
    let mut entries = Vec::with_capacity(usize::from(width));
    let mut rest = bundle;
    for at in 0..usize::from(width) {
        let (length, after) = rest.split_first_chunk().ok_or(BadBundle::Cut { at })?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, after) = after
            .split_at_checked(length)
            .ok_or(BadBundle::Cut { at })?;
        entries.push(entry);
        rest = after;
    }
    if rest.is_empty() {
        Ok(entries)
    } else {
        Err(BadBundle::Trailing(rest.len()))
    }
}

/// Where tiles can be read.
pub trait TileReader {
    /// Why a tile could not be read.
    type Error: Error + 'static;

    /// The bytes of exactly this tile: `width` hashes, 32 bytes each.
    ///
    /// # Errors
    /// If the tile is missing or cannot be read.
    fn tile(&self, id: TileId) -> Result<Vec<u8>, Self::Error>;
}

/// The tree cannot be read from its tiles.
#[derive(Debug, thiserror::Error)]
pub enum TileError<E: Error + 'static> {
    /// The node is not a perfect subtree of the tree: the caller asked for what does not exist.
    #[error("a tree of {size} entries has no node {index} at level {level}")]
    NoSuchNode { level: u32, index: u64, size: u64 },
    /// The reader's tile is not as long as its name says.
    #[error("{} has {found} bytes, not {}", .id.path(), .id.byte_length())]
    Length { id: TileId, found: usize },
    /// The tile could not be read.
    #[error(transparent)]
    Read(#[from] E),
}

/// A tree of a given size, read from its tiles. Full tiles are used where the tree has them, and
/// the partial tiles of exactly this size elsewhere. Made for one proof or a few: it keeps every
/// tile it has read.
#[derive(Debug)]
pub struct TiledTree<'a, R> {
    tiles: &'a R,
    size: u64,
    seen: RefCell<HashMap<TileId, Vec<Hash>>>,
}

impl<'a, R: TileReader> TiledTree<'a, R> {
    /// The tree of `size` entries.
    #[must_use]
    pub fn new(size: u64, tiles: &'a R) -> Self {
        Self {
            tiles,
            size,
            seen: RefCell::default(),
        }
    }

    /// The tile that holds hash `at` of a level, if the tree has that hash.
    fn tile_with(&self, level: u8, at: u64) -> Option<TileId> {
        let index = at / u64::from(TILE_WIDTH);
        if at >= hashes_at(level, self.size) {
            return None;
        }
        match partial_tile(level, self.size) {
            Some(partial) if partial.index == index => Some(partial),
            _ => Some(TileId {
                level,
                index,
                width: TILE_WIDTH,
            }),
        }
    }
}

impl<R: TileReader> HashReader for TiledTree<'_, R> {
    type Error = TileError<R::Error>;

    fn node(&self, level: u32, index: u64) -> Result<Hash, Self::Error> {
        let missing = || TileError::NoSuchNode {
            level,
            index,
            size: self.size,
        };
        let tile_level = u8::try_from(level / TILE_HEIGHT).map_err(|_| missing())?;
        let inside = level % TILE_HEIGHT;
        let count = 1_u64 << inside;
        let start = index.checked_mul(count).ok_or_else(missing)?;
        let last = start.checked_add(count - 1).ok_or_else(missing)?;
        // A node never crosses tiles, so the tile of its last hash is the tile of all.
        let id = self.tile_with(tile_level, last).ok_or_else(missing)?;
        let mut seen = self.seen.borrow_mut();
        let hashes = match seen.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(room) => room.insert(read_tile(self.tiles, id)?),
        };
        let offset = usize::try_from(start % u64::from(TILE_WIDTH)).expect("below 256");
        let under = hashes
            .get(offset..offset + (1 << inside))
            .ok_or_else(missing)?;
        Ok(perfect_root(under))
    }
}

fn read_tile<R: TileReader>(tiles: &R, id: TileId) -> Result<Vec<Hash>, TileError<R::Error>> {
    let bytes = tiles.tile(id)?;
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    if bytes.len() != id.byte_length() || !rest.is_empty() {
        return Err(TileError::Length {
            id,
            found: bytes.len(),
        });
    }
    Ok(hashes.iter().copied().map(Hash).collect())
}

/// The root over a power of two of hashes.
fn perfect_root(hashes: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    frontier.extend(hashes.iter().copied());
    frontier.root()
}

/// Makes tiles while a tree grows.
///
/// Holds the hashes of the partial tiles, at most 255 for each of 8 levels, and the full tiles
/// that nobody has taken yet.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TileBuilder {
    size: u64,
    /// For each tile level, lowest first, the hashes of its partial tile.
    partial: Vec<Vec<Hash>>,
    full: Vec<(TileId, Vec<u8>)>,
}

/// The hashes do not describe the partial tiles of a tree of that size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPartials {
    /// Wrong number of hashes in the partial tile of a level.
    #[error(
        "the partial tile of level {level} in a tree of {size} entries has {expected} hashes, \
         not {found}"
    )]
    Width {
        level: u8,
        size: u64,
        expected: usize,
        found: usize,
    },
    /// Hashes are given for more levels than the tree has.
    #[error("a tree of {size} entries has no tiles at level {level}")]
    NoSuchLevel { level: usize, size: u64 },
    /// The size is above [`SIZE_MAX`].
    #[error("a tree of {0} entries is larger than any tree can be")]
    TooLarge(u64),
}

impl TileBuilder {
    /// A builder for the tree without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A builder for a tree that already has `size` entries, from the hashes of its partial tiles,
    /// lowest level first. Levels without a partial tile have no hashes, and may be left out at
    /// the end. The hashes are believed: compare [`TileBuilder::frontier`] with a known root.
    ///
    /// # Errors
    /// If there are not as many hashes as that size has.
    pub fn from_partials(size: u64, mut partial: Vec<Vec<Hash>>) -> Result<Self, BadPartials> {
        if size > SIZE_MAX {
            return Err(BadPartials::TooLarge(size));
        }
        if let Some(level) = partial
            .iter()
            .skip(usize::from(TILE_LEVELS))
            .position(|_| true)
        {
            let level = level + usize::from(TILE_LEVELS);
            return Err(BadPartials::NoSuchLevel { level, size });
        }
        partial.resize(usize::from(TILE_LEVELS), Vec::new());
        for (level, hashes) in (0..TILE_LEVELS).zip(&partial) {
            let expected = partial_tile(level, size).map_or(0, |id| usize::from(id.width));
            let found = hashes.len();
            if found != expected {
                return Err(BadPartials::Width {
                    level,
                    size,
                    expected,
                    found,
                });
            }
        }
        while partial.last().is_some_and(Vec::is_empty) {
            partial.pop();
        }
        Ok(Self {
            size,
            partial,
            full: Vec::new(),
        })
    }

    /// A builder for a tree that already has `size` entries, from its stored partial tiles.
    ///
    /// # Errors
    /// If one of them cannot be read, or is not as long as its name says.
    pub fn restore<R: TileReader>(size: u64, tiles: &R) -> Result<Self, TileError<R::Error>> {
        let mut partial = Vec::new();
        for level in (0..TILE_LEVELS).take_while(|level| hashes_at(*level, size) > 0) {
            partial.push(match partial_tile(level, size) {
                Some(id) => read_tile(tiles, id)?,
                None => Vec::new(),
            });
        }
        while partial.last().is_some_and(Vec::is_empty) {
            partial.pop();
        }
        Ok(Self {
            size,
            partial,
            full: Vec::new(),
        })
    }

    /// How many entries the tree has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The tree's right edge, as the partial tiles have it.
    #[must_use]
    pub fn frontier(&self) -> Frontier {
        let mut hashes = Vec::new();
        for tile in self.partial.iter().rev() {
            let mut rest = tile.as_slice();
            while let Some(bits) = rest.len().checked_ilog2() {
                let (subtree, after) = rest.split_at(1 << bits);
                hashes.push(perfect_root(subtree));
                rest = after;
            }
        }
        Frontier::from_hashes(self.size, hashes).expect("one subtree for each bit in the size")
    }

    /// Adds one entry, given its leaf hash.
    pub fn append(&mut self, leaf: Hash) {
        self.size += 1;
        let mut hash = leaf;
        for level in 0..TILE_LEVELS {
            let at = usize::from(level);
            if self.partial.len() == at {
                self.partial
                    .push(Vec::with_capacity(usize::from(TILE_WIDTH)));
            }
            let tile = self
                .partial
                .get_mut(at)
                .expect("pushed above if it was missing");
            tile.push(hash);
            if tile.len() < usize::from(TILE_WIDTH) {
                return;
            }
            let index = hashes_at(level, self.size) / u64::from(TILE_WIDTH) - 1;
            self.full.push((
                TileId {
                    level,
                    index,
                    width: TILE_WIDTH,
                },
                concat(tile),
            ));
            hash = perfect_root(tile);
            tile.clear();
        }
    }

    /// The tiles to write now: the full ones completed since the last call, then the partial ones
    /// of the current size. Together they are what [`tiles_for`] names.
    #[must_use]
    pub fn take_tiles(&mut self) -> Vec<(TileId, Vec<u8>)> {
        let mut tiles = std::mem::take(&mut self.full);
        for (level, hashes) in (0..TILE_LEVELS).zip(&self.partial) {
            if let Some(id) = partial_tile(level, self.size) {
                tiles.push((id, concat(hashes)));
            }
        }
        tiles
    }
}

impl Extend<Hash> for TileBuilder {
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        for leaf in leaves {
            self.append(leaf);
        }
    }
}

fn concat(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

#[cfg(test)]
mod tests;
