//! What is said of an incident once it is over, what is published of it, and what is still to be
//! done.

use base::{ActId, Line, Name, PersonName, Prose, Timestamp};
use serde::{Deserialize, Serialize};

use super::incident::BlobRef;
use super::{SealVisitor, nothing_sealed, words};
use crate::sealed::Sealable;

words! {
    /// A part of the review that people write.
    Section {
        /// What happened, in a few sentences.
        Abstract = "abstract",
        /// What was wrong.
        Problem = "problem",
        /// What it did to whom.
        Impact = "impact",
        /// What contributed to it: there is no single root cause.
        ContributingFactor = "contributing_factor",
        /// How it could have been detected sooner.
        SoonerDetection = "sooner_detection",
        /// What worked, and why it usually works.
        Worked = "worked",
        /// Near misses, and failures that were absorbed.
        NearMiss = "near_miss",
        /// What was learned.
        Learned = "learned",
        /// For customers: what happened, in their terms.
        CustomersWhat = "customers_what",
        /// For customers: what about their data.
        CustomersData = "customers_data",
        /// For customers: what is done about it.
        CustomersActions = "customers_actions",
        /// For customers: when the next word comes.
        CustomersNext = "customers_next",
        /// For executives: what may still happen.
        ResidualRisk = "residual_risk",
    }
    /// How far what was learned travels.
    Reach {
        /// The team's own work.
        Team = "team",
        /// The whole organisation.
        Organisation = "organisation",
        /// Everyone who runs such things.
        Everyone = "everyone",
    }
    /// Whom a review is for.
    ReviewAudience {
        /// Those who were there, and their colleagues.
        Internal = "internal",
        /// Those who were hurt.
        Customers = "customers",
        /// Those who answer for it.
        Executive = "executive",
    }
    /// How a follow-up ended.
    FollowupOutcome {
        /// It was done.
        Done = "done",
        /// It will not be done, for a reason.
        Dropped = "dropped",
    }
}

/// Somebody said something in the review. It stands until another finding replaces it or it is
/// withdrawn; two that replace the same one both stand, until somebody settles it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindingStated {
    /// The acts that show it; at most 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cites: Vec<ActId>,
    /// How far what was learned travels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
    /// What it stands for from now on; at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<ActId>,
    /// Where in the review.
    pub section: Section,
    /// What.
    pub text: Sealable<Prose>,
}

/// Somebody took something out of the review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindingWithdrawn {
    /// Which: the act that said it.
    pub finding: ActId,
}

/// A review was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewPublished {
    /// For whom.
    pub audience: ReviewAudience,
    /// What was published.
    pub document: BlobRef,
}

/// People meet to follow up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeetingScheduled {
    /// How long, in minutes.
    pub minutes: u32,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Sealable<Line>>,
    /// How often it was changed: iCalendar's `SEQUENCE`.
    pub sequence: u32,
    /// From when.
    pub starts_at: Timestamp,
}

/// They don't.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeetingCancelled {
    /// How often it was changed: iCalendar's `SEQUENCE`.
    pub sequence: u32,
}

/// Something is to be done after the incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FollowupOpened {
    /// Until when.
    pub due_at: Timestamp,
    /// Its number in the incident, from 1.
    pub followup: u32,
    /// Who sees to it.
    pub owner: PersonName,
    /// What.
    pub text: Sealable<Line>,
}

/// Somebody else sees to it, or until another day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FollowupChanged {
    /// Until when from now on.
    pub due_at: Timestamp,
    /// Its number in the incident.
    pub followup: u32,
    /// Who from now on.
    pub owner: PersonName,
}

/// A follow-up ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FollowupClosed {
    /// Its number in the incident.
    pub followup: u32,
    /// How.
    pub outcome: FollowupOutcome,
}

/// hereby reminded its owner that a follow-up is overdue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FollowupReminded {
    /// Which reminder it is, from 1.
    pub count: u32,
    /// Its number in the incident.
    pub followup: u32,
    /// When the next one comes.
    pub next_at: Timestamp,
}

/// Somebody is about to open a ticket for a follow-up. Whether it was opened is not known until a
/// [`TicketLinked`] says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TicketTried {
    /// Its number in the incident.
    pub followup: u32,
    /// In which tracker.
    pub tracker: Name,
}

/// A follow-up is a ticket of a tracker as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TicketLinked {
    /// Its number in the incident.
    pub followup: u32,
    /// What the tracker calls it.
    pub ticket: Line,
    /// Which tracker.
    pub tracker: Name,
    /// Where it is seen.
    pub url: Line,
}

impl FindingStated {
    pub(crate) fn visit_sealable(&mut self, visitor: &mut dyn SealVisitor) {
        visitor.prose("body.text", &mut self.text);
    }
}

impl MeetingScheduled {
    pub(crate) fn visit_sealable(&mut self, visitor: &mut dyn SealVisitor) {
        if let Some(place) = &mut self.place {
            visitor.line("body.place", place);
        }
    }
}

impl FollowupOpened {
    pub(crate) fn visit_sealable(&mut self, visitor: &mut dyn SealVisitor) {
        visitor.line("body.text", &mut self.text);
    }
}

nothing_sealed!(
    FindingWithdrawn,
    ReviewPublished,
    MeetingCancelled,
    FollowupChanged,
    FollowupClosed,
    FollowupReminded,
    TicketTried,
    TicketLinked
);
