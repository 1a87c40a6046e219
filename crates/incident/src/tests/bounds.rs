//! Limits, tested by going past them.

use base::Name;
use record::command::{
    Attach, ExpectHeartbeat, Note, Reopen, Resolve, ScheduleMaintenance, Silence,
};

use super::*;
use crate::Reason;

#[test]
fn a_declaration_names_64_alerts_and_no_more() {
    let mut world = World::new();
    let mut alerts = Vec::new();
    for number in 0..65 {
        let signal = firing(&world, &format!("alert-{number}"), &[]);
        world.hear(&signal);
        alerts.push(world.alert(&format!("alert-{number}")).id);
    }
    let all = Declare {
        alerts: alerts.clone(),
        ..declare("x")
    };
    assert_eq!(world.ask(all).unwrap_err().reason, Reason::TooMany);
    alerts.pop();
    assert_eq!(
        world
            .ask(Declare {
                alerts,
                ..declare("x")
            })
            .unwrap()
            .len(),
        65
    );
}

/// Fills the open incident that takes the alerts of `checkout`.
fn filled(world: &mut World) {
    for number in 0..1_000 {
        let signal = firing(
            world,
            &format!("alert-{number}"),
            &[("service", "checkout")],
        );
        let told = world.hear(&signal);
        assert!(told.last().unwrap().contains("INC-1 takes"), "{told:?}");
    }
}

#[test]
fn an_incident_takes_1000_alerts_and_those_that_follow_have_another_one() {
    let mut world = World::declaring();
    filled(&mut world);
    let more = firing(&world, "one-more", &[("service", "checkout")]);
    let Heard::Changed(deed) = world.listen(&more) else {
        unreachable!()
    };
    assert_eq!(
        deed.why.as_ref().unwrap().as_str(),
        "INC-1 has 1000 alerts, and one incident takes no more: INC-2 goes on with those that follow"
    );
    assert_eq!(
        world.do_it(deed),
        [
            "one-more fired, time 1",
            "INC-2 declared SEV2: one-more is wrong",
            "INC-2 takes one-more"
        ]
    );
    let next = firing(&world, "and-another", &[("service", "checkout")]);
    assert_eq!(
        world.hear(&next),
        ["and-another fired, time 1", "INC-2 takes and-another"]
    );
    assert_eq!(world.tick(), Vec::<String>::new());
    let attach = Attach {
        alert: world.alert("one-more").id,
        incident: inc(1),
    };
    assert_eq!(world.ask(attach).unwrap_err().reason, Reason::TooMany);
    assert_eq!(world.state.incidents[&inc(1)].alerts.len(), 1_000);
    // Other alerts are none of its business.
    let other = firing(&world, "other", &[("service", "search")]);
    assert_eq!(world.hear(&other).len(), 3);
    assert_eq!(
        world
            .state
            .alerts
            .values()
            .filter(|it| it.incident.is_none())
            .count(),
        0
    );
}

#[test]
fn a_full_incident_that_a_person_declared_goes_on_in_one_as_bad_as_it_is() {
    let mut world = World::new();
    world
        .ask(Declare {
            service: Some(word("checkout")),
            severity: sev(1),
            ..declare("Checkout is down")
        })
        .unwrap();
    filled(&mut world);
    // No rule declares, but whatever belongs to an open incident is in one.
    let more = firing(&world, "one-more", &[("service", "checkout")]);
    assert_eq!(
        world.hear(&more),
        [
            "one-more fired, time 1",
            "INC-2 declared SEV1: one-more is wrong",
            "INC-2 takes one-more"
        ]
    );
    let other = firing(&world, "other", &[("service", "search")]);
    assert_eq!(world.hear(&other), ["other fired, time 1"]);
}

/// That many different alerts, of so many services.
fn storm(world: &mut World, source: &str, alerts: u32, services: u32) {
    for number in 0..alerts {
        let service = format!("service-{}", number % services);
        let signal = AlertSignal {
            source: word(source),
            ..firing(world, &format!("alert-{number}"), &[("service", &service)])
        };
        let Heard::Changed(deed) = world.listen(&signal) else {
            unreachable!()
        };
        world.record.clear();
        world.take(&deed.id, &deed.actor, deed.drafts);
    }
}

/// Each of these storms takes about a second. When every alert meant to look at all others, or at
/// all open incidents, they took minutes, longer than a test may.
#[test]
fn as_many_alerts_as_may_fire_are_heard_one_by_one_without_looking_at_all_others() {
    let mut world = World::new();
    storm(&mut world, "prometheus", 20_000, 20_000);
    assert_eq!(world.state.alerts_firing(), 20_000);
    let mut world = World::declaring();
    storm(&mut world, "prometheus", 20_000, 23);
    assert_eq!(world.state.incidents_declared, 23);
    let mut world = World::declaring();
    storm(&mut world, "alertmanager", 20_000, 20_000);
    assert_eq!(world.state.incidents_declared, 20_000);
}

#[test]
fn of_silences_windows_and_heartbeats_there_is_an_end() {
    let mut world = World::new();
    let far = world.now.plus_ms(DAY);
    let silence = Silence {
        ends_at: far,
        matchers: labels(&[("a", "b")]),
    };
    for _ in 0..200 {
        world.ask(silence.clone()).unwrap();
    }
    assert_eq!(
        world.ask(silence.clone()).unwrap_err().reason,
        Reason::TooMany
    );
    let window = ScheduleMaintenance {
        page: None,
        ends_at: far,
        service: word("checkout"),
        starts_at: world.now,
        title: word("x"),
    };
    for _ in 0..200 {
        world.ask(window.clone()).unwrap();
    }
    assert_eq!(
        world.ask(window.clone()).unwrap_err().reason,
        Reason::TooMany
    );
    let heartbeat = |name: Name| ExpectHeartbeat {
        grace_ms: 0,
        heartbeat: name,
        interval_ms: 604_800_000,
        service: None,
        severity: None,
    };
    for number in 0..500 {
        world
            .ask(heartbeat(word(&format!("beat-{number}"))))
            .unwrap();
    }
    let more = world.ask(heartbeat(word("one-more"))).unwrap_err();
    assert_eq!(more.reason, Reason::TooMany);
    world.ask(heartbeat(word("beat-7"))).unwrap();
    // What has run out makes room.
    world.wait(DAY);
    world
        .ask(Silence {
            ends_at: far.plus_ms(DAY),
            ..silence
        })
        .unwrap();
    world
        .ask(ScheduleMaintenance {
            page: None,
            ends_at: far.plus_ms(DAY),
            ..window
        })
        .unwrap();
}

#[test]
fn ended_alerts_are_forgotten_after_a_day() {
    let mut world = World::new();
    let first = firing(&world, "first", &[]);
    world.hear(&first);
    world.hear(&ended(&first));
    world.wait(DAY);
    let second = firing(&world, "second", &[]);
    world.hear(&second);
    assert_eq!(world.state.alerts.len(), 2, "a day is not over yet");
    world.wait(1);
    let third = firing(&world, "third", &[]);
    world.hear(&third);
    let left: Vec<_> = world
        .state
        .alerts
        .values()
        .map(|alert| alert.fingerprint.as_str())
        .collect();
    assert!(!left.contains(&"first") && left.len() == 2, "{left:?}");
}

#[test]
fn of_ended_alerts_10000_are_remembered() {
    let mut world = World::new();
    for number in 0..10_050 {
        let signal = firing(&world, &format!("alert-{number}"), &[]);
        for signal in [&signal, &ended(&signal)] {
            let Heard::Changed(deed) = world.listen(signal) else {
                unreachable!()
            };
            world.record.clear();
            world.take(&deed.id, &deed.actor, deed.drafts);
        }
        world.wait(1);
    }
    assert_eq!(world.state.alerts.len(), 10_000);
    assert!(
        world
            .state
            .alerts
            .values()
            .all(|alert| alert.fingerprint.as_str() != "alert-49")
    );
}

#[test]
fn of_closed_incidents_64_stay_whole_also_when_old_ones_are_touched() {
    let mut world = World::new();
    for number in 1..=70 {
        world.ask(declare(&format!("Number {number}"))).unwrap();
        world.wait(SECOND);
        world
            .ask(Resolve {
                incident: inc(number),
                summary: None,
            })
            .unwrap();
    }
    assert_eq!(
        (world.state.incidents.len(), world.state.closed.len()),
        (64, 6)
    );
    for number in 1..=70 {
        let note = Note {
            blobs: Vec::new(),
            incident: inc(number),
            text: word("Looked again"),
        };
        world.ask(note).unwrap();
        assert_eq!(world.state.summary(inc(number)).unwrap().acts, 3);
        assert_eq!(
            (world.state.incidents.len(), world.state.closed.len()),
            (64, 6)
        );
    }
    // Reopened, an old one is whole again and stays so while it is open.
    world.ask(Reopen { incident: inc(1) }).unwrap();
    assert!(world.state.incidents.contains_key(&inc(1)));
    assert_eq!(world.state.summaries().count(), 70);
    world.restart();
}

#[test]
fn leases_of_alerts_that_never_became_acts_do_not_pile_up() {
    let mut world = World::new();
    for number in 0..5_000 {
        let signal = firing(&world, &format!("alert-{number}"), &[]);
        // Decided, and then not taken: the record may not grow so fast.
        assert!(matches!(world.listen(&signal), Heard::Changed(_)));
        if number % 500 == 0 {
            world.tick();
        }
    }
    world.tick();
    assert!(world.leases.kept() <= 1_000, "{}", world.leases.kept());
}
