//! The review for those who were hurt: in their terms, without names, and without a word that was
//! said among insiders.

use base::{ActId, Timestamp};
use record::kinds::Body;
use record::kinds::incident::{Audience, Stamp};
use record::kinds::review::Section;
use record::kinds::work::DataHarm;

use super::document::{Block, Chapter, Fact, Placed};
use super::story::Story;
use super::words;

/// What customers read where the record says nothing.
const UNKNOWN: &str = "We do not know this.";

/// The incident's own title was written for insiders.
pub(super) fn title(story: &Story<'_>) -> String {
    let began = story.incident.summary.times.get(&Stamp::ImpactStart);
    let at = began.map_or(story.incident.summary.declared_at, |said| said.at);
    format!("What happened on {}", words::day(at))
}

pub(super) fn chapters(story: &Story<'_>) -> Vec<Chapter> {
    let mut data = data(story);
    data.extend(story.section(Section::CustomersData));
    let all = [
        (
            "what",
            "What happened",
            story.section(Section::CustomersWhat),
        ),
        ("when", "When", when(story)),
        ("told", "What we said while it lasted", told(story)),
        ("data", "Your data", data),
        (
            "actions",
            "What we do about it",
            story.section(Section::CustomersActions),
        ),
        (
            "next",
            "When you hear from us again",
            story.section(Section::CustomersNext),
        ),
    ];
    let chapter = |(anchor, heading, blocks)| Chapter {
        anchor,
        heading,
        blocks,
    };
    all.into_iter().map(chapter).collect()
}

fn when(story: &Story<'_>) -> Vec<Block> {
    let summary = &story.incident.summary;
    let said = |stamp| summary.times.get(&stamp).map(|said| (said.at, said.act));
    let moment = |found: Option<(Timestamp, ActId)>| match found {
        Some((at, act)) => story.fact(words::minute(at), &[act]),
        None => story.fact(UNKNOWN, &[]),
    };
    let (began, over) = (said(Stamp::ImpactStart), said(Stamp::Mitigated));
    let lasted = match (began, over) {
        (Some((began, from)), Some((over, to))) => {
            story.fact(words::span(over.ms_since(began)), &[from, to])
        }
        (Some(_), None) if summary.is_open() => story.fact("It is not over yet.", &[]),
        _ => story.fact(UNKNOWN, &[]),
    };
    let ended = match (over, summary.is_open()) {
        (None, true) => story.fact("It is not over yet.", &[]),
        (over, _) => moment(over),
    };
    let facts: [(&str, Fact); 4] = [
        ("It began", moment(began)),
        ("We noticed", moment(said(Stamp::Detected))),
        ("It ended for you", ended),
        ("It lasted", lasted),
    ];
    let facts = facts.map(|(name, fact)| (name.to_owned(), fact));
    vec![Block::Facts(facts.into())]
}

/// What the public was told, word for word.
fn told(story: &Story<'_>) -> Vec<Block> {
    let told = story
        .acts()
        .iter()
        .filter_map(|Placed { act, .. }| match &act.body {
            Body::IncidentUpdated(update) if update.audience == Audience::Public => {
                let mut saying = story.saying(act, story.text(&update.text), &[]);
                // A correction is written for insiders, like every note.
                saying.corrections.clear();
                saying.notes.push(words::minute(act.at));
                Some(Block::Saying(saying))
            }
            _ => None,
        });
    let told: Vec<Block> = told.collect();
    match told.is_empty() {
        true => vec![Block::Paragraph(
            story.fact("We said nothing in public.", &[]),
        )],
        false => told,
    }
}

fn data(story: &Story<'_>) -> Vec<Block> {
    let by = story.last(|body| matches!(body, Body::IncidentImpactStated(_)));
    let by: Vec<ActId> = by.map(|act| act.id).into_iter().collect();
    let text = match story.incident.summary.impact.data {
        Some(DataHarm::None) => "No data was harmed.",
        Some(DataHarm::Read) => "Data was read by somebody who should not have read it.",
        Some(DataHarm::Lost) => "Data was lost.",
        Some(DataHarm::Changed) => "Data was changed that should not have been.",
        None => return Vec::new(),
    };
    vec![Block::Paragraph(story.fact(text, &by))]
}
