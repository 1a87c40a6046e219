//! Whether edges that run a new version do worse than those that don't, decided while it is watched:
//! a likelihood-ratio test after each interval (Wald, "Sequential Analysis", 1947), begun anew
//! whenever it speaks for the new version (Page, "Continuous Inspection Schemes", Biometrika 41, 1954),
//! so that a fault that shows late is found as soon as one that shows at once.
//!
//! What is compared are shares: of requests that failed, that were slower than a bound, that were
//! refused. What is usual is what the unchanged edges did before, or what they do now if that is plainly
//! worse; and nothing is said before the changed edges are plainly above the unchanged ones in the same
//! time: trouble that all share is no reason to go back. Where no unchanged edge answers, or half of
//! what they answer is bad, nothing is told: that is what a bound is for that holds whatever the others do.
//!
//! A threshold over a fixed window is late for small faults and wrong for small samples; figures of both
//! are in `docs/benchmarks.md`.

/// An interval's requests, and how many of them were bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// At most `all`; what is beyond counts as `all`.
    pub bad: u64,
    /// Of how many requests.
    pub all: u64,
}

impl Counts {
    fn clamped(self) -> Counts {
        Counts {
            bad: self.bad.min(self.all),
            all: self.all,
        }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Counts) -> Counts {
        Counts {
            bad: self.bad.saturating_add(other.bad),
            all: self.all.saturating_add(other.all),
        }
    }
}

/// How often both are looked at. A stage that holds for less is not seen.
pub const INTERVAL_MS: u64 = 10_000;

/// What is held against the new version: that its share of bad requests is this much higher than the
/// usual one, which is multiplied by the first and raised by the second, but at most halfway to all. A
/// small harm is found by the first of them, a large one sooner by the last.
const HARMS: [(f64, f64); 3] = [(4.0, 0.002), (4.0, 0.03), (4.0, 0.3)];

/// No share is taken to be lower than this: one error in a day of few requests is no fault of a version.
const USUAL_MIN: f64 = 0.000_2;
/// Above it nothing can be told.
const USUAL_MAX: f64 = 0.5;

/// So many standard errors above what was measured is what is taken to be usual.
const CAUTION: f64 = 1.5;
/// What the unchanged edges do now is plainly worse than before when it is by so many.
const PLAINLY: f64 = 3.0;
/// Before it is said that changed edges do worse, the unchanged ones are taken to do worse by so many.
const SURELY: f64 = 4.0;

/// The logarithm of the likelihood ratio at which the new version is said to do worse, where an interval
/// says little. Where it says more, each hour is so many more occasions to be wrong: the threshold is higher
/// by the logarithm of what a healthy interval speaks against the harm, in sixths. Chosen by simulation: see
/// `tests::healthy_canaries_are_left_alone`.
const THRESHOLD: f64 = 9.0;
const LITTLE: f64 = 1.0 / 6.0;

/// So far beyond the threshold a score is kept.
const BEYOND: f64 = 3.0;

/// Per mille of what was counted of the unchanged edges before that is kept at each interval.
const KEPT_PER_MILLE: f64 = 990.0;

/// One comparison, as far as it has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// What the unchanged edges did, the older the less.
    usual_bad: f64,
    usual_all: f64,
    /// What speaks for each harm, against none.
    scores: [f64; HARMS.len()],
    /// What the changed and the unchanged edges did since each score began to rise.
    since: [(Counts, Counts); HARMS.len()],
    /// Everything that was taken in of the changed edges.
    seen: Counts,
}

/// What is known after an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is nothing to compare: no request of changed edges, or none of unchanged ones, or too many of
    /// theirs are bad. What was seen before stands.
    Unknown,
    /// It does as well as the others, as far as can be seen.
    Alike,
    /// It does worse.
    Worse(Worse),
}

/// On which numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worse {
    /// Of changed edges, since it began to show.
    pub changed: Counts,
    /// Of unchanged ones in that time.
    pub unchanged: Counts,
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
        comparison.learn(before.clamped());
        comparison
    }

    /// Takes in an interval of both.
    pub fn step(&mut self, changed: Counts, unchanged: Counts) -> Verdict {
        let (changed, unchanged) = (changed.clamped(), unchanged.clamped());
        let usual = self.usual(unchanged);
        self.learn(unchanged);
        let Some(usual) = usual.filter(|_| changed.all > 0) else {
            return Verdict::Unknown;
        };
        let (bad, good) = (changed.bad as f64, (changed.all - changed.bad) as f64);
        self.seen = self.seen.and(changed);
        for (since, score) in self.since.iter_mut().zip(self.scores) {
            // Also what can't be judged: otherwise the better of the unchanged edges' intervals would be
            // left.
            if score > 0.0 {
                *since = (since.0.and(changed), since.1.and(unchanged));
            }
        }
        if usual > USUAL_MAX {
            return Verdict::Unknown;
        }
        let mut worst: Option<Worse> = None;
        let each = HARMS.iter().zip(&mut self.scores).zip(&mut self.since);
        for (((times, more), score), since) in each {
            let harmed = (usual * times + more).min(usual.midpoint(1.0));
            let of_bad = libm::log(harmed / usual);
            let of_good = libm::log1p(-harmed) - libm::log1p(-usual);
            if *score <= 0.0 {
                *since = (changed, unchanged);
            }
            *score += bad * of_bad + good * of_good;
            let healthy = -(bad + good) * (usual * of_bad + (1.0 - usual) * of_good);
            let threshold = THRESHOLD + libm::log((healthy / LITTLE).max(1.0));
            *score = score.max(0.0);
            let evidence_milli = (*score * 1_000.0) as u32;
            let most = worst.is_none_or(|it| it.evidence_milli < evidence_milli);
            if *score >= threshold && most && is_above(since.0, since.1) {
                worst = Some(Worse {
                    changed: since.0,
                    unchanged: since.1,
                    usual_ppm: (usual * 1e6) as u32,
                    evidence_milli,
                });
            }
            // What all edges suffered for long must not speak against this one when it is over.
            *score = score.min(threshold + BEYOND);
        }
        worst.map_or(Verdict::Alike, Verdict::Worse)
    }

    /// Everything that was taken in of the changed edges.
    pub fn seen(&self) -> Counts {
        self.seen
    }

    /// The share that is taken to be usual now; none: nobody was counted.
    fn usual(&self, newest: Counts) -> Option<f64> {
        if newest.all == 0 {
            return None;
        }
        let (bad, all) = (newest.bad as f64, newest.all as f64);
        let (_, before) = interval(self.usual_bad + bad, self.usual_all + all, CAUTION);
        // What all edges suffer now is usual now, whatever was before: as much as is likely, and where it is
        // plain, as much as it may be.
        let (likely, _) = interval(bad, all, 1.0);
        let (plain, _) = interval(bad, all, PLAINLY);
        let (_, most) = interval(bad, all, CAUTION);
        let now = if plain > before { most } else { likely };
        Some(before.max(now).max(USUAL_MIN))
    }

    fn learn(&mut self, counts: Counts) {
        let kept = KEPT_PER_MILLE / 1_000.0;
        self.usual_bad = self.usual_bad * kept + counts.bad as f64;
        self.usual_all = self.usual_all * kept + counts.all as f64;
    }
}

/// Whether the changed edges' share is plainly above the one of the unchanged in the same time: trouble that
/// comes slowly, or where few unchanged edges tell of it, is not taken to be the version's.
fn is_above(changed: Counts, unchanged: Counts) -> bool {
    let (least, _) = interval(changed.bad as f64, changed.all as f64, CAUTION);
    let (_, most) = interval(unchanged.bad as f64, unchanged.all as f64, SURELY);
    least > most
}

/// Both ends of the interval around a share, so many standard errors wide to each side (Wilson, "Probable
/// Inference, the Law of Succession, and Statistical Inference", JASA 22, 1927). There is at least one request.
fn interval(bad: f64, all: f64, errors: f64) -> (f64, f64) {
    let (share, square) = (bad / all, errors * errors);
    let spread = errors * libm::sqrt(share * (1.0 - share) / all + square / (4.0 * all * all));
    let middle = share + square / (2.0 * all);
    let whole = 1.0 + square / all;
    ((middle - spread) / whole, (middle + spread) / whole)
}

#[cfg(test)]
mod tests;
