//! The review for those who answer for it: how bad it was and since when that is known, what it
//! cost, what was decided, what may still happen, and what is due to whom. Without names.

use base::{ActId, Severity, Timestamp};
use record::kinds::Body;
use record::kinds::review::Section;

use super::document::{Block, Chapter, Fact};
use super::internal::{NOT_THERE, decisions, harm, phases};
use super::story::Story;
use super::{clocks, followups, words};

pub(super) fn chapters(story: &Story<'_>) -> Vec<Chapter> {
    let [customers, (_, cost), (_, data)] = harm(story);
    let facts = |facts: Vec<(String, Fact)>| vec![Block::Facts(facts)];
    let mut reach = Vec::new();
    if let Some(service) = &story.incident.summary.service {
        let declared = story.incident.summary.declared_act;
        reach.push((
            "Service".to_owned(),
            story.fact(service.as_str(), &[declared]),
        ));
    }
    reach.push(customers);
    let all = [
        ("abstract", "In short", story.section(Section::Abstract)),
        ("classification", "Classification", classification(story)),
        ("reach", "Reach", facts(reach)),
        ("duration", "How long", facts(durations(story))),
        ("data", "Data", vec![Block::Paragraph(data)]),
        ("cost", "Cost", vec![Block::Paragraph(cost)]),
        ("decisions", "Decisions", decisions(story)),
        (
            "risk",
            "What may still happen",
            story.section(Section::ResidualRisk),
        ),
        ("clocks", "Clocks of regulators", clocks::blocks(story)),
        ("follow-ups", "Follow-ups", todo(story)),
    ];
    let chapter = |(anchor, heading, blocks)| Chapter {
        anchor,
        heading,
        blocks,
    };
    all.into_iter().map(chapter).collect()
}

fn classification(story: &Story<'_>) -> Vec<Block> {
    let severity = story.incident.summary.severity;
    let Some(act) = story.classified() else {
        return vec![Block::Missing(NOT_THERE)];
    };
    let after = act.at.ms_since(story.incident.summary.declared_at);
    let after = match after {
        0 => "when it was declared".to_owned(),
        ms => format!("{} after it was declared", words::span(ms)),
    };
    let by = story.cast.actor(&act.actor);
    let text = format!(
        "{severity}, first set at {} by {by}, {after}.",
        words::second(act.at)
    );
    let mut blocks = vec![Block::Paragraph(story.fact(text, &[act.id]))];
    blocks.extend(worst(story, severity));
    blocks
}

/// That it was thought to be worse at some time, which the last word alone would hide.
fn worst(story: &Story<'_>, last: Severity) -> Option<Block> {
    let said = story
        .acts()
        .iter()
        .filter_map(|placed| match &placed.act.body {
            Body::IncidentDeclared(body) => Some((body.severity, &placed.act)),
            Body::IncidentSeverityChanged(body) => Some((body.to, &placed.act)),
            _ => None,
        });
    // The lower the number, the worse; the first of equals.
    let (worst, act) = said.min_by_key(|(severity, act)| (severity.number(), act.at))?;
    let text = format!("At its worst {worst}, from {} on.", words::second(act.at));
    let fact = || story.fact(text, &[act.id]);
    (worst.number() < last.number()).then(|| Block::Paragraph(fact()))
}

fn durations(story: &Story<'_>) -> Vec<(String, Fact)> {
    let [began, detected, declared, _, _, mitigated, resolved] = phases(story);
    let between =
        |from: Option<(Timestamp, ActId)>, to: Option<(Timestamp, ActId)>| match (from, to) {
            (Some((from, one)), Some((to, two))) => {
                let text = format!(
                    "{} ({} to {})",
                    words::span(to.ms_since(from)),
                    words::minute(from),
                    words::minute(to)
                );
                story.fact(text, &[one, two])
            }
            _ => story.fact(NOT_THERE, &[]),
        };
    let open = story.incident.summary.is_open();
    let whole = match (declared.found, open) {
        (Some((at, act)), true) => {
            let so_far = words::span(story.evidence.now.ms_since(at));
            story.fact(format!("not over; {so_far} so far"), &[act])
        }
        (from, _) => between(from, resolved.found),
    };
    vec![
        (
            "Customers were hurt".to_owned(),
            between(began.found, mitigated.found),
        ),
        (
            "Until somebody noticed".to_owned(),
            between(began.found, detected.found),
        ),
        ("Declared to resolved".to_owned(), whole),
    ]
}

/// How many are open, and how many of those overdue: who has which stands in the internal review.
fn todo(story: &Story<'_>) -> Vec<Block> {
    let all = followups::all(story);
    let now = story.evidence.now;
    let open = all.values().filter(|todo| todo.is_open()).count();
    let overdue = all.values().filter(|todo| todo.is_overdue(now)).count();
    let text = format!(
        "{} opened, {open} of them open, {overdue} of those overdue.",
        words::counted(all.len(), "follow-up", "follow-ups")
    );
    vec![Block::Paragraph(story.fact(text, &[]))]
}
