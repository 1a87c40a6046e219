//! Who knew what when: as far as the record shows it, and no further.
//!
//! Somebody knew of a moment when they did it, when it was addressed to them, when it was said to
//! everybody while they worked on it, or when they said that they had read so far. That they could have known is no evidence that they did.

use std::collections::BTreeMap;

use base::{ActId, PersonName, Timestamp};
use record::act::Act;
use record::kinds::Body;
use record::kinds::incident::{Audience, Stamp};

use super::cast::addressed;
use super::document::{Block, Fact, Placed, Table};
use super::story::Story;
use super::words;

/// A moment that mattered.
struct Moment<'a> {
    name: &'static str,
    place: usize,
    act: &'a Act,
}

/// That somebody read the first so many acts.
struct Read {
    acts: u64,
    at: Timestamp,
    act: ActId,
}

pub(super) fn blocks(story: &Story<'_>) -> Vec<Block> {
    let moments = moments(story);
    let mut met: BTreeMap<&PersonName, &Act> = BTreeMap::new();
    let mut read: BTreeMap<&PersonName, Vec<Read>> = BTreeMap::new();
    for Placed { act, .. } in story.acts() {
        for person in act.actor.person().into_iter().chain(addressed(act)) {
            met.entry(person).or_insert(act);
        }
        if let Body::IncidentCaughtUp(body) = &act.body {
            let (acts, at, act) = (body.acts, act.at, act.id);
            let reads = read.entry(&body.person).or_default();
            reads.push(Read { acts, at, act });
        }
    }
    let mut rows = Vec::new();
    for (person, member) in story.cast.members() {
        let met = met.get(person).copied();
        let read = read.get(person).map_or(&[][..], Vec::as_slice);
        let mut row = vec![story.fact(member.part.as_str(), &[])];
        row.extend(moments.iter().map(|it| known(story, person, it, met, read)));
        rows.push(row);
    }
    if rows.is_empty() {
        let nobody = "No person is named in this incident.";
        return vec![Block::Paragraph(story.fact(nobody, &[]))];
    }
    let mut head = vec!["Who".to_owned()];
    head.extend(moments.iter().map(|moment| moment.name.to_owned()));
    let said = "When somebody did it, was told by it, or said that they had read so far. What is \
                not on the record may have been known all the same.";
    vec![
        Block::Paragraph(story.fact(said, &[])),
        Block::Table(Table { head, rows }),
    ]
}

fn moments<'a>(story: &Story<'a>) -> Vec<Moment<'a>> {
    let diagnosed = story.stamped(Stamp::Diagnosed).last().map(|act| act.id);
    let mitigated = story.stamped(Stamp::Mitigated).last().map(|act| act.id);
    let wanted: [(&'static str, Option<ActId>); 6] = [
        ("Declared", Some(story.incident.summary.declared_act)),
        ("Diagnosed", diagnosed),
        (
            "First decision",
            story
                .first(|body| matches!(body, Body::IncidentDecided(_)))
                .map(|act| act.id),
        ),
        (
            "First word to the public",
            story.first(told_the_public).map(|act| act.id),
        ),
        ("Mitigated", mitigated),
        (
            "Resolved",
            story
                .last(|body| matches!(body, Body::IncidentResolved(_)))
                .map(|act| act.id),
        ),
    ];
    let wanted = wanted.into_iter();
    let moment = |(name, act): (&'static str, Option<ActId>)| {
        let act = act?;
        let mut acts = story.acts().iter().enumerate();
        let (place, placed) = acts.find(|(_, placed)| placed.act.id == act)?;
        let act = &placed.act;
        Some(Moment { name, place, act })
    };
    wanted.filter_map(moment).collect()
}

fn told_the_public(body: &Body) -> bool {
    matches!(body, Body::IncidentUpdated(update) if update.audience == Audience::Public)
}

/// Whether somebody worked on it when something was said to everybody.
fn joined_before(story: &Story<'_>, person: &PersonName, moment: &Moment<'_>) -> bool {
    let before = story.acts().iter().take(moment.place);
    before.fold(false, |works, placed| match &placed.act.body {
        Body::IncidentJoined(body) if body.person == *person => true,
        Body::IncidentAssigned(body) if body.person == *person => true,
        Body::IncidentLeft(body) if body.person == *person => false,
        _ => works,
    })
}

fn known(
    story: &Story<'_>,
    person: &PersonName,
    moment: &Moment<'_>,
    met: Option<&Act>,
    read: &[Read],
) -> Fact {
    let at = |at: Timestamp, how: &str| format!("{}, {how}", words::second(at));
    if moment.act.actor.person() == Some(person) {
        return story.fact(at(moment.act.at, "did it"), &[moment.act.id]);
    }
    if addressed(moment.act).contains(person) {
        return story.fact(at(moment.act.at, "was told"), &[moment.act.id]);
    }
    if matches!(moment.act.body, Body::IncidentUpdated(_)) && joined_before(story, person, moment) {
        return story.fact(
            at(moment.act.at, "worked on it when it was said"),
            &[moment.act.id],
        );
    }
    let place = moment.place as u64;
    let read = read.iter().find(|read| read.acts > place);
    // Whoever does something in an incident, or is told something in it, knows that there is one.
    let met = met.filter(|_| moment.place == 0);
    match (met, read) {
        (Some(act), Some(read)) if read.at < act.at => {
            story.fact(at(read.at, "read so far"), &[read.act])
        }
        (Some(act), _) => story.fact(at(act.at, "took part"), &[act.id]),
        (None, Some(read)) => story.fact(at(read.at, "read so far"), &[read.act]),
        (None, None) => story.fact("not on the record", &[]),
    }
}
