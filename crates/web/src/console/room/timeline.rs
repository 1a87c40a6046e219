//! The acts of an incident, newest first, a page at a time.

use base::Timestamp;
use language::Words;
use record::act::Act;

use crate::console::told::{Told, told};
use crate::problem::Problem;
use crate::read::entries_at;
use crate::render;
use crate::site::Site;

/// Acts on a page.
const PAGE: usize = 25;

/// Characters of text on a page: long texts leave room for fewer acts, but for some always.
const TEXT_MAX: usize = 5_000;
const ACTS_MIN: usize = 8;

/// The most acts of one incident whose places are looked up; more are on the record, in the explorer.
pub(super) const INDEXES_MAX: usize = 200_000;

/// Which acts are on a page.
pub(super) struct Part<'a> {
    pub(super) indexes: &'a [u64],
    /// Before which index older ones are.
    pub(super) older: Option<u64>,
}

/// The newest acts before an index, or the newest.
pub(super) fn page(indexes: &[u64], before: Option<u64>) -> Part<'_> {
    let end = match before {
        Some(before) => indexes.partition_point(|index| *index < before),
        None => indexes.len(),
    };
    let shown = indexes
        .get(end.saturating_sub(PAGE)..end)
        .unwrap_or_default();
    let older = (end > PAGE).then(|| shown.first().copied()).flatten();
    Part {
        indexes: shown,
        older,
    }
}

/// The acts at these places, opened if whoever asks may see that.
///
/// # Errors
/// When one can't be read.
pub(crate) fn acts_at(
    site: &Site,
    indexes: &[u64],
    open: bool,
) -> Result<Vec<(u64, Act)>, Problem> {
    let entries = site.engine().entries();
    let (found, _) = entries_at(entries.as_ref(), indexes)?;
    found
        .into_iter()
        .map(|(index, entry)| Ok((index, render::decoded(site, &entry, open)?)))
        .collect()
}

/// The acts in words, newest first, as many as a page holds; and before which index older ones are.
pub(super) fn told_all(
    t: &Words,
    acts: &[(u64, Act)],
    older: Option<u64>,
    now: Timestamp,
) -> (Vec<Told>, Option<u64>) {
    let (mut all, mut text) = (Vec::with_capacity(acts.len()), 0);
    for (index, act) in acts.iter().rev() {
        let told = told(t, *index, act, now);
        text += told.text.chars().count() + told.why.chars().count();
        if text > TEXT_MAX && all.len() >= ACTS_MIN {
            let oldest = all.last().map(|told: &Told| told.index);
            return (all, oldest);
        }
        all.push(told);
    }
    (all, older)
}
