//! How single values are written: names, hosts, paths, header names, addresses. Each either is good
//! or says what is wrong with it.

use core::net::{Ipv6Addr, SocketAddr};

use crate::config::{HostPattern, LimitKey, PathPattern};

/// What is wrong with a value, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) what: String,
    pub(crate) next: Option<String>,
}

/// A fault without advice.
pub(crate) fn fault<T>(what: impl Into<String>) -> Result<T, Fault> {
    Err(Fault {
        what: what.into(),
        next: None,
    })
}

/// A fault with advice.
pub(crate) fn advised<T>(what: impl Into<String>, next: impl Into<String>) -> Result<T, Fault> {
    Err(Fault {
        what: what.into(),
        next: Some(next.into()),
    })
}

/// The longest path in a configuration, in bytes.
const PATH_BYTES_MAX: usize = 1_024;
/// The longest name of a host (RFC 1035, 2.3.4), in bytes.
const HOST_BYTES_MAX: usize = 253;
/// The longest value that a header is compared with, in bytes.
const VALUE_BYTES_MAX: usize = 1_024;

/// A name: lower-case letters, digits, `-` and `_`, 1 to 64 of them.
pub(crate) fn name(text: &str) -> Result<String, Fault> {
    let good = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'_';
    if (1..=64).contains(&text.len()) && text.bytes().all(good) {
        return Ok(text.to_owned());
    }
    let what = "a name is 1 to 64 lower-case letters, digits, - and _";
    let lower = text.to_ascii_lowercase();
    if lower != text && (1..=64).contains(&lower.len()) && lower.bytes().all(good) {
        return advised(what, format!("write \"{lower}\""));
    }
    fault(what)
}

/// A file or directory that is named.
pub(crate) fn file(text: &str) -> Result<String, Fault> {
    if text.is_empty() || text.len() > 4_096 || text.contains('\0') {
        return fault("that names no file");
    }
    if text.contains("-----BEGIN") {
        return advised(
            "what the file holds stands here",
            "write it into a file that only the edge's user can read, and name that",
        );
    }
    Ok(text.to_owned())
}

/// A token (RFC 9110, 5.6.2).
fn is_token(text: &str) -> bool {
    let good = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    (1..=128).contains(&text.len()) && text.bytes().all(good)
}

/// A header's name, in lower case.
pub(crate) fn header_name(text: &str) -> Result<String, Fault> {
    if !is_token(text) {
        return fault(format!("{text:?} is no name of a header (RFC 9110, 5.1)"));
    }
    Ok(text.to_ascii_lowercase())
}

/// A header's value: visible ASCII, spaces within (RFC 9110, 5.5).
pub(crate) fn header_value(text: &str) -> Result<String, Fault> {
    let good = |c: u8| c.is_ascii_graphic() || c == b' ';
    if text.is_empty() || text.len() > VALUE_BYTES_MAX || !text.bytes().all(good) {
        return fault(format!(
            "a header's value is 1 to {VALUE_BYTES_MAX} visible ASCII characters"
        ));
    }
    if text.trim() != text {
        return fault("a header's value neither begins nor ends with a space: none would be equal");
    }
    Ok(text.to_owned())
}

/// A method: a token; those that everyone knows are in capitals.
pub(crate) fn method(text: &str) -> Result<String, Fault> {
    if !is_token(text) {
        return fault(format!("{text:?} is no method (RFC 9110, 9.1)"));
    }
    let upper = text.to_ascii_uppercase();
    const KNOWN: &[&str] = &["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
    if upper != text && KNOWN.contains(&upper.as_str()) {
        return advised(
            format!("methods are case-sensitive: {text:?} would never come"),
            format!("write \"{upper}\""),
        );
    }
    Ok(text.to_owned())
}

/// A host without port: a name (RFC 1123, and `_`), an IPv4 address, or an IPv6 address in brackets.
pub(crate) fn host(text: &str) -> Result<String, Fault> {
    if let Some(inner) = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        let Ok(address) = inner.parse::<Ipv6Addr>() else {
            return fault(format!("{text:?} is no IPv6 address"));
        };
        let canonical = format!("[{address}]");
        if canonical != text {
            return advised(
                format!("{text:?} is not how that address is written (RFC 5952)"),
                format!("write \"{canonical}\""),
            );
        }
        return Ok(canonical);
    }
    if !text.is_ascii() {
        return advised(
            format!("{text:?} is not ASCII, and hosts come as ASCII"),
            "write it in its xn-- form (RFC 5890)",
        );
    }
    if text.contains("://") || text.contains('/') {
        return advised(format!("{text:?} is no host"), "leave out scheme and path");
    }
    if text.bytes().any(|c| c.is_ascii_uppercase()) {
        return advised(
            format!("{text:?} has capitals, and hosts are compared in lower case"),
            format!("write \"{}\"", text.to_ascii_lowercase()),
        );
    }
    if let Some((before, port)) = text.rsplit_once(':') {
        if text.parse::<Ipv6Addr>().is_ok() {
            return advised(
                format!("{text:?} lacks brackets"),
                format!("write \"[{text}]\""),
            );
        }
        if port.bytes().all(|c| c.is_ascii_digit()) {
            return advised(
                "a host stands here without its port",
                format!("write \"{before}\""),
            );
        }
    }
    let label = |label: &str| {
        let inside = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'_';
        (1..=63).contains(&label.len())
            && label.bytes().all(inside)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.is_empty() || text.len() > HOST_BYTES_MAX || !text.split('.').all(label) {
        return fault(format!("{text:?} is no host"));
    }
    Ok(text.to_owned())
}

/// A host, `*.` and a host, or `*`.
pub(crate) fn host_pattern(text: &str) -> Result<HostPattern, Fault> {
    if text == "*" {
        return Ok(HostPattern::Any);
    }
    match text.strip_prefix("*.") {
        Some(rest) => Ok(HostPattern::Under(format!(".{}", host(rest)?))),
        None if text.contains('*') => fault(format!(
            "{text:?}: a star stands alone or, with a dot, at the beginning: \"*.example.org\""
        )),
        None => Ok(HostPattern::Exact(host(text)?)),
    }
}

/// A path as requests have it once they are checked: `/`, segments that are not empty, no dot
/// segments, no query, nothing encoded that need not be (RFC 3986, 3.3 and 6.2.2).
pub(crate) fn path(text: &str) -> Result<String, Fault> {
    if !text.starts_with('/') {
        return advised(
            format!("{text:?} does not begin with a slash"),
            format!("write \"/{text}\""),
        );
    }
    if text.len() > PATH_BYTES_MAX {
        return fault(format!("a path has at most {PATH_BYTES_MAX} bytes here"));
    }
    if text.contains(['?', '#']) {
        return fault(format!(
            "{text:?}: only the path is compared, not what follows ? or #"
        ));
    }
    if text.contains('*') {
        return advised(
            format!(
                "{text:?}: a star stands at the end only, after a slash, and only in a route's path"
            ),
            "write \"/shop/*\" for /shop and what lies below",
        );
    }
    let mut rest = text.bytes();
    while let Some(c) = rest.next() {
        if c == b'%' {
            let digits = (
                rest.next().and_then(hexadecimal),
                rest.next().and_then(hexadecimal),
            );
            let (Some(high), Some(low)) = digits else {
                return fault(format!(
                    "{text:?}: after % come two digits, 0 to 9 or A to F"
                ));
            };
            let byte = high * 16 + low;
            if byte.is_ascii_alphanumeric() || b"-._~/\\\0".contains(&byte) {
                return fault(format!(
                    "{text:?}: %{byte:02X} is refused in requests, so that would never come"
                ));
            }
        } else if !(c.is_ascii_alphanumeric() || b"-._~!$&'()+,;=:@/".contains(&c)) {
            return advised(
                format!("{text:?} has a character that no path has"),
                "write it as % and two digits",
            );
        }
    }
    let segments = text.split('/').skip(1);
    for segment in segments.clone() {
        if segment == "." || segment == ".." {
            return fault(format!(
                "{text:?} has a dot segment, and no request has one"
            ));
        }
    }
    let last = segments.clone().count().saturating_sub(1);
    if segments.take(last).any(str::is_empty) {
        return fault(format!("{text:?} has an empty segment"));
    }
    Ok(text.to_owned())
}

fn hexadecimal(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// A path that stands for itself and what lies below: not `/`, and without a slash at the end.
pub(crate) fn below(text: &str) -> Result<String, Fault> {
    let path = path(text)?;
    match path.strip_suffix('/') {
        Some("") => advised("every path is below /", "leave it out"),
        Some(shorter) => advised(
            format!("{text:?} ends with a slash"),
            format!("write \"{shorter}\": that holds what lies below"),
        ),
        None => Ok(path),
    }
}

/// A route's path. None: every path.
pub(crate) fn path_pattern(text: &str) -> Result<Option<PathPattern>, Fault> {
    match text.strip_suffix("/*") {
        Some("") => Ok(None),
        Some(rest) => Ok(Some(PathPattern::Below(below(rest)?))),
        None => Ok(Some(PathPattern::Exact(path(text)?))),
    }
}

/// A server: host and port.
pub(crate) fn server(text: &str) -> Result<String, Fault> {
    if let Some((_, rest)) = text.split_once("://") {
        let rest = rest.trim_end_matches('/');
        return advised(
            "a server is host and port; whether it is TLS says upstream.tls",
            format!("write \"{rest}\""),
        );
    }
    let (before, port) = match text.rsplit_once(':') {
        Some((before, port)) if !before.is_empty() && text.parse::<Ipv6Addr>().is_err() => {
            (before, port)
        }
        _ => {
            return advised(
                format!("{text:?} has no port"),
                "write \"127.0.0.1:8080\" or \"shop.internal:8080\"",
            );
        }
    };
    let good = port.bytes().all(|c| c.is_ascii_digit())
        && port.parse::<u16>().is_ok_and(|port| port > 0)
        && !port.starts_with('0');
    if !good {
        return fault(format!("{port:?} is no port: 1 to 65535"));
    }
    host(before)?;
    Ok(text.to_owned())
}

/// Where to listen: address and port.
pub(crate) fn listen_address(text: &str) -> Result<SocketAddr, Fault> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let next = match text.strip_prefix(':').or(text.strip_prefix("*:")) {
        Some(port) => {
            format!("write \"0.0.0.0:{port}\" for every IPv4 address, \"[::]:{port}\" for IPv6")
        }
        None => "write an address and a port: \"127.0.0.1:7780\", \"[::]:443\"".to_owned(),
    };
    advised(format!("{text:?} is no address to listen on"), next)
}

/// What requests are counted by.
pub(crate) fn limit_key(text: &str) -> Result<LimitKey, Fault> {
    match text {
        "tenant" => Ok(LimitKey::Tenant),
        "route" => Ok(LimitKey::Route),
        "address" => Ok(LimitKey::Address),
        _ => match text.strip_prefix("header:") {
            Some(name) => Ok(LimitKey::Header(header_name(name)?)),
            None => advised(
                format!("{text:?} is nothing to count by"),
                "write \"tenant\", \"route\", \"address\" or \"header:x-api-key\"",
            ),
        },
    }
}

/// An ACME directory: https, or http to this machine.
pub(crate) fn acme_directory(text: &str) -> Result<String, Fault> {
    let (secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return fault(format!("{text:?} does not begin with https://")),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, port)) if !authority.ends_with(']') => (name, Some(port)),
        _ => (authority, None),
    };
    let visible = text.bytes().all(|c| c.is_ascii_graphic());
    if !visible || port.is_some_and(|port| port.parse::<u16>().is_err()) || host(name).is_err() {
        return fault(format!("{text:?} is no address of a CA"));
    }
    if secure || is_loopback(name) {
        return Ok(text.to_owned());
    }
    advised(
        "who hands out certificates is asked over https",
        format!("write \"https://{rest}\""),
    )
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare
            .parse::<core::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Where a redirect leads: a path, or an address with `http://` or `https://`.
pub(crate) fn redirect_target(text: &str) -> Result<String, Fault> {
    let elsewhere = text
        .strip_prefix("https://")
        .or(text.strip_prefix("http://"))
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    let here = text.starts_with('/') && !text.starts_with("//");
    let visible = text.len() <= 2_048 && text.bytes().all(|c| c.is_ascii_graphic());
    if visible && (elsewhere || here) && !text.contains(['"', '<', '>', '\\']) {
        return Ok(text.to_owned());
    }
    fault(format!(
        "{text:?} is neither a path nor begins with http(s)://, in visible ASCII"
    ))
}

/// A file within a directory: no way out of it.
pub(crate) fn inside(text: &str) -> Result<String, Fault> {
    let good = |part: &str| !part.is_empty() && !part.starts_with('.');
    if text.len() > 1_024 || text.contains(['\0', '\\']) || !text.split('/').all(good) {
        return fault(format!("{text:?} is no file within the directory"));
    }
    Ok(text.to_owned())
}
