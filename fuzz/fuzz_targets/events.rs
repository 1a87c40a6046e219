//! PagerDuty Events v2: within bounds, and the routing key never shows.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(event) = ingest::pagerduty::events_v2(data) {
        assert!(event.signal.labels.len() <= 32);
        let key = event.routing_key.expose();
        if key.len() >= 16 {
            assert!(!format!("{:?}", event.routing_key).contains(key));
        }
        serde_json::from_str::<serde_json::Value>(&ingest::pagerduty::accepted(&event.dedup_key))
            .expect("the answer is JSON");
    }
});
