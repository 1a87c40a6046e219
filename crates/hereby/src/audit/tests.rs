//! What a violation becomes as an alert.

use super::*;

fn violation(of: &str, what: &str) -> Violation {
    Violation {
        invariant: Invariant::Roles,
        of: of.to_owned(),
        entry: Some(5),
        at: Timestamp::from_ms(1_513_841_400_000),
        what: what.to_owned(),
    }
}

#[test]
fn a_violation_is_the_same_alert_whenever_it_is_found_and_of_a_live_state_one_for_each_start() {
    let (first, second) = (Timestamp::from_ms(1), Timestamp::from_ms(2));
    let roles = violation("INC-1:sam", "sam is both");
    assert_eq!(signal(&roles, first), signal(&roles, second));
    let live = Violation {
        invariant: Invariant::Fold,
        ..roles
    };
    assert_ne!(signal(&live, first), signal(&live, second));
}

#[test]
fn what_is_longer_than_a_line_is_cut_at_a_character() {
    let long = violation("INC-1:sam", &"ä".repeat(300));
    let alert = signal(&long, Timestamp::from_ms(1)).unwrap();
    assert!(alert.title.as_str().starts_with("Invariant violated: ä"));
    assert!(alert.title.as_str().len() <= LINE_BYTES);
}

#[test]
fn every_invariant_is_in_the_metrics_from_the_start_on() {
    let found = Found::new();
    let audited = found.audited();
    assert_eq!(audited.violations.len(), Invariant::ALL.len());
    assert!(audited.violations.iter().all(|(_, count)| *count == 0));
    assert_eq!(audited.last_success, None);
    found.count(Invariant::Roles);
    assert!(found.audited().violations.contains(&("roles", 1)));
}
