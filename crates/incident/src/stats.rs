//! What past incidents add up to: how long each phase took, how sure that is, how often things fail.
//!
//! Means of incident durations mislead (the VOID Report 2022: durations are so skewed that a mean
//! says little, and changes of it less). So every incident's own value is kept, with quantiles,
//! intervals, and the Kaplan–Meier curve in which open incidents count. A stamp that nobody gave is
//! missing and counted as such, never zero. What a number can't say is said beside it.
//!
//! Pure, and the same on every machine: `ln`, `exp`, `erfc` and the square root come from `libm`,
//! resampling from a seed. Not here: how it is written as JSON, drawn, or printed.

mod bootstrap;
mod means;
mod normal;
mod random;
mod repair;
mod row;
mod sample;
mod survival;
mod trend;

pub use bootstrap::{INTERVAL_N_MIN, Interval, LEVEL, RESAMPLES};
pub use means::{Mean, MeanNumber};
pub use repair::{Repair, Uptime, Watched};
pub use row::{Moment, Noticed, Outcome, Phase, Row};
pub use sample::{EcdfStep, Quantiles, Sample};
pub use survival::{Survival, SurvivalStep};
pub use trend::{HALF_N_MIN, Half, Trend};

use base::{IncidentId, ServiceName, Severity, Timestamp};

/// How many incidents are computed with at most; beyond it a narrower question is asked for.
pub const INCIDENTS_MAX: usize = 5_000;

/// Which incidents, and what of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// Drills and nothing else; otherwise they are left out.
    pub drills: bool,
    /// This phase alone.
    pub phase: Option<Phase>,
    /// Of this service.
    pub service: Option<ServiceName>,
    /// Of this severity.
    pub severity: Option<Severity>,
    /// Declared then or later.
    pub since: Option<Timestamp>,
    /// Whether later incidents are held against earlier ones.
    pub trend: bool,
    /// Declared before then.
    pub until: Option<Timestamp>,
}

/// What they add up to.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers {
    /// How many incidents there are.
    pub incidents: usize,
    /// How many of them are open.
    pub open: usize,
    /// How many were left out because they are drills, or, asked for drills, because they are not.
    pub left_out_drills: usize,
    /// How many were left out because they are duplicates of others.
    pub left_out_duplicates: usize,
    /// How they were noticed.
    pub noticed: NoticedCounts,
    /// The phases, in the order in which they usually come.
    pub phases: Vec<PhaseNumbers>,
    /// The means that people ask for.
    pub means: Vec<MeanNumber>,
    /// How often services fail; none for drills and for a window of no length.
    pub repair: Option<Repair>,
}

/// How incidents were noticed, as far as the record can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoticedCounts {
    /// [`Noticed::Alert`].
    pub alert: usize,
    /// [`Noticed::Program`].
    pub program: usize,
    /// [`Noticed::Unknown`].
    pub unknown: usize,
}

/// One phase of all incidents.
#[derive(Clone, Debug, PartialEq)]
pub struct PhaseNumbers {
    /// Which.
    pub phase: Phase,
    /// Every incident, oldest first.
    pub incidents: Vec<(IncidentId, Outcome)>,
    /// How many are over and have both stamps.
    pub done: usize,
    /// How many go on.
    pub ongoing: usize,
    /// How many lack the stamp it begins with.
    pub missing_from: usize,
    /// How many lack the stamp it ends with.
    pub missing_to: usize,
    /// How many lack either.
    pub missing: usize,
    /// How many have stamps that contradict each other.
    pub contradictory: usize,
    /// Of those that are done; none if none is.
    pub sample: Option<Sample>,
    /// Of those that are done and those that go on; none if there is neither.
    pub survival: Option<Survival>,
    /// If one was asked for.
    pub trend: Option<Trend>,
}

/// More than [`INCIDENTS_MAX`] incidents were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{count} incidents are more than the {INCIDENTS_MAX} that are computed with at once: ask for \
     one service, one severity, or a shorter time (since, until)"
)]
pub struct TooMany {
    /// How many.
    pub count: usize,
}

impl NoticedCounts {
    /// How many were surely noticed from inside.
    pub fn internally(&self) -> usize {
        self.alert + self.program
    }
}

impl Question {
    /// Whether the incident is one of those asked for, drill and duplicate or not.
    fn takes(&self, row: &Row) -> bool {
        let service = self.service.as_ref();
        service.is_none_or(|wanted| row.service.as_ref() == Some(wanted))
            && self.severity.is_none_or(|wanted| wanted == row.severity)
            && self.since.is_none_or(|since| since <= row.declared)
            && self.until.is_none_or(|until| row.declared < until)
    }
}

/// Adds them up. The same rows, question, `watched` and seed give the same numbers.
///
/// # Errors
/// When there are more than [`INCIDENTS_MAX`].
pub fn numbers(
    rows: &[Row],
    question: &Question,
    watched: &Watched,
    seed: u64,
) -> Result<Numbers, TooMany> {
    let asked: Vec<&Row> = rows.iter().filter(|row| question.takes(row)).collect();
    let kind: Vec<&Row> = asked
        .iter()
        .copied()
        .filter(|row| row.drill == question.drills)
        .collect();
    let mut taken: Vec<&Row> = kind.iter().copied().filter(|row| !row.duplicate).collect();
    if taken.len() > INCIDENTS_MAX {
        return Err(TooMany { count: taken.len() });
    }
    taken.sort_by_key(|row| (row.declared, row.id));
    let looked_at: Vec<Phase> = Phase::ALL
        .into_iter()
        .filter(|phase| question.phase.is_none_or(|wanted| wanted == *phase))
        .collect();
    let trends = question.trend.then_some(looked_at.len());
    let phases: Vec<PhaseNumbers> = looked_at
        .into_iter()
        .map(|phase| of_phase(phase, &taken, trends, watched.now, seed))
        .collect();
    let repair = match question.drills {
        true => None,
        false => repair::of(&taken, question, watched),
    };
    let mut noticed = NoticedCounts::default();
    for row in &taken {
        match row.noticed {
            Noticed::Alert => noticed.alert += 1,
            Noticed::Program => noticed.program += 1,
            Noticed::Unknown => noticed.unknown += 1,
        }
    }
    Ok(Numbers {
        incidents: taken.len(),
        open: taken.iter().filter(|row| row.is_open()).count(),
        left_out_drills: asked.len() - kind.len(),
        left_out_duplicates: kind.len() - taken.len(),
        noticed,
        means: means::of(&phases, repair.as_ref()),
        phases,
        repair,
    })
}

/// `trends`: of how many phases a trend is looked for, if any is.
fn of_phase(
    phase: Phase,
    rows: &[&Row],
    trends: Option<usize>,
    now: Timestamp,
    seed: u64,
) -> PhaseNumbers {
    let incidents: Vec<(IncidentId, Outcome)> = rows
        .iter()
        .map(|row| (row.id, row.measure(phase, now)))
        .collect();
    let outcomes = || incidents.iter().map(|(_, outcome)| *outcome);
    let count = |is: fn(&Outcome) -> bool| outcomes().filter(is).count();
    let mut done_ms: Vec<i64> = outcomes().filter_map(Outcome::took_ms).collect();
    done_ms.sort_unstable();
    let times: Vec<survival::Time> = outcomes().filter_map(survival::Time::of).collect();
    // Every phase draws from a stream of its own: what one asks for changes no other.
    let seed = seed ^ ((phase as u64 + 1) << 32);
    PhaseNumbers {
        phase,
        done: done_ms.len(),
        ongoing: count(|outcome| matches!(outcome, Outcome::Ongoing(_))),
        missing_from: count(|outcome| matches!(outcome, Outcome::Missing { from: true, .. })),
        missing_to: count(|outcome| matches!(outcome, Outcome::Missing { to: true, .. })),
        missing: count(|outcome| matches!(outcome, Outcome::Missing { .. })),
        contradictory: count(|outcome| matches!(outcome, Outcome::Contradictory)),
        sample: Sample::of(&done_ms, seed),
        survival: Survival::of(&times),
        trend: trends.map(|among| trend::of(&times, incidents.len() - times.len(), among, seed)),
        incidents,
    }
}

#[cfg(test)]
mod tests;
