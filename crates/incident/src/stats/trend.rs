//! Whether later incidents take longer than earlier ones: refused unless the data carry it.
//!
//! The incidents are cut into an earlier and a later half, and the medians (Kaplan–Meier, so that
//! open ones count) are held against each other. It is said only if the interval of their ratio
//! leaves out 1, which is the same as the interval of the change of the logarithm leaving out zero.
//! Who looks at several phases finds something by chance more often, so each interval is the wider,
//! the more phases are looked at (Bonferroni).

use super::bootstrap::{self, Interval, LEVEL, RESAMPLES};
use super::random::Random;
use super::survival::{Time, median_of};

/// How many of each half must be over: what 20 don't show, a handful can't.
pub const HALF_N_MIN: usize = 20;

/// Whether there is a trend.
#[derive(Clone, Debug, PartialEq)]
pub enum Trend {
    /// The later median is so many times the earlier one.
    Shown {
        /// The ratio: above 1 later incidents take longer.
        ratio: f64,
        /// Its interval, which leaves out 1.
        interval: Interval,
        /// How often such intervals hold the truth: [`LEVEL`] of one phase, more of several, so that
        /// all of them together do as often.
        level: f64,
        /// The earlier half.
        earlier: Half,
        /// The later one.
        later: Half,
    },
    /// The data don't carry one.
    Refused {
        /// Why, as a sentence.
        why: String,
    },
}

/// One half of the incidents.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Half {
    /// How many there are.
    pub n: usize,
    /// Their median, in milliseconds.
    pub median_ms: i64,
}

/// Of times in the order in which the incidents were declared, when so many others lack theirs, as
/// one of so many phases that are looked at.
pub(super) fn of(times: &[Time], unknown: usize, among: usize, seed: u64) -> Trend {
    judge(times, unknown, among, seed).unwrap_or_else(|why| Trend::Refused { why })
}

fn judge(times: &[Time], unknown: usize, among: usize, seed: u64) -> Result<Trend, String> {
    if unknown > times.len() {
        return Err(format!(
            "{unknown} incidents lack its times and only {} have them: those that were dated may \
             be the unusual ones",
            times.len()
        ));
    }
    let (earlier, later) = times
        .split_at_checked(times.len() / 2)
        .unwrap_or((times, &[]));
    for (half, name) in [(earlier, "earlier"), (later, "later")] {
        let over = half.iter().filter(|time| time.over).count();
        if over < HALF_N_MIN {
            return Err(format!(
                "{over} in the {name} half are over, and {HALF_N_MIN} in each half are needed"
            ));
        }
    }
    let mut random = Random::new(!seed);
    let (earlier, earlier_drawn) = drawn(earlier, &mut random)?;
    let (later, later_drawn) = drawn(later, &mut random)?;
    let ratios = earlier_drawn.iter().zip(&later_drawn);
    let ratios = ratios.map(|(before, after)| after / before).collect();
    let level = 1.0 - (1.0 - LEVEL) / among.max(1) as f64;
    let interval = bootstrap::percentile(ratios, level).ok_or("nothing was drawn")?;
    if interval.low <= 1.0 && 1.0 <= interval.high {
        return Err(format!(
            "the later half's median is between {:.2} and {:.2} times the earlier half's, which \
             leaves room for no change at all",
            interval.low, interval.high
        ));
    }
    Ok(Trend::Shown {
        ratio: later.median_ms as f64 / earlier.median_ms as f64,
        interval,
        level,
        earlier,
        later,
    })
}

/// The half's median, and those of its resamples.
fn drawn(half: &[Time], random: &mut Random) -> Result<(Half, Vec<f64>), String> {
    let open = || "too many go on: half of them may take longer than anything that is over";
    let mut sorted = half.to_vec();
    sorted.sort_unstable_by_key(|time| time.ms);
    let mut counts = vec![1_u32; sorted.len()];
    let median_ms = median_of(&sorted, &counts).ok_or_else(open)?;
    let mut medians = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        bootstrap::draw(&mut counts, random);
        let median = median_of(&sorted, &counts).ok_or_else(open)?;
        if median == 0 {
            return Err("its median may be zero, and nothing is a multiple of that".to_owned());
        }
        medians.push(median as f64);
    }
    let n = half.len();
    Ok((Half { n, median_ms }, medians))
}
