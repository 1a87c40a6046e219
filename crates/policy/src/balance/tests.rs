//! Turns are fair, and follow weights.

use proptest::prelude::*;

use super::*;

fn servers(weights: &[u32]) -> Vec<Server> {
    let weights = weights.iter().enumerate();
    let servers = weights.map(|(place, weight)| Server {
        address: format!("10.0.0.{place}:80"),
        weight: *weight,
    });
    servers.collect()
}

fn turns(weights: &[u32], count: usize) -> Vec<usize> {
    let mut turns = Turns::new(&servers(weights));
    let turns = core::iter::repeat_with(|| turns.next(|_| true).unwrap());
    turns.take(count).collect()
}

#[test]
fn weights_are_kept_and_spread() {
    assert_eq!(turns(&[5, 1, 1], 7), [0, 0, 1, 0, 2, 0, 0]);
    assert_eq!(turns(&[1, 1, 1], 6), [0, 1, 2, 0, 1, 2]);
    assert_eq!(turns(&[0, 2], 3), [1, 1, 1]);
}

#[test]
fn who_may_not_be_asked_is_not() {
    let mut turns = Turns::new(&servers(&[3, 1]));
    assert_eq!(turns.next(|place| place == 1), Some(1));
    assert_eq!(turns.next(|_| false), None);
    assert_eq!(Turns::new(&servers(&[0])).next(|_| true), None);
    assert_eq!(Turns::new(&[]).next(|_| true), None);
}

#[test]
fn who_comes_back_is_not_flooded_with_what_it_missed() {
    let mut turns = Turns::new(&servers(&[1, 1]));
    for _ in 0..1_000 {
        assert_eq!(turns.next(|place| place == 0), Some(0));
    }
    let next: Vec<_> = (0..4).map(|_| turns.next(|_| true).unwrap()).collect();
    assert_eq!(next.iter().filter(|place| **place == 1).count(), 2);
}

/// Left out of its own second try, a server that fails would have begun again with nothing to make up
/// for, and been asked first each time.
#[test]
fn who_is_left_out_of_a_second_try_gains_nothing_by_it() {
    let mut turns = Turns::new(&servers(&[1, 1, 1]));
    let mut first_tries = [0; 3];
    for _ in 0..300 {
        let first = turns.next(|_| true).unwrap();
        first_tries[first] += 1;
        if first == 0 {
            turns.next(|place| place != 0).unwrap();
        }
    }
    assert_eq!(first_tries[0], 100, "{first_tries:?}");
}

#[test]
fn the_least_busy_for_its_weight_is_asked_and_equals_take_turns() {
    let even = servers(&[1, 1, 1]);
    let idle: Vec<_> = (0..4)
        .map(|turn| least_requests(&even, turn, |_| true, |_| 0).unwrap())
        .collect();
    assert_eq!(idle, [0, 1, 2, 0]);
    let busy = |place: usize| [2, 1, 3][place];
    for turn in 0..3 {
        assert_eq!(least_requests(&even, turn, |_| true, busy), Some(1));
        assert_eq!(
            least_requests(&even, turn, |place| place != 1, busy),
            Some(0)
        );
        assert_eq!(
            least_requests(&servers(&[1, 1, 9]), turn, |_| true, busy),
            Some(2)
        );
    }
    assert_eq!(least_requests(&even, 0, |_| false, busy), None);
    assert_eq!(least_requests(&[], 7, |_| true, busy), None);
    assert_eq!(
        least_requests(&servers(&[0]), u64::MAX, |_| true, |_| 0),
        None
    );
}

proptest! {
    #[test]
    fn each_is_chosen_as_its_weight_says(
        weights in prop::collection::vec(0..20_u32, 1..8),
        rounds in 1..4_usize,
    ) {
        let sum: u32 = weights.iter().sum();
        prop_assume!(sum > 0);
        let chosen = turns(&weights, sum as usize * rounds);
        for (place, weight) in weights.iter().enumerate() {
            let times = chosen.iter().filter(|one| **one == place).count();
            prop_assert_eq!(times, *weight as usize * rounds);
        }
    }

    #[test]
    fn only_usable_ones_are_chosen_and_one_is_if_there_is_one(
        weights in prop::collection::vec(prop::sample::select(&[0, 1, 7, u32::MAX][..]), 0..6),
        usable in prop::collection::vec(prop::collection::vec(any::<bool>(), 6), 0..50),
        busy in prop::array::uniform6(prop::sample::select(&[0, 1, 5, u32::MAX][..])),
    ) {
        let all = servers(&weights);
        let mut turns = Turns::new(&all);
        for (turn, usable) in usable.iter().enumerate() {
            let may = |place: usize| usable[place];
            let some = (0..all.len()).any(|place| may(place) && weights[place] > 0);
            let by_load = least_requests(&all, turn as u64, may, |place| busy[place]);
            for chosen in [turns.next(may), by_load] {
                prop_assert_eq!(chosen.is_some(), some);
                if let Some(place) = chosen {
                    prop_assert!(may(place) && weights[place] > 0);
                }
            }
        }
    }
}
