//! The work in an incident: who takes part, decisions, tasks, questions, points of contact, files,
//! checklists, and when which audience is told something next: which acts follow.

mod fold;

pub use fold::{Checklist, Question, Task, UpdateClock, Work};

use std::collections::{BTreeMap, BTreeSet};

use base::{IncidentId, PersonName};
use record::command::{
    AnswerQuestion, Ask, AssignTask, AttachFile, CatchUp, CloseTask, Correct, Decide, Join, Leave,
    NameContact, OpenTask, Relate, RemoveContact, SetUpdateClock, StartChecklist, StateImpact,
    TickStep, Verb,
};
use record::kinds::incident::{Role, Status};
use record::kinds::work::{
    Answered, Asked, CaughtUp, ContactNamed, ContactRemoved, Corrected, Decided, FileAttached,
    ImpactStated, Joined, Left, Related, Relation, StepOutcome, StepTicked, TaskAssigned,
    TaskClosed, TaskOpened, TaskOutcome, UpdateClockSet, Verification,
};
use record::sealed::Sealable;

use crate::commands::{Decision, known, one, open, whole};
use crate::directory::is_somebody;
use crate::incidents::Summary;
use crate::refusal::{at_most, forbidden, needs_reason, out_of_range, wrong_state};
use crate::roles::{has, named};
use crate::{Context, Draft, Reason, Refusal, State};

const PEOPLE_MAX: usize = 1_000;
const OPTIONS_MAX: usize = 8;
const TASKS_MAX: usize = 500;
const QUESTIONS_MAX: usize = 500;
const CONTACTS_MAX: usize = 100;
const FILES_MAX: usize = 500;
const RELATIONS_MAX: usize = 64;
const CHECKLISTS_MAX: usize = 16;
const UPDATE_EVERY_MS: std::ops::RangeInclusive<u64> = 60_000..=30 * 86_400_000;

/// Decides on a command about the work; `None` for those about anything else.
pub(crate) fn decide(state: &State, verb: &Verb, context: &Context<'_>) -> Option<Decision> {
    Some(match verb {
        Verb::Join(verb) => join(state, verb, context),
        Verb::Leave(verb) => leave(state, verb, context),
        Verb::Decide(verb) => decide_something(state, verb, context),
        Verb::OpenTask(verb) => open_task(state, verb, context),
        Verb::AssignTask(verb) => assign_task(state, verb, context),
        Verb::CloseTask(verb) => close_task(state, verb, context),
        Verb::Ask(verb) => ask(state, verb, context),
        Verb::AnswerQuestion(verb) => answer(state, verb, context),
        Verb::NameContact(verb) => name_contact(state, verb, context),
        Verb::RemoveContact(verb) => remove_contact(state, verb, context),
        Verb::AttachFile(verb) => attach_file(state, verb, context),
        Verb::Relate(verb) => relate(state, verb),
        Verb::StartChecklist(verb) => start_checklist(state, verb, context),
        Verb::TickStep(verb) => tick_step(state, verb, context),
        Verb::SetUpdateClock(verb) => set_update_clock(state, verb, context),
        Verb::Correct(verb) => correct(state, verb),
        Verb::CatchUp(verb) => catch_up(state, verb, context),
        Verb::StateImpact(verb) => state_impact(state, verb),
        _ => return None,
    })
}

/// Who is meant: whom the command names, or who asks.
fn meant<'a>(
    named: Option<&'a PersonName>,
    context: &Context<'a>,
) -> Result<&'a PersonName, Refusal> {
    named.or_else(|| context.actor.person()).ok_or_else(|| {
        Refusal::new(
            Reason::OutOfRange,
            "nobody can tell who you are: name the person, or say who you are with --as",
        )
    })
}

fn join(state: &State, verb: &Join, context: &Context<'_>) -> Decision {
    let summary = open(state, verb.incident)?;
    let person = meant(verb.person.as_ref(), context)?;
    is_somebody(person)?;
    if summary.involved().contains(person) {
        return wrong_state(format!("{person} works on {} already", verb.incident));
    }
    at_most(
        "people in one incident",
        summary.people.len() + 1,
        PEOPLE_MAX,
    )?;
    let person = person.clone();
    one(verb.incident, Joined { person })
}

fn leave(state: &State, verb: &Leave, context: &Context<'_>) -> Decision {
    let summary = known(state, verb.incident)?;
    let person = meant(verb.person.as_ref(), context)?;
    if !summary.involved().contains(person) {
        return wrong_state(format!("{person} does not work on {}", verb.incident));
    }
    let held = summary.roles.iter().find(|(_, held)| held.contains(person));
    if let Some((role, _)) = held {
        let role = role.as_str();
        if !summary.is_open() {
            return wrong_state(format!(
                "{person} was {role} of {} when it was closed, and stays so",
                verb.incident
            ));
        }
        return wrong_state(format!(
            "{person} is {role} of {0}: who leaves hands that over first. hereby hand-over {0} \
             {role} PERSON, or hereby relieve {0} {role} {person}",
            verb.incident
        ));
    }
    let person = person.clone();
    one(verb.incident, Left { person })
}

fn decide_something(state: &State, verb: &Decide, context: &Context<'_>) -> Decision {
    let summary = open(state, verb.incident)?;
    at_most("options", verb.options.len(), OPTIONS_MAX)?;
    if let Some(commander) = summary.commander()
        && let Some(person) = named(context.actor, &format!("{commander} commands and decides"))?
        && person != commander
    {
        return forbidden(format!(
            "{commander} commands {0} and decides. Say it to {commander}, or take command: hereby \
             assign {0} commander {person}",
            verb.incident
        ));
    }
    let body = Decided {
        decision: verb.decision.clone().into(),
        options: verb.options.iter().cloned().map(Sealable::from).collect(),
    };
    one(verb.incident, body)
}

/// The number behind the last one.
fn next<T>(numbered: &BTreeMap<u32, T>) -> u32 {
    numbered.last_key_value().map_or(1, |(last, _)| last + 1)
}

fn work<'a>(state: &'a State, context: &Context<'a>, id: IncidentId) -> Result<&'a Work, Refusal> {
    whole(state, context, id).map(|incident| &incident.work)
}

fn open_task(state: &State, verb: &OpenTask, context: &Context<'_>) -> Decision {
    open(state, verb.incident)?;
    let tasks = &work(state, context, verb.incident)?.tasks;
    at_most("tasks of one incident", tasks.len() + 1, TASKS_MAX)?;
    let body = TaskOpened {
        owner: verb.owner.clone(),
        task: next(tasks),
        text: verb.text.clone().into(),
    };
    one(verb.incident, body)
}

fn open_task_of<'a>(
    state: &'a State,
    context: &Context<'a>,
    id: IncidentId,
    number: u32,
) -> Result<&'a Task, Refusal> {
    let task = work(state, context, id)?.tasks.get(&number);
    match task {
        Some(task) if task.outcome.is_none() => Ok(task),
        Some(_) => wrong_state(format!("task {number} of {id} is closed")),
        None => Err(nothing_numbered("task", number, id)),
    }
}

fn nothing_numbered(what: &str, number: u32, id: IncidentId) -> Refusal {
    Refusal::new(
        Reason::NotFound,
        format!("{id} has no {what} {number}: hereby show {id}"),
    )
}

fn assign_task(state: &State, verb: &AssignTask, context: &Context<'_>) -> Decision {
    let task = open_task_of(state, context, verb.incident, verb.task)?;
    if task.owner.as_ref() == Some(&verb.owner) {
        return wrong_state(format!("{} has task {} already", verb.owner, verb.task));
    }
    let body = TaskAssigned {
        owner: verb.owner.clone(),
        task: verb.task,
        was: task.owner.clone(),
    };
    one(verb.incident, body)
}

fn close_task(state: &State, verb: &CloseTask, context: &Context<'_>) -> Decision {
    open_task_of(state, context, verb.incident, verb.task)?;
    if verb.outcome == TaskOutcome::Dropped {
        needs_reason(context, "a task that is dropped")?;
    }
    let body = TaskClosed {
        outcome: verb.outcome,
        task: verb.task,
    };
    one(verb.incident, body)
}

fn ask(state: &State, verb: &Ask, context: &Context<'_>) -> Decision {
    open(state, verb.incident)?;
    let questions = &work(state, context, verb.incident)?.questions;
    at_most(
        "questions of one incident",
        questions.len() + 1,
        QUESTIONS_MAX,
    )?;
    let body = Asked {
        person: verb.person.clone(),
        question: next(questions),
        text: verb.text.clone().into(),
    };
    one(verb.incident, body)
}

/// An answer can be given again: a later one stands.
fn answer(state: &State, verb: &AnswerQuestion, context: &Context<'_>) -> Decision {
    let questions = &work(state, context, verb.incident)?.questions;
    if !questions.contains_key(&verb.question) {
        return Err(nothing_numbered("question", verb.question, verb.incident));
    }
    let body = Answered {
        question: verb.question,
        text: verb.text.clone().into(),
    };
    one(verb.incident, body)
}

/// What communications keep: once somebody has that role, they and the commander do.
fn communications_keep(
    summary: &Summary,
    context: &Context<'_>,
    what: &str,
) -> Result<(), Refusal> {
    let Some(holder) = summary.holders(Role::Communications).next() else {
        return Ok(());
    };
    let Some(person) = named(context.actor, &format!("{holder} has communications"))? else {
        return Ok(());
    };
    if person == holder || summary.commander() == Some(person) {
        return Ok(());
    }
    forbidden(format!(
        "{holder} has communications of {} and keeps {what}: ask {holder}",
        summary.id
    ))
}

fn name_contact(state: &State, verb: &NameContact, context: &Context<'_>) -> Decision {
    let summary = open(state, verb.incident)?;
    communications_keep(summary, context, "the points of contact")?;
    let work = work(state, context, verb.incident)?;
    at_most("points of contact", work.contacts.len() + 1, CONTACTS_MAX)?;
    let body = ContactNamed {
        about: verb.about.clone().into(),
        contact: work.contacts_named + 1,
        who: verb.who.clone().into(),
    };
    one(verb.incident, body)
}

fn remove_contact(state: &State, verb: &RemoveContact, context: &Context<'_>) -> Decision {
    let summary = open(state, verb.incident)?;
    communications_keep(summary, context, "the points of contact")?;
    let contacts = &work(state, context, verb.incident)?.contacts;
    if !contacts.contains_key(&verb.contact) {
        return Err(nothing_numbered(
            "point of contact",
            verb.contact,
            verb.incident,
        ));
    }
    let body = ContactRemoved {
        contact: verb.contact,
    };
    one(verb.incident, body)
}

fn attach_file(state: &State, verb: &AttachFile, context: &Context<'_>) -> Decision {
    let summary = known(state, verb.incident)?;
    if summary.redacted {
        return wrong_state(format!(
            "what is sealed in {} was erased: no file is taken any more",
            verb.incident
        ));
    }
    let files = &work(state, context, verb.incident)?.files;
    if files.contains_key(&verb.file.sha256) {
        return wrong_state("this file is attached already".to_owned());
    }
    at_most("files of one incident", files.len() + 1, FILES_MAX)?;
    let body = FileAttached {
        bytes: verb.file.bytes,
        name: verb.file.name.clone().map(Sealable::from),
        sha256: verb.file.sha256,
        source: verb.source.clone().into(),
        verification: match (verb.vouched, context.signed) {
            (true, true) => Verification::Signed,
            (true, false) => Verification::Attested,
            (false, _) => Verification::UnverifiedSource,
        },
    };
    one(verb.incident, body)
}

fn relate(state: &State, verb: &Relate) -> Decision {
    let summary = known(state, verb.incident)?;
    let other = known(state, verb.to)?;
    if verb.incident == verb.to {
        return out_of_range("an incident relates to another one, not to itself".to_owned());
    }
    if summary.relations.contains(&(verb.relation, verb.to)) {
        return wrong_state("that is said already".to_owned());
    }
    if summary.drill != other.drill {
        return wrong_state("drills and real incidents are kept apart".to_owned());
    }
    at_most(
        "relations of one incident",
        summary.relations.len() + 1,
        RELATIONS_MAX,
    )?;
    let mut drafts = vec![Draft::new(
        record::act::Subject::Incident(verb.incident),
        Related {
            relation: verb.relation,
            to: verb.to,
        },
    )];
    if verb.relation == Relation::DuplicateOf {
        if other.duplicate_of().is_some() {
            return wrong_state(format!(
                "{} is a duplicate itself: name the incident that goes on",
                verb.to
            ));
        }
        if summary.duplicate_of().is_some() {
            return wrong_state(format!("{} is a duplicate already", verb.incident));
        }
        if summary.status != Status::Resolved {
            // The other one goes on; this one would only be watched twice.
            let resolved = record::kinds::incident::Resolved { summary: None };
            drafts.push(Draft::new(
                record::act::Subject::Incident(verb.incident),
                resolved,
            ));
        }
    }
    Ok(drafts)
}

fn start_checklist(state: &State, verb: &StartChecklist, context: &Context<'_>) -> Decision {
    open(state, verb.incident)?;
    let checklists = &work(state, context, verb.incident)?.checklists;
    at_most(
        "checklists of one incident",
        checklists.len() + 1,
        CHECKLISTS_MAX,
    )?;
    let body = state.runbooks.checklist(&verb.runbook, next(checklists))?;
    one(verb.incident, body)
}

fn tick_step(state: &State, verb: &TickStep, context: &Context<'_>) -> Decision {
    let checklists = &work(state, context, verb.incident)?.checklists;
    let Some(checklist) = checklists.get(&verb.checklist) else {
        return Err(nothing_numbered("checklist", verb.checklist, verb.incident));
    };
    if !(1..=checklist.steps).contains(&verb.step) {
        return Err(nothing_numbered("such step", verb.step, verb.incident));
    }
    if checklist.ticked.get(&verb.step) == Some(&verb.outcome) {
        return wrong_state(format!("step {} is ticked already", verb.step));
    }
    if verb.outcome == StepOutcome::Skipped {
        needs_reason(context, "a step that is left out")?;
    }
    let body = StepTicked {
        checklist: verb.checklist,
        outcome: verb.outcome,
        step: verb.step,
    };
    one(verb.incident, body)
}

fn set_update_clock(state: &State, verb: &SetUpdateClock, context: &Context<'_>) -> Decision {
    let summary = open(state, verb.incident)?;
    communications_keep(summary, context, "the update clock")?;
    let clocks = &work(state, context, verb.incident)?.clocks;
    check_every(verb.every_ms)?;
    if clocks.get(&verb.audience).map(|clock| clock.every_ms) == verb.every_ms {
        return wrong_state("the clock runs like that already".to_owned());
    }
    let body = UpdateClockSet {
        audience: verb.audience,
        every_ms: verb.every_ms,
    };
    one(verb.incident, body)
}

pub(crate) fn check_every(every_ms: Option<u64>) -> Result<(), Refusal> {
    match every_ms {
        Some(every_ms) if !UPDATE_EVERY_MS.contains(&every_ms) => {
            out_of_range("an update clock runs between a minute and 30 days".to_owned())
        }
        _ => Ok(()),
    }
}

fn correct(state: &State, verb: &Correct) -> Decision {
    known(state, verb.incident)?;
    let body = Corrected {
        act: verb.act,
        text: verb.text.clone().into(),
    };
    one(verb.incident, body)
}

fn catch_up(state: &State, verb: &CatchUp, context: &Context<'_>) -> Decision {
    let summary = known(state, verb.incident)?;
    let person = meant(verb.person.as_ref(), context)?;
    if verb.acts > summary.acts {
        return out_of_range(format!("{} has {} acts", verb.incident, summary.acts));
    }
    let before = work(state, context, verb.incident)?.read.get(person);
    if before.is_some_and(|before| *before >= verb.acts) {
        return wrong_state(format!("{person} has read so far already"));
    }
    let body = CaughtUp {
        acts: verb.acts,
        person: person.clone(),
    };
    one(verb.incident, body)
}

/// What is left out stays as it was said before.
fn state_impact(state: &State, verb: &StateImpact) -> Decision {
    let before = &known(state, verb.incident)?.impact;
    if verb.cost_minor.is_some() != verb.currency.is_some() {
        return out_of_range("a cost has a currency, and a currency a cost".to_owned());
    }
    let body = ImpactStated {
        cost_minor: verb.cost_minor.or(before.cost_minor),
        currency: verb.currency.or(before.currency),
        customers: verb.customers.or(before.customers),
        data: verb.data.or(before.data),
    };
    if body == *before {
        return wrong_state("nothing would change".to_owned());
    }
    one(verb.incident, body)
}

impl Summary {
    /// The incident that this one is, declared twice.
    pub fn duplicate_of(&self) -> Option<IncidentId> {
        self.relations
            .iter()
            .find(|(relation, _)| *relation == Relation::DuplicateOf)
            .map(|(_, to)| *to)
    }

    /// Everybody who took part: who works on it, and who has a role.
    pub fn involved(&self) -> BTreeSet<&PersonName> {
        self.people
            .iter()
            .chain(self.roles.values().flatten())
            .collect()
    }

    /// Everybody who has operations, or had.
    pub(crate) fn ever_operated(&self) -> impl Iterator<Item = &PersonName> {
        self.holders(Role::Operations).chain(&self.operated)
    }

    pub(crate) fn operates(&self, person: &PersonName) -> bool {
        has(self, Role::Operations, person) && !self.waived.contains(person)
    }
}
