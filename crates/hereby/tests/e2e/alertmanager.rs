//! The real Alertmanager and Prometheus send alerts, and hereby is killed while they do: one
//! incident in the end, every alert on it once, and everything that was answered 2xx.

mod peers;
mod prometheus;
mod relay;
mod senders;

use serde_json::Value;

use self::peers::{Grouping, QUICK, alertmanager, fires, resolves};
use self::relay::{Moment, Relay};
use super::harness::{Place, Server, eventually, needs, now};

/// What critical alerts do in these tests.
const DECLARE: &str = "[[alerts.rule]]\nname = \"critical\"\nmatch = { severity = \"critical\" }\n\
                       action = \"declare\"\nseverity = 2\n";

/// A place where critical alerts declare, a server on it, a token for alerts.
fn declaring(more: &str) -> (Place, Server, String) {
    let place = Place::new();
    place.configure(&format!("{more}\n{DECLARE}"));
    let server = place.serve();
    let token = place.token("alertmanager", "alerts");
    (place, server, token)
}

/// How many acts of this kind are on the record.
fn count(place: &Place, kind: &str) -> usize {
    place.acts_of(kind).len()
}

/// Waits until this many acts of this kind are on the record.
fn reaches(place: &Place, kind: &str, acts: usize) {
    eventually(&format!("{acts} of {kind}"), || count(place, kind) >= acts);
}

/// The alerts attached to this incident, by their ids.
fn attached(place: &Place, incident: &str) -> Vec<String> {
    let acts = place.acts_of("incident.alert_attached");
    let here = acts.iter().filter(|act| act["subject"]["id"] == incident);
    here.map(|act| act["body"]["alert"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn alerts_of_a_group_become_one_incident_and_repeats_and_resolves_are_told_apart() {
    let (place, server, token) = declaring("");
    let relay = Relay::to(&server.address);
    let often = Grouping {
        repeat: "400ms",
        ..QUICK
    };
    let sender = alertmanager(
        &place.dir.path().join("am"),
        &relay.webhook(),
        &token,
        &often,
    );

    let group = ["a", "b", "c"].map(|instance| fires("HighErrors", "checkout", instance));
    sender.tell(&group);
    reaches(&place, "incident.alert_attached", 3);
    let declared = place.acts_of("incident.declared");
    assert_eq!(declared.len(), 1);
    assert_eq!(declared[0]["body"]["severity"], 2);
    assert_eq!(declared[0]["body"]["service"], "checkout");
    assert_eq!(declared[0]["actor"]["id"], "alertmanager");
    assert_eq!(declared[0]["proof"]["method"], "token");
    assert_eq!(attached(&place, "INC-1").len(), 3);

    let acts = place.acts().len();
    let deliveries = relay.taken().len();
    eventually("it repeats", || relay.taken().len() >= deliveries + 4);
    assert_eq!(place.acts().len(), acts, "a repeat is no act");
    let known = relay.taken().pop().unwrap().answered();
    assert_eq!(
        (&known["known"], &known["recorded"]),
        (&3.into(), &0.into())
    );

    sender.tell(&[
        fires("QueueGrows", "checkout", "a"),
        fires("HighErrors", "search", "a"),
    ]);
    reaches(&place, "incident.alert_attached", 5);
    assert_eq!(attached(&place, "INC-1").len(), 4);
    assert_eq!(attached(&place, "INC-2").len(), 1);

    let ended_at = now();
    sender.tell(&group.each_ref().map(|alert| resolves(alert, &ended_at)));
    reaches(&place, "alert.resolved", 3);
    for resolved in place.acts_of("alert.resolved") {
        assert_eq!(resolved["body"]["ending"], "reported");
        assert_eq!(resolved["body"]["ended_at"], *ended_at);
    }
    assert_eq!(
        count(&place, "incident.resolved"),
        0,
        "a person says when it is over"
    );
    assert!(place.ok(&["incidents"]).contains("INC-1"));
    place.ok(&["resolve", "INC-1"]);
    assert!(!place.ok(&["incidents"]).contains("INC-1"));

    sender.tell(&group[..1]);
    reaches(&place, "incident.declared", 3);
    assert_eq!(
        count(&place, "alert.fired"),
        6,
        "it began anew: another firing"
    );
    let answered = relay.seen();
    assert!(
        answered.iter().all(|it| it.status == Some(200)),
        "{answered:?}"
    );
    assert_eq!(server.stop(), 0);
    place.ok(&["verify"]);
}

#[test]
fn one_service_in_many_groups_is_one_incident() {
    let (place, server, token) = declaring("");
    let relay = Relay::to(&server.address);
    let many = Grouping {
        by: "alertname",
        ..QUICK
    };
    let sender = alertmanager(
        &place.dir.path().join("am"),
        &relay.webhook(),
        &token,
        &many,
    );
    sender.tell(&["A", "B", "C", "D"].map(|name| fires(name, "checkout", "a")));
    reaches(&place, "incident.alert_attached", 4);
    eventually("every group is told", || relay.taken().len() >= 4);
    assert_eq!(count(&place, "incident.declared"), 1);
    assert_eq!(attached(&place, "INC-1").len(), 4);
}

#[test]
fn a_pair_of_alertmanagers_that_both_send_everything_is_one_alertmanager() {
    let (place, server, token) = declaring("");
    let (one, two) = (Relay::to(&server.address), Relay::to(&server.address));
    let dir = place.dir.path();
    let pair = [
        alertmanager(&dir.join("am1"), &one.webhook(), &token, &QUICK),
        alertmanager(&dir.join("am2"), &two.webhook(), &token, &QUICK),
    ];
    // A Prometheus tells both of them the same, its own start included.
    let mut alert = fires("HighErrors", "checkout", "a");
    alert["startsAt"] = now().into();
    pair.iter()
        .for_each(|sender| sender.tell(std::slice::from_ref(&alert)));
    eventually("both told", || {
        !one.taken().is_empty() && !two.taken().is_empty()
    });
    assert_eq!(count(&place, "alert.fired"), 1);
    assert_eq!(count(&place, "incident.declared"), 1);
    assert_eq!(count(&place, "incident.alert_attached"), 1);

    let over = resolves(&alert, &now());
    pair.iter()
        .for_each(|sender| sender.tell(std::slice::from_ref(&over)));
    eventually("both told of the end", || {
        one.taken().len() >= 2 && two.taken().len() >= 2
    });
    assert_eq!(count(&place, "alert.resolved"), 1);
    let answers = [one.taken(), two.taken()].concat();
    let sum = |what: &str| -> u64 {
        answers
            .iter()
            .map(|it| it.answered()[what].as_u64().unwrap())
            .sum()
    };
    assert_eq!(
        (sum("recorded"), sum("known"), sum("stale")),
        (4, 1, 1),
        "{answers:?}"
    );
}

/// Kills hereby at that moment of Alertmanager's first delivery, starts it again, and looks at what
/// is there after Alertmanager tried again. Returns how much of it was there before.
fn killed_between_webhook_and_answer(wrapper: &[&str], at: fn(&Place) -> Moment) -> (usize, Value) {
    let (place, server, token) = declaring("");
    server.stop();
    let server = place.serve_under(wrapper);
    let relay = Relay::to(&server.address);
    let pid = rustix::process::Pid::from_child(&server.child);
    relay.trap(at(&place), move || kill(pid));
    let sender = alertmanager(
        &place.dir.path().join("am"),
        &relay.webhook(),
        &token,
        &QUICK,
    );
    sender.tell(&[
        fires("HighErrors", "checkout", "a"),
        fires("HighErrors", "checkout", "b"),
    ]);
    eventually("hereby is killed", || relay.sprang());
    server.kill();

    let server = place.serve();
    let before = count(&place, "alert.fired");
    relay.lead_to(&server.address);
    eventually("Alertmanager tries again", || !relay.taken().is_empty());
    assert_eq!(count(&place, "alert.fired"), 2);
    assert_eq!(count(&place, "incident.declared"), 1);
    assert_eq!(attached(&place, "INC-1").len(), 2);
    let told = relay.taken().pop().unwrap().answered();
    assert_eq!(server.stop(), 0);
    place.ok(&["verify"]);
    (before, told)
}

fn kill(pid: rustix::process::Pid) {
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn killed_with_half_a_webhook_in_hand_hereby_has_nothing_and_gets_it_again() {
    let (before, told) = killed_between_webhook_and_answer(&[], |_| Moment::HalfSent);
    assert_eq!(before, 0);
    assert_eq!(told["recorded"], 5, "{told}");
}

#[test]
fn killed_as_a_webhook_arrives_hereby_has_it_once_in_the_end() {
    let (before, told) = killed_between_webhook_and_answer(&[], |_| Moment::Sent);
    // Either it was written or it was not: what the second delivery adds is the rest.
    assert_eq!(told["recorded"], if before == 0 { 5 } else { 0 }, "{told}");
    assert_eq!(told["known"], before, "{told}");
}

#[test]
fn killed_between_writing_and_syncing_hereby_keeps_what_it_finds_written() {
    needs("strace", "strace");
    // The writer hangs in fdatasync long enough to be killed there for sure.
    let slow = [
        "strace",
        "-D",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=fdatasync",
        "-e",
        "inject=fdatasync:delay_enter=500ms",
    ];
    let (before, told) = killed_between_webhook_and_answer(&slow, written);
    assert_eq!(before, 2);
    assert_eq!((&told["recorded"], &told["known"]), (&0.into(), &2.into()));
}

#[test]
fn killed_after_answering_hereby_still_has_what_it_answered() {
    let (before, told) = killed_between_webhook_and_answer(&[], |_| Moment::Answered);
    assert_eq!(before, 2);
    assert_eq!((&told["recorded"], &told["known"]), (&0.into(), &2.into()));
}

fn written(place: &Place) -> Moment {
    Moment::Written(
        place.record().join("segments"),
        "\"kind\":\"alert.fired/1\"",
    )
}

#[test]
fn alerts_that_come_too_fast_are_put_off_and_none_is_lost() {
    let (place, server, token) = declaring("[alerts]\nacts_per_second = 1\nacts_burst = 4");
    let relay = Relay::to(&server.address);
    let sender = alertmanager(
        &place.dir.path().join("am"),
        &relay.webhook(),
        &token,
        &QUICK,
    );
    sender.tell(&["a", "b", "c"].map(|instance| fires("HighErrors", "checkout", instance)));
    reaches(&place, "incident.alert_attached", 3);
    eventually("Alertmanager is told so", || !relay.taken().is_empty());
    let put_off: Vec<_> = relay
        .seen()
        .into_iter()
        .filter(|it| it.status != Some(200))
        .collect();
    assert!(
        !put_off.is_empty(),
        "more acts than the burst has were taken at once"
    );
    for answer in &put_off {
        assert_eq!(answer.status, Some(503), "{answer:?}");
        let after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!(after >= 1, "{answer:?}");
        assert_eq!(answer.answered()["reason"], "overloaded");
    }
    assert_eq!(count(&place, "alert.fired"), 3);
    assert_eq!(count(&place, "incident.declared"), 1);
    assert_eq!(attached(&place, "INC-1").len(), 3);
}
