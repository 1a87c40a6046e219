//! One incident from its declaration to its end, told by the acts it leaves.

use record::command::{Acknowledge, Assign, Note, Reopen, Resolve, SetSeverity, SetStatus, Update};
use record::kinds::incident::{Audience, Role, Status};

use super::*;
use crate::Reason;

fn assign(incident: u32, role: Role, person: &str) -> Assign {
    Assign {
        incident: inc(incident),
        person: word(person),
        role,
    }
}

fn note(incident: u32, text: &str) -> Note {
    Note {
        blobs: Vec::new(),
        incident: inc(incident),
        text: word(text),
    }
}

#[test]
fn an_incident_runs_from_declaration_to_reopening() {
    let mut world = World::new();
    let title = "A miner runs on the build machine";
    assert_eq!(
        world.ask(declare(title)).unwrap(),
        [format!("INC-1 declared SEV2: {title}")]
    );
    assert_eq!(
        world.ask(Acknowledge { incident: inc(1) }).unwrap(),
        ["INC-1 acknowledged"]
    );
    world.appoint(assign(1, Role::Commander, "kim")).unwrap();
    world.appoint(assign(1, Role::Operations, "alex")).unwrap();
    world.appoint(assign(1, Role::Operations, "robin")).unwrap();
    world
        .appoint(assign(1, Role::Communications, "sam"))
        .unwrap();
    world.wait(10 * MINUTE);
    let told = world.ask(note(1, "It is in root's crontab")).unwrap();
    assert_eq!(told, ["INC-1 noted: It is in root's crontab"]);
    let severity = SetSeverity {
        incident: inc(1),
        severity: sev(1),
    };
    assert_eq!(world.ask(severity).unwrap(), ["INC-1 SEV2 -> SEV1"]);
    let identified = SetStatus {
        incident: inc(1),
        status: Status::Identified,
    };
    assert_eq!(
        world.ask(identified).unwrap(),
        ["INC-1 Investigating -> Identified"]
    );
    let update = Update {
        page: None,
        audience: Audience::Public,
        incident: inc(1),
        status: Some(Status::Monitoring),
        text: word("We are rebuilding the machine"),
    };
    assert_eq!(
        world.ask(update).unwrap(),
        [
            "INC-1 told Public: We are rebuilding the machine",
            "INC-1 Identified -> Monitoring"
        ]
    );

    let incident = &world.state.incidents[&inc(1)];
    assert_eq!(incident.told_at[&Audience::Public], world.now);
    let summary = &incident.summary;
    assert_eq!(summary.commander(), Some(&word("kim")));
    let operations: Vec<_> = summary
        .holders(Role::Operations)
        .map(ToString::to_string)
        .collect();
    assert_eq!(operations, ["alex", "robin"]);
    assert_eq!(summary.severity, sev(1));
    assert_eq!((summary.acts, summary.touched_at), (11, world.now));

    world.restart();
}

#[test]
fn what_is_resolved_is_still_noted_and_may_turn_out_not_to_be_over() {
    let mut world = World::new();
    world
        .ask(declare("A miner runs on the build machine"))
        .unwrap();
    world.ask(Acknowledge { incident: inc(1) }).unwrap();
    world.appoint(assign(1, Role::Commander, "kim")).unwrap();
    world.wait(HOUR);
    let resolve = Resolve {
        incident: inc(1),
        summary: Some(word("The machine was rebuilt")),
    };
    assert_eq!(world.ask(resolve).unwrap(), ["INC-1 resolved"]);
    assert_eq!(world.state.open_incidents().count(), 0);
    assert_eq!(
        world.state.summary(inc(1)).unwrap().status,
        Status::Resolved
    );

    // What comes to mind afterwards is still noted and told; to work on it, it is reopened.
    world.wait(DAY);
    world
        .ask(note(1, "The management interface was reachable"))
        .unwrap();
    assert_eq!(
        world
            .appoint(assign(1, Role::Planning, "kim"))
            .unwrap_err()
            .reason,
        Reason::WrongState
    );
    assert_eq!(
        world.ask(Reopen { incident: inc(1) }).unwrap(),
        ["INC-1 reopened"]
    );
    let summary = world.state.summary(inc(1)).unwrap();
    assert!(summary.is_open() && summary.acknowledged.is_none());
    assert_eq!(summary.status, Status::Investigating);
    assert_eq!(summary.commander(), Some(&word("kim")));
    world.restart();
}

#[test]
fn command_is_handed_over_and_the_one_relieved_may_then_operate() {
    let mut world = World::new();
    world.ask(declare("Checkout is down")).unwrap();
    assert_eq!(
        world.appoint(assign(1, Role::Commander, "kim")).unwrap(),
        ["INC-1 Commander is kim"]
    );
    let refusal = world
        .appoint(assign(1, Role::Operations, "kim"))
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::RoleConflict);
    assert_eq!(
        world.appoint(assign(1, Role::Commander, "robin")).unwrap(),
        ["INC-1 Commander is robin after kim"]
    );
    assert_eq!(
        world.appoint(assign(1, Role::Operations, "kim")).unwrap(),
        ["INC-1 Operations is kim"]
    );
    // And not back again while operating.
    let refusal = world
        .appoint(assign(1, Role::Commander, "kim"))
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::RoleConflict);
}

#[test]
fn who_operates_does_not_command_in_whichever_order_it_is_asked() {
    for (first, second) in [
        (Role::Commander, Role::Operations),
        (Role::Operations, Role::Commander),
    ] {
        let mut world = World::new();
        world.ask(declare("Checkout is down")).unwrap();
        world.appoint(assign(1, first, "kim")).unwrap();
        let refusal = world.appoint(assign(1, second, "kim")).unwrap_err();
        assert_eq!(refusal.reason, Reason::RoleConflict);
        assert!(refusal.detail.contains("kim"), "{refusal}");
        // In another incident the same person is free, and other roles exclude nothing.
        world.ask(declare("Search is slow")).unwrap();
        world.appoint(assign(2, second, "kim")).unwrap();
        world
            .appoint(assign(1, Role::Communications, "kim"))
            .unwrap();
        world.appoint(assign(1, Role::Planning, "kim")).unwrap();
    }
}

#[test]
fn reopening_does_not_make_the_commander_free_to_operate() {
    let mut world = World::new();
    world.ask(declare("Checkout is down")).unwrap();
    world.appoint(assign(1, Role::Commander, "kim")).unwrap();
    world
        .ask(Resolve {
            incident: inc(1),
            summary: None,
        })
        .unwrap();
    world.ask(Reopen { incident: inc(1) }).unwrap();
    let refusal = world
        .appoint(assign(1, Role::Operations, "kim"))
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::RoleConflict);
}

#[test]
fn an_update_that_names_the_present_status_tells_and_changes_nothing() {
    let mut world = World::new();
    world.ask(declare("Checkout is down")).unwrap();
    let update = Update {
        page: None,
        audience: Audience::Insiders,
        incident: inc(1),
        status: Some(Status::Investigating),
        text: word("Still looking"),
    };
    assert_eq!(
        world.ask(update).unwrap(),
        ["INC-1 told Insiders: Still looking"]
    );
}

#[test]
fn a_declaration_may_bring_the_alerts_it_is_about() {
    let mut world = World::new();
    let signal = firing(&world, "disk", &[("alertname", "DiskFull")]);
    assert_eq!(world.hear(&signal), ["disk fired, time 1"]);
    let alert = world.alert("disk").id;
    let declared = Declare {
        alerts: vec![alert],
        ..declare("A disk is full")
    };
    assert_eq!(
        world.ask(declared.clone()).unwrap(),
        ["INC-1 declared SEV2: A disk is full", "INC-1 takes disk"]
    );
    // Named again in another declaration it moves there: an alert belongs to one incident.
    assert_eq!(
        world.ask(declared).unwrap(),
        [
            "INC-2 declared SEV2: A disk is full",
            "INC-2 takes disk from INC-1"
        ]
    );
    assert!(world.state.incidents[&inc(1)].alerts.is_empty());
    assert_eq!(world.alert("disk").incident, Some(inc(2)));
}

#[test]
fn incidents_are_listed_newest_first() {
    let mut world = World::new();
    for title in ["One", "Two", "Three"] {
        world.ask(declare(title)).unwrap();
    }
    let titles: Vec<_> = world
        .state
        .summaries()
        .map(|it| it.title.to_string())
        .collect();
    assert_eq!(titles, ["Three", "Two", "One"]);
}
