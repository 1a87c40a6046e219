//! Whether edges that run a new version do worse than those that don't, decided while it is watched:
//! a likelihood-ratio test after each interval (Wald, "Sequential Analysis", 1947), begun anew
//! whenever it speaks for the new version (Page, "Continuous Inspection Schemes", Biometrika 41, 1954),
//! so that a fault that shows late is found as soon as one that shows at once.
//!
//! What is compared are shares: of requests that failed, that were slower than a bound, that were
//! refused. What is usual is what the unchanged edges do at the same time, and did before. Trouble that
//! they share is no reason to go back.
//!
//! A threshold over a fixed window is late for small faults and wrong for small samples; figures of both
//! are in `docs/benchmarks.md`.

use serde::{Deserialize, Serialize};

/// An interval's requests, and how many of them were bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// At most `all`; what is beyond counts as `all`.
    pub bad: u64,
    /// Of how many requests.
    pub all: u64,
}

impl Counts {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Counts) -> Counts {
        Counts {
            bad: self.bad.saturating_add(other.bad),
            all: self.all.saturating_add(other.all),
        }
    }
}

/// What is held against the new version: that its share of bad requests is this much higher than the
/// usual one, which is multiplied by the first and raised by the second. A small harm is found by the
/// first of them, a large one sooner by the last.
const HARMS: [(f64, f64); 3] = [(4.0, 0.002), (4.0, 0.03), (4.0, 0.3)];

/// No share is taken to be lower than this: one error in a day of few requests is no fault of a version.
const USUAL_MIN: f64 = 0.000_2;
/// Nor higher: then nothing can be told from it.
const USUAL_MAX: f64 = 0.95;
const HARM_MAX: f64 = 0.99;

/// What the unchanged edges' newest interval weighs in their share, in requests: so many of what they
/// did before stand against it. Trouble that all edges share shows in it at once.
const NEWEST_AGAINST: f64 = 200.0;

/// So many standard errors above what was measured is what is taken to be usual.
const CAUTION: f64 = 1.5;

/// The logarithm of the likelihood ratio at which the new version is said to do worse. Chosen by
/// simulation: see `tests::healthy_canaries_are_left_alone`.
const THRESHOLD: f64 = 9.0;

/// Per mille of what was counted of the unchanged edges before that is kept at each interval.
const KEPT_PER_MILLE: f64 = 990.0;

/// One comparison, as far as it has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// What the unchanged edges did, the older the less.
    usual_bad: f64,
    usual_all: f64,
    /// What speaks for each harm, against none.
    scores: [f64; HARMS.len()],
    /// What the changed edges did since the score that is highest began to rise.
    since: [Counts; HARMS.len()],
    /// Everything that was taken in of the changed edges.
    seen: Counts,
}

/// What is known after an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is nothing to compare: no request of changed edges, or none ever of unchanged ones.
    Unknown,
    /// It does as well as the others, as far as can be seen.
    Alike,
    /// It does worse.
    Worse(Worse),
}

/// On which numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worse {
    /// Of changed edges, since it began to show.
    pub counts: Counts,
    /// The share of bad requests that was taken to be usual, in millionths.
    pub usual_ppm: u32,
    /// How much more likely what was seen is with a harm than without, as the natural logarithm, in
    /// thousandths.
    pub evidence_milli: u32,
}

impl Comparison {
    /// A comparison with edges that did this before.
    pub fn with(before: Counts) -> Comparison {
        let mut comparison = Comparison::default();
        comparison.learn(before);
        comparison
    }

    /// Takes in an interval of both.
    pub fn step(&mut self, changed: Counts, unchanged: Counts) -> Verdict {
        let usual = self.usual(unchanged);
        self.learn(unchanged);
        let Some(usual) = usual.filter(|_| changed.all > 0) else {
            return Verdict::Unknown;
        };
        let bad = changed.bad.min(changed.all);
        let (bad, good) = (bad as f64, (changed.all - bad) as f64);
        self.seen = self.seen.and(changed);
        let mut worst: Option<Worse> = None;
        let each = HARMS.iter().zip(&mut self.scores).zip(&mut self.since);
        for (((times, more), score), since) in each {
            let harmed = (usual * times + more).min(HARM_MAX).max(usual);
            let said = bad * libm::log(harmed / usual)
                + good * (libm::log1p(-harmed) - libm::log1p(-usual));
            *score += said;
            *since = since.and(changed);
            if *score <= 0.0 {
                (*score, *since) = (0.0, Counts::default());
            }
            let evidence_milli = (*score * 1_000.0) as u32;
            if *score >= THRESHOLD && worst.is_none_or(|it| it.evidence_milli < evidence_milli) {
                worst = Some(Worse {
                    counts: *since,
                    usual_ppm: (usual * 1e6) as u32,
                    evidence_milli,
                });
            }
        }
        worst.map_or(Verdict::Alike, Verdict::Worse)
    }

    /// Everything that was taken in of the changed edges.
    pub fn seen(&self) -> Counts {
        self.seen
    }

    /// The share that is taken to be usual now; none: nobody was ever counted.
    fn usual(&self, newest: Counts) -> Option<f64> {
        let (bad, all) = (newest.bad.min(newest.all) as f64, newest.all as f64);
        let (bads, alls) = (self.usual_bad + bad, self.usual_all + all);
        if alls <= 0.0 {
            return None;
        }
        let long = cautious(bads, alls);
        // What all edges suffer now is usual now, whatever was before.
        let now = (bad + NEWEST_AGAINST * (bads / alls)) / (all + NEWEST_AGAINST);
        Some(long.max(now).clamp(USUAL_MIN, USUAL_MAX))
    }

    fn learn(&mut self, counts: Counts) {
        let kept = KEPT_PER_MILLE / 1_000.0;
        self.usual_bad = self.usual_bad * kept + counts.bad.min(counts.all) as f64;
        self.usual_all = self.usual_all * kept + counts.all as f64;
    }
}

/// The upper end of the interval around a share (Wilson, "Probable Inference, the Law of Succession, and
/// Statistical Inference", JASA 22, 1927).
fn cautious(bad: f64, all: f64) -> f64 {
    let (share, square) = (bad / all, CAUTION * CAUTION);
    let spread = CAUTION * libm::sqrt(share * (1.0 - share) / all + square / (4.0 * all * all));
    (share + square / (2.0 * all) + spread) / (1.0 + square / all)
}

#[cfg(test)]
mod tests;
