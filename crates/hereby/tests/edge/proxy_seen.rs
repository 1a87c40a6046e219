//! What is seen from outside: the page that asks for work, the access log, `/metrics`.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{Edge, PATIENCE, Place, curl, eventually, free_port, promtool, raw};

fn answering(place: &Place, port: u16, before: &str, route: &str) {
    place.write(
        "edge.toml",
        &format!(
            "{before}[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [[route]]\nname = \"all\"\n{route}respond = {{ status = 200, body = \"the site\" }}\n"
        ),
    );
}

#[test]
fn a_real_browser_does_the_work_and_gets_in() {
    let place = Place::new();
    let port = free_port();
    let route = "challenge = { bits = 10, valid_ms = 600000 }\n";
    answering(&place, port, "", route);
    let edge = Edge::start(&place, port);
    let url = format!("http://{}/", edge.address);
    let asked = curl(&["-i", &url]);
    assert!(
        asked.starts_with("HTTP/1.1 401 ") && asked.contains("hereby-challenge: "),
        "{asked}"
    );
    let output = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--virtual-time-budget=20000",
            "--dump-dom",
        ])
        .arg(format!(
            "--user-data-dir={}",
            place.path("browser").display()
        ))
        .arg(&url)
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let page = String::from_utf8_lossy(&output.stdout);
    assert!(page.contains("the site"), "{page}");
}

#[test]
fn the_access_log_is_json_and_shortens_addresses() {
    let place = Place::new();
    let port = free_port();
    answering(&place, port, "[access_log]\npath = \"access.log\"\n", "");
    let config = std::fs::read_to_string(place.path("edge.toml")).unwrap();
    let path = place.path("access.log");
    place.write(
        "edge.toml",
        &config.replace("access.log", path.to_str().unwrap()),
    );
    let edge = Edge::start(&place, port);
    let url = format!("http://{}/x?secret=1", edge.address);
    curl(&["-H", "Host: a.example", "--interface", "127.3.2.1", &url]);
    raw(edge.address, b"GET / HTTP/1.1\r\n\r\n", PATIENCE);
    let lines = || -> Vec<Value> {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    eventually("two lines", || lines().len() == 2);
    let lines = lines();
    let good = lines.iter().find(|line| line["status"] == 200).unwrap();
    assert_eq!(good["client"], "127.3.2.0/24", "{good}");
    assert_eq!(
        (&good["host"], &good["method"], &good["route"]),
        (&"a.example".into(), &"GET".into(), &"all".into())
    );
    assert_eq!((&good["bytes"], &good["whole"]), (&8.into(), &true.into()));
    let bad = lines.iter().find(|line| line["status"] == 400).unwrap();
    assert_eq!(bad["reason"], "host_missing");
}

#[test]
fn of_many_answers_a_sample_is_written_and_never_more_than_may_be() {
    let place = Place::new();
    let port = free_port();
    let path = place.path("access.log");
    let log = |more: &str| format!("[access_log]\npath = \"{}\"\n{more}", path.display());
    let ask = |edge: &Edge, count: usize| {
        let many = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(count - 1);
        let last = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        raw(edge.address, &[&many[..], last].concat(), PATIENCE);
    };
    let written = || {
        std::fs::read_to_string(&path)
            .unwrap_or_default()
            .lines()
            .count()
    };
    answering(&place, port, &log("sample_ppm = 100000\n"), "");
    let edge = Edge::start(&place, port);
    ask(&edge, 200);
    eventually("a tenth", || written() == 20);
    drop(edge);
    std::fs::remove_file(&path).unwrap();
    let port = free_port();
    answering(&place, port, &log("lines_per_second_max = 5\n"), "");
    let edge = Edge::start(&place, port);
    ask(&edge, 300);
    let dropped = || -> usize {
        let metrics = String::from_utf8(place.ask(&["metrics"]).stdout).unwrap();
        metrics
            .lines()
            .filter(|line| line.starts_with("edge_log_dropped_total"))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok())
            .sum()
    };
    eventually("each is written or counted", || {
        written() + dropped() == 300
    });
    assert!((5..=60).contains(&written()), "{}", written());
}

#[test]
fn metrics_are_read_by_prometheus_and_keep_the_rules_of_openmetrics() {
    let place = Place::new();
    let port = free_port();
    answering(&place, port, "", "");
    let edge = Edge::start(&place, port);
    curl(&[&format!("http://{}/", edge.address)]);
    raw(edge.address, b"GET / HTTP/1.1\r\n\r\n", PATIENCE);
    let metrics = String::from_utf8(place.ask(&["metrics"]).stdout).unwrap();
    promtool(&metrics);
    assert!(metrics.ends_with("# EOF\n") && metrics.matches("# EOF").count() == 1);
    // What belongs to one family stands together, under its name and with the suffix of its type.
    let mut seen = std::collections::HashSet::new();
    let mut family = ("", "");
    for line in metrics.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split_once(' ').unwrap();
            assert!(seen.insert(family.0), "{} twice", family.0);
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap();
            let suffix = name.strip_prefix(family.0).unwrap_or("not of the family");
            let fits = match family.1 {
                "gauge" => suffix.is_empty(),
                "counter" => suffix == "_total",
                "histogram" => matches!(suffix, "_bucket" | "_sum" | "_count"),
                "info" => suffix == "_info",
                _ => false,
            };
            assert!(fits, "{line}: {family:?}");
            assert!(
                line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(),
                "{line}"
            );
        }
    }
    assert!(metrics.contains("reason=\"host_missing\"} 1"), "{metrics}");
}
