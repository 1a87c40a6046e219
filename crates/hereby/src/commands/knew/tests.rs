//! What somebody knew is what the record says that they knew.

use base::{PersonName, Timestamp};
use record::act::Act;
use record::kinds::incident::Audience;
use serde_json::{Value, json};

use super::{How, knew};
use crate::commands::timeline::tests::{declared, item, timeline};

/// An hour of an incident: kim joins, is given a task, leaves, and reads it up.
fn an_hour() -> Vec<Act> {
    let told = |number: u64, minute: u32, audience: &str| {
        let body = json!({ "audience": audience, "text": "Cards fail." });
        item(number, minute, "sam", "incident.updated/1", &body)
    };
    let of = |number, minute, who, kind: &str, body: Value| {
        item(number, minute, who, &format!("incident.{kind}/1"), &body)
    };
    let items = vec![
        declared(),
        of(
            1,
            5,
            "sam",
            "noted",
            json!({ "text": "only on the record" }),
        ),
        told(2, 6, "insiders"),
        of(3, 10, "sam", "joined", json!({ "person": "kim" })),
        told(4, 11, "insiders"),
        told(5, 12, "public"),
        of(
            6,
            13,
            "sam",
            "task_opened",
            json!({ "task": 1, "text": "t", "owner": "kim" }),
        ),
        of(
            7,
            14,
            "uid:kim",
            "task_closed",
            json!({ "task": 1, "outcome": "done" }),
        ),
        of(
            8,
            15,
            "sam",
            "asked",
            json!({ "question": 1, "text": "q", "person": "kim" }),
        ),
        of(9, 20, "kim", "left", json!({ "person": "kim" })),
        told(10, 21, "insiders"),
        of(
            11,
            30,
            "kim",
            "caught_up",
            json!({ "acts": 3, "person": "kim" }),
        ),
        of(
            12,
            31,
            "sam",
            "caught_up",
            json!({ "acts": 11, "person": "kim" }),
        ),
    ];
    timeline(items).acts
}

fn at(minute: u32) -> Timestamp {
    format!("2017-12-21T08:{minute:02}:00.000Z")
        .parse()
        .unwrap()
}

fn known(person: &str, minute: u32) -> Vec<(usize, Timestamp, How)> {
    let person: PersonName = person.parse().unwrap();
    knew(&an_hour(), &person, at(minute))
        .into_iter()
        .map(|(place, known)| (place, known.since, known.how))
        .collect()
}

#[test]
fn what_one_did_was_named_in_and_was_told_while_there_is_known() {
    assert_eq!(
        known("kim", 29),
        [
            (3, at(10), How::Named),
            (4, at(11), How::Told(Audience::Insiders)),
            (5, at(12), How::Told(Audience::Public)),
            (6, at(13), How::Named),
            (7, at(14), How::Took),
            (8, at(15), How::Named),
            (9, at(20), How::Took),
        ]
    );
}

#[test]
fn what_was_read_later_is_known_since_then() {
    let known = known("kim", 59);
    let since = |place: usize| {
        let found = known.iter().find(|(at, _, _)| *at == place);
        found.map(|(_, since, how)| (*since, how.clone()))
    };
    assert_eq!(since(0), Some((at(30), How::Read)));
    assert_eq!(since(2), Some((at(30), How::Read)));
    // What was known before stays known since before.
    assert_eq!(since(3), Some((at(10), How::Named)));
    assert_eq!(since(10), Some((at(31), How::SaidToHaveRead("sam".into()))));
    assert_eq!(since(11), Some((at(30), How::Took)));
}

#[test]
fn what_came_later_was_not_known_yet() {
    assert_eq!(known("kim", 9), []);
    assert_eq!(known("kim", 10), [(3, at(10), How::Named)]);
}

#[test]
fn of_somebody_who_is_not_in_it_nothing_is_known() {
    assert_eq!(known("robin", 59), []);
    // Whoever declared it did not join, and was not told by themselves.
    let sam = known("sam", 59);
    assert!(sam.iter().all(|(_, _, how)| *how == How::Took), "{sam:?}");
    assert_eq!(sam.len(), 10);
}

#[test]
fn to_have_read_more_than_there_is_adds_nothing() {
    let read = json!({ "acts": 99, "person": "kim" });
    let acts = timeline(vec![
        declared(),
        item(1, 1, "kim", "incident.caught_up/1", &read),
    ])
    .acts;
    let known = knew(&acts, &"kim".parse().unwrap(), at(59));
    assert_eq!(known.into_keys().collect::<Vec<_>>(), [0, 1]);
}
