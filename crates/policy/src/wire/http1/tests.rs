//! Requests as clients send them and as attackers do, whole and in pieces.

use proptest::prelude::*;

use super::*;

const LIMITS: HeadLimits = HeadLimits {
    head_bytes_max: 16_384,
    header_lines_max: 100,
    url_bytes_max: 8_192,
};

/// What went on, and how it ended: where the gate is, or why it refused.
type Outcome = (Vec<u8>, Result<Phase, Reason>);

/// Lets bytes arrive in these pieces, as the edge does it.
fn arrive<'a>(limits: HeadLimits, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut gate = Http1::new(limits);
    let (mut buffer, mut handed) = (Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match gate.admit(&buffer) {
                Ok(0) => break,
                Ok(count) => handed.extend(buffer.drain(..count)),
                Err(reason) => {
                    assert_eq!(gate.admit(&buffer), Err(reason), "refused for good");
                    return (handed, Err(reason));
                }
            }
        }
    }
    (handed, Ok(gate.phase()))
}

fn whole(raw: &[u8]) -> Outcome {
    arrive(LIMITS, [raw])
}

fn bytewise(raw: &[u8]) -> Outcome {
    arrive(LIMITS, raw.chunks(1))
}

/// Each passes to its last byte, and the next request may come.
fn pass(requests: &[&str]) {
    for raw in requests {
        let (handed, phase) = whole(raw.as_bytes());
        assert_eq!(phase, Ok(Phase::Idle), "{raw}");
        assert_eq!(handed, raw.as_bytes(), "{raw}");
        assert_eq!(bytewise(raw.as_bytes()), (handed, phase), "{raw}");
    }
}

/// Each is refused with its reason, and nothing of its head goes on.
fn refused(requests: &[(&str, Reason)]) {
    for (raw, reason) in requests {
        let (handed, outcome) = whole(raw.as_bytes());
        assert_eq!(outcome, Err(*reason), "{raw:?}");
        assert_eq!(handed, b"", "{raw:?}");
        assert_eq!(bytewise(raw.as_bytes()), (handed, outcome), "{raw:?}");
    }
}

/// Each has a good head, and then a body that is refused.
fn refused_in_body(requests: &[(&str, &str)]) {
    for (good, bad) in requests {
        let raw = format!("{CHUNKED}{good}{bad}");
        let (handed, outcome) = whole(raw.as_bytes());
        assert_eq!(outcome, Err(Reason::ChunkMalformed), "{raw:?}");
        let passed = String::from_utf8_lossy(&handed).into_owned();
        assert_eq!(passed, format!("{CHUNKED}{good}"));
        assert_eq!(bytewise(raw.as_bytes()), (handed, outcome), "{raw:?}");
    }
}

const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn what_real_clients_send_passes() {
    pass(&[
        // curl
        "GET / HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n",
        "POST /upload HTTP/1.1\r\nHost: h\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\
         Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
        "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n\
         1a\r\nabcdefghijklmnopqrstuvwxyz\r\n5\r\nhello\r\n0\r\n\r\n",
        // curl through a proxy
        "GET http://Example.org/a?b=c HTTP/1.1\r\nHost: example.org\r\nProxy-Connection: Keep-Alive\r\n\r\n",
        // ab, and what else still speaks 1.0
        "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nHost: 127.0.0.1\r\nUser-Agent: ApacheBench/2.3\r\n\r\n",
        // wrk
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n",
        // requests
        "POST /api HTTP/1.1\r\nHost: h\r\nUser-Agent: python-requests/2.31.0\r\n\
         Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
        // libwww-perl
        "GET / HTTP/1.1\r\nTE: deflate,gzip;q=0.3\r\nConnection: TE, close\r\nHost: h\r\n\r\n",
        // A health check over IPv6, a server's own OPTIONS, methods of WebDAV
        "HEAD /-/healthy HTTP/1.1\r\nHost: [2001:db8::1]:9090\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
        "M-SEARCH /x HTTP/1.1\r\nHost: h\r\nDepth: 1\r\n\r\n",
        "VERSION_CONTROL /x HTTP/1.1\r\nHost:h\r\n\r\n",
        // No whitespace, more whitespace, an empty value, bytes that are no ASCII
        "GET / HTTP/1.1\r\nHost:\t h \t\r\nX-Empty:\r\nX-Name: J\u{fc}rgen\tM\r\n\r\n",
        "GET / HTTP/1.1\r\nhOST: h\r\ncontent-LENGTH: 1\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: h\r\ntransfer-encoding:  Chunked \r\n\r\n0\r\n\r\n",
        // Only the Connection of a WebSocket, as some clients always send it
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: ,keep-alive, ,\r\nConnection: close\r\n\r\n",
    ]);
}

#[test]
fn a_browser_with_long_cookies_passes() {
    let raw = format!(
        "GET /search?q=%22a|b%22&r={{x:[1]}}&s=100%&t=^` HTTP/1.1\r\nHost: www.example.org\r\n\
         Connection: keep-alive\r\nsec-ch-ua: \"Chromium\";v=\"130\", \"Not?A_Brand\";v=\"99\"\r\n\
         Upgrade-Insecure-Requests: 1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n\
         Sec-Fetch-Site: none\r\nAccept-Language: de-DE,de;q=0.9\r\nCookie: a={}; b=\"{}\"\r\n\r\n",
        "x".repeat(4_000),
        "y".repeat(4_000)
    );
    pass(&[&raw]);
}

#[test]
fn a_websocket_may_be_asked_for() {
    let raw = b"GET /chat HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";
    let frame = [0x82, 0x83, 0, 0, 0, 0, 1, 2, 3];
    let mut gate = Http1::new(LIMITS);
    assert_eq!(gate.admit(raw), Ok(raw.len()));
    assert_eq!(
        gate.admit(&frame),
        Err(Reason::NulByte),
        "if it is not agreed to"
    );
}

#[test]
fn two_lengths_are_smuggling() {
    refused(&[
        // CL.TE and TE.CL
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
            Reason::LengthWithEncoding,
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n",
            Reason::LengthWithEncoding,
        ),
        // CL.CL, also when both say the same
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n",
            Reason::LengthMalformed,
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\n",
            Reason::LengthMalformed,
        ),
        // TE.TE
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
            Reason::EncodingUnknown,
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            Reason::EncodingUnknown,
        ),
    ]);
}

#[test]
fn a_length_is_digits_only() {
    for value in [
        "+5",
        "-5",
        "5, 5",
        "5,5",
        "0x5",
        "5 5",
        "5;",
        "",
        " ",
        "5.0",
        "1e3",
        "\u{665}",
        "1000000000000000000",
        "18446744073709551617",
        "\"5\"",
    ] {
        let raw = format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {value}\r\n\r\n");
        refused(&[(&raw, Reason::LengthMalformed)]);
    }
}

#[test]
fn an_encoding_is_chunked_and_nothing_else() {
    for value in [
        "identity",
        "gzip, chunked",
        "chunked, identity",
        "chunked, chunked",
        "xchunked",
        "chunked;q=1",
        "\"chunked\"",
        "",
        "chun ked",
        "cow",
        ",chunked",
    ] {
        let raw = format!("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: {value}\r\n\r\n");
        refused(&[(&raw, Reason::EncodingUnknown)]);
    }
    refused(&[
        (
            "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
            Reason::EncodingUnknown,
        ),
        // TE.TE by a control character that some servers take for whitespace
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n",
            Reason::HeaderValueMalformed,
        ),
    ]);
}

#[test]
fn a_length_that_others_overlook_is_kept_to() {
    // CL.0: a GET with a body. What looks like a second request is the body, and counted.
    let raw = b"GET /x HTTP/1.1\r\nHost: h\r\nContent-Length: 22\r\n\r\nGET /admin HTTP/1.1\r\nX";
    let mut gate = Http1::new(LIMITS);
    let head = gate.admit(raw).expect("a good head");
    assert_eq!(gate.declared(), Some(Framing::Length(22)));
    assert_eq!(gate.admit(&raw[head..]), Ok(22));
    assert_eq!(gate.phase(), Phase::Idle);
    // Without a length nothing is a body.
    let raw = b"POST /x HTTP/1.1\r\nHost: h\r\n\r\nG";
    let mut gate = Http1::new(LIMITS);
    let head = gate.admit(raw).expect("a good head");
    assert_eq!(gate.declared(), Some(Framing::None));
    assert_eq!(gate.admit(&raw[head..]), Ok(0));
    assert_eq!(gate.phase(), Phase::Head);
}

#[test]
fn names_of_fields_are_tokens_and_a_colon() {
    let head = "GET / HTTP/1.1\r\nHost: h\r\n";
    for (line, reason) in [
        ("Content-Length : 5", Reason::HeaderNameMalformed),
        ("Transfer-Encoding\t: chunked", Reason::HeaderNameMalformed),
        ("Transfer-Encoding", Reason::HeaderNameMalformed),
        (": x", Reason::HeaderNameMalformed),
        ("X Y: x", Reason::HeaderNameMalformed),
        ("X(: x", Reason::HeaderNameMalformed),
        ("\u{fc}: x", Reason::HeaderNameMalformed),
        ("\u{1}Content-Length: 5", Reason::HeaderNameMalformed),
        ("Content_Length: 5", Reason::HeaderNameMalformed),
        ("transfer_encoding: chunked", Reason::HeaderNameMalformed),
        (" Transfer-Encoding: chunked", Reason::FoldedHeader),
        ("\tx", Reason::FoldedHeader),
        ("X: a\r\n b", Reason::FoldedHeader),
        (" ", Reason::FoldedHeader),
        ("X: a\u{7f}", Reason::HeaderValueMalformed),
        ("X: \u{8}", Reason::HeaderValueMalformed),
        ("X: a\u{1b}[2J", Reason::HeaderValueMalformed),
        ("X: a\0b", Reason::NulByte),
        ("X\0: b", Reason::NulByte),
    ] {
        refused(&[(&format!("{head}{line}\r\n\r\n"), reason)]);
    }
    refused(&[("GET / HTTP/1.1\r\n Host: h\r\n\r\n", Reason::FoldedHeader)]);
}

#[test]
fn lines_end_in_crlf() {
    refused(&[
        ("GET / HTTP/1.1\nHost: h\n\n", Reason::LineEndBare),
        (
            "GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n",
            Reason::LineEndBare,
        ),
        ("GET / HTTP/1.1\r\nHost: h\r\n\n", Reason::LineEndBare),
        (
            "GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n",
            Reason::LineEndBare,
        ),
        ("GET / HTTP/1.1\r\nHost: h\r\r\n\r\n", Reason::LineEndBare),
        (
            "GET / HTTP/1.1\r\nX: a\rTransfer-Encoding: chunked\r\nHost: h\r\n\r\n",
            Reason::LineEndBare,
        ),
        (
            "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
            Reason::HeadMalformed,
        ),
        ("\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", Reason::HeadMalformed),
        ("\rGET / HTTP/1.1\r\nHost: h\r\n\r\n", Reason::HeadMalformed),
    ]);
}

#[test]
fn a_request_line_has_three_parts() {
    for (line, reason) in [
        ("GET /", Reason::HeadMalformed),
        ("GET", Reason::HeadMalformed),
        ("GET  / HTTP/1.1", Reason::HeadMalformed),
        ("GET /  HTTP/1.1", Reason::HeadMalformed),
        ("GET / HTTP/1.1 ", Reason::HeadMalformed),
        (" GET / HTTP/1.1", Reason::HeadMalformed),
        ("GET\t/\tHTTP/1.1", Reason::HeadMalformed),
        ("GET /a b HTTP/1.1", Reason::HeadMalformed),
        ("GET / HTTP/1.1 HTTP/1.1", Reason::HeadMalformed),
        ("GET / http/1.1", Reason::HeadMalformed),
        ("GET / HTTP/1.10", Reason::HeadMalformed),
        ("GET / HTTP/11", Reason::HeadMalformed),
        ("GET / ICAP/1.0", Reason::HeadMalformed),
        ("GET  HTTP/1.1", Reason::TargetMalformed),
        ("GET / HTTP/0.9", Reason::VersionUnsupported),
        ("GET / HTTP/1.2", Reason::VersionUnsupported),
        ("GET / HTTP/2.0", Reason::VersionUnsupported),
        ("PRI * HTTP/2.0", Reason::VersionUnsupported),
        ("G(T / HTTP/1.1", Reason::HeadMalformed),
        ("get / HTTP/1.1", Reason::MethodRefused),
        ("GET! / HTTP/1.1", Reason::MethodRefused),
        ("CONNECT h:443 HTTP/1.1", Reason::MethodRefused),
        ("TRACE / HTTP/1.1", Reason::MethodRefused),
        (
            "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1",
            Reason::MethodRefused,
        ),
    ] {
        refused(&[(&format!("{line}\r\nHost: h\r\n\r\n"), reason)]);
    }
    refused(&[("\u{16}\u{3}\u{1}\0\u{a5}\u{1}", Reason::NulByte)]);
}

#[test]
fn targets_are_paths_or_name_the_host() {
    for (target, reason) in [
        ("*", Reason::TargetMalformed),
        ("a", Reason::TargetMalformed),
        ("?a", Reason::TargetMalformed),
        ("h:80", Reason::TargetMalformed),
        ("/a#b", Reason::TargetMalformed),
        ("/a?b#c", Reason::TargetMalformed),
        ("http://h", Reason::TargetMalformed),
        ("http://h?/x", Reason::TargetMalformed),
        ("http://evil/", Reason::TargetMalformed),
        ("http://h:80/", Reason::TargetMalformed),
        ("http://a@h/", Reason::TargetMalformed),
        ("http:///x", Reason::TargetMalformed),
        ("ftp://h/", Reason::TargetMalformed),
        ("HTTP://h/", Reason::TargetMalformed),
        ("http://h/../x", Reason::PathAmbiguous),
        ("/a/../b", Reason::PathAmbiguous),
        ("/%2e%2E/b", Reason::PathAmbiguous),
        ("/a%00.png", Reason::PathAmbiguous),
    ] {
        refused(&[(&format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"), reason)]);
    }
    pass(&["GET https://h:8443/x HTTP/1.1\r\nX: y\r\nHost: H:8443\r\n\r\n"]);
}

#[test]
fn there_is_one_host() {
    refused(&[
        ("GET / HTTP/1.1\r\n\r\n", Reason::HostMissing),
        ("GET / HTTP/1.0\r\n\r\n", Reason::HostMissing),
        ("GET / HTTP/1.1\r\nX-Host: h\r\n\r\n", Reason::HostMissing),
        ("GET http://h/ HTTP/1.1\r\n\r\n", Reason::HostMissing),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
            Reason::HostTwice,
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nhost: evil\r\n\r\n",
            Reason::HostTwice,
        ),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", Reason::HostMalformed),
        (
            "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
            Reason::HostMalformed,
        ),
        ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", Reason::HostMalformed),
        ("GET / HTTP/1.1\r\nHost: h/x\r\n\r\n", Reason::HostMalformed),
    ]);
}

#[test]
fn only_websockets_are_upgrades() {
    let websocket = "Connection: upgrade\r\nUpgrade: websocket\r\n";
    for (begin, fields) in [
        (
            "GET / HTTP/1.1",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n",
        ),
        ("GET / HTTP/1.1", "HTTP2-Settings: AAM\r\n"),
        (
            "GET / HTTP/1.1",
            "Connection: upgrade\r\nUpgrade: websocket, h2c\r\n",
        ),
        (
            "GET / HTTP/1.1",
            "Connection: upgrade\r\nUpgrade: TLS/1.0\r\n",
        ),
        (
            "GET / HTTP/1.1",
            "Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n",
        ),
        ("GET / HTTP/1.1", "Upgrade: websocket\r\n"),
        (
            "GET / HTTP/1.1",
            "Connection: keep-alive\r\nUpgrade: websocket\r\n",
        ),
        ("POST / HTTP/1.1", websocket),
        ("GET / HTTP/1.0", websocket),
        (
            "GET / HTTP/1.1",
            "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n",
        ),
        (
            "GET / HTTP/1.1",
            "Connection: upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n",
        ),
    ] {
        refused(&[(
            &format!("{begin}\r\nHost: h\r\n{fields}\r\n"),
            Reason::UpgradeRefused,
        )]);
    }
}

#[test]
fn no_field_we_decide_by_is_dropped_on_the_way() {
    for option in [
        "close, Content-Length",
        "Host",
        "cookie",
        "Authorization",
        "X-Forwarded-For",
        "x-forwarded-anything",
        "Transfer-Encoding",
        "Forwarded",
        "a b",
        "\"close\"",
    ] {
        let raw = format!("GET / HTTP/1.1\r\nHost: h\r\nConnection: {option}\r\n\r\n");
        refused(&[(&raw, Reason::HeaderValueMalformed)]);
    }
    refused(&[
        (
            "POST / HTTP/1.1\r\nHost: h\r\nExpect: 200-ok\r\n\r\n",
            Reason::ExpectationUnknown,
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue, x\r\n\r\n",
            Reason::ExpectationUnknown,
        ),
    ]);
}

#[test]
fn chunks_have_a_size_and_nothing_else() {
    refused_in_body(&[
        ("5", ";ext=1\r\nhello\r\n0\r\n\r\n"),
        ("5", " \r\nhello\r\n"),
        ("5", "\nhello\r\n0\r\n\r\n"),
        ("5\r", "hello"),
        ("", "\r\nhello"),
        ("", " 5\r\nhello"),
        ("0", "x5\r\nhello"),
        ("", "+5\r\nhello"),
        ("", "-1\r\n"),
        ("5", "_0\r\n"),
        ("000000000000000", "5\r\nhello\r\n"),
        ("fffffffffffffff", "f\r\n"),
        ("", "\0"),
    ]);
}

#[test]
fn chunks_end_where_they_say() {
    refused_in_body(&[
        ("5\r\nhello", "x\r\n0\r\n\r\n"),
        ("5\r\nhello", "\n0\r\n\r\n"),
        ("5\r\nhello\r", "0\r\n\r\n"),
        ("3\r\nhel", "lo\r\n0\r\n\r\n"),
        // Trailers, and a line feed where the body ends
        ("0\r\n", "X: y\r\n\r\n"),
        ("0\r\n", "Content-Length: 5\r\n\r\n"),
        ("0\r\n", "\n"),
        ("0\r\n\r", "\r\n"),
    ]);
    // What comes after the end is another request.
    let (handed, outcome) = whole(format!("{CHUNKED}0\r\n\r\n\r\nGET").as_bytes());
    assert_eq!(handed.len(), CHUNKED.len() + 5);
    assert_eq!(outcome, Err(Reason::HeadMalformed));
}

#[test]
fn limits_hold_to_the_byte() {
    let limits = HeadLimits {
        head_bytes_max: 100,
        header_lines_max: 2,
        url_bytes_max: 20,
    };
    let head = |target: usize, value: usize, lines: usize| {
        let lines = "a:b\r\n".repeat(lines);
        let (target, value) = ("a".repeat(target - 1), "v".repeat(value));
        format!("GET /{target} HTTP/1.1\r\nHost:{value}\r\n{lines}\r\n")
    };
    let outcome = |raw: &str| {
        let outcome = arrive(limits, [raw.as_bytes()]);
        assert_eq!(outcome, arrive(limits, raw.as_bytes().chunks(1)), "{raw}");
        outcome.1
    };
    assert_eq!(outcome(&head(20, 1, 1)), Ok(Phase::Idle));
    assert_eq!(outcome(&head(21, 1, 1)), Err(Reason::UrlTooLong));
    assert_eq!(outcome(&head(500, 1, 1)), Err(Reason::UrlTooLong));
    assert_eq!(outcome(&head(1, 1, 2)), Err(Reason::TooManyHeaders));
    let most = 100 - head(1, 1, 0).len() + 1;
    assert_eq!(outcome(&head(1, most, 0)), Ok(Phase::Idle));
    assert_eq!(outcome(&head(1, most + 1, 0)), Err(Reason::HeadTooLarge));
    assert_eq!(outcome(&head(1, 5_000, 0)), Err(Reason::HeadTooLarge));
    // Garbage without any line end is held no longer than that.
    assert_eq!(outcome(&"a".repeat(63)), Ok(Phase::Head));
    assert_eq!(outcome(&"a".repeat(64)), Err(Reason::UrlTooLong));
}

#[test]
fn phases_follow_the_bytes() {
    let mut gate = Http1::new(LIMITS);
    assert_eq!((gate.phase(), gate.declared()), (Phase::Idle, None));
    assert_eq!(gate.admit(b""), Ok(0));
    assert_eq!(gate.phase(), Phase::Idle);
    assert_eq!(gate.admit(b"P"), Ok(0));
    assert_eq!(gate.phase(), Phase::Head);
    assert_eq!(gate.admit(CHUNKED.as_bytes()), Ok(CHUNKED.len()));
    assert_eq!(
        (gate.phase(), gate.declared()),
        (Phase::Body, Some(Framing::Chunked))
    );
    assert_eq!(gate.admit(b"3\r\nab"), Ok(5));
    assert_eq!(gate.phase(), Phase::Body);
    assert_eq!(gate.left(), None);
    let rest = b"c\r\n0\r\n\r\nGET / HTTP/1.1\r\n";
    let content = Piece {
        framing: 0,
        content: 1,
    };
    assert_eq!(gate.piece(rest), Ok(content));
    let end = Piece {
        framing: 7,
        content: 0,
    };
    assert_eq!(gate.piece(&rest[1..]), Ok(end));
    assert_eq!((gate.phase(), gate.left()), (Phase::Idle, Some(0)));
    assert_eq!(gate.piece(&rest[8..]), Ok(Piece::default()));
}

#[test]
fn a_trickled_head_is_looked_at_once() {
    // 1 MiB byte by byte: quadratic work would be half a tera.
    let limits = HeadLimits {
        head_bytes_max: 1 << 20,
        ..LIMITS
    };
    let raw = format!(
        "GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n",
        "x".repeat((1 << 20) - 100)
    );
    let mut gate = Http1::new(limits);
    for end in 1..raw.len() {
        assert_eq!(gate.admit(&raw.as_bytes()[..end]), Ok(0));
    }
    assert_eq!(gate.admit(raw.as_bytes()), Ok(raw.len()));
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let line = (
        "[A-Z][A-Z_-]{2,10}X",
        "(/[a-z0-9!$&'()*+,=:@_-]{1,12}(%[2-9a-f][0-9a-f]){0,2}x){1,4}",
        "(\\?[!$-;=?-Z_a-~%]{0,20})?",
    );
    let field = (
        "X-[!#$%&'*+.^_`|~0-9a-zA-Z-]{1,12}",
        "[ \t]{0,2}[!-~\u{a0}-\u{ff}][ -~\t]{0,40}",
    );
    let body = prop_oneof![
        Just(None),
        prop::collection::vec(any::<u8>(), 0..60).prop_map(|data| Some((data, None))),
        (prop::collection::vec(any::<u8>(), 0..60), 1..20_usize)
            .prop_map(|(data, size)| Some((data, Some(size)))),
    ];
    (line, prop::collection::vec(field, 0..8), body).prop_map(|(line, fields, body)| {
        let (method, path, query) = line;
        let mut raw = format!("{method} {path}{query} HTTP/1.1\r\nHost: example.org\r\n");
        for (name, value) in fields {
            raw.push_str(&format!("{name}:{value}\r\n"));
        }
        written(raw, body)
    })
}

/// The head's end and a body: none, with its length, or in chunks of such a size.
fn written(mut head: String, body: Option<(Vec<u8>, Option<usize>)>) -> Vec<u8> {
    let Some((data, chunk)) = body else {
        return [head.as_bytes(), b"\r\n"].concat();
    };
    let Some(chunk) = chunk else {
        head.push_str(&format!("Content-Length: {}\r\n\r\n", data.len()));
        return [head.as_bytes(), &data].concat();
    };
    let mut raw = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for piece in data.chunks(chunk) {
        raw.extend_from_slice(format!("{:X}\r\n", piece.len()).as_bytes());
        raw.extend_from_slice(piece);
        raw.extend_from_slice(b"\r\n");
    }
    raw.extend_from_slice(b"0\r\n\r\n");
    raw
}

fn in_pieces(raw: &[u8], sizes: &[usize]) -> Outcome {
    let mut rest = raw;
    let pieces = sizes.iter().cycle().map_while(|&size| {
        let (piece, behind) = rest.split_at(size.min(rest.len()));
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    });
    arrive(LIMITS, pieces)
}

proptest! {
    #[test]
    fn good_requests_pass_one_after_the_other(requests in prop::collection::vec(request(), 1..4)) {
        let raw = requests.concat();
        prop_assert_eq!(whole(&raw), (raw.clone(), Ok(Phase::Idle)));
    }

    #[test]
    fn pieces_do_not_matter(
        requests in prop::collection::vec(request(), 1..3),
        sizes in prop::collection::vec(1..80_usize, 1..6),
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut raw = requests.concat();
        if let Some((at, byte)) = damage {
            let at = at.index(raw.len());
            raw[at] = byte;
        }
        if let Some(cut) = cut {
            raw.remove(cut.index(raw.len()));
        }
        let outcome = whole(&raw);
        prop_assert_eq!(&in_pieces(&raw, &sizes), &outcome);
        prop_assert_eq!(&bytewise(&raw), &outcome);
        prop_assert!(raw.starts_with(&outcome.0));
    }

    #[test]
    fn any_bytes_have_an_outcome(
        raw in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "[GET /HTP1.\r\nHost:h]{0,80}".prop_map(String::into_bytes),
        ],
        sizes in prop::collection::vec(1..20_usize, 1..4),
    ) {
        prop_assert_eq!(in_pieces(&raw, &sizes), whole(&raw));
    }
}
