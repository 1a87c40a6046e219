//! What real clients send.

use super::*;

pub(super) fn controls() -> Vec<Case> {
    const GOOD: &str = "must pass over HTTP/2";
    let good = |answers: usize, name: &str, frames: &[Vec<u8>]| Case {
        kind: Kind::Control { answers },
        ..harmful(GOOD, name, begin(frames))
    };
    let with = |more: &[(&str, &str)]| frame(HEADERS, BOTH, 1, &request("GET", more));
    let block = request("GET", &[]);
    let (front, back) = block.split_at(20);
    let padded = [&[3][..], &block, &[0; 3]].concat();
    let weighed = [&[0x80, 0, 0, 0, 255][..], &block].concat();
    let body = frame(DATA, 1, 1, b"abc");
    let browser = [
        setting(1, 65_536),
        setting(2, 0),
        setting(4, 6_291_456),
        setting(6, 262_144),
        setting(0x1a2a, 7),
    ]
    .concat();
    let own = |list: &[(&str, &str)]| frame(HEADERS, BOTH, 1, &fields(list));
    // The usual pseudo-fields by their places in the table, the host by Huffman's code.
    let indexed = [
        &[0x82, 0x86][..],
        &field(":path", "/PATH"),
        &field(":authority", "a.example"),
        &[0x53, 0x03, b'*', b'/', b'*'],
    ]
    .concat();
    vec![
        good(1, "nothing special", &[get(1)]),
        good(
            1,
            "what browsers set",
            &[
                frame(SETTINGS, 0, 0, &browser),
                frame(WINDOW, 0, 0, &15_663_105u32.to_be_bytes()),
                get(1),
            ],
        ),
        good(
            1,
            "an acknowledgement",
            &[frame(SETTINGS, 1, 0, &[]), get(1)],
        ),
        good(1, "a ping", &[frame(PING, 0, 0, &[1; 8]), get(1)]),
        good(
            1,
            "a frame of a type nobody knows",
            &[frame(0x0b, 0, 0, b"abc"), get(1)],
        ),
        good(
            1,
            "priorities of streams to come",
            &[
                frame(PRIORITY, 0, 3, &[0, 0, 0, 0, 200]),
                frame(PRIORITY, 0, 5, &[0, 0, 0, 3, 100]),
                get(7),
            ],
        ),
        good(
            1,
            "HEADERS with a priority",
            &[frame(HEADERS, BOTH | WITH_PRIORITY, 1, &weighed)],
        ),
        good(
            1,
            "padded HEADERS",
            &[frame(HEADERS, BOTH | PADDED, 1, &padded)],
        ),
        good(
            1,
            "a block in two pieces",
            &[
                frame(HEADERS, END_STREAM, 1, front),
                frame(CONTINUATION, END_HEADERS, 1, back),
            ],
        ),
        good(
            1,
            "fields from the table",
            &[frame(HEADERS, BOTH, 1, &indexed)],
        ),
        good(1, "a body", &[open(1), body.clone()]),
        good(
            1,
            "a body and its length",
            &[
                frame(
                    HEADERS,
                    END_HEADERS,
                    1,
                    &request("POST", &[("content-length", "3")]),
                ),
                body,
            ],
        ),
        good(
            1,
            "a body in pieces, one of them empty",
            &[
                open(1),
                frame(DATA, 0, 1, b"a"),
                frame(DATA, 0, 1, b""),
                frame(DATA, 1, 1, b"b"),
            ],
        ),
        good(
            1,
            "padded DATA",
            &[open(1), frame(DATA, PADDED | 1, 1, &[2, b'a', 0, 0])],
        ),
        good(
            1,
            "an end without data",
            &[open(1), frame(DATA, 0, 1, b"abc"), frame(DATA, 1, 1, b"")],
        ),
        good(1, "te: trailers", &[with(&[("te", "trailers")])]),
        good(
            1,
            "cookies in crumbs",
            &[with(&[("cookie", "a=b"), ("cookie", "c=d")])],
        ),
        good(1, "UTF-8 in a value", &[with(&[("x-name", "J\u{fc}rgen")])]),
        good(1, "an empty value", &[with(&[("x-empty", "")])]),
        good(
            1,
            "a host beside the authority",
            &[with(&[("host", "a.example")])],
        ),
        good(
            1,
            "a host in place of the authority",
            &[own(&[
                (":method", "GET"),
                (":scheme", "http"),
                (":path", "/PATH"),
                ("host", "a.example"),
            ])],
        ),
        good(
            1,
            "an authority with a port",
            &[own(&[
                (":method", "GET"),
                (":scheme", "http"),
                (":path", "/PATH"),
                (":authority", "a.example:8080"),
            ])],
        ),
        good(
            1,
            "a scheme that is not this port's",
            &[own(&[
                (":method", "GET"),
                (":scheme", "https"),
                (":path", "/PATH"),
                (":authority", "a.example"),
            ])],
        ),
        good(
            1,
            "a query as people type it",
            &[own(&[
                (":method", "GET"),
                (":scheme", "http"),
                (":path", "/PATH?q=100%&x={|a^}"),
                (":authority", "a.example"),
            ])],
        ),
        good(3, "three streams", &[get(1), get(3), get(9)]),
        good(
            1,
            "one taken back, one not",
            &[open(1), frame(RESET, 0, 1, &8u32.to_be_bytes()), get(3)],
        ),
        good(
            1,
            "a reserved bit that is set",
            &[frame(HEADERS, BOTH, 0x8000_0001, &block)],
        ),
    ]
}
