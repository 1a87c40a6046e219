//! When lines stop fitting: damage or a torn tail, and which entry is to blame.

use std::path::Path;

use super::acts::Spot;
use super::walk::{Stop, Walk, problem};
use super::{Problem, Report};
use crate::durable::FileError;
use crate::tail::{self, Stopped};

impl Walk<'_> {
    /// A line that does not fit: damage, or, in the newest segment, a torn tail.
    pub(super) fn stopped(
        &mut self,
        path: &Path,
        next: Option<u64>,
        kept: u64,
        length: u64,
        stop: Stop,
    ) -> Result<(), FileError> {
        if next.is_none() && !self.is_damaged(path, kept, length, Some(&stop.stopped))? {
            return Ok(());
        }
        let spot = Spot {
            path,
            line: stop.line,
            byte: stop.stopped.at,
        };
        self.blame(spot, stop.stopped.why);
        if let Some(next) = next {
            self.leave_out(next);
        }
        Ok(())
    }

    /// Says what is wrong, and with which entry of the unfinished batch if that can be told.
    fn blame(&mut self, spot: Spot<'_>, why: String) {
        let size = self.size();
        let changed = match &mut self.tiles {
            None => None,
            Some(tiles) => (size..).zip(&self.batch).find(|(index, pending)| {
                tiles.leaf(*index).is_some_and(|leaf| leaf != pending.leaf)
            }),
        };
        if let Some((index, pending)) = changed {
            let spot = Spot {
                line: pending.line,
                byte: pending.byte,
                ..spot
            };
            let what = "the entry is not the one whose hash was published";
            self.report.problem(problem(spot, Some(index), what));
        }
        let next = size + self.batch.len() as u64;
        let entry = if self.batch.is_empty() { next } else { size };
        self.suspects
            .drain(..)
            .for_each(|problem| self.report.problem(problem));
        let what = match self.batch.len() {
            0 => why,
            count => format!(
                "{why} (in the batch of entries {size} to {})",
                size + count as u64 - 1
            ),
        };
        // A later entry of the batch is the bad one when that is known.
        let known = changed_or_suspect(self.report, size, next);
        self.wrong(spot, Some(known.unwrap_or(entry)), what);
    }

    /// Entries without the end of their batch at the end of the file.
    pub(super) fn unended(
        &mut self,
        path: &Path,
        next: Option<u64>,
        kept: u64,
        length: u64,
    ) -> Result<(), FileError> {
        let why = "the batch does not end";
        if next.is_none() && !self.is_damaged(path, kept, length, None)? {
            return Ok(());
        }
        let line = self.batch.last().map_or(1, |pending| pending.line);
        self.blame(
            Spot {
                path,
                line,
                byte: kept,
            },
            why.to_owned(),
        );
        if let Some(next) = next {
            self.leave_out(next);
        }
        Ok(())
    }

    /// Whether what stands behind the last whole batch is more than a torn tail.
    fn is_damaged(
        &mut self,
        path: &Path,
        kept: u64,
        length: u64,
        stopped: Option<&Stopped>,
    ) -> Result<bool, FileError> {
        let (size, origin) = match &self.replay {
            Some(replay) => (replay.kept().size(), replay.origin().to_owned()),
            None => return Ok(true),
        };
        let found = tail::judge(path, kept, size, &origin, stopped)?;
        if let Some((at, covered)) = found.claims {
            let spot = Spot {
                path,
                line: 0,
                byte: at,
            };
            let what = format!("a signature covers {covered} entries, and {size} are whole");
            self.report.problem(Problem {
                line: None,
                ..problem(spot, None, what)
            });
            self.cut = true;
            return Ok(true);
        }
        if found.damaged.is_some() || found.odd.is_some() {
            self.cut = true;
            return Ok(true);
        }
        let bytes = length - kept;
        self.report.notes.push(format!(
            "a torn tail: {bytes} bytes behind entry {} of {} are no whole batch and no signature \
             covers them; the next start sets them aside",
            size.saturating_sub(1),
            path.display()
        ));
        Ok(false)
    }
}

/// The lowest entry of the range that a problem names already.
fn changed_or_suspect(report: &Report, from: u64, to: u64) -> Option<u64> {
    let named = report.problems.iter().filter_map(|problem| problem.entry);
    named.filter(|entry| (from..to).contains(entry)).min()
}
