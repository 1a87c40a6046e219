//! What is written is canonical, and only what is canonical passes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Serialize;

use super::{check, to_vec};

#[derive(Serialize)]
struct Untidy {
    zebra: u8,
    apple: Option<&'static str>,
    inner: Inner,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Inner {
    Leaf { b: i64, a: Vec<bool> },
}

#[test]
fn fields_are_put_in_order_whatever_their_declaration() {
    let value = Untidy {
        zebra: 1,
        apple: None,
        inner: Inner::Leaf {
            b: -7,
            a: vec![true],
        },
    };
    let bytes = to_vec(&value).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert_eq!(
        text,
        r#"{"apple":null,"inner":{"a":[true],"b":-7,"type":"Leaf"},"zebra":1}"#
    );
    check(&bytes).unwrap();
}

#[test]
fn floats_big_integers_odd_keys_and_depth_are_refused() {
    assert!(to_vec(&1.5).is_err());
    assert!(to_vec(&(1_i64 << 53)).is_err());
    assert!(to_vec(&u64::MAX).is_err());
    assert!(to_vec(&BTreeMap::from([("ключ", 1)])).is_err());
    assert!(to_vec(&BTreeMap::from([(7, 1)])).is_err());
    let mut deep = serde_json::json!(1);
    for _ in 0..17 {
        deep = serde_json::json!([deep]);
    }
    assert!(to_vec(&deep).is_err());
}

#[test]
fn what_is_not_canonical_is_named() {
    for bad in [
        r#"{"a": 1}"#,
        r#"{"b":1,"a":1}"#,
        r#"{"a":1,"a":1}"#,
        r#"{"a":1.0}"#,
        r#"{"a":1e3}"#,
        r#"{"a":01}"#,
        r#"{"a":-0}"#,
        r#"{"a":9007199254740992}"#,
        r#"{"a":"\/"}"#,
        r#"{"a":"\u0041"}"#,
        r#"{"a":"\u000a"}"#,
        r#"{"a":"\u001F"}"#,
        r#"{"é":1}"#,
        r#"{"a":1}x"#,
        r#"{"a":1"#,
        r#"{"a":tru}"#,
        r#"[]"#,
        r#""a""#,
        "",
        "{\"a\":\"\u{1}\"}",
    ] {
        assert!(check(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(check(b"{\"a\":\"\xff\"}").is_err());
    for good in [
        r#"{}"#,
        r#"{"a":-1}"#,
        r#"{"a":"\u001f\n\"é"}"#,
        r#"{"a":9007199254740991}"#,
    ] {
        check(good.as_bytes()).unwrap();
    }
}

fn any_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Into::into),
        "\\PC{0,8}|.{0,8}|[\\x00-\\x20\"\\\\]{0,4}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::hash_map("[a-z_]{1,6}", inner, 0..5)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn written_values_check_and_read_back(value in any_value()) {
        let value = serde_json::json!({ "v": value });
        let bytes = to_vec(&value).unwrap();
        prop_assert_eq!(check(&bytes), Ok(()));
        let back: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(&back, &value);
        prop_assert_eq!(to_vec(&back).unwrap(), bytes);
    }

    #[test]
    fn bytes_that_check_are_their_own_canonical_form(bytes in r#"\{"[ab]":("[a\\"nu0]{0,8}"|-?[0-9.e]{1,5})(,"[ab]":[0-9]{1,2})?\}"#) {
        if check(bytes.as_bytes()).is_ok() {
            let value: serde_json::Value = serde_json::from_str(&bytes).unwrap();
            prop_assert_eq!(String::from_utf8(to_vec(&value).unwrap()).unwrap(), bytes);
        }
    }
}
