//! What is in the picture: every incident, what is missing, the numbers in words; well-formed
//! whatever comes.

use std::collections::BTreeSet;

use base::{IncidentId, Severity, Timestamp};
use incident::stats::{Noticed, Row, Watched, numbers};
use language::Language;
use record::kinds::incident::Status;

use super::scale::lasts;
use super::*;
use crate::console::words;

const MINUTE: i64 = 60_000;

fn now() -> Timestamp {
    "2026-03-01T00:00:00.000Z".parse().unwrap()
}

/// An incident that was repaired after so many minutes; none: it has been open for 70 minutes.
fn row(number: u32, minutes: Option<i64>) -> Row {
    let start = now().plus_ms(-60 * MINUTE - i64::from(number) * 24 * 60 * MINUTE);
    let start = minutes.map_or(now().plus_ms(-70 * MINUTE), |_| start);
    Row {
        acknowledged: None,
        awaited_since: start,
        declared: start,
        detected: None,
        diagnosed: None,
        drill: false,
        duplicate: false,
        id: IncidentId::from_number(number),
        impact_start: Some(start),
        mitigated: None,
        noticed: Noticed::Alert,
        resolved: minutes.map(|minutes| start.plus_ms(minutes * MINUTE)),
        service: Some("checkout".parse().unwrap()),
        severity: Severity::from_number(2).unwrap(),
        status: match minutes {
            Some(_) => Status::Resolved,
            None => Status::Investigating,
        },
    }
}

fn drawn(rows: &[Row], question: &Question) -> String {
    drawn_in(Language::English, rows, question)
}

fn drawn_in(language: Language, rows: &[Row], question: &Question) -> String {
    let watched = Watched {
        since: now().plus_ms(-365 * 24 * 60 * MINUTE),
        now: now(),
        services: BTreeSet::new(),
    };
    let numbers = numbers(rows, question, &watched, 1).unwrap();
    svg(&Picture {
        numbers: &numbers,
        question,
        now: now(),
        words: words(language),
    })
}

fn repair() -> Question {
    Question {
        phase: Some(Phase::Repair),
        ..Question::default()
    }
}

/// That every element is closed, in order; attributes are quoted. Enough of XML for what is written
/// here.
fn assert_well_formed(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = svg;
    while let Some((text, tag)) = rest.split_once('<') {
        assert!(
            !text.contains('>') || open.last() == Some(&"style"),
            "{text}"
        );
        let (tag, behind) = tag.split_once('>').expect("a tag that ends");
        rest = behind;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else {
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            if !tag.ends_with('/') {
                open.push(tag.split([' ', '\n']).next().unwrap());
            }
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn every_incident_is_a_dot_and_what_goes_on_points_on() {
    let mut rows: Vec<Row> = (1..=12)
        .map(|number| row(number, Some(5 * i64::from(number))))
        .collect();
    rows.push(row(13, None));
    let svg = drawn(&rows, &repair());
    assert_well_formed(&svg);
    for number in 1..=12 {
        assert!(
            svg.contains(&format!("<title>INC-{number} took ")),
            "{number}"
        );
    }
    assert!(svg.contains("<title>INC-13 is open, for 1 h 10 min</title>"));
    // Nobody knows how the curve that counts open ones goes on behind the last incident.
    let curve = svg
        .lines()
        .rfind(|line| line.starts_with("<path class=\"km\""))
        .unwrap();
    let end: f64 = curve
        .trim_end_matches("\"/>")
        .rsplit('H')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(end < 900.0, "{curve}");
    // One more of each stands in the legend.
    assert_eq!(svg.matches("class=\"dot\"").count(), 13);
    assert_eq!(svg.matches("class=\"open\"").count(), 2);
    assert_eq!(svg.matches("class=\"km\"").count(), 2);
    assert!(svg.contains(">n 12, 1 still open</text>"), "{svg}");
    assert!(svg.contains(">median 35 min, 95 %: "), "{svg}");
    assert!(svg.contains("detected internally: at least 13 of 13"));
}

#[test]
fn without_open_incidents_there_is_one_curve_and_the_samples_own_median() {
    let rows: Vec<Row> = (1..=5)
        .map(|number| row(number, Some(i64::from(number))))
        .collect();
    let svg = drawn(&rows, &repair());
    assert_eq!(svg.matches("class=\"km\"").count(), 1, "the legend's");
    assert!(
        svg.contains(">median 3.0 min, too few for an interval</text>"),
        "{svg}"
    );
}

#[test]
fn a_phase_that_nobody_dated_says_so_and_draws_nothing() {
    let svg = drawn(&[row(1, Some(5))], &Question::default());
    assert_well_formed(&svg);
    assert!(
        svg.contains("nothing to show: impact start or detected is missing"),
        "{svg}"
    );
    assert!(
        svg.contains("To detect: n 0, 1 missing a stamp; no median."),
        "in the description"
    );
    let none = drawn(&[], &Question::default());
    assert_well_formed(&none);
    assert!(none.contains("0 incidents"));
}

#[test]
fn a_picture_speaks_one_language() {
    let rows = [row(1, Some(5)), row(2, None)];
    let english = drawn(&rows, &Question::default());
    let german = drawn_in(Language::German, &rows, &Question::default());
    assert_well_formed(&german);
    assert!(german.contains("lang=\"de\"") && german.contains("Wie lange es dauerte: 2 Vorfälle"));
    // What both say is what is no word: ids, lengths of time, shares, and the names of methods.
    let said = |svg: &str| -> BTreeSet<String> {
        let texts = svg
            .split("<text")
            .skip(1)
            .filter_map(|it| it.split_once('>'));
        let texts = texts.filter_map(|(_, rest)| rest.split_once('<'));
        texts.map(|(text, _)| text.to_owned()).collect()
    };
    let (english, german) = (said(&english), said(&german));
    let same = english.intersection(&german);
    let words = same.filter(|text| text.chars().filter(|it| it.is_alphabetic()).count() > 3);
    assert_eq!(words.collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn what_is_written_cannot_leave_its_element() {
    assert_eq!(
        escaped("<a href='x'>&\"\u{1}"),
        "&lt;a href=&#39;x&#39;&gt;&amp;&quot;\u{fffd}"
    );
}

#[test]
fn the_axis_goes_from_tick_to_tick_and_a_decade_takes_as_much_everywhere() {
    let scale = Scale::of([90_000, 5 * 3_600_000].into_iter());
    assert_eq!((scale.low_ms, scale.high_ms), (MINUTE, 6 * 60 * MINUTE));
    let step = |from: f64| scale.place(from * 10.0) - scale.place(from);
    assert!((step(60_000.0) - step(600_000.0)).abs() < 1e-9);
    // A logarithm knows no zero: it stands at the beginning.
    let from_zero = Scale::of([0, 5_000].into_iter());
    assert_eq!((from_zero.low_ms, from_zero.place(0.0)), (1_000, 0.0));
    assert_eq!(from_zero.ticks().next().unwrap().1, "≤ 1 s");
    let same = Scale::of([60_000, 60_000].into_iter());
    assert!(same.low_ms < same.high_ms);
    let ages = Scale::of([1, 100 * 365 * 24 * 60 * MINUTE].into_iter());
    assert!((ages.place(1e18) - 1.0).abs() < 1e-12);
}

#[test]
fn lengths_of_time_are_said_in_two_units() {
    let said: Vec<String> = [0.0, 999.4, 1_000.0, 61_000.0, 3_600_000.0, 90_000_000.0]
        .into_iter()
        .map(lasts)
        .collect();
    assert_eq!(
        said,
        ["0 ms", "999 ms", "1 s", "1 min 1 s", "1 h", "1 d 1 h"]
    );
}
