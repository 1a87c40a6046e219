//! What is a host, and what only looks like one.

use proptest::prelude::*;

use super::*;

#[test]
fn names_and_addresses_are_hosts() {
    for (value, name, port) in [
        ("example.org", "example.org", None),
        ("Example.ORG:8443", "Example.ORG", Some(8_443)),
        ("example.org.", "example.org.", None),
        ("a_b-c.d", "a_b-c.d", None),
        ("localhost:1", "localhost", Some(1)),
        ("192.0.2.1:65535", "192.0.2.1", Some(65_535)),
        ("[2001:db8::1]", "[2001:db8::1]", None),
        ("[::ffff:192.0.2.1]:80", "[::ffff:192.0.2.1]", Some(80)),
    ] {
        assert_eq!(host(value.as_bytes()), Ok(Host { name, port }), "{value}");
    }
}

#[test]
fn nothing_else_is_one() {
    for value in [
        "",
        ":80",
        ".",
        ".example.org",
        "a..b",
        "a.org..",
        "a b",
        "a/b",
        "a@b",
        "a:b@c",
        "a%41",
        "a,b",
        "a\\b",
        "a:",
        "a:0",
        "a:080",
        "a:65536",
        "a:8a",
        "a:-1",
        "a:+1",
        "a:80:80",
        "::1",
        "[::1",
        "[::1]x",
        "[::1]:",
        "[]",
        "[::1%eth0]",
        "[192.0.2.1]",
        "[v1.x]",
        "\u{e4}.org",
        "a\0",
        "a\t",
    ] {
        assert_eq!(
            host(value.as_bytes()),
            Err(Reason::HostMalformed),
            "{value:?}"
        );
    }
    let long = "a".repeat(255);
    assert_eq!(host(long.as_bytes()), Err(Reason::HostMalformed));
}

proptest! {
    #[test]
    fn any_bytes_have_an_outcome(value in prop::collection::vec(any::<u8>(), 0..30)) {
        if let Ok(host) = host(&value) {
            let written = match host.port {
                Some(port) => format!("{}:{port}", host.name),
                None => host.name.to_owned(),
            };
            prop_assert_eq!(written.as_bytes(), value);
        }
    }

    #[test]
    fn what_is_read_is_what_was_written(name in "[a-z0-9_-]{1,9}(\\.[a-zA-Z0-9_-]{1,9}){0,3}\\.?", port in 1..u16::MAX) {
        let value = format!("{name}:{port}");
        prop_assert_eq!(host(value.as_bytes()), Ok(Host { name: &name, port: Some(port) }));
    }
}
