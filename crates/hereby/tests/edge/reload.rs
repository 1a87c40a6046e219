//! A configuration that is read again keeps what it says nothing about: where failover stands, what
//! control said. And the access log lies beside it, and follows whoever moves it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::failover_peers::{Dial, see, site};
use crate::harness::{Edge, Place, curl, eventually, free_port};

/// As told by two upstreams, of which the first may be dead, and more.
fn configure(place: &Place, port: u16, (first, second): (u16, u16), more: &str) {
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\n[overload]\nlag_ms_max = 60000\n{more}\
             [[upstream]]\nname = \"first\"\nservers = [\"127.0.0.1:{first}\"]\n\
             [upstream.health]\npath = \"/\"\nevery_ms = 200\ntimeout_ms = 200\nhealthy_after = 1\nunhealthy_after = 1\n\
             [[upstream]]\nname = \"second\"\nservers = [\"127.0.0.1:{second}\"]\n\
             [[route]]\nname = \"site\"\nto = [\"first\", \"second\"]\n\
             [route.failover]\nwait_ms = 600\nhold_ms = 60000\n"
        ),
    );
}

fn reload(place: &Place) {
    let output = place.ask(&["reload"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
}

fn serving(place: &Place) -> u64 {
    let status = place.status();
    let mut routes = status["routes"].as_array().unwrap().iter();
    let found = routes.find(|route| route["name"] == "site").unwrap();
    found["serving"].as_u64().unwrap()
}

/// Nobody hears anything but the secondary for so long.
fn stays(place: &Place, url: &str, time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        let seen = see(url);
        assert_eq!((seen.status, &*seen.body), (200, "secondary"), "{seen:?}");
        assert_eq!(serving(place), 1);
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Another upstream, and its route.
fn other(dial: &Dial, before: bool) -> String {
    let name = if before { "another" } else { "yet-another" };
    format!(
        "[[upstream]]\nname = \"{name}\"\nservers = [\"127.0.0.1:{}\"]\n\
         [[route]]\nname = \"{name}\"\npath = \"/{name}\"\nto = \"{name}\"\n",
        dial.port
    )
}

#[test]
fn a_reload_that_is_about_something_else_keeps_the_secondary_serving() {
    let place = Place::new();
    let (port, first, second) = (free_port(), free_port(), free_port());
    let mut primary = site(&place, "primary", first);
    let _secondary = site(&place, "secondary", second);
    configure(&place, port, (first, second), "");
    let _edge = Edge::start(&place, port);
    let url = format!("http://127.0.0.1:{port}/");
    eventually("the primary serves", || see(&url).body == "primary");
    primary.kill();
    eventually("the secondary serves", || see(&url).body == "secondary");
    // It stands before the others, so that each of them has another place.
    let dial = Dial::new();
    configure(&place, port, (first, second), &other(&dial, true));
    reload(&place);
    stays(&place, &url, Duration::from_millis(1_000));
    // And the hold is kept when the primary is back.
    let _primary = site(&place, "primary", first);
    configure(
        &place,
        port,
        (first, second),
        &(other(&dial, true) + &other(&dial, false)),
    );
    reload(&place);
    stays(&place, &url, Duration::from_millis(700));
}

#[test]
fn what_control_overrides_holds_after_a_reload() {
    let place = Place::new();
    let (port, first, second) = (free_port(), free_port(), free_port());
    let _primary = site(&place, "primary", first);
    let _secondary = site(&place, "secondary", second);
    configure(&place, port, (first, second), "");
    let _edge = Edge::start(&place, port);
    let url = format!("http://127.0.0.1:{port}/");
    eventually("the primary serves", || see(&url).body == "primary");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let until_ms = now.as_millis() + 60_000;
    place.write(
        "state/overlay.json",
        &format!(
            r#"{{"version":1,"sequence":1,"failovers":[{{"route":"site","tier":1,"until_ms":{until_ms},"reason":"its disk is full"}}]}}"#
        ),
    );
    eventually("it is heard", || see(&url).body == "secondary");
    let dial = Dial::new();
    configure(&place, port, (first, second), &other(&dial, true));
    reload(&place);
    stays(&place, &url, Duration::from_millis(500));
    // Also where the route itself is another one now, and where it had been left out.
    let text = std::fs::read_to_string(place.path("edge.toml")).unwrap();
    let changed = text.replace("wait_ms = 600", "wait_ms = 700");
    assert_ne!(changed, text);
    place.write("edge.toml", &changed);
    reload(&place);
    stays(&place, &url, Duration::from_millis(500));
    let (without, _) = text.rsplit_once("[[upstream]]\nname = \"second\"").unwrap();
    let alone = format!("{without}[[route]]\nname = \"site\"\nto = \"first\"\n");
    place.write("edge.toml", &alone);
    reload(&place);
    assert_eq!(see(&url).body, "primary");
    place.write("edge.toml", &changed);
    reload(&place);
    let begun = Instant::now();
    eventually("it is said anew", || see(&url).body == "secondary");
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    stays(&place, &url, Duration::from_millis(500));
    place.write("state/overlay.json", r#"{"version":1,"sequence":2,"failovers":[{"route":"site","tier":0,"until_ms":99999999999999,"reason":"repaired"}]}"#);
    eventually("it ends", || see(&url).body == "primary");
}

/// What is in a log, by path.
fn logged(place: &Place, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(place.path(name)).unwrap_or_default();
    let lines = text.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["path"].as_str().unwrap().to_owned()
    });
    lines.collect()
}

#[test]
fn the_access_log_lies_beside_the_configuration_and_is_begun_anew_when_it_is_moved_away() {
    let place = Place::new();
    let port = free_port();
    std::fs::create_dir(place.path("logs")).unwrap();
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\n[access_log]\npath = \"logs/access.log\"\n\
             [[route]]\nname = \"all\"\nrespond = {{ status = 200, body = \"ok\" }}\n"
        ),
    );
    // Wherever it was started from.
    let elsewhere = place.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let mut command = std::process::Command::new(crate::harness::HEREBY);
    let edge = Edge::start_as(&place, port, command.current_dir(&elsewhere));
    let get = |path: &str| curl(&[&format!("http://{}{path}", edge.address)]);
    assert_eq!(get("/one"), "ok");
    eventually("it is there", || {
        logged(&place, "logs/access.log") == ["/one"]
    });
    assert!(std::fs::read_dir(&elsewhere).unwrap().next().is_none());

    // As logrotate does, without a signal.
    std::fs::rename(
        place.path("logs/access.log"),
        place.path("logs/access.log.1"),
    )
    .unwrap();
    eventually("another one is begun", || {
        place.path("logs/access.log").exists()
    });
    assert_eq!(get("/two"), "ok");
    eventually("it goes on there", || {
        logged(&place, "logs/access.log") == ["/two"]
    });
    assert_eq!(logged(&place, "logs/access.log.1"), ["/one"]);
    // While somebody asks all the time no line is lost.
    for number in 0..60 {
        assert_eq!(get(&format!("/n{number}")), "ok");
        if number == 30 {
            std::fs::rename(
                place.path("logs/access.log"),
                place.path("logs/access.log.2"),
            )
            .unwrap();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let all = || {
        [
            logged(&place, "logs/access.log.2"),
            logged(&place, "logs/access.log"),
        ]
        .concat()
    };
    eventually("all are there", || all().len() == 61);
    let wanted: Vec<String> = (0..60).map(|number| format!("/n{number}")).collect();
    assert_eq!(all()[1..], wanted);
    assert!(!logged(&place, "logs/access.log").is_empty());
    assert!(std::fs::read_dir(&elsewhere).unwrap().next().is_none());
}
