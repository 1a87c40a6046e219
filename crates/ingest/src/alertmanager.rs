//! Alertmanager's webhook, version 4.
//!
//! One notification tells of a group of alerts. It comes at least once, again every
//! `repeat_interval`, and from every member of an HA pair; an alert's identity is its fingerprint
//! with its start. What is missing from a notification is not thereby resolved.
//! Format: Alertmanager's documentation, "Notification configuration", `webhook_config`.

use base::Line;
use incident::Phase;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Parsed;
use crate::alert::{Alert, Fields, source};
use crate::bad_input::{BadInput, quoted};
use crate::bounds::Losses;
use crate::json::{self, Place};

/// [`incident::AlertSignal::source`] of what is read here.
pub const SOURCE: &str = "alertmanager";

const VERSION: &str = "4";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notification<'a> {
    #[serde(borrow)]
    version: Option<&'a RawValue>,
    #[serde(borrow)]
    truncated_alerts: Option<&'a RawValue>,
    #[serde(borrow)]
    alerts: Option<&'a RawValue>,
}

/// Reads the body of one notification.
///
/// # Errors
/// When it is too large, not JSON, not version 4, or not of the format; then none of it counts.
pub fn webhook(body: &[u8]) -> Result<Parsed, BadInput> {
    let root = Place::Body;
    let notification: Notification<'_> = json::object(json::body(body)?, &root)?;
    let at = Place::Field(&root, "version");
    let version = json::required_string(notification.version, &at)?;
    if version != VERSION {
        return Err(at.wrong(format!("must be `{VERSION}`, not {}", quoted(&version))));
    }
    let at = Place::Field(&root, "truncatedAlerts");
    let truncated = json::count(notification.truncated_alerts, &at)?;
    let at = Place::Field(&root, "alerts");
    let mut losses = Losses::default();
    let mut signals = Vec::new();
    for (index, raw) in json::alerts(notification.alerts, &at)?
        .into_iter()
        .enumerate()
    {
        let at = Place::Item(&at, index);
        let fields: Fields<'_> = json::object(raw, &at)?;
        let phase = phase(fields.status, &Place::Field(&at, "status"))?;
        let fingerprint = fingerprint(fields.fingerprint, &Place::Field(&at, "fingerprint"))?;
        let alert = Alert::read(&fields, &at)?;
        signals.extend(alert.into_signal(fingerprint, phase, source(SOURCE), &mut losses));
    }
    Ok(Parsed {
        signals,
        dropped: losses.into_dropped(),
        truncated,
    })
}

fn phase(raw: Option<&RawValue>, place: &Place<'_>) -> Result<Phase, BadInput> {
    match &*json::required_string(raw, place)? {
        "firing" => Ok(Phase::Firing),
        "resolved" => Ok(Phase::Resolved),
        other => Err(place.wrong(format!(
            "must be `firing` or `resolved`, not {}",
            quoted(other)
        ))),
    }
}

/// Older senders and hand-written ones leave it out: then it follows from the labels.
fn fingerprint(raw: Option<&RawValue>, place: &Place<'_>) -> Result<Option<Line>, BadInput> {
    let text = json::optional_string(raw, place)?.filter(|text| !text.is_empty());
    let line = text.map(|text| text.parse()).transpose();
    line.map_err(|error| place.wrong(format!("is no identity: {error}")))
}

#[cfg(test)]
mod tests;
