//! Every order in which two or three threads may meet at a counter, tried by loom.

use loom::thread;

use super::Arc;
use crate::Moment;
use crate::config::Rate;
use crate::limits::Bucket;

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
