//! Failover waits, holds, and does not flap: the stories, and the laws.

use proptest::prelude::*;

use super::*;

const MINUTE: u64 = 60_000;

fn plan() -> config::Failover {
    config::Failover {
        wait_ms: 15 * MINUTE,
        hold_ms: 10 * MINUTE,
    }
}

fn tiers(count: usize) -> Vec<Box<str>> {
    let files = || config::Files {
        directory: String::new(),
        index: String::new(),
        not_found: None,
    };
    let all = [
        config::Tier::Upstream(config::UpstreamId(0)),
        config::Tier::Upstream(config::UpstreamId(1)),
        config::Tier::Mirror(files()),
        config::Tier::Mirror(files()),
        config::Tier::Upstream(config::UpstreamId(2)),
    ];
    names(&all[..count])
}

fn at(ms: u64) -> Moment {
    Moment::default().plus_ms(ms)
}

fn to(tier: usize, until: Moment) -> Override {
    Override {
        to: To::Tier(tier),
        until,
        reason: "the CDN says hours".into(),
    }
}

fn auto() -> Override {
    Override {
        to: To::Auto,
        until: at(0),
        reason: "over".into(),
    }
}

#[test]
fn tiers_have_names() {
    let names = tiers(5);
    assert_eq!(
        names.iter().map(|name| &**name).collect::<Vec<_>>(),
        ["primary", "secondary", "mirror", "mirror 2", "tier 5"]
    );
}

/// GOV.UK on 8 June 2021: the CDN fails at 9:47 and comes back at 10:36; the plan waits 15 minutes.
#[test]
fn govuk_waits_fails_over_and_holds_before_it_goes_back() {
    let nine = |minutes: u64| at(minutes * MINUTE);
    let mut route = Failover::new(&plan(), tiers(3), nine(0));
    assert_eq!(route.posture(), Posture::Normal);
    assert_eq!(
        route.plan(nine(40)).to_string(),
        "primary serves, and nothing is to change"
    );
    assert_eq!(route.step(nine(47), &[false, true, true]), None);
    assert_eq!(route.posture(), Posture::Degraded);
    assert_eq!(
        route.serving(),
        0,
        "while it waits the primary answers as it can"
    );
    assert_eq!(
        route.plan(Moment(nine(55).0 - 10_000_000)).to_string(),
        "fails over from primary to secondary in 7 min 10 s, unless primary comes back"
    );
    assert_eq!(route.step(at(62 * MINUTE - 1), &[false, true, true]), None);
    let change = route.step(nine(62), &[false, true, true]).unwrap();
    assert_eq!((change.from, change.to, change.at), (0, 1, nine(62)));
    assert_eq!(
        change.to_string(),
        "secondary serves instead of primary, which was down for 15 min"
    );
    assert_eq!(
        route.plan(nine(63)).to_string(),
        "secondary goes on serving until a better one comes back"
    );
    assert_eq!(route.step(nine(96), &[true, true, true]), None);
    assert_eq!(
        route.plan(nine(97)).to_string(),
        "goes back from secondary to primary in 9 min, if primary stays up"
    );
    let change = route.step(nine(106), &[true, true, true]).unwrap();
    assert_eq!(
        change.to_string(),
        "primary serves instead of secondary, because primary has been up for 10 min"
    );
    assert_eq!(route.posture(), Posture::Normal);
    assert_eq!(route.serving_for_ms(nine(107)), MINUTE);
}

#[test]
fn a_short_recovery_does_not_start_the_wait_again_and_a_long_one_does() {
    let mut route = Failover::new(&plan(), tiers(2), at(0));
    route.step(at(0), &[false, true]);
    route.step(at(5 * MINUTE), &[true, true]);
    route.step(at(6 * MINUTE - 1), &[false, true]);
    assert!(route.step(at(15 * MINUTE), &[false, true]).is_some());

    let mut route = Failover::new(&plan(), tiers(2), at(0));
    route.step(at(0), &[false, true]);
    route.step(at(5 * MINUTE), &[true, true]);
    route.step(at(6 * MINUTE), &[false, true]);
    assert_eq!(route.step(at(21 * MINUTE - 1), &[false, true]), None);
    assert!(route.step(at(21 * MINUTE), &[false, true]).is_some());
}

#[test]
fn it_does_not_leave_a_tier_that_is_up_at_the_end_of_the_wait() {
    let mut route = Failover::new(&plan(), tiers(2), at(0));
    route.step(at(0), &[false, true]);
    assert_eq!(route.step(at(15 * MINUTE), &[true, true]), None);
    assert_eq!(route.serving(), 0);
    assert!(route.step(at(15 * MINUTE + 10), &[false, true]).is_some());
}

#[test]
fn if_all_are_down_it_goes_on_and_takes_the_first_that_has_settled() {
    let mut route = Failover::new(&plan(), tiers(3), at(0));
    route.step(at(0), &[false; 3]);
    assert_eq!(route.step(at(60 * MINUTE), &[false; 3]), None);
    assert_eq!(
        route.plan(at(60 * MINUTE)).to_string(),
        "primary is down, and no other tier is up to serve"
    );
    route.step(at(61 * MINUTE), &[false, false, true]);
    assert_eq!(route.plan(at(61 * MINUTE)).next.unwrap().in_ms, MINUTE);
    let change = route.step(at(62 * MINUTE), &[false, false, true]).unwrap();
    assert_eq!(change.to, 2);
}

#[test]
fn an_override_applies_at_once_and_when_it_ends_nothing_jumps() {
    let mut route = Failover::new(&plan(), tiers(3), at(0));
    route.step(at(0), &[false, true, true]);
    let said = to(2, at(30 * MINUTE));
    let change = route.instruct(at(MINUTE), &said).unwrap().unwrap();
    assert_eq!(
        change.to_string(),
        "mirror serves instead of primary, for 29 min at most: the CDN says hours"
    );
    // The primary is up all the time that the override holds.
    for minute in 2..40 {
        assert_eq!(route.step(at(minute * MINUTE), &[true; 3]), None);
    }
    assert_eq!(
        route.plan(at(39 * MINUTE)).to_string(),
        "goes back from mirror to primary in 1 min, if primary stays up"
    );
    let change = route.step(at(40 * MINUTE), &[true; 3]).unwrap();
    assert_eq!((change.from, change.to), (2, 0));
}

#[test]
fn an_override_says_what_comes_after_it() {
    let mut route = Failover::new(&plan(), tiers(3), at(0));
    route.instruct(at(0), &to(2, at(30 * MINUTE))).unwrap();
    assert_eq!(
        route.plan(at(10 * MINUTE)).to_string(),
        "the override to mirror ends in 20 min; goes back from mirror to primary in 30 min, if \
         primary stays up"
    );
    assert_eq!(
        route.overridden(at(10 * MINUTE)),
        Some(("the CDN says hours", 20 * MINUTE))
    );
    assert_eq!(route.overridden(at(30 * MINUTE)), None);
}

#[test]
fn an_override_may_be_replaced_or_ended_by_another() {
    let mut route = Failover::new(&plan(), tiers(3), at(0));
    route.instruct(at(0), &to(2, at(60 * MINUTE))).unwrap();
    let change = route.instruct(at(1), &to(1, at(60 * MINUTE))).unwrap();
    assert_eq!(change.map(|change| (change.from, change.to)), Some((2, 1)));
    assert_eq!(route.instruct(at(5 * MINUTE), &auto()), Ok(None));
    assert_eq!(route.serving(), 1, "no jump");
    assert_eq!(route.step(at(15 * MINUTE - 1), &[true; 3]), None);
    assert!(route.step(at(15 * MINUTE), &[true; 3]).is_some());
}

#[test]
fn an_override_to_nowhere_or_into_the_past_is_refused() {
    let mut route = Failover::new(&plan(), tiers(2), at(10));
    let before = route.clone();
    assert_eq!(
        route.instruct(at(10), &to(2, at(20))),
        Err(BadOverride::NoSuchTier { tiers: 2 })
    );
    assert_eq!(
        route.instruct(at(10), &to(1, at(10))),
        Err(BadOverride::Past)
    );
    assert_eq!(route, before);
}

#[test]
fn what_is_saved_reads_as_json_and_refuses_another_route() {
    let mut route = Failover::new(&plan(), tiers(2), at(0));
    route.step(at(5_000), &[false, true]);
    let saved = route.save(at(65_000));
    let json = serde_json::to_string(&saved).unwrap();
    assert_eq!(
        json,
        "{\"serving\":0,\"serving_for_ms\":65000,\"tiers\":[{\"up\":false,\"for_ms\":60000,\
         \"down_for_ms\":60000,\"left_ms_ago\":null},{\"up\":true,\"for_ms\":65000,\
         \"down_for_ms\":null,\"left_ms_ago\":null}],\"override_ended_ms_ago\":null,\
         \"overriding\":null}"
    );
    let refused = Failover::restore(&plan(), tiers(3), &saved, at(0));
    assert_eq!(refused, Err(BadSaved::Tiers { saved: 2, tiers: 3 }));
    let strange = Saved {
        serving: 2,
        ..saved
    };
    let refused = Failover::restore(&plan(), tiers(2), &strange, at(0));
    assert_eq!(refused, Err(BadSaved::Serving));
}

#[test]
fn a_successor_whose_clock_has_just_begun_goes_on_waiting_where_the_old_one_was() {
    let mut old = Failover::new(&plan(), tiers(2), at(1_000 * MINUTE));
    old.step(at(1_000 * MINUTE), &[false, true]);
    let saved = old.save(at(1_010 * MINUTE));
    let mut new = Failover::restore(&plan(), tiers(2), &saved, at(5)).unwrap();
    assert_eq!(new.step(at(5 * MINUTE + 4), &[false, true]), None);
    assert!(new.step(at(5 * MINUTE + 5), &[false, true]).is_some());
}

#[test]
fn numbers_that_make_no_sense_end_nowhere() {
    let strange = Saved {
        serving: 0,
        serving_for_ms: i64::MIN,
        tiers: vec![
            SavedTier {
                up: false,
                for_ms: i64::MAX,
                down_for_ms: None,
                left_ms_ago: Some(i64::MIN),
            };
            2
        ],
        override_ended_ms_ago: Some(i64::MAX),
        overriding: Some(SavedOverride {
            ends_in_ms: i64::MIN,
            reason: "".into(),
        }),
    };
    let plan = config::Failover {
        wait_ms: u64::MAX,
        hold_ms: u64::MAX,
    };
    let mut route = Failover::restore(&plan, tiers(2), &strange, Moment(u64::MAX)).unwrap();
    route.step(Moment(u64::MAX), &[true, true, true]);
    route.step(Moment(0), &[]);
    route.save(Moment(0));
    assert!(!route.plan(Moment(0)).to_string().is_empty());
    let mut none = Failover::new(&plan, Vec::new(), Moment(0));
    assert_eq!(none.step(Moment(1), &[true]), None);
    assert_eq!(none.serving(), 0);
}

#[derive(Clone, Debug)]
enum Event {
    /// So many milliseconds later this is what is up.
    Step(u64, [bool; 3]),
    Override(usize, u64),
    Auto,
}

fn step(ms_max: u64) -> impl Strategy<Value = (u64, [bool; 3])> {
    (1..=ms_max, prop::array::uniform3(any::<bool>()))
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => step(2_000).prop_map(|(ms, up)| Event::Step(ms, up)),
        1 => (0..3_usize, 1..5_000_u64).prop_map(|(tier, ms)| Event::Override(tier, ms)),
        1 => Just(Event::Auto),
    ]
}

fn timing() -> impl Strategy<Value = config::Failover> {
    let wait = prop::sample::select(&[0, 1, 500, 2_000, 5_000][..]);
    let hold = prop::sample::select(&[0, 1, 500, 3_000, 90_000][..]);
    (wait, hold).prop_map(|(wait_ms, hold_ms)| config::Failover { wait_ms, hold_ms })
}

fn apply(route: &mut Failover, now: &mut u64, event: &Event) -> Option<Change> {
    match event {
        Event::Step(ms, up) => {
            *now += ms;
            route.step(at(*now), up)
        }
        Event::Override(tier, ms) => route.instruct(at(*now), &to(*tier, at(*now + ms))).unwrap(),
        Event::Auto => route.instruct(at(*now), &auto()).unwrap(),
    }
}

proptest! {
    #[test]
    fn flapping_faster_than_the_hold_changes_at_most_once_a_hold(
        count in 2..=3_usize,
        wait_ms in prop::sample::select(&[0, 1_000, 60_000, 400_000][..]),
        steps in prop::collection::vec(step(60_000), 0..200),
    ) {
        // Longer than what settles, so that a tier may be left and be ready again within a hold.
        let hold_ms = 5 * SETTLE_MS_MAX;
        let plan = config::Failover { wait_ms, hold_ms };
        let mut route = Failover::new(&plan, tiers(count), at(0));
        let mut now = 0;
        let mut up_since = [Some(0); 3];
        let mut entered = vec![None; count];
        let mut last: Option<u64> = None;
        for (ms, mut up) in steps {
            now += ms;
            for (up, since) in up.iter_mut().zip(&mut up_since) {
                // The next step is at most a minute away, and nobody is up for a whole hold.
                *up &= since.is_none_or(|since| now - since < hold_ms - 60_000);
                *since = up.then(|| since.unwrap_or(now));
            }
            if let Some(change) = route.step(at(now), &up) {
                if let Some(before) = entered[change.to].replace(now) {
                    prop_assert!(now - before >= hold_ms);
                }
                if count == 2 {
                    prop_assert!(last.is_none_or(|last| now - last >= hold_ms));
                }
                last = Some(now);
            }
        }
    }

    #[test]
    fn a_tier_that_is_down_serves_only_while_it_must(
        plan in timing(),
        steps in prop::collection::vec(step(2_000), 0..200),
    ) {
        let mut route = Failover::new(&plan, tiers(3), at(0));
        let settle_ms = plan.hold_ms.min(SETTLE_MS_MAX);
        let mut now = 0;
        let mut before = [true; 3];
        let mut since = [0_u64; 3];
        // When each tier was last up for long enough to forget its down clock.
        let mut settled_until = [0_u64; 3];
        for (ms, up) in steps {
            now += ms;
            for tier in 0..3 {
                if before[tier] && now - since[tier] >= settle_ms {
                    settled_until[tier] = now;
                }
                if before[tier] != up[tier] {
                    since[tier] = now;
                }
            }
            before = up;
            if let Some(change) = route.step(at(now), &up) {
                prop_assert!(up[change.to]);
                match change.why {
                    Why::Down { for_ms } => {
                        prop_assert!(!up[change.from]);
                        prop_assert!(now - settled_until[change.from] >= plan.wait_ms);
                        prop_assert!(for_ms >= plan.wait_ms);
                    }
                    Why::Back { .. } => {
                        prop_assert!(change.to < change.from);
                        prop_assert!(now - since[change.to] >= plan.hold_ms);
                    }
                    Why::Override { .. } => prop_assert!(false),
                }
            }
            let serving = route.serving();
            let down = !up[serving] && now - since[serving] >= plan.wait_ms;
            let other = (0..3).any(|tier| up[tier] && now - since[tier] >= plan.hold_ms);
            prop_assert!(!(down && other), "{} serves and is down", serving);
        }
    }

    #[test]
    fn what_the_plan_says_is_what_happens_if_nothing_changes(
        plan in timing(),
        events in prop::collection::vec(event(), 0..60),
        wait in 0..1_000_u64,
        between in prop::collection::vec(0..1_000_000_u64, 0..5),
    ) {
        let mut route = Failover::new(&plan, tiers(3), at(0));
        let mut now = 0;
        for event in &events {
            apply(&mut route, &mut now, event);
        }
        let up: Vec<bool> = route.tiers.iter().map(|tier| tier.up).collect();
        let said = route.plan(at(now + wait));
        match said.next {
            Some(next) => {
                let due = now + wait + next.in_ms;
                let mut between: Vec<u64> = between.iter().map(|ms| now + ms).collect();
                between.sort_unstable();
                for ms in between.into_iter().filter(|ms| *ms < due && *ms > now + wait) {
                    prop_assert_eq!(route.step(at(ms), &up), None);
                }
                let change = route.step(at(due), &up);
                prop_assert_eq!(change.map(|change| change.to), Some(next.to));
            }
            None => {
                for ms in [0, 1, 10_000, 1_000_000, 1_000_000_000] {
                    prop_assert_eq!(route.step(at(now + wait + ms), &up), None);
                }
            }
        }
    }

    #[test]
    fn a_successor_decides_as_the_old_process_would_have(
        plan in timing(),
        events in prop::collection::vec(event(), 0..60),
        cut in 0..60_usize,
        offset in 0..1_000_000_u64,
    ) {
        let mut old = Failover::new(&plan, tiers(3), at(offset));
        let mut again = old.clone();
        let mut now = offset;
        let (first, rest) = events.split_at(cut.min(events.len()));
        for event in first {
            apply(&mut old, &mut now, event);
        }
        let json = serde_json::to_string(&old.save(at(now))).unwrap();
        let saved: Saved = serde_json::from_str(&json).unwrap();
        let mut new = Failover::restore(&plan, tiers(3), &saved, at(0)).unwrap();
        let mut new_now = 0;
        for event in rest {
            let one = apply(&mut old, &mut now, event);
            let other = apply(&mut new, &mut new_now, event);
            let shape = |change: Option<Change>| change.map(|one| (one.from, one.to, one.why));
            prop_assert_eq!(shape(one), shape(other));
            prop_assert_eq!(old.plan(at(now)), new.plan(at(new_now)));
        }
        // And a replay is the same to the last bit.
        let mut now = offset;
        for event in &events {
            apply(&mut again, &mut now, event);
        }
        prop_assert_eq!(again, old);
    }
}
