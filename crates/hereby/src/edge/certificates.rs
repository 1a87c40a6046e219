//! Which client certificates an edge saw: as it shows them, and as control reads them.

use std::path::Path;

use ::edge::CertificateUse;
use base::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::exit::{Exit, Failure};
use crate::say::{Line, Out, Style, counted, stamp, table};

use super::ask::{get, glance, post};

/// So many are told at once: what an edge takes is bounded.
const TOLD_AT_ONCE: usize = 200;

/// What an edge has counted.
#[derive(Debug, Deserialize)]
pub(crate) struct Ledger {
    pub(crate) cell: String,
    pub(crate) dropped: u64,
    pub(crate) entries: Vec<CertificateUse>,
}

/// What the edge there has counted; none: none answers within a second.
pub(crate) fn certificates(state_dir: &Path) -> Option<Ledger> {
    serde_json::from_str(&glance(state_dir, "/certificates")?).ok()
}

/// Tells the edge how many requests of which certificates and tenants are on the record.
///
/// # Errors
/// When no edge runs.
pub(crate) fn recorded(state_dir: &Path, all: &[(&CertificateUse, u64)]) -> Result<(), Failure> {
    for some in all.chunks(TOLD_AT_ONCE) {
        let told = some.iter().map(|(entry, requests)| {
            json!({"sha256": entry.sha256, "tenant": entry.tenant, "requests": requests})
        });
        post(
            state_dir,
            "/certificates/recorded",
            &Value::Array(told.collect()),
        )?;
    }
    Ok(())
}

/// Shows them, the last use first.
pub(super) fn show(state_dir: &Path, out: &Out) -> Result<(), Failure> {
    let text = get(state_dir, "/certificates")?;
    let unreadable =
        |error| Failure::new(Exit::Internal, "the edge's answer can't be read").because(error);
    if out.is_json() {
        let all: Value = serde_json::from_str(&text).map_err(unreadable)?;
        return out.json(&all);
    }
    let ledger: Ledger = serde_json::from_str(&text).map_err(unreadable)?;
    if ledger.dropped > 0 {
        let requests = counted(ledger.dropped, "request");
        out.warn(&format!(
            "the ledger was full: {requests} found no place in it"
        ));
    }
    if ledger.entries.is_empty() {
        out.talk("No client certificate was shown.");
        return Ok(());
    }
    let at = |ms: i64| stamp(Timestamp::from_ms(ms));
    let rows = ledger.entries.iter().map(|entry| {
        let style = match entry.revoked_ms {
            Some(_) => Style::Bad,
            None => Style::Bold,
        };
        let cells = vec![
            Line::new().styled(style, entry.sha256.clone()),
            Line::new().text(entry.tenant.clone()),
            Line::new().text(at(entry.first_ms)),
            Line::new().text(at(entry.last_ms)),
            Line::new().text(entry.let_through.to_string()),
            Line::new().text(entry.refused.to_string()),
            Line::new().text(entry.revoked_ms.map_or_else(|| "-".to_owned(), at)),
        ];
        (cells, entry.subject.clone())
    });
    let header = [
        "SHA-256", "TENANT", "FIRST", "LAST", "LET IN", "REFUSED", "REVOKED", "SUBJECT",
    ];
    out.lines(&table(&header, rows.collect(), out.width()))
}
