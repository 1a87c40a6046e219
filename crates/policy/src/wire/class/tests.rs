//! Which bytes are taken, one by one.

use proptest::prelude::*;

use super::*;

fn is_value_by_bytes(value: &[u8]) -> bool {
    value
        .iter()
        .all(|&byte| byte == b'\t' || (byte >= 0x20 && byte != 0x7f))
}

#[test]
fn each_byte_is_looked_at_wherever_it_stands() {
    for length in 1..40 {
        for at in 0..length {
            for byte in 0..=u8::MAX {
                for around in [b'a', 0x80, 0xff, b' ', b'\t'] {
                    let mut value = vec![around; length];
                    value[at] = byte;
                    assert_eq!(is_value(&value), is_value_by_bytes(&value), "{value:?}");
                }
            }
        }
    }
    assert!(is_value(b""));
}

#[test]
fn whitespace_around_is_no_part() {
    for (value, inner) in [
        (" \ta b\t ", "a b"),
        ("", ""),
        (" ", ""),
        ("a", "a"),
        ("\u{b}a", "\u{b}a"),
    ] {
        assert_eq!(trimmed(value.as_bytes()), inner.as_bytes());
    }
}

#[test]
fn decimals_fit() {
    assert_eq!(
        decimal(b"999999999999999999", 18),
        Some(999_999_999_999_999_999)
    );
    assert_eq!(decimal(b"1000000000000000000", 18), None);
    assert_eq!(decimal(b"1000000000000000000", 99), None);
    assert_eq!(decimal(b"007", 18), Some(7));
    assert_eq!(decimal(b"", 18), None);
}

#[test]
fn a_length_that_could_be_octal_is_none() {
    assert_eq!(length(b"0"), Some(0));
    assert_eq!(length(b"10"), Some(10));
    assert_eq!(length(b"010"), None);
    assert_eq!(length(b"00"), None);
}

proptest! {
    #[test]
    fn values_are_what_their_bytes_are(value in prop::collection::vec(any::<u8>(), 0..80)) {
        prop_assert_eq!(is_value(&value), is_value_by_bytes(&value));
    }
}
