//! Every order in which two or three threads may meet at a counter, tried by loom.

use loom::thread;

use super::{Arc, AtomicU32, Ordering};
use crate::Moment;
use crate::Seed;
use crate::bytes::Throttle;
use crate::config::Rate;
use crate::limits::{Bucket, Key, Limits};
use crate::permits::Permits;
use crate::retries::RetryBudget;

/// What each of so many threads found, in one order of theirs.
fn in_threads<T: 'static>(count: usize, ask: impl Fn(usize) -> T + 'static) -> Vec<T> {
    let ask = Arc::new(ask);
    let threads: Vec<_> = (1..count)
        .map(|number| {
            let ask = Arc::clone(&ask);
            thread::spawn(move || ask(number))
        })
        .collect();
    let mut found = vec![ask(0)];
    found.extend(threads.into_iter().map(|thread| thread.join().unwrap()));
    found
}

#[test]
fn loom_a_bucket_admits_its_burst_and_no_more() {
    loom::model(|| {
        let bucket = Arc::new(Bucket::new());
        let rate = Rate {
            requests: 1,
            per_ms: 1_000,
            burst: 2,
        };
        let asked = Arc::clone(&bucket);
        let found = in_threads(3, move |_| asked.try_take(&rate, Moment(7), 1).is_ok());
        assert_eq!(found.iter().filter(|admitted| **admitted).count(), 2);
        assert!(bucket.try_take(&rate, Moment(7), 1).is_err());
    });
}

#[test]
fn loom_permits_are_never_more_than_there_are() {
    loom::model(|| {
        let permits = Permits::new(1);
        let asked = permits.clone();
        let out = Arc::new(AtomicU32::new(0));
        let found = in_threads(3, move |_| {
            let Some(permit) = asked.try_take() else {
                return false;
            };
            // Whoever else holds one now would be seen.
            let before = out.fetch_add(1, Ordering::Relaxed);
            assert_eq!(before, 0);
            out.fetch_sub(1, Ordering::Relaxed);
            drop(permit);
            true
        });
        assert!(found.contains(&true));
        assert_eq!(permits.taken(), 0);
    });
}

#[test]
fn loom_a_shared_permit_comes_back_once() {
    loom::model(|| {
        let permits = Permits::new(2);
        let one = permits.try_take().unwrap().share();
        let other = one.clone();
        let thread = thread::spawn(move || drop(other));
        drop(one);
        thread.join().unwrap();
        assert_eq!(permits.taken(), 0);
    });
}

#[test]
fn loom_retries_stay_within_their_budget() {
    loom::model(|| {
        let budget = Arc::new(RetryBudget::new());
        let now = Moment(900_000);
        // Two of the three that are always allowed.
        assert!(budget.try_retry(0, now) && budget.try_retry(0, now));
        let asked = Arc::clone(&budget);
        let found = in_threads(3, move |number| {
            if number == 0 {
                asked.request(now);
                return false;
            }
            asked.try_retry(1_000_000, now)
        });
        // One more, and one for the request, if it was counted by then.
        let granted = found.iter().filter(|granted| **granted).count();
        assert!((1..=2).contains(&granted));
        assert_eq!(budget.try_retry(1_000_000, now), granted == 1);
        assert!(!budget.try_retry(1_000_000, now));
    });
}

#[test]
fn loom_newcomers_without_room_share_one_bucket() {
    loom::model(|| {
        let rate = Rate {
            requests: 1,
            per_ms: 1_000,
            burst: 1,
        };
        let limits = Arc::new(Limits::with(&rate, 8));
        let key = |number| Key::of_place(Seed(1, 2), number);
        for number in 0..7 {
            assert!(limits.try_take(key(number), Moment(0), 1).is_ok());
        }
        let asked = Arc::clone(&limits);
        let found = in_threads(3, move |number| {
            let number = 8 + u32::try_from(number).unwrap();
            asked.try_take(key(number), Moment(0), 1).is_ok()
        });
        // One finds the last slot, one the shared bucket, and one nothing.
        assert_eq!(found.iter().filter(|admitted| **admitted).count(), 2);
        assert_eq!(limits.overflowed_total(), 2);
    });
}

#[test]
fn loom_bytes_are_charged_once_each() {
    loom::model(|| {
        let throttle = Arc::new(Throttle::new(1_000, 0));
        let asked = Arc::clone(&throttle);
        let mut found = in_threads(3, move |_| asked.charge(10, Moment(5)));
        found.sort_unstable();
        assert_eq!(found, [10, 20, 30]);
    });
}
