//! The same command sent any number of times takes effect once.

use record::command::{Attach, Update};
use record::kinds::incident::{Audience, Status};

use super::*;

#[test]
fn sent_again_a_command_gets_the_first_receipts() {
    let mut house = House::new();
    let first = house.done("d-1", declare("Checkout is down"));
    assert_eq!(first[0].index, 1, "behind the act that opened the record");
    assert_eq!(first[0].subject, Subject::Incident(inc(1)));
    assert_eq!(&*first[0].kind, "incident.declared/1");
    house.wait(HOUR);
    let again = house.done("d-1", declare("Checkout is down"));
    assert_eq!(places(&again), places(&first));
    assert_eq!(house.acts().len(), 2);
}

#[test]
fn within_one_batch_it_happens_once_too() {
    let mut house = House::new();
    let request = local("d-1", declare("Checkout is down"));
    let outcomes = house.together(vec![request.clone(), request.clone(), request]);
    let all: Vec<_> = outcomes
        .into_iter()
        .map(done)
        .map(|it| places(&it))
        .collect();
    assert!(all.iter().all(|it| *it == all[0]));
    assert_eq!(house.acts().len(), 2);
    house.agrees();
}

#[test]
fn after_a_restart_the_record_itself_is_asked() {
    let mut house = House::new();
    let first = house.done("d-1", declare("Checkout is down"));
    house.start();
    assert_eq!(
        places(&house.done("d-1", declare("Checkout is down"))),
        places(&first)
    );
    let other = house.ask("d-1", declare("Search is down"));
    assert_eq!(reason(&other), Reason::IdReused);
    assert_eq!(house.acts().len(), 2);
}

#[test]
fn the_same_id_with_other_bytes_is_refused() {
    let mut house = House::new();
    house.done("d-1", declare("Checkout is down"));
    let outcomes = house.together(vec![
        local("d-1", declare("Checkout is slow")),
        local("d-2", declare("Search is down")),
        local("d-2", declare("Search is slow")),
    ]);
    assert_eq!(reason(&outcomes[0]), Reason::IdReused);
    assert!(matches!(outcomes[1], Outcome::Done(_)));
    assert_eq!(reason(&outcomes[2]), Reason::IdReused);
}

#[test]
fn the_same_id_from_somebody_else_is_refused() {
    let mut house = House::new();
    house.done("d-1", declare("Checkout is down"));
    let mut request = local("d-1", declare("Checkout is down"));
    request.transport = Transport::LocalUid(1001);
    assert_eq!(reason(&house.send(request.clone())), Reason::IdReused);
    request.transport = LOCAL;
    request.command.on_behalf_of = Some(word("kim"));
    assert_eq!(reason(&house.send(request)), Reason::IdReused);
}

#[test]
fn a_refusal_is_not_kept_and_the_command_is_judged_anew() {
    let mut house = House::new();
    assert_eq!(reason(&house.ask("n-1", note(1, "x"))), Reason::NotFound);
    house.done("d-1", declare("Checkout is down"));
    house.done("n-1", note(1, "x"));
}

#[test]
fn a_command_with_several_acts_has_a_receipt_for_each() {
    let mut house = House::new();
    let now = house.now();
    let fired = house.signals(&[firing("a", "checkout", now), firing("b", "checkout", now)]);
    let alerts: Vec<_> = fired
        .receipts
        .iter()
        .map(|it| match it.subject {
            Subject::Alert(id) => id,
            ref other => unreachable!("{other:?}"),
        })
        .collect();
    let all = Declare {
        alerts: alerts.clone(),
        ..declare("Checkout is down")
    };
    let first = house.done("d-1", all.clone());
    assert_eq!(
        first.iter().map(|it| it.index).collect::<Vec<_>>(),
        [3, 4, 5]
    );
    let update = Update {
        page: None,
        audience: Audience::Public,
        incident: inc(1),
        status: Some(Status::Identified),
        text: word("We know why"),
    };
    assert_eq!(house.done("u-1", update).len(), 2);
    let acts = house.acts();
    for receipt in &first {
        let act = &acts[usize::try_from(receipt.index).unwrap()];
        assert_eq!(
            (act.id, act.at, act.body.kind()),
            (receipt.act, receipt.at, &*receipt.kind)
        );
        assert!(receipt.head.size > receipt.index);
    }
    // The acts behind the first say which one led to them.
    assert_eq!(acts[4].cause, Some(acts[3].id));
    assert_eq!(acts[3].cause, None);
    house.start();
    assert_eq!(places(&house.done("d-1", all)), places(&first));
    // All of the next would be too much for one: it happens not at all.
    let twice = Attach {
        alert: alerts[0],
        incident: inc(1),
    };
    assert_eq!(reason(&house.ask("a-1", twice)), Reason::WrongState);
}

#[test]
fn nobody_may_take_an_id_of_herebys_own_commands() {
    let mut house = House::new();
    let now = house.now();
    let signal = firing("down", "checkout", now);
    let id = incident::alert_id(&signal.source, "down", now);
    let squatted = format!("hereby:alert:{id}:fired:1:{}", now.as_ms());
    assert_eq!(
        reason(&house.ask(&squatted, declare("x"))),
        Reason::Forbidden
    );
    let rotation = house.ask("hereby:x", record::command::RotateLogKey {});
    assert_eq!(reason(&rotation), Reason::Forbidden);
    assert_eq!(house.signals(&[signal]).receipts.len(), 1);
}

#[test]
fn receipts_name_the_act_in_its_own_entry() {
    let mut house = House::new();
    for number in 0..20 {
        house.done(&format!("d-{number}"), declare(&format!("Number {number}")));
    }
    let heads = house.disk.heads();
    for number in 0..20 {
        let receipt = &house.done(&format!("d-{number}"), declare(&format!("Number {number}")))[0];
        assert_eq!(receipt.index, number + 1);
        assert!(
            heads.contains(&receipt.head),
            "a checkpoint that was really signed"
        );
    }
}
