//! Prefixes are read strictly, and hold what they say.

use proptest::prelude::*;

use super::*;

fn prefix(text: &str) -> Result<Prefix, BadPrefix> {
    text.parse()
}

#[test]
fn a_prefix_is_an_address_alone_or_with_a_length() {
    for (text, shown) in [
        ("192.0.2.1", "192.0.2.1/32"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("2001:db8::1", "2001:db8::1/128"),
        // Once a length of IPv6 was taken for one of IPv4.
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:10.1.2.3", "10.1.2.3/32"),
    ] {
        assert_eq!(
            prefix(text).map(|it| it.to_string()),
            Ok(shown.to_owned()),
            "{text}"
        );
    }
}

#[test]
fn what_is_no_prefix_is_refused() {
    assert_eq!(prefix("shop.example"), Err(BadPrefix::NoAddress));
    for length in ["/33", "/", "/-1", "/+8", "/ 8", "/256"] {
        assert_eq!(
            prefix(&format!("192.0.2.0{length}")),
            Err(BadPrefix::Length),
            "{length}"
        );
    }
    assert_eq!(prefix("::ffff:0.0.0.0/90"), Err(BadPrefix::Length));
    let first = "192.0.2.0".parse().unwrap();
    assert_eq!(prefix("192.0.2.1/24"), Err(BadPrefix::HostBits(first)));
}

proptest! {
    #[test]
    fn an_address_lies_in_each_block_around_it(bits: u128, length in 0..=128_u8) {
        let address = IpAddr::V6(Ipv6Addr::from_bits(bits));
        let around = Prefix::around(address, length);
        prop_assert!(around.holds(address));
        prop_assert_eq!(around.to_string().parse::<Prefix>(), Ok(around));
    }
}
