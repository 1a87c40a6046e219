//! HTTP/1 from strangers: the same requests go on however the network cuts the bytes, and what goes
//! on has no line end or control character that somebody could read differently.
#![no_main]

use libfuzzer_sys::fuzz_target;
use policy::Reason;
use policy::wire::{self, HeadLimits, Http1, Phase};

const LIMITS: HeadLimits = HeadLimits {
    head_bytes_max: 512,
    header_lines_max: 16,
    url_bytes_max: 128,
};

fuzz_target!(|data: &[u8]| {
    let (size, raw) = data
        .split_first()
        .map_or((1, data), |(size, raw)| (usize::from(*size) + 1, raw));
    let whole = arrive(raw, raw.len().max(1));
    assert_eq!(arrive(raw, size), whole);
    assert!(raw.starts_with(&whole.0));
    if wire::target(raw).is_ok() {
        let path = std::str::from_utf8(raw).expect("a path is ASCII");
        let path = path.split('?').next().expect("there is a path");
        let once = policy::path::comparable(path);
        assert_eq!(policy::path::comparable(&once), once);
        assert_eq!(wire::target(once.as_bytes()), Ok(()));
    }
});

fn arrive(raw: &[u8], size: usize) -> (Vec<u8>, Result<Phase, Reason>) {
    let mut gate = Http1::new(LIMITS);
    let (mut buffer, mut handed) = (Vec::new(), Vec::new());
    for piece in raw.chunks(size) {
        buffer.extend_from_slice(piece);
        loop {
            let phase = gate.phase();
            match gate.admit(&buffer) {
                Ok(0) => break,
                Ok(count) => {
                    let admitted: Vec<u8> = buffer.drain(..count).collect();
                    if matches!(phase, Phase::Idle | Phase::Head) {
                        sound(&admitted);
                    }
                    handed.extend(admitted);
                }
                Err(reason) => return (handed, Err(reason)),
            }
        }
    }
    (handed, Ok(gate.phase()))
}

fn sound(head: &[u8]) {
    assert!(head.len() <= LIMITS.head_bytes_max && head.ends_with(b"\r\n\r\n"));
    let text: String = head.iter().map(|&byte| char::from(byte)).collect();
    let without_ends = text.replace("\r\n", "");
    let bad = |c: char| c.is_ascii_control() && c != '\t';
    assert!(!without_ends.contains(bad), "{text:?}");
    let lower = text.to_ascii_lowercase();
    assert_eq!(lower.matches("\r\nhost:").count(), 1);
    assert!(
        lower.matches("\r\ncontent-length:").count()
            + lower.matches("\r\ntransfer-encoding:").count()
            <= 1
    );
}
