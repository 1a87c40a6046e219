//! Lists of an incident's work: tasks, questions, points of contact, checklists. What was written
//! is taken from the acts.

use std::collections::BTreeMap;

use base::{ActId, IncidentId};
use incident::{Checklist, Work};
use record::act::Act;
use record::kinds::Body;
use record::kinds::work::{StepOutcome, TaskOutcome};
use serde_json::{Value, json};

use crate::commands::timeline::written;
use crate::commands::{Session, tell};
use crate::exit::Failure;
use crate::say::{Line, Style, table};

/// Acts by their ids.
type Acts<'a> = BTreeMap<ActId, &'a Act>;

/// Rows of a table: the cells, and the text of the last column.
pub(in crate::commands) type Rows = Vec<(Vec<Line>, String)>;

impl Session<'_> {
    pub(super) async fn tasks(&self, id: IncidentId) -> Result<(), Failure> {
        let found = self.timeline(id).await?;
        let work = found.incident()?.work;
        let acts = found.by_id();
        let items = work.tasks.iter().map(|(number, task)| {
            json!({
                "task": number,
                "text": written(acts.get(&task.act)),
                "owner": task.owner,
                "outcome": task.outcome,
                "act": task.act,
            })
        });
        let nothing = format!("{id} has no task.");
        self.listed(items.collect(), &TASKS, tasks(&work, &acts, true), &nothing)
    }

    pub(super) async fn questions_of(&self, id: IncidentId) -> Result<(), Failure> {
        let found = self.timeline(id).await?;
        let work = found.incident()?.work;
        let acts = found.by_id();
        let items = work.questions.iter().map(|(number, question)| {
            let answer = question.answer.map(|act| written(acts.get(&act)));
            json!({
                "question": number,
                "text": written(acts.get(&question.act)),
                "person": question.person,
                "answer": answer,
                "act": question.act,
            })
        });
        let nothing = format!("Nothing was asked on {id}.");
        self.listed(
            items.collect(),
            &QUESTIONS,
            questions(&work, &acts, true),
            &nothing,
        )
    }

    pub(super) async fn contacts(&self, id: IncidentId) -> Result<(), Failure> {
        let found = self.timeline(id).await?;
        let work = found.incident()?.work;
        let acts = found.by_id();
        let items = work.contacts.iter().map(|(number, act)| {
            json!({
                "contact": number,
                "about": about(acts.get(act)),
                "who": written(acts.get(act)),
                "act": act,
            })
        });
        let nothing = format!("{id} has no point of contact.");
        self.listed(items.collect(), &CONTACTS, contacts(&work, &acts), &nothing)
    }

    pub(super) async fn checklists(&self, id: IncidentId) -> Result<(), Failure> {
        let found = self.timeline(id).await?;
        let work = found.incident()?.work;
        let acts = found.by_id();
        if self.out.is_json() {
            let items = work.checklists.iter().map(|(number, checklist)| {
                let (runbook, steps) = steps(acts.get(&checklist.act));
                json!({
                    "checklist": number,
                    "runbook": runbook,
                    "steps": steps,
                    "ticked": checklist.ticked,
                    "act": checklist.act,
                })
            });
            let items: Vec<Value> = items.collect();
            return self.out.json(&json!({ "items": items }));
        }
        if work.checklists.is_empty() {
            self.out.talk(format!("{id} has no checklist."));
            return Ok(());
        }
        self.print(checklists(&work, &acts))
    }

    /// A list as a document or as a table; a sentence where it is empty.
    pub(in crate::commands) fn listed(
        &self,
        items: Vec<Value>,
        header: &[&str],
        rows: Rows,
        nothing: &str,
    ) -> Result<(), Failure> {
        if self.out.is_json() {
            return self.out.json(&json!({ "items": items }));
        }
        if rows.is_empty() {
            self.out.talk(nothing);
            return Ok(());
        }
        self.print(table(header, rows, self.out.width()))
    }
}

pub(in crate::commands) const TASKS: [&str; 4] = ["TASK", "OWNER", "STATE", "WHAT"];
pub(in crate::commands) const QUESTIONS: [&str; 4] = ["QUESTION", "OF", "STATE", "WHAT"];
pub(in crate::commands) const CONTACTS: [&str; 3] = ["CONTACT", "ABOUT", "WHO"];

/// The rows under [`TASKS`]; those that ended only if `ended`.
pub(in crate::commands) fn tasks(work: &Work, acts: &Acts<'_>, ended: bool) -> Rows {
    let wanted = work
        .tasks
        .iter()
        .filter(|(_, task)| ended || task.outcome.is_none());
    wanted
        .map(|(number, task)| {
            let owner = match &task.owner {
                Some(owner) => Line::new().text(owner.to_string()),
                None => Line::new().styled(Style::Warning, "nobody"),
            };
            let state = match task.outcome {
                None => Line::new().text("open"),
                Some(TaskOutcome::Done) => Line::new().styled(Style::Good, "done"),
                Some(TaskOutcome::Dropped) => Line::new().styled(Style::Dim, "dropped"),
            };
            let cells = vec![number_cell(*number), owner, state];
            (cells, written(acts.get(&task.act)))
        })
        .collect()
}

/// The rows under [`QUESTIONS`], answers below; those answered only if `answered`.
pub(in crate::commands) fn questions(work: &Work, acts: &Acts<'_>, answered: bool) -> Rows {
    let wanted = work
        .questions
        .iter()
        .filter(|(_, question)| answered || question.answer.is_none());
    wanted
        .map(|(number, question)| {
            let whom = question.person.as_ref();
            let whom = whom.map_or_else(|| "anybody".to_owned(), ToString::to_string);
            let text = written(acts.get(&question.act));
            let (state, text) = match question.answer {
                None => (Line::new().styled(Style::Warning, "open"), text),
                Some(act) => {
                    let answer = written(acts.get(&act));
                    (Line::new().text("answered"), format!("{text}\n=> {answer}"))
                }
            };
            (vec![number_cell(*number), Line::from(whom), state], text)
        })
        .collect()
}

/// The rows under [`CONTACTS`].
pub(in crate::commands) fn contacts(work: &Work, acts: &Acts<'_>) -> Rows {
    work.contacts
        .iter()
        .map(|(number, act)| {
            let cells = vec![number_cell(*number), Line::from(about(acts.get(act)))];
            (cells, written(acts.get(act)))
        })
        .collect()
}

/// A line for each checklist, and one for each of its steps.
pub(in crate::commands) fn checklists(work: &Work, acts: &Acts<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    for (number, checklist) in &work.checklists {
        let (runbook, steps) = steps(acts.get(&checklist.act));
        let left = match steps_left(checklist) {
            0 => Line::new().styled(Style::Good, "  finished"),
            left => Line::new().text(format!("  {left} of {} left", checklist.steps)),
        };
        let head = number_cell(*number).text(format!("  {runbook}"));
        lines.push(head.then(left));
        lines.extend((1..).zip(steps).map(|(step, text)| {
            let mark = match checklist.ticked.get(&step) {
                None => Line::new().text("[ ] "),
                Some(StepOutcome::Done) => Line::new().styled(Style::Good, "[x] "),
                Some(StepOutcome::Skipped) => Line::new().styled(Style::Dim, "[-] "),
            };
            let place = format!("  {number}.{step}");
            Line::from(place).padded(8).then(mark).text(text)
        }));
    }
    lines
}

/// How many steps are neither done nor left out.
pub(in crate::commands) fn steps_left(checklist: &Checklist) -> usize {
    let steps = usize::try_from(checklist.steps).unwrap_or(usize::MAX);
    steps.saturating_sub(checklist.ticked.len())
}

fn number_cell(number: u32) -> Line {
    Line::new().styled(Style::Bold, number.to_string())
}

fn about(act: Option<&&Act>) -> String {
    match act.map(|act| &act.body) {
        Some(Body::IncidentContactNamed(body)) => tell::opened(&body.about),
        _ => String::new(),
    }
}

fn steps(act: Option<&&Act>) -> (String, Vec<String>) {
    match act.map(|act| &act.body) {
        Some(Body::IncidentChecklistStarted(body)) => {
            let steps = body.steps.iter().map(ToString::to_string);
            (body.runbook.to_string(), steps.collect())
        }
        _ => (String::new(), Vec::new()),
    }
}
