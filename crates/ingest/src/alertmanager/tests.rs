//! What the webhook refuses, and what it makes of what is missing.

use crate::bounds::reason;

use super::*;

fn complaint(body: &str) -> String {
    webhook(body.as_bytes()).unwrap_err().to_string()
}

fn one(alert: &str) -> Result<Parsed, BadInput> {
    webhook(format!(r#"{{"version":"4","alerts":[{alert}]}}"#).as_bytes())
}

#[test]
fn only_version_4_is_read() {
    assert_eq!(complaint("{}"), "version: is missing");
    assert_eq!(
        complaint(r#"{"version":"3"}"#),
        "version: must be `4`, not `3`"
    );
    assert_eq!(
        complaint(r#"{"version":4}"#),
        "version: must be a string, not a number"
    );
    assert_eq!(complaint("[]"), "body: must be an object, not an array");
    assert_eq!(
        complaint(r#"{"version":"4","version":"4"}"#),
        "body: duplicate field `version`"
    );
}

#[test]
fn a_notification_without_alerts_tells_nothing() {
    for body in [
        r#"{"version":"4"}"#,
        r#"{"version":"4","alerts":null}"#,
        r#"{"version":"4","alerts":[]}"#,
    ] {
        assert_eq!(
            webhook(body.as_bytes()).unwrap(),
            Parsed::default(),
            "{body}"
        );
    }
}

#[test]
fn complaints_name_the_place() {
    let cases = [
        (r#"null"#, "alerts[0]: must be an object, not null"),
        (r#"{}"#, "alerts[0].status: is missing"),
        (
            r#"{"status":"pending"}"#,
            "alerts[0].status: must be `firing` or `resolved`, not `pending`",
        ),
        (
            r#"{"status":"firing","labels":[]}"#,
            "alerts[0].labels: must be an object, not an array",
        ),
        (
            r#"{"status":"firing","labels":{"a":1}}"#,
            "alerts[0].labels.a: must be a string, not a number",
        ),
        (
            r#"{"status":"firing","labels":{"a":"1","a":"2"}}"#,
            "alerts[0].labels.a: stands here twice",
        ),
        (
            r#"{"status":"firing","startsAt":"soon"}"#,
            "alerts[0].startsAt: `soon` is not a time like 2017-12-21T07:30:00Z (RFC 3339)",
        ),
        (
            r#"{"status":"firing","fingerprint":"a\nb"}"#,
            "alerts[0].fingerprint: is no identity: character U+000A at byte 1 is not allowed",
        ),
        (
            r#"{"status":"firing","status":"firing"}"#,
            "alerts[0]: duplicate field `status`",
        ),
    ];
    for (alert, expected) in cases {
        assert_eq!(one(alert).unwrap_err().to_string(), expected);
    }
    let truncated = complaint(r#"{"version":"4","truncatedAlerts":-1}"#);
    assert_eq!(truncated, "truncatedAlerts: must be a whole number from 0");
}

#[test]
fn the_title_is_the_summary_else_the_name_else_the_identity() {
    let title = |alert: &str| one(alert).unwrap().signals[0].title.to_string();
    assert_eq!(
        title(
            r#"{"status":"firing","labels":{"alertname":"A","instance":"i"},"annotations":{"summary":"It\nburns"}}"#
        ),
        "It burns"
    );
    assert_eq!(
        title(r#"{"status":"firing","labels":{"alertname":"A","instance":"i"}}"#),
        "A (i)"
    );
    assert_eq!(
        title(r#"{"status":"firing","labels":{"alertname":"A"},"annotations":{"summary":" "}}"#),
        "A"
    );
    assert_eq!(
        title(r#"{"status":"firing","fingerprint":"00ff"}"#),
        "alert 00ff"
    );
}

#[test]
fn one_alert_without_identity_does_not_take_the_others_along() {
    let parsed =
        one(r#"{"status":"firing"},{"status":"firing","labels":{"alertname":"A"}}"#).unwrap();
    assert_eq!(parsed.signals.len(), 1);
    assert_eq!(parsed.dropped[0].reason, reason::ALERT_WITHOUT_IDENTITY);
}

#[test]
fn links_are_kept_whole_or_counted() {
    let kept = |url: &str| {
        let alert = format!(r#"{{"status":"firing","labels":{{"a":"b"}},"generatorURL":"{url}"}}"#);
        let parsed = one(&alert).unwrap();
        let lost: u64 = parsed.dropped.iter().map(|dropped| dropped.count).sum();
        assert_eq!(lost > 0, parsed.signals[0].lost_bytes > 0);
        (
            parsed.signals[0].annotations.contains_key("generatorURL"),
            lost,
        )
    };
    assert_eq!(kept("http://prometheus.example.org/graph"), (true, 0));
    assert_eq!(kept(""), (false, 0));
    assert_eq!(kept("javascript:alert(1)"), (false, 1));
    assert_eq!(kept("http://a b/"), (false, 1));
    assert_eq!(kept(&format!("http://{}/", "a".repeat(2_048))), (false, 1));
}
