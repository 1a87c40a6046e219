//! A small proof of work, asked of those who can't show that they did it. Nothing is kept: what was
//! asked stands in a token, signed, and comes back with the answer.
//!
//! The token is 48 digits: version, bits, end, and a MAC that binds them to who was asked and by
//! whom. Whoever has it looks for a nonce of 8 digits with which
//!
//! ```text
//! SHA-256(token || nonce), both as text, begins with `bits` zero bits
//! ```
//!
//! and brings `token.nonce` back (57 characters, in a cookie). All digits are hexadecimal, lower
//! case. A solution is good until its token ends, for that tenant and that block of addresses: it
//! may be shown again and again, and is of no use to anybody elsewhere.
//!
//! It makes floods dearer, and tells no people from machines. The page that does the work is not
//! made here; nor is the key, and who changes it makes all open tokens worthless.

use core::fmt;
use core::net::IpAddr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, hmac};

use crate::Prefix;

/// Characters of a token.
pub const TOKEN_CHARS: usize = 2 * TOKEN_BYTES;

/// Characters of a nonce.
pub const NONCE_CHARS: usize = 8;

/// Characters of a solution: a token, a dot, a nonce.
pub const SOLUTION_CHARS: usize = TOKEN_CHARS + 1 + NONCE_CHARS;

/// The most work that can be asked for: 2^24 hashes, a minute or so of a telephone's. A nonce has
/// 2^32 values, so one that does it exists.
pub const BITS_MAX: u32 = 24;

/// The longest that a token is good, in seconds.
pub const VALID_S_MAX: u64 = 30 * 86_400;

const VERSION: u8 = 1;

/// Version, bits, six bytes of Unix time, and the MAC.
const TOKEN_BYTES: usize = SAID_BYTES + MAC_BYTES;
const SAID_BYTES: usize = 8;

/// Half of HMAC-SHA256 (RFC 2104, section 5: no less).
const MAC_BYTES: usize = 16;

/// What the MAC is about, so that no other use of the key gives the same.
const DOMAIN: &[u8] = b"hereby challenge 1\0";

/// Why a solution is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Why {
    #[error("that is no solution: 48 digits, a dot, 8 digits")]
    Malformed,
    #[error("its time is over")]
    Expired,
    #[error("more work is asked for by now")]
    TooEasy,
    #[error("the work is not done")]
    NoWork,
    #[error("it was not asked for here, or of somebody else")]
    NotOurs,
}

/// Asks and checks, with one key. For all threads.
pub struct Challenger {
    key: hmac::Key,
}

impl fmt::Debug for Challenger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Challenger(…)")
    }
}

impl Challenger {
    /// With a key of its own: 256 bits that nobody else knows. All processes that serve one tenant
    /// must have the same.
    pub fn new(key: &[u8; 32]) -> Challenger {
        Challenger {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
        }
    }

    /// A token for this subscriber of this tenant, good for `valid_s` seconds from `now_s` (Unix
    /// time). The bits are held to 1 to 24, the time to [`VALID_S_MAX`].
    pub fn issue(
        &self,
        tenant: &str,
        subscriber: &Prefix,
        now_s: i64,
        valid_s: u64,
        bits: u32,
    ) -> Token {
        let now_s = u64::try_from(now_s).unwrap_or(0);
        let said = Said {
            bits: u8::try_from(bits.clamp(1, BITS_MAX)).unwrap_or(1),
            until_s: now_s
                .saturating_add(valid_s.min(VALID_S_MAX))
                .min(UNTIL_S_MAX),
        };
        let said_bytes = said.bytes();
        let mac = self.mac(&said_bytes, tenant, subscriber);
        let mut bytes = [0_u8; TOKEN_BYTES];
        let whole = said_bytes.iter().chain(mac.as_ref());
        for (to, from) in bytes.iter_mut().zip(whole) {
            *to = *from;
        }
        Token {
            digits: digits(&bytes),
        }
    }

    /// Whether this is a solution of what would be asked of this subscriber now: at least so many
    /// bits. At most one hash and one HMAC, the cheaper first.
    ///
    /// # Errors
    ///
    /// What is wrong with it. Only [`Why::NotOurs`] was worth an HMAC.
    pub fn check(
        &self,
        solution: &str,
        tenant: &str,
        subscriber: &Prefix,
        now_s: i64,
        bits: u32,
    ) -> Result<(), Why> {
        let parsed = Solution::parse(solution.as_bytes()).ok_or(Why::Malformed)?;
        let said = Said::read(&parsed.said).ok_or(Why::Malformed)?;
        // Before 1970 nothing has ended.
        if u64::try_from(now_s).unwrap_or(0) >= said.until_s {
            return Err(Why::Expired);
        }
        if u32::from(said.bits) < bits.clamp(1, BITS_MAX) {
            return Err(Why::TooEasy);
        }
        if zero_bits(digest::digest(&digest::SHA256, &parsed.work).as_ref()) < u32::from(said.bits)
        {
            return Err(Why::NoWork);
        }
        let mac = self.mac(&parsed.said, tenant, subscriber);
        let expected = mac.as_ref().get(..MAC_BYTES).ok_or(Why::NotOurs)?;
        verify_slices_are_equal(&parsed.mac, expected).map_err(|_| Why::NotOurs)
    }

    /// Everything but the tenant's name has its fixed place, and that comes last, so no two
    /// questions read alike.
    fn mac(&self, said: &[u8; SAID_BYTES], tenant: &str, subscriber: &Prefix) -> hmac::Tag {
        let (family, address) = match subscriber.address() {
            IpAddr::V4(v4) => (4, v4.to_ipv6_mapped()),
            IpAddr::V6(v6) => (6, v6),
        };
        let mut context = hmac::Context::with_key(&self.key);
        context.update(DOMAIN);
        context.update(said);
        context.update(&[family, subscriber.length()]);
        context.update(&address.octets());
        context.update(tenant.as_bytes());
        context.sign()
    }
}

/// What is asked of whoever has it; its text is [`TOKEN_CHARS`] long.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token {
    digits: [u8; TOKEN_CHARS],
}

impl Token {
    /// Its digits.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.digits).expect("digits are ASCII")
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({self})")
    }
}

/// Looks for a nonce: what the page does, for clients that are programs. It may take 2^24 hashes and
/// more, so it is not for whoever serves. `None` if the text is no token, or (once in e^256 times)
/// no nonce does it.
pub fn solve(token: &str) -> Option<String> {
    if token.len() != TOKEN_CHARS {
        return None;
    }
    let first = format!("{token}.00000000");
    let mut parsed = Solution::parse(first.as_bytes())?;
    let bits = u32::from(Said::read(&parsed.said)?.bits);
    (0..=u32::MAX).find_map(|nonce| {
        let (_, place) = parsed.work.split_last_chunk_mut::<NONCE_CHARS>()?;
        *place = digits(&nonce.to_be_bytes());
        let hash = digest::digest(&digest::SHA256, &parsed.work);
        (zero_bits(hash.as_ref()) >= bits).then(|| format!("{token}.{nonce:08x}"))
    })
}

/// Unix times end with six bytes, in the year 8,921,556.
const UNTIL_S_MAX: u64 = (1 << 48) - 1;

/// What a token says in the clear.
struct Said {
    bits: u8,
    until_s: u64,
}

impl Said {
    fn bytes(&self) -> [u8; SAID_BYTES] {
        let [_, _, a, b, c, d, e, f] = self.until_s.to_be_bytes();
        [VERSION, self.bits, a, b, c, d, e, f]
    }

    fn read(bytes: &[u8; SAID_BYTES]) -> Option<Said> {
        let [version, bits, a, b, c, d, e, f] = *bytes;
        let good = version == VERSION && (1..=BITS_MAX).contains(&u32::from(bits));
        good.then(|| Said {
            bits,
            until_s: u64::from_be_bytes([0, 0, a, b, c, d, e, f]),
        })
    }
}

/// A solution, taken apart.
struct Solution {
    said: [u8; SAID_BYTES],
    mac: [u8; MAC_BYTES],
    /// Token and nonce as text, without the dot.
    work: [u8; TOKEN_CHARS + NONCE_CHARS],
}

impl Solution {
    /// `None` if it isn't exactly the one way to write it.
    fn parse(text: &[u8]) -> Option<Solution> {
        let text: &[u8; SOLUTION_CHARS] = text.try_into().ok()?;
        let (token, rest) = text.split_first_chunk::<TOKEN_CHARS>()?;
        let (dot, nonce) = rest.split_first()?;
        if *dot != b'.' || !nonce.iter().all(|c| value(*c).is_some()) {
            return None;
        }
        let mut bytes = [0_u8; TOKEN_BYTES];
        for (to, pair) in bytes.iter_mut().zip(token.as_chunks::<2>().0) {
            let [high, low] = *pair;
            *to = (value(high)? << 4) | value(low)?;
        }
        let (said, mac) = bytes.split_first_chunk::<SAID_BYTES>()?;
        let mut work = [0_u8; TOKEN_CHARS + NONCE_CHARS];
        for (to, from) in work.iter_mut().zip(token.iter().chain(nonce)) {
            *to = *from;
        }
        Some(Solution {
            said: *said,
            mac: mac.try_into().ok()?,
            work,
        })
    }
}

fn zero_bits(hash: &[u8]) -> u32 {
    let (first, _) = hash.split_first_chunk::<8>().unwrap_or((&[0xff; 8], &[]));
    u64::from_be_bytes(*first).leading_zeros()
}

/// Hexadecimal, lower case.
fn digits<const BYTES: usize, const CHARS: usize>(bytes: &[u8; BYTES]) -> [u8; CHARS] {
    let mut out = [b'0'; CHARS];
    for (pair, byte) in out.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
    out
}

fn digit(value: u8) -> u8 {
    match value {
        0..=9 => b'0' + value,
        _ => b'a' + (value - 10),
    }
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
