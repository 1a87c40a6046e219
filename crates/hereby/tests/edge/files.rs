//! Files behind an edge: read piece by piece, at the tenant's pace, and held up by nobody.

use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::by_hand::{Http2, WINDOW_SIZE, ask, connect};
use crate::harness::{Edge, Place, curl, free_port};

const RATE: usize = 500_000;
/// A file that takes more than a second at that rate, after the second that is given at once.
const PIECE: usize = 1_200_000;

fn configure(place: &Place) -> Edge {
    let port = free_port();
    place.write("www/small.txt", "small");
    place.write("www/docs/index.html", "documents");
    let large = std::fs::File::create(place.path("www/large")).unwrap();
    large.set_len(64 << 20).unwrap();
    place.write("www/piece", &"x".repeat(PIECE));
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\nhttp2 = true\n\
             [overload]\nlag_ms_max = 60000\n\
             [[tenant]]\nname = \"slow\"\nhosts = [\"slow.example\"]\nbytes_per_s_max = {RATE}\n\
             [[tenant]]\nname = \"all\"\nhosts = [\"*\"]\n\
             [[route]]\nname = \"slow\"\ntenant = \"slow\"\nfiles = {{ directory = \"www\" }}\n\
             [[route]]\nname = \"all\"\ntenant = \"all\"\n\
             files = {{ directory = \"www\", index = \"index.html\" }}\n"
        ),
    );
    Edge::start(place, port)
}

#[test]
fn forty_slow_readers_of_a_large_file_keep_nobody_from_another() {
    let place = Place::new();
    let edge = configure(&place);
    let before = place.status()["resident_bytes"].as_u64().unwrap();
    let mut readers = Vec::new();
    for _ in 0..40 {
        let mut stream = connect(edge.address);
        stream
            .write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            .unwrap();
        readers.push(stream);
    }
    let mut streams = Http2::connect(edge.address, &[(WINDOW_SIZE, 1_000)]);
    for number in 0..40 {
        streams.request(number * 2 + 1, ("GET", "/large"), &[]);
    }
    crate::harness::eventually("all read", || place.status()["requests_in_progress"] == 80);
    let mut stream = connect(edge.address);
    for _ in 0..20 {
        let begun = Instant::now();
        let answer = ask(&mut stream, b"GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert_eq!((answer.status, &*answer.body), (200, "small"));
        assert!(begun.elapsed() < Duration::from_millis(500));
    }
    // Also one that is too large to be read at once.
    let begun = Instant::now();
    let url = format!("http://{}/piece", edge.address);
    assert_eq!(curl(&[&url]).len(), PIECE);
    assert!(begun.elapsed() < Duration::from_secs(2));
    // What is not taken is not read either: 80 times 64 MiB would be 5 GiB.
    let grown = place.status()["resident_bytes"].as_u64().unwrap() - before;
    assert!(grown < 100 << 20, "{grown} bytes");
}

#[test]
fn a_tenants_pace_holds_for_files_over_both_versions() {
    let place = Place::new();
    let edge = configure(&place);
    let url = format!("http://{}/piece", edge.address);
    // The last piece is waited for by nobody.
    let least = Duration::from_millis(1_200);
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let begun = Instant::now();
        let got = curl(&[version, "-H", "Host: slow.example", &url]);
        let took = begun.elapsed();
        assert_eq!(got.len(), PIECE);
        assert!(took > least, "{version}: {took:?}");
        assert!(took < 3 * least, "{version}: {took:?}");
    }
    // It is the tenant's pace, not the file's.
    let begun = Instant::now();
    assert_eq!(curl(&[&url]).len(), PIECE);
    assert!(begun.elapsed() < least);
}

/// `//docs/` in a `Location` would be a host of that name (RFC 3986, 4.2).
#[test]
fn a_directory_with_two_slashes_before_it_leads_to_no_other_host() {
    let place = Place::new();
    let edge = configure(&place);
    let mut stream = connect(edge.address);
    for path in ["/docs", "//docs", "///docs"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = ask(&mut stream, request.as_bytes()).unwrap();
        assert_eq!(answer.status, 301, "{path}");
        assert_eq!(answer.field("location"), Some("/docs/"), "{path}");
    }
    let url = format!("http://{}//docs", edge.address);
    assert_eq!(curl(&["--path-as-is", "-L", &url]), "documents");
    let mut client = Http2::connect(edge.address, &[]);
    assert_eq!(client.get(1, "//docs").unwrap().0, 301);
}
