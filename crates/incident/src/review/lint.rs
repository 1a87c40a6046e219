//! What is to be mended in a review: facts that nothing shows, names in the wrong place, what nobody
//! has written, what contradicts.
//!
//! It points out and changes nothing: what people said stays as they said it.

use std::collections::{BTreeMap, BTreeSet};

use base::ActId;
use record::kinds::incident::Stamp;
use record::kinds::review::{ReviewAudience, Section};

use super::document::{Block, Chapter, Document, Evidence, PEOPLE, Saying, sections};
use super::names::Names;
use super::story::Story;
use super::words;

/// Something to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// What kind of thing it is.
    pub issue: Issue,
    /// The chapter it stands in, by its heading.
    pub place: &'static str,
    /// The acts it is about, the first ten.
    pub acts: Vec<ActId>,
    /// The name that stands where none should, in lower case.
    pub name: Option<String>,
    /// What it is, in a sentence.
    pub says: String,
    /// What to do about it.
    pub next: String,
}

/// A kind of thing to mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Issue {
    /// A person is named where only their part belongs.
    Name,
    /// Two findings replace the same one.
    TwoVersions,
    /// A fact that no act shows.
    Uncited,
    /// An act is cited that is not on the record, or is about something else.
    StrayCitation,
    /// Nobody wrote it.
    MissingSection,
    /// Nobody said when it was.
    MissingTime,
}

impl Issue {
    /// The word for machines.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Issue::Name => "name",
            Issue::TwoVersions => "two_versions",
            Issue::Uncited => "uncited",
            Issue::StrayCitation => "stray_citation",
            Issue::MissingSection => "missing_section",
            Issue::MissingTime => "missing_time",
        }
    }

    /// Whether a document with this can't go out to customers or executives.
    #[must_use]
    pub fn holds_back(self) -> bool {
        matches!(self, Issue::Name | Issue::TwoVersions)
    }
}

/// How many acts one remark names.
const ACTS_MAX: usize = 10;

/// The sections whose sentences are facts: something must show them.
const FACTUAL: [Section; 5] = [
    Section::Problem,
    Section::Impact,
    Section::ContributingFactor,
    Section::SoonerDetection,
    Section::NearMiss,
];

pub(super) fn remarks(story: &Story<'_>, document: &Document, known: &Names) -> Vec<Remark> {
    let shown = sections(document.audience);
    let mut remarks = names(story.evidence, document, known);
    remarks.extend(versions(story, shown));
    remarks.extend(citations(story, shown));
    if document.audience == ReviewAudience::Internal {
        remarks.extend(astray(story));
    }
    remarks.extend(unwritten(story, shown));
    if document.audience != ReviewAudience::Executive {
        remarks.extend(missing_times(story, document.audience));
    }
    remarks
}

/// Where a section is shown.
fn place(section: Section) -> &'static str {
    match section {
        Section::Abstract => "In short",
        Section::Problem => "The problem",
        Section::Impact => "Impact",
        Section::ContributingFactor => "Contributing factors",
        Section::SoonerDetection => "How it could have been detected sooner",
        Section::Worked => "What worked, and why it usually works",
        Section::NearMiss => "Near misses, and failures that were absorbed",
        Section::Learned => "What was learned",
        Section::CustomersWhat => "What happened",
        Section::CustomersData => "Your data",
        Section::CustomersActions => "What we do about it",
        Section::CustomersNext => "When you hear from us again",
        Section::ResidualRisk => "What may still happen",
    }
}

/// An act's first eight digits: enough to name it on a command line.
fn short(act: &ActId) -> String {
    act.to_string().chars().take(8).collect()
}

fn citations(story: &Story<'_>, shown: &[Section]) -> Vec<Remark> {
    let id = story.evidence.id;
    let mut remarks = Vec::new();
    for section in shown {
        for (act, body) in story.findings.in_section(*section) {
            let finding = short(&act.id);
            if body.cites.is_empty() && FACTUAL.contains(section) {
                remarks.push(Remark {
                    issue: Issue::Uncited,
                    place: place(*section),
                    acts: vec![act.id],
                    name: None,
                    says: format!("Nothing shows finding {finding}: it cites no act."),
                    next: format!(
                        "hereby finding add {id} {} TEXT --replaces {finding} --cite ACT",
                        words::section(*section)
                    ),
                });
            }
            for cited in &body.cites {
                let Some(wrong) = stray(story, cited) else {
                    continue;
                };
                remarks.push(Remark {
                    issue: Issue::StrayCitation,
                    place: place(*section),
                    acts: vec![act.id, *cited],
                    name: None,
                    says: format!("Finding {finding} cites {}, which {wrong}.", short(cited)),
                    next: format!(
                        "hereby finding add {id} {} TEXT --replaces {finding} --cite ACT",
                        words::section(*section)
                    ),
                });
            }
        }
    }
    remarks
}

/// Why an act shows nothing about this incident. What its own alerts did belongs to it.
fn stray(story: &Story<'_>, cited: &ActId) -> Option<String> {
    if story.own(cited).is_some() {
        return None;
    }
    let elsewhere = story.evidence.cited.iter().find(|it| it.act.id == *cited);
    let Some(elsewhere) = elsewhere else {
        return Some("is not on the record".to_owned());
    };
    match &elsewhere.act.subject {
        record::act::Subject::Alert(alert) if story.incident.alerts.contains(alert) => None,
        other => Some(format!("is about {} {}", other.type_name(), other.id())),
    }
}

fn astray(story: &Story<'_>) -> Vec<Remark> {
    let corrections = story.corrections_astray();
    let remark = |placed: &super::document::Placed| Remark {
        issue: Issue::StrayCitation,
        place: "Timeline",
        acts: vec![placed.act.id],
        name: None,
        says: format!(
            "Entry #{} corrects an act that is not one of this incident.",
            placed.index
        ),
        next: format!("hereby correct {} ACT TEXT", story.evidence.id),
    };
    corrections.map(remark).collect()
}

fn versions(story: &Story<'_>, shown: &[Section]) -> Vec<Remark> {
    let id = story.evidence.id;
    let mut remarks = Vec::new();
    for acts in story.findings.versions().into_values() {
        let is_in = |section: &Section| {
            let mut there = story.findings.in_section(*section);
            there.any(|(act, _)| acts.contains(&act.id))
        };
        let Some(section) = shown.iter().copied().find(|section| is_in(section)) else {
            continue;
        };
        let named: Vec<String> = acts.iter().map(short).collect();
        let replaces: Vec<String> = named.iter().map(|it| format!("--replaces {it}")).collect();
        let count = match acts.len() {
            2 => "Two".to_owned(),
            more => more.to_string(),
        };
        remarks.push(Remark {
            issue: Issue::TwoVersions,
            place: place(section),
            says: format!(
                "{count} versions stand of the same finding: {}. Somebody has to settle it.",
                named.join(", ")
            ),
            next: format!(
                "hereby finding add {id} {} TEXT {}",
                words::section(section),
                replaces.join(" ")
            ),
            acts,
            name: None,
        });
    }
    remarks
}

fn unwritten(story: &Story<'_>, shown: &[Section]) -> Vec<Remark> {
    let id = story.evidence.id;
    let empty = shown
        .iter()
        .filter(|section| story.findings.in_section(**section).next().is_none());
    let remark = |section: &Section| Remark {
        issue: Issue::MissingSection,
        place: place(*section),
        acts: Vec::new(),
        name: None,
        says: "Nobody has written it yet.".to_owned(),
        next: format!("hereby finding add {id} {} TEXT", words::section(*section)),
    };
    empty.map(remark).collect()
}

fn missing_times(story: &Story<'_>, audience: ReviewAudience) -> Vec<Remark> {
    let id = story.evidence.id;
    let (place, stamps) = match audience {
        ReviewAudience::Customers => ("When", &[Stamp::ImpactStart, Stamp::Mitigated][..]),
        _ => ("Times", &Stamp::ALL[..]),
    };
    let times = &story.incident.summary.times;
    let missing = stamps.iter().filter(|stamp| !times.contains_key(stamp));
    let remark = |stamp: &Stamp| {
        let (what, argument) = match stamp {
            Stamp::ImpactStart => ("began to hurt customers", "impact-start"),
            Stamp::Detected => ("was detected", "detected"),
            Stamp::Diagnosed => ("was diagnosed", "diagnosed"),
            Stamp::Mitigated => ("was mitigated", "mitigated"),
        };
        Remark {
            issue: Issue::MissingTime,
            place,
            acts: Vec::new(),
            name: None,
            says: format!("Nobody said when it {what}."),
            next: format!("hereby time {id} {argument} TIME"),
        }
    };
    missing.map(remark).collect()
}

/// Where names stand that should not, by chapter and name.
fn names(evidence: &Evidence<'_>, document: &Document, known: &Names) -> Vec<Remark> {
    let mut found: BTreeMap<(usize, &str), BTreeSet<(u64, ActId)>> = BTreeMap::new();
    let mut look = |chapter: usize, text: &str, saying: (u64, ActId)| {
        for name in known.in_text(text) {
            found.entry((chapter, name)).or_default().insert(saying);
        }
    };
    if let Some(declared) = evidence.acts.first() {
        look(
            usize::MAX,
            &document.title,
            (declared.index, declared.act.id),
        );
    }
    for (number, chapter) in document.chapters.iter().enumerate() {
        if chapter.anchor == PEOPLE {
            continue;
        }
        for block in &chapter.blocks {
            said(block, &mut |text, saying| look(number, text, saying));
        }
    }
    let remark = |((chapter, name), acts): ((usize, &str), BTreeSet<(u64, ActId)>)| {
        let chapter = document.chapters.get(chapter);
        name_remark(document, chapter, name, &acts)
    };
    found.into_iter().map(remark).collect()
}

/// A name in a chapter, or, without one, in the title.
fn name_remark(
    document: &Document,
    chapter: Option<&Chapter>,
    name: &str,
    acts: &BTreeSet<(u64, ActId)>,
) -> Remark {
    let id = document.incident;
    let shown = acts
        .iter()
        .take(ACTS_MAX)
        .map(|(index, _)| format!("#{index}"));
    let shown: Vec<String> = shown.collect();
    let more = match acts.len().saturating_sub(ACTS_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let mut standing = document.findings.iter();
    let finding = standing.find(|it| acts.iter().any(|(_, act)| *act == it.saying.act.act));
    let is_history = chapter.is_some_and(|chapter| chapter.anchor == "history");
    let next = match finding.filter(|_| !is_history) {
        Some(finding) => format!(
            "say it by their part, such as the commander: hereby finding add {id} {} TEXT \
             --replaces {}",
            words::section(finding.section),
            short(&finding.saying.act.act)
        ),
        None => "leave it: what was said then stays as it was said; customers and executives read \
                 it without the name"
            .to_owned(),
    };
    Remark {
        issue: Issue::Name,
        place: chapter.map_or("Title", |chapter| chapter.heading),
        acts: acts.iter().take(ACTS_MAX).map(|(_, act)| *act).collect(),
        name: Some(name.to_owned()),
        says: format!(
            "`{name}` is a person's name, in {}{more}: names stand under People, and nowhere else.",
            shown.join(", ")
        ),
        next,
    }
}

/// Every text of people in a block, with the act that said it.
fn said(block: &Block, look: &mut dyn FnMut(&str, (u64, ActId))) {
    let mut saying = |it: &Saying| {
        let act = (it.act.index.unwrap_or_default(), it.act.act);
        look(&it.text, act);
        it.notes.iter().for_each(|note| look(note, act));
        for correction in &it.corrections {
            let act = (correction.act.index.unwrap_or_default(), correction.act.act);
            look(&correction.text, act);
        }
    };
    match block {
        Block::Saying(it) => saying(it),
        Block::Versions(all) => all.iter().for_each(saying),
        Block::Timeline(moments) => {
            for moment in moments {
                let act = (moment.act.index.unwrap_or_default(), moment.act.act);
                let texts = moment.text.iter().chain(&moment.why);
                texts.for_each(|text| look(text, act));
                for correction in &moment.corrections {
                    let act = (correction.act.index.unwrap_or_default(), correction.act.act);
                    look(&correction.text, act);
                }
            }
        }
        // Facts are hereby's own words; what people wrote into a table (a follow-up's text) is with
        // its act.
        Block::Table(table) => {
            for fact in table.rows.iter().flatten() {
                if let Some(first) = fact.cites.first() {
                    look(&fact.text, (first.index.unwrap_or_default(), first.act));
                }
            }
        }
        Block::Paragraph(_) | Block::Facts(_) | Block::Missing(_) => {}
    }
}
