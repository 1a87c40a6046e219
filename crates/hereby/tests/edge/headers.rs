//! What clients say in a request's head that others go by: who they are, which path, which key. None
//! of it gets past a rule by being said in another way.

use crate::by_hand::{Answer, Http2, ask, connect};
use crate::corpus::capture::Capture;
use crate::harness::{Edge, Place, free_port};
use crate::proxy_server::{reply, serve};

fn start(place: &Place, port: u16, text: &str) -> Edge {
    place.write(
        "edge.toml",
        &format!("{text}[overload]\nlag_ms_max = 60000\n"),
    );
    Edge::start(place, port)
}

/// Asks once, over a connection of its own; a line of the head in bytes.
fn get(edge: &Edge, path: &str, line: &[u8]) -> Answer {
    let first = format!("GET {path} HTTP/1.1\r\nHost: a\r\n");
    let request = [first.as_bytes(), line, b"\r\n\r\n"].concat();
    ask(&mut connect(edge.address), &request).unwrap()
}

/// The nearest of a list counts, whatever stands before it: the whole list was passed over where a
/// byte of it was no text.
#[test]
fn an_address_that_a_trusted_proxy_names_counts_whatever_stands_before_it() {
    let place = Place::new();
    let port = free_port();
    place.write("bans", "203.0.113.7\n");
    let edge = start(
        &place,
        port,
        &format!(
            "trusted = [\"127.0.0.1\"]\nbans = [\"bans\"]\n\
             [[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [[limit]]\nname = \"each\"\nkey = \"address\"\n\
             rate = {{ requests = 1, per_ms = 60000, burst = 2 }}\n\
             [[route]]\nname = \"all\"\nlimits = [\"each\"]\n\
             respond = {{ status = 200, body = \"ok\" }}\n"
        ),
    );
    for line in [
        &b"X-Forwarded-For: 203.0.113.7"[..],
        b"X-Forwarded-For: \xff, 203.0.113.7",
        b"X-Forwarded-For: 192.0.2.1, \xff\xfe,203.0.113.7",
        b"X-Forwarded-For: \xff\r\nX-Forwarded-For: 203.0.113.7",
        // Who is trusted is passed over.
        b"X-Forwarded-For: \xff, 203.0.113.7, 127.0.0.1",
    ] {
        let answer = get(&edge, "/", line);
        let line = String::from_utf8_lossy(line);
        assert_eq!(answer.reason(), "address_banned", "{line}");
        assert_eq!(answer.status, 403, "{line}");
    }
    // What they make up themselves gives them no other bucket.
    let mut statuses = Vec::new();
    for number in 0..6 {
        let line = [
            b"X-Forwarded-For: 10.0.0.",
            &[b'0' + number][..],
            b", \xff, 198.51.100.9",
        ]
        .concat();
        statuses.push(get(&edge, "/", &line).status);
    }
    assert_eq!(statuses, [200, 200, 429, 429, 429, 429]);
    // And costs nobody else theirs.
    assert_eq!(
        get(&edge, "/", b"X-Forwarded-For: 198.51.100.10").status,
        200
    );
}

#[test]
fn what_an_untrusted_client_says_of_itself_reaches_no_upstream_in_any_spelling() {
    let place = Place::new();
    let (port, behind) = (free_port(), Capture::start());
    let site = |trusted: &str| {
        format!(
            "{trusted}[[listen]]\naddress = \"127.0.0.1:{port}\"\nhttp2 = true\n\
             [[upstream]]\nname = \"site\"\nservers = [\"127.0.0.1:{}\"]\n\
             [[route]]\nname = \"all\"\nto = \"site\"\n",
            behind.port
        )
    };
    let edge = start(&place, port, &site(""));
    let names = [
        "X-Real-IP",
        "X-Real_Ip",
        "X-Forwarded-For",
        "X_Forwarded_For",
        "X-Forwarded-Port",
        "X-Forwarded-Host",
        "X-Forwarded-Server",
        "x_forwarded-proto",
        "Forwarded",
    ];
    for (number, name) in names.iter().enumerate() {
        let path = format!("/claims-{number}");
        assert_eq!(
            get(&edge, &path, format!("{name}: 10.9.8.7").as_bytes()).status,
            200
        );
        let mut client = Http2::connect(edge.address, &[]);
        let lower = name.to_ascii_lowercase();
        client.request(1, ("GET", &path), &[(&lower, "10.9.8.7")]);
        assert_eq!(client.answer(1).unwrap().0, 200);
        assert_eq!(behind.count(&path), 2);
        let arrived = String::from_utf8(behind.with(&path)).unwrap();
        assert!(!arrived.contains("10.9.8.7"), "{arrived}");
        assert!(
            arrived.contains("x-forwarded-for: 127.0.0.1\r\n"),
            "{arrived}"
        );
    }
    // What only looks like it is none of our business.
    get(&edge, "/other", b"X-Really-IPv6: 10.9.8.7");
    let arrived = String::from_utf8(behind.with("/other")).unwrap();
    assert!(arrived.contains("10.9.8.7"), "{arrived}");
    // Whom we trust may say all of it.
    place.write("edge.toml", &site("trusted = [\"127.0.0.1\"]\n"));
    assert!(place.ask(&["reload"]).status.success());
    get(&edge, "/trusted", b"X-Real-IP: 10.9.8.7");
    let arrived = String::from_utf8(behind.with("/trusted")).unwrap();
    assert!(arrived.contains("x-real-ip: 10.9.8.7\r\n"), "{arrived}");
}

/// Spellings that one server or another takes for a path at or below `/admin`.
const SPELLINGS: [&str; 12] = [
    "/admin",
    "/admin/x",
    "//admin",
    "///admin//x",
    "/admin;x=1/",
    "/admin;x=1",
    "/;x/admin",
    "/admin%2Fx",
    "/admin%2fx",
    "/%61dmin",
    "/admin%5Cx",
    "/admin%3Bx=1/",
];

#[test]
fn a_path_in_another_spelling_is_asked_for_the_same_work_and_has_the_same_limit() {
    let place = Place::new();
    let port = free_port();
    let behind = serve(|_, stream| reply(stream, "served"));
    let edge = start(
        &place,
        port,
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\nhttp2 = true\n\
             [[upstream]]\nname = \"site\"\nservers = [\"127.0.0.1:{behind}\"]\n\
             [[limit]]\nname = \"admin\"\nkey = \"route\"\n\
             rate = {{ requests = 1, per_ms = 60000, burst = 1 }}\n\
             [[tenant]]\nname = \"works\"\nhosts = [\"works.example\"]\n\
             [[tenant]]\nname = \"limited\"\nhosts = [\"limited.example\"]\npaths = [\"/admin\"]\n\
             [[tenant]]\nname = \"open\"\nhosts = [\"limited.example\", \"a.example\"]\n\
             [[route]]\nname = \"admin\"\ntenant = \"works\"\npath = \"/admin/*\"\n\
             challenge = {{ bits = 20, valid_ms = 60000 }}\nto = \"site\"\n\
             [[route]]\nname = \"rest\"\ntenant = \"works\"\nto = \"site\"\n\
             [[route]]\nname = \"limited\"\ntenant = \"limited\"\nlimits = [\"admin\"]\nto = \"site\"\n\
             [[route]]\nname = \"open\"\ntenant = \"open\"\nto = \"site\"\n"
        ),
    );
    let at = |host: &str, path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        ask(&mut connect(edge.address), request.as_bytes()).unwrap()
    };
    for path in SPELLINGS {
        let answer = at("works.example", path);
        assert_eq!(answer.status, 401, "{path}: {answer:?}");
        assert!(answer.field("hereby-challenge").is_some(), "{path}");
    }
    // The one request that the limit lets through is the first.
    let statuses = SPELLINGS.map(|path| at("limited.example", path).status);
    assert_eq!(statuses[0], 200);
    assert_eq!(statuses[1..], [429; 11]);
    for path in ["/administration", "/x/admin", "/admi", "/%2561dmin"] {
        assert_eq!(at("works.example", path).status, 200, "{path}");
        assert_eq!(at("limited.example", path).status, 200, "{path}");
    }
}

#[test]
fn two_values_of_a_limits_header_are_no_fresh_bucket_each_time() {
    let place = Place::new();
    let port = free_port();
    let edge = start(
        &place,
        port,
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\nhttp2 = true\n\
             [[limit]]\nname = \"each-key\"\nkey = \"header:x-api-key\"\n\
             rate = {{ requests = 1, per_ms = 60000, burst = 2 }}\n\
             [[route]]\nname = \"all\"\nlimits = [\"each-key\"]\n\
             respond = {{ status = 200, body = \"ok\" }}\n"
        ),
    );
    let count = |lines: &dyn Fn(usize) -> String| {
        let statuses = (0..6).map(|number| get(&edge, "/", lines(number).as_bytes()).status);
        statuses.filter(|status| *status == 200).count()
    };
    let two = |number: usize| format!("X-Api-Key: one-{number}\r\nX-Api-Key: two-{number}");
    assert_eq!(count(&two), 2);
    let three = |number: usize| format!("{}\r\nx-api-key: three", two(number));
    assert_eq!(count(&three), 0, "the same bucket");
    assert_eq!(count(&|_| "X-Other: y".to_owned()), 2);
    assert_eq!(count(&|_| "X-Api-Key: mine".to_owned()), 2);
    assert_eq!(count(&|number| format!("X-Api-Key: k{number}")), 6);
    let mut client = Http2::connect(edge.address, &[]);
    for number in 0..3 {
        let (one, two) = (format!("three-{number}"), format!("four-{number}"));
        let stream = number * 2 + 1;
        let keys = [("x-api-key", &*one), ("x-api-key", &*two)];
        client.request(stream, ("GET", "/"), &keys);
        assert_eq!(client.answer(stream).unwrap().0, 429);
    }
}
