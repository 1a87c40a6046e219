//! Address prefixes: which addresses belong together.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

/// A block of addresses (RFC 4632, RFC 4291): `192.0.2.0/24`, `2001:db8::/32`. An IPv4 address that
/// came as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

/// Why a text is no prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPrefix {
    #[error("that is no address, and no prefix like 192.0.2.0/24")]
    NoAddress,
    #[error("the length after the slash is at most 32 (IPv4) or 128 (IPv6)")]
    Length,
    #[error("bits are set beyond the prefix; its first address is {0}")]
    HostBits(IpAddr),
}

impl Prefix {
    /// The block of `length` bits that holds this address; a length that is too long is the
    /// address alone.
    pub fn around(address: IpAddr, length: u8) -> Prefix {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let length = length.min(32);
                let bits = v4.to_bits() & mask_4(length);
                Prefix {
                    address: IpAddr::V4(Ipv4Addr::from_bits(bits)),
                    length,
                }
            }
            IpAddr::V6(v6) => {
                let length = length.min(128);
                let bits = v6.to_bits() & mask_6(length);
                Prefix {
                    address: IpAddr::V6(Ipv6Addr::from_bits(bits)),
                    length,
                }
            }
        }
    }

    /// Whose an address is taken to be: it alone for IPv4, its /64 for IPv6 (RFC 6177: a site has
    /// at least that much).
    pub fn subscriber(address: IpAddr) -> Prefix {
        match address.to_canonical() {
            v4 @ IpAddr::V4(_) => Prefix::around(v4, 32),
            v6 @ IpAddr::V6(_) => Prefix::around(v6, 64),
        }
    }

    /// Whether the address lies in it.
    pub fn holds(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4()
            && Prefix::around(address, self.length).address == self.address
    }

    /// Its first address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// How many bits are fixed.
    pub fn length(&self) -> u8 {
        self.length
    }
}

fn mask_4(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

fn mask_6(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

impl FromStr for Prefix {
    type Err = BadPrefix;

    fn from_str(text: &str) -> Result<Prefix, BadPrefix> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| BadPrefix::NoAddress)?;
        let most: u8 = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => most,
            Some(digits) if !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit()) => {
                digits.parse().map_err(|_| BadPrefix::Length)?
            }
            Some(_) => return Err(BadPrefix::Length),
        };
        if length > most {
            return Err(BadPrefix::Length);
        }
        // IPv4 written as IPv6 has its 96 bits more in front.
        let length = match (address, address.to_canonical()) {
            (IpAddr::V6(_), IpAddr::V4(_)) => length.checked_sub(96).ok_or(BadPrefix::Length)?,
            _ => length,
        };
        let prefix = Prefix::around(address, length);
        if prefix.address != address.to_canonical() {
            return Err(BadPrefix::HostBits(prefix.address));
        }
        Ok(prefix)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

#[cfg(test)]
mod tests;
