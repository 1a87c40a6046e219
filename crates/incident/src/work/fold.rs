//! What is kept of the work in an incident: what decisions need. What was written is read from the
//! record.

use std::collections::BTreeMap;

use base::{ActId, PersonName, Timestamp};
use record::act::Act;
use record::hash::Hash;
use record::kinds::Body;
use record::kinds::incident::Audience;
use record::kinds::work::{StepOutcome, TaskOutcome};
use serde::{Deserialize, Serialize};

/// What people do in one incident.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Tasks by number.
    pub tasks: BTreeMap<u32, Task>,
    /// Questions by number, with the act that answered.
    pub questions: BTreeMap<u32, Question>,
    /// Points of contact that stand, with the act that named them.
    pub contacts: BTreeMap<u32, ActId>,
    /// How many points of contact were ever named.
    pub contacts_named: u32,
    /// Checklists by number.
    pub checklists: BTreeMap<u32, Checklist>,
    /// Files, with the act that attached them.
    pub files: BTreeMap<Hash, ActId>,
    /// When which audience is told something.
    pub clocks: BTreeMap<Audience, UpdateClock>,
    /// How many of the incident's acts people said they have read.
    pub read: BTreeMap<PersonName, u64>,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The act that opened it.
    pub act: ActId,
    /// Who does it.
    pub owner: Option<PersonName>,
    /// How it ended, if it has.
    pub outcome: Option<TaskOutcome>,
}

/// Something somebody wants to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The act that asked.
    pub act: ActId,
    /// Who is asked.
    pub person: Option<PersonName>,
    /// The act that answered last.
    pub answer: Option<ActId>,
}

/// Steps that people go through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checklist {
    /// The act that began it.
    pub act: ActId,
    /// How many steps there are.
    pub steps: u32,
    /// What became of those that were ticked.
    pub ticked: BTreeMap<u32, StepOutcome>,
}

/// When an audience is told something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateClock {
    /// How often, in milliseconds.
    pub every_ms: u64,
    /// When the next word is due.
    pub due_at: Timestamp,
    /// When people are reminded if it does not come.
    pub remind_at: Timestamp,
}

impl UpdateClock {
    fn from(every_ms: u64, since: Timestamp) -> UpdateClock {
        let due_at = since.plus_ms(i64::try_from(every_ms).unwrap_or(i64::MAX));
        UpdateClock {
            every_ms,
            due_at,
            remind_at: due_at,
        }
    }
}

impl Work {
    pub(crate) fn apply(&mut self, act: &Act) {
        match &act.body {
            Body::IncidentTaskOpened(opened) => {
                let task = Task {
                    act: act.id,
                    owner: opened.owner.clone(),
                    outcome: None,
                };
                self.tasks.insert(opened.task, task);
            }
            Body::IncidentTaskAssigned(assigned) => {
                if let Some(task) = self.tasks.get_mut(&assigned.task) {
                    task.owner = Some(assigned.owner.clone());
                }
            }
            Body::IncidentTaskClosed(closed) => {
                if let Some(task) = self.tasks.get_mut(&closed.task) {
                    task.outcome = Some(closed.outcome);
                }
            }
            Body::IncidentAsked(asked) => {
                let question = Question {
                    act: act.id,
                    person: asked.person.clone(),
                    answer: None,
                };
                self.questions.insert(asked.question, question);
            }
            Body::IncidentAnswered(answered) => {
                if let Some(question) = self.questions.get_mut(&answered.question) {
                    question.answer = Some(act.id);
                }
            }
            Body::IncidentContactNamed(named) => {
                self.contacts_named = self.contacts_named.max(named.contact);
                self.contacts.insert(named.contact, act.id);
            }
            Body::IncidentContactRemoved(removed) => {
                self.contacts.remove(&removed.contact);
            }
            Body::IncidentFileAttached(file) => {
                self.files.insert(file.sha256, act.id);
            }
            Body::IncidentChecklistStarted(started) => {
                let checklist = Checklist {
                    act: act.id,
                    steps: u32::try_from(started.steps.len()).unwrap_or(u32::MAX),
                    ticked: BTreeMap::new(),
                };
                self.checklists.insert(started.checklist, checklist);
            }
            Body::IncidentStepTicked(ticked) => {
                if let Some(checklist) = self.checklists.get_mut(&ticked.checklist) {
                    checklist.ticked.insert(ticked.step, ticked.outcome);
                }
            }
            Body::IncidentCaughtUp(caught_up) => {
                self.read.insert(caught_up.person.clone(), caught_up.acts);
            }
            _ => self.keep_time(act),
        }
    }

    /// Runs the update clocks.
    fn keep_time(&mut self, act: &Act) {
        match &act.body {
            Body::IncidentUpdateClockSet(set) => {
                match set.every_ms {
                    Some(every_ms) => self
                        .clocks
                        .insert(set.audience, UpdateClock::from(every_ms, act.at)),
                    None => self.clocks.remove(&set.audience),
                };
            }
            Body::IncidentUpdated(updated) => {
                if let Some(clock) = self.clocks.get_mut(&updated.audience) {
                    *clock = UpdateClock::from(clock.every_ms, act.at);
                }
            }
            Body::IncidentUpdateOverdue(overdue) => {
                if let Some(clock) = self.clocks.get_mut(&overdue.audience) {
                    // The longer word is overdue, the rarer it is said: an incident that everybody
                    // has forgotten must not fill the record.
                    let late_ms = act.at.ms_since(clock.due_at);
                    let every_ms = i64::try_from(clock.every_ms).unwrap_or(i64::MAX);
                    clock.remind_at = act.at.plus_ms(every_ms.max(late_ms));
                }
            }
            Body::IncidentReopened(_) => {
                for clock in self.clocks.values_mut() {
                    *clock = UpdateClock::from(clock.every_ms, act.at);
                }
            }
            _ => {}
        }
    }
}
