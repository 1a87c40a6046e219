//! The acts of an incident, newest first, a page at a time.

use std::collections::BTreeMap;

use base::Timestamp;
use language::Words;
use record::act::Act;
use record::kinds::Body;
use record::kinds::incident::Audience;

use crate::console::told::{Told, by_days, told};
use crate::problem::Problem;
use crate::read::entries_at;
use crate::render;
use crate::site::Site;

/// Acts on a page.
const PAGE: usize = 25;

/// Characters of text on a page: long texts leave room for fewer acts, but for some always.
const TEXT_MAX: usize = 5_000;
const ACTS_MIN: usize = 8;

/// Acts that are looked through for what was said last, and how much of it is shown.
const SAID_WITHIN: usize = 300;
const SAID_CHARS: usize = 200;

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

/// What was said last to each audience, and the act that did, if that is among the newest acts.
///
/// # Errors
/// When one can't be read.
pub(super) fn said_last(
    site: &Site,
    indexes: &[u64],
    open: bool,
) -> Result<BTreeMap<Audience, (String, String)>, Problem> {
    let mut said = BTreeMap::new();
    let newest = indexes.get(indexes.len().saturating_sub(SAID_WITHIN)..);
    let (found, _) = entries_at(site.engine().entries().as_ref(), newest.unwrap_or_default())?;
    for (_, entry) in found.iter().rev() {
        let text = std::str::from_utf8(entry).unwrap_or_default();
        if said.len() == 2 || !text.contains("\"kind\":\"incident.updated/") {
            continue;
        }
        let act = render::decoded(site, entry, open)?;
        if let Body::IncidentUpdated(updated) = act.body {
            let text = updated.text.readable().map(ToString::to_string);
            let text = text.unwrap_or_default();
            let short: String = text.chars().take(SAID_CHARS).collect();
            let short = if short.len() < text.len() {
                format!("{short}…")
            } else {
                short
            };
            said.entry(updated.audience)
                .or_insert((act.id.to_string(), short));
        }
    }
    Ok(said)
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
            by_days(&mut all);
            return (all, oldest);
        }
        all.push(told);
    }
    by_days(&mut all);
    (all, older)
}
