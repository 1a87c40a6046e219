//! A review as a typed tree: chapters of blocks, each fact with the acts that show it, each sentence
//! of a person marked as one.
//!
//! One body of evidence gives three documents: for those who were there, for customers, and for
//! those who answer for it. [`compose`] is a function of its evidence: the same acts, names and time
//! give the same tree, and [`markdown`](super::markdown) and [`html`](super::html) the same bytes.
//! Nothing is judged here that the evidence does not say; what is missing is said to be missing.

use std::collections::{BTreeMap, BTreeSet};

use base::{ActId, IncidentId, Line, PersonName, Severity, Timestamp};
use record::act::Act;
use record::kinds::review::{Reach, ReviewAudience, Section};
use record::kinds::work::DataHarm;

use super::lint::{self, Remark};
use super::names::Names;
use super::story::Story;
use super::{customers, executive, internal};

/// An act and its index on the record.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// Its place on the record.
    pub index: u64,
    /// The act, opened as far as its keys are there.
    pub act: Act,
}

/// What a review is made from.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Which incident.
    pub id: IncidentId,
    /// Every act on it, in order, beginning with the declaration.
    pub acts: &'a [Placed],
    /// Acts on other things that were done for it, in order: bans, failovers, versions and how they went.
    pub done_for: &'a [Placed],
    /// Acts on other things that findings cite, where the record has them.
    pub cited: &'a [Placed],
    /// Who is known, with their full name where it can be read.
    pub people: &'a BTreeMap<PersonName, Option<Line>>,
    /// The time: what is overdue, and which clocks have run out, depends on it.
    pub now: Timestamp,
    /// Whom to report to, and how soon.
    pub regulators: &'a [Regulator],
}

impl<'a> Evidence<'a> {
    /// Acts on it, and acts that were done for it, in the record's order.
    pub(super) fn all(&self) -> Vec<&'a Placed> {
        let mut all: Vec<&Placed> = self.acts.iter().chain(self.done_for).collect();
        all.sort_by_key(|placed| placed.index);
        all
    }
}

/// Somebody to whom an incident must be reported in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regulator {
    /// What the duty is called: `GDPR Art. 33`.
    pub name: Line,
    /// From when the time runs.
    pub from: ClockStart,
    /// How long there is, in milliseconds.
    pub within_ms: i64,
    /// Only where this became of data; empty: whatever became of it.
    pub when_data: BTreeSet<DataHarm>,
    /// Only where it is this bad or worse.
    pub severity_at_most: Option<Severity>,
}

/// From when a regulator's time runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockStart {
    /// Something or somebody noticed.
    Detected,
    /// It was declared.
    Declared,
    /// The severity that stands was first set.
    Classified,
}

/// A review for one audience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// For whom.
    pub audience: ReviewAudience,
    /// Which incident.
    pub incident: IncidentId,
    /// What it is called.
    pub title: String,
    /// What must not be missed: that it is a drill, that it is private.
    pub marks: Vec<Mark>,
    /// What it was made from, in a sentence; none for customers.
    pub made_from: Option<String>,
    /// Its chapters, in order.
    pub chapters: Vec<Chapter>,
    /// Findings that stand, in every section, in the order in which they are shown.
    pub findings: Vec<Standing>,
    /// What is to be mended in it.
    pub remarks: Vec<Remark>,
}

/// What must not be missed about a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The word: `DRILL`.
    pub word: &'static str,
    /// What it means, in a sentence.
    pub says: String,
}

/// A finding that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Where in the review.
    pub section: Section,
    /// How far what was learned travels.
    pub reach: Option<Reach>,
    /// Those that replace the same one stand in one group, with its number; none: alone.
    pub group: Option<usize>,
    /// What was said, where, and what shows it.
    pub saying: Saying,
}

/// A part of the document under a heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chapter {
    /// Its name in links: `times`.
    pub anchor: &'static str,
    /// Its heading.
    pub heading: &'static str,
    /// What stands in it.
    pub blocks: Vec<Block>,
}

/// Something that stands in a chapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A sentence of hereby's own.
    Paragraph(Fact),
    /// Facts with names.
    Facts(Vec<(String, Fact)>),
    /// What a person said.
    Saying(Saying),
    /// Two or more that replace the same one: somebody has to settle it.
    Versions(Vec<Saying>),
    /// Rows of facts.
    Table(Table),
    /// Acts in order.
    Timeline(Vec<Moment>),
    /// Nobody has written this.
    Missing(&'static str),
}

/// A fact, and the acts that show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fact {
    /// What.
    pub text: String,
    /// The acts; none where it follows from what is not there.
    pub cites: Vec<Citation>,
}

/// An act that is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Citation {
    /// Which.
    pub act: ActId,
    /// Its place on the record; none: it is not there.
    pub index: Option<u64>,
    /// Whether it is one of this incident.
    pub own: bool,
}

/// What a person said, word for word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saying {
    /// The act that said it.
    pub act: Citation,
    /// When.
    pub at: Timestamp,
    /// Who, by their part in the incident: `the commander`.
    pub by: String,
    /// What.
    pub text: String,
    /// The acts that show it.
    pub cites: Vec<Citation>,
    /// What hereby adds: `travels to the whole organisation`.
    pub notes: Vec<String>,
    /// What was said to be wrong with it.
    pub corrections: Vec<Saying>,
}

/// An act in the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Which.
    pub act: Citation,
    /// When.
    pub at: Timestamp,
    /// Who, by their part in the incident.
    pub by: String,
    /// What they did, in words of hereby's.
    pub deed: String,
    /// What they said with it, word for word.
    pub text: Option<String>,
    /// Why, word for word.
    pub why: Option<String>,
    /// What was said to be wrong with it.
    pub corrections: Vec<Saying>,
}

/// Rows of facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What stands in each column.
    pub head: Vec<String>,
    /// The rows, as wide as the head.
    pub rows: Vec<Vec<Fact>>,
}

/// The anchor of the chapter in which alone there are names.
pub const PEOPLE: &str = "people";

/// The review for this audience; `None` when the acts don't begin with a declaration.
#[must_use]
pub fn compose(evidence: &Evidence<'_>, audience: ReviewAudience) -> Option<Document> {
    let story = Story::new(evidence)?;
    let (title, chapters) = match audience {
        ReviewAudience::Internal => (story.title(), internal::chapters(&story)),
        ReviewAudience::Customers => (customers::title(&story), customers::chapters(&story)),
        ReviewAudience::Executive => (story.title(), executive::chapters(&story)),
    };
    let mut document = Document {
        audience,
        incident: evidence.id,
        title,
        marks: marks(&story, audience),
        made_from: (audience != ReviewAudience::Customers).then(|| story.made_from()),
        chapters,
        findings: story.standing(),
        remarks: Vec::new(),
    };
    let names = Names::of(evidence);
    if audience != ReviewAudience::Internal {
        without_names(&mut document, &story, &names);
    }
    document.remarks = lint::remarks(&story, &document, &names);
    Some(document)
}

/// Chapters of what was said while it lasted. It can't be said otherwise afterwards, so that names in
/// it are replaced, in brackets, by who those are in the incident; findings are for their authors to
/// mend.
const SAID_THEN: [&str; 2] = ["told", "decisions"];

fn without_names(document: &mut Document, story: &Story<'_>, names: &Names) {
    let mend = |text: &mut String| {
        *text = names.replaced(text, |person| story.cast.part(person).to_owned());
    };
    mend(&mut document.title);
    let chapters = document.chapters.iter_mut();
    let then = chapters.filter(|chapter| SAID_THEN.contains(&chapter.anchor));
    for block in then.flat_map(|chapter| &mut chapter.blocks) {
        if let Block::Saying(saying) = block {
            mend(&mut saying.text);
            saying.notes.iter_mut().for_each(&mend);
            for correction in &mut saying.corrections {
                mend(&mut correction.text);
            }
        }
    }
}

/// The sections that people write for an audience, in the order in which they are shown.
#[must_use]
pub fn sections(audience: ReviewAudience) -> &'static [Section] {
    match audience {
        ReviewAudience::Internal => &[
            Section::Abstract,
            Section::Problem,
            Section::Impact,
            Section::ContributingFactor,
            Section::SoonerDetection,
            Section::Worked,
            Section::NearMiss,
            Section::Learned,
        ],
        ReviewAudience::Customers => &[
            Section::CustomersWhat,
            Section::CustomersData,
            Section::CustomersActions,
            Section::CustomersNext,
        ],
        ReviewAudience::Executive => &[Section::Abstract, Section::ResidualRisk],
    }
}

fn marks(story: &Story<'_>, audience: ReviewAudience) -> Vec<Mark> {
    let summary = &story.incident.summary;
    let mut marks = Vec::new();
    let mut mark = |on: bool, word: &'static str, says: String| {
        if on {
            marks.push(Mark { word, says });
        }
    };
    mark(
        summary.drill,
        "DRILL",
        "This was a drill: rehearsed, not real.".to_owned(),
    );
    mark(
        summary.is_open(),
        "NOT OVER",
        "The incident goes on: what stands here may change.".to_owned(),
    );
    if audience == ReviewAudience::Customers {
        return marks;
    }
    if let Some(other) = summary.duplicate_of() {
        mark(
            true,
            "DUPLICATE",
            format!("This is {other}, declared twice: what counts stands in its review."),
        );
    }
    mark(
        summary.private,
        "PRIVATE",
        "This incident is private: what is written in it is sealed on the record.".to_owned(),
    );
    mark(
        summary.redacted,
        "ERASED",
        "What was sealed in this incident is erased and can't be read any more.".to_owned(),
    );
    marks
}
