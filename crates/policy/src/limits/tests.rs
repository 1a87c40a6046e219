//! The laws of token buckets, for one and for tables of them that outsiders try to fill.

use std::collections::HashMap;

use proptest::prelude::*;

use super::{Bucket, Key, Limits, Standing, Wait, policy_item, standing_item};
use crate::config::Rate;
use crate::{Moment, Prefix, Seed};

const SEED: Seed = Seed(17, 4);

fn rate(requests: u32, per_ms: u64, burst: u32) -> Rate {
    Rate {
        requests,
        per_ms,
        burst,
    }
}

fn key(number: u32) -> Key {
    Key::of_place(SEED, number)
}

fn second(seconds: u64) -> Moment {
    Moment(seconds * 1_000_000)
}

#[test]
fn a_burst_then_the_rate() {
    let (bucket, rate) = (Bucket::new(), rate(10, 1_000, 3));
    let take = |now| bucket.try_take(&rate, now, 1);
    let standing = |remaining, reset_ms| Standing {
        limit: 3,
        remaining,
        reset_ms,
    };
    assert_eq!(take(second(9)), Ok(standing(2, 100)));
    assert_eq!(take(second(9)), Ok(standing(1, 200)));
    assert_eq!(take(second(9)), Ok(standing(0, 300)));
    let wait = |retry_after_ms| Err(Wait { retry_after_ms });
    assert_eq!(take(second(9)), wait(100));
    assert_eq!(take(second(9).plus_ms(99)), wait(1));
    assert_eq!(take(second(9).plus_ms(100)), Ok(standing(0, 300)));
    assert_eq!(bucket.try_take(&rate, second(10), 2), Ok(standing(1, 200)));
}

#[test]
fn to_ask_costs_nothing() {
    let (bucket, rate) = (Bucket::new(), rate(1, 1_000, 5));
    for _ in 0..9 {
        let standing = bucket.try_take(&rate, second(3), 0).unwrap();
        assert_eq!((standing.remaining, standing.reset_ms), (5, 0));
    }
}

#[test]
fn what_can_never_be_is_said_so() {
    for (rate, cost) in [
        (rate(10, 1_000, 5), 6),
        (rate(0, 1_000, 5), 1),
        (rate(10, 0, 5), 1),
        (rate(10, 1_000, 0), 1),
        (rate(1, u64::MAX, u32::MAX), 1),
        (rate(1, u64::MAX / 4_096_000, u32::MAX), u32::MAX),
    ] {
        let found = Bucket::new().try_take(&rate, second(1), cost);
        assert_eq!(found, Err(Wait::NEVER), "{rate:?}");
    }
    assert_eq!(Wait::NEVER.retry_after_s(), 86_400);
}

#[test]
fn a_new_rate_counts_on_from_what_was_taken() {
    let bucket = Bucket::new();
    let (old, new) = (rate(10, 1_000, 10), rate(20, 1_000, 10));
    for _ in 0..10 {
        bucket.try_take(&old, second(1), 1).unwrap();
    }
    assert!(bucket.try_take(&new, second(1), 1).is_err());
    assert!(bucket.try_take(&new, second(2), 10).is_ok());
}

#[test]
fn fields_say_quota_and_standing() {
    let standing = Standing {
        limit: 100,
        remaining: 50,
        reset_ms: 29_001,
    };
    let policy = |name, rate: &Rate| policy_item(name, rate).to_string();
    assert_eq!(
        policy("per address", &rate(100, 60_000, 7)),
        "\"per address\";q=100;w=60"
    );
    assert_eq!(policy("a", &rate(10, 500, 7)), "\"a\";q=20;w=1");
    assert_eq!(policy("a", &rate(3, 1_500, 7)), "\"a\";q=4;w=2");
    assert_eq!(
        policy("a", &rate(0, u64::MAX, 7)),
        "\"a\";q=0;w=999999999999999"
    );
    assert_eq!(standing_item("a", &standing).to_string(), "\"a\";r=50;t=30");
    assert_eq!(
        standing_item("a\"b\\\r\nü", &standing).to_string(),
        "\"a\\\"b\\\\???\";r=50;t=30"
    );
}

#[test]
fn keys_have_buckets_of_their_own() {
    let limits = Limits::with(&rate(1, 1_000, 1), 10_000);
    for number in 0..5_000 {
        assert!(limits.try_take(key(number), second(1), 1).is_ok());
    }
    for number in 0..5_000 {
        assert!(limits.try_take(key(number), second(1), 1).is_err());
    }
    assert_eq!(limits.overflowed_total(), 0);
}

#[test]
fn most_of_the_room_is_used_before_anybody_overflows() {
    for keys_max in [64, 1_000, 100_000] {
        let limits = Limits::with(&rate(1, 1_000, 1), keys_max);
        assert!(limits.keys_max() >= keys_max && limits.keys_max() < keys_max + 128);
        let most = u32::try_from(limits.keys_max() * 3 / 4).unwrap();
        for number in 0..most {
            // The shared bucket would refuse the second that comes to it.
            let _ = limits.try_take(key(number), second(1), 1);
        }
        let overflowed = limits.overflowed_total();
        assert!(
            overflowed <= u64::from(most) / 100,
            "{keys_max} {overflowed}"
        );
    }
}

#[test]
fn a_flood_of_new_keys_resets_nobody() {
    let limits = Limits::with(&rate(1, 1_000_000, 2), 1_000);
    let known = Key::of(SEED, b"attacker");
    limits.try_take(known, second(1), 2).unwrap();
    let admitted = (0..100_000)
        .filter(|number| limits.try_take(key(*number), second(2), 2).is_ok())
        .count();
    // As many as there is room for, and one for all others together.
    assert!(admitted <= limits.keys_max() + 1, "{admitted}");
    assert!(limits.overflowed_total() > 98_000);
    assert!(limits.try_take(known, second(2), 1).is_err());
}

#[test]
fn buckets_that_are_full_again_make_room() {
    let limits = Limits::with(&rate(1, 1_000, 2), 100);
    for round in 0..1_000 {
        for number in 0..50 {
            let found = limits.try_take(key(round * 50 + number), second(u64::from(round) * 3), 2);
            assert!(found.is_ok());
        }
    }
    assert_eq!(limits.overflowed_total(), 0);
}

#[test]
fn the_smallest_table_still_counts() {
    let limits = Limits::with(&rate(1, 1_000, 1), 0);
    assert_eq!(limits.keys_max(), 8);
    assert!(limits.try_take(Key(0), second(1), 1).is_ok());
    assert!(limits.try_take(Key(0), second(1), 1).is_err());
    assert!(limits.try_take(key(1), second(1), 2).is_err());
}

#[test]
fn a_rate_that_is_no_whole_number_of_parts_is_not_exceeded() {
    // 819.2 parts of a microsecond from one to the next.
    let (bucket, rate) = (Bucket::new(), rate(5_000_000, 1_000, 10));
    let mut admitted = 0;
    for us in 1..=100_000 {
        for _ in 0..6 {
            admitted += u64::from(bucket.try_take(&rate, Moment(us), 1).is_ok());
        }
    }
    assert!(admitted <= 10 + 5 * 99_999, "{admitted}");
    assert!(admitted > 499_000, "{admitted}");
}

/// One thread is late: what was forgotten as full again by the clock of another must not be full
/// again once more when time has come that far.
#[test]
fn a_late_thread_brings_no_bucket_back() {
    let limits = Limits::with(&rate(1, 1_000, 1), 8);
    for number in 0..8 {
        assert!(limits.try_take(key(number), second(1), 1).is_ok());
    }
    assert!(limits.try_take(key(9), second(3), 1).is_ok());
    assert!(limits.try_take(key(0), second(1), 1).is_ok());
    assert_eq!(limits.overflowed_total(), 0);
    assert!(limits.try_take(key(0), second(3), 1).is_err());
}

#[test]
fn a_subscribers_block_is_one_key() {
    let of = |text: &str| Key::of_prefix(SEED, &Prefix::subscriber(text.parse().unwrap()));
    assert_eq!(of("2001:db8::1"), of("2001:db8::ffff"));
    assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
}

fn rates() -> impl Strategy<Value = Rate> {
    let requests = prop_oneof![1_u32..20, 1_000_u32..5_000_000];
    (requests, 1_u64..100_000, 1_u32..30).prop_map(|(requests, per_ms, burst)| Rate {
        requests,
        per_ms,
        burst,
    })
}

/// Waits in parts of the time that one request takes to come back, and costs.
fn calls() -> impl Strategy<Value = Vec<(f64, u32)>> {
    proptest::collection::vec(
        (prop_oneof![Just(0.0), 0.0..3.0, 0.0..50.0], 0_u32..4),
        1..120,
    )
}

fn moments(rate: &Rate, calls: &[(f64, u32)]) -> Vec<(Moment, u32)> {
    let step_us = rate.per_ms as f64 * 1_000.0 / f64::from(rate.requests);
    let mut now = 1_000_000.0;
    let mut out = Vec::new();
    for (wait, cost) in calls {
        now += wait * step_us;
        out.push((Moment(now as u64), *cost));
    }
    out
}

/// In each span between two admissions: cost <= burst + span × requests / period, in whole numbers.
fn keeps_the_law(rate: &Rate, admitted: &[(Moment, u32)]) -> Result<(), TestCaseError> {
    let mut admitted = admitted.to_vec();
    admitted.sort();
    for (at, (from, _)) in admitted.iter().enumerate() {
        let mut sum = 0_u128;
        for (to, cost) in &admitted[at..] {
            sum += u128::from(*cost);
            let period_us = u128::from(rate.per_ms) * 1_000;
            let most = u128::from(rate.burst) * period_us
                + u128::from(to.micros_since(*from)) * u128::from(rate.requests);
            prop_assert!(sum * period_us <= most, "{sum} from {from:?} to {to:?}");
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn never_more_than_burst_and_rate(rate in rates(), calls in calls(), swaps: Vec<(u8, u8)>) {
        // Threads reach the bucket in another order than their clocks'.
        let mut calls = moments(&rate, &calls);
        for (one, other) in swaps {
            let count = calls.len();
            calls.swap(usize::from(one) % count, usize::from(other) % count);
        }
        let bucket = Bucket::new();
        calls.retain(|(now, cost)| bucket.try_take(&rate, *now, *cost).is_ok());
        keeps_the_law(&rate, &calls)?;
    }

    #[test]
    fn no_key_gets_more_than_burst_and_rate(rate in rates(), calls in calls(), keys in proptest::collection::vec(0_u32..40, 120), keys_max in 0_usize..40) {
        let limits = Limits::with(&rate, keys_max);
        let mut admitted: HashMap<u32, Vec<(Moment, u32)>> = HashMap::new();
        for ((now, cost), number) in moments(&rate, &calls).into_iter().zip(keys) {
            if limits.try_take(key(number), now, cost).is_ok() {
                admitted.entry(number).or_default().push((now, cost));
            }
        }
        // A key that found no room first, and room later, had both the shared bucket's and its own.
        if limits.overflowed_total() == 0 {
            for calls in admitted.values() {
                keeps_the_law(&rate, calls)?;
            }
        }
    }

    #[test]
    fn left_alone_it_is_full(rate in rates(), calls in calls()) {
        let bucket = Bucket::new();
        let calls = moments(&rate, &calls);
        for (now, cost) in &calls {
            let _ = bucket.try_take(&rate, *now, *cost);
        }
        let last = calls.last().unwrap().0;
        let refill_us = u64::from(rate.burst) * (rate.per_ms * 1_000).div_ceil(u64::from(rate.requests));
        let later = Moment(last.0 + refill_us);
        let standing = bucket.try_take(&rate, later, 0).unwrap();
        prop_assert_eq!(standing.remaining, rate.burst);
        prop_assert!(bucket.try_take(&rate, later, rate.burst).is_ok());
    }

    #[test]
    fn time_that_stands_still_or_goes_back_grants_nothing(rate in rates(), back in proptest::collection::vec(0_u64..10_000_000, 1..50)) {
        let bucket = Bucket::new();
        let limits = Limits::with(&rate, 100);
        bucket.try_take(&rate, second(20), rate.burst).unwrap();
        limits.try_take(key(1), second(20), rate.burst).unwrap();
        for back in back {
            let now = Moment(second(20).0 - back);
            prop_assert!(bucket.try_take(&rate, now, 1).is_err());
            prop_assert!(limits.try_take(key(1), now, 1).is_err());
        }
    }

    #[test]
    fn who_waits_as_told_is_admitted(rate in rates(), calls in calls()) {
        let bucket = Bucket::new();
        for (now, cost) in moments(&rate, &calls) {
            if let Err(wait) = bucket.try_take(&rate, now, cost) && wait != Wait::NEVER {
                let later = now.plus_ms(wait.retry_after_ms);
                prop_assert!(bucket.try_take(&rate, later, cost).is_ok());
                break;
            }
        }
    }

    #[test]
    fn what_is_left_can_be_taken_and_no_more(rate in rates(), calls in calls()) {
        let bucket = Bucket::new();
        for (now, cost) in moments(&rate, &calls) {
            let _ = bucket.try_take(&rate, now, cost);
            let remaining = bucket.try_take(&rate, now, 0).map_or(0, |standing| standing.remaining);
            prop_assert!(bucket.try_take(&rate, now, remaining + 1).is_err());
        }
    }
}
