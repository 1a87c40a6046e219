//! Writes that the kernel cuts short, at every place where a batch or a signature can be cut.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::script::{Outcome, play};
use super::{FAULTS_MAX, FIRST_SEGMENT, Start, Swept, check_stopped, end, recovers};
use crate::harness::needs;

/// hereby may not make a file longer than so many bytes: the write that crosses that is cut short
/// by the kernel, and the next one fails. The signal that comes with it is not heard.
fn limited(bytes: u64) -> Vec<String> {
    let ignore = "trap '' XFSZ; exec prlimit --fsize=\"$0\" -- \"$@\"";
    vec![
        "sh".to_owned(),
        "-c".to_owned(),
        ignore.to_owned(),
        bytes.to_string(),
    ]
}

#[test]
fn fault_sweep_a_write_that_is_cut_short_is_taken_back() {
    needs("prlimit", "util-linux");
    // Larger than any other file that a run writes.
    let start = Start::with_bytes(96 << 10);
    let template = start.template.as_ref().unwrap();
    let begin = std::fs::metadata(template.record().join(FIRST_SEGMENT))
        .unwrap()
        .len();
    let step = 83;
    let (next, end) = (AtomicUsize::new(0), AtomicUsize::new(FAULTS_MAX));
    let swept = Mutex::new(Swept::default());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n > end.load(Ordering::Relaxed) {
                        return;
                    }
                    let limit = begin + step * n as u64;
                    if cut_short(&start, limit, &swept) {
                        end.fetch_min(n, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let swept = swept.into_inner().unwrap();
    eprintln!("cut every {step} bytes: {swept:?}");
    assert!(
        swept.runs > 20 && swept.refused > 20 && swept.unknown > 3,
        "{swept:?}"
    );
}

/// One run in which no file may be longer; says whether none would have been.
fn cut_short(start: &Start, limit: u64, swept: &Mutex<Swept>) -> bool {
    let place = start.place();
    let line = limited(limit);
    let line: Vec<&str> = line.iter().map(String::as_str).collect();
    let (server, ready) = place.try_serve(&line);
    let outcomes = play(&place, &start.asks);
    let (code, by_itself) = end(server, Path::new("none"), ready);
    let what = || format!("no file longer than {limit}: {}", place.log());
    assert!(
        [0, 1, 8].contains(&code),
        "it ended with {code}: {}",
        what()
    );
    let tails = check_stopped(&place, &outcomes, &what);
    recovers(&place, &start.asks, &outcomes, &what);
    let mut swept = swept.lock().unwrap();
    swept.runs += 1;
    swept.torn_tails += usize::from(tails);
    swept.ended_itself += usize::from(by_itself);
    swept.count(&outcomes);
    outcomes
        .iter()
        .all(|outcome| matches!(outcome, Outcome::Done(_)))
}
