//! Accepting an anchor that disagrees, with a disk that fails meanwhile.

use std::path::Path;
use std::process::Command;

use super::script::{Outcome, play};
use super::{FAULTS_MAX, Fault, Start, fault, trace};
use crate::harness::{HEREBY, Place, copy_dir, ended_with, needs};

/// A person's word that the anchor is wrong overrules it once it stands on the record, and not
/// before: or whoever pulls the plug at the right moment has it accepted without a trace.
/// Does something to an anchor.
type Spoil<'a> = &'a dyn Fn(&Path);

#[test]
fn fault_sweep_an_anchor_is_accepted_on_the_record_or_not_at_all() {
    needs("strace", "strace");
    let start = Start::with_bytes(40 << 10);
    let older = start.place();
    let server = start.template.as_ref().unwrap().serve();
    for outcome in play(start.template.as_ref().unwrap(), &start.asks) {
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    }
    assert_eq!(server.stop(), 0);
    let newer = start.template.as_ref().unwrap().anchor();
    let spoils: [(&str, Spoil<'_>); 3] = [
        ("gone", &|anchor| std::fs::remove_file(anchor).unwrap()),
        ("damaged", &|anchor| {
            std::fs::write(anchor, "x".repeat(4_096)).unwrap()
        }),
        ("ahead", &|anchor| {
            std::fs::copy(&newer, anchor).unwrap();
        }),
    ];
    for calls in [&["fdatasync"], &["pwrite64"], &["fsync"], &["rename"]] {
        for (spoiled, spoil) in spoils {
            let mut refusals = 0;
            for n in 1.. {
                let place = Start {
                    template: None,
                    asks: Vec::new(),
                }
                .place();
                std::fs::remove_dir_all(place.data()).unwrap();
                copy_dir(&older.data(), &place.data());
                place.configure("segment_mib = 1");
                std::fs::copy(older.anchor(), place.anchor()).unwrap();
                spoil(&place.anchor());
                let (failed, refused) = accept(&place, &fault(calls, "EIO"), n);
                refusals += usize::from(refused);
                if !failed {
                    break;
                }
                assert!(n < FAULTS_MAX, "the sweep does not end");
            }
            eprintln!("{calls:?}, the anchor is {spoiled}: {refusals} starts were refused");
        }
    }
}

/// Accepts the anchor with the n-th call failing; says whether there was one, and whether the next
/// start refused because nothing was accepted.
fn accept(place: &Place, fault: &Fault, n: usize) -> (bool, bool) {
    let trace = place.dir.path().join("trace");
    let line = fault.strace(n, &trace);
    let (program, args) = line.split_first().unwrap();
    let accepting = [
        "record",
        "accept-anchor",
        "-m",
        "an older copy",
        "--data-dir",
    ];
    let said = Command::new(program)
        .args(args)
        .arg(HEREBY)
        .args(accepting)
        .arg(place.data())
        .output()
        .unwrap();
    let failed = trace::read_so_far(&trace).iter().any(|call| call.injected);
    let what = || format!("{:?} number {n}: {said:?} {}", fault.calls, place.log());
    let (server, serves) = place.try_serve(&[]);
    let accepted = place.acts_of("record.anchor_accepted").len();
    if serves {
        assert_eq!(accepted, 1, "it serves, and nothing says why: {}", what());
        // A slot that could not be overwritten is, by the next batch.
        place.ok(&["note", "INC-1", "goes on"]);
        assert_eq!(server.stop(), 0);
        assert_eq!(place.hereby(&["verify"]).code, 0, "{}", what());
    } else {
        assert!(
            !said.status.success(),
            "accepted, and it does not serve: {}",
            what()
        );
        let mut server = server;
        assert_eq!(ended_with(server.child.wait().unwrap()), 8, "{}", what());
        place.ok(&["record", "accept-anchor", "-m", "again"]);
        assert_eq!(place.serve().stop(), 0);
    }
    (failed, !serves)
}
