//! A breaker opens, tries, and closes; tickets that are lost hold nobody up.

use proptest::prelude::*;

use super::*;

fn plan() -> config::Breaker {
    config::Breaker {
        errors_ppm: 500_000,
        requests_min: 4,
        window_ms: 10_000,
        open_ms: 5_000,
        probes: 2,
    }
}

fn at(ms: u64) -> Moment {
    Moment::default().plus_ms(ms)
}

fn pass(breaker: &mut Breaker, outcome: Outcome, now: Moment) {
    let ticket = breaker.before(now).unwrap();
    breaker.after(ticket, outcome, now);
}

fn opened(now: Moment) -> Breaker {
    let mut breaker = Breaker::new(&plan());
    for _ in 0..4 {
        pass(&mut breaker, Outcome::Failed, now);
    }
    assert_eq!(breaker.before(now), Err(Reason::BreakerOpen));
    breaker
}

#[test]
fn it_opens_at_the_share_and_not_before_there_are_enough() {
    let mut breaker = Breaker::new(&plan());
    for _ in 0..3 {
        pass(&mut breaker, Outcome::Failed, at(0));
        assert_eq!(breaker.state(at(0)), State::Closed);
    }
    pass(&mut breaker, Outcome::Failed, at(0));
    assert_eq!(breaker.state(at(0)), State::Open { ms: 5_000 });
}

#[test]
fn what_left_the_window_no_longer_counts() {
    let mut breaker = Breaker::new(&plan());
    for _ in 0..3 {
        pass(&mut breaker, Outcome::Failed, at(0));
    }
    pass(&mut breaker, Outcome::Failed, at(11_000));
    assert_eq!(breaker.state(at(11_000)), State::Closed);
    let mut sooner = Breaker::new(&plan());
    for _ in 0..3 {
        pass(&mut sooner, Outcome::Failed, at(0));
    }
    pass(&mut sooner, Outcome::Failed, at(9_000));
    assert_eq!(sooner.state(at(9_000)), State::Open { ms: 5_000 });
}

#[test]
fn the_abandoned_say_nothing() {
    let mut breaker = Breaker::new(&plan());
    for _ in 0..100 {
        pass(&mut breaker, Outcome::Abandoned, at(0));
    }
    for _ in 0..3 {
        pass(&mut breaker, Outcome::Failed, at(0));
    }
    assert_eq!(breaker.state(at(0)), State::Closed);
}

#[test]
fn half_open_lets_its_probes_through_and_closes_when_all_went_well() {
    let mut breaker = opened(at(0));
    assert_eq!(breaker.before(at(4_999)), Err(Reason::BreakerOpen));
    let first = breaker.before(at(5_000)).unwrap();
    let second = breaker.before(at(5_000)).unwrap();
    assert_eq!(breaker.before(at(5_000)), Err(Reason::BreakerOpen));
    breaker.after(first, Outcome::Ok, at(5_001));
    assert_eq!(breaker.before(at(5_001)), Err(Reason::BreakerOpen));
    breaker.after(second, Outcome::Ok, at(5_002));
    assert_eq!(breaker.state(at(5_002)), State::Closed);
    // It starts afresh: the failures of before are forgotten.
    for _ in 0..3 {
        pass(&mut breaker, Outcome::Failed, at(5_003));
    }
    assert_eq!(breaker.state(at(5_003)), State::Closed);
}

#[test]
fn the_first_probe_that_fails_opens_it_again() {
    let mut breaker = opened(at(0));
    let first = breaker.before(at(5_000)).unwrap();
    let second = breaker.before(at(5_000)).unwrap();
    breaker.after(first, Outcome::Failed, at(5_100));
    breaker.after(second, Outcome::Ok, at(5_100));
    assert_eq!(breaker.state(at(5_100)), State::Open { ms: 5_000 });
}

#[test]
fn an_abandoned_probe_gives_its_place_back() {
    let mut breaker = opened(at(0));
    for _ in 0..100 {
        pass(&mut breaker, Outcome::Abandoned, at(5_000));
    }
    pass(&mut breaker, Outcome::Ok, at(5_000));
    pass(&mut breaker, Outcome::Ok, at(5_000));
    assert_eq!(breaker.state(at(5_000)), State::Closed);
}

#[test]
fn a_ticket_that_is_dropped_costs_its_place_for_a_while_only() {
    let mut breaker = opened(at(0));
    pass(&mut breaker, Outcome::Ok, at(5_000));
    let lost = breaker.before(at(6_000)).unwrap();
    assert_eq!(breaker.before(at(10_999)), Err(Reason::BreakerOpen));
    let again = breaker.before(at(11_000)).unwrap();
    // Whoever was given up is not heard any more, for good or ill.
    breaker.after(lost, Outcome::Failed, at(11_001));
    assert_eq!(breaker.state(at(11_001)), State::HalfOpen);
    breaker.after(again, Outcome::Ok, at(11_002));
    assert_eq!(breaker.state(at(11_002)), State::Closed);
}

#[test]
fn a_dropped_ticket_among_good_ones_delays_closing_and_does_not_prevent_it() {
    let mut breaker = opened(at(0));
    drop(breaker.before(at(5_000)).unwrap());
    pass(&mut breaker, Outcome::Ok, at(9_000));
    assert_eq!(breaker.before(at(13_999)), Err(Reason::BreakerOpen));
    pass(&mut breaker, Outcome::Ok, at(14_000));
    assert_eq!(breaker.state(at(14_000)), State::Closed);
}

#[test]
fn late_failures_of_before_do_not_open_what_has_closed_again() {
    let mut breaker = Breaker::new(&plan());
    let late: Vec<Ticket> = (0..10).map(|_| breaker.before(at(0)).unwrap()).collect();
    for _ in 0..4 {
        pass(&mut breaker, Outcome::Failed, at(0));
    }
    pass(&mut breaker, Outcome::Ok, at(5_000));
    pass(&mut breaker, Outcome::Ok, at(5_000));
    for ticket in late {
        breaker.after(ticket, Outcome::Failed, at(5_001));
    }
    assert_eq!(breaker.state(at(5_001)), State::Closed);
}

#[derive(Clone, Debug)]
enum Event {
    Ask,
    End(usize, Outcome),
    Drop(usize),
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let outcome = prop::sample::select(&[Outcome::Ok, Outcome::Failed, Outcome::Abandoned][..]);
    prop_oneof![
        4 => Just(Event::Ask),
        4 => (0..8_usize, outcome).prop_map(|(place, outcome)| Event::End(place, outcome)),
        1 => (0..8_usize).prop_map(Event::Drop),
        1 => (0..4_000_u64).prop_map(Event::Wait),
    ]
}

proptest! {
    #[test]
    fn probes_are_bounded_opening_has_a_cause_and_nothing_sticks(
        errors_ppm in prop::sample::select(&[0, 1, 300_000, 1_000_000][..]),
        requests_min in 0..5_u32,
        probes in 0..4_u32,
        events in prop::collection::vec(event(), 0..200),
    ) {
        let plan = config::Breaker { errors_ppm, requests_min, probes, ..plan() };
        let mut breaker = Breaker::new(&plan);
        let mut now = at(0);
        let mut out: Vec<(usize, Ticket)> = Vec::new();
        // Who passed half open, and when: at most `probes` of any open_ms are without an outcome.
        let mut passed: Vec<(usize, Moment)> = Vec::new();
        let mut tickets = 0;
        let mut failures = 0_u32;
        for event in events {
            let before = breaker.state(now);
            match event {
                Event::Ask => {
                    let open = matches!(before, State::Open { .. });
                    match breaker.before(now) {
                        Ok(ticket) => {
                            prop_assert!(!open);
                            tickets += 1;
                            if before == State::HalfOpen {
                                passed.push((tickets, now));
                            }
                            out.push((tickets, ticket));
                        }
                        Err(reason) => {
                            prop_assert_eq!(reason, Reason::BreakerOpen);
                            prop_assert!(before != State::Closed);
                        }
                    }
                }
                Event::End(place, outcome) => {
                    if place < out.len() {
                        let (number, ticket) = out.remove(place);
                        failures += u32::from(outcome == Outcome::Failed);
                        breaker.after(ticket, outcome, now);
                        if outcome != Outcome::Failed {
                            let opened = matches!(breaker.state(now), State::Open { .. });
                            prop_assert_eq!(opened, matches!(before, State::Open { .. }));
                        }
                        passed.retain(|(one, _)| *one != number);
                    }
                }
                Event::Drop(place) => {
                    if place < out.len() {
                        drop(out.remove(place));
                    }
                }
                Event::Wait(ms) => now = now.plus_ms(ms),
            }
            if breaker.state(now) != State::HalfOpen {
                passed.clear();
            }
            let recent = passed.iter().filter(|(_, one)| now.ms_since(*one) < plan.open_ms).count();
            prop_assert!(recent <= probes.max(1) as usize);
            if errors_ppm == 0 || failures == 0 {
                prop_assert_eq!(breaker.state(now), State::Closed);
            }
        }
        // Whoever was dropped, in time somebody passes, and enough good ones close it.
        drop(out);
        for _ in 0..=probes.max(1) {
            now = now.plus_ms(plan.open_ms);
            let mut passed = 0;
            while let Ok(ticket) = breaker.before(now) {
                breaker.after(ticket, Outcome::Ok, now);
                passed += 1;
                if breaker.state(now) == State::Closed {
                    break;
                }
            }
            prop_assert!(passed > 0);
        }
        prop_assert_eq!(breaker.state(now), State::Closed);
    }
}
