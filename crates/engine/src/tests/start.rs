//! Starting: from snapshots or from the first act, the state is the same; time and keys go on.

use record::checkpoint::SignedCheckpoint;
use record::command::{Resolve, RotateLogKey};
use record::note::VerifierKey;

use super::disk::Fault;
use super::*;
use crate::State;

/// A house in which enough has happened that closed incidents have left memory.
fn lived_in() -> House {
    let mut house = House::new();
    for number in 1..=70 {
        house.done(&format!("d-{number}"), declare(&format!("Number {number}")));
        house.wait(SECOND);
        house.done(
            &format!("r-{number}"),
            Resolve {
                incident: inc(number),
                summary: None,
            },
        );
    }
    let now = house.now();
    house.signals(&[firing("a", "checkout", now)]);
    house
}

#[test]
fn from_a_snapshot_or_from_the_first_act_the_state_is_the_same() {
    let mut house = lived_in();
    house.driver().snapshot();
    // Behind the snapshot an incident is touched of which only the summary was kept.
    house.done("n-1", note(1, "One more thing"));
    let digest = house.driver().state().digest().unwrap();
    house.start();
    assert_eq!(house.driver().state().digest().unwrap(), digest);
    house.agrees();
    house.kept = Arc::default();
    house.start();
    assert_eq!(house.driver().state().digest().unwrap(), digest);
    house.agrees();
}

#[test]
fn a_snapshot_that_does_not_fit_is_passed_over() {
    let mut house = lived_in();
    let size = house.disk.size();
    let digest = house.driver().state().digest().unwrap();
    house.driver().snapshot();
    let (_, good) = crate::ports::Snapshots::newest(&*house.kept).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    let version = format!("\"version\":{}}}", crate::state::STATE_VERSION);
    let other_version = text.replace(&version, "\"version\":999}");
    assert_ne!(other_version, text);
    for (at, bad) in [
        (size, b"{".to_vec()),
        (size, other_version.into_bytes()),
        // Of another size than it says, and of more acts than there are.
        (size - 1, good.clone()),
        (size + 1, good),
    ] {
        house.kept = Arc::default();
        house.kept.put(at, bad);
        house.start();
        assert_eq!(house.driver().state().digest().unwrap(), digest);
    }
}

#[test]
fn a_state_goes_through_its_snapshot_unchanged() {
    let mut house = lived_in();
    let state = house.driver().state().clone();
    let json = state.to_snapshot().unwrap();
    let back = State::from_snapshot(&json).unwrap().unwrap();
    assert_eq!(
        (back.digest().unwrap(), &back),
        (state.digest().unwrap(), &state)
    );
    house.done("d-more", declare("x"));
    assert_ne!(
        house.driver().state().digest().unwrap(),
        state.digest().unwrap()
    );
}

#[test]
fn a_state_without_a_canonical_form_has_no_digest_that_could_equal_another() {
    let mut house = lived_in();
    let mut state = house.driver().state().clone();
    state.log.acts = 1 << 60;
    let error = state.digest().unwrap_err();
    assert!(error.to_string().contains("canonical"), "{error}");
}

#[test]
fn an_entry_that_is_no_act_stops_the_start_and_is_named() {
    let mut house = House::new();
    house.done("d-1", declare("x"));
    house.done("d-2", declare("y"));
    house.disk.overwrite(1, b"{\"not\":\"an act\"}");
    let Err(CannotStart::Entry { index, .. }) = house.try_start() else {
        unreachable!()
    };
    assert_eq!(index, 1);
}

#[test]
fn the_record_is_opened_by_its_first_act_and_never_again() {
    let mut house = House::new();
    house.start();
    house.start();
    let acts = house.acts();
    assert_eq!(acts.len(), 1);
    assert_eq!(acts[0].body.kind(), "record.opened/1");
    assert_eq!(acts[0].evidence.proof, Proof::Internal);
    let vkey = house.disk.vkey().into();
    assert_eq!(house.driver().state().log.vkeys, [(0, vkey)]);
}

#[test]
fn a_first_act_that_can_not_be_written_stops_the_start() {
    let mut house = House::shut();
    house.disk.fail(Fault::Append);
    assert!(matches!(
        house.try_start(),
        Err(CannotStart::Write(AppendError::Fatal { .. }))
    ));
    house.disk.fail(Fault::Sign);
    assert!(matches!(
        house.try_start(),
        Err(CannotStart::Write(AppendError::Fatal { .. }))
    ));
}

#[test]
fn time_never_runs_backwards_on_the_record() {
    let mut house = House::new();
    let mut last = house.now();
    for (number, step) in [HOUR, -2 * HOUR, SECOND, -DAY, 3 * HOUR, 2 * DAY]
        .into_iter()
        .enumerate()
    {
        house.wait(step);
        if step == SECOND {
            house.start();
        }
        let receipts = house.done(&format!("d-{number}"), declare("x"));
        assert_eq!(receipts[0].at, house.now().max(last));
        last = receipts[0].at;
    }
    let times: Vec<_> = house.acts().iter().map(|act| act.at).collect();
    assert!(times.is_sorted());
}

#[test]
fn progress_is_told_while_the_record_is_folded() {
    let mut house = lived_in();
    let (sender, told) = std::sync::mpsc::channel();
    let options = Options {
        progress: Box::new(move |done, of| sender.send((done, of)).unwrap()),
        ..house.options()
    };
    house.driver = Some(Driver::start(options).unwrap());
    let told: Vec<_> = told.try_iter().collect();
    let size = house.disk.size();
    assert_eq!((told[0], *told.last().unwrap()), ((0, size), (size, size)));
}

fn signed_by(head: &crate::ports::SignedHead, vkey: &str) -> bool {
    let key: VerifierKey = vkey.parse().unwrap();
    SignedCheckpoint::open(head.note.as_bytes(), &key).is_ok()
}

#[test]
fn a_new_key_is_vouched_for_by_the_old_one() {
    let mut house = House::new();
    let old = house.disk.vkey();
    house.done("d-1", declare("x"));
    // Rotation stands in a batch of its own, between what was asked before and after.
    let outcomes = house.together(vec![
        local("d-2", declare("y")),
        local("k-1", RotateLogKey {}),
        local("d-3", declare("z")),
    ]);
    let receipts: Vec<_> = outcomes.into_iter().map(done).collect();
    let new = house.disk.vkey();
    assert_ne!(old, new);
    assert_eq!(
        house.disk.batches()[2..],
        [(2, 1, true), (3, 1, false), (4, 1, true)]
    );
    let heads = house.disk.heads();
    let covering = |size| heads.iter().filter(move |head| head.size == size);
    assert!(
        covering(4).any(|head| signed_by(head, &old)),
        "the old key signs the change"
    );
    assert!(
        covering(4).any(|head| signed_by(head, &new)),
        "and the new one signs it too"
    );
    assert!(covering(5).all(|head| signed_by(head, &new)));
    assert!(signed_by(&receipts[1][0].head, &new));
    let vkeys = [(0, old.into()), (4, new.into())];
    assert_eq!(house.driver().state().log.vkeys, vkeys);
    // Sent again it is not another key.
    assert_eq!(
        places(&house.done("k-1", RotateLogKey {})),
        places(&receipts[1])
    );
    house.start();
    assert_eq!(
        places(&house.done("k-1", RotateLogKey {})),
        places(&receipts[1])
    );
    assert_eq!(house.driver().state().log.vkeys, vkeys);
    house.agrees();
    let other = house.ask("d-1", RotateLogKey {});
    assert_eq!(reason(&other), Reason::IdReused);
}

#[test]
fn a_rotation_that_fails_changes_no_key() {
    let mut house = House::new();
    let old = house.disk.vkey();
    house.disk.fail(Fault::NewKey);
    assert_eq!(reason(&house.ask("k-1", RotateLogKey {})), Reason::NoSpace);
    house.disk.fail(Fault::NoSpace);
    assert_eq!(reason(&house.ask("k-1", RotateLogKey {})), Reason::NoSpace);
    assert_eq!(house.disk.vkey(), old);
    house.done("d-1", declare("x"));
    assert!(signed_by(house.disk.heads().last().unwrap(), &old));
    house.agrees();
    house.disk.recover_space();
    house.done("k-1", RotateLogKey {});
    assert_ne!(house.disk.vkey(), old);
    house.agrees();
}

#[test]
fn a_record_that_lost_its_end_starts_without_its_newer_snapshot() {
    let mut house = lived_in();
    house.driver().snapshot();
    house.disk.truncate(10);
    house.start();
    assert_eq!(house.driver().state().log.acts, 10);
    house.agrees();
}
