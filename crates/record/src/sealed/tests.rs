//! Sealed text opens with its key in its place, and nowhere else.

use base::{ActId, CommandDigest, KeyRef, Prose};

use super::{CannotOpen, Place, Sealable, SubjectKey, seal};

fn place(field: &str) -> Place<'_> {
    Place {
        act: ActId::from_bytes([1; 16]),
        digest: CommandDigest::from_bytes([2; 16]),
        field,
    }
}

fn name() -> KeyRef {
    "incident/INC-7".parse().unwrap()
}

#[test]
fn sealed_text_opens_only_where_it_was_sealed() {
    let key = SubjectKey::from_bytes([7; 32]);
    let sealed = seal(
        &key,
        &name(),
        &place("body.text"),
        "the customer is Ünal & Sons",
    );
    assert_eq!(
        sealed.open(&key, &place("body.text")).unwrap(),
        "the customer is Ünal & Sons"
    );
    assert_eq!(sealed.open(&key, &place("why")), Err(CannotOpen::Mismatch));
    let elsewhere = Place {
        act: ActId::from_bytes([9; 16]),
        ..place("body.text")
    };
    assert_eq!(sealed.open(&key, &elsewhere), Err(CannotOpen::Mismatch));
    let other = SubjectKey::from_bytes([8; 32]);
    assert_eq!(
        sealed.open(&other, &place("body.text")),
        Err(CannotOpen::Mismatch)
    );
}

#[test]
fn sealing_is_deterministic_and_never_reuses_a_nonce_for_other_text() {
    let key = SubjectKey::from_bytes([7; 32]);
    let first = seal(&key, &name(), &place("why"), "one");
    assert_eq!(first, seal(&key, &name(), &place("why"), "one"));
    let other = seal(&key, &name(), &place("why"), "two");
    assert_ne!(first.ct.get(..16), other.ct.get(..16));
}

#[test]
fn both_forms_round_trip_through_json() {
    let key = SubjectKey::from_bytes([7; 32]);
    let mut text: Sealable<Prose> = Sealable::Open("root's crontab".parse().unwrap());
    let open = serde_json::to_string(&text).unwrap();
    assert_eq!(open, r#""root's crontab""#);
    text.seal(&key, &name(), &place("body.text"));
    let sealed = serde_json::to_string(&text).unwrap();
    assert!(sealed.starts_with(r#"{"sealed":{"ct":""#), "{sealed}");
    assert!(!sealed.contains("crontab"));
    let mut back: Sealable<Prose> = serde_json::from_str(&sealed).unwrap();
    back.open(&key, &place("body.text")).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), open);
    for bad in [
        r#"{"sealed":{"ct":"","key":"k"},"x":1}"#,
        r#"{"open":"x"}"#,
        "{}",
        "1",
    ] {
        assert!(
            serde_json::from_str::<Sealable<Prose>>(bad).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn a_key_never_prints_itself() {
    assert_eq!(
        format!("{:?}", SubjectKey::from_bytes([7; 32])),
        "SubjectKey(…)"
    );
}
