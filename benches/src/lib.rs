//! Figures: hereby against a peer, in one run, alternating, medians of several rounds.
//!
//! A number alone says little on a machine that is shared and drifts. Every figure here is a ratio
//! to a peer (a raw `fdatasync`, PostgreSQL, bare hashing) that does the same work on the same
//! disk in the same run. What must hold is printed beside it; a figure that misses it is a line
//! that says so, not a failed test.

use std::time::Duration;

pub mod attacks;
pub mod browser;
pub mod flock;
pub mod generated;
pub mod load;
pub mod open;
pub mod pooled;
pub mod postgres;
pub mod proxies;
pub mod quiet;
pub mod quota;
pub mod rig;
pub mod scratch;
pub mod server;
pub mod years;

/// The middle value. Of an even number of values the lower middle one.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
        .get(sorted.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(f64::NAN)
}

/// The value that `share` (0 to 1) of the durations don't exceed.
pub fn quantile(durations: &mut [Duration], share: f64) -> Duration {
    durations.sort_unstable();
    let last = durations.len().saturating_sub(1);
    let at = (last as f64 * share).ceil() as usize;
    durations.get(at.min(last)).copied().unwrap_or_default()
}

/// What a figure must reach.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
}

/// Prints one figure with its rounds and whether it reaches its goal.
#[expect(clippy::print_stdout, reason = "a benchmark's result goes to stdout")]
pub fn report(name: &str, unit: &str, rounds: &[f64], goal: Goal) {
    let value = median(rounds);
    let (held, wanted) = match goal {
        Goal::AtLeast(least) => (value >= least, format!(">= {least}")),
        Goal::AtMost(most) => (value <= most, format!("<= {most}")),
    };
    let verdict = if held { "ok  " } else { "MISS" };
    let all: Vec<String> = rounds.iter().map(|round| format!("{round:.2}")).collect();
    println!(
        "{verdict} {name:<58} {value:>9.2} {unit:<6} (wanted {wanted}; rounds {})",
        all.join(" ")
    );
}

/// Prints a line that is not a figure.
#[expect(clippy::print_stdout, reason = "a benchmark's result goes to stdout")]
pub fn say(line: &str) {
    println!("     {line}");
}

/// How many rounds: `HEREBY_BENCH_ROUNDS`, default 5.
pub fn rounds() -> usize {
    std::env::var("HEREBY_BENCH_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(5)
}
