//! Subscribers come, change and leave; notices go to those who were there, and add up.

use std::collections::BTreeSet;

use base::{ActId, Line, Name};
use proptest::prelude::*;
use record::command::{
    ChangeSubscriber, ConfirmSubscriber, RemoveSubscriber, ReportNotice, RetryNotice, SendNotice,
};
use record::hash;
use record::kinds::incident::BlobRef;
use record::kinds::subscriber::Channel;

use super::*;
use crate::{Reason, subscriber_name, subscriber_number};

fn names(names: &[&str]) -> BTreeSet<Name> {
    names.iter().map(|name| word(name)).collect()
}

fn confirm(address: &str, of: &[&str]) -> ConfirmSubscriber {
    let channel = match address.starts_with("https://") {
        true => Channel::Webhook,
        false => Channel::Mail,
    };
    ConfirmSubscriber {
        address: word(address),
        channel,
        components: names(of),
        language: word("en"),
    }
}

fn send(update: u8, of: &[&str]) -> SendNotice {
    SendNotice {
        components: names(of),
        incident: inc(1),
        update: ActId::from_bytes([update; 16]),
    }
}

fn report(notice: &str, round: u32, [done, failed, unknown]: [u32; 3]) -> ReportNotice {
    ReportNotice {
        done,
        failed,
        incident: inc(1),
        notice: word(notice),
        outcomes: BlobRef {
            bytes: 0,
            name: None,
            sha256: hash::sha256(&[]),
        },
        round,
        unknown,
    }
}

fn reason(asked: Result<Vec<String>, Refusal>) -> Reason {
    asked.unwrap_err().reason
}

/// Two people, one of whom wants to hear of checkout only, and a program.
fn world() -> World {
    let mut world = World::new();
    world.ask(confirm("sam@example.org", &[])).unwrap();
    world
        .ask(confirm("kim@example.org", &["checkout"]))
        .unwrap();
    let hook = confirm("https://example.org/status", &["search"]);
    world.ask(hook).unwrap();
    world.ask(declare("x")).unwrap();
    world
}

#[test]
fn who_did_not_confirm_themselves_is_answered_for_by_somebody() {
    let mut world = World::new();
    world.reasoned = false;
    let refused = world.ask(confirm("sam@example.org", &[]));
    assert_eq!(reason(refused), Reason::OutOfRange);
    world.reasoned = true;
    world.ask(confirm("sam@example.org", &[])).unwrap();
    for (address, channel) in [
        ("sam", Channel::Mail),
        ("sam@example.org@x", Channel::Mail),
        ("http://example.org", Channel::Webhook),
        ("https://exa mple.org", Channel::Webhook),
    ] {
        let bad = ConfirmSubscriber {
            channel,
            ..confirm(address, &[])
        };
        assert_eq!(reason(world.ask(bad)), Reason::OutOfRange, "{address}");
    }
    let klingon = ConfirmSubscriber {
        language: word("tlh"),
        ..confirm("sam@example.org", &[])
    };
    assert_eq!(reason(world.ask(klingon)), Reason::OutOfRange);
    let many: Vec<String> = (0..33).map(|number| format!("c{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let many = confirm("sam@example.org", &many);
    assert_eq!(reason(world.ask(many)), Reason::TooMany);
}

#[test]
fn a_number_is_given_once() {
    let mut world = world();
    let leave = RemoveSubscriber {
        subscriber: word("sub-2"),
    };
    world.ask(leave.clone()).unwrap();
    assert_eq!(reason(world.ask(leave)), Reason::NotFound);
    world.ask(confirm("kim@example.org", &[])).unwrap();
    let known: Vec<u32> = world.state.subscribers.known.keys().copied().collect();
    assert_eq!(known, [1, 3, 4]);
    let gone: Vec<Name> = world.state.subscribers.gone().collect();
    assert_eq!(gone, [word::<Name>("sub-2")]);
    for other in ["sub-2", "sub-0", "sub-01", "sub-x", "sub-99"] {
        let change = ChangeSubscriber {
            components: BTreeSet::new(),
            language: word("de"),
            subscriber: word(other),
        };
        assert_eq!(reason(world.ask(change)), Reason::NotFound, "{other}");
    }
    let same = ChangeSubscriber {
        components: BTreeSet::new(),
        language: word("en"),
        subscriber: word("sub-1"),
    };
    assert_eq!(reason(world.ask(same)), Reason::WrongState);
    assert_eq!(subscriber_number(&subscriber_name(7)), Some(7));
}

#[test]
fn a_notice_goes_to_those_whom_it_concerns_and_who_were_there() {
    let mut world = world();
    world.ask(send(1, &["checkout"])).unwrap();
    let notice = &world.state.notices.known[&1];
    assert_eq!((notice.mail, notice.webhook), (2, 0));
    assert_eq!(notice.recipients, [1, 2]);
    world.ask(send(2, &["search"])).unwrap();
    assert_eq!(world.state.notices.known[&2].recipients, [1, 3]);
    world.ask(send(3, &[])).unwrap();
    assert_eq!(world.state.notices.known[&3].recipients, [1, 2, 3]);
    // Who comes later, or leaves, changes nothing of it.
    world.ask(confirm("alex@example.org", &[])).unwrap();
    let leave = RemoveSubscriber {
        subscriber: word("sub-1"),
    };
    world.ask(leave).unwrap();
    assert_eq!(world.state.notices.known[&3].recipients, [1, 2, 3]);
    assert_eq!(reason(world.ask(send(3, &[]))), Reason::WrongState, "once");
    assert_eq!(
        reason(world.ask(report("ntc-3", 1, [2, 0, 0]))),
        Reason::OutOfRange,
        "somebody is missing"
    );
    world.ask(report("ntc-3", 1, [1, 1, 1])).unwrap();
    assert_eq!(
        reason(world.ask(report("ntc-3", 1, [1, 1, 1]))),
        Reason::WrongState
    );
    assert!(world.state.notices.known[&3].recipients.is_empty());
    let running: Vec<Name> = world.state.notices.running().map(|it| it.0).collect();
    assert_eq!(running, [word::<Name>("ntc-1"), word("ntc-2")]);
}

#[test]
fn nobody_outside_hears_of_a_drill_or_what_nobody_wants() {
    let mut world = World::new();
    world.ask(declare("x")).unwrap();
    assert_eq!(reason(world.ask(send(1, &[]))), Reason::WrongState);
    world
        .ask(confirm("kim@example.org", &["checkout"]))
        .unwrap();
    assert_eq!(reason(world.ask(send(1, &["search"]))), Reason::WrongState);
    let drill = Declare {
        drill: true,
        ..declare("a drill")
    };
    world.ask(drill).unwrap();
    let of_drill = SendNotice {
        incident: inc(2),
        ..send(1, &[])
    };
    assert_eq!(reason(world.ask(of_drill)), Reason::WrongState);
    let of_none = SendNotice {
        incident: inc(9),
        ..send(1, &[])
    };
    assert_eq!(reason(world.ask(of_none)), Reason::NotFound);
}

#[test]
fn what_is_unknown_is_tried_again_only_with_a_reason_and_only_then() {
    let mut world = world();
    let retry = RetryNotice {
        incident: inc(1),
        notice: word("ntc-1"),
    };
    assert_eq!(reason(world.ask(retry.clone())), Reason::NotFound);
    world.ask(send(1, &[])).unwrap();
    assert_eq!(reason(world.ask(retry.clone())), Reason::WrongState);
    world.ask(report("ntc-1", 1, [1, 1, 1])).unwrap();
    world.reasoned = false;
    assert_eq!(reason(world.ask(retry.clone())), Reason::OutOfRange);
    world.reasoned = true;
    world.ask(retry.clone()).unwrap();
    assert!(world.state.notices.known[&1].is_running());
    assert_eq!(
        reason(world.ask(report("ntc-1", 1, [2, 1, 0]))),
        Reason::WrongState,
        "that round is over"
    );
    world.ask(report("ntc-1", 2, [2, 1, 0])).unwrap();
    assert_eq!(reason(world.ask(retry)), Reason::WrongState);
}

#[test]
fn a_notice_on_a_closed_incident_reads_nothing_back() {
    let mut world = world();
    let resolve = record::command::Resolve {
        incident: inc(1),
        summary: None,
    };
    world.ask(resolve).unwrap();
    for number in 2..=70 {
        world.ask(declare("more")).unwrap();
        let resolve = record::command::Resolve {
            incident: inc(number),
            summary: None,
        };
        world.ask(resolve).unwrap();
    }
    assert!(world.state.closed.contains_key(&inc(1)));
    let before = world.state.closed[&inc(1)].acts;
    world.ask(send(1, &[])).unwrap();
    assert_eq!(world.state.closed[&inc(1)].acts, before + 1);
    assert_eq!(world.state.notices.known[&1].people(), 3);
}

#[derive(Clone, Debug)]
enum Step {
    Confirm(bool, Option<u8>),
    Change(u32, Option<u8>),
    Leave(u32),
    Send(Option<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    let of = || proptest::option::of(0_u8..3);
    prop_oneof![
        3 => (any::<bool>(), of()).prop_map(|(mail, of)| Step::Confirm(mail, of)),
        1 => (1_u32..12, of()).prop_map(|(number, of)| Step::Change(number, of)),
        1 => (1_u32..12).prop_map(Step::Leave),
        2 => of().prop_map(Step::Send),
    ]
}

proptest! {
    #[test]
    fn the_number_in_the_act_is_the_number_of_those_who_get_it(steps in proptest::collection::vec(step(), 0..40)) {
        let mut world = World::new();
        world.ask(declare("x")).unwrap();
        let of = |of: Option<u8>| -> Vec<String> { of.map(|it| format!("c{it}")).into_iter().collect() };
        for (at, step) in steps.into_iter().enumerate() {
            let named = |chosen: &Vec<String>| -> BTreeSet<Name> { chosen.iter().map(|it| word(it)).collect() };
            let _ = match step {
                Step::Confirm(mail, chosen) => {
                    let address = if mail { format!("p{at}@example.org") } else { format!("https://example.org/{at}") };
                    let verb = ConfirmSubscriber { components: named(&of(chosen)), ..confirm(&address, &[]) };
                    world.ask(verb)
                }
                Step::Change(number, chosen) => world.ask(ChangeSubscriber {
                    components: named(&of(chosen)),
                    language: word("de"),
                    subscriber: subscriber_name(number),
                }),
                Step::Leave(number) => world.ask(RemoveSubscriber { subscriber: subscriber_name(number) }),
                Step::Send(about) => {
                    let verb = SendNotice { components: named(&of(about)), ..send(u8::try_from(at).unwrap(), &[]) };
                    world.ask(verb)
                }
            };
        }
        for notice in world.state.notices.known.values() {
            prop_assert_eq!(notice.recipients.len(), notice.people() as usize);
            prop_assert!(notice.recipients.is_sorted());
        }
        // Folded again from the record it is the same.
        let mut again = State::default();
        for act in &world.record {
            again.apply(act, &[]);
        }
        prop_assert_eq!(&again.subscribers, &world.state.subscribers);
        prop_assert_eq!(&again.notices, &world.state.notices);
    }
}

#[test]
fn an_address_has_at_most_a_line() {
    let long = format!("{}@example.org", "a".repeat(200));
    assert!(long.parse::<Line>().is_err());
}
