//! Alerts in: answered only when durable, pushed back when too fast.

use std::sync::atomic::Ordering;
use std::time::Duration;

use engine::Growth;
use serde_json::{Value, json};

use crate::schema::check;
use crate::table::event;
use crate::wire::{Ask, Reply, again_until_done};
use crate::world::{Setup, World};

fn firing(world: &World, names: &[&str], severity: &str) -> Value {
    let alerts: Vec<Value> = names
        .iter()
        .map(|name| {
            json!({
                "status": "firing",
                "labels": {"alertname": name, "service": "checkout", "severity": severity},
                "annotations": {"summary": format!("{name} fires")},
                "startsAt": world.in_ms(-1_000),
            })
        })
        .collect();
    json!({"version": "4", "status": "firing", "alerts": alerts})
}

fn webhook(world: &World, body: &Value) -> Reply {
    let reply = world.local(&Ask::post("/api/v1/alertmanager", body));
    check("POST", "/api/v1/alertmanager", &reply);
    reply
}

#[test]
fn a_critical_alert_declares_once_however_often_it_comes() {
    let world = World::new();
    let body = firing(&world, &["CheckoutDown"], "critical");
    let first = webhook(&world, &body).expect(200).json();
    assert!(first["recorded"].as_u64().unwrap() >= 2, "{first}");
    for _ in 0..3 {
        let again = webhook(&world, &body).expect(200).json();
        assert_eq!(
            (&again["recorded"], &again["known"]),
            (&json!(0), &json!(1))
        );
    }
    let incidents = world.local(&Ask::get("/api/v1/incidents")).json();
    assert_eq!(incidents["items"].as_array().unwrap().len(), 1);
    let shown = world.local(&Ask::get("/api/v1/incidents/INC-1")).json();
    assert_eq!(shown["alerts"][0]["title"], "CheckoutDown fires");
    let watchdog = webhook(&world, &firing(&world, &["Watchdog"], "none"))
        .expect(200)
        .json();
    assert_eq!(watchdog["ignored"], 1);
}

#[test]
fn an_answer_comes_only_when_what_followed_is_durable() {
    let world = World::limited(|limits| limits.command_time_max = Duration::from_millis(100));
    let body = firing(&world, &["CheckoutDown"], "critical");
    let held = world.memory.writing.lock().unwrap();
    let before = world.memory.size();
    let unknown = webhook(&world, &body);
    assert_eq!(
        (unknown.status, unknown.reason().as_str()),
        (504, "unknown")
    );
    assert_eq!(world.memory.size(), before);
    drop(held);
    again_until_done(|| webhook(&world, &body));
    let incidents = world.local(&Ask::get("/api/v1/incidents")).json();
    assert_eq!(incidents["items"].as_array().unwrap().len(), 1);
}

#[test]
fn too_fast_is_503_and_never_4xx() {
    let world = World::with(Setup {
        growth: Growth::new(1, 6),
        ..Setup::default()
    });
    let names: Vec<String> = (0..10).map(|number| format!("Alert{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let slow = webhook(&world, &firing(&world, &names, "warning")).refused(503, "overloaded");
    assert!(slow.header("retry-after").is_some());
    assert_eq!(
        world.memory.size(),
        4,
        "the first act of the record and three alerts"
    );

    let world = World::limited(|limits| {
        (limits.deliveries_per_second, limits.deliveries_burst) = (1, 1);
    });
    let token = world.token(&["alerts"]);
    let ask = Ask::post("/api/v2/alerts", &json!([])).token(&token);
    world.remote(&ask).expect(200);
    let slow = world.remote(&ask).refused(503, "overloaded");
    assert!(slow.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
}

#[test]
fn a_full_disk_pushes_alerts_back() {
    let world = World::new();
    world.memory.full.store(true, Ordering::SeqCst);
    let body = firing(&world, &["CheckoutDown"], "critical");
    let full = webhook(&world, &body);
    assert_eq!((full.status, full.reason().as_str()), (507, "no_space"));
    world.memory.full.store(false, Ordering::SeqCst);
    webhook(&world, &body).expect(200);
}

#[test]
fn prometheus_sends_and_ends() {
    let world = World::new();
    let alert = |ends_ms: i64| {
        json!([{
            "labels": {"alertname": "DiskFull", "host": "db1"},
            "startsAt": "2017-12-21T07:30:00.000Z",
            "endsAt": world.in_ms(ends_ms),
        }])
    };
    let send = |body: &Value| {
        world
            .local(&Ask::post("/api/v2/alerts", body))
            .expect(200)
            .json()
    };
    assert_eq!(send(&alert(60_000))["recorded"], 1);
    assert_eq!(send(&alert(90_000))["known"], 1);
    assert_eq!(send(&alert(-1))["recorded"], 1);
    assert_eq!(send(&alert(-1))["stale"], 1);
    let items = |state: &str| {
        let list = world
            .local(&Ask::get(&format!("/api/v1/alerts?state={state}")))
            .json();
        list["items"].as_array().unwrap().len()
    };
    assert_eq!((items("firing"), items("ended"), items("all")), (0, 1, 1));
}

#[test]
fn pagerduty_events_carry_their_token_in_the_body() {
    let world = World::new();
    let send = |body: &Value| {
        let reply = world.remote(&Ask::post("/v2/enqueue", body));
        check("POST", "/v2/enqueue", &reply);
        reply
    };
    let good = world.token_for(&["alerts"], &json!({"type": "service", "id": "pager"}));
    let other = world.token(&["read"]);
    let taken = send(&event(&good)).expect(202).json();
    assert_eq!(
        (&taken["status"], &taken["dedup_key"]),
        (&json!("success"), &json!("disk"))
    );
    send(&event("hby_nonsense")).refused(401, "forbidden");
    send(&event(&other)).refused(403, "forbidden");
    let bad = send(&json!({"routing_key": good, "event_action": "explode"}))
        .expect(400)
        .json();
    assert_eq!(bad["status"], "invalid event");
    assert!(!bad.to_string().contains(&good), "a secret is not echoed");
    let lenient = Ask::new("POST", "/v2/enqueue").body(event(&good).to_string());
    world.remote(&lenient).expect(202);
}

#[test]
fn heartbeats_are_taken_when_they_are_expected() {
    let world = World::new();
    let token = world.token(&["alerts"]);
    let beat = Ask::new("POST", "/api/v1/heartbeats/backup").token(&token);
    world.remote(&beat).refused(404, "not_found");
    let args = json!({"heartbeat": "backup", "interval_ms": 60_000, "grace_ms": 60_000});
    world.done("heartbeat.expect", "h/1", &args);
    let before = world.memory.size();
    let taken = world.remote(&beat).expect(204);
    assert!(taken.body.is_empty());
    world
        .remote(&beat.clone().body("whatever a script sends"))
        .expect(204);
    assert_eq!(world.memory.size(), before, "a sign of life is no act");
    let list = world.local(&Ask::get("/api/v1/heartbeats")).json();
    assert!(list["items"][0]["last_at"].is_string());
    world
        .remote(&Ask::new("POST", "/api/v1/heartbeats/NO!").token(&token))
        .refused(404, "not_found");
}

#[test]
fn what_is_no_alert_is_refused_with_its_place() {
    let world = World::new();
    for (path, body, place) in [
        ("/api/v1/alertmanager", json!({"version": "3"}), "version"),
        ("/api/v2/alerts", json!([{"labels": 7}]), "labels"),
    ] {
        let bad = world
            .local(&Ask::post(path, &body))
            .refused(400, "bad_request");
        assert!(
            bad.json()["detail"].as_str().unwrap().contains(place),
            "{}",
            bad.text()
        );
    }
}

#[test]
fn a_panic_is_an_unknown_outcome_and_the_server_goes_on() {
    let mut setup = Setup::default();
    setup.formats.prometheus = |_, _| panic!("a bug");
    let world = World::with(setup);
    let broken = world.local(&Ask::post("/api/v2/alerts", &json!([])));
    assert_eq!((broken.status, broken.reason().as_str()), (504, "unknown"));
    webhook(&world, &firing(&world, &["CheckoutDown"], "critical")).expect(200);
}
