//! Addresses of strangers: sealed under a key of each one's own, which goes when they do.

use std::collections::BTreeSet;

use record::command::{ConfirmSubscriber, RemoveSubscriber, SendNotice, Update};
use record::kinds::incident::Audience;
use record::kinds::subscriber::Channel;

use super::*;
use crate::ports::Keystore;

fn confirm(address: &str) -> ConfirmSubscriber {
    ConfirmSubscriber {
        address: word(address),
        channel: Channel::Mail,
        components: BTreeSet::new(),
        language: word("en"),
    }
}

/// As the part of hereby that sees to subscribers asks.
fn own(id: &str, verb: impl Into<Verb>) -> Request {
    Request {
        transport: Transport::Own(word("subscriptions")),
        ..local(id, verb)
    }
}

fn leave(number: u32) -> RemoveSubscriber {
    RemoveSubscriber {
        subscriber: incident::subscriber_name(number),
    }
}

#[test]
fn an_address_is_sealed_and_who_leaves_is_erased_for_good() {
    let mut house = House::new();
    for (number, who) in ["sam", "kim"].iter().enumerate() {
        let id = format!("hereby:subscriber:confirm:{number}");
        done(house.send(own(&id, confirm(&format!("{who}@example.org")))));
    }
    let everything = String::from_utf8(house.disk.entries().concat()).unwrap();
    assert!(!everything.contains("@example.org"), "{everything}");
    assert_eq!(house.keys.names(), ["subscriber/sub-1", "subscriber/sub-2"]);
    let mut act = house.acts().remove(1);
    let open = act.open(&mut |name| house.keys.find(name).unwrap());
    assert_eq!(open.unwrap(), 0);
    assert!(
        String::from_utf8(act.encode().unwrap())
            .unwrap()
            .contains("sam@example.org")
    );
    done(house.send(own("hereby:subscriber:leave:sub-1", leave(1))));
    assert_eq!(house.keys.names(), ["subscriber/sub-2"]);
    house.agrees();
    // A backup of the keys brings one back: the next start erases it again.
    let name = word("subscriber/sub-1");
    house.keys.ensure(&name).unwrap();
    assert_eq!(house.keys.names().len(), 2);
    house.start();
    house.tick().unwrap();
    assert_eq!(house.keys.names(), ["subscriber/sub-2"]);
}

#[test]
fn a_signed_command_keeps_no_copy_of_the_address() {
    let mut house = House::new();
    house.done("k-1", access::enroll("kim-laptop", "kim", 9));
    let mut request = local("s-1", confirm("sam@example.org"));
    request.command.why = Some(word("Sam Sample asked by phone"));
    done(house.send(access::sign(request, "kim-laptop", 9)));
    let everything = String::from_utf8(house.disk.entries().concat()).unwrap();
    for secret in ["sam@example.org", "Sam Sample"] {
        assert!(!everything.contains(secret), "{secret} in {everything}");
    }
}

#[test]
fn only_herebys_own_parts_may_use_its_ids() {
    let mut house = House::new();
    let squatted = "hereby:subscriber:leave:sub-1";
    let outside = house.ask(squatted, declare("x"));
    assert_eq!(reason(&outside), Reason::Forbidden);
    done(house.send(own(
        "hereby:subscriber:confirm:1",
        confirm("sam@example.org"),
    )));
    let first = done(house.send(own(squatted, leave(1))));
    let again = done(house.send(own(squatted, leave(1))));
    assert_eq!(first[0].index, again[0].index, "once");
}

#[test]
fn a_notice_cites_what_was_said_to_the_public_of_that_incident() {
    let mut house = House::new();
    done(house.send(own(
        "hereby:subscriber:confirm:1",
        confirm("sam@example.org"),
    )));
    for (id, title) in [("d-1", "x"), ("d-2", "y")] {
        house.done(id, declare(title));
    }
    let update = |audience, incident| Update {
        audience,
        incident: inc(incident),
        page: None,
        status: None,
        text: word("It fails."),
    };
    let inside = house.done("u-1", update(Audience::Insiders, 1))[0].act;
    let other = house.done("u-2", update(Audience::Public, 2))[0].act;
    let public = house.done("u-3", update(Audience::Public, 1))[0].act;
    let send = |update| SendNotice {
        components: BTreeSet::new(),
        incident: inc(1),
        update,
    };
    let unheard = base::ActId::from_bytes([9; 16]);
    for (number, wrong) in [inside, other, unheard].into_iter().enumerate() {
        let asked = house.ask(&format!("n-{number}"), send(wrong));
        assert_eq!(reason(&asked), Reason::NotFound);
    }
    house.done("n-9", send(public));
    house.agrees();
    house.driver().snapshot();
    house.start();
    house.agrees();
}
