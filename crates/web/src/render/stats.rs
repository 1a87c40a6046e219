//! The numbers of `incident::stats` as the API's JSON: durations in whole milliseconds, shares in
//! parts per million. What is not known is `null`, never zero.

use base::Timestamp;
use incident::stats::{
    Interval, LEVEL, MeanNumber, Numbers, Outcome, PhaseNumbers, Question, RESAMPLES, Repair,
    Sample, Survival, Trend, Uptime,
};
use serde_json::{Map, Value, json};

/// All of them.
pub(crate) fn numbers(numbers: &Numbers, question: &Question, now: Timestamp, seed: u64) -> Value {
    let noticed = numbers.noticed;
    let internally = noticed.internally() as f64 / numbers.incidents as f64;
    json!({
        "at": now,
        "asked": {
            "drills": question.drills,
            "phase": question.phase.map(|phase| phase.word()),
            "service": question.service,
            "severity": question.severity,
            "since": question.since,
            "until": question.until,
        },
        "incidents": numbers.incidents,
        "open": numbers.open,
        "left_out": {
            "drills": numbers.left_out_drills,
            "duplicates": numbers.left_out_duplicates,
        },
        "detected_internally": {
            "at_least_ppm": (numbers.incidents > 0).then(|| ppm(internally)),
            "by_alert": noticed.alert,
            "by_program": noticed.program,
            "unknown": noticed.unknown,
        },
        "method": {
            "quantiles": "Hyndman and Fan 1996, definition 7",
            "median_interval": "percentile bootstrap",
            "mean_interval": "BCa bootstrap",
            "survival": "Kaplan-Meier, Greenwood's variance on the log-log scale",
            "level_ppm": ppm(LEVEL),
            "resamples": RESAMPLES,
            "seed": seed,
        },
        "phases": numbers.phases.iter().map(phase).collect::<Vec<_>>(),
        "means": numbers.means.iter().map(mean).collect::<Vec<_>>(),
        "repair": numbers.repair.as_ref().map(repair),
    })
}

/// Whole milliseconds.
fn ms(value: f64) -> i64 {
    value.round() as i64
}

/// Parts per million.
fn ppm(share: f64) -> i64 {
    (share * 1e6).round() as i64
}

fn interval_ms(interval: Option<Interval>) -> Value {
    json!(interval.map(|it| json!({"low": ms(it.low), "high": ms(it.high)})))
}

fn phase(numbers: &PhaseNumbers) -> Value {
    let incidents: Vec<Value> = numbers
        .incidents
        .iter()
        .map(|(id, outcome)| {
            let (state, took_ms) = match outcome {
                Outcome::Took(ms) => ("over", Some(*ms)),
                Outcome::Ongoing(ms) => ("ongoing", Some(*ms)),
                Outcome::Missing { .. } => ("missing", None),
                Outcome::Contradictory => ("contradictory", None),
            };
            json!({"incident": id, "state": state, "took_ms": took_ms})
        })
        .collect();
    let mut value = json!({
        "phase": numbers.phase.word(),
        "from": numbers.phase.from().word(),
        "to": numbers.phase.to().word(),
        "n": numbers.done,
        "ongoing": numbers.ongoing,
        "missing": {
            "either": numbers.missing,
            "from": numbers.missing_from,
            "to": numbers.missing_to,
        },
        "contradictory": numbers.contradictory,
        "incidents": incidents,
        "survival": numbers.survival.as_ref().map(survival),
        "trend": numbers.trend.as_ref().map(trend),
    });
    if let Value::Object(fields) = &mut value {
        fields.extend(sample(numbers.sample.as_ref()));
    }
    value
}

fn sample(sample: Option<&Sample>) -> Map<String, Value> {
    let ecdf: Vec<Value> = sample
        .into_iter()
        .flat_map(|sample| sample.ecdf.iter().map(move |step| (step, sample.n)))
        .map(|(step, n)| {
            json!({"at_ms": step.at_ms, "share_ppm": ppm(step.count as f64 / n as f64)})
        })
        .collect();
    let quantiles = sample.map(|sample| {
        let quantiles = &sample.quantiles;
        json!({
            "p25": ms(quantiles.p25_ms),
            "p50": ms(quantiles.p50_ms),
            "p75": ms(quantiles.p75_ms),
            "p90": ms(quantiles.p90_ms),
        })
    });
    Map::from_iter([
        ("ecdf".to_owned(), json!(ecdf)),
        ("quantiles_ms".to_owned(), json!(quantiles)),
        (
            "mean_ms".to_owned(),
            json!(sample.map(|sample| ms(sample.mean_ms))),
        ),
        (
            "median_interval_ms".to_owned(),
            interval_ms(sample.and_then(|sample| sample.median_interval)),
        ),
        (
            "mean_interval_ms".to_owned(),
            interval_ms(sample.and_then(|sample| sample.mean_interval)),
        ),
    ])
}

fn survival(survival: &Survival) -> Value {
    let steps: Vec<Value> = survival
        .steps
        .iter()
        .map(|step| {
            json!({
                "at_ms": step.at_ms,
                "at_risk": step.at_risk,
                "ended": step.ended,
                "share_ppm": ppm(step.share),
                "low_ppm": step.band.map(|(low, _)| ppm(low)),
                "high_ppm": step.band.map(|(_, high)| ppm(high)),
            })
        })
        .collect();
    json!({
        "median_ms": survival.median_ms,
        "low_ms": survival.low_ms,
        "high_ms": survival.high_ms,
        "steps": steps,
    })
}

fn trend(trend: &Trend) -> Value {
    match trend {
        Trend::Refused { why } => json!({"shown": false, "why": why}),
        Trend::Shown {
            ratio,
            interval,
            level,
            earlier,
            later,
        } => json!({
            "shown": true,
            "ratio_ppm": ppm(*ratio),
            "low_ppm": ppm(interval.low),
            "high_ppm": ppm(interval.high),
            "level_ppm": ppm(*level),
            "earlier": {"n": earlier.n, "median_ms": earlier.median_ms},
            "later": {"n": later.n, "median_ms": later.median_ms},
        }),
    }
}

fn mean(number: &MeanNumber) -> Value {
    json!({
        "mean": number.mean.word(),
        "is": number.mean.is(),
        "value_ms": number.value_ms.map(ms),
        "n": number.n,
        "interval_ms": interval_ms(number.interval),
        "cannot_say": number.mean.cannot_say(),
    })
}

fn repair(repair: &Repair) -> Value {
    let services: Vec<Value> = repair
        .services
        .iter()
        .map(|(service, uptime)| {
            let mut value = self::uptime(uptime);
            if let Value::Object(fields) = &mut value {
                fields.insert("service".to_owned(), json!(service));
            }
            value
        })
        .collect();
    json!({
        "since": repair.since,
        "until": repair.until,
        "services": services,
        "overall": uptime(&repair.overall),
        "without_service": repair.without_service,
    })
}

fn uptime(uptime: &Uptime) -> Value {
    json!({
        "watched_ms": uptime.watched_ms,
        "down_ms": uptime.down_ms,
        "failures": uptime.failures(),
        "undated": uptime.undated,
        "still_down": uptime.still_down,
        "mttf_ms": uptime.mttf_ms().map(ms),
        "mean_down_ms": uptime.mean_down_ms().map(ms),
        "mtbf_ms": uptime.mtbf_ms().map(ms),
    })
}
