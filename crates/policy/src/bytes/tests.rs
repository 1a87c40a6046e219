//! Who waits as told keeps the rate, however many write.

use proptest::prelude::*;

use super::Throttle;
use crate::Moment;

#[test]
fn debt_is_paid_by_waiting() {
    let throttle = Throttle::new(1_000, 500);
    let now = Moment(77_000_000);
    assert_eq!(throttle.charge(500, now), 0);
    assert_eq!(throttle.charge(1_000, now), 1_000);
    assert_eq!(throttle.wait_ms(now), 1_000);
    assert_eq!(throttle.wait_ms(now.plus_ms(999)), 1);
    assert_eq!(throttle.wait_ms(now.plus_ms(1_000)), 0);
    assert_eq!(throttle.charge(1, now.plus_ms(1_000)), 1);
    assert_eq!(throttle.charge(0, now.plus_ms(2_000)), 0);
}

#[test]
fn who_was_quiet_saves_up_no_more_than_the_burst() {
    let throttle = Throttle::new(1_000, 500);
    assert_eq!(throttle.charge(1_500, Moment(3_600_000_000)), 1_000);
}

#[test]
fn no_number_is_too_large() {
    let throttle = Throttle::new(0, 0);
    let wait_ms = throttle.charge(u64::MAX, Moment(0));
    assert!(wait_ms > 4_000_000_000_000);
    assert!(throttle.charge(u64::MAX, Moment(u64::MAX)) <= wait_ms);
    assert_eq!(Throttle::new(u64::MAX, 0).charge(1, Moment(0)), 1);
    let rich = Throttle::new(u64::MAX, u64::MAX);
    assert_eq!(rich.charge(u64::MAX, Moment(0)), 0);
}

proptest! {
    #[test]
    fn who_waits_keeps_the_rate(bytes_per_s in 1_u64..100_000_000, burst in 0_u64..1_000_000, writers in 1_usize..5, pieces in proptest::collection::vec((0_usize..5, 0_u64..70_000, 0_u64..20_000), 1..100)) {
        let throttle = Throttle::new(bytes_per_s, burst);
        let mut ready = [Moment(1_000_000); 5];
        let mut now = Moment(1_000_000);
        let mut charges = Vec::new();
        for (writer, bytes, rest_us) in pieces {
            let writer = writer % writers;
            now = Moment(now.0.max(ready[writer].0) + rest_us);
            let wait_ms = throttle.charge(bytes, now);
            ready[writer] = now.plus_ms(wait_ms);
            charges.push((now, bytes));
        }
        for (at, (from, _)) in charges.iter().enumerate() {
            let mut sum = 0_u128;
            for (to, bytes) in &charges[at..] {
                sum += u128::from(*bytes);
                let span = u128::from(to.micros_since(*from)) * u128::from(bytes_per_s) / 1_000_000;
                // A piece for each writer, the one that was written last among them.
                let pieces = 70_000 * writers as u128;
                prop_assert!(sum <= u128::from(burst) + span + pieces + 1);
            }
        }
    }

    #[test]
    fn time_that_goes_back_shortens_no_wait(charges in proptest::collection::vec((0_u64..100_000, 0_u64..5_000_000), 1..50)) {
        let throttle = Throttle::new(10_000, 0);
        let now = Moment(10_000_000);
        for (bytes, back) in charges {
            let before = throttle.wait_ms(now);
            let found = throttle.charge(bytes, Moment(now.0 - back));
            prop_assert!(found >= before && throttle.wait_ms(now) >= before);
        }
    }
}
