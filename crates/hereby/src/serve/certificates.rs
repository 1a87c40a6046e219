//! Who came in with client certificates, from the ledger of this machine's edge onto the record. Which
//! of it is to be said when is decided in `incident`; what the record has is told to the edge, which
//! may forget it then.
//!
//! An edge that does not answer delays nothing: it keeps what it counted.

use ::edge::CertificateUse;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::{Line, Name, Timestamp};
use engine::{Engine, Outcome, Request, Transport};
use futures_util::future::join_all;
use incident::{Certificate, is_due};
use record::command::{Command, ReportCertificate};
use record::hash::sha256;
use record::kinds::containment::CertificateUsed;

use crate::edge;

/// Between two looks at the ledger.
const EVERY: Duration = Duration::from_secs(5);
/// After a revocation, until edges know of it.
const HEARD_WITHIN: Duration = Duration::from_secs(1);
/// So many are asked for together: they share a write.
const TOGETHER: usize = 64;
const SOURCE: &str = "edge";

/// Looks for as long as hereby runs.
pub(crate) async fn keep(engine: Arc<Engine>, edge_dir: PathBuf) {
    let mut heads = engine.view().heads();
    let mut seen = 0;
    loop {
        round(&engine, &edge_dir).await;
        let revoked = async {
            loop {
                let sequence = engine.view().read(|state| state.overlay_sequence);
                if std::mem::replace(&mut seen, sequence) != sequence {
                    return tokio::time::sleep(HEARD_WITHIN).await;
                }
                if heads.changed().await.is_err() {
                    return std::future::pending().await;
                }
            }
        };
        let _ = tokio::time::timeout(EVERY, revoked).await;
    }
}

async fn round(engine: &Arc<Engine>, edge_dir: &Path) {
    let directory = edge_dir.to_owned();
    let asked = tokio::task::spawn_blocking(move || edge::certificates(&directory)).await;
    let Ok(Some(ledger)) = asked else {
        return;
    };
    let all: Vec<(CertificateUse, CertificateUsed)> = ledger
        .entries
        .into_iter()
        .filter_map(|entry| used(&ledger.cell, &entry).map(|used| (entry, used)))
        .collect();
    let now = engine.now();
    let due: Vec<&CertificateUsed> = engine.view().read(|state| {
        let all = all.iter().map(|(_, used)| used);
        all.filter(|used| is_due(&state.incidents, used, now).is_ok())
            .collect()
    });
    for some in due.chunks(TOGETHER) {
        let said = join_all(some.iter().map(|used| say(engine, used))).await;
        if said.contains(&false) {
            break;
        }
    }
    let directory = edge_dir.to_owned();
    let requests: Vec<u64> = engine.view().read(|state| {
        let known = &state.incidents.certificates;
        all.iter().map(|(_, used)| known.requests(used)).collect()
    });
    let told = tokio::task::spawn_blocking(move || {
        let news: Vec<(&CertificateUse, u64)> = all
            .iter()
            .zip(requests)
            .filter(|((entry, _), requests)| entry.recorded != *requests)
            .map(|((entry, _), requests)| (entry, requests))
            .collect();
        edge::recorded(&directory, &news)
    });
    // One that is gone meanwhile is told the next time.
    let _ = told.await;
}

/// Puts it on the record. Whether there is room for more.
async fn say(engine: &Engine, used: &CertificateUsed) -> bool {
    let command = CertificateUsed::clone(used);
    let verb = ReportCertificate {
        cell: command.cell,
        fingerprint: command.fingerprint,
        first_at: command.first_at,
        issuer: command.issuer,
        last_at: command.last_at,
        last_let_through_at: command.last_let_through_at,
        let_through: command.let_through,
        let_through_after: command.let_through_after,
        prefixes: command.prefixes,
        refused: command.refused,
        refused_after: command.refused_after,
        serial: command.serial,
        tenant: command.tenant,
    };
    // What follows the same word with the same one is the same command: it happens once.
    let text = serde_json::to_vec(&verb).unwrap_or_default();
    let before = engine
        .view()
        .read(|state| state.incidents.certificates.said_at(used));
    let before = before.map_or_else(String::new, |at| at.to_string());
    let name = sha256(&[&text, before.as_bytes()]);
    let (Ok(id), Ok(source)) = (
        format!("edge:certificate:{name}").parse(),
        SOURCE.parse::<Name>(),
    ) else {
        return true;
    };
    let request = Request {
        transport: Transport::Own(source),
        command: Command::new(id, verb),
        signature: None,
    };
    match engine.submit(request).await {
        Outcome::Done(_) => true,
        Outcome::Refused(refusal) => {
            tracing::warn!(%refusal, certificate = %used.fingerprint,
                "what a certificate was used for is not on the record");
            false
        }
        Outcome::Unknown => false,
    }
}

/// What an edge counted, as the record has it.
fn used(cell: &str, entry: &CertificateUse) -> Option<CertificateUsed> {
    let line = |text: &str| Line::clean(text).map(|(line, _)| line);
    Some(CertificateUsed {
        cell: line(cell)?,
        fingerprint: line(&entry.sha256)?,
        first_at: Timestamp::from_ms(entry.first_ms),
        issuer: line(&entry.issuer_sha256)?,
        last_at: Timestamp::from_ms(entry.last_ms),
        last_let_through_at: entry.last_let_through_ms.map(Timestamp::from_ms),
        let_through: entry.let_through,
        let_through_after: entry.let_through_after,
        prefixes: entry.prefixes.iter().filter_map(|it| line(it)).collect(),
        refused: entry.refused,
        refused_after: entry.refused_after,
        serial: line(&entry.serial)?,
        tenant: line(&entry.tenant)?,
    })
}

/// What the edge there has counted of a certificate, by its name on the record; none: none answers.
pub(crate) fn named(edge_dir: &Path, name: &Line) -> Option<Vec<CertificateUsed>> {
    let ledger = edge::certificates(edge_dir)?;
    let entries = ledger
        .entries
        .iter()
        .filter(|entry| match Certificate::of(name) {
            Certificate::Fingerprint(sha256) => entry.sha256 == sha256,
            Certificate::Numbered { issuer, serial } => {
                entry.issuer_sha256 == issuer && entry.serial == serial
            }
        });
    Some(
        entries
            .filter_map(|entry| used(&ledger.cell, entry))
            .collect(),
    )
}
