//! What an edge promises in small things: answers that are whole, files that can't be read, clocks
//! that jump.

use std::process::Command;
use std::time::Duration;

use crate::clock::{start, step};
use crate::failover_peers::Dial;
use crate::harness::{Edge, HEREBY, Nginx, Place, curl, eventually, free_port};
use crate::tls_peers::{Ca, Connection, Spoken, replace};
use crate::upgrade_peers::upgrade;

fn comes_in(port: u16, from: &str) -> bool {
    let url = format!("http://127.0.0.1:{port}/");
    let mut curl = Command::new("curl");
    curl.args(["-s", "--max-time", "10", "--interface", from, &url]);
    curl.output().unwrap().status.success()
}

fn respond(place: &Place, port: u16, before: &str) {
    place.write(
        "edge.toml",
        &format!(
            "{before}[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [[route]]\nname = \"all\"\nrespond = {{ status = 200, body = \"ok\" }}\n"
        ),
    );
}

/// Configures an edge whose one tenant asks for certificates of this CA.
fn asks(place: &Place, port: u16, ca: &str, before: &str) {
    let server = Ca::root(place, "servers").server(place, "s", &["a.example"]);
    place.write(
        "edge.toml",
        &format!(
            "{before}[[listen]]\naddress = \"127.0.0.1:{port}\"\ntls = true\n\
             [overload]\nlag_ms_max = 60000\n\
             [[certificate]]\nchain_file = {:?}\nkey_file = {:?}\n\
             [[tenant]]\nname = \"a\"\nhosts = [\"a.example\"]\n\
             [tenant.client_certificates]\nca_files = [{ca:?}]\n\
             [[route]]\nname = \"a\"\ntenant = \"a\"\n\
             respond = {{ status = 200, body = \"welcome a.\" }}\n",
            server.chain, server.key
        ),
    );
}

#[test]
fn an_answer_in_chunks_is_whole_and_its_connection_to_the_server_is_used_again() {
    let place = Place::new();
    let (port, behind) = (free_port(), free_port());
    let more = "gzip on; gzip_min_length 1; add_header X-Connection $connection always;";
    let _nginx = Nginx::start(&place, behind, more);
    place.write("www/page.html", &"the page ".repeat(200));
    let log = place.path("access.log");
    place.write(
        "edge.toml",
        &format!(
            "workers = 1\n[[listen]]\naddress = \"127.0.0.1:{port}\"\n[access_log]\npath = {log:?}\n\
             [[upstream]]\nname = \"site\"\nservers = [\"127.0.0.1:{behind}\"]\n\
             [[route]]\nname = \"all\"\nto = \"site\"\n"
        ),
    );
    let _edge = Edge::start(&place, port);
    let url = format!("http://127.0.0.1:{port}/page.html");
    let connection = || {
        let said = curl(&[
            "--compressed",
            "-o",
            "/dev/null",
            "-w",
            "%header{x-connection}",
            &url,
        ]);
        said.parse::<u64>().unwrap()
    };
    let first = connection();
    assert_eq!([connection(), connection()], [first, first]);
    eventually("it is logged", || {
        std::fs::read_to_string(&log)
            .unwrap_or_default()
            .lines()
            .count()
            == 3
    });
    assert!(
        !std::fs::read_to_string(&log)
            .unwrap()
            .contains("\"whole\":false")
    );
}

#[test]
fn an_edge_starts_without_a_list_of_bans_and_says_so() {
    let place = Place::new();
    let port = free_port();
    respond(&place, port, "bans = [\"bans\"]\n");
    let _edge = Edge::start(&place, port);
    assert!(comes_in(port, "127.0.0.7"));
    replace(&place, "bans", "127.0.0.7\n");
    eventually("it is heard", || !comes_in(port, "127.0.0.7"));
}

#[test]
fn an_edge_does_not_start_without_a_tenants_ca_and_names_the_file() {
    let place = Place::new();
    let port = free_port();
    let server = Ca::root(&place, "servers").server(&place, "s", &["a.example"]);
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\ntls = true\n\
             [[certificate]]\nchain_file = {:?}\nkey_file = {:?}\n\
             [[tenant]]\nname = \"a\"\nhosts = [\"a.example\"]\n\
             [tenant.client_certificates]\nca_files = [\"gone.pem\"]\n\
             [[route]]\nname = \"a\"\ntenant = \"a\"\nrespond = {{ status = 200 }}\n",
            server.chain, server.key
        ),
    );
    let mut command = Command::new(HEREBY);
    command
        .args(["edge", "--config"])
        .arg(place.path("edge.toml"));
    let ended = command.arg("--state-dir").arg(place.path("state")).output();
    let ended = ended.unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains("gone.pem"), "{said}");
}

#[test]
fn a_mirror_that_can_t_be_read_is_a_tier_that_is_down() {
    let place = Place::new();
    let (port, dead) = (free_port(), free_port());
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [[upstream]]\nname = \"dead\"\nservers = [\"127.0.0.1:{dead}\"]\n\
             [upstream.health]\npath = \"/\"\nevery_ms = 200\ntimeout_ms = 200\nunhealthy_after = 1\n\
             [[route]]\nname = \"site\"\nto = [\"dead\"]\n\
             mirror = {{ directory = \"gone\", index = \"index.html\" }}\n\
             [route.failover]\nwait_ms = 200\nhold_ms = 200\n"
        ),
    );
    let _edge = Edge::start(&place, port);
    std::thread::sleep(Duration::from_secs(2));
    let said = curl(&[&format!("http://127.0.0.1:{port}/")]);
    assert!(said.contains("\"reason\":\"upstream_un"), "{said}");
}

#[test]
fn lines_that_could_not_be_written_are_counted() {
    let place = Place::new();
    let port = free_port();
    respond(&place, port, "[access_log]\npath = \"/dev/full\"\n");
    let _edge = Edge::start(&place, port);
    for _ in 0..50 {
        curl(&[&format!("http://127.0.0.1:{port}/")]);
    }
    eventually("each is counted", || {
        let text = String::from_utf8(place.ask(&["metrics"]).stdout).unwrap();
        let lines = text
            .lines()
            .filter(|line| line.starts_with("edge_log_dropped_total"));
        let counts = lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
        counts.sum::<u64>() >= 40
    });
}

#[test]
fn a_successor_that_can_t_read_what_control_said_lets_nobody_revoked_in() {
    let place = Place::new();
    let port = free_port();
    let ca = Ca::root(&place, "ca");
    asks(&place, port, ca.file(), "drain_ms = 500\n");
    let lost = ca.client(&place, "lost");
    let said = format!(
        "{{\"version\":1,\"sequence\":1,\"revoked\":[{{\"sha256\":\"{}\"}}]}}",
        lost.digits()
    );
    place.write("state/overlay.json", &said);
    let edge = Edge::start(&place, port);
    let ask = || {
        Connection::open(edge.address, "a.example", Spoken::Http1, &lost.shown()).ask("a.example")
    };
    eventually("it is heard", || ask() == "certificate_revoked");
    replace(&place, "state/overlay.json", "torn");
    let _heir = upgrade(&place);
    std::thread::sleep(Duration::from_secs(1));
    let got = ask();
    assert!(
        ["certificate_revoked", "revocation_unknown"].contains(&got.as_str()),
        "{got}"
    );
}

#[test]
fn a_connection_whose_first_request_fell_into_a_jump_is_served_after_it() {
    let place = Place::new();
    let port = free_port();
    let ca = Ca::root(&place, "ca");
    asks(&place, port, ca.file(), "");
    let edge = start(&place, port);
    let client = ca.client(&place, "client");
    let mut kept = Connection::open(edge.address, "a.example", Spoken::Http1, &client.shown());
    eventually("the handshake is done", || {
        kept.said().contains("Verify return code") || kept.said().contains("SSL handshake has read")
    });
    std::thread::sleep(Duration::from_millis(300));
    step(&place, "+1y");
    assert_eq!(kept.ask("a.example"), "certificate_expired");
    step(&place, "+0");
    assert_eq!(kept.ask("a.example"), "welcome a");
}

#[test]
fn the_date_of_answers_goes_back_with_the_calendar() {
    let place = Place::new();
    let port = free_port();
    respond(&place, port, "workers = 1\n");
    let _edge = start(&place, port);
    let date = || {
        curl(&[
            "-o",
            "/dev/null",
            "-w",
            "%header{date}",
            &format!("http://127.0.0.1:{port}/"),
        ])
    };
    let year = |date: String| date.split(' ').nth(3).unwrap().parse::<u32>().unwrap();
    let now = year(date());
    step(&place, "+1y");
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(year(date()), now + 1);
    step(&place, "+0");
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(year(date()), now);
}

#[test]
fn a_ban_that_was_read_in_a_jump_holds_after_it() {
    let place = Place::new();
    let port = free_port();
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let list = format!("127.0.0.7 until {end:.0}\n");
    place.write("bans", &list);
    respond(&place, port, "bans = [\"bans\"]\n");
    let _edge = start(&place, port);
    assert!(!comes_in(port, "127.0.0.7"));
    step(&place, "+1y");
    replace(&place, "bans", &format!("{list}127.0.0.8\n"));
    eventually("it is read", || !comes_in(port, "127.0.0.8"));
    step(&place, "+0");
    assert!(!comes_in(port, "127.0.0.7"));
}

#[test]
fn a_name_that_was_found_by_a_request_is_remembered() {
    let place = Place::new();
    let (port, dial) = (free_port(), Dial::new());
    let hosts = crate::modes_peers::Hosts::new(&place);
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [[upstream]]\nname = \"named\"\nservers = [\"late.internal:{}\"]\nidle_ms = 1\n\
             [[route]]\nname = \"all\"\nto = \"named\"\n",
            dial.port
        ),
    );
    let _edge = Edge::start_as(&place, port, &mut hosts.command());
    let url = format!("http://127.0.0.1:{port}/");
    hosts.say("127.0.0.1 late.internal\n");
    eventually("it is found", || curl(&[&url]) == "ok");
    hosts.say("");
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(curl(&[&url]), "ok");
}

#[test]
fn of_a_names_addresses_the_one_that_answers_is_asked() {
    let place = Place::new();
    let (port, dial) = (free_port(), Dial::new());
    let hosts = crate::modes_peers::Hosts::new(&place);
    // Nobody listens at the first; packets to the second go nowhere.
    hosts.say("127.0.0.9 site.internal\n240.0.0.1 site.internal\n127.0.0.1 site.internal\n");
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [[upstream]]\nname = \"site\"\nservers = [\"site.internal:{}\"]\nidle_ms = 1\nconnect_ms = 3000\n\
             [[route]]\nname = \"all\"\nto = \"site\"\n",
            dial.port
        ),
    );
    let _edge = Edge::start_as(&place, port, &mut hosts.command());
    let url = format!("http://127.0.0.1:{port}/");
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(curl(&[&url]), "ok");
    }
    let failures = place.status()["upstreams"][0]["failures_total"].clone();
    assert_eq!(failures, 0, "an address is no server");
}

/// What a client does wrong with its body counts as a failure of the server: twenty such requests
/// open the breaker for everybody.
#[test]
fn bodies_that_are_too_large_or_broken_off_are_no_failure_of_the_server() {
    let place = Place::new();
    let (port, behind) = (free_port(), free_port());
    let _nginx = Nginx::start(&place, behind, "client_max_body_size 1g;");
    place.write("www/page", "the page");
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [[upstream]]\nname = \"site\"\nservers = [\"127.0.0.1:{behind}\"]\n\
             [[route]]\nname = \"all\"\nbody_bytes_max = 1000\nto = \"site\"\n"
        ),
    );
    let edge = Edge::start(&place, port);
    for size in [1_001, 10] {
        let head = "POST /page HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
        let request = [head.as_bytes(), &vec![b'x'; size]].concat();
        for _ in 0..30 {
            crate::harness::raw(edge.address, &request, Duration::from_millis(50));
        }
    }
    assert_eq!(
        curl(&[&format!("http://127.0.0.1:{port}/page")]),
        "the page"
    );
}

#[test]
fn a_body_that_is_announced_too_large_is_refused_before_the_server_hears_of_it() {
    let place = Place::new();
    let (port, dial) = (free_port(), Dial::new());
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [[upstream]]\nname = \"site\"\nservers = [\"127.0.0.1:{}\"]\n\
             [[route]]\nname = \"all\"\nbody_bytes_max = 1000\nto = \"site\"\n",
            dial.port
        ),
    );
    let edge = Edge::start(&place, port);
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
    let said = crate::harness::raw(edge.address, head.as_bytes(), Duration::from_secs(1));
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("\"reason\":\"body_too_large\""), "{said}");
    assert_eq!(dial.asked(), 0);
}

/// h2 has a limit of its own, below the gate's: it ends the connection, and nothing is counted.
#[test]
fn requests_taken_back_all_at_once_are_a_flood_that_is_counted() {
    let place = Place::new();
    let port = free_port();
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\nhttp2 = true\n\
             [[route]]\nname = \"all\"\nrespond = {{ status = 200, body = \"ok\" }}\n"
        ),
    );
    let edge = Edge::start(&place, port);
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    for number in 0_u32..60 {
        let stream = (number * 2 + 1).to_be_bytes();
        bytes.extend_from_slice(b"\0\0\x06\x01\x05");
        bytes.extend_from_slice(&stream);
        bytes.extend_from_slice(b"\x82\x86\x84\x01\x01a");
        bytes.extend_from_slice(b"\0\0\x04\x03\0");
        bytes.extend_from_slice(&stream);
        bytes.extend_from_slice(&8_u32.to_be_bytes());
    }
    let answer = crate::harness::raw(edge.address, &bytes, Duration::from_secs(2));
    let ended = String::from_utf8_lossy(&answer).contains("too_many_resets");
    // Sixty are not many, but if that is the end of the connection, it is said.
    assert!(!ended || place.refused("http2_flood") == 1);
}
