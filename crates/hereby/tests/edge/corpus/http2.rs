//! HTTP/2: floods, frames that break the rules (RFC 9113), fields that do (RFC 9113, 8; RFC 7541),
//! and what real clients send. Frames and fields are made here by hand: no library would.

mod good;
mod requests;

use super::{Case, Kind};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const WITH_PRIORITY: u8 = 0x20;
const BOTH: u8 = END_STREAM | END_HEADERS;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A field as it is, in no table.
fn field(name: &str, value: &str) -> Vec<u8> {
    raw_field(name.as_bytes(), value.as_bytes())
}

fn raw_field(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        // RFC 7541, 5.1: a prefix of 7 bits.
        let mut left = text.len();
        if left < 127 {
            bytes.push(u8::try_from(left).unwrap());
        } else {
            bytes.push(127);
            left -= 127;
            while left >= 128 {
                bytes.push(u8::try_from(left % 128).unwrap() | 128);
                left /= 128;
            }
            bytes.push(u8::try_from(left).unwrap());
        }
        bytes.extend(text);
    }
    bytes
}

fn fields(list: &[(&str, &str)]) -> Vec<u8> {
    list.iter()
        .flat_map(|(name, value)| field(name, value))
        .collect()
}

/// The pseudo-fields of a request with that method, and more fields.
fn request(method: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut block = fields(&[
        (":method", method),
        (":scheme", "http"),
        (":path", "/PATH"),
        (":authority", "a.example"),
    ]);
    block.extend(fields(more));
    block
}

fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, BOTH, stream, &request("GET", &[]))
}

/// The beginning of a request that has a body.
fn open(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &request("POST", &[]))
}

fn begin(frames: &[Vec<u8>]) -> Vec<u8> {
    [
        PREFACE.to_vec(),
        frame(SETTINGS, 0, 0, &[]),
        frames.concat(),
    ]
    .concat()
}

fn setting(id: u16, value: u32) -> Vec<u8> {
    [id.to_be_bytes().to_vec(), value.to_be_bytes().to_vec()].concat()
}

fn harmful(class: &'static str, name: &str, bytes: Vec<u8>) -> Case {
    Case {
        class,
        name: name.to_owned(),
        bytes,
        kind: Kind::Harmful { before: 0 },
        http2: true,
    }
}

pub(super) fn all() -> Vec<Case> {
    [
        frames(),
        orders(),
        requests::heads(),
        blocks(),
        floods(),
        good::controls(),
    ]
    .concat()
}

fn frames() -> Vec<Case> {
    const FRAMES: &str = "HTTP/2 frames";
    let first = |bytes: Vec<u8>| [PREFACE.to_vec(), bytes].concat();
    let large = vec![0; 16_385];
    let self_priority = [&1u32.to_be_bytes()[..], &[16]].concat();
    vec![
        harmful(
            FRAMES,
            "a broken preface",
            b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_vec(),
        ),
        harmful(FRAMES, "no settings first", first(get(1))),
        harmful(
            FRAMES,
            "an acknowledgement first",
            first(frame(SETTINGS, 1, 0, &[])),
        ),
        harmful(
            FRAMES,
            "DATA larger than may be",
            begin(&[open(1), frame(DATA, 1, 1, &large)]),
        ),
        harmful(
            FRAMES,
            "HEADERS larger than may be",
            begin(&[frame(HEADERS, BOTH, 1, &large)]),
        ),
        harmful(
            FRAMES,
            "settings of five bytes",
            begin(&[frame(SETTINGS, 0, 0, &[0; 5])]),
        ),
        harmful(
            FRAMES,
            "settings on a stream",
            begin(&[frame(SETTINGS, 0, 1, &[])]),
        ),
        harmful(
            FRAMES,
            "an acknowledgement with a payload",
            begin(&[frame(SETTINGS, 1, 0, &setting(1, 1))]),
        ),
        harmful(
            FRAMES,
            "push neither on nor off",
            begin(&[frame(SETTINGS, 0, 0, &setting(2, 2)), get(1)]),
        ),
        harmful(
            FRAMES,
            "a first window of 2^31",
            begin(&[frame(SETTINGS, 0, 0, &setting(4, 1 << 31)), get(1)]),
        ),
        harmful(
            FRAMES,
            "frames of less than 2^14",
            begin(&[frame(SETTINGS, 0, 0, &setting(5, 100)), get(1)]),
        ),
        harmful(
            FRAMES,
            "frames of 2^24",
            begin(&[frame(SETTINGS, 0, 0, &setting(5, 1 << 24)), get(1)]),
        ),
        harmful(
            FRAMES,
            "a ping of six bytes",
            begin(&[frame(PING, 0, 0, &[0; 6])]),
        ),
        harmful(
            FRAMES,
            "a ping on a stream",
            begin(&[frame(PING, 0, 1, &[0; 8])]),
        ),
        harmful(
            FRAMES,
            "a reset of three bytes",
            begin(&[open(1), frame(RESET, 0, 1, &[0; 3])]),
        ),
        harmful(
            FRAMES,
            "a reset of the connection",
            begin(&[frame(RESET, 0, 0, &[0; 4])]),
        ),
        harmful(
            FRAMES,
            "a reset of a stream that is idle",
            begin(&[frame(RESET, 0, 1, &[0; 4])]),
        ),
        harmful(
            FRAMES,
            "a priority of four bytes",
            begin(&[frame(PRIORITY, 0, 1, &[0; 4])]),
        ),
        harmful(
            FRAMES,
            "a priority of the connection",
            begin(&[frame(PRIORITY, 0, 0, &[0; 5])]),
        ),
        harmful(
            FRAMES,
            "a stream that depends on itself",
            begin(&[frame(PRIORITY, 0, 1, &self_priority)]),
        ),
        harmful(
            FRAMES,
            "a window larger by nothing",
            begin(&[frame(WINDOW, 0, 0, &[0; 4])]),
        ),
        harmful(
            FRAMES,
            "a stream's window larger by nothing",
            begin(&[open(1), frame(WINDOW, 0, 1, &[0; 4])]),
        ),
        harmful(
            FRAMES,
            "a window update of three bytes",
            begin(&[frame(WINDOW, 0, 0, &[0; 3])]),
        ),
        harmful(
            FRAMES,
            "a window beyond 2^31",
            begin(&[frame(WINDOW, 0, 0, &0x7fff_ffffu32.to_be_bytes())]),
        ),
        harmful(
            FRAMES,
            "a window update of a stream that is idle",
            begin(&[frame(WINDOW, 0, 5, &1_000u32.to_be_bytes())]),
        ),
        harmful(
            FRAMES,
            "GOAWAY on a stream",
            begin(&[frame(GOAWAY, 0, 1, &[0; 8])]),
        ),
        harmful(
            FRAMES,
            "GOAWAY of seven bytes",
            begin(&[frame(GOAWAY, 0, 0, &[0; 7])]),
        ),
        harmful(
            FRAMES,
            "a push from a client",
            begin(&[open(1), frame(PUSH, END_HEADERS, 1, &[0, 0, 0, 2, 0x82])]),
        ),
        harmful(
            FRAMES,
            "padding longer than the DATA",
            begin(&[open(1), frame(DATA, PADDED | 1, 1, &[5, 1, 2])]),
        ),
        harmful(
            FRAMES,
            "padding longer than the HEADERS",
            begin(&[frame(HEADERS, BOTH | PADDED, 1, &[200, 0x82])]),
        ),
        harmful(
            FRAMES,
            "padded DATA without its length",
            begin(&[open(1), frame(DATA, PADDED | 1, 1, &[])]),
        ),
        harmful(
            FRAMES,
            "HEADERS too short for their priority",
            begin(&[frame(HEADERS, BOTH | WITH_PRIORITY, 1, &[0; 3])]),
        ),
    ]
}

fn orders() -> Vec<Case> {
    const ORDERS: &str = "HTTP/2 order of frames";
    let block = request("GET", &[]);
    let (front, back) = block.split_at(20);
    let half = frame(HEADERS, END_STREAM, 1, front);
    let after = |name: &str, bytes: Vec<u8>| Case {
        kind: Kind::Harmful { before: 1 },
        ..harmful(ORDERS, name, bytes)
    };
    vec![
        harmful(
            ORDERS,
            "HEADERS on stream 0",
            begin(&[frame(HEADERS, BOTH, 0, &block)]),
        ),
        harmful(ORDERS, "an even stream", begin(&[get(2)])),
        harmful(
            ORDERS,
            "DATA on stream 0",
            begin(&[frame(DATA, 1, 0, b"abc")]),
        ),
        harmful(
            ORDERS,
            "DATA on a stream that is idle",
            begin(&[frame(DATA, 1, 1, b"abc")]),
        ),
        after("a stream before the newest", begin(&[get(5), get(3)])),
        after(
            "DATA behind the end of a stream",
            begin(&[get(1), frame(DATA, 1, 1, b"abc")]),
        ),
        after(
            "HEADERS behind the end of a stream",
            begin(&[get(1), get(1)]),
        ),
        harmful(
            ORDERS,
            "trailers that don't end",
            begin(&[
                open(1),
                frame(HEADERS, END_HEADERS, 1, &field("x-late", "y")),
            ]),
        ),
        harmful(
            ORDERS,
            "CONTINUATION of nothing",
            begin(&[frame(CONTINUATION, END_HEADERS, 1, back)]),
        ),
        harmful(
            ORDERS,
            "CONTINUATION on another stream",
            begin(&[half.clone(), frame(CONTINUATION, END_HEADERS, 3, back)]),
        ),
        harmful(
            ORDERS,
            "CONTINUATION on stream 0",
            begin(&[half.clone(), frame(CONTINUATION, END_HEADERS, 0, back)]),
        ),
        harmful(
            ORDERS,
            "a ping within a block",
            begin(&[
                half.clone(),
                frame(PING, 0, 0, &[0; 8]),
                frame(CONTINUATION, END_HEADERS, 1, back),
            ]),
        ),
        harmful(
            ORDERS,
            "DATA within a block",
            begin(&[half.clone(), frame(DATA, 1, 1, b"abc")]),
        ),
        harmful(
            ORDERS,
            "other HEADERS within a block",
            begin(&[half, get(3)]),
        ),
        after(
            "CONTINUATION behind a whole block",
            begin(&[get(1), frame(CONTINUATION, END_HEADERS, 1, back)]),
        ),
    ]
}

fn blocks() -> Vec<Case> {
    const BLOCKS: &str = "HTTP/2 header compression";
    let sent = |block: &[u8]| begin(&[frame(HEADERS, BOTH, 1, block)]);
    let with = |more: &[u8]| sent(&[request("GET", &[]), more.to_vec()].concat());
    // One entry of 4,000 bytes in the table, then pointed at again and again (CVE-2016-6581).
    let mut bomb = request("GET", &[]);
    bomb.push(0x40);
    bomb.extend(&raw_field(b"x", &[b'y'; 4_000])[1..]);
    bomb.extend([0xbe; 12_000]);
    vec![
        harmful(BLOCKS, "index 0", with(&[0x80])),
        harmful(BLOCKS, "an index beyond the table", with(&[0xff, 0x20])),
        harmful(
            BLOCKS,
            "a number without an end",
            with(&[
                0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
            ]),
        ),
        harmful(BLOCKS, "a value cut off", with(&[0, 1, b'x', 10, b'y'])),
        harmful(
            BLOCKS,
            "Huffman's padding too long",
            with(&[0, 1, b'x', 0x82, 0x07, 0xff]),
        ),
        harmful(
            BLOCKS,
            "Huffman's padding of zeros",
            with(&[0, 1, b'x', 0x81, 0x00]),
        ),
        harmful(
            BLOCKS,
            "Huffman's end within",
            with(&[0, 1, b'x', 0x84, 0xff, 0xff, 0xff, 0xff]),
        ),
        harmful(
            BLOCKS,
            "a table larger than offered",
            sent(&[vec![0x3f, 0xe1, 0xff, 0x03], request("GET", &[])].concat()),
        ),
        harmful(BLOCKS, "a table's size behind a field", with(&[0x20])),
        harmful(BLOCKS, "a few bytes that become megabytes", sent(&bomb)),
        harmful(
            BLOCKS,
            "a field of 40 kB",
            begin(&split(
                &[request("GET", &[]), raw_field(b"x", &[b'y'; 40_000])].concat(),
            )),
        ),
    ]
}

/// A block in as few frames as it takes.
fn split(block: &[u8]) -> Vec<Vec<u8>> {
    let pieces: Vec<&[u8]> = block.chunks(16_384).collect();
    let last = pieces.len() - 1;
    let piece = |(at, piece): (usize, &&[u8])| {
        let end = if at == last { END_HEADERS } else { 0 };
        match at {
            0 => frame(HEADERS, END_STREAM | end, 1, piece),
            _ => frame(CONTINUATION, end, 1, piece),
        }
    };
    pieces.iter().enumerate().map(piece).collect()
}

fn floods() -> Vec<Case> {
    const FLOODS: &str = "HTTP/2 floods";
    let flood = |name: &str, frames: Vec<Vec<u8>>| Case {
        kind: Kind::Flood,
        ..harmful(FLOODS, name, begin(&frames))
    };
    let many = |count: usize, what: Vec<u8>| vec![what; count];
    let streams = |count: u32, each: &dyn Fn(u32) -> Vec<u8>| {
        (0..count).map(|at| each(at * 2 + 1)).collect::<Vec<_>>()
    };
    let cancelled =
        |stream: u32| [get(stream), frame(RESET, 0, stream, &8u32.to_be_bytes())].concat();
    let unfinished =
        |stream: u32| [open(stream), frame(RESET, 0, stream, &8u32.to_be_bytes())].concat();
    let made_to_reset = |stream: u32| [open(stream), frame(WINDOW, 0, stream, &[0; 4])].concat();
    let after = |first: Vec<u8>, rest: Vec<Vec<u8>>| [vec![first], rest].concat();
    let half = frame(HEADERS, END_STREAM, 1, &request("GET", &[]));
    vec![
        flood(
            "requests taken back (CVE-2023-44487)",
            streams(3_000, &cancelled),
        ),
        flood(
            "requests taken back before their body",
            streams(3_000, &unfinished),
        ),
        flood(
            "resets that we are made to send (CVE-2025-8671)",
            streams(3_000, &made_to_reset),
        ),
        flood(
            "settings (CVE-2019-9515)",
            many(30, frame(SETTINGS, 0, 0, &setting(4, 65_535))),
        ),
        flood(
            "settings of 400 entries",
            many(1, frame(SETTINGS, 0, 0, &setting(0x99, 1).repeat(400))),
        ),
        flood(
            "pings (CVE-2019-9512)",
            many(30_000, frame(PING, 0, 0, &[7; 8])),
        ),
        flood(
            "priorities (CVE-2019-9513)",
            many(30_000, frame(PRIORITY, 0, 3, &[0, 0, 0, 0, 7])),
        ),
        flood(
            "empty DATA (CVE-2019-9518)",
            after(open(1), many(30_000, frame(DATA, 0, 1, &[]))),
        ),
        flood(
            "padding without DATA",
            after(open(1), many(30_000, frame(DATA, PADDED, 1, &[3, 0, 0, 0]))),
        ),
        flood(
            "windows larger by one (CVE-2019-9511)",
            many(30_000, frame(WINDOW, 0, 0, &1u32.to_be_bytes())),
        ),
        flood(
            "frames of a type nobody knows",
            many(30_000, frame(0xfa, 0, 0, &[])),
        ),
        flood("acknowledgements", many(30_000, frame(SETTINGS, 1, 0, &[]))),
        flood(
            "empty CONTINUATION (CVE-2024-27316)",
            after(half.clone(), many(10_000, frame(CONTINUATION, 0, 1, &[]))),
        ),
        flood(
            "CONTINUATION with fields",
            after(
                half,
                many(2_000, frame(CONTINUATION, 0, 1, &field("x", "y"))),
            ),
        ),
        flood("GOAWAY", many(30_000, frame(GOAWAY, 0, 0, &[0; 8]))),
    ]
}
