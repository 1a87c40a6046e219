//! Laws that hold whatever people ask for, in whichever order: about requests, and about who speaks
//! to the public and publishes.

use std::collections::{BTreeMap, BTreeSet};

use base::{Name, PersonName};
use proptest::prelude::*;
use record::command::{
    ApproveRequest, Assign, OverrideRequest, PublishReview, RedactIncident, RejectRequest, Reopen,
    Resolve, Update, Waive, WithdrawRequest,
};
use record::kinds::Body;
use record::kinds::incident::{Audience, BlobRef, Role};
use record::kinds::request::Ground;
use record::kinds::review::ReviewAudience;

use super::access::{enroll, sign};
use super::*;

const PEOPLE: [&str; 3] = ["sam", "alex", "kim"];

/// Who asks: 0 to 2 with their own key, 3 from the local socket.
type Who = usize;

#[derive(Clone, Debug)]
enum Step {
    Redact(Who, u32),
    Enroll(Who, usize),
    Approve(Who, u32),
    Reject(Who, u32),
    Withdraw(Who, u32),
    Override(Who, u32),
    Assign(Who, u32, usize, Role),
    Waive(Who, u32, usize),
    Tell(Who, u32),
    Publish(Who, u32),
    Resolve(Who, u32),
    Reopen(Who, u32),
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0_usize..4;
    let request = 1_u32..5;
    let incident = 1_u32..3;
    let role = prop_oneof![
        Just(Role::Commander),
        Just(Role::Operations),
        Just(Role::Communications)
    ];
    prop_oneof![
        3 => (who.clone(), incident.clone()).prop_map(|(who, id)| Step::Redact(who, id)),
        3 => (who.clone(), 0_usize..3).prop_map(|(who, person)| Step::Enroll(who, person)),
        8 => (who.clone(), request.clone()).prop_map(|(who, id)| Step::Approve(who, id)),
        1 => (who.clone(), request.clone()).prop_map(|(who, id)| Step::Reject(who, id)),
        1 => (who.clone(), request.clone()).prop_map(|(who, id)| Step::Withdraw(who, id)),
        1 => (who.clone(), request).prop_map(|(who, id)| Step::Override(who, id)),
        6 => (who.clone(), incident.clone(), 0_usize..3, role)
            .prop_map(|(who, id, person, role)| Step::Assign(who, id, person, role)),
        1 => (who.clone(), incident.clone(), 0_usize..3)
            .prop_map(|(who, id, person)| Step::Waive(who, id, person)),
        3 => (who.clone(), incident.clone()).prop_map(|(who, id)| Step::Tell(who, id)),
        4 => (who.clone(), incident.clone()).prop_map(|(who, id)| Step::Publish(who, id)),
        3 => (who.clone(), incident.clone()).prop_map(|(who, id)| Step::Resolve(who, id)),
        1 => (who, incident).prop_map(|(who, id)| Step::Reopen(who, id)),
        2 => (1_i64..2 * DAY).prop_map(Step::Wait),
    ]
}

fn name(number: u32) -> Name {
    word(&format!("req-{number}"))
}

fn asked(step: &Step, serial: usize) -> Option<(Who, Verb)> {
    Some(match step {
        Step::Redact(who, id) => (*who, RedactIncident { incident: inc(*id) }.into()),
        Step::Enroll(who, person) => {
            let seed = u8::try_from(100 + serial % 100).unwrap();
            let key = enroll(&format!("key-{serial}"), PEOPLE[*person], seed);
            (*who, key.into())
        }
        Step::Approve(who, id) => (*who, ApproveRequest { request: name(*id) }.into()),
        Step::Reject(who, id) => (*who, RejectRequest { request: name(*id) }.into()),
        Step::Withdraw(who, id) => (*who, WithdrawRequest { request: name(*id) }.into()),
        Step::Override(who, id) => (*who, OverrideRequest { request: name(*id) }.into()),
        Step::Assign(who, id, person, role) => {
            let assign = Assign {
                incident: inc(*id),
                person: word(PEOPLE[*person]),
                role: *role,
            };
            (*who, assign.into())
        }
        Step::Waive(who, id, person) => {
            let waive = Waive {
                incident: inc(*id),
                person: word(PEOPLE[*person]),
            };
            (*who, waive.into())
        }
        Step::Tell(who, id) => {
            let update = Update {
                page: None,
                audience: Audience::Public,
                incident: inc(*id),
                status: None,
                text: word("x"),
            };
            (*who, update.into())
        }
        Step::Publish(who, id) => {
            let publish = PublishReview {
                audience: ReviewAudience::Customers,
                document: BlobRef {
                    bytes: 1,
                    name: None,
                    sha256: record::hash::EMPTY_ROOT,
                },
                incident: inc(*id),
            };
            (*who, publish.into())
        }
        Step::Resolve(who, id) => {
            let resolve = Resolve {
                incident: inc(*id),
                summary: None,
            };
            (*who, resolve.into())
        }
        Step::Reopen(who, id) => (*who, Reopen { incident: inc(*id) }.into()),
        Step::Wait(_) => return None,
    })
}

fn person_of(act: &Act) -> Option<PersonName> {
    match &act.actor {
        base::Actor::Person { id } => Some(id.clone()),
        _ => None,
    }
}

/// Reads the record from its beginning, as somebody who trusts nobody would.
fn check(acts: &[Act]) {
    let mut asked: BTreeMap<String, (Option<PersonName>, u8)> = BTreeMap::new();
    let mut approved: BTreeMap<String, BTreeSet<PersonName>> = BTreeMap::new();
    let mut roles: BTreeMap<String, BTreeMap<Role, BTreeSet<PersonName>>> = BTreeMap::new();
    let mut waived: BTreeMap<String, BTreeSet<PersonName>> = BTreeMap::new();
    let operates = |roles: &BTreeMap<String, BTreeMap<Role, BTreeSet<PersonName>>>,
                    waived: &BTreeMap<String, BTreeSet<PersonName>>,
                    id: &str,
                    person: &PersonName| {
        let held = roles.get(id).and_then(|roles| roles.get(&Role::Operations));
        held.is_some_and(|held| held.contains(person))
            && !waived.get(id).is_some_and(|it| it.contains(person))
    };
    for act in acts {
        let id = act.subject.id();
        match &act.body {
            Body::RequestMade(made) => {
                asked.insert(id, (person_of(act), made.approvals));
            }
            Body::RequestApproved(_) => {
                let person = person_of(act).expect("an approval is a person's");
                assert_ne!(asked[&id].0.as_ref(), Some(&person), "their own request");
                assert!(approved.entry(id).or_default().insert(person), "twice");
            }
            Body::RequestCarriedOut(done) if done.ground == Ground::Approved => {
                let count = approved.get(&id).map_or(0, BTreeSet::len);
                assert!(count >= usize::from(asked[&id].1), "too few approved");
            }
            Body::RequestCarriedOut(done) if done.ground == Ground::Overridden => {
                assert!(person_of(act).is_some() && act.why.is_some());
            }
            Body::IncidentAssigned(assigned) => {
                let held = roles
                    .entry(id)
                    .or_default()
                    .entry(assigned.role)
                    .or_default();
                if let Some(replaced) = &assigned.replaces {
                    held.remove(replaced);
                }
                held.insert(assigned.person.clone());
            }
            Body::IncidentWaived(it) => {
                assert!(person_of(act).is_some() && act.why.is_some(), "unsigned");
                waived.entry(id).or_default().insert(it.person.clone());
            }
            Body::ReviewPublished(_) | Body::IncidentUpdated(_) => {
                if let Some(person) = person_of(act) {
                    assert!(!operates(&roles, &waived, &id, &person), "operations speak");
                }
            }
            _ => {}
        }
        for (id, held) in &roles {
            let of = |role| held.get(&role).cloned().unwrap_or_default();
            for person in of(Role::Commander).intersection(&of(Role::Operations)) {
                assert!(waived.get(id).is_some_and(|it| it.contains(person)));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn nobody_approves_their_own_request_operations_never_publish_and_the_past_stays(
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let mut house = House::new();
        for (seed, person) in (1_u8..).zip(PEOPLE) {
            house.done(&format!("enroll-{person}"), enroll(person, person, seed));
        }
        for number in 1..3 {
            house.done(&format!("declare-{number}"), Declare { private: true, ..declare("x") });
        }
        let mut before = house.disk.entries();
        for (serial, step) in steps.iter().enumerate() {
            if let Some((who, verb)) = asked(step, serial) {
                let mut request = local(&format!("step-{serial}"), verb);
                request.command.why = Some(word("it must be"));
                let request = match PEOPLE.get(who) {
                    Some(person) => sign(request, person, u8::try_from(who + 1).unwrap()),
                    None => request,
                };
                // Done or refused: both are fine, as long as the laws hold.
                let _ = house.send(request);
            }
            if let Step::Wait(ms) = step {
                house.wait(*ms);
                house.tick().unwrap();
            }
            let now = house.disk.entries();
            prop_assert!(now.starts_with(&before), "the past was edited");
            before = now;
        }
        check(&house.acts());
        house.agrees();
    }
}
