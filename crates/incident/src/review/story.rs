//! An incident as its review needs it: folded once, with every act in its place, what was said to be
//! wrong, and what stands of the findings.

use std::collections::BTreeMap;

use base::ActId;
use record::act::Act;
use record::kinds::Body;
use record::kinds::incident::Stamp;
use record::kinds::review::Section;
use record::sealed::Sealable;

use super::cast::Cast;
use super::document::{Block, Citation, Evidence, Fact, Placed, Saying, Standing};
use super::findings::Findings;
use super::words;
use crate::Incident;

/// What a section says that nobody has written.
const UNWRITTEN: &str = "Nobody has written this yet.";

pub(super) struct Story<'a> {
    pub(super) evidence: &'a Evidence<'a>,
    pub(super) incident: Incident,
    pub(super) cast: Cast,
    pub(super) findings: Findings<'a>,
    places: BTreeMap<ActId, usize>,
    elsewhere: BTreeMap<ActId, u64>,
    corrections: BTreeMap<ActId, Vec<&'a Placed>>,
}

impl<'a> Story<'a> {
    pub(super) fn new(evidence: &'a Evidence<'a>) -> Option<Story<'a>> {
        let acts = evidence.acts;
        let incident = Incident::folded(evidence.id, acts.iter().map(|placed| &placed.act))?;
        let mut corrections: BTreeMap<ActId, Vec<&Placed>> = BTreeMap::new();
        for placed in acts {
            if let Body::IncidentCorrected(corrected) = &placed.act.body {
                corrections.entry(corrected.act).or_default().push(placed);
            }
        }
        let cited = evidence.cited.iter().chain(evidence.done_for);
        Some(Story {
            cast: Cast::of(evidence.all()),
            findings: Findings::of(acts, &incident.review),
            incident,
            places: (0..)
                .zip(acts)
                .map(|(place, it)| (it.act.id, place))
                .collect(),
            elsewhere: cited.map(|it| (it.act.id, it.index)).collect(),
            corrections,
            evidence,
        })
    }

    pub(super) fn acts(&self) -> &'a [Placed] {
        self.evidence.acts
    }

    /// Acts on it, and acts that were done for it, in order.
    pub(super) fn all_acts(&self) -> Vec<&'a Placed> {
        self.evidence.all()
    }

    /// The act of this incident with this id.
    pub(super) fn own(&self, id: &ActId) -> Option<&'a Placed> {
        self.evidence.acts.get(*self.places.get(id)?)
    }

    /// The title of the incident: what was declared.
    pub(super) fn title(&self) -> String {
        let declared = self.acts().first().map(|placed| &placed.act.body);
        let title = match declared {
            Some(Body::IncidentDeclared(declared)) => self.text(&declared.title),
            _ => String::new(),
        };
        format!("{}: {title}", self.evidence.id)
    }

    pub(super) fn made_from(&self) -> String {
        let all = self.all_acts();
        let acts = words::counted(all.len(), "act", "acts");
        let last = all.last().map(|placed| {
            let at = words::second(placed.act.at);
            format!(", the last of them entry {} of {at}", placed.index)
        });
        let now = words::minute(self.evidence.now);
        format!(
            "Made from {acts} on the record{}; seen at {now}.",
            last.unwrap_or_default()
        )
    }

    /// Text as it can be read: what is sealed is not, and what was erased never will be.
    pub(super) fn text<T: std::fmt::Display>(&self, text: &Sealable<T>) -> String {
        match text {
            Sealable::Open(text) => text.to_string(),
            Sealable::Sealed(_) if self.incident.summary.redacted => "(erased)".to_owned(),
            Sealable::Sealed(_) => "(sealed)".to_owned(),
        }
    }

    pub(super) fn cite(&self, act: &ActId) -> Citation {
        let own = self.own(act).map(|placed| placed.index);
        Citation {
            act: *act,
            index: own.or_else(|| self.elsewhere.get(act).copied()),
            own: own.is_some(),
        }
    }

    pub(super) fn fact(&self, text: impl Into<String>, acts: &[ActId]) -> Fact {
        Fact {
            text: text.into(),
            cites: acts.iter().map(|act| self.cite(act)).collect(),
        }
    }

    /// What a person said with an act.
    pub(super) fn saying(&self, act: &Act, text: String, cites: &[ActId]) -> Saying {
        Saying {
            act: self.cite(&act.id),
            at: act.at,
            by: self.cast.actor(&act.actor),
            text,
            cites: cites.iter().map(|act| self.cite(act)).collect(),
            notes: Vec::new(),
            corrections: self.corrections_of(&act.id),
        }
    }

    /// What was said to be wrong with an act. A correction can be corrected in turn; that stands in
    /// the timeline and not here, so that this ends.
    pub(super) fn corrections_of(&self, act: &ActId) -> Vec<Saying> {
        let corrections = self.corrections.get(act).into_iter().flatten();
        let saying = |placed: &&'a Placed| match &placed.act.body {
            Body::IncidentCorrected(corrected) => Some(Saying {
                act: self.cite(&placed.act.id),
                at: placed.act.at,
                by: self.cast.actor(&placed.act.actor),
                text: self.text(&corrected.text),
                cites: Vec::new(),
                notes: Vec::new(),
                corrections: Vec::new(),
            }),
            _ => None,
        };
        corrections.filter_map(saying).collect()
    }

    /// Corrections of what is no act of this incident.
    pub(super) fn corrections_astray(&self) -> impl Iterator<Item = &'a Placed> {
        let astray = self.corrections.iter();
        astray
            .filter(|(act, _)| !self.places.contains_key(act))
            .flat_map(|(_, placed)| placed.iter().copied())
    }

    /// What people wrote in a section, or that nobody did.
    pub(super) fn section(&self, section: Section) -> Vec<Block> {
        let blocks = self.findings.blocks(self, section);
        match blocks.is_empty() {
            true => vec![Block::Missing(UNWRITTEN)],
            false => blocks,
        }
    }

    /// The findings that stand, as they are shown.
    pub(super) fn standing(&self) -> Vec<Standing> {
        self.findings.standing(self)
    }

    /// The acts that said when something happened, oldest first.
    pub(super) fn stamped(&self, stamp: Stamp) -> impl Iterator<Item = &'a Act> {
        let acts = self.acts().iter().map(|placed| &placed.act);
        acts.filter(move |act| match &act.body {
            Body::IncidentTimeStamped(stamped) => stamped.stamp == stamp,
            Body::IncidentDeclared(declared) => {
                stamp == Stamp::ImpactStart && declared.impact_start.is_some()
            }
            _ => false,
        })
    }

    /// The first act that is so.
    pub(super) fn first(&self, is: impl Fn(&Body) -> bool) -> Option<&'a Act> {
        let mut acts = self.acts().iter().map(|placed| &placed.act);
        acts.find(|act| is(&act.body))
    }

    /// The last act that is so.
    pub(super) fn last(&self, is: impl Fn(&Body) -> bool) -> Option<&'a Act> {
        let mut acts = self.acts().iter().map(|placed| &placed.act);
        acts.rfind(|act| is(&act.body))
    }

    /// The act that first set the severity that stands.
    pub(super) fn classified(&self) -> Option<&'a Act> {
        let stands = self.incident.summary.severity;
        self.first(|body| match body {
            Body::IncidentDeclared(declared) => declared.severity == stands,
            Body::IncidentSeverityChanged(changed) => changed.to == stands,
            _ => false,
        })
    }
}
