//! What a set of durations looks like: quantiles, the empirical distribution, the mean.

use super::bootstrap::{self, Interval};

/// Durations of what is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// How many there are, at least one.
    pub n: usize,
    /// Their mean, in milliseconds.
    pub mean_ms: f64,
    /// Their quantiles.
    pub quantiles: Quantiles,
    /// The empirical distribution: a step for each value that there is, ascending.
    pub ecdf: Vec<EcdfStep>,
    /// Where the median is with [`LEVEL`](super::LEVEL), by the percentile bootstrap; none below
    /// [`INTERVAL_N_MIN`](super::INTERVAL_N_MIN) values.
    pub median_interval: Option<Interval>,
    /// The same of the mean, by the BCa bootstrap.
    pub mean_interval: Option<Interval>,
}

/// Quantiles in milliseconds, by definition 7 of Hyndman and Fan, "Sample quantiles in statistical
/// packages", The American Statistician 50:4, 1996: the default of R and NumPy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantiles {
    /// A quarter is at most so long.
    pub p25_ms: f64,
    /// Half is: the median.
    pub p50_ms: f64,
    /// Three quarters are.
    pub p75_ms: f64,
    /// Nine tenths are.
    pub p90_ms: f64,
}

/// So many durations are at most so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EcdfStep {
    /// In milliseconds.
    pub at_ms: i64,
    /// How many are at most that long.
    pub count: usize,
}

impl Sample {
    /// Of durations in milliseconds, ascending; none if there are none.
    pub(super) fn of(sorted_ms: &[i64], seed: u64) -> Option<Sample> {
        let sorted: Vec<f64> = sorted_ms.iter().map(|ms| *ms as f64).collect();
        let n = sorted.len();
        let quantiles = Quantiles {
            p25_ms: quantile(&sorted, 0.25)?,
            p50_ms: quantile(&sorted, 0.5)?,
            p75_ms: quantile(&sorted, 0.75)?,
            p90_ms: quantile(&sorted, 0.9)?,
        };
        let intervals = bootstrap::intervals(&sorted, seed);
        Some(Sample {
            n,
            mean_ms: sorted.iter().sum::<f64>() / n as f64,
            quantiles,
            ecdf: ecdf(sorted_ms),
            median_interval: intervals.map(|(median, _)| median),
            mean_interval: intervals.map(|(_, mean)| mean),
        })
    }
}

/// The value that a share (0 to 1) of the values, ascending, is at most: between the values at the
/// places around (n - 1) × share, in proportion. None of none.
pub(super) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = sorted.len().checked_sub(1)? as f64 * share;
    let below = place as usize;
    let low = sorted.get(below)?;
    let high = sorted.get(below + 1).unwrap_or(low);
    Some(low + (high - low) * (place - below as f64))
}

fn ecdf(sorted_ms: &[i64]) -> Vec<EcdfStep> {
    let mut steps: Vec<EcdfStep> = Vec::new();
    for (before, at_ms) in sorted_ms.iter().copied().enumerate() {
        let count = before + 1;
        match steps.last_mut() {
            Some(last) if last.at_ms == at_ms => last.count = count,
            _ => steps.push(EcdfStep { at_ms, count }),
        }
    }
    steps
}
