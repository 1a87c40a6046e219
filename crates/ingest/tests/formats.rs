//! Whole bodies: what real tools sent, samples of our own, and anything at all.
//!
//! `data/alertmanager-0.25-*` are webhooks that Alertmanager 0.25.0 sent to a loopback receiver
//! (`max_alerts: 2`), `data/prometheus-2.42-*` are what Prometheus 2.42.0 posted to
//! `/api/v2/alerts`; both byte for byte. The others are written by hand.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use base::Timestamp;
use incident::{
    ANNOTATION_VALUE_BYTES_MAX, AlertSignal, LABEL_NAME_BYTES_MAX, LABEL_VALUE_BYTES_MAX,
    LABELS_MAX, Phase,
};
use ingest::pagerduty::{Event, events_v2};
use ingest::{
    BODY_BYTES_MAX, Dropped, Parsed, SIGNAL_TEXT_BYTES_MAX, alertmanager, label_fingerprint,
    prometheus, reason,
};
use proptest::prelude::*;

const AM_FIRING: &[u8] = include_bytes!("data/alertmanager-0.25-firing.json");
const AM_RESOLVED: &[u8] = include_bytes!("data/alertmanager-0.25-resolved.json");
const AM_TRUNCATED: &[u8] = include_bytes!("data/alertmanager-0.25-truncated.json");
const AM_UNICODE: &[u8] = include_bytes!("data/alertmanager-0.25-unicode.json");
const AM_PLAIN: &[u8] = include_bytes!("data/alertmanager-plain.json");
const PROM_FIRING: &[u8] = include_bytes!("data/prometheus-2.42-firing.json");
const PROM_RESOLVED: &[u8] = include_bytes!("data/prometheus-2.42-resolved.json");
const PROM_PLAIN: &[u8] = include_bytes!("data/prometheus-plain.json");
const PD_TRIGGER: &[u8] = include_bytes!("data/pagerduty-trigger.json");
const PD_ACKNOWLEDGE: &[u8] = include_bytes!("data/pagerduty-acknowledge.json");
const PD_RESOLVE: &[u8] = include_bytes!("data/pagerduty-resolve.json");

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn dropped(reason: &'static str, count: u64) -> Dropped {
    Dropped { reason, count }
}

/// The fingerprint that follows from a signal's labels (right while none were cut).
fn recomputed(signal: &AlertSignal) -> String {
    label_fingerprint(
        signal
            .labels
            .iter()
            .map(|(name, value)| (&**name, &**value)),
    )
}

#[test]
fn the_real_alertmanager_fires_and_resolves_one_alert() {
    let firing = alertmanager::webhook(AM_FIRING).unwrap();
    let [signal] = &firing.signals[..] else {
        panic!("{firing:?}")
    };
    assert_eq!(signal.phase, Phase::Firing);
    assert_eq!(signal.source.as_str(), "alertmanager");
    assert_eq!(signal.title.as_str(), "Checkout fails for 12 % of requests");
    assert_eq!(signal.fingerprint.as_str(), "a4ed21bc52e026c3");
    assert_eq!(signal.fingerprint.as_str(), recomputed(signal));
    assert_eq!(signal.starts_at, Some(at("2026-11-21T06:38:43.123Z")));
    assert_eq!(signal.ends_at, None);
    assert_eq!((signal.labels.len(), signal.lost_bytes), (6, 0));
    assert_eq!(
        &*signal.annotations["description"],
        "The error ratio is above 10 % for five minutes.\nIt was 0.2 % an hour ago."
    );
    assert_eq!(
        &*signal.annotations["generatorURL"],
        "http://prometheus.example.org:9090/graph?g0.expr=errors"
    );
    assert_eq!((&firing.dropped[..], firing.truncated), (&[][..], 0));

    let resolved = alertmanager::webhook(AM_RESOLVED).unwrap();
    let mut expected = signal.clone();
    expected.phase = Phase::Resolved;
    expected.ends_at = Some(at("2026-11-21T06:40:48.063Z"));
    assert_eq!(resolved.signals, [expected]);
}

#[test]
fn truncated_alerts_are_counted_and_not_resolved() {
    let parsed = alertmanager::webhook(AM_TRUNCATED).unwrap();
    assert_eq!(parsed.truncated, 2);
    assert_eq!(parsed.signals.len(), 2);
    assert!(
        parsed
            .signals
            .iter()
            .all(|signal| signal.phase == Phase::Firing)
    );
    assert!(
        parsed
            .signals
            .iter()
            .all(|signal| signal.fingerprint.as_str() == recomputed(signal))
    );
    assert_eq!(parsed.signals[1].title.as_str(), "DiskFull (db-2:9100)");
}

#[test]
fn what_forges_lines_is_taken_out_and_the_rest_of_unicode_stays() {
    let parsed = alertmanager::webhook(AM_UNICODE).unwrap();
    let signal = &parsed.signals[0];
    assert_eq!(signal.title.as_str(), "Zu viel  zu  tun <b>&amp;");
    assert_eq!(&*signal.labels["grund"], "größer \" \\ 日本 😀");
    assert_eq!(signal.fingerprint.as_str(), recomputed(signal));
    assert_eq!(parsed.dropped, [dropped(reason::CHARACTER, 2)]);
    assert_eq!(signal.lost_bytes, 4);
}

#[test]
fn a_webhook_without_fingerprints_gets_alertmanagers_own() {
    let parsed = alertmanager::webhook(AM_PLAIN).unwrap();
    let [firing, resolved] = &parsed.signals[..] else {
        panic!("{parsed:?}")
    };
    assert_eq!(firing.fingerprint.as_str(), recomputed(firing));
    assert_eq!(firing.starts_at, Some(at("2026-11-21T06:38:43.999Z")));
    assert_eq!(firing.title.as_str(), "QueueGrows");
    assert_eq!(resolved.fingerprint.as_str(), "1122334455667788");
    assert_eq!(resolved.ends_at, Some(at("2026-11-21T06:30:00Z")));
}

#[test]
fn the_real_prometheus_leases_and_resolves() {
    let now = at("2026-11-21T06:42:50Z");
    let firing = prometheus::v2_alerts(PROM_FIRING, now).unwrap();
    let [grows, always] = &firing.signals[..] else {
        panic!("{firing:?}")
    };
    assert_eq!(grows.source.as_str(), "prometheus");
    assert_eq!(grows.phase, Phase::Firing);
    assert_eq!(grows.starts_at, Some(at("2026-11-21T06:42:34.599Z")));
    assert_eq!(grows.ends_at, Some(at("2026-11-21T06:43:06.599Z")));
    assert_eq!(grows.fingerprint.as_str(), recomputed(grows));
    assert_eq!(grows.title.as_str(), "The order queue grows on");
    assert!(grows.annotations["generatorURL"].ends_with("&g0.tab=1"));
    assert_eq!(always.title.as_str(), "AlwaysOn");

    let resolved = prometheus::v2_alerts(PROM_RESOLVED, now).unwrap();
    let [ended] = &resolved.signals[..] else {
        panic!("{resolved:?}")
    };
    assert_eq!(ended.phase, Phase::Resolved);
    assert_eq!(
        (&ended.fingerprint, ended.starts_at),
        (&grows.fingerprint, grows.starts_at)
    );
    assert_eq!(ended.ends_at, Some(at("2026-11-21T06:42:48.599Z")));
}

#[test]
fn alerts_that_alertmanager_would_turn_away_are_counted() {
    let parsed = prometheus::v2_alerts(PROM_PLAIN, at("2026-11-21T07:00:00Z")).unwrap();
    let phases: Vec<_> = parsed.signals.iter().map(|signal| signal.phase).collect();
    assert_eq!(phases, [Phase::Firing, Phase::Resolved, Phase::Firing]);
    // What Alertmanager 0.25.0 gave for the labels of the first.
    assert_eq!(parsed.signals[0].fingerprint.as_str(), "8d07b427d90c7f1d");
    assert_eq!(parsed.signals[0].starts_at, None);
    let expected = [
        dropped(reason::ALERT_ENDS_BEFORE_START, 1),
        dropped(reason::ALERT_WITHOUT_IDENTITY, 1),
    ];
    assert_eq!(parsed.dropped, expected);
}

#[test]
fn an_event_is_triggered_acknowledged_and_resolved() {
    let triggered = events_v2(PD_TRIGGER).unwrap();
    let signal = &triggered.signal;
    assert_eq!(
        triggered.routing_key.expose(),
        "0123456789abcdef0123456789abcdef"
    );
    assert_eq!(signal.fingerprint.as_str(), "db-1/replication");
    assert_eq!(signal.source.as_str(), "pagerduty");
    assert_eq!(signal.title.as_str(), "Replication of db-1 is 40 s behind");
    let labels: Vec<(&str, &str)> = signal.labels.iter().map(|(k, v)| (&**k, &**v)).collect();
    assert_eq!(
        labels,
        [
            ("class", "replication lag"),
            ("component", "postgresql"),
            ("drill", "true"),
            ("group", "databases"),
            ("service", "orders"),
            ("severity", "error"),
            ("source", "db-1.example.org"),
        ]
    );
    let annotations: Vec<(&str, &str)> = signal
        .annotations
        .iter()
        .map(|(k, v)| (&**k, &**v))
        .collect();
    assert_eq!(
        annotations,
        [
            ("client", "Sample monitor"),
            ("client_url", "https://monitor.example.org/checks/17"),
            ("lag seconds", "40.5"),
            ("note", "line one\nline two"),
            ("summary", "Replication of db-1 is 40 s behind"),
            ("timestamp", "2026-11-21T06:38:43.500Z"),
        ]
    );
    assert_eq!(
        triggered.dropped,
        [dropped(reason::NAME, 1), dropped(reason::NESTED, 1)]
    );
    let lost = "summary".len() + "not the summary".len() + r#"peers["db-2", "db-3"]"#.len();
    assert_eq!(signal.lost_bytes, lost as u64);

    let acknowledged = events_v2(PD_ACKNOWLEDGE).unwrap();
    assert_eq!(acknowledged.signal.phase, Phase::Acknowledged);
    assert_eq!(acknowledged.signal.fingerprint, signal.fingerprint);
    let resolved = events_v2(PD_RESOLVE).unwrap();
    assert_eq!(resolved.signal.phase, Phase::Resolved);
    assert_eq!(resolved.signal.fingerprint, signal.fingerprint);
    assert_eq!(resolved.signal.ends_at, Some(at("2026-11-21T07:00:00Z")));
}

#[test]
fn a_body_at_the_limit_is_read_and_one_byte_more_is_not() {
    let mut body = AM_FIRING.to_vec();
    body.resize(BODY_BYTES_MAX, b' ');
    assert!(alertmanager::webhook(&body).is_ok());
    body.push(b' ');
    let refused = alertmanager::webhook(&body).unwrap_err().to_string();
    assert!(refused.contains("at most 1048576 are read"), "{refused}");
    assert!(prometheus::v2_alerts(&body, Timestamp::from_ms(0)).is_err());
    assert!(events_v2(&body).is_err());
}

fn check(signal: &AlertSignal) {
    for (map, value_max) in [
        (&signal.labels, LABEL_VALUE_BYTES_MAX),
        (&signal.annotations, ANNOTATION_VALUE_BYTES_MAX),
    ] {
        assert!(map.len() <= LABELS_MAX);
        for (name, value) in map {
            assert!((1..=LABEL_NAME_BYTES_MAX).contains(&name.len()), "{name}");
            assert!((1..=value_max).contains(&value.len()), "{name}");
            let hidden = |c: char| c.is_control() && c != '\n' && c != '\t';
            assert!(
                !value.contains(hidden) && !value.contains('\u{202e}'),
                "{value:?}"
            );
        }
    }
    assert!(
        !signal
            .labels
            .values()
            .any(|value| value.contains(char::is_control))
    );
    let written = record::canonical::to_vec(&(&signal.labels, &signal.annotations)).unwrap();
    assert!(written.len() <= SIGNAL_TEXT_BYTES_MAX + 8);
}

/// Reads the body as each format, twice; checks every signal that comes out.
fn read_as_everything(body: &[u8]) -> (Option<Parsed>, Option<Parsed>, Option<Event>) {
    let now = at("2026-11-21T06:42:50Z");
    let read = || {
        (
            alertmanager::webhook(body),
            prometheus::v2_alerts(body, now),
            events_v2(body),
        )
    };
    let first = read();
    assert_eq!(first, read(), "the same bytes mean the same");
    let (webhook, posted, event) = first;
    let lists = webhook
        .iter()
        .chain(&posted)
        .flat_map(|parsed| &parsed.signals);
    lists
        .chain(event.iter().map(|event| &event.signal))
        .for_each(check);
    let all = webhook
        .iter()
        .chain(&posted)
        .flat_map(|parsed| &parsed.dropped);
    for dropped in all.chain(event.iter().flat_map(|event| &event.dropped)) {
        assert!(reason::ALL.contains(&dropped.reason) && dropped.count > 0);
    }
    (webhook.ok(), posted.ok(), event.ok())
}

fn texts(value_chars: &'static str) -> impl Strategy<Value = serde_json::Value> {
    let name = prop_oneof![
        Just("alertname".to_owned()),
        Just("summary".to_owned()),
        Just("severity".to_owned()),
        "[a-z]{1,3}",
        ".{0,140}",
    ];
    let value = prop_oneof!["[a-z]{0,9}", value_chars];
    let map = proptest::collection::btree_map(name, value, 0..45);
    map.prop_map(|map| serde_json::to_value(map).unwrap())
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        read_as_everything(&body);
    }

    #[test]
    fn real_bodies_with_damage_are_read_or_refused(
        which in 0..11_usize,
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0..3_u8), 0..4),
    ) {
        let mut body = [
            AM_FIRING, AM_RESOLVED, AM_TRUNCATED, AM_UNICODE, AM_PLAIN, PROM_FIRING, PROM_RESOLVED,
            PROM_PLAIN, PD_TRIGGER, PD_ACKNOWLEDGE, PD_RESOLVE,
        ][which].to_vec();
        let whole = damage.is_empty();
        for (index, byte, how) in damage {
            let place = index.index(body.len());
            match how {
                0 => body[place] = byte,
                1 => body.insert(place, byte),
                _ => drop(body.remove(place)),
            }
        }
        let (webhook, posted, event) = read_as_everything(&body);
        if whole {
            prop_assert!(webhook.is_some() || posted.is_some() || event.is_some());
        }
    }

    #[test]
    fn well_formed_bodies_are_read_whatever_their_text(
        labels in texts(".{0,600}"),
        annotations in texts("[\"\\\\\n\u{202e}a]{0,2200}"),
        fingerprint in proptest::option::of("[0-9a-f]{16}"),
        dedup_key in ".{0,255}",
    ) {
        let alert = serde_json::json!({
            "status": "firing", "labels": labels, "annotations": annotations,
            "fingerprint": fingerprint, "startsAt": "2026-11-21T06:00:00Z",
        });
        let body = serde_json::json!({"version": "4", "alerts": [alert]}).to_string();
        prop_assert!(read_as_everything(body.as_bytes()).0.is_some());
        let body = serde_json::json!([alert]).to_string();
        prop_assert!(read_as_everything(body.as_bytes()).1.is_some());
        let body = serde_json::json!({
            "routing_key": "k", "event_action": "trigger", "dedup_key": dedup_key,
            "payload": {"summary": "s", "source": "h", "severity": "info", "custom_details": annotations},
        });
        prop_assert!(read_as_everything(body.to_string().as_bytes()).2.is_some());
    }
}
