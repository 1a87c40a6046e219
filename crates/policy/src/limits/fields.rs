//! `RateLimit-Policy` and `RateLimit`, by which an answer says what its sender may still ask for
//! (draft-ietf-httpapi-ratelimit-headers-10: lists of structured fields, RFC 9651).
//!
//! What is printed is one item of a list; several limits' items are joined with `, `.

use core::fmt;

use super::Standing;
use crate::config::Rate;

/// `"name";q=100;w=60`: 100 requests each 60 seconds. A period that isn't whole seconds is rounded
/// up to them, and the quota is what fits then, rounded down.
pub fn policy_item(name: &str, rate: &Rate) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        let seconds = rate.per_ms.div_ceil(1_000).max(1);
        let quota = (u128::from(rate.requests) * u128::from(seconds) * 1_000)
            .checked_div(u128::from(rate.per_ms))
            .unwrap_or(0);
        let quota = u64::try_from(quota).unwrap_or(u64::MAX);
        string(f, name)?;
        write!(f, ";q={};w={}", integer(quota), integer(seconds))
    })
}

/// `"name";r=50;t=30`: 50 requests may come now, and in 30 seconds the bucket is full again.
pub fn standing_item(name: &str, standing: &Standing) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        string(f, name)?;
        let seconds = standing.reset_ms.div_ceil(1_000);
        write!(f, ";r={};t={}", standing.remaining, integer(seconds))
    })
}

/// A String (RFC 9651, 3.3.3). It holds ASCII that can be printed; in place of all else stands `?`.
fn string(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    use fmt::Write as _;
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                f.write_char('\\')?;
                f.write_char(c)?;
            }
            ' '..='~' => f.write_char(c)?,
            _ => f.write_char('?')?,
        }
    }
    f.write_char('"')
}

/// An Integer has at most 15 digits (RFC 9651, 3.3.1).
fn integer(number: u64) -> u64 {
    number.min(999_999_999_999_999)
}
