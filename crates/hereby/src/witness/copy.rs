//! A witness's copy of the entries, checked against what it cosigned.
//!
//! The copy is C2SP entry bundles under `entries/`, so that it is read by the same tools as the
//! log's. Only entries that hash to a cosigned root are counted in `copied`: what a log serves that
//! does not is kept aside as evidence.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use record::hash;
use record::tile::{TILE_WIDTH, decode_entry_bundle, entries_path};
use record::tree::Frontier;
use serde::{Deserialize, Serialize};

use super::book::keep;

/// How far the copy is: the tree of the copied entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Copy {
    dir: PathBuf,
    frontier: Frontier,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    frontier: Vec<hash::Hash>,
    size: u64,
}

/// A bundle that was fetched and not yet known to belong to a cosigned root.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// The bundle's number.
    pub(crate) number: u64,
    /// How many entries it holds, 1 to 256.
    pub(crate) width: u16,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
}

/// Why fetched entries were not taken into the copy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotCopied {
    #[error("bundle {number} is not an entry bundle: {reason}")]
    Malformed { number: u64, reason: String },
    #[error(
        "the entries the log serves do not hash to the root it had cosigned at size {size}: it \
         shows others another history. The bundles are kept in {kept_in}"
    )]
    OtherHistory { size: u64, kept_in: PathBuf },
    #[error("the copy can't be kept")]
    Io(#[from] io::Error),
}

impl Copy {
    /// Opens the copy under the witness's directory.
    pub(crate) fn open(dir: &Path) -> io::Result<Copy> {
        let frontier = match fs::read(dir.join("copied")) {
            Ok(bytes) => {
                let bad = |error: String| io::Error::new(io::ErrorKind::InvalidData, error);
                let kept: Kept =
                    serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
                Frontier::from_hashes(kept.size, kept.frontier)
                    .map_err(|error| bad(error.to_string()))?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Frontier::new(),
            Err(error) => return Err(error),
        };
        Ok(Copy { dir: dir.to_owned(), frontier })
    }

    /// How many entries are copied.
    pub(crate) fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The bundles to fetch to reach `size`: number and width.
    pub(crate) fn missing(&self, size: u64) -> Vec<(u64, u16)> {
        let wide = u64::from(TILE_WIDTH);
        let first = self.size() / wide;
        let full = size / wide;
        let rest = u16::try_from(size % wide).unwrap_or(0);
        let mut bundles: Vec<(u64, u16)> = (first..full).map(|number| (number, TILE_WIDTH)).collect();
        if rest > 0 && size > self.size() {
            bundles.push((full, rest));
        }
        bundles
    }

    /// Takes bundles that lead to a cosigned checkpoint; they are durable when this returns.
    pub(crate) fn take(
        &mut self,
        bundles: &[Fetched],
        size: u64,
        root: hash::Hash,
    ) -> Result<(), NotCopied> {
        let mut frontier = self.frontier.clone();
        for bundle in bundles {
            let malformed =
                |reason: String| NotCopied::Malformed { number: bundle.number, reason };
            let entries = decode_entry_bundle(&bundle.bytes, bundle.width)
                .map_err(|error| malformed(error.to_string()))?;
            let start = bundle.number * u64::from(TILE_WIDTH);
            let known = usize::try_from(frontier.size().saturating_sub(start)).unwrap_or(0);
            for entry in entries.iter().skip(known) {
                frontier.append(hash::leaf(entry));
            }
        }
        if frontier.size() != size || frontier.root() != root {
            let kept_in = self.dir.join("other-history");
            self.write(&kept_in, bundles)?;
            return Err(NotCopied::OtherHistory { size, kept_in });
        }
        self.write(&self.dir.join("entries"), bundles)?;
        let kept = Kept { frontier: frontier.to_hashes().to_vec(), size };
        let json = serde_json::to_vec(&kept).map_err(io::Error::other)?;
        keep(&self.dir, "copied", &json)?;
        self.frontier = frontier;
        Ok(())
    }

    fn write(&self, root: &Path, bundles: &[Fetched]) -> io::Result<()> {
        for bundle in bundles {
            let path = entries_path(bundle.number, bundle.width);
            let file = root.join(path.trim_start_matches("tile/entries/"));
            let (Some(dir), Some(name)) = (file.parent(), file.file_name()) else { continue };
            fs::create_dir_all(dir)?;
            keep(dir, &name.to_string_lossy(), &bundle.bytes)?;
        }
        Ok(())
    }
}
