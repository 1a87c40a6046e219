//! Sessions of the console: what begins one, what ends one, what it can't ask for, and what a form
//! must show to count.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use record::hash;
use serde_json::json;

use crate::wire::{Ask, Reply};
use crate::world::{World, token_id};

/// Offers a link with this secret and answers what a person would paste.
fn offered(world: &World, person: &str, secret: u8) -> String {
    let secret = [secret; 32];
    let args = json!({
        "person": person,
        "expires_at": world.in_ms(600_000),
        "hash": hash::sha256(&[&secret]),
        "login": token_id(&secret).replace("tok-", "log-"),
    });
    let id = format!("offer/{}", world.memory.size());
    world.done("login.offer", &id, &args);
    format!("hbl_{}", URL_SAFE_NO_PAD.encode(secret))
}

fn form(world: &World, path: &str, cookie: Option<&str>, fields: &[(&str, &str)]) -> Reply {
    let mut body = String::new();
    for (name, value) in fields {
        let plain = value
            .replace('%', "%25")
            .replace('&', "%26")
            .replace('+', "%2B");
        body.push_str(&format!(
            "{name}={}&",
            plain.replace(' ', "+").replace('/', "%2F")
        ));
    }
    let mut ask = Ask::new("POST", path)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Sec-Fetch-Site", "same-origin")
        .body(body);
    if let Some(cookie) = cookie {
        ask = ask.header("Cookie", cookie);
    }
    world.remote(&own(world, ask))
}

/// Asked for by the console's own name.
fn own(world: &World, ask: Ask) -> Ask {
    let mut ask = ask;
    ask.headers
        .retain(|(name, _)| !name.eq_ignore_ascii_case("host"));
    ask.header("Host", &world.plain.to_string())
}

fn page(world: &World, path: &str, cookie: Option<&str>) -> Reply {
    let mut ask = Ask::get(path);
    if let Some(cookie) = cookie {
        ask = ask.header("Cookie", cookie);
    }
    world.remote(&own(world, ask))
}

/// Signs somebody in; the cookie.
pub(crate) fn signed_in(world: &World, person: &str, secret: u8) -> String {
    let code = offered(world, person, secret);
    let reply = form(world, "/sign-in", None, &[("code", &code), ("next", "/")]).expect(303);
    let line = reply.header("set-cookie").expect("a cookie").to_owned();
    assert!(line.contains("; Secure; HttpOnly; SameSite=Lax"), "{line}");
    line.split(';').next().unwrap().to_owned()
}

/// What every form of this session shows.
fn csrf(world: &World, cookie: &str) -> String {
    let text = page(world, "/", Some(cookie)).expect(200).text();
    let rest = text.split("name=\"csrf\" value=\"").nth(1).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

fn declares(world: &World, cookie: &str, csrf: &str, id: &str) -> Reply {
    let fields = [
        ("csrf", csrf),
        ("id", id),
        ("back", "/"),
        ("a.title", "it burns"),
        ("a.severity", "2"),
    ];
    form(world, "/do/incident.declare", Some(cookie), &fields)
}

#[test]
fn a_link_works_once_and_its_session_until_it_is_ended() {
    let world = World::new();
    let code = offered(&world, "sam", 5);
    let first = form(&world, "/sign-in", None, &[("code", &code)]).expect(303);
    let cookie = first
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    form(&world, "/sign-in", None, &[("code", &code)]).expect(403);
    page(&world, "/", Some(&cookie)).expect(200);
    let listed = world.local(&Ask::get("/api/v1/sessions")).json();
    let session = listed["items"][0]["session"].as_str().unwrap().to_owned();
    assert_eq!(listed["items"][0]["person"], "sam");
    world.done("session.end", "end/1", &json!({"session": session}));
    let reply = page(&world, "/incidents/INC-1", Some(&cookie)).expect(303);
    assert_eq!(
        reply.header("location"),
        Some("/sign-in?next=/incidents/INC-1")
    );
}

#[test]
fn a_session_ends_when_it_was_idle_and_when_its_time_is_over() {
    let world = World::new();
    let idle = signed_in(&world, "sam", 6);
    world.clock.forward_ms(8 * 3_600_000 - 1_000);
    page(&world, "/", Some(&idle)).expect(200);
    world.clock.forward_ms(8 * 3_600_000);
    page(&world, "/", Some(&idle)).expect(303);
    let old = signed_in(&world, "sam", 7);
    for _ in 0..11 {
        world.clock.forward_ms(7 * 3_600_000);
        if page(&world, "/", Some(&old)).status == 303 {
            return;
        }
    }
    panic!("a session lasts at most three days");
}

#[test]
fn a_page_that_follows_by_itself_is_not_used_by_that() {
    let world = World::new();
    let cookie = signed_in(&world, "sam", 20);
    let by_itself = |world: &World| {
        let ask = Ask::get("/").header("hereby-live", "1");
        world.remote(&own(world, ask.header("Cookie", &cookie)))
    };
    for _ in 0..7 {
        world.clock.forward_ms(3_600_000);
        by_itself(&world).expect(200);
    }
    world.clock.forward_ms(3_600_000);
    by_itself(&world).expect(303);
    page(&world, "/", Some(&cookie)).expect(303);
}

#[test]
fn a_link_that_knows_no_page_leads_to_the_one_first_asked_for() {
    let world = World::new();
    world.declare("the cart is empty");
    let asked = page(&world, "/incidents/INC-1?before=9", None).expect(303);
    let kept = asked
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    let signs_in = |secret: u8, kept: &str| {
        let code = offered(&world, "sam", secret);
        let fields = [("code", &*code), ("next", "/")];
        let reply = form(&world, "/sign-in", Some(kept), &fields).expect(303);
        reply.header("location").unwrap().to_owned()
    };
    assert_eq!(signs_in(21, kept), "/incidents/INC-1?before=9");
    for foreign in [
        "//evil.example",
        "https://evil.example",
        "/%5Cevil",
        "%2F%2Fevil",
        "x",
    ] {
        let kept = format!("__Host-hereby-wanted={foreign}");
        assert_eq!(signs_in(foreign.len() as u8 + 30, &kept), "/", "{foreign}");
    }
}

#[test]
fn what_was_written_is_taken_along_to_another_form() {
    let world = World::new();
    world.declare("the cart is empty");
    let cookie = signed_in(&world, "sam", 22);
    let token = csrf(&world, &cookie);
    let before = world.local(&Ask::get("/api/v1/incidents/INC-1")).json();
    let fields = [
        ("csrf", &*token),
        ("open", "1"),
        ("a.incident", "INC-1"),
        ("a.text", "Nobody can pay <at all>"),
    ];
    let path = "/do/incident.update?a.audience=public";
    let shown = form(&world, path, Some(&cookie), &fields)
        .expect(200)
        .text();
    assert!(shown.contains("Nobody can pay &#60;at all&#62;"), "{shown}");
    let after = world.local(&Ask::get("/api/v1/incidents/INC-1")).json();
    assert_eq!(before, after, "nothing was said yet");
}

#[test]
fn a_refusal_is_told_in_the_readers_language_and_word_for_word() {
    let world = World::new();
    world.declare("the cart is empty");
    let cookie = signed_in(&world, "sam", 23);
    let token = csrf(&world, &cookie);
    let cookie = format!("{cookie}; hereby-language=de");
    let fields = [("csrf", &*token), ("id", "c/de"), ("a.incident", "INC-1")];
    let refused = form(&world, "/do/incident.reopen", Some(&cookie), &fields);
    let text = refused.text();
    assert!(
        text.contains("Im jetzigen Zustand nicht möglich: <span lang=\"en\">"),
        "{text}"
    );
}

#[test]
fn a_form_counts_only_from_a_page_of_the_same_session() {
    let world = World::new();
    let cookie = signed_in(&world, "sam", 8);
    let token = csrf(&world, &cookie);
    // Without what the page shows, with another session's, and from another site.
    declares(&world, &cookie, "", "c/1").expect(403);
    let other = signed_in(&world, "kim", 9);
    declares(&world, &cookie, &csrf(&world, &other), "c/2").expect(403);
    let foreign = Ask::new("POST", "/do/incident.declare")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Sec-Fetch-Site", "cross-site")
        .header("Cookie", &cookie)
        .body(format!("csrf={token}&id=c%2F3&a.title=x&a.severity=1"));
    world.remote(&own(&world, foreign)).expect(403);
    let nowhere = Ask::new("POST", "/do/incident.declare")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Cookie", &cookie)
        .body(format!("csrf={token}&id=c%2F4&a.title=x&a.severity=1"));
    world.remote(&own(&world, nowhere)).expect(403);
    let none = world
        .local(&Ask::get("/api/v1/incidents?status=all"))
        .json();
    assert_eq!(none["items"], json!([]));
    // From its own page it happens, and sent twice it happens once.
    let done = declares(&world, &cookie, &token, "c/5").expect(303);
    assert!(
        done.header("location")
            .unwrap()
            .starts_with("/incidents/INC-1?done=")
    );
    declares(&world, &cookie, &token, "c/5").expect(303);
    let all = world
        .local(&Ask::get("/api/v1/incidents?status=all"))
        .json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        all["items"][0]["declared_by"],
        json!({"type": "person", "id": "sam"})
    );
}

#[test]
fn what_would_outlive_a_session_is_refused_to_it_whoever_it_is_of() {
    let world = World::new();
    world.done("person.register", "p", &json!({"person": "sam"}));
    world.done(
        "permission.grant",
        "g",
        &json!({"person": "sam", "permission": "admin"}),
    );
    let cookie = signed_in(&world, "sam", 10);
    let csrf = csrf(&world, &cookie);
    let send = |verb: &str, fields: &[(&str, &str)]| {
        let id = format!("beyond/{verb}");
        let mut all = vec![("csrf", csrf.as_str()), ("id", id.as_str())];
        all.extend(fields);
        form(&world, &format!("/do/{verb}"), Some(&cookie), &all)
    };
    let grant = [("a.person", "kim"), ("a.permission", "responder")];
    assert!(
        send("permission.grant", &grant)
            .expect(403)
            .text()
            .contains("hereby grant")
    );
    let hash = hash::sha256(&[&[11; 32]]).to_string();
    let id = token_id(&[11; 32]);
    let expires = world.in_ms(60_000).to_string();
    let actor = r#"{"type":"person","id":"sam"}"#;
    let token = [
        ("a.actor", actor),
        ("a.hash", &hash),
        ("a.token", &id),
        ("a.expires_at", &expires),
        ("a.scopes", "read"),
    ];
    send("token.issue", &token).expect(403);
    // What takes something away it may.
    send(
        "permission.withdraw",
        &[("a.person", "sam"), ("a.permission", "admin")],
    );
    // Every command that can't be undone is among those it can't ask for.
    for guard in incident::IRREVERSIBLE {
        assert!(
            engine::beyond_sessions(guard.command).is_some(),
            "{}",
            guard.command
        );
    }
    // The API takes no cookie at all.
    let api = Ask::get("/api/v1/incidents").header("Cookie", &cookie);
    world.remote(&own(&world, api)).expect(401);
    // And nobody begins a session by asking for it.
    let begin = Ask::command("session.begin", "b", &json!({}));
    world.local(&begin).expect(404);
}

#[test]
fn asked_for_by_another_name_the_console_answers_nothing() {
    let world = World::new();
    let cookie = signed_in(&world, "sam", 12);
    for host in ["evil.example", "127.0.0.1.evil.example:7700", ""] {
        let mut ask = Ask::get("/").header("Cookie", &cookie);
        ask.headers.retain(|(name, _)| name != "Host");
        let reply = world.remote(&ask.header("Host", host));
        assert_eq!(reply.status, 421, "{host}: {}", reply.text());
    }
}

#[test]
fn a_page_of_an_incident_is_small_however_long_it_is() {
    let world = World::new();
    world.declare("It has a long night");
    for n in 0..300 {
        let text = format!("note {n}: {}", "long ".repeat(40));
        world.done(
            "incident.note",
            &format!("n/{n}"),
            &json!({"incident": "INC-1", "text": text}),
        );
    }
    for n in 0..25 {
        let task = json!({"incident": "INC-1", "text": format!("task {n} of a long night")});
        world.done("incident.open_task", &format!("t/{n}"), &task);
    }
    for n in 300..310 {
        let text = format!("note {n}: {}", "long ".repeat(200));
        let note = json!({"incident": "INC-1", "text": text});
        world.done("incident.note", &format!("n/{n}"), &note);
    }
    let cookie = signed_in(&world, "sam", 13);
    let text = page(&world, "/incidents/INC-1", Some(&cookie))
        .expect(200)
        .text();
    let assets = text.split('"').filter(|it| it.starts_with("/assets/"));
    let assets: std::collections::BTreeSet<&str> = assets.collect();
    let assets = assets.into_iter().map(|it| page(&world, it, None));
    let all = text.len() + assets.map(|it| it.expect(200).body.len()).sum::<usize>();
    assert!(all <= 50_000, "{all} bytes with everything");
    assert!(text.contains("note 309"), "the newest is there");
    assert!(!text.contains("note 300"), "long ones leave room for fewer");

    // Page by page nothing is left out.
    let (mut shown, mut at) = (text.clone(), text);
    while let Some((_, rest)) = at.split_once("href=\"?before=") {
        let (older, _) = rest.split_once('"').unwrap();
        let path = format!("/incidents/INC-1?before={older}");
        at = page(&world, &path, Some(&cookie)).expect(200).text();
        shown.push_str(&at);
    }
    for n in 0..310 {
        assert!(shown.contains(&format!("note {n}:")), "note {n}");
    }
}
