//! What is found, how soon, and what is left alone: on simulated canaries.

use proptest::prelude::*;

use super::{Comparison, Counts, Verdict};
use crate::simulate::{Canary, Dice, Traffic, quantile_s, sent_back_s};

const HOUR_S: u64 = 3_600;

#[test]
fn faulty_canaries_are_found_soon() {
    for (share, most_s) in [(0.5, 10), (0.05, 60), (0.02, 160), (0.01, 400)] {
        let times = sent_back_s(Traffic::FEW, share, 1_000, HOUR_S, 1);
        let found_s = quantile_s(&times, 0.95);
        assert!(
            found_s.is_some_and(|it| it <= most_s),
            "{share}: {found_s:?}"
        );
    }
}

/// Of so many hours, each with a canary of its own, how many end with it sent back.
fn hours_lost(traffic: Traffic, hours: u32, seed: u64) -> usize {
    let times = sent_back_s(traffic, traffic.usual, hours, HOUR_S, seed);
    times.iter().flatten().count()
}

#[test]
fn healthy_canaries_are_left_alone() {
    let lost = hours_lost(Traffic::FEW, 10_000, 2);
    assert!(lost <= 50, "{lost} of 10,000 hours");
}

#[test]
fn healthy_canaries_with_few_requests_are_left_alone() {
    let traffic = Traffic {
        changed_per_s: 1,
        ..Traffic::FEW
    };
    let lost = hours_lost(traffic, 2_000, 3);
    assert!(lost <= 10, "{lost} of 2,000 hours");
}

#[test]
fn a_fault_that_shows_late_is_found_as_soon() {
    let mut dice = Dice::new(4);
    let mut times: Vec<_> = (0..300)
        .map(|_| {
            let mut canary = Canary::begin(&mut dice, Traffic::FEW);
            for _ in 0..360 {
                canary.look(Traffic::FEW.usual, Traffic::FEW.usual);
            }
            canary.sent_back_s(0.05, HOUR_S)
        })
        .collect();
    times.sort_unstable_by_key(|time| time.unwrap_or(u64::MAX));
    let found_s = quantile_s(&times, 0.95);
    assert!(found_s.is_some_and(|it| it <= 60), "{found_s:?}");
}

#[test]
fn trouble_that_all_edges_share_is_no_reason_to_go_back() {
    let (mut dice, usual) = (Dice::new(5), Traffic::FEW.usual);
    for (changed_per_s, unchanged_per_s) in [(5, 50), (5, 5), (50, 5), (500, 5), (5, 1), (50, 1)] {
        let traffic = Traffic {
            changed_per_s,
            unchanged_per_s,
            usual,
        };
        for share in [0.02, 0.1, 0.3, 0.6, 0.9, 0.999_999] {
            let lost = (0..300)
                .filter(|_| {
                    let mut canary = Canary::begin(&mut dice, traffic);
                    (0..30).any(|_| canary.look(usual, usual))
                        || (0..30).any(|_| canary.look(share, share))
                })
                .count();
            // With few unchanged requests two in a hundred are taken for its own.
            assert!(lost <= 6, "{traffic:?}, {share}: {lost} of 300");
        }
    }
}

#[test]
fn much_worse_is_found_whatever_is_usual() {
    for usual in [0.000_01, 0.001, 0.01, 0.1, 0.2, 0.3, 0.4] {
        let traffic = Traffic {
            usual,
            ..Traffic::FEW
        };
        // Two thirds of what was good is bad.
        let share = usual + (1.0 - usual) * 2.0 / 3.0;
        let times = sent_back_s(traffic, share, 300, HOUR_S, 6);
        let found_s = quantile_s(&times, 0.95);
        assert!(found_s.is_some_and(|it| it <= 120), "{usual}: {found_s:?}");
        let lost = hours_lost(traffic, 300, 7);
        assert!(lost <= 3, "{usual}: {lost} of 300 hours");
    }
}

#[test]
fn what_was_not_measured_is_unknown() {
    let none = Counts::default();
    let some = Counts { bad: 40, all: 50 };
    assert_eq!(Comparison::default().step(some, none), Verdict::Unknown);
    let mut comparison = Comparison::with(Counts {
        bad: 1,
        all: 10_000,
    });
    assert_eq!(comparison.step(none, some), Verdict::Unknown);
    // Whether they fail because of the version nobody knows where no other edge is asked.
    assert_eq!(comparison.step(some, none), Verdict::Unknown);
    assert_eq!(comparison.seen(), none);
    let good = Counts { bad: 0, all: 500 };
    for _ in 0..50 {
        comparison.step(none, good);
    }
    let Verdict::Worse(worse) = comparison.step(some, good) else {
        panic!("four of five fail");
    };
    assert_eq!((worse.changed, worse.unchanged), (some, good));
    assert!((100..5_000).contains(&worse.usual_ppm), "{worse:?}");
}

fn counts() -> impl Strategy<Value = Counts> {
    (0_u64..2_000, 0_u64..2_000).prop_map(|(bad, all)| Counts { bad, all })
}

proptest! {
    #[test]
    fn what_comes_of_it_is_a_number(steps in proptest::collection::vec((counts(), counts()), 1..50)) {
        let mut comparison = Comparison::default();
        for (changed, unchanged) in steps {
            comparison.step(changed, unchanged);
            prop_assert!(comparison.scores.iter().all(|score| score.is_finite() && *score >= 0.0));
            prop_assert!(comparison.usual_bad <= comparison.usual_all);
        }
    }

    #[test]
    fn more_bad_requests_never_speak_for_it(steps in proptest::collection::vec((0_u64..50, 0_u64..10, counts()), 1..50)) {
        let (mut fewer, mut more) = (Comparison::default(), Comparison::default());
        for (bad, extra, unchanged) in steps {
            let of = |bad| Counts { bad, all: 60 };
            fewer.step(of(bad), unchanged);
            more.step(of(bad + extra), unchanged);
            for (fewer, more) in fewer.scores.iter().zip(&more.scores) {
                prop_assert!(*more >= fewer - 1e-9);
            }
        }
    }
}
