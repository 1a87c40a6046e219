//! What people ask for once it is over: findings, what is published of them, the meeting, and what
//! is still to be done.

use base::{ActId, IncidentId, Line, Name, PersonName, Prose, Timestamp};

use crate::kinds::incident::BlobRef;
use crate::kinds::review::{FollowupOutcome, Reach, ReviewAudience, Section};

forms! {
    /// Says something in the review.
    StateFinding {
        /// The acts that show it; at most 32.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        cites: Vec<ActId>,
        /// Which incident.
        incident: IncidentId,
        /// How far what was learned travels.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reach: Option<Reach>,
        /// What it stands for from now on; at most 16.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        replaces: Vec<ActId>,
        /// Where in the review.
        section: Section,
        /// What.
        text: Prose,
    }
    /// Takes something out of the review.
    WithdrawFinding {
        /// Which: the act that said it.
        finding: ActId,
        /// Which incident.
        incident: IncidentId,
    }
    /// Publishes a review.
    PublishReview {
        /// For whom.
        audience: ReviewAudience,
        /// What is published: uploaded before.
        document: BlobRef,
        /// Which incident.
        incident: IncidentId,
    }
    /// Sets when people meet to follow up, or changes it.
    ScheduleMeeting {
        /// Which incident.
        incident: IncidentId,
        /// How long, in minutes: 5 to 1,440.
        minutes: u32,
        /// Where.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        place: Option<Line>,
        /// From when.
        starts_at: Timestamp,
    }
    /// Calls the meeting off.
    CancelMeeting {
        /// Which incident.
        incident: IncidentId,
    }
    /// Opens a follow-up.
    OpenFollowup {
        /// Until when.
        due_at: Timestamp,
        /// Which incident.
        incident: IncidentId,
        /// Who sees to it.
        owner: PersonName,
        /// What is to be done.
        text: Line,
    }
    /// Gives a follow-up to somebody else, or another date.
    ChangeFollowup {
        /// Until when.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due_at: Option<Timestamp>,
        /// Its number in the incident.
        followup: u32,
        /// Which incident.
        incident: IncidentId,
        /// Who sees to it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<PersonName>,
    }
    /// Closes a follow-up.
    CloseFollowup {
        /// Its number in the incident.
        followup: u32,
        /// Which incident.
        incident: IncidentId,
        /// How it ended.
        outcome: FollowupOutcome,
    }
    /// Says that a ticket is about to be opened for a follow-up, so that others look for it first.
    TryTicket {
        /// Its number in the incident.
        followup: u32,
        /// Which incident.
        incident: IncidentId,
        /// In which tracker.
        tracker: Name,
    }
    /// Says which ticket of a tracker a follow-up is.
    LinkTicket {
        /// Its number in the incident.
        followup: u32,
        /// Which incident.
        incident: IncidentId,
        /// What the tracker calls it.
        ticket: Line,
        /// Which tracker.
        tracker: Name,
        /// Where it is seen.
        url: Line,
    }
}
