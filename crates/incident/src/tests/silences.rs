//! Silences and maintenance windows: alerts are recorded, and nobody is woken until they end.

use record::command::{EndMaintenance, EndSilence, ScheduleMaintenance, Silence};

use super::*;

const CHECKOUT: [(&str, &str); 1] = [("service", "checkout")];

fn silence(world: &World, ms: i64) -> Silence {
    Silence {
        ends_at: world.now.plus_ms(ms),
        matchers: labels(&CHECKOUT),
    }
}

fn nothing() -> Vec<String> {
    Vec::new()
}

const PLACED: [&str; 2] = ["INC-1 declared SEV2: down is wrong", "INC-1 takes down"];

#[test]
fn a_silenced_alert_is_recorded_and_placed_when_the_silence_runs_out() {
    let mut world = World::declaring();
    assert_eq!(world.ask(silence(&world, HOUR)).unwrap(), ["sil-1 created"]);
    let signal = firing(&world, "down", &CHECKOUT);
    assert_eq!(world.hear(&signal), ["down fired, time 1"]);
    let labels = &world.alert("down").labels;
    assert_eq!(
        world.state.suppressed_by(labels, world.now),
        Some(&word("sil-1"))
    );
    world.wait(HOUR - 1);
    assert_eq!(world.tick(), nothing());
    world.wait(1);
    assert_eq!(world.tick(), PLACED);
    assert_eq!(world.tick(), nothing());
    world.restart();
}

#[test]
fn a_silence_ended_early_places_what_waited() {
    let mut world = World::declaring();
    world.ask(silence(&world, HOUR)).unwrap();
    let signal = firing(&world, "down", &CHECKOUT);
    world.hear(&signal);
    assert_eq!(
        world
            .ask(EndSilence {
                silence: word("sil-1")
            })
            .unwrap(),
        ["sil-1 ended"]
    );
    assert_eq!(world.tick(), PLACED);
}

#[test]
fn a_silence_speaks_only_for_its_labels() {
    let mut world = World::declaring();
    world.ask(silence(&world, HOUR)).unwrap();
    let other = firing(&world, "other", &[("service", "search")]);
    assert_eq!(world.hear(&other).len(), 3);
    let without = firing(&world, "without", &[("alertname", "Odd")]);
    assert_eq!(world.hear(&without).len(), 3);
}

#[test]
fn what_ended_under_a_silence_wakes_nobody() {
    let mut world = World::declaring();
    world.ask(silence(&world, HOUR)).unwrap();
    let signal = firing(&world, "down", &CHECKOUT);
    world.hear(&signal);
    world.hear(&ended(&signal));
    world.wait(2 * HOUR);
    assert_eq!(world.tick(), nothing());
    assert_eq!(world.state.incidents_declared, 0);
}

#[test]
fn a_maintenance_window_holds_from_its_start_to_its_end() {
    let mut world = World::declaring();
    let window = ScheduleMaintenance {
        page: None,
        ends_at: world.now.plus_ms(2 * HOUR),
        service: word("checkout"),
        starts_at: world.now.plus_ms(HOUR),
        title: word("A new disk"),
    };
    assert_eq!(world.ask(window).unwrap(), ["mw-1 scheduled"]);
    let early = firing(&world, "early", &CHECKOUT);
    assert_eq!(world.hear(&early).len(), 3, "the window has not begun");
    world
        .ask(record::command::Resolve {
            incident: inc(1),
            summary: None,
        })
        .unwrap();
    world.wait(HOUR);
    let during = firing(&world, "during", &CHECKOUT);
    assert_eq!(world.hear(&during), ["during fired, time 1"]);
    let other = firing(&world, "other", &[("service", "search")]);
    assert_eq!(world.hear(&other).len(), 3, "another service");
    world.wait(HOUR - 1);
    assert!(!world.tick().iter().any(|told| told.contains("during")));
    world.wait(1);
    assert!(world.tick().contains(&"INC-3 takes during".to_owned()));
}

#[test]
fn planned_work_called_off_places_what_waited() {
    let mut world = World::declaring();
    let window = ScheduleMaintenance {
        page: None,
        ends_at: world.now.plus_ms(HOUR),
        service: word("checkout"),
        starts_at: world.now,
        title: word("A new disk"),
    };
    world.ask(window).unwrap();
    let signal = firing(&world, "down", &CHECKOUT);
    assert_eq!(world.hear(&signal), ["down fired, time 1"]);
    assert_eq!(
        world
            .ask(EndMaintenance {
                maintenance: word("mw-1")
            })
            .unwrap(),
        ["mw-1 ended"]
    );
    assert_eq!(world.tick(), PLACED);
}

#[test]
fn expired_silences_go_when_the_next_is_created_and_numbers_are_never_reused() {
    let mut world = World::new();
    world.ask(silence(&world, MINUTE)).unwrap();
    world.wait(HOUR);
    assert_eq!(
        world.ask(silence(&world, MINUTE)).unwrap(),
        ["sil-2 created"]
    );
    assert_eq!(world.state.silences.len(), 1);
    world
        .ask(EndSilence {
            silence: word("sil-2"),
        })
        .unwrap();
    assert_eq!(
        world.ask(silence(&world, MINUTE)).unwrap(),
        ["sil-3 created"]
    );
}

#[test]
fn many_alerts_that_waited_declare_one_incident_and_join_it() {
    let mut world = World::declaring();
    world.ask(silence(&world, HOUR)).unwrap();
    for name in ["a", "b", "c", "d"] {
        let signal = firing(&world, name, &CHECKOUT);
        world.hear(&signal);
    }
    world
        .ask(EndSilence {
            silence: word("sil-1"),
        })
        .unwrap();
    let mut told = world.pass(10 * SECOND);
    told.retain(|line| line.contains("INC"));
    assert_eq!(
        told.iter().filter(|line| line.contains("declared")).count(),
        1
    );
    assert_eq!(told.iter().filter(|line| line.contains("takes")).count(), 4);
    assert_eq!(world.state.incidents_declared, 1);
}

#[test]
fn a_window_over_more_alerts_than_an_incident_takes_ends_in_three_looks() {
    let mut world = World::declaring();
    world.ask(silence(&world, HOUR)).unwrap();
    for number in 0..1_200 {
        let signal = firing(&world, &format!("alert-{number}"), &CHECKOUT);
        world.hear(&signal);
    }
    world.wait(HOUR);
    // One declares; the others see its incident and join it as far as there is room; the first that
    // finds none declares another one.
    assert_eq!(world.tick().len(), 2);
    assert_eq!(world.tick().len(), 999 + 2);
    assert_eq!(world.tick().len(), 199);
    assert_eq!(world.tick(), nothing());
    assert_eq!(world.state.incidents[&inc(1)].alerts.len(), 1_000);
    assert_eq!(world.state.incidents[&inc(2)].alerts.len(), 200);
}
