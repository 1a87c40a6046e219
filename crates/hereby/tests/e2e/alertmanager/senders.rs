//! What else reports, or keeps reports from declaring: heartbeats, reminders, silences, windows of
//! planned work, and PagerDuty's shape.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{attached, count, declaring, reaches};
use crate::harness::{PATIENCE, Place, Server, eventually};

/// Hands one critical alert of a service to the webhook; what hereby answered.
fn webhook(server: &Server, token: &str, service: &str) -> Value {
    let body = json!({
        "version": "4",
        "status": "firing",
        "alerts": [{
            "status": "firing",
            "labels": {"alertname": "HighErrors", "service": service, "severity": "critical"},
            "startsAt": "2017-12-21T07:30:00Z",
            "fingerprint": format!("fingerprint-of-{service}"),
        }],
    });
    let (status, answer) = server
        .http(
            "POST",
            "/api/v1/alertmanager",
            Some(token),
            &body.to_string(),
        )
        .unwrap();
    assert_eq!(status, 200, "{answer}");
    serde_json::from_str(&answer).unwrap()
}

/// The services that incidents were declared for, in order.
fn declared_services(place: &Place) -> Vec<String> {
    let acts = place.acts_of("incident.declared");
    acts.iter()
        .map(|act| act["body"]["service"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_heartbeat_that_stops_is_an_incident_and_one_that_returns_ends_the_alert() {
    let (place, server, token) = declaring("");
    let beat = |name: &str| {
        let path = format!("/api/v1/heartbeats/{name}");
        server.http("POST", &path, Some(&token), "").unwrap().0
    };
    assert_eq!(beat("nightly-backup"), 404, "nobody expects it yet");
    place.ok(&[
        "heartbeat",
        "expect",
        "nightly-backup",
        "--every",
        "1s",
        "--grace",
        "2s",
        "--severity",
        "3",
        "--service",
        "backup",
    ]);
    place.ok(&[
        "heartbeat",
        "expect",
        "never-seen",
        "--every",
        "1s",
        "--grace",
        "1ms",
    ]);
    // Another one is missed meanwhile: that this one is not is no accident.
    let started = Instant::now();
    while count(&place, "alert.fired") < 1 || started.elapsed() < Duration::from_secs(4) {
        assert_eq!(beat("nightly-backup"), 204);
        assert!(
            started.elapsed() < PATIENCE,
            "the heartbeat that never came raises no alert"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    let fired = place.acts_of("alert.fired");
    assert_eq!(fired.len(), 1);
    assert_eq!(fired[0]["body"]["labels"]["heartbeat"], "never-seen");
    assert_eq!(
        count(&place, "incident.declared"),
        0,
        "without a severity it is only an alert"
    );

    reaches(&place, "incident.declared", 1);
    let declared = place.acts_of("incident.declared").remove(0);
    assert_eq!(declared["body"]["severity"], 3);
    assert_eq!(declared["body"]["service"], "backup");
    assert_eq!(declared["actor"]["type"], "system");
    assert_eq!(attached(&place, "INC-1").len(), 1);
    let listed = place.ok(&["heartbeat", "list"]);
    assert!(listed.contains("nightly-backup"), "{listed}");

    assert_eq!(beat("nightly-backup"), 204);
    reaches(&place, "alert.resolved", 1);
    let alert = attached(&place, "INC-1").remove(0);
    assert_eq!(place.acts_of("alert.resolved")[0]["subject"]["id"], *alert);
    assert_eq!(count(&place, "incident.resolved"), 0);
    assert_eq!(server.stop(), 0);
    place.ok(&["verify"]);
}

/// How often this incident was brought up again.
fn reminders(place: &Place, incident: &str) -> Vec<Value> {
    let acts = place.acts_of("incident.reminded").into_iter();
    acts.filter(|act| act["subject"]["id"] == incident)
        .collect()
}

#[test]
fn reminders_of_a_declaration_go_on_after_a_kill_and_stop_when_somebody_acknowledges() {
    let (place, server, _) = declaring("[reminders]\nafter_s = 2");
    place.ok(&["declare", "checkout fails", "--severity", "2"]);
    server.kill();
    assert_eq!(reminders(&place, "INC-1").len(), 0);
    let server = place.serve();
    eventually("a reminder after the restart", || {
        reminders(&place, "INC-1").len() == 1
    });
    let at = |act: &Value| {
        act["at"]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap()
    };
    let declared = at(&place.acts_of("incident.declared")[0]);
    let first = at(&reminders(&place, "INC-1")[0]);
    let waited_ms = first.as_millisecond() - declared.as_millisecond();
    assert!((2_000..20_000).contains(&waited_ms), "after {waited_ms} ms");
    server.kill();
    let server = place.serve();
    eventually("a second one", || reminders(&place, "INC-1").len() == 2);
    let counts: Vec<_> = reminders(&place, "INC-1")
        .iter()
        .map(|act| act["body"]["count"].clone())
        .collect();
    assert_eq!(counts, [json!(1), json!(2)]);

    place.ok(&["acknowledge", "INC-1"]);
    let so_far = reminders(&place, "INC-1").len();
    place.ok(&["declare", "search fails", "--severity", "2"]);
    eventually("the other one is reminded of twice", || {
        reminders(&place, "INC-2").len() == 2
    });
    assert_eq!(
        reminders(&place, "INC-1").len(),
        so_far,
        "it was acknowledged"
    );
    assert_eq!(server.stop(), 0);
    place.ok(&["verify"]);
}

#[test]
fn a_silenced_alert_is_recorded_and_declares_when_the_silence_ends() {
    let (place, server, token) = declaring("");
    place.ok(&[
        "silence",
        "service=checkout",
        "--for",
        "1h",
        "-m",
        "moving to new hosts",
    ]);
    place.ok(&[
        "silence",
        "service=search",
        "--for",
        "3s",
        "-m",
        "a restart",
    ]);
    assert_eq!(
        webhook(&server, &token, "checkout")["recorded"],
        1,
        "fired, and no more"
    );
    assert_eq!(webhook(&server, &token, "search")["recorded"], 1);
    assert_eq!(
        webhook(&server, &token, "db")["recorded"],
        3,
        "nothing silences this one"
    );
    reaches(&place, "incident.declared", 2);
    assert_eq!(
        declared_services(&place),
        ["db", "search"],
        "the short silence ended by itself"
    );
    place.ok(&["silences", "end", "sil-1"]);
    reaches(&place, "incident.declared", 3);
    assert_eq!(declared_services(&place), ["db", "search", "checkout"]);
    assert_eq!(attached(&place, "INC-3").len(), 1);
    assert_eq!(count(&place, "alert.fired"), 3);
    assert_eq!(webhook(&server, &token, "checkout")["known"], 1);
}

#[test]
fn planned_work_keeps_alerts_from_declaring_until_it_ends() {
    let (place, server, token) = declaring("");
    place.ok(&[
        "maintenance",
        "schedule",
        "checkout",
        "Upgrade",
        "--for",
        "1h",
    ]);
    place.ok(&[
        "maintenance",
        "schedule",
        "search",
        "Restart",
        "--for",
        "3s",
    ]);
    place.ok(&[
        "maintenance",
        "schedule",
        "db",
        "Tomorrow",
        "--from",
        "in 1d",
        "--for",
        "1h",
    ]);
    assert_eq!(webhook(&server, &token, "checkout")["recorded"], 1);
    assert_eq!(webhook(&server, &token, "search")["recorded"], 1);
    assert_eq!(
        webhook(&server, &token, "db")["recorded"],
        3,
        "its window is to come"
    );
    reaches(&place, "incident.declared", 2);
    assert_eq!(declared_services(&place), ["db", "search"]);
    place.ok(&["maintenance", "end", "mw-1"]);
    reaches(&place, "incident.declared", 3);
    assert_eq!(declared_services(&place), ["db", "search", "checkout"]);
    assert_eq!(count(&place, "alert.fired"), 3);
}

#[test]
fn an_event_in_pagerdutys_shape_is_taken_acknowledged_and_resolved_once() {
    let (place, server, token) = declaring("");
    let send = |key: &str, action: &str, payload: Option<Value>| {
        let mut event = json!({
            "routing_key": key,
            "event_action": action,
            "dedup_key": "checkout/errors",
        });
        if let Some(payload) = payload {
            event["payload"] = payload;
        }
        let (status, answer) = server
            .http("POST", "/v2/enqueue", None, &event.to_string())
            .unwrap();
        (status, serde_json::from_str::<Value>(&answer).unwrap())
    };
    let payload = json!({
        "summary": "Checkout fails",
        "source": "checkout-1",
        "severity": "critical",
        "custom_details": {"service": "checkout"},
    });
    let (status, _) = send("hby_wrong", "trigger", Some(payload.clone()));
    assert_eq!(status, 401);
    let (status, answer) = send(&token, "trigger", Some(payload.clone()));
    assert_eq!((status, &answer["status"]), (202, &json!("success")));
    assert_eq!(answer["dedup_key"], "checkout/errors");
    assert_eq!(send(&token, "trigger", Some(payload.clone())).0, 202);
    let declared = place.acts_of("incident.declared");
    assert_eq!(declared.len(), 1);
    assert_eq!(declared[0]["body"]["title"], "Checkout fails");
    assert_eq!(declared[0]["body"]["service"], "checkout");
    for action in ["acknowledge", "acknowledge", "resolve", "resolve"] {
        assert_eq!(send(&token, action, None).0, 202, "{action}");
    }
    for kind in ["alert.fired", "alert.acknowledged", "alert.resolved"] {
        assert_eq!(count(&place, kind), 1, "{kind}");
    }
    assert_eq!(
        place.acts_of("alert.resolved")[0]["body"]["ending"],
        "reported"
    );
    assert_eq!(count(&place, "incident.resolved"), 0);

    let (status, answer) = send(&token, "explode", Some(payload.clone()));
    assert_eq!((status, &answer["status"]), (400, &json!("invalid event")));
    assert_eq!(send(&token, "trigger", Some(payload)).0, 202);
    assert_eq!(
        count(&place, "alert.fired"),
        2,
        "over is over: this is another firing"
    );
    assert_eq!(
        count(&place, "incident.declared"),
        1,
        "of the same incident"
    );
    assert_eq!(server.stop(), 0);
    place.ok(&["verify"]);
}
