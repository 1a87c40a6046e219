//! Who is refused under load, in which order, and that it ends.

use proptest::prelude::*;

use super::{Pressure, Share, Shed, Usage, die, next, refused};
use crate::Moment;
use crate::config::{Overload, Priority};

const OVERLOAD: Overload = Overload {
    lag_ms_max: 100,
    memory_bytes_max: 1_000_000,
    requests_concurrent_max: 1_000,
};

const PRIORITIES: [Priority; 3] = [Priority::Critical, Priority::Normal, Priority::Sheddable];

fn lag(lag_ms: u64) -> Pressure {
    Pressure {
        lag_ms,
        ..Pressure::default()
    }
}

fn memory(memory_bytes: u64) -> Pressure {
    Pressure {
        memory_bytes,
        ..Pressure::default()
    }
}

fn pressed(pressure: &Pressure, ticks: u32) -> Shed {
    let shed = Shed::new();
    for _ in 0..ticks {
        shed.tick(pressure, &OVERLOAD);
    }
    shed
}

/// Of a thousand requests.
fn admitted(shed: &Shed, priority: Priority, share: u32) -> usize {
    let admit = |seed: &u64| shed.admit(priority, Share(share), *seed).is_ok();
    (0..1_000).filter(admit).count()
}

#[test]
fn it_rises_quickly_and_falls_slowly() {
    let shed = Shed::new();
    let ticks_until = |pressure: Pressure, level| {
        (1..)
            .find(|_| shed.tick(&pressure, &OVERLOAD) == level)
            .unwrap()
    };
    assert_eq!(ticks_until(lag(200), 1_000), 20);
    assert_eq!(ticks_until(lag(0), 0), 87);
    assert_eq!(ticks_until(lag(100), 1_000), 50);
    assert_eq!(ticks_until(lag(90), 0), 1_000);
}

#[test]
fn every_kind_of_pressure_counts_and_what_is_not_limited_does_not() {
    let concurrent = Pressure {
        requests_concurrent: 900,
        ..Pressure::default()
    };
    for pressure in [lag(100), memory(1_000_000), concurrent] {
        assert_eq!(Shed::new().tick(&pressure, &OVERLOAD), 20);
        let unlimited = Overload {
            lag_ms_max: 0,
            memory_bytes_max: 0,
            requests_concurrent_max: 0,
        };
        assert_eq!(Shed::new().tick(&pressure, &unlimited), 0);
    }
}

#[test]
fn the_order_is_heavy_sheddable_normal() {
    use Priority::{Critical, Normal, Sheddable};
    let at = |level: u32| pressed(&lag(100), level / 20);
    let shed = at(100);
    assert_eq!(admitted(&shed, Normal, 3_500), 0);
    assert!((400..600).contains(&admitted(&shed, Normal, 2_500)));
    assert_eq!(admitted(&shed, Sheddable, 1_500), 1_000);
    let shed = at(400);
    assert_eq!(admitted(&shed, Normal, 1_501), 0);
    assert_eq!(admitted(&shed, Sheddable, 1_500), 1_000);
    let shed = at(540);
    assert!((450..620).contains(&admitted(&shed, Sheddable, 100)));
    assert_eq!(admitted(&shed, Normal, 1_500), 1_000);
    let shed = at(700);
    assert_eq!(admitted(&shed, Sheddable, 0), 0);
    assert_eq!(admitted(&shed, Normal, 1_500), 1_000);
    let shed = at(1_000);
    assert_eq!(admitted(&shed, Normal, 0), 0);
    // However heavy: no memory is short.
    assert_eq!(admitted(&shed, Critical, u32::MAX), 1_000);
}

#[test]
fn critical_tenants_feel_danger_only() {
    let shed = pressed(&memory(1_000_000), 45);
    assert_eq!((shed.level(), shed.danger()), (900, 900));
    assert_eq!(admitted(&shed, Priority::Critical, 5_000), 0);
    assert!((250..420).contains(&admitted(&shed, Priority::Critical, 1_000)));
    let shed = pressed(&memory(1_000_000), 50);
    assert_eq!(admitted(&shed, Priority::Critical, 0), 0);
    let shed = pressed(&memory(1_000_000), 35);
    assert_eq!(admitted(&shed, Priority::Critical, 0), 1_000);
    assert_eq!(admitted(&shed, Priority::Sheddable, 0), 0);
}

#[test]
fn shares_compare_with_those_who_are_active() {
    let shed = Shed::new();
    assert_eq!(shed.share(77), Share::FAIR);
    shed.weigh([0, 300, 0]);
    assert_eq!(shed.share(900), Share::FAIR);
    shed.weigh([100, 0, 300, 200]);
    assert_eq!(shed.share(200), Share::FAIR);
    assert_eq!(shed.share(900), Share(4_500));
    assert_eq!(shed.share(0), Share(0));
    shed.weigh([u32::MAX, u32::MAX]);
    assert_eq!(shed.share(u32::MAX), Share::FAIR);
}

#[test]
fn use_is_forgotten() {
    let usage = Usage::new();
    usage.add(800, Moment(1_000_000));
    usage.add(200, Moment(1_000_000));
    assert_eq!(usage.recent(Moment(2_000_000)), 500);
    assert_eq!(usage.recent(Moment(60_000_000)), 0);
}

/// A flood by one tenant: it is cut down, and the others come through untouched.
#[test]
fn one_that_floods_is_cut_down_and_no_other() {
    let (shed, usages) = (Shed::new(), [Usage::new(), Usage::new(), Usage::new()]);
    let mut refused = [0, 0, 0];
    let mut late = 0;
    for tick in 0..300_u64 {
        let now = Moment(0).plus_ms(tick * 100);
        let mut done = 0;
        for (tenant, asked) in [(0, 10), (1, 10), (2, 400)] {
            for request in 0..asked {
                let share = shed.share(usages[tenant].recent(now));
                let seed = tick * 1_000 + request;
                if shed.admit(Priority::Normal, share, seed).is_ok() {
                    usages[tenant].add(100, now);
                    done += 1;
                } else {
                    refused[tenant] += 1;
                }
            }
        }
        // 100 a tick is what it can.
        shed.tick(&lag(done), &OVERLOAD);
        shed.weigh(usages.iter().map(|usage| usage.recent(now)));
        late += u64::from(done > 150);
    }
    assert_eq!(refused[..2], [0, 0]);
    assert!(refused[2] > 60_000, "{refused:?}");
    assert!(late < 60, "{late}");
}

fn pressures() -> impl Strategy<Value = Vec<(Pressure, Pressure)>> {
    let one = (0_u64..300, 0_u64..3_000_000, 0_u32..3_000);
    let more = (0_u64..100, 0_u64..1_000_000, 0_u32..1_000);
    proptest::collection::vec((one, more), 1..60).prop_map(|pairs| {
        let pair = |(one, more): ((u64, u64, u32), (u64, u64, u32))| {
            let less = Pressure {
                lag_ms: one.0,
                memory_bytes: one.1,
                requests_concurrent: one.2,
            };
            let more = Pressure {
                lag_ms: one.0 + more.0,
                memory_bytes: one.1 + more.1,
                requests_concurrent: one.2 + more.2,
            };
            (less, more)
        };
        pairs.into_iter().map(pair).collect()
    })
}

proptest! {
    #[test]
    fn more_pressure_never_admits_more(pairs in pressures(), share in 0_u32..20_000, seed: u64) {
        let (less, more) = (Shed::new(), Shed::new());
        for (one, other) in pairs {
            less.tick(&one, &OVERLOAD);
            more.tick(&other, &OVERLOAD);
            prop_assert!(more.level() >= less.level() && more.danger() >= less.danger());
            prop_assert!(less.danger() <= less.level() && less.level() <= 1_000);
            for priority in PRIORITIES {
                let admits = |shed: &Shed| shed.admit(priority, Share(share), seed).is_ok();
                prop_assert!(admits(&less) || !admits(&more));
            }
        }
    }

    #[test]
    fn the_heavier_is_refused_first(level in 0_u32..=1_000, danger in 0_u32..=1_000, one: u32, other in prop_oneof![0_u32..20_000, 0..u32::MAX]) {
        let (light, heavy) = (one.min(other), one.max(other));
        for priority in PRIORITIES {
            let of = |share| refused(level, danger, priority, Share(share));
            prop_assert!(of(light) <= of(heavy) && of(heavy) <= 1_000);
        }
    }

    #[test]
    fn the_less_important_is_refused_first(level in 0_u32..=1_000, danger in 0_u32..=1_000, share: u32) {
        let danger = danger.min(level);
        let of = |priority| refused(level, danger, priority, Share(share));
        prop_assert!(of(Priority::Critical) <= of(Priority::Normal));
        prop_assert!(of(Priority::Normal) <= of(Priority::Sheddable));
    }

    #[test]
    fn at_level_0_all_are_admitted(share: u32, seed: u64) {
        for priority in PRIORITIES {
            prop_assert_eq!(Shed::new().admit(priority, Share(share), seed), Ok(()));
        }
    }

    #[test]
    fn a_level_stays_in_its_range(level in 0_u32..=1_000, strain: u32, less: u32, easy: u32) {
        prop_assert!(next(level, strain, easy) <= 1_000);
        prop_assert!(next(level, strain.min(less), easy) <= next(level, strain, easy));
        prop_assert!(next(level / 2, strain, easy) <= next(level, strain, easy));
        prop_assert!(next(level, strain, easy) <= next(level, strain, easy / 2));
        prop_assert!(die(u64::from(strain)) < 1_000);
    }
}
