//! Who somebody is in an incident, by their part in it: names stand under "People" and nowhere else.

use std::collections::{BTreeMap, BTreeSet};

use base::{ActId, Actor, PersonName, Timestamp};
use record::act::Act;
use record::kinds::Body;
use record::kinds::incident::Role;

use super::document::Placed;

/// Everybody in an incident, and what a review calls them.
pub(super) struct Cast {
    people: BTreeMap<PersonName, Member>,
    /// In the order in which they are shown: by part, then by when they first appear.
    order: Vec<PersonName>,
}

/// Somebody in an incident.
pub(super) struct Member {
    /// `the commander`, `operations 2`, `participant 1`.
    pub(super) part: String,
    /// Which role they had from when, and until when.
    pub(super) held: Vec<Held>,
    /// Whether they did something in it, or were only named.
    pub(super) acted: bool,
}

/// A role somebody had.
pub(super) struct Held {
    pub(super) role: Role,
    pub(super) since: Timestamp,
    pub(super) act: ActId,
    pub(super) until: Option<Timestamp>,
}

/// Somebody before they are called something.
#[derive(Default)]
struct Found {
    first: usize,
    held: Vec<Held>,
    acted: bool,
}

impl Cast {
    pub(super) fn of(acts: Vec<&Placed>) -> Cast {
        let mut found: BTreeMap<PersonName, Found> = BTreeMap::new();
        for (place, Placed { act, .. }) in acts.into_iter().enumerate() {
            let mut meet = |person: &PersonName, acted: bool| {
                if let Some(known) = found.get_mut(person) {
                    known.acted |= acted;
                } else {
                    let first = place;
                    let held = Vec::new();
                    found.insert(person.clone(), Found { first, held, acted });
                }
            };
            if let Some(person) = act.actor.person() {
                meet(person, true);
            }
            for person in addressed(act) {
                meet(person, false);
            }
            hold(&mut found, act);
        }
        Cast::called(found)
    }

    fn called(found: BTreeMap<PersonName, Found>) -> Cast {
        let mut groups: BTreeMap<Option<Role>, Vec<(usize, PersonName)>> = BTreeMap::new();
        for (person, it) in &found {
            let part = it.held.iter().map(|held| held.role).min();
            let group = groups.entry(part).or_default();
            group.push((it.first, person.clone()));
        }
        // Those with a role come first, and the others last.
        let nobody = groups.remove(&None);
        let groups = groups.into_iter().chain(nobody.map(|group| (None, group)));
        let mut parts: BTreeMap<PersonName, String> = BTreeMap::new();
        let mut order = Vec::new();
        for (role, mut group) in groups {
            group.sort();
            let several = group.len() > 1;
            for (number, (_, person)) in (1..).zip(group) {
                let part = match (role, several) {
                    (None, _) => format!("participant {number}"),
                    (Some(Role::Commander), false) => "the commander".to_owned(),
                    (Some(role), false) => role.as_str().to_owned(),
                    (Some(role), true) => format!("{} {number}", role.as_str()),
                };
                parts.insert(person.clone(), part);
                order.push(person);
            }
        }
        let member = |(person, it): (PersonName, Found)| {
            let part = parts.remove(&person).unwrap_or_default();
            let (held, acted) = (it.held, it.acted);
            (person, Member { part, held, acted })
        };
        let people = found.into_iter().map(member).collect();
        Cast { people, order }
    }

    /// Everybody, in the order in which they are shown.
    pub(super) fn members(&self) -> impl Iterator<Item = (&PersonName, &Member)> {
        let members = self.order.iter();
        members.filter_map(|person| Some((person, self.people.get(person)?)))
    }

    /// What somebody is called.
    pub(super) fn part(&self, person: &PersonName) -> &str {
        let member = self.people.get(person);
        member.map_or("somebody", |member| member.part.as_str())
    }

    /// What who acted is called.
    pub(super) fn actor(&self, actor: &Actor) -> String {
        match (actor.person(), actor) {
            (Some(person), _) => self.part(person).to_owned(),
            (None, Actor::Uid { id, .. }) => format!("uid {id} of hereby's machine"),
            (None, Actor::Service { id }) => id.to_string(),
            (None, _) => "hereby".to_owned(),
        }
    }
}

fn hold(found: &mut BTreeMap<PersonName, Found>, act: &Act) {
    let mut leave = |person: &PersonName, role: Role| {
        let held = found.get_mut(person).map(|it| &mut it.held);
        let held = held.into_iter().flatten();
        for it in held.filter(|it| it.role == role && it.until.is_none()) {
            it.until = Some(act.at);
        }
    };
    match &act.body {
        Body::IncidentAssigned(assigned) => {
            if let Some(before) = &assigned.replaces {
                leave(before, assigned.role);
            }
            if let Some(it) = found.get_mut(&assigned.person) {
                it.held.push(Held {
                    role: assigned.role,
                    since: act.at,
                    act: act.id,
                    until: None,
                });
            }
        }
        Body::IncidentRelieved(relieved) => leave(&relieved.person, relieved.role),
        _ => {}
    }
}

/// Whom an act names: they were told something by it.
pub(super) fn addressed(act: &Act) -> BTreeSet<&PersonName> {
    let mut people = BTreeSet::new();
    match &act.body {
        Body::IncidentAssigned(body) => {
            people.extend([&body.person]);
            people.extend(&body.replaces);
        }
        Body::IncidentHandoverOffered(body) => people.extend([&body.from, &body.to]),
        Body::IncidentRelieved(body) => people.extend([&body.person]),
        Body::IncidentWaived(body) => people.extend([&body.person]),
        Body::IncidentJoined(body) => people.extend([&body.person]),
        Body::IncidentLeft(body) => people.extend([&body.person]),
        Body::IncidentTaskOpened(body) => people.extend(&body.owner),
        Body::IncidentTaskAssigned(body) => {
            people.extend([&body.owner]);
            people.extend(&body.was);
        }
        Body::IncidentAsked(body) => people.extend(&body.person),
        Body::IncidentCaughtUp(body) => people.extend([&body.person]),
        Body::FollowupOpened(body) => people.extend([&body.owner]),
        Body::FollowupChanged(body) => people.extend([&body.owner]),
        _ => {}
    }
    people
}
