//! Live events: they come as acts happen, resume where they stopped, are few, and end with
//! their token.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::wire::{Ask, Reading, Reply, Wire};
use crate::world::{World, id_of};

/// A stream of events over TCP.
fn listen(world: &World, token: &str, query: &str, headers: &[(&str, &str)]) -> Reading {
    let mut ask = Ask::get(&format!("/api/v1/events{query}")).token(token);
    for (name, value) in headers {
        ask = ask.header(name, value);
    }
    let mut wire = world.tcp();
    wire.write_all(&ask.bytes()).unwrap();
    let mut wire = Reading::new(wire);
    let head = wire.until("retry: 2000");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(
        head.to_lowercase()
            .contains("content-type: text/event-stream"),
        "{head}"
    );
    wire
}

#[test]
fn an_act_is_an_event_with_its_index_kind_and_json() {
    let world = World::new();
    let token = world.token(&["read"]);
    let mut wire = listen(&world, &token, "", &[]);
    world.declare("Checkout fails");
    let text = wire.until("Checkout fails");
    assert!(
        text.contains("id: 2\nevent: incident.declared/1\ndata: {\"index\":2,\"act\":{"),
        "{text}"
    );
    assert!(
        !text.contains("token.issued"),
        "from now on, not from the beginning: {text}"
    );
}

#[test]
fn a_listener_resumes_where_it_stopped() {
    let world = World::new();
    let token = world.token(&["read"]);
    for title in ["First", "Second", "Third"] {
        world.declare(title);
    }
    let mut wire = listen(&world, &token, "?after=2", &[]);
    let text = wire.until("Third");
    assert!(text.contains("Second") && !text.contains("First"), "{text}");
    // The header is stronger: it is what the browser saw last.
    let mut wire = listen(&world, &token, "?after=0", &[("Last-Event-ID", "3")]);
    let text = wire.until("Third");
    assert!(!text.contains("Second"), "{text}");
    world.declare("Fourth");
    wire.until("Fourth");
}

#[test]
fn a_listener_to_one_incident_hears_of_nothing_else() {
    let world = World::new();
    let token = world.token(&["read"]);
    let (one, other) = (world.declare("One"), world.declare("Other"));
    let mut wire = listen(&world, &token, &format!("?after=0&incident={one}"), &[]);
    for number in 0..200 {
        for incident in [&one, &other] {
            let args = json!({"incident": incident, "text": format!("{incident} note {number}.")});
            world.done("incident.note", &format!("{incident}/{number}"), &args);
        }
    }
    let text = wire.until("note 199.");
    assert_eq!(text.matches("event: ").count(), 201, "each act on it once");
    assert!(!text.contains(&format!("{other} note")));
}

#[test]
fn a_long_record_comes_whole_and_in_order() {
    let world = World::new();
    let token = world.token(&["read"]);
    for number in 0..400 {
        world.declare(&format!("Number {number}."));
    }
    let mut wire = listen(&world, &token, "?after=0", &[]);
    let text = wire.until("Number 399.");
    let ids: Vec<u64> = text
        .lines()
        .filter_map(|line| line.strip_prefix("id: ")?.parse().ok())
        .collect();
    assert_eq!(ids, (1..=401).collect::<Vec<_>>());
}

#[test]
fn a_quiet_stream_shows_that_it_lives_and_ends_with_the_server() {
    let mut world = World::limited(|limits| limits.event_heartbeat = Duration::from_millis(50));
    let token = world.token(&["read"]);
    let mut wire = listen(&world, &token, "", &[]);
    wire.until(":\n\n");
    let begun = Instant::now();
    world.stop();
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    let mut rest = Vec::new();
    let _ = wire.wire.read_to_end(&mut rest);
}

/// What still comes until the server ends the stream, which must be soon.
#[track_caller]
fn rest(wire: &mut impl Wire) -> String {
    let (mut rest, mut piece) = (Vec::new(), [0; 65_536]);
    let begun = Instant::now();
    loop {
        let count = wire.read(&mut piece).unwrap();
        rest.extend_from_slice(&piece[..count]);
        if count == 0 {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "the stream goes on"
        );
    }
    let rest = String::from_utf8(rest).unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "a whole answer: {rest:?}");
    rest
}

#[test]
fn a_stream_ends_when_its_token_is_revoked() {
    let world = World::new();
    let (token, other) = (world.token(&["read"]), world.token(&["read"]));
    let incident = world.declare("Before");
    let only = format!("?after=0&incident={incident}");
    let mut wires = ["?after=0", only.as_str()].map(|query| {
        let mut wire = listen(&world, &token, query, &[]);
        wire.until("Before");
        wire
    });
    let mut stays = listen(&world, &other, "", &[]);
    world.done("token.revoke", "revoke", &json!({"token": id_of(&token)}));
    let note = json!({"incident": incident, "text": "Afterwards."});
    world.done("incident.note", "note", &note);
    for wire in &mut wires {
        let rest = rest(&mut wire.wire);
        assert!(!rest.contains("event: "), "{rest}");
    }
    stays.until("Afterwards.");
    let again = Ask::get("/api/v1/events").token(&token);
    world.remote(&again).refused(401, "forbidden");
}

#[test]
fn what_waits_for_a_slow_listener_is_not_sent_once_its_token_is_revoked() {
    let world = World::new();
    let token = world.token(&["read"]);
    let incident = world.declare("Much to say");
    // More than the kernel's buffers hold, and no more than waits for a listener.
    for number in 0..700 {
        let text = format!("Note {number}. {}", "x".repeat(16_000));
        let args = json!({"incident": incident, "text": text});
        world.done("incident.note", &format!("n/{number}"), &args);
    }
    let mut wire = listen(&world, &token, "?after=0", &[]);
    wire.until("Note 1.");
    // Time for the rest to be read and to wait.
    std::thread::sleep(Duration::from_millis(500));
    world.done("token.revoke", "revoke", &json!({"token": id_of(&token)}));
    let rest = rest(&mut wire.wire);
    assert!(!rest.contains("Note 699."), "{} bytes came", rest.len());
}

#[test]
fn a_stream_ends_when_its_token_has_expired() {
    let world = World::new();
    let token = world.token(&["read"]);
    let mut wire = listen(&world, &token, "", &[]);
    world.declare("Before");
    wire.until("Before");
    world.clock.forward_ms(86_400_000);
    world.declare("Afterwards");
    let rest = rest(&mut wire.wire);
    assert!(!rest.contains("event: "), "{rest}");
}

#[test]
fn a_quiet_stream_ends_when_its_token_has_expired() {
    let world = World::limited(|limits| limits.event_heartbeat = Duration::from_millis(50));
    let token = world.token(&["read"]);
    let mut wire = listen(&world, &token, "", &[]);
    wire.until(":\n\n");
    world.clock.forward_ms(86_400_000);
    rest(&mut wire.wire);
}

#[test]
fn on_the_local_socket_only_a_token_ends_a_stream() {
    let world = World::limited(|limits| limits.event_heartbeat = Duration::from_millis(50));
    let token = world.token(&["read"]);
    let ask = Ask::get("/api/v1/events?after=0");
    let (mut user, mut holder) = (world.socket(), world.socket());
    user.write_all(&ask.bytes()).unwrap();
    holder.write_all(&ask.token(&token).bytes()).unwrap();
    let (mut text, mut piece) = (String::new(), [0; 4096]);
    // Both streams have begun before the token ends.
    assert!(holder.read(&mut piece).unwrap() > 0);
    let mut until = |wanted: &str| {
        while !text.contains(wanted) {
            let count = user.read(&mut piece).unwrap();
            assert!(count > 0, "it ended before {wanted:?}: {text}");
            text.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
    };
    until("token.issued");
    world.clock.forward_ms(86_400_000);
    let held = rest(&mut holder);
    world.declare("Afterwards");
    until("Afterwards");
    assert!(!held.contains("Afterwards"));
}

#[test]
fn listeners_are_few_and_places_are_given_back() {
    let world = World::limited(|limits| limits.event_streams_max = 2);
    let token = world.token(&["read"]);
    let first = listen(&world, &token, "", &[]);
    let _second = listen(&world, &token, "", &[]);
    let ask = Ask::get("/api/v1/events").token(&token);
    world.remote(&ask).refused(503, "overloaded");
    drop(first);
    let late = Instant::now();
    loop {
        let mut wire = world.tcp();
        wire.write_all(&ask.bytes()).unwrap();
        let mut piece = [0; 1024];
        let count = wire.read(&mut piece).unwrap();
        if Reply::parse(&piece[..count]).is_some_and(|reply| reply.status == 200) {
            break;
        }
        assert!(
            late.elapsed() < Duration::from_secs(5),
            "the place was not given back"
        );
    }
}

#[test]
fn a_listener_that_takes_nothing_is_cut() {
    let world = World::limited(|limits| {
        limits.write_stall_max = Duration::from_millis(300);
        limits.event_streams_max = 1;
    });
    let token = world.token(&["read"]);
    let incident = world.declare("Much to say");
    let _deaf = listen(&world, &token, "?after=0", &[]);
    // More than the kernel's buffers and ours hold.
    let text = "x".repeat(16_000);
    for number in 0..700 {
        let args = json!({"incident": incident, "text": text});
        world.done("incident.note", &format!("n/{number}"), &args);
    }
    let late = Instant::now();
    while world.engine.view().head().size < 700 || places(&world, &token) != 0 {
        assert!(
            late.elapsed() < Duration::from_secs(10),
            "the deaf listener is still there"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// How many listeners there are.
fn places(world: &World, token: &str) -> u64 {
    let text = world
        .remote(&Ask::get("/metrics").token(token))
        .expect(200)
        .text();
    let line = text
        .lines()
        .find(|line| line.starts_with("hereby_event_streams "))
        .unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}
