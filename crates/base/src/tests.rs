//! Every identifier has one spelling; what does not have it is refused.

use proptest::prelude::*;

use crate::{Actor, AlertId, CommandId, IncidentId, Line, Name, PersonName, Prose, Severity};
use crate::{BadText, Timestamp, TokenId};

#[test]
fn a_timestamp_is_written_like_the_day_in_december() {
    let at: Timestamp = "2017-12-21T07:30:00.000Z".parse().unwrap();
    assert_eq!(at.as_ms(), 1_513_841_400_000);
    assert_eq!(at.to_string(), "2017-12-21T07:30:00.000Z");
    assert_eq!(
        Timestamp::from_ms(0).to_string(),
        "1970-01-01T00:00:00.000Z"
    );
    assert_eq!(
        Timestamp::from_ms(i64::MIN).to_string(),
        "0000-01-01T00:00:00.000Z"
    );
    assert_eq!(
        Timestamp::from_ms(i64::MAX).to_string(),
        "9999-12-31T23:59:59.999Z"
    );
}

#[test]
fn a_timestamp_has_one_spelling() {
    for text in [
        "2017-12-21T07:30:00Z",
        "2017-12-21T07:30:00.000+00:00",
        "2017-12-21 07:30:00.000Z",
        "2017-02-29T00:00:00.000Z",
        "2017-12-21T24:00:00.000Z",
        "2017-12-21T07:30:60.000Z",
        "+017-12-21T07:30:00.000Z",
        "",
    ] {
        assert!(text.parse::<Timestamp>().is_err(), "{text}");
    }
    let loose = Timestamp::parse_rfc3339("2017-12-21T08:30:00.123456+01:00").unwrap();
    assert_eq!(loose.to_string(), "2017-12-21T07:30:00.123Z");
    assert!(Timestamp::parse_rfc3339("yesterday").is_err());
}

proptest! {
    #[test]
    fn timestamps_agree_with_jiff(ms in -62_167_219_200_000_i64..=253_402_207_200_999) {
        let at = Timestamp::from_ms(ms);
        let theirs: jiff::Timestamp = at.to_string().parse().unwrap();
        prop_assert_eq!(theirs.as_millisecond(), ms);
        prop_assert_eq!(at.to_string().parse::<Timestamp>().unwrap(), at);
    }

    #[test]
    fn hex_ids_round_trip(bytes: [u8; 16]) {
        let id = AlertId::from_bytes(bytes);
        prop_assert_eq!(id.to_string().parse::<AlertId>().unwrap(), id);
    }

    #[test]
    fn cleaned_text_is_always_valid(text in "\\PC{0,300}|.{0,300}") {
        if let Some((line, _)) = Line::clean(&text) {
            prop_assert!(line.as_str().parse::<Line>().is_ok());
        }
    }
}

#[test]
fn names_are_lower_case_words() {
    for good in ["sam", "alex.b", "a", "team-1", "x_y"] {
        assert!(good.parse::<PersonName>().is_ok(), "{good}");
    }
    let long = "a".repeat(65);
    for bad in [
        "",
        "Sam",
        "-sam",
        "sam.",
        "sam smith",
        "sám",
        "a/b",
        long.as_str(),
    ] {
        assert!(bad.parse::<PersonName>().is_err(), "{bad}");
    }
    assert!("tok-0123456789abcdef".parse::<TokenId>().is_ok());
    assert!("tok-0123456789ABCDEF".parse::<TokenId>().is_err());
    assert!("a b".parse::<CommandId>().is_err());
}

#[test]
fn incidents_and_severities_are_short() {
    assert_eq!("INC-42".parse::<IncidentId>().unwrap().number(), 42);
    for bad in [
        "INC-0",
        "INC-042",
        "inc-1",
        "INC-",
        "INC-1x",
        "INC-4294967296",
    ] {
        assert!(bad.parse::<IncidentId>().is_err(), "{bad}");
    }
    assert_eq!("SEV2".parse::<Severity>().unwrap(), "2".parse().unwrap());
    for bad in ["0", "6", "SEV", "22", "+1"] {
        assert!(bad.parse::<Severity>().is_err(), "{bad}");
    }
}

#[test]
fn text_refuses_what_forges_lines() {
    assert_eq!(
        "a\nb".parse::<Line>(),
        Err(BadText::Character { code: 10, at: 1 })
    );
    assert!("a\nb".parse::<Prose>().is_ok());
    assert!("a\u{202E}b".parse::<Prose>().is_err());
    assert!("a\u{1b}[31m".parse::<Prose>().is_err());
    assert_eq!("  ".parse::<Line>(), Err(BadText::Empty));
    assert!("x".repeat(201).parse::<Line>().is_err());
    let (line, lost) = Line::clean("disk\nfull").unwrap();
    assert_eq!((line.as_str(), lost), ("disk full", true));
}

#[test]
fn actors_read_as_a_person_would_say_them() {
    let uid = Actor::Uid {
        id: 1000,
        on_behalf_of: Some("sam".parse().unwrap()),
    };
    assert_eq!(uid.to_string(), "sam (uid 1000)");
    let json = serde_json::to_string(&uid).unwrap();
    assert_eq!(json, r#"{"type":"uid","for":"sam","id":1000}"#);
    let back: Actor = serde_json::from_str(&json).unwrap();
    assert_eq!(back, uid);
    let name: Name = "alertmanager".parse().unwrap();
    assert_eq!(Actor::Service { id: name }.person(), None);
}
