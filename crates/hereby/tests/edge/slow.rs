//! Five thousand clients that are slow or silent in every way there is, and one that is not.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::corpus::capture::Capture;
use crate::harness::{Edge, Nginx, Place, free_port};

const FIRST_BYTE_MS: u64 = 3_000;
const HANDSHAKE_MS: u64 = 3_000;
const HEAD_MS: u64 = 4_000;
const BODY_GRACE_MS: u64 = 3_000;
const IDLE_MS: u64 = 3_000;
/// What two processors that serve five thousand may add to a deadline.
const GRACE_MS: u64 = 5_000;
/// HTTP/2's end is looked at each five seconds, and told before it is done.
const GOAWAY_MS: u64 = 10_000;
/// A second between two bytes of who trickles.
const TRICKLE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Silent,
    TrickledHead,
    TrickledBody,
    SlowReader,
    SilentHttp2,
    UnfinishedHandshake,
}

const WAYS: [(Way, usize, u64, &str); 6] = [
    (Way::Silent, 1_300, FIRST_BYTE_MS, "first_byte_too_slow"),
    (Way::TrickledHead, 1_000, HEAD_MS, "head_too_slow"),
    (Way::TrickledBody, 600, BODY_GRACE_MS, "body_too_slow"),
    (
        Way::SlowReader,
        100,
        IDLE_MS + 2 * GRACE_MS,
        "body_too_slow",
    ),
    (Way::SilentHttp2, 1_000, IDLE_MS + GOAWAY_MS, ""),
    (
        Way::UnfinishedHandshake,
        1_000,
        HANDSHAKE_MS,
        "handshake_too_slow",
    ),
];

/// How long it took until the edge ended it.
async fn suffer(way: Way, plain: SocketAddr, tls: SocketAddr) -> Duration {
    let begun = Instant::now();
    let address = if way == Way::UnfinishedHandshake {
        tls
    } else {
        plain
    };
    let socket = TcpSocket::new_v4().unwrap();
    if way == Way::SlowReader {
        socket.set_recv_buffer_size(4_096).unwrap();
    }
    let mut stream = socket.connect(address).await.unwrap();
    match way {
        Way::Silent => {}
        Way::TrickledHead => return trickle(stream, b"GET / HTTP/1.1\r\n", begun).await,
        Way::TrickledBody => {
            let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n";
            return trickle(stream, head, begun).await;
        }
        Way::SlowReader => {
            stream
                .write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
                .await
                .unwrap();
            return sip(stream, begun).await;
        }
        Way::SilentHttp2 => {
            let hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
            stream.write_all(hello).await.unwrap();
        }
        // The beginning of a ClientHello of 512 bytes.
        Way::UnfinishedHandshake => stream.write_all(b"\x16\x03\x01\x02\x00\x01").await.unwrap(),
    }
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    begun.elapsed()
}

/// Sends a beginning, and then a byte a second until the other side has had enough.
async fn trickle(mut stream: TcpStream, first: &[u8], begun: Instant) -> Duration {
    stream.write_all(first).await.unwrap();
    let mut buffer = [0; 1_024];
    loop {
        tokio::select! {
            read = stream.read(&mut buffer) => {
                if !matches!(read, Ok(1..)) {
                    return begun.elapsed();
                }
            }
            () = tokio::time::sleep(TRICKLE) => {
                if stream.write_all(b"X").await.is_err() {
                    return begun.elapsed();
                }
            }
        }
    }
}

/// Takes a byte a second of an answer. It has so much waiting that it would learn of the end hours
/// later: that it was dropped before it went is what the edge counts.
async fn sip(mut stream: TcpStream, begun: Instant) -> Duration {
    let mut byte = [0; 1];
    while begun.elapsed() < Duration::from_millis(IDLE_MS + 2 * GRACE_MS) {
        tokio::time::sleep(TRICKLE).await;
        if !matches!(stream.read(&mut byte).await, Ok(1..)) {
            break;
        }
    }
    begun.elapsed()
}

/// Asks on and on, in a thread of its own; how long each answer took, in milliseconds, and what
/// came that was none.
fn steady(address: SocketAddr, over: &AtomicBool) -> (Vec<u128>, Vec<String>) {
    let (mut took, mut bad) = (Vec::new(), Vec::new());
    let mut kept = None;
    let mut buffer = [0; 4_096];
    while !over.load(Relaxed) {
        let stream: &mut std::net::TcpStream =
            kept.get_or_insert_with(|| std::net::TcpStream::connect(address).unwrap());
        let begun = Instant::now();
        let asked = stream.write_all(b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut got = Vec::new();
        while !got.ends_with(b"small") {
            match stream.read(&mut buffer) {
                Ok(size) if size > 0 => got.extend_from_slice(&buffer[..size]),
                _ => break,
            }
        }
        took.push(begun.elapsed().as_millis());
        if asked.is_err() || !got.starts_with(b"HTTP/1.1 200 ") || !got.ends_with(b"small") {
            bad.push(format!("{asked:?}: {}", String::from_utf8_lossy(&got)));
            kept = None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    (took, bad)
}

/// Both processors are busy with the clients: that the edge is late for once is no reason to refuse.
fn config(place: &Place, (plain, tls): (u16, u16), upstream: u16, patient: u16) {
    let key = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    place.write("a.crt", &key.cert.pem());
    place.write("a.key", &key.signing_key.serialize_pem());
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{plain}\"\nhttp2 = true\n\
             [[listen]]\naddress = \"127.0.0.1:{tls}\"\ntls = true\n\
             [[certificate]]\nchain_file = \"a.crt\"\nkey_file = \"a.key\"\n\
             [connection]\nconnections_max = 10000\nconnections_per_address_max = 10000\n\
             first_byte_ms = {FIRST_BYTE_MS}\nhandshake_ms = {HANDSHAKE_MS}\nhead_ms = {HEAD_MS}\n\
             body_grace_ms = {BODY_GRACE_MS}\nidle_ms = {IDLE_MS}\n\
             [overload]\nlag_ms_max = 10000\n\
             [[upstream]]\nname = \"site\"\nservers = [\"127.0.0.1:{upstream}\"]\n\
             connections_max = 4000\noutlier = {{ failures = 0 }}\nbreaker = {{ errors_ppm = 0 }}\n\
             [[upstream]]\nname = \"patient\"\nservers = [\"127.0.0.1:{patient}\"]\n\
             connections_max = 4000\n\
             [[route]]\nname = \"bodies\"\nmethods = [\"POST\"]\nto = \"patient\"\n\
             [[route]]\nname = \"all\"\nto = \"site\"\n"
        ),
    );
}

#[test]
fn five_thousand_slow_clients_are_dropped_in_time_and_a_steady_one_is_served() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    )
    .unwrap();
    let place = Place::new();
    let (port, tls, behind) = (free_port(), free_port(), free_port());
    place.write("www/small", "small");
    let large = place.write("www/large", "");
    std::fs::File::options()
        .write(true)
        .open(large)
        .unwrap()
        .set_len(16 << 20)
        .unwrap();
    let _nginx = Nginx::start(&place, behind, "");
    // It waits for the whole of a body; nginx answers before that.
    let patient = Capture::start();
    config(&place, (port, tls), behind, patient.port);
    let edge = Edge::start(&place, port);
    let tls = SocketAddr::from(([127, 0, 0, 1], tls));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let plain = edge.address;
    let (slowest, (took, bad)) = runtime.block_on(async {
        let over = Arc::new(AtomicBool::new(false));
        let there = over.clone();
        let beside = std::thread::spawn(move || steady(plain, &there));
        let mut clients = tokio::task::JoinSet::new();
        for (way, count, within_ms, _) in WAYS {
            for _ in 0..count {
                clients.spawn(async move { (way, within_ms, suffer(way, plain, tls).await) });
            }
            // The listener's queue takes 4,096 at once; nobody is to wait for a second SYN.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let mut slowest = BTreeMap::new();
        while let Some(client) = clients.join_next().await {
            let (way, within_ms, took) = client.unwrap();
            let worst = slowest.entry(way).or_insert((within_ms, 0));
            worst.1 = worst.1.max(took.as_millis());
        }
        over.store(true, Relaxed);
        (slowest, beside.join().unwrap())
    });
    println!("deadline and slowest, in milliseconds: {slowest:?}");
    for (way, (within_ms, took_ms)) in slowest {
        assert!(
            took_ms < u128::from(within_ms + GRACE_MS),
            "{way:?}: {took_ms} ms"
        );
    }
    assert!(bad.is_empty(), "of {} answers: {bad:?}", took.len());
    let mut sorted = took;
    sorted.sort_unstable();
    let p99 = sorted[sorted.len() * 99 / 100];
    println!(
        "{} answers, p50 {} ms, p99 {p99} ms",
        sorted.len(),
        sorted[sorted.len() / 2]
    );
    assert!(sorted.len() > 300, "{} answers", sorted.len());
    assert!(p99 < 1_000, "p99: {p99} ms");
    let mut expected = BTreeMap::<&str, u64>::new();
    for (_, count, _, reason) in WAYS.iter().filter(|(.., reason)| !reason.is_empty()) {
        *expected.entry(reason).or_default() += *count as u64;
    }
    for (reason, count) in expected {
        assert_eq!(place.refused(reason), count, "{reason}");
    }
    assert_eq!(place.status()["connections"], 0);
}
