//! Private incidents: what is said in them is readable only with their key.

use record::command::{Resolve, Update};
use record::kinds::incident::{Audience, Role};
use record::sealed::SubjectKey;

use super::*;
use crate::ports::Keystore;

const SECRETS: [&str; 6] = [
    "Somebody copied the customer list",
    "It was taken from the backup host",
    "The board knows",
    "The list is back under lock",
    "Because the auditor called",
    "The log names one account",
];

/// A private incident in which something was said in every way there is.
fn told(house: &mut House) {
    let mut request = local(
        "p-1",
        Declare {
            private: true,
            ..declare(SECRETS[0])
        },
    );
    request.command.why = Some(word(SECRETS[4]));
    done(house.send(request));
    house.done("p-2", note(1, SECRETS[1]));
    let update = |audience, text| Update {
        page: None,
        audience,
        incident: inc(1),
        status: None,
        text: word(text),
    };
    house.done("p-3", update(Audience::Insiders, SECRETS[2]));
    house.done(
        "p-4",
        update(Audience::Public, "Some data may have been read"),
    );
    house.done("p-5", access::enroll("kim-laptop", "kim", 9));
    let signed = access::sign(local("p-6", note(1, SECRETS[5])), "kim-laptop", 9);
    done(house.send(signed));
    let resolve = Resolve {
        incident: inc(1),
        summary: Some(word(SECRETS[3])),
    };
    house.done("p-7", resolve);
}

#[test]
fn neither_the_record_nor_a_snapshot_holds_a_word_of_it() {
    let mut house = House::new();
    told(&mut house);
    house.driver().snapshot();
    let (_, snapshot) = crate::ports::Snapshots::newest(&*house.kept).unwrap();
    let mut everything = house.disk.entries().concat();
    everything.extend(snapshot);
    let everything = String::from_utf8(everything).unwrap();
    for secret in SECRETS {
        assert!(!everything.contains(secret), "{secret}");
    }
    assert!(
        everything.contains("Some data may have been read"),
        "what the public was told"
    );
    assert_eq!(house.keys.names(), ["incident/INC-1"]);
}

#[test]
fn with_the_key_every_word_comes_back() {
    let mut house = House::new();
    told(&mut house);
    let mut text = String::new();
    for mut act in house.acts() {
        let open = act.open(&mut |name| house.keys.find(name).unwrap());
        assert_eq!(open.unwrap(), 0);
        text.push_str(&String::from_utf8(act.encode().unwrap()).unwrap());
    }
    for secret in SECRETS {
        assert!(text.contains(secret), "{secret}");
    }
}

#[test]
fn with_another_key_or_in_another_place_nothing_opens() {
    let mut house = House::new();
    told(&mut house);
    let mut act = house.acts().remove(1);
    let wrong = SubjectKey::from_bytes([1; 32]);
    assert!(act.open(&mut |_| Some(wrong.clone())).is_err());
    assert_eq!(
        act.open(&mut |_| None).unwrap(),
        2,
        "title and why stay sealed"
    );
}

#[test]
fn an_open_incident_has_no_key_and_is_readable() {
    let mut house = House::new();
    house.done("d-1", declare("Checkout is down"));
    house.done("n-1", note(1, "Looking"));
    assert!(house.keys.names().is_empty());
    let everything = String::from_utf8(house.disk.entries().concat()).unwrap();
    assert!(everything.contains("Checkout is down") && everything.contains("Looking"));
}

#[test]
fn when_its_key_is_erased_no_text_is_written_in_it_any_more() {
    let mut house = House::new();
    told(&mut house);
    house.keys.erase("incident/INC-1");
    let acts = house.acts().len();
    assert_eq!(
        reason(&house.ask("p-8", note(1, "One more thing"))),
        Reason::WrongState
    );
    assert_eq!(house.acts().len(), acts);
    house.agrees();
    // The record as it was is untouched: what was sealed stays sealed, and folds.
    house.start();
    house.agrees();
}

#[test]
fn an_incident_whose_key_is_erased_is_still_reminded_of_and_brought_to_its_end() {
    let mut house = House::new();
    let secret = Declare {
        private: true,
        ..declare(SECRETS[0])
    };
    house.done("p-1", secret);
    house.keys.erase("incident/INC-1");
    house.wait(5 * 60 * SECOND);
    house.tick().unwrap();
    let kinds = |house: &House| -> Vec<String> {
        let acts = house.acts();
        let kinds = acts[2..].iter().map(|act| act.body.kind().to_owned());
        kinds.collect()
    };
    assert_eq!(kinds(&house), ["incident.reminded/1"]);
    // It was done: the next second brings nothing.
    house.wait(SECOND);
    house.tick().unwrap();
    assert_eq!(kinds(&house).len(), 1);
    let resolve = |summary| Resolve {
        incident: inc(1),
        summary,
    };
    let told = house.ask("p-2", resolve(Some(word(SECRETS[3]))));
    assert_eq!(reason(&told), Reason::WrongState);
    let mut because = local("p-3", resolve(None));
    because.command.why = Some(word(SECRETS[4]));
    assert_eq!(reason(&house.send(because)), Reason::WrongState);
    house.done("p-4", Acknowledge { incident: inc(1) });
    house.done("p-5", resolve(None));
    assert_eq!(
        kinds(&house),
        [
            "incident.reminded/1",
            "incident.acknowledged/1",
            "incident.resolved/1"
        ]
    );
    house.agrees();
    assert!(house.keys.names().is_empty(), "no key was made anew");
    let everything = String::from_utf8(house.disk.entries().concat()).unwrap();
    assert!(!SECRETS.iter().any(|secret| everything.contains(secret)));
}

#[test]
fn the_state_after_it_is_the_same_from_the_record_and_from_a_snapshot() {
    let mut house = House::new();
    told(&mut house);
    house.agrees();
    house.driver().snapshot();
    house.start();
    house.agrees();
    let assign = record::command::Assign {
        incident: inc(1),
        person: word("kim"),
        role: Role::Planning,
    };
    assert_eq!(
        reason(&house.ask("p-8", assign)),
        Reason::WrongState,
        "it is resolved"
    );
}
