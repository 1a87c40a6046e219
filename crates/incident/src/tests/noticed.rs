//! How an incident was noticed, as far as acts can tell: by an alert that fired before it was
//! declared, by a program, or nobody knows.

use record::command::{Attach, Reopen, Resolve};

use super::*;
use crate::stats::{Noticed, Row};

fn noticed(world: &World, number: u32) -> Noticed {
    Row::of(world.state.summary(inc(number)).unwrap()).noticed
}

fn resolve(world: &mut World, number: u32) {
    let incident = inc(number);
    let summary = None;
    world.ask(Resolve { incident, summary }).unwrap();
}

#[test]
fn an_alert_that_fired_before_the_declaration_noticed_it() {
    let mut world = World::new();
    let early = firing(&world, "early", &[]);
    world.hear(&early);
    world.wait(MINUTE);
    world
        .ask(declare("Seen by a person, or so it looks"))
        .unwrap();
    assert_eq!(noticed(&world, 1), Noticed::Unknown);
    world.wait(MINUTE);
    let late = firing(&world, "late", &[("a", "b")]);
    world.hear(&late);
    let attach = |world: &World, alert: &str, number: u32| Attach {
        alert: world.alert(alert).id,
        incident: inc(number),
    };
    let too_late = attach(&world, "late", 1);
    world.ask(too_late).unwrap();
    assert_eq!(noticed(&world, 1), Noticed::Unknown, "it fired afterwards");
    let in_time = attach(&world, "early", 1);
    world.ask(in_time).unwrap();
    assert_eq!(noticed(&world, 1), Noticed::Alert);
    // It was another's after all.
    world.ask(declare("Another")).unwrap();
    let moved = attach(&world, "early", 2);
    world.ask(moved).unwrap();
    assert_eq!(
        (noticed(&world, 1), noticed(&world, 2)),
        (Noticed::Unknown, Noticed::Alert)
    );
}

#[test]
fn a_declaration_that_cites_an_alert_was_noticed_by_it_and_one_by_a_rule_too() {
    let mut world = World::new();
    let alert = firing(&world, "disk", &[]);
    world.hear(&alert);
    let cites = Declare {
        alerts: vec![world.alert("disk").id],
        ..declare("The disk is full")
    };
    world.ask(cites).unwrap();
    assert_eq!(noticed(&world, 1), Noticed::Alert);
    let mut world = World::declaring();
    let alert = firing(&world, "disk", &[]);
    world.hear(&alert);
    assert_eq!(noticed(&world, 1), Noticed::Alert);
}

#[test]
fn what_a_program_declares_without_an_alert_was_noticed_by_a_program() {
    let mut world = World::new();
    let verb = declare("Sign-ups dropped").into();
    let actor = Actor::Service {
        id: word("watchdog"),
    };
    let context = Context::new(&actor, world.now, &world.rules);
    let drafts = decide(&world.state, &verb, &context).unwrap().unwrap();
    world.take(&word("watchdog:1"), &actor, drafts);
    assert_eq!(noticed(&world, 1), Noticed::Program);
}

#[test]
fn it_is_known_for_good_though_alerts_are_forgotten_and_incidents_leave_memory() {
    let mut world = World::declaring();
    let alert = firing(&world, "disk", &[]);
    world.hear(&alert);
    let end = ended(&alert);
    world.hear(&end);
    resolve(&mut world, 1);
    world.wait(2 * DAY);
    for number in 2..=66 {
        world.ask(declare("Something else")).unwrap();
        resolve(&mut world, number);
    }
    let other = firing(&world, "other", &[("a", "b")]);
    world.hear(&other);
    let end = ended(&other);
    world.hear(&end);
    assert!(
        !world
            .state
            .alerts
            .values()
            .any(|it| it.fingerprint == alert.fingerprint)
    );
    assert!(world.state.closed.contains_key(&inc(1)));
    assert_eq!(noticed(&world, 1), Noticed::Alert);
    // A later act brings it back whole, from acts that say nothing of when the alert fired.
    world.ask(Reopen { incident: inc(1) }).unwrap();
    assert!(world.state.incidents.contains_key(&inc(1)));
    assert_eq!(noticed(&world, 1), Noticed::Alert);
    world.restart();
}
