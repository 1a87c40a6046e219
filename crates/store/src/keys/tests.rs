//! The walk finds what a JSON parser finds, or nothing.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{is_on, keys_of, members, subject_key};
use crate::tests::{act, opening};

#[test]
fn an_acts_keys_are_its_id_and_subject() {
    for act in [act(7), act(8), opening("a key \"with\\ odd} text")] {
        let entry = act.encode().unwrap();
        let keys = keys_of(&entry).unwrap();
        assert_eq!(keys.act, act.id);
        assert_eq!(keys.subject, super::key_of(&act.subject));
        assert!(!keys.rotates);
        assert!(is_on(&entry, &act.subject));
        assert!(!is_on(&entry, &crate::tests::act(9).subject));
    }
}

#[test]
fn what_is_nested_is_not_taken_for_what_is_on_top() {
    let inner = r#"{"id":"ffffffffffffffffffffffffffffffff","kind":"record.key_rotated/1"}"#;
    let entry = format!(
        r#"{{"actor":{{"id":"sam"}},"body":{{"a":[1,{{"b":"}}\"]"}}],"deep":{inner},"text":"\"id\":\\"}},"id":"00000000000000000000000000000001","kind":"incident.noted/1","subject":{{"id":"INC-1","type":"incident"}},"v":1}}"#
    );
    serde_json::from_str::<Value>(&entry).unwrap();
    let keys = keys_of(entry.as_bytes()).unwrap();
    assert_eq!(keys.act.to_string(), "00000000000000000000000000000001");
    assert_eq!(keys.subject, subject_key(b"incident", b"INC-1"));
    assert!(!keys.rotates);
    let rotation = entry.replace("incident.noted/1", "record.key_rotated/2");
    assert!(keys_of(rotation.as_bytes()).unwrap().rotates);
}

/// Any JSON value, some levels deep.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z]{1,6}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #[test]
    fn members_are_what_a_parser_says(
        object in proptest::collection::btree_map("[a-z_]{1,8}", value(), 0..8)
    ) {
        let text = serde_json::to_vec(&object).unwrap();
        let found = members(&text).unwrap();
        prop_assert_eq!(found.len(), object.len());
        for ((key, value), (expected_key, expected)) in found.into_iter().zip(&object) {
            prop_assert_eq!(key, expected_key.as_bytes());
            prop_assert_eq!(&serde_json::from_slice::<Value>(value).unwrap(), expected);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = keys_of(&bytes);
        let _ = keys_of(&[b"{\"id\":".as_slice(), &bytes].concat());
        let _ = keys_of(&[b"{\"subject\":{".as_slice(), &bytes, b"}"].concat());
    }
}
