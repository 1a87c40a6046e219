//! Every bound, by going past it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::wire::{Ask, Reading, Reply, to_end};
use crate::world::World;

const SHORT: Duration = Duration::from_millis(300);

/// Reads until the other side closes, and says how long that took.
fn closed_after(wire: &mut TcpStream) -> (Vec<u8>, Duration) {
    let begun = Instant::now();
    let bytes = to_end(wire);
    (bytes, begun.elapsed())
}

fn hasty() -> World {
    World::limited(|limits| {
        limits.first_byte_time_max = SHORT;
        limits.head_time_max = SHORT;
        limits.body_time_max = SHORT;
        limits.idle_time_max = SHORT;
    })
}

#[test]
fn a_silent_connection_is_closed() {
    let world = hasty();
    let (bytes, took) = closed_after(&mut world.tcp());
    assert!(bytes.is_empty());
    assert!(took >= SHORT && took < SHORT * 10, "{took:?}");
}

#[test]
fn a_trickled_head_is_closed() {
    let world = hasty();
    let mut wire = world.tcp();
    let mut trickle = wire.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        let begun = Instant::now();
        for byte in b"GET /healthz HTTP/1.1\r\nHost: test\r\nX-Slow: "
            .iter()
            .cycle()
        {
            if trickle.write_all(&[*byte]).is_err() || begun.elapsed() > Duration::from_secs(10) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let (_, took) = closed_after(&mut wire);
    assert!(took < Duration::from_secs(5), "{took:?}");
    drop(wire);
    sender.join().unwrap();
}

#[test]
fn a_slow_body_is_answered_408_and_closed() {
    let world = hasty();
    let token = world.token(&["respond"]);
    let mut wire = world.tcp();
    let head = format!(
        "POST /api/v1/commands/incident.declare HTTP/1.1\r\nHost: test\r\nIdempotency-Key: a\r\n\
         Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
    );
    wire.write_all(head.as_bytes()).unwrap();
    let (bytes, took) = closed_after(&mut wire);
    Reply::parse(&bytes).unwrap().refused(408, "too_slow");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn an_idle_connection_is_closed() {
    let world = hasty();
    let mut wire = world.tcp();
    wire.write_all(b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n")
        .unwrap();
    let (bytes, took) = closed_after(&mut wire);
    assert_eq!(Reply::parse(&bytes).unwrap().status, 200);
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn whoever_takes_no_answer_is_cut() {
    let world = World::limited(|limits| limits.write_stall_max = SHORT);
    let token = world.token(&["read", "respond"]);
    let blob = vec![7; 8 << 20];
    let stored = world
        .remote(&Ask::new("PUT", "/api/v1/blobs").token(&token).body(blob))
        .expect(200);
    let path = format!("/api/v1/blobs/{}", stored.json()["hex"].as_str().unwrap());
    let mut wire = world.tcp();
    let ask = Ask::get(&path).token(&token);
    // Several answers, so that no buffer of the kernel's holds them all.
    let keep = String::from_utf8(ask.bytes())
        .unwrap()
        .replace("Connection: close\r\n", "");
    wire.write_all(keep.repeat(4).as_bytes()).unwrap();
    std::thread::sleep(SHORT * 5);
    let (bytes, _) = closed_after(&mut wire);
    assert!(
        bytes.len() < 4 * (8 << 20),
        "{} bytes were sent in spite of it",
        bytes.len()
    );
}

#[test]
fn more_connections_than_there_are_places_are_closed_at_once() {
    let world = World::limited(|limits| {
        limits.tcp_connections_max = 6;
        limits.tcp_connections_per_peer_max = 4;
        limits.local_connections_max = 2;
    });
    let mut held: Vec<TcpStream> = (0..4).map(|_| world.tcp()).collect();
    for wire in &mut held {
        wire.write_all(b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n")
            .unwrap();
        let mut piece = [0; 512];
        assert!(wire.read(&mut piece).unwrap() > 0);
    }
    let (bytes, took) = closed_after(&mut world.tcp());
    assert!(
        bytes.is_empty() && took < Duration::from_secs(2),
        "{took:?}"
    );
    // Whoever is on this machine still gets through.
    let text = world.local(&Ask::get("/metrics")).expect(200).text();
    assert!(
        text.contains("hereby_connections_closed_total{reason=\"too_many_of_peer\"} 1"),
        "{text}"
    );
    held.pop();
    let late = Instant::now();
    loop {
        let mut wire = world.tcp();
        let _ = wire.write_all(&Ask::get("/healthz").bytes());
        if Reply::parse(&to_end(&mut wire)).is_some() {
            break;
        }
        assert!(
            late.elapsed() < Duration::from_secs(5),
            "the place was not given back"
        );
    }
}

#[test]
fn too_large_bodies_are_413_announced_or_not() {
    let world = World::new();
    let large = vec![b' '; (48 << 10) + 1];
    let ask = Ask::new("POST", "/api/v1/commands/incident.declare")
        .header("Content-Type", "application/json")
        .header("Idempotency-Key", "a");
    world
        .local(&ask.clone().body(large.clone()))
        .refused(413, "too_large");
    world
        .local(&Ask::new("POST", "/api/v1/alertmanager").body(vec![b' '; (1 << 20) + 1]))
        .refused(413, "too_large");
    world
        .local(&Ask::new("PUT", "/api/v1/blobs").body(vec![0; (8 << 20) + 1]))
        .refused(413, "too_large");

    let mut wire = world.socket();
    let mut bytes =
        b"POST /api/v1/commands/incident.declare HTTP/1.1\r\nHost: test\r\nIdempotency-Key: a\r\n\
        Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            .to_vec();
    bytes.extend_from_slice(format!("{:x}\r\n", large.len()).as_bytes());
    bytes.extend_from_slice(&large);
    bytes.extend_from_slice(b"\r\n0\r\n\r\n");
    let _ = wire.write_all(&bytes);
    Reply::parse(&to_end(&mut wire))
        .unwrap()
        .refused(413, "too_large");

    // The largest that fits is read and judged by what it says.
    let mut fits = br#"{"title":"x","severity":3}"#.to_vec();
    fits.resize(48 << 10, b' ');
    world.local(&ask.body(fits)).expect(200);
}

#[test]
fn large_heads_are_431() {
    let world = World::new();
    let long = Ask::get("/healthz").header("X-Long", &"x".repeat(40 << 10));
    assert_eq!(world.local(&long).status, 431);
    let mut many = Ask::get("/healthz");
    for number in 0..101 {
        many = many.header(&format!("X-{number}"), "x");
    }
    assert_eq!(world.local(&many).status, 431);
}

/// A delivery of so many bytes whose body has begun to be received, and does not come.
fn half_sent(world: &World, token: &str, length: usize) -> TcpStream {
    let mut wire = world.tcp();
    let head = format!(
        "POST /api/v2/alerts HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n\
         Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
    );
    wire.write_all(head.as_bytes()).unwrap();
    let mut reading = Reading::new(wire);
    let told = reading.until("\r\n\r\n");
    assert!(told.starts_with("HTTP/1.1 100 "), "{told}");
    reading.wire.write_all(b"[").unwrap();
    reading.wire
}

#[test]
fn bodies_share_a_bounded_memory() {
    let world = World::limited(|limits| limits.body_bytes_total_max = 256 << 10);
    let token = world.token(&["alerts"]);
    let slow = half_sent(&world, &token, 200_000);
    let another = Ask::new("POST", "/api/v2/alerts")
        .token(&token)
        .body(vec![b' '; 100_000]);
    world.remote(&another).refused(503, "overloaded");
    drop(slow);
    let late = Instant::now();
    while world.remote(&another).status == 503 {
        assert!(
            late.elapsed() < Duration::from_secs(5),
            "memory was not given back"
        );
    }
}

#[test]
fn requests_in_progress_are_bounded() {
    let world = World::limited(|limits| limits.requests_max = 1);
    let token = world.token(&["alerts"]);
    let mut slow = half_sent(&world, &token, 2);
    world
        .local(&Ask::get("/healthz"))
        .refused(503, "overloaded");
    slow.write_all(b"]").unwrap();
    let late = Instant::now();
    while world.local(&Ask::get("/healthz")).status != 200 {
        assert!(
            late.elapsed() < Duration::from_secs(5),
            "the place was not given back"
        );
    }
}

#[test]
fn a_caller_has_a_rate_and_the_local_socket_a_larger_one() {
    let world = World::limited(|limits| {
        (limits.commands_per_second, limits.commands_burst) = (1, 2);
    });
    let token = world.token(&["respond"]);
    let ask = |number: u32| {
        let args = json!({"title": "x", "severity": 3});
        Ask::command("incident.declare", &format!("c/{number}"), &args)
    };
    for number in 0..2 {
        world.remote(&ask(number).token(&token)).expect(200);
    }
    let slow = world
        .remote(&ask(2).token(&token))
        .refused(503, "overloaded");
    assert!(slow.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    for number in 10..15 {
        world.local(&ask(number)).expect(200);
    }
    assert_eq!(slow.json()["outcome"], "refused");
}

#[test]
fn one_host_and_no_smuggling() {
    let world = World::new();
    let send = |text: &str| {
        let mut wire = world.tcp();
        wire.write_all(text.as_bytes()).unwrap();
        to_end(&mut wire)
    };
    for hosts in ["", "Host: a\r\nHost: a\r\n", "Host: a\r\nHost: b\r\n"] {
        let bytes = send(&format!("GET /healthz HTTP/1.1\r\n{hosts}\r\n"));
        Reply::parse(&bytes).unwrap().refused(400, "bad_request");
    }
    let old = send("GET /healthz HTTP/1.0\r\n\r\n");
    assert_eq!(Reply::parse(&old).unwrap().status, 200);
    // Whoever went by the length sees one request; by the chunks there are two.
    let bytes = send(
        "POST /api/v2/alerts HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\n\
         Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(
        text.matches("HTTP/1.1 ").count(),
        1,
        "the second was not answered: {text}"
    );
    let bytes = send(
        "POST /api/v2/alerts HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    );
    assert!(!String::from_utf8(bytes).unwrap().contains(" 200 "));
}

#[test]
fn strangers_bodies_are_few_and_lock_out_nobody_else() {
    let world = World::limited(|limits| limits.strangers_max = 1);
    let mut slow = Reading::new(world.tcp());
    let head = b"POST /v2/enqueue HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n\
        Content-Length: 9\r\n\r\n";
    slow.wire.write_all(head).unwrap();
    slow.until("\r\n\r\n");
    let event = Ask::new("POST", "/v2/enqueue").body("{}");
    world.remote(&event).refused(503, "overloaded");
    world
        .local(&Ask::post("/api/v2/alerts", &json!([])))
        .expect(200);
    drop(slow);
    let late = Instant::now();
    while world.remote(&event).status != 400 {
        assert!(
            late.elapsed() < Duration::from_secs(5),
            "the place was not given back"
        );
    }
}

#[test]
fn odd_methods_and_targets_are_answered() {
    let world = World::new();
    for line in [
        "OPTIONS * HTTP/1.1",
        "CONNECT a:1 HTTP/1.1",
        "TRACE /healthz HTTP/1.1",
        "BREW /healthz HTTP/1.1",
        "GET http://other/nowhere HTTP/1.1",
        "PATCH //healthz HTTP/1.1",
        "GET /api/v1/acts/%2e%2e%2f HTTP/1.1",
        "GET /healthz?a=%00 HTTP/1.1",
    ] {
        let mut wire = world.socket();
        let text = format!("{line}\r\nHost: test\r\nConnection: close\r\n\r\n");
        wire.write_all(text.as_bytes()).unwrap();
        let reply = Reply::parse(&to_end(&mut wire)).unwrap();
        assert!(
            matches!(reply.status, 400 | 404 | 405),
            "{line}: {}",
            reply.status
        );
        reply.reason();
    }
}

#[test]
fn stopping_lets_what_is_in_progress_end_and_then_cuts() {
    let mut world = World::limited(|limits| limits.stop_time_max = Duration::from_millis(500));
    let mut half = world.tcp();
    half.write_all(b"GET /healthz HTTP/1.1\r\nHost: te")
        .unwrap();
    let begun = Instant::now();
    world.stop();
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        TcpStream::connect(world.plain).is_err(),
        "nobody is let in any more"
    );
}
