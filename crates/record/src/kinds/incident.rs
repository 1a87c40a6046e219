//! What happens in an incident, from its declaration to its end.

use base::{AlertId, IncidentId, Line, Name, PersonName, Prose, ServiceName, Severity, Timestamp};
use serde::{Deserialize, Serialize};

use super::directory::Dependency;
use super::page::PublicWord;
use super::{SealVisitor, nothing_sealed};
use crate::sealed::Sealable;

/// Somebody said: I hereby declare this an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// Rehearsed, not real: shown as a drill everywhere and kept out of the numbers.
    #[serde(default, skip_serializing_if = "is_false")]
    pub drill: bool,
    /// When customers began to be hurt, as far as the declarer knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact_start: Option<Timestamp>,
    /// Free text of this incident is sealed under its own key.
    #[serde(default, skip_serializing_if = "is_false")]
    pub private: bool,
    /// What is affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// How bad it is.
    pub severity: Severity,
    /// How things were around it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surroundings: Option<Surroundings>,
    /// The template it began with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Name>,
    /// What is wrong, in a line.
    pub title: Sealable<Line>,
}

/// How things were when an incident was declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surroundings {
    /// This machine's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockSeen>,
    /// What the affected service needs; at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<DependencySeen>,
}

/// How sure a clock was of the time, as the kernel has it (adjtimex(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockSeen {
    /// The most it is wrong by, in milliseconds, if it is synchronised.
    pub max_error_ms: u64,
    /// Whether something keeps it synchronised.
    pub synchronised: bool,
}

/// How something that a service needs was, as far as hereby knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DependencySeen {
    /// Alerts that fired for it.
    pub alerts: u32,
    /// What it is, and what the service does without it.
    pub dependency: Dependency,
    /// The oldest incident that was open on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
}

/// Somebody saw the declaration and is on it; reminders stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledged {}

/// A role in an incident (incident command practice).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Assigns and decides; never operates.
    Commander,
    /// Changes systems. There may be several.
    Operations,
    /// Says what is said, to insiders and the public.
    Communications,
    /// Tickets, shifts, what comes next.
    Planning,
}

impl Role {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Commander => "commander",
            Role::Operations => "operations",
            Role::Communications => "communications",
            Role::Planning => "planning",
        }
    }
}

/// The commander (or the declarer) gave somebody a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assigned {
    /// Who has the role now.
    pub person: PersonName,
    /// Who had it until now, where only one can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<PersonName>,
    /// The role.
    pub role: Role,
}

/// Somebody who has a role asks somebody else to take it over. They have it until it is accepted,
/// which is an [`Assigned`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandoverOffered {
    /// Who has the role.
    pub from: PersonName,
    /// The role.
    pub role: Role,
    /// Who is to have it.
    pub to: PersonName,
}

/// Somebody has a role no more, and nobody took it over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relieved {
    /// Who had it.
    pub person: PersonName,
    /// The role.
    pub role: Role,
}

/// Somebody may be commander and operations of this incident at once, and speak to the public beside
/// it, for the reason given: there is nobody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waived {
    /// Who.
    pub person: PersonName,
}

/// A time of an incident that somebody has to say. When it was declared, acknowledged and resolved
/// follows from the acts that did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stamp {
    /// Customers began to be hurt.
    ImpactStart,
    /// Something or somebody noticed.
    Detected,
    /// The cause was known.
    Diagnosed,
    /// Customers were hurt no more.
    Mitigated,
}

impl Stamp {
    /// Every stamp, in the order in which they usually come.
    pub const ALL: [Stamp; 4] = [
        Stamp::ImpactStart,
        Stamp::Detected,
        Stamp::Diagnosed,
        Stamp::Mitigated,
    ];
}

/// Somebody said when something happened, or that nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeStamped {
    /// When; none: it is not known after all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// What.
    pub stamp: Stamp,
    /// What was said before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<Timestamp>,
}

/// Something worth remembering.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noted {
    /// Digests of blobs that belong to the note (SHA-256, hexadecimal), at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<BlobRef>,
    /// The note.
    pub text: Sealable<Prose>,
}

/// A blob cited by an act: content-addressed, kept beside the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobRef {
    /// Its length in bytes.
    pub bytes: u64,
    /// What it was called where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Line>,
    /// Its SHA-256.
    pub sha256: crate::hash::Hash,
}

/// Who an update is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// The organisation's own people.
    Insiders,
    /// Everyone.
    Public,
}

/// Something was said to an audience.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Updated {
    /// To whom.
    pub audience: Audience,
    /// What it says on the status page; with the audience `public` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<PublicWord>,
    /// What was said.
    pub text: Sealable<Prose>,
}

/// How far the incident is (the words of the Statuspage v2 API).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The cause is being looked for.
    Investigating,
    /// The cause is known.
    Identified,
    /// A fix is in place and being watched.
    Monitoring,
    /// It is over.
    Resolved,
}

/// The incident moved on. To resolve or reopen is an act of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusChanged {
    /// Where it was.
    pub from: Status,
    /// Where it is.
    pub to: Status,
}

/// It turned out better or worse than declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeverityChanged {
    /// What it was.
    pub from: Severity,
    /// What it is.
    pub to: Severity,
}

/// It is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolved {
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Sealable<Prose>>,
}

/// It was not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reopened {}

/// hereby reminded people of a declaration nobody has acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reminded {
    /// Which reminder it is, from 1.
    pub count: u32,
    /// When the next one is due if nobody acknowledges; none after the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
}

/// An alert belongs to this incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertAttached {
    /// Which alert.
    pub alert: AlertId,
    /// The incident it was attached to before, if a person moved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<IncidentId>,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Declared {
    pub(crate) fn visit_sealable(&mut self, visitor: &mut dyn SealVisitor) {
        visitor.line("body.title", &mut self.title);
    }
}

impl Noted {
    pub(crate) fn visit_sealable(&mut self, visitor: &mut dyn SealVisitor) {
        visitor.prose("body.text", &mut self.text);
    }
}

impl Updated {
    pub(crate) fn visit_sealable(&mut self, visitor: &mut dyn SealVisitor) {
        // What the public was told is no secret.
        if self.audience == Audience::Insiders {
            visitor.prose("body.text", &mut self.text);
        }
    }
}

impl Resolved {
    pub(crate) fn visit_sealable(&mut self, visitor: &mut dyn SealVisitor) {
        if let Some(summary) = &mut self.summary {
            visitor.prose("body.summary", summary);
        }
    }
}

nothing_sealed!(
    Acknowledged,
    Assigned,
    StatusChanged,
    SeverityChanged,
    Reopened,
    Reminded,
    AlertAttached,
    HandoverOffered,
    Relieved,
    TimeStamped,
    Waived
);
