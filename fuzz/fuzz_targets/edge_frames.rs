//! HTTP/2 from strangers: the same frames go on however the network cuts the bytes, none is longer
//! than was agreed, and no stream is opened that isn't a client's.
#![no_main]

use libfuzzer_sys::fuzz_target;
use policy::wire::{Http2, Http2Limits};
use policy::{Moment, Reason};

const LIMITS: Http2Limits = Http2Limits {
    resets_per_minute_max: 8,
    settings_per_minute_max: 4,
    control_frames_per_minute_max: 16,
    head_bytes_max: 16_384,
};

const OPENING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fuzz_target!(|data: &[u8]| {
    let (size, frames) = data
        .split_first()
        .map_or((1, data), |(size, rest)| (usize::from(*size) + 1, rest));
    let raw = [OPENING, frames].concat();
    let whole = arrive(&raw, raw.len());
    assert_eq!(arrive(&raw, size), whole);
    assert!(raw.starts_with(&whole.0));
    let handed = whole.0.get(OPENING.len()..).expect("the opening is good");
    sound(handed);
    assert_eq!(arrive(data, size), arrive(data, data.len().max(1)));
});

fn arrive(raw: &[u8], size: usize) -> (Vec<u8>, Option<Reason>) {
    let mut gate = Http2::new(LIMITS, Moment(0));
    let (mut buffer, mut handed) = (Vec::new(), Vec::new());
    for piece in raw.chunks(size) {
        buffer.extend_from_slice(piece);
        loop {
            match gate.admit(&buffer, Moment(0)) {
                Ok(0) => break,
                Ok(count) => handed.extend(buffer.drain(..count)),
                Err(reason) => return (handed, Some(reason)),
            }
        }
    }
    (handed, None)
}

fn sound(mut handed: &[u8]) {
    while let [a, b, c, kind, _, d, e, f, g, rest @ ..] = handed {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let stream = u32::from_be_bytes([*d, *e, *f, *g]) & 0x7fff_ffff;
        assert!(length <= 16_384);
        assert_ne!(*kind, 5, "a client promises nothing");
        assert!(*kind > 9 || stream == 0 || stream % 2 == 1);
        handed = rest.get(length..).unwrap_or_default();
    }
}
