//! The review for those who were there and their colleagues: everything, and names only under
//! "People".

use base::{ActId, Timestamp};
use record::act::Act;
use record::kinds::Body;
use record::kinds::incident::{Declared, Stamp};
use record::kinds::review::Section;
use record::kinds::work::Relation;

use super::cast::Member;
use super::document::{Block, Chapter, Fact, Moment, PEOPLE, Placed, Table};
use super::story::Story;
use super::{deeds, findings, followups, knowledge, words};

/// What the record does not say.
pub(super) const NOT_THERE: &str = "not on the record";

pub(super) fn chapters(story: &Story<'_>) -> Vec<Chapter> {
    let written = |section| story.section(section);
    let all = [
        (PEOPLE, "People", people(story)),
        ("abstract", "In short", written(Section::Abstract)),
        ("problem", "The problem", problem(story)),
        ("timeline", "Timeline", timeline(story)),
        ("impact", "Impact", impact(story)),
        ("times", "Times", times(story)),
        (
            "factors",
            "Contributing factors",
            written(Section::ContributingFactor),
        ),
        (
            "sooner",
            "How it could have been detected sooner",
            written(Section::SoonerDetection),
        ),
        (
            "worked",
            "What worked, and why it usually works",
            written(Section::Worked),
        ),
        (
            "near-misses",
            "Near misses, and failures that were absorbed",
            written(Section::NearMiss),
        ),
        ("learned", "What was learned", written(Section::Learned)),
        ("decisions", "Decisions", decisions(story)),
        ("follow-ups", "Follow-ups", followups::blocks(story)),
        ("knowledge", "Who knew what when", knowledge::blocks(story)),
        ("history", "History of this review", history(story)),
    ];
    let chapter = |(anchor, heading, blocks)| Chapter {
        anchor,
        heading,
        blocks,
    };
    all.into_iter().map(chapter).collect()
}

fn people(story: &Story<'_>) -> Vec<Block> {
    let todos = followups::all(story);
    let mut rows = Vec::new();
    for (person, member) in story.cast.members() {
        let full_name = story.evidence.people.get(person).and_then(Option::as_ref);
        let name = match full_name {
            Some(full_name) => format!("{full_name} ({person})"),
            None => person.to_string(),
        };
        let mine = todos.iter().filter(|(_, todo)| todo.owner == *person);
        let mine: Vec<String> = mine.map(|(number, _)| number.to_string()).collect();
        let owns = match mine.is_empty() {
            true => String::new(),
            false => format!("owner of follow-up {}", mine.join(", ")),
        };
        rows.push(vec![
            story.fact(name, &[]),
            story.fact(member.part.as_str(), &[]),
            held(story, member),
            story.fact(owns, &[]),
        ]);
    }
    if rows.is_empty() {
        return vec![Block::Missing("No person is named in this incident.")];
    }
    let head = ["Name", "In this review", "Roles", "Also"].map(str::to_owned);
    let head = head.to_vec();
    vec![Block::Table(Table { head, rows })]
}

fn held(story: &Story<'_>, member: &Member) -> Fact {
    let said = member.held.iter().map(|held| {
        let (role, since) = (words::role(held.role), words::minute(held.since));
        match held.until {
            Some(until) => format!("{role} from {since} to {}", words::minute(until)),
            None => format!("{role} from {since}"),
        }
    });
    let said: Vec<String> = said.collect();
    let acts: Vec<ActId> = member.held.iter().map(|held| held.act).collect();
    match (said.is_empty(), member.acted) {
        (true, true) => story.fact("took part", &[]),
        (true, false) => story.fact("was named", &[]),
        (false, _) => story.fact(said.join("; "), &acts),
    }
}

fn problem(story: &Story<'_>) -> Vec<Block> {
    let summary = &story.incident.summary;
    let mut facts = Vec::new();
    if let Some(service) = &summary.service {
        let fact = story.fact(service.as_str(), &[summary.declared_act]);
        facts.push(("Service".to_owned(), fact));
    }
    facts.push(("Severity".to_owned(), severities(story)));
    let alerts: Vec<ActId> =
        acts_that(story, |body| matches!(body, Body::IncidentAlertAttached(_)));
    if !alerts.is_empty() {
        let count = words::counted(alerts.len(), "alert", "alerts");
        let first = alerts.get(..1).unwrap_or_default();
        facts.push(("Alerts".to_owned(), story.fact(count, first)));
    }
    for Placed { act, .. } in story.acts() {
        if let Body::IncidentRelated(related) = &act.body {
            let name = match related.relation {
                Relation::CausedBy => "Because of",
                Relation::DuplicateOf => "Duplicate of",
                Relation::RelatedTo => "Has to do with",
            };
            facts.push((
                name.to_owned(),
                story.fact(related.to.to_string(), &[act.id]),
            ));
        }
    }
    let mut blocks = vec![Block::Facts(facts)];
    blocks.extend(surroundings(story));
    blocks.extend(story.section(Section::Problem));
    blocks
}

fn acts_that(story: &Story<'_>, is: impl Fn(&Body) -> bool) -> Vec<ActId> {
    let acts = story.acts().iter().map(|placed| &placed.act);
    acts.filter(|act| is(&act.body)).map(|act| act.id).collect()
}

fn severities(story: &Story<'_>) -> Fact {
    let mut said = Vec::new();
    let mut acts = Vec::new();
    for Placed { act, .. } in story.acts() {
        let severity = match &act.body {
            Body::IncidentDeclared(body) => body.severity,
            Body::IncidentSeverityChanged(body) => body.to,
            _ => continue,
        };
        said.push(format!("{severity} from {}", words::second(act.at)));
        acts.push(act.id);
    }
    story.fact(said.join(", "), &acts)
}

/// How things were around it when it was declared.
fn surroundings(story: &Story<'_>) -> Option<Block> {
    let declared = story.acts().first()?;
    let Body::IncidentDeclared(Declared {
        surroundings: Some(around),
        ..
    }) = &declared.act.body
    else {
        return None;
    };
    let rows = around.dependencies.iter().map(|seen| {
        let dependency = &seen.dependency;
        let kind = variant_word(&dependency.kind);
        let mode = variant_word(&dependency.when_fails);
        let alerts = match seen.alerts {
            0 => "no alert".to_owned(),
            count => words::counted(count as usize, "alert", "alerts"),
        };
        let open = seen.incident.map(|it| format!(", {it} was open on it"));
        vec![
            story.fact(format!("{kind} {}", dependency.name), &[declared.act.id]),
            story.fact(mode, &[]),
            story.fact(format!("{alerts}{}", open.unwrap_or_default()), &[]),
        ]
    });
    let rows: Vec<Vec<Fact>> = rows.collect();
    let head = ["What the service needs", "Fails", "When it was declared"];
    let head = head.map(str::to_owned).to_vec();
    (!rows.is_empty()).then_some(Block::Table(Table { head, rows }))
}

/// A variant of one word, as the record spells it.
fn variant_word(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").to_ascii_lowercase()
}

fn timeline(story: &Story<'_>) -> Vec<Block> {
    let acts = story.all_acts().into_iter();
    let acts = acts.filter(|placed| !deeds::comes_after(&placed.act.body));
    let moments = acts.map(|Placed { act, .. }| {
        let (deed, text) = deeds::deed(story, act);
        Moment {
            act: story.cite(&act.id),
            at: act.at,
            by: story.cast.actor(&act.actor),
            deed,
            text,
            why: act.why.as_ref().map(|why| story.text(why)),
            corrections: story.corrections_of(&act.id),
        }
    });
    vec![Block::Timeline(moments.collect())]
}

/// What it did, as facts: customers, money, data.
pub(super) fn harm(story: &Story<'_>) -> [(String, Fact); 3] {
    let impact = &story.incident.summary.impact;
    let by = story.last(|body| matches!(body, Body::IncidentImpactStated(_)));
    let by: Vec<ActId> = by.map(|act| act.id).into_iter().collect();
    let fact = |known: Option<String>| match known {
        Some(known) => story.fact(known, &by),
        None => story.fact(NOT_THERE, &[]),
    };
    let cost = impact.cost_minor.zip(impact.currency);
    [
        (
            "Customers hurt".to_owned(),
            fact(impact.customers.map(words::thousands)),
        ),
        (
            "Cost".to_owned(),
            fact(cost.map(|(minor, currency)| words::money(minor, currency))),
        ),
        (
            "Data".to_owned(),
            fact(impact.data.map(|harm| words::data(harm).to_owned())),
        ),
    ]
}

fn impact(story: &Story<'_>) -> Vec<Block> {
    let mut blocks = vec![Block::Facts(harm(story).into())];
    blocks.extend(story.section(Section::Impact));
    blocks
}

/// A phase: its name, when it was, the act that says so, how often that was said.
pub(super) struct Phase {
    pub(super) name: &'static str,
    pub(super) found: Option<(Timestamp, ActId)>,
    said: usize,
}

/// When what happened. What nobody said is missing.
pub(super) fn phases(story: &Story<'_>) -> [Phase; 7] {
    let summary = &story.incident.summary;
    let said = |name, stamp| {
        let found = summary.times.get(&stamp);
        Phase {
            name,
            found: found.map(|said| (said.at, said.act)),
            said: story.stamped(stamp).count(),
        }
    };
    let done = |name, act: Option<&Act>| Phase {
        name,
        found: act.map(|act| (act.at, act.id)),
        said: 1,
    };
    let acknowledged = story.first(|body| matches!(body, Body::IncidentAcknowledged(_)));
    let resolved = story.last(|body| matches!(body, Body::IncidentResolved(_)));
    let resolved = resolved.filter(|_| !summary.is_open());
    let declared = story.acts().first().map(|placed| &placed.act);
    [
        said("Impact began", Stamp::ImpactStart),
        said("Detected", Stamp::Detected),
        done("Declared", declared),
        done("Acknowledged", acknowledged),
        said("Diagnosed", Stamp::Diagnosed),
        said("Mitigated", Stamp::Mitigated),
        done("Resolved", resolved),
    ]
}

fn times(story: &Story<'_>) -> Vec<Block> {
    let phases = phases(story);
    let [began, ..] = &phases;
    let began = began.found.map(|(at, _)| at);
    let rows = phases.iter().map(|phase| {
        let after = match (phase.found, began) {
            (Some((at, _)), Some(began)) => words::span(at.ms_since(began)),
            _ => NOT_THERE.to_owned(),
        };
        let corrected = match phase.said {
            0 | 1 => "",
            2 => " (said twice; the last counts)",
            _ => " (said several times; the last counts)",
        };
        let when = match phase.found {
            Some((at, act)) => story.fact(format!("{}{corrected}", words::second(at)), &[act]),
            None => story.fact(NOT_THERE, &[]),
        };
        vec![story.fact(phase.name, &[]), when, story.fact(after, &[])]
    });
    let rows: Vec<Vec<Fact>> = rows.collect();
    let head = ["Phase", "When", "After impact began"];
    let head = head.map(str::to_owned).to_vec();
    vec![Block::Table(Table { head, rows })]
}

/// What was decided, with what else was considered.
pub(super) fn decisions(story: &Story<'_>) -> Vec<Block> {
    let decisions = story.acts().iter().filter_map(|Placed { act, .. }| {
        let Body::IncidentDecided(decided) = &act.body else {
            return None;
        };
        let mut saying = story.saying(act, story.text(&decided.decision), &[]);
        let options = decided.options.iter().map(|option| story.text(option));
        saying.notes = options.map(|it| format!("considered: {it}")).collect();
        let why = act.why.as_ref().map(|why| story.text(why));
        saying
            .notes
            .extend(why.map(|why| format!("because: {why}")));
        Some(Block::Saying(saying))
    });
    let decisions: Vec<Block> = decisions.collect();
    match decisions.is_empty() {
        true => vec![Block::Missing("No decision is on the record.")],
        false => decisions,
    }
}

fn history(story: &Story<'_>) -> Vec<Block> {
    let mut blocks = story.findings.history(story);
    blocks.extend(findings::published(story));
    if blocks.is_empty() {
        let text = "Nothing was replaced, withdrawn or published yet.";
        blocks.push(Block::Paragraph(story.fact(text, &[])));
    }
    blocks
}
