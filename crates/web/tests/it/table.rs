//! Every route of the table answers as the document says: when all is well, without a token, with
//! a method or a parameter it does not know.

use serde_json::{Value, json};
use web::RouteLine;

use crate::schema::check;
use crate::wire::{Ask, Reply};
use crate::world::World;

/// A path with its parts filled in so that something is there.
fn filled(path: &str) -> String {
    path.replace("{id}", "INC-1")
        .replace("{act}", "1")
        .replace("{certificate}", &"ab".repeat(32))
        .replace("{sha256}", &"0".repeat(64))
        .replace("{name}", "backup")
        .replace("{pass}", "good")
        .replace("{level}", "0")
        .replace("{index}", "000.p/2")
}

/// What each command is sent, so that one after the other can happen.
fn arguments(world: &World, name: &str, alert: &str) -> Value {
    let hash = record::hash::sha256(&[&[9; 32]]);
    let token = crate::world::token_id(&[9; 32]);
    let key = crate::memory::signer(99).verifier().to_string();
    match name {
        "incident.declare" => json!({"title": "Checkout fails", "severity": 2}),
        "incident.assign" => json!({"incident": "INC-1", "person": "sam", "role": "commander"}),
        "incident.hand_over" => json!({"incident": "INC-1", "role": "commander", "to": "kim"}),
        "incident.accept" => json!({"incident": "INC-1", "role": "commander"}),
        "incident.relieve" => {
            json!({"incident": "INC-1", "person": "kim", "role": "commander"})
        }
        "incident.stamp_time" => {
            json!({"incident": "INC-1", "stamp": "detected", "at": world.in_ms(-60_000)})
        }
        "incident.waive" => json!({"incident": "INC-1", "person": "sam"}),
        "incident.note" => json!({"incident": "INC-1", "text": "Rolled back."}),
        "incident.update" => {
            json!({"incident": "INC-1", "audience": "public", "text": "Some payments fail."})
        }
        "incident.set_status" => json!({"incident": "INC-1", "status": "monitoring"}),
        "incident.set_severity" => json!({"incident": "INC-1", "severity": 1}),
        "incident.resolve" => json!({"incident": "INC-1", "summary": "It is back."}),
        "incident.attach" => json!({"incident": "INC-1", "alert": alert}),
        "alert.silence" => {
            json!({"ends_at": world.in_ms(3_600_000), "matchers": {"service": "checkout"}})
        }
        "silence.end" => json!({"silence": "sil-1"}),
        "maintenance.schedule" => json!({
            "service": "checkout", "title": "New database",
            "starts_at": world.in_ms(60_000), "ends_at": world.in_ms(3_600_000),
        }),
        "maintenance.end" => json!({"maintenance": "mw-1"}),
        "heartbeat.expect" => {
            json!({"heartbeat": "backup", "interval_ms": 60_000, "grace_ms": 60_000})
        }
        "heartbeat.forget" => json!({"heartbeat": "backup"}),
        "token.issue" => json!({
            "actor": {"type": "service", "id": "robot"}, "expires_at": world.in_ms(60_000),
            "hash": hash, "scopes": ["alerts"], "token": token,
        }),
        "token.revoke" => json!({"token": token}),
        "key.enroll" => json!({"key": "sam-laptop", "person": "sam", "vkey": key}),
        "key.revoke" => json!({"key": "sam-laptop"}),
        "login.offer" => json!({
            "person": "sam", "expires_at": world.in_ms(60_000), "hash": hash,
            "login": token.replace("tok-", "log-"),
        }),
        "session.end" => {
            crate::sessions::signed_in(world, "sam", 41);
            let listed = world.local(&Ask::get("/api/v1/sessions")).json();
            json!({"session": listed["items"][0]["session"]})
        }
        "person.register" => json!({
            "person": "sam", "full_name": "Sam Sample",
            "places": [{"kind": "mail", "address": "sam@example.org"}],
        }),
        "team.register" => json!({"team": "payments", "about": "Carts and cards"}),
        "service.register" => json!({
            "service": "checkout", "tier": 1,
            "dependencies": [{"kind": "dns", "name": "example.org", "when_fails": "closed"}],
        }),
        "permission.grant" | "permission.withdraw" => {
            json!({"person": "sam", "permission": "responder", "team": "payments"})
        }
        "service.remove" => json!({"service": "checkout"}),
        "team.remove" => json!({"team": "payments"}),
        "person.remove" => json!({"person": "sam"}),
        "record.rotate_key" => json!({}),
        _ => work_arguments(world, name),
    }
}

fn work_arguments(world: &World, name: &str) -> Value {
    match name {
        "incident.join" | "incident.leave" => json!({"incident": "INC-1", "person": "alex"}),
        "incident.catch_up" => json!({"incident": "INC-1", "acts": 1, "person": "alex"}),
        "incident.decide" => {
            json!({"incident": "INC-1", "decision": "Roll back", "options": ["Wait"]})
        }
        "incident.open_task" => json!({"incident": "INC-1", "text": "Rotate the keys"}),
        "incident.assign_task" => json!({"incident": "INC-1", "task": 1, "owner": "kim"}),
        "incident.close_task" => json!({"incident": "INC-1", "task": 1, "outcome": "done"}),
        "incident.ask" => json!({"incident": "INC-1", "text": "Did X change Y?"}),
        "incident.answer" => json!({"incident": "INC-1", "question": 1, "text": "No."}),
        "incident.name_contact" => json!({"incident": "INC-1", "about": "bank", "who": "desk"}),
        "incident.remove_contact" => json!({"incident": "INC-1", "contact": 1}),
        "incident.attach_file" => {
            let file = world.upload("INC-1", "a crontab");
            json!({"incident": "INC-1", "file": file, "source": "root@db1"})
        }
        "incident.relate" => {
            world.declare("The same");
            json!({"incident": "INC-1", "relation": "related_to", "to": "INC-2"})
        }
        "incident.start_checklist" => {
            let steps = json!({"runbook": "compromised", "title": "x", "steps": ["Isolate it"]});
            world.local(&Ask::command("runbook.save", "walk/steps", &steps));
            json!({"incident": "INC-1", "runbook": "compromised"})
        }
        "incident.tick_step" => {
            json!({"incident": "INC-1", "checklist": 1, "step": 1, "outcome": "done"})
        }
        "incident.set_update_clock" => {
            json!({"incident": "INC-1", "audience": "public", "every_ms": 60_000})
        }
        "incident.correct" => {
            let acts = world.local(&Ask::get("/api/v1/incidents/INC-1/timeline"));
            let act = acts.json()["items"][0]["act"]["id"].take();
            json!({"incident": "INC-1", "act": act, "text": "It was db2."})
        }
        "incident.state_impact" => json!({"incident": "INC-1", "customers": 12}),
        "chat.open_room" | "chat.close_room" => json!({"incident": "INC-1", "channel": "matrix"}),
        "chat.link_room" => {
            json!({"incident": "INC-1", "channel": "matrix", "room": "!opaque:example.org"})
        }
        "chat.unlink_room" => {
            let file = world.upload("INC-1", "what was said");
            json!({
                "incident": "INC-1", "channel": "matrix", "transcript": "attached",
                "files": [file],
            })
        }
        _ => later_arguments(world, name),
    }
}

/// Reviews, follow-ups, what is written down before, and requests.
fn later_arguments(world: &World, name: &str) -> Value {
    let in_days = |days: i64| world.in_ms(days * 86_400_000);
    match name {
        "review.state" => json!({"incident": "INC-1", "section": "problem", "text": "A leak."}),
        "review.withdraw" => {
            let acts = world.local(&Ask::get("/api/v1/incidents/INC-1/timeline?limit=1000"));
            let acts = acts.json()["items"].take();
            let stated = acts.as_array().unwrap().iter().map(|placed| &placed["act"]);
            let stated = stated.rev().find(|act| act["kind"] == "review.stated/1");
            json!({"incident": "INC-1", "finding": stated.unwrap()["id"]})
        }
        "review.publish" => {
            let resolve = json!({"incident": "INC-1"});
            world.local(&Ask::command("incident.resolve", "walk/over", &resolve));
            let stored = world.local(&Ask::new("PUT", "/api/v1/blobs").body("# Review"));
            let sha256 = stored.json()["sha256"].take();
            json!({
                "incident": "INC-1", "audience": "internal",
                "document": {"bytes": 8, "sha256": sha256},
            })
        }
        "review.schedule_meeting" => {
            json!({"incident": "INC-1", "minutes": 60, "starts_at": in_days(3)})
        }
        "followup.open" => {
            json!({"incident": "INC-1", "text": "x", "owner": "sam", "due_at": in_days(3)})
        }
        "followup.change" => json!({"incident": "INC-1", "followup": 1, "owner": "kim"}),
        "followup.close" => json!({"incident": "INC-1", "followup": 1, "outcome": "done"}),
        "followup.try_ticket" => {
            let open = json!({
                "incident": "INC-1", "text": "x", "owner": "sam", "due_at": in_days(3),
            });
            world.local(&Ask::command("followup.open", "walk/ticketed", &open));
            json!({"incident": "INC-1", "followup": 2, "tracker": "jira"})
        }
        "followup.link_ticket" => {
            json!({
                "incident": "INC-1", "followup": 2, "tracker": "jira", "ticket": "OPS-1",
                "url": "https://tracker.example.org/OPS-1",
            })
        }
        "subscriber.confirm" | "subscriber.change" | "subscriber.remove" | "notice.send"
        | "notice.report" | "notice.retry" => subscriber_arguments(world, name),
        "runbook.save" => json!({"runbook": "restart", "title": "x", "steps": ["Stop", "Start"]}),
        "runbook.remove" => json!({"runbook": "restart"}),
        "template.save" => json!({"template": "outage", "severity": 2}),
        "template.remove" => json!({"template": "outage"}),
        "component.register" => json!({"component": "api", "titles": {"en": "API"}}),
        "component.remove" => json!({"component": "api"}),
        "page.measure" => json!({"minutes": 1440, "starts_at": yesterday(world)}),
        "person.redact" => json!({"person": "sam"}),
        "client.ban" => json!({"prefix": "192.0.2.7", "ends_at": in_days(3)}),
        "client.unban" => json!({"prefix": "192.0.2.7/32"}),
        "certificate.revoke" => json!({"fingerprint": "ab".repeat(32)}),
        "certificate.report" => certificate_arguments(world),
        "failover.override" => json!({"route": "site", "tier": 1, "ends_at": in_days(3)}),
        // The incident's redaction was asked for first, then the person's.
        "request.approve" | "request.reject" => json!({"request": "req-1"}),
        "request.withdraw" => json!({"request": "req-2"}),
        "request.override" => {
            let kim = json!({"person": "kim"});
            let ask = Ask::command("person.redact", "walk/kim", &kim);
            world.local(&ask.header("Hereby-Why", "walked"));
            json!({"request": "req-3"})
        }
        _ => switch_arguments(world, name),
    }
}

/// Switches and postures.
fn switch_arguments(world: &World, name: &str) -> Value {
    match name {
        "switch.turn_off" => json!({"switch": "feature/x", "ends_at": world.in_ms(3 * 86_400_000)}),
        "switch.turn_on" => json!({"switch": "feature/x"}),
        "posture.set" => {
            let service = json!({"service": "walked", "tier": 2, "dependencies": []});
            world.done("service.register", "walk/walked", &service);
            json!({"service": "walked", "posture": "safe"})
        }
        _ => fleet_arguments(world, name),
    }
}

/// Cells, edges, versions.
fn fleet_arguments(world: &World, name: &str) -> Value {
    let in_days = |days: i64| world.in_ms(days * 86_400_000);
    match name {
        "cell.set_floor" => json!({"cell": "eu-1", "protocol": 2}),
        "cell.define" => json!({"cell": "eu-1", "ring": "serving"}),
        "cell.remove" => {
            world.done(
                "cell.define",
                "walk/spare",
                &json!({"cell": "spare", "ring": "canary"}),
            );
            json!({"cell": "spare"})
        }
        "edge.invite" => json!({
            "cell": "eu-1", "edge": "walker", "expires_at": in_days(3),
            "hash": record::hash::sha256(&[b"walker"]),
        }),
        "edge.retire" => json!({"edge": "walker"}),
        "version.deploy" => {
            world.done(
                "cell.define",
                "walk/office",
                &json!({"cell": "office", "ring": "internal"}),
            );
            crate::fleet::Edge::enrolled(world, "o-1", "office");
            crate::fleet::Edge::enrolled(world, "e-1", "eu-1");
            crate::fleet::deploying(world, &crate::fleet::version("walked"))
        }
        "deployment.advance" => json!({"deployment": "dep-1", "stage": 1}),
        "deployment.pause" | "deployment.resume" => json!({"deployment": "dep-1"}),
        "version.roll_back" => {
            crate::fleet::complete(world, "dep-1", 2);
            let two = crate::fleet::deploying(world, &crate::fleet::version("two"));
            world.done("version.deploy", "walk/two", &two);
            json!({})
        }
        "lease.lift" => {
            let two = record::hash::sha256(&[&crate::fleet::version("two")]);
            json!({"digest": two})
        }
        "fleet.freeze" | "fleet.unfreeze" => json!({}),
        "break_glass.end" => crate::fleet::went_back(world),
        "break_glass.set_key" | "record.set_root_key" => {
            json!({"vkey": crate::fleet::break_glass_key().verifier().to_string()})
        }
        _ => json!({"incident": "INC-1"}),
    }
}

/// What an edge counts of a certificate.
fn certificate_arguments(world: &World) -> Value {
    json!({
        "cell": "default", "fingerprint": "ab".repeat(32), "issuer": "cd".repeat(32),
        "serial": "01", "tenant": "shop", "first_at": world.in_ms(-60_000),
        "last_at": world.in_ms(0), "let_through": 1, "let_through_after": 0,
        "prefixes": ["192.0.2.0/24"], "refused": 0, "refused_after": 0,
    })
}

/// Two subscribers, of whom one is told and of the other nobody knows.
fn subscriber_arguments(world: &World, name: &str) -> Value {
    let wish = |address: &str| json!({"address": address, "channel": "mail", "language": "en"});
    match name {
        "subscriber.confirm" => wish("sam@example.org"),
        "subscriber.change" => {
            json!({"subscriber": "sub-1", "components": ["checkout"], "language": "de"})
        }
        "notice.send" => {
            let kim = Ask::command("subscriber.confirm", "walk/kim@", &wish("kim@example.org"));
            world.local(&kim.header("Hereby-Why", "walked"));
            let acts = world.local(&Ask::get("/api/v1/incidents/INC-1/timeline?limit=1000"));
            let acts = acts.json()["items"].take();
            let mut said = acts.as_array().unwrap().iter().map(|placed| &placed["act"]);
            let said = said.find(|act| act["kind"] == "incident.updated/1");
            json!({"incident": "INC-1", "update": said.unwrap()["id"]})
        }
        "notice.report" => {
            let stored = world.local(&Ask::new("PUT", "/api/v1/blobs").body("[]"));
            json!({
                "incident": "INC-1", "notice": "ntc-1", "round": 1,
                "done": 1, "failed": 0, "unknown": 1,
                "outcomes": {"bytes": 2, "sha256": stored.json()["sha256"]},
            })
        }
        "notice.retry" => json!({"incident": "INC-1", "notice": "ntc-1"}),
        _ => json!({"subscriber": "sub-1"}),
    }
}

fn alert_body() -> Value {
    json!([{"labels": {"alertname": "DiskFull", "host": "db1"}, "annotations": {}}])
}

/// Sends a command that works.
fn commanded(world: &World, name: &str, alert: &str) -> Reply {
    let args = arguments(world, name, alert);
    let mut ask = Ask::command(name, &format!("walk/{name}"), &args);
    if matches!(name, "request.approve" | "request.override") {
        let person = name.trim_start_matches("request.");
        world.enroll(person, 77);
        let known = json!({"person": person});
        world.done("person.register", &format!("walk/{person}"), &known);
        let admin = json!({"person": person, "permission": "admin"});
        world.done("permission.grant", &format!("walk/admin/{person}"), &admin);
        let args = arguments(world, name, alert);
        ask = world.signed(name, &format!("walk/{name}"), &args, (person, 77));
        return world.local(&ask);
    }
    if name == "deployment.advance" {
        // Of those who were asked to approve something before.
        let ask = world.signed(name, &format!("walk/{name}"), &args, ("approve", 77));
        return world.local(&ask);
    }
    if matches!(name, "incident.accept" | "incident.relieve") {
        ask = ask.header("hereby-on-behalf-of", "kim");
    }
    world.local(&ask.header("hereby-why", "walked"))
}

/// Sends what the route takes when all is well.
fn good(world: &World, route: &RouteLine, alert: &str, robot: &str) -> Reply {
    let mut path = filled(&route.path);
    if let Some(name) = path.strip_prefix("/api/v1/commands/") {
        return commanded(world, name, alert);
    }
    if path.starts_with("/api/v1/blobs/") {
        let stored = world
            .local(&Ask::new("PUT", "/api/v1/blobs").body("a graph"))
            .expect(200);
        path = format!("/api/v1/blobs/{}", stored.json()["hex"].as_str().unwrap());
    }
    if path.starts_with("/api/v1/incidents/INC-1/files") {
        world.declare("It has files");
        let kept = world.local(&Ask::new("POST", "/api/v1/incidents/INC-1/files").body("a file"));
        if route.method == "POST" {
            return kept;
        }
        let kept = kept.expect(200).json();
        path = format!(
            "/api/v1/incidents/INC-1/files/{}",
            kept["hex"].as_str().unwrap()
        );
    }
    if path == "/record/tile/0/000.p/2" {
        // The partial tile of the present size.
        let size = world.local(&Ask::get("/api/v1/status")).json()["published_size"].take();
        path = format!("/record/tile/0/000.p/{size}");
    }
    if let Some(asked) = path.strip_prefix("/api/v1/edges/") {
        return crate::fleet::walked(world, asked);
    }
    match path.as_str() {
        "/api/v1/alertmanager" => {
            let mut alert = alert_body()[0].clone();
            alert["status"] = json!("firing");
            alert["startsAt"] = json!(world.in_ms(0));
            let body = json!({"version": "4", "status": "firing", "alerts": [alert]});
            world.local(&Ask::post(&path, &body))
        }
        "/api/v2/alerts" => world.local(&Ask::post(&path, &alert_body())),
        "/v2/enqueue" => world.local(&Ask::post(&path, &event(robot))),
        "/subscriptions" if route.method == "POST" => {
            let wish = json!({"channel": "mail", "address": "sam@example.org"});
            world.local(&Ask::post(&path, &wish))
        }
        path if path.starts_with("/subscriptions/") => world.local(&Ask::new(&route.method, path)),
        "/api/v1/heartbeats/backup" => {
            let args = arguments(world, "heartbeat.expect", alert);
            let id = format!("beat/{}", world.memory.size());
            world.local(&Ask::command("heartbeat.expect", &id, &args));
            world.local(&Ask::new("POST", &path))
        }
        "/api/v1/blobs" => world.local(&Ask::new("PUT", &path).body("a graph")),
        _ => world.local(&Ask::get(&path)),
    }
}

pub(crate) fn event(token: &str) -> Value {
    json!({
        "routing_key": token,
        "event_action": "trigger",
        "dedup_key": "disk",
        "payload": {"summary": "Disk full", "source": "db1", "severity": "warning"},
    })
}

/// An alert that nothing has declared an incident for.
fn loose_alert(world: &World) -> String {
    world
        .local(&Ask::post("/api/v2/alerts", &alert_body()))
        .expect(200);
    let alerts = world.local(&Ask::get("/api/v1/alerts")).json();
    alerts["items"][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn every_route_succeeds_as_documented() {
    let world = World::new();
    let alert = loose_alert(&world);
    let robot = world.token_for(&["alerts"], &json!({"type": "service", "id": "pager"}));
    for route in web::routes() {
        if route.path == "/api/v1/events" {
            continue; // Has no end; see events.rs.
        }
        let reply = good(&world, &route, &alert, &robot);
        check(&route.method, &route.path, &reply);
        assert!(
            reply.status < 300,
            "{} {}: {}",
            route.method,
            route.path,
            reply.text()
        );
        assert_eq!(
            reply.header("x-content-type-options"),
            Some("nosniff"),
            "{}",
            route.path
        );
        let cache = reply.header("cache-control").unwrap();
        let kept = route.path.contains("/tile/") || route.path.contains("/blobs/");
        assert_eq!(cache.contains("immutable"), kept, "{}", route.path);
        if route.method == "GET" {
            let path = filled(&route.path);
            if kept || route.path.contains("/files/") {
                continue; // Named by what they hold.
            }
            let head = world.local(&Ask::new("HEAD", &path));
            assert_eq!(head.status, reply.status, "HEAD {path}");
        }
    }
}

#[test]
fn every_route_refuses_strangers_and_what_it_does_not_know() {
    let world = World::new();
    world.declare("Checkout fails");
    for route in web::routes() {
        let path = filled(&route.path);
        let open = route.scopes.is_empty();
        let in_body = route.path == "/v2/enqueue";
        let ask = Ask::new(&route.method, &path);

        let stranger = world.remote(&ask);
        check(&route.method, &route.path, &stranger);
        assert_eq!(stranger.status == 401, !open && !in_body, "{path}");
        if stranger.status == 401 {
            assert!(
                stranger
                    .header("www-authenticate")
                    .unwrap()
                    .starts_with("Bearer"),
                "{path}"
            );
        }

        let wrong = world
            .local(&Ask::new("DELETE", &path))
            .refused(405, "method_not_allowed");
        assert!(
            wrong.header("allow").unwrap().contains(&route.method),
            "{path}"
        );

        let asked = Ask::new(&route.method, &format!("{path}?nobody=knows"));
        let unknown = world.local(&asked).refused(400, "bad_request");
        check(&route.method, &route.path, &unknown);

        let twice = Ask::new(&route.method, &format!("{path}?%"));
        world.local(&twice).refused(400, "bad_request");
    }
}

#[test]
fn what_is_not_there_is_a_problem_too() {
    let world = World::new();
    for path in [
        "/nothing",
        "/api/v1/commands/incident.forget",
        "/api/v1/incidents/",
        "/../etc/passwd",
    ] {
        let reply = world.local(&Ask::get(path)).refused(404, "not_found");
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
    for path in [
        "/api/v1/incidents/INC-99",
        "/api/v1/incidents/nonsense",
        "/api/v1/incidents/INC-1%ff",
        "/api/v1/incidents/INC-99/timeline",
        "/api/v1/incidents/INC-99/export",
        "/api/v1/acts/999",
        "/api/v1/acts/ffffffffffffffffffffffffffffffff",
        "/api/v1/acts/FFFF",
        "/api/v1/acts/999/proof",
        "/api/v1/blobs/0000",
        "/record/tile/0/999",
        "/record/tile/0/x1",
        "/record/tile/7/000",
        "/record/tile/entries/999",
        "/record/tile/entries/000.p/0",
    ] {
        world.local(&Ask::get(path)).refused(404, "not_found");
    }
}

#[test]
fn the_served_document_is_the_one_that_was_checked() {
    let world = World::new();
    let served = world
        .remote(&Ask::get("/api/v1/openapi.json"))
        .expect(200)
        .json();
    assert_eq!(served, *crate::schema::DOCUMENT);
    let operations: usize = served["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|path| path.as_object().unwrap().len())
        .sum();
    assert_eq!(operations, web::routes().len());
}

/// The first instant of the day before the world's.
fn yesterday(world: &World) -> base::Timestamp {
    let now = world.in_ms(0).as_ms();
    base::Timestamp::from_ms((now.div_euclid(86_400_000) - 1) * 86_400_000)
}
