//! Outsiders can't make the record grow faster than they are told they may.

use incident::{Action, AlertRule};

use super::*;

/// Severity 1 for every alert.
fn declaring() -> AlertRule {
    AlertRule {
        name: word("all"),
        matchers: Default::default(),
        action: Action::Declare(Severity::from_number(1).unwrap()),
    }
}

#[test]
fn what_comes_too_fast_is_refused_and_nothing_is_lost_when_it_is_sent_again() {
    let mut house = House::shut();
    house.growth = Growth::new(2, 20);
    house.start();
    let now = house.now();
    let all: Vec<_> = (0..25)
        .map(|number| firing(&format!("a-{number}"), "checkout", now))
        .collect();
    let first = house.signals(&all);
    assert_eq!(first.receipts.len(), 10);
    assert_eq!(first.refused.unwrap().reason, Reason::Overloaded);
    // At once the rest is still too much; with time it fits.
    assert!(house.signals(&all).receipts.is_empty());
    house.wait(5 * SECOND);
    let second = house.signals(&all);
    assert_eq!((second.known, second.receipts.len()), (10, 5));
    assert!(second.refused.is_some());
    house.wait(60 * SECOND);
    let third = house.signals(&all);
    assert_eq!(
        (third.known, third.receipts.len(), third.refused),
        (15, 10, None)
    );
    assert_eq!(house.driver().state().incidents.alerts.len(), 25);
    house.agrees();
}

#[test]
fn an_alert_with_all_that_follows_from_it_is_taken_whole_or_not_at_all() {
    let mut house = House::shut();
    house.rules.alert_rules = vec![declaring()];
    house.growth = Growth::new(1, 7);
    house.start();
    let now = house.now();
    let both = [firing("a", "checkout", now), firing("b", "search", now)];
    let report = house.signals(&both);
    assert_eq!(report.receipts.len(), 3, "fired, declared, attached");
    assert_eq!(report.refused.unwrap().reason, Reason::Overloaded);
    house.wait(SECOND);
    let report = house.signals(&both);
    assert_eq!((report.known, report.receipts.len()), (1, 3));
}

#[test]
fn an_alert_that_leads_to_more_than_the_bucket_holds_is_taken_from_a_full_one() {
    let mut house = House::shut();
    house.rules.alert_rules = vec![declaring()];
    house.growth = Growth::new(1, 3);
    house.start();
    let now = house.now();
    let both = [firing("a", "checkout", now), firing("b", "search", now)];
    assert_eq!(house.signals(&both).receipts.len(), 3);
    // Four acts were charged, three were there.
    house.wait(4 * SECOND - 1);
    assert!(house.signals(&both).receipts.is_empty());
    house.wait(1);
    assert_eq!(house.signals(&both).receipts.len(), 3);
}

/// An outsider who lets alerts fire and run out, again and again, once got two acts for the price of
/// one: ends were free.
#[test]
fn alerts_that_run_out_again_and_again_stay_within_the_rate() {
    const MINUTE: i64 = 60 * SECOND;
    let mut house = House::shut();
    house.rules.quiet_timeout_ms = SECOND;
    house.growth = Growth::new(1, 20);
    house.start();
    let begin = house.now();
    while house.now().ms_since(begin) < 10 * MINUTE {
        let now = house.now();
        let all: Vec<_> = (0..10)
            .map(|number| firing(&format!("a-{number}"), "checkout", now))
            .collect();
        house.signals(&all);
        house.wait(SECOND);
        house.tick().unwrap();
    }
    let acts = house.acts();
    let ended = |act: &&Act| act.body.kind() == "alert.resolved/1";
    let ended = acts.iter().filter(ended).count();
    assert!(ended > 300, "{ended} alerts ran out");
    assert!(acts.len() <= 1 + 20 + 600, "{} acts in 600 s", acts.len());
}

#[test]
fn an_end_is_never_put_off_because_it_was_paid_for() {
    let mut house = House::shut();
    house.growth = Growth::new(1, 4);
    house.start();
    let now = house.now();
    let both = [firing("a", "checkout", now), firing("b", "checkout", now)];
    assert_eq!(house.signals(&both).receipts.len(), 2);
    let over = both.map(|signal| AlertSignal {
        phase: Phase::Resolved,
        ..signal
    });
    let report = house.signals(&over);
    assert_eq!((report.receipts.len(), report.refused), (2, None));
}

/// Reminders of what a rule declared, and alerts that a silence held back, are of an outsider's
/// making: they come when they are due, and what is sent next waits the longer.
#[test]
fn what_follows_when_time_has_passed_is_charged_although_it_never_waits() {
    let mut house = House::shut();
    house.rules.alert_rules = vec![declaring()];
    house.rules.remind_after_ms = 10 * SECOND;
    house.growth = Growth::new(1, 4);
    house.start();
    let silence = record::command::Silence {
        ends_at: house.now().plus_ms(100 * SECOND),
        matchers: [("service".into(), "search".into())].into(),
    };
    house.done("s-1", silence);
    let now = house.now();
    assert_eq!(
        house
            .signals(&[firing("a", "checkout", now)])
            .receipts
            .len(),
        3
    );
    house.wait(6 * SECOND);
    let held: Vec<_> = (0..3)
        .map(|number| firing(&format!("b-{number}"), "search", now))
        .collect();
    assert_eq!(house.signals(&held[..2]).receipts.len(), 2);
    house.wait(3 * SECOND);
    assert_eq!(house.signals(&held[2..]).receipts.len(), 1);
    // One in the bucket. The tenth second brings one more, and the reminder takes it.
    house.wait(SECOND);
    house.tick().unwrap();
    let kinds = house.acts();
    assert_eq!(kinds.last().unwrap().body.kind(), "incident.reminded/1");
    assert!(
        house
            .signals(&[firing("c", "storage", now)])
            .refused
            .is_some()
    );
    // The silence ends: another reminder, a declaration, three that join it.
    house.wait(90 * SECOND);
    let before = house.acts().len();
    house.tick().unwrap();
    house.tick().unwrap();
    let due = house.acts().len() - before;
    assert_eq!(due, 1 + 2 + 2);
    // Four were there. One too many was taken: three seconds for an alert, and one before it.
    let offered = |house: &mut House| {
        let report = house.signals(&[firing("d", "checkout", now)]);
        report.receipts.len()
    };
    house.wait(4 * SECOND - 1);
    assert_eq!(offered(&mut house), 0);
    house.wait(1);
    assert_eq!(offered(&mut house), 2, "it fired and joined the first one");
}

/// How often a sign of life can be missing is up to the person who expects it: a storm of alerts
/// does not keep hereby from saying so, nor does that keep alerts out.
#[test]
fn missing_heartbeats_are_not_charged() {
    let mut house = House::shut();
    house.growth = Growth::new(1, 2);
    house.start();
    for number in 0..10 {
        let expect = record::command::ExpectHeartbeat {
            grace_ms: 0,
            heartbeat: word(&format!("beat-{number}")),
            interval_ms: 1_000,
            service: None,
            severity: None,
        };
        house.done(&format!("e-{number}"), expect);
    }
    house.wait(10 * SECOND);
    house.tick().unwrap();
    assert_eq!(house.driver().state().incidents.alerts_firing(), 10);
    let now = house.now();
    assert_eq!(
        house
            .signals(&[firing("a", "checkout", now)])
            .receipts
            .len(),
        1
    );
}

#[test]
fn people_are_never_held_up_by_it() {
    let mut house = House::shut();
    house.growth = Growth::new(1, 1);
    house.start();
    let now = house.now();
    house.signals(&[firing("a", "checkout", now), firing("b", "checkout", now)]);
    for number in 0..50 {
        house.done(&format!("d-{number}"), declare("x"));
    }
}

#[test]
fn a_bucket_fills_with_time_and_never_beyond_its_brim() {
    let now = Timestamp::from_ms(0);
    let mut growth = Growth::new(10, 20);
    let full = |growth: &mut Growth, now| {
        let mut probe = growth.clone();
        probe.take(1, now);
        growth.has(20, now) && !probe.has(20, now)
    };
    assert!(full(&mut growth, now));
    growth.take(20, now);
    assert!(!growth.has(1, now.plus_ms(99)));
    assert!(growth.has(1, now.plus_ms(100)));
    assert!(full(&mut growth, now.plus_ms(DAY)));
    // A clock that was set back takes nothing away and gives nothing.
    growth.take(20, now);
    assert!(!growth.has(1, now));
    // Below empty it takes as long to come back as what was taken.
    growth.take(10, now);
    assert!(!growth.has(1, now.plus_ms(1_099)));
    assert!(growth.has(1, now.plus_ms(1_100)));
    // More than it holds fits when it is full.
    assert!(!growth.has(21, now.plus_ms(2_999)));
    assert!(growth.has(21, now.plus_ms(3_000)));
}
