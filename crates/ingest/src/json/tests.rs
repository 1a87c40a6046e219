//! What is refused, and how the refusal reads.

use super::*;

#[derive(Debug, Deserialize)]
struct Sample<'a> {
    #[serde(borrow)]
    one: Option<&'a RawValue>,
}

fn complaint<T: fmt::Debug>(result: Result<T, BadInput>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_body_is_bounded_json_in_utf_8() {
    assert!(body(b" {\"a\": [1, 2]}\n").is_ok());
    assert_eq!(
        complaint(body(b"\"\xff\"")),
        "the body is not JSON: it is not UTF-8 at byte 1"
    );
    for bytes in [&b""[..], b"{", b"{} x", b"nul", b"{\"a\":1,}", b"\"\x01\""] {
        let complaint = complaint(body(bytes));
        assert!(
            complaint.starts_with("the body is not JSON: "),
            "{complaint}"
        );
    }
    let mut full = vec![b' '; BODY_BYTES_MAX - 2];
    full.extend(b"{}");
    assert!(body(&full).is_ok());
    full.push(b'\n');
    assert_eq!(
        body(&full).unwrap_err(),
        BadInput::TooLarge {
            bytes: BODY_BYTES_MAX + 1
        }
    );
}

#[test]
fn depth_costs_no_stack() {
    let deep = format!(
        "{{\"x\":{}{},\"one\":1}}",
        "[".repeat(400_000),
        "]".repeat(400_000)
    );
    let sample: Sample<'_> = object(body(deep.as_bytes()).unwrap(), &Place::Body).unwrap();
    assert_eq!(sample.one.unwrap().get(), "1");
}

#[test]
fn keys_stand_once() {
    let raw = body(br#"{"one":1,"one":2}"#).unwrap();
    let read: Result<Sample<'_>, _> = object(raw, &Place::Body);
    assert_eq!(complaint(read), "body: duplicate field `one`");
    let raw = body(br#"{"b":1,"a":2,"\u0062":3}"#).unwrap();
    assert_eq!(
        complaint(pairs(raw, &Place::Field(&Place::Body, "labels"))),
        "labels.b: stands here twice"
    );
    let raw = body(br#"{"b\n\u202e":1,"b\n\u202e":2}"#).unwrap();
    assert_eq!(
        complaint(pairs(raw, &Place::Body)),
        "b\\n\\u{202e}: stands here twice"
    );
}

#[test]
fn kinds_are_told_apart_and_an_array_is_no_object() {
    let raw = body(b"[1]").unwrap();
    let read: Result<Sample<'_>, _> = object(raw, &Place::Body);
    assert_eq!(complaint(read), "body: must be an object, not an array");
    let kinds = [
        ("7", "a number"),
        ("-1", "a number"),
        ("null", "null"),
        ("false", "true or false"),
    ];
    for (text, kind) in kinds {
        let raw = body(text.as_bytes()).unwrap();
        assert_eq!(
            complaint(string(raw, &Place::Body)),
            format!("body: must be a string, not {kind}")
        );
    }
}

#[test]
fn strings_are_unescaped_and_half_characters_refused() {
    let text = |raw: &'static str| string(body(raw.as_bytes()).unwrap(), &Place::Body);
    assert_eq!(text(r#""plain ü""#).unwrap(), "plain ü");
    assert_eq!(
        text(r#""a\"\\\n\u00fc\ud83d\ude00""#).unwrap(),
        "a\"\\\nü😀"
    );
    assert!(complaint(text(r#""\ud83d""#)).starts_with("body: "));
}

#[test]
fn numbers_are_whole_and_times_have_a_zone() {
    let number = |raw: &'static str| count(Some(body(raw.as_bytes()).unwrap()), &Place::Body);
    assert_eq!(number("18446744073709551615").unwrap(), u64::MAX);
    for wrong in ["-1", "1.5", "1e3", "\"1\"", "18446744073709551616", "[]"] {
        assert_eq!(
            complaint(number(wrong)),
            "body: must be a whole number from 0"
        );
    }
    let at = |raw: &'static str| time(Some(body(raw.as_bytes()).unwrap()), &Place::Body);
    assert_eq!(at("\"0001-01-01T00:00:00Z\"").unwrap(), None);
    assert_eq!(
        at("\"1970-01-01T01:00:00.0019+01:00\"").unwrap(),
        Some(Timestamp::from_ms(1))
    );
    assert_eq!(
        at("\"1970-01-01T00:00:00.000+0000\"").unwrap(),
        Some(Timestamp::from_ms(0))
    );
    for wrong in [
        "\"\"",
        "\"yesterday\"",
        "\"2026-11-21T06:00:00\"",
        "\"2026-11-21\"",
    ] {
        assert!(
            complaint(at(wrong)).contains("is not a time like"),
            "{wrong}"
        );
    }
}

#[test]
fn arrays_are_counted_to_their_end_and_refused_with_advice() {
    let array = |items: usize| format!("[{}]", vec!["0"; items].join(","));
    let full = array(ALERTS_MAX);
    assert_eq!(
        alerts(Some(body(full.as_bytes()).unwrap()), &Place::Body)
            .unwrap()
            .len(),
        ALERTS_MAX
    );
    let over = array(ALERTS_MAX + 7);
    let refused = alerts(Some(body(over.as_bytes()).unwrap()), &Place::Body).unwrap_err();
    assert_eq!(
        refused,
        BadInput::TooMany {
            alerts: ALERTS_MAX + 7
        }
    );
    assert!(refused.to_string().contains("max_alerts"));
}

#[test]
fn what_is_quoted_is_short_and_on_one_line() {
    let text = quoted(&format!("a\n\u{1b}\u{202e}{}", "x".repeat(100)));
    assert!(text.starts_with("`a\\n\\u{1b}\\u{202e}xxx"), "{text}");
    assert!(text.ends_with("x…`") && text.len() < 90, "{text}");
}
