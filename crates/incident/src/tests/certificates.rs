//! What is said of certificates: when one is first seen, once a day while it is used, and when it is
//! revoked; of edges that forget, all together.

use record::command::{ReportCertificate, RevokeCertificate};

use super::*;
use crate::{Counts, Reason};

const ISSUER: &str = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd";

fn used(world: &World, let_through: u64, refused: u64) -> ReportCertificate {
    ReportCertificate {
        cell: word("default"),
        fingerprint: word(&"ab".repeat(32)),
        first_at: word("2017-12-21T07:00:00.000Z"),
        issuer: word(ISSUER),
        last_at: world.now,
        last_let_through_at: None,
        let_through,
        let_through_after: 0,
        prefixes: [word("192.0.2.0/24")].into(),
        refused,
        refused_after: 0,
        serial: word("0:1"),
        tenant: word("shop"),
    }
}

fn report(world: &World, let_through: u64, refused: u64) -> ReportCertificate {
    ReportCertificate {
        serial: word("01"),
        ..used(world, let_through, refused)
    }
}

fn revoke() -> RevokeCertificate {
    RevokeCertificate {
        fingerprint: None,
        incident: None,
        issuer: Some(word(ISSUER)),
        serial: Some(word("1")),
    }
}

fn counts(world: &World) -> Counts {
    let uses = &world.state.certificates;
    let name = word(&"ab".repeat(32));
    let mut all = uses.of(&name);
    all.next().unwrap().counts()
}

fn reason(said: Result<Vec<String>, Refusal>) -> Reason {
    said.unwrap_err().reason
}

#[test]
fn it_is_said_when_first_seen_then_once_a_day_and_when_it_is_revoked() {
    let mut world = World::new();
    world.ask(report(&world, 1, 0)).unwrap();
    world.wait(HOUR);
    assert_eq!(reason(world.ask(report(&world, 9, 0))), Reason::WrongState);
    world.wait(DAY);
    world.ask(report(&world, 9, 0)).unwrap();
    // Not used, not said.
    world.wait(2 * DAY);
    assert_eq!(reason(world.ask(report(&world, 9, 0))), Reason::WrongState);
    world.ask(report(&world, 12, 0)).unwrap();
    world.wait(MINUTE);
    world.ask(revoke()).unwrap();
    // The use up to the revocation, also where nothing was added.
    world.wait(SECOND);
    world.ask(report(&world, 12, 0)).unwrap();
    world.wait(SECOND);
    assert_eq!(reason(world.ask(report(&world, 12, 5))), Reason::WrongState);
    // Somebody came in with it after all: that waits for no day.
    let worse = ReportCertificate {
        let_through_after: 1,
        ..report(&world, 13, 5)
    };
    world.ask(worse.clone()).unwrap();
    world.wait(SECOND);
    assert_eq!(reason(world.ask(worse)), Reason::WrongState);
    assert_eq!(counts(&world).let_through, 13);
    world.restart();
}

#[test]
fn an_edge_that_forgot_counts_on_beside_what_was_said() {
    let mut world = World::new();
    world.ask(report(&world, 10, 2)).unwrap();
    world.wait(DAY);
    let anew = |world: &World, let_through| ReportCertificate {
        first_at: word("2017-12-22T01:00:00.000Z"),
        ..report(world, let_through, 0)
    };
    world.ask(anew(&world, 3)).unwrap();
    assert_eq!(
        (counts(&world).let_through, counts(&world).refused),
        (13, 2)
    );
    world.wait(DAY);
    world.ask(anew(&world, 4)).unwrap();
    assert_eq!(counts(&world).let_through, 14);
    let name = word(&"ab".repeat(32));
    let uses = &world.state.certificates;
    let first = uses.of(&name).next().unwrap().first_at;
    assert_eq!(first, word("2017-12-21T07:00:00.000Z"));
    // Less than before is no count of the same.
    world.wait(DAY);
    assert_eq!(reason(world.ask(anew(&world, 2))), Reason::WrongState);
    world.restart();
}

#[test]
fn what_can_not_be_is_refused_and_so_is_a_person_without_a_reason() {
    let mut world = World::new();
    let good = report(&world, 1, 0);
    let bad = [
        used(&world, 1, 0),
        ReportCertificate {
            let_through_after: 2,
            ..good.clone()
        },
        ReportCertificate {
            refused_after: 1,
            ..good.clone()
        },
        ReportCertificate {
            let_through: 1 << 53,
            ..good.clone()
        },
        ReportCertificate {
            last_at: world.now.plus_ms(HOUR),
            ..good.clone()
        },
        ReportCertificate {
            first_at: world.now.plus_ms(1),
            ..good.clone()
        },
        ReportCertificate {
            last_let_through_at: Some(world.now.plus_ms(1)),
            ..good.clone()
        },
        ReportCertificate {
            fingerprint: word("ab"),
            ..good.clone()
        },
        ReportCertificate {
            prefixes: [word("shop.example")].into(),
            ..good.clone()
        },
    ];
    for bad in bad {
        assert_eq!(
            reason(world.ask(bad.clone())),
            Reason::OutOfRange,
            "{bad:?}"
        );
    }
    let prefixes = (0..9).map(|it| word(&format!("10.0.{it}.0/24"))).collect();
    let many = ReportCertificate {
        prefixes,
        ..good.clone()
    };
    assert_eq!(reason(world.ask(many)), Reason::TooMany);
    world.reasoned = false;
    assert_eq!(reason(world.ask(good)), Reason::OutOfRange);
}

#[test]
fn whoever_makes_certificates_can_not_fill_the_record() {
    let mut world = World::new();
    let mut said = 0;
    for number in 0..10_100_u32 {
        let one = ReportCertificate {
            fingerprint: word(&format!("{number:064x}")),
            serial: word(&format!("{:08x}", number + 1)),
            ..report(&world, 1, 0)
        };
        match world.ask(one) {
            Ok(_) => said += 1,
            Err(refusal) => assert_eq!(refusal.reason, Reason::TooMany),
        }
    }
    assert_eq!(said, 10_000);
    // A revoked one is said anyway.
    world.ask(revoke()).unwrap();
    world.ask(report(&world, 1, 0)).unwrap();
    world.wait(DAY);
    let next = ReportCertificate {
        fingerprint: word(&"ee".repeat(32)),
        ..report(&world, 1, 0)
    };
    world.ask(next).unwrap();
}
