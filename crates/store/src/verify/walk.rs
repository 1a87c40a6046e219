//! One pass over every segment, line by line.

use std::path::{Path, PathBuf};

use record::checkpoint::Checkpoint;
use record::hash::{self, Hash};
use record::succession::{FIRST_EPOCH, Tree};

use super::acts::{Acts, LogKeys, Signer, Spot};
use super::blobs::Cited;
use super::checkpoints::Known;
use super::epochs::{Begins, Epochs};
use super::seals::Seals;
use super::signatures::{By, Checker, Job, with_checker};
use super::tiles::Tiles;
use super::witness::Witness;
use super::{Problem, Progress, Report, VerifyOptions, counted};
use crate::archive;
use crate::catalog::{Listed, Place, Stub};
use crate::durable::FileError;
use crate::layout::Paths;
use crate::lines::{self, Lines};
use crate::replay::Replay;
use crate::segment::{self, Header, Line, Signed};
use crate::tail::Stopped;

/// How often progress is told, in entries.
const PROGRESS_EVERY: u64 = 16_384;

/// What the walk has found.
pub(super) struct Walked {
    pub(super) origin: Option<String>,
    pub(super) keys: LogKeys,
    /// Epochs that ended.
    pub(super) epochs: Epochs,
    pub(super) size: u64,
    /// The newest segment is damaged behind these entries.
    pub(super) cut: bool,
    /// Some entries were not at hand, or can't be read.
    pub(super) gap: bool,
    /// The blobs that belong to the entries.
    pub(super) cited: Cited,
}

/// An entry of the batch that has not ended yet.
pub(super) struct Pending {
    pub(super) leaf: Hash,
    pub(super) line: u64,
    pub(super) byte: u64,
}

pub(super) struct Walk<'a> {
    pub(super) report: &'a mut Report,
    known: &'a mut Known,
    checker: &'a mut Checker,
    progress: &'a mut dyn FnMut(Progress),
    done: Progress,
    acts: Acts,
    pub(super) tiles: Option<Tiles>,
    witness: Option<Witness>,
    pub(super) replay: Option<Replay>,
    pub(super) batch: Vec<Pending>,
    /// What is wrong with entries of that batch: a torn one is judged as a whole.
    pub(super) suspects: Vec<Problem>,
    /// The newest segment is damaged: what would come behind is known to be missing.
    pub(super) cut: bool,
    /// Signatures by keys that entries name which are not at hand.
    unsure: u64,
    /// What to do about those.
    next_for_keys: &'static str,
}

/// Where reading a segment stopped before its end.
pub(super) struct Stop {
    pub(super) line: u64,
    pub(super) stopped: Stopped,
}

pub(super) fn walk(
    paths: &Paths,
    options: &VerifyOptions,
    listed: &[Listed],
    known: &mut Known,
    report: &mut Report,
    progress: &mut dyn FnMut(Progress),
) -> Result<Walked, FileError> {
    let mut acts = Acts::default();
    acts.seals = Seals::new(options.keystore.clone());
    if let Some(pinned) = &options.vkey {
        acts.keys.pin(pinned.clone());
    }
    acts.epochs.pin(options.root.as_ref());
    let written = |listed: &Listed| lines::written_bytes(&listed.open().ok()??).ok();
    let bytes_total = listed.iter().filter_map(written).sum();
    let tiles = Some(Tiles::new(paths, report)?);
    let witness = options.witness.as_deref().map(Witness::new);
    let (walked, problems) = with_checker(|checker| {
        let mut walk = Walk {
            report,
            known,
            checker,
            progress,
            done: Progress {
                entries: 0,
                bytes: 0,
                bytes_total,
            },
            acts,
            tiles,
            witness,
            replay: None,
            batch: Vec::new(),
            suspects: Vec::new(),
            cut: false,
            unsure: 0,
            next_for_keys: next_for_keys(options),
        };
        walk.segments(listed)?;
        walk.finish(listed)
    });
    problems
        .into_iter()
        .for_each(|problem| report.problem(problem));
    walked
}

/// How signatures can be checked by keys that entries name which are not at hand.
pub(super) fn next_for_keys(options: &VerifyOptions) -> &'static str {
    match options.vkey {
        Some(_) => "name the archive (--archive DIR)",
        None => "name the archive (--archive DIR) or the key (--vkey)",
    }
}

impl Walk<'_> {
    fn segments(&mut self, listed: &[Listed]) -> Result<(), FileError> {
        for (at, segment) in listed.iter().enumerate() {
            let next = listed.get(at + 1).map(|next| next.first);
            if let Place::Archived(stub, found) = &segment.place {
                match found {
                    Some(path) => self.check_archived(stub, path)?,
                    None => {
                        self.archived(stub);
                        continue;
                    }
                }
            }
            let Some(path) = segment.path() else { continue };
            self.segment(path, segment.first, next)?;
            self.check_end(path, next);
        }
        Ok(())
    }

    pub(super) fn wrong(&mut self, spot: Spot<'_>, entry: Option<u64>, what: impl Into<String>) {
        self.report.problem(problem(spot, entry, what));
    }

    /// Where the entries end that were checked.
    pub(super) fn size(&self) -> u64 {
        self.replay
            .as_ref()
            .map_or(0, |replay| replay.kept().size())
    }

    /// The archived file must be the one that went.
    fn check_archived(&mut self, stub: &Stub, path: &Path) -> Result<(), FileError> {
        if archive::digest(path)? != stub.sha256 {
            self.report.wrong(
                path,
                "the archived segment is not the one that was archived",
            );
        }
        Ok(())
    }

    /// A segment is not at hand: its root is believed, and held against what follows.
    fn archived(&mut self, stub: &Stub) {
        self.report.notes.push(format!(
            "entries {} to {} are archived in {} and were not checked; name the directory to check \
             them",
            stub.first,
            stub.size.saturating_sub(1),
            stub.to
        ));
        self.leave_out(stub.size);
    }

    /// Goes on behind entries that could not be checked. What the tiles have for them is held
    /// against the next frontier.
    pub(super) fn leave_out(&mut self, size: u64) {
        self.acts.gap = true;
        self.acts.keys.lose(size);
        self.replay = None;
        self.known.skip_to(size);
        while let Some(tiles) = self.tiles.as_mut().filter(|tiles| tiles.size() < size) {
            let leaf = tiles.leaf(tiles.size());
            let appended = leaf.map(|leaf| tiles.append(leaf, self.report));
            if !matches!(appended, Some(Ok(()))) {
                self.report.notes.push(format!(
                    "tiles behind entry {} were not checked",
                    tiles.size()
                ));
                self.tiles = None;
            }
        }
    }

    /// Reads one segment.
    fn segment(&mut self, path: &Path, first: u64, next: Option<u64>) -> Result<(), FileError> {
        let file = std::fs::File::open(path).map_err(FileError::new("open", path))?;
        let length = lines::written_bytes(&file).map_err(FileError::new("read", path))?;
        let mut lines = Lines::new(file, 0, length).map_err(FileError::new("read", path))?;
        let spot = Spot {
            path,
            line: 1,
            byte: 0,
        };
        let header = match lines.next().map_err(FileError::new("read", path))? {
            Some(line) if line.ended => segment::parse(line.bytes).map_err(|bad| bad.to_string()),
            _ => Err("it has no header".to_owned()),
        };
        let header = match header {
            Ok(Line::Header(header)) => header,
            Ok(_) => return self.no_header(spot, first, next, length, "it has no header"),
            Err(what) => return self.no_header(spot, first, next, length, &what),
        };
        if !self.begin(&header, first, spot) {
            return Ok(());
        }
        let mut kept = lines.offset();
        let stop = self.lines(&mut lines, path, &mut kept)?;
        self.done.bytes += length;
        if let Some(stop) = stop {
            self.stopped(path, next, kept, length, stop)?;
        } else if kept < length {
            self.unended(path, next, kept, length)?;
        }
        self.batch.clear();
        self.suspects.clear();
        if let Some(replay) = &mut self.replay {
            replay.drop_unfinished();
        }
        Ok(())
    }

    /// The newest segment may have been in the making when the process ended.
    fn no_header(
        &mut self,
        spot: Spot<'_>,
        first: u64,
        next: Option<u64>,
        length: u64,
        what: &str,
    ) -> Result<(), FileError> {
        let header = crate::scan::read_header(spot.path);
        if next.is_none() && matches!(header, Ok(None)) && first == self.size() {
            self.report.notes.push(format!(
                "{} was being made when the process ended ({length} bytes); the next start makes \
                 it again",
                spot.path.display()
            ));
            return Ok(());
        }
        self.wrong(spot, Some(first), what);
        if let Some(next) = next {
            self.leave_out(next);
        }
        Ok(())
    }

    /// Checks a header against what is before it; says whether the segment can be read on.
    fn begin(&mut self, header: &Header, first: u64, spot: Spot<'_>) -> bool {
        if header.first != first {
            self.wrong(
                spot,
                Some(first),
                format!("it says it begins at entry {}", header.first),
            );
            return false;
        }
        let known = self.report.origin.replace(header.origin.clone());
        let other = known.filter(|known| *known != header.origin);
        if let Some(replay) = &mut self.replay {
            let (before, root) = (replay.epoch(), replay.root());
            match replay.header(header) {
                Ok(()) if replay.epoch() > before => {
                    self.acts.begins = Some(Begins {
                        epoch: header.epoch,
                        from: other,
                        kept: Tree { root, size: first },
                        origin: header.origin.clone(),
                    })
                }
                Ok(()) => {}
                Err(mismatch) => {
                    self.wrong(spot, Some(first), mismatch.to_string());
                    self.leave_out(header.first);
                }
            }
        } else if let Some(other) = other {
            // How it came to another name may stand in entries that are not at hand.
            self.report.notes.push(format!(
                "before entry {first} the log {other} went on as {}: see whether that is said to be proven",
                header.origin
            ));
            self.acts.keys.lose(first);
        } else if first > 0 && !self.acts.gap {
            self.wrong(spot, Some(0), "the segments before it are missing");
            self.leave_out(header.first);
        }
        if self.replay.is_none() {
            if let Some(tiles) = &self.tiles
                && !tiles.frontier_is(&header.frontier)
            {
                let what = "its frontier is not that of the tiles: one of them has changed";
                self.wrong(spot, Some(first), what);
                self.tiles = None;
            }
            self.replay = Replay::from_header(header);
            if let Some(replay) = &self.replay
                && header.epoch > FIRST_EPOCH
            {
                self.acts.may_begin = Some(Begins {
                    epoch: header.epoch,
                    from: None,
                    kept: Tree {
                        root: replay.root(),
                        size: first,
                    },
                    origin: header.origin.clone(),
                });
            }
            if let Some(replay) = self.replay.as_ref().filter(|_| self.known.wants(first)) {
                self.known.reached(first, replay.root());
            }
        }
        self.replay.is_some()
    }

    /// Reads the lines behind the header. `kept` is where the last whole batch ends.
    fn lines(
        &mut self,
        lines: &mut Lines,
        path: &Path,
        kept: &mut u64,
    ) -> Result<Option<Stop>, FileError> {
        let mut number = 1;
        while let Some(raw) = lines.next().map_err(FileError::new("read", path))? {
            number += 1;
            let (at, end) = (raw.at, raw.at + raw.bytes.len() as u64 + 1);
            let spot = Spot {
                path,
                line: number,
                byte: at,
            };
            let stop = |why: String, cut| {
                Ok(Some(Stop {
                    line: number,
                    stopped: Stopped { at, why, cut },
                }))
            };
            if !raw.ended {
                return stop("the file ends within a line".to_owned(), true);
            }
            let line = match segment::parse(raw.bytes) {
                Ok(line) => line,
                Err(error) => return stop(error.to_string(), false),
            };
            let ends = matches!(line, Line::Batch(_));
            let fits = match line {
                Line::Entry(entry) => {
                    self.entry(entry, spot)?;
                    continue;
                }
                Line::Batch(batch) => self.replay_mut().map_or(Ok(()), |replay| {
                    replay
                        .batch(&batch)
                        .map_err(|mismatch| mismatch.to_string())
                }),
                Line::Signed(signed) => self.signed(&signed, spot),
                Line::Header(_) => Err("a second header stands in the segment".to_owned()),
            };
            if let Err(why) = fits {
                return stop(why, false);
            }
            if ends {
                self.batch_ended()?;
            }
            *kept = end;
        }
        Ok(None)
    }

    fn replay_mut(&mut self) -> Option<&mut Replay> {
        self.replay.as_mut()
    }

    fn entry(&mut self, entry: &[u8], spot: Spot<'_>) -> Result<(), FileError> {
        let Some(replay) = &mut self.replay else {
            return Ok(());
        };
        let (index, leaf) = (replay.next_index(), hash::leaf(entry));
        replay.entry(leaf);
        self.batch.push(Pending {
            leaf,
            line: spot.line,
            byte: spot.byte,
        });
        if self.known.wants(index + 1) {
            let root = replay.ahead_root();
            self.known.reached(index + 1, root);
        }
        let judged = self.acts.entry(index, entry, spot, self.checker);
        let judged = judged.map_err(FileError::new("use a temporary file beside", spot.path))?;
        if let Err(what) = judged {
            self.suspects.push(problem(spot, Some(index), what));
        }
        if let Some(witness) = &mut self.witness {
            let ended = self.acts.epochs.end_of(witness.origin());
            witness.compare((index, entry), ended, spot.path, self.report)?;
        }
        Ok(())
    }

    fn batch_ended(&mut self) -> Result<(), FileError> {
        let size = self.size();
        self.acts.keys.batch(size);
        let entries = self.batch.len() as u64;
        for pending in self.batch.drain(..) {
            if let Some(tiles) = &mut self.tiles {
                tiles.append(pending.leaf, self.report)?;
            }
        }
        self.suspects
            .drain(..)
            .for_each(|problem| self.report.problem(problem));
        let before = self.done.entries;
        self.done.entries += entries;
        if before / PROGRESS_EVERY != self.done.entries / PROGRESS_EVERY {
            (self.progress)(self.done);
        }
        Ok(())
    }

    /// A signature line: the key is checked here, the signature on another thread.
    fn signed(&mut self, signed: &Signed, spot: Spot<'_>) -> Result<(), String> {
        let Some(replay) = &mut self.replay else {
            return Ok(());
        };
        replay
            .signed(signed)
            .map_err(|mismatch| mismatch.to_string())?;
        let text = Checkpoint::new(replay.origin(), signed.size, replay.root());
        let text = text.map_err(|error| error.to_string())?.to_text();
        let key = match self.acts.keys.signer(&signed.key, signed.size) {
            Signer::Known(key) => key,
            Signer::NotAtHand => {
                self.unsure += 1;
                return Ok(());
            }
            Signer::Stranger => {
                let what = "signs, and is not the log's at that place";
                // Whoever pinned a key that nothing here leads back to needs what is missing.
                let next = match self.acts.keys.misses_some() {
                    true => "; entries that are not at hand may name it: --archive DIR",
                    false => "",
                };
                return Err(format!("the key {} {what}{next}", signed.key));
            }
        };
        self.report.signatures += 1;
        self.checker.check(Job {
            by: By::Log(key.clone()),
            message: text.into_bytes(),
            signature: signed.signature.to_vec(),
            path: spot.path.to_owned(),
            line: spot.line,
            byte: spot.byte,
            entry: None,
            what: format!(
                "the log's signature over {} is not valid",
                counted(signed.size, "entry")
            ),
        });
        Ok(())
    }

    /// A closed segment ends with a signature, where the next begins.
    fn check_end(&mut self, path: &Path, next: Option<u64>) {
        let Some(replay) = &self.replay else { return };
        let (size, signed) = (replay.kept().size(), replay.is_signed());
        match next {
            Some(next) if size != next => {
                let what = format!("it ends at {size} entries, and the next begins at {next}");
                self.report.wrong(path, what);
                self.leave_out(next);
            }
            // Whether it may be unsigned, because another epoch begins behind it, the next header says.
            None if !signed => self
                .report
                .notes
                .push("the last batch has no signature; the next start signs it".to_owned()),
            Some(_) | None => {}
        }
    }

    fn finish(mut self, listed: &[Listed]) -> Result<Walked, FileError> {
        let size = self.size();
        let last = listed
            .last()
            .and_then(Listed::path)
            .map_or_else(PathBuf::new, Path::to_owned);
        self.report.entries = size;
        self.report.checked = self.done.entries;
        if let Some(replay) = &self.replay {
            self.report.root = replay.root();
        }
        if size == 0 && self.known.wants(0) {
            self.known.reached(0, hash::EMPTY_ROOT);
        }
        match self.tiles.take() {
            Some(tiles) if !self.cut => tiles.finish(self.report)?,
            Some(_) | None => {}
        }
        if let Some(mut witness) = self.witness.take() {
            witness.finish(size, &last, self.report)?;
        }
        let Acts {
            keys,
            epochs,
            ids,
            cited,
            seals,
            sealed,
            unknown,
            gap,
            ..
        } = self.acts;
        let repeated = ids
            .repeated()
            .map_err(FileError::new("use a temporary file beside", &last))?;
        for (later, earlier) in repeated {
            self.report.problem(Problem {
                path: last.clone(),
                line: None,
                byte: None,
                entry: Some(later),
                what: format!("the act's id is that of entry {earlier} as well"),
            });
        }
        seals.finish(self.report);
        epochs.say(self.report);
        let unchecked = [
            (sealed, "what the author has signed is sealed"),
            (
                unknown,
                "archived entries enrolled the author's key (--archive DIR)",
            ),
            (self.unsure, self.next_for_keys),
        ];
        for (count, why) in unchecked.into_iter().filter(|(count, _)| *count > 0) {
            let count = counted(count, "signature");
            let note = format!("{count} could not be checked: {why}");
            self.report.notes.push(note);
        }
        self.report.vkeys = keys.all().iter().map(ToString::to_string).collect();
        (self.progress)(self.done);
        Ok(Walked {
            origin: self.report.origin.clone(),
            keys,
            epochs,
            size,
            cut: self.cut,
            gap,
            cited,
        })
    }
}

pub(super) fn problem(spot: Spot<'_>, entry: Option<u64>, what: impl Into<String>) -> Problem {
    Problem {
        path: spot.path.to_owned(),
        line: Some(spot.line),
        byte: Some(spot.byte),
        entry,
        what: what.into(),
    }
}
