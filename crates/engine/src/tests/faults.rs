//! What happens when the disk is full, and when it fails.

use record::command::{Ban, ExpectHeartbeat, Resolve, Silence};

use super::disk::Fault;
use super::*;

#[test]
fn a_refused_batch_leaves_no_trace_and_the_next_command_is_fine() {
    let mut house = House::new();
    house.done("d-1", declare("Checkout is down"));
    let before = house.driver().state().clone();
    house.disk.fail(Fault::NoReserve);
    let outcomes = house.together(vec![
        local("d-2", declare("Search is down")),
        local("n-1", note(2, "x")),
        local("d-2", declare("Search is down")),
    ]);
    for outcome in &outcomes {
        assert_eq!(reason(outcome), Reason::NoSpace);
    }
    assert_eq!(house.driver().state(), &before);
    house.agrees();
    // With the same ids all of it happens now, once.
    house.done("d-2", declare("Search is down"));
    house.done("n-1", note(2, "x"));
    assert_eq!(house.acts().len(), 4);
    house.agrees();
}

#[test]
fn an_incidents_own_words_and_containment_may_use_the_reserve_and_nothing_else_may() {
    let mut house = House::new();
    house.done("d-1", declare("Checkout is down"));
    // Four are refused: both together, the silence alone, the note's first try for ordinary room
    // (it then takes the reserve), and the alert.
    for _ in 0..4 {
        house.disk.fail(Fault::NoSpace);
    }
    let silence = Silence {
        ends_at: house.now().plus_ms(HOUR),
        matchers: [("service".into(), "checkout".into())].into(),
    };
    let now = house.now();
    let mixed = vec![
        local("s-1", silence.clone()),
        local("n-1", note(1, "The disk is full")),
    ];
    // Together they can't tell which of them may: both are refused once…
    for outcome in house.together(mixed.clone()) {
        assert_eq!(reason(&outcome), Reason::NoSpace);
    }
    // …and from then on each is written for itself.
    let driver = house.driver();
    let mut asked: Vec<Pending> = mixed.into_iter().map(|it| driver.submit(it)).collect();
    while driver.serve().unwrap() {}
    let Reply::Answered(Answer::Command(first)) = asked[0].look() else {
        unreachable!()
    };
    assert_eq!(reason(&first), Reason::NoSpace);
    assert!(matches!(
        asked[1].look(),
        Reply::Answered(Answer::Command(Outcome::Done(_)))
    ));
    let report = house.signals(&[firing("a", "checkout", now)]);
    assert_eq!(report.refused.unwrap().reason, Reason::NoSpace);
    // Its first try is for ordinary room, too.
    house.disk.fail(Fault::NoSpace);
    let ban = Ban {
        ends_at: None,
        incident: None,
        prefix: "192.0.2.7".parse().unwrap(),
    };
    let mut because = local("b-1", ban);
    because.command.why = Some(word("It fills our logs"));
    done(house.send(because));
    house.disk.recover_space();
    house.done("s-1", silence);
    house.agrees();
}

#[test]
fn a_twins_alert_is_not_called_known_when_its_firing_was_not_written() {
    let mut house = House::new();
    let now = house.now();
    house.disk.fail(Fault::NoSpace);
    let driver = house.driver();
    // Two Alertmanagers of a pair deliver the same alert, and both wait for the same batch.
    let twins = [(); 2].map(|()| driver.signals(LOCAL, vec![firing("down", "checkout", now)]));
    driver.serve().unwrap();
    for report in twins.map(report) {
        assert_eq!(report.refused.unwrap().reason, Reason::NoSpace);
        assert_eq!((report.known, report.receipts.len()), (0, 0));
    }
    let again = house.signals(&[firing("down", "checkout", now)]);
    assert_eq!((again.receipts.len(), again.known), (1, 0));
}

#[test]
fn nobody_is_told_that_somebody_else_did_it_when_nobody_did() {
    let mut house = House::new();
    house.done("d-1", declare("Checkout is down"));
    house.disk.fail(Fault::NoReserve);
    let acknowledge = Acknowledge { incident: inc(1) };
    let outcomes = house.together(vec![
        local("a-1", acknowledge.clone()),
        local("a-2", acknowledge.clone()),
    ]);
    // The second was refused because of the first; but the first was not written.
    assert_eq!(reason(&outcomes[1]), Reason::NoSpace);
    house.done("a-2", acknowledge);
}

#[test]
fn what_is_due_is_tried_again_after_a_full_disk() {
    let mut house = House::new();
    house.done("d-1", declare("Checkout is down"));
    house.wait(HOUR);
    house.disk.fail(Fault::NoReserve);
    house.tick().unwrap();
    assert_eq!(house.acts().len(), 2);
    house.tick().unwrap();
    assert_eq!(house.acts()[2].body.kind(), "incident.reminded/1");
    house.agrees();
}

#[test]
fn a_failed_write_is_answered_by_nobody_and_happens_once_when_sent_again() {
    let mut house = House::new();
    house.disk.fail(Fault::Append);
    let outcomes = house.together(vec![local("d-1", declare("x")), local("d-2", declare("y"))]);
    assert_eq!(outcomes, [Outcome::Unknown, Outcome::Unknown]);
    house.start();
    assert_eq!(house.acts().len(), 1);
    house.done("d-1", declare("x"));
    assert_eq!(house.acts().len(), 2);
}

#[test]
fn written_but_unsigned_it_is_unknown_and_its_receipt_comes_when_sent_again() {
    let mut house = House::new();
    house.disk.fail(Fault::Sign);
    assert_eq!(house.ask("d-1", declare("x")), Outcome::Unknown);
    house.start();
    assert_eq!(house.done("d-1", declare("x"))[0].index, 1);
    assert_eq!(house.acts().len(), 2);
    house.agrees();
}

#[test]
fn a_heartbeat_is_lost_on_nobody_when_the_disk_is_full() {
    let mut house = House::new();
    let expect = ExpectHeartbeat {
        grace_ms: 0,
        heartbeat: word("backup"),
        interval_ms: 60_000,
        service: None,
        severity: None,
    };
    house.done("h-1", expect);
    house.wait(59 * SECOND);
    house.disk.fail(Fault::NoSpace);
    let driver = house.driver();
    let mut beat = driver.beat(LOCAL, word("backup"));
    driver.serve().unwrap();
    assert!(matches!(
        beat.look(),
        Reply::Answered(Answer::Beat(Ok(true)))
    ));
    house.disk.recover_space();
    house.wait(59 * SECOND);
    house.tick().unwrap();
    assert_eq!(house.acts().len(), 2, "the sign of life counted");
    let heard = house.driver().view().last_beat(&word("backup"));
    assert_eq!(heard, Some(house.now().plus_ms(-59 * SECOND)));
}

/// Of an incident that was closed long ago only a summary is in memory.
#[test]
fn what_happened_in_a_closed_incident_and_cannot_be_read_is_not_made_up() {
    let mut house = House::new();
    house.done("d-1", declare("Checkout is down"));
    let noted = house.done("n-1", note(1, "It is the queue"))[0].index;
    for number in 1..=80 {
        if number > 1 {
            house.done(&format!("d-{number}"), declare("Search is down"));
        }
        let resolve = Resolve {
            incident: inc(number),
            summary: None,
        };
        house.done(&format!("r-{number}"), resolve);
    }
    assert!(
        house
            .driver()
            .state()
            .incidents
            .closed
            .contains_key(&inc(1))
    );
    let before = house.driver().state().clone();
    house.disk.hide(Some(noted));
    let outcome = house.ask("n-2", note(1, "It was the queue"));
    assert_eq!(reason(&outcome), Reason::Overloaded);
    assert_eq!(house.driver().state(), &before, "nothing changed");
    house.disk.hide(None);
    house.done("n-2", note(1, "It was the queue"));
    house.agrees();
    // Nor does a start make it up.
    house.disk.hide(Some(noted));
    let error = house.try_start().unwrap_err().to_string();
    assert!(error.contains("is hidden"), "{error}");
    house.disk.hide(None);
    house.start();
    house.agrees();
}
