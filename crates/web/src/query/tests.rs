//! Query strings, good and bad.

use super::{decode, parse};

#[test]
fn escapes_are_read_or_refused() {
    assert_eq!(decode("a%20b%C3%A9+", false).as_deref(), Some("a bé+"));
    assert_eq!(decode("a+b", true).as_deref(), Some("a b"));
    for broken in ["%", "%2", "%zz", "%+1", "%ff", "%c3"] {
        assert_eq!(decode(broken, true), None, "{broken}");
    }
}

#[test]
fn a_query_is_names_and_values_each_once() {
    let query = parse("after=3&&incident=INC%2D1&flag").unwrap();
    let pairs: Vec<_> = query
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    assert_eq!(pairs, [("after", "3"), ("flag", ""), ("incident", "INC-1")]);
    assert!(parse("a=1&a=1").unwrap_err().contains("twice"));
    assert!(parse("a=%").is_err());
    assert!(parse("").unwrap().is_empty());
}
