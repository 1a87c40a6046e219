//! Caps: the next one beyond each is refused for its reason, the others go on, and who leaves makes
//! room. And who goes first when there is too much for all.

use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::by_hand::{ask, connect};
use crate::harness::{Edge, PATIENCE, Place, eventually, free_port, raw};
use crate::proxy_server::{reply, serve};
use crate::upgrade_peers::{backend, echoes, websocket};

fn start(place: &Place, head: &str, tenant: &str, behind: u16) -> Edge {
    let port = free_port();
    place.write(
        "edge.toml",
        &format!(
            "{head}[[listen]]\naddress = \"127.0.0.1:{port}\"\n[overload]\nlag_ms_max = 60000\n\
             [[tenant]]\nname = \"all\"\nhosts = [\"*\"]\n{tenant}\
             [[upstream]]\nname = \"site\"\nservers = [\"127.0.0.1:{behind}\"]\n\
             [[route]]\nname = \"ws\"\npath = \"/ws\"\nto = \"site\"\nwebsocket = true\n\
             [[route]]\nname = \"all\"\nrespond = {{ status = 200, body = \"ok\" }}\n"
        ),
    );
    let edge = Edge::start(place, port);
    eventually("nobody is there", || place.status()["connections"] == 0);
    edge
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn good(stream: &mut TcpStream) {
    assert_eq!(ask(stream, GET).unwrap().status, 200);
}

/// Three places: a WebSocket has one, an idle connection and one that asked the others.
fn three_and_no_more(place: &Place, edge: &Edge, reason: &str) {
    // Who looked whether it listens yet may have been refused.
    let before = place.refused(reason);
    let mut tunnel = websocket(edge.address);
    let idle = connect(edge.address);
    let mut asks = connect(edge.address);
    good(&mut asks);
    eventually("three are there", || place.status()["connections"] == 3);
    assert_eq!(place.status()["websockets"], 1);
    for _ in 0..2 {
        assert_eq!(raw(edge.address, GET, PATIENCE), b"", "closed at once");
    }
    assert_eq!(place.refused(reason), before + 2);
    good(&mut asks);
    assert!(echoes(&mut tunnel, b"still there?"));
    // Each that leaves makes room for one.
    drop(tunnel);
    eventually("it has left", || place.status()["connections"] == 2);
    let mut next = connect(edge.address);
    good(&mut next);
    assert_eq!(raw(edge.address, GET, PATIENCE), b"");
    drop((idle, asks, next));
    eventually("all have left", || place.status()["connections"] == 0);
    assert_eq!(place.refused(reason), before + 3);
    good(&mut connect(edge.address));
}

#[test]
fn connections_max_refuses_the_next_one_and_websockets_count() {
    let place = Place::new();
    let edge = start(&place, "[connection]\nconnections_max = 3\n", "", backend());
    three_and_no_more(&place, &edge, "connections_max");
}

#[test]
fn connections_per_address_max_refuses_the_next_one_of_that_address_alone() {
    let place = Place::new();
    let limit = "[connection]\nconnections_per_address_max = 3\n";
    let edge = start(&place, limit, "", backend());
    three_and_no_more(&place, &edge, "connections_per_address");
    // The last of those may still hold its place, and would take one of three from these.
    eventually("all have left", || place.status()["connections"] == 0);
    let held: Vec<TcpStream> = (0..3).map(|_| connect(edge.address)).collect();
    // Another worker might have the fourth before one has the third.
    eventually("three are there", || place.status()["connections"] == 3);
    assert_eq!(raw(edge.address, GET, PATIENCE), b"");
    let url = format!("http://{}/", edge.address);
    let other = crate::harness::curl(&["--interface", "127.0.0.9", &url]);
    assert_eq!(other, "ok");
    drop(held);
}

#[test]
fn a_tenants_connections_max_refuses_the_next_one_with_an_answer() {
    let place = Place::new();
    let edge = start(&place, "", "connections_max = 2\n", backend());
    let mut tunnel = websocket(edge.address);
    let mut asks = connect(edge.address);
    good(&mut asks);
    let mut third = connect(edge.address);
    let refused = ask(&mut third, GET).unwrap();
    assert_eq!(
        (refused.status, refused.reason()),
        (503, "tenant_connections")
    );
    assert_eq!(refused.field("retry-after"), Some("1"));
    good(&mut asks);
    assert!(echoes(&mut tunnel, b"still there?"));
    assert_eq!(place.status()["tenants"][0]["connections"], 2);
    drop(tunnel);
    eventually("it has left", || {
        place.status()["tenants"][0]["connections"] == 1
    });
    // It was a refusal of the request: the connection may ask again.
    good(&mut third);
    assert_eq!(place.refused("tenant_connections"), 1);
}

#[test]
fn a_tenants_rate_is_answered_with_when_to_come_again() {
    let place = Place::new();
    let rate = "rate = { requests = 2, per_ms = 3000, burst = 3 }\n";
    let edge = start(&place, "", rate, free_port());
    let mut stream = connect(edge.address);
    for _ in 0..3 {
        good(&mut stream);
    }
    let refused = ask(&mut stream, GET).unwrap();
    assert_eq!((refused.status, refused.reason()), (429, "tenant_rate"));
    // draft-ietf-httpapi-ratelimit-headers-10, 3 and 4.
    let policy = refused.field("ratelimit-policy").unwrap();
    assert!(policy.starts_with("\"tenant\";q="), "{policy}");
    assert!(policy.contains(";w="), "{policy}");
    let standing = refused.field("ratelimit").unwrap();
    assert!(standing.starts_with("\"tenant\";r=0;t="), "{standing}");
    let after: u64 = refused.field("retry-after").unwrap().parse().unwrap();
    assert!((1..=2).contains(&after), "{after}");
    assert_eq!(place.refused("tenant_rate"), 1);
    // It is told the truth.
    std::thread::sleep(Duration::from_secs(after));
    good(&mut stream);
}

/// A server that answers `/held` when it is told to.
fn holding() -> (u16, Sender<()>) {
    let (go, wait): (Sender<()>, Receiver<()>) = channel();
    let wait = Arc::new(Mutex::new(wait));
    let port = serve(move |request, stream| {
        if request.contains("/held") {
            let _ = wait.lock().unwrap().recv_timeout(PATIENCE);
        }
        reply(stream, "ok")
    });
    (port, go)
}

/// A critical tenant and a sheddable one, in front of one server.
fn shop_and_blog(place: &Place, head: &str, behind: u16) -> Edge {
    let port = free_port();
    let tenant = |name: &str, priority: &str| {
        format!(
            "[[tenant]]\nname = \"{name}\"\nhosts = [\"{name}.example\"]\npriority = \"{priority}\"\n\
             [[route]]\nname = \"{name}\"\ntenant = \"{name}\"\nto = \"site\"\n"
        )
    };
    place.write(
        "edge.toml",
        &format!(
            "{head}[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [[upstream]]\nname = \"site\"\nservers = [\"127.0.0.1:{behind}\"]\n{}{}",
            tenant("shop", "critical"),
            tenant("blog", "sheddable")
        ),
    );
    Edge::start(place, port)
}

fn request(host: &str, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}.example\r\n\r\n").into_bytes()
}

const TEN: &str = "overload = { lag_ms_max = 60000, requests_concurrent_max = 10 }\n";

#[test]
fn the_last_places_are_kept_for_critical_tenants() {
    let (place, (behind, go)) = (Place::new(), holding());
    let edge = shop_and_blog(&place, TEN, behind);
    let get =
        |host: &str, path: &str| ask(&mut connect(edge.address), &request(host, path)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..9 {
            scope.spawn(|| assert_eq!(get("blog", "/held").status, 200));
        }
        eventually("nine places are taken", || {
            place.status()["requests_in_progress"] == 9
        });
        assert_eq!(get("blog", "/").reason(), "overloaded");
        assert_eq!(get("shop", "/").status, 200);
        for _ in 0..9 {
            go.send(()).unwrap();
        }
    });
}

/// Asks six times over one connection, while everybody is refused; how long that took.
fn refused_six_times(head: &str) -> Duration {
    const ASKED: u32 = 6;
    let (place, (behind, _go)) = (Place::new(), holding());
    let overload = "overload = { lag_ms_max = 60000, memory_bytes_max = 1 }\n";
    let edge = shop_and_blog(&place, &format!("{head}{overload}"), behind);
    eventually("everybody is refused", || {
        place.status()["shed_per_mille"] == 1_000
    });
    let mut stream = connect(edge.address);
    let begun = Instant::now();
    for _ in 0..ASKED {
        let answer = ask(&mut stream, &request("blog", "/")).unwrap();
        assert_eq!((answer.status, answer.reason()), (503, "overloaded"));
    }
    begun.elapsed()
}

#[test]
fn who_would_be_refused_again_is_not_heard_at_once() {
    // Half a second at least after each refusal; the first answer comes without delay.
    let paused = Duration::from_millis(5 * 500);
    assert!(refused_six_times("") >= paused);
    // Who speaks for others would have them all wait.
    assert!(refused_six_times("trusted = [\"127.0.0.1\"]\n") < paused);
}

#[test]
fn who_is_not_heard_and_goes_makes_room_at_once() {
    let (place, (behind, _go)) = (Place::new(), holding());
    let overload = "overload = { lag_ms_max = 60000, memory_bytes_max = 1 }\n";
    let edge = shop_and_blog(&place, overload, behind);
    eventually("everybody is refused", || {
        place.status()["shed_per_mille"] == 1_000
    });
    eventually("nobody is there", || place.status()["connections"] == 0);
    let mut streams: Vec<TcpStream> = (0..20).map(|_| connect(edge.address)).collect();
    for stream in &mut streams {
        let answer = ask(stream, &request("blog", "/")).unwrap();
        assert_eq!(answer.reason(), "overloaded");
    }
    drop(streams);
    let begun = Instant::now();
    eventually("all have left", || place.status()["connections"] == 0);
    // One of twenty would have waited for longer than a second.
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[test]
fn too_many_requests_at_once_are_refused_to_sheddable_tenants_first() {
    let (place, (behind, go)) = (Place::new(), holding());
    let edge = shop_and_blog(&place, TEN, behind);
    let get =
        |host: &str, path: &str| ask(&mut connect(edge.address), &request(host, path)).unwrap();
    let of = |host: &str| {
        let answers: Vec<_> = (0..10).map(|_| get(host, "/")).collect();
        let refused = answers.iter().filter(|answer| answer.status != 200);
        assert!(
            refused
                .clone()
                .all(|answer| answer.reason() == "overloaded")
        );
        assert!(refused.clone().all(|answer| answer.status == 503));
        assert!(
            refused
                .clone()
                .all(|answer| answer.field("retry-after") == Some("1"))
        );
        refused.count()
    };
    assert_eq!((of("shop"), of("blog")), (0, 0));
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| assert_eq!(get("shop", "/held").status, 200));
        }
        eventually("all places are taken", || {
            place.status()["requests_in_progress"] == 10
        });
        // There is no place for anybody.
        assert_eq!((of("shop"), of("blog")), (10, 10));
        let begun = Instant::now();
        eventually("it has gone on for a while", || {
            place.status()["shed_per_mille"].as_u64() >= Some(750)
        });
        assert!(begun.elapsed() < Duration::from_secs(6));
        // Two places are free again, and they are not for everybody.
        for _ in 0..2 {
            go.send(()).unwrap();
        }
        eventually("places are free", || {
            place.status()["requests_in_progress"] == 8
        });
        assert_eq!((of("blog"), of("shop")), (10, 0));
        for _ in 0..8 {
            go.send(()).unwrap();
        }
    });
}
