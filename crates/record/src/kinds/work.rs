//! What people do in an incident beside saying things: decisions, tasks, questions, files,
//! checklists, when the next word is due; and the runbooks and templates it begins with.

use std::collections::BTreeMap;

use base::{ActId, IncidentId, Line, Name, PersonName, Prose, ServiceName, Severity, Timestamp};
use serde::{Deserialize, Serialize};

use super::incident::{Audience, BlobRef};
use super::{SealVisitor, nothing_sealed, words};
use crate::sealed::Sealable;

/// Somebody works on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joined {
    /// Who.
    pub person: PersonName,
}

/// Somebody works on it no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Left {
    /// Who.
    pub person: PersonName,
}

/// Something was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    /// What.
    pub decision: Sealable<Prose>,
    /// What was considered; at most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Sealable<Line>>,
}

/// Something is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskOpened {
    /// Who does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<PersonName>,
    /// Its number in the incident, from 1.
    pub task: u32,
    /// What.
    pub text: Sealable<Line>,
}

/// Somebody does it from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskAssigned {
    /// Who.
    pub owner: PersonName,
    /// Its number in the incident.
    pub task: u32,
    /// Who did until now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<PersonName>,
}

words! {
    /// How a task ended.
    TaskOutcome {
        /// It was done.
        Done = "done",
        /// It need not be done.
        Dropped = "dropped",
    }
    /// What became of a step.
    StepOutcome {
        /// It was done.
        Done = "done",
        /// It was left out, for a reason.
        Skipped = "skipped",
    }
    /// How an incident relates to another.
    Relation {
        /// It is because of the other one.
        CausedBy = "caused_by",
        /// It is the other one, declared twice: kept out of the numbers.
        DuplicateOf = "duplicate_of",
        /// They have to do with each other.
        RelatedTo = "related_to",
    }
    /// What became of data.
    DataHarm {
        /// Some was changed.
        Changed = "changed",
        /// Some was lost.
        Lost = "lost",
        /// None was harmed.
        None = "none",
        /// Some was read by who should not.
        Read = "read",
    }
    /// How sure it is where a file came from.
    Verification {
        /// Somebody vouched for it, with their key.
        Signed = "signed",
        /// Somebody vouched for it.
        Attested = "attested",
        /// Nobody vouched for it.
        UnverifiedSource = "unverified_source",
    }
}

/// A task ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskClosed {
    /// How.
    pub outcome: TaskOutcome,
    /// Its number in the incident.
    pub task: u32,
}

/// Something was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Who was asked; anybody without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonName>,
    /// Its number in the incident, from 1.
    pub question: u32,
    /// What.
    pub text: Sealable<Prose>,
}

/// It was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    /// Its number in the incident.
    pub question: u32,
    /// The answer.
    pub text: Sealable<Prose>,
}

/// Whom to speak to about something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactNamed {
    /// About what.
    pub about: Sealable<Line>,
    /// Its number in the incident, from 1.
    pub contact: u32,
    /// Who, and where they are reached.
    pub who: Sealable<Line>,
}

/// Nobody to speak to about it any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactRemoved {
    /// Its number in the incident.
    pub contact: u32,
}

/// A file belongs to the incident. It is kept encrypted under the incident's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileAttached {
    /// Its length in bytes, as it is kept.
    pub bytes: u64,
    /// What it was called where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Sealable<Line>>,
    /// The SHA-256 of what is kept.
    pub sha256: crate::hash::Hash,
    /// Where it came from.
    pub source: Sealable<Line>,
    /// How sure that is.
    pub verification: Verification,
}

impl FileAttached {
    /// What is kept of it.
    pub fn blob(&self) -> BlobRef {
        BlobRef {
            bytes: self.bytes,
            name: None,
            sha256: self.sha256,
        }
    }
}

/// It has to do with another incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Related {
    /// How.
    pub relation: Relation,
    /// With which.
    pub to: IncidentId,
}

/// People go through these steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChecklistStarted {
    /// Its number in the incident, from 1.
    pub checklist: u32,
    /// The runbook it is from.
    pub runbook: Name,
    /// The steps as they were then; at most 64.
    pub steps: Vec<Line>,
}

/// A step was done, or left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepTicked {
    /// The checklist's number in the incident.
    pub checklist: u32,
    /// What became of it.
    pub outcome: StepOutcome,
    /// The step's number in the checklist, from 1.
    pub step: u32,
}

/// An audience is told something this often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateClockSet {
    /// Which audience.
    pub audience: Audience,
    /// How often, in milliseconds; none: no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_ms: Option<u64>,
}

/// hereby reminded people that an audience waits for word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateOverdue {
    /// Which audience.
    pub audience: Audience,
    /// When it was due.
    pub due_at: Timestamp,
}

/// What an act says is not right. The act stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corrected {
    /// Which act.
    pub act: ActId,
    /// What is right.
    pub text: Sealable<Prose>,
}

/// Somebody has read the incident's first acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaughtUp {
    /// How many.
    pub acts: u64,
    /// Who.
    pub person: PersonName,
}

/// What it did, as far as somebody said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImpactStated {
    /// What it cost, in the currency's smallest unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_minor: Option<u64>,
    /// The currency of the cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// How many customers were hurt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customers: Option<u64>,
    /// What became of data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataHarm>,
}

/// A currency by its code (ISO 4217): three capital letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// Text that is no currency's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a currency is three capital letters (ISO 4217): EUR")]
pub struct BadCurrency;

impl std::str::FromStr for Currency {
    type Err = BadCurrency;
    fn from_str(text: &str) -> Result<Currency, BadCurrency> {
        let code: [u8; 3] = text.as_bytes().try_into().map_err(|_| BadCurrency)?;
        match code.iter().all(u8::is_ascii_uppercase) {
            true => Ok(Currency(code)),
            false => Err(BadCurrency),
        }
    }
}

impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0
            .iter()
            .try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Currency, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What was sealed in it can't be read any more: its key is erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentRedacted {}

/// What people do when something is wrong, step by step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunbookSaved {
    /// The steps, in order; at most 64.
    pub steps: Vec<Line>,
    /// What it is for.
    pub title: Line,
}

/// The runbook is no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunbookRemoved {}

/// What incidents of a kind begin with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateSaved {
    /// What is written in them is sealed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
    /// Runbooks whose checklists they begin with; at most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runbooks: Vec<Name>,
    /// What is affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// How bad they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// What is usually wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Line>,
    /// How often which audience is told something, in milliseconds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub update_every_ms: BTreeMap<Audience, u64>,
}

/// The template is no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateRemoved {}

impl Decided {
    pub(crate) fn visit_sealable(&mut self, visitor: &mut dyn SealVisitor) {
        visitor.prose("body.decision", &mut self.decision);
        for (at, option) in self.options.iter_mut().enumerate() {
            visitor.line(&format!("body.options.{at}"), option);
        }
    }
}

impl TaskOpened {
    pub(crate) fn visit_sealable(&mut self, visitor: &mut dyn SealVisitor) {
        visitor.line("body.text", &mut self.text);
    }
}

impl Asked {
    pub(crate) fn visit_sealable(&mut self, visitor: &mut dyn SealVisitor) {
        visitor.prose("body.text", &mut self.text);
    }
}

impl Answered {
    pub(crate) fn visit_sealable(&mut self, visitor: &mut dyn SealVisitor) {
        visitor.prose("body.text", &mut self.text);
    }
}

impl ContactNamed {
    pub(crate) fn visit_sealable(&mut self, visitor: &mut dyn SealVisitor) {
        visitor.line("body.about", &mut self.about);
        visitor.line("body.who", &mut self.who);
    }
}

impl FileAttached {
    pub(crate) fn visit_sealable(&mut self, visitor: &mut dyn SealVisitor) {
        if let Some(name) = &mut self.name {
            visitor.line("body.name", name);
        }
        visitor.line("body.source", &mut self.source);
    }
}

impl Corrected {
    pub(crate) fn visit_sealable(&mut self, visitor: &mut dyn SealVisitor) {
        visitor.prose("body.text", &mut self.text);
    }
}

nothing_sealed!(
    Joined,
    Left,
    TaskAssigned,
    TaskClosed,
    ContactRemoved,
    Related,
    ChecklistStarted,
    StepTicked,
    UpdateClockSet,
    UpdateOverdue,
    CaughtUp,
    ImpactStated,
    IncidentRedacted,
    RunbookSaved,
    RunbookRemoved,
    TemplateSaved,
    TemplateRemoved
);
