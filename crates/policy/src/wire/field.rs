//! One field of an HTTP/2 request (RFC 9113, 8.2), once the library has decoded it.

use crate::Reason;
use crate::wire::class::{TOKEN, is_value, length};

#[cfg(test)]
mod tests;

/// Whether a field may stand in an HTTP/2 request: the name a token in lower case, the value
/// without control characters and without whitespace around it, nothing that is about a connection
/// (RFC 9113, 8.2.2). Pseudo-fields are not fields: `target` and `host` look at those.
///
/// # Errors
/// `HeaderNameMalformed`, `HeaderValueMalformed`, `NulByte`; `Http2Malformed` for a field about the
/// connection; `LengthMalformed` and `ExpectationUnknown` as in HTTP/1.
pub fn field(name: &[u8], value: &[u8]) -> Result<(), Reason> {
    let lower = |&byte: &u8| TOKEN.has(byte) && !byte.is_ascii_uppercase();
    if name.is_empty() || !name.iter().all(lower) {
        return Err(Reason::HeaderNameMalformed);
    }
    if memchr::memchr(0, value).is_some() {
        return Err(Reason::NulByte);
    }
    let padded = matches!(value, [b' ' | b'\t', ..] | [.., b' ' | b'\t']);
    if padded || !is_value(value) {
        return Err(Reason::HeaderValueMalformed);
    }
    match name {
        b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade"
        | b"http2-settings" => Err(Reason::Http2Malformed),
        b"te" if !value.eq_ignore_ascii_case(b"trailers") => Err(Reason::Http2Malformed),
        b"content-length" if length(value).is_none() => Err(Reason::LengthMalformed),
        b"expect" if !value.eq_ignore_ascii_case(b"100-continue") => {
            Err(Reason::ExpectationUnknown)
        }
        // An upstream that writes fields as CGI variables can't tell these from the real ones.
        b"content_length" | b"transfer_encoding" => Err(Reason::HeaderNameMalformed),
        _ => Ok(()),
    }
}
