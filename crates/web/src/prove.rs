//! Inclusion proofs, made from the published tiles.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use record::hash::{HASH_BYTES, Hash};
use record::tile::{TILE_WIDTH, TileId, TileReader, TiledTree};
use record::tree;

use crate::backstage::{Backstage, Published};
use crate::problem::Problem;
use crate::site::Site;

/// How often it is looked whether a checkpoint was published.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A partial tile may go when the tree has grown; then the newer tree is asked.
const TRIES: usize = 3;

/// Proofs of some entries in one checkpoint.
pub(crate) struct Proven {
    pub(crate) checkpoint: Arc<Published>,
    /// For each entry asked about, its inclusion proof, the leaf's sibling first.
    pub(crate) inclusions: Vec<Vec<Hash>>,
}

/// Waits until the entry at `index` is covered by a published checkpoint; says whether it is.
pub(crate) async fn published(site: &Site, index: u64) -> bool {
    let end = Instant::now() + site.limits().patience;
    loop {
        if site
            .backstage()
            .published()
            .is_some_and(|published| index < published.size)
        {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Proves these entries; `None` when the published checkpoint does not cover all of them yet.
/// Blocks.
///
/// # Errors
/// When the tiles can't be read, or are wrong.
pub(crate) fn inclusion(
    backstage: &dyn Backstage,
    indexes: &[u64],
) -> Result<Option<Proven>, Problem> {
    let mut tried = None;
    for _ in 0..TRIES {
        let Some(checkpoint) = backstage.published() else {
            return Ok(None);
        };
        if indexes.iter().any(|index| *index >= checkpoint.size) {
            return Ok(None);
        }
        let tiles = Tiles(backstage);
        let tree = TiledTree::new(checkpoint.size, &tiles);
        let inclusions: Result<Vec<_>, _> = indexes
            .iter()
            .map(|index| tree::inclusion_proof(*index, checkpoint.size, &tree))
            .collect();
        match inclusions {
            Ok(inclusions) => {
                return Ok(Some(Proven {
                    checkpoint,
                    inclusions,
                }));
            }
            Err(error) => tried = Some(error),
        }
    }
    let cause = tried.map_or_else(String::new, |error| error.to_string());
    Err(Problem::internal(
        "no proof could be made from the tiles",
        &cause,
    ))
}

/// A checkpoint, and the proof that a smaller tree grew into it.
pub(crate) type Grown = (Arc<Published>, Vec<Hash>);

/// The published checkpoint, and the proof that the tree of `size` entries grew into it; an empty proof
/// where it is not larger. `None`: nothing is published. Blocks.
///
/// # Errors
/// When the tiles can't be read, or are wrong.
pub(crate) fn grown(backstage: &dyn Backstage, size: u64) -> Result<Option<Grown>, Problem> {
    let mut tried = None;
    for _ in 0..TRIES {
        let Some(checkpoint) = backstage.published() else {
            return Ok(None);
        };
        if size >= checkpoint.size {
            return Ok(Some((checkpoint, Vec::new())));
        }
        let tiles = Tiles(backstage);
        let tree = TiledTree::new(checkpoint.size, &tiles);
        match tree::consistency_proof(size, checkpoint.size, &tree) {
            Ok(consistency) => return Ok(Some((checkpoint, consistency))),
            Err(error) => tried = Some(error),
        }
    }
    let cause = tried.map_or_else(String::new, |error| error.to_string());
    Err(Problem::internal(
        "no proof could be made from the tiles",
        &cause,
    ))
}

/// Proofs within the tree as it was with this size: that an earlier one grew into it, and that this entry is
/// in it. Blocks.
///
/// # Errors
/// When the tiles can't be read, or are wrong; when that tree is not published.
pub(crate) fn within(
    backstage: &dyn Backstage,
    size: u64,
    earlier: u64,
    index: u64,
) -> Result<(Vec<Hash>, Vec<Hash>), Problem> {
    let broken = |error: &dyn std::fmt::Display| {
        Problem::internal("no proof could be made from the tiles", error)
    };
    let mut tried = String::new();
    for _ in 0..TRIES {
        let published = backstage.published().map_or(0, |published| published.size);
        if published < size || earlier > size {
            return Err(Problem::not_found("that tree is not behind what is known"));
        }
        let tiles = Tiles(backstage);
        // What was whole in it is whole in the newest.
        let tree = TiledTree::new(published, &tiles);
        let consistency = match earlier == size {
            true => Ok(Vec::new()),
            false => tree::consistency_proof(earlier, size, &tree),
        };
        let inclusion = tree::inclusion_proof(index, size, &tree);
        match (consistency, inclusion) {
            (Ok(consistency), Ok(inclusion)) => return Ok((consistency, inclusion)),
            (Err(error), _) | (_, Err(error)) => tried = error.to_string(),
        }
    }
    Err(broken(&tried))
}

/// The tile with this name; of a partial tile that is gone, the beginning of the full one.
/// `None`: there is neither.
///
/// # Errors
/// When it can't be read.
pub(crate) fn tile(backstage: &dyn Backstage, id: TileId) -> io::Result<Option<Vec<u8>>> {
    if let Some(bytes) = backstage.tile(id)? {
        return Ok(Some(bytes));
    }
    if id.is_full() {
        return Ok(None);
    }
    let full = backstage.tile(TileId {
        width: TILE_WIDTH,
        ..id
    })?;
    Ok(full.map(|mut bytes| {
        bytes.truncate(usize::from(id.width) * HASH_BYTES);
        bytes
    }))
}

struct Tiles<'a>(&'a dyn Backstage);

impl TileReader for Tiles<'_> {
    type Error = io::Error;

    fn tile(&self, id: TileId) -> io::Result<Vec<u8>> {
        tile(self.0, id)?.ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("{} is missing", id.path()))
        })
    }
}
