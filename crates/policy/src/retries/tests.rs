//! Retries stay a share of what was asked.

use proptest::prelude::*;

use super::RetryBudget;
use crate::Moment;

#[test]
fn an_idle_route_has_a_few() {
    let budget = RetryBudget::new();
    let granted = |now| (0..100).filter(|_| budget.try_retry(200_000, now)).count();
    assert_eq!(granted(Moment(0)), 3);
    assert_eq!(granted(Moment(1_000)), 0);
    assert_eq!(granted(Moment(600_000_000)), 3);
}

#[test]
fn a_busy_route_has_its_share() {
    let budget = RetryBudget::new();
    let mut retries = 0;
    for ms in 0..60_000 {
        let now = Moment(0).plus_ms(ms);
        budget.request(now);
        retries += u32::from(budget.try_retry(200_000, now));
    }
    // A fifth of 60,000, and 3 for each ten seconds.
    assert!((12_000..=12_021).contains(&retries), "{retries}");
}

#[test]
fn without_a_budget_there_is_the_floor() {
    let budget = RetryBudget::new();
    for _ in 0..10_000 {
        budget.request(Moment(5));
    }
    assert_eq!((0..9).filter(|_| budget.try_retry(0, Moment(5))).count(), 3);
}

#[test]
fn what_was_asked_long_ago_does_not_count() {
    let budget = RetryBudget::new();
    for _ in 0..10_000 {
        budget.request(Moment(0));
    }
    let later = Moment(120_000_000);
    assert_eq!(
        (0..99).filter(|_| budget.try_retry(500_000, later)).count(),
        3
    );
}

proptest! {
    #[test]
    fn never_more_than_share_and_floor(budget_ppm in 0_u32..=1_000_000, steps in proptest::collection::vec((0_u64..4_000_000, 0_u32..30, 0_u32..30), 1..60)) {
        let budget = RetryBudget::new();
        let (mut now, mut requests, mut retries) = (Moment(0), 0_u64, 0_u64);
        for (wait, come, fail) in steps {
            now = Moment(now.0 + wait);
            for _ in 0..come {
                budget.request(now);
                requests += 1;
            }
            for _ in 0..fail {
                retries += u64::from(budget.try_retry(budget_ppm, now));
            }
            // Parts that are rounded away as the counts fade are less than one for each step.
            let most = requests as f64 * f64::from(budget_ppm) / 1e6
                + 3.0 * (1.0 + now.0 as f64 / 1e7)
                + 1.0;
            prop_assert!(retries as f64 <= most, "{retries} of {requests} after {now:?}");
        }
    }
}
