//! The work is asked for, done and checked; what was changed, borrowed or made up is refused.

use proptest::prelude::*;

use super::{BITS_MAX, Challenger, SOLUTION_CHARS, TOKEN_CHARS, VALID_S_MAX, Why, solve};
use crate::Prefix;

const KEY: [u8; 32] = [7; 32];
const NOW_S: i64 = 1_800_000_000;

fn subscriber(text: &str) -> Prefix {
    Prefix::subscriber(text.parse().unwrap())
}

fn somebody() -> Prefix {
    subscriber("192.0.2.7")
}

fn solved(bits: u32) -> String {
    let token = Challenger::new(&KEY).issue("shop", &somebody(), NOW_S, 60, bits);
    solve(token.as_str()).unwrap()
}

fn check(solution: &str) -> Result<(), Why> {
    Challenger::new(&KEY).check(solution, "shop", &somebody(), NOW_S, 8)
}

#[test]
fn who_did_the_work_comes_in() {
    let solution = solved(8);
    assert_eq!(solution.len(), SOLUTION_CHARS);
    assert_eq!(check(&solution), Ok(()));
    assert_eq!(check(&solution), Ok(()));
}

/// Computed apart, with Python's hmac and hashlib.
#[test]
fn a_token_is_what_the_format_says() {
    let challenger = Challenger::new(&KEY);
    let token = challenger.issue("shop", &somebody(), NOW_S, 60, 12);
    assert_eq!(
        token.to_string(),
        "010c00006b49d23c042e0506d262bba84d894ce4a3791964"
    );
    assert_eq!(
        solve(token.as_str()).unwrap(),
        "010c00006b49d23c042e0506d262bba84d894ce4a3791964.00000461"
    );
    let token = challenger.issue("shop", &subscriber("2001:db8::1"), NOW_S, 60, 12);
    assert_eq!(
        token.to_string(),
        "010c00006b49d23c17b8f1a10b8c743e4fe1d504bd46e6f3"
    );
}

#[test]
fn it_ends() {
    let solution = solved(8);
    let at = |now_s| Challenger::new(&KEY).check(&solution, "shop", &somebody(), now_s, 8);
    assert_eq!(at(NOW_S + 59), Ok(()));
    assert_eq!(at(NOW_S + 60), Err(Why::Expired));
    assert_eq!(at(i64::MAX), Err(Why::Expired));
}

#[test]
fn it_is_good_for_whom_it_was_asked() {
    let solution = solved(8);
    let challenger = Challenger::new(&KEY);
    for (tenant, address) in [
        ("shop", "192.0.2.8"),
        ("shop", "2001:db8::1"),
        ("shop2", "192.0.2.7"),
        ("", "192.0.2.7"),
    ] {
        let found = challenger.check(&solution, tenant, &subscriber(address), NOW_S, 8);
        assert_eq!(found, Err(Why::NotOurs), "{tenant} {address}");
    }
    let network = Prefix::around("192.0.2.7".parse().unwrap(), 31);
    let found = challenger.check(&solution, "shop", &network, NOW_S, 8);
    assert_eq!(found, Err(Why::NotOurs));
    let other = Challenger::new(&[8; 32]);
    let found = other.check(&solution, "shop", &somebody(), NOW_S, 8);
    assert_eq!(found, Err(Why::NotOurs));
}

#[test]
fn a_subscriber_of_ipv6_may_change_address() {
    let challenger = Challenger::new(&KEY);
    let token = challenger.issue("shop", &subscriber("2001:db8::1"), NOW_S, 60, 4);
    let solution = solve(token.as_str()).unwrap();
    let check = |text| challenger.check(&solution, "shop", &subscriber(text), NOW_S, 4);
    assert_eq!(check("2001:db8::abcd"), Ok(()));
    assert_eq!(check("2001:db8:0:1::1"), Err(Why::NotOurs));
}

#[test]
fn when_more_is_asked_less_is_not_enough() {
    let solution = solved(8);
    let asked = |bits| Challenger::new(&KEY).check(&solution, "shop", &somebody(), NOW_S, bits);
    assert_eq!(asked(9), Err(Why::TooEasy));
    assert_eq!(asked(7), Ok(()));
    assert_eq!(asked(u32::MAX), Err(Why::TooEasy));
}

#[test]
fn who_writes_an_easier_token_gains_nothing() {
    let solution = solved(12);
    // The bits stand in the third and fourth digit.
    let mut easier = solution;
    easier.replace_range(2..4, "08");
    let easier = solve(&easier[..TOKEN_CHARS]).unwrap();
    assert_eq!(check(&easier), Err(Why::NotOurs));
    // And the end in the next twelve.
    let mut longer = solved(8);
    longer.replace_range(4..16, "ffffffffffff");
    let longer = solve(&longer[..TOKEN_CHARS]).unwrap();
    assert_eq!(check(&longer), Err(Why::NotOurs));
}

#[test]
fn without_work_no_hmac_is_spent() {
    let token = Challenger::new(&KEY).issue("shop", &somebody(), NOW_S, 60, BITS_MAX);
    assert_eq!(check(&format!("{token}.00000000")), Err(Why::NoWork));
    let forged = format!("01{BITS_MAX:02x}ffffffffffff{:032x}.00000000", 0);
    assert_eq!(check(&forged), Err(Why::NoWork));
}

#[test]
fn work_is_every_bit_that_was_asked_for() {
    let token = Challenger::new(&KEY).issue("shop", &somebody(), NOW_S, 60, 8);
    for nonce in 0..3_000 {
        let text = format!("{token}{nonce:08x}");
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        let expected = if hash.as_ref()[0] == 0 {
            Ok(())
        } else {
            Err(Why::NoWork)
        };
        assert_eq!(check(&format!("{token}.{nonce:08x}")), expected);
    }
}

#[test]
fn there_is_one_way_to_write_it() {
    let good = solved(8);
    for bad in [
        String::new(),
        good[..56].to_owned(),
        format!("{good}0"),
        format!(" {good}"),
        good.to_uppercase(),
        good.replace('.', ":"),
        good.replacen("01", "02", 1),
        format!("0100{}", &good[4..]),
        format!("0119{}", &good[4..]),
        format!("{}g", &good[..56]),
        format!("{}é", &good[..55]),
        "0".repeat(57),
    ] {
        assert_eq!(check(&bad), Err(Why::Malformed), "{bad}");
    }
}

#[test]
fn what_is_asked_is_held_within_bounds() {
    let challenger = Challenger::new(&KEY);
    let text = |valid_s, bits| {
        let token = challenger.issue("shop", &somebody(), NOW_S, valid_s, bits);
        token.to_string()[..16].to_owned()
    };
    assert_eq!(text(0, 0), format!("0101{NOW_S:012x}"));
    let latest = NOW_S + i64::try_from(VALID_S_MAX).unwrap();
    assert_eq!(text(u64::MAX, 99), format!("0118{latest:012x}"));
    challenger.issue("shop", &somebody(), i64::MAX, u64::MAX, 1);
    challenger.issue("shop", &somebody(), i64::MIN, 0, 1);
}

#[test]
fn the_key_is_not_printed() {
    assert_eq!(format!("{:?}", Challenger::new(&KEY)), "Challenger(…)");
}

proptest! {
    #[test]
    fn no_text_comes_in(text: String, digits in "01(0[1-8])[0-9a-f]{44}\\.[0-9a-f]{8}") {
        prop_assert!(check(&text).is_err());
        prop_assert!(check(&digits).is_err());
    }

    #[test]
    fn a_solution_changed_anywhere_is_none(at in 0_usize..48, digit in 0_usize..16) {
        let good = solved(8);
        let digit = &"0123456789abcdef"[digit..=digit];
        let mut bad = good.clone();
        bad.replace_range(at..=at, digit);
        prop_assert_eq!(check(&bad).is_ok(), bad == good);
    }

    #[test]
    fn what_is_solved_is_taken(key: [u8; 32], tenant: String, v6: u128, bits in 1_u32..10, valid_s in 1_u64..1_000_000) {
        let challenger = Challenger::new(&key);
        let who = Prefix::subscriber(core::net::IpAddr::V6(v6.into()));
        let token = challenger.issue(&tenant, &who, NOW_S, valid_s, bits);
        let solution = solve(token.as_str()).unwrap();
        prop_assert_eq!(challenger.check(&solution, &tenant, &who, NOW_S, bits), Ok(()));
    }
}
