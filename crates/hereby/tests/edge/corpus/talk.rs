//! Sends an entry's bytes, and says what came back.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::capture::place_in;
use super::{Case, Kind};

/// What came back, in the words of the table.
pub(super) struct Heard {
    /// How many answers were 200.
    pub(super) good: usize,
    /// What the last thing was that says no: a status, or what ended the connection.
    pub(super) end: String,
    /// Whether the connection was ended, and not given up by us.
    pub(super) closed: bool,
}

/// Asks, until it is over or nothing came for so long.
pub(super) fn ask(address: SocketAddr, case: &Case, silence: Duration) -> Heard {
    let stream = TcpStream::connect(address).unwrap();
    let _ = stream.set_nodelay(true);
    stream.set_read_timeout(Some(silence)).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let mut reader = stream.try_clone().unwrap();
    std::thread::scope(|scope| {
        // Who refuses closes before all was sent, and who answers wants to be read meanwhile.
        scope.spawn(move || writer.write_all(&case.bytes));
        let mut got = Vec::new();
        let mut buffer = [0; 16 << 10];
        let mut closed = false;
        while !is_over(case, &got) {
            match reader.read(&mut buffer) {
                Ok(0) => closed = true,
                Ok(size) => got.extend_from_slice(&buffer[..size]),
                Err(error) => {
                    use std::io::ErrorKind::{TimedOut, WouldBlock};
                    closed = !matches!(error.kind(), TimedOut | WouldBlock);
                    let _ = stream.shutdown(std::net::Shutdown::Both);
                    break;
                }
            }
            if closed {
                break;
            }
        }
        let _ = stream.shutdown(std::net::Shutdown::Both);
        match case.http2 {
            true => heard_2(&got, closed),
            false => heard_1(&got, closed),
        }
    })
}

/// Whether nothing more is waited for: all answers of a control, or a stream's refusal.
fn is_over(case: &Case, got: &[u8]) -> bool {
    let heard = match case.http2 {
        true => heard_2(got, false),
        false => heard_1(got, false),
    };
    match case.kind {
        Kind::Mended { .. } => heard.good > 0 || heard.end != "silence",
        Kind::Control { answers } => heard.good >= answers,
        Kind::Harmful { .. } => case.http2 && heard.end != "silence" && heard.end != "200",
        Kind::Flood => false,
    }
}

fn heard_1(got: &[u8], closed: bool) -> Heard {
    let mut statuses = Vec::new();
    let mut rest = got;
    while let Some(at) = place_in(rest, b"HTTP/1.") {
        rest = &rest[at + 7..];
        let status = rest.get(2..5).map(String::from_utf8_lossy);
        statuses.push(status.unwrap_or_default().into_owned());
    }
    let text = String::from_utf8_lossy(got);
    let reason = text
        .split("\"reason\":\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let end = match (statuses.last(), reason) {
        (Some(status), Some(reason)) => format!("{status} {reason}"),
        (Some(status), None) => status.clone(),
        (None, _) if closed => "closed".to_owned(),
        (None, _) => "silence".to_owned(),
    };
    Heard {
        good: statuses.iter().filter(|status| *status == "200").count(),
        end,
        closed,
    }
}

fn heard_2(got: &[u8], closed: bool) -> Heard {
    let mut rest = got;
    let mut good = 0;
    let mut end = None;
    while let Some(&[a, b, c, kind, _, _, _, _, _]) = rest.get(..9) {
        let size = 9 + u32::from_be_bytes([0, a, b, c]) as usize;
        let Some(payload) = rest.get(9..size) else {
            break;
        };
        match kind {
            1 => match status(payload) {
                200 => good += 1,
                100 => {}
                status => end = Some(status.to_string()),
            },
            3 => end = end.or(Some("reset".to_owned())),
            7 => {
                end = end.or(Some("ended".to_owned()));
                break;
            }
            _ => {}
        }
        rest = &rest[size..];
    }
    let end = match (end, closed, good) {
        (Some(end), ..) => end,
        (None, true, _) => "ended".to_owned(),
        (None, false, 0) => "silence".to_owned(),
        (None, false, _) => "200".to_owned(),
    };
    Heard { good, end, closed }
}

/// The status that a block of fields begins with (RFC 7541, A and 6); 0: another form.
pub(crate) fn status(block: &[u8]) -> u16 {
    const STATIC: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    let mut block = block;
    // A change of the table's size comes first.
    while let [0x20..=0x3f, rest @ ..] = block {
        block = rest;
    }
    match block {
        [index @ 0x88..=0x8e, ..] => STATIC[usize::from(index - 0x88)],
        [0x48 | 0x08 | 0x18, length, text @ ..] => {
            let size = usize::from(length & 0x7f);
            let text = text.get(..size).unwrap_or(&[]);
            let digits = match length & 0x80 {
                0 => String::from_utf8_lossy(text).into_owned(),
                _ => digits(text),
            };
            digits.parse().unwrap_or(0)
        }
        _ => 0,
    }
}

/// Digits in Huffman's code (RFC 7541, B): 0 to 2 take five bits, 3 to 9 six.
fn digits(bytes: &[u8]) -> String {
    let bits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1))
        .collect();
    let number = |bits: &[u8]| bits.iter().fold(0u8, |all, bit| all << 1 | bit);
    let mut text = String::new();
    let mut at = 0;
    while text.len() < 3 && at + 5 <= bits.len() {
        let five = number(&bits[at..at + 5]);
        if five <= 2 {
            text.push(char::from(b'0' + five));
            at += 5;
        } else {
            let six = bits.get(at..at + 6).map_or(0, number);
            text.push(char::from(b'3' + six.saturating_sub(0x19)));
            at += 6;
        }
    }
    text
}
