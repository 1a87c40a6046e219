//! Forty tenants at one edge, and three that do harm: what these do is refused to them, and nobody
//! else notices.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use crate::failover_peers::Dial;
use crate::harness::{Edge, Place, free_port};
use crate::upgrade_peers::head;

const TENANTS: usize = 40;
/// Of each innocent tenant, a second; its rate allows three times that.
const RATE: u64 = 5;
const TIME: Duration = Duration::from_secs(6);

/// Takes connections and never answers.
fn hanging() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming().flatten() {
            held.push(stream);
        }
    });
    port
}

fn configure(place: &Place, port: u16, good: u16, hangs: u16) {
    let mut text = format!(
        "[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
         [connection]\nconnections_per_address_max = 100000\n\
         [overload]\nlag_ms_max = 10000\n\
         [[upstream]]\nname = \"good\"\nservers = [\"127.0.0.1:{good}\"]\n\
         [[upstream]]\nname = \"hangs\"\nservers = [\"127.0.0.1:{hangs}\"]\nanswer_ms = 2000\n\
         connections_max = 16\n"
    );
    for number in 0..TENANTS {
        write!(
            text,
            "[[tenant]]\nname = \"t{number}\"\nhosts = [\"t{number}.test\"]\n\
             requests_concurrent_max = 20\nconnections_max = 100\n\
             rate = {{ requests = {}, per_ms = 1000, burst = {} }}\n",
            RATE * 3,
            RATE * 3
        )
        .unwrap();
    }
    for number in 0..TENANTS {
        let to = if number == 1 { "hangs" } else { "good" };
        write!(
            text,
            "[[route]]\nname = \"r{number}\"\ntenant = \"t{number}\"\nto = \"{to}\"\n"
        )
        .unwrap();
    }
    place.write("edge.toml", &text);
}

/// One request over a connection that is kept: its status, or none.
fn ask(stream: &mut TcpStream, tenant: usize) -> std::io::Result<u16> {
    write!(stream, "GET / HTTP/1.1\r\nHost: t{tenant}.test\r\n\r\n")?;
    let head = head(stream)?;
    let lower = head.to_ascii_lowercase();
    let length = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    stream.read_exact(&mut vec![0; length])?;
    Ok(head
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0))
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream
}

/// An innocent tenant's client, in an open loop: each request has its time, whether the one before
/// it was quick or not. Gives how late each answer was, of its time.
fn innocent(address: SocketAddr, tenant: usize) -> Vec<Duration> {
    let mut stream = connect(address);
    let every = Duration::from_micros(1_000_000 / RATE);
    // They don't ask all at once.
    let begun = Instant::now() + every * u32::try_from(tenant).unwrap() / 40;
    let count = u32::try_from(TIME.as_millis() / every.as_millis()).unwrap();
    (0..count)
        .map(|number| {
            let due = begun + every * number;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            assert_eq!(
                ask(&mut stream, tenant).unwrap(),
                200,
                "t{tenant}, request {number}"
            );
            due.elapsed()
        })
        .collect()
}

/// Fifty times what an innocent one asks for, with several connections.
fn flood(address: SocketAddr, stop: &AtomicBool) -> (u64, u64) {
    let (mut good, mut refused) = (0, 0);
    let mut stream = connect(address);
    while !stop.load(SeqCst) {
        match ask(&mut stream, 0) {
            Ok(200) => good += 1,
            Ok(429 | 503) => refused += 1,
            Ok(other) => panic!("{other}"),
            Err(_) => stream = connect(address),
        }
        std::thread::sleep(Duration::from_micros(1_000_000 / (RATE * 50 / 4)));
    }
    (good, refused)
}

#[test]
fn one_that_floods_one_that_hangs_and_one_that_only_connects_harm_nobody_else() {
    let place = Place::new();
    let (port, good) = (free_port(), Dial::new());
    configure(&place, port, good.port, hanging());
    let edge = Edge::start(&place, port);
    let address = edge.address;
    let stop = Arc::new(AtomicBool::new(false));
    let floods: Vec<_> = (0..4)
        .map(|_| {
            let stop = stop.clone();
            std::thread::spawn(move || flood(address, &stop))
        })
        .collect();
    let hung: Vec<_> = (0..40)
        .map(|_| {
            let stop = stop.clone();
            std::thread::spawn(move || {
                let mut stream = connect(address);
                while !stop.load(SeqCst) {
                    // Whatever it is, but never an answer of the upstream.
                    let status = ask(&mut stream, 1);
                    assert!(!matches!(status, Ok(200)), "{status:?}");
                    if status.is_err() {
                        stream = connect(address);
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            })
        })
        .collect();
    let idle = {
        let stop = stop.clone();
        std::thread::spawn(move || {
            let mut held = Vec::new();
            while !stop.load(SeqCst) {
                held.push(connect(address));
                std::thread::sleep(Duration::from_millis(5));
            }
            held.len()
        })
    };

    let innocents: Vec<_> = (3..TENANTS)
        .map(|tenant| std::thread::spawn(move || innocent(address, tenant)))
        .collect();
    let mut late: Vec<Duration> = innocents
        .into_iter()
        .flat_map(|one| one.join().unwrap())
        .collect();
    stop.store(true, SeqCst);
    let opened = idle.join().unwrap();
    let flooded = floods
        .into_iter()
        .map(|one| one.join().unwrap())
        .fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    for one in hung {
        one.join().unwrap();
    }

    late.sort_unstable();
    let p99 = late[late.len() * 99 / 100];
    println!(
        "{} innocent answers, p99 {p99:?}; flooded {flooded:?}; {opened} idle",
        late.len()
    );
    // How quick they are is measured elsewhere; here only that they wait for nobody
    // (the hanging upstream is waited for two seconds).
    assert!(p99 < Duration::from_millis(1_500), "{p99:?}");
    // The flood got what its rate allows, and a burst.
    let allowed = RATE * 3 * (TIME.as_secs() + 6);
    assert!(
        flooded.0 <= allowed && flooded.1 > 100,
        "{flooded:?} of {allowed}"
    );
    assert!(opened > 100);
    let status = place.status();
    for tenant in status["tenants"].as_array().unwrap() {
        let guilty = ["t0", "t1"].contains(&tenant["name"].as_str().unwrap());
        let refusals = tenant["refusals"].as_array().unwrap();
        assert_eq!(refusals.is_empty(), !guilty, "{tenant}");
    }
    let lines = place.ask(&["metrics"]);
    assert!(lines.status.success());
}
