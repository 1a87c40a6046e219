//! Which bytes may stand where (RFC 9110, 5.6.2; RFC 3986, 3.3 and 3.4): tables, made by the compiler.

#[cfg(test)]
mod tests;

/// A set of bytes.
pub(super) struct Class([bool; 256]);

impl Class {
    pub(super) fn has(&self, byte: u8) -> bool {
        // The index is always in range, so this is a plain load.
        self.0.get(usize::from(byte)).copied().unwrap_or(false)
    }

    pub(super) fn has_all(&self, bytes: &[u8]) -> bool {
        bytes.iter().all(|&byte| self.has(byte))
    }
}

macro_rules! class {
    ($holds:expr) => {{
        let mut table = [false; 256];
        let mut byte = 0u8;
        loop {
            table[byte as usize] = $holds(byte);
            if byte == u8::MAX {
                break;
            }
            byte += 1;
        }
        Class(table)
    }};
}

/// The bytes of a token: names of fields and methods (RFC 9110, 5.6.2).
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
pub(super) static TOKEN: Class = class!(token);

/// A path, `%` included: what may stand there unescaped by RFC 3986, and `[` and `]`, which
/// browsers leave as they are.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
pub(super) static PATH: Class = class!(path);

/// A query. Browsers send `^|{}` and the backtick there as they are; they escape `"<>` (WHATWG URL,
/// 1.3), and so must everybody: the library behind the gate takes none of them.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
pub(super) static QUERY: Class = class!(query);

const fn token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

const fn query(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e) && !matches!(byte, b'\\' | b'#' | b'"' | b'<' | b'>')
}

const fn path(byte: u8) -> bool {
    query(byte) && !matches!(byte, b'^' | b'`' | b'{' | b'|' | b'}' | b'?')
}

/// Whether a field's value has only what may stand there: no control characters but HTAB
/// (RFC 9110, 5.5). Looks at every byte, so that the compiler can take many at once.
pub(super) fn is_value(value: &[u8]) -> bool {
    !value.iter().fold(false, |bad, &byte| {
        bad | ((byte < 0x20) & (byte != b'\t')) | (byte == 0x7f)
    })
}

/// Without the optional whitespace around it (RFC 9110, 5.6.3): SP and HTAB, nothing else.
pub(super) fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// The value of 1 to `digits_max` decimal digits, and nothing else. `digits_max` is at most 18, so
/// that the value fits.
pub(super) fn decimal(text: &[u8], digits_max: usize) -> Option<u64> {
    if text.is_empty() || text.len() > digits_max.min(18) {
        return None;
    }
    text.iter().try_fold(0u64, |value, &byte| {
        byte.is_ascii_digit()
            .then(|| value * 10 + u64::from(byte - b'0'))
    })
}

/// How many bytes a body has: decimal digits without a leading zero, which some read as octal.
pub(super) fn length(text: &[u8]) -> Option<u64> {
    match text {
        [b'0', _, ..] => None,
        text => decimal(text, 18),
    }
}

/// The value of a hexadecimal digit.
pub(crate) fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
