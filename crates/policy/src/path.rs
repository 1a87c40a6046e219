//! Paths as rules compare them: one spelling for each.

use std::borrow::Cow;

use crate::wire::hex;

#[cfg(test)]
mod tests;

/// The path, which `wire::target` has accepted and which has no query, in the spelling that rules
/// are compared with. Escapes of unreserved characters (letters, digits, `-._~`) are undone, the
/// digits of all others in upper case (RFC 3986, 6.2.2): `/%61dmin` is `/admin`. And whatever some
/// servers take for the same path is the same: an escaped slash or backslash is a slash, several are
/// one, and what follows a `;` in a segment is left off. So who is let into `/docs` alone does not
/// come to `/admin` by `//admin`, `/;x/admin` or `/admin%2Fx`. Borrowed when nothing changes, which
/// is nearly always.
///
/// This is for comparing only: an upstream gets the path as it came.
pub fn comparable(path: &str) -> Cow<'_, str> {
    let odd = |(place, byte): (usize, &u8)| match byte {
        b'%' | b';' | b'\\' => true,
        b'/' => path.as_bytes().get(place + 1) == Some(&b'/'),
        _ => false,
    };
    if !path
        .bytes()
        .enumerate()
        .any(|(place, byte)| odd((place, &byte)))
    {
        return Cow::Borrowed(path);
    }
    let written = folded(&unescaped(path));
    if written == path {
        Cow::Borrowed(path)
    } else {
        Cow::Owned(written)
    }
}

fn unescaped(path: &str) -> String {
    let mut pieces = path.split('%');
    let mut written = String::with_capacity(path.len());
    written.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let Some((byte, rest)) = escape(piece) else {
            written.push('%');
            written.push_str(piece);
            continue;
        };
        match byte {
            b'-' | b'.' | b'_' | b'~' => written.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => written.push(char::from(byte)),
            b'/' | b'\\' => written.push('/'),
            b';' => written.push(';'),
            _ => {
                written.push('%');
                written.push_str(&piece.get(..2).unwrap_or_default().to_ascii_uppercase());
            }
        }
        written.push_str(rest);
    }
    written
}

/// With single slashes, and without what follows a `;` in a segment.
fn folded(path: &str) -> String {
    let mut written = String::with_capacity(path.len());
    let mut left_off = false;
    for character in path.chars() {
        match character {
            '/' | '\\' => {
                left_off = false;
                if !written.ends_with('/') {
                    written.push('/');
                }
            }
            ';' => left_off = true,
            _ if left_off => {}
            other => written.push(other),
        }
    }
    written
}

/// What two digits at the start stand for, and what follows them.
fn escape(piece: &str) -> Option<(u8, &str)> {
    let &[high, low, ..] = piece.as_bytes() else {
        return None;
    };
    let byte = hex(high)? << 4 | hex(low)?;
    Some((byte, piece.get(2..)?))
}
