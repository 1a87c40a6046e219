//! Leases, ends and missing starts.

use super::*;

const NOW: &str = "2026-11-21T07:00:00.000Z";

fn read(body: &str) -> Result<Parsed, BadInput> {
    v2_alerts(body.as_bytes(), NOW.parse().unwrap())
}

#[test]
fn an_end_that_has_come_resolves_and_a_later_one_is_a_lease() {
    for (ends_at, phase) in [
        ("2026-11-21T06:59:59.999Z", Phase::Resolved),
        ("2026-11-21T07:00:00Z", Phase::Resolved),
        ("2026-11-21T07:00:00.001Z", Phase::Firing),
        ("0001-01-01T00:00:00Z", Phase::Firing),
    ] {
        let parsed = read(&format!(
            r#"[{{"labels":{{"a":"b"}},"endsAt":"{ends_at}"}}]"#
        ))
        .unwrap();
        assert_eq!(parsed.signals[0].phase, phase, "{ends_at}");
        assert_eq!(
            parsed.signals[0].ends_at.is_some(),
            !ends_at.starts_with("0001")
        );
    }
}

#[test]
fn a_missing_start_is_not_made_up() {
    for start in [
        "",
        r#","startsAt":null"#,
        r#","startsAt":"0001-01-01T00:00:00Z""#,
    ] {
        let parsed = read(&format!(r#"[{{"labels":{{"a":"1"}}{start}}}]"#)).unwrap();
        assert_eq!(parsed.signals[0].starts_at, None);
        assert_eq!(parsed.signals[0].fingerprint.as_str(), "d3b971819376d835");
    }
}

#[test]
fn complaints_name_the_place() {
    for (body, expected) in [
        ("{}", "body: must be an array, not an object"),
        ("[null]", "[0]: must be an object, not null"),
        (
            r#"[{"labels":{"a":"b"}},{"labels":{"a":{}}}]"#,
            "[1].labels.a: must be a string, not an object",
        ),
    ] {
        assert_eq!(read(body).unwrap_err().to_string(), expected);
    }
    assert_eq!(read("[]").unwrap(), Parsed::default());
}
