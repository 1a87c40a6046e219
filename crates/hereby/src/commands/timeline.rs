//! An incident from its acts: read from hereby page by page, and folded here as hereby folds them,
//! so that one that is long over is shown as well as one that is open.

use std::collections::BTreeMap;

use base::{ActId, IncidentId, Prose};
use record::act::Act;
use record::kinds::Body;
use record::sealed::Sealable;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Session, tell, wire};
use crate::exit::{Exit, Failure};

/// The most acts of one incident that are read.
const ACTS_MAX: usize = 100_000;

/// The acts on an incident, in order.
pub(super) struct Timeline {
    pub(super) id: IncidentId,
    /// Each act's place on the record.
    pub(super) indexes: Vec<u64>,
    pub(super) acts: Vec<Act>,
    /// The acts as they came, for `--json`.
    pub(super) items: Vec<Box<RawValue>>,
}

/// An act and its place on the record, as text.
#[derive(Deserialize)]
struct PlacedText<'a> {
    index: u64,
    #[serde(borrow)]
    act: &'a RawValue,
}

impl Session<'_> {
    pub(super) async fn timeline(&self, id: IncidentId) -> Result<Timeline, Failure> {
        let path = format!("/api/v1/incidents/{id}/timeline");
        let items = self.list_of(&path, "after", ACTS_MAX).await?;
        Timeline::of(id, items)
    }
}

impl Timeline {
    /// From the items of the list as they came: long timelines are parsed once.
    fn of(id: IncidentId, items: Vec<Box<RawValue>>) -> Result<Timeline, Failure> {
        let (mut indexes, mut acts) = (Vec::new(), Vec::new());
        for item in &items {
            let placed: PlacedText<'_> =
                serde_json::from_str(item.get()).map_err(|error| wire::unreadable(&error))?;
            indexes.push(placed.index);
            acts.push(wire::act(placed.index, placed.act.get())?);
        }
        Ok(Timeline {
            id,
            indexes,
            acts,
            items,
        })
    }

    /// The incident that these acts make.
    ///
    /// # Errors
    /// When they don't begin with a declaration.
    pub(super) fn incident(&self) -> Result<incident::Incident, Failure> {
        incident::Incident::from_acts(self.id, &self.acts).ok_or_else(|| {
            Failure::new(
                Exit::Internal,
                format!("the acts of {} do not begin with a declaration", self.id),
            )
            .hint("use the hereby that is as new as the one that answers")
        })
    }

    /// Acts by their ids.
    pub(super) fn by_id(&self) -> BTreeMap<ActId, &Act> {
        self.acts.iter().map(|act| (act.id, act)).collect()
    }

    /// Each act with its place on the record.
    pub(super) fn placed(&self) -> impl Iterator<Item = (u64, &Act)> {
        self.indexes.iter().copied().zip(&self.acts)
    }
}

/// What was written in an act that tasks, questions and contacts are known by.
pub(super) fn written(act: Option<&&Act>) -> String {
    match act.map(|act| &act.body) {
        Some(Body::IncidentTaskOpened(body)) => tell::opened(&body.text),
        Some(Body::IncidentAsked(body)) => tell::opened(&body.text),
        Some(Body::IncidentAnswered(body)) => tell::opened(&body.text),
        Some(Body::IncidentContactNamed(body)) => tell::opened(&body.who),
        Some(Body::IncidentFileAttached(body)) => match &body.name {
            Some(name) => tell::opened(name),
            None => "a file".to_owned(),
        },
        // Only acts of these kinds are asked for.
        _ => String::new(),
    }
}

/// Corrections by the act that they correct, in order.
pub(super) fn corrections(acts: &[Act]) -> BTreeMap<ActId, Vec<(&Act, &Sealable<Prose>)>> {
    let mut all: BTreeMap<ActId, Vec<_>> = BTreeMap::new();
    for act in acts {
        if let Body::IncidentCorrected(body) = &act.body {
            all.entry(body.act).or_default().push((act, &body.text));
        }
    }
    all
}

/// The one act with this place on the record, or whose id begins so.
///
/// # Errors
/// When there is none, or several.
pub(super) fn named(timeline: &Timeline, wanted: &str) -> Result<(u64, ActId), Failure> {
    let index: Option<u64> = wanted.parse().ok();
    let by_id = wanted.len() >= 6;
    let mut found = timeline.placed().filter(|(at, act)| {
        Some(*at) == index || (by_id && act.id.to_string().starts_with(wanted))
    });
    let id = timeline.id;
    let entries = format!("see which there are: hereby show {id} --entries");
    match (found.next(), found.next()) {
        (Some((at, act)), None) => Ok((at, act.id)),
        (None, _) => {
            Err(Failure::new(Exit::Refused, format!("{id} has no act {wanted}")).hint(entries))
        }
        (Some(_), Some(_)) => Err(Failure::usage(format!(
            "more than one act of {id} is called {wanted}"
        ))
        .hint(format!("write more digits of its id; {entries}"))),
    }
}

#[cfg(test)]
pub(crate) mod tests;
