//! The work in an incident: who does what, who decides, what is asked, when word is due.

use record::command::{
    AnswerQuestion, Ask, AssignTask, AttachFile, CatchUp, CloseTask, Decide, Join, Leave,
    NameContact, OpenTask, Relate, RemoveContact, SaveRunbook, SaveTemplate, SetUpdateClock,
    StartChecklist, StateImpact, TickStep, Update,
};
use record::kinds::incident::{Audience, BlobRef, Role};
use record::kinds::work::{DataHarm, Relation, StepOutcome, TaskOutcome, Verification};

use super::*;
use crate::Reason;

fn reason(asked: Result<Vec<String>, Refusal>) -> Reason {
    asked.unwrap_err().reason
}

fn assign(person: &str, role: Role) -> Assign {
    Assign {
        incident: inc(1),
        person: word(person),
        role,
    }
}

/// An incident with sam in command, alex in operations and kim in communications.
fn staffed() -> World {
    let mut world = World::new();
    world.ask(declare("Checkout fails")).unwrap();
    for (person, role) in [
        ("sam", Role::Commander),
        ("alex", Role::Operations),
        ("kim", Role::Communications),
    ] {
        world.ask(assign(person, role)).unwrap();
    }
    world
}

fn decide(what: &str) -> Decide {
    Decide {
        decision: word(what),
        incident: inc(1),
        options: vec![word("wait"), word("roll back")],
    }
}

#[test]
fn the_commander_decides_and_nobody_else() {
    let mut world = staffed();
    world.ask_as("sam", decide("roll back")).unwrap();
    let refused = world.ask_as("alex", decide("wait")).unwrap_err();
    assert_eq!(refused.reason, Reason::Forbidden);
    assert!(refused.detail.contains("sam commands INC-1"), "{refused}");
    let many = Decide {
        options: vec![word("x"); 9],
        ..decide("x")
    };
    assert_eq!(reason(world.ask_as("sam", many)), Reason::TooMany);
}

#[test]
fn tasks_are_opened_given_and_closed_once() {
    let mut world = staffed();
    let open = |text: &str| OpenTask {
        incident: inc(1),
        owner: None,
        text: word(text),
    };
    world.ask(open("rotate the keys")).unwrap();
    world.ask(open("copy the disk")).unwrap();
    let give = |task| AssignTask {
        incident: inc(1),
        owner: word("alex"),
        task,
    };
    world.ask(give(2)).unwrap();
    assert_eq!(reason(world.ask(give(2))), Reason::WrongState);
    assert_eq!(reason(world.ask(give(3))), Reason::NotFound);
    let close = |task, outcome| CloseTask {
        incident: inc(1),
        outcome,
        task,
    };
    world.reasoned = false;
    let dropped = world.ask(close(1, TaskOutcome::Dropped));
    assert_eq!(reason(dropped), Reason::OutOfRange);
    world.reasoned = true;
    world.ask(close(1, TaskOutcome::Dropped)).unwrap();
    assert_eq!(
        reason(world.ask(close(1, TaskOutcome::Done))),
        Reason::WrongState
    );
    let tasks = &world.state.incidents[&inc(1)].work.tasks;
    assert_eq!(tasks[&1].outcome, Some(TaskOutcome::Dropped));
    assert_eq!(tasks[&2].owner, Some(word("alex")));
}

#[test]
fn communications_keep_the_contacts_and_the_public_word() {
    let mut world = staffed();
    let contact = || NameContact {
        about: word("the hosting company"),
        incident: inc(1),
        who: word("its duty desk"),
    };
    assert_eq!(reason(world.ask_as("alex", contact())), Reason::Forbidden);
    world.ask_as("kim", contact()).unwrap();
    world.ask_as("sam", contact()).unwrap();
    let remove = |contact| RemoveContact {
        contact,
        incident: inc(1),
    };
    world.ask_as("kim", remove(1)).unwrap();
    assert_eq!(reason(world.ask_as("kim", remove(1))), Reason::NotFound);
    // A number is never given twice.
    world.ask_as("kim", contact()).unwrap();
    let contacts = &world.state.incidents[&inc(1)].work.contacts;
    assert_eq!(contacts.keys().copied().collect::<Vec<_>>(), [2, 3]);
    let tell = |audience| Update {
        page: None,
        audience,
        incident: inc(1),
        status: None,
        text: word("We are on it."),
    };
    assert_eq!(
        reason(world.ask_as("sam", tell(Audience::Public))),
        Reason::Forbidden
    );
    world.ask_as("sam", tell(Audience::Insiders)).unwrap();
    world.ask_as("kim", tell(Audience::Public)).unwrap();
}

#[test]
fn questions_are_asked_and_answered_by_anybody_and_the_last_answer_stands() {
    let mut world = staffed();
    let question = Ask {
        incident: inc(1),
        person: Some(word("alex")),
        text: word("Did Tuesday's deployment change the firewall?"),
    };
    world.ask_as("kim", question).unwrap();
    let answer = |text: &str| AnswerQuestion {
        incident: inc(1),
        question: 1,
        text: word(text),
    };
    world.ask_as("alex", answer("No.")).unwrap();
    let first = world.state.incidents[&inc(1)].work.questions[&1].answer;
    world.ask_as("alex", answer("Yes, it did.")).unwrap();
    let second = world.state.incidents[&inc(1)].work.questions[&1].answer;
    assert!(first.is_some() && second.is_some() && first != second);
    let unknown = AnswerQuestion {
        question: 2,
        ..answer("x")
    };
    assert_eq!(reason(world.ask(unknown)), Reason::NotFound);
}

#[test]
fn who_has_a_role_hands_it_over_before_they_leave() {
    let mut world = staffed();
    let leave = |person: &str| Leave {
        incident: inc(1),
        person: Some(word(person)),
    };
    let refused = world.ask(leave("alex")).unwrap_err();
    assert_eq!(refused.reason, Reason::WrongState);
    assert!(
        refused
            .detail
            .contains("hereby relieve INC-1 operations alex")
    );
    let join = Join {
        incident: inc(1),
        person: None,
    };
    world.ask_as("robin", join.clone()).unwrap();
    assert_eq!(reason(world.ask_as("robin", join)), Reason::WrongState);
    world.ask(leave("robin")).unwrap();
    assert_eq!(reason(world.ask(leave("robin"))), Reason::WrongState);
}

/// A world in which a break-in was declared by its template.
fn broken_into() -> World {
    let mut world = World::new();
    let runbook = SaveRunbook {
        runbook: word("compromised"),
        steps: vec![word("Take it off the network"), word("Copy its disk")],
        title: word("A compromised machine"),
    };
    world.ask(runbook).unwrap();
    let template = SaveTemplate {
        private: false,
        runbooks: vec![word("compromised")],
        service: None,
        severity: None,
        template: word("break-in"),
        title: None,
        update_every_ms: [(Audience::Public, 30 * 60_000)].into(),
    };
    world.ask(template).unwrap();
    let declared = Declare {
        template: Some(word("break-in")),
        ..declare("A miner runs")
    };
    let told = world.ask(declared).unwrap();
    assert_eq!(told.len(), 3, "{told:?}");
    world
}

#[test]
fn a_template_begins_with_checklists_that_stay_as_they_were() {
    let mut world = broken_into();
    let shorter = SaveRunbook {
        runbook: word("compromised"),
        steps: vec![word("Run")],
        title: word("A compromised machine"),
    };
    world.ask(shorter).unwrap();
    let tick = |step, outcome| TickStep {
        checklist: 1,
        incident: inc(1),
        outcome,
        step,
    };
    world.ask(tick(2, StepOutcome::Done)).unwrap();
    assert_eq!(
        reason(world.ask(tick(2, StepOutcome::Done))),
        Reason::WrongState
    );
    assert_eq!(
        reason(world.ask(tick(3, StepOutcome::Done))),
        Reason::NotFound
    );
    world.reasoned = false;
    assert_eq!(
        reason(world.ask(tick(1, StepOutcome::Skipped))),
        Reason::OutOfRange
    );
    let unknown = StartChecklist {
        incident: inc(1),
        runbook: word("unheard-of"),
    };
    assert_eq!(reason(world.ask(unknown)), Reason::NotFound);
}

#[test]
fn a_template_runs_clocks_that_remind_when_word_is_due() {
    let mut world = broken_into();
    // Word is due every half hour: once for each half hour that passes without.
    let overdue = |told: &[String]| {
        told.iter()
            .filter(|it| it.contains("update_overdue"))
            .count()
    };
    assert_eq!(overdue(&world.pass(29 * MINUTE)), 0);
    assert_eq!(overdue(&world.pass(32 * MINUTE)), 2);
    let word_given = Update {
        page: None,
        audience: Audience::Public,
        incident: inc(1),
        status: None,
        text: word("We are on it."),
    };
    world.ask(word_given).unwrap();
    assert_eq!(overdue(&world.pass(29 * MINUTE)), 0);
    let stop = SetUpdateClock {
        audience: Audience::Public,
        every_ms: None,
        incident: inc(1),
    };
    world.ask(stop).unwrap();
    assert_eq!(overdue(&world.pass(90 * MINUTE)), 0);
    let bad = SaveTemplate {
        private: false,
        runbooks: Vec::new(),
        service: None,
        severity: None,
        template: word("hurried"),
        title: None,
        update_every_ms: [(Audience::Public, 1_000)].into(),
    };
    assert_eq!(reason(world.ask(bad)), Reason::OutOfRange);
}

#[test]
fn a_duplicate_ends_and_names_the_incident_that_goes_on() {
    let mut world = World::new();
    for title in ["one", "the same", "the same again"] {
        world.ask(declare(title)).unwrap();
    }
    let duplicate = |incident, to| Relate {
        incident: inc(incident),
        relation: Relation::DuplicateOf,
        to: inc(to),
    };
    world.ask(duplicate(2, 1)).unwrap();
    let summary = world.state.summary(inc(2)).unwrap();
    assert!(!summary.is_open());
    assert_eq!(summary.duplicate_of(), Some(inc(1)));
    assert_eq!(reason(world.ask(duplicate(3, 2))), Reason::WrongState);
    assert_eq!(reason(world.ask(duplicate(3, 3))), Reason::OutOfRange);
    assert_eq!(reason(world.ask(duplicate(3, 9))), Reason::NotFound);
}

#[test]
fn where_a_file_came_from_is_as_sure_as_who_vouches_for_it() {
    let mut world = staffed();
    let actor = Actor::Person { id: word("sam") };
    let verified = |world: &World, vouched, signed| {
        let verb = AttachFile {
            file: BlobRef {
                bytes: 1,
                name: None,
                sha256: record::hash::EMPTY_ROOT,
            },
            incident: inc(1),
            source: word("root@db1"),
            vouched,
        };
        let context = Context {
            signed,
            ..Context::new(&actor, world.now, &world.rules)
        };
        let drafts = crate::decide(&world.state, &verb.into(), &context).unwrap();
        match &drafts.unwrap()[0].body {
            Body::IncidentFileAttached(file) => file.verification,
            other => unreachable!("{other:?}"),
        }
    };
    let world = &mut world;
    assert_eq!(verified(world, true, true), Verification::Signed);
    assert_eq!(verified(world, true, false), Verification::Attested);
    assert_eq!(verified(world, false, true), Verification::UnverifiedSource);
}

#[test]
fn what_it_did_is_said_bit_by_bit_and_what_people_read_is_theirs_to_say() {
    let mut world = staffed();
    let nothing = StateImpact {
        cost_minor: None,
        currency: None,
        customers: None,
        data: None,
        incident: inc(1),
    };
    assert_eq!(reason(world.ask(nothing.clone())), Reason::WrongState);
    let cost = StateImpact {
        cost_minor: Some(120_000),
        ..nothing.clone()
    };
    assert_eq!(reason(world.ask(cost.clone())), Reason::OutOfRange);
    let cost = StateImpact {
        currency: Some("EUR".parse().unwrap()),
        ..cost
    };
    world.ask(cost).unwrap();
    let data = StateImpact {
        data: Some(DataHarm::None),
        ..nothing
    };
    world.ask(data).unwrap();
    let impact = &world.state.summary(inc(1)).unwrap().impact;
    assert_eq!(impact.cost_minor, Some(120_000));
    assert_eq!(impact.data, Some(DataHarm::None));
    let read = |acts| CatchUp {
        acts,
        incident: inc(1),
        person: None,
    };
    world.ask_as("kim", read(4)).unwrap();
    assert_eq!(reason(world.ask_as("kim", read(3))), Reason::WrongState);
    assert_eq!(reason(world.ask_as("kim", read(99))), Reason::OutOfRange);
}
