//! Roles change hands, and what goes with them.

use record::command::{Accept, Assign, HandOver, Relieve, Reopen, Resolve, Update, Waive};
use record::kinds::incident::{Audience, Role};

use super::*;
use crate::Reason;

fn assign(role: Role, person: &str) -> Assign {
    Assign {
        incident: inc(1),
        person: word(person),
        role,
    }
}

fn hand_over(role: Role, to: &str) -> HandOver {
    HandOver {
        incident: inc(1),
        role,
        to: word(to),
    }
}

fn accept(role: Role) -> Accept {
    Accept {
        incident: inc(1),
        role,
    }
}

fn relieve(role: Role, person: &str) -> Relieve {
    Relieve {
        incident: inc(1),
        person: word(person),
        role,
    }
}

fn waive(person: &str) -> Waive {
    Waive {
        incident: inc(1),
        person: word(person),
    }
}

fn tell(audience: Audience) -> Update {
    Update {
        page: None,
        audience,
        incident: inc(1),
        status: None,
        text: word("Some payments fail."),
    }
}

/// An incident that `sam` commands and `alex` operates in.
fn staffed() -> World {
    let mut world = World::new();
    world.ask(declare("It is down")).unwrap();
    world.ask(assign(Role::Commander, "sam")).unwrap();
    world.ask(assign(Role::Operations, "alex")).unwrap();
    world
}

fn holders(world: &World, role: Role) -> Vec<String> {
    let summary = world.state.summary(inc(1)).unwrap();
    summary.holders(role).map(ToString::to_string).collect()
}

fn reason(asked: Result<Vec<String>, Refusal>) -> Reason {
    asked.unwrap_err().reason
}

#[test]
fn who_hands_over_has_the_role_until_it_is_accepted() {
    let mut world = staffed();
    world.ask(hand_over(Role::Commander, "kim")).unwrap();
    assert_eq!(holders(&world, Role::Commander), ["sam"]);
    let other = world.ask_as("robin", accept(Role::Commander));
    assert_eq!(reason(other), Reason::WrongState);
    let told = world.ask_as("kim", accept(Role::Commander)).unwrap();
    assert_eq!(told, ["INC-1 Commander is kim after sam"]);
    assert_eq!(holders(&world, Role::Commander), ["kim"]);
    assert_eq!(
        reason(world.ask_as("kim", accept(Role::Commander))),
        Reason::WrongState,
        "once"
    );
    assert!(world.state.incidents[&inc(1)].offers.is_empty());
}

#[test]
fn only_who_has_a_role_hands_it_over_and_only_to_who_may_have_it() {
    let mut world = staffed();
    let other = world.ask_as("robin", hand_over(Role::Commander, "kim"));
    assert_eq!(reason(other), Reason::Forbidden);
    let operates = world.ask(hand_over(Role::Commander, "alex"));
    assert_eq!(reason(operates), Reason::RoleConflict);
    let oneself = world.ask(hand_over(Role::Commander, "sam"));
    assert_eq!(reason(oneself), Reason::WrongState);
    let nobody = world.ask(hand_over(Role::Planning, "kim"));
    assert_eq!(reason(nobody), Reason::Forbidden);
}

#[test]
fn one_of_several_who_operate_hands_over_their_own_part() {
    let mut world = staffed();
    world.ask(assign(Role::Operations, "robin")).unwrap();
    world
        .ask_as("alex", hand_over(Role::Operations, "kim"))
        .unwrap();
    world.ask_as("kim", accept(Role::Operations)).unwrap();
    assert_eq!(holders(&world, Role::Operations), ["kim", "robin"]);
}

#[test]
fn an_offer_ends_with_the_role_of_who_made_it() {
    let mut world = staffed();
    world.ask(hand_over(Role::Commander, "kim")).unwrap();
    world.ask(assign(Role::Commander, "robin")).unwrap();
    assert_eq!(
        reason(world.ask_as("kim", accept(Role::Commander))),
        Reason::WrongState
    );
    // What became impossible meanwhile is refused when it is accepted.
    world
        .ask_as("robin", hand_over(Role::Commander, "kim"))
        .unwrap();
    world.appoint(assign(Role::Operations, "kim")).unwrap();
    assert_eq!(
        reason(world.ask_as("kim", accept(Role::Commander))),
        Reason::RoleConflict
    );
}

#[test]
fn people_leave_and_what_they_did_is_open() {
    let mut world = staffed();
    world.ask(relieve(Role::Operations, "alex")).unwrap();
    assert!(holders(&world, Role::Operations).is_empty());
    assert_eq!(
        reason(world.ask(relieve(Role::Operations, "alex"))),
        Reason::WrongState
    );
    world.ask(assign(Role::Commander, "alex")).unwrap();
}

#[test]
fn a_waiver_has_a_reason_and_holds_for_one_person_in_one_incident() {
    let mut world = staffed();
    world.reasoned = false;
    assert_eq!(reason(world.ask(waive("sam"))), Reason::OutOfRange);
    world.reasoned = true;
    assert_eq!(reason(world.ask(waive("sam"))), Reason::Forbidden);
    world.ask_as("alex", waive("sam")).unwrap();
    assert_eq!(reason(world.ask(waive("sam"))), Reason::WrongState);
    world.ask(assign(Role::Operations, "sam")).unwrap();
    let other = world.ask(assign(Role::Commander, "alex"));
    assert_eq!(reason(other), Reason::RoleConflict);
    world.ask(declare("Another")).unwrap();
    for role in [Role::Commander, Role::Operations] {
        let assigned = world.ask(Assign {
            incident: inc(2),
            ..assign(role, "sam")
        });
        assert_eq!(assigned.is_ok(), role == Role::Commander);
    }
}

#[test]
fn operations_do_not_speak_to_the_public() {
    let mut world = staffed();
    let refused = world.ask_as("alex", tell(Audience::Public)).unwrap_err();
    assert_eq!(refused.reason, Reason::RoleConflict);
    assert!(
        refused
            .detail
            .contains("hereby assign INC-1 communications")
    );
    world.ask(assign(Role::Communications, "kim")).unwrap();
    let refused = world.ask_as("alex", tell(Audience::Public)).unwrap_err();
    assert!(refused.detail.contains("Ask kim"), "{}", refused.detail);
    world.ask_as("alex", tell(Audience::Insiders)).unwrap();
    world.ask_as("kim", tell(Audience::Public)).unwrap();
    world.ask(waive("alex")).unwrap();
    world.ask_as("alex", tell(Audience::Public)).unwrap();
}

#[test]
fn who_left_operations_may_speak() {
    let mut world = staffed();
    world.ask(relieve(Role::Operations, "alex")).unwrap();
    world.ask_as("alex", tell(Audience::Public)).unwrap();
}

#[test]
fn roles_change_only_while_it_is_open() {
    let mut world = staffed();
    world.ask(hand_over(Role::Commander, "kim")).unwrap();
    let resolve = Resolve {
        incident: inc(1),
        summary: None,
    };
    world.ask(resolve).unwrap();
    for asked in [
        world.ask(hand_over(Role::Commander, "kim")),
        world.ask_as("kim", accept(Role::Commander)),
        world.ask(relieve(Role::Commander, "sam")),
        world.ask(waive("sam")),
    ] {
        assert_eq!(reason(asked), Reason::WrongState);
    }
    world.ask(Reopen { incident: inc(1) }).unwrap();
    world.ask_as("kim", accept(Role::Commander)).unwrap();
}

#[test]
fn the_commander_gives_the_roles_and_command_can_be_taken() {
    let mut world = staffed();
    let other = world.ask_as("kim", assign(Role::Planning, "robin"));
    let refused = other.unwrap_err();
    assert_eq!(refused.reason, Reason::Forbidden);
    assert!(refused.detail.contains("hereby assign INC-1 commander kim"));
    world.ask(assign(Role::Planning, "robin")).unwrap();
    let told = world.ask_as("kim", assign(Role::Commander, "kim")).unwrap();
    assert_eq!(told, ["INC-1 Commander is kim after sam"]);
    world
        .ask_as("kim", assign(Role::Communications, "sam"))
        .unwrap();
    // Nobody in command: whoever is there begins.
    let others = world.ask_as("robin", relieve(Role::Commander, "kim"));
    assert_eq!(reason(others), Reason::Forbidden);
    world
        .ask_as("kim", relieve(Role::Commander, "kim"))
        .unwrap();
    world
        .ask_as("robin", assign(Role::Operations, "sam"))
        .unwrap();
}
