//! The time of day jumps under an edge that serves: what counts on a clock that never jumps goes on
//! as before, and what is out of date by the new time is refused until the clock is right again.
//!
//! Debian's libfaketime steps the calendar of the edge's process alone, and leaves the clock that
//! never goes back.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::failover_peers::{Dial, see};
use crate::harness::{Edge, HEREBY, PATIENCE, Place, eventually, free_port, raw, status_of};
use crate::tls_peers::{Ca, Connection, Crl, Identity, Spoken};
use crate::upgrade_peers::Opener;

const HEAD: Duration = Duration::from_millis(2_500);
const WAIT: Duration = Duration::from_millis(3_000);
const HOLD: Duration = Duration::from_millis(1_500);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(3);
/// What the edge notices, it notices a little before it is looked at here.
const EARLY: Duration = Duration::from_millis(300);

/// Debian's, in the directory of the machine's architecture.
fn libfaketime() -> PathBuf {
    let directories = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let mut files = directories.map(|one| one.path().join("faketime/libfaketime.so.1"));
    files
        .find(|file| file.exists())
        .expect("libfaketime is there: ./dev test installs it (libfaketime)")
}

/// Starts an edge whose calendar follows [`step`].
pub(crate) fn start(place: &Place, port: u16) -> Edge {
    step(place, "+0");
    let mut command = Command::new(HEREBY);
    command
        .env("LD_PRELOAD", libfaketime())
        .env("FAKETIME_TIMESTAMP_FILE", place.path("calendar"))
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        // Files have the times that they have.
        .env("NO_FAKE_STAT", "1");
    Edge::start_as(place, port, &mut command)
}

/// From now on the edge's calendar is so far off: `+1y`, `-1d`.
pub(crate) fn step(place: &Place, offset: &str) {
    let fresh = place.write("calendar.fresh", offset);
    std::fs::rename(fresh, place.path("calendar")).unwrap();
}

/// How many years later than today the edge says it is, in the last whole line of its access log.
fn years_off(place: &Place) -> Option<i16> {
    let year = |text: &str| text.split('-').next().unwrap().parse::<i16>().unwrap();
    let log = std::fs::read_to_string(place.path("access.log")).unwrap();
    let line = log.rsplit_once('\n')?.0.lines().last()?;
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    Some(year(line["at"].as_str().unwrap()) - year(&Timestamp::now().to_string()))
}

struct World {
    place: Place,
    edge: Edge,
    primary: Dial,
    url: String,
}

impl World {
    fn new() -> World {
        let place = Place::new();
        let (port, primary) = (free_port(), Dial::new());
        place.write("mirror/index.html", "mirror");
        place.write(
            "edge.toml",
            &format!(
                "[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
                 [access_log]\npath = {:?}\n[connection]\nhead_ms = {}\n[overload]\nlag_ms_max = 60000\n\
                 [[limit]]\nname = \"hourly\"\nkey = \"header:x-who\"\n\
                 rate = {{ requests = 2, per_ms = 3600000 }}\n\
                 [[limit]]\nname = \"quick\"\nkey = \"header:x-who\"\n\
                 rate = {{ requests = 1, per_ms = 1000 }}\n\
                 [[upstream]]\nname = \"first\"\nservers = [\"127.0.0.1:{}\"]\n\
                 [upstream.health]\npath = \"/healthz\"\nevery_ms = 200\ntimeout_ms = 200\n\
                 healthy_after = 1\nunhealthy_after = 1\n\
                 [[route]]\nname = \"page\"\npath = \"/page\"\n\
                 respond = {{ status = 200, body = \"the page\" }}\n\
                 [[route]]\nname = \"hourly\"\npath = \"/hourly\"\nlimits = [\"hourly\"]\n\
                 respond = {{ status = 200, body = \"ok\" }}\n\
                 [[route]]\nname = \"quick\"\npath = \"/quick\"\nlimits = [\"quick\"]\n\
                 respond = {{ status = 200, body = \"ok\" }}\n\
                 [[route]]\nname = \"site\"\nto = [\"first\"]\n\
                 mirror = {{ directory = \"mirror\", index = \"index.html\" }}\n\
                 [route.failover]\nwait_ms = {}\nhold_ms = {}\n",
                place.path("access.log"),
                HEAD.as_millis(),
                primary.port,
                WAIT.as_millis(),
                HOLD.as_millis()
            ),
        );
        let edge = start(&place, port);
        World {
            place,
            edge,
            primary,
            url: format!("http://127.0.0.1:{port}"),
        }
    }

    fn serving(&self) -> u64 {
        let status = self.place.status();
        let routes = status["routes"].as_array().unwrap();
        let site = routes.iter().find(|route| route["name"] == "site").unwrap();
        site["serving"].as_u64().unwrap()
    }

    /// Status, and how long to wait, of a request by somebody of this name.
    fn asks(&self, path: &str, who: &str) -> (u16, u64) {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-Who: {who}\r\nConnection: close\r\n\r\n");
        let answer = raw(self.edge.address, request.as_bytes(), PATIENCE);
        let text = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        let wait = text
            .lines()
            .find_map(|line| line.strip_prefix("retry-after: "));
        let wait = wait.and_then(|wait| wait.parse().ok()).unwrap_or(0);
        (status_of(&answer), wait)
    }

    /// The step was seen.
    fn is_off(&self, years: i16) {
        eventually("the calendar stepped", || {
            years_off(&self.place) == Some(years)
        });
    }

    /// The calendar steps while a wait, a deadline and two budgets run, and back while a hold does.
    fn stand(&self, offset: &str, years: i16) {
        assert_eq!(self.asks("/hourly", offset), (200, 0));
        assert_eq!(self.asks("/hourly", offset), (200, 0));
        let trickled = self.trickle();
        self.primary.health.store(500, SeqCst);
        eventually("it is found to be down", || {
            self.place.status()["upstreams"][0]["up"] == false
        });
        let down = Instant::now();
        assert_eq!(self.asks("/quick", offset), (200, 0));

        step(&self.place, offset);
        self.is_off(years);
        let (status, wait) = self.asks("/hourly", offset);
        assert_eq!(status, 429);
        assert!((1_700..=1_800).contains(&wait), "{wait} s");
        assert_eq!(self.serving(), 0);
        // A bucket that is empty fills at its pace, also when the calendar goes back.
        let mut refused = 0;
        while self.asks("/quick", offset).0 == 429 {
            refused += 1;
            std::thread::sleep(Duration::from_millis(50));
            assert!(down.elapsed() < Duration::from_secs(1) + SLACK, "{refused}");
        }
        assert!(refused > 0 && down.elapsed() > Duration::from_millis(800));

        let took = trickled.join().unwrap();
        assert!((HEAD - EARLY..HEAD + SLACK).contains(&took), "{took:?}");
        eventually("the mirror serves", || self.serving() == 1);
        let took = down.elapsed();
        assert!((WAIT - EARLY..WAIT + SLACK).contains(&took), "{took:?}");
        let seen = see(&format!("{}/", self.url));
        assert_eq!((seen.status, seen.body.as_str()), (200, "mirror"));

        // And back, in the middle of the hold.
        self.primary.health.store(200, SeqCst);
        eventually("it is found to be up", || {
            self.place.status()["upstreams"][0]["up"] == true
        });
        let up = Instant::now();
        step(&self.place, "+0");
        self.is_off(0);
        assert_eq!(self.serving(), 1, "a hold is kept");
        eventually("the primary serves", || self.serving() == 0);
        let took = up.elapsed();
        assert!((HOLD - EARLY..HOLD + SLACK).contains(&took), "{took:?}");
        assert_eq!(self.asks("/hourly", offset).0, 429);
    }

    /// A head that never ends: how long it is listened to.
    fn trickle(&self) -> std::thread::JoinHandle<Duration> {
        let mut stream = TcpStream::connect(self.edge.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
        let begun = Instant::now();
        std::thread::spawn(move || {
            let mut answer = Vec::new();
            // A reset is an end as well.
            let _ = stream.read_to_end(&mut answer);
            begun.elapsed()
        })
    }
}

#[test]
fn a_calendar_that_steps_by_a_year_moves_no_limit_deadline_wait_or_hold() {
    let world = World::new();
    let opener = Opener::start(world.edge.address, "the page");
    world.stand("+1y", 1);
    world.stand("-1y", -1);
    // Each request of all that time was answered well.
    assert!(opener.end() > 200);
    assert_eq!(world.place.status()["panics_total"], 0);
}

/// What a client with that certificate gets on a new connection.
fn shown(address: SocketAddr, name: &str, client: &Identity) -> String {
    Connection::open(address, name, Spoken::Http1, &client.shown()).ask(name)
}

#[test]
fn certificates_and_crls_that_a_jump_puts_out_of_date_are_refused_until_the_clock_is_back() {
    let place = Place::new();
    let port = free_port();
    let (servers, ca) = (Ca::root(&place, "servers"), Ca::root(&place, "ca"));
    let names = ["certificate.example", "crl.example", "open.example"];
    let server = servers.server(&place, "server", &names);
    let crl = Crl::new(&place, &ca, "ca");
    crl.publish(&["-crlsec", "3600"]);
    let mut text = format!(
        "[[listen]]\naddress = \"127.0.0.1:{port}\"\ntls = true\n[overload]\nlag_ms_max = 60000\n\
         [[certificate]]\nchain_file = {:?}\nkey_file = {:?}\n",
        server.chain, server.key
    );
    let lists = format!("crl_files = [{:?}]\n", crl.file());
    for (name, more) in [("certificate", ""), ("crl", &lists), ("open", "")] {
        text += &format!("[[tenant]]\nname = \"{name}\"\nhosts = [\"{name}.example\"]\n");
        if name != "open" {
            let file = ca.file();
            text += &format!("[tenant.client_certificates]\nca_files = [{file:?}]\n{more}");
        }
        text += &format!(
            "[[route]]\nname = \"{name}\"\ntenant = \"{name}\"\n\
             respond = {{ status = 200, body = \"welcome {name}.\" }}\n"
        );
    }
    place.write("edge.toml", &text);
    let edge = start(&place, port);
    // Who only looked whether it listens shook no hands.
    let before = place.refused("handshake_failed");
    let client = ca.client(&place, "client");
    let mut kept =
        names.map(|name| Connection::open(edge.address, name, Spoken::Http1, &client.shown()));
    let mut hold = |offset: &str, wanted: [&str; 3]| {
        step(&place, offset);
        for ((connection, name), wanted) in kept.iter_mut().zip(names).zip(wanted) {
            assert_eq!(connection.ask(name), wanted, "{name} at {offset}");
            // In a handshake a certificate out of date is no certificate; a CRL is looked at later.
            let fresh = match wanted {
                "certificate_expired" => "ended",
                other => other,
            };
            assert_eq!(
                shown(edge.address, name, &client),
                fresh,
                "{name} at {offset}"
            );
        }
    };
    let well = ["welcome certificate", "welcome crl", "welcome open"];
    let (old, new) = ("certificate_expired", "revocation_unknown");
    hold("+0", well);
    // The CRL ends in an hour, the certificate in a month; the certificate began yesterday.
    hold("+2h", ["welcome certificate", new, "welcome open"]);
    hold("-2h", ["welcome certificate", new, "welcome open"]);
    hold("+0", well);
    hold("+1y", [old, old, "welcome open"]);
    hold("+0", well);
    hold("-1y", [old, old, "welcome open"]);
    hold("+0", well);
    let refused = |reason: &str| place.refused(reason);
    assert_eq!((refused(old), refused(new)), (4, 4));
    eventually("handshakes are counted", || {
        refused("handshake_failed") == before + 4
    });
}

#[test]
fn bans_that_end_end_by_the_calendar_and_hold_again_when_it_steps_back() {
    let place = Place::new();
    let port = free_port();
    let end = Timestamp::now() + SignedDuration::from_hours(1);
    let list = format!("127.0.0.7 until {end:.0}\n127.0.0.8\n");
    place.write("bans", &list);
    place.write(
        "edge.toml",
        &format!(
            "bans = [\"bans\"]\n[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [[route]]\nname = \"all\"\nrespond = {{ status = 200, body = \"ok\" }}\n"
        ),
    );
    // What an act said, as control writes it.
    let end_s = end.as_second();
    place.write(
        "state/overlay.json",
        &format!(
            "{{\"version\":1,\"sequence\":1,\"bans\":[{{\"prefix\":\"127.0.0.9/32\",\"until_s\":{end_s}}}]}}"
        ),
    );
    let _edge = start(&place, port);
    let url = format!("http://127.0.0.1:{port}/");
    let comes_in = |last: u8| {
        let from = format!("127.0.0.{last}");
        let output = Command::new("curl")
            .args(["-s", "--max-time", "10", "--interface", &from, &url])
            .output()
            .unwrap();
        output.status.success()
    };
    let who = || [6, 7, 8, 9].map(&comes_in);
    eventually("what was said holds", || {
        who() == [true, false, false, false]
    });
    for (offset, wanted) in [
        ("+30m", [true, false, false, false]),
        ("+2h", [true, true, false, true]),
        ("+0", [true, false, false, false]),
        ("+1y", [true, true, false, true]),
        ("-1y", [true, false, false, false]),
        ("+0", [true, false, false, false]),
    ] {
        step(&place, offset);
        assert_eq!(who(), wanted, "at {offset}");
    }
}
