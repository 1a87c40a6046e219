//! The dead man's switch: an expected sign of life that stops becomes an alert.

use record::command::{EndSilence, ExpectHeartbeat, ForgetHeartbeat, Silence};

use super::*;

fn nothing() -> Vec<String> {
    Vec::new()
}

fn expect(severity: Option<u8>) -> ExpectHeartbeat {
    ExpectHeartbeat {
        grace_ms: 10_000,
        heartbeat: word("backup"),
        interval_ms: 60_000,
        service: Some(word("storage")),
        severity: severity.map(sev),
    }
}

#[test]
fn what_stops_is_an_alert_and_ends_when_it_comes_back() {
    let mut world = World::new();
    assert!(!world.beat("backup"), "nobody expects it yet");
    assert_eq!(world.ask(expect(None)).unwrap(), ["backup expected"]);
    world.wait(30 * SECOND);
    assert!(world.beat("backup"));
    assert_eq!(world.pass(69 * SECOND), nothing());
    assert_eq!(world.pass(SECOND), ["backup fired, time 1"]);
    let alert = world.alert("backup");
    assert_eq!(
        alert.labels,
        labels(&[
            ("alertname", "HeartbeatMissing"),
            ("heartbeat", "backup"),
            ("service", "storage"),
        ])
    );
    assert_eq!(
        world.pass(DAY),
        nothing(),
        "it is told once, and never ends by itself"
    );
    world.beat("backup");
    assert_eq!(world.pass(SECOND), ["backup ended: Reported"]);
    // And the next time it stops is a firing of its own.
    assert_eq!(world.pass(2 * MINUTE), ["backup fired, time 1"]);
}

#[test]
fn with_a_severity_its_silence_declares() {
    let mut world = World::new();
    world.ask(expect(Some(1))).unwrap();
    assert_eq!(
        world.pass(70 * SECOND),
        [
            "backup fired, time 1",
            "INC-1 declared SEV1: no sign of life from backup",
            "INC-1 takes backup"
        ]
    );
    assert_eq!(
        world.state.summary(inc(1)).unwrap().service,
        Some(word("storage"))
    );
}

#[test]
fn two_that_stop_together_declare_one_incident() {
    let mut world = World::new();
    world.ask(expect(Some(1))).unwrap();
    world
        .ask(ExpectHeartbeat {
            heartbeat: word("restore"),
            ..expect(Some(1))
        })
        .unwrap();
    world.wait(HOUR);
    assert_eq!(world.tick().len(), 3);
    assert_eq!(
        world.tick(),
        ["restore fired, time 1", "INC-1 takes restore"]
    );
    assert_eq!(world.tick(), nothing());
}

#[test]
fn expected_anew_it_has_a_full_patience_again() {
    let mut world = World::new();
    world.ask(expect(None)).unwrap();
    world.pass(MINUTE);
    world.ask(expect(None)).unwrap();
    assert_eq!(world.pass(69 * SECOND), nothing());
    assert_eq!(world.pass(SECOND), ["backup fired, time 1"]);
}

#[test]
fn after_a_restart_nothing_is_missing_before_a_full_patience() {
    let mut world = World::new();
    world.ask(expect(None)).unwrap();
    world.wait(DAY);
    world.restart();
    assert_eq!(world.pass(69 * SECOND), nothing());
    assert_eq!(world.pass(SECOND), ["backup fired, time 1"]);
    // Nor does a restart end what was missing before: no sign of life has come.
    world.restart();
    assert_eq!(world.pass(HOUR), nothing());
    assert!(world.alert("backup").is_firing());
}

#[test]
fn forgetting_ends_the_alert_because_nothing_else_would() {
    let mut world = World::new();
    world.ask(expect(None)).unwrap();
    assert_eq!(world.pass(70 * SECOND), ["backup fired, time 1"]);
    let forget = ForgetHeartbeat {
        heartbeat: word("backup"),
    };
    assert_eq!(world.ask(forget).unwrap(), ["backup forgotten"]);
    assert!(!world.beat("backup"));
    // Nobody knows whether it lives: it is not called resolved.
    assert_eq!(world.pass(SECOND), ["backup ended: TimedOut"]);
    assert_eq!(world.pass(HOUR), nothing());
}

#[test]
fn forgotten_in_time_it_is_never_missed() {
    let mut world = World::new();
    world.ask(expect(Some(1))).unwrap();
    world
        .ask(ForgetHeartbeat {
            heartbeat: word("backup"),
        })
        .unwrap();
    assert_eq!(world.pass(HOUR), nothing());
}

#[test]
fn its_own_severity_counts_also_when_a_silence_held_it_back() {
    let mut world = World::new();
    world.ask(expect(Some(1))).unwrap();
    let silence = Silence {
        ends_at: world.now.plus_ms(DAY),
        matchers: labels(&[("service", "storage")]),
    };
    world.ask(silence).unwrap();
    assert_eq!(world.pass(2 * MINUTE), ["backup fired, time 1"]);
    world
        .ask(EndSilence {
            silence: word("sil-1"),
        })
        .unwrap();
    assert_eq!(
        world.tick(),
        [
            "INC-1 declared SEV1: no sign of life from backup",
            "INC-1 takes backup"
        ]
    );
}

#[test]
fn it_joins_what_is_open_for_its_service() {
    let mut world = World::new();
    world.ask(expect(Some(1))).unwrap();
    world
        .ask(Declare {
            service: Some(word("storage")),
            ..declare("Storage is slow")
        })
        .unwrap();
    world
        .ask(record::command::Acknowledge { incident: inc(1) })
        .unwrap();
    assert_eq!(
        world.pass(2 * MINUTE),
        ["backup fired, time 1", "INC-1 takes backup"]
    );
}
