//! Alertmanager's webhook and API v2: every signal is within its bounds, and parsing repeats.
#![no_main]

use base::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let now = Timestamp::from_ms(1_700_000_000_000);
    let both = [
        ingest::alertmanager::webhook(data),
        ingest::prometheus::v2_alerts(data, now),
    ];
    for parsed in both.iter().flatten() {
        for signal in &parsed.signals {
            assert!(signal.labels.len() <= 32 && signal.annotations.len() <= 32);
            assert!(signal.labels.values().all(|value| value.len() <= 512));
            assert!(
                signal
                    .annotations
                    .values()
                    .all(|value| value.len() <= 2_048)
            );
        }
    }
    assert_eq!(
        format!("{:?}", both),
        format!(
            "{:?}",
            [
                ingest::alertmanager::webhook(data),
                ingest::prometheus::v2_alerts(data, now)
            ]
        )
    );
});
