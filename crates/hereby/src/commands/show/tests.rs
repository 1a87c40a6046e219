//! What a person sees of an incident.

use base::Timestamp;
use record::act::Act;
use serde_json::{Value, json};

use super::{head, incident_rows, status_lines, timeline_lines};
use crate::commands::{alerts, wire};
use crate::say::Line;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn text(lines: &[Line]) -> String {
    lines.iter().map(|line| line.render(false)).collect()
}

fn incident(changes: Value) -> wire::Incident {
    let mut value = json!({
        "id": "INC-7",
        "title": "Checkout fails for everyone",
        "severity": 1,
        "status": "investigating",
        "service": "checkout",
        "private": false,
        "drill": false,
        "declared_at": "2017-12-21T07:52:03.000Z",
        "declared_by": { "type": "uid", "id": 1000, "for": "sam" },
        "acknowledged": null,
        "times": {"impact_start": {"at": "2017-12-21T07:30:00.000Z", "act": "00112233445566778899aabbccddeeff"}},
        "reopened_at": null,
        "resolved_at": null,
        "roles": {},
        "acts": 1,
    });
    for (name, change) in changes.as_object().unwrap() {
        value[name] = change.clone();
    }
    wire::typed(&[value]).unwrap().remove(0)
}

#[test]
fn an_open_incident_says_what_is_missing() {
    let lines = head(
        &incident(json!({})),
        at("2017-12-21T08:04:03.000Z"),
        Some(80),
    );
    assert_eq!(
        text(&lines),
        "\
INC-7  SEV1  investigating  Checkout fails for everyone

  service         checkout
  impact since    2017-12-21 07:30:00Z, 22 min 3 s before it was declared
  declared        2017-12-21 07:52:03Z by sam (uid 1000), 12 min ago
  acknowledged    by nobody yet
  commander       nobody
"
    );
}

#[test]
fn a_private_drill_cannot_be_mistaken() {
    let incident = incident(json!({
        "private": true,
        "drill": true,
        "title": { "sealed": { "ct": "AAAA", "key": "incident/INC-7" } },
        "status": "resolved",
        "severity": 3,
        "service": null,
        "times": {},
        "acknowledged": {
            "at": "2017-12-21T07:53:10.000Z",
            "by": { "type": "person", "id": "kim" },
        },
        "resolved_at": "2017-12-21T09:52:03.000Z",
        "roles": { "commander": ["kim"], "operations": ["alex", "robin"] },
    }));
    assert_eq!(
        text(&head(&incident, at("2017-12-21T10:00:00.000Z"), Some(80))),
        "\
INC-7  SEV3  resolved DRILL PRIVATE  (sealed)
This is a DRILL: rehearsed, not real.
This incident is PRIVATE: what is written in it is sealed on the record.

  declared        2017-12-21 07:52:03Z by sam (uid 1000), 2 h 7 min ago
  acknowledged    2017-12-21 07:53:10Z by kim, after 1 min 7 s
  resolved        2017-12-21 09:52:03Z, after 2 h
  commander       kim
  operations      alex, robin
"
    );
}

#[test]
fn a_list_has_one_line_each_and_says_what_nobody_took() {
    let drill = incident(json!({
        "id": "INC-12",
        "drill": true,
        "severity": 4,
        "title": "Rehearse losing the primary database with everyone in the room",
        "acknowledged": {
            "at": "2017-12-21T07:53:10.000Z",
            "by": { "type": "person", "id": "kim" },
        },
        "roles": { "commander": ["kim"] },
    }));
    let rows = [drill, incident(json!({}))];
    assert_eq!(
        text(&incident_rows(&rows, at("2017-12-21T08:04:03.000Z"), Some(110))),
        "\
INCIDENT      SEV   STATUS          DECLARED              LASTS   COMMANDER  TITLE
INC-12 DRILL  SEV4  investigating   2017-12-21 07:52:03Z  12 min  kim        Rehearse losing the primary
                                                                             database with everyone in the
                                                                             room
INC-7         SEV1  unacknowledged  2017-12-21 07:52:03Z  12 min  nobody     Checkout fails for everyone
"
    );
}

fn act(kind: &str, time: &str, actor: &Value, body: &Value, why: Option<&str>) -> Act {
    let mut value = json!({
        "v": 1,
        "id": "00112233445566778899aabbccddeeff",
        "kind": kind,
        "at": time,
        "actor": actor,
        "proof": { "method": "internal", "digest": "00112233445566778899aabbccddeeff" },
        "subject": { "type": "incident", "id": "INC-7" },
        "body": body,
    });
    if let Some(why) = why {
        value["why"] = json!(why);
    }
    Act::decode(value.to_string().as_bytes()).unwrap()
}

fn a_long_night(hash: &str) -> Vec<Act> {
    let sam = json!({ "type": "uid", "id": 1000, "for": "sam" });
    let kim = json!({ "type": "person", "id": "kim" });
    let timer = json!({ "type": "system", "id": "timer" });
    let long = "Connections to db-1 are exhausted since the deployment of 07:12Z; \
                the pool of the new version never gives any back.\nRolling back.";
    vec![
        act(
            "incident.declared/1",
            "2017-12-21T23:52:03.000Z",
            &sam,
            &json!({ "severity": 1, "title": "Checkout fails", "service": "checkout", "drill": true }),
            None,
        ),
        act(
            "incident.reminded/1",
            "2017-12-21T23:57:03.000Z",
            &timer,
            &json!({ "count": 1 }),
            None,
        ),
        act(
            "incident.acknowledged/1",
            "2017-12-22T00:01:00.000Z",
            &kim,
            &json!({}),
            None,
        ),
        act(
            "incident.assigned/1",
            "2017-12-22T00:01:30.000Z",
            &kim,
            &json!({ "person": "alex", "role": "operations" }),
            Some("knows the pool"),
        ),
        act(
            "incident.noted/1",
            "2017-12-22T00:03:00.000Z",
            &kim,
            &json!({ "text": long, "blobs": [{ "bytes": 9, "name": "a.png", "sha256": hash }] }),
            None,
        ),
        act(
            "incident.noted/1",
            "2017-12-22T00:04:00.000Z",
            &kim,
            &json!({ "text": { "sealed": { "ct": "AAAA", "key": "incident/INC-7" } } }),
            None,
        ),
        act(
            "incident.updated/1",
            "2017-12-22T00:05:00.000Z",
            &kim,
            &json!({ "audience": "public", "text": "Payments fail." }),
            None,
        ),
        act(
            "incident.paused/9",
            "2017-12-22T00:06:00.000Z",
            &kim,
            &json!({ "x": 1 }),
            None,
        ),
        act(
            "incident.resolved/1",
            "2017-12-22T00:20:00.000Z",
            &kim,
            &json!({}),
            None,
        ),
    ]
}

#[test]
fn a_timeline_reads_like_a_story() {
    let hash = "A".repeat(43) + "=";
    let acts = a_long_night(&hash);
    let expected = format!(
        "  2017-12-21
  23:52:03Z  sam (uid 1000)  declared it SEV1 of checkout, a DRILL:
                               Checkout fails
  23:57:03Z  hereby (timer)  reminded people: nobody has acknowledged it (no. 1)
  2017-12-22
  00:01:00Z  kim             acknowledged it
  00:01:30Z  kim             made alex operations, because: knows the pool
  00:03:00Z  kim             noted:
                               Connections to db-1 are exhausted since the
                               deployment of 07:12Z; the pool of the new version
                               never gives any back.
                               Rolling back.
                               [a.png, 9 bytes, sha256
                               {}]
  00:04:00Z  kim             noted: (sealed)
  00:05:00Z  kim             told the public: Payments fail.
  00:06:00Z  kim             incident.paused/9 (of a later version): {{\"x\":1}}
  00:20:00Z  kim             resolved it
",
        hash
    );
    assert_eq!(text(&timeline_lines(&acts, None, Some(80))), expected);
}

#[test]
fn without_a_terminal_an_act_is_one_line_unless_it_has_several() {
    let kim = json!({ "type": "person", "id": "kim" });
    let long = "x ".repeat(200);
    let body = json!({ "text": long.trim() });
    let note = act(
        "incident.noted/1",
        "2017-12-22T00:03:00.000Z",
        &kim,
        &body,
        None,
    );
    let lines = timeline_lines(&[note], None, None);
    assert_eq!(lines.len(), 2);
    assert!(text(&lines).contains(long.trim()));
}

#[test]
fn an_alert_that_was_not_heard_of_is_unknown_and_not_over() {
    let alert = |ended: Value, ending: Value| -> wire::Alert {
        serde_json::from_value(json!({
            "id": "deadbeef445566778899aabbccddeeff",
            "title": "HighLatency",
            "source": "alertmanager",
            "starts_at": "2017-12-21T07:30:00.000Z",
            "ended_at": ended,
            "ending": ending,
            "incident": "INC-7",
            "drill": false,
            "labels": {},
        }))
        .unwrap()
    };
    let rows = [
        alert(Value::Null, Value::Null),
        alert(json!("2017-12-21T07:40:00.000Z"), json!("reported")),
        alert(json!("2017-12-21T07:50:00.000Z"), json!("timed_out")),
    ];
    assert_eq!(
        text(&alerts::rows(&rows, at("2017-12-21T08:00:00.000Z"), None)),
        "\
ALERT     STATE    SINCE                 LASTS   INCIDENT  SOURCE        TITLE
deadbeef  firing   2017-12-21 07:30:00Z  30 min  INC-7     alertmanager  HighLatency
deadbeef  ended    2017-12-21 07:30:00Z  10 min  INC-7     alertmanager  HighLatency
deadbeef  unknown  2017-12-21 07:30:00Z  20 min  INC-7     alertmanager  HighLatency
"
    );
}

#[test]
fn the_status_of_hereby_is_said_in_lines() {
    let status: wire::ServerStatus = serde_json::from_value(json!({
        "version": "0.1.0",
        "origin": "hereby.example/log",
        "size": 42,
        "root": "AAAA",
        "vkey": "hereby.example/log+0000+AAAA",
        "published_size": 40,
        "witnesses": [
            { "name": "w1", "size": 40, "at": "2017-12-21T07:59:00.000Z" },
            { "name": "w2", "size": null, "at": null },
        ],
        "disk_free_bytes": 1_610_612_736_u64,
        "started_at": "2017-12-21T07:00:00.000Z",
    }))
    .unwrap();
    assert_eq!(
        text(&status_lines(&status, at("2017-12-21T08:00:00.000Z"))),
        "\
version         0.1.0
up since        2017-12-21 07:00:00Z, 1 h
record          hereby.example/log
entries         42, 40 of it published
root            AAAA
key             hereby.example/log+0000+AAAA
free on disk    1.5 GiB
witness         w1: 40 entries, 1 min ago
witness         w2: has cosigned nothing yet
"
    );
}

mod work;
