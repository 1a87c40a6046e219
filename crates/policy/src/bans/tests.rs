//! Bans hold whom they name and nobody else, as long as they say, in the memory they may have.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::{BadLine, Ban, Bans, CertificateBan, parse};
use crate::Prefix;

const NOW_S: i64 = 1_800_000_000;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn ban(prefix: &str, until_s: Option<i64>) -> Ban {
    Ban {
        prefix: prefix.parse().unwrap(),
        until_s,
    }
}

#[test]
fn a_file_is_read() {
    let text = "# bad neighbours\n\
        192.0.2.7\n\
        \n\
        198.51.100.0/24 until 2027-01-15T08:00:01Z # a botnet's\r\n\
        \t2001:db8:1::/48#all of them\n\
        203.0.113.9 until 2001-01-01T00:00:00Z\n\
        10.0.0.0/8   until 2027-01-15T09:00:00.001+01:00";
    let bans = parse(text, NOW_S).unwrap();
    assert_eq!(bans.len(), 4);
    for (text, now_s, expected) in [
        ("192.0.2.7", NOW_S, true),
        ("192.0.2.7", i64::MAX, true),
        ("::ffff:192.0.2.7", NOW_S, true),
        ("192.0.2.8", NOW_S, false),
        ("198.51.100.255", NOW_S, true),
        ("198.51.100.255", NOW_S + 1, false),
        ("198.51.101.0", NOW_S, false),
        ("2001:db8:1:ffff::", NOW_S, true),
        ("2001:db8:2::", NOW_S, false),
        ("203.0.113.9", NOW_S, false),
        ("10.1.2.3", NOW_S, true),
        ("10.1.2.3", NOW_S + 1, false),
        // A clock that went back bans on.
        ("10.1.2.3", 0, true),
    ] {
        assert_eq!(
            bans.holds(address(text), now_s),
            expected,
            "{text} at {now_s}"
        );
    }
}

#[test]
fn mistakes_are_told_with_their_lines() {
    let text = "192.0.2.7\n\
        192.0.2.7/24\n\
        nobody # really\n\
        10.0.0.0/8 until\n\
        10.0.0.0/8 until tomorrow\n\
        10.0.0.0/8 until 2027-01-15T08:00:00Z or so\n\
        10.0.0.0/8 2027-01-15T08:00:00Z";
    let found: Vec<String> = parse(text, NOW_S)
        .unwrap_err()
        .iter()
        .map(BadLine::to_string)
        .collect();
    assert_eq!(
        found,
        [
            "line 2: `192.0.2.7/24`: bits are set beyond the prefix; its first address is 192.0.2.0",
            "line 3: `nobody`: that is no address, and no prefix like 192.0.2.0/24",
            "line 4: after `until` stands a time like 2030-01-01T00:00:00Z",
            "line 5: `tomorrow` is not a time like 2017-12-21T07:30:00Z (RFC 3339, years 0000 to 9999)",
            "line 6: `or` is one word too many: PREFIX [until TIME] [# comment]",
            "line 7: `2027-01-15T08:00:00Z` is one word too many: PREFIX [until TIME] [# comment]",
        ]
    );
    let wrong = "x\n".repeat(1_000);
    assert_eq!(parse(&wrong, NOW_S).unwrap_err().len(), 100);
}

#[test]
fn of_two_the_longer_holds() {
    let twice = [
        ban("192.0.2.7", Some(NOW_S + 5)),
        ban("192.0.2.7", Some(NOW_S + 9)),
        ban("192.0.2.7", Some(NOW_S + 7)),
        ban("::/0", Some(NOW_S + 7)),
        ban("::/0", None),
        ban("0.0.0.0/0", Some(NOW_S + 2)),
    ];
    let bans = Bans::build(NOW_S, twice);
    assert_eq!(bans.len(), 3);
    assert!(bans.holds(address("192.0.2.7"), NOW_S + 8));
    assert!(!bans.holds(address("192.0.2.7"), NOW_S + 9));
    assert!(bans.holds(address("2001:db8::"), NOW_S + 1_000_000));
    assert!(bans.holds(address("198.51.100.1"), NOW_S + 1));
    assert!(!bans.holds(address("198.51.100.1"), NOW_S + 2));
}

#[test]
fn far_times_are_kept_as_for_ever() {
    let bans = Bans::build(NOW_S, [ban("192.0.2.7", Some(i64::MAX))]);
    assert!(bans.holds(address("192.0.2.7"), i64::MAX));
    let bans = Bans::build(i64::MIN, [ban("192.0.2.7", Some(i64::MIN + 5))]);
    assert!(bans.holds(address("192.0.2.7"), i64::MIN));
    assert!(!bans.holds(address("192.0.2.7"), NOW_S));
    let both = [ban("192.0.2.7", None), ban("192.0.2.8", Some(NOW_S + 1))];
    let bans = Bans::build(NOW_S, both);
    assert!(bans.holds(address("192.0.2.7"), i64::MAX));
    assert!(!bans.holds(address("192.0.2.8"), i64::MAX));
    let almost = i64::from(u32::MAX) - 1;
    let bans = Bans::build(0, [ban("192.0.2.7", Some(almost))]);
    assert!(bans.holds(address("192.0.2.7"), almost - 1));
    assert!(!bans.holds(address("192.0.2.7"), almost));
    assert!(!bans.holds(address("192.0.2.7"), i64::MAX));
}

/// As one finds them: mostly single addresses, some networks, some of IPv6, most of them for a time.
fn million() -> impl Iterator<Item = Ban> {
    (0..1_000_000_u64).map(|number| {
        // splitmix64.
        let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mixed = mixed ^ (mixed >> 31);
        let v4 = IpAddr::V4(Ipv4Addr::from_bits(mixed as u32));
        let v6 = IpAddr::V6(Ipv6Addr::from_bits(
            (0x2001_u128 << 112) | (u128::from(mixed) << 48),
        ));
        Ban {
            prefix: match number % 10 {
                0 => Prefix::around(v6, 64),
                1 => Prefix::around(v6, 48),
                2 => Prefix::around(v4, 24),
                _ => Prefix::around(v4, 32),
            },
            until_s: (number % 3 != 0).then_some(NOW_S + 3_600),
        }
    })
}

#[test]
fn a_million_fit_in_64_megabytes() {
    let bans = Bans::build(NOW_S, million());
    assert!(bans.len() > 950_000);
    let bytes = bans.heap_bytes();
    assert!(bytes > 950_000 * 4 && bytes < 64_000_000, "{bytes}");
    for Ban { prefix, .. } in million().step_by(97) {
        assert!(bans.holds(prefix.address(), NOW_S));
    }
}

#[test]
fn a_certificate_is_banned_until_its_time() {
    let digits = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let colons: Vec<String> = digits
        .as_bytes()
        .chunks(2)
        .map(|pair| String::from_utf8_lossy(pair).to_uppercase())
        .collect();
    let colons = colons.join(":");
    let text = format!(
        "sha256:{digits} until 2026-11-22T00:00:00Z # a script\n192.0.2.1\nsha256:{}\n",
        "ab".repeat(32)
    );
    let bans = parse(&text, 0).unwrap();
    let end_s = 1_795_305_600;
    let mut fingerprint = [0xab; 32];
    assert!(bans.holds_certificate(&fingerprint, i64::MAX));
    fingerprint[0] = 0;
    assert!(!bans.holds_certificate(&fingerprint, 0));
    for spelled in [digits, &colons] {
        let fingerprint = crate::certificate::fingerprint(spelled).unwrap();
        assert!(bans.holds_certificate(&fingerprint, end_s - 1));
        assert!(!bans.holds_certificate(&fingerprint, end_s));
    }
    assert_eq!(bans.len(), 3);
    let ban = |until_s| CertificateBan {
        fingerprint,
        until_s,
    };
    let longest = Bans::default().with_certificates([ban(Some(5)), ban(None), ban(Some(7))]);
    assert!(longest.holds_certificate(&fingerprint, i64::MAX));
    for short in ["sha256:", "sha256:12", "sha256:zz"] {
        assert!(parse(short, 0).is_err(), "{short}");
    }
}

fn prefixes() -> impl Strategy<Value = Prefix> {
    // Few addresses, so that blocks lie in each other.
    let v4 = (0_u32..64, 0_u8..=32).prop_map(|(low, length)| {
        Prefix::around(IpAddr::V4(Ipv4Addr::from_bits(low.rotate_right(3))), length)
    });
    let v6 = (0_u128..64, 0_u8..=128).prop_map(|(low, length)| {
        Prefix::around(IpAddr::V6(Ipv6Addr::from_bits(low.rotate_right(3))), length)
    });
    prop_oneof![v4, v6]
}

proptest! {
    #[test]
    fn it_holds_whom_one_of_its_blocks_holds(
        bans in proptest::collection::vec((prefixes(), proptest::option::of(-5_i64..50)), 0..200),
        asked in proptest::collection::vec((prefixes(), -5_i64..60), 1..100),
    ) {
        let bans: Vec<Ban> = bans
            .into_iter()
            .map(|(prefix, until)| Ban { prefix, until_s: until.map(|until| NOW_S + until) })
            .collect();
        let built = Bans::build(NOW_S, bans.iter().copied());
        for (prefix, after) in asked {
            let (address, now_s) = (prefix.address(), NOW_S + after);
            let expected = bans.iter().any(|ban| {
                // What ended before it was built is gone, also for a clock that goes back.
                let holds = |until_s| until_s > now_s && until_s > NOW_S;
                ban.prefix.holds(address) && ban.until_s.is_none_or(holds)
            });
            prop_assert_eq!(built.holds(address, now_s), expected, "{}", address);
        }
    }

    #[test]
    fn no_text_breaks_it(text: String, more in "([0-9a-f:./]{0,20} ?(until)? ?[0-9TZ:-]{0,20}#?\n){0,5}") {
        let _ = parse(&text, NOW_S);
        let _ = parse(&more, NOW_S);
    }
}
