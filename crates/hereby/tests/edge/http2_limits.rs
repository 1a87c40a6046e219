//! Limits of HTTP/2's connections: who never makes room for an answer, who has asked often enough,
//! and who asks for too long a path.

use std::time::{Duration, Instant};

use crate::by_hand::{DATA, END_STREAM, GOAWAY, HEADERS, Http2, WINDOW_SIZE, connect};
use crate::harness::{Edge, Place, curl, curl_status, eventually, free_port};

const IDLE_MS: u64 = 1_000;
/// Between two looks at such a connection.
const LOOK: Duration = Duration::from_secs(5);
const SLACK: Duration = Duration::from_millis(1_500);

fn configure(place: &Place, connection: &str, tenant: &str) -> Edge {
    let port = free_port();
    place.write("www/large", &"x".repeat(1 << 20));
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\nhttp2 = true\n\
             [connection]\n{connection}\n[overload]\nlag_ms_max = 60000\n\
             [[tenant]]\nname = \"all\"\nhosts = [\"*\"]\n{tenant}\n\
             [[route]]\nname = \"large\"\npath = \"/large\"\nfiles = {{ directory = \"www\" }}\n\
             [[route]]\nname = \"all\"\nrespond = {{ status = 200, body = \"welcome\" }}\n"
        ),
    );
    Edge::start(place, port)
}

/// Waits until the connection is ended, and says how long that took.
fn ended(client: &mut Http2, begun: Instant) -> Duration {
    while client.next().is_some() {}
    begun.elapsed()
}

#[test]
fn who_makes_no_room_for_any_answer_is_ended_and_holds_nothing() {
    let place = Place::new();
    let limits = format!("idle_ms = {IDLE_MS}\nbody_bytes_per_s_min = 1000000");
    let edge = configure(&place, &limits, "requests_concurrent_max = 20");
    let mut none = Http2::connect(edge.address, &[(WINDOW_SIZE, 0)]);
    let mut little = Http2::connect(edge.address, &[(WINDOW_SIZE, 10)]);
    let begun = Instant::now();
    for number in 0..10 {
        let path = if number % 2 == 0 { "/large" } else { "/" };
        none.request(number * 2 + 1, ("GET", path), &[]);
        little.request(number * 2 + 1, ("GET", "/large"), &[]);
    }
    eventually("they have all there is", || {
        place.status()["requests_in_progress"] == 20
    });
    let url = format!("http://{}/", edge.address);
    assert!(curl(&[&url]).contains("tenant_concurrency"));
    let little = std::thread::spawn(move || ended(&mut little, begun));
    let none = ended(&mut none, begun);
    let little = little.join().unwrap();
    for took in [none, little] {
        assert!(took > Duration::from_millis(IDLE_MS), "{none:?} {little:?}");
        assert!(
            took < Duration::from_millis(IDLE_MS) + LOOK + SLACK,
            "{none:?} {little:?}"
        );
    }
    eventually("nothing is held", || {
        place.status()["requests_in_progress"] == 0
    });
    assert_eq!(curl(&[&url]), "welcome");
    // What is short was given to HTTP/2 whole; what became of it there nobody can tell.
    assert!(place.refused("body_too_slow") >= 15);
}

#[test]
fn who_takes_an_answer_steadily_is_not_ended_for_it() {
    let place = Place::new();
    let limits = format!("idle_ms = {IDLE_MS}\nbody_bytes_per_s_min = 10000");
    let edge = configure(&place, &limits, "bytes_per_s_max = 130000");
    // It is the edge that is slow here: its tenant may not have more. A second's worth comes at
    // once, and the rest takes seven.
    let url = format!("http://{}/large", edge.address);
    let begun = Instant::now();
    let size = curl(&[
        "--http2-prior-knowledge",
        "-o",
        "/dev/null",
        "-w",
        "%{size_download}",
        &url,
    ]);
    assert_eq!(size, (1 << 20).to_string());
    assert!(begun.elapsed() > LOOK, "{:?}", begun.elapsed());
    assert_eq!(place.refused("body_too_slow"), 0);
}

#[test]
fn who_has_asked_often_enough_is_told_so_and_loses_nothing() {
    let place = Place::new();
    let edge = configure(&place, "requests_max = 5", "");
    // All at once: what was begun is answered, and what was not may be asked elsewhere.
    let mut client = Http2::connect(edge.address, &[]);
    for number in 0..12 {
        client.request(number * 2 + 1, ("GET", "/"), &[]);
    }
    let (mut last, mut answered) = (None, Vec::new());
    while let Some(frame) = client.next() {
        match frame.kind {
            GOAWAY => {
                let word = |at: usize| frame.payload[at..at + 4].try_into().unwrap();
                last = Some(u32::from_be_bytes(word(0)));
                assert_eq!(u32::from_be_bytes(word(4)), 0, "NO_ERROR");
            }
            HEADERS | DATA if frame.flags & END_STREAM != 0 => answered.push(frame.stream),
            _ => {}
        }
    }
    answered.sort_unstable();
    let last = last.expect("it ends politely");
    let wanted: Vec<u32> = (1..=last).step_by(2).collect();
    assert_eq!(answered, wanted, "up to {last}");
    assert!(answered.len() >= 5, "{answered:?}");

    // One after another: whoever is told to begin again elsewhere does.
    let mut connections = Vec::new();
    while connections.iter().sum::<u32>() < 30 {
        let mut client = Http2::connect(edge.address, &[]);
        let mut number = 0;
        // One that asks into the end begins again: only what was answered counts.
        while client
            .get(number * 2 + 1, "/")
            .is_some_and(|got| got.0 == 200)
        {
            number += 1;
        }
        connections.push(number);
    }
    assert!(
        connections.iter().all(|count| (5..=6).contains(count)),
        "{connections:?}"
    );
    let url = format!("http://{}/?[1-30]", edge.address);
    let format = "%{http_code} %{num_connects}\\n";
    let said = curl(&["-o", "/dev/null", "-w", format, &url]);
    let good = said.lines().filter(|line| line.starts_with("200 ")).count();
    let begun = said.lines().filter(|line| line.ends_with(" 1")).count();
    assert_eq!((good, begun), (30, 6), "{said}");
    eventually("nothing is left", || place.status()["connections"] == 0);
}

#[test]
fn too_long_a_path_is_refused_alike_over_both_versions() {
    let place = Place::new();
    let edge = configure(&place, "url_bytes_max = 100", "");
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        for (size, status) in [(100, 200), (101, 414)] {
            for path in ["/".to_owned(), "/?".to_owned()] {
                let path = format!("{path}{}", "x".repeat(size - path.len()));
                let url = format!("http://{}{path}", edge.address);
                assert_eq!(curl_status(&[version, &url]), status, "{version} {path}");
            }
        }
    }
    assert_eq!(place.refused("url_too_long"), 4);
    // Over HTTP/2 that ends the request alone.
    let mut client = Http2::connect(edge.address, &[]);
    assert_eq!(
        client.get(1, &format!("/{}", "x".repeat(100))).unwrap().0,
        414
    );
    assert_eq!(client.get(3, "/").unwrap().0, 200);
    drop(connect(edge.address));
}
