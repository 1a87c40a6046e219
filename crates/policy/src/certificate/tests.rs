//! Who comes in with which certificate: every case of the rule, and the lists.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::packed::Packed;
use super::*;

const NOW: i64 = 1_795_000_000;
const ROOT: Fingerprint = [9; 32];
const ROOT_NAME: Issuer = [90; 32];
const ISSUING_NAME: Issuer = [20; 32];

fn serial(number: u64) -> Serial {
    Serial::new(&number.to_be_bytes()).unwrap()
}

fn link(fingerprint: u8, issuer: Issuer, number: u64) -> Link {
    Link {
        fingerprint: [fingerprint; 32],
        issuer,
        serial: serial(number),
        not_before_s: NOW - 1_000,
        not_after_s: NOW + 1_000,
    }
}

/// A client's certificate, its issuing CA, and the root of the tenant's set.
fn presented() -> Presented {
    Presented {
        leaf: link(1, ISSUING_NAME, 7),
        above: [link(2, ROOT_NAME, 3)].into(),
        root: ROOT,
    }
}

fn authority(revocations: Revocations) -> Authority {
    Authority {
        cas: vec![[8; 32], ROOT],
        revocations: Knowledge::Known(Arc::new(revocations)),
        optional: false,
    }
}

fn listing(text: &str) -> Revocations {
    let mut builder = Builder::default();
    builder.list(text).unwrap();
    builder.build()
}

fn crls(this_update_s: i64, next_update_s: Option<i64>, of_root: bool) -> Revocations {
    let mut builder = Builder::default();
    builder
        .crl(ISSUING_NAME, this_update_s, next_update_s, [serial(1)])
        .unwrap();
    if of_root {
        builder
            .crl(ROOT_NAME, NOW - 10, Some(NOW + 10), [])
            .unwrap();
    }
    builder.build()
}

/// How something is revoked, or not.
const REVOKED: &[Option<Item>] = &[
    None,
    Some(Item::Fingerprint([1; 32])),
    Some(Item::Fingerprint([2; 32])),
    Some(Item::Fingerprint(ROOT)),
    Some(Item::Serial(
        ISSUING_NAME,
        Serial([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]),
    )),
    Some(Item::Serial(
        ROOT_NAME,
        Serial([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]),
    )),
    // The same numbers of other issuers, and others' certificates, are somebody else.
    Some(Item::Serial(
        ROOT_NAME,
        Serial([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]),
    )),
    Some(Item::Serial(
        ISSUING_NAME,
        Serial([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]),
    )),
    Some(Item::Fingerprint([8; 32])),
];

fn is_revoked(place: usize) -> bool {
    (1..=5).contains(&place)
}

/// What is known, and whether that is enough.
fn knowledge() -> Vec<(Option<Revocations>, bool)> {
    vec![
        (None, false),
        (Some(Builder::default().build()), true),
        (Some(crls(NOW - 10, Some(NOW), true)), true),
        (Some(crls(NOW + 300, Some(NOW + 400), true)), true),
        (Some(crls(NOW - 10, Some(NOW - 1), true)), false),
        (Some(crls(NOW + 301, Some(NOW + 400), true)), false),
        (Some(crls(NOW - 10, None, true)), false),
        (Some(crls(NOW - 10, Some(NOW), false)), false),
    ]
}

#[test]
fn the_whole_truth_table() {
    let mut rows = 0;
    let mut seen = BTreeSet::new();
    for sni in [true, false] {
        for demand in [None, Some(false), Some(true)] {
            for shown in [true, false] {
                for trusted in [true, false] {
                    // Which of the two is out of date, and whether it is not yet or no longer valid.
                    for dates in [
                        None,
                        Some((0, -1)),
                        Some((0, 1)),
                        Some((1, -1)),
                        Some((1, 1)),
                    ] {
                        for (revoked, item) in REVOKED.iter().enumerate() {
                            for (known, enough) in knowledge() {
                                let mut presented = presented();
                                if !trusted {
                                    presented.root = [77; 32];
                                }
                                if let Some((place, side)) = dates {
                                    let link = match place {
                                        0 => &mut presented.leaf,
                                        _ => &mut presented.above[0],
                                    };
                                    match side {
                                        -1 => link.not_before_s = NOW + 1,
                                        _ => link.not_after_s = NOW - 1,
                                    }
                                }
                                let missing = known.is_none();
                                let known = known.map(|one| one.overlaid(*item).unwrap());
                                let authority = demand.map(|optional| Authority {
                                    cas: vec![[8; 32], ROOT],
                                    revocations: match known {
                                        Some(known) => Knowledge::Known(Arc::new(known)),
                                        None => Knowledge::Missing("no such file".into()),
                                    },
                                    optional,
                                });
                                let said = authorise(
                                    authority.as_ref(),
                                    shown.then_some(&presented),
                                    sni,
                                    NOW,
                                );
                                let rule = [
                                    (!sni, Some(Reason::WrongServerName)),
                                    (demand.is_none(), None),
                                    (!shown && demand == Some(true), None),
                                    (!shown, Some(Reason::CertificateMissing)),
                                    (!trusted, Some(Reason::CertificateRefused)),
                                    (dates.is_some(), Some(Reason::CertificateExpired)),
                                    (missing, Some(Reason::RevocationUnknown)),
                                    (is_revoked(revoked), Some(Reason::CertificateRevoked)),
                                    (!enough, Some(Reason::RevocationUnknown)),
                                    (true, None),
                                ];
                                let expected = rule.iter().find(|(holds, _)| *holds).unwrap().1;
                                assert_eq!(said.err(), expected, "row {rows}");
                                seen.insert(expected);
                                rows += 1;
                            }
                        }
                    }
                }
            }
        }
    }
    assert_eq!(rows, 2 * 3 * 2 * 2 * 5 * 9 * 8);
    assert_eq!(seen.len(), 7, "every answer came up");
}

/// A certificate was revoked, and got through on a session that was resumed: what was asked at the
/// handshake was not asked again.
#[test]
fn a_revoked_certificate_gets_nothing_from_the_next_request_on_whatever_was_resumed() {
    let before = Builder::default().build();
    let kept_with_the_session = presented();
    let ask = |revocations: &Revocations| {
        let authority = authority(revocations.clone());
        authorise(Some(&authority), Some(&kept_with_the_session), true, NOW)
    };
    assert_eq!(ask(&before), Ok(()));
    let after = before.overlaid([Item::Fingerprint([1; 32])]).unwrap();
    assert_eq!(ask(&after), Err(Reason::CertificateRevoked));
    // A session that lost what was presented has presented nothing.
    assert_eq!(
        authorise(Some(&authority(after)), None, true, NOW),
        Err(Reason::CertificateMissing)
    );
}

#[test]
fn without_a_ca_nobody_comes_in() {
    let mut authority = authority(Builder::default().build());
    authority.cas.clear();
    let said = authorise(Some(&authority), Some(&presented()), true, NOW);
    assert_eq!(said, Err(Reason::CertificateRefused));
}

#[test]
fn of_several_crls_of_one_issuer_one_must_hold() {
    let mut builder = Builder::default();
    let (old, new) = (NOW - 5, NOW + 5_000);
    builder
        .crl(ISSUING_NAME, 0, Some(old), [serial(5)])
        .unwrap();
    builder.crl(ISSUING_NAME, new, Some(new + 5), []).unwrap();
    let revocations = builder.build();
    assert!(!revocations.knows(&ISSUING_NAME, NOW));
    assert!(revocations.knows(&ISSUING_NAME, old));
    assert!(revocations.knows(&ISSUING_NAME, new));
    assert!(
        revocations.revokes(&link(50, ISSUING_NAME, 5)),
        "a list is never shortened by age"
    );
}

#[test]
fn what_openssl_prints_is_understood() {
    let text = "\
# Left on a train.
sha256:0101010101010101010101010101010101010101010101010101010101010101 since 2026-11-22T01:59:00Z # why

sha256 Fingerprint=02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02
SHA256 Fingerprint=AB:ab:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02:02\r
issuer=1414141414141414141414141414141414141414141414141414141414141414 serial=0007
  ISSUER=1414141414141414141414141414141414141414141414141414141414141414   SERIAL=1:00 #
";
    let mut builder = Builder::default();
    assert_eq!(builder.list(text), Ok(5));
    let revocations = builder.build();
    assert_eq!(revocations.len(), 5);
    assert!(revocations.lists(&[1; 32]) && revocations.lists(&[2; 32]));
    assert!(revocations.revokes(&link(77, ISSUING_NAME, 7)));
    assert!(revocations.revokes(&link(77, ISSUING_NAME, 256)));
    assert!(!revocations.revokes(&link(77, ISSUING_NAME, 1)));
    assert!(!revocations.revokes(&link(77, ROOT_NAME, 7)));
}

#[test]
fn one_bad_line_refuses_the_whole_list_and_says_which() {
    let good = format!("sha256:{}\n", "01".repeat(32));
    let issuer = "14".repeat(32);
    let bad = [
        ("sha256:".to_owned(), BadLine::NotSha256),
        (format!("sha256:{}", "01".repeat(20)), BadLine::NotSha256),
        (format!("sha256:{}", "01".repeat(33)), BadLine::NotSha256),
        (format!("sha256:0{}", "01".repeat(32)), BadLine::NotSha256),
        (format!("sha256:{}", "0g".repeat(32)), BadLine::Hex),
        (format!("sha256:{}:", "01".repeat(32)), BadLine::Hex),
        (format!("sha256::{}", "01".repeat(32)), BadLine::Hex),
        ("sha256:1::1".to_owned(), BadLine::Hex),
        ("sha256:12:3".to_owned(), BadLine::Hex),
        ("01".repeat(32), BadLine::Shape),
        ("sha1:00".to_owned(), BadLine::Shape),
        ("serial=01".to_owned(), BadLine::IssuerMissing),
        (format!("issuer={issuer}"), BadLine::SerialMissing),
        (
            format!("issuer={issuer} since 2026-11-22T01:59:00Z"),
            BadLine::SerialMissing,
        ),
        (format!("issuer={issuer} serial="), BadLine::Serial),
        (format!("issuer={issuer} serial=-1"), BadLine::Hex),
        (
            format!("issuer={issuer} serial={}", "11".repeat(21)),
            BadLine::Serial,
        ),
        (format!("{} since", good.trim()), BadLine::Since),
        (format!("{} since yesterday", good.trim()), BadLine::Since),
        (format!("{} lost", good.trim()), BadLine::Shape),
        (format!("# {}", "x".repeat(LINE_BYTES_MAX)), BadLine::Long),
        ("\u{feff}sha256:".to_owned(), BadLine::Shape),
        ("sha256ä".to_owned(), BadLine::Shape),
    ];
    for (line, what) in bad {
        let mut builder = Builder::default();
        let refused = builder.list(&format!("{good}\n{line}\n{good}"));
        assert_eq!(refused, Err(BadList::Line { line: 3, what }), "{line}");
        assert!(builder.build().is_empty(), "nothing of it was added");
    }
    let refused = Builder::default().list("# fine\nserial=01").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "line 2: a serial alone says nothing: write `issuer=HEX` before it"
    );
}

#[test]
fn a_serial_is_a_number() {
    assert_eq!(Serial::new(&[0, 0, 7]), Serial::new(&[7]));
    assert_eq!(Serial::new(&[]), Serial::new(&[0]));
    assert_ne!(Serial::new(&[7, 0]), Serial::new(&[7]));
    assert!(Serial::new(&[1; 20]).is_some());
    assert!(Serial::new(&[1; 21]).is_none());
    let mut padded = [1; 21];
    padded[0] = 0;
    assert_eq!(Serial::new(&padded), Serial::new(&[1; 20]));
}

#[test]
fn a_revoked_certificate_takes_less_than_forty_bytes() {
    const EACH: u64 = 50_000;
    let mut builder = Builder::default();
    let serials = (0..EACH).map(serial);
    builder
        .crl(ISSUING_NAME, NOW, Some(NOW + 10), serials)
        .unwrap();
    for number in 0..EACH {
        let mut fingerprint = [3; 32];
        fingerprint[..8].copy_from_slice(&number.wrapping_mul(0x9E37_79B9).to_le_bytes());
        builder.add(Item::Fingerprint(fingerprint));
    }
    let revocations = builder.build();
    assert_eq!(revocations.len() as u64, 2 * EACH);
    let bytes = revocations.bytes() as u64;
    assert!(bytes < 40 * 2 * EACH, "{bytes}");
    assert!(revocations.revokes(&link(1, ISSUING_NAME, EACH - 1)));
    assert!(!revocations.revokes(&link(1, ISSUING_NAME, EACH)));
    let most = revocations.buckets_max();
    assert!(most < 16, "{most} in one bucket");
    // What is overlaid copies none of it.
    let overlaid = revocations.overlaid([Item::Fingerprint([1; 32])]).unwrap();
    assert!(overlaid.bytes() - revocations.bytes() < 1_000);
}

#[test]
fn there_may_be_too_many_and_that_is_said() {
    let mut builder = Builder::default();
    builder.entries = ENTRIES_MAX - 1;
    let endless = core::iter::repeat(serial(1));
    assert_eq!(builder.crl(ISSUING_NAME, 0, None, endless), Err(TooMany));
    let line = format!("sha256:{}", "01".repeat(32));
    assert_eq!(builder.list(&line), Err(BadList::TooMany(TooMany)));
}

proptest! {
    #[test]
    fn a_packed_set_is_the_set(
        keys in prop::collection::vec(prop::array::uniform4(0..4_u8), 0..300),
        asked in prop::collection::vec(prop::array::uniform4(0..5_u8), 0..300),
    ) {
        let set: BTreeSet<[u8; 4]> = keys.iter().copied().collect();
        let packed = Packed::new(keys);
        prop_assert_eq!(packed.len(), set.len());
        for key in set.iter().chain(&asked) {
            prop_assert_eq!(packed.contains(key), set.contains(key));
        }
    }

    #[test]
    fn any_text_is_a_list_or_is_refused(text in "[a-fA-F0-9:=# \nsinceurhl-]{0,300}") {
        let mut builder = Builder::default();
        let count = builder.list(&text);
        prop_assert_eq!(builder.entries, count.unwrap_or(0));
    }

    #[test]
    fn what_is_written_by_hand_is_found(bytes in prop::array::uniform32(any::<u8>()), colons: bool) {
        let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        let digits = digits.join(if colons { ":" } else { "" });
        let listed = listing(&format!("sha256:{digits}"));
        prop_assert!(listed.lists(&bytes));
    }
}
