//! What an edge does when something it depends on fails, for the rows of
//! `docs/reference/edge-modes.md` that no other story here shows.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::failover_peers::{Dial, see};
use crate::harness::{Edge, Place, Process, curl, curl_status, eventually, free_port};
use crate::modes_peers::{Control, Hosts, SmallDisk};
use crate::tls_peers::{Ca, Connection, Crl, Identity, Spoken, openssl, replace};
use crate::upgrade_peers::upgrade;

fn edge_log(place: &Place) -> String {
    std::fs::read_to_string(place.path("edge.log")).unwrap()
}

/// What the edge says to `hereby edge ARGS`: whether it did as told, and what it said.
fn told(place: &Place, args: &[&str]) -> (bool, String) {
    let output = place.ask(args);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), format!("{said}{error}"))
}

/// The value of one series.
fn metric(place: &Place, series: &str) -> Option<u64> {
    let (done, text) = told(place, &["metrics"]);
    assert!(done, "{text}");
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    line.and_then(|value| value.trim().parse().ok())
}

#[test]
fn control_killed_what_it_said_last_holds_also_in_a_successor() {
    let place = Place::new();
    let (port, tls) = (free_port(), free_port());
    let mut control = Control::start(&place);
    let ca = Ca::root(&place, "ca");
    let server = Ca::root(&place, "servers").server(&place, "server", &["a.example"]);
    let config = |body: &str| {
        format!(
            "drain_ms = 500\ntrusted = [\"127.0.0.1\"]\n\
             [[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [[listen]]\naddress = \"127.0.0.1:{tls}\"\ntls = true\n\
             [overload]\nlag_ms_max = 60000\n\
             [[certificate]]\nchain_file = {:?}\nkey_file = {:?}\n\
             [[tenant]]\nname = \"a\"\nhosts = [\"a.example\"]\n\
             [tenant.client_certificates]\nca_files = [{:?}]\noptional = true\n\
             [[route]]\nname = \"a\"\ntenant = \"a\"\n\
             respond = {{ status = 200, body = \"welcome {body}.\" }}\n",
            server.chain,
            server.key,
            ca.file()
        )
    };
    place.write("edge.toml", &config("a"));
    let edge = Edge::start(&place, port);
    let (lost, kept) = (ca.client(&place, "lost"), ca.client(&place, "kept"));
    let from = |client: &str| {
        let url = format!("http://{}/", edge.address);
        let client = format!("X-Forwarded-For: {client}");
        curl(&["-H", "Host: a.example", "-H", &client, &url])
    };
    let with = |client: &Identity| {
        let address = ([127, 0, 0, 1], tls).into();
        let shown = client.shown();
        Connection::open(address, "a.example", Spoken::Http1, &shown).ask("a.example")
    };
    assert_eq!(from("192.0.2.7"), "welcome a.");
    assert_eq!(with(&lost), "welcome a");
    control.says(&["ban", "192.0.2.7", "--for", "2h", "-m", "tries passwords"]);
    control.says(&["revoke", lost.chain(), "-m", "left on a train"]);
    let hold = |body: &str| {
        assert!(from("192.0.2.7").contains("\"reason\":\"address_banned\""));
        assert_eq!(with(&lost), "certificate_revoked");
        assert_eq!(from("192.0.2.8"), format!("welcome {body}."));
        assert_eq!(with(&kept), format!("welcome {body}"));
    };
    eventually("it is heard", || with(&lost) == "certificate_revoked");
    hold("a");
    control.process.signal("-KILL");
    control.process.child.wait().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    hold("a");
    // What a file says can still be changed, and what was said outlives the process that heard it.
    place.write("edge.toml", &config("b"));
    let (done, said) = told(&place, &["reload"]);
    assert!(done, "{said}");
    hold("b");
    let _heir = upgrade(&place);
    eventually("the successor has looked", || {
        edge_log(&place).matches("an overlay holds").count() >= 2
    });
    hold("b");
}

#[test]
fn on_a_disk_that_is_full_it_serves_and_is_upgraded() {
    let place = Place::new();
    let disk = SmallDisk::new(&place, 64);
    let (port, dial, dead) = (free_port(), Dial::new(), free_port());
    place.write("mirror/mirrored/index.html", "the mirror");
    place.write(
        "edge.toml",
        &format!(
            "drain_ms = 500\n[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [access_log]\npath = {:?}\n\
             [[upstream]]\nname = \"one\"\nservers = [\"127.0.0.1:{}\"]\n\
             [[upstream]]\nname = \"dead\"\nservers = [\"127.0.0.1:{dead}\"]\n\
             [upstream.health]\npath = \"/\"\nevery_ms = 200\ntimeout_ms = 200\nunhealthy_after = 1\n\
             [[route]]\nname = \"told\"\npath = \"/told\"\nrespond = {{ status = 200, body = \"told\" }}\n\
             [[route]]\nname = \"mirrored\"\npath = \"/mirrored/*\"\nto = [\"dead\"]\n\
             mirror = {{ directory = \"mirror\", index = \"index.html\" }}\n\
             [route.failover]\nwait_ms = 0\nhold_ms = 5000\n\
             [[route]]\nname = \"all\"\nto = \"one\"\n",
            place.path("state/access.log"),
            dial.port,
        ),
    );
    let _edge = Edge::start(&place, port);
    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    eventually("the mirror serves", || {
        curl_status(&[&at("/mirrored/")]) == 200
    });
    let hold = || {
        for _ in 0..20 {
            assert_eq!(curl(&[&at("/told")]), "told");
            assert_eq!(curl(&[&at("/mirrored/")]), "the mirror");
            assert_eq!(curl(&[&at("/")]), "ok");
        }
    };
    disk.fill();
    hold();
    eventually("it is said", || {
        edge_log(&place).contains("No space left on device")
    });
    assert!(place.status()["pid"].is_number());
    let heir = upgrade(&place);
    hold();
    assert_eq!(place.status()["pid"], heir.0);
    // There is room again: it is written again, and that is said.
    disk.free();
    curl(&[&at("/told?the-last")]);
    eventually("lines are written", || {
        curl(&[&at("/told")]);
        edge_log(&place).contains("the access log is written again")
    });
}

#[test]
fn an_access_log_that_nobody_takes_in_time_loses_lines_that_are_counted_and_no_request() {
    let place = Place::new();
    let port = free_port();
    let log = place.path("access.log");
    let made = Command::new("mkfifo").arg(&log).status().unwrap();
    assert!(made.success());
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [access_log]\npath = {log:?}\nlines_per_second_max = 1000000\n\
             [[route]]\nname = \"all\"\nrespond = {{ status = 200, body = \"ok\" }}\n"
        ),
    );
    // A reader that reads nothing.
    let mut reader = Command::new("sh");
    reader
        .args(["-c", "exec sleep 60 < \"$1\"", "sh"])
        .arg(&log);
    let _reader = Process::start(reader.stdin(Stdio::null()));
    let _edge = Edge::start(&place, port);
    let url = format!("http://127.0.0.1:{port}/[1-12000]");
    let said = curl(&["-o", "/dev/null", "-w", "%{http_code} ", &url]);
    assert_eq!(said.matches("200 ").count(), 12_000);
    let lost = metric(&place, "edge_log_dropped_total{reason=\"full\"}").unwrap();
    // 8,192 wait, some hundred are in the pipe; the rest is lost.
    assert!((1_000..=3_808).contains(&lost), "{lost}");
    assert_eq!(curl_status(&[&format!("http://127.0.0.1:{port}/")]), 200);
}

#[test]
fn own_certificates_that_cannot_be_read_leave_the_ones_before_and_a_reload_says_why() {
    let place = Place::new();
    let port = free_port();
    let ca = Ca::root(&place, "ca");
    let server = ca.server(&place, "shop", &["shop.example"]);
    let config = |more: &str| {
        format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\ntls = true\n[overload]\nlag_ms_max = 60000\n\
             [[certificate]]\nchain_file = {:?}\nkey_file = {:?}\n{more}\
             [[route]]\nname = \"all\"\nrespond = {{ status = 200, body = \"welcome all.\" }}\n",
            server.chain, server.key
        )
    };
    place.write("edge.toml", &config(""));
    let edge = Edge::start(&place, port);
    let get =
        |name: &str| Connection::open(edge.address, name, Spoken::Http1, &[]).ask("shop.example");
    assert_eq!(get("shop.example"), "welcome all");
    let never = place.path("never.crt");
    let second = format!("[[certificate]]\nchain_file = {never:?}\nkey_file = {never:?}\n");
    place.write("edge.toml", &config(&second));
    let (done, said) = told(&place, &["reload"]);
    assert!(!done && said.contains("never.crt"), "{said}");
    assert_eq!(get("shop.example"), "welcome all");
    assert_eq!(get("other.example"), "ended");
    eventually("it is counted", || {
        place.refused("server_name_unknown") == 1
    });
    // Gone altogether, while the edge runs.
    std::fs::remove_file(&server.chain).unwrap();
    place.write("edge.toml", &config(""));
    let (done, said) = told(&place, &["reload"]);
    assert!(!done && said.contains("No such file"), "{said}");
    eventually("it is said", || {
        edge_log(&place).contains("certificates can't be read; the ones before stay")
    });
    assert_eq!(get("shop.example"), "welcome all");
}

#[test]
fn a_name_that_was_never_found_is_a_server_that_is_down_and_one_that_was_is_asked_where_it_was() {
    let place = Place::new();
    let (port, dial, hosts) = (free_port(), Dial::new(), Hosts::new(&place));
    let mut text = format!("[[listen]]\naddress = \"127.0.0.1:{port}\"\n");
    for name in ["early", "late"] {
        write!(
            text,
            "[[upstream]]\nname = \"{name}\"\nservers = [\"{name}.internal:{}\"]\n\
             [upstream.health]\npath = \"/healthz\"\nevery_ms = 200\ntimeout_ms = 200\n\
             healthy_after = 1\nunhealthy_after = 2\n\
             [[route]]\nname = \"{name}\"\npath = \"/{name}/*\"\nto = [\"{name}\"]\n\
             mirror = {{ directory = \"mirror\", index = \"index.html\" }}\n\
             [route.failover]\nwait_ms = 1000\nhold_ms = 500\n",
            dial.port
        )
        .unwrap();
    }
    place.write("mirror/late/index.html", "the mirror");
    place.write("edge.toml", &text);
    hosts.say("127.0.0.1 early.internal\n");
    let _edge = Edge::start_as(&place, port, &mut hosts.command());
    let url = |name: &str| format!("http://127.0.0.1:{port}/{name}/");
    assert_eq!(curl(&[&url("early")]), "ok");
    let never = curl(&[&url("late")]);
    assert!(never.contains("upstream_un"), "{never}");
    eventually("the mirror serves", || {
        see(&url("late")).body == "the mirror"
    });

    // One is found for the first time, the other not any more.
    hosts.say("127.0.0.1 late.internal\n");
    eventually("the server serves", || see(&url("late")).body == "ok");
    assert_eq!(see(&url("late")).posture, None);
    eventually("the other was looked for in vain", || {
        let log = edge_log(&place);
        let mut lines = log
            .lines()
            .filter(|line| line.contains("can't be looked up"));
        lines.any(|line| line.contains("early.internal"))
    });
    for _ in 0..10 {
        assert_eq!(curl(&[&url("early")]), "ok");
    }
    let status = place.status();
    assert_eq!(status["routes"][0]["serving"], 0);
    assert_eq!(status["upstreams"][0]["servers"][0]["condition"], "healthy");
}

#[test]
fn a_crl_of_one_issuer_leaves_those_without_refused_and_other_tenants_served() {
    let place = Place::new();
    let port = free_port();
    let (one, two) = (Ca::root(&place, "one"), Ca::root(&place, "two"));
    let server = Ca::root(&place, "servers").server(&place, "server", &["a.example", "b.example"]);
    let crl = Crl::new(&place, &one, "one");
    crl.publish(&["-crlsec", "3600"]);
    let mut text = format!(
        "[[listen]]\naddress = \"127.0.0.1:{port}\"\ntls = true\n[overload]\nlag_ms_max = 60000\n\
         [[certificate]]\nchain_file = {:?}\nkey_file = {:?}\n",
        server.chain, server.key
    );
    for (name, more) in [
        ("a", format!("crl_files = [{:?}]\n", crl.file())),
        ("b", String::new()),
    ] {
        write!(
            text,
            "[[tenant]]\nname = \"{name}\"\nhosts = [\"{name}.example\"]\n\
             [tenant.client_certificates]\nca_files = [{:?}, {:?}]\noptional = true\n{more}\
             [[route]]\nname = \"{name}\"\ntenant = \"{name}\"\n\
             respond = {{ status = 200, body = \"welcome {name}.\" }}\n",
            one.file(),
            two.file()
        )
        .unwrap();
    }
    place.write("edge.toml", &text);
    let edge = Edge::start(&place, port);
    let (of_one, of_two) = (one.client(&place, "of-one"), two.client(&place, "of-two"));
    let get = |name: &str, client: Option<&Identity>| {
        let more = client.map(Identity::shown);
        let more = more.as_ref().map_or(&[][..], |more| &more[..]);
        Connection::open(edge.address, name, Spoken::Http1, more).ask(name)
    };
    assert_eq!(get("a.example", Some(&of_one)), "welcome a");
    assert_eq!(get("a.example", Some(&of_two)), "revocation_unknown");
    assert_eq!(get("a.example", None), "welcome a");
    // What is no CRL is none for anybody; who needs no certificate goes on.
    let name = std::path::Path::new(&crl.file())
        .file_name()
        .unwrap()
        .to_owned();
    let name = name.to_str().unwrap();
    let good = openssl(&["crl", "-in", &crl.file()]);
    let mut kept = Connection::open(edge.address, "a.example", Spoken::Http1, &of_one.shown());
    replace(&place, name, "nothing\n");
    kept.until("a.example", "revocation_unknown");
    assert!(edge_log(&place).contains("what is revoked can't be read"));
    assert_eq!(get("a.example", None), "welcome a");
    for client in [&of_one, &of_two] {
        assert_eq!(get("b.example", Some(client)), "welcome b");
    }
    replace(&place, name, &good);
    kept.until("a.example", "welcome a");
}

#[test]
fn bans_that_cannot_be_read_again_hold_as_they_were_and_it_is_said() {
    let place = Place::new();
    let port = free_port();
    place.write("bans", "127.0.0.7\n");
    place.write(
        "edge.toml",
        &format!(
            "bans = [\"bans\"]\n[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [[route]]\nname = \"all\"\nrespond = {{ status = 200, body = \"ok\" }}\n"
        ),
    );
    let _edge = Edge::start(&place, port);
    let url = format!("http://127.0.0.1:{port}/");
    let comes_in = |from: &str| {
        let mut curl = Command::new("curl");
        curl.args(["-s", "--max-time", "10", "--interface", from, &url]);
        curl.output().unwrap().status.success()
    };
    let said = |what: &str| eventually(what, || edge_log(&place).contains(what));
    assert!(comes_in("127.0.0.6") && !comes_in("127.0.0.7"));
    // One bad line, and none of it is taken.
    replace(&place, "bans", "127.0.0.6\nnobody\n");
    said("line 2: ");
    assert!(comes_in("127.0.0.6") && !comes_in("127.0.0.7"));
    let (done, why) = told(&place, &["reload"]);
    assert!(!done && why.contains("line 2: "), "{why}");
    std::fs::remove_file(place.path("bans")).unwrap();
    said("No such file or directory");
    assert!(comes_in("127.0.0.6") && !comes_in("127.0.0.7"));
    replace(&place, "bans", "127.0.0.6\n");
    eventually("the new list holds", || !comes_in("127.0.0.6"));
    assert!(comes_in("127.0.0.7"));
}

#[test]
fn tenants_beyond_the_first_thousand_are_counted_together_and_served_as_all() {
    let place = Place::new();
    let port = free_port();
    let mut text = format!("[[listen]]\naddress = \"127.0.0.1:{port}\"\n");
    for number in 0..1_010 {
        write!(
            text,
            "[[tenant]]\nname = \"t{number}\"\nhosts = [\"t{number}.example\"]\n\
             [[route]]\nname = \"r{number}\"\ntenant = \"t{number}\"\n\
             respond = {{ status = 200, body = \"t{number}\" }}\n"
        )
        .unwrap();
    }
    place.write("edge.toml", &text);
    let _edge = Edge::start(&place, port);
    for number in [3, 1_001, 1_007, 1_009] {
        let url = format!("http://127.0.0.1:{port}/");
        let host = format!("Host: t{number}.example");
        assert_eq!(curl(&["-H", &host, &url]), format!("t{number}"));
    }
    let series = |tenant: &str| {
        let series = format!("edge_tenant_requests_total{{tenant=\"{tenant}\",status=\"2xx\"}}");
        metric(&place, &series)
    };
    assert_eq!(series("t3"), Some(1));
    assert_eq!(series("t1001"), None);
    assert_eq!(series("(others)"), Some(3));
    let (_, text) = told(&place, &["metrics"]);
    let tenants = text.matches("edge_tenant_requests_total{").count();
    assert_eq!(tenants, 1_001 * 5);
}

/// The first cell of each row, and the row, of the tables below a heading; the first is above all.
fn rows<'p>(page: &'p str, heading: &str) -> Vec<(&'p str, &'p str)> {
    let section = page.split_once(heading).map_or("", |(_, section)| section);
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| "));
    let rows = rows.map(|line| (line.split('|').nth(1).unwrap().trim(), line));
    rows.skip(1).collect()
}

/// Whether there is such a test: `tests/edge/FILE.rs::NAME`.
fn is_a_test(name: &str) -> bool {
    let Some((file, function)) = name.split_once("::") else {
        return false;
    };
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.contains(&format!("#[test]\nfn {function}() {{"))
}

#[test]
fn each_row_of_the_page_is_shown_by_a_test_that_exists() {
    let page =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/edge-modes.md");
    let page = std::fs::read_to_string(page).unwrap();
    let declared = rows(&page, "# What an edge does when something fails\n");
    let shown = rows(&page, "\n## Shown by\n");
    let first = |rows: &[(&str, &str)]| -> Vec<String> {
        rows.iter().map(|(what, _)| (*what).to_owned()).collect()
    };
    assert!(declared.len() > 10);
    assert_eq!(first(&declared), first(&shown));
    for (what, row) in shown {
        let cell = row.split('|').nth(2).unwrap();
        let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{what}");
        for name in names {
            assert!(
                is_a_test(name),
                "`{name}` shows nothing: there is no such test"
            );
        }
    }
}
