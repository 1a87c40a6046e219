//! Regulators' clocks: from when they run, and when something is due.
//!
//! Whether a duty applies is a lawyer's question. Here is what the record says about it, and where
//! the record does not say.

use base::Timestamp;
use record::kinds::incident::Stamp;
use record::kinds::work::DataHarm;

use super::document::{Block, ClockStart, Fact, Regulator, Table};
use super::story::Story;
use super::words;

/// Whether a duty applies, as far as the record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Applies {
    Yes,
    No,
    /// Nobody said what became of data.
    Open,
}

pub(super) fn blocks(story: &Story<'_>) -> Vec<Block> {
    let regulators = story.evidence.regulators;
    if story.incident.summary.drill {
        let text = "This was a drill: no clock runs.";
        return vec![Block::Paragraph(story.fact(text, &[]))];
    }
    if regulators.is_empty() {
        let text = "No regulator is configured ([[regulator]] in hereby.toml).";
        return vec![Block::Paragraph(story.fact(text, &[]))];
    }
    let rows = regulators.iter().map(|it| row(story, it)).collect();
    let head = ["Duty", "Applies", "Runs from", "Within", "Due"];
    let head = head.map(str::to_owned).to_vec();
    vec![Block::Table(Table { head, rows })]
}

fn row(story: &Story<'_>, regulator: &Regulator) -> Vec<Fact> {
    let applies = applies(story, regulator);
    let (from, began) = began(story, regulator.from);
    let due = match (applies, began) {
        (Applies::No, _) => "-".to_owned(),
        (_, None) => "not known: the clock's start is not on the record".to_owned(),
        (_, Some(began)) => due(began.plus_ms(regulator.within_ms), story.evidence.now),
    };
    let said = match applies {
        Applies::Yes => "yes",
        Applies::No => "no",
        Applies::Open => "perhaps: nobody said what became of data",
    };
    vec![
        story.fact(regulator.name.as_str(), &[]),
        story.fact(said, &[]),
        from,
        story.fact(words::term(regulator.within_ms), &[]),
        story.fact(due, &[]),
    ]
}

fn applies(story: &Story<'_>, regulator: &Regulator) -> Applies {
    let summary = &story.incident.summary;
    let bad_enough = regulator
        .severity_at_most
        .is_none_or(|most| summary.severity <= most);
    if !bad_enough {
        return Applies::No;
    }
    if regulator.when_data.is_empty() {
        return Applies::Yes;
    }
    let listed = |harm: DataHarm| regulator.when_data.contains(&harm);
    match summary.impact.data {
        None => Applies::Open,
        Some(harm) if listed(harm) => Applies::Yes,
        Some(_) => Applies::No,
    }
}

/// From when a clock runs, and the act that says so.
fn began(story: &Story<'_>, from: ClockStart) -> (Fact, Option<Timestamp>) {
    let summary = &story.incident.summary;
    let (word, found) = match from {
        ClockStart::Declared => (
            "declared",
            Some((summary.declared_at, summary.declared_act)),
        ),
        ClockStart::Detected => {
            let said = summary.times.get(&Stamp::Detected);
            ("detected", said.map(|said| (said.at, said.act)))
        }
        ClockStart::Classified => ("classified", story.classified().map(|act| (act.at, act.id))),
    };
    match found {
        Some((at, act)) => {
            let text = format!("{word}, {}", words::minute(at));
            (story.fact(text, &[act]), Some(at))
        }
        None => (story.fact(format!("{word}: not on the record"), &[]), None),
    }
}

fn due(at: Timestamp, now: Timestamp) -> String {
    let (when, left) = (words::minute(at), at.ms_since(now));
    match left {
        0.. => format!("{when}, in {}", words::span(left)),
        _ => format!("{when}, PAST by {}", words::span(-left)),
    }
}
