//! A count forgets as fast as it should, and only forward in time.

use proptest::prelude::*;

use super::Decayed;
use crate::Moment;

const EIGHTH_US: u64 = 125_000;

#[test]
fn half_is_gone_after_a_half_life() {
    let count = Decayed::new(EIGHTH_US);
    count.add(1_000_000, Moment(5_000_000));
    assert_eq!(count.amount(Moment(5_000_000)), 1_000_000);
    assert_eq!(count.amount(Moment(6_000_000)), 500_000);
    assert_eq!(count.amount(Moment(8_000_000)), 125_000);
    assert_eq!(count.amount(Moment(5_500_000)), 707_092);
    assert_eq!(count.amount(Moment(90_000_000)), 0);
}

#[test]
fn it_does_not_overflow() {
    let count = Decayed::new(EIGHTH_US);
    count.add(u32::MAX, Moment(0));
    count.add(u32::MAX, Moment(0));
    assert_eq!(count.amount(Moment(0)), u32::MAX);
    assert!(!count.add_within(1, u32::MAX, Moment(0)));
}

proptest! {
    #[test]
    fn it_only_falls_by_itself(amount: u32, from in 0..u64::MAX / 2, a in 0_u64..20_000_000, b in 0_u64..20_000_000) {
        let count = Decayed::new(EIGHTH_US);
        count.add(amount, Moment(from));
        let (sooner, later) = (a.min(b), a.max(b));
        prop_assert!(count.amount(Moment(from + later)) <= count.amount(Moment(from + sooner)));
        let exact = f64::from(amount) * (-((later / EIGHTH_US) as f64) / 8.0).exp2();
        // The stamp is whole eighths, so at most one more has gone by.
        let found = f64::from(count.amount(Moment(from + later)));
        prop_assert!(found <= exact + 1.0, "{found} {exact}");
        prop_assert!(found >= exact * 0.9168 - 2.0, "{found} {exact}");
    }

    #[test]
    fn time_that_goes_back_changes_nothing(amount: u32, from in 0_u64..u64::MAX / 2, back in 0_u64..100_000_000) {
        let count = Decayed::new(EIGHTH_US);
        count.add(amount, Moment(from));
        prop_assert_eq!(count.amount(Moment(from.saturating_sub(back))), amount);
    }

    #[test]
    fn within_a_limit_it_stays(adds in proptest::collection::vec((0_u32..50, 0_u64..500_000), 1..100)) {
        let count = Decayed::new(EIGHTH_US);
        let mut now = Moment(0);
        for (more, wait) in adds {
            now = Moment(now.0 + wait);
            let before = count.amount(now);
            prop_assert_eq!(count.add_within(more, 100, now), before + more <= 100);
            prop_assert!(count.amount(now) <= 100);
        }
    }
}
