//! Hands the readers of monitoring tools' formats (`ingest`) to the server (`web`), which must not
//! know them: they are of the same layer.

use base::Timestamp;
use ingest::{BadInput, Dropped, Parsed};
use web::{AlertFormats, Delivery, Event, Unreadable};

/// The formats that this build reads.
pub(crate) fn formats() -> AlertFormats {
    AlertFormats {
        alertmanager,
        prometheus,
        pagerduty,
    }
}

fn alertmanager(body: &[u8], _: Timestamp) -> Result<Delivery, Unreadable> {
    ingest::alertmanager::webhook(body)
        .map(delivery)
        .map_err(|bad| unreadable(&bad))
}

fn prometheus(body: &[u8], now: Timestamp) -> Result<Delivery, Unreadable> {
    ingest::prometheus::v2_alerts(body, now)
        .map(delivery)
        .map_err(|bad| unreadable(&bad))
}

fn pagerduty(body: &[u8]) -> Result<Event, Unreadable> {
    let event = ingest::pagerduty::events_v2(body).map_err(|bad| Unreadable {
        detail: bad.to_string(),
        answer: Some(ingest::pagerduty::refused(&bad)),
    })?;
    Ok(Event {
        token: event.routing_key.expose().to_owned(),
        answer: ingest::pagerduty::accepted(&event.dedup_key),
        dropped: counts(event.dropped),
        signal: event.signal,
    })
}

fn delivery(parsed: Parsed) -> Delivery {
    Delivery {
        signals: parsed.signals,
        dropped: counts(parsed.dropped),
        truncated: parsed.truncated,
    }
}

fn counts(dropped: Vec<Dropped>) -> Vec<(&'static str, u64)> {
    dropped
        .into_iter()
        .map(|dropped| (dropped.reason, dropped.count))
        .collect()
}

fn unreadable(bad: &BadInput) -> Unreadable {
    Unreadable {
        detail: bad.to_string(),
        answer: None,
    }
}
