//! One edge process takes over from another, in use: nothing is lost, and one that can't take over
//! changes nothing.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::{
    Edge, HEREBY, Nginx, Place, Process, curl, curl_status, eventually, free_port, raw, signal_to,
    status_of,
};
use crate::tls_peers::Ca;
use crate::upgrade_peers::{
    Heir, Manager, Opener, SLOW_BYTES, backend, chat, echoes, ends, has_ended, head, holds,
    listener_inodes, start_noticed, unharmed, upgrade, websocket, wrk, wrk_at,
};

/// How long the old process may go on, in these tests.
const DRAIN_MS: u64 = 4_000;

/// How often an edge is upgraded under load: a hundred times in a soak.
fn upgrades() -> usize {
    let said = std::env::var("HEREBY_EDGE_UPGRADES");
    said.ok().and_then(|said| said.parse().ok()).unwrap_or(3)
}

/// `/page` comes from nginx, everything else from the backend.
fn configure(place: &Place, ports: &[u16], nginx: u16, backend: u16) {
    let mut text = format!("drain_ms = {DRAIN_MS}\n[overload]\nlag_ms_max = 10000\n");
    for port in ports {
        write!(
            text,
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\nhttp2 = true\n"
        )
        .unwrap();
    }
    write!(
        text,
        "[[upstream]]\nname = \"site\"\nservers = [\"127.0.0.1:{nginx}\"]\n\
         [[upstream]]\nname = \"own\"\nservers = [\"127.0.0.1:{backend}\"]\n\
         [[route]]\nname = \"page\"\npath = \"/page\"\nto = \"site\"\n\
         [[route]]\nname = \"rest\"\nto = \"own\"\nwebsocket = true\n"
    )
    .unwrap();
    place.write("edge.toml", &text);
}

/// An answer that needs nobody behind the edge.
fn configure_alone(place: &Place, ports: &[u16], said: &str) {
    let mut text = format!("drain_ms = {DRAIN_MS}\n");
    for port in ports {
        write!(text, "[[listen]]\naddress = \"127.0.0.1:{port}\"\n").unwrap();
    }
    write!(
        text,
        "[[route]]\nname = \"all\"\nrespond = {{ status = 200, body = \"{said}\" }}\n"
    )
    .unwrap();
    place.write("edge.toml", &text);
}

#[test]
fn under_load_with_websockets_and_a_slow_download_an_upgrade_loses_nothing() {
    let place = Place::new();
    let (port, behind) = (free_port(), free_port());
    place.write("www/page", "the page");
    let _nginx = Nginx::start(&place, behind, "");
    configure(&place, &[port], behind, backend());
    let manager = Manager::new(place.dir.path());
    let mut edge = start_noticed(&place, port, &manager);
    let address = edge.address;
    assert!(manager.told().starts_with("READY=1"));
    let times = upgrades();
    let load = wrk(address, times * 2 + 4);
    let openers = [
        Opener::start(address, "the page"),
        Opener::start(address, "the page"),
    ];
    let chats: Vec<_> = (0..4).map(|_| chat(websocket(address))).collect();
    let slow = std::thread::spawn(move || {
        let asked = b"GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        raw(address, asked, Duration::from_secs(10)).len()
    });
    // It has begun to come before anything changes.
    std::thread::sleep(Duration::from_millis(300));
    let first = Instant::now();
    let mut old = edge.process.id();
    let mut heirs: Vec<Heir> = Vec::new();
    let mut worst = Duration::ZERO;
    for _ in 0..times {
        let inode = listener_inodes(&[port]).remove(0);
        let upgrading = std::thread::scope(|scope| {
            let upgrading = scope.spawn(|| upgrade(&place));
            // The successor says that it is ready once the old one knows.
            let said = manager.told();
            let ready = Instant::now();
            assert!(said.starts_with("READY=1\nMAINPID="), "{said}");
            while holds(old, &inode) {
                assert!(
                    ready.elapsed() < Duration::from_secs(5),
                    "it goes on accepting"
                );
                std::thread::sleep(Duration::from_millis(1));
            }
            worst = worst.max(ready.elapsed());
            upgrading.join().unwrap()
        });
        assert_eq!(place.status()["pid"], upgrading.0);
        old = upgrading.0;
        heirs.push(upgrading);
        std::thread::sleep(Duration::from_secs(1));
    }
    println!("from ready to the old one not accepting: {worst:?} at most");
    assert!(worst < Duration::from_millis(100), "{worst:?}");
    assert!(
        slow.join().unwrap() > SLOW_BYTES,
        "the slow download is whole"
    );
    for chat in chats {
        let lived = chat.join().unwrap() - first;
        assert!(
            lived >= Duration::from_millis(DRAIN_MS),
            "a WebSocket was cut after {lived:?}"
        );
    }
    assert_eq!(ends(&mut edge), Some(0));
    let last = heirs.pop().unwrap();
    eventually("every process but the last ends", || {
        heirs.iter().all(Heir::has_ended)
    });
    assert!(!last.has_ended());
    let opened: u64 = openers.into_iter().map(Opener::end).sum();
    let kept = unharmed(load);
    assert!(opened > 100 && kept > 100, "{opened} and {kept}");
    println!("{kept} requests over kept connections, {opened} over new ones, none lost");
}

#[test]
fn a_kept_connection_that_is_idle_at_the_handover_is_answered_once_more_and_then_closed() {
    let place = Place::new();
    let port = free_port();
    configure_alone(&place, &[port], "as ever");
    let mut edge = Edge::start(&place, port);
    let ask = |stream: &mut TcpStream| {
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .unwrap();
        let head = head(stream).unwrap();
        let mut body = [0; 7];
        stream.read_exact(&mut body).unwrap();
        assert_eq!(&body, b"as ever");
        head.to_ascii_lowercase()
    };
    let mut kept = TcpStream::connect(edge.address).unwrap();
    assert!(!ask(&mut kept).contains("connection: close"));
    // And one that has not asked yet.
    let mut fresh = TcpStream::connect(edge.address).unwrap();
    // And one that will never.
    let mut silent = TcpStream::connect(edge.address).unwrap();
    let begun = Instant::now();
    let _heir = upgrade(&place);
    std::thread::sleep(Duration::from_millis(300));
    for stream in [&mut kept, &mut fresh] {
        assert!(ask(stream).contains("connection: close"));
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
    }
    assert_eq!(silent.read(&mut [0; 8]).unwrap(), 0);
    let rested = begun.elapsed();
    assert!(rested >= Duration::from_millis(DRAIN_MS / 2), "{rested:?}");
    assert_eq!(ends(&mut edge), Some(0));
    assert!(
        begun.elapsed() < Duration::from_millis(DRAIN_MS),
        "nobody was waited for"
    );
}

#[test]
fn a_download_over_http_2_goes_on_while_the_edge_is_upgraded() {
    let place = Place::new();
    let (port, nobody) = (free_port(), free_port());
    configure(&place, &[port], nobody, backend());
    let mut edge = Edge::start(&place, port);
    let url = format!("http://127.0.0.1:{port}/slow");
    let slow = std::thread::spawn(move || curl(&["--http2-prior-knowledge", &url]).len());
    eventually("the download has begun", || {
        place.status()["requests_in_progress"] == 1
    });
    let _heir = upgrade(&place);
    assert_eq!(slow.join().unwrap(), SLOW_BYTES);
    assert_eq!(ends(&mut edge), Some(0));
}

#[test]
fn over_tls_kept_connections_new_ones_and_a_download_outlive_three_upgrades() {
    let place = Place::new();
    let (port, tls, behind) = (free_port(), free_port(), free_port());
    place.write("www/page", "the page");
    let _nginx = Nginx::start(&place, behind, "");
    configure(&place, &[port], behind, backend());
    let ca = Ca::root(&place, "ca");
    let own = ca.server(&place, "own", &["localhost"]);
    let text = std::fs::read_to_string(place.path("edge.toml")).unwrap();
    let more = format!(
        "[[listen]]\naddress = \"127.0.0.1:{tls}\"\ntls = true\nhttp2 = true\n\
         [[certificate]]\nchain_file = {:?}\nkey_file = {:?}\n",
        own.chain, own.key
    );
    place.write("edge.toml", &format!("{text}{more}"));
    let mut edge = Edge::start(&place, port);
    let url = |path: &str| format!("https://localhost:{tls}{path}");
    let kept = wrk_at(&url("/page"), 8, &[]);
    // Each resumes a session, which the edge that began it may not be there to know.
    let fresh = wrk_at(&url("/page"), 8, &["-H", "Connection: close"]);
    let (slow, trust) = (url("/slow"), ca.file().to_owned());
    let slow =
        std::thread::spawn(move || curl(&["--http2", "--ipv4", "--cacert", &trust, &slow]).len());
    eventually("the download has begun", || {
        curl_status(&[&format!("http://127.0.0.1:{port}/page")]) == 200
            && place.status()["requests_in_progress"].as_u64() >= Some(1)
    });
    let mut heirs = Vec::new();
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(500));
        heirs.push(upgrade(&place));
    }
    assert_eq!(slow.join().unwrap(), SLOW_BYTES);
    assert_eq!(ends(&mut edge), Some(0));
    let (kept, fresh) = (unharmed(kept), unharmed(fresh));
    assert!(kept > 100 && fresh > 100, "{kept} and {fresh}");
}

/// A program that does what it wants when it should take over.
fn program(place: &Place, name: &str, script: &str) -> String {
    let path = place.write(name, &format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[test]
fn a_successor_that_crashes_refuses_or_hangs_changes_nothing_and_it_is_said_why() {
    let place = Place::new();
    let port = free_port();
    configure_alone(&place, &[port], "the old one");
    let edge = Edge::start(&place, port);
    let mut tunnel_like = TcpStream::connect(edge.address).unwrap();
    let url = format!("http://127.0.0.1:{port}/");
    let goes_on = |what: &str| {
        assert_eq!(curl(&[&url]), "the old one", "{what}");
        assert_eq!(place.status()["pid"], edge.process.id(), "{what}");
        assert_eq!(place.status()["draining"], false, "{what}");
    };
    let refused = |args: &[&str], why: &str| {
        let output = place.ask(args);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        // Refused: what was asked for can't be, as things are.
        assert_eq!(output.status.code(), Some(3), "{error}");
        assert!(error.contains(why), "{error}");
    };

    refused(
        &["upgrade", "--program", "/nonexistent"],
        "can't be started",
    );
    goes_on("a program that is not there");
    refused(
        &["upgrade", "--program", "/bin/false"],
        "ended before it was ready (exit status: 1)",
    );
    goes_on("one that crashes");
    let babbles = program(&place, "babbles", "echo nonsense >&0; exec sleep 60");
    refused(&["upgrade", "--program", &babbles], "refused: nonsense");
    goes_on("one that speaks another language");

    place.write("edge.toml", "worker = 3\n");
    refused(&["upgrade"], "edge.toml:1:1");
    goes_on("one that refuses its configuration");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    configure_alone(&place, &[port, taken.local_addr().unwrap().port()], "new");
    refused(&["upgrade"], "can't be listened on");
    goes_on("one that can't listen");
    configure_alone(&place, &[port], "the new one");

    let pid_file = place.path("pid");
    let hangs = program(
        &place,
        "hangs",
        &format!(
            "echo $$ > {}.new; mv {}.new {}; exec sleep 60",
            pid_file.display(),
            pid_file.display(),
            pid_file.display()
        ),
    );
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            refused(
                &["upgrade", "--program", &hangs],
                "ended before it was ready (signal: 9 (SIGKILL))",
            );
        });
        eventually("it hangs", || pid_file.exists());
        goes_on("one that hangs");
        let pid = std::fs::read_to_string(&pid_file).unwrap();
        signal_to(pid.trim().parse().unwrap(), "-KILL");
        waiting.join().unwrap();
    });
    goes_on("one that was ended");
    // A connection of before all that is still there.
    tunnel_like
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    assert!(head(&mut tunnel_like).unwrap().contains("200 OK"));

    let _heir = upgrade(&place);
    assert_eq!(curl(&[&url]), "the new one");
}

#[test]
fn told_to_stop_while_a_successor_hangs_it_ends_both() {
    let place = Place::new();
    let port = free_port();
    configure_alone(&place, &[port], "hello");
    let mut edge = Edge::start(&place, port);
    let pid_file = place.path("pid");
    let hangs = program(
        &place,
        "hangs",
        &format!("echo $$ > {}; exec sleep 60", pid_file.display()),
    );
    let mut asking = Process::start(
        Command::new(HEREBY)
            .args([
                "edge",
                "upgrade",
                "--quiet",
                "--program",
                &hangs,
                "--state-dir",
            ])
            .arg(place.path("state")),
    );
    let pid = || {
        let text = std::fs::read_to_string(&pid_file).unwrap_or_default();
        text.trim().parse::<u32>().ok()
    };
    eventually("it hangs", || pid().is_some());
    // The successor was told how things stand already.
    let said = place.ask(&["failover", "all", "--to", "1", "-m", "its disk is full"]);
    let error = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(
        !said.status.success() && error.contains("an upgrade is under way"),
        "{error}"
    );
    edge.process.signal("-TERM");
    assert_eq!(ends(&mut edge), Some(0));
    assert!(has_ended(pid().unwrap()));
    assert_ne!(asking.child.wait().unwrap().code(), Some(0));
}

#[test]
fn sixty_four_listeners_are_handed_over() {
    let place = Place::new();
    let ports: Vec<u16> = {
        let held: Vec<_> = (0..64)
            .map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        held.iter()
            .map(|one| one.local_addr().unwrap().port())
            .collect()
    };
    configure_alone(&place, &ports, "hello");
    let mut edge = Edge::start(&place, ports[0]);
    let openers: Vec<Opener> = [0, 31, 32, 63]
        .map(|place| Opener::start(([127, 0, 0, 1], ports[place]).into(), "hello"))
        .into();
    let inodes = listener_inodes(&ports);
    let heir = upgrade(&place);
    assert_eq!(ends(&mut edge), Some(0));
    for (port, inode) in ports.iter().zip(&inodes) {
        assert!(holds(heir.0, inode), "{port} is another socket now");
        assert_eq!(curl_status(&[&format!("http://127.0.0.1:{port}/")]), 200);
    }
    for opener in openers {
        assert!(opener.end() > 0);
    }
}

#[test]
fn a_listener_is_added_and_another_removed_by_the_new_configuration() {
    let place = Place::new();
    let (stays, goes, comes) = (free_port(), free_port(), free_port());
    configure_alone(&place, &[stays, goes], "before");
    let mut edge = Edge::start(&place, stays);
    let opener = Opener::start(edge.address, "e");
    configure_alone(&place, &[comes, stays], "now here");
    let reload = place.ask(&["reload"]);
    let error = String::from_utf8_lossy(&reload.stderr).into_owned();
    assert_eq!(reload.status.code(), Some(3), "{error}");
    assert!(error.contains("hereby edge upgrade"), "{error}");
    let _heir = upgrade(&place);
    assert_eq!(ends(&mut edge), Some(0));
    for port in [stays, comes] {
        assert_eq!(curl(&[&format!("http://127.0.0.1:{port}/")]), "now here");
    }
    assert!(TcpStream::connect(("127.0.0.1", goes)).is_err());
    opener.end();
}

#[test]
fn told_to_stop_it_accepts_nothing_more_ends_what_was_begun_and_says_so() {
    let place = Place::new();
    let (port, nobody) = (free_port(), free_port());
    configure(&place, &[port], nobody, backend());
    let manager = Manager::new(place.dir.path());
    let mut edge = start_noticed(&place, port, &manager);
    let ready = format!("READY=1\nMAINPID={}\n", edge.process.id());
    assert_eq!(manager.told(), ready);
    edge.process.signal("-HUP");
    assert_eq!(manager.told(), "RELOADING=1\n");
    assert_eq!(manager.told(), "READY=1\n");
    let address = edge.address;
    let slow = std::thread::spawn(move || {
        let asked = b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";
        raw(address, asked, Duration::from_secs(10))
    });
    let mut tunnel = websocket(address);
    eventually("both have begun", || {
        let status = place.status();
        status["requests_in_progress"] == 1 && status["websockets"] == 1
    });
    let begun = Instant::now();
    edge.process.signal("-TERM");
    assert_eq!(manager.told(), "STOPPING=1\n");
    eventually("it stops accepting", || {
        TcpStream::connect(address).is_err()
    });
    assert!(echoes(&mut tunnel, b"still there?"));
    let slow = slow.join().unwrap();
    assert_eq!(status_of(&slow), 200);
    assert!(slow.len() > SLOW_BYTES);
    assert!(echoes(&mut tunnel, b"and now?"));
    // The last thing that it waits for.
    drop(tunnel);
    assert_eq!(ends(&mut edge), Some(0));
    assert!(begun.elapsed() < Duration::from_millis(DRAIN_MS + 2_000));
}

#[test]
fn told_to_stop_twice_it_cuts_what_is_left() {
    let place = Place::new();
    let (port, nobody) = (free_port(), free_port());
    configure(&place, &[port], nobody, backend());
    let text = std::fs::read_to_string(place.path("edge.toml")).unwrap();
    place.write(
        "edge.toml",
        &text.replace("drain_ms = 4000", "drain_ms = 600000"),
    );
    let mut edge = Edge::start(&place, port);
    let mut tunnel = websocket(edge.address);
    edge.process.signal("-TERM");
    eventually("it stops accepting", || {
        TcpStream::connect(edge.address).is_err()
    });
    assert!(echoes(&mut tunnel, b"still there?"));
    edge.process.signal("-TERM");
    assert_eq!(ends(&mut edge), Some(0));
    assert!(!echoes(&mut tunnel, b"still there?"));
}

#[test]
fn a_wait_that_has_begun_goes_on_in_the_successor() {
    let place = Place::new();
    let (port, behind, dead) = (free_port(), free_port(), free_port());
    place.write("www/page", "the page");
    let _nginx = Nginx::start(&place, behind, "");
    // Fifteen minutes' wait, here six seconds.
    place.write(
        "edge.toml",
        &format!(
            "drain_ms = 1000\n[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [[upstream]]\nname = \"first\"\nservers = [\"127.0.0.1:{dead}\"]\n\
             [upstream.health]\npath = \"/page\"\nevery_ms = 200\ntimeout_ms = 200\nunhealthy_after = 2\n\
             [[upstream]]\nname = \"second\"\nservers = [\"127.0.0.1:{behind}\"]\n\
             [[route]]\nname = \"site\"\nto = [\"first\", \"second\"]\n\
             [route.failover]\nwait_ms = 6000\nhold_ms = 3000\n"
        ),
    );
    let _edge = Edge::start(&place, port);
    let plan = || place.status()["routes"][0]["plan"].to_string();
    eventually("the wait begins", || plan().contains("fails over"));
    let begun = Instant::now();
    std::thread::sleep(Duration::from_millis(2_500));
    let first = upgrade(&place);
    let status = place.status();
    assert_eq!(status["routes"][0]["serving"], 0);
    let up = &status["upstreams"][0]["up"];
    assert_eq!(*up, false, "what was known of it is known still");
    std::thread::sleep(Duration::from_millis(1_500));
    let _second = upgrade(&place);
    let url = format!("http://127.0.0.1:{port}/page");
    assert_eq!(curl_status(&[&url]), 503, "not before its time");
    eventually("the second serves", || curl_status(&[&url]) == 200);
    let waited = begun.elapsed();
    let range = Duration::from_millis(5_500)..Duration::from_millis(7_900);
    assert!(range.contains(&waited), "{waited:?}: it began anew");
    eventually("the one in between ends", || first.has_ended());
}
