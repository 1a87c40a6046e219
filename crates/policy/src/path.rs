//! Paths as rules compare them: one spelling for each.

use std::borrow::Cow;

use crate::wire::hex;

#[cfg(test)]
mod tests;

/// The path, which `wire::target` has accepted and which has no query, in the spelling that rules
/// are compared with (RFC 3986, 6.2.2): escapes of unreserved characters (letters, digits, `-._~`)
/// are undone, the digits of all others in upper case. `/%61dmin` is `/admin`; `/a%2fb` stays what
/// it is, because `/a/b` is something else. Borrowed when nothing changes, which is nearly always.
///
/// This is for comparing only: an upstream gets the path as it came.
pub fn comparable(path: &str) -> Cow<'_, str> {
    let mut pieces = path.split('%');
    let first = pieces.next().unwrap_or_default();
    if first.len() == path.len() {
        return Cow::Borrowed(path);
    }
    let mut written = String::with_capacity(path.len());
    written.push_str(first);
    for piece in pieces {
        let Some((byte, rest)) = escape(piece) else {
            written.push('%');
            written.push_str(piece);
            continue;
        };
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            written.push(char::from(byte));
        } else {
            written.push('%');
            written.push_str(&piece.get(..2).unwrap_or_default().to_ascii_uppercase());
        }
        written.push_str(rest);
    }
    if written == path {
        Cow::Borrowed(path)
    } else {
        Cow::Owned(written)
    }
}

/// What two digits at the start stand for, and what follows them.
fn escape(piece: &str) -> Option<(u8, &str)> {
    let &[high, low, ..] = piece.as_bytes() else {
        return None;
    };
    let byte = hex(high)? << 4 | hex(low)?;
    Some((byte, piece.get(2..)?))
}
