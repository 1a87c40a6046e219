//! Bodies on their way up that break off, are malformed, too large or slow: whose fault it is decides
//! who is blamed, and how long anybody waits.

use std::io::ErrorKind::{TimedOut, WouldBlock};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use crate::by_hand::{Answer, DATA, END_STREAM, Http2, RESET, answer, ask, connect};
use crate::corpus::capture::Capture;
use crate::harness::{Edge, Place, curl, eventually, free_port};
use crate::proxy_server::{reply, serve};

const ANSWER_MS: u64 = 500;
const BODY_BYTES_MAX: usize = 1_000;

/// One upstream with the outlier detection and the breaker that hold without being written.
fn configure(place: &Place, behind: u16, more: &str) -> Edge {
    let port = free_port();
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\nhttp2 = true\n\
             [connection]\n{more}\n[overload]\nlag_ms_max = 60000\n\
             [[upstream]]\nname = \"site\"\nservers = [\"127.0.0.1:{behind}\"]\nanswer_ms = {ANSWER_MS}\n\
             [[route]]\nname = \"all\"\nto = \"site\"\n"
        ),
    );
    Edge::start(place, port)
}

fn post(framing: &str, body: &str) -> Vec<u8> {
    format!("POST /up HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n{body}").into_bytes()
}

/// That many bytes in chunks.
fn chunks(bytes: usize) -> String {
    let chunk = format!("64\r\n{}\r\n", "x".repeat(100));
    format!("{}0\r\n\r\n", chunk.repeat(bytes / 100))
}

fn count(place: &Place, reason: &str, wanted: u64) {
    eventually(reason, || place.refused(reason) >= wanted);
    assert_eq!(place.refused(reason), wanted, "{reason}");
}

/// A bad client is no bad server: nobody is left out for what clients did.
#[test]
fn ninety_broken_uploads_blame_no_server_and_the_next_honest_one_is_answered() {
    let place = Place::new();
    let behind = Capture::start();
    let limit = format!("body_bytes_max = {BODY_BYTES_MAX}");
    let edge = configure(&place, behind.port, &limit);
    let blamed = |what: &str| {
        let site = &place.status()["upstreams"][0];
        let condition = &site["servers"][0]["condition"];
        assert_ne!(condition, "ejected", "{what}: {site}");
        assert_eq!(site["breaker"], "closed", "{what}: {site}");
        assert_eq!(site["failures_total"], 0, "{what}: {site}");
    };
    for number in 0..30 {
        // Some say beforehand how much it would have been.
        let request = match number % 2 {
            0 => post("Content-Length: 900", "a part"),
            _ => post("Transfer-Encoding: chunked", "384\r\na part"),
        };
        let mut stream = connect(edge.address);
        stream.write_all(&request).unwrap();
        // The upstream has heard of it, and waits for more.
        std::thread::sleep(Duration::from_millis(5));
    }
    count(&place, "client_gone", 30);
    blamed("broken off");
    for number in 0..30 {
        let body = ["5\r\nhello\r\nZZ\r\n", "5\r\nhelloXX5\r\n", "-1\r\n"][number % 3];
        let answer = ask(
            &mut connect(edge.address),
            &post("Transfer-Encoding: chunked", body),
        );
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.reason()), (400, "chunk_malformed"));
        assert_eq!(answer.field("connection"), Some("close"));
    }
    count(&place, "chunk_malformed", 30);
    blamed("malformed");
    for _ in 0..30 {
        let body = chunks(BODY_BYTES_MAX + 100);
        let answer = ask(
            &mut connect(edge.address),
            &post("Transfer-Encoding: chunked", &body),
        );
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.reason()), (413, "body_too_large"));
    }
    count(&place, "body_too_large", 30);
    blamed("too large");
    assert_eq!(behind.count("/up"), 0, "none of these arrived whole");

    let url = format!("http://{}/honest", edge.address);
    let chunked = ["-H", "Transfer-Encoding: chunked", "--data-binary"];
    let body = "y".repeat(BODY_BYTES_MAX);
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        assert_eq!(curl(&[version, "--data-binary", &body, &url]), "ok");
    }
    assert_eq!(curl(&[&chunked[..], &[&body, &url]].concat()), "ok");
    assert_eq!(behind.count("/honest"), 3);
    assert_eq!(place.status()["requests_in_progress"], 0);
}

#[test]
fn uploads_that_http2_takes_back_blame_no_server_either() {
    let place = Place::new();
    let behind = Capture::start();
    let limit = format!("body_bytes_max = {BODY_BYTES_MAX}");
    let edge = configure(&place, behind.port, &limit);
    let mut client = Http2::connect(edge.address, &[]);
    for number in 0..30 {
        let stream = number * 2 + 1;
        client.request(stream, ("POST", "/up"), &[]);
        client.send(DATA, 0, stream, b"a part").unwrap();
        // CANCEL.
        client.send(RESET, 0, stream, &8u32.to_be_bytes()).unwrap();
        // All at once would be a flood.
        std::thread::sleep(Duration::from_millis(10));
    }
    let stream = 61;
    client.request(stream, ("POST", "/up"), &[]);
    for _ in 0..11 {
        client.send(DATA, 0, stream, &[b'x'; 100]).unwrap();
    }
    let refused = client.answer(stream).unwrap();
    assert_eq!(refused.0, 413);
    assert!(refused.1.contains("body_too_large"), "{refused:?}");
    // The connection is none the worse for it.
    client.request(63, ("POST", "/honest"), &[]);
    client.send(DATA, END_STREAM, 63, b"whole").unwrap();
    assert_eq!(client.answer(63), Some((200, "ok".to_owned())));
    count(&place, "client_gone", 30);
    let site = &place.status()["upstreams"][0];
    assert_eq!(site["failures_total"], 0, "{site}");
    assert_eq!(site["breaker"], "closed", "{site}");
    assert_eq!((behind.count("/up"), behind.count("/honest")), (0, 1));
    assert_eq!(place.status()["requests_in_progress"], 0);
}

#[test]
fn a_body_that_is_said_to_be_too_large_is_refused_before_anybody_hears_of_it() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let behind = listener.local_addr().unwrap().port();
    let connections = Arc::<AtomicUsize>::default();
    let counted = connections.clone();
    std::thread::spawn(move || {
        for _ in listener.incoming().flatten() {
            counted.fetch_add(1, SeqCst);
        }
    });
    let limit = format!("body_bytes_max = {BODY_BYTES_MAX}");
    let edge = configure(&place, behind, &limit);
    let length = format!("content-length: {}", BODY_BYTES_MAX + 1);
    let refused = ask(&mut connect(edge.address), &post(&length, "")).unwrap();
    assert_eq!((refused.status, refused.reason()), (413, "body_too_large"));
    let mut client = Http2::connect(edge.address, &[]);
    let length = (BODY_BYTES_MAX + 1).to_string();
    client.request(1, ("POST", "/up"), &[("content-length", &length)]);
    assert_eq!(client.answer(1).unwrap().0, 413);
    // curl asks first, and sends nothing then.
    let file = place.write("large", &"x".repeat(2 << 20));
    let url = format!("http://{}/up", edge.address);
    let data = format!("@{}", file.display());
    let sent = ["-w", "|%{http_code} %{size_upload}", "--data-binary", &data];
    let expect = ["-H", "Expect: 100-continue", "--expect100-timeout", "10"];
    let said = curl(&[&sent[..], &expect, &[&url]].concat());
    assert!(said.ends_with("|413 0"), "{said}");
    assert_eq!(place.refused("body_too_large"), 3);
    assert_eq!(connections.load(SeqCst), 0);
}

/// An upstream whose time begins when it has all that it was to wait for.
#[test]
fn a_slow_upload_is_the_clients_time_and_a_silent_upstream_the_upstreams() {
    let place = Place::new();
    let behind = serve(|request, stream| {
        if request.contains("/silent") {
            return true;
        }
        let body = request.split_once("\r\n\r\n").unwrap().1;
        reply(stream, &format!("{} bytes", body.len()))
    });
    let edge = configure(&place, behind, "");
    let address = edge.address;
    let slow_2 = std::thread::spawn(move || {
        let mut client = Http2::connect(address, &[]);
        client.request(1, ("POST", "/slow"), &[("content-length", "120")]);
        for piece in 0..12 {
            std::thread::sleep(Duration::from_millis(ANSWER_MS / 5));
            let end = if piece == 11 { END_STREAM } else { 0 };
            client.send(DATA, end, 1, b"0123456789").unwrap();
        }
        client.answer(1)
    });
    let begun = Instant::now();
    let mut client = connect(address);
    client.write_all(&post("Content-Length: 120", "")).unwrap();
    for _ in 0..12 {
        std::thread::sleep(Duration::from_millis(ANSWER_MS / 5));
        client.write_all(b"0123456789").unwrap();
    }
    let answer = answer(&mut client).unwrap();
    assert_eq!((answer.status, &*answer.body), (200, "120 bytes"));
    assert!(begun.elapsed() > Duration::from_millis(2 * ANSWER_MS));
    assert_eq!(slow_2.join().unwrap(), Some((200, "120 bytes".to_owned())));

    let begun = Instant::now();
    let silent = b"POST /silent HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    let answer = ask(&mut connect(address), silent).unwrap();
    in_time(begun, &answer);
    let begun = Instant::now();
    let mut client = Http2::connect(address, &[]);
    client.request(1, ("POST", "/silent"), &[]);
    client.send(DATA, END_STREAM, 1, b"hello").unwrap();
    let (status, body) = client.answer(1).unwrap();
    assert!(body.contains("upstream_too_slow"), "{body}");
    assert_eq!(status, 504);
    assert!(begun.elapsed() < Duration::from_millis(ANSWER_MS + 1_500));
    assert_eq!(place.refused("upstream_too_slow"), 2);
}

fn in_time(begun: Instant, answer: &Answer) {
    let took = begun.elapsed();
    assert_eq!(
        (answer.status, answer.reason()),
        (504, "upstream_too_slow"),
        "after {took:?}"
    );
    assert!(took >= Duration::from_millis(ANSWER_MS - 50), "{took:?}");
    assert!(took < Duration::from_millis(ANSWER_MS + 1_500), "{took:?}");
}

#[test]
fn an_upstream_that_reads_no_body_at_all_is_not_waited_for_longer() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let behind = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().flatten().collect::<Vec<TcpStream>>());
    let edge = configure(&place, behind, "");
    let begun = Instant::now();
    let mut client = connect(edge.address);
    let mut writer = client.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        let size = 64 << 20;
        let head = post(&format!("Content-Length: {size}"), "");
        let sent = writer.write_all(&head);
        let patience = Some(Duration::from_secs(5));
        writer.set_write_timeout(patience).unwrap();
        // Until the edge has had enough.
        sent.and_then(|()| writer.write_all(&vec![b'x'; size]))
    });
    let answer = answer(&mut client).unwrap();
    in_time(begun, &answer);
    assert_eq!(answer.field("connection"), Some("close"));
    let mut rest = Vec::new();
    let _ = client.read_to_end(&mut rest);
    let sent = sending.join().unwrap().unwrap_err();
    assert!(!matches!(sent.kind(), TimedOut | WouldBlock), "{sent}");

    // And a real client of HTTP/2, which sends as long as it may.
    let file = place.path("large");
    std::fs::File::create(&file)
        .unwrap()
        .set_len(16 << 20)
        .unwrap();
    let begun = Instant::now();
    let output = Command::new("nghttp")
        .args(["-v", "-t", "10", "-d"])
        .arg(&file)
        .arg(format!("http://{}/up", edge.address))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(":status: 504"), "{said}");
    assert!(begun.elapsed() < Duration::from_millis(ANSWER_MS + 3_000));
    assert_eq!(place.refused("upstream_too_slow"), 2);
    eventually("nothing is left", || {
        let status = place.status();
        status["requests_in_progress"] == 0 && status["upstreams"][0]["connections"] == 0
    });
}
