//! Outsiders can't make the record grow faster than they are told they may.

use incident::{Action, AlertRule};

use super::*;

#[test]
fn what_comes_too_fast_is_refused_and_nothing_is_lost_when_it_is_sent_again() {
    let mut house = House::shut();
    house.growth = Growth::new(1, 10);
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
    let declares = Action::Declare(Severity::from_number(1).unwrap());
    house.rules.alert_rules = vec![AlertRule {
        name: word("all"),
        matchers: Default::default(),
        action: declares,
    }];
    house.growth = Growth::new(1, 5);
    house.start();
    let now = house.now();
    let report = house.signals(&[firing("a", "checkout", now), firing("b", "search", now)]);
    assert_eq!(report.receipts.len(), 3, "fired, declared, attached");
    assert_eq!(report.refused.unwrap().reason, Reason::Overloaded);
    house.wait(SECOND);
    let report = house.signals(&[firing("a", "checkout", now), firing("b", "search", now)]);
    assert_eq!((report.known, report.receipts.len()), (1, 3));
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
    assert!(growth.has(20, now) && !growth.has(21, now));
    growth.take(20);
    assert!(!growth.has(1, now.plus_ms(99)));
    assert!(growth.has(1, now.plus_ms(100)));
    assert!(growth.has(20, now.plus_ms(DAY)) && !growth.has(21, now.plus_ms(2 * DAY)));
    // A clock that was set back takes nothing away and gives nothing.
    growth.take(20);
    assert!(!growth.has(1, now));
}
