//! What can be watched from outside: figures over TCP, also while an edge is upgraded, and which kind of
//! client it is that tries again or waits too long.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use crate::harness::{
    Edge, PATIENCE, Place, curl, curl_status, eventually, free_port, promtool, raw,
};
use crate::harness::{signal_to, status_of};

fn figures(port: u16) -> String {
    curl(&[&format!("http://127.0.0.1:{port}/metrics")])
}

fn figure(text: &str, series: &str) -> u64 {
    let found = text.lines().find_map(|line| line.strip_prefix(series));
    found.map_or(0, |value| value.trim().parse().unwrap())
}

#[test]
fn retries_and_time_outs_are_told_apart_by_kind_of_client() {
    let place = Place::new();
    let (port, dead, other) = (free_port(), free_port(), free_port());
    // It takes what comes, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let text = format!(
        "[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
         [[cohort]]\nname = \"app-4\"\nheader = \"user-agent\"\nprefix = \"App/4.\"\n\
         [[cohort]]\nname = \"bots\"\nheader = \"user-agent\"\ncontains = \"bot\"\n\
         [[cohort]]\nname = \"here\"\naddresses = [\"127.0.0.0/8\"]\n\
         [[upstream]]\nname = \"silent\"\nservers = [\"{}\"]\nanswer_ms = 200\n\
         [[upstream]]\nname = \"dead\"\nservers = [\"127.0.0.1:{dead}\", \"127.0.0.1:{other}\"]\n\
         [[route]]\nname = \"slow\"\npath = \"/slow\"\nto = \"silent\"\nretry = {{ attempts_max = 1 }}\n\
         [[route]]\nname = \"gone\"\nto = \"dead\"\nretry = {{ budget_ppm = 1000000 }}\n",
        silent.local_addr().unwrap(),
    );
    place.write("edge.toml", &text);
    let edge = Edge::start(&place, port);
    let ask = |path: &str, agent: &str| {
        let url = format!("http://{}{path}", edge.address);
        curl_status(&["-A", agent, &url])
    };
    assert_eq!(ask("/slow", "App/4.1"), 504);
    assert_eq!(ask("/slow", "App/4.1 bot"), 504);
    assert_eq!(ask("/slow", "a bot"), 504);
    assert_eq!(ask("/slow", "App/5.0"), 504);
    assert!(ask("/gone", "a bot") >= 500);
    let metrics = String::from_utf8(place.ask(&["metrics"]).stdout).unwrap();
    let of = |what: &str, route: &str, cohort: &str| {
        let labels = format!("{{route=\"{route}\",cohort=\"{cohort}\"}}");
        figure(&metrics, &format!("edge_cohort_{what}_total{labels}"))
    };
    assert_eq!(of("timeouts", "slow", "app-4"), 2, "{metrics}");
    assert_eq!(of("timeouts", "slow", "bots"), 1);
    assert_eq!(of("timeouts", "slow", "here"), 1);
    assert_eq!(of("timeouts", "slow", "other"), 0);
    assert_eq!(of("retries", "gone", "bots"), 1, "{metrics}");
    assert_eq!(of("retries", "gone", "app-4"), 0);
    let routes = figure(&metrics, "edge_route_timeouts_total{route=\"slow\"}");
    assert_eq!(routes, 4);
    // As many series as there are routes and cohorts, whatever comes.
    let series = metrics
        .lines()
        .filter(|line| line.starts_with("edge_cohort_"));
    assert_eq!(series.count(), 2 * 2 * 4);
    // Of no kind: those that come when the kinds are others.
    let alone = text.replace("127.0.0.0/8", "192.0.2.0/24");
    place.write("edge.toml", &alone);
    assert!(place.ask(&["reload"]).status.success());
    assert_eq!(ask("/slow", "App/5.0"), 504);
    let metrics = String::from_utf8(place.ask(&["metrics"]).stdout).unwrap();
    let other = "edge_cohort_timeouts_total{route=\"slow\",cohort=\"other\"}";
    assert_eq!(figure(&metrics, other), 1, "{metrics}");
}

#[test]
fn a_prometheus_scrapes_over_tcp_and_an_upgrade_leaves_no_gap() {
    let place = Place::new();
    let (port, scraped) = (free_port(), free_port());
    let text = format!(
        "[metrics]\nlisten = \"127.0.0.1:{scraped}\"\n\
         [[listen]]\naddress = \"127.0.0.1:{port}\"\n\
         [[route]]\nname = \"all\"\nrespond = {{ status = 200, body = \"ok\" }}\n"
    );
    place.write("edge.toml", &text);
    let edge = Edge::start(&place, port);
    curl(&[&format!("http://{}/", edge.address)]);
    let text_of = figures(scraped);
    promtool(&text_of);
    assert!(text_of.ends_with("# EOF\n"), "{text_of}");
    let whole = |text: &str| figure(text, "edge_requests_total{status=\"2xx\"}");
    assert_eq!(whole(&text_of), 1);

    // Nothing else is answered there, and requests are not.
    let there = ([127, 0, 0, 1], scraped).into();
    let asked = |line: &str| {
        let text = format!("{line} HTTP/1.1\r\nHost: x\r\n\r\n");
        status_of(&raw(there, text.as_bytes(), PATIENCE))
    };
    assert_eq!(asked("POST /metrics"), 405);
    assert_eq!(asked("GET /"), 404);
    assert_eq!(asked("GET /status"), 404);
    assert_eq!(asked("POST /upgrade"), 404);
    let long = format!("GET /metrics HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(20_000));
    assert_ne!(status_of(&raw(there, long.as_bytes(), PATIENCE)), 200);
    // Who holds all places gets no more, and the edge goes on.
    let held: Vec<TcpStream> = (0..20)
        .map(|_| TcpStream::connect(there).unwrap())
        .collect();
    assert_eq!(curl(&[&format!("http://{}/", edge.address)]), "ok");
    drop(held);
    eventually("places are free again", || {
        let mut stream = TcpStream::connect(there).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(2)))
            .unwrap();
        let asked = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        let mut answer = String::new();
        asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.contains(" 200 ")
    });

    let done = Arc::new(AtomicBool::new(false));
    let until = done.clone();
    let scraping = std::thread::spawn(move || {
        let mut rounds = 0;
        while !until.load(Relaxed) {
            assert!(figures(scraped).ends_with("# EOF\n"));
            rounds += 1;
        }
        rounds
    });
    // Elsewhere is another listener: that is an upgrade's business.
    place.write(
        "edge.toml",
        &text.replace("[metrics]\n", "[metrics]\n# moved\n"),
    );
    assert!(place.ask(&["reload"]).status.success());
    let before = place.status()["pid"].clone();
    let upgraded = place.ask(&["upgrade"]);
    assert!(upgraded.status.success(), "{upgraded:?}");
    eventually("the new one answers", || place.status()["pid"] != before);
    eventually("its figures are its own", || whole(&figures(scraped)) == 0);
    done.store(true, Relaxed);
    assert!(scraping.join().unwrap() > 0);
    let moved = text.replace(&scraped.to_string(), &free_port().to_string());
    place.write("edge.toml", &moved);
    assert!(!place.ask(&["reload"]).status.success());
    let pid = place.status()["pid"].as_u64().unwrap();
    signal_to(u32::try_from(pid).unwrap(), "-TERM");
}
