//! A declaration that nobody acknowledges is brought up again.

use record::command::{Acknowledge, Reopen, Resolve};

use super::*;

#[test]
fn reminders_repeat_until_the_last_one() {
    let mut world = World::new();
    world.rules.reminders_max = 3;
    world.ask(declare("Checkout is down")).unwrap();
    assert_eq!(world.pass(5 * MINUTE - SECOND), Vec::<String>::new());
    assert_eq!(world.pass(SECOND), ["INC-1 reminded 1"]);
    assert_eq!(
        world.pass(10 * MINUTE),
        ["INC-1 reminded 2", "INC-1 reminded 3"]
    );
    assert_eq!(world.state.incidents[&inc(1)].next_reminder, None);
    assert_eq!(world.pass(HOUR), Vec::<String>::new());
}

#[test]
fn an_acknowledgement_ends_them_and_so_does_the_end() {
    let mut world = World::new();
    world.ask(declare("Checkout is down")).unwrap();
    world.ask(declare("Search is down")).unwrap();
    assert_eq!(
        world.pass(5 * MINUTE),
        ["INC-1 reminded 1", "INC-2 reminded 1"]
    );
    world.ask(Acknowledge { incident: inc(1) }).unwrap();
    world
        .ask(Resolve {
            incident: inc(2),
            summary: None,
        })
        .unwrap();
    assert_eq!(world.pass(HOUR), Vec::<String>::new());
}

#[test]
fn reopening_starts_them_again() {
    let mut world = World::new();
    world.rules.reminders_max = 1;
    world.ask(declare("Checkout is down")).unwrap();
    assert_eq!(world.pass(HOUR), ["INC-1 reminded 1"]);
    world
        .ask(Resolve {
            incident: inc(1),
            summary: None,
        })
        .unwrap();
    world.ask(Reopen { incident: inc(1) }).unwrap();
    assert_eq!(world.pass(5 * MINUTE - SECOND), Vec::<String>::new());
    assert_eq!(world.pass(SECOND), ["INC-1 reminded 1"]);
    // After an acknowledgement too: whoever was on it then need not be on it now.
    world.ask(Acknowledge { incident: inc(1) }).unwrap();
    world
        .ask(Resolve {
            incident: inc(1),
            summary: None,
        })
        .unwrap();
    world.ask(Reopen { incident: inc(1) }).unwrap();
    assert_eq!(world.pass(HOUR), ["INC-1 reminded 1"]);
}

#[test]
fn a_restart_neither_forgets_nor_repeats_one() {
    let mut world = World::new();
    world.ask(declare("Checkout is down")).unwrap();
    world.pass(4 * MINUTE);
    world.restart();
    assert_eq!(world.pass(MINUTE), ["INC-1 reminded 1"]);
    world.restart();
    assert_eq!(world.pass(5 * MINUTE - SECOND), Vec::<String>::new());
    world.restart();
    assert_eq!(world.pass(SECOND), ["INC-1 reminded 2"]);
}

#[test]
fn a_night_asleep_is_one_reminder_and_not_a_hundred() {
    let mut world = World::new();
    world.ask(declare("Checkout is down")).unwrap();
    world.wait(8 * HOUR);
    assert_eq!(world.tick(), ["INC-1 reminded 1"]);
    assert_eq!(world.tick(), Vec::<String>::new());
    assert_eq!(world.pass(5 * MINUTE), ["INC-1 reminded 2"]);
}
