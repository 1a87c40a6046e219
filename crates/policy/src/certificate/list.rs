//! hereby's own list of revoked certificates: lines that a person makes by hand from what openssl
//! prints. [`super::Builder::list`] says how.

use base::Timestamp;

use super::revocations::{Item, TooMany};
use super::{Fingerprint, Serial};

/// At most so many certificates may be revoked, in all lists and CRLs of a tenant.
pub const ENTRIES_MAX: usize = 4_000_000;

/// The longest line, in bytes.
pub const LINE_BYTES_MAX: usize = 1_024;

/// Why a list is refused as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadList {
    #[error("line {line}: {what}")]
    Line { line: usize, what: BadLine },
    #[error(transparent)]
    TooMany(#[from] TooMany),
}

/// What is wrong with a line, and what to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    #[error("it is longer than {LINE_BYTES_MAX} bytes")]
    Long,
    #[error("write `sha256:HEX`, or `issuer=HEX serial=HEX`")]
    Shape,
    #[error("those are not hexadecimal digits, with or without colons between bytes")]
    Hex,
    #[error("a SHA-256 has 64 digits; ask openssl for `-fingerprint -sha256`")]
    NotSha256,
    #[error("a serial has 1 to 40 digits, zeros at its front not counted (RFC 5280, 4.1.2.2)")]
    Serial,
    #[error("a serial alone says nothing: write `issuer=HEX` before it")]
    IssuerMissing,
    #[error("an issuer alone would be all that it issued: write `serial=HEX` behind it")]
    SerialMissing,
    #[error("behind `since` stands a time like 2026-11-22T01:59:00Z")]
    Since,
}

/// What the lines revoke, in order; empty ones and comments are passed over.
pub(super) fn items(text: &str) -> impl Iterator<Item = Result<Item, BadList>> {
    let lines = text.lines().enumerate();
    lines.filter_map(|(place, line)| {
        let read = item(line).map_err(|what| BadList::Line {
            line: place + 1,
            what,
        });
        read.transpose()
    })
}

fn item(line: &str) -> Result<Option<Item>, BadLine> {
    if line.len() > LINE_BYTES_MAX {
        return Err(BadLine::Long);
    }
    let said = line.split_once('#').map_or(line, |(said, _)| said);
    let mut words = said.split_ascii_whitespace().peekable();
    let Some(first) = words.next() else {
        return Ok(None);
    };
    let item = if let Some(digits) = after(first, "sha256:") {
        Item::Fingerprint(sha256(digits)?)
    } else if first.eq_ignore_ascii_case("sha256") {
        // As openssl prints it: `sha256 Fingerprint=AB:CD...`.
        let digits = words.next().and_then(|word| after(word, "fingerprint="));
        Item::Fingerprint(sha256(digits.ok_or(BadLine::Shape)?)?)
    } else if let Some(digits) = after(first, "issuer=") {
        let issuer = sha256(digits)?;
        let digits = words.next().and_then(|word| after(word, "serial="));
        Item::Serial(issuer, serial(digits.ok_or(BadLine::SerialMissing)?)?)
    } else if after(first, "serial=").is_some() {
        return Err(BadLine::IssuerMissing);
    } else {
        return Err(BadLine::Shape);
    };
    match words.next() {
        None => {}
        Some("since") => {
            let time = words.next().ok_or(BadLine::Since)?;
            Timestamp::parse_rfc3339(time).map_err(|_| BadLine::Since)?;
        }
        Some(_) => return Err(BadLine::Shape),
    }
    match words.next() {
        None => Ok(Some(item)),
        Some(_) => Err(BadLine::Shape),
    }
}

/// What stands behind the beginning, which may be in upper case.
fn after<'w>(word: &'w str, beginning: &str) -> Option<&'w str> {
    let (front, rest) = word.split_at_checked(beginning.len())?;
    front.eq_ignore_ascii_case(beginning).then_some(rest)
}

fn sha256(digits: &str) -> Result<Fingerprint, BadLine> {
    let mut bytes = [0; LINE_BYTES_MAX / 2 + 1];
    let bytes = hex(digits, &mut bytes)?;
    if digits.bytes().filter(|digit| *digit != b':').count() != 64 {
        return Err(BadLine::NotSha256);
    }
    bytes.try_into().map_err(|_| BadLine::NotSha256)
}

fn serial(digits: &str) -> Result<Serial, BadLine> {
    let mut bytes = [0; LINE_BYTES_MAX / 2 + 1];
    let bytes = hex(digits, &mut bytes)?;
    if bytes.is_empty() {
        return Err(BadLine::Serial);
    }
    Serial::new(bytes).ok_or(BadLine::Serial)
}

/// The bytes that the digits say. Colons may stand between bytes, and the first byte may have one
/// digit only.
/// The fingerprint that 64 hexadecimal digits are, with or without colons between bytes.
pub(crate) fn fingerprint(digits: &str) -> Option<Fingerprint> {
    let mut bytes = [0; 32];
    let length = hex(digits, &mut bytes).ok()?.len();
    (length == bytes.len()).then_some(bytes)
}

fn hex<'b>(digits: &str, bytes: &'b mut [u8]) -> Result<&'b [u8], BadLine> {
    let mut length = 0;
    let mut low = true;
    let mut before = 0;
    // From the end, so that a digit that is missing is missing at the front.
    for digit in digits.bytes().rev() {
        if digit == b':' {
            if !low || before == b':' || before == 0 {
                return Err(BadLine::Hex);
            }
            before = digit;
            continue;
        }
        before = digit;
        let value = (digit as char).to_digit(16).ok_or(BadLine::Hex)?;
        let value = u8::try_from(value).map_err(|_| BadLine::Hex)?;
        if low {
            *bytes.get_mut(length).ok_or(BadLine::Hex)? = value;
            length += 1;
        } else {
            *bytes.get_mut(length - 1).ok_or(BadLine::Hex)? |= value << 4;
        }
        low = !low;
    }
    if before == b':' {
        return Err(BadLine::Hex);
    }
    let bytes = bytes.get_mut(..length).ok_or(BadLine::Hex)?;
    bytes.reverse();
    Ok(bytes)
}
