//! What somebody knew when, as far as the acts on an incident say. Pure.
//!
//! Counted is what they did, what named them, what was said to people while they worked on it, and
//! what they said they had read. What they heard otherwise is not on the record, and not guessed.

use std::collections::BTreeMap;

use base::{PersonName, Timestamp};
use record::act::Act;
use record::kinds::Body;
use record::kinds::incident::Audience;

/// How it is known that somebody knew of an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// They took it.
    Took,
    /// It names them.
    Named,
    /// It was said to this audience while they worked on the incident.
    Told(Audience),
    /// They said that they had read it.
    Read,
    /// Somebody else said that they had read it.
    SaidToHaveRead(String),
}

impl How {
    /// In words, behind the person's name.
    pub(super) fn words(&self) -> String {
        match self {
            How::Took => "did it".to_owned(),
            How::Named => "is named in it".to_owned(),
            How::Told(Audience::Insiders) => "worked on it when insiders were told".to_owned(),
            How::Told(Audience::Public) => "worked on it when the public was told".to_owned(),
            How::Read => "said so: read".to_owned(),
            How::SaidToHaveRead(who) => format!("read, says {who}"),
        }
    }

    /// The word for machines.
    pub(super) fn word(&self) -> &'static str {
        match self {
            How::Took => "took",
            How::Named => "named",
            How::Told(_) => "told",
            How::Read => "read",
            How::SaidToHaveRead(_) => "said_to_have_read",
        }
    }
}

/// Since when somebody knew of an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) since: Timestamp,
    pub(super) how: How,
}

/// For each act of an incident, by its place among `acts`, since when `person` knew of it at the
/// time `at`. Acts that are missing: the record does not say that they knew.
pub(super) fn knew(acts: &[Act], person: &PersonName, at: Timestamp) -> BTreeMap<usize, Known> {
    let mut known: BTreeMap<usize, Known> = BTreeMap::new();
    let mut works = false;
    for (place, act) in acts.iter().enumerate() {
        if act.at > at {
            break;
        }
        if let Some(now) = works_after(act, person) {
            works = now;
        }
        let mut learn = |place: usize, how: How| {
            // What was known before stays known since then.
            known.entry(place).or_insert(Known { since: act.at, how });
        };
        if act.actor.person() == Some(person) {
            learn(place, How::Took);
        } else if names(act, person) {
            learn(place, How::Named);
        } else if let (Body::IncidentUpdated(update), true) = (&act.body, works) {
            learn(place, How::Told(update.audience));
        }
        if let Body::IncidentCaughtUp(read) = &act.body
            && read.person == *person
        {
            let how = match act.actor.person() == Some(person) {
                true => How::Read,
                false => How::SaidToHaveRead(act.actor.to_string()),
            };
            let count = usize::try_from(read.acts).unwrap_or(usize::MAX);
            (0..count.min(place)).for_each(|read| learn(read, how.clone()));
        }
    }
    known
}

/// Whether the person works on the incident from this act on; `None` if it does not say.
fn works_after(act: &Act, person: &PersonName) -> Option<bool> {
    match &act.body {
        Body::IncidentJoined(body) => (body.person == *person).then_some(true),
        Body::IncidentAssigned(body) => (body.person == *person).then_some(true),
        Body::IncidentLeft(body) => (body.person == *person).then_some(false),
        _ => None,
    }
}

/// Whether the act names the person: what it is about, they were part of.
fn names(act: &Act, person: &PersonName) -> bool {
    let is = |other: &PersonName| other == person;
    let is_some = |other: &Option<PersonName>| other.as_ref() == Some(person);
    match &act.body {
        Body::IncidentAssigned(body) => is(&body.person) || is_some(&body.replaces),
        Body::IncidentHandoverOffered(body) => is(&body.from) || is(&body.to),
        Body::IncidentRelieved(body) => is(&body.person),
        Body::IncidentWaived(body) => is(&body.person),
        Body::IncidentJoined(body) => is(&body.person),
        Body::IncidentLeft(body) => is(&body.person),
        Body::IncidentTaskOpened(body) => is_some(&body.owner),
        Body::IncidentTaskAssigned(body) => is(&body.owner) || is_some(&body.was),
        Body::IncidentAsked(body) => is_some(&body.person),
        Body::IncidentCaughtUp(body) => is(&body.person),
        Body::FollowupOpened(body) => is(&body.owner),
        Body::FollowupChanged(body) => is(&body.owner),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
