//! Prometheus sends its alerts to hereby directly, as to an Alertmanager.

use std::collections::BTreeSet;

use serde_json::json;

use super::peers::{Watched, prometheus};
use super::relay::Relay;
use super::{count, declaring, reaches};
use crate::harness::{eventually, in_ms, now};

/// A rule that fires for ever, and one that fires as long as this holds.
fn rules(passing: &str) -> String {
    format!(
        "groups:\n- name: hereby\n  rules:\n  - alert: HighErrors\n    expr: vector(1)\n    \
         labels: {{severity: critical, service: checkout}}\n    \
         annotations: {{summary: checkout fails}}\n  - alert: Passing\n    \
         expr: {passing}\n    labels: {{severity: info, service: search}}\n"
    )
}

#[test]
fn a_pair_of_prometheuses_holds_a_lease_until_both_are_gone() {
    let (place, server, token) = declaring("");
    let (one, two) = (Relay::to(&server.address), Relay::to(&server.address));
    let dir = place.dir.path();
    // The first one watches hereby itself, and complains until there is more on the record.
    let reader = place.token("prometheus", "read");
    let watched = Watched {
        address: &server.address,
        token: &reader,
    };
    let (few, never) = (rules("hereby_record_entries < 20"), rules("vector(1) > 1"));
    let first = prometheus(&dir.join("prom1"), &one.address, &token, &watched, &few);
    let second = prometheus(&dir.join("prom2"), &two.address, &token, &watched, &never);
    reaches(&place, "alert.fired", 2);
    for number in 0..20 {
        place.ok(&["declare", &format!("rehearsed {number}"), "--drill"]);
    }
    reaches(&place, "alert.resolved", 1);
    let passed = place.acts_of("alert.resolved").remove(0);
    assert_eq!(
        passed["body"]["ending"], "reported",
        "Prometheus said that it is over"
    );
    eventually("both told", || {
        !one.taken().is_empty() && !two.taken().is_empty()
    });
    assert_eq!(
        count(&place, "alert.fired"),
        2,
        "each rule's alert once, whoever tells of it"
    );
    let starts: BTreeSet<String> = [one.taken(), two.taken()]
        .concat()
        .iter()
        .flat_map(|it| it.asked.as_array().unwrap().clone())
        .filter(|alert| alert["labels"]["alertname"] == "HighErrors")
        .map(|alert| alert["startsAt"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(starts.len(), 2, "each dates the firing by its own clock");

    let acts = place.acts().len();
    let (told_one, told_two) = (one.taken().len(), two.taken().len());
    eventually("both refresh", || {
        one.taken().len() >= told_one + 3 && two.taken().len() >= told_two + 3
    });
    first.kill();
    let told = two.taken().len();
    // Six refreshes a second apart outlast the four seconds that the first one's lease had.
    eventually("the other one refreshes", || two.taken().len() >= told + 6);
    assert_eq!(place.acts().len(), acts, "a refresh is no act");
    second.kill();
    reaches(&place, "alert.resolved", 2);
    let ended = place.acts_of("alert.resolved").remove(1);
    assert_eq!(
        ended["body"]["ending"], "ends_at",
        "its announced end passed"
    );
    assert_eq!(count(&place, "alert.fired"), 2);
    assert_eq!(count(&place, "incident.resolved"), 0);
    assert_eq!(server.stop(), 0);
    place.ok(&["verify"]);
}

#[test]
fn a_sender_that_announces_no_end_is_timed_out_and_its_alert_comes_back_as_one() {
    let (place, server, token) = declaring("[alerts]\nresolve_timeout_s = 1");
    let alert = json!([{
        "labels": {"alertname": "HighErrors", "service": "checkout", "severity": "critical"},
        "startsAt": now(),
    }]);
    let post = |body: &serde_json::Value| {
        let (status, answer) = server
            .http("POST", "/api/v2/alerts", Some(&token), &body.to_string())
            .unwrap();
        assert_eq!(status, 200, "{answer}");
        serde_json::from_str::<serde_json::Value>(&answer).unwrap()
    };
    assert_eq!(post(&alert)["recorded"], 3);
    reaches(&place, "alert.resolved", 1);
    assert_eq!(
        place.acts_of("alert.resolved")[0]["body"]["ending"],
        "timed_out"
    );
    assert_eq!(
        post(&alert)["recorded"],
        1,
        "it fires again, and is in its incident already"
    );
    assert_eq!(count(&place, "incident.declared"), 1);
    let mut over = alert.clone();
    over[0]["endsAt"] = in_ms(-1).into();
    assert_eq!(post(&over)["recorded"], 1);
    assert_eq!(
        place.acts_of("alert.resolved")[1]["body"]["ending"],
        "reported"
    );
    assert_eq!(post(&over)["stale"], 1);
}
