//! The numbers and the picture: what was said comes back as durations, what was not is missing, and
//! a question that can't be answered is refused.

use serde_json::{Value, json};

use crate::schema::check;
use crate::wire::{Ask, Reply};
use crate::world::{Setup, World};

const MINUTE: i64 = 60_000;

fn stats(world: &World, query: &str) -> Value {
    let reply = world
        .local(&Ask::get(&format!("/api/v1/stats{query}")))
        .expect(200);
    check("GET", "/api/v1/stats", &reply);
    reply.json()
}

fn phase<'a>(stats: &'a Value, name: &str) -> &'a Value {
    let mut phases = stats["phases"].as_array().unwrap().iter();
    phases.find(|phase| phase["phase"] == name).unwrap()
}

/// Declares with these arguments; the id.
fn declare(world: &World, id: &str, changes: &Value) -> String {
    let mut args = json!({"title": "Checkout fails", "severity": 2, "service": "checkout"});
    for (name, change) in changes.as_object().unwrap() {
        args[name] = change.clone();
    }
    let receipts = world.done("incident.declare", id, &args);
    receipts[0]["subject"]["id"].as_str().unwrap().to_owned()
}

fn stamp(world: &World, incident: &str, stamp: &str, ago_min: i64) {
    let args = json!({"incident": incident, "stamp": stamp, "at": world.in_ms(-ago_min * MINUTE)});
    world.done("incident.stamp_time", &format!("{incident}/{stamp}"), &args);
}

fn resolve(world: &World, incident: &str) {
    let args = json!({"incident": incident});
    world.done("incident.resolve", &format!("{incident}/resolve"), &args);
}

fn minutes(value: &Value) -> i64 {
    (value.as_i64().unwrap() + MINUTE / 2) / MINUTE
}

/// Three incidents of checkout, each mitigated after 10, 20, 60 minutes and resolved; one open for an
/// hour; one of search without any time; a drill.
fn world_with_incidents() -> World {
    let world = World::new();
    for (number, took) in [10, 20, 60].into_iter().enumerate() {
        let start = json!({"impact_start": world.in_ms(-120 * MINUTE)});
        let id = declare(&world, &format!("over/{number}"), &start);
        stamp(&world, &id, "mitigated", 120 - took);
        resolve(&world, &id);
    }
    let start = json!({"impact_start": world.in_ms(-60 * MINUTE)});
    declare(&world, "open", &start);
    let search = json!({"service": "search", "severity": 4});
    let search = declare(&world, "search", &search);
    resolve(&world, &search);
    let start = json!({"drill": true, "impact_start": world.in_ms(-30 * MINUTE)});
    let drill = declare(&world, "drill", &start);
    stamp(&world, &drill, "mitigated", 25);
    resolve(&world, &drill);
    world
}

#[test]
fn what_was_said_comes_back_as_durations_and_what_was_not_is_missing() {
    let world = world_with_incidents();
    let all = stats(&world, "");
    assert_eq!((&all["incidents"], &all["open"]), (&json!(5), &json!(1)));
    assert_eq!(all["left_out"]["drills"], 1);
    let mitigate = phase(&all, "mitigate");
    assert_eq!(
        (&mitigate["n"], &mitigate["ongoing"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(
        mitigate["missing"],
        json!({"either": 1, "from": 1, "to": 1})
    );
    assert_eq!(minutes(&mitigate["quantiles_ms"]["p50"]), 20);
    assert_eq!(minutes(&mitigate["mean_ms"]), 30);
    assert_eq!(
        mitigate["median_interval_ms"],
        Value::Null,
        "three are too few"
    );
    // The open one had come as far as the third, so half are over only then.
    assert_eq!(minutes(&mitigate["survival"]["median_ms"]), 20);
    let states: Vec<&str> = mitigate["incidents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|incident| incident["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["over", "over", "over", "ongoing", "missing"]);
    let detect = phase(&all, "detect");
    assert_eq!(
        (&detect["n"], &detect["quantiles_ms"]),
        (&json!(0), &Value::Null)
    );
    let repair = &all["repair"];
    assert_eq!(repair["services"][0]["service"], "checkout");
    assert_eq!(repair["services"][0]["still_down"], 1);
    assert_eq!(repair["services"][1]["undated"], 1);
    for mean in all["means"].as_array().unwrap() {
        assert!(mean["cannot_say"].as_str().unwrap().len() > 40, "{mean}");
    }
    let drills = stats(&world, "?drills=true");
    assert_eq!(
        (&drills["incidents"], &drills["repair"]),
        (&json!(1), &Value::Null)
    );
    assert_eq!(minutes(&phase(&drills, "mitigate")["mean_ms"]), 5);
}

#[test]
fn a_question_is_narrowed_and_a_trend_of_five_refused() {
    let world = world_with_incidents();
    let count = |query: &str| stats(&world, query)["incidents"].as_u64().unwrap();
    assert_eq!(count("?service=checkout"), 4);
    assert_eq!(count("?severity=4"), 1);
    assert_eq!(count("?service=search&severity=2"), 0);
    let (before, after) = (world.in_ms(-MINUTE), world.in_ms(MINUTE));
    assert_eq!(count(&format!("?since={before}&until={after}")), 5);
    assert_eq!(count(&format!("?until={before}")), 0);
    let one = stats(&world, "?phase=repair&trend=true");
    assert_eq!(one["phases"].as_array().unwrap().len(), 1);
    assert_eq!(one["phases"][0]["trend"]["shown"], false);
    assert!(
        one["phases"][0]["trend"]["why"]
            .as_str()
            .unwrap()
            .contains("20 in each half")
    );
    assert_eq!(
        phase(&stats(&world, ""), "repair")["trend"],
        Value::Null,
        "nobody asked"
    );
    for wrong in [
        "?severity=9",
        "?service=Checkout!",
        "?since=yesterday",
        "?phase=lunch",
        "?drills=perhaps",
        &format!("?since={after}&until={before}"),
    ] {
        for path in ["/api/v1/stats", "/api/v1/stats.svg"] {
            let reply = world.local(&Ask::get(&format!("{path}{wrong}")));
            check("GET", path, &reply.refused(400, "bad_request"));
        }
    }
}

#[test]
fn an_incident_that_an_alert_declared_was_noticed_from_inside() {
    let world = World::new();
    let alerts = json!([{"labels": {"alertname": "Down", "severity": "critical"}}]);
    world
        .local(&Ask::post("/api/v2/alerts", &alerts))
        .expect(200);
    world.declare("Somebody called");
    let noticed = stats(&world, "")["detected_internally"].take();
    let wanted = json!({"at_least_ppm": 500_000, "by_alert": 1, "by_program": 0, "unknown": 1});
    assert_eq!(noticed, wanted);
    assert_eq!(phase(&stats(&world, ""), "acknowledge")["ongoing"], 2);
}

#[test]
fn the_picture_has_every_incident_and_no_title_of_any() {
    let world = world_with_incidents();
    let drawn = |query: &str| -> Reply {
        let reply = world
            .local(&Ask::get(&format!("/api/v1/stats.svg{query}")))
            .expect(200);
        check("GET", "/api/v1/stats.svg", &reply);
        reply
    };
    let reply = drawn("");
    assert_eq!(reply.header("content-type"), Some("image/svg+xml"));
    let svg = reply.text();
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
    for id in ["INC-1 took", "INC-2 took", "INC-3 took", "INC-4 is open"] {
        assert!(svg.contains(id), "{id}");
    }
    assert!(!svg.contains("Checkout fails") && !svg.contains("<script"));
    assert!(
        drawn("?service=checkout&severity=2")
            .text()
            .contains("of checkout, severity 2")
    );
}

#[test]
fn what_is_sealed_shows_in_no_number() {
    let world = World::new();
    let private = json!({"private": true, "title": "Payroll was copied", "severity": 1});
    declare(&world, "private", &private);
    let reader = world.token(&["read"]);
    for path in ["/api/v1/stats", "/api/v1/stats.svg"] {
        let reply = world.remote(&Ask::get(path).token(&reader)).expect(200);
        assert!(!reply.text().contains("Payroll"), "{path}");
    }
}

#[test]
fn more_incidents_than_can_be_computed_with_are_refused_with_what_to_do() {
    let world = World::new();
    for number in 0..=5_000 {
        declare(&world, &format!("many/{number}"), &json!({}));
    }
    let asked = world.local(&Ask::get("/api/v1/stats"));
    check("GET", "/api/v1/stats", &asked);
    let refused = asked.refused(422, "out_of_range");
    assert!(
        refused
            .text()
            .contains("5001 incidents are more than the 5000"),
        "{}",
        refused.text()
    );
    world
        .local(&Ask::get("/api/v1/stats.svg"))
        .refused(422, "out_of_range");
    assert_eq!(stats(&world, "?service=search")["incidents"], 0);
}

#[test]
fn when_others_compute_one_waits_and_then_is_told_and_reading_goes_on() {
    let mut setup = Setup::default();
    setup.limits.calculations_max = 0;
    let world = World::with(setup);
    let asked = world
        .local(&Ask::get("/api/v1/stats"))
        .refused(503, "overloaded");
    assert!(
        asked.text().contains("other numbers are being computed"),
        "{}",
        asked.text()
    );
    world.local(&Ask::get("/api/v1/incidents")).expect(200);
}
