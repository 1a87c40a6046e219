//! Alertmanager's own API, version 2, as Prometheus speaks it: `POST /api/v2/alerts`.
//!
//! A sender repeats what fires every minute or so, with an end that lies a few of these intervals
//! ahead: a lease. An alert that ended is sent with its end in the past.
//! Format: Alertmanager's `api/v2/openapi.yaml`, `postableAlerts`.

use base::Timestamp;
use incident::Phase;

use crate::Parsed;
use crate::alert::{Alert, Fields, source};
use crate::bad_input::BadInput;
use crate::bounds::Losses;
use crate::json::{self, Place};

/// [`incident::AlertSignal::source`] of what is read here.
pub const SOURCE: &str = "prometheus";

/// Reads the body of one post.
///
/// What has its end at or before `now` is resolved. An alert without a start stays without one:
/// Alertmanager takes the time of arrival then, and goes on with the alert that it has already, so
/// a start made up here would turn each repetition into a new firing.
///
/// # Errors
/// When it is too large, not JSON, or not of the format; then none of it counts.
pub fn v2_alerts(body: &[u8], now: Timestamp) -> Result<Parsed, BadInput> {
    let root = Place::Body;
    let mut losses = Losses::default();
    let mut signals = Vec::new();
    for (index, raw) in json::alerts(Some(json::body(body)?), &root)?
        .into_iter()
        .enumerate()
    {
        let at = Place::Item(&root, index);
        let fields: Fields<'_> = json::object(raw, &at)?;
        let alert = Alert::read(&fields, &at)?;
        let ended = alert.ends_at.is_some_and(|end| end <= now);
        let phase = if ended {
            Phase::Resolved
        } else {
            Phase::Firing
        };
        signals.extend(alert.into_signal(None, phase, source(SOURCE), &mut losses));
    }
    Ok(Parsed {
        signals,
        dropped: losses.into_dropped(),
        truncated: 0,
    })
}

#[cfg(test)]
mod tests;
