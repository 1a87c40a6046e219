//! Why a body was refused, told so that whoever sent it can mend it.
//!
//! Nothing of a secret's value ever appears here: only the few fields that are shown are quoted,
//! cut and escaped.

use crate::json::{ALERTS_MAX, BODY_BYTES_MAX};

/// How many characters of a wrong value are quoted.
const QUOTED_CHARS_MAX: usize = 60;

/// A body that is not of its format, or too much of it. Sent again unchanged it is refused again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadInput {
    /// More bytes than [`BODY_BYTES_MAX`].
    #[error(
        "the body has {bytes} bytes, at most {BODY_BYTES_MAX} are read: send fewer alerts at once"
    )]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// More alerts than [`ALERTS_MAX`].
    #[error(
        "the body has {alerts} alerts, at most {ALERTS_MAX} are read at once: send them in several \
         requests (Alertmanager: group more finely, or set `max_alerts` of the webhook)"
    )]
    TooMany {
        /// How many it has.
        alerts: usize,
    },
    /// Not JSON (RFC 8259) in UTF-8.
    #[error("the body is not JSON: {what}")]
    NotJson {
        /// What is wrong, with line and column.
        what: String,
    },
    /// JSON, but not of the format.
    #[error("{at}: {what}")]
    Wrong {
        /// Where: `alerts[3].startsAt`.
        at: String,
        /// What is wrong there.
        what: String,
    },
}

/// A value as it may be quoted in a message: short, and on one line.
pub(crate) fn quoted(text: &str) -> String {
    let mut out: String = text
        .chars()
        .take(QUOTED_CHARS_MAX)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(QUOTED_CHARS_MAX).is_some() {
        out.push('…');
    }
    format!("`{out}`")
}
