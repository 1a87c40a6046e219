//! What people ask for in an incident, from its declaration to its end.

use base::{AlertId, IncidentId, Line, Name, PersonName, Prose, ServiceName, Severity, Timestamp};

use super::PageWord;
use crate::kinds::incident::{Audience, BlobRef, Role, Stamp, Status};

forms! {
    /// Declares an incident.
    Declare {
        /// Alerts that belong to it, at most 64.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        alerts: Vec<AlertId>,
        /// Rehearsed, not real.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        drill: bool,
        /// When customers began to be hurt, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        impact_start: Option<Timestamp>,
        /// Seal what is written in it under a key of its own.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        private: bool,
        /// What is affected.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<ServiceName>,
        /// 1 (worst) to 5.
        severity: Severity,
        /// A template whose checklists and update clocks it begins with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        template: Option<Name>,
        /// What is wrong, in a line.
        title: Line,
    }
    /// Says: I saw it, I am on it.
    Acknowledge {
        /// Which incident.
        incident: IncidentId,
    }
    /// Gives somebody a role.
    Assign {
        /// Which incident.
        incident: IncidentId,
        /// Who.
        person: PersonName,
        /// Which role.
        role: Role,
    }
    /// Asks somebody to take a role over.
    HandOver {
        /// Which incident.
        incident: IncidentId,
        /// Which role.
        role: Role,
        /// Who is to have it.
        to: PersonName,
    }
    /// Takes over a role that was offered.
    Accept {
        /// Which incident.
        incident: IncidentId,
        /// Which role.
        role: Role,
    }
    /// Lets somebody leave a role.
    Relieve {
        /// Which incident.
        incident: IncidentId,
        /// Who.
        person: PersonName,
        /// Which role.
        role: Role,
    }
    /// Lets somebody be commander and operations at once, for a reason.
    Waive {
        /// Which incident.
        incident: IncidentId,
        /// Who.
        person: PersonName,
    }
    /// Says when something happened, or that nobody knows.
    StampTime {
        /// When; left out: it is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
        /// Which incident.
        incident: IncidentId,
        /// What.
        stamp: Stamp,
    }
    /// Writes something down.
    Note {
        /// Blobs that belong to it, at most 16; uploaded before.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        blobs: Vec<BlobRef>,
        /// Which incident.
        incident: IncidentId,
        /// What.
        text: Prose,
    }
    /// Tells an audience something.
    Update {
        /// Whom.
        audience: Audience,
        /// Which incident.
        incident: IncidentId,
        /// What it says on the status page; with the audience `public` only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        page: Option<PageWord>,
        /// Moves the status in the same breath.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<Status>,
        /// What.
        text: Prose,
    }
    /// Moves the incident's status.
    SetStatus {
        /// Which incident.
        incident: IncidentId,
        /// Where to; `resolved` has a command of its own.
        status: Status,
    }
    /// Says that it is worse or better than thought.
    SetSeverity {
        /// Which incident.
        incident: IncidentId,
        /// 1 (worst) to 5.
        severity: Severity,
    }
    /// Ends the incident.
    Resolve {
        /// Which incident.
        incident: IncidentId,
        /// How it ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        summary: Option<Prose>,
    }
    /// Opens a resolved incident again.
    Reopen {
        /// Which incident.
        incident: IncidentId,
    }
    /// Says that an alert belongs to an incident.
    Attach {
        /// Which alert.
        alert: AlertId,
        /// Which incident.
        incident: IncidentId,
    }
}
