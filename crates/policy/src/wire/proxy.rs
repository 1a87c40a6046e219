//! The PROXY protocol, versions 1 and 2 (HAProxy's `proxy-protocol.txt`): for whom the peer speaks.
//!
//! Only read where the configuration says that each connection begins with one, and only from
//! addresses that are trusted: both are the caller's. Of version 2's extensions (TLVs) only the
//! lengths are looked at.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::Reason;
use crate::wire::class::decimal;

#[cfg(test)]
mod tests;

/// `PROXY …` with its CRLF (version 1, 2.1).
const LINE_BYTES_MAX: usize = 107;
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const HEAD_BYTES: usize = 16;
/// Addresses and TLVs of version 2.
const REST_BYTES_MAX: usize = 512;

/// A client's address, and the one it connected to.
type Ends = (SocketAddr, SocketAddr);

/// Reads the header at the start of a connection. `None`: more bytes are needed, at most 528 in
/// all. `Some((length, ends))`: it is so many bytes long, and says who connected to which address;
/// it says nothing when the proxy speaks for itself (`LOCAL`) or doesn't know (`UNKNOWN`, `UNSPEC`).
///
/// # Errors
/// `ProxyHeaderBad`, also for what can't be behind a TCP listener: datagrams and Unix sockets.
pub fn read(bytes: &[u8]) -> Result<Option<(usize, Option<Ends>)>, Reason> {
    match bytes.first() {
        None => Ok(None),
        Some(b'P') => line(bytes),
        Some(_) => binary(bytes),
    }
}

fn line(bytes: &[u8]) -> Result<Option<(usize, Option<Ends>)>, Reason> {
    const BEGIN: &[u8] = b"PROXY ";
    let begin = bytes.get(..BEGIN.len()).unwrap_or(bytes);
    if !BEGIN.starts_with(begin) {
        return Err(Reason::ProxyHeaderBad);
    }
    let window = bytes.get(..LINE_BYTES_MAX).unwrap_or(bytes);
    let end = match memchr::memchr3(b'\r', b'\n', 0, window) {
        Some(at) if window.get(at) == Some(&b'\r') => at,
        Some(_) => return Err(Reason::ProxyHeaderBad),
        None => window.len(),
    };
    match window.get(end + 1) {
        Some(b'\n') => {}
        Some(_) => return Err(Reason::ProxyHeaderBad),
        None if window.len() < LINE_BYTES_MAX => return Ok(None),
        None => return Err(Reason::ProxyHeaderBad),
    }
    let said = window.get(BEGIN.len()..end).unwrap_or_default();
    let ends = ends(said).ok_or(Reason::ProxyHeaderBad)?;
    Ok(Some((end + 2, ends)))
}

/// What stands behind `PROXY`. The outer None: it is wrong.
fn ends(said: &[u8]) -> Option<Option<Ends>> {
    let said = str::from_utf8(said).ok()?;
    let mut words = said.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(None);
    }
    let (from, to) = (words.next()?, words.next()?);
    let (from_port, to_port) = (port(words.next()?)?, port(words.next()?)?);
    let address = |text: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let ends = (
        SocketAddr::new(address(from)?, from_port),
        SocketAddr::new(address(to)?, to_port),
    );
    words.next().is_none().then_some(Some(ends))
}

/// 0 to 65535 without leading zeros.
fn port(text: &str) -> Option<u16> {
    if text.len() > 1 && text.starts_with('0') {
        return None;
    }
    u16::try_from(decimal(text.as_bytes(), 5)?).ok()
}

fn binary(bytes: &[u8]) -> Result<Option<(usize, Option<Ends>)>, Reason> {
    let signature = bytes.get(..SIGNATURE.len()).unwrap_or(bytes);
    if !SIGNATURE.starts_with(signature) {
        return Err(Reason::ProxyHeaderBad);
    }
    let Some(&[command, family, high, low]) = bytes.get(SIGNATURE.len()..HEAD_BYTES) else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if !matches!(command, 0x20 | 0x21) || length > REST_BYTES_MAX {
        return Err(Reason::ProxyHeaderBad);
    }
    let Some(rest) = bytes.get(HEAD_BYTES..HEAD_BYTES + length) else {
        return Ok(None);
    };
    // What LOCAL says of addresses is to be skipped, and UNSPEC has none (2.2).
    let ends = match (command, family) {
        (0x20, _) | (_, 0x00) => None,
        (_, 0x11) => Some(ends_4(rest)?),
        (_, 0x21) => Some(ends_6(rest)?),
        _ => return Err(Reason::ProxyHeaderBad),
    };
    Ok(Some((HEAD_BYTES + length, ends)))
}

fn ends_4(rest: &[u8]) -> Result<Ends, Reason> {
    let Some((&[a, b, c, d, e, f, g, h, i, j, k, l], extensions)) = rest.split_first_chunk() else {
        return Err(Reason::ProxyHeaderBad);
    };
    check_extensions(extensions)?;
    let from = SocketAddr::from(([a, b, c, d], u16::from_be_bytes([i, j])));
    let to = SocketAddr::from(([e, f, g, h], u16::from_be_bytes([k, l])));
    Ok((from, to))
}

fn ends_6(rest: &[u8]) -> Result<Ends, Reason> {
    let bad = Reason::ProxyHeaderBad;
    let (from, rest) = rest.split_first_chunk::<16>().ok_or(bad)?;
    let (to, rest) = rest.split_first_chunk::<16>().ok_or(bad)?;
    let (&[a, b, c, d], extensions) = rest.split_first_chunk().ok_or(bad)?;
    check_extensions(extensions)?;
    let from = SocketAddr::from((*from, u16::from_be_bytes([a, b])));
    let to = SocketAddr::from((*to, u16::from_be_bytes([c, d])));
    Ok((from, to))
}

/// Each is a type, a length of two bytes, and so many bytes; together they fill the header.
fn check_extensions(mut rest: &[u8]) -> Result<(), Reason> {
    while !rest.is_empty() {
        let &[_, high, low, ref behind @ ..] = rest else {
            return Err(Reason::ProxyHeaderBad);
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        rest = behind.get(length..).ok_or(Reason::ProxyHeaderBad)?;
    }
    Ok(())
}
