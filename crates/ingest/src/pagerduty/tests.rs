//! What an event must say, which key names it, and that the secret stays one.

use super::*;

const KEY: &str = "not-to-be-seen";

fn event(rest: &str) -> Result<Event, BadInput> {
    events_v2(format!(r#"{{"routing_key":"{KEY}",{rest}}}"#).as_bytes())
}

fn trigger(payload: &str) -> Result<Event, BadInput> {
    let usual = r#""summary":"s","source":"h","severity":"info""#;
    event(&format!(
        r#""event_action":"trigger","payload":{{{usual}{payload}}}"#
    ))
}

#[test]
fn complaints_name_the_place() {
    let long = format!(
        r#""event_action":"resolve","dedup_key":"{}""#,
        "ü".repeat(256)
    );
    let summary = "x".repeat(1_025);
    let summary = format!(r#""event_action":"trigger","payload":{{"summary":"{summary}"}}"#);
    for (rest, expected) in [
        (
            r#""event_action":"fire""#,
            "event_action: must be `trigger`, `acknowledge` or `resolve`, not `fire`",
        ),
        (r#""event_action":"trigger""#, "payload: is missing"),
        (
            r#""event_action":"trigger","dedup_key":"k""#,
            "payload: is missing",
        ),
        (r#""event_action":"resolve""#, "dedup_key: is missing"),
        (
            r#""event_action":"acknowledge","dedup_key":" ""#,
            "dedup_key: is missing",
        ),
        (
            &long,
            "dedup_key: has 256 characters, at most 255 are allowed",
        ),
        (
            &summary,
            "payload.summary: has 1025 characters, at most 1024 are allowed",
        ),
        (
            r#""event_action":"trigger","payload":{"summary":"s","severity":"info"}"#,
            "payload.source: is missing",
        ),
        (
            r#""event_action":"trigger","dedup_key":"k","payload":{"summary":" "}"#,
            "payload.summary: is missing",
        ),
        (
            r#""event_action":"trigger","payload":{"severity":"bad"}"#,
            "payload.severity: must be `critical`, `error`, `warning` or `info`, not `bad`",
        ),
        (
            r#""event_action":"trigger","payload":{"custom_details":{"a":1,"a":2}}"#,
            "payload.custom_details.a: stands here twice",
        ),
        (
            r#""event_action":"resolve","dedup_key":"k","payload":7"#,
            "payload: must be an object, not a number",
        ),
    ] {
        assert_eq!(event(rest).unwrap_err().to_string(), expected);
    }
}

#[test]
fn the_routing_key_is_shown_nowhere() {
    let event = trigger("").unwrap();
    assert_eq!(event.routing_key.expose(), KEY);
    assert!(!format!("{event:?}").contains(KEY));
    for body in [
        r#"{"routing_key":31337,"event_action":"trigger"}"#.to_owned(),
        r#"{"routing_key":"31337\n","event_action":"trigger"}"#.to_owned(),
        r#"{"routing_key":["31337"]}"#.to_owned(),
        r#"{"routing_key":"31337","routing_key":"31337"}"#.to_owned(),
        r#"{"routing_key":"31337" x"#.to_owned(),
        r#"{"routing_key":"31337"}"#.to_owned(),
        format!(
            r#"{{"routing_key":"31337{}"}}"#,
            "7".repeat(ROUTING_KEY_BYTES_MAX)
        ),
        r#"{"routing_key":"31337\ud800"}"#.to_owned(),
    ] {
        let error = events_v2(body.as_bytes()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("31337"), "{error:?}");
    }
    assert_eq!(
        events_v2(b"{}").unwrap_err().to_string(),
        "routing_key: is missing"
    );
}

#[test]
fn a_made_up_dedup_key_follows_from_what_is_wrong_where() {
    let first = trigger("").unwrap();
    let again = trigger(r#","timestamp":"2026-11-21T07:00:00Z","class":"c""#).unwrap();
    assert_eq!(first.dedup_key, again.dedup_key);
    assert_eq!(first.dedup_key.len(), 32);
    assert_eq!(first.signal.fingerprint.as_str(), first.dedup_key);
    let other =
        r#""event_action":"trigger","payload":{"summary":"sh","source":"","severity":"info"}"#;
    assert_eq!(
        event(other).unwrap_err().to_string(),
        "payload.source: is missing"
    );
    let other =
        r#""event_action":"trigger","payload":{"summary":"h","source":"s","severity":"info"}"#;
    assert_ne!(event(other).unwrap().dedup_key, first.dedup_key);
}

#[test]
fn any_dedup_key_becomes_an_identity_of_its_own() {
    let long = "k".repeat(255);
    let digest = fingerprint(&long);
    assert_eq!(digest.as_str().len(), 71);
    let keys = [&*long, &long[1..], "a\nb", "a b", digest.as_str(), "k"];
    let lines: std::collections::BTreeSet<Line> = keys.iter().map(|key| fingerprint(key)).collect();
    assert_eq!(lines.len(), keys.len());
    assert_eq!(fingerprint("db-1/replication").as_str(), "db-1/replication");
}

#[test]
fn two_times_of_one_alert_are_one_firing() {
    let event = trigger(r#","timestamp":"2026-11-21T07:00:00Z""#).unwrap();
    assert_eq!((event.signal.starts_at, event.signal.ends_at), (None, None));
    assert_eq!(
        &*event.signal.annotations["timestamp"],
        "2026-11-21T07:00:00.000Z"
    );
}

#[test]
fn details_may_be_a_text() {
    let event = trigger(r#","custom_details":"all of it""#).unwrap();
    assert_eq!(&*event.signal.annotations["custom_details"], "all of it");
    assert_eq!(event.dropped, []);
}

#[test]
fn answers_are_those_that_senders_know() {
    assert_eq!(
        accepted("a\"b"),
        r#"{"status":"success","message":"Event processed","dedup_key":"a\"b"}"#
    );
    assert_eq!(
        refused(&events_v2(b"{}").unwrap_err()),
        r#"{"status":"invalid event","message":"Event object is invalid","errors":["routing_key: is missing"]}"#
    );
}
