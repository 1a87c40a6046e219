//! What real clients send.

use super::*;

pub(super) fn controls() -> Vec<Case> {
    const GOOD: &str = "must pass";
    let fields = [
        ("nothing special", ""),
        ("names in small letters", "accept: */*\r\nuser-agent: x\r\n"),
        ("no blank behind a colon", "Accept:*/*\r\n"),
        ("blanks and tabs around a value", "Accept: \t */* \t\r\n"),
        ("an empty value", "X-Empty:\r\nAccept-Language: \r\n"),
        ("UTF-8 in a value", "X-Name: J\u{fc}rgen \u{4e2d}\r\n"),
        ("a field twice", "Accept: text/html\r\nAccept: */*\r\n"),
        ("cookies in two fields", "Cookie: a=b\r\nCookie: c=d\r\n"),
        (
            "a cookie with quotes and commas",
            "Cookie: a=\"b, c\"; d={\"e\":[1]}\r\n",
        ),
        ("an underscore in a name", "X_Custom: y\r\n"),
        ("odd letters in a name", "X.Y!#$%&'*+^`|~: z\r\n"),
        (
            "what browsers send",
            "Connection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\nSec-CH-UA: \"Chromium\";v=\"1\", \"Not A;Brand\";v=\"99\"\r\nAccept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\nSec-Fetch-Site: none\r\nSec-Fetch-User: ?1\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\n",
        ),
        (
            "Connection with empty elements",
            "Connection: keep-alive, ,\r\n",
        ),
        ("TE as curl sends it", "TE: trailers\r\nConnection: TE\r\n"),
        ("a range", "Range: bytes=0-0\r\n"),
        ("Proxy-Connection", "Proxy-Connection: keep-alive\r\n"),
        ("a close", "Connection: close\r\n"),
        (
            "a date",
            "If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT\r\n",
        ),
    ];
    let lines = [
        (
            "a query as people type it",
            "GET /PATH?q=100%&x={a|b^`} HTTP/1.1",
        ),
        (
            "slashes, dots and questions in a query",
            "GET /PATH?u=http://b.example/../?x HTTP/1.1",
        ),
        ("an empty query", "GET /PATH? HTTP/1.1"),
        ("escapes", "GET /PATH/%20%C3%A9%2B HTTP/1.1"),
        ("an escaped slash", "GET /PATH/a%2Fb HTTP/1.1"),
        (
            "all that may stand in a path",
            "GET /PATH/-._~!$&'()*+,;=:@ HTTP/1.1",
        ),
        (
            "all that may stand in a query",
            "GET /PATH?!$%&'()*+,-./:;=?@[]^_`{|}~ HTTP/1.1",
        ),
        ("brackets in a path", "GET /PATH/[id].js HTTP/1.1"),
        ("a session in a path", "GET /PATH;jsessionid=1A HTTP/1.1"),
        (
            "names that begin with dots",
            "GET /.well-known/PATH/..a/.../b. HTTP/1.1",
        ),
        ("two slashes", "GET //PATH//x HTTP/1.1"),
        ("a whole URL", "GET http://a.example/PATH HTTP/1.1"),
        ("OPTIONS", "OPTIONS /PATH HTTP/1.1"),
        ("DELETE", "DELETE /PATH HTTP/1.1"),
        ("HEAD", "HEAD /PATH HTTP/1.1"),
        ("PROPFIND", "PROPFIND /PATH HTTP/1.1"),
        ("a method with a hyphen", "M-SEARCH /PATH HTTP/1.1"),
        ("HTTP/1.0", "GET /PATH HTTP/1.0"),
    ];
    let hosts = [
        ("Host with a port", "Host: a.example:8080\r\n"),
        ("Host in capitals", "HOST: A.EXAMPLE\r\n"),
        ("Host with a dot at its end", "Host: a.example.\r\n"),
        ("Host is IPv4", "Host: 127.0.0.1:80\r\n"),
        ("Host is IPv6", "Host: [::1]:8080\r\n"),
        ("Host with an underscore", "Host: a_b.example\r\n"),
        ("Host last", "Accept: */*\r\nHost: a.example\r\n"),
    ];
    let cookie = format!("Cookie: {}\r\n", "a=b; ".repeat(1_200));
    let many = "X: y\r\n".repeat(80);
    let long = format!("GET /PATH?{} HTTP/1.1", "q".repeat(6_000));
    let fields = fields
        .iter()
        .map(|(name, field)| control(GOOD, name, get(field)));
    let lines = lines
        .iter()
        .map(|(name, first)| control(GOOD, name, line(first)));
    let hosts = hosts
        .iter()
        .map(|(name, field)| control(GOOD, name, for_host(field)));
    fields
        .chain(lines)
        .chain(hosts)
        .chain([
            control(GOOD, "a cookie of 6 kB", get(&cookie)),
            control(GOOD, "80 fields", get(&many)),
            control(GOOD, "a query of 6 kB", line(&long)),
            control(
                GOOD,
                "HTTP/1.0 that stays",
                format!("GET /PATH HTTP/1.0\r\n{HOST}Connection: keep-alive\r\n\r\n"),
            ),
        ])
        .collect()
}

pub(super) fn controls_of_bodies() -> Vec<Case> {
    const GOOD: &str = "must pass";
    let three = get("").repeat(3);
    let mixed = format!(
        "{}{}{}",
        post("Content-Length: 3\r\n", "abc"),
        chunks("3\r\nabc\r\n0\r\n\r\n"),
        get("")
    );
    let many = |answers: usize, name: &str, bytes: String| Case {
        kind: Kind::Control { answers },
        ..control(GOOD, name, bytes)
    };
    vec![
        control(GOOD, "a body", post("Content-Length: 3\r\n", "abc")),
        control(GOOD, "an empty body", post("Content-Length: 0\r\n", "")),
        control(GOOD, "POST without a body", post("", "")),
        control(
            GOOD,
            "a body in a GET",
            with("GET", "Content-Length: 3\r\n", "abc"),
        ),
        control(
            GOOD,
            "a body in a DELETE",
            with("DELETE", "Content-Length: 3\r\n", "abc"),
        ),
        control(
            GOOD,
            "a form",
            post(
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n",
                "a=b&c=d",
            ),
        ),
        control(
            GOOD,
            "a body that looks like a request",
            post(
                &format!("Content-Length: {}\r\n", SECOND.len()),
                &SECOND.replace("PATH", "body"),
            ),
        ),
        control(GOOD, "chunks", chunks("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")),
        control(GOOD, "chunks without data", chunks("0\r\n\r\n")),
        control(
            GOOD,
            "a chunk's size in capitals",
            chunks("A\r\n0123456789\r\n0\r\n\r\n"),
        ),
        control(
            GOOD,
            "a chunk's size with zeros before it",
            chunks("00000003\r\nabc\r\n000\r\n\r\n"),
        ),
        control(
            GOOD,
            "chunked, in capitals",
            post("Transfer-Encoding: Chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
        ),
        control(
            GOOD,
            "chunks in a GET",
            with(
                "GET",
                "Transfer-Encoding: chunked\r\n",
                "3\r\nabc\r\n0\r\n\r\n",
            ),
        ),
        control(
            GOOD,
            "chunks with a line end in their data",
            chunks("5\r\na\r\n\r\n\r\n0\r\n\r\n"),
        ),
        control(
            GOOD,
            "an expectation",
            post("Expect: 100-continue\r\nContent-Length: 3\r\n", "abc"),
        ),
        control(
            GOOD,
            "an expectation in capitals",
            post("Expect: 100-Continue\r\nContent-Length: 3\r\n", "abc"),
        ),
        control(
            GOOD,
            "a body in HTTP/1.0",
            format!("POST /PATH HTTP/1.0\r\n{HOST}Content-Length: 3\r\n\r\nabc"),
        ),
        many(3, "three at once", three),
        many(3, "a body, chunks and none at once", mixed),
    ]
}
