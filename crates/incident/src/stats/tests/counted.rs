//! What is counted, what is missing, what goes on, and what is left out.

use super::*;

#[test]
fn each_phase_goes_from_its_moment_to_its_moment() {
    let whole = Row {
        impact_start: Some(at(MINUTE)),
        detected: Some(at(3 * MINUTE)),
        declared: at(7 * MINUTE),
        awaited_since: at(7 * MINUTE),
        acknowledged: Some(at(15 * MINUTE)),
        diagnosed: Some(at(31 * MINUTE)),
        mitigated: Some(at(63 * MINUTE)),
        resolved: Some(at(127 * MINUTE)),
        ..row(1, 0)
    };
    let took = |phase| whole.measure(phase, at(HOUR * 9)).took_ms().unwrap() / MINUTE;
    assert_eq!(took(Phase::Detect), 2);
    assert_eq!(took(Phase::Declare), 4);
    assert_eq!(took(Phase::Acknowledge), 8);
    assert_eq!(took(Phase::Diagnose), 28);
    assert_eq!(took(Phase::Mitigate), 62);
    assert_eq!(took(Phase::Repair), 126);
}

#[test]
fn what_nobody_said_is_missing_and_never_zero() {
    let now = at(HOUR);
    let closed = Row {
        resolved: Some(at(HOUR)),
        status: Status::Resolved,
        ..row(1, 0)
    };
    let missing = |from, to| Outcome::Missing { from, to };
    assert_eq!(closed.measure(Phase::Detect, now), missing(true, true));
    assert_eq!(closed.measure(Phase::Declare, now), missing(true, false));
    assert_eq!(
        closed.measure(Phase::Acknowledge, now),
        missing(false, true)
    );
    assert_eq!(closed.measure(Phase::Repair, now), missing(true, false));
    let all = all(std::slice::from_ref(&closed), HOUR);
    let detect = of(&all, Phase::Detect);
    assert_eq!(
        (detect.missing, detect.missing_from, detect.missing_to),
        (1, 1, 1)
    );
    assert_eq!((detect.done, detect.sample.is_none()), (0, true));
    assert!(
        all.means
            .iter()
            .all(|mean| mean.mean == Mean::Mttf || mean.value_ms.is_none())
    );
    // A zero that was said is one.
    let at_once = repaired(2, 0, 0);
    assert_eq!(at_once.measure(Phase::Repair, now), Outcome::Took(0));
}

#[test]
fn what_goes_on_is_counted_for_as_long_as_it_has() {
    let now = at(2 * HOUR);
    let open = Row {
        impact_start: Some(at(0)),
        detected: Some(at(HOUR)),
        ..row(1, HOUR)
    };
    assert_eq!(open.measure(Phase::Repair, now), Outcome::Ongoing(2 * HOUR));
    assert_eq!(
        open.measure(Phase::Mitigate, now),
        Outcome::Ongoing(2 * HOUR)
    );
    assert_eq!(open.measure(Phase::Diagnose, now), Outcome::Ongoing(HOUR));
    assert_eq!(
        open.measure(Phase::Acknowledge, now),
        Outcome::Ongoing(HOUR)
    );
    // The status says that these are over; only when is missing.
    let missing = Outcome::Missing {
        from: false,
        to: true,
    };
    let identified = Row {
        status: Status::Identified,
        ..open.clone()
    };
    assert_eq!(identified.measure(Phase::Diagnose, now), missing);
    assert_eq!(
        identified.measure(Phase::Mitigate, now),
        Outcome::Ongoing(2 * HOUR)
    );
    let monitoring = Row {
        status: Status::Monitoring,
        ..open.clone()
    };
    assert_eq!(monitoring.measure(Phase::Mitigate, now), missing);
    assert_eq!(
        monitoring.measure(Phase::Repair, now),
        Outcome::Ongoing(2 * HOUR)
    );
    // What was declared has been detected, whoever forgot to say when.
    let undated = Row {
        detected: None,
        ..open
    };
    assert_eq!(undated.measure(Phase::Detect, now), missing);
}

#[test]
fn stamps_that_contradict_each_other_are_no_duration() {
    let now = at(HOUR);
    let backwards = Row {
        impact_start: Some(at(MINUTE)),
        detected: Some(at(0)),
        ..row(1, 0)
    };
    assert_eq!(
        backwards.measure(Phase::Detect, now),
        Outcome::Contradictory
    );
    let ahead = Row {
        impact_start: Some(at(2 * HOUR)),
        ..row(2, 0)
    };
    assert_eq!(ahead.measure(Phase::Repair, now), Outcome::Contradictory);
    let all = all(&[backwards, ahead], HOUR);
    assert_eq!(of(&all, Phase::Detect).contradictory, 1);
    assert_eq!(of(&all, Phase::Repair).contradictory, 1);
    assert_eq!(of(&all, Phase::Repair).ongoing, 1);
}

#[test]
fn who_reopens_waits_for_an_acknowledgement_from_then_on() {
    let reopened = Row {
        awaited_since: at(5 * HOUR),
        acknowledged: Some(at(5 * HOUR + MINUTE)),
        ..row(1, 0)
    };
    assert_eq!(
        reopened.measure(Phase::Acknowledge, at(9 * HOUR)),
        Outcome::Took(MINUTE)
    );
}

#[test]
fn drills_and_duplicates_are_kept_apart() {
    let mut rows = lasting(&[MINUTE; 5]);
    rows[0].drill = true;
    rows[1].drill = true;
    rows[2].duplicate = true;
    let real = all(&rows, 9 * HOUR);
    assert_eq!(
        (
            real.incidents,
            real.left_out_drills,
            real.left_out_duplicates
        ),
        (2, 2, 1)
    );
    let question = Question {
        drills: true,
        ..Question::default()
    };
    let drills = numbers(&rows, &question, &watched(9 * HOUR), 1).unwrap();
    assert_eq!((drills.incidents, drills.left_out_drills), (2, 3));
    assert_eq!(drills.repair, None, "nothing failed in a drill");
    assert!(
        drills
            .means
            .iter()
            .all(|mean| !matches!(mean.mean, Mean::Mttf | Mean::Mtbf))
    );
}

#[test]
fn a_question_takes_its_service_severity_time_and_phase() {
    let mut rows = lasting(&[MINUTE; 6]);
    rows[0].service = None;
    rows[1].service = Some("search".parse().unwrap());
    rows[2].severity = Severity::from_number(4).unwrap();
    let ids = |question: Question| -> Vec<u32> {
        let numbers = numbers(&rows, &question, &watched(9 * HOUR), 1).unwrap();
        let incidents = &numbers.phases[0].incidents;
        incidents.iter().map(|(id, _)| id.number()).collect()
    };
    let asked = Question::default;
    assert_eq!(ids(asked()), [1, 2, 3, 4, 5, 6]);
    let service = Some("search".parse().unwrap());
    assert_eq!(ids(Question { service, ..asked() }), [2]);
    let severity = Some(Severity::from_number(4).unwrap());
    assert_eq!(
        ids(Question {
            severity,
            ..asked()
        }),
        [3]
    );
    // The beginning is in it, the end is not.
    let (since, until) = (Some(at(2 * HOUR)), Some(at(5 * HOUR)));
    assert_eq!(
        ids(Question {
            since,
            until,
            ..asked()
        }),
        [2, 3, 4]
    );
    let phase = Some(Phase::Repair);
    let one = numbers(&rows, &Question { phase, ..asked() }, &watched(9 * HOUR), 1).unwrap();
    let whole = all(&rows, 9 * HOUR);
    assert_eq!(one.phases.len(), 1);
    assert_eq!(
        one.phases[0],
        *of(&whole, Phase::Repair),
        "asking for one changes no number"
    );
}

#[test]
fn more_incidents_than_can_be_computed_with_are_refused_and_not_cut() {
    let rows: Vec<Row> = (1..=INCIDENTS_MAX as u32 + 1)
        .map(|number| row(number, i64::from(number)))
        .collect();
    let asked = numbers(&rows, &Question::default(), &watched(HOUR), 1);
    assert_eq!(asked.unwrap_err().count, INCIDENTS_MAX + 1);
    let until = Some(at(9));
    let narrower = Question {
        until,
        ..Question::default()
    };
    assert_eq!(
        numbers(&rows, &narrower, &watched(HOUR), 1)
            .unwrap()
            .incidents,
        8
    );
}

#[test]
fn without_incidents_there_is_nothing_and_no_zero() {
    let none = all(&[], HOUR);
    assert_eq!((none.incidents, none.open), (0, 0));
    for phase in &none.phases {
        assert_eq!(
            (phase.sample.as_ref(), phase.survival.as_ref()),
            (None, None)
        );
    }
    assert!(
        none.means
            .iter()
            .all(|mean| mean.value_ms.is_none() && mean.n == 0)
    );
}
