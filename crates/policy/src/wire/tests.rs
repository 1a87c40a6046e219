use super::*;
use crate::Reason;

const LIMITS: HeadLimits = HeadLimits {
    head_bytes_max: 16_384,
    header_lines_max: 100,
    url_bytes_max: 8_192,
};

#[test]
fn a_request_passes_with_its_body() {
    let raw = b"POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET";
    let mut gate = Http1::new(LIMITS);
    assert_eq!(gate.admit(raw), Ok(50));
    assert_eq!(gate.admit(&raw[50..]), Ok(3));
    assert_eq!(gate.phase(), Phase::Idle);
    assert_eq!(gate.admit(b"GET"), Ok(0));
    assert_eq!(gate.phase(), Phase::Head);
    assert_eq!(gate.admit(b"GET\n"), Err(Reason::LineEndBare));
}
