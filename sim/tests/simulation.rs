//! Many made-up worlds, each from its seed.
//!
//! `HEREBY_SIM_SEEDS` says how many (for a soak: 100000), `HEREBY_SIM_FROM` which is the first. A
//! seed that fails is told with everything that happened by `cargo run -p sim -- SEED`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use sim::{Bug, Run, STEPS, Violation, run};

fn play(seed: u64, steps: u32, bug: Option<Bug>) -> Result<Run, Violation> {
    run(seed, steps, bug, &mut |_| {})
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number of worlds"))
}

/// Plays the seeds on every core; gives what failed and how often what happened.
fn play_all(from: u64, count: u64) -> (Vec<String>, BTreeMap<&'static str, u64>) {
    let next = AtomicU64::new(from);
    let results = Mutex::new((Vec::new(), BTreeMap::new()));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + count {
                        return;
                    }
                    let played = play(seed, STEPS, None);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    match played {
                        Ok(run) => {
                            for (what, times) in run.tally {
                                *results.1.entry(what).or_default() += times;
                            }
                        }
                        Err(violation) => results.0.push(format!(
                            "seed {seed}: {violation}\n  replay: cargo run -p sim -- {seed}"
                        )),
                    }
                }
            });
        }
    });
    results.into_inner().expect("no world panicked")
}

/// What a run is meant to bring about. If one of these never happens, the simulation has gone
/// blind there and its silence means nothing.
const HAPPENS: [&str; 28] = [
    "accepted",
    "clock set back",
    "death after sign",
    "death before sign",
    "death before sync",
    "death before write",
    "death within write",
    "forbidden",
    "id_reused",
    "kill",
    "message doubled",
    "message lost",
    "no_space",
    "not_found",
    "other bytes sent",
    "out_of_range",
    "outcome unknown",
    "overloaded",
    "power cut",
    "private",
    "repeated",
    "role_conflict",
    "rotated",
    "signed",
    "snapshot",
    "start",
    "torn tail",
    "wrong_state",
];

#[test]
fn the_invariants_hold_in_every_world() {
    let (from, count) = (
        number("HEREBY_SIM_FROM", 0),
        number("HEREBY_SIM_SEEDS", 300),
    );
    let (failed, tally) = play_all(from, count);
    assert!(
        failed.is_empty(),
        "{} of {count} failed:\n{}",
        failed.len(),
        failed.join("\n")
    );
    if count >= 100 {
        for what in HAPPENS {
            assert!(
                tally.contains_key(what),
                "`{what}` never happened: {tally:?}"
            );
        }
    }
    println!("{count} worlds: {tally:?}");
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_others() {
    let mut images = Vec::new();
    for seed in [1, 2, 3, 1_000_000_007, u64::MAX] {
        let first = play(seed, STEPS, None).unwrap();
        let again = play(seed, STEPS, None).unwrap();
        assert!(!first.image.is_empty());
        assert_eq!(first.image, again.image, "seed {seed}");
        assert_eq!(
            (first.trace, first.tally),
            (again.trace, again.tally),
            "seed {seed}"
        );
        images.push((first.image, first.trace));
    }
    for (at, (image, trace)) in images.iter().enumerate() {
        assert!(
            images[..at]
                .iter()
                .all(|(other, told)| other != image && told != trace)
        );
    }
}

#[test]
fn every_deliberate_mistake_is_found() {
    for bug in Bug::ALL {
        let found = (0..100).find_map(|seed| Some((seed, play(seed, STEPS, Some(bug)).err()?)));
        let (seed, violation) = found.unwrap_or_else(|| panic!("{bug:?} was not found"));
        println!("{bug:?}: found in world {seed}, {violation}");
    }
}
