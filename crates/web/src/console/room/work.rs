//! What people work on in an incident: tasks, questions, contacts, checklists, files, follow-ups.

use base::{ActId, PersonName, Timestamp};
use language::Words;
use record::kinds::Body;
use record::kinds::work::StepOutcome;
use record::sealed::Sealable;

use super::Read;
use crate::blobs::hex;
use crate::console::words::{Moment, moment, word};
use crate::problem::Problem;
use crate::render;
use crate::site::Site;

/// A closed incident with more acts than this is shown without what was worked on: reading all of
/// them back would take too long for a page. The page says so.
pub(super) const RECALLED_MAX: usize = 2_000;

/// Things of a kind on a page; what is left out is counted.
const SHOWN_MAX: usize = 16;

/// The work.
#[derive(Default)]
pub(super) struct Shown {
    /// Whether it could be read at all.
    pub(super) readable: bool,
    pub(super) tasks: Vec<Task>,
    pub(super) tasks_open: usize,
    pub(super) tasks_more: usize,
    pub(super) questions: Vec<Question>,
    pub(super) questions_more: usize,
    pub(super) contacts: Vec<Contact>,
    pub(super) checklists: Vec<Checklist>,
    pub(super) files: Vec<File>,
    pub(super) files_more: usize,
    pub(super) followups: Vec<Followup>,
    pub(super) meeting: Option<Moment>,
}

pub(super) struct Task {
    pub(super) number: u32,
    pub(super) text: String,
    pub(super) owner: String,
    pub(super) open: bool,
    pub(super) outcome: String,
}

pub(super) struct Question {
    pub(super) number: u32,
    pub(super) text: String,
    pub(super) person: String,
    pub(super) answer: String,
}

pub(super) struct Contact {
    pub(super) about: String,
    pub(super) who: String,
}

pub(super) struct Checklist {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) done: usize,
    pub(super) steps: Vec<Step>,
}

pub(super) struct Step {
    pub(super) number: u32,
    pub(super) text: String,
    /// `done`, `skipped`, or nothing yet.
    pub(super) outcome: &'static str,
}

pub(super) struct File {
    pub(super) name: String,
    pub(super) source: String,
    pub(super) hex: String,
    pub(super) bytes: u64,
    pub(super) verification: String,
}

pub(super) struct Followup {
    pub(super) number: u32,
    pub(super) text: String,
    pub(super) owner: String,
    pub(super) due: Moment,
    pub(super) overdue: bool,
}

/// Reads what the work is about.
pub(super) fn shown(
    site: &Site,
    t: &Words,
    read: &Read,
    open: bool,
    now: Timestamp,
) -> Result<Shown, Problem> {
    let Some(incident) = &read.whole else {
        return Ok(Shown::default());
    };
    let look = Look { site, t, open };
    let work = &incident.work;
    // What is still to be done stands first.
    let mut tasks: Vec<_> = work.tasks.iter().collect();
    tasks.sort_by_key(|(number, task)| (task.outcome.is_some(), std::cmp::Reverse(**number)));
    let mut questions: Vec<_> = work.questions.iter().collect();
    questions.sort_by_key(|(number, it)| (it.answer.is_some(), std::cmp::Reverse(**number)));
    let mut shown = Shown {
        readable: true,
        tasks_open: tasks.iter().filter(|(_, it)| it.outcome.is_none()).count(),
        tasks_more: tasks.len().saturating_sub(SHOWN_MAX),
        questions_more: questions.len().saturating_sub(SHOWN_MAX),
        files_more: work.files.len().saturating_sub(SHOWN_MAX),
        meeting: incident
            .review
            .meeting
            .as_ref()
            .map(|it| moment(t, it.starts_at, now)),
        ..Shown::default()
    };
    for (number, task) in tasks.into_iter().take(SHOWN_MAX) {
        shown.tasks.push(look.task(*number, task)?);
    }
    for (number, question) in questions.into_iter().take(SHOWN_MAX) {
        shown.questions.push(look.question(*number, question)?);
    }
    look.contacts(&mut shown, work)?;
    look.checklists(&mut shown, work)?;
    look.files(&mut shown, work)?;
    for (number, followup) in read.followups.iter().take(SHOWN_MAX) {
        shown.followups.push(Followup {
            number: *number,
            text: look.text(&followup.act)?,
            owner: followup.owner.to_string(),
            due: moment(t, followup.due_at, now),
            overdue: followup.due_at <= now,
        });
    }
    Ok(shown)
}

fn named(person: Option<&PersonName>) -> String {
    person.map(ToString::to_string).unwrap_or_default()
}

/// Reads what acts say.
struct Look<'a> {
    site: &'a Site,
    t: &'a Words,
    open: bool,
}

impl Look<'_> {
    fn body(&self, id: &ActId) -> Result<Option<Body>, Problem> {
        Ok(render::act_seen(self.site, id, self.open)?.map(|act| act.body))
    }

    /// What was written in an act.
    fn text(&self, id: &ActId) -> Result<String, Problem> {
        Ok(match self.body(id)? {
            Some(Body::IncidentTaskOpened(body)) => self.opened(&body.text),
            Some(Body::IncidentAsked(body)) => self.opened(&body.text),
            Some(Body::IncidentAnswered(body)) => self.opened(&body.text),
            Some(Body::FollowupOpened(body)) => self.opened(&body.text),
            _ => String::new(),
        })
    }

    fn opened<T: std::fmt::Display>(&self, text: &Sealable<T>) -> String {
        match text.readable() {
            Some(text) => text.to_string(),
            None => self.t.say("sealed").into_owned(),
        }
    }

    fn task(&self, number: u32, task: &incident::Task) -> Result<Task, Problem> {
        Ok(Task {
            number,
            text: self.text(&task.act)?,
            owner: named(task.owner.as_ref()),
            open: task.outcome.is_none(),
            outcome: task
                .outcome
                .map(|it| word(self.t, &render::word(&it)))
                .unwrap_or_default(),
        })
    }

    fn question(&self, number: u32, question: &incident::Question) -> Result<Question, Problem> {
        let answer = question.answer.as_ref().map(|act| self.text(act));
        Ok(Question {
            number,
            text: self.text(&question.act)?,
            person: named(question.person.as_ref()),
            answer: answer.transpose()?.unwrap_or_default(),
        })
    }

    fn contacts(&self, shown: &mut Shown, work: &incident::Work) -> Result<(), Problem> {
        for act in work.contacts.values().take(SHOWN_MAX) {
            if let Some(Body::IncidentContactNamed(named)) = self.body(act)? {
                shown.contacts.push(Contact {
                    about: self.opened(&named.about),
                    who: self.opened(&named.who),
                });
            }
        }
        Ok(())
    }

    fn checklists(&self, shown: &mut Shown, work: &incident::Work) -> Result<(), Problem> {
        for (number, checklist) in work.checklists.iter().take(SHOWN_MAX) {
            let Some(Body::IncidentChecklistStarted(started)) = self.body(&checklist.act)? else {
                continue;
            };
            let steps = started.steps.iter().zip(1_u32..);
            let steps = steps.map(|(step, number)| Step {
                number,
                text: step.to_string(),
                outcome: match checklist.ticked.get(&number) {
                    Some(StepOutcome::Done) => "done",
                    Some(StepOutcome::Skipped) => "skipped",
                    None => "",
                },
            });
            shown.checklists.push(Checklist {
                number: *number,
                name: started.runbook.to_string(),
                done: checklist.ticked.len(),
                steps: steps.collect(),
            });
        }
        Ok(())
    }

    fn files(&self, shown: &mut Shown, work: &incident::Work) -> Result<(), Problem> {
        for (sha256, act) in work.files.iter().take(SHOWN_MAX) {
            if let Some(Body::IncidentFileAttached(file)) = self.body(act)? {
                let name = file.name.as_ref().map(|name| self.opened(name));
                shown.files.push(File {
                    name: name.unwrap_or_else(|| self.t.say("unnamed-file").into_owned()),
                    source: self.opened(&file.source),
                    hex: hex(sha256),
                    bytes: file.bytes,
                    verification: word(self.t, &render::word(&file.verification)),
                });
            }
        }
        Ok(())
    }
}
