//! hereby is killed at any moment, again and again, and told to stop, and given an older copy of
//! itself: what it acknowledged stays, what it refused never happened, and nothing happens twice.

mod ledger;
mod traffic;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use self::ledger::Ledger;
use self::traffic::{Dice, Tokens, Traffic};
use super::harness::{Place, copy_dir, needs, now, times};

/// Small segments, so that kills meet their ends and the snapshots there, too; and so much room
/// for alerts that it is not what holds the clients up.
const BUSY: &str = "segment_mib = 1\n[alerts]\nacts_per_second = 10000\nacts_burst = 100000\n\
                    [reminders]\nafter_s = 86400\n";

/// How many receipts are looked up after each restart.
const SPOT_CHECKS: usize = 3;

fn busy_place() -> (Place, Tokens) {
    let place = Place::new();
    place.configure(BUSY);
    let server = place.serve();
    let tokens = Tokens::issue(&place);
    server.kill();
    (place, tokens)
}

#[test]
fn kill_9_never_loses_an_acknowledged_act() {
    let cycles = times("HEREBY_KILL_CYCLES", 200);
    let seed = times("HEREBY_KILL_SEED", 1) as u64;
    println!("HEREBY_KILL_SEED={seed} HEREBY_KILL_CYCLES={cycles}");
    let (place, tokens) = busy_place();
    let ledger = Arc::new(Ledger::default());
    let mut dice = Dice::new(seed);
    let (mut starts, mut starting) = (0, Duration::ZERO);
    let (mut happened, mut new) = (0, 0);
    for cycle in 0..cycles {
        if dice.below(4) == 0 {
            let server = place.spawn(&[]);
            std::thread::sleep(Duration::from_micros(dice.below(60_000)));
            server.kill();
        }
        let (began, since) = (Instant::now(), now());
        let server = place.serve();
        starting += began.elapsed();
        starts += 1;
        for receipt in ledger.sample(&mut dice, SPOT_CHECKS) {
            receipt.look_up(&server, &tokens.read);
        }
        // Some are asked again at once, the others many starts later.
        if dice.below(4) == 0 {
            let asked = ledger.ask_again(&server.address, &tokens, &mut dice, &since);
            (happened, new) = (happened + asked.0, new + asked.1);
        }
        let traffic = Traffic::start(&server.address, &tokens, &ledger, seed, cycle as u64);
        std::thread::sleep(Duration::from_micros(5_000 + dice.below(75_000)));
        server.kill();
        traffic.end();
    }
    let (acknowledged, unknown) = ledger.sizes();
    println!(
        "{acknowledged} acknowledged; of unknown outcome {happened} had happened, {new} had not, \
         {unknown} are to be settled; a start took {:?}",
        starting / starts
    );
    assert!(
        acknowledged > cycles,
        "the clients hardly got anything done"
    );
    if cycles >= 100 {
        assert!(
            happened > 0,
            "no kill ever came between writing and answering"
        );
        assert!(new > 0, "no kill ever came before writing");
    }
    settle(&place, &ledger, &tokens);
}

/// Sends again what nobody knows the outcome of, stops, and holds the record against the ledger.
fn settle(place: &Place, ledger: &Ledger, tokens: &Tokens) {
    let since = now();
    let server = place.serve();
    ledger.ask_again(&server.address, tokens, &mut Dice::new(1), &since);
    assert_eq!(server.stop(), 0);
    ledger.compare(&place.acts(), &place.entries());
    let said = place.ok(&["verify"]);
    println!("{said}");
}

#[test]
fn told_to_stop_hereby_ends_cleanly_and_has_all_that_it_acknowledged() {
    let (place, tokens) = busy_place();
    let ledger = Arc::new(Ledger::default());
    for (cycle, signal) in [Signal::TERM, Signal::INT, Signal::TERM, Signal::INT]
        .iter()
        .enumerate()
    {
        let server = place.serve();
        let traffic = Traffic::start(&server.address, &tokens, &ledger, 1, cycle as u64);
        std::thread::sleep(Duration::from_millis(300));
        let told = Instant::now();
        assert_eq!(server.stop_by(*signal), 0, "{signal:?}: {}", place.log());
        let took = told.elapsed();
        assert!(took < Duration::from_secs(10), "{signal:?} took {took:?}");
        traffic.end();
    }
    let (acknowledged, _) = ledger.sizes();
    assert!(acknowledged > 4, "{acknowledged}");
    let torn = std::fs::read_dir(place.record().join("torn"))
        .unwrap()
        .count();
    assert_eq!(torn, 0, "a clean end leaves no torn tail");
    settle(&place, &ledger, &tokens);
}

#[test]
fn killed_at_any_call_of_its_first_start_hereby_still_starts() {
    needs("strace", "strace");
    // What changes files or makes them durable. Between two of these nothing changes on the disk
    // but that an empty file is made, which the next one then writes to.
    let calls = "mkdir,write,pwrite64,fdatasync,fsync,rename,ftruncate,fallocate,unlink,bind";
    let mut killed = 0;
    for call in calls.split(',') {
        for nth in 1.. {
            let place = Place::new();
            let inject = format!("inject={call}:signal=KILL:when={nth}");
            let trace = format!("trace={call}");
            // As a grandchild (`-D`) strace leaves hereby the child that is waited for.
            let wrapper = [
                "strace",
                "-D",
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                &trace,
                "-e",
                &inject,
            ];
            let (server, ready) = place.try_serve(&wrapper);
            if ready {
                // Enough of these calls: what may still be killed is the stop.
                server.kill();
                break;
            }
            drop(server);
            killed += 1;
            let (server, ready) = place.try_serve(&[]);
            assert!(ready, "killed at {call} number {nth}: {}", place.log());
            assert_eq!(server.stop(), 0);
            place.ok(&["verify"]);
            assert_eq!(place.acts_of("record.opened").len(), 1);
        }
    }
    assert!(killed > 20, "only {killed} calls");
}

#[test]
fn a_restored_older_copy_does_not_go_on_until_a_person_says_so() {
    let place = Place::new();
    let server = place.serve();
    place.ok(&["declare", "before the copy", "--severity", "3"]);
    assert_eq!(server.stop(), 0);
    let copy = place.dir.path().join("copy");
    copy_dir(&place.data(), &copy);
    let server = place.serve();
    place.ok(&["declare", "after the copy", "--severity", "3"]);
    assert_eq!(server.stop(), 0);
    let newer = place.acts().len();
    std::fs::remove_dir_all(place.data()).unwrap();
    std::fs::rename(&copy, place.data()).unwrap();

    let (mut server, ready) = place.try_serve(&[]);
    assert!(!ready);
    assert_eq!(server.child.wait().unwrap().code(), Some(8));
    assert!(
        place.log().contains("hereby record accept-anchor"),
        "{}",
        place.log()
    );
    let older = place.acts();
    assert_eq!(older.len(), newer - 1, "nothing was written");

    assert_eq!(
        place.hereby(&["record", "accept-anchor"]).code,
        2,
        "a reason is needed"
    );
    place.ok(&[
        "record",
        "accept-anchor",
        "-m",
        "the disk broke; this is Monday's copy",
    ]);
    let accepted = place.acts_of("record.anchor_accepted").remove(0);
    assert_eq!(accepted["why"], "the disk broke; this is Monday's copy");
    assert_eq!(accepted["body"]["size"], older.len());
    assert_eq!(accepted["actor"]["type"], "uid");
    let ahead = accepted["body"]["anchor"].as_str().unwrap();
    assert_eq!(
        ahead.lines().nth(1),
        Some(newer.to_string().as_str()),
        "what it contradicts"
    );
    let server = place.serve();
    assert_eq!(
        place.ok(&["declare", "going on", "--severity", "3"]).trim(),
        "INC-2"
    );
    assert_eq!(server.stop(), 0);
    place.ok(&["verify"]);
    place.serve().stop();
}
