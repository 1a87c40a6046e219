//! Data whose answers others have published, or computed with other programs.

use super::*;
use crate::stats::survival::Time;

fn near(found: f64, wanted: f64) {
    let close = (found - wanted).abs() <= 1e-9 * wanted.abs().max(1.0);
    assert!(close, "{found} is not {wanted}");
}

#[test]
fn quantiles_are_those_of_numpy() {
    // numpy.quantile([15, 20, 35, 40, 50, 51], [0.25, 0.5, 0.75, 0.9])
    let sample = Sample::of(&[15, 20, 35, 40, 50, 51], 1).unwrap();
    near(sample.quantiles.p25_ms, 23.75);
    near(sample.quantiles.p50_ms, 37.5);
    near(sample.quantiles.p75_ms, 47.5);
    near(sample.quantiles.p90_ms, 50.5);
    near(sample.mean_ms, 211.0 / 6.0);
    let one = Sample::of(&[7], 1).unwrap().quantiles;
    assert_eq!((one.p25_ms, one.p90_ms), (7.0, 7.0));
}

#[test]
fn the_empirical_distribution_counts_what_is_equal_together() {
    let steps = Sample::of(&[1, 1, 4, 9, 9, 9], 1).unwrap().ecdf;
    let pairs: Vec<(i64, usize)> = steps.iter().map(|it| (it.at_ms, it.count)).collect();
    assert_eq!(pairs, [(1, 2), (4, 3), (9, 6)]);
}

/// Weeks in remission under 6-mercaptopurine (Freireich et al., Blood 21:6, 1963): the example in
/// every textbook on survival. The band is that of R's `survfit(conf.type = "log-log")`.
#[test]
fn the_kaplan_meier_curve_is_the_one_in_the_textbooks() {
    let ended = [6, 6, 6, 7, 10, 13, 16, 22, 23];
    let went_on = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35];
    let mut times: Vec<Time> = went_on.map(|ms| Time { ms, over: false }).to_vec();
    times.extend(ended.map(|ms| Time { ms, over: true }));
    let survival = Survival::of(&times).unwrap();
    assert_eq!(
        (survival.median_ms, survival.low_ms, survival.high_ms),
        (Some(23), Some(13), None)
    );
    let wanted = [
        (6, 21, 3, 0.857_142_857, 0.619_717_955, 0.951_551_748),
        (7, 17, 1, 0.806_722_689, 0.563_146_565, 0.922_809_022),
        (10, 15, 1, 0.752_941_176, 0.503_199_511, 0.889_361_835),
        (13, 12, 1, 0.690_196_078, 0.431_610_222, 0.849_065_963),
        (16, 11, 1, 0.627_450_980, 0.367_510_856, 0.804_912_189),
        (22, 7, 1, 0.537_815_126, 0.267_778_937, 0.746_790_718),
        (23, 6, 1, 0.448_179_272, 0.188_052_006, 0.680_142_628),
    ];
    assert_eq!(survival.steps.len(), wanted.len());
    for (step, (at_ms, at_risk, ended, share, low, high)) in survival.steps.iter().zip(wanted) {
        assert_eq!(
            (step.at_ms, step.at_risk, step.ended),
            (at_ms, at_risk, ended)
        );
        let band = step.band.unwrap();
        for (found, wanted) in [(step.share, share), (band.0, low), (band.1, high)] {
            assert!(
                (found - wanted).abs() < 1e-8,
                "{found} is not {wanted} at {at_ms}"
            );
        }
    }
}

#[test]
fn when_everything_is_over_the_last_step_has_no_band() {
    let times: Vec<Time> = (1..=4).map(|ms| Time { ms, over: true }).collect();
    let survival = Survival::of(&times).unwrap();
    assert_eq!(survival.median_ms, Some(2));
    assert_eq!(survival.steps[3].band, None);
    let none_over = Survival::of(&[Time { ms: 5, over: false }]).unwrap();
    assert_eq!((none_over.median_ms, none_over.steps.len()), (None, 0));
}

/// `scipy.stats.bootstrap` with 200,000 resamples says: the percentile interval of the median 5 to
/// 61.5, BCa of the mean 16.7 to 76.4. Two thousand resamples come near.
#[test]
fn bootstrap_intervals_are_near_those_of_scipy_and_the_same_every_time() {
    let values = [2, 3, 5, 8, 13, 21, 34, 55, 89, 144];
    let sample = Sample::of(&values, 7).unwrap();
    let (median, mean) = (
        sample.median_interval.unwrap(),
        sample.mean_interval.unwrap(),
    );
    assert!(
        (3.9..=6.6).contains(&median.low) && (54.9..=66.0).contains(&median.high),
        "{median:?}"
    );
    assert!(
        (16.0..=17.5).contains(&mean.low) && (73.0..=80.0).contains(&mean.high),
        "{mean:?}"
    );
    assert_eq!(Sample::of(&values, 7).unwrap(), sample);
    assert_ne!(Sample::of(&values, 8).unwrap(), sample);
    let few = Sample::of(&values[..5], 7).unwrap();
    assert_eq!((few.median_interval, few.mean_interval), (None, None));
    let equal = Sample::of(&[4; 9], 7).unwrap();
    assert_eq!(
        equal.mean_interval,
        Some(Interval {
            low: 4.0,
            high: 4.0
        })
    );
}

#[test]
fn overlapping_incidents_are_one_failure_and_the_window_cuts_both_ends() {
    let mut rows = vec![
        repaired(1, HOUR, HOUR),
        // Overlaps the first, so the service is down from 1 to 3.
        repaired(2, HOUR + 30 * MINUTE, 90 * MINUTE),
        repaired(3, 5 * HOUR, 30 * MINUTE),
        // Open, so down until now.
        Row {
            resolved: None,
            status: Status::Investigating,
            ..repaired(4, 9 * HOUR, 0)
        },
        // Nobody knows since when.
        Row {
            impact_start: None,
            ..repaired(5, 7 * HOUR, HOUR)
        },
    ];
    rows.push(Row {
        service: None,
        ..repaired(6, 6 * HOUR, HOUR)
    });
    let [checkout, search]: [ServiceName; 2] = ["checkout", "search"].map(|it| it.parse().unwrap());
    let watched = Watched {
        services: [checkout.clone(), search.clone()].into(),
        ..watched(10 * HOUR)
    };
    let repair = numbers(&rows, &Question::default(), &watched, 1)
        .unwrap()
        .repair
        .unwrap();
    let uptime = repair.services[&checkout];
    assert_eq!(uptime.down_ms, 2 * HOUR + 30 * MINUTE + HOUR);
    assert_eq!(
        (
            uptime.spells,
            uptime.undated,
            uptime.failures(),
            uptime.still_down
        ),
        (3, 1, 4, 1)
    );
    assert_eq!(
        uptime.mttf_ms(),
        Some((6 * HOUR + 30 * MINUTE) as f64 / 4.0)
    );
    assert_eq!(
        uptime.mean_down_ms(),
        Some((3 * HOUR + 30 * MINUTE) as f64 / 3.0)
    );
    let healthy = repair.services[&search];
    assert_eq!(
        (healthy.failures(), healthy.mttf_ms(), healthy.mtbf_ms()),
        (0, None, None)
    );
    assert_eq!(repair.without_service, 1);
    assert_eq!(repair.overall.watched_ms, 20 * HOUR);
    assert_eq!(
        repair.overall.mttf_ms(),
        Some((16 * HOUR + 30 * MINUTE) as f64 / 4.0)
    );
    // A window that begins while it is down, and ends while it is down.
    let (since, until) = (Some(at(5 * HOUR)), Some(at(5 * HOUR + 20 * MINUTE)));
    let question = Question {
        since,
        until,
        ..Question::default()
    };
    let cut = numbers(&rows, &question, &watched, 1)
        .unwrap()
        .repair
        .unwrap();
    assert_eq!(cut.services[&checkout].down_ms, 20 * MINUTE);
    assert_eq!(cut.services[&checkout].still_down, 1);
}

fn why(times: &[Time], unknown: usize) -> String {
    match trend::of(times, unknown, 1, 1) {
        Trend::Refused { why } => why,
        shown => panic!("{shown:?}"),
    }
}

fn over(ms: impl IntoIterator<Item = i64>) -> Vec<Time> {
    ms.into_iter().map(|ms| Time { ms, over: true }).collect()
}

#[test]
fn a_trend_that_the_data_cannot_carry_is_refused_with_the_reason() {
    let few = over((0..39).map(|number| 100 + number));
    assert!(
        why(&few, 0).starts_with("19 in the earlier half are over"),
        "{}",
        why(&few, 0)
    );
    let same = over((0..80).map(|number| 100 + number * 37 % 80));
    assert!(
        why(&same, 0).contains("no change at all"),
        "{}",
        why(&same, 0)
    );
    assert!(
        why(&same, 81).contains("81 incidents lack its times"),
        "{}",
        why(&same, 81)
    );
    let zero = over((0..80).map(|number| number % 2));
    assert!(why(&zero, 0).contains("zero"), "{}", why(&zero, 0));
    let mut open = over((0..120).map(|number| 100 + number));
    for time in open.iter_mut().skip(60).step_by(5) {
        time.over = true;
    }
    for (place, time) in open.iter_mut().enumerate().skip(60) {
        (time.ms, time.over) = if place % 5 < 2 {
            (100, true)
        } else {
            (1_000, false)
        };
    }
    assert!(
        why(&open, 0).contains("too many go on"),
        "{}",
        why(&open, 0)
    );
}

#[test]
fn a_trend_that_leaves_no_doubt_is_shown_with_its_interval() {
    let slower = over((0..80).map(|number| (100 + number % 40) * if number < 40 { 1 } else { 4 }));
    let Trend::Shown {
        ratio,
        interval,
        level,
        earlier,
        later,
    } = trend::of(&slower, 0, 1, 1)
    else {
        panic!("it is refused");
    };
    assert_eq!((earlier.n, later.n), (40, 40));
    assert_eq!(ratio, 4.0);
    assert!(
        1.0 < interval.low && interval.low < 4.0 && 4.0 < interval.high,
        "{interval:?}"
    );
    assert_eq!(level, 0.95);
    // Who looks at six phases finds something by chance six times as often.
    let Trend::Shown {
        interval: wider,
        level,
        ..
    } = trend::of(&slower, 0, 6, 1)
    else {
        panic!("it is refused");
    };
    assert!((level - (1.0 - 0.05 / 6.0)).abs() < 1e-12);
    assert!(
        wider.low < interval.low && interval.high < wider.high,
        "{wider:?}"
    );
}
