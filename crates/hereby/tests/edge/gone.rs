//! Clients that hang up while they are waited for, and answers whose end only the upstream knows:
//! each request is logged as what became of it, and what it held is there for the next one.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::by_hand::{DATA, END_STREAM, Http2, RESET, connect};
use crate::harness::{Edge, PATIENCE, Place, curl, eventually, free_port};
use crate::proxy_server::{reply, serve};

/// How long the upstream takes for `/slow`: longer than any of this may.
const SLOW: Duration = Duration::from_secs(20);

/// One tenant that may have one request at a time.
fn configure(place: &Place, behind: u16) -> Edge {
    let port = free_port();
    place.write(
        "edge.toml",
        &format!(
            "workers = 1\n[[listen]]\naddress = \"127.0.0.1:{port}\"\nhttp2 = true\n\
             [overload]\nlag_ms_max = 60000\n[access_log]\npath = \"access.log\"\n\
             [[tenant]]\nname = \"all\"\nhosts = [\"*\"]\nrequests_concurrent_max = 1\n\
             [[upstream]]\nname = \"site\"\nservers = [\"127.0.0.1:{behind}\"]\n\
             [[route]]\nname = \"all\"\nto = \"site\"\n"
        ),
    );
    Edge::start(place, port)
}

/// The lines about a path.
fn lines(place: &Place, path: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(place.path("access.log")).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.strip_suffix('}'));
    lines
        .map(|line| serde_json::from_str::<Value>(&format!("{line}}}")).unwrap())
        .filter(|line| line["path"] == path)
        .collect()
}

#[test]
fn who_hangs_up_is_logged_as_gone_and_makes_room_at_once() {
    let place = Place::new();
    let (asked, heard) = mpsc::channel();
    let behind = serve(move |request, stream| {
        if request.contains("/slow") {
            asked.send(()).unwrap();
            std::thread::sleep(SLOW);
        }
        reply(stream, "ok")
    });
    let edge = configure(&place, behind);
    let begun = Instant::now();
    let url = format!("http://{}/", edge.address);
    let make_room = |who: &str| {
        eventually(who, || place.status()["requests_in_progress"] == 0);
        assert_eq!(curl(&[&url]), "ok", "{who}");
        eventually(who, || place.status()["requests_in_progress"] == 0);
    };

    let mut client = connect(edge.address);
    client
        .write_all(b"GET /slow-1 HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    heard.recv_timeout(PATIENCE).unwrap();
    assert!(curl(&[&url]).contains("tenant_concurrency"));
    drop(client);
    make_room("HTTP/1");

    let mut client = Http2::connect(edge.address, &[]);
    client.request(1, ("GET", "/slow-2"), &[]);
    heard.recv_timeout(PATIENCE).unwrap();
    // CANCEL.
    client.send(RESET, 0, 1, &8u32.to_be_bytes()).unwrap();
    make_room("HTTP/2");
    // One that takes a request back goes on with the connection.
    assert_eq!(client.get(3, "/"), Some((200, "ok".to_owned())));

    let mut client = Http2::connect(edge.address, &[]);
    client.request(1, ("GET", "/slow-3"), &[]);
    heard.recv_timeout(PATIENCE).unwrap();
    drop(client);
    make_room("HTTP/2's connection");

    // After its body, too.
    let mut client = connect(edge.address);
    client
        .write_all(b"POST /slow-4 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
        .unwrap();
    heard.recv_timeout(PATIENCE).unwrap();
    drop(client);
    make_room("after the body");
    let mut client = Http2::connect(edge.address, &[]);
    client.request(1, ("POST", "/slow-5"), &[]);
    client.send(DATA, END_STREAM, 1, b"hello").unwrap();
    heard.recv_timeout(PATIENCE).unwrap();
    client.send(RESET, 0, 1, &8u32.to_be_bytes()).unwrap();
    make_room("after HTTP/2's body");

    for number in 1..=5 {
        let path = format!("/slow-{number}");
        eventually(&path, || lines(&place, &path).len() == 1);
        let line = &lines(&place, &path)[0];
        assert_eq!(line["status"], 499, "{line}");
        assert_eq!(line["reason"], "client_gone", "{line}");
        assert_eq!(line["whole"], false, "{line}");
        assert_eq!(line["upstream"], "site", "{line}");
    }
    assert_eq!(place.refused("client_gone"), 5);
    assert_eq!(place.status()["upstreams"][0]["breaker"], "closed");
    assert!(begun.elapsed() < SLOW, "nobody waited for the upstream");
}

/// A server with a connection for each thread: it counts them, and answers in chunks, the end alone.
#[test]
fn an_answer_in_chunks_is_logged_whole_and_its_connection_is_used_again() {
    let place = Place::new();
    let connections = Arc::<AtomicUsize>::default();
    let counted = connections.clone();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let behind = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            counted.fetch_add(1, SeqCst);
            std::thread::spawn(move || {
                while let Ok(head) = crate::upgrade_peers::head(&mut stream) {
                    let begin =
                        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n";
                    let late = head.contains("/late");
                    let trailers = head.contains("/trailers");
                    let _ = stream.write_all(begin);
                    if late {
                        std::thread::sleep(Duration::from_millis(50));
                    }
                    let end: &[u8] = if trailers {
                        b"0\r\nX-Sum: 5\r\n\r\n"
                    } else {
                        b"0\r\n\r\n"
                    };
                    let _ = stream.write_all(end);
                }
            });
        }
    });
    let edge = configure(&place, behind);
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        for path in ["/at-once", "/late", "/trailers"] {
            for _ in 0..5 {
                let url = format!("http://{}{path}", edge.address);
                assert_eq!(curl(&[version, &url]), "whole");
            }
        }
    }
    assert_eq!(connections.load(SeqCst), 1, "one at a time needs one");
    for path in ["/at-once", "/late", "/trailers"] {
        eventually(path, || lines(&place, path).len() == 10);
        for line in lines(&place, path) {
            assert_eq!(line["whole"], true, "{line}");
            assert_eq!(line["bytes"], 5, "{line}");
            assert_eq!(line["reason"], Value::Null, "{line}");
        }
    }

    // One that is read in part is not used again.
    let mut stream = connect(edge.address);
    stream
        .write_all(b"GET /late HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    crate::proxy_server::read_until(&mut stream, b"whole");
    drop(stream);
    eventually("it is logged", || lines(&place, "/late").len() == 11);
    let broken = lines(&place, "/late").pop().unwrap();
    assert_eq!(broken["whole"], false, "{broken}");
    assert_eq!(curl(&[&format!("http://{}/late", edge.address)]), "whole");
    assert_eq!(connections.load(SeqCst), 2);
}
