//! PROXY headers of both versions, right and wrong, whole and in pieces.

use proptest::prelude::*;

use super::*;

fn end(text: &str) -> SocketAddr {
    text.parse().expect("an address and a port")
}

fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len())
        .expect("a short header")
        .to_be_bytes();
    [SIGNATURE, &[command, family], &length, rest].concat()
}

const ENDS_4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 2, 0xdb, 0xac, 0x01, 0xbb];

#[test]
fn version_1_says_who_connected() {
    let raw = b"PROXY TCP4 192.0.2.1 198.51.100.2 56236 443\r\nGET /";
    let ends = (end("192.0.2.1:56236"), end("198.51.100.2:443"));
    assert_eq!(read(raw), Ok(Some((45, Some(ends)))));
    let raw = b"PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n";
    let ends = (end("[2001:db8::1]:0"), end("[2001:db8::2]:65535"));
    assert_eq!(read(raw), Ok(Some((raw.len(), Some(ends)))));
    assert_eq!(read(b"PROXY UNKNOWN\r\n"), Ok(Some((15, None))));
    let long = format!("PROXY UNKNOWN {}\r\n", "f".repeat(91));
    assert_eq!(read(long.as_bytes()), Ok(Some((107, None))));
}

#[test]
fn version_1_is_read_strictly() {
    for line in [
        "PROXY TCP4 192.0.2.1 198.51.100.2 56236 443\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 56236 443\r\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 56236 443 \r\n",
        "PROXY TCP4  192.0.2.1 198.51.100.2 56236 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 56236\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 056 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 -1 443\r\n",
        "PROXY TCP4 192.0.2.01 198.51.100.2 1 443\r\n",
        "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n",
        "PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n",
        "PROXY\r\n",
        "PROXY \r\n",
        "PROXY UNKNOWN\0\r\n",
        "PROXZ",
        "POST / HTTP/1.1\r\n",
        "GET",
    ] {
        assert_eq!(
            read(line.as_bytes()),
            Err(Reason::ProxyHeaderBad),
            "{line:?}"
        );
    }
    let long = format!("PROXY UNKNOWN {}\r\n", "f".repeat(92));
    assert_eq!(read(long.as_bytes()), Err(Reason::ProxyHeaderBad));
}

#[test]
fn version_2_says_who_connected() {
    let ends = (end("192.0.2.1:56236"), end("198.51.100.2:443"));
    assert_eq!(
        read(&version_2(0x21, 0x11, &ENDS_4)),
        Ok(Some((28, Some(ends))))
    );
    let extended = [&ENDS_4[..], &[0x01, 0, 2, b'h', b'2', 0x04, 0, 0]].concat();
    assert_eq!(
        read(&version_2(0x21, 0x11, &extended)),
        Ok(Some((36, Some(ends))))
    );
    let mut rest = [0; 36];
    (rest[15], rest[31], rest[33], rest[35]) = (1, 2, 80, 81);
    let ends = (end("[::1]:80"), end("[::2]:81"));
    assert_eq!(
        read(&version_2(0x21, 0x21, &rest)),
        Ok(Some((52, Some(ends))))
    );
    // A health check of the proxy's own, and one that doesn't know.
    assert_eq!(read(&version_2(0x20, 0x00, &[])), Ok(Some((16, None))));
    assert_eq!(read(&version_2(0x20, 0x11, &ENDS_4)), Ok(Some((28, None))));
    assert_eq!(read(&version_2(0x21, 0x00, &[0; 7])), Ok(Some((23, None))));
}

#[test]
fn version_2_is_read_strictly() {
    for raw in [
        version_2(0x11, 0x11, &ENDS_4),
        version_2(0x22, 0x11, &ENDS_4),
        version_2(0x21, 0x12, &ENDS_4),
        version_2(0x21, 0x31, &[0; 216]),
        version_2(0x21, 0x41, &ENDS_4),
        version_2(0x21, 0x11, &ENDS_4[..11]),
        version_2(0x21, 0x21, &[0; 35]),
        version_2(0x21, 0x11, &[&ENDS_4[..], &[1, 0]].concat()),
        version_2(0x21, 0x11, &[&ENDS_4[..], &[1, 0, 1]].concat()),
        version_2(0x21, 0x11, &[&ENDS_4[..], &[1, 0xff, 0xff, 0]].concat()),
        version_2(0x20, 0x00, &[0; 513]),
        b"\r\n\r\n\0\r\nQUIT\r".to_vec(),
        b"\r\nGET".to_vec(),
        b"\x16\x03\x01".to_vec(),
    ] {
        assert_eq!(read(&raw), Err(Reason::ProxyHeaderBad), "{raw:?}");
    }
}

fn header() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "PROXY TCP4 192.0.2.[0-9]{1,2} 198.51.100.[0-9] [0-9]{1,5} [0-9]{1,4}\r\nX{0,3}"
            .prop_map(String::into_bytes),
        "PROXY (UNKNOWN|TCP6|[ -~]{0,8}) ?[ -~]{0,120}\r?\n?".prop_map(String::into_bytes),
        (
            0x20..0x23_u8,
            prop_oneof![Just(0x11), Just(0x21), any::<u8>()],
            prop::collection::vec(any::<u8>(), 0..60)
        )
            .prop_map(|(command, family, rest)| version_2(command, family, &rest)),
        prop::collection::vec(any::<u8>(), 0..200),
    ]
}

proptest! {
    #[test]
    fn pieces_do_not_matter(raw in header()) {
        let whole = read(&raw);
        if let Ok(Some((length, _))) = whole {
            prop_assert!(length <= raw.len());
        }
        // It is asked again with more until it knows; then it knows what it would have, at once.
        let first = (0..=raw.len()).map(|end| read(&raw[..end])).find(|it| *it != Ok(None));
        prop_assert_eq!(first.unwrap_or(Ok(None)), whole);
    }

    #[test]
    fn it_knows_after_528_bytes(raw in header()) {
        let raw = [raw, vec![b' '; 528]].concat();
        prop_assert_ne!(read(&raw), Ok(None));
    }
}
