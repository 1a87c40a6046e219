//! The auditor: re-checks the record's folds and invariants, beside a running hereby and offline.
//!
//! Both read the record from the disk through [`follow`]. Beside the server it is a thread that
//! comes last, works for a tenth of the time, and looks again every minute and from the first entry
//! every day; what it finds is counted, logged, and fires once as an alert from `auditor`. What is
//! checked is decided in [`engine::audit`]; nothing is repaired.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base::{Line, Name, Timestamp};
use engine::audit::{Audit, CannotAudit, Invariant, Violation};
use engine::ports::{Clock as _, Entries, ReadError};
use engine::{Engine, State, Transport};
use incident::{AlertSignal, Phase};
use record::act::Subject;
use store::{Rank, Reader, Snapshots};
use web::Audited;

use crate::station::{Station, SystemClock};

/// Entries that are read between two pauses.
const CHUNK: u64 = 256;

/// For each time it works, the auditor pauses so many times as long.
const PAUSES: u32 = 9;

/// The longest pause between two chunks.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How often it looks whether there is something new.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// How often it begins again with the first entry.
const BEGIN_AGAIN_AFTER: Duration = Duration::from_secs(24 * 3_600);

/// So few entries are read while readers wait, to compare with what they see.
const WHILE_READERS_WAIT: u64 = 64;

/// Violations that are told apart; more are neither counted nor told.
const TOLD_MAX: usize = 10_000;

/// The name that its alerts come from.
pub(crate) const SOURCE: &str = "auditor";

/// Reads on to `until`, and holds each snapshot on the way against the fold. `paced` is called
/// between chunks with the number of entries read so far.
///
/// # Errors
/// See [`CannotAudit`].
pub(crate) fn follow(
    audit: &mut Audit,
    reader: &Reader,
    snapshots: &Snapshots,
    until: u64,
    paced: &mut dyn FnMut(u64),
) -> Result<(), CannotAudit> {
    let mut sizes = snapshots.sizes().unwrap_or_default();
    sizes.sort_unstable();
    let until = until.min(reader.size());
    while audit.size() < until {
        let size = audit.size();
        let next = sizes.iter().copied().find(|next| *next > size);
        let stop = until.min(size + CHUNK).min(next.unwrap_or(until));
        audit.read(reader, stop)?;
        if next == Some(audit.size()) {
            hold_snapshot(audit, snapshots);
        }
        paced(audit.size());
    }
    Ok(())
}

fn hold_snapshot(audit: &mut Audit, snapshots: &Snapshots) {
    let size = audit.size();
    match snapshots.kept_at(size) {
        Ok(Some(state)) => audit.compare_snapshot(size, &state),
        Ok(None) => {}
        Err(what) => audit.snapshot_is_wrong(size, what.as_bytes(), &what),
    }
}

/// An audit from the first entry that is at hand: from the oldest snapshot where what is before it is
/// archived and can't be read.
pub(crate) fn begin(reader: &Reader, snapshots: &Snapshots) -> Result<Audit, ReadError> {
    let archived = match reader.entry(0) {
        Ok(_) => return Ok(Audit::of_everything()),
        Err(error @ ReadError::Archived { .. }) => error,
        Err(error) => return Err(error),
    };
    let sizes = snapshots.sizes().unwrap_or_default();
    let states = sizes.iter().rev().filter_map(|size| {
        let json = snapshots.kept_at(*size).ok()??;
        State::from_snapshot(&json).ok()?
    });
    let at_hand = |state: &State| {
        !matches!(
            reader.entry(state.log.acts),
            Err(ReadError::Archived { .. })
        )
    };
    match states.into_iter().find(at_hand) {
        Some(state) => Ok(Audit::behind(state)),
        None => Err(archived),
    }
}

/// What the auditor beside a server has found. Shared with whoever asks for metrics.
#[derive(Default)]
pub(crate) struct Found {
    counts: [AtomicU64; Invariant::ALL.len()],
    entries: AtomicU64,
    /// In Unix milliseconds; [`i64::MIN`] before the first time.
    last_success: AtomicI64,
}

impl Found {
    pub(crate) fn new() -> Found {
        Found {
            last_success: AtomicI64::new(i64::MIN),
            ..Found::default()
        }
    }

    /// For the metrics.
    pub(crate) fn audited(&self) -> Audited {
        let counts = Invariant::ALL.iter().zip(&self.counts);
        let at = self.last_success.load(Ordering::Relaxed);
        Audited {
            violations: counts
                .map(|(invariant, count)| (invariant.word(), count.load(Ordering::Relaxed)))
                .collect(),
            entries: self.entries.load(Ordering::Relaxed),
            last_success: (at != i64::MIN).then(|| Timestamp::from_ms(at)),
        }
    }

    fn count(&self, invariant: Invariant) {
        let at = Invariant::ALL.iter().position(|it| *it == invariant);
        if let Some(count) = at.and_then(|at| self.counts.get(at)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The auditor of a running hereby.
struct Auditor {
    engine: Arc<Engine>,
    reader: Reader,
    snapshots: Snapshots,
    found: Arc<Found>,
    runtime: tokio::runtime::Handle,
    /// When this process began: a live state that is wrong is told once for each.
    started_at: Timestamp,
    told: BTreeSet<(Invariant, String)>,
}

/// Starts the auditor's thread. It ends with the process.
///
/// # Errors
/// When there is no thread.
pub(crate) fn start(
    station: &Station,
    found: Arc<Found>,
    runtime: tokio::runtime::Handle,
) -> std::io::Result<()> {
    let mut auditor = Auditor {
        engine: station.engine.clone(),
        reader: station.reader.clone(),
        snapshots: Snapshots::new(&station.paths, station.reader.clone()),
        found,
        runtime,
        started_at: SystemClock.now(),
        told: BTreeSet::new(),
    };
    thread::Builder::new()
        .name("auditor".to_owned())
        .spawn(move || {
            // Without the right to step back it goes on at ordinary priority, and paced all the same.
            let _ = Rank::Behind.take();
            loop {
                if let Err(error) = auditor.audit_for_a_day() {
                    tracing::error!(%error, "the auditor can't go on; it begins again in a while");
                }
                thread::sleep(LOOK_EVERY);
            }
        })
        .map(|_| ())
}

impl Auditor {
    /// Everything from the first entry on, then what is new every minute, for a day.
    fn audit_for_a_day(&mut self) -> Result<(), CannotAudit> {
        let begun = Instant::now();
        let mut audit = begin(&self.reader, &self.snapshots)?;
        if audit.first() > 0 {
            let first = audit.first();
            tracing::warn!(
                first,
                "entries before this one are archived: the auditor believes a snapshot"
            );
        }
        loop {
            let caught_up = self.catch_up(&mut audit);
            for violation in audit.take_found() {
                self.tell(&violation);
            }
            caught_up?;
            let now = SystemClock.now().as_ms();
            self.found.last_success.store(now, Ordering::Relaxed);
            if begun.elapsed() >= BEGIN_AGAIN_AFTER {
                return Ok(());
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Reads on until the live state can be compared, and compares it.
    fn catch_up(&self, audit: &mut Audit) -> Result<(), CannotAudit> {
        let first = audit.first();
        loop {
            let live = self.engine.view().read(|state| state.log.acts);
            if live.saturating_sub(audit.size()) > WHILE_READERS_WAIT {
                let mut worked = Instant::now();
                follow(audit, &self.reader, &self.snapshots, live, &mut |size| {
                    self.found.entries.store(size - first, Ordering::Relaxed);
                    thread::sleep((worked.elapsed() * PAUSES).min(PAUSE_MAX));
                    worked = Instant::now();
                })?;
                continue;
            }
            let compared = self.engine.view().read(|state| {
                let until = state.log.acts;
                follow(audit, &self.reader, &self.snapshots, until, &mut |_| {})?;
                Ok::<_, CannotAudit>(audit.compare_live(state))
            });
            self.found
                .entries
                .store(audit.size() - first, Ordering::Relaxed);
            if compared? {
                let head = self.engine.view().head();
                audit.compare_root(head.size, &head.root);
                return Ok(());
            }
        }
    }

    fn tell(&mut self, violation: &Violation) {
        let key = (violation.invariant, violation.of.clone());
        if self.told.len() >= TOLD_MAX || !self.told.insert(key) {
            return;
        }
        self.found.count(violation.invariant);
        let invariant = violation.invariant.word();
        tracing::error!(
            invariant,
            entry = violation.entry,
            "an invariant is violated: {}",
            violation.what
        );
        let Some(signal) = signal(violation, self.started_at) else {
            return;
        };
        let starts_at = signal.starts_at.unwrap_or(self.started_at);
        let id = incident::alert_id(&signal.source, signal.fingerprint.as_str(), starts_at);
        // What the record says for ever would else fire again with each start.
        let told = self.reader.of_subject(&Subject::Alert(id), 0, 1);
        if told.is_ok_and(|acts| !acts.is_empty()) {
            return;
        }
        let sender = Transport::Own(signal.source.clone());
        let report = self
            .runtime
            .block_on(self.engine.signals(sender, vec![signal]));
        match report {
            Some(report) if report.refused.is_none() => {}
            Some(report) => {
                // Said again by the next start, or by the next round of a day.
                let refusal = report.refused.map(|it| it.to_string());
                tracing::error!(refusal, "the violation could not be made an alert");
                self.told
                    .remove(&(violation.invariant, violation.of.clone()));
            }
            None => tracing::error!("whether the violation became an alert is unknown"),
        }
    }
}

/// The alert that a violation is. It begins when the newest act was taken that shows it, so that it
/// is the same alert whenever it is found.
fn signal(violation: &Violation, started_at: Timestamp) -> Option<AlertSignal> {
    let invariant = violation.invariant.word();
    let label = |name: &str, value: &str| (name.into(), value.into());
    let starts_at = match violation.invariant {
        Invariant::Fold => started_at,
        _ => violation.at,
    };
    Some(AlertSignal {
        annotations: [
            label("rule", violation.invariant.rule()),
            label("next", "hereby auditor; hereby verify"),
        ]
        .into(),
        ends_at: None,
        fingerprint: line(&format!("{invariant}:{}", violation.of))?,
        labels: [
            label("alertname", "InvariantViolated"),
            label("invariant", invariant),
            label("severity", "critical"),
        ]
        .into(),
        lost_bytes: 0,
        phase: Phase::Firing,
        source: SOURCE.parse::<Name>().ok()?,
        starts_at: Some(starts_at),
        title: line(&format!("Invariant violated: {}", violation.what))?,
    })
}

/// As much of a text as a line holds; its words are hereby's own, and ids.
fn line(text: &str) -> Option<Line> {
    let fits = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let end = fits.take_while(|end| *end <= LINE_BYTES).last()?;
    text.get(..end)?.trim().parse().ok()
}

/// The longest [`Line`].
const LINE_BYTES: usize = 200;

#[cfg(test)]
mod tests;
