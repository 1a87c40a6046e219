//! What is passed through: uploads, downloads, pieces as they come, websockets, trailers.

use std::io::Write as _;
use std::net::TcpStream;
use std::process::Command;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use crate::harness::{
    Edge, Nginx, PATIENCE, Place, Process, curl, free_port, raw, status_of, wait_for,
};
use crate::proxy::plain;
use crate::proxy_server::{read_until, reply, serve};

fn connect(edge: &Edge) -> TcpStream {
    let stream = TcpStream::connect(edge.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A method that has no body as a rule may have one: what goes up is what came.
#[test]
fn a_get_with_a_body_of_unknown_length_goes_up_with_it() {
    let place = Place::new();
    let port = free_port();
    let behind = serve(|request, stream| {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
        reply(stream, &format!("{chunked} {}", body.replace("\r\n", "|")))
    });
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\nhttp2 = true\n\
             [[upstream]]\nname = \"site\"\nservers = [\"127.0.0.1:{behind}\"]\n\
             [[route]]\nname = \"all\"\nto = \"site\"\n"
        ),
    );
    let edge = Edge::start(&place, port);
    let url = format!("http://{}/", edge.address);
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let chunked = ["-H", "Transfer-Encoding: chunked"];
        let sent = ["-X", "GET", "--data-binary", "hello", version, &url];
        let said = match version {
            "--http1.1" => curl(&[&chunked[..], &sent].concat()),
            _ => curl(&[&["-H", "Content-Length:"][..], &sent].concat()),
        };
        assert_eq!(said, "true 5|hello|0||", "{version}");
    }
    // And one without stays without.
    assert_eq!(curl(&[&url]), "false ");
}

#[test]
fn a_websocket_carries_data_both_ways_where_it_may() {
    let place = Place::new();
    let behind = serve(|request, stream| {
        if !request.contains("upgrade: websocket") {
            return reply(stream, "no upgrade came");
        }
        // The server speaks first, with its 101.
        let hello = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst";
        stream.write_all(hello.as_bytes()).unwrap();
        let asked = read_until(stream, b"asked\n");
        stream.write_all(&asked.to_ascii_uppercase()).unwrap();
        false
    });
    let port = free_port();
    let more = "path = \"/ws\"\nwebsocket = true\n[[route]]\nname = \"rest\"\nto = \"site\"\n";
    plain(&place, port, behind, more);
    let edge = Edge::start(&place, port);
    let ask = |path: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
    };
    let mut client = connect(&edge);
    client.write_all(ask("/ws").as_bytes()).unwrap();
    let got = read_until(&mut client, b"first");
    assert_eq!(status_of(&got), 101);
    // No line end, no length, no method: these are no longer HTTP.
    client.write_all(b"\0\x81 asked\n").unwrap();
    read_until(&mut client, b" ASKED\n");
    let refused = raw(edge.address, ask("/else").as_bytes(), PATIENCE);
    assert_eq!(status_of(&refused), 403);
    assert_eq!(place.refused("upgrade_refused"), 1);
}

#[test]
fn events_arrive_one_by_one_as_they_are_sent() {
    let place = Place::new();
    let (go, wait) = channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let behind = serve(move |_, stream| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        for event in 0..3 {
            // In one piece: what comes in several is passed on in several, each a chunk.
            let chunk = format!("9\r\ndata: {event}\n\n\r\n");
            stream.write_all(chunk.as_bytes()).unwrap();
            wait.lock().unwrap().recv().unwrap();
        }
        stream.write_all(b"0\r\n\r\n").is_ok()
    });
    let port = free_port();
    plain(&place, port, behind, "");
    let edge = Edge::start(&place, port);
    let mut client = connect(&edge);
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .unwrap();
    for event in 0..3 {
        // The next is sent only when this one was seen.
        read_until(&mut client, format!("data: {event}\n").as_bytes());
        go.send(()).unwrap();
    }
    read_until(&mut client, b"0\r\n\r\n");
}

#[test]
fn fifty_megabytes_go_up_and_down_unchanged_over_both_versions() {
    let place = Place::new();
    let (port, behind) = (free_port(), free_port());
    let more = "client_max_body_size 100m; dav_methods PUT; create_full_put_path on;";
    let _nginx = Nginx::start(&place, behind, more);
    plain(&place, port, behind, "");
    let edge = Edge::start(&place, port);
    let mut seed = 1u64;
    let data: Vec<u8> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 56) as u8
    })
    .take(50 << 20)
    .collect();
    let file = place.path("data");
    std::fs::write(&file, &data).unwrap();
    let file = file.to_str().unwrap();
    let down = place.path("down");
    for (number, version) in ["--http1.1", "--http2-prior-knowledge"].iter().enumerate() {
        for (chunked, headers) in [(false, "X-Y: z"), (true, "Transfer-Encoding: chunked")] {
            if chunked && number > 0 {
                continue;
            }
            let url = format!("http://{}/up-{number}-{chunked}", edge.address);
            curl(&[version, "-f", "-H", headers, "-T", file, &url]);
            curl(&[version, "-o", down.to_str().unwrap(), &url]);
            let got = std::fs::read(&down).unwrap();
            let same = got.iter().zip(&data).take_while(|(a, b)| a == b).count();
            assert!(
                got == data,
                "{version} {headers}: {} bytes, {same} the same",
                got.len()
            );
        }
    }
    let head = curl(&["-I", &format!("http://{}/up-0-false", edge.address)]);
    assert!(
        head.contains("ontent-length: 52428800") || head.contains("ontent-Length: 52428800"),
        "{head}"
    );
    let tag = head.lines().find_map(|line| {
        line.to_lowercase()
            .strip_prefix("etag: ")
            .map(str::to_owned)
    });
    let matches = format!("If-None-Match: {}", tag.unwrap().trim());
    let url = format!("http://{}/up-0-false", edge.address);
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let again = curl(&[version, "-i", "-H", &matches, &url]);
        assert!(again.contains(" 304"), "{again}");
    }
}

#[test]
fn who_waits_to_be_asked_for_the_body_is_asked() {
    let place = Place::new();
    let behind = serve(|request, stream| {
        let body = request.split("\r\n\r\n").nth(1).unwrap().to_owned();
        reply(stream, &format!("got {body}"))
    });
    let port = free_port();
    plain(&place, port, behind, "");
    let edge = Edge::start(&place, port);
    let mut client = connect(&edge);
    client
        .write_all(
            b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
        )
        .unwrap();
    let interim = read_until(&mut client, b"\r\n\r\n");
    assert_eq!(status_of(&interim), 100);
    client.write_all(b"abc").unwrap();
    let answer = read_until(&mut client, b"got abc");
    assert_eq!(status_of(&answer), 200);
}

#[test]
fn trailers_of_http2_arrive_end_to_end() {
    let place = Place::new();
    let (port, behind) = (free_port(), free_port());
    place.write("www/rpc", "message");
    let _server = Process::start(
        Command::new("nghttpd")
            .args(["--no-tls", "--trailer", "grpc-status: 0", "-d"])
            .arg(place.path("www"))
            .arg(behind.to_string())
            .stdout(std::process::Stdio::null()),
    );
    wait_for(behind);
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\nhttp2 = true\n\
             [[upstream]]\nname = \"rpc\"\nprotocol = \"http2\"\nservers = [\"127.0.0.1:{behind}\"]\n\
             [[route]]\nname = \"all\"\nto = \"rpc\"\n"
        ),
    );
    let edge = Edge::start(&place, port);
    let url = format!("http://{}/rpc", edge.address);
    let asked = Command::new("nghttp")
        .args([
            "-v",
            "--no-dep",
            "-H",
            "te: trailers",
            "-H",
            "content-type: application/grpc",
            &url,
        ])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&asked.stdout);
    assert!(text.contains("message"), "{text}");
    assert!(text.contains("grpc-status: 0"), "{text}");
}
