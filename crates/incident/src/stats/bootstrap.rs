//! How sure a median and a mean are: by drawing from the values again and again (Efron, "Bootstrap
//! methods: another look at the jackknife", Annals of Statistics 7:1, 1979).
//!
//! For the median the percentile interval. For the mean BCa (Efron, "Better bootstrap confidence
//! intervals", JASA 82:397, 1987), which makes up for skewness; of a median its correction would
//! be wrong, because the jackknife fails there.

use super::normal;
use super::random::Random;
use super::sample::quantile;

/// How often values are drawn again.
pub const RESAMPLES: usize = 2_000;

/// How often an interval is meant to hold the truth.
pub const LEVEL: f64 = 0.95;

/// Fewer values have no interval: with 5 even the smallest and the largest hold the median only
/// 15 times out of 16 (1 - 2 / 2^5), and a bootstrap can't know more than that.
pub const INTERVAL_N_MIN: usize = 6;

/// From where to where, in the unit of what it is an interval of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Intervals of median and mean of values, ascending; none below [`INTERVAL_N_MIN`].
pub(super) fn intervals(sorted: &[f64], seed: u64) -> Option<(Interval, Interval)> {
    if sorted.len() < INTERVAL_N_MIN {
        return None;
    }
    let n = sorted.len() as f64;
    let mut random = Random::new(seed);
    let mut counts = vec![0_u32; sorted.len()];
    let (mut medians, mut means) = (Vec::new(), Vec::new());
    for _ in 0..RESAMPLES {
        draw(&mut counts, &mut random);
        medians.push(median_of(sorted, &counts));
        let sum: f64 = weighted(sorted, &counts)
            .map(|(value, count)| value * count)
            .sum();
        means.push(sum / n);
    }
    let mean = sorted.iter().sum::<f64>() / n;
    Some((percentile(medians, LEVEL)?, bca(sorted, mean, means)?))
}

/// Draws as many times as there are counts, each time one of them.
pub(super) fn draw(counts: &mut [u32], random: &mut Random) {
    counts.fill(0);
    let n = counts.len();
    for _ in 0..n {
        if let Some(count) = counts.get_mut(random.below(n)) {
            *count += 1;
        }
    }
}

/// Cuts off as much on either side as the level leaves.
pub(super) fn percentile(mut drawn: Vec<f64>, level: f64) -> Option<Interval> {
    drawn.sort_by(f64::total_cmp);
    Some(Interval {
        low: quantile(&drawn, (1.0 - level) / 2.0)?,
        high: quantile(&drawn, (1.0 + level) / 2.0)?,
    })
}

fn weighted<'a>(sorted: &'a [f64], counts: &'a [u32]) -> impl Iterator<Item = (f64, f64)> + 'a {
    let pairs = sorted.iter().zip(counts);
    pairs.map(|(value, count)| (*value, f64::from(*count)))
}

/// The median of what was drawn: half-way between the two middle ones of an even number.
fn median_of(sorted: &[f64], counts: &[u32]) -> f64 {
    let (lower, upper) = ((counts.len() - 1) / 2, counts.len() / 2);
    let mut seen = 0;
    let mut low = None;
    for (value, count) in sorted.iter().zip(counts) {
        seen += *count as usize;
        if seen > lower && low.is_none() {
            low = Some(*value);
        }
        if seen > upper {
            return 0.5 * (low.unwrap_or(*value) + value);
        }
    }
    f64::NAN
}

/// Bias-corrected and accelerated: which shares are cut off follows from how the drawn means lie
/// about the mean, and from the skewness of the values.
fn bca(sorted: &[f64], mean: f64, mut drawn: Vec<f64>) -> Option<Interval> {
    drawn.sort_by(f64::total_cmp);
    let less = drawn.partition_point(|value| *value < mean);
    let at_most = drawn.partition_point(|value| *value <= mean);
    let bias = normal::quantile((less + at_most) as f64 / (2 * drawn.len()) as f64);
    // Of a mean the jackknife's deviations are those of the values, divided by n - 1.
    let power = |exponent: i32| -> f64 {
        let deviation = |value: &f64| (value - mean) / (sorted.len() - 1) as f64;
        let powers = sorted.iter().map(|value| {
            let square = deviation(value) * deviation(value);
            if exponent == 3 {
                square * deviation(value)
            } else {
                square
            }
        });
        powers.sum()
    };
    let squares = power(2);
    let acceleration = match squares > 0.0 {
        true => power(3) / (6.0 * squares * libm::sqrt(squares)),
        false => 0.0,
    };
    let end = |share: f64| {
        let shifted = bias + normal::quantile(share);
        let share = normal::below(bias + shifted / (1.0 - acceleration * shifted));
        quantile(&drawn, share)
    };
    Some(Interval {
        low: end((1.0 - LEVEL) / 2.0)?,
        high: end((1.0 + LEVEL) / 2.0)?,
    })
}
