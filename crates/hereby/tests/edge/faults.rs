//! What an edge does when the machine under it fails: it goes on serving, and says so.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::failover_peers::Dial;
use crate::harness::{Edge, Place, curl_status, eventually, free_port, is_there};
use crate::upgrade_peers::{ends, head, upgrade};

fn configure(place: &Place, port: u16, behind: u16, more: &str) {
    place.write(
        "edge.toml",
        &format!(
            "drain_ms = 1000\n{more}[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [[upstream]]\nname = \"one\"\nservers = [\"127.0.0.1:{behind}\"]\n\
             [[route]]\nname = \"all\"\nto = \"one\"\n"
        ),
    );
}

#[test]
fn killed_it_starts_again_at_once_on_what_it_left_behind() {
    let place = Place::new();
    let (port, dial) = (free_port(), Dial::new());
    configure(&place, port, dial.port, "");
    let url = format!("http://127.0.0.1:{port}/");
    for _ in 0..5 {
        let mut edge = Edge::start(&place, port);
        // Connections that are open when it is killed leave the port in use for a while.
        let mut kept = TcpStream::connect(edge.address).unwrap();
        kept.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .unwrap();
        assert!(head(&mut kept).unwrap().contains("200"));
        assert_eq!(curl_status(&[&url]), 200);
        edge.process.signal("-KILL");
        edge.process.child.wait().unwrap();
        assert!(
            is_there(&place.path("state/edge.sock")),
            "it had no time to tidy up"
        );
        let asked = place.ask(&["top", "--once"]);
        assert_eq!(
            asked.status.code(),
            Some(6),
            "nobody is there, and that is said"
        );
    }
    let edge = Edge::start(&place, port);
    eventually("it can be asked", || {
        place.ask(&["top", "--once"]).status.success()
    });
    assert_eq!(place.status()["pid"], edge.process.id());
}

#[test]
fn an_access_log_that_can_t_be_written_stops_nobody_and_is_said() {
    let place = Place::new();
    let (port, dial) = (free_port(), Dial::new());
    // Every write to it fails as on a full disk.
    configure(
        &place,
        port,
        dial.port,
        "[access_log]\npath = \"/dev/full\"\n",
    );
    let _edge = Edge::start(&place, port);
    let url = format!("http://127.0.0.1:{port}/");
    for _ in 0..50 {
        assert_eq!(curl_status(&[&url]), 200);
    }
    eventually("it is said", || {
        let log = std::fs::read_to_string(place.path("edge.log")).unwrap();
        log.contains("access log") && log.contains("No space left on device")
    });
    let said = std::fs::read_to_string(place.path("edge.log")).unwrap();
    assert_eq!(
        said.matches("access log can't be written").count(),
        1,
        "{said}"
    );
    assert!(!said.contains("written again"), "{said}");
    let _heir = upgrade(&place);
    assert_eq!(curl_status(&[&url]), 200);
}

#[test]
fn told_to_stop_it_writes_the_last_lines_of_its_access_log() {
    let place = Place::new();
    let (port, dial) = (free_port(), Dial::new());
    let log = place.path("access.log");
    let more = format!("[access_log]\npath = \"{}\"\n", log.display());
    configure(&place, port, dial.port, &more);
    let mut edge = Edge::start(&place, port);
    for _ in 0..20 {
        assert_eq!(curl_status(&[&format!("http://127.0.0.1:{port}/")]), 200);
    }
    edge.process.signal("-TERM");
    assert_eq!(ends(&mut edge), Some(0));
    let lines = std::fs::read_to_string(&log).unwrap();
    assert_eq!(lines.lines().count(), 20);
}

#[test]
fn its_state_directory_removed_it_serves_and_can_be_asked_again_soon() {
    let place = Place::new();
    let (port, dial) = (free_port(), Dial::new());
    configure(&place, port, dial.port, "");
    let edge = Edge::start(&place, port);
    let url = format!("http://127.0.0.1:{port}/");
    std::fs::remove_dir_all(place.path("state")).unwrap();
    assert_eq!(curl_status(&[&url]), 200);
    eventually("it can be asked again", || {
        place.ask(&["top", "--once"]).status.success()
    });
    assert_eq!(place.status()["pid"], edge.process.id());
    let _heir = upgrade(&place);
    assert_eq!(curl_status(&[&url]), 200);
    let log = std::fs::read_to_string(place.path("edge.log")).unwrap();
    assert!(log.contains("edge.sock was gone"), "{log}");
}

#[test]
fn without_control_from_the_beginning_it_serves_and_says_that_it_is_unrecorded() {
    let place = Place::new();
    let (port, dial) = (free_port(), Dial::new());
    configure(&place, port, dial.port, "");
    let _edge = Edge::start(&place, port);
    assert_eq!(curl_status(&[&format!("http://127.0.0.1:{port}/")]), 200);
    assert_eq!(place.status()["recorded"], false);
    let log = std::fs::read_to_string(place.path("edge.log")).unwrap();
    assert!(log.contains("unrecorded"), "{log}");
}

#[test]
fn an_upstream_that_breaks_off_in_its_answer_is_not_passed_on_as_whole() {
    let place = Place::new();
    let (port, listener) = (
        free_port(),
        std::net::TcpListener::bind("127.0.0.1:0").unwrap(),
    );
    configure(&place, port, listener.local_addr().unwrap().port(), "");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            if head(&mut stream).is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
            }
        }
    });
    let edge = Edge::start(&place, port);
    let mut stream = TcpStream::connect(edge.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    let begun = Instant::now();
    let mut answer = Vec::new();
    // A reset is an end as well.
    let _ = stream.read_to_end(&mut answer);
    assert!(begun.elapsed() < Duration::from_secs(5));
    let text = String::from_utf8_lossy(&answer);
    assert!(text.contains("100") && text.ends_with("half"), "{text}");
}
