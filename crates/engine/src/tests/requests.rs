//! What can't be undone: it waits for others, for time, or for somebody who answers for it.

use record::command::{
    ApproveRequest, GrantPermission, OverrideRequest, RedactIncident, RedactPerson, RegisterPerson,
    RejectRequest, RevokeKey, WithdrawRequest,
};
use record::kinds::directory::Permission;

use super::access::{enroll, sign};
use super::*;

fn approve(name: &str) -> ApproveRequest {
    ApproveRequest {
        request: word(name),
    }
}

fn redact() -> RedactIncident {
    RedactIncident { incident: inc(1) }
}

/// A house with a private incident, and keys of these people.
fn house(people: &[(&str, u8)]) -> House {
    let mut house = House::new();
    house.done("d-1", private("a secret"));
    for (person, seed) in people {
        house.done(&format!("enroll-{person}"), enroll(person, person, *seed));
    }
    house
}

fn private(title: &str) -> Declare {
    Declare {
        private: true,
        ..declare(title)
    }
}

fn by(house: &mut House, id: &str, verb: impl Into<Verb>, who: (&str, u8)) -> Outcome {
    let mut request = local(id, verb);
    request.command.why = Some(word("said so"));
    house.send(sign(request, who.0, who.1))
}

/// Asked for on the local socket, with a reason.
fn asked(house: &mut House, id: &str, verb: impl Into<Verb>) -> Outcome {
    let mut request = local(id, verb);
    request.command.why = Some(word("said so"));
    house.send(request)
}

fn kinds(house: &House) -> Vec<String> {
    let acts = house.acts();
    acts.iter().map(|act| act.body.kind().to_owned()).collect()
}

#[test]
fn nobody_approves_their_own_request_and_another_person_does() {
    let (kim, alex) = (("kim", 7), ("alex", 8));
    let mut house = house(&[kim, alex]);
    assert!(house.keys.names().contains(&"incident/INC-1".to_owned()));
    done(by(&mut house, "r-1", redact(), kim));
    assert!(!house.state().incidents.summary(inc(1)).unwrap().redacted);
    let own = by(&mut house, "a-1", approve("req-1"), kim);
    assert_eq!(reason(&own), Reason::Forbidden);
    // Without a key of one's own nobody can tell who approves.
    let unsigned = house.ask("a-2", approve("req-1"));
    assert_eq!(reason(&unsigned), Reason::Forbidden);
    done(by(&mut house, "a-3", approve("req-1"), alex));
    assert!(house.state().incidents.summary(inc(1)).unwrap().redacted);
    let tail = kinds(&house).split_off(4);
    assert_eq!(
        tail,
        [
            "request.made/1",
            "request.approved/1",
            "request.carried_out/1",
            "incident.redacted/1",
        ]
    );
    assert!(house.state().incidents.requests.waiting.is_empty());
    assert!(!house.keys.names().contains(&"incident/INC-1".to_owned()));
    // What comes without text still can; text can't.
    let noted = house.ask("n-1", note(1, "more"));
    assert_eq!(reason(&noted), Reason::WrongState);
    let again = by(&mut house, "r-2", redact(), kim);
    assert_eq!(reason(&again), Reason::WrongState);
}

#[test]
fn a_request_from_nobody_in_particular_takes_one_approval_more() {
    let (kim, alex) = (("kim", 7), ("alex", 8));
    let mut house = house(&[kim, alex]);
    done(asked(&mut house, "r-1", redact()));
    done(by(&mut house, "a-1", approve("req-1"), kim));
    let twice = by(&mut house, "a-2", approve("req-1"), kim);
    assert_eq!(reason(&twice), Reason::WrongState);
    assert!(!house.state().incidents.summary(inc(1)).unwrap().redacted);
    done(by(&mut house, "a-3", approve("req-1"), alex));
    assert!(house.state().incidents.summary(inc(1)).unwrap().redacted);
}

#[test]
fn what_nobody_rejects_is_done_when_its_time_came() {
    let mut house = house(&[]);
    done(asked(&mut house, "r-1", redact()));
    let same = asked(&mut house, "r-2", redact());
    assert_eq!(reason(&same), Reason::WrongState);
    house.pass(2 * DAY);
    assert!(!house.state().incidents.summary(inc(1)).unwrap().redacted);
    house.pass(2 * DAY);
    assert!(house.state().incidents.summary(inc(1)).unwrap().redacted);
    assert!(house.keys.names().is_empty());
}

#[test]
fn what_is_rejected_or_taken_back_is_not_done() {
    let mut house = house(&[("kim", 7)]);
    done(asked(&mut house, "r-1", redact()));
    house.done(
        "x-1",
        RejectRequest {
            request: word("req-1"),
        },
    );
    done(asked(&mut house, "r-2", redact()));
    let withdraw = WithdrawRequest {
        request: word("req-2"),
    };
    let other = by(&mut house, "w-1", withdraw.clone(), ("kim", 7));
    assert_eq!(reason(&other), Reason::Forbidden);
    house.done("w-2", withdraw);
    house.pass(40 * DAY);
    assert!(!house.state().incidents.summary(inc(1)).unwrap().redacted);
    assert_eq!(
        reason(&house.ask("a-1", approve("req-1"))),
        Reason::NotFound
    );
}

#[test]
fn an_override_is_signed_and_has_a_reason() {
    let kim = ("kim", 7);
    let mut house = house(&[kim]);
    done(by(&mut house, "r-1", redact(), kim));
    let over = OverrideRequest {
        request: word("req-1"),
    };
    assert_eq!(reason(&house.ask("o-1", over.clone())), Reason::Forbidden);
    let silent = house.send(sign(local("o-2", over.clone()), "kim", 7));
    assert_eq!(reason(&silent), Reason::OutOfRange);
    done(by(&mut house, "o-3", over, kim));
    assert!(house.state().incidents.summary(inc(1)).unwrap().redacted);
}

#[test]
fn a_persons_key_is_replaced_by_two_others_and_an_hour_later_only() {
    let (kim, alex, robin, sam) = (("kim", 7), ("alex", 8), ("robin", 9), ("sam", 10));
    let mut house = house(&[kim, alex, robin, sam]);
    house.done("l-1", RevokeKey { key: word("kim") });
    // Somebody rings and says: it is Kim, I have a new telephone.
    let stolen = enroll("kim-new", "kim", 66);
    done(by(&mut house, "e-1", stolen, sam));
    assert!(
        !house
            .state()
            .access
            .keys
            .contains_key(&word::<base::Name>("kim-new"))
    );
    let own = by(&mut house, "a-1", approve("req-1"), sam);
    assert_eq!(reason(&own), Reason::Forbidden);
    let over = OverrideRequest {
        request: word("req-1"),
    };
    assert_eq!(reason(&by(&mut house, "o-1", over, sam)), Reason::Forbidden);
    done(by(&mut house, "a-2", approve("req-1"), alex));
    done(by(&mut house, "a-3", approve("req-1"), robin));
    assert!(
        !house
            .state()
            .access
            .keys
            .contains_key(&word::<base::Name>("kim-new"))
    );
    house.pass(HOUR + 60 * SECOND);
    assert!(
        house
            .state()
            .access
            .keys
            .contains_key(&word::<base::Name>("kim-new"))
    );
    // Whoever still has a key enrolls another one with it, at once.
    done(by(&mut house, "e-2", enroll("alex-2", "alex", 88), alex));
    assert!(
        house
            .state()
            .access
            .keys
            .contains_key(&word::<base::Name>("alex-2"))
    );
}

#[test]
fn a_third_admin_takes_the_second() {
    let (kim, alex, robin) = (("kim", 7), ("alex", 8), ("robin", 9));
    let mut house = house(&[kim, alex, robin]);
    for person in ["kim", "alex", "robin", "sam"] {
        let known = RegisterPerson {
            full_name: None,
            person: word(person),
            places: Vec::new(),
        };
        house.done(&format!("p-{person}"), known);
    }
    let admin = |person: &str| GrantPermission {
        permission: Permission::Admin,
        person: word(person),
        team: None,
    };
    let grants = |house: &mut House, person: &str| {
        let people = &house.state().incidents.directory.people;
        people[&word::<base::PersonName>(person)].grants.len()
    };
    // Until there are two nobody else could approve.
    house.done("g-1", admin("kim"));
    done(by(&mut house, "g-2", admin("robin"), kim));
    assert_eq!(grants(&mut house, "robin"), 1);
    done(by(&mut house, "g-3", admin("sam"), kim));
    assert_eq!(grants(&mut house, "sam"), 0);
    // Who may not grant it may not approve it either.
    let refused = by(&mut house, "a-1", approve("req-1"), alex);
    assert_eq!(reason(&refused), Reason::Forbidden);
    done(by(&mut house, "a-2", approve("req-1"), robin));
    assert_eq!(grants(&mut house, "sam"), 1);
}

/// A house in which kim and robin are admins and alex commands, everybody with a key.
fn governed() -> House {
    let mut house = house(&[("kim", 7), ("alex", 8), ("robin", 9), ("sam", 10)]);
    for person in ["kim", "alex", "robin", "sam"] {
        let known = RegisterPerson {
            full_name: None,
            person: word(person),
            places: Vec::new(),
        };
        house.done(&format!("p-{person}"), known);
    }
    for (person, permission) in [
        ("kim", Permission::Admin),
        ("robin", Permission::Admin),
        ("alex", Permission::Commander),
    ] {
        let grant = GrantPermission {
            permission,
            person: word(person),
            team: None,
        };
        house.done(&format!("g-{person}"), grant);
    }
    house
}

#[test]
fn nobody_approves_what_they_could_not_ask_for_however_many_approvals_are_missing() {
    let mut house = governed();
    done(by(
        &mut house,
        "e-1",
        enroll("stolen", "sam", 66),
        ("kim", 7),
    ));
    let early = by(&mut house, "a-1", approve("req-1"), ("alex", 8));
    assert_eq!(reason(&early), Reason::Forbidden);
}

#[test]
fn an_approval_ends_with_the_key_or_permission_that_gave_it() {
    let mut house = governed();
    done(by(&mut house, "r-1", redact(), ("kim", 7)));
    done(by(
        &mut house,
        "e-1",
        enroll("stolen", "sam", 66),
        ("kim", 7),
    ));
    done(by(&mut house, "a-1", approve("req-2"), ("robin", 9)));
    let withdraw = record::command::WithdrawPermission {
        permission: Permission::Admin,
        person: word("robin"),
        team: None,
    };
    house.done("w-1", withdraw);
    house.pass(3 * HOUR);
    assert!(
        house
            .state()
            .incidents
            .requests
            .waiting
            .contains_key(&word::<base::Name>("req-2"))
    );
    assert!(
        !house
            .state()
            .access
            .keys
            .contains_key(&word::<base::Name>("stolen"))
    );
}

#[test]
fn what_was_asked_with_a_key_that_is_gone_is_not_done() {
    let mut house = governed();
    done(by(&mut house, "r-1", redact(), ("kim", 7)));
    house.done("x-1", RevokeKey { key: word("kim") });
    let late = by(&mut house, "a-1", approve("req-1"), ("robin", 9));
    assert_eq!(reason(&late), Reason::WrongState);
    house.pass(4 * DAY);
    assert!(!house.state().incidents.summary(inc(1)).unwrap().redacted);
    assert!(kinds(&house).contains(&"request.lapsed/1".to_owned()));
}

#[test]
fn the_reason_of_a_request_about_a_private_incident_is_sealed_with_it() {
    let mut house = house(&[("kim", 7)]);
    let mut request = local("r-1", redact());
    request.command.why = Some(word("a diagnosis is in the notes"));
    done(house.send(sign(request, "kim", 7)));
    let raw: Vec<u8> = house.disk.entries().concat();
    assert!(!raw.windows(9).any(|bytes| bytes == b"diagnosis"));
}

#[test]
fn what_is_personal_is_erased_and_what_is_said_later_has_another_key() {
    let mut house = house(&[]);
    let known = || RegisterPerson {
        full_name: Some(word("Kim Sample")),
        person: word("kim"),
        places: Vec::new(),
    };
    house.done("p-1", known());
    assert!(house.keys.names().contains(&"person/kim".to_owned()));
    let redact = RedactPerson {
        person: word("kim"),
    };
    assert_eq!(
        reason(&house.ask("r-0", redact.clone())),
        Reason::OutOfRange
    );
    done(asked(&mut house, "r-1", redact));
    house.pass(4 * DAY);
    assert!(!house.keys.names().contains(&"person/kim".to_owned()));
    house.done("p-2", known());
    assert!(house.keys.names().contains(&"person/kim/2".to_owned()));
    // Whatever brings the old key back, a start erases it again.
    house.keys.put("person/kim");
    house.start();
    house.tick().unwrap();
    assert!(!house.keys.names().contains(&"person/kim".to_owned()));
    assert!(house.keys.names().contains(&"person/kim/2".to_owned()));
}
