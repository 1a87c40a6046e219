//! Fields of HTTP/2 that clients send, and those that would mean something else in HTTP/1.

use super::*;

#[test]
fn what_clients_send_passes() {
    for (name, value) in [
        ("accept", "*/*"),
        ("cookie", "a=b; c=\"d\""),
        ("te", "trailers"),
        ("content-length", "0"),
        ("expect", "100-continue"),
        ("grpc-timeout", "1S"),
        ("x-empty", ""),
        ("x-latin", "J\u{fc}rgen"),
        ("host", "example.org"),
    ] {
        assert_eq!(field(name.as_bytes(), value.as_bytes()), Ok(()), "{name}");
    }
}

#[test]
fn what_would_change_its_meaning_in_http_1_is_refused() {
    for (name, value, reason) in [
        ("", "x", Reason::HeaderNameMalformed),
        ("Accept", "x", Reason::HeaderNameMalformed),
        (":path", "/", Reason::HeaderNameMalformed),
        ("a b", "x", Reason::HeaderNameMalformed),
        ("a:b", "x", Reason::HeaderNameMalformed),
        ("a\r\nb", "x", Reason::HeaderNameMalformed),
        ("content_length", "1", Reason::HeaderNameMalformed),
        (
            "x",
            "a\r\nTransfer-Encoding: chunked",
            Reason::HeaderValueMalformed,
        ),
        ("x", "a\nb", Reason::HeaderValueMalformed),
        ("x", " a", Reason::HeaderValueMalformed),
        ("x", "a\t", Reason::HeaderValueMalformed),
        ("x", "\u{7f}", Reason::HeaderValueMalformed),
        ("x", "a\0", Reason::NulByte),
        ("connection", "close", Reason::Http2Malformed),
        ("keep-alive", "1", Reason::Http2Malformed),
        ("proxy-connection", "close", Reason::Http2Malformed),
        ("transfer-encoding", "chunked", Reason::Http2Malformed),
        ("upgrade", "websocket", Reason::Http2Malformed),
        ("http2-settings", "AAM", Reason::Http2Malformed),
        ("te", "trailers, deflate", Reason::Http2Malformed),
        ("content-length", "+1", Reason::LengthMalformed),
        ("content-length", "", Reason::LengthMalformed),
        ("expect", "x", Reason::ExpectationUnknown),
    ] {
        assert_eq!(
            field(name.as_bytes(), value.as_bytes()),
            Err(reason),
            "{name}: {value:?}"
        );
    }
}
