//! When a CA is asked; that it is asked at all is tried with a real one in hereby's tests.

use super::*;

/// Within the first hour a CA is asked five times at most.
#[test]
fn a_ca_that_refuses_is_asked_less_and_less_often() {
    for chance in [0, u64::MAX / 2, u64::MAX] {
        let mut at_ms = 0;
        let mut in_first_hour = 1;
        for failures in 0..40 {
            let wait_ms = backoff_ms(failures, chance);
            assert!(wait_ms <= BACKOFF_MS_MAX * 9 / 8);
            at_ms += wait_ms;
            in_first_hour += u32::from(at_ms < 3_600_000);
        }
        assert_eq!(in_first_hour, 5);
        assert!(backoff_ms(u32::MAX, chance) >= BACKOFF_MS_MAX * 7 / 8);
    }
}

#[test]
fn a_certificate_that_is_not_there_is_due_at_once() {
    assert_eq!(due_ms(Path::new("/nowhere"), 1, 1), 0);
}
