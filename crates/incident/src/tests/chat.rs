//! Rooms of incidents: who gets one, who does not, and how each ends once.

use record::command::{CloseRoom, LinkRoom, OpenRoom, Reopen, Resolve, SetSeverity, UnlinkRoom};
use record::kinds::chat::Transcript;
use record::kinds::incident::BlobRef;

use super::*;
use crate::{Channel, Opens, Reason, Room};

fn channel(name: &str) -> Channel {
    Channel {
        name: word(name),
        has_rooms: true,
        takes_private: false,
        opens: None,
        stays_ms: 15 * MINUTE,
    }
}

/// A world with a channel that opens rooms at SEV2 or worse.
fn world() -> World {
    let mut world = World::new();
    world.rules.reminders_max = 0;
    world.rules.channels = vec![Channel {
        opens: Some(Opens {
            severity_at_most: sev(2),
            services: Vec::new(),
            drills: false,
        }),
        ..channel("matrix")
    }];
    world
}

fn open(number: u32) -> OpenRoom {
    OpenRoom {
        channel: word("matrix"),
        incident: inc(number),
        room: None,
    }
}

fn link(number: u32, room: &str) -> LinkRoom {
    LinkRoom {
        channel: word("matrix"),
        incident: inc(number),
        room: word(room),
    }
}

fn close(number: u32) -> CloseRoom {
    CloseRoom {
        channel: word("matrix"),
        incident: inc(number),
    }
}

fn unlink(number: u32, files: usize, transcript: Transcript) -> UnlinkRoom {
    let file = |number: usize| BlobRef {
        bytes: 1,
        name: None,
        sha256: record::hash::sha256(&[&number.to_be_bytes()]),
    };
    UnlinkRoom {
        channel: word("matrix"),
        files: (0..files).map(file).collect(),
        incident: inc(number),
        transcript,
    }
}

fn resolve(number: u32) -> Resolve {
    Resolve {
        incident: inc(number),
        summary: None,
    }
}

fn reason(asked: Result<Vec<String>, Refusal>) -> Reason {
    asked.unwrap_err().reason
}

#[test]
fn an_incident_that_is_bad_enough_has_one_from_the_first_second_to_a_while_after_its_end() {
    let mut world = world();
    world.ask(declare("Checkout is down")).unwrap();
    assert_eq!(world.pass(MINUTE), ["INC-1 room_asked"]);
    world.ask(link(1, "!a:example.org")).unwrap();
    world.ask(resolve(1)).unwrap();
    assert_eq!(world.pass(15 * MINUTE - SECOND), Vec::<String>::new());
    assert_eq!(world.pass(SECOND), ["INC-1 room_closed"]);
    assert_eq!(world.pass(DAY), Vec::<String>::new(), "it waits to be read");
    let told = world.ask(unlink(1, 2, Transcript::Attached)).unwrap();
    assert_eq!(
        told,
        [
            "INC-1 file_attached",
            "INC-1 file_attached",
            "INC-1 room_unlinked"
        ]
    );
    assert!(world.state.rooms.0.is_empty(), "nothing is kept of it");
    world.restart();
    assert_eq!(world.pass(DAY), Vec::<String>::new());
}

#[test]
fn one_that_becomes_worse_gets_one_then_and_one_that_is_opened_again_gets_another() {
    let mut world = world();
    let mut minor = declare("A slow page");
    minor.severity = sev(4);
    world.ask(minor).unwrap();
    assert_eq!(world.pass(MINUTE), Vec::<String>::new());
    let worse = SetSeverity {
        incident: inc(1),
        severity: sev(1),
    };
    world.ask(worse).unwrap();
    assert_eq!(world.pass(MINUTE), ["INC-1 room_asked"]);
    world.ask(link(1, "!a:example.org")).unwrap();
    world.ask(resolve(1)).unwrap();
    world.pass(HOUR);
    world.ask(unlink(1, 1, Transcript::Attached)).unwrap();
    world.ask(Reopen { incident: inc(1) }).unwrap();
    assert_eq!(world.pass(MINUTE), ["INC-1 room_asked"]);
}

#[test]
fn a_room_that_somebody_closed_stays_closed_while_the_incident_goes_on() {
    let mut world = world();
    world.ask(declare("Checkout is down")).unwrap();
    world.tick();
    world.ask(link(1, "!a:example.org")).unwrap();
    world.ask(close(1)).unwrap();
    assert_eq!(reason(world.ask(close(1))), Reason::WrongState);
    assert_eq!(reason(world.ask(open(1))), Reason::WrongState);
    world.ask(unlink(1, 0, Transcript::GivenUp)).unwrap();
    assert_eq!(world.pass(HOUR), Vec::<String>::new());
    world.restart();
    // Asked for by a person, it is there again.
    assert_eq!(world.ask(open(1)).unwrap(), ["INC-1 room_asked"]);
}

#[test]
fn nothing_of_a_private_incident_leaves_unless_its_channel_is_for_that() {
    let mut world = world();
    let mut private = declare("Somebody is in db1");
    private.private = true;
    world.ask(private).unwrap();
    assert_eq!(world.pass(MINUTE), Vec::<String>::new());
    assert_eq!(reason(world.ask(open(1))), Reason::Forbidden);
    world.rules.channels[0].takes_private = true;
    assert_eq!(world.pass(MINUTE), ["INC-1 room_asked"]);
}

#[test]
fn who_a_rule_is_not_for_has_none() {
    let mut world = world();
    if let Some(opens) = &mut world.rules.channels[0].opens {
        opens.services = vec![word("checkout")];
    }
    world.ask(declare("Nobody knows what")).unwrap();
    let mut other = declare("Search is down");
    other.service = Some(word("search"));
    world.ask(other).unwrap();
    let mut drill = declare("A rehearsal");
    drill.service = Some(word("checkout"));
    drill.drill = true;
    world.ask(drill).unwrap();
    assert_eq!(world.pass(MINUTE), Vec::<String>::new());
    let mut ours = declare("Checkout is down");
    ours.service = Some(word("checkout"));
    world.ask(ours).unwrap();
    assert_eq!(world.pass(MINUTE), ["INC-4 room_asked"]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut world = world();
    world.rules.channels[0].opens = None;
    world.ask(declare("Checkout is down")).unwrap();
    world.ask(declare("Search is down")).unwrap();
    let unknown = OpenRoom {
        channel: word("irc"),
        ..open(1)
    };
    assert_eq!(reason(world.ask(unknown)), Reason::NotFound);
    assert_eq!(reason(world.ask(open(3))), Reason::NotFound);
    for not_yet in [
        world.ask(link(1, "!a:example.org")),
        world.ask(close(1)),
        world.ask(unlink(1, 0, Transcript::None)),
    ] {
        assert_eq!(reason(not_yet), Reason::WrongState);
    }
    world.ask(open(1)).unwrap();
    assert_eq!(reason(world.ask(open(1))), Reason::WrongState);
    world.ask(link(1, "!a:example.org")).unwrap();
    let taken = OpenRoom {
        room: Some(word("!a:example.org")),
        ..open(2)
    };
    assert_eq!(reason(world.ask(taken)), Reason::WrongState);
    world.ask(close(1)).unwrap();
    for bad in [
        unlink(1, 0, Transcript::Attached),
        unlink(1, 1, Transcript::None),
    ] {
        assert_eq!(reason(world.ask(bad)), Reason::OutOfRange);
    }
    let many = unlink(1, 9, Transcript::Attached);
    assert_eq!(reason(world.ask(many)), Reason::TooMany);
    world.ask(resolve(2)).unwrap();
    assert_eq!(reason(world.ask(open(2))), Reason::WrongState);
}

#[test]
fn a_room_that_never_came_ends_without_one() {
    let mut world = world();
    world.ask(declare("Checkout is down")).unwrap();
    world.tick();
    world.ask(resolve(1)).unwrap();
    assert_eq!(
        world.pass(HOUR),
        ["INC-1 room_closed", "INC-1 room_unlinked"]
    );
    assert!(world.state.rooms.0.is_empty());
}

#[test]
fn rooms_of_a_channel_that_is_configured_no_more_are_let_go_with_their_incident() {
    let mut world = world();
    for number in 1..=2 {
        world.ask(declare("Checkout is down")).unwrap();
        world.tick();
        world
            .ask(link(number, &format!("!{number}:example.org")))
            .unwrap();
    }
    world.ask(close(2)).unwrap();
    world.rules.channels.clear();
    assert_eq!(
        world.pass(MINUTE),
        Vec::<String>::new(),
        "people may still need them"
    );
    world.ask(resolve(1)).unwrap();
    world.ask(resolve(2)).unwrap();
    assert_eq!(
        world.pass(MINUTE),
        [
            "INC-1 room_closed",
            "INC-1 room_unlinked",
            "INC-2 room_unlinked"
        ]
    );
}

#[test]
fn there_are_at_most_eight_in_one_incident() {
    let mut world = world();
    world.rules.channels = (1..=9).map(|it| channel(&format!("c{it}"))).collect();
    world.ask(declare("Checkout is down")).unwrap();
    for number in 1..=9 {
        let verb = OpenRoom {
            channel: word(&format!("c{number}")),
            ..open(1)
        };
        match world.ask(verb) {
            Ok(_) => assert!(number <= 8),
            Err(refusal) => assert_eq!((number, refusal.reason), (9, Reason::TooMany)),
        }
    }
    let rooms = &world.state.rooms.0[&inc(1)];
    assert!(
        rooms
            .values()
            .all(|room| matches!(room, Room::Asked { .. }))
    );
}
