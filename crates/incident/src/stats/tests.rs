//! The numbers: what is counted of an incident, what they are on data whose answers are known from
//! elsewhere, and whether they find a truth that was put into the data.
//!
//! That SciPy agrees on whole answers of the running server is shown by `tests/scipy.sh`.

mod answers;
mod counted;
mod laws;
mod truth;

use std::collections::BTreeSet;

use base::{IncidentId, Severity, Timestamp};
use record::kinds::incident::Status;

use super::*;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

fn at(ms: i64) -> Timestamp {
    let begin: Timestamp = "2024-01-01T00:00:00.000Z".parse().unwrap();
    begin.plus_ms(ms)
}

/// Declared then, of `checkout`, open, and nothing else is known of it.
fn row(number: u32, declared_ms: i64) -> Row {
    Row {
        acknowledged: None,
        awaited_since: at(declared_ms),
        declared: at(declared_ms),
        detected: None,
        diagnosed: None,
        drill: false,
        duplicate: false,
        id: IncidentId::from_number(number),
        impact_start: None,
        mitigated: None,
        noticed: Noticed::Unknown,
        resolved: None,
        service: Some("checkout".parse().unwrap()),
        severity: Severity::from_number(2).unwrap(),
        status: Status::Investigating,
    }
}

/// Began then, declared at once, and resolved after so long.
fn repaired(number: u32, start_ms: i64, took_ms: i64) -> Row {
    Row {
        impact_start: Some(at(start_ms)),
        resolved: Some(at(start_ms + took_ms)),
        status: Status::Resolved,
        ..row(number, start_ms)
    }
}

fn watched(now_ms: i64) -> Watched {
    Watched {
        since: at(0),
        now: at(now_ms),
        services: BTreeSet::new(),
    }
}

fn all(rows: &[Row], now_ms: i64) -> Numbers {
    numbers(rows, &Question::default(), &watched(now_ms), 1).unwrap()
}

fn of(numbers: &Numbers, phase: Phase) -> &PhaseNumbers {
    let found = numbers.phases.iter().find(|it| it.phase == phase);
    found.unwrap()
}

/// Repaired incidents, one an hour, that took so long.
fn lasting(durations_ms: &[i64]) -> Vec<Row> {
    let numbered = durations_ms.iter().zip(1..);
    numbered
        .map(|(took, number)| repaired(number, i64::from(number) * HOUR, *took))
        .collect()
}
