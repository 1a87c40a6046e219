//! Canonical JSON: the one spelling of a value, so that its bytes can be hashed and signed.
//!
//! RFC 8785 (JCS) restricted to I-JSON (RFC 7493): no floats, integers within ±(2^53 − 1), ASCII
//! keys, no duplicate keys, at most 16 levels deep. With ASCII keys JCS's UTF-16 order is byte
//! order. [`to_vec`] writes it from any `Serialize`; [`check`] says whether bytes are it. Reading
//! values is left to `serde_json`.

use std::fmt;

mod check;
mod write;

pub use check::check;
pub use write::to_vec;

/// How deep objects and arrays may nest.
pub const DEPTH_MAX: usize = 16;

/// The largest magnitude of an integer: 2^53 − 1 (RFC 7493 §2.2).
pub const INTEGER_MAX: i64 = (1 << 53) - 1;

/// Why a value has no canonical form here, or bytes are not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not canonical JSON at byte {at}: {what}")]
pub struct NotCanonical {
    /// Offset of the offending byte in the text read or written so far.
    pub at: usize,
    /// What is wrong there.
    pub what: String,
}

impl NotCanonical {
    fn new(at: usize, what: impl Into<String>) -> NotCanonical {
        NotCanonical {
            at,
            what: what.into(),
        }
    }
}

impl serde::ser::Error for NotCanonical {
    fn custom<T: fmt::Display>(message: T) -> NotCanonical {
        NotCanonical::new(0, message.to_string())
    }
}

#[cfg(test)]
mod tests;
