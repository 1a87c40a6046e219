//! Servers are left out by probes and answers, and taken back.

use proptest::prelude::*;

use super::*;

fn probes() -> config::Health {
    config::Health {
        path: "/health".to_owned(),
        every_ms: 1_000,
        timeout_ms: 500,
        healthy_after: 2,
        unhealthy_after: 3,
    }
}

fn outlier(failures: u32, ejected_ppm_max: u32) -> config::Outlier {
    config::Outlier {
        failures,
        eject_ms: 1_000,
        ejected_ppm_max,
    }
}

fn at(ms: u64) -> Moment {
    Moment::default().plus_ms(ms)
}

#[test]
fn what_was_never_probed_is_usable_and_not_called_healthy() {
    let health = Health::new(2, Some(&probes()), &outlier(5, 0));
    assert!(health.usable(0, at(0)) && health.any_usable(at(0)));
    assert_eq!(health.condition(0, at(0)), Some(Condition::Unknown));
    assert!(!health.usable(2, at(0)));
    assert_eq!(health.condition(2, at(0)), None);
}

#[test]
fn a_row_of_failed_probes_takes_it_out_and_a_row_of_good_ones_brings_it_back() {
    let mut health = Health::new(1, Some(&probes()), &outlier(0, 0));
    for ok in [false, false, true, false, false] {
        health.probed(0, ok);
        assert!(health.usable(0, at(0)));
    }
    health.probed(0, false);
    assert_eq!(health.condition(0, at(0)), Some(Condition::Unhealthy));
    for ok in [true, false, true] {
        health.probed(0, ok);
        assert!(!health.any_usable(at(0)));
    }
    health.probed(0, true);
    assert_eq!(health.condition(0, at(0)), Some(Condition::Healthy));
}

#[test]
fn one_that_is_known_to_be_out_stays_out_until_a_row_of_good_probes() {
    let mut health = Health::new(2, Some(&probes()), &outlier(0, 0));
    health.begins_unhealthy(1);
    health.begins_unhealthy(2);
    assert_eq!(health.condition(1, at(0)), Some(Condition::Unhealthy));
    assert!(health.usable(0, at(0)));
    for ok in [true, false, true] {
        health.probed(1, ok);
        assert!(!health.usable(1, at(0)));
    }
    health.probed(1, true);
    assert!(health.usable(1, at(0)));
}

#[test]
fn failed_answers_in_a_row_eject_for_longer_each_time_up_to_ten_times() {
    let mut health = Health::new(3, None, &outlier(2, 0));
    let mut now = at(5_000);
    for times in (1..=10).chain([10, 10]) {
        assert_eq!(health.answered(0, false, now), None);
        let until = health.answered(0, false, now);
        assert_eq!(until, Some(now.plus_ms(1_000 * times)));
        assert!(!health.usable(0, now));
        now = until.unwrap();
        assert!(health.usable(0, now));
    }
    // Two times eject_ms went well: two are forgotten, and one is added.
    now = now.plus_ms(2_500);
    health.answered(0, false, now);
    assert_eq!(health.answered(0, false, now), Some(now.plus_ms(9_000)));
}

#[test]
fn a_good_answer_between_starts_the_row_again() {
    let mut health = Health::new(2, None, &outlier(2, 0));
    for ok in [false, true, false, true, false] {
        assert_eq!(health.answered(0, ok, at(0)), None);
    }
    assert!(health.answered(0, false, at(0)).is_some());
}

#[test]
fn the_last_usable_server_is_never_left_out() {
    let mut alone = Health::new(1, None, &outlier(1, 1_000_000));
    assert_eq!(alone.answered(0, false, at(0)), None);
    assert!(alone.usable(0, at(0)));
    let mut pair = Health::new(2, Some(&probes()), &outlier(1, 1_000_000));
    for _ in 0..3 {
        pair.probed(0, false);
    }
    assert_eq!(pair.answered(1, false, at(0)), None);
    assert!(pair.any_usable(at(0)));
}

#[test]
fn what_comes_back_from_an_ejected_server_counts_nothing() {
    let mut health = Health::new(3, None, &outlier(1, 1_000_000));
    let until = health.answered(0, false, at(0)).unwrap();
    for ms in 0..1_000 {
        assert_eq!(health.answered(0, false, at(ms)), None);
    }
    assert!(health.usable(0, until));
}

#[derive(Clone, Debug)]
enum Event {
    Probe(usize, bool),
    Answer(usize, bool),
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..6_usize, any::<bool>()).prop_map(|(server, ok)| Event::Probe(server, ok)),
        (0..6_usize, prop::bool::weighted(0.3)).prop_map(|(server, ok)| Event::Answer(server, ok)),
        (0..3_000_u64).prop_map(Event::Wait),
    ]
}

proptest! {
    #[test]
    fn ejecting_keeps_to_its_share_its_time_and_leaves_somebody(
        servers in 1..6_usize,
        failures in 0..4_u32,
        ppm in 0..=1_000_000_u32,
        events in prop::collection::vec(event(), 0..200),
    ) {
        let mut health = Health::new(servers, Some(&probes()), &outlier(failures, ppm));
        let mut now = at(0);
        let most = ((servers as u64 * u64::from(ppm)) / 1_000_000).max(1) as usize;
        for event in events {
            let usable_before = health.any_usable(now);
            match event {
                Event::Probe(server, ok) => health.probed(server, ok),
                Event::Answer(server, ok) => {
                    if let Some(until) = health.answered(server, ok, now) {
                        prop_assert!(failures > 0 && !ok);
                        prop_assert!(until > now && until <= now.plus_ms(10_000));
                        prop_assert!(!health.usable(server, now));
                    }
                    // Answers alone never take the last one out.
                    prop_assert_eq!(health.any_usable(now), usable_before);
                }
                Event::Wait(ms) => now = now.plus_ms(ms),
            }
            let ejected = health.servers.iter().filter(|one| one.ejected(now)).count();
            prop_assert!(ejected <= most);
        }
        // Whatever happened, ejections end.
        let later = now.plus_ms(10_000);
        for server in 0..servers {
            let bad = health.condition(server, later) == Some(Condition::Unhealthy);
            prop_assert_eq!(health.usable(server, later), !bad);
        }
    }
}
