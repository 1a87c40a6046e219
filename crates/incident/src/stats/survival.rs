//! How long things take when some of them are not over: Kaplan and Meier, "Nonparametric estimation
//! from incomplete observations", JASA 53:282, 1958. What goes on counts for as long as it has.
//!
//! It rests on one assumption: that what goes on would have taken as long as other incidents that
//! had come as far. An incident that is open because nobody closed it breaks it.

use super::normal;
use super::row::Outcome;

/// Sums of shares that should be one half may miss it by rounding.
const ROUNDING: f64 = 1e-12;

/// The share of incidents whose phase is longer than a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Survival {
    /// Half are over after so many milliseconds: the first time at which at most half go on. None:
    /// more than half go on for longer than anything that is over took.
    pub median_ms: Option<i64>,
    /// The lower end of its interval (Brookmeyer and Crowley, Biometrics 38:1, 1982): the first
    /// time at which the curve's lower band is at most one half.
    pub low_ms: Option<i64>,
    /// The upper end, from the upper band. None: it has no upper end.
    pub high_ms: Option<i64>,
    /// A step for each duration after which something was over, ascending.
    pub steps: Vec<SurvivalStep>,
}

/// From here on, until the next step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SurvivalStep {
    /// In milliseconds.
    pub at_ms: i64,
    /// How many had come as far.
    pub at_risk: usize,
    /// How many were over at this very time.
    pub ended: usize,
    /// The share that goes on longer, 0 to 1.
    pub share: f64,
    /// Its band with [`LEVEL`](super::LEVEL): Greenwood's variance on the log-log scale
    /// (Kalbfleisch and Prentice 1980). None where nothing goes on any longer.
    pub band: Option<(f64, f64)>,
}

/// How long something took, or has taken until now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time {
    pub(super) ms: i64,
    pub(super) over: bool,
}

impl Time {
    pub(super) fn of(outcome: Outcome) -> Option<Time> {
        match outcome {
            Outcome::Took(ms) => Some(Time { ms, over: true }),
            Outcome::Ongoing(ms) => Some(Time { ms, over: false }),
            Outcome::Missing { .. } | Outcome::Contradictory => None,
        }
    }
}

impl Survival {
    /// Of these times; none if there are none.
    pub(super) fn of(times: &[Time]) -> Option<Survival> {
        if times.is_empty() {
            return None;
        }
        let mut times = times.to_vec();
        times.sort_unstable_by_key(|time| time.ms);
        let z = normal::quantile((1.0 + super::LEVEL) / 2.0);
        let mut steps = Vec::new();
        let (mut share, mut variance) = (1.0, 0.0);
        let mut at_risk = times.len();
        for together in times.chunk_by(|one, next| one.ms == next.ms) {
            let ended = together.iter().filter(|time| time.over).count();
            if let (1.., Some(first)) = (ended, together.first()) {
                let (risk, over) = (at_risk as f64, ended as f64);
                share *= 1.0 - over / risk;
                variance += over / (risk * (risk - over));
                steps.push(SurvivalStep {
                    at_ms: first.ms,
                    at_risk,
                    ended,
                    share,
                    band: band(share, variance, z),
                });
            }
            // What went on until this very time had come as far (ended before censored).
            at_risk -= together.len();
        }
        let first_below = |of: &dyn Fn(&SurvivalStep) -> Option<f64>| {
            let step = steps
                .iter()
                .find(|step| of(step).is_some_and(|share| share <= 0.5 + ROUNDING));
            step.map(|step| step.at_ms)
        };
        Some(Survival {
            median_ms: first_below(&|step| Some(step.share)),
            low_ms: first_below(&|step| step.band.map(|(low, _)| low)),
            high_ms: first_below(&|step| step.band.map(|(_, high)| high)),
            steps,
        })
    }
}

/// The band about a share: exp(-exp(ln(-ln S) ± z √V / ln S)), with Greenwood's sum V.
fn band(share: f64, variance: f64, z: f64) -> Option<(f64, f64)> {
    if share <= ROUNDING || !variance.is_finite() {
        return None;
    }
    let log = libm::log(share);
    let half = z * libm::sqrt(variance) / log;
    let at = |shift: f64| libm::exp(-libm::exp(libm::log(-log) + shift));
    // ln S is negative, so adding half of the width leads up.
    Some((at(-half), at(half)))
}

/// The median alone, of times that ascend, each of which counts so many times; none if more than
/// half go on longer than anything that is over.
pub(super) fn median_of(sorted: &[Time], counts: &[u32]) -> Option<i64> {
    let mut at_risk: f64 = counts.iter().map(|count| f64::from(*count)).sum();
    let mut share = 1.0;
    let pairs = sorted.iter().zip(counts).filter(|(_, count)| **count > 0);
    let mut pairs = pairs.peekable();
    let (mut over, mut leaving) = (0.0, 0.0);
    while let Some((time, count)) = pairs.next() {
        let count = f64::from(*count);
        leaving += count;
        if time.over {
            over += count;
        }
        if pairs.peek().is_some_and(|(next, _)| next.ms == time.ms) {
            continue;
        }
        share *= 1.0 - over / at_risk;
        if share <= 0.5 + ROUNDING {
            return Some(time.ms);
        }
        at_risk -= leaving;
        (over, leaving) = (0.0, 0.0);
    }
    None
}
