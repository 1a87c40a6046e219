//! Percent-encoding (RFC 3986 section 2.1) and query strings, read strictly: broken escapes, text
//! that is not UTF-8, and names that come twice are errors.

use std::collections::BTreeMap;

/// Decodes `%XX`; with `plus`, `+` is a space as in query strings. `None` when an escape is broken
/// or the result is not UTF-8.
pub(crate) fn decode(text: &str, plus: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            b'+' if plus => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// Reads a query string into its parameters.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn parse(query: &str) -> Result<BTreeMap<String, String>, String> {
    let mut parameters = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = decode(name, true).zip(decode(value, true));
        let (name, value) = decoded.ok_or("the query is not percent-encoded UTF-8")?;
        if parameters.contains_key(&name) {
            return Err(format!("the query names `{}` twice", name.escape_debug()));
        }
        parameters.insert(name, value);
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests;
