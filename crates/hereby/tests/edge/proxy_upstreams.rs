//! Servers that fail: what is tried again, what never, and what is waited for how long.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use crate::harness::{Edge, Place, curl, curl_status, free_port};
use crate::proxy::plain;
use crate::proxy_server::{reply, serve};

const PATIENT: &str = "outlier = { failures = 0 }\nbreaker = { errors_ppm = 0 }\n";

#[test]
fn a_connection_that_was_closed_while_idle_is_no_error() {
    let place = Place::new();
    // It says nothing of closing, and closes.
    let behind = serve(|_, stream| {
        reply(stream, "ok");
        false
    });
    let port = free_port();
    plain(&place, port, behind, "");
    let edge = Edge::start(&place, port);
    let url = format!("http://{}/", edge.address);
    for number in 0..60 {
        match number % 2 {
            0 => assert_eq!(curl(&[&url]), "ok"),
            _ => assert_eq!(curl(&["-d", "body", &url]), "ok"),
        }
    }
    assert_eq!(place.refused("upstream_broken"), 0);
}

#[test]
fn what_dies_with_its_server_is_asked_again_only_where_that_is_safe() {
    let place = Place::new();
    let posts = Arc::new(AtomicUsize::new(0));
    let count = |request: &str, posts: &AtomicUsize| {
        posts.fetch_add(usize::from(request.starts_with("POST")), Relaxed);
    };
    let (first, second) = (posts.clone(), posts.clone());
    let dies = serve(move |request, _| {
        count(request, &first);
        false
    });
    let lives = serve(move |request, stream| {
        count(request, &second);
        reply(stream, "ok")
    });
    let port = free_port();
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [[upstream]]\nname = \"site\"\nservers = [\"127.0.0.1:{dies}\", \"127.0.0.1:{lives}\"]\n{PATIENT}\
             [[route]]\nname = \"all\"\nto = \"site\"\nretry = {{ attempts_max = 2, budget_ppm = 1000000 }}\n"
        ),
    );
    let edge = Edge::start(&place, port);
    let url = format!("http://{}/", edge.address);
    for _ in 0..20 {
        assert_eq!(curl(&[&url]), "ok");
    }
    let statuses: Vec<u16> = (0..20).map(|_| curl_status(&["-d", "x", &url])).collect();
    assert_eq!(posts.load(Relaxed), 20, "each was sent once");
    assert!(
        statuses.contains(&200) && statuses.contains(&502),
        "{statuses:?}"
    );
    assert!(statuses.iter().all(|status| matches!(status, 200 | 502)));
}

#[test]
fn each_phase_of_an_answer_has_its_time() {
    let place = Place::new();
    let behind = serve(|request, stream| {
        if request.contains("/never") {
            std::thread::sleep(Duration::from_secs(20));
        }
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
        stream.write_all(head.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_secs(20));
        false
    });
    let port = free_port();
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [[upstream]]\nname = \"site\"\nservers = [\"127.0.0.1:{behind}\"]\n{PATIENT}\
             answer_ms = 700\nbetween_bytes_ms = 500\n[[route]]\nname = \"all\"\nto = \"site\"\n"
        ),
    );
    let edge = Edge::start(&place, port);
    let never = curl(&[&format!("http://{}/never", edge.address)]);
    assert!(
        never.contains("\"reason\":\"upstream_too_slow\""),
        "{never}"
    );
    let asked = "GET /half HTTP/1.1\r\nHost: a\r\n\r\n";
    let half = crate::harness::raw(edge.address, asked.as_bytes(), Duration::from_secs(10));
    // Cut off, so that it can't be taken for the whole.
    assert!(
        half.ends_with(b"half"),
        "{}",
        String::from_utf8_lossy(&half)
    );
    crate::harness::eventually("both are counted", || {
        place.refused("upstream_too_slow") == 2
    });
}
