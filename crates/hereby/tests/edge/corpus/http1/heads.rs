//! Heads, their lines and versions, and what follows one another.

use super::*;

pub(super) fn heads() -> Vec<Case> {
    const HEAD: &str = "head tricks";
    let fields = [
        ("no colon", "Broken\r\n"),
        ("no name", ": value\r\n"),
        ("a blank in a name", "X Y: z\r\n"),
        ("a blank before the colon", "X-Y : z\r\n"),
        ("a tab before the colon", "X-Y\t: z\r\n"),
        ("a fold", "X-Y: z\r\n more\r\n"),
        ("a fold of nothing", "X-Y: z\r\n \r\n"),
        ("a fold by a tab", "X-Y: z\r\n\tmore\r\n"),
        ("a NUL in a value", "X-Y: a\0b\r\n"),
        ("a NUL in a name", "X\0Y: z\r\n"),
        ("a bell in a value", "X-Y: a\x07b\r\n"),
        ("an escape in a value", "X-Y: a\x1b[31mb\r\n"),
        ("DEL in a value", "X-Y: a\x7fb\r\n"),
        ("a bracket in a name", "X[Y]: z\r\n"),
        ("a parenthesis in a name", "X(Y): z\r\n"),
        ("a slash in a name", "X/Y: z\r\n"),
        ("an at sign in a name", "X@Y: z\r\n"),
        ("a comma in a name", "X,Y: z\r\n"),
        ("a quote in a name", "X\"Y: z\r\n"),
        ("a semicolon in a name", "X;Y: z\r\n"),
        ("a backslash in a name", "X\\Y: z\r\n"),
        ("a high byte in a name", "X\u{e9}: z\r\n"),
        ("a name of HTTP/2", ":path: /PATH?other\r\n"),
        ("a length as CGI writes it", "Content_Length: 3\r\n"),
    ];
    let lines = [
        ("a blank before the method", " GET /PATH HTTP/1.1"),
        ("two blanks behind the method", "GET  /PATH HTTP/1.1"),
        ("two blanks before the version", "GET /PATH  HTTP/1.1"),
        ("a blank behind the version", "GET /PATH HTTP/1.1 "),
        ("a tab for a blank", "GET\t/PATH HTTP/1.1"),
        ("a tab before the version", "GET /PATH\tHTTP/1.1"),
        ("a form feed for a blank", "GET\x0c/PATH HTTP/1.1"),
        ("a blank in the target", "GET /PATH x HTTP/1.1"),
        ("two targets", "GET /PATH HTTP/1.1 /PATH HTTP/1.1"),
        ("no target", "GET HTTP/1.1"),
        ("no method", "/PATH HTTP/1.1"),
        ("a method in small letters", "get /PATH HTTP/1.1"),
        ("a method with a colon", "G:T /PATH HTTP/1.1"),
        ("a method with a NUL", "GE\0T /PATH HTTP/1.1"),
        ("a method with a bracket", "GE[T /PATH HTTP/1.1"),
        ("TRACE", "TRACE /PATH HTTP/1.1"),
        (
            "a method of 40 letters",
            "AAAAAAAAAABBBBBBBBBBCCCCCCCCCCDDDDDDDDDD /PATH HTTP/1.1",
        ),
    ];
    let many = "X: y\r\n".repeat(200);
    let long = format!("X: {}\r\n", "y".repeat(40_000));
    let broken = [
        (
            "a fold as the first line",
            format!("GET /PATH HTTP/1.1\r\n {HOST}\r\n"),
        ),
        ("200 fields", get(&many)),
        ("a field of 40 kB", get(&long)),
        (
            "a target of 9 kB",
            line(&format!("GET /PATH?{} HTTP/1.1", "q".repeat(9_000))),
        ),
        (
            "TLS to a plain port",
            "\x16\x03\x01\0\x05\x01\0\0\x01\x03\r\n\r\n".to_owned(),
        ),
        (
            "something else altogether",
            "EHLO a.example\r\n\r\n".to_owned(),
        ),
        (
            "an empty line before the request",
            format!("\r\n{}", get("")),
        ),
        (
            "a byte order mark before the request",
            format!("\u{feff}{}", get("")),
        ),
    ];
    let fields = fields
        .iter()
        .map(|(name, field)| harmful(HEAD, name, get(field)));
    let lines = lines
        .iter()
        .map(|(name, first)| harmful(HEAD, name, line(first)));
    let broken = broken
        .into_iter()
        .map(|(name, bytes)| harmful(HEAD, name, bytes));
    fields.chain(lines).chain(broken).collect()
}

pub(super) fn line_ends() -> Vec<Case> {
    const ENDS: &str = "line ends";
    let ways = [
        (
            "line feeds only",
            format!("GET /PATH HTTP/1.1\n{}\n", HOST.replace("\r\n", "\n")),
        ),
        (
            "a line feed behind the request line",
            format!("GET /PATH HTTP/1.1\n{HOST}\r\n"),
        ),
        (
            "a line feed behind a field",
            format!("GET /PATH HTTP/1.1\r\n{HOST}X: y\n\r\n"),
        ),
        (
            "a line feed as the last line",
            format!("GET /PATH HTTP/1.1\r\n{HOST}\n"),
        ),
        (
            "carriage returns only",
            "GET /PATH HTTP/1.1\rHost: a.example\r\r".to_owned() + "\r\n\r\n",
        ),
        ("a carriage return in a value", get("X: a\rb\r\n")),
        ("a carriage return before a line end", get("X: a\r\r\n")),
        (
            "line feed, carriage return",
            "GET /PATH HTTP/1.1\n\rHost: a.example\n\r\n\r".to_owned(),
        ),
        (
            "a line feed within a value, with a field in it",
            get("X: a\nX-Admin: yes\r\n"),
        ),
        (
            "a carriage return in the target",
            line("GET /PATH\r HTTP/1.1"),
        ),
        (
            "the end of the head within a value",
            get("X: a\n\nGET /PATH?smuggled HTTP/1.1\r\n"),
        ),
        ("a vertical tab as a line end", get("X: a\x0bY: b\r\n")),
    ];
    ways.into_iter()
        .map(|(name, bytes)| harmful(ENDS, name, bytes))
        .collect()
}

pub(super) fn versions() -> Vec<Case> {
    const VERSIONS: &str = "versions";
    let lines = [
        ("HTTP/0.9 by name", "GET /PATH HTTP/0.9"),
        ("HTTP/1.2", "GET /PATH HTTP/1.2"),
        ("HTTP/1.9", "GET /PATH HTTP/1.9"),
        ("HTTP/2.0 in a line", "GET /PATH HTTP/2.0"),
        ("HTTP/3.0", "GET /PATH HTTP/3.0"),
        ("HTTP/1", "GET /PATH HTTP/1"),
        ("HTTP/1.", "GET /PATH HTTP/1."),
        ("HTTP/11", "GET /PATH HTTP/11"),
        ("HTTP/1.10", "GET /PATH HTTP/1.10"),
        ("HTTP/01.1", "GET /PATH HTTP/01.1"),
        ("HTTP/1,1", "GET /PATH HTTP/1,1"),
        ("HTTP/1.1x", "GET /PATH HTTP/1.1x"),
        ("HTTP/-1.1", "GET /PATH HTTP/-1.1"),
        ("in small letters", "GET /PATH http/1.1"),
        ("HTTPS/1.1", "GET /PATH HTTPS/1.1"),
        ("HTTP 1.1", "GET /PATH HTTP 1.1"),
        ("RTSP/1.0", "GET /PATH RTSP/1.0"),
        ("a NUL behind it", "GET /PATH HTTP/1.1\0"),
        ("a fullwidth digit", "GET /PATH HTTP/1.\u{ff11}"),
    ];
    let lines = lines
        .iter()
        .map(|(name, first)| harmful(VERSIONS, name, line(first)));
    let old = [
        ("HTTP/0.9", "GET /PATH\r\n".to_owned()),
        ("HTTP/0.9 with a field", format!("GET /PATH\r\n{HOST}\r\n")),
        (
            "HTTP/0.9, and another request behind it",
            format!("GET /PATH\r\n\r\n{SECOND}"),
        ),
    ];
    lines
        .chain(
            old.into_iter()
                .map(|(name, bytes)| harmful(VERSIONS, name, bytes)),
        )
        .collect()
}

pub(super) fn pipelines() -> Vec<Case> {
    const PIPELINES: &str = "pipelining";
    let good = get("");
    let after = |name: &str, before: usize, bytes: String| Case {
        kind: Kind::Harmful { before },
        ..harmful(PIPELINES, name, bytes)
    };
    let body = post("Content-Length: 3\r\n", "abc");
    let chunked = chunks("3\r\nabc\r\n0\r\n\r\n");
    vec![
        after(
            "a good one, then one without Host",
            1,
            format!("{good}GET /PATH HTTP/1.1\r\n\r\n"),
        ),
        after(
            "a good one, then both framings",
            1,
            format!(
                "{good}{}",
                post(
                    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                    "0\r\n\r\n"
                )
            ),
        ),
        after(
            "a body, then bytes that are none of its",
            1,
            format!("{body}xyz\r\n\r\n"),
        ),
        after(
            "a body, then an empty line and another",
            1,
            format!("{body}\r\n{good}"),
        ),
        after(
            "chunks, then HTTP/0.9",
            1,
            format!("{chunked}GET /PATH\r\n\r\n"),
        ),
        after(
            "chunks, then two empty lines and another",
            1,
            format!("{chunked}\r\n\r\n{good}"),
        ),
        after(
            "two good ones, then line feeds",
            2,
            format!("{good}{good}GET /PATH HTTP/1.1\nHost: a.example\n\n"),
        ),
        after(
            "a length too short by one",
            1,
            post("Content-Length: 2\r\n", "abc\r\n\r\n"),
        ),
        after(
            "a good one, then HTTP/2's beginning",
            1,
            format!("{good}PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ),
        after(
            "a body in a GET that ends early",
            1,
            with("GET", "Content-Length: 1\r\n", "aX\r\n\r\n"),
        ),
    ]
}

pub(super) fn upgrades() -> Vec<Case> {
    const UPGRADES: &str = "upgrades";
    let h2c = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n";
    let key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    let ways = [
        ("h2c", get(h2c)),
        ("h2c without naming it", get("Upgrade: h2c\r\n")),
        (
            "h2c's settings alone",
            get("HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"),
        ),
        (
            "h2c and a websocket",
            get(&format!(
                "Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n{key}"
            )),
        ),
        (
            "two upgrades",
            get(&format!(
                "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n{key}"
            )),
        ),
        ("to TLS", get("Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n")),
        (
            "to something of one's own",
            get("Connection: Upgrade\r\nUpgrade: mine\r\n"),
        ),
        (
            "a websocket by POST",
            with(
                "POST",
                &format!("Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n{key}"),
                "",
            ),
        ),
        (
            "a websocket with a body",
            with(
                "GET",
                &format!(
                    "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: {}\r\n{key}",
                    SECOND.len()
                ),
                SECOND,
            ),
        ),
        (
            "a websocket that isn't named",
            get(&format!("Upgrade: websocket\r\n{key}")),
        ),
        (
            "a websocket in HTTP/1.0",
            format!(
                "GET /PATH HTTP/1.0\r\n{HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n{key}\r\n"
            ),
        ),
        (
            "a websocket where none may be",
            get(&format!(
                "Connection: Upgrade\r\nUpgrade: websocket\r\n{key}"
            )),
        ),
    ];
    ways.into_iter()
        .map(|(name, bytes)| harmful(UPGRADES, name, bytes))
        .collect()
}
