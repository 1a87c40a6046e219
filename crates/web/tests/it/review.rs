//! Reviews, meetings and follow-ups as they are read: in every form, by whom, and in pages.

use serde_json::{Value, json};

use crate::schema::check;
use crate::wire::{Ask, Reply};
use crate::world::World;

const REVIEW: &str = "/api/v1/incidents/{id}/review";

/// The id of the act that a command became.
fn done(world: &World, name: &str, id: &str, args: &Value) -> String {
    let receipts = world.done(name, id, args);
    receipts[0]["act"].as_str().unwrap().to_owned()
}

fn review(world: &World, query: &str) -> Reply {
    let path = format!("/api/v1/incidents/INC-1/review?{query}");
    let reply = world.local(&Ask::get(&path)).expect(200);
    check("GET", REVIEW, &reply);
    reply
}

fn reviewed() -> World {
    let world = World::new();
    let person = json!({"person": "kim", "full_name": "Kim Sample", "places": [
        {"kind": "phone", "address": "+15550100"}, {"kind": "mail", "address": "kim@example.org"},
    ]});
    world.done("person.register", "p/1", &person);
    world.declare("Checkout fails");
    let assign = json!({"incident": "INC-1", "person": "kim", "role": "commander"});
    world.done("incident.assign", "a/1", &assign);
    let note = json!({"incident": "INC-1", "text": "<b>The pool</b> was too small"});
    let noted = done(&world, "incident.note", "n/1", &note);
    let finding = json!({
        "incident": "INC-1", "section": "problem", "text": "The pool was too small",
        "cites": [noted],
    });
    world.done("review.state", "f/1", &finding);
    let named = json!({
        "incident": "INC-1", "section": "customers_what", "text": "Ask Kim Sample about it",
    });
    world.done("review.state", "f/2", &named);
    world
}

#[test]
fn a_review_is_data_markdown_or_a_page() {
    let world = reviewed();
    let data = review(&world, "audience=internal").json();
    assert_eq!(data["chapters"][0]["anchor"], "people");
    assert_eq!(data["findings"][0]["section"], "problem");
    assert_eq!(data["findings"][0]["saying"]["cites"][0]["index"], 4);
    let markdown = review(&world, "audience=internal&format=md");
    assert_eq!(
        markdown.header("content-type"),
        Some("text/markdown; charset=utf-8")
    );
    assert!(markdown.text().contains("Kim Sample (kim)"));
    assert!(markdown.text().contains("> The pool was too small"));
    let page = review(&world, "audience=internal&format=html");
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = page.header("content-security-policy").unwrap().to_owned();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
    assert!(page.text().contains("&lt;b&gt;The pool&lt;/b&gt;"));
    let wrong = Ask::get("/api/v1/incidents/INC-1/review?audience=everybody");
    world.local(&wrong).refused(400, "bad_request");
    let none = Ask::get("/api/v1/incidents/INC-9/review");
    world.local(&none).refused(404, "not_found");
}

#[test]
fn a_name_for_customers_is_a_remark_that_holds_back() {
    let world = reviewed();
    let data = review(&world, "audience=customers").json();
    let remarks = data["remarks"].as_array().unwrap();
    let named: Vec<&Value> = remarks.iter().filter(|it| it["issue"] == "name").collect();
    assert_eq!(named.len(), 1, "{remarks:?}");
    assert_eq!(named[0]["name"], "kim sample");
    assert_eq!(named[0]["holds_back"], true);
}

#[test]
fn what_is_sealed_is_shown_to_those_who_may_see_it() {
    let world = World::new();
    let declare = json!({"title": "Somebody is in", "severity": 1, "private": true});
    world.done("incident.declare", "d/1", &declare);
    let finding = json!({"incident": "INC-1", "section": "problem", "text": "By the back door"});
    world.done("review.state", "f/1", &finding);
    let path = "/api/v1/incidents/INC-1/review?format=md";
    let reader = world.token(&["read"]);
    let seen = world
        .remote(&Ask::get(path).token(&reader))
        .expect(200)
        .text();
    assert!(
        seen.contains("(sealed)") && !seen.contains("back door"),
        "{seen}"
    );
    assert!(seen.contains("PRIVATE"));
    let responder = world.token(&["read", "respond"]);
    let seen = world
        .remote(&Ask::get(path).token(&responder))
        .expect(200)
        .text();
    assert!(seen.contains("By the back door"), "{seen}");
}

#[test]
fn follow_ups_come_in_the_order_in_which_they_are_due() {
    let world = reviewed();
    world.declare("Another one");
    let in_days = |days: i64| world.in_ms(days * 86_400_000);
    let open = |id: &str, incident: &str, owner: &str, days: i64| {
        let args = json!({
            "incident": incident, "text": format!("due in {days}"), "owner": owner,
            "due_at": in_days(days),
        });
        world.done("followup.open", id, &args);
    };
    open("o/1", "INC-1", "kim", 9);
    open("o/2", "INC-2", "sam", 3);
    open("o/3", "INC-1", "kim", 5);
    let listed = |query: &str| -> Vec<String> {
        let path = format!("/api/v1/followups?{query}");
        let reply = world.local(&Ask::get(&path)).expect(200);
        check("GET", "/api/v1/followups", &reply);
        let page = reply.json();
        let items = page["items"].as_array().unwrap();
        let mut texts: Vec<String> = items
            .iter()
            .map(|it| it["text"].as_str().unwrap().to_owned())
            .collect();
        texts.extend(page["next"].as_str().map(str::to_owned));
        texts
    };
    assert_eq!(listed(""), ["due in 3", "due in 5", "due in 9"]);
    assert_eq!(listed("owner=kim"), ["due in 5", "due in 9"]);
    assert_eq!(listed("overdue=true"), [] as [&str; 0]);
    let first = listed("limit=2");
    assert_eq!(first[..2], ["due in 3", "due in 5"]);
    assert_eq!(listed(&format!("limit=2&after={}", first[2])), ["due in 9"]);
    world.clock.forward_ms(4 * 86_400_000);
    assert_eq!(listed("overdue=true"), ["due in 3"]);
    let close = json!({"incident": "INC-2", "followup": 1, "outcome": "done"});
    world.done("followup.close", "c/1", &close);
    assert_eq!(listed(""), ["due in 5", "due in 9"]);
}

#[test]
fn a_meeting_says_all_that_an_invitation_needs() {
    let world = reviewed();
    let path = "/api/v1/incidents/INC-1/meeting";
    let described = || {
        let reply = world.local(&Ask::get(path)).expect(200);
        check("GET", "/api/v1/incidents/{id}/meeting", &reply);
        reply.json()
    };
    world.local(&Ask::get(path)).refused(404, "not_found");
    let starts_at = world.in_ms(3 * 86_400_000);
    let args =
        json!({"incident": "INC-1", "minutes": 60, "starts_at": starts_at, "place": "Room 2"});
    world.done("review.schedule_meeting", "m/1", &args);
    let first = described();
    assert_eq!(first["sequence"], 0);
    assert_eq!(first["cancelled"], false);
    assert_eq!(first["place"], "Room 2");
    assert_eq!(
        first["uid"],
        format!("INC-1/review@{}", crate::memory::ORIGIN)
    );
    assert_eq!(first["people"][0]["mail"], "kim@example.org");
    world.done(
        "review.cancel_meeting",
        "m/2",
        &json!({"incident": "INC-1"}),
    );
    let then = described();
    assert_eq!(
        (&then["sequence"], &then["cancelled"]),
        (&json!(1), &json!(true))
    );
    assert_eq!(then["uid"], first["uid"]);
    world.done("review.schedule_meeting", "m/3", &args);
    let then = described();
    assert_eq!(
        (&then["sequence"], &then["cancelled"]),
        (&json!(2), &json!(false))
    );
}
