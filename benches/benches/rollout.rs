//! How soon a faulty canary is sent back and how often a healthy one, beside the rules over fixed windows
//! that others use; and how many cells one core can judge.

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Instant;

use benches::rig::Failed;
use benches::{Goal, report, rounds, say};
use rollout::sequential::{Comparison, Counts};
use rollout::simulate::{Dice, Traffic, quantile_s, sent_back_s};

const HOUR_S: u64 = 3_600;
const CANARIES: u32 = 1_000;
const HEALTHY_HOURS: u32 = 10_000;
/// Shares of bad requests, with the seconds within which 95 % are to be found.
const FAULTS: [(f64, Option<u64>); 4] = [
    (0.5, None),
    (0.05, Some(60)),
    (0.02, None),
    (0.01, Some(400)),
];
/// Cells that are judged in a round, each with this many triggers.
const CELLS: usize = 20_000;
const TRIGGERS: usize = 3;

/// Too many bad requests in so many windows in a row.
#[derive(Clone, Copy)]
struct Windows {
    name: &'static str,
    window_s: u64,
    in_a_row: usize,
    most: f64,
}

/// What others do: a bound over windows that must be passed several times.
const RULES: [Windows; 2] = [
    Windows {
        name: "4 windows of 5 min over 5 %",
        window_s: 300,
        in_a_row: 4,
        most: 0.05,
    },
    Windows {
        name: "5 windows of 1 min over 1 %",
        window_s: 60,
        in_a_row: 5,
        most: 0.01,
    },
];

impl Windows {
    fn sent_back_s(&self, dice: &mut Dice, per_s: u64, share: f64) -> Option<u64> {
        let mut newest = VecDeque::with_capacity(self.in_a_row);
        for window in 1..=HOUR_S / self.window_s {
            let counts = dice.requests(per_s * self.window_s, share);
            newest.push_back(counts.bad as f64 > counts.all as f64 * self.most);
            if newest.len() > self.in_a_row {
                newest.pop_front();
            }
            if newest.len() == self.in_a_row && newest.iter().all(|over| *over) {
                return Some(window * self.window_s);
            }
        }
        None
    }

    /// As [`sent_back_s`], by this rule.
    fn all_sent_back_s(
        &self,
        traffic: Traffic,
        share: f64,
        canaries: u32,
        seed: u64,
    ) -> Vec<Option<u64>> {
        let mut dice = Dice::new(seed);
        let mut times: Vec<_> = (0..canaries)
            .map(|_| self.sent_back_s(&mut dice, traffic.changed_per_s, share))
            .collect();
        times.sort_unstable_by_key(|time| time.unwrap_or(u64::MAX));
        times
    }
}

fn main() -> Result<(), Failed> {
    for (share, most_s) in FAULTS {
        let mut found = Vec::new();
        for round in 0..rounds() as u64 {
            let times = sent_back_s(Traffic::FEW, share, CANARIES, HOUR_S, 1_000 + round);
            say(&line("likelihood ratio", share, &times));
            found.push(quantile_s(&times, 0.95).map_or(f64::INFINITY, |s| s as f64));
        }
        for rule in RULES {
            say(&line(
                rule.name,
                share,
                &rule.all_sent_back_s(Traffic::FEW, share, CANARIES, 1),
            ));
        }
        if let Some(most_s) = most_s {
            report(
                &format!(
                    "rollout: 95 % of canaries with {} % errors sent back within",
                    share * 100.0
                ),
                "s",
                &found,
                Goal::AtMost(most_s as f64),
            );
        }
    }
    healthy(Traffic::FEW);
    healthy(Traffic {
        changed_per_s: 1,
        ..Traffic::FEW
    });
    speed();
    Ok(())
}

fn line(rule: &str, share: f64, times: &[Option<u64>]) -> String {
    let time =
        |share| quantile_s(times, share).map_or_else(|| "never".to_owned(), |s| format!("{s} s"));
    format!(
        "{rule:<28} {:>5} % errors: half within {}, 95 % within {}, {} of {} in an hour",
        share * 100.0,
        time(0.5),
        time(0.95),
        times.iter().flatten().count(),
        times.len()
    )
}

fn healthy(traffic: Traffic) {
    let per_s = traffic.changed_per_s;
    let lost = |times: Vec<Option<u64>>| {
        100.0 * times.iter().flatten().count() as f64 / f64::from(HEALTHY_HOURS)
    };
    let mut shares = Vec::new();
    for round in 0..rounds() as u64 {
        let seed = 2_000 + round;
        shares.push(lost(sent_back_s(
            traffic,
            traffic.usual,
            HEALTHY_HOURS,
            HOUR_S,
            seed,
        )));
    }
    for rule in RULES {
        let lost = lost(rule.all_sent_back_s(traffic, traffic.usual, HEALTHY_HOURS, 2_000));
        say(&format!(
            "{}: {lost:.2} % of healthy hours at {per_s}/s end with it sent back",
            rule.name
        ));
    }
    report(
        &format!("rollout: healthy hours that end with it sent back, {per_s} requests/s"),
        "%",
        &shares,
        Goal::AtMost(0.5),
    );
}

/// Every trigger of every cell, once.
fn speed() {
    let mut dice = Dice::new(9);
    let rows: Vec<(Counts, Counts)> = (0..1_000)
        .map(|_| (dice.requests(50, 0.001), dice.requests(500, 0.001)))
        .collect();
    let mut cells = vec![Comparison::default(); CELLS * TRIGGERS];
    let mut rates = Vec::new();
    for _ in 0..rounds() {
        let begun = Instant::now();
        for (cell, (changed, unchanged)) in cells.iter_mut().zip(rows.iter().cycle()) {
            black_box(cell.step(*changed, *unchanged));
        }
        rates.push(CELLS as f64 / begun.elapsed().as_secs_f64());
    }
    report(
        "rollout: cells with three triggers judged on one core",
        "/s",
        &rates,
        Goal::AtLeast(10_000.0),
    );
}
