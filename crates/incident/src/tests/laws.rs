//! Laws that hold whatever is asked, in whichever order.

use std::collections::BTreeSet;

use base::AlertId;
use proptest::prelude::*;
use record::command::{
    Accept, Acknowledge, AnswerQuestion, Ask, Assign, AssignTask, Attach, CloseFollowup, CloseTask,
    HandOver, NameContact, Note, OpenFollowup, OpenTask, Relieve, Reopen, Resolve, SaveRunbook,
    ScheduleMeeting, SetStatus, SetUpdateClock, Silence, StartChecklist, StateFinding, TickStep,
    Update, Waive,
};
use record::kinds::incident::{Audience, Role, Status};
use record::kinds::review::{FollowupOutcome, Section};
use record::kinds::work::{StepOutcome, TaskOutcome};

use super::*;
use crate::Incident;
use crate::groups::Groups;
use crate::homes::{Home, Homes, Placed};

/// One thing that happens in a made-up day.
#[derive(Clone, Debug)]
enum Step {
    Declare {
        service: u8,
        drill: bool,
    },
    Assign(u32, u8, Role),
    HandOver(u32, u8, Role),
    Accept(u32, u8, Role),
    Relieve(u32, u8, Role),
    Waive(u32, u8),
    Note(u32),
    Update(u32),
    Status(u32, Status),
    Acknowledge(u32),
    Resolve(u32),
    Reopen(u32),
    Attach(usize, u32),
    Work(u32, u8),
    Silence(u8, i64),
    Alert {
        name: u8,
        service: u8,
        drill: bool,
        phase: Phase,
    },
    Wait(i64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let incident = 1_u32..8;
    let role = prop_oneof![
        Just(Role::Commander),
        Just(Role::Operations),
        Just(Role::Operations),
        Just(Role::Communications),
        Just(Role::Planning),
    ];
    let status = prop_oneof![
        Just(Status::Investigating),
        Just(Status::Identified),
        Just(Status::Monitoring)
    ];
    let phase = prop_oneof![3 => Just(Phase::Firing), 2 => Just(Phase::Resolved), 1 => Just(Phase::Acknowledged)];
    prop_oneof![
        2 => (0_u8..3, prop::bool::weighted(0.2))
            .prop_map(|(service, drill)| Step::Declare { service, drill }),
        6 => (incident.clone(), 0_u8..4, role.clone())
            .prop_map(|(id, who, role)| Step::Assign(id, who, role)),
        3 => (incident.clone(), 0_u8..4, role.clone())
            .prop_map(|(id, who, role)| Step::HandOver(id, who, role)),
        3 => (incident.clone(), 0_u8..4, role.clone())
            .prop_map(|(id, who, role)| Step::Accept(id, who, role)),
        1 => (incident.clone(), 0_u8..4, role)
            .prop_map(|(id, who, role)| Step::Relieve(id, who, role)),
        1 => (incident.clone(), 0_u8..4).prop_map(|(id, who)| Step::Waive(id, who)),
        1 => incident.clone().prop_map(Step::Note),
        1 => incident.clone().prop_map(Step::Update),
        1 => (incident.clone(), status).prop_map(|(id, status)| Step::Status(id, status)),
        1 => incident.clone().prop_map(Step::Acknowledge),
        2 => incident.clone().prop_map(Step::Resolve),
        2 => incident.clone().prop_map(Step::Reopen),
        2 => (0_usize..8, incident.clone()).prop_map(|(alert, id)| Step::Attach(alert, id)),
        8 => (incident, 0_u8..14).prop_map(|(id, what)| Step::Work(id, what)),
        1 => (0_u8..3, 1_i64..3 * HOUR).prop_map(|(service, ms)| Step::Silence(service, ms)),
        6 => (0_u8..6, 0_u8..3, prop::bool::weighted(0.2), phase).prop_map(
            |(name, service, drill, phase)| Step::Alert { name, service, drill, phase }
        ),
        3 => (1_i64..20 * MINUTE).prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

const SERVICES: [&str; 3] = ["checkout", "search", "storage"];
const PEOPLE: [&str; 4] = ["sam", "alex", "kim", "robin"];

/// What the step asks for, if it is a person who does something.
fn asked(world: &World, step: &Step) -> Option<Verb> {
    let verb: Verb = match step {
        Step::Declare { service, drill } => {
            let service = Some(word(SERVICES[usize::from(*service)]));
            Declare {
                drill: *drill,
                service,
                ..declare("Something is wrong")
            }
            .into()
        }
        Step::Note(id) => Note {
            blobs: Vec::new(),
            incident: inc(*id),
            text: word("x"),
        }
        .into(),
        Step::Update(id) => {
            let (audience, text) = (Audience::Public, word("x"));
            Update {
                page: None,
                audience,
                incident: inc(*id),
                status: None,
                text,
            }
            .into()
        }
        Step::Status(id, status) => SetStatus {
            incident: inc(*id),
            status: *status,
        }
        .into(),
        Step::Acknowledge(id) => Acknowledge { incident: inc(*id) }.into(),
        Step::Resolve(id) => Resolve {
            incident: inc(*id),
            summary: None,
        }
        .into(),
        Step::Reopen(id) => Reopen { incident: inc(*id) }.into(),
        Step::Attach(at, id) => {
            let alert = *world.state.alerts.keys().nth(*at)?;
            Attach {
                alert,
                incident: inc(*id),
            }
            .into()
        }
        Step::Silence(service, ms) => {
            let matchers = labels(&[("service", SERVICES[usize::from(*service)])]);
            Silence {
                ends_at: world.now.plus_ms(*ms),
                matchers,
            }
            .into()
        }
        Step::Alert { .. } | Step::Wait(_) | Step::Restart => return None,
        Step::Work(id, what) => about_work(world, inc(*id), *what),
        other => return about_roles(other),
    };
    Some(verb)
}

/// One of the things that people do beside talking.
fn about_work(world: &World, incident: IncidentId, what: u8) -> Verb {
    let text = word("x");
    match what {
        0 => OpenTask {
            incident,
            owner: None,
            text,
        }
        .into(),
        1 => AssignTask {
            incident,
            owner: word("kim"),
            task: 1,
        }
        .into(),
        2 => CloseTask {
            incident,
            outcome: TaskOutcome::Done,
            task: 1,
        }
        .into(),
        3 => Ask {
            incident,
            person: None,
            text: word("x"),
        }
        .into(),
        4 => AnswerQuestion {
            incident,
            question: 1,
            text: word("x"),
        }
        .into(),
        5 => NameContact {
            about: word("x"),
            incident,
            who: word("y"),
        }
        .into(),
        6 => SaveRunbook {
            runbook: word("r"),
            steps: vec![word("s")],
            title: word("t"),
        }
        .into(),
        7 => StartChecklist {
            incident,
            runbook: word("r"),
        }
        .into(),
        8 => TickStep {
            checklist: 1,
            incident,
            outcome: StepOutcome::Done,
            step: 1,
        }
        .into(),
        _ => afterwards(world, incident, what),
    }
}

/// What follows: when word is due, follow-ups, the meeting, findings.
fn afterwards(world: &World, incident: IncidentId, what: u8) -> Verb {
    let (text, due_at) = (word("x"), world.now.plus_ms(DAY));
    match what {
        9 => SetUpdateClock {
            audience: Audience::Public,
            every_ms: Some(600_000),
            incident,
        }
        .into(),
        10 => OpenFollowup {
            due_at,
            incident,
            owner: word("kim"),
            text,
        }
        .into(),
        11 => CloseFollowup {
            followup: 1,
            incident,
            outcome: FollowupOutcome::Done,
        }
        .into(),
        12 => ScheduleMeeting {
            incident,
            minutes: 60,
            place: None,
            starts_at: due_at,
        }
        .into(),
        _ => StateFinding {
            cites: Vec::new(),
            incident,
            reach: None,
            replaces: Vec::new(),
            section: Section::Problem,
            text: word("x"),
        }
        .into(),
    }
}

fn about_roles(step: &Step) -> Option<Verb> {
    let verb: Verb = match step {
        Step::Assign(id, who, role) => {
            let person = word(PEOPLE[usize::from(*who)]);
            Assign {
                incident: inc(*id),
                person,
                role: *role,
            }
            .into()
        }
        Step::HandOver(id, who, role) => HandOver {
            incident: inc(*id),
            role: *role,
            to: word(PEOPLE[usize::from(*who)]),
        }
        .into(),
        Step::Accept(id, _, role) => Accept {
            incident: inc(*id),
            role: *role,
        }
        .into(),
        Step::Relieve(id, who, role) => Relieve {
            incident: inc(*id),
            person: word(PEOPLE[usize::from(*who)]),
            role: *role,
        }
        .into(),
        Step::Waive(id, who) => Waive {
            incident: inc(*id),
            person: word(PEOPLE[usize::from(*who)]),
        }
        .into(),
        _ => return None,
    };
    Some(verb)
}

fn play(world: &mut World, step: &Step) {
    if let Some(verb) = asked(world, step) {
        // Refused or not: both are fine, as long as the laws hold.
        let who = match step {
            Step::Accept(_, who, _) => PEOPLE[usize::from(*who)],
            _ => "sam",
        };
        let _ = world.ask_as(who, verb);
    }
    match step {
        Step::Alert {
            name,
            service,
            drill,
            phase,
        } => {
            let mut pairs = vec![("service", SERVICES[usize::from(*service)])];
            pairs.extend(drill.then_some(("drill", "true")));
            let start = World::new().now;
            let signal = AlertSignal {
                phase: *phase,
                source: word("prometheus"),
                starts_at: Some(start.plus_ms(world.now.ms_since(start) / HOUR * HOUR)),
                ..firing(world, &format!("alert-{name}"), &pairs)
            };
            world.hear(&signal);
        }
        Step::Wait(ms) => {
            world.wait(*ms);
            world.tick();
        }
        Step::Restart => world.restart(),
        _ => {}
    }
}

fn played(steps: &[Step]) -> World {
    let mut world = World::declaring();
    for step in steps {
        play(&mut world, step);
        nobody_is_commander_and_operations(&world);
        numbers_are_dense(&world);
        alerts_belong_to_one_incident(&world);
        homes_are_found_alike(&world);
    }
    world
}

/// Unless it was waived, and everyone can see that it was.
fn nobody_is_commander_and_operations(world: &World) {
    for summary in world.state.summaries() {
        assert!(summary.holders(Role::Commander).count() <= 1);
        let commander = summary.commander();
        let both = summary
            .holders(Role::Operations)
            .find(|person| Some(*person) == commander && !summary.waived.contains(*person));
        assert_eq!(both, None, "{} of {}", both.unwrap(), summary.id);
    }
}

fn numbers_are_dense(world: &World) {
    let numbers: Vec<u32> = world.state.summaries().map(|it| it.id.number()).collect();
    let expected: Vec<u32> = (1..=world.state.incidents_declared).rev().collect();
    assert_eq!(numbers, expected);
}

fn alerts_belong_to_one_incident(world: &World) {
    let mut seen: BTreeSet<AlertId> = BTreeSet::new();
    for incident in world.state.incidents.values() {
        for alert in &incident.alerts {
            assert!(seen.insert(*alert), "{alert} is in two incidents");
            let known = &world.state.alerts[alert];
            assert_eq!(known.incident, Some(incident.summary.id));
            assert_eq!(known.drill, incident.summary.drill);
        }
    }
}

/// What is kept so that alerts are placed quickly, what is made anew, and a look at every incident
/// say the same.
fn homes_are_found_alike(world: &World) {
    let (state, rules) = (&world.state, &world.rules);
    let anew = Groups::of(state, &rules.attach_by);
    assert_eq!(state.groups().content(), anew.content());
    let homes = Homes::new(state, rules);
    for alert in state.alerts.values() {
        let placed = Placed {
            id: alert.id,
            drill: alert.drill,
            labels: &alert.labels,
            starts_at: alert.starts_at,
            title: &alert.title,
        };
        // Every alert of these stories has the label `service`.
        let service = |labels: &BTreeMap<Box<str>, Box<str>>| labels["service"].clone();
        let takes = |incident: &&Incident| {
            let own = incident.summary.service.as_ref();
            incident.summary.drill == alert.drill
                && (own.is_some_and(|own| *own.as_str() == *service(&alert.labels))
                    || incident.alerts.iter().any(|other| {
                        service(&state.alerts[other].labels) == service(&alert.labels)
                    }))
        };
        let expected = state.open_incidents().find(takes);
        let found = homes.find(&placed, |_| 0);
        assert_eq!(found, expected.map_or(Home::Nowhere, Home::In));
        let newest = state.firing(&alert.source, &alert.fingerprint);
        let all = state.alerts.values();
        let scanned = all
            .filter(|it| it.is_firing() && it.fingerprint == alert.fingerprint)
            .max_by_key(|it| it.starts_at);
        assert_eq!(newest, scanned);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_fold_is_the_same_however_it_is_cut_and_stored(
        steps in prop::collection::vec(step(), 1..120),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let world = played(&steps);
        let mut whole = State::default();
        fold(&mut whole, &world.record, 0);
        prop_assert_eq!(&whole, &world.state);

        let mut places: Vec<usize> =
            cuts.iter().map(|cut| cut.index(world.record.len() + 1)).collect();
        places.extend([0, world.record.len()]);
        places.sort_unstable();
        let mut state = State::default();
        for pair in places.windows(2) {
            fold(&mut state, &world.record[..pair[1]], pair[0]);
            let json = record::canonical::to_vec(&state).unwrap();
            state = serde_json::from_slice(&json).unwrap();
        }
        prop_assert_eq!(&state, &world.state);
    }

    #[test]
    fn what_left_memory_comes_back_as_if_it_had_never_left(
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut world = played(&steps);
        for id in world.state.incidents.keys().copied().collect::<Vec<_>>() {
            let _ = world.ask(Resolve { incident: id, summary: None });
        }
        let stayed = world.state.incidents.clone();
        // 64 incidents that are closed later push all of the above out of memory.
        for _ in 0..64 {
            world.wait(1);
            world.ask(declare("Later")).unwrap();
            world.ask(Resolve { incident: inc(world.state.incidents_declared), summary: None })
                .unwrap();
        }
        for (id, incident) in stayed {
            prop_assert!(!world.state.incidents.contains_key(&id));
            prop_assert_eq!(world.state.summary(id).unwrap(), &incident.summary);
            world.ask(Reopen { incident: id }).unwrap();
            let mut expected = incident;
            expected.apply(world.record.last().unwrap());
            prop_assert_eq!(&world.state.incidents[&id], &expected);
        }
    }

    #[test]
    fn one_look_declares_at_most_one_incident(
        steps in prop::collection::vec(step(), 1..80),
        ms in 1_i64..2 * DAY,
    ) {
        let mut world = played(&steps);
        for (number, service) in SERVICES.iter().enumerate() {
            let expected = record::command::ExpectHeartbeat {
                grace_ms: 0,
                heartbeat: word(&format!("beat-{number}")),
                interval_ms: 1_000,
                service: Some(word(service)),
                severity: Some(sev(3)),
            };
            world.ask(expected).unwrap();
        }
        world.wait(ms);
        let deeds = tick(&world.state, &mut world.leases, world.now, &world.rules);
        let declares = |deed: &&Deed| {
            deed.drafts.iter().any(|draft| matches!(draft.body, Body::IncidentDeclared(_)))
        };
        prop_assert!(deeds.iter().filter(declares).count() <= 1);
        // What had to wait comes up at the next looks, until nothing is due.
        let looks = (0..20).take_while(|_| !world.tick().is_empty()).count();
        prop_assert!(looks < 20);
    }
}
