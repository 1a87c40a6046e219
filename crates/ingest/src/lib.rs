//! What other tools send, read into alert signals.
//!
//! Bytes in, [`AlertSignal`]s out, and an account of what was left out and why. One file for each
//! format. Nothing here opens a socket, reads a clock or remembers anything: `web` receives the
//! bytes and answers, `incident` decides what a signal leads to.
//!
//! Everything is bounded: the body ([`BODY_BYTES_MAX`]), the alerts in it ([`ALERTS_MAX`]), and
//! each signal (the bounds in `incident`, and [`SIGNAL_TEXT_BYTES_MAX`] for all its text). Input of
//! the wrong form is refused as a whole, naming the place; what is merely too much is cut and
//! counted. Fields that a format does not define are ignored.

use incident::AlertSignal;

mod alert;
pub mod alertmanager;
mod bad_input;
mod bounds;
mod fingerprint;
mod json;
pub mod pagerduty;
pub mod prometheus;

pub use bad_input::BadInput;
pub use bounds::{Dropped, SIGNAL_TEXT_BYTES_MAX, reason};
pub use fingerprint::of_labels as label_fingerprint;
pub use json::{ALERTS_MAX, BODY_BYTES_MAX};

/// What one request told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The signals, in the order in which they were sent.
    pub signals: Vec<AlertSignal>,
    /// What was left out or changed, for the metrics; in the order of the reasons' names.
    pub dropped: Vec<Dropped>,
    /// How many alerts the sender says it left out for lack of room (Alertmanager's `max_alerts`).
    /// They are unknown: neither firing nor resolved.
    pub truncated: u64,
}
