//! What is written down of a certificate, how it ends when there is no more room, and what becomes of
//! it when one process follows another.

use std::net::IpAddr;

use policy::Reason;
use policy::certificate::{Item, Serial};

use super::{Book, ENTRIES_MAX, Entry, LEAVE, Ledger, Recorded, hex};
use crate::clients::Certificate;

fn certificate(number: u32) -> Certificate {
    let mut fingerprint = [0; 32];
    fingerprint[..4].copy_from_slice(&number.to_be_bytes());
    Certificate {
        fingerprint,
        subject: format!("CN=client {number}"),
        issuer: "CN=ca".to_owned(),
        issuer_sha256: [7; 32],
        serial: format!("{number:08x}"),
    }
}

fn client(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn one(ledger: &Ledger) -> Entry {
    let mut book = ledger.book();
    assert_eq!(book.entries.len(), 1, "{:?}", book.entries);
    book.entries.remove(0)
}

fn recorded(ledger: &Ledger, number: u32, requests: u64) {
    ledger.recorded(&[Recorded {
        sha256: hex(&certificate(number).fingerprint),
        tenant: "shop".to_owned(),
        requests,
    }]);
}

#[test]
fn what_was_let_through_and_what_was_refused_is_told_apart_by_tenant() {
    let ledger = Ledger::default();
    let shown = certificate(1);
    let at = client("192.0.2.7");
    ledger.used(&shown, "shop", None, at, 1_000);
    ledger.used(&shown, "shop", None, client("192.0.2.9"), 2_000);
    ledger.used(&shown, "blog", Some(Reason::CertificateExpired), at, 3_000);
    let book = ledger.book();
    let [blog, shop] = &book.entries[..] else {
        panic!("{book:?}")
    };
    assert_eq!((blog.let_through, blog.refused), (0, 1));
    assert_eq!((shop.let_through, shop.refused), (2, 0));
    assert_eq!((shop.first_ms, shop.last_ms), (1_000, 2_000));
    // Two neighbours are one network: whole addresses are the access log's business.
    assert_eq!(shop.prefixes, ["192.0.2.0/24"]);
    assert_eq!(shop.subject, "CN=client 1");
}

#[test]
fn networks_are_named_up_to_eight() {
    let ledger = Ledger::default();
    for number in 0..20 {
        let from = client(&format!("10.0.{number}.1"));
        ledger.used(&certificate(1), "shop", None, from, 1);
    }
    assert_eq!(one(&ledger).prefixes.len(), 8);
}

#[test]
fn from_a_revocation_on_it_is_counted_apart_however_it_was_said() {
    let by_serial = Item::Serial([7; 32], Serial::new(&[0, 0, 0, 1]).unwrap());
    let by_print = Item::Fingerprint(certificate(1).fingerprint);
    for item in [Some(by_serial), Some(by_print), None] {
        let ledger = Ledger::default();
        let (shown, at) = (certificate(1), client("192.0.2.7"));
        ledger.used(&shown, "shop", None, at, 1_000);
        ledger.used(&shown, "shop", Some(Reason::CertificateExpired), at, 1_500);
        // One that a list says is known by the first that is refused for it.
        ledger.revoked(item.as_slice(), 2_000);
        ledger.used(&shown, "shop", Some(Reason::CertificateRevoked), at, 2_000);
        let entry = one(&ledger);
        assert_eq!(entry.revoked_ms, Some(2_000));
        assert_eq!((entry.let_through, entry.let_through_after), (1, 0));
        assert_eq!((entry.refused, entry.refused_after), (2, 1));
        // Were it let through, that would be seen.
        ledger.used(&shown, "shop", None, at, 3_000);
        let entry = one(&ledger);
        assert_eq!((entry.let_through, entry.let_through_after), (2, 1));
        assert_eq!(entry.last_let_through_ms, Some(3_000));
    }
}

#[test]
fn when_it_is_full_only_what_is_on_the_record_leaves_the_oldest_first() {
    let ledger = Ledger::default();
    let at = client("192.0.2.7");
    let most = u32::try_from(ENTRIES_MAX).unwrap();
    let use_of = |number: u32| {
        ledger.used(&certificate(number), "shop", None, at, number.into());
    };
    (0..most).for_each(use_of);
    use_of(most);
    assert_eq!(ledger.size(), (ENTRIES_MAX, 1));
    // Five are recorded, and one of those was used since.
    for number in [40, 30, 20, 10, 50] {
        recorded(&ledger, number, 1);
    }
    use_of(50);
    use_of(most);
    assert_eq!(ledger.size(), (ENTRIES_MAX - 4 + 1, 1));
    let book = ledger.book();
    let has = |number: u32| {
        let sha256 = hex(&certificate(number).fingerprint);
        book.entries.iter().any(|entry| entry.sha256 == sha256)
    };
    assert!([0, 9, 50, most].into_iter().all(has));
    assert!(![10, 20, 30, 40].into_iter().any(has));
    // Of many the oldest leave, some at once.
    (0..most).for_each(|number| recorded(&ledger, number, 1 + u64::from(number == 50)));
    (most + 1..most + 4).for_each(use_of);
    assert_eq!(ledger.size(), (ENTRIES_MAX, 1));
    use_of(most + 4);
    assert_eq!(ledger.size(), (ENTRIES_MAX - LEAVE + 1, 1));
    let book = ledger.book();
    let oldest = book.entries.iter().map(|entry| entry.last_ms).min();
    assert_eq!(oldest, Some(104));
}

#[test]
fn it_survives_a_restart_and_damage_is_put_aside() {
    let place = std::env::temp_dir().join(format!("hereby-ledger-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    let first = Ledger::default();
    first.used(&certificate(1), "shop", None, client("2001:db8::1"), 5);
    first.save(&place);
    let second = Ledger::default();
    second.load(&place);
    assert_eq!(one(&second), one(&first));
    // An upgrade: what the old one counts while it drains comes to the new one in pieces.
    first.lend(&place);
    first.used(&certificate(1), "shop", None, client("2001:db8::1"), 6);
    assert_eq!(one(&first).let_through, 2);
    let third = Ledger::default();
    third.load(&place);
    first.give();
    first.save(&place);
    first.save(&place);
    third.used(&certificate(1), "shop", None, client("2001:db8::1"), 7);
    third.save(&place);
    third.save(&place);
    assert_eq!(one(&third).let_through, 3);
    first.used(&certificate(2), "shop", None, client("2001:db8::1"), 8);
    first.save(&place);
    third.save(&place);
    assert_eq!(third.size(), (2, 0));
    let fourth = Ledger::default();
    fourth.load(&place);
    assert_eq!(fourth.book().entries, third.book().entries);
    let left = std::fs::read_dir(&place).unwrap().count();
    assert_eq!(left, 1, "pieces are removed");
    std::fs::write(place.join("certificates.json"), "{torn").unwrap();
    let fifth = Ledger::default();
    fifth.load(&place);
    assert_eq!(fifth.size(), (0, 0));
    assert!(place.join("certificates.json.damaged").exists());
    std::fs::remove_dir_all(&place).unwrap();
}

#[test]
fn a_successor_that_does_not_come_changes_nothing() {
    let place = std::env::temp_dir().join(format!("hereby-lent-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    let ledger = Ledger::default();
    ledger.used(&certificate(1), "shop", None, client("192.0.2.7"), 5);
    ledger.lend(&place);
    ledger.used(&certificate(1), "shop", None, client("192.0.2.7"), 6);
    // What it holds meanwhile is the successor's: nothing is written.
    ledger.save(&place);
    ledger.take_back();
    assert_eq!(one(&ledger).let_through, 2);
    ledger.save(&place);
    let again = Ledger::default();
    again.load(&place);
    assert_eq!(one(&again), one(&ledger));
    std::fs::remove_dir_all(&place).unwrap();
}

#[test]
fn ten_thousand_entries_are_read_in_one_answer() {
    let most = Book::default();
    let entry = Entry::new(&certificate(1), &"t".repeat(63), 1_795_323_672_000);
    let one = serde_json::to_vec(&entry).unwrap().len() + 2 * 200 + 8 * 20;
    assert!(most.entries.is_empty());
    // `hereby edge` and control read at most 64 MiB.
    assert!(one * ENTRIES_MAX < 16 << 20);
}
