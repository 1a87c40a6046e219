//! Frames as clients send them and as attackers do, whole and in pieces.

use proptest::prelude::*;

use super::*;

const LIMITS: Http2Limits = Http2Limits {
    resets_per_minute_max: 100,
    settings_per_minute_max: 10,
    control_frames_per_minute_max: 200,
    head_bytes_max: 16_384,
};

const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const PRIORITY_FRAME: u8 = 0x2;
const RST_STREAM: u8 = 0x3;
const SETTINGS: u8 = 0x4;
const PUSH_PROMISE: u8 = 0x5;
const PING: u8 = 0x6;
const GOAWAY: u8 = 0x7;
const WINDOW_UPDATE: u8 = 0x8;
const CONTINUATION: u8 = 0x9;
const PRIORITY_UPDATE: u8 = 0x10;

const WHOLE: u8 = END_HEADERS | END_STREAM;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .expect("a short payload")
        .to_be_bytes();
    let mut raw = length[1..].to_vec();
    raw.extend([kind, flags]);
    raw.extend(stream.to_be_bytes());
    raw.extend_from_slice(payload);
    raw
}

fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, WHOLE, stream, &[0x82, 0x84, 0x86])
}

fn window(stream: u32, bytes: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes())
}

fn opening() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100])].concat()
}

/// One connection, and the time on its clock.
struct Connection {
    gate: Http2,
    buffer: Vec<u8>,
    handed: Vec<u8>,
    now: Moment,
}

impl Connection {
    fn new() -> Connection {
        Connection {
            gate: Http2::new(LIMITS, Moment(7)),
            buffer: Vec::new(),
            handed: Vec::new(),
            now: Moment(7),
        }
    }

    fn opened() -> Connection {
        let mut connection = Connection::new();
        connection.arrive(&opening()).expect("a good opening");
        connection
    }

    fn arrive(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        self.buffer.extend_from_slice(bytes);
        loop {
            match self.gate.admit(&self.buffer, self.now)? {
                0 => return Ok(()),
                count => self.handed.extend(self.buffer.drain(..count)),
            }
        }
    }

    /// How often that may come before it is refused, and why it is.
    fn flood(&mut self, mut next: impl FnMut(u32) -> Vec<u8>) -> (u32, Reason) {
        for count in 0..100_000 {
            if let Err(reason) = self.arrive(&next(count)) {
                return (count, reason);
            }
        }
        panic!("never refused");
    }
}

fn after_opening(frames: &[Vec<u8>]) -> Result<(), Reason> {
    let mut connection = Connection::opened();
    let outcome = connection.arrive(&frames.concat());
    if outcome.is_ok() {
        assert!(connection.buffer.is_empty(), "everything went on");
    }
    outcome
}

#[test]
fn what_real_clients_send_passes() {
    let mut firefox = opening();
    firefox.extend(window(0, 12_517_377));
    for stream in [3, 5, 7, 9, 11, 13] {
        firefox.extend(frame(PRIORITY_FRAME, 0, stream, &[0, 0, 0, 0, 200]));
    }
    let with_priority = [&[0, 0, 0, 13, 41][..], &[0x82]].concat();
    firefox.extend(frame(HEADERS, WHOLE | PRIORITY, 15, &with_priority));
    firefox.extend(frame(PRIORITY_UPDATE, 0, 0, b"\0\0\0\x0fu=3"));
    firefox.extend(frame(SETTINGS, ACK, 0, &[]));

    let mut grpc = opening();
    grpc.extend(frame(HEADERS, END_HEADERS, 1, &[0x83]));
    grpc.extend(window(1, 5));
    grpc.extend(frame(DATA, 0, 1, &[0, 0, 0, 0, 1, 7]));
    grpc.extend(frame(PING, 0, 0, &[1; 8]));
    grpc.extend(frame(DATA, END_STREAM, 1, &[]));
    grpc.extend(frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]));

    let mut nghttp = opening();
    nghttp.extend(frame(HEADERS, END_STREAM | PADDED, 1, &[3, 0x82, 0, 0, 0]));
    nghttp.extend(frame(CONTINUATION, 0, 1, &[0x84]));
    nghttp.extend(frame(CONTINUATION, END_HEADERS, 1, &[0x86]));
    nghttp.extend(frame(HEADERS, END_HEADERS, 3, &[0x83]));
    nghttp.extend(frame(DATA, PADDED, 3, &[2, 1, 0, 0]));
    nghttp.extend(frame(HEADERS, WHOLE, 3, &[0x40]));
    nghttp.extend(frame(GOAWAY, 0, 0, &[0; 8]));

    for raw in [firefox, grpc, nghttp] {
        let mut connection = Connection::new();
        assert_eq!(connection.arrive(&raw), Ok(()));
        assert_eq!(connection.handed, raw);
    }
}

#[test]
fn ten_thousand_requests_a_second_are_no_flood() {
    let mut connection = Connection::opened();
    for count in 0..200_000_u32 {
        let stream = 1 + 2 * count;
        let mut raw = frame(HEADERS, END_HEADERS, stream, &[0x83]);
        raw.extend(frame(DATA, END_STREAM, stream, &[0, 0, 0, 0, 0]));
        // What gRPC and older Go clients add to each request; one in a hundred runs late.
        raw.extend(window(0, 10));
        raw.extend(window(stream, 5));
        raw.extend(frame(PING, 0, 0, &[0; 8]));
        if count.is_multiple_of(100) {
            raw.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
        }
        connection.now.0 += 100;
        assert_eq!(connection.arrive(&raw), Ok(()), "request {count}");
        connection.handed.clear();
    }
}

#[test]
fn a_download_of_gigabytes_is_no_flood() {
    let mut connection = Connection::opened();
    connection.arrive(&get(1)).expect("a request");
    // A client that gives room for each frame of 16 KiB, twice, at a gigabyte a second.
    for _ in 0..200_000 {
        let raw = [window(0, 16_384), window(1, 16_384)].concat();
        assert_eq!(connection.arrive(&raw), Ok(()));
        connection.handed.clear();
    }
    // A stream of small messages, of which each is followed by a ping and by room for the next.
    for _ in 0..100_000 {
        connection.gate.sent(9 + 5 + 180);
        let raw = [window(1, 185), frame(PING, 0, 0, &[0; 8])].concat();
        assert_eq!(connection.arrive(&raw), Ok(()));
        connection.handed.clear();
    }
}

#[test]
fn an_upload_with_pings_is_no_flood() {
    let mut connection = Connection::opened();
    let begin = frame(HEADERS, END_HEADERS, 1, &[0x83]);
    connection.arrive(&begin).expect("a request");
    // We measure the delay, too: each answer to a ping of ours comes behind some data.
    for _ in 0..10_000 {
        let raw = [frame(DATA, 0, 1, &[7; 64]), frame(PING, ACK, 0, &[0; 8])].concat();
        assert_eq!(connection.arrive(&raw), Ok(()));
        connection.handed.clear();
    }
}

#[test]
fn rapid_resets_are_a_flood() {
    // CVE-2023-44487: each stream is cancelled as soon as it is opened.
    let attack = |count| {
        let stream = 1 + 2 * count;
        [get(stream), frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat()
    };
    let (count, reason) = Connection::opened().flood(attack);
    assert_eq!(reason, Reason::Http2Flood);
    assert!((100..=134).contains(&count), "{count}");
    // One stream can be reset again and again.
    let mut connection = Connection::opened();
    connection.arrive(&get(1)).expect("a request");
    let reset = |_| frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]);
    assert_eq!(connection.flood(reset), (100, Reason::Http2Flood));
    // Somebody who closes a page with a hundred pictures, once a minute, is none.
    let mut connection = Connection::opened();
    for minute in 0..10 {
        for picture in 0..100 {
            connection
                .arrive(&attack(minute * 100 + picture))
                .expect("a reset in time");
        }
        connection.now = connection.now.plus_ms(60_000);
    }
}

#[test]
fn frames_that_cost_us_more_are_a_flood() {
    let floods: [(u32, Vec<u8>); 10] = [
        (10, frame(SETTINGS, 0, 0, &[])),
        (10, frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100].repeat(32))),
        (200, frame(SETTINGS, ACK, 0, &[])),
        (200, frame(PING, 0, 0, &[0; 8])),
        (200, frame(PRIORITY_FRAME, 0, 3, &[0, 0, 0, 0, 1])),
        (200, frame(PRIORITY_UPDATE, 0, 0, b"\0\0\0\x01u=3")),
        (200, frame(0xbe, 0xff, 2, &[])),
        (200, window(0, 1)),
        (200, frame(DATA, 0, 1, &[])),
        (200, frame(DATA, PADDED, 1, &[255; 256])),
    ];
    for (most, raw) in floods {
        let mut connection = Connection::opened();
        connection.arrive(&get(1)).expect("a request");
        assert_eq!(
            connection.flood(|_| raw.clone()),
            (most, Reason::Http2Flood),
            "{raw:?}"
        );
        // A minute later it would still be refused.
        connection.now = connection.now.plus_ms(60_000);
        assert_eq!(connection.arrive(&raw), Err(Reason::Http2Flood));
    }
}

#[test]
fn budgets_come_back_evenly() {
    let mut connection = Connection::opened();
    let ping = frame(PING, 0, 0, &[0; 8]);
    for _ in 0..200 {
        connection.arrive(&ping).expect("a minute's worth at once");
    }
    // 200 a minute is one in 300 ms.
    for _ in 0..1_000 {
        connection.now = connection.now.plus_ms(300);
        connection.arrive(&ping).expect("at that rate");
    }
    connection.now = connection.now.plus_ms(299);
    assert_eq!(connection.arrive(&ping), Err(Reason::Http2Flood));
}

#[test]
fn our_own_acknowledgements_earn_no_flood() {
    let mut connection = Connection::opened();
    let ping = frame(PING, 0, 0, &[0; 8]);
    let mut count = 0;
    while connection.arrive(&ping).is_ok() {
        connection.gate.sent(17);
        count += 1;
        assert!(count < 300, "pings live on their answers");
    }
}

#[test]
fn a_header_block_ends_soon() {
    let begin = frame(HEADERS, END_STREAM, 1, &[0x82]);
    let empty = frame(CONTINUATION, 0, 1, &[]);
    let last = frame(CONTINUATION, END_HEADERS, 1, &[]);
    // CVE-2024-27316: CONTINUATION without end.
    let block = |middle: usize| [begin.clone(), empty.repeat(middle), last.clone()];
    assert_eq!(after_opening(&block(7)), Ok(()));
    assert_eq!(after_opening(&block(8)), Err(Reason::Http2Flood));
    let full = vec![0x82; 16_384];
    let long = [
        frame(HEADERS, 0, 1, &full),
        frame(CONTINUATION, 0, 1, &full),
    ];
    assert_eq!(after_opening(&long), Err(Reason::HeadTooLarge));
    let filled = [
        frame(HEADERS, 0, 1, &full),
        frame(CONTINUATION, END_HEADERS, 1, &[0; 200]),
    ];
    assert_eq!(after_opening(&filled), Ok(()));
    // Nothing comes in between.
    for other in [
        frame(CONTINUATION, END_HEADERS, 3, &[]),
        frame(DATA, 0, 1, &[1]),
        frame(PING, 0, 0, &[0; 8]),
        frame(0xbe, 0, 1, &[]),
        get(3),
    ] {
        assert_eq!(
            after_opening(&[begin.clone(), other]),
            Err(Reason::Http2Malformed)
        );
    }
    assert_eq!(after_opening(&[get(1), last]), Err(Reason::Http2Malformed));
}

/// Each is refused behind one good request, and nothing of it goes on.
fn malformed(frames: &[(&str, Vec<u8>)]) {
    for (what, raw) in frames {
        let mut connection = Connection::opened();
        connection.arrive(&get(1)).expect("a request");
        let before = connection.handed.len();
        let outcome = connection.arrive(raw);
        assert_eq!(outcome, Err(Reason::Http2Malformed), "{what}");
        assert_eq!(connection.handed.len(), before, "{what}");
    }
}

#[test]
fn frames_on_streams_have_their_shape() {
    malformed(&[
        ("16,385 bytes", frame(DATA, 0, 1, &[0; 16_385])),
        (
            "16 MiB announced",
            vec![0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1],
        ),
        ("DATA on 0", frame(DATA, 0, 0, &[1])),
        ("DATA on an idle stream", frame(DATA, 0, 3, &[1])),
        ("DATA on a server's stream", frame(DATA, 0, 2, &[1])),
        (
            "DATA, more padding than there is",
            frame(DATA, PADDED, 1, &[1]),
        ),
        ("DATA, padded, of nothing", frame(DATA, PADDED, 1, &[])),
        ("HEADERS on 0", get(0)),
        ("HEADERS on a server's stream", get(2)),
        (
            "trailers that end nothing",
            frame(HEADERS, END_HEADERS, 1, &[0x82]),
        ),
        (
            "HEADERS shorter than their priority",
            frame(HEADERS, WHOLE | PRIORITY, 3, &[0; 4]),
        ),
        (
            "HEADERS of padding only",
            frame(HEADERS, WHOLE | PADDED, 3, &[1]),
        ),
        ("PRIORITY on 0", frame(PRIORITY_FRAME, 0, 0, &[0; 5])),
        ("PRIORITY of 4 bytes", frame(PRIORITY_FRAME, 0, 3, &[0; 4])),
        (
            "PRIORITY on itself",
            frame(PRIORITY_FRAME, 0, 3, &[0x80, 0, 0, 3, 0]),
        ),
        ("RST_STREAM on 0", frame(RST_STREAM, 0, 0, &[0; 4])),
        (
            "RST_STREAM on an idle stream",
            frame(RST_STREAM, 0, 3, &[0; 4]),
        ),
        ("RST_STREAM of 5 bytes", frame(RST_STREAM, 0, 1, &[0; 5])),
    ]);
}

#[test]
fn frames_on_the_connection_have_their_shape() {
    malformed(&[
        ("SETTINGS on a stream", frame(SETTINGS, 0, 1, &[])),
        ("SETTINGS of 5 bytes", frame(SETTINGS, 0, 0, &[0; 5])),
        ("33 settings", frame(SETTINGS, 0, 0, &[0; 198])),
        (
            "an acknowledgement that sets",
            frame(SETTINGS, ACK, 0, &[0; 6]),
        ),
        (
            "PUSH_PROMISE",
            frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82]),
        ),
        ("PING on a stream", frame(PING, 0, 1, &[0; 8])),
        ("PING of 7 bytes", frame(PING, 0, 0, &[0; 7])),
        ("GOAWAY on a stream", frame(GOAWAY, 0, 1, &[0; 8])),
        ("GOAWAY of 7 bytes", frame(GOAWAY, 0, 0, &[0; 7])),
        ("room for nothing", window(0, 0)),
        (
            "room for nothing, with the reserved bit",
            window(1, 0x8000_0000),
        ),
        ("WINDOW_UPDATE on an idle stream", window(3, 1_000)),
        (
            "WINDOW_UPDATE of 3 bytes",
            frame(WINDOW_UPDATE, 0, 0, &[1; 3]),
        ),
        (
            "WINDOW_UPDATE of 5 bytes",
            frame(WINDOW_UPDATE, 0, 0, &[1; 5]),
        ),
    ]);
}

#[test]
fn a_connection_begins_with_the_preface_and_settings() {
    let settings = frame(SETTINGS, 0, 0, &[]);
    let begin = |parts: &[&[u8]]| {
        let mut connection = Connection::new();
        let outcome = connection.arrive(&parts.concat());
        (connection.handed.len(), outcome)
    };
    let malformed = Err(Reason::Http2Malformed);
    assert_eq!(begin(&[PREFACE, &settings]), (33, Ok(())));
    assert_eq!(begin(&[b"GET / HTTP/1.1\r\n"]), (0, malformed));
    assert_eq!(begin(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r"]), (0, Ok(())));
    assert_eq!(begin(&[b"PRI * HTTP/2.0\r\n\r\nSM\n"]), (0, malformed));
    assert_eq!(begin(&[PREFACE, &get(1)]), (24, malformed));
    assert_eq!(
        begin(&[PREFACE, &frame(SETTINGS, ACK, 0, &[])]),
        (24, malformed)
    );
    assert_eq!(
        begin(&[PREFACE, &frame(PING, 0, 0, &[0; 8])]),
        (24, malformed)
    );
}

fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let stream = prop_oneof![Just(0), Just(1), 0..12_u32];
    let flags = prop_oneof![Just(WHOLE), Just(0), any::<u8>()];
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        prop_oneof![Just(4_usize), Just(5), Just(6), Just(8)]
            .prop_map(|length| vec![0, 0, 0, 9, 9, 9, 9, 9][..length].to_vec()),
    ];
    (0..12_u8, flags, stream, payload)
        .prop_map(|(kind, flags, stream, payload)| frame(kind, flags, stream, &payload))
}

type Outcome = (Vec<u8>, Result<(), Reason>);

fn in_pieces(raw: &[u8], sizes: &[usize]) -> Outcome {
    let mut connection = Connection::new();
    let mut rest = raw;
    for &size in sizes.iter().cycle() {
        let (piece, behind) = rest.split_at(size.min(rest.len()));
        rest = behind;
        let outcome = connection.arrive(piece);
        if outcome.is_err() || rest.is_empty() {
            return (connection.handed, outcome);
        }
    }
    unreachable!("the sizes never end")
}

proptest! {
    #[test]
    fn pieces_do_not_matter(
        frames in prop::collection::vec(any_frame(), 0..12),
        good in 0..6_u32,
        sizes in prop::collection::vec(1..40_usize, 1..6),
    ) {
        let mut raw = opening();
        (0..good).for_each(|count| raw.extend(get(1 + 2 * count)));
        raw.extend(frames.concat());
        let whole = in_pieces(&raw, &[raw.len()]);
        prop_assert_eq!(&in_pieces(&raw, &sizes), &whole);
        prop_assert_eq!(&in_pieces(&raw, &[1]), &whole);
        prop_assert!(raw.starts_with(&whole.0));
    }

    #[test]
    fn any_bytes_have_an_outcome(
        begun in any::<bool>(),
        bytes in prop::collection::vec(any::<u8>(), 1..200),
        sizes in prop::collection::vec(1..40_usize, 1..6),
    ) {
        let raw = if begun { [opening(), bytes].concat() } else { bytes };
        prop_assert_eq!(in_pieces(&raw, &sizes), in_pieces(&raw, &[raw.len()]));
    }
}
