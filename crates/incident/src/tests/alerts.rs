//! Alerts: what becomes an act, what only extends a lease, and which incident takes them.

use record::command::{Attach, Reopen, Resolve};

use record::kinds::incident::Stamp;

use super::*;

#[test]
fn an_alert_declares_by_rule_and_its_kin_attach_by_service() {
    let mut world = World::declaring();
    let pairs = [("alertname", "Down"), ("service", "checkout")];
    let first = firing(&world, "down", &pairs);
    assert_eq!(
        world.hear(&first),
        [
            "down fired, time 1",
            "INC-1 declared SEV2: down is wrong",
            "INC-1 takes down"
        ]
    );
    let summary = world.state.summary(inc(1)).unwrap();
    assert_eq!(summary.service, Some(word("checkout")));
    assert_eq!(
        summary.times.get(&Stamp::ImpactStart).map(|said| said.at),
        first.starts_at
    );
    world.wait(SECOND);
    let second = firing(
        &world,
        "slow",
        &[("alertname", "Slow"), ("service", "checkout")],
    );
    assert_eq!(
        world.hear(&second),
        ["slow fired, time 1", "INC-1 takes slow"]
    );
    let other = firing(
        &world,
        "search",
        &[("alertname", "Down"), ("service", "search")],
    );
    assert_eq!(
        world.hear(&other),
        [
            "search fired, time 1",
            "INC-2 declared SEV2: search is wrong",
            "INC-2 takes search"
        ]
    );
    world.restart();
}

#[test]
fn an_alert_attaches_to_what_a_person_declared_for_its_service() {
    let mut world = World::new();
    world
        .ask(Declare {
            service: Some(word("checkout")),
            ..declare("Checkout is slow")
        })
        .unwrap();
    let signal = firing(&world, "down", &[("service", "checkout")]);
    assert_eq!(
        world.hear(&signal),
        ["down fired, time 1", "INC-1 takes down"]
    );
}

#[test]
fn without_the_label_alerts_of_one_name_belong_together() {
    let mut world = World::declaring();
    let one = firing(
        &world,
        "disk-a",
        &[("alertname", "DiskFull"), ("host", "a")],
    );
    assert_eq!(world.hear(&one)[2], "INC-1 takes disk-a");
    let two = firing(
        &world,
        "disk-b",
        &[("alertname", "DiskFull"), ("host", "b")],
    );
    assert_eq!(
        world.hear(&two),
        ["disk-b fired, time 1", "INC-1 takes disk-b"]
    );
    // Without that name too nothing is known about it: it belongs with nothing.
    let three = firing(&world, "odd", &[("host", "c")]);
    assert_eq!(world.hear(&three)[2], "INC-2 takes odd");
    let four = firing(&world, "odder", &[("host", "c")]);
    assert_eq!(world.hear(&four)[2], "INC-3 takes odder");
}

#[test]
fn several_labels_must_all_agree() {
    let mut world = World::declaring();
    world.rules.attach_by = vec!["service".into(), "region".into()];
    let pair = |region| [("service", "checkout"), ("region", region)];
    let north = firing(&world, "n1", &pair("north"));
    assert_eq!(world.hear(&north)[2], "INC-1 takes n1");
    let south = firing(&world, "s1", &pair("south"));
    assert_eq!(world.hear(&south)[2], "INC-2 takes s1");
    let north = firing(&world, "n2", &pair("north"));
    assert_eq!(world.hear(&north), ["n2 fired, time 1", "INC-1 takes n2"]);
}

#[test]
fn an_offered_alert_waits_for_a_person() {
    let mut world = World::new();
    let signal = firing(&world, "down", &[("service", "checkout")]);
    assert_eq!(world.hear(&signal), ["down fired, time 1"]);
    assert_eq!(world.pass(MINUTE), Vec::<String>::new());
    let declared = Declare {
        service: Some(word("checkout")),
        ..declare("Checkout is down")
    };
    world.ask(declared).unwrap();
    // The next look at what is due finds the incident it belongs to.
    world.wait(SECOND);
    assert_eq!(world.tick(), ["INC-1 takes down"]);
    assert_eq!(world.tick(), Vec::<String>::new());
}

#[test]
fn the_first_rule_that_matches_decides() {
    let mut world = World::new();
    world.rules.alert_rules = vec![
        rule(&[("severity", "info")], Action::Ignore),
        rule(
            &[("severity", "page"), ("team", "shop")],
            Action::Declare(sev(1)),
        ),
        rule(&[("severity", "page")], Action::Declare(sev(3))),
    ];
    let told = |world: &mut World, name: &str, pairs: &[(&str, &str)]| {
        let signal = firing(world, name, pairs);
        world.hear(&signal)
    };
    assert_eq!(told(&mut world, "a", &[("severity", "info")]), ["ignored"]);
    let shop = told(&mut world, "b", &[("severity", "page"), ("team", "shop")]);
    assert_eq!(shop[1], "INC-1 declared SEV1: b is wrong");
    let other = told(&mut world, "c", &[("severity", "page"), ("team", "search")]);
    assert_eq!(other[1], "INC-2 declared SEV3: c is wrong");
    assert_eq!(
        told(&mut world, "d", &[("severity", "warning")]),
        ["d fired, time 1"]
    );
    assert!(
        world
            .state
            .alerts
            .values()
            .all(|alert| alert.fingerprint.as_str() != "a")
    );
}

#[test]
fn what_a_pair_of_alertmanagers_sends_twice_happens_once() {
    let mut world = World::declaring();
    let signal = firing(&world, "down", &[("service", "checkout")]);
    world.hear(&signal);
    world.wait(SECOND);
    assert_eq!(world.hear(&signal), ["known"]);
    assert_eq!(world.hear(&ended(&signal)), ["down ended: Reported"]);
    assert_eq!(world.hear(&ended(&signal)), ["stale"]);
    // The other one is late and still says that it fires.
    world.wait(MINUTE);
    assert_eq!(world.hear(&signal), ["known"]);
    assert!(!world.alert("down").is_firing());
    assert_eq!(world.record.len(), 4);
}

#[test]
fn a_new_start_is_a_new_firing_of_its_own() {
    let mut world = World::declaring();
    let first = firing(&world, "down", &[("service", "checkout")]);
    world.hear(&first);
    world.hear(&ended(&first));
    world.wait(MINUTE);
    let second = firing(&world, "down", &[("service", "checkout")]);
    assert_eq!(
        world.hear(&second),
        ["down fired, time 1", "INC-1 takes down"]
    );
    assert_eq!(world.state.incidents[&inc(1)].alerts.len(), 2);
}

#[test]
fn an_end_of_what_does_not_fire_is_stale() {
    let mut world = World::new();
    let signal = firing(&world, "down", &[]);
    assert_eq!(world.hear(&ended(&signal)), ["stale"]);
    let acknowledged = AlertSignal {
        phase: Phase::Acknowledged,
        ..signal
    };
    assert_eq!(world.hear(&acknowledged), ["stale"]);
    assert!(world.record.is_empty());
}

#[test]
fn an_alert_is_acknowledged_at_its_source_once_in_each_firing() {
    let mut world = World::new();
    let signal = AlertSignal {
        source: word("prometheus"),
        ..firing(&world, "down", &[])
    };
    world.hear(&signal);
    let acknowledged = AlertSignal {
        phase: Phase::Acknowledged,
        ..signal.clone()
    };
    assert_eq!(world.hear(&acknowledged), ["down acknowledged"]);
    assert_eq!(world.hear(&acknowledged), ["known"]);
    assert!(world.alert("down").acknowledged);
    world.wait(5 * MINUTE);
    assert_eq!(world.tick(), ["down ended: TimedOut"]);
    assert_eq!(world.hear(&signal), ["down fired, time 2"]);
    assert!(!world.alert("down").acknowledged);
    assert_eq!(world.hear(&acknowledged), ["down acknowledged"]);
}

#[test]
fn what_times_out_and_comes_back_fires_again_in_its_incident() {
    let mut world = World::declaring();
    let pairs = [("service", "checkout")];
    let signal = AlertSignal {
        source: word("prometheus"),
        ..firing(&world, "down", &pairs)
    };
    world.hear(&signal);
    for round in 2..5 {
        world.wait(5 * MINUTE - 1);
        assert!(!world.tick().contains(&"down ended: TimedOut".to_owned()));
        world.wait(1);
        assert!(world.tick().contains(&"down ended: TimedOut".to_owned()));
        world.wait(HOUR);
        assert_eq!(world.hear(&signal), [format!("down fired, time {round}")]);
        assert_eq!(world.alert("down").incident, Some(inc(1)));
    }
    assert_eq!(world.state.incidents_declared, 1);
    world.restart();
}

#[test]
fn what_fires_again_after_its_incident_was_closed_is_heard_anew() {
    let mut world = World::declaring();
    let pairs = [("service", "checkout")];
    let signal = AlertSignal {
        source: word("prometheus"),
        ..firing(&world, "down", &pairs)
    };
    world.hear(&signal);
    world.wait(HOUR);
    world.tick();
    assert!(!world.alert("down").is_firing());
    world
        .ask(Resolve {
            incident: inc(1),
            summary: None,
        })
        .unwrap();
    // The connection to the source is back, and it says: still wrong.
    assert_eq!(
        world.hear(&signal),
        [
            "down fired, time 2",
            "INC-2 declared SEV2: down is wrong",
            "INC-2 takes down"
        ]
    );
    assert!(world.state.incidents[&inc(1)].alerts.is_empty());
    world.restart();
}

#[test]
fn resolving_by_hand_does_not_declare_again_while_the_alert_still_fires() {
    let mut world = World::declaring();
    let signal = firing(&world, "down", &[("service", "checkout")]);
    world.hear(&signal);
    world
        .ask(Resolve {
            incident: inc(1),
            summary: None,
        })
        .unwrap();
    assert_eq!(world.pass(MINUTE), Vec::<String>::new());
    assert_eq!(world.hear(&signal), ["known"]);
    world.ask(Reopen { incident: inc(1) }).unwrap();
    assert_eq!(world.alert("down").incident, Some(inc(1)));
}

#[test]
fn an_alert_forgotten_for_a_day_comes_back_and_ends_again() {
    let mut world = World::declaring();
    let signal = AlertSignal {
        source: word("prometheus"),
        ..firing(&world, "down", &[])
    };
    world.hear(&signal);
    world.wait(HOUR);
    world.tick();
    world.wait(DAY + 1);
    let other = firing(&world, "other", &[]);
    world.hear(&other);
    world.hear(&ended(&other));
    assert!(
        world
            .state
            .alerts
            .values()
            .all(|alert| alert.fingerprint.as_str() != "down")
    );
    // The same firing by the source's word, with the same start: its acts have ids of their own.
    assert_eq!(world.hear(&signal)[0], "down fired, time 1");
    assert_eq!(world.hear(&ended(&signal)), ["down ended: Reported"]);
}

#[test]
fn an_announced_end_counts_and_refreshes_move_it() {
    let mut world = World::new();
    let mut signal = firing(&world, "down", &[]);
    signal.ends_at = Some(world.now.plus_ms(10 * MINUTE));
    world.hear(&signal);
    world.wait(9 * MINUTE);
    signal.ends_at = Some(world.now.plus_ms(10 * MINUTE));
    assert_eq!(world.hear(&signal), ["known"]);
    world.wait(10 * MINUTE - 1);
    assert_eq!(world.tick(), Vec::<String>::new());
    world.wait(1);
    assert_eq!(world.tick(), ["down ended: EndsAt"]);
}

#[test]
fn a_shorter_lease_from_a_twin_does_not_shorten_the_longer_one() {
    let mut world = World::new();
    let mut signal = firing(&world, "down", &[]);
    signal.ends_at = Some(world.now.plus_ms(10 * MINUTE));
    world.hear(&signal);
    signal.ends_at = Some(world.now.plus_ms(MINUTE));
    assert_eq!(world.hear(&signal), ["known"]);
    world.wait(10 * MINUTE - 1);
    assert_eq!(world.tick(), Vec::<String>::new());
}

#[test]
fn a_source_that_repeats_is_missed_sooner_than_one_that_speaks_once() {
    let mut world = World::new();
    let once = firing(&world, "once", &[]);
    let often = AlertSignal {
        source: word("prometheus"),
        ..firing(&world, "often", &[])
    };
    world.hear(&once);
    world.hear(&often);
    world.wait(5 * MINUTE);
    assert_eq!(world.tick(), ["often ended: TimedOut"]);
    world.wait(DAY - 5 * MINUTE - 1);
    assert_eq!(world.tick(), Vec::<String>::new());
    world.wait(1);
    assert_eq!(world.tick(), ["once ended: TimedOut"]);
}

#[test]
fn a_source_that_gives_no_start_means_the_firing_that_is_open() {
    let mut world = World::declaring();
    let event = |world: &World| AlertSignal {
        source: word("pagerduty"),
        starts_at: None,
        ..firing(world, "key-1", &[("service", "checkout")])
    };
    let first = event(&world);
    assert_eq!(world.hear(&first)[2], "INC-1 takes key-1");
    world.wait(MINUTE);
    assert_eq!(world.hear(&first), ["known"]);
    assert_eq!(world.hear(&ended(&first)), ["key-1 ended: Reported"]);
    world.wait(MINUTE);
    // The same key again, later: it fires anew and joins what is open for its service.
    assert_eq!(
        world.hear(&first),
        ["key-1 fired, time 1", "INC-1 takes key-1"]
    );
}

#[test]
fn drills_and_real_alerts_never_share_an_incident() {
    let mut world = World::declaring();
    let pairs = [("service", "checkout")];
    let rehearsed = [("service", "checkout"), ("drill", "true")];
    let real = firing(&world, "real", &pairs);
    world.hear(&real);
    let drill = firing(&world, "drill", &rehearsed);
    assert_eq!(
        world.hear(&drill),
        [
            "drill fired, time 1",
            "INC-2 declared SEV2 (drill): drill is wrong",
            "INC-2 takes drill"
        ]
    );
    world.wait(SECOND);
    for (name, pairs, takes) in [
        ("real-2", &pairs[..], "INC-1 takes real-2"),
        ("drill-2", &rehearsed, "INC-2 takes drill-2"),
    ] {
        let signal = firing(&world, name, pairs);
        assert_eq!(world.hear(&signal)[1], takes);
    }
    // A person can't mix them either, and `drill` has to say `true`.
    let attach = Attach {
        alert: world.alert("real").id,
        incident: inc(2),
    };
    assert!(world.ask(attach).is_err());
    let not_quite = firing(
        &world,
        "not-quite",
        &[("service", "checkout"), ("drill", "yes")],
    );
    assert_eq!(world.hear(&not_quite)[1], "INC-1 takes not-quite");
}

#[test]
fn after_a_restart_alerts_get_a_full_lease_before_they_are_missed() {
    let mut world = World::new();
    let signal = AlertSignal {
        source: word("prometheus"),
        ..firing(&world, "down", &[])
    };
    world.hear(&signal);
    world.wait(DAY);
    world.restart();
    world.wait(5 * MINUTE - 1);
    assert_eq!(world.tick(), Vec::<String>::new());
    world.wait(1);
    assert_eq!(world.tick(), ["down ended: TimedOut"]);
}

#[test]
fn refreshes_leave_no_act() {
    let mut world = World::declaring();
    let signal = AlertSignal {
        source: word("prometheus"),
        ..firing(&world, "down", &[])
    };
    world.hear(&signal);
    world
        .ask(record::command::Acknowledge { incident: inc(1) })
        .unwrap();
    let acts = world.record.len();
    for _ in 0..500 {
        world.wait(15 * SECOND);
        assert_eq!(world.hear(&signal), ["known"]);
        assert_eq!(world.tick(), Vec::<String>::new());
    }
    assert_eq!(world.record.len(), acts);
}

#[test]
fn an_alert_that_ends_in_the_same_moment_is_placed_nowhere() {
    let mut world = World::declaring();
    let signal = AlertSignal {
        source: word("prometheus"),
        ..firing(&world, "down", &[("service", "checkout")])
    };
    let silence = record::command::Silence {
        ends_at: world.now.plus_ms(5 * MINUTE),
        matchers: labels(&[("service", "checkout")]),
    };
    world.ask(silence).unwrap();
    world.hear(&signal);
    // The silence and the lease end together, as after a night in which the machine slept.
    world.wait(5 * MINUTE);
    assert_eq!(world.tick(), ["down ended: TimedOut"]);
    assert_eq!(world.tick(), Vec::<String>::new());
}
