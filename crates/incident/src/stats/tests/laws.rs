//! What holds of the numbers whatever the incidents are.

use proptest::prelude::*;

use super::*;

fn any_row() -> impl Strategy<Value = Row> {
    let moment = || proptest::option::weighted(0.7, 0..200 * HOUR);
    let moments = (moment(), moment(), moment(), moment(), moment(), moment());
    let status = prop_oneof![
        Just(Status::Investigating),
        Just(Status::Identified),
        Just(Status::Monitoring)
    ];
    (0..200 * HOUR, moments, status).prop_map(|(declared, moments, status)| {
        let (start, detected, diagnosed, mitigated, acknowledged, resolved) = moments;
        Row {
            impact_start: start.map(at),
            detected: detected.map(at),
            diagnosed: diagnosed.map(at),
            mitigated: mitigated.map(at),
            acknowledged: acknowledged.map(at),
            resolved: resolved.map(at),
            status,
            ..row(1, declared)
        }
    })
}

fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    proptest::collection::vec(any_row(), 0..40).prop_map(|rows| {
        let numbered = rows.into_iter().zip(1..);
        numbered
            .map(|(row, number)| Row {
                id: IncidentId::from_number(number),
                ..row
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_incident_is_somewhere_and_nowhere_twice(rows in any_rows()) {
        let all = all(&rows, 200 * HOUR);
        for phase in &all.phases {
            let sum = phase.done + phase.ongoing + phase.missing + phase.contradictory;
            prop_assert_eq!(sum, rows.len());
            prop_assert_eq!(phase.incidents.len(), rows.len());
            prop_assert!(phase.missing <= phase.missing_from + phase.missing_to);
        }
        let noticed = all.noticed;
        prop_assert_eq!(noticed.internally() + noticed.unknown, rows.len());
    }

    #[test]
    fn quantiles_and_curves_rise_and_intervals_are_the_right_way_round(rows in any_rows()) {
        for phase in &all(&rows, 200 * HOUR).phases {
            if let Some(sample) = &phase.sample {
                let q = sample.quantiles;
                prop_assert!(q.p25_ms <= q.p50_ms && q.p50_ms <= q.p75_ms && q.p75_ms <= q.p90_ms);
                prop_assert_eq!(sample.ecdf.last().unwrap().count, sample.n);
                prop_assert!(sample.ecdf.is_sorted_by(|a, b| a.at_ms < b.at_ms && a.count < b.count));
                for interval in [sample.median_interval, sample.mean_interval].into_iter().flatten() {
                    prop_assert!(interval.low <= interval.high);
                }
            }
            if let Some(survival) = &phase.survival {
                prop_assert!(survival.steps.is_sorted_by(|a, b| a.share > b.share));
                for step in &survival.steps {
                    let (low, high) = step.band.unwrap_or((step.share, step.share));
                    prop_assert!(low <= step.share && step.share <= high);
                }
            }
        }
    }

    #[test]
    fn when_nothing_goes_on_the_curve_is_what_the_empirical_distribution_leaves(
        took in proptest::collection::vec(0..50_i64, 1..60)
    ) {
        let all = all(&lasting(&took), 9_000 * HOUR);
        let repair = of(&all, Phase::Repair);
        let (sample, survival) = (repair.sample.as_ref().unwrap(), repair.survival.as_ref().unwrap());
        prop_assert_eq!(sample.ecdf.len(), survival.steps.len());
        for (step, curve) in sample.ecdf.iter().zip(&survival.steps) {
            let share = 1.0 - step.count as f64 / sample.n as f64;
            prop_assert_eq!(step.at_ms, curve.at_ms);
            prop_assert!((share - curve.share).abs() < 1e-9);
        }
    }

    #[test]
    fn the_order_in_which_incidents_are_handed_in_changes_nothing(rows in any_rows()) {
        let mut turned = rows.clone();
        turned.reverse();
        let question = Question { trend: true, ..Question::default() };
        let watched = watched(200 * HOUR);
        prop_assert_eq!(
            numbers(&rows, &question, &watched, 3).unwrap(),
            numbers(&turned, &question, &watched, 3).unwrap()
        );
    }

    #[test]
    fn no_service_is_down_for_longer_than_it_is_watched(rows in any_rows()) {
        let repair = all(&rows, 200 * HOUR).repair.unwrap();
        for uptime in repair.services.values() {
            prop_assert!(0 <= uptime.down_ms && uptime.down_ms <= uptime.watched_ms);
        }
    }
}
