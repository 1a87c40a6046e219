//! What came of a run: figures, and whether what was expected holds.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;

use crate::load::Counts;
use crate::scenario::{Expect, Scenario, about};

/// A second of the run: requests of all edges, and those that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Second {
    /// Requests that were sent.
    pub sent: u64,
    /// Of these failed.
    pub failed: u64,
    /// Of these were answered by another than the one who should have, who said so.
    pub degraded: u64,
}

/// Something that was done or happened, in milliseconds since something first went wrong on purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deed {
    /// When.
    pub at_ms: i64,
    /// What, in a line.
    pub what: String,
    /// The kind of the act on the record, where it is one.
    pub kind: Option<String>,
}

/// One thing that was expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// Of which figure.
    pub figure: String,
    /// What that is, in words.
    pub about: String,
    /// What was measured; none: nothing was.
    pub value: Option<u64>,
    /// At least that was expected.
    pub least: Option<u64>,
    /// At most that was expected.
    pub most: Option<u64>,
    /// Whether it holds.
    pub holds: bool,
}

/// What came of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The scenario.
    pub scenario: Scenario,
    /// By which incident of its own it is on the record.
    pub incident: String,
    /// Whether everything that was expected holds.
    pub held: bool,
    /// Why it was given up, if it was.
    pub aborted: Option<String>,
    /// Each expectation.
    pub expected: Vec<Judged>,
    /// All that was measured.
    pub figures: BTreeMap<String, u64>,
    /// What was done and what happened, in order.
    pub deeds: Vec<Deed>,
    /// In which second of `seconds` something first went wrong on purpose.
    pub began_s: u64,
    /// Second by second, with stages and cells.
    pub seconds: Vec<Second>,
    /// Second by second without them; empty: that was not run.
    pub without: Vec<Second>,
    /// Each edge with its seconds.
    pub edges: Vec<(String, Vec<Second>)>,
    /// The review of the drill's incident, in Markdown.
    pub review: String,
    /// The incident's export.
    #[serde(skip)]
    pub bundle: String,
    /// The log's key, by which the export verifies.
    pub vkey: String,
}

impl Outcome {
    /// Judges what was measured.
    pub(crate) fn judge(&mut self) {
        let expected = self.scenario.expect.iter();
        self.expected = expected.map(|one| judged(one, &self.figures)).collect();
        self.held = self.aborted.is_none() && self.expected.iter().all(|one| one.holds);
    }
}

fn judged(expect: &Expect, figures: &BTreeMap<String, u64>) -> Judged {
    let figure = expect.figure.to_string();
    let value = figures.get(&figure).copied();
    Judged {
        about: about(&figure),
        value,
        least: expect.least,
        most: expect.most,
        holds: value.is_some_and(|value| {
            expect.least.is_none_or(|least| value >= least)
                && expect.most.is_none_or(|most| value <= most)
        }),
        figure,
    }
}

/// Seconds of several edges as one.
pub(crate) fn summed(all: &[Vec<Second>]) -> Vec<Second> {
    let mut sum: Vec<Second> = Vec::new();
    for seconds in all {
        sum.resize(sum.len().max(seconds.len()), Second::default());
        for (total, one) in sum.iter_mut().zip(seconds) {
            total.sent += one.sent;
            total.failed += one.failed;
            total.degraded += one.degraded;
        }
    }
    sum
}

pub(crate) fn seconds(counts: &Counts) -> Vec<Second> {
    let seconds = counts.seconds.iter();
    seconds
        .map(|count| Second {
            sent: count.sent,
            failed: count.failed,
            degraded: count.degraded,
        })
        .collect()
}

/// Figures of the damage. `hurt`: when the first and the last request of each edge failed.
pub(crate) fn damage(
    edges: &[Vec<Second>],
    without: Option<&[Second]>,
    hurt: &[(Instant, Instant)],
) -> BTreeMap<String, u64> {
    let failed_of = |seconds: &[Second]| -> u64 { seconds.iter().map(|one| one.failed).sum() };
    let each: Vec<u64> = edges.iter().map(|seconds| failed_of(seconds)).collect();
    let failed: u64 = each.iter().sum();
    let most = each.iter().copied().max().unwrap_or(0);
    let hurt_edges = each.iter().filter(|failed| **failed > 0).count() as u64;
    let mut figures = BTreeMap::from([
        ("failed".to_owned(), failed),
        ("failed_elsewhere".to_owned(), failed - most),
        ("edges_hurt".to_owned(), hurt_edges),
    ]);
    let all = edges.iter().flatten();
    let degraded: u64 = all.map(|one| one.degraded).sum();
    if degraded > 0 {
        figures.insert("degraded".to_owned(), degraded);
    }
    let began = edges.iter().map(|seconds| failovers(seconds)).max();
    figures.insert("failovers".to_owned(), began.unwrap_or(0));
    if let Some(without) = without {
        let others = failed_of(without);
        figures.insert("failed_without".to_owned(), others);
        // Of no failed request there is no ratio: it counts as one.
        figures.insert("ratio".to_owned(), others / failed.max(1));
    }
    let first = hurt.iter().map(|(first, _)| *first).min();
    let last = hurt.iter().map(|(_, last)| *last).max();
    if let (Some(first), Some(last)) = (first, last) {
        let took = u64::try_from(last.duration_since(first).as_millis()).unwrap_or(u64::MAX);
        figures.insert("mitigate_ms".to_owned(), took);
    }
    figures
}

/// How often another began to answer.
fn failovers(seconds: &[Second]) -> u64 {
    let others = seconds.iter().map(|one| one.degraded > 0);
    let before = std::iter::once(false).chain(others.clone());
    before
        .zip(others)
        .filter(|pair| *pair == (false, true))
        .count() as u64
}

#[cfg(test)]
mod tests;
