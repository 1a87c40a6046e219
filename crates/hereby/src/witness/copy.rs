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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Copy {
    dir: PathBuf,
    /// Entries that hash to a cosigned root.
    settled: Frontier,
    /// The same and those fetched since, on the disk but not yet known to be right.
    staged: Frontier,
    /// Which bundles were fetched since.
    fetched: Vec<(u64, u16)>,
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
         shows others another history. What it served is kept in {}", kept_in.display()
    )]
    OtherHistory { size: u64, kept_in: PathBuf },
    #[error("the copy can't be kept: {0}")]
    Io(#[from] io::Error),
}

impl Copy {
    /// Opens the copy under the witness's directory.
    pub(crate) fn open(dir: &Path) -> io::Result<Copy> {
        let settled = match fs::read(dir.join("copied")) {
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
        Ok(Copy {
            dir: dir.to_owned(),
            staged: settled.clone(),
            settled,
            fetched: Vec::new(),
        })
    }

    /// The bundles to fetch to reach `size`: number and width.
    pub(crate) fn missing(&self, size: u64) -> Vec<(u64, u16)> {
        let wide = u64::from(TILE_WIDTH);
        let (have, full) = (self.staged.size(), size / wide);
        let rest = u16::try_from(size % wide).unwrap_or(0);
        let mut bundles: Vec<(u64, u16)> = (have / wide..full)
            .map(|number| (number, TILE_WIDTH))
            .collect();
        if rest > 0 && size > have {
            bundles.push((full, rest));
        }
        bundles
    }

    /// Keeps bundles that lead on from what is here. Whether they are right shows when they reach
    /// a cosigned size: [`Copy::settle`].
    pub(crate) fn stage(&mut self, bundles: &[Fetched]) -> Result<(), NotCopied> {
        for bundle in bundles {
            let malformed = |reason: String| NotCopied::Malformed {
                number: bundle.number,
                reason,
            };
            let entries = decode_entry_bundle(&bundle.bytes, bundle.width)
                .map_err(|error| malformed(error.to_string()))?;
            let start = bundle.number * u64::from(TILE_WIDTH);
            let known = self.staged.size().checked_sub(start);
            let known = known.and_then(|known| usize::try_from(known).ok());
            let known = known.ok_or_else(|| malformed("one before it is missing".to_owned()))?;
            for entry in entries.iter().skip(known) {
                self.staged.append(hash::leaf(entry));
            }
            let path = entries_path(bundle.number, bundle.width);
            let file = self
                .staging()
                .join(path.trim_start_matches("tile/entries/"));
            if let (Some(dir), Some(name)) = (file.parent(), file.file_name()) {
                fs::create_dir_all(dir)?;
                keep(dir, &name.to_string_lossy(), &bundle.bytes)?;
            }
            self.fetched.push((bundle.number, bundle.width));
        }
        Ok(())
    }

    /// Takes what was staged into the copy if it has the root that was cosigned at this size.
    pub(crate) fn settle(&mut self, size: u64, root: hash::Hash) -> Result<(), NotCopied> {
        if self.staged.size() != size || self.staged.root() != root {
            let kept_in = self.dir.join(format!("other-history-{size}"));
            if !kept_in.exists() {
                fs::rename(self.staging(), &kept_in)?;
            }
            self.staged = self.settled.clone();
            self.fetched.clear();
            return Err(NotCopied::OtherHistory { size, kept_in });
        }
        let entries = self.dir.join("entries");
        move_into(&self.staging(), &entries)?;
        let kept = Kept {
            frontier: self.staged.to_hashes().to_vec(),
            size,
        };
        let json = serde_json::to_vec(&kept).map_err(io::Error::other)?;
        keep(&self.dir, "copied", &json)?;
        self.settled = self.staged.clone();
        for (number, width) in std::mem::take(&mut self.fetched) {
            forget_shorter(&entries, number, width)?;
        }
        Ok(())
    }

    fn staging(&self) -> PathBuf {
        self.dir.join("staging")
    }
}

/// Moves every file below `from` to the same place below `to`.
fn move_into(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for found in fs::read_dir(from)? {
        let found = found?;
        let target = to.join(found.file_name());
        if found.file_type()?.is_dir() {
            move_into(&found.path(), &target)?;
        } else {
            fs::rename(found.path(), &target)?;
        }
    }
    fs::File::open(to)?.sync_all()
}

/// Removes what is held of this bundle in fewer entries: it is all in the longer one.
fn forget_shorter(entries: &Path, number: u64, width: u16) -> io::Result<()> {
    let full = entries_path(number, TILE_WIDTH);
    let mut partials = entries
        .join(full.trim_start_matches("tile/entries/"))
        .into_os_string();
    partials.push(".p");
    let partials = PathBuf::from(partials);
    let files = match fs::read_dir(&partials) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for file in files {
        let file = file?;
        let shorter = file
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u16>().ok());
        if shorter.is_some_and(|shorter| shorter < width) {
            fs::remove_file(file.path())?;
        }
    }
    Ok(())
}
