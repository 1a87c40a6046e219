//! Bans, revocations and other tiers over the API: as edges read them, and as people do.

use serde_json::{Value, json};

use crate::wire::{Ask, Reply};
use crate::world::World;

fn ask(world: &World, name: &str, id: &str, args: &Value) -> Reply {
    world.local(&Ask::command(name, id, args).header("hereby-why", "it tries passwords"))
}

fn get(world: &World, path: &str) -> Value {
    world.local(&Ask::get(path)).expect(200).json()
}

#[test]
fn what_was_said_last_of_a_route_stands_last_in_the_overlay() {
    let world = World::new();
    let end = world.in_ms(3_600_000);
    let cells = [Some("east"), Some("west"), None, Some("east")];
    for (number, cell) in cells.into_iter().enumerate() {
        let args = json!({"route": "site", "cell": cell, "tier": number, "ends_at": end});
        ask(&world, "failover.override", &format!("f/{number}"), &args).expect(200);
        world.clock.forward_ms(1);
    }
    let overlay = get(&world, "/api/v1/overlay");
    assert_eq!(overlay["sequence"], world.memory.size());
    let said = overlay["failovers"].as_array().unwrap();
    let said: Vec<_> = said
        .iter()
        .map(|it| (it["cell"].as_str(), &it["tier"]))
        .collect();
    let (two, three, one) = (json!(2), json!(3), json!(1));
    assert_eq!(
        said,
        [(Some("west"), &one), (None, &two), (Some("east"), &three)]
    );
    assert_eq!(overlay["failovers"][0]["reason"], "it tries passwords");
    // What is not about containment changes nothing of it.
    world.declare("Something else");
    assert_eq!(get(&world, "/api/v1/overlay"), overlay);
}

#[test]
fn a_ban_that_ends_within_a_second_is_not_lifted_too_early() {
    let world = World::new();
    let end = world.in_ms(1_500);
    let args = json!({"prefix": "192.0.2.7", "ends_at": end});
    ask(&world, "client.ban", "b/1", &args).expect(200);
    let ban = &get(&world, "/api/v1/overlay")["bans"][0];
    let until_ms = ban["until_s"].as_i64().unwrap() * 1_000;
    assert!((0..1_000).contains(&(until_ms - end.as_ms())), "{ban}");
}

#[test]
fn lists_are_pages_and_say_who_and_why() {
    let world = World::new();
    for number in 0..5 {
        let args = json!({"prefix": format!("192.0.2.{number}")});
        ask(&world, "client.ban", &format!("b/{number}"), &args).expect(200);
    }
    let first = get(&world, "/api/v1/bans?limit=3");
    assert_eq!(first["items"][0]["why"], "it tries passwords");
    assert_eq!(first["items"][0]["by"]["type"], "uid");
    assert_eq!(first["next"], "192.0.2.2/32");
    let second = get(&world, "/api/v1/bans?limit=3&after=192.0.2.2%2F32");
    assert_eq!(second["items"].as_array().unwrap().len(), 2);
    assert_eq!(second["next"], Value::Null);
    let args = json!({"issuer": "ab".repeat(32), "serial": "0:1"});
    ask(&world, "certificate.revoke", "r/1", &args).refused(422, "out_of_range");
    let args = json!({"issuer": "ab".repeat(32), "serial": "1"});
    ask(&world, "certificate.revoke", "r/2", &args).expect(200);
    let revoked = get(&world, "/api/v1/revocations");
    assert_eq!(revoked["items"][0]["serial"], "01");
    assert_eq!(revoked["items"][0]["fingerprint"], Value::Null);
    let overlay = get(&world, "/api/v1/overlay");
    let wanted = json!([{"issuer": "ab".repeat(32), "serial": "01"}]);
    assert_eq!(overlay["revoked"], wanted);
}

#[test]
fn an_incident_that_somebody_may_not_see_is_not_named_to_them() {
    let world = World::new();
    let private = json!({"title": "Somebody inside", "severity": 2, "private": true});
    world.done("incident.declare", "d/1", &private);
    let ban = json!({"prefix": "192.0.2.7", "incident": "INC-1"});
    ask(&world, "client.ban", "b/1", &ban).expect(200);
    for (person, permission) in [("kim", "admin"), ("sam", "operator")] {
        let known = json!({"person": person});
        world.done("person.register", &format!("p/{person}"), &known);
        let may = json!({"person": person, "permission": permission});
        world.done("permission.grant", &format!("g/{person}"), &may);
    }
    let seen_by = |person: &str| {
        let actor = json!({"type": "person", "id": person});
        let token = world.token_for(&["read", "respond"], &actor);
        let asked = Ask::get("/api/v1/bans").token(&token);
        let seen = world.remote(&asked).expect(200).json();
        (seen["items"][0]["incident"].clone(), token)
    };
    assert_eq!(seen_by("kim").0, "INC-1");
    let (seen, token) = seen_by("sam");
    assert_eq!(seen, Value::Null);
    // Nor may they say that it was done for it; to lift the ban they may.
    let again = json!({"prefix": "192.0.2.8", "incident": "INC-1"});
    let asked = Ask::command("client.ban", "b/2", &again).token(&token);
    let asked = asked.header("hereby-why", "x");
    world.remote(&asked).refused(404, "not_found");
    let lifted = Ask::command("client.unban", "u/1", &json!({"prefix": "192.0.2.7"}));
    world
        .remote(&lifted.token(&token).header("hereby-why", "x"))
        .expect(200);
}

#[test]
fn what_is_off_and_how_services_work_is_told_to_edges_and_listed() {
    let world = World::new();
    // An edge that knows neither is told of neither as long as nobody uses them.
    let before = get(&world, "/api/v1/overlay");
    assert!(before.get("switches").is_none() && before.get("postures").is_none());
    let service = json!({"service": "checkout", "tier": 1, "dependencies": []});
    ask(&world, "service.register", "s/1", &service).expect(200);
    let end = world.in_ms(60_000);
    let off = json!({"switch": "feature/recommendations", "ends_at": end});
    ask(&world, "switch.turn_off", "s/2", &off).expect(200);
    let safe = json!({"service": "checkout", "posture": "safe"});
    ask(&world, "posture.set", "s/3", &safe).expect(200);
    let overlay = get(&world, "/api/v1/overlay");
    assert_eq!(overlay["sequence"], world.memory.size());
    assert_eq!(
        overlay["switches"],
        json!([{"switch": "feature/recommendations", "until_ms": end.as_ms()}])
    );
    assert_eq!(
        overlay["postures"],
        json!([{"service": "checkout", "posture": "safe", "until_ms": null}])
    );
    let listed = &get(&world, "/api/v1/switches")["items"][0];
    assert_eq!(listed["why"], "it tries passwords");
    assert_eq!(listed["ends_at"], json!(end));
    assert_eq!(
        get(&world, "/api/v1/postures")["items"][0]["posture"],
        "safe"
    );
    let on = json!({"switch": "feature/recommendations"});
    ask(&world, "switch.turn_on", "s/4", &on).expect(200);
    assert_eq!(get(&world, "/api/v1/switches")["items"], json!([]));
    let removed = json!({"service": "checkout"});
    ask(&world, "service.remove", "s/5", &removed).expect(200);
    assert_eq!(get(&world, "/api/v1/postures")["items"], json!([]));
    // Without a reason nothing is switched off.
    let off = Ask::command("switch.turn_off", "s/6", &json!({"switch": "tenant/shop"}));
    world.local(&off).refused(422, "out_of_range");
}
