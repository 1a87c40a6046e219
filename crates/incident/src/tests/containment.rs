//! Who is shut out, which certificates are worth nothing, which tier answers: said, said again,
//! lifted, and gone by itself.

use base::{Line, Prose};
use proptest::prelude::*;
use record::command::{Ban, OverrideFailover, RevokeCertificate, Unban};
use record::kinds::containment::{CertificateRevoked, ClientBanned};
use record::sealed::Sealable;

use super::*;
use crate::containment::Containment;
use crate::{Certificate, Reason};

const FINGERPRINT: &str = "ab:AB:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:\
                           ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab";
const ISSUER: &str = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd";

fn ban(prefix: &str) -> Ban {
    Ban {
        ends_at: None,
        incident: None,
        prefix: word(prefix),
    }
}

fn ban_for(world: &World, prefix: &str, ms: i64) -> Ban {
    Ban {
        ends_at: Some(world.now.plus_ms(ms)),
        ..ban(prefix)
    }
}

fn unban(prefix: &str) -> Unban {
    Unban {
        prefix: word(prefix),
    }
}

fn revoke(fingerprint: &str) -> RevokeCertificate {
    RevokeCertificate {
        fingerprint: Some(word(fingerprint)),
        incident: None,
        issuer: None,
        serial: None,
    }
}

fn numbered(issuer: &str, serial: &str) -> RevokeCertificate {
    RevokeCertificate {
        fingerprint: None,
        incident: None,
        issuer: Some(word(issuer)),
        serial: Some(word(serial)),
    }
}

fn failover(world: &World, route: &str, tier: Option<u8>, ms: i64) -> OverrideFailover {
    OverrideFailover {
        cell: None,
        ends_at: world.now.plus_ms(ms),
        incident: None,
        route: word(route),
        tier,
    }
}

/// Who is shut out now.
fn banned(world: &World) -> Vec<String> {
    let bans = world.state.containment.bans(world.now);
    bans.map(|(prefix, _)| prefix.to_string()).collect()
}

fn tiers(world: &World) -> Vec<(String, Option<u8>)> {
    let all = world.state.containment.overrides(world.now);
    all.map(|(_, it)| (it.route.to_string(), it.tier)).collect()
}

fn reason(asked: Result<Vec<String>, Refusal>) -> Reason {
    asked.unwrap_err().reason
}

#[test]
fn a_ban_holds_until_its_end_and_is_forgotten_with_the_next_act() {
    let mut world = World::new();
    let told = world.ask(ban_for(&world, "192.0.2.7", HOUR)).unwrap();
    assert_eq!(told, ["192.0.2.7/32 banned"]);
    world.ask(ban("2001:DB8:0:0::/64")).unwrap();
    assert_eq!(banned(&world), ["192.0.2.7/32", "2001:db8::/64"]);
    world.wait(HOUR);
    assert_eq!(banned(&world), ["2001:db8::/64"]);
    assert_eq!(reason(world.ask(unban("192.0.2.7"))), Reason::NotFound);
    world.ask(unban("2001:db8::/64")).unwrap();
    assert_eq!(world.state.containment, Containment::default());
    world.restart();
}

#[test]
fn said_again_the_new_end_holds_be_it_sooner_or_later_or_none() {
    let mut world = World::new();
    world.ask(ban_for(&world, "192.0.2.0/24", HOUR)).unwrap();
    assert_eq!(
        reason(world.ask(ban_for(&world, "192.0.2.0/24", HOUR))),
        Reason::WrongState
    );
    world.ask(ban_for(&world, "192.0.2.0/24", MINUTE)).unwrap();
    world.ask(ban("192.0.2.0/24")).unwrap();
    world.wait(2 * HOUR);
    // The ends that hold no more lift nothing.
    world.ask(ban("198.51.100.0/24")).unwrap();
    assert_eq!(banned(&world), ["192.0.2.0/24", "198.51.100.0/24"]);
    world
        .ask(ban_for(&world, "192.0.2.0/24", 3 * HOUR))
        .unwrap();
    world.wait(3 * HOUR);
    assert_eq!(banned(&world), ["198.51.100.0/24"]);
    world.restart();
}

#[test]
fn too_much_at_once_and_this_machine_itself_are_not_banned() {
    let mut world = World::new();
    for wide in [
        "0.0.0.0/0",
        "192.0.0.0/7",
        "127.0.0.1",
        "127.0.0.0/8",
        "127.3.0.0/16",
        "126.0.0.0/7",
        "::/0",
        "::1",
        "::/64",
        "2000::/18",
        "::ffff:192.0.2.1",
        "::ffff:192.0.2.0/120",
        "192.0.2.1/24",
        "192.0.2.0/33",
        "192.0.2",
        "example.org",
    ] {
        assert_eq!(reason(world.ask(ban(wide))), Reason::OutOfRange, "{wide}");
    }
    for bearable in ["10.0.0.0/8", "2000::/19", "128.0.0.0/8", "::2"] {
        world.ask(ban(bearable)).unwrap();
    }
    let past = Ban {
        ends_at: Some(world.now),
        ..ban("192.0.2.1")
    };
    assert_eq!(reason(world.ask(past)), Reason::OutOfRange);
}

#[test]
fn who_lifts_part_of_a_ban_is_told_which_one_holds_it() {
    let mut world = World::new();
    world.ask(ban("192.0.2.0/24")).unwrap();
    let refusal = world.ask(unban("192.0.2.7")).unwrap_err();
    assert_eq!(refusal.reason, Reason::NotFound);
    assert!(refusal.detail.contains("192.0.2.0/24 is"), "{refusal}");
}

#[test]
fn each_of_them_has_a_reason_and_an_incident_that_is_there() {
    let mut world = World::new();
    world.ask(ban("192.0.2.0/24")).unwrap();
    world.reasoned = false;
    let site = failover(&world, "site", Some(1), HOUR);
    let all: [Verb; 4] = [
        ban("198.51.100.0/24").into(),
        unban("192.0.2.0/24").into(),
        revoke(FINGERPRINT).into(),
        site.clone().into(),
    ];
    for verb in all {
        assert_eq!(reason(world.ask(verb)), Reason::OutOfRange);
    }
    world.reasoned = true;
    let incident = Some(inc(1));
    let ban = Ban {
        incident,
        ..ban("198.51.100.0/24")
    };
    let revoke = RevokeCertificate {
        incident,
        ..revoke(FINGERPRINT)
    };
    let site = OverrideFailover { incident, ..site };
    let all: [Verb; 3] = [ban.into(), revoke.into(), site.into()];
    for verb in all.clone() {
        assert_eq!(reason(world.ask(verb)), Reason::NotFound);
    }
    world.ask(declare("Copied keys")).unwrap();
    for verb in all {
        world.ask(verb).unwrap();
    }
    let mut said = world.state.containment.revocations();
    assert_eq!(said.next().unwrap().1.incident, incident);
}

#[test]
fn a_certificate_is_named_in_one_spelling_and_its_revocation_is_never_taken_back() {
    let mut world = World::new();
    world.ask(revoke(FINGERPRINT)).unwrap();
    world.ask(numbered(ISSUER, "00:0C:0F:FE")).unwrap();
    world.ask(numbered(ISSUER, "0")).unwrap();
    let found: Vec<_> = world.state.containment.revocations().collect();
    let found: Vec<_> = found
        .into_iter()
        .map(|(name, _)| Certificate::of(name))
        .collect();
    let by_number = |serial| Certificate::Numbered {
        issuer: ISSUER,
        serial,
    };
    assert_eq!(
        found,
        [
            Certificate::Fingerprint(&"ab".repeat(32)),
            by_number("00"),
            by_number("0c0ffe"),
        ]
    );
    for again in [
        revoke(&"AB".repeat(32)),
        numbered(&ISSUER.to_ascii_uppercase(), "c0ffe"),
        numbered(ISSUER, "0000"),
    ] {
        assert_eq!(reason(world.ask(again)), Reason::WrongState);
    }
    let both = RevokeCertificate {
        fingerprint: Some(word(&"ab".repeat(32))),
        ..numbered(ISSUER, "1")
    };
    let neither = RevokeCertificate {
        fingerprint: None,
        ..revoke(FINGERPRINT)
    };
    let no_serial = RevokeCertificate {
        serial: None,
        ..numbered(ISSUER, "1")
    };
    for wrong in [
        both,
        neither,
        no_serial,
        revoke("ab:cd"),
        revoke(&"xy".repeat(32)),
        revoke(&format!("a:b{}", "ab".repeat(31))),
        numbered(ISSUER, &"1".repeat(41)),
        numbered(ISSUER, "-1"),
        numbered(ISSUER, ":"),
        numbered("abcd", "1"),
    ] {
        assert_eq!(
            reason(world.ask(wrong.clone())),
            Reason::OutOfRange,
            "{wrong:?}"
        );
    }
    world.restart();
}

#[test]
fn another_tier_answers_for_a_while_and_the_plan_can_be_said_as_well() {
    let mut world = World::new();
    world.ask(failover(&world, "site", Some(1), HOUR)).unwrap();
    let west = OverrideFailover {
        cell: Some(word("west")),
        ..failover(&world, "site", Some(2), 2 * HOUR)
    };
    world.ask(west).unwrap();
    let site = |tier| ("site".to_owned(), tier);
    assert_eq!(tiers(&world), [site(Some(1)), site(Some(2))]);
    world.ask(failover(&world, "site", None, HOUR)).unwrap();
    assert_eq!(tiers(&world), [site(None), site(Some(2))]);
    world.wait(HOUR);
    assert_eq!(tiers(&world), [site(Some(2))]);
    world.wait(HOUR);
    assert_eq!(tiers(&world), []);
    world.ask(ban("192.0.2.0/24")).unwrap();
    world.ask(unban("192.0.2.0/24")).unwrap();
    assert_eq!(world.state.containment, Containment::default());
    for wrong in [
        failover(&world, "site", Some(16), HOUR),
        failover(&world, "site", Some(1), 0),
        failover(&world, "site", Some(1), 30 * DAY + 1),
    ] {
        assert_eq!(reason(world.ask(wrong)), Reason::OutOfRange);
    }
    world.restart();
}

#[test]
fn a_thousand_overrides_hold_at_once_and_one_that_holds_can_be_changed() {
    let mut world = World::new();
    for number in 0..1_000 {
        let one = failover(&world, &format!("route-{number}"), Some(1), HOUR);
        world.ask(one).unwrap();
    }
    let more = failover(&world, "more", Some(1), HOUR);
    assert_eq!(reason(world.ask(more.clone())), Reason::TooMany);
    world.ask(failover(&world, "route-7", None, HOUR)).unwrap();
    world.wait(HOUR);
    world
        .ask(OverrideFailover {
            ends_at: world.now.plus_ms(HOUR),
            ..more
        })
        .unwrap();
    assert_eq!(tiers(&world).len(), 1);
}

fn act(at: Timestamp, subject: Subject, body: impl Into<Body>) -> Act {
    Act {
        id: act_id(&word("x"), 0),
        at,
        claimed_at: None,
        actor: Actor::Person { id: word("sam") },
        evidence: Evidence {
            digest: CommandDigest::from_bytes([0; 16]),
            proof: Proof::Internal,
            signed: None,
        },
        subject,
        tenant: None,
        cause: None,
        why: Some(Sealable::from(word::<Prose>("two\nlines"))),
        body: body.into(),
    }
}

#[test]
fn a_hundred_thousand_bans_and_as_many_revocations_hold_at_once() {
    let mut world = World::new();
    let (now, end) = (world.now, world.now.plus_ms(HOUR));
    let containment = &mut world.state.containment;
    for number in 0..100_000_u32 {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + number);
        let prefix: Line = word(&format!("{address}/32"));
        let body = ClientBanned {
            ends_at: Some(end),
            incident: None,
            prefix: prefix.clone(),
        };
        containment.apply(&act(now, Subject::Client(prefix), body));
        let fingerprint: Line = word(&format!("{number:064x}"));
        let body = CertificateRevoked {
            fingerprint: Some(fingerprint.clone()),
            incident: None,
            issuer: None,
            serial: None,
        };
        containment.apply(&act(now, Subject::Certificate(fingerprint), body));
    }
    let (_, said) = containment.revocations().next().unwrap();
    assert_eq!(said.why, Some(word("two lines")), "a line of why is kept");
    assert_eq!(reason(world.ask(ban("192.0.2.7"))), Reason::TooMany);
    assert_eq!(reason(world.ask(revoke(FINGERPRINT))), Reason::TooMany);
    world.ask(ban("10.0.0.7")).unwrap();
    world.wait(HOUR);
    world.ask(ban("192.0.2.7")).unwrap();
    assert_eq!(banned(&world), ["10.0.0.7/32", "192.0.2.7/32"]);
}

proptest! {
    /// What holds now is what was said last of each address and has not ended; and neither a restart
    /// nor a snapshot changes that.
    #[test]
    fn what_holds_is_what_was_said_last(
        steps in prop::collection::vec((0_u8..3, prop::option::of(1_i64..4), 0_i64..3, any::<bool>()), 0..40)
    ) {
        let mut world = World::new();
        let mut model: BTreeMap<String, Option<Timestamp>> = BTreeMap::new();
        for (which, length, wait, lift) in steps {
            world.wait(wait * MINUTE);
            let now = world.now;
            model.retain(|_, end| end.is_none_or(|end| now < end));
            let name = format!("10.0.0.{which}/32");
            if lift {
                let held = model.remove(&name).is_some();
                prop_assert_eq!(world.ask(unban(&name)).is_ok(), held);
            } else {
                let ends_at = length.map(|minutes| now.plus_ms(minutes * MINUTE));
                let new = model.insert(name.clone(), ends_at) != Some(ends_at);
                prop_assert_eq!(world.ask(Ban { ends_at, ..ban(&name) }).is_ok(), new);
            }
            let held: Vec<String> = model.keys().cloned().collect();
            prop_assert_eq!(banned(&world), held);
            let json = serde_json::to_string(&world.state.containment).unwrap();
            let read: Containment = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(&read, &world.state.containment);
        }
        world.restart();
    }
}
