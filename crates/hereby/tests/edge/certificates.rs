//! Who came in with a client certificate is known without a log: from the edge, over restarts and
//! upgrades, and from the record, up to its revocation and beyond the edge's own end.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{Edge, HEREBY, Place, Process, eventually, free_port};
use crate::tls_peers::{Ca, Connection, Identity, Spoken};

/// An edge of one tenant that asks for certificates, and its CA.
fn write(place: &Place, port: u16) -> Ca {
    let servers = Ca::root(place, "servers");
    let server = servers.server(place, "server", &["a.example"]);
    let ca = Ca::root(place, "ca");
    let text = format!(
        "[[listen]]\naddress = \"127.0.0.1:{port}\"\ntls = true\n[overload]\nlag_ms_max = 60000\n\
         [[certificate]]\nchain_file = {:?}\nkey_file = {:?}\n\
         [[tenant]]\nname = \"partners\"\nhosts = [\"a.example\"]\n\
         [tenant.client_certificates]\nca_files = [{:?}]\n\
         [[route]]\nname = \"a\"\ntenant = \"partners\"\n\
         respond = {{ status = 200, body = \"welcome a.\" }}\n",
        server.chain,
        server.key,
        ca.file(),
    );
    place.write("edge.toml", &text);
    ca
}

fn connected(edge: &Edge, client: &Identity) -> Connection {
    let mut connection =
        Connection::open(edge.address, "a.example", Spoken::Http1, &client.shown());
    assert_eq!(connection.ask("a.example"), "welcome a");
    connection
}

/// What the edge has of a certificate.
fn counted(place: &Place, client: &Identity) -> Value {
    let output = place.ask(&["certificates", "--json"]);
    let all: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let digits = client.digits();
    let mut entries = all["entries"].as_array().into_iter().flatten();
    let found = entries.find(|entry| entry["sha256"] == *digits);
    found.cloned().unwrap_or_default()
}

/// `hereby ARGS` beside the control of this place.
fn hereby(place: &Place, args: &[&str]) -> (bool, String) {
    let output = Command::new(HEREBY)
        .args(args)
        .arg("--data-dir")
        .arg(place.path("data"))
        .env_remove("HEREBY_URL")
        .env("XDG_CONFIG_HOME", place.path("config"))
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let failed = String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said + &failed)
}

/// A control whose edge is the one of this place.
fn control(place: &Place) -> Process {
    let log = std::fs::File::create(place.path("control.log")).unwrap();
    let process = Process::start(
        Command::new(HEREBY)
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(place.path("data"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log),
    );
    eventually("control answers", || hereby(place, &["incidents"]).0);
    // Where its edge is expected.
    std::fs::create_dir_all(place.path("data/edge")).unwrap();
    std::os::unix::fs::symlink(place.path("data/edge"), place.path("state")).unwrap();
    process
}

/// Who came in with it, as the record and the edge have it.
fn affected(place: &Place, client: &Identity) -> Value {
    let (_, said) = hereby(place, &["revoke", "--affected", client.chain(), "--json"]);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// How often the record says what a certificate was used for.
fn acts(place: &Place) -> usize {
    let mut all = String::new();
    for entry in walk(&place.path("data")) {
        if entry.extension().is_some_and(|end| end == "jsonl") {
            all += &std::fs::read_to_string(entry).unwrap_or_default();
        }
    }
    all.matches("\"kind\":\"certificate.used/1\"").count()
}

fn walk(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(walk(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

#[test]
fn who_came_in_before_a_revocation_is_on_the_record_and_nobody_does_after() {
    let place = Place::new();
    let port = free_port();
    let ca = write(&place, port);
    let (lost, found) = (ca.client(&place, "lost"), ca.client(&place, "found"));
    let _control = control(&place);
    let mut edge = Edge::start(&place, port);
    let mut of_lost = connected(&edge, &lost);
    let mut of_found = connected(&edge, &found);
    assert_eq!(of_lost.ask("a.example"), "welcome a");

    // The first use comes onto the record by itself, once for each.
    eventually("both are recorded", || acts(&place) == 2);
    eventually("the edge knows", || counted(&place, &lost)["recorded"] != 0);
    let so_far = affected(&place, &lost);
    assert_eq!(so_far["edge"], true, "{so_far}");
    assert_eq!(so_far["uses"][0]["tenant"], "partners", "{so_far}");
    assert_eq!(so_far["uses"][0]["let_through"], 2, "{so_far}");
    assert_eq!(so_far["revoked"], Value::Null);
    // What is used on and on is no act each time.
    for _ in 0..20 {
        assert_eq!(of_lost.ask("a.example"), "welcome a");
    }
    let before = counted(&place, &lost)["let_through"].as_u64().unwrap();
    assert_eq!(before, 22);

    let (done, said) = hereby(&place, &["revoke", lost.chain(), "-m", "stolen"]);
    assert!(done && said.contains("revoke --affected"), "{said}");
    of_lost.until("a.example", "certificate_revoked");
    for _ in 0..3 {
        assert_eq!(of_lost.ask("a.example"), "certificate_revoked");
    }
    assert_eq!(of_found.ask("a.example"), "welcome a");
    let entry = counted(&place, &lost);
    assert_eq!(entry["let_through_after"], 0, "{entry}");
    assert!(entry["refused_after"].as_u64() >= Some(4), "{entry}");
    let through = entry["let_through"].clone();
    eventually("the use up to the revocation is recorded", || {
        acts(&place) == 3
    });
    let (done, said) = hereby(&place, &["revoke", "--affected", lost.chain()]);
    assert!(done, "{said}");
    for part in [
        "is revoked since",
        "tenant partners",
        "after    0 requests let in",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }

    // The edge is gone, with its disk: the record knows.
    edge.process.kill();
    std::fs::remove_file(place.path("data/edge/certificates.json")).unwrap();
    let recorded = affected(&place, &lost);
    assert_eq!(recorded["edge"], false, "{recorded}");
    let one = &recorded["uses"][0];
    assert_eq!(one["let_through"], through, "{recorded}");
    assert_eq!(one["let_through_after"], 0);
    assert_eq!(one["prefixes"][0], "127.0.0.0/24");
    assert_eq!(recorded["revoked"]["why"], "stolen");
    let nobody = affected(&place, &ca.client(&place, "nobody"));
    assert_eq!(nobody["uses"], serde_json::json!([]));
    // By its number it is the same certificate.
    let (issuer, serial) = (
        one["issuer"].as_str().unwrap(),
        one["serial"].as_str().unwrap(),
    );
    let numbered = format!("issuer={issuer} serial={serial}");
    let (_, said) = hereby(&place, &["revoke", "--affected", &numbered, "--json"]);
    let named: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(named["uses"], recorded["uses"], "{said}");

    // An edge that begins anew counts beside what the record has.
    let edge = Edge::start(&place, port);
    let mut again = Connection::open(edge.address, "a.example", Spoken::Http1, &lost.shown());
    again.until("a.example", "certificate_revoked");
    let both = affected(&place, &lost);
    assert_eq!(both["uses"][0]["let_through"], through, "{both}");
    assert!(both["uses"][0]["refused"].as_u64() > one["refused"].as_u64());
}

#[test]
fn what_was_counted_outlives_restarts_and_upgrades_to_the_last_request() {
    let place = Place::new();
    let port = free_port();
    let ca = write(&place, port);
    let client = ca.client(&place, "client");
    let mut edge = Edge::start(&place, port);
    let mut connection = connected(&edge, &client);
    assert_eq!(connection.ask("a.example"), "welcome a");
    let first = counted(&place, &client);
    assert_eq!(first["let_through"], 2, "{first}");
    assert!(
        first["subject"].as_str().unwrap().contains("client"),
        "{first}"
    );
    drop(connection);
    edge.process.signal("-TERM");
    edge.process.child.wait().unwrap();

    let edge = Edge::start(&place, port);
    let again = counted(&place, &client);
    assert_eq!(again["let_through"], 2, "{again}");
    assert_eq!(again["first_ms"], first["first_ms"]);
    // One connection stays with the old process, which answers it once more while it drains.
    let mut kept = connected(&edge, &client);
    let output = place.ask(&["upgrade"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(kept.ask("a.example"), "welcome a");
    drop(kept);
    drop(connected(&edge, &client));
    eventually("both processes' requests are in one ledger", || {
        counted(&place, &client)["let_through"] == 5
    });
    let shown = place.ask(&["certificates"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains(&client.digits()), "{shown}");
    let metrics = place.ask(&["metrics"]);
    let metrics = String::from_utf8_lossy(&metrics.stdout).into_owned();
    assert!(metrics.contains("\nedge_certificates 1\n"), "{metrics}");
    assert!(metrics.contains("\nedge_certificates_dropped_total 0\n"));
    let pid = place.status()["pid"].as_u64().unwrap();
    crate::harness::signal_to(u32::try_from(pid).unwrap(), "-TERM");
}
