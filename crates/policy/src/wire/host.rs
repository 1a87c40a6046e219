//! Whom a request is for: the value of `Host`, or HTTP/2's `:authority`.

use core::net::Ipv6Addr;

use crate::Reason;
use crate::wire::class::decimal;

#[cfg(test)]
mod tests;

/// The longest name there is (RFC 1035, 2.3.4), with a dot at its end.
const NAME_BYTES_MAX: usize = 254;

/// A host and perhaps a port, as they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host<'a> {
    /// A name, an IPv4 address, or an IPv6 address in brackets. The case is the client's; a dot at
    /// its end may be there.
    pub name: &'a str,
    pub port: Option<u16>,
}

/// Reads `uri-host [ ":" port ]` (RFC 9110, 7.2), more narrowly than the grammar: a name has
/// letters, digits, `-`, `_` and `.`, no empty label, and no escapes; a port is 1 to 65535, without
/// leading zeros; there is no user.
///
/// # Errors
/// `HostMalformed`.
pub fn host(value: &[u8]) -> Result<Host<'_>, Reason> {
    read(value).ok_or(Reason::HostMalformed)
}

fn read(value: &[u8]) -> Option<Host<'_>> {
    let name_end = match value.first() {
        Some(b'[') => memchr::memchr(b']', value)? + 1,
        _ => memchr::memchr(b':', value).unwrap_or(value.len()),
    };
    let (name, rest) = value.split_at_checked(name_end)?;
    let port = match rest {
        [] => None,
        [b':', digits @ ..] => Some(port(digits)?),
        _ => return None,
    };
    let good = match name {
        [b'[', address @ .., b']'] => is_ipv6(address),
        name => is_name(name),
    };
    let name = str::from_utf8(name).ok()?;
    good.then_some(Host { name, port })
}

fn port(digits: &[u8]) -> Option<u16> {
    if digits.first() == Some(&b'0') {
        return None;
    }
    decimal(digits, 5).and_then(|port| u16::try_from(port).ok())
}

fn is_ipv6(address: &[u8]) -> bool {
    str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

fn is_name(name: &[u8]) -> bool {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return false;
    }
    // A dot may follow a label only: `.example.org` must not look like something under example.org.
    let mut label = false;
    name.iter().all(|&byte| match byte {
        b'.' => core::mem::replace(&mut label, false),
        b'-' | b'_' => {
            label = true;
            true
        }
        _ => {
            label = true;
            byte.is_ascii_alphanumeric()
        }
    })
}
