//! What is switched off is off at the edge at once, and applications hear of it there.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fleet_peers::Fleet;
use crate::harness::{Edge, PATIENCE, Place, curl, curl_status, eventually, free_port};

/// What an application hears: the data of each event.
struct Listener(BufReader<TcpStream>);

impl Listener {
    fn on(port: u16) -> Listener {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
            .write_all(b"GET /switches/events HTTP/1.1\r\nHost: edge\r\n\r\n")
            .unwrap();
        Listener(BufReader::new(stream))
    }

    /// The next event; none: it ended.
    fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(data).unwrap());
            }
        }
    }
}

fn told(port: u16) -> Value {
    let text = curl(&[&format!("http://127.0.0.1:{port}/switches")]);
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_switched_off_tenant_or_route_is_refused_and_a_limit_counts_nobody() {
    let place = Place::new();
    let (port, figures) = (free_port(), free_port());
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\n[metrics]\nlisten = \"127.0.0.1:{figures}\"\n\
             [[tenant]]\nname = \"shop\"\nhosts = [\"shop.test\"]\n\
             [[tenant]]\nname = \"bank\"\nhosts = [\"bank.test\"]\n\
             [[limit]]\nname = \"by-route\"\nkey = \"route\"\nrate = {{ requests = 1, per_ms = 60000, burst = 1 }}\n\
             [[route]]\nname = \"search\"\ntenant = \"shop\"\npath = \"/search\"\nlimits = [\"by-route\"]\n\
             respond = {{ status = 200, body = \"found\" }}\n\
             [[route]]\nname = \"all\"\ntenant = \"shop\"\nrespond = {{ status = 200, body = \"shop\" }}\n\
             [[route]]\nname = \"bank\"\ntenant = \"bank\"\nrespond = {{ status = 200, body = \"bank\" }}\n"
        ),
    );
    let _edge = Edge::start(&place, port);
    let ask = |host: &str, path: &str| {
        let host = format!("Host: {host}");
        curl_status(&["-H", &host, &format!("http://127.0.0.1:{port}{path}")])
    };
    // Unknown is not "all on".
    let switches = format!("http://127.0.0.1:{figures}/switches");
    assert_eq!(curl_status(&[&switches]), 503);
    let nothing = json!({"off": [], "postures": {}});
    let mut listener = Listener::on(figures);
    let overlay = |sequence: u64, more: &str| {
        let text = format!(r#"{{"version":1,"sequence":{sequence},{more}}}"#);
        place.write("state/overlay.json", &text);
    };
    overlay(
        1,
        r#""switches":[{"switch":"route/search","until_ms":null},{"switch":"feature/x","until_ms":null}],
           "postures":[{"service":"checkout","posture":"safe","until_ms":null}]"#,
    );
    let some = json!({"off": ["route/search", "feature/x"], "postures": {"checkout": "safe"}});
    assert_eq!(listener.next().unwrap(), some);
    assert_eq!(told(figures), some);
    assert_eq!(ask("shop.test", "/search"), 503);
    assert_eq!(ask("shop.test", "/"), 200);
    assert_eq!(place.refused("switched_off"), 1);
    // For a while: who is refused is told when to ask again, and it ends by itself.
    let now_ms = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    let until = now_ms + 3_000;
    let more = format!(r#""switches":[{{"switch":"tenant/shop","until_ms":{until}}}]"#);
    overlay(2, &more);
    assert_eq!(listener.next().unwrap()["off"], json!(["tenant/shop"]));
    let answer = curl(&[
        "-i",
        "-H",
        "Host: shop.test",
        &format!("http://127.0.0.1:{port}/"),
    ]);
    assert!(answer.contains("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after: "), "{answer}");
    assert!(answer.contains("the tenant is switched off"), "{answer}");
    assert_eq!(ask("bank.test", "/"), 200);
    assert_eq!(listener.next().unwrap(), nothing);
    assert_eq!(ask("shop.test", "/"), 200);
    // A limit that is off counts nobody.
    eventually("the limit is used up", || {
        ask("shop.test", "/search") == 429
    });
    overlay(
        3,
        r#""switches":[{"switch":"limit/by-route","until_ms":null}]"#,
    );
    assert_eq!(listener.next().unwrap()["off"], json!(["limit/by-route"]));
    assert!((0..20).all(|_| ask("shop.test", "/search") == 200));
    // What nobody here knows is not taken, and what was said before goes on to hold.
    overlay(4, r#""switches":[{"switch":"rule/x","until_ms":null}]"#);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(told(figures)["off"], json!(["limit/by-route"]));
    // A successor knows it from its first request on, and who listens comes anew.
    overlay(
        5,
        r#""switches":[{"switch":"tenant/bank","until_ms":null}]"#,
    );
    assert_eq!(listener.next().unwrap()["off"], json!(["tenant/bank"]));
    assert!(place.ask(&["upgrade"]).status.success());
    assert_eq!(listener.next(), None);
    assert_eq!(ask("bank.test", "/"), 503);
    let mut again = Listener::on(figures);
    assert_eq!(again.next().unwrap()["off"], json!(["tenant/bank"]));
}

#[test]
fn what_somebody_switches_off_is_off_at_enrolled_edges_also_while_control_is_gone() {
    let mut fleet = Fleet::new(&[("o-1", "office", "internal")]);
    fleet.deploy("one", 200);
    eventually("it runs it", || fleet.answer(0) == "one");
    let why = ["-m", "it takes the shop down"];
    let no = fleet.no(&["switch", "route/all", "off"]);
    assert!(no.contains("a switch has a reason"), "{no}");
    fleet.must(&["declare", "checkout fails", "--severity", "2"]);
    let off = [
        "switch",
        "route/all",
        "off",
        "--for",
        "1h",
        "--incident",
        "1",
    ];
    let begun = Instant::now();
    let said = fleet.must(&[&off[..], &why].concat());
    assert!(said.contains("route/all is off until"), "{said}");
    eventually("it is off", || fleet.answer(0).contains("switched_off"));
    eprintln!("off after {:?}", begun.elapsed());
    let listed = fleet.must(&["switches"]);
    assert!(
        listed.contains("route/all") && listed.contains("INC-1"),
        "{listed}"
    );
    let timeline = fleet.must(&["show", "1"]);
    assert!(timeline.contains("turned it off until"), "{timeline}");
    fleet.kill_control();
    fleet.edges[0].process.as_mut().unwrap().kill();
    fleet.begin(0);
    eventually("it stays off", || fleet.answer(0).contains("switched_off"));
    fleet.begin_control();
    fleet.must(&[&["switch", "route/all", "on"], &why[..]].concat());
    eventually("it is on again", || fleet.answer(0) == "one");
    fleet.must(&["service", "add", "checkout", "--tier", "1"]);
    fleet.must(&[&["posture", "checkout", "degraded"], &why[..]].concat());
    let listed = fleet.must(&["posture"]);
    assert!(
        listed.contains("checkout") && listed.contains("degraded"),
        "{listed}"
    );
    let said = fleet.must(&["verify"]);
    assert!(said.contains("verified"), "{said}");
}
