//! Certificates from a CA: Pebble, Let's Encrypt's own server for tests, which checks signatures and
//! nonces, refuses one nonce in twenty for no reason, and fetches the proofs itself.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::time::Instant;

use crate::harness::{Edge, PATIENCE, Place, Process, curl, curl_status, eventually, wait_for};
use crate::tls_peers::{Ca, Connection, Spoken};

/// A port that stays free until it is used: none of those that connections go out from.
fn steady_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = 20_000 + std::process::id() * 16 % 12_000;
    loop {
        let port = u16::try_from(base).unwrap() + NEXT.fetch_add(1, Relaxed);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Pebble, and the name server that it believes.
struct Pebble {
    port: u16,
    management: u16,
    /// Where a name's proofs are fetched.
    http: u16,
    names: u16,
    _names: Process,
    process: Option<Process>,
    life_s: u64,
}

impl Pebble {
    /// A CA that isn't there yet.
    fn new(place: &Place, http: u16, life_s: u64) -> Pebble {
        let ca = Ca::root(place, "directory-ca");
        ca.server(place, "directory", &["localhost"]);
        let (names, settings) = (steady_port(), steady_port());
        let log = std::fs::File::create(place.path("names.log")).unwrap();
        let process = Process::start(
            Command::new("pebble-challtestsrv")
                .args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""])
                .args(["-http01", "", "-https01", "", "-tlsalpn01", ""])
                .arg("-dns01")
                .arg(format!("127.0.0.1:{names}"))
                .arg("-management")
                .arg(format!("127.0.0.1:{settings}"))
                .stdout(log.try_clone().unwrap())
                .stderr(log),
        );
        wait_for(settings);
        // This name leads to where nobody listens.
        let elsewhere = "{\"host\":\"elsewhere.example\",\"addresses\":[\"127.0.0.9\"]}";
        curl(&[
            "-d",
            elsewhere,
            &format!("http://127.0.0.1:{settings}/add-a"),
        ]);
        Pebble {
            port: steady_port(),
            management: steady_port(),
            http,
            names,
            _names: process,
            process: None,
            life_s,
        }
    }

    /// Starts it, or another one that knows nothing of the one before.
    fn start(&mut self, place: &Place) {
        self.process = None;
        let config = serde_json::json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{}", self.port),
            "managementListenAddress": format!("127.0.0.1:{}", self.management),
            "certificate": place.path("directory.crt"),
            "privateKey": place.path("directory.key"),
            "httpPort": self.http,
            "tlsPort": 1,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
            "certificateValidityPeriod": self.life_s,
        }});
        let file = place.write("pebble.json", &config.to_string());
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(place.path("pebble.log"))
            .unwrap();
        self.process = Some(Process::start(
            Command::new("pebble")
                .arg("-config")
                .arg(file)
                .arg("-dnsserver")
                .arg(format!("127.0.0.1:{}", self.names))
                .env("PEBBLE_VA_NOSLEEP", "1")
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log),
        ));
        wait_for(self.port);
        wait_for(self.management);
        let trust = place.path("directory-ca.pem").display().to_string();
        let url = format!("https://localhost:{}/roots/0", self.management);
        place.write("root.pem", &curl(&["--cacert", &trust, &url]));
    }

    fn log(place: &Place) -> String {
        std::fs::read_to_string(place.path("pebble.log")).unwrap()
    }
}

/// An edge with certificates from that CA for these names.
struct Site {
    place: Place,
    plain: u16,
    tls: u16,
}

impl Site {
    fn new() -> Site {
        Site {
            place: Place::new(),
            plain: steady_port(),
            tls: steady_port(),
        }
    }

    fn start(&self, pebble: &Pebble, names: &[&str], more: &str) -> Edge {
        let text = format!(
            "[[listen]]\naddress = \"127.0.0.1:{}\"\nredirect_to_https = true\n\
             [[listen]]\naddress = \"127.0.0.1:{}\"\ntls = true\n\
             [overload]\nlag_ms_max = 60000\n\
             [acme]\ndirectory = \"https://localhost:{}/dir\"\nca_file = \"directory-ca.pem\"\n\
             contact = [\"mailto:ops@shop.example\"]\nnames = {names:?}\n{more}\
             [[route]]\nname = \"all\"\nrespond = {{ status = 200, body = \"welcome all.\" }}\n",
            self.plain, self.tls, pebble.port,
        );
        self.place.write("edge.toml", &text);
        Edge::start(&self.place, self.plain)
    }

    /// What curl gets there over TLS, if it trusts the CA as it is now.
    fn ask(&self, name: &str) -> Option<String> {
        let output = Command::new("curl")
            .args(["-sS", "--max-time", "20", "--cacert"])
            .arg(self.place.path("root.pem"))
            .arg("--resolve")
            .arg(format!("{name}:{}:127.0.0.1", self.tls))
            .arg(format!("https://{name}:{}/", self.tls))
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        output.status.success().then_some(said)
    }

    /// The certificate that is shown there now.
    fn shown(&self, name: &str) -> String {
        let address = ([127, 0, 0, 1], self.tls).into();
        let mut connection = Connection::open(address, name, Spoken::Http1, &[]);
        assert_eq!(connection.ask(name), "welcome all", "{}", connection.said());
        let said = connection.said();
        let from = said.find("-----BEGIN CERTIFICATE").unwrap();
        let to = said.find("-----END CERTIFICATE").unwrap();
        said[from..to].to_owned()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.place.path("edge.log")).unwrap()
    }

    fn metric(&self, name: &str) -> u64 {
        let output = self.place.ask(&["metrics"]);
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name}: {text}"))
            .trim()
            .parse()
            .unwrap()
    }

    fn ask_edge(&self, verb: &str) {
        let output = self.place.ask(&[verb]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{verb}: {said}");
    }
}

#[test]
fn a_ca_gives_a_certificate_for_each_name_and_another_in_time() {
    let site = Site::new();
    let mut pebble = Pebble::new(&site.place, site.plain, 24);
    pebble.start(&site.place);
    let names = ["shop.example", "www.shop.example"];
    let mut edge = site.start(&pebble, &names, "");
    for name in names {
        eventually("there is a certificate", || {
            site.ask(name).as_deref() == Some("welcome all.")
        });
    }
    assert_eq!(site.metric("edge_acme_issued_total"), 2, "{}", site.log());
    assert_eq!(site.metric("edge_acme_failures_total"), 0, "{}", site.log());
    let first = site.shown("shop.example");
    let begun = Instant::now();
    // Keys are for their owner alone.
    let below = site.place.path("state/acme");
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&below), 0o700);
    let files: Vec<_> = std::fs::read_dir(&below)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");
    // A token that nobody gave is a request like any other, and so is one that is not read.
    let token = format!(
        "http://127.0.0.1:{}/.well-known/acme-challenge/token",
        site.plain
    );
    assert_eq!(curl_status(&[&token]), 308);
    assert_eq!(curl_status(&["-X", "POST", &token]), 308);
    // Whoever follows goes on with it, and asks for no other.
    site.ask_edge("reload");
    assert_eq!(site.shown("shop.example"), first);
    site.ask_edge("upgrade");
    eventually("the old edge ended", || {
        edge.process.child.try_wait().unwrap().is_some()
    });
    let successor: u32 = site.place.status()["pid"]
        .as_u64()
        .unwrap()
        .try_into()
        .unwrap();
    let successor = Successor(successor);
    assert_eq!(site.shown("shop.example"), first);
    assert!(begun.elapsed().as_secs() < 14, "too slow to tell");
    // Two thirds of its life are over.
    eventually("it is replaced", || site.shown("shop.example") != first);
    assert_eq!(site.ask("shop.example").as_deref(), Some("welcome all."));
    assert_eq!(site.metric("edge_acme_failures_total"), 0, "{}", site.log());
    let made = Pebble::log(&site.place).matches("POST /sign-me-up").count();
    assert!(
        (1..=3).contains(&made),
        "one account, and nonces that were refused: {made}"
    );
    let log = Pebble::log(&site.place);
    assert!(log.contains("There are now 1 accounts"), "{log}");
    assert!(!log.contains("There are now 2 accounts"), "{log}");
    drop(successor);
}

/// The process that took over; this test did not start it itself.
struct Successor(u32);

impl Drop for Successor {
    fn drop(&mut self) {
        crate::harness::signal_to(self.0, "-TERM");
        let begun = Instant::now();
        let there = format!("/proc/{}", self.0);
        while std::path::Path::new(&there).exists() && begun.elapsed() < PATIENCE {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

#[test]
fn a_ca_that_fails_stops_nothing_and_is_asked_again() {
    let site = Site::new();
    let mut pebble = Pebble::new(&site.place, site.plain, 86_400);
    let ca = Ca::root(&site.place, "own-ca");
    let own = ca.server(&site.place, "own", &["own.example"]);
    let more = format!(
        "[[certificate]]\nchain_file = {:?}\nkey_file = {:?}\n",
        own.chain, own.key
    );
    let _edge = site.start(&pebble, &["shop.example", "elsewhere.example"], &more);
    // Nobody is there.
    eventually("both were tried", || {
        site.metric("edge_acme_failures_total") == 2
    });
    let log = site.log();
    assert!(
        log.contains("there is no new certificate") && log.contains("Connection refused"),
        "{log}"
    );
    site.shown("own.example");
    assert_eq!(site.ask("shop.example"), None);
    // Somebody is, and one of the names does not lead here.
    pebble.start(&site.place);
    site.ask_edge("reload");
    eventually("there is a certificate", || {
        site.ask("shop.example").as_deref() == Some("welcome all.")
    });
    eventually("the other failed", || {
        site.metric("edge_acme_failures_total") == 3
    });
    let log = site.log();
    assert!(log.contains("127.0.0.9"), "it isn't said why: {log}");
    site.shown("own.example");
    // What is broken on the disk is passed over, said, and replaced; the CA has forgotten the account.
    let file = site.place.path("state/acme/shop.example.pem");
    let before = site.shown("shop.example");
    pebble.start(&site.place);
    std::fs::write(&file, "nothing\n").unwrap();
    eventually("it is said", || {
        site.log().contains("a certificate is passed over")
    });
    site.shown("own.example");
    site.ask_edge("reload");
    eventually("there is another", || {
        site.ask("shop.example").as_deref() == Some("welcome all.")
    });
    assert_ne!(site.shown("shop.example"), before);
    site.shown("own.example");
}
