//! What control says in its overlay holds at once: for the certificates of a CA, for connections that
//! are open, for tunnels, and from the moment when an edge begins.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::by_hand::{Http2, ask, connect};
use crate::harness::{Edge, Place, Process, curl, eventually, free_port};
use crate::mutual_tls::issuer;
use crate::tls_peers::{Ca, Connection, Identity, Spoken, openssl, replace};
use crate::upgrade_peers::{backend, echoes, websocket, websocket_with};

/// From what is said to what it does.
const HOLDS_WITHIN: Duration = Duration::from_secs(1);

/// A tenant that asks for certificates of these CAs, and one plain listener.
struct Site {
    place: Place,
    plain: u16,
    tls: u16,
}

impl Site {
    fn new(cas: impl FnOnce(&Place) -> Vec<String>) -> Site {
        let place = Place::new();
        let (plain, tls, behind) = (free_port(), free_port(), backend());
        let files = cas(&place);
        let servers = Ca::root(&place, "servers");
        let server = servers.server(&place, "server", &["a.example"]);
        place.write(
            "edge.toml",
            &format!(
                "[[listen]]\naddress = \"127.0.0.1:{plain}\"\nhttp2 = true\n\
                 [[listen]]\naddress = \"127.0.0.1:{tls}\"\ntls = true\n\
                 [overload]\nlag_ms_max = 60000\n\
                 [[certificate]]\nchain_file = {:?}\nkey_file = {:?}\n\
                 [[tenant]]\nname = \"a\"\nhosts = [\"a.example\"]\n\
                 [tenant.client_certificates]\nca_files = {files:?}\noptional = true\n\
                 [[tenant]]\nname = \"open\"\nhosts = [\"*\"]\n\
                 [[upstream]]\nname = \"tunnels\"\nservers = [\"127.0.0.1:{behind}\"]\n\
                 [[route]]\nname = \"ws\"\ntenant = \"a\"\npath = \"/ws\"\nto = \"tunnels\"\nwebsocket = true\n\
                 [[route]]\nname = \"a\"\ntenant = \"a\"\nrespond = {{ status = 200, body = \"welcome a.\" }}\n\
                 [[route]]\nname = \"open-ws\"\ntenant = \"open\"\npath = \"/ws\"\nto = \"tunnels\"\nwebsocket = true\n\
                 [[route]]\nname = \"open\"\ntenant = \"open\"\nrespond = {{ status = 200, body = \"open\" }}\n",
                server.chain, server.key,
            ),
        );
        Site { place, plain, tls }
    }

    fn start(&self) -> Edge {
        Edge::start(&self.place, self.plain)
    }

    /// Says this at once, as the act of that number.
    fn say(&self, sequence: u64, rest: &str) {
        let text = format!("{{\"version\":1,\"sequence\":{sequence}{rest}}}");
        replace(&self.place, "state/overlay.json", &text);
    }

    fn open(&self, client: Option<&Identity>, spoken: Spoken) -> Connection {
        let more = client.map(Identity::shown);
        let more = more.as_ref().map_or(&[][..], |more| &more[..]);
        Connection::open(([127, 0, 0, 1], self.tls).into(), "a.example", spoken, more)
    }

    fn shown(&self, client: Option<&Identity>) -> String {
        self.open(client, Spoken::Http1).ask("a.example")
    }
}

/// The SHA-256 of a certificate, as 64 digits.
fn digits(file: &str) -> String {
    let said = openssl(&["x509", "-noout", "-fingerprint", "-sha256", "-in", file]);
    let digits = said.trim().split_once('=').unwrap().1;
    digits.replace(':', "").to_ascii_lowercase()
}

fn serial(file: &str) -> String {
    let said = openssl(&["x509", "-noout", "-serial", "-in", file]);
    said.trim().split_once('=').unwrap().1.to_ascii_lowercase()
}

/// The CA at a path's end is no part of the chain that clients send.
#[test]
fn a_ca_that_is_revoked_takes_its_certificates_with_it_at_once() {
    let mut cas = None;
    let site = Site::new(|place| {
        let root = Ca::root(place, "root");
        let (one, two) = (root.below(place, "one"), Ca::root(place, "two"));
        let files = [&one, &two].map(|ca| ca.file().to_owned());
        cas = Some((root, one, two));
        files.to_vec()
    });
    let (root, one, two) = cas.unwrap();
    let _edge = site.start();
    let below_two = two.below(&site.place, "below-two");
    let clients = [
        one.client(&site.place, "of-one"),
        two.client(&site.place, "of-two"),
        below_two.client(&site.place, "deep"),
    ];
    let mut open: Vec<Connection> = clients
        .iter()
        .zip([Spoken::Http1, Spoken::Http2, Spoken::Http1])
        .map(|(client, spoken)| site.open(Some(client), spoken))
        .collect();
    let by_digits = |ca: &Ca| format!("{{\"sha256\":\"{}\"}}", digits(ca.file()));
    let by_number = |above: &Ca, ca: &Ca| {
        let (issuer, serial) = (issuer(above), serial(ca.file()));
        let issuer = issuer.to_ascii_lowercase();
        format!("{{\"issuer\":\"{issuer}\",\"serial\":\"{serial}\"}}")
    };
    let (good, bad) = ("welcome a", "certificate_revoked");
    let steps = [
        (String::new(), [good, good, good]),
        (by_digits(&one), [bad, good, good]),
        (by_number(&root, &one), [bad, good, good]),
        // The same number of another issuer is another certificate.
        (by_number(&two, &one), [good, good, good]),
        (by_digits(&two), [good, bad, bad]),
        (by_number(&two, &two), [good, bad, bad]),
        (by_digits(&below_two), [good, good, bad]),
        (by_number(&two, &below_two), [good, good, bad]),
    ];
    for (number, (revoked, wanted)) in steps.iter().enumerate() {
        site.say(number as u64 + 1, &format!(",\"revoked\":[{revoked}]"));
        let begun = Instant::now();
        for (connection, wanted) in open.iter_mut().zip(wanted) {
            connection.until("a.example", wanted);
        }
        let took = begun.elapsed();
        assert!(took < HOLDS_WITHIN, "{revoked}: {took:?}");
        // And on connections that begin now.
        for (client, wanted) in clients.iter().zip(wanted) {
            assert_eq!(site.shown(Some(client)), *wanted, "{revoked}");
        }
        assert_eq!(site.shown(None), good, "who shows none has none revoked");
    }
}

/// A site with one CA, and two clients of it.
fn lost_and_found() -> (Site, Ca, Identity, Identity) {
    let mut ca = None;
    let site = Site::new(|place| {
        let root = Ca::root(place, "root");
        let file = root.file().to_owned();
        ca = Some(root);
        vec![file]
    });
    let ca = ca.unwrap();
    let (lost, found) = (
        ca.client(&site.place, "lost"),
        ca.client(&site.place, "found"),
    );
    (site, ca, lost, found)
}

#[test]
fn an_edge_that_begins_with_an_overlay_it_cannot_use_lets_no_certificate_in_until_it_can() {
    let (site, _ca, lost, found) = lost_and_found();
    let torn = [
        "{\"version\":1,\"sequ",
        "{\"version\":2,\"sequence\":7}",
        "{\"version\":1,\"sequence\":7,\"revoked\":[{\"sha256\":\"torn\"}]}",
    ];
    for text in torn {
        site.place.write("state/overlay.json", text);
        let edge = site.start();
        // From the first request on, and the others are served.
        assert_eq!(site.shown(Some(&found)), "revocation_unknown", "{text}");
        assert_eq!(site.shown(Some(&lost)), "revocation_unknown", "{text}");
        assert_eq!(site.shown(None), "welcome a");
        let mut open = site.open(Some(&found), Spoken::Http2);
        assert_eq!(open.ask("a.example"), "revocation_unknown");
        let log = std::fs::read_to_string(site.place.path("edge.log")).unwrap();
        assert!(log.contains("the overlay can't be used"), "{log}");
        site.say(
            7,
            &format!(",\"revoked\":[{{\"sha256\":\"{}\"}}]", lost.digits()),
        );
        let took = open.until("a.example", "welcome a");
        assert!(took < HOLDS_WITHIN, "{took:?}");
        assert_eq!(site.shown(Some(&lost)), "certificate_revoked");
        // One that had a good one goes on with it.
        site.place.write("state/overlay.json", text);
        std::thread::sleep(Duration::from_millis(600));
        assert_eq!(open.ask("a.example"), "welcome a");
        assert_eq!(site.shown(Some(&lost)), "certificate_revoked");
        drop(edge);
        std::fs::remove_file(site.place.path("state/edge.sock")).unwrap();
    }
}

/// A tunnel over TLS, by openssl: when it ends, so does the process.
fn tunnel(site: &Site, client: &Identity) -> Process {
    let mut process = Process::start(
        Command::new("openssl")
            .args(["s_client", "-quiet", "-servername", "a.example"])
            .args(["-alpn", "http/1.1", "-connect"])
            .arg(format!("127.0.0.1:{}", site.tls))
            .args(client.shown())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null()),
    );
    let input = process.child.stdin.as_mut().unwrap();
    input
        .write_all(b"GET /ws HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        .unwrap();
    let mut first = String::new();
    let mut output = BufReader::new(process.child.stdout.take().unwrap());
    output.read_line(&mut first).unwrap();
    assert!(first.starts_with("HTTP/1.1 101"), "{first}");
    process
}

#[test]
fn a_revocation_ends_an_open_tunnel_and_no_other() {
    let (site, ca, lost, found) = lost_and_found();
    let _edge = site.start();
    let (mut of_lost, mut of_found) = (tunnel(&site, &lost), tunnel(&site, &found));
    let tunnels = || site.place.status()["websockets"].as_u64().unwrap();
    assert_eq!(tunnels(), 2);
    site.say(
        1,
        &format!(",\"revoked\":[{{\"sha256\":\"{}\"}}]", lost.digits()),
    );
    let begun = Instant::now();
    eventually("it has ended", || tunnels() == 1);
    let took = begun.elapsed();
    assert!(took < HOLDS_WITHIN, "{took:?}");
    eventually("and its client knows", || {
        of_lost.child.try_wait().unwrap().is_some()
    });
    assert!(of_found.child.try_wait().unwrap().is_none());
    // A CA's, too.
    site.say(
        2,
        &format!(",\"revoked\":[{{\"sha256\":\"{}\"}}]", digits(ca.file())),
    );
    let begun = Instant::now();
    eventually("none is left", || tunnels() == 0);
    assert!(begun.elapsed() < HOLDS_WITHIN, "{:?}", begun.elapsed());
}

#[test]
fn a_ban_ends_the_tunnel_of_whom_a_trusted_proxy_spoke_for() {
    let site = Site::new(|_| Vec::new());
    let text = std::fs::read_to_string(site.place.path("edge.toml")).unwrap();
    let asks = "[tenant.client_certificates]\nca_files = []\noptional = true\n";
    let text = format!("trusted = [\"127.0.0.1\"]\n{}", text.replace(asks, ""));
    site.place.write("edge.toml", &text);
    let edge = site.start();
    let said = |client: &str| format!("X-Forwarded-For: {client}\r\n");
    let mut banned = websocket_with(edge.address, &said("192.0.2.7"));
    let mut other = websocket_with(edge.address, &said("192.0.2.8"));
    assert!(echoes(&mut banned, b"hello") && echoes(&mut other, b"hello"));
    site.say(
        1,
        ",\"bans\":[{\"prefix\":\"192.0.2.7/32\",\"until_s\":null}]",
    );
    let begun = Instant::now();
    let _ = banned.read_to_end(&mut Vec::new());
    let took = begun.elapsed();
    assert!(took < HOLDS_WITHIN, "{took:?}");
    assert!(echoes(&mut other, b"still here"));
}

#[test]
fn a_ban_ends_an_open_tunnel_and_the_next_request_of_open_connections() {
    let site = Site::new(|_| Vec::new());
    let text = std::fs::read_to_string(site.place.path("edge.toml")).unwrap();
    let asks = "[tenant.client_certificates]\nca_files = []\noptional = true\n";
    assert!(text.contains(asks));
    site.place.write("edge.toml", &text.replace(asks, ""));
    let edge = site.start();
    let get = b"GET / HTTP/1.1\r\nHost: b\r\n\r\n";
    let mut first = connect(edge.address);
    assert_eq!(ask(&mut first, get).unwrap().body, "open");
    let mut second = Http2::connect(edge.address, &[]);
    assert_eq!(second.get(1, "/").unwrap().0, 200);
    let mut tunnel = websocket(edge.address);
    assert!(echoes(&mut tunnel, b"hello"));
    site.say(
        1,
        ",\"bans\":[{\"prefix\":\"127.0.0.1/32\",\"until_s\":null}]",
    );
    let begun = Instant::now();
    let mut rest = Vec::new();
    let _ = tunnel.read_to_end(&mut rest);
    let took = begun.elapsed();
    assert!(took < HOLDS_WITHIN, "{took:?}");
    let refused = ask(&mut first, get).unwrap();
    assert_eq!((refused.status, refused.reason()), (403, "address_banned"));
    assert_eq!(refused.field("connection"), Some("close"));
    assert!(ask(&mut first, get).is_err(), "it is closed");
    let (status, body) = second.get(3, "/").unwrap();
    assert_eq!(status, 403);
    assert!(body.contains("address_banned"), "{body}");
    while second.next().is_some() {}
    // Nobody else is; and who is let in again is.
    let url = format!("http://{}/", edge.address);
    let other = ["--interface", "127.0.0.2", "-H", "Host: b", &url];
    assert_eq!(curl(&other), "open");
    site.say(2, "");
    eventually("it is lifted", || {
        ask(&mut connect(edge.address), get).is_ok_and(|answer| answer.status == 200)
    });
}
