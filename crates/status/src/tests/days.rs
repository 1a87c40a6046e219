//! Uptime: what nobody measured is unknown, never well.

use proptest::prelude::*;
use serde_json::json;

use super::{DAY, MINUTE, MORNING, Told, at};
use crate::uptime::{DAYS, days, sum};

/// Minutes from the morning of 2026-11-21 to its midnight before.
const TO_MIDNIGHT: i64 = 8 * 60;

fn measured(told: &mut Told, days_ago: i64, minutes: u16) {
    let midnight = MORNING - TO_MIDNIGHT * MINUTE - days_ago * DAY;
    told.act(
        0,
        "page/page",
        "page.measured/1",
        json!({"minutes": minutes, "starts_at": base::Timestamp::from_ms(midnight)}),
    );
}

#[test]
fn a_day_that_nobody_measured_is_unknown() {
    let mut told = Told::default();
    told.component(-3 * 1_440, "x", "X");
    measured(&mut told, 1, 1_440);
    measured(&mut told, 2, 700);
    let all = days(&told.page, &"x".parse().unwrap(), at(0), 480);
    assert_eq!(all.len(), DAYS);
    let [.., before, day_before, yesterday, today] = all.as_slice() else {
        panic!("90 days");
    };
    assert_eq!((before.share.known(), before.share.unknown), (0, 1_440));
    assert_eq!(
        (day_before.share.well, day_before.share.unknown),
        (700, 740)
    );
    assert_eq!((yesterday.share.well, yesterday.share.unknown), (1_440, 0));
    assert_eq!((today.share.well, today.share.unknown), (480, 0));
    assert_eq!(sum(&all).uptime(), Some(10_000));
}

#[test]
fn nothing_known_is_no_uptime_at_all() {
    let mut told = Told::default();
    told.component(0, "x", "X");
    let all = days(&told.page, &"x".parse().unwrap(), at(30), 0);
    assert_eq!(sum(&all).uptime(), None);
}

#[test]
fn an_outage_counts_from_when_it_was_said_until_it_was_said_to_be_over() {
    let mut told = Told::default();
    told.component(-5 * 1_440, "x", "X");
    (1..5).for_each(|day| measured(&mut told, day, 1_440));
    // Yesterday, 60 minutes of which 30 were the worse.
    let from = -1_440;
    let word = |status: &str, is: &str| json!({"status": status, "components": {"x": is}});
    told.say(from, "INC-1", "x", word("investigating", "major_outage"));
    told.say(
        from + 30,
        "INC-1",
        "x",
        word("identified", "partial_outage"),
    );
    told.act(
        from + 60,
        "incident/INC-1",
        "incident.resolved/1",
        json!({}),
    );
    let all = days(&told.page, &"x".parse().unwrap(), at(0), 480);
    let yesterday = all[DAYS - 2].share;
    assert_eq!((yesterday.major, yesterday.partial), (30, 30));
    assert_eq!(yesterday.well, 1_380);
}

#[test]
fn of_two_at_once_the_worse_counts_and_none_twice() {
    let mut told = Told::default();
    told.component(-5 * 1_440, "x", "X");
    measured(&mut told, 1, 1_440);
    let word = |is: &str| json!({"status": "investigating", "components": {"x": is}});
    told.say(-1_440, "INC-1", "x", word("degraded_performance"));
    told.say(-1_430, "INC-2", "x", word("major_outage"));
    told.act(-1_420, "incident/INC-2", "incident.resolved/1", json!({}));
    told.act(-1_410, "incident/INC-1", "incident.resolved/1", json!({}));
    let share = days(&told.page, &"x".parse().unwrap(), at(0), 0)[DAYS - 2].share;
    assert_eq!((share.major, share.degraded, share.well), (10, 20, 1_410));
}

#[test]
fn what_is_said_of_a_component_when_it_is_over_does_not_count() {
    let mut told = Told::default();
    told.component(-5 * 1_440, "x", "X");
    (1..5).for_each(|day| measured(&mut told, day, 1_440));
    let from = -2 * 1_440;
    told.say(from, "INC-1", "x", json!({"status": "identified"}));
    told.act(
        from + 10,
        "incident/INC-1",
        "incident.resolved/1",
        json!({}),
    );
    let word = json!({"status": "resolved", "components": {"x": "major_outage"}});
    told.say(from + 20, "INC-1", "It was x.", word);
    let all = days(&told.page, &"x".parse().unwrap(), at(0), 480);
    assert_eq!(sum(&all).major, 0);
    // Open again, what was said of it last counts.
    told.act(-60, "incident/INC-1", "incident.reopened/1", json!({}));
    let all = days(&told.page, &"x".parse().unwrap(), at(0), 480);
    assert_eq!(sum(&all).major, 60);
}

proptest! {
    #[test]
    fn the_bar_counts_what_was_said_to_be_so_at_the_time(
        deeds in prop::collection::vec((1_u8..4, 0_u8..8, 0_u8..4), 1..60),
    ) {
        let x: base::Name = "x".parse().unwrap();
        let all = ["operational", "degraded_performance", "partial_outage", "major_outage"];
        let mut told = Told::default();
        told.component(-6_000, "x", "X");
        let mut minutes = std::collections::BTreeMap::<&str, i64>::new();
        for (now, (incident, deed, is)) in (0_i64..).zip(deeds) {
            let (id, is) = (format!("INC-{incident}"), all[usize::from(is)]);
            let subject = format!("incident/{id}");
            let word = |status: &str| json!({"status": status, "components": {"x": is}});
            match deed {
                0..4 => told.say(now, &id, "x", word("identified")),
                4 => told.say(now, &id, "x", word("resolved")),
                5 => told.say(now, &id, "x", json!({"status": "monitoring"})),
                6 => told.act(now, &subject, "incident.resolved/1", json!({})),
                _ => told.act(now, &subject, "incident.reopened/1", json!({})),
            };
            *minutes.entry(told.page.status_of(&x, at(now)).as_str()).or_default() += 1;
            let share = sum(&days(&told.page, &x, at(now + 1), 0));
            let of = |status: &str| minutes.get(status).copied().unwrap_or_default();
            prop_assert_eq!(share.major, of("major_outage"));
            prop_assert_eq!(share.partial, of("partial_outage"));
            prop_assert_eq!(share.degraded, of("degraded_performance"));
        }
    }

    #[test]
    fn the_parts_of_a_day_add_up_to_the_minutes_that_have_passed(
        words in prop::collection::vec((0_i64..5_000, 0_u8..4), 0..12),
        counts in prop::collection::vec(0_u16..=1_440, 4),
        now in 0_i64..1_000,
    ) {
        let mut told = Told::default();
        told.component(-6_000, "x", "X");
        for (day, minutes) in (1..).zip(&counts) {
            measured(&mut told, day, *minutes);
        }
        let mut words = words;
        words.sort_unstable();
        for (ago, kind) in words.into_iter().rev() {
            let is = ["operational", "degraded_performance", "partial_outage", "major_outage"];
            let is = is[usize::from(kind)];
            told.say(-ago, "INC-1", "x", json!({"status": "identified", "components": {"x": is}}));
        }
        let all = days(&told.page, &"x".parse().unwrap(), at(now), 480);
        for day in &all[..DAYS - 1] {
            prop_assert_eq!(day.share.total(), 1_440);
            prop_assert!(day.share.well >= 0 && day.share.unknown >= 0);
        }
        let today = (TO_MIDNIGHT + now) % 1_440;
        prop_assert_eq!(all[DAYS - 1].share.total(), today);
        // Nothing before the component stood there is known to be well.
        prop_assert_eq!(all[0].share.well, 0);
    }
}
