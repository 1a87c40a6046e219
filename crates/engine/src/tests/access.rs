//! Who may ask for what: tokens, their scopes and ends, signatures.

use std::collections::BTreeSet;

use aws_lc_rs::signature::Ed25519KeyPair;
use base::{Actor, TokenId};
use record::command::{EnrollKey, IssueToken, RevokeKey, RevokeToken, RotateLogKey, signed_bytes};
use record::hash;
use record::kinds::access::Scope;
use record::note::{Algorithm, SignerKey, VerifierKey};

use super::*;

fn person(name: &str) -> Actor {
    Actor::Person { id: word(name) }
}

fn issue(house: &House, number: u8, actor: Actor, scopes: &[Scope], life_ms: i64) -> IssueToken {
    let hash = hash::sha256(&[&[number; 32]]);
    let digits: String = hash
        .0
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    IssueToken {
        actor,
        expires_at: house.now().plus_ms(life_ms),
        hash,
        scopes: scopes.iter().copied().collect(),
        token: word(&format!("tok-{digits}")),
    }
}

/// Issues a token for a day.
fn token(house: &mut House, number: u8, actor: Actor, scopes: &[Scope]) -> TokenId {
    let issue = issue(house, number, actor, scopes, DAY);
    let id = issue.token.clone();
    house.done(&format!("issue-{number}"), issue);
    id
}

fn by(token: &TokenId, id: &str, verb: impl Into<Verb>) -> Request {
    Request {
        transport: Transport::Token(token.clone()),
        ..local(id, verb)
    }
}

#[test]
fn a_token_is_good_for_its_scopes_and_nothing_else() {
    let scopes = [
        Scope::Read,
        Scope::Respond,
        Scope::Alerts,
        Scope::Witness,
        Scope::Admin,
    ];
    for (number, scope) in (0_u8..).zip(scopes) {
        let mut house = House::new();
        let token = token(&mut house, number, person("kim"), &[scope]);
        let declared = house.send(by(&token, "d-1", declare("x")));
        assert_eq!(
            matches!(declared, Outcome::Done(_)),
            scope == Scope::Respond,
            "{scope:?}"
        );
        let admin = [
            by(
                &token,
                "a-1",
                RevokeToken {
                    token: token.clone(),
                },
            ),
            by(&token, "a-2", RotateLogKey {}),
        ];
        for request in admin.into_iter().rev() {
            let outcome = house.send(request);
            assert_eq!(
                matches!(outcome, Outcome::Done(_)),
                scope == Scope::Admin,
                "{scope:?}"
            );
        }
        let mut house = House::new();
        let token = self::token(&mut house, number, person("kim"), &[scope]);
        let transport = Transport::Token(token);
        let now = house.now();
        let driver = house.driver();
        let mut alerts = driver.signals(transport.clone(), vec![firing("a", "checkout", now)]);
        let mut beat = driver.beat(transport, word("backup"));
        driver.serve().unwrap();
        let taken = matches!(alerts.look(), Reply::Answered(Answer::Signals(_)));
        assert_eq!(taken, scope == Scope::Alerts);
        let taken = matches!(beat.look(), Reply::Answered(Answer::Beat(Ok(false))));
        assert_eq!(taken, scope == Scope::Alerts);
    }
}

#[test]
fn what_a_token_does_is_its_holders_doing() {
    let mut house = House::new();
    let token = token(&mut house, 1, person("kim"), &[Scope::Respond]);
    house.send(by(&token, "d-1", declare("x")));
    let act = house.acts().pop().unwrap();
    assert_eq!(act.actor, person("kim"));
    assert_eq!(act.evidence.proof, Proof::Token(token.clone()));
    // A claim to be somebody else is refused, not ignored.
    let mut request = by(&token, "d-2", declare("x"));
    request.command.on_behalf_of = Some(word("robin"));
    assert_eq!(reason(&house.send(request)), Reason::Forbidden);
    // On the local socket it is taken, and recorded as a claim.
    let mut request = local("d-3", declare("x"));
    request.command.on_behalf_of = Some(word("robin"));
    done(house.send(request));
    let act = house.acts().pop().unwrap();
    assert_eq!(
        act.actor,
        Actor::Uid {
            id: 1000,
            on_behalf_of: Some(word("robin"))
        }
    );
    assert_eq!(act.evidence.proof, Proof::LocalUid);
}

#[test]
fn a_token_ends_at_its_time() {
    let mut house = House::new();
    let token = token(&mut house, 1, person("kim"), &[Scope::Respond]);
    house.wait(DAY - 1);
    done(house.send(by(&token, "d-1", declare("x"))));
    house.wait(1);
    let outcome = house.send(by(&token, "d-2", declare("x")));
    assert_eq!(reason(&outcome), Reason::Forbidden);
    // Nor does it get the receipts of what it did before.
    assert_eq!(
        reason(&house.send(by(&token, "d-1", declare("x")))),
        Reason::Forbidden
    );
}

#[test]
fn a_token_that_runs_out_while_it_waits_is_judged_when_its_turn_comes() {
    let mut house = House::new();
    let token = token(&mut house, 1, person("kim"), &[Scope::Respond]);
    let mut asked = house.driver().submit(by(&token, "d-1", declare("x")));
    house.wait(DAY);
    house.driver().serve().unwrap();
    let Reply::Answered(Answer::Command(outcome)) = asked.look() else {
        unreachable!()
    };
    assert_eq!(reason(&outcome), Reason::Forbidden);
}

#[test]
fn a_revocation_holds_for_whatever_stands_behind_it_in_the_same_batch() {
    let mut house = House::new();
    let token = token(
        &mut house,
        1,
        person("kim"),
        &[Scope::Respond, Scope::Alerts],
    );
    let now = house.now();
    let driver = house.driver();
    let mut before = driver.submit(by(&token, "d-1", declare("x")));
    driver.submit(local(
        "r-1",
        RevokeToken {
            token: token.clone(),
        },
    ));
    let mut after = driver.submit(by(&token, "d-2", declare("x")));
    let mut alerts = driver.signals(
        Transport::Token(token.clone()),
        vec![firing("a", "checkout", now)],
    );
    driver.serve().unwrap();
    assert!(matches!(
        before.look(),
        Reply::Answered(Answer::Command(Outcome::Done(_)))
    ));
    for asked in [&mut after, &mut alerts] {
        let Reply::Answered(Answer::Command(outcome)) = asked.look() else {
            unreachable!()
        };
        assert_eq!(reason(&outcome), Reason::Forbidden);
    }
    assert_eq!(house.disk.batches().last().unwrap().1, 2);
    house.start();
    assert_eq!(
        reason(&house.send(by(&token, "d-3", declare("x")))),
        Reason::Forbidden
    );
}

#[test]
fn a_token_that_never_was_is_refused() {
    let mut house = House::new();
    let unknown: TokenId = word("tok-0123456789abcdef");
    assert_eq!(
        reason(&house.send(by(&unknown, "d-1", declare("x")))),
        Reason::Forbidden
    );
    let revoked = house.ask("r-1", RevokeToken { token: unknown });
    assert_eq!(reason(&revoked), Reason::NotFound);
}

#[test]
fn what_is_no_proper_token_is_not_issued() {
    let mut house = House::new();
    let good = issue(&house, 1, person("kim"), &[Scope::Read], DAY);
    let uid = Actor::Uid {
        id: 0,
        on_behalf_of: None,
    };
    let bad = [
        IssueToken {
            expires_at: house.now(),
            ..good.clone()
        },
        IssueToken {
            expires_at: house.now().plus_ms(400 * DAY + 1),
            ..good.clone()
        },
        IssueToken {
            scopes: BTreeSet::new(),
            ..good.clone()
        },
        IssueToken {
            actor: uid,
            ..good.clone()
        },
        IssueToken {
            actor: Actor::System { id: word("timer") },
            ..good.clone()
        },
        IssueToken {
            hash: hash::EMPTY_ROOT,
            ..good.clone()
        },
    ];
    for (number, issue) in bad.into_iter().enumerate() {
        let outcome = house.ask(&format!("i-{number}"), issue);
        assert_eq!(reason(&outcome), Reason::OutOfRange, "{number}");
    }
    house.done("i-good", good.clone());
    assert_eq!(reason(&house.ask("i-again", good)), Reason::WrongState);
}

#[test]
fn of_tokens_there_are_1000_and_room_again_when_they_run_out() {
    let mut house = House::new();
    let numbered = |house: &House, number: u32| {
        let hash = hash::sha256(&[&number.to_be_bytes()]);
        let token = crate::access::token_id(&hash).unwrap();
        IssueToken {
            hash,
            token,
            ..issue(house, 0, person("kim"), &[Scope::Read], DAY)
        }
    };
    let requests = (0..1_000)
        .map(|it| local(&format!("i-{it}"), numbered(&house, it)))
        .collect();
    assert!(
        house
            .together(requests)
            .iter()
            .all(|it| matches!(it, Outcome::Done(_)))
    );
    let more = numbered(&house, 1_000);
    assert_eq!(reason(&house.ask("i-more", more)), Reason::TooMany);
    house.wait(DAY);
    let more = numbered(&house, 1_000);
    house.done("i-more", more);
    assert_eq!(house.driver().state().access.tokens.len(), 1);
}

/// A person's key: its seed is one byte over and over.
fn vkey(number: u8) -> Box<str> {
    let key = SignerKey::from_seed("example.org/person", Algorithm::Ed25519, [number; 32]);
    key.unwrap().verifier().to_string().into()
}

pub(super) fn enroll(name: &str, owner: &str, number: u8) -> EnrollKey {
    EnrollKey {
        key: word(name),
        person: word(owner),
        vkey: vkey(number),
    }
}

pub(super) fn sign(mut request: Request, key: &str, number: u8) -> Request {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[number; 32]).unwrap();
    let canonical = request.command.to_canonical().unwrap();
    let bytes = pair.sign(&signed_bytes(&canonical)).as_ref().to_vec();
    request.signature = Some(Signature {
        key: word(key),
        bytes,
    });
    request
}

#[test]
fn a_signed_command_is_the_signers_doing_and_can_be_checked_later() {
    let mut house = House::new();
    house.done("e-1", enroll("kim-laptop", "kim", 9));
    let mut request = local("d-1", declare("Checkout is down"));
    request.command.why = Some(word("Customers say so"));
    done(house.send(sign(request.clone(), "kim-laptop", 9)));
    let act = house.acts().pop().unwrap();
    assert_eq!(act.actor, person("kim"));
    assert_eq!(act.evidence.proof, Proof::Key(word("kim-laptop")));
    let signed = act.evidence.signed.unwrap();
    let command = signed.command.unwrap().readable().cloned().unwrap();
    assert_eq!(command.as_bytes(), request.command.to_canonical().unwrap());
    // Sent again by another way it is still the same command of the same person.
    request.transport = Transport::LocalUid(1001);
    assert_eq!(done(house.send(sign(request, "kim-laptop", 9)))[0].index, 2);
}

#[test]
fn a_signature_that_does_not_fit_is_refused() {
    let mut house = House::new();
    house.done("e-1", enroll("kim-laptop", "kim", 9));
    house.done("e-2", enroll("robin-laptop", "robin", 8));
    let request = local("d-1", declare("x"));
    let refused = |house: &mut House, request| {
        assert_eq!(reason(&house.send(request)), Reason::Forbidden);
    };
    refused(&mut house, sign(request.clone(), "kim-laptop", 8));
    refused(&mut house, sign(request.clone(), "nobodys", 9));
    let mut altered = sign(request.clone(), "kim-laptop", 9);
    altered.command.verb = declare("y").into();
    refused(&mut house, altered);
    let mut cut = sign(request.clone(), "kim-laptop", 9);
    cut.signature.as_mut().unwrap().bytes.pop();
    refused(&mut house, cut);
    // The signature is kim's; the command must not claim to be robin's.
    let mut claims = request.clone();
    claims.command.on_behalf_of = Some(word("robin"));
    refused(&mut house, sign(claims, "kim-laptop", 9));
    // Nor may robin's token carry what kim signed; a service that passes it on may.
    let robins = token(&mut house, 1, person("robin"), &[Scope::Respond]);
    let mut carried = sign(request.clone(), "kim-laptop", 9);
    carried.transport = Transport::Token(robins);
    refused(&mut house, carried.clone());
    let service = Actor::Service { id: word("chat") };
    carried.transport = Transport::Token(token(&mut house, 2, service, &[Scope::Respond]));
    done(house.send(carried));
    assert_eq!(house.acts().pop().unwrap().actor, person("kim"));
}

#[test]
fn a_revoked_key_signs_nothing_from_there_on() {
    let mut house = House::new();
    house.done("e-1", enroll("kim-laptop", "kim", 9));
    let signed = |id: &str| sign(local(id, declare("x")), "kim-laptop", 9);
    let outcomes = house.together(vec![
        signed("d-1"),
        local(
            "r-1",
            RevokeKey {
                key: word("kim-laptop"),
            },
        ),
        signed("d-2"),
    ]);
    assert!(matches!(outcomes[0], Outcome::Done(_)));
    assert_eq!(reason(&outcomes[2]), Reason::Forbidden);
    assert_eq!(reason(&house.send(signed("d-3"))), Reason::Forbidden);
    let again = house.ask(
        "r-2",
        RevokeKey {
            key: word("kim-laptop"),
        },
    );
    assert_eq!(reason(&again), Reason::NotFound);
}

#[test]
fn a_key_replaced_under_the_same_name_does_not_vouch_for_the_old_one() {
    let mut house = House::new();
    house.done("e-1", enroll("kim-laptop", "kim", 9));
    // The signature is checked against the old key before the writer comes to the revocation.
    let outcomes = house.together(vec![
        local(
            "r-1",
            RevokeKey {
                key: word("kim-laptop"),
            },
        ),
        // Another person: for the same one it would wait for others.
        local("e-2", enroll("kim-laptop", "sam", 10)),
        sign(local("d-1", declare("x")), "kim-laptop", 9),
    ]);
    assert_eq!(reason(&outcomes[2]), Reason::Forbidden);
    done(house.send(sign(local("d-1", declare("x")), "kim-laptop", 10)));
}

#[test]
fn what_is_no_key_is_not_enrolled() {
    let mut house = House::new();
    for vkey in ["", "kim", "example.org/kim+00000000+AAAA", &"x".repeat(301)] {
        let bad = EnrollKey {
            vkey: vkey.into(),
            ..enroll("k", "kim", 1)
        };
        assert_eq!(reason(&house.ask("e-1", bad)), Reason::OutOfRange);
    }
    // The neutral point: a signature by it fits every message.
    let mut fits_all = [0; 32];
    fits_all[0] = 1;
    let fits_all = VerifierKey::new("example.org/kim", Algorithm::Ed25519, fits_all).unwrap();
    let bad = EnrollKey {
        vkey: fits_all.to_string().into(),
        ..enroll("k", "kim", 1)
    };
    assert_eq!(reason(&house.ask("e-1", bad)), Reason::OutOfRange);
    house.done("e-1", enroll("k", "kim", 1));
    assert_eq!(
        reason(&house.ask("e-2", enroll("k", "kim", 2))),
        Reason::WrongState
    );
}
