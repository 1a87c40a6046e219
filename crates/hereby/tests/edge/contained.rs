//! From a word at control to what an edge does, by the file between them: within a second.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::failover_peers::{see, site};
use crate::harness::{Edge, HEREBY, Place, curl, eventually, free_port, is_there};
use crate::modes_peers::Control;
use crate::tls_peers::{Ca, Connection, Spoken};

/// From the acknowledgement to what it does.
const HOLDS_WITHIN: Duration = Duration::from_secs(1);

/// Waits until it is so, for a second.
fn soon(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < HOLDS_WITHIN, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// An edge with a state directory of its own, which is told where control writes.
fn start(place: &Place, port: u16) -> Edge {
    // What is given to every edge comes first here.
    let overlay = place.path("data/edge/overlay.json");
    let script = format!("exec {HEREBY} \"$@\" --overlay {}", overlay.display());
    // Control's own directory is where an edge of this place would have its state.
    std::fs::remove_file(place.path("state")).unwrap();
    Edge::start_as(place, port, Command::new("sh").args(["-c", &script, "sh"]))
}

#[test]
fn a_ban_a_revocation_and_a_failover_of_controls_hold_at_the_edge_within_a_second() {
    let place = Place::new();
    let control = Control::start(&place);
    let (port, tls, first, second) = (free_port(), free_port(), free_port(), free_port());
    let _primary = site(&place, "primary", first);
    let _secondary = site(&place, "secondary", second);
    let ca = Ca::root(&place, "ca");
    let server = Ca::root(&place, "servers").server(&place, "server", &["a.example"]);
    place.write(
        "edge.toml",
        &format!(
            "trusted = [\"127.0.0.1\"]\n[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [[listen]]\naddress = \"127.0.0.1:{tls}\"\ntls = true\n\
             [overload]\nlag_ms_max = 60000\n\
             [[certificate]]\nchain_file = {:?}\nkey_file = {:?}\n\
             [[upstream]]\nname = \"first\"\nservers = [\"127.0.0.1:{first}\"]\n\
             [[upstream]]\nname = \"second\"\nservers = [\"127.0.0.1:{second}\"]\n\
             [[tenant]]\nname = \"a\"\nhosts = [\"a.example\"]\n\
             [tenant.client_certificates]\nca_files = [{:?}]\n\
             [[route]]\nname = \"a\"\ntenant = \"a\"\nrespond = {{ status = 200, body = \"welcome a.\" }}\n\
             [[tenant]]\nname = \"open\"\nhosts = [\"*\"]\n\
             [[route]]\nname = \"site\"\ntenant = \"open\"\nto = [\"first\", \"second\"]\n\
             [route.failover]\nwait_ms = 60000\nhold_ms = 0\n",
            server.chain,
            server.key,
            ca.file()
        ),
    );
    let edge = start(&place, port);
    assert!(!is_there(&place.path("state/overlay.json")));
    let url = format!("http://{}/", edge.address);
    let from = |client: &str| curl(&["-H", &format!("X-Forwarded-For: {client}"), &url]);

    assert_eq!(from("192.0.2.7").trim(), "primary");
    control.says(&["ban", "192.0.2.0/24", "-m", "tries passwords"]);
    soon("it is banned", || {
        from("192.0.2.7").contains("address_banned")
    });
    assert_eq!(from("198.51.100.7").trim(), "primary");
    control.says(&["unban", "192.0.2.0/24", "-m", "a school"]);
    soon("it is let in", || from("192.0.2.7").trim() == "primary");

    let (lost, found) = (ca.client(&place, "lost"), ca.client(&place, "found"));
    let open = |client: &crate::tls_peers::Identity, spoken| {
        let address = ([127, 0, 0, 1], tls).into();
        let mut connection = Connection::open(address, "a.example", spoken, &client.shown());
        assert_eq!(connection.ask("a.example"), "welcome a");
        connection
    };
    let mut of_lost = [open(&lost, Spoken::Http1), open(&lost, Spoken::Http2)];
    let mut of_found = open(&found, Spoken::Http2);
    control.says(&["revoke", lost.chain(), "-m", "left on a train"]);
    for connection in &mut of_lost {
        let took = connection.until("a.example", "certificate_revoked");
        assert!(took < HOLDS_WITHIN, "{took:?}");
    }
    assert_eq!(of_found.ask("a.example"), "welcome a");
    // And the CA, with all that it ever issued.
    control.says(&["revoke", ca.file(), "-m", "its key was in a log"]);
    let took = of_found.until("a.example", "certificate_revoked");
    assert!(took < HOLDS_WITHIN, "{took:?}");

    assert_eq!(see(&url).body, "primary");
    control.says(&["failover", "site", "--to", "1", "-m", "its disk is full"]);
    soon("another tier answers", || see(&url).body == "secondary");
    assert_eq!(see(&url).posture.as_deref(), Some("degraded"));
    control.says(&["failover", "site", "--to", "auto", "-m", "repaired"]);
    soon("the plan holds", || see(&url).body == "primary");
    eventually("all that was said is counted as heard", || {
        std::fs::read_to_string(place.path("edge.log"))
            .unwrap()
            .matches("an overlay holds")
            .count()
            >= 6
    });
}
