//! Fields that a request may not have (RFC 9113, 8).

use super::*;

pub(super) fn heads() -> Vec<Case> {
    const HEADS: &str = "HTTP/2 requests";
    let get = |more: &[(&str, &str)]| begin(&[frame(HEADERS, BOTH, 1, &request("GET", more))]);
    let own = |list: &[(&str, &str)]| begin(&[frame(HEADERS, BOTH, 1, &fields(list))]);
    let with_path = |path: &str| {
        own(&[
            (":method", "GET"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "a.example"),
        ])
    };
    let for_host = |host: &str| {
        own(&[
            (":method", "GET"),
            (":scheme", "http"),
            (":path", "/PATH"),
            (":authority", host),
        ])
    };
    let post = |more: &[(&str, &str)], body: &[u8]| {
        begin(&[
            frame(HEADERS, END_HEADERS, 1, &request("POST", more)),
            frame(DATA, 1, 1, body),
        ])
    };
    let late = |late: &[(&str, &str)]| {
        begin(&[
            open(1),
            frame(DATA, 0, 1, b"abc"),
            frame(HEADERS, BOTH, 1, &fields(late)),
        ])
    };
    let smuggled = "y\r\n\r\nGET /PATH?smuggled HTTP/1.1\r\nHost: b.example";
    let ways: Vec<(&str, Vec<u8>)> = vec![
        (
            "no method",
            own(&[
                (":scheme", "http"),
                (":path", "/PATH"),
                (":authority", "a.example"),
            ]),
        ),
        (
            "no scheme",
            own(&[
                (":method", "GET"),
                (":path", "/PATH"),
                (":authority", "a.example"),
            ]),
        ),
        (
            "no path",
            own(&[
                (":method", "GET"),
                (":scheme", "http"),
                (":authority", "a.example"),
            ]),
        ),
        (
            "nobody it is for",
            own(&[(":method", "GET"), (":scheme", "http"), (":path", "/PATH")]),
        ),
        ("an empty path", with_path("")),
        ("two methods", get(&[(":method", "GET")])),
        ("two paths", get(&[(":path", "/PATH")])),
        (
            "a pseudo-field behind a field",
            own(&[
                (":method", "GET"),
                (":scheme", "http"),
                ("x", "y"),
                (":path", "/PATH"),
                (":authority", "a.example"),
            ]),
        ),
        ("a pseudo-field nobody knows", get(&[(":other", "y")])),
        ("an answer's pseudo-field", get(&[(":status", "200")])),
        ("a name in capitals", get(&[("X-Name", "y")])),
        ("a name with a blank", get(&[("x name", "y")])),
        ("a name with a colon", get(&[("x:y", "z")])),
        ("a name with a line end", get(&[("x: y\r\nz", "w")])),
        ("an empty name", get(&[("", "y")])),
        ("a line end in a value", get(&[("x", "y\r\nz: w")])),
        ("a line feed in a value", get(&[("x", "y\nz: w")])),
        ("a request in a value", get(&[("x", smuggled)])),
        ("a NUL in a value", get(&[("x", "y\0z")])),
        ("a blank before a value", get(&[("x", " y")])),
        ("a blank behind a value", get(&[("x", "y ")])),
        ("connection", get(&[("connection", "close")])),
        ("keep-alive", get(&[("keep-alive", "timeout=5")])),
        (
            "proxy-connection",
            get(&[("proxy-connection", "keep-alive")]),
        ),
        ("upgrade", get(&[("upgrade", "h2c")])),
        ("te that isn't trailers", get(&[("te", "gzip")])),
        (
            "an encoding",
            post(
                &[("transfer-encoding", "chunked")],
                b"0\r\n\r\nGET /PATH?smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
            ),
        ),
        (
            "an encoding with an underscore",
            post(&[("transfer_encoding", "chunked")], b"0\r\n\r\n"),
        ),
        (
            "a length too long",
            post(&[("content-length", "10")], b"abc"),
        ),
        (
            "a length too short",
            post(&[("content-length", "1")], b"abc"),
        ),
        (
            "a length of nothing",
            post(
                &[("content-length", "0")],
                b"GET /PATH?smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
            ),
        ),
        (
            "two lengths",
            post(&[("content-length", "3"), ("content-length", "4")], b"abc"),
        ),
        (
            "two lengths, the same",
            post(&[("content-length", "3"), ("content-length", "3")], b"abc"),
        ),
        (
            "a length with a sign",
            post(&[("content-length", "+3")], b"abc"),
        ),
        (
            "a length with a leading zero",
            post(&[("content-length", "03")], b"abc"),
        ),
        ("a length without a body", get(&[("content-length", "3")])),
        ("a host that differs", get(&[("host", "b.example")])),
        (
            "two hosts",
            get(&[("host", "a.example"), ("host", "a.example")]),
        ),
        ("a user", for_host("b.example@a.example")),
        ("a path in the host", for_host("a.example/b")),
        ("a host with a line end", for_host("a.example\r\nx: y")),
        ("an empty host", for_host("")),
        ("a host that is none", for_host("a..example")),
        ("a path without a slash", with_path("PATH")),
        (
            "a whole URL as the path",
            with_path("http://b.example/PATH"),
        ),
        ("a path with a blank", with_path("/PATH HTTP/1.1\r\nx: y")),
        (
            "a path with a blank and a version",
            with_path("/PATH HTTP/1.1"),
        ),
        ("a path with dots", with_path("/x/../PATH")),
        ("a path with escaped dots", with_path("/x/%2e%2e/PATH")),
        ("a path with a backslash", with_path("/x\\PATH")),
        (
            "a method with a blank",
            own(&[
                (":method", "GET /PATH?smuggled HTTP/1.1\r\nx:"),
                (":scheme", "http"),
                (":path", "/PATH"),
                (":authority", "a.example"),
            ]),
        ),
        (
            "TRACE",
            own(&[
                (":method", "TRACE"),
                (":scheme", "http"),
                (":path", "/PATH"),
                (":authority", "a.example"),
            ]),
        ),
        (
            "CONNECT",
            own(&[(":method", "CONNECT"), (":authority", "a.example:443")]),
        ),
        (
            "a websocket's CONNECT, not offered",
            own(&[
                (":method", "CONNECT"),
                (":protocol", "websocket"),
                (":scheme", "http"),
                (":path", "/PATH"),
                (":authority", "a.example"),
            ]),
        ),
        (
            "an expectation nobody has",
            post(&[("expect", "y")], b"abc"),
        ),
        ("200 fields", get(&[("x", "y"); 200])),
    ];
    let mended = |name: &str, without: &'static str, bytes: Vec<u8>| Case {
        kind: Kind::Mended { without },
        ..harmful(HEADS, name, bytes)
    };
    ways.into_iter()
        .map(|(name, bytes)| harmful(HEADS, name, bytes))
        .chain([
            mended("a path with a fragment", "#", with_path("/PATH#x")),
            mended(
                "a pseudo-field in trailers",
                "other",
                late(&[(":path", "/other")]),
            ),
        ])
        .collect()
}
