//! A witness's copy of the entries, against ours, entry by entry.
//!
//! Who holds the log's key can rewrite its history and sign it again; what a witness copied before
//! that is then what tells. The copy is C2SP entry bundles under `entries/`.

use std::fs;
use std::path::{Path, PathBuf};

use record::checkpoint::Checkpoint;
use record::note::{NOTE_BYTES_MAX, Note};
use record::tile::{ENTRY_BYTES_MAX, TILE_WIDTH, decode_entry_bundle, entries_path};

use super::{Report, counted};
use crate::durable::{self, FileError};

/// The longest bundle.
const BUNDLE_BYTES_MAX: u64 = 256 * (ENTRY_BYTES_MAX as u64 + 2);

/// Reads the copy along with the walk.
pub(super) struct Witness {
    directory: PathBuf,
    /// The number of the bundle read last, and its entries.
    bundle: Option<(u64, Vec<Vec<u8>>)>,
    /// Entries that were the same.
    pub(super) same: u64,
    /// A difference was found; later ones follow from it.
    differs: bool,
    /// Of which log its checkpoint is.
    origin: Option<String>,
    /// Behind so many entries its epoch ended: what it has there is lost here, and the succession says so.
    ended: Option<u64>,
}

impl Witness {
    pub(super) fn new(directory: &Path) -> Witness {
        let checkpoint =
            durable::read_bounded(&directory.join("checkpoint"), NOTE_BYTES_MAX as u64);
        let note = checkpoint.ok().flatten();
        let note = note.and_then(|text| Note::parse(&text).ok());
        let checkpoint = note.and_then(|note| Checkpoint::parse_text(note.text()).ok());
        let directory = directory.join("entries");
        Witness {
            origin: checkpoint.map(|checkpoint| checkpoint.origin().to_owned()),
            ended: None,
            directory,
            bundle: None,
            same: 0,
            differs: false,
        }
    }

    /// Of which log its checkpoint is.
    pub(super) fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// Compares entry `index`, if the witness has it. `ended`: behind how many its epoch ended, if it did.
    pub(super) fn compare(
        &mut self,
        (index, entry): (u64, &[u8]),
        ended: Option<u64>,
        segment: &Path,
        report: &mut Report,
    ) -> Result<(), FileError> {
        self.ended = self.ended.or(ended);
        if self.differs || self.ended.is_some_and(|ended| index >= ended) {
            return Ok(());
        }
        match self.entry(index, report)? {
            None => {}
            Some(copied) if copied == entry => self.same += 1,
            Some(_) => {
                self.differs = true;
                report.problem(super::Problem {
                    path: segment.to_owned(),
                    line: None,
                    byte: None,
                    entry: Some(index),
                    what: format!(
                        "the witness copied another entry in {}: history was rewritten here or \
                         there",
                        self.directory.display()
                    ),
                });
            }
        }
        Ok(())
    }

    /// The copy goes on behind our last entry.
    pub(super) fn finish(
        &mut self,
        size: u64,
        segment: &Path,
        report: &mut Report,
    ) -> Result<(), FileError> {
        let size = self.ended.unwrap_or(size);
        let has_more = !self.differs && self.entry(size, report)?.is_some();
        if has_more && self.ended.is_some() {
            report.notes.push(format!(
                "the witness also has what stood behind {} and is lost here, as the succession says",
                counted(size, "entry")
            ));
        } else if has_more {
            report.problem(super::Problem {
                path: segment.to_owned(),
                line: None,
                byte: None,
                entry: Some(size),
                what: format!("the record ends here, and the witness has entry {size}"),
            });
        }
        let are = if self.same == 1 { "is" } else { "are" };
        let same = counted(self.same, "entry");
        report
            .notes
            .push(format!("{same} {are} the same as the witness's"));
        Ok(())
    }

    fn entry(&mut self, index: u64, report: &mut Report) -> Result<Option<&[u8]>, FileError> {
        let number = index / u64::from(TILE_WIDTH);
        if self
            .bundle
            .as_ref()
            .is_none_or(|(known, _)| *known != number)
        {
            let entries = self.read(number, report)?;
            self.bundle = Some((number, entries));
        }
        let at = usize::try_from(index % u64::from(TILE_WIDTH)).unwrap_or(usize::MAX);
        let entries = self.bundle.as_ref().map(|(_, entries)| entries);
        Ok(entries
            .and_then(|entries| entries.get(at))
            .map(Vec::as_slice))
    }

    /// The widest bundle with this number; empty if there is none.
    fn read(&self, number: u64, report: &mut Report) -> Result<Vec<Vec<u8>>, FileError> {
        let path = |width| {
            let path = entries_path(number, width);
            self.directory
                .join(path.strip_prefix("tile/entries/").unwrap_or(&path))
        };
        let mut width = TILE_WIDTH;
        let mut bytes = durable::read_bounded(&path(width), BUNDLE_BYTES_MAX)?;
        if bytes.is_none() {
            let mut directory = path(TILE_WIDTH).into_os_string();
            directory.push(".p");
            let names = fs::read_dir(PathBuf::from(directory))
                .into_iter()
                .flatten()
                .flatten();
            let widths = names.filter_map(|name| name.file_name().to_str()?.parse::<u16>().ok());
            let Some(widest) = widths.filter(|width| (1..TILE_WIDTH).contains(width)).max() else {
                return Ok(Vec::new());
            };
            width = widest;
            bytes = durable::read_bounded(&path(width), BUNDLE_BYTES_MAX)?;
        }
        match decode_entry_bundle(&bytes.unwrap_or_default(), width) {
            Ok(entries) => Ok(entries.into_iter().map(<[u8]>::to_vec).collect()),
            Err(error) => {
                report.wrong(
                    &path(width),
                    format!("the witness's copy is damaged: {error}"),
                );
                Ok(Vec::new())
            }
        }
    }
}
