//! What a person reads of the numbers.

use serde_json::{Value, json};

use super::{Stats, lines, short, strip::Axis, trend, wire};

fn phase(name: &str, changes: Value) -> Value {
    let mut value = json!({
        "phase": name, "from": "impact_start", "to": "resolved",
        "n": 3, "ongoing": 0, "missing": {"either": 0, "from": 0, "to": 0}, "contradictory": 0,
        "incidents": [
            {"incident": "INC-1", "state": "over", "took_ms": 60_000},
            {"incident": "INC-2", "state": "over", "took_ms": 600_000},
            {"incident": "INC-3", "state": "over", "took_ms": 6_000_000},
        ],
        "quantiles_ms": {"p25": 330_000, "p50": 600_000, "p75": 3_300_000, "p90": 4_920_000},
        "mean_ms": 2_220_000, "median_interval_ms": null, "mean_interval_ms": null,
        "ecdf": [], "survival": null, "trend": null,
    });
    for (name, change) in changes.as_object().unwrap() {
        value[name] = change.clone();
    }
    value
}

fn stats(phases: &[Value], changes: Value) -> Stats {
    let mut value = json!({
        "at": "2024-07-01T00:00:00.000Z",
        "asked": {"drills": false, "phase": null},
        "incidents": 4, "open": 1, "left_out": {"drills": 2, "duplicates": 0},
        "detected_internally": {"at_least_ppm": 750_000, "by_alert": 2, "by_program": 1, "unknown": 1},
        "phases": phases,
        "means": [
            {"mean": "mttr", "value_ms": 2_220_000, "n": 3, "interval_ms": null, "cannot_say": "How long the next one takes."},
        ],
        "repair": null,
    });
    for (name, change) in changes.as_object().unwrap() {
        value[name] = change.clone();
    }
    wire::one(&value).unwrap()
}

fn text(stats: &Stats) -> String {
    let lines = lines(stats, Some(80));
    lines.iter().map(|line| line.render(false)).collect()
}

#[test]
fn what_is_known_what_is_missing_and_what_a_mean_cannot_say_stand_together() {
    let open = json!({
        "ongoing": 1, "survival": {"median_ms": 600_000, "low_ms": 60_000, "high_ms": null},
        "missing": {"either": 2, "from": 2, "to": 1},
    });
    let nothing = json!({
        "n": 0, "incidents": [], "quantiles_ms": null, "to": "mitigated",
        "missing": {"either": 4, "from": 0, "to": 4},
    });
    let repair = json!({
        "since": "2024-01-01T00:00:00.000Z", "until": "2024-07-01T00:00:00.000Z",
        "services": [
            {"service": "checkout", "failures": 2, "undated": 1, "still_down": 1, "down_ms": 7_200_000, "mttf_ms": 86_400_000, "mtbf_ms": 90_000_000},
            {"service": "search", "failures": 0, "undated": 0, "still_down": 0, "down_ms": 0, "mttf_ms": null, "mtbf_ms": null},
        ],
        "without_service": 1,
    });
    let stats = stats(
        &[phase("repair", open), phase("mitigate", nothing)],
        json!({ "repair": repair }),
    );
    assert_eq!(
        text(&stats),
        "\
4 incidents, 1 open. Left out: 2 drills.
Detected internally: at least 3 of 4 (75 %), 2 by an alert that had fired
before, 1 declared by a program. Of the other 1 the record does not say whether
a customer noticed first.

PHASE     N  OPEN  MISSING  MEDIAN    95 %             FROM
repair    3  1     2        10 min *  1.0 min or more  impact start to resolved
mitigate  0  0     4        -         -                impact start to mitigated

OF THOSE OVER  P25      P50     P75     P90    1.0 min TO 1.7 h
repair         5.5 min  10 min  55 min  1.4 h  █···········█··········█
mitigate       -        -       -       -      ························
* Kaplan-Meier: open ones count for as long as they have lasted. What is said of
those over is too short while some are open.

MEAN  VALUE   95 %  N  WHAT IT CAN'T SAY
MTTR  37 min  -     3  How long the next one takes.

SERVICE   FAILURES  DOWN   MTTF   MTBF
checkout  2         2.0 h  1.0 d  1.0 d  still down, 1 without impact-start
From 2024-01-01 to 2024-07-01. 1 service did not fail. 1 incident without a
service: not counted here.
"
    );
}

#[test]
fn one_phase_alone_comes_with_every_incident() {
    let one = json!({
        "missing": {"either": 1, "from": 1, "to": 0},
        "contradictory": 1,
        "incidents": [
            {"incident": "INC-1", "state": "over", "took_ms": 400},
            {"incident": "INC-2", "state": "ongoing", "took_ms": 90_000},
            {"incident": "INC-3", "state": "missing", "took_ms": null},
            {"incident": "INC-4", "state": "contradictory", "took_ms": null},
        ],
    });
    let asked = json!({"asked": {"drills": false, "phase": "repair"}, "means": []});
    let text = text(&stats(&[phase("repair", one)], asked));
    for line in [
        "repair: the times of 1 incident contradict each other.",
        "Missing: 1 without impact-start, 0 without resolved. Who knows a time says it:",
        "INC-1     400 ms\n",
        "INC-2     1.5 min so far\n",
        "INC-3     missing\n",
        "INC-4     its times contradict each other\n",
    ] {
        assert!(text.contains(line), "{line} is missing:\n{text}");
    }
}

#[test]
fn a_trend_is_said_with_its_doubt_or_refused_with_the_reason() {
    let shown = json!({"trend": {
        "shown": true, "ratio_ppm": 2_500_000, "low_ppm": 1_600_000, "high_ppm": 3_400_000, "level_ppm": 991_667,
        "earlier": {"n": 40, "median_ms": 720_000}, "later": {"n": 41, "median_ms": 1_800_000},
    }});
    let refused = json!({"trend": {"shown": false, "why": "too few are over"}});
    let stats = stats(
        &[
            phase("repair", shown),
            phase("detect", refused),
            phase("declare", json!({})),
        ],
        json!({}),
    );
    let said: Vec<String> = stats.phases.iter().filter_map(trend).collect();
    assert_eq!(said.len(), 2);
    assert!(said[0].starts_with(
        "repair: longer. The later half's median is 2.50 times the earlier half's (99.2 %: 1.60 to \
         3.40): 12 min of 40, then 30 min of 41."
    ), "{}", said[0]);
    assert_eq!(said[1], "detect: none is said. Too few are over.");
}

#[test]
fn durations_keep_two_digits_and_never_become_zero() {
    let said = [
        0,
        400,
        1_000,
        59_000,
        492_000,
        1_200_000,
        5_400_000,
        259_200_000,
    ]
    .map(short);
    assert_eq!(
        said,
        [
            "0 ms", "400 ms", "1.0 s", "59 s", "8.2 min", "20 min", "1.5 h", "3.0 d"
        ]
    );
}

#[test]
fn a_strip_shows_a_single_value_beside_many() {
    let mut values = vec![1_000; 500];
    values.push(1_000_000);
    let axis = Axis::of(values.iter().copied()).unwrap();
    let strip = axis.strip(&values);
    assert_eq!(strip.chars().count(), 24);
    assert!(strip.starts_with('█') && strip.ends_with('▁'), "{strip}");
    assert!(Axis::of(std::iter::empty()).is_none());
    // All in one place, and shorter than the axis goes.
    let zero = Axis::of([0, 0].into_iter()).unwrap();
    assert!(zero.strip(&[0, 0]).starts_with('█'));
}
