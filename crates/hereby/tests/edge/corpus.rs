//! What is known to be read in two ways, sent to the edge, to nginx and to HAProxy side by side,
//! with the same server behind them. The edge refuses all of it, and passes each oddity that real
//! clients send. The classes are those that HTTP Garden, h1spec and h2spec look at and that were
//! published as attacks; each entry is our own.
//!
//! `HEREBY_WRITE_CORPUS=1` asks the other two as well and writes the table of all three.

pub(crate) mod capture;
mod http1;
mod http2;
pub(crate) mod talk;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use crate::harness::{Edge, Nginx, PATIENCE, Place, Process, free_port, wait_for};
use capture::Capture;
use talk::{Heard, ask};

const DOC: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/reference/edge-corpus.md"
);

/// At once: each is a connection of its own.
const LANES: usize = 8;

#[derive(Clone)]
struct Case {
    class: &'static str,
    name: String,
    bytes: Vec<u8>,
    kind: Kind,
    http2: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Two parties may read it differently; so many good requests come before it.
    Harmful { before: usize },
    /// Harmful by number: what of it arrives is no harm in itself.
    Flood,
    /// What is wrong with it is not passed on; the rest is.
    Mended { without: &'static str },
    /// Must be answered, so often.
    Control { answers: usize },
}

/// All entries, each with a path of its own.
fn cases() -> Vec<Case> {
    let mut cases = [http1::all(), http2::all()].concat();
    for (number, case) in cases.iter_mut().enumerate() {
        let path = mark(number);
        let mut at = 0;
        while let Some(found) = capture::place_in(&case.bytes[at..], b"PATH") {
            at += found;
            case.bytes[at..at + 4].copy_from_slice(path.as_bytes());
        }
    }
    cases
}

/// As long as the `PATH` that it replaces.
fn mark(number: usize) -> String {
    format!("p{number:03}")
}

/// One of the three, and what is behind it.
struct Party {
    http1: SocketAddr,
    http2: SocketAddr,
    behind: Capture,
    silence: Duration,
}

/// What became of each entry, in the words of the table.
fn run(party: &Party, cases: &[Case]) -> Vec<(Heard, usize)> {
    let next = AtomicUsize::new(0);
    let mut heard: Vec<(usize, Heard)> = std::thread::scope(|scope| {
        let lane = || {
            let mut heard = Vec::new();
            loop {
                let number = next.fetch_add(1, Relaxed);
                let Some(case) = cases.get(number) else {
                    return heard;
                };
                let address = if case.http2 { party.http2 } else { party.http1 };
                heard.push((number, ask(address, case, party.silence)));
            }
        };
        let lanes: Vec<_> = (0..LANES).map(|_| scope.spawn(lane)).collect();
        lanes
            .into_iter()
            .flat_map(|lane| lane.join().unwrap())
            .collect()
    });
    heard.sort_by_key(|(number, _)| *number);
    let arrived = |number: usize| party.behind.count(&mark(number));
    heard
        .into_iter()
        .map(|(number, heard)| (heard, arrived(number)))
        .collect()
}

/// What the table says of it.
fn verdict(case: &Case, (heard, arrived): &(Heard, usize)) -> String {
    match case.kind {
        Kind::Control { answers } if heard.good >= answers => "passed".to_owned(),
        Kind::Control { .. } => heard.end.clone(),
        Kind::Mended { .. } if heard.good > 0 => "passed without it".to_owned(),
        Kind::Mended { .. } => heard.end.clone(),
        Kind::Flood if heard.closed || heard.end == "ended" => "ended".to_owned(),
        Kind::Flood => "borne".to_owned(),
        Kind::Harmful { before } if *arrived > before + 1 => {
            format!("passed as {}", arrived - before)
        }
        Kind::Harmful { before } if *arrived > before => "passed".to_owned(),
        Kind::Harmful { .. } => heard.end.clone(),
    }
}

fn edge(place: &Place) -> (Edge, Party) {
    let behind = Capture::start();
    let port = free_port();
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\nhttp2 = true\n\
             [[upstream]]\nname = \"site\"\nservers = [\"127.0.0.1:{}\"]\n\
             outlier = {{ failures = 0 }}\nbreaker = {{ errors_ppm = 0 }}\n\
             [[route]]\nname = \"all\"\nto = \"site\"\n",
            behind.port
        ),
    );
    let edge = Edge::start(place, port);
    let party = Party {
        http1: edge.address,
        http2: edge.address,
        behind,
        silence: PATIENCE,
    };
    (edge, party)
}

#[test]
fn the_corpus_is_refused_and_its_controls_pass() {
    let cases = cases();
    let distinct: HashSet<_> = cases.iter().map(|case| (case.class, &case.name)).collect();
    assert_eq!(distinct.len(), cases.len(), "two entries have one name");
    let place = Place::new();
    let (_edge, party) = edge(&place);
    let outcomes = run(&party, &cases);
    let mut wrong = String::new();
    for (number, (case, outcome)) in cases.iter().zip(&outcomes).enumerate() {
        let (heard, arrived) = outcome;
        let refused = heard.end.starts_with(['4', '5'])
            || matches!(heard.end.as_str(), "closed" | "ended" | "reset");
        let fine = match case.kind {
            Kind::Control { answers } => heard.good == answers && *arrived == answers,
            Kind::Flood => heard.closed || heard.end == "ended",
            Kind::Mended { without } => {
                let ours = mark(number);
                let all = party.behind.with(&ours);
                heard.good == 1
                    && *arrived == 1
                    && capture::place_in(&all, without.as_bytes()).is_none()
            }
            Kind::Harmful { before } => {
                // HTTP/2 keeps the connection where only one stream is at fault.
                let ended = heard.closed || case.http2;
                refused && ended && *arrived <= before && heard.good <= before
            }
        };
        if !fine {
            let (class, name, bytes) = (case.class, &case.name, case.bytes.len());
            let (good, end, closed) = (heard.good, &heard.end, heard.closed);
            writeln!(wrong, "{class}, {name} ({bytes} bytes): {good} good answers, then {end}, closed {closed}; {arrived} arrived").unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    reasons_are_counted(&place, &cases, &outcomes);
    let ours: Vec<String> = cases
        .iter()
        .zip(&outcomes)
        .map(|(case, outcome)| verdict(case, outcome))
        .collect();
    if std::env::var_os("HEREBY_WRITE_CORPUS").is_some() {
        write(&cases, &ours);
    }
    let doc = std::fs::read_to_string(DOC).unwrap();
    let rows: Vec<Vec<&str>> = doc
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| entry"))
        .map(|line| line.split(" | ").collect())
        .collect();
    assert_eq!(
        rows.len(),
        cases.len(),
        "HEREBY_WRITE_CORPUS=1 writes {DOC}"
    );
    for ((case, ours), row) in cases.iter().zip(&ours).zip(rows) {
        let said = (row[0].trim_start_matches("| "), row[2]);
        assert_eq!(
            said,
            (case.name.as_str(), ours.as_str()),
            "HEREBY_WRITE_CORPUS=1 writes {DOC}"
        );
    }
}

/// Each reason that an answer gave was counted under its name, and so were the floods.
fn reasons_are_counted(place: &Place, cases: &[Case], outcomes: &[(Heard, usize)]) {
    let mut told = std::collections::BTreeMap::<&str, u64>::new();
    for (heard, _) in outcomes {
        if let Some((_, reason)) = heard.end.split_once(' ') {
            *told.entry(reason).or_default() += 1;
        }
    }
    assert!(told.len() > 15, "{told:?}");
    for (reason, count) in told {
        let counted = place.refused(reason);
        assert!(counted >= count, "{reason}: {counted} of {count}");
    }
    let floods = cases.iter().filter(|case| case.kind == Kind::Flood).count() as u64;
    let counted = place.refused("http2_flood") + place.refused("http2_malformed");
    let refusals = &place.status()["refusals"];
    assert!(counted >= floods, "{counted} of {floods}: {refusals}");
}

/// Asks the other two as well, and writes what all three do.
fn write(cases: &[Case], ours: &[String]) {
    let place = Place::new();
    let silence = Duration::from_millis(1_500);
    let party = |http1: u16, http2: u16, behind: Capture| Party {
        http1: SocketAddr::from(([127, 0, 0, 1], http1)),
        http2: SocketAddr::from(([127, 0, 0, 1], http2)),
        behind,
        silence,
    };
    let behind = Capture::start();
    let (port, port_2) = (free_port(), free_port());
    let pass = "location / { proxy_pass http://site; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $http_host; }";
    let more = format!(
        "listen 127.0.0.1:{port_2} http2; {pass} }} upstream site {{ server 127.0.0.1:{}; keepalive 8;",
        behind.port
    );
    let nginx = Nginx::start(&place, port, &more);
    let theirs = run(&party(port, port_2, behind), cases);
    drop(nginx);
    let behind = Capture::start();
    let port = free_port();
    let config = format!(
        "defaults\n mode http\n timeout client 30s\n timeout server 30s\n timeout connect 5s\n\
         frontend f\n bind 127.0.0.1:{port}\n default_backend b\n\
         backend b\n server s 127.0.0.1:{}\n",
        behind.port
    );
    let file = place.write("haproxy.cfg", &config);
    let haproxy = Process::start(
        Command::new("haproxy")
            .arg("-f")
            .arg(file)
            .stderr(std::process::Stdio::null())
            .stdout(std::process::Stdio::null()),
    );
    wait_for(port);
    let others = run(&party(port, port, behind), cases);
    drop(haproxy);
    let columns: Vec<Vec<String>> = [&theirs, &others]
        .iter()
        .map(|outcomes| {
            let pairs = cases.iter().zip(outcomes.iter());
            pairs
                .map(|(case, outcome)| verdict(case, outcome))
                .collect()
        })
        .collect();
    std::fs::write(DOC, doc(cases, ours, &columns[0], &columns[1])).unwrap();
}

fn doc(cases: &[Case], ours: &[String], nginx: &[String], haproxy: &[String]) -> String {
    let harmful = cases
        .iter()
        .filter(|case| !matches!(case.kind, Kind::Control { .. }))
        .count();
    let mut text = format!(
        "# What the edge refuses\n\n\
         Requests that two readers may understand differently, and floods: {harmful} of them, and {} that look\n\
         odd but that real clients send. A test sends each of them, byte for byte, to an edge with its default\n\
         limits and compares what it does with this table; it holds as well what arrives at the server\n\
         behind. The same was sent once to {} and {}, with nothing set but where\n\
         to pass it on; other versions and settings do otherwise. That one of them passes something is not\n\
         always wrong: most of it the standards leave to whoever reads, and that is why two can differ.\n\n\
         A number is the status of the answer, with the edge's reason. `closed` and `ended`: the connection\n\
         was closed, without an answer. `reset`: that one stream was. `passed`: it arrived at the server behind,\n\
         perhaps mended. `passed as 2`: as more than one request. `borne`: a flood was read to its end.\n\
         `silence`: more was waited for. `[n×x]` stands for so many `x`.\n",
        cases.len() - harmful,
        version("nginx", "-v"),
        version("haproxy", "-v"),
    );
    let mut class = "";
    for (number, case) in cases.iter().enumerate() {
        if case.class != class {
            class = case.class;
            let title = class[..1].to_uppercase() + &class[1..];
            write!(text, "\n## {title}\n\n| entry | bytes | edge | nginx | HAProxy |\n|---|---|---|---|---|\n").unwrap();
        }
        let bytes = if case.http2 {
            format!("{} bytes", case.bytes.len())
        } else {
            shown(&case.bytes, &mark(number))
        };
        let name = &case.name;
        let (ours, nginx, haproxy) = (&ours[number], &nginx[number], &haproxy[number]);
        writeln!(text, "| {name} | {bytes} | {ours} | {nginx} | {haproxy} |").unwrap();
    }
    text
}

/// Bytes as they may stand in a table.
fn shown(bytes: &[u8], mark: &str) -> String {
    let mut text = String::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let run = bytes[at..].iter().take_while(|next| **next == byte).count();
        let one = match byte {
            b'\r' => "\\r".to_owned(),
            b'\n' => "\\n".to_owned(),
            b'|' => "\\x7c".to_owned(),
            b'`' => "\\x60".to_owned(),
            0x20..=0x7e => char::from(byte).to_string(),
            _ => format!("\\x{byte:02x}"),
        };
        if run > 20 {
            write!(text, "[{run}×{one}]").unwrap();
            at += run;
        } else {
            text.push_str(&one);
            at += 1;
        }
    }
    let text = text.replace(mark, "PATH");
    let many = |unit: &str| unit.repeat(21);
    let mut short = text;
    for unit in ["X: y\\r\\n", "X-Between: y\\r\\n", "a=b; "] {
        if short.contains(&many(unit)) {
            let count = short.matches(unit).count();
            short = short.replacen(&unit.repeat(count), &format!("[{count}×{unit}]"), 1);
        }
    }
    format!("`{short}`")
}

fn version(program: &str, flag: &str) -> String {
    let output = Command::new(program).arg(flag).output().unwrap();
    let both = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&both).into_owned();
    let number = text
        .split([' ', '/', '\n'])
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
        .unwrap_or("");
    let number = number.split('-').next().unwrap_or(number);
    let name = if program == "haproxy" {
        "HAProxy"
    } else {
        program
    };
    format!("{name} {number}")
}
