//! What people ask for while they work on an incident: decisions, tasks, questions, files,
//! checklists, the update clock; and the runbooks and templates that it begins with.

use std::collections::BTreeMap;

use base::{ActId, IncidentId, Line, Name, PersonName, Prose, ServiceName, Severity};

use crate::kinds::incident::{Audience, BlobRef};
use crate::kinds::work::{Currency, DataHarm, Relation, StepOutcome, TaskOutcome};

forms! {
    /// Joins the people who work on an incident.
    Join {
        /// Which incident.
        incident: IncidentId,
        /// Who; whoever asks without.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<PersonName>,
    }
    /// Leaves the people who work on an incident.
    Leave {
        /// Which incident.
        incident: IncidentId,
        /// Who; whoever asks without.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<PersonName>,
    }
    /// Decides something, and says what else was considered.
    Decide {
        /// What was decided.
        decision: Prose,
        /// Which incident.
        incident: IncidentId,
        /// What was considered; at most 8.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        options: Vec<Line>,
    }
    /// Opens a task.
    OpenTask {
        /// Which incident.
        incident: IncidentId,
        /// Who does it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<PersonName>,
        /// What is to be done.
        text: Line,
    }
    /// Gives a task to somebody.
    AssignTask {
        /// Which incident.
        incident: IncidentId,
        /// Who does it.
        owner: PersonName,
        /// Its number in the incident.
        task: u32,
    }
    /// Closes a task.
    CloseTask {
        /// Which incident.
        incident: IncidentId,
        /// How it ended.
        outcome: TaskOutcome,
        /// Its number in the incident.
        task: u32,
    }
    /// Asks a question: did X change Y?
    Ask {
        /// Which incident.
        incident: IncidentId,
        /// Who is asked; anybody without.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<PersonName>,
        /// What.
        text: Prose,
    }
    /// Answers a question.
    AnswerQuestion {
        /// Which incident.
        incident: IncidentId,
        /// Its number in the incident.
        question: u32,
        /// The answer.
        text: Prose,
    }
    /// Names whom to speak to about something.
    NameContact {
        /// About what.
        about: Line,
        /// Which incident.
        incident: IncidentId,
        /// Who, and where they are reached.
        who: Line,
    }
    /// Removes a point of contact.
    RemoveContact {
        /// Its number in the incident.
        contact: u32,
        /// Which incident.
        incident: IncidentId,
    }
    /// Attaches a file, and says where it came from.
    AttachFile {
        /// The file as it is kept: uploaded to this incident before.
        file: BlobRef,
        /// Which incident.
        incident: IncidentId,
        /// Where it came from.
        source: Line,
        /// The sender stands up for that.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        vouched: bool,
    }
    /// Says how an incident relates to another one.
    Relate {
        /// Which incident.
        incident: IncidentId,
        /// How.
        relation: Relation,
        /// To which.
        to: IncidentId,
    }
    /// Starts a checklist from a runbook.
    StartChecklist {
        /// Which incident.
        incident: IncidentId,
        /// Which runbook.
        runbook: Name,
    }
    /// Ticks a step of a checklist.
    TickStep {
        /// The checklist's number in the incident.
        checklist: u32,
        /// Which incident.
        incident: IncidentId,
        /// What became of it.
        outcome: StepOutcome,
        /// The step's number in the checklist, from 1.
        step: u32,
    }
    /// Says how often an audience is told something.
    SetUpdateClock {
        /// Which audience.
        audience: Audience,
        /// How often, in milliseconds: a minute to 30 days; none: no more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        every_ms: Option<u64>,
        /// Which incident.
        incident: IncidentId,
    }
    /// Corrects what an act says; the act stays.
    Correct {
        /// Which act of the incident.
        act: ActId,
        /// Which incident.
        incident: IncidentId,
        /// What is right.
        text: Prose,
    }
    /// Says: I have read it so far.
    CatchUp {
        /// How many acts of the incident, from its first on.
        acts: u64,
        /// Which incident.
        incident: IncidentId,
        /// Who; whoever asks without.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<PersonName>,
    }
    /// Says what an incident did.
    StateImpact {
        /// What it cost, in the currency's smallest unit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost_minor: Option<u64>,
        /// The currency of the cost.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        currency: Option<Currency>,
        /// How many customers were hurt.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        customers: Option<u64>,
        /// What became of data.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<DataHarm>,
        /// Which incident.
        incident: IncidentId,
    }
    /// Erases what is sealed in an incident: its files and, if it is private, its text.
    RedactIncident {
        /// Which incident.
        incident: IncidentId,
    }
    /// Makes a runbook known, or changes it.
    SaveRunbook {
        /// What it is called.
        runbook: Name,
        /// Its steps, in order; 1 to 64.
        steps: Vec<Line>,
        /// What it is for.
        title: Line,
    }
    /// Forgets a runbook.
    RemoveRunbook {
        /// Which.
        runbook: Name,
    }
    /// Makes a template of incidents known, or changes it.
    SaveTemplate {
        /// What is written in it is sealed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        private: bool,
        /// Runbooks whose checklists it begins with; at most 8.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        runbooks: Vec<Name>,
        /// What is affected.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<ServiceName>,
        /// 1 (worst) to 5.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        severity: Option<Severity>,
        /// What it is called.
        template: Name,
        /// What is usually wrong, in a line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<Line>,
        /// How often which audience is told something, in milliseconds.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        update_every_ms: BTreeMap<Audience, u64>,
    }
    /// Forgets a template.
    RemoveTemplate {
        /// Which.
        template: Name,
    }
}
