//! Every order in which two or three threads may meet at a counter, tried by loom.

use loom::thread;

use super::{Arc, AtomicU32, Ordering};
use crate::Moment;
use crate::config::Rate;
use crate::limits::Bucket;
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
