//! The work in an incident as it is shown: when the next word is due, tasks, questions, contacts,
//! checklists, files, how things were at its declaration; and who has how much to do.

use base::{PersonName, Timestamp};
use incident::{Incident, UpdateClock};
use record::kinds::Body;
use record::kinds::incident::{Audience, DependencySeen, Role, Surroundings};

use super::{Property, section};
use crate::commands::timeline::Timeline;
use crate::commands::work::lists;
use crate::commands::{files, tell, wire};
use crate::say::{Line, Style, clock, counted, duration, table};

/// All sections about the work; nothing for what there is nothing of.
pub(super) fn sections(
    incident: &Incident,
    timeline: &Timeline,
    now: Timestamp,
    width: Option<usize>,
) -> Vec<Line> {
    let (work, acts) = (&incident.work, timeline.by_id());
    let id = timeline.id;
    let mut lines = Vec::new();
    let mut add = |title: &str, found: Vec<Line>| {
        if !found.is_empty() {
            lines.extend(section(title));
            lines.extend(found);
        }
    };
    if incident.summary.is_open() {
        let clocks = work.clocks.iter();
        add(
            "Next word",
            clocks
                .map(|(audience, clock)| next_word(*audience, clock, now))
                .collect(),
        );
    }
    let open = lists::tasks(work, &acts, false);
    let ended = work.tasks.len() - open.len();
    let mut tasks = rows(&lists::TASKS, open, width);
    if ended > 0 {
        let more = format!("{} ended: hereby task list {id}", counted(ended, "task"));
        tasks.push(Line::new().styled(Style::Dim, more));
    }
    add("Tasks", tasks);
    let open = lists::questions(work, &acts, false);
    let answered = work.questions.len() - open.len();
    let mut questions = rows(&lists::QUESTIONS, open, width);
    if answered > 0 {
        let more = format!(
            "{} answered: hereby questions {id}",
            counted(answered, "question")
        );
        questions.push(Line::new().styled(Style::Dim, more));
    }
    add("Questions", questions);
    let contacts = lists::contacts(work, &acts);
    add("Points of contact", rows(&lists::CONTACTS, contacts, width));
    add("Checklists", lists::checklists(work, &acts));
    let cited = files::cited(timeline);
    add("Files", rows(&files::HEADER, files::rows(&cited), width));
    add("When it was declared", surroundings(timeline));
    lines
}

fn rows(header: &[&str], rows: lists::Rows, width: Option<usize>) -> Vec<Line> {
    match rows.is_empty() {
        true => Vec::new(),
        false => table(header, rows, width),
    }
}

/// `the public: next word due in 12 min, every 30 min`
fn next_word(audience: Audience, clock_of: &UpdateClock, now: Timestamp) -> Line {
    let begin = Line::from(format!("{}: ", tell::audience(audience)));
    let every = format!(", every {}", tell::span(clock_of.every_ms));
    let left = clock_of.due_at.ms_since(now);
    let due = match left {
        ..=0 => Line::new().styled(
            Style::Bad,
            format!(
                "OVERDUE since {}, {}",
                clock(clock_of.due_at),
                duration(left)
            ),
        ),
        _ => Line::from(format!("next word due in {}", duration(left))),
    };
    begin.then(due).text(every)
}

/// How things were around it when it was declared, as far as the declaration says.
fn surroundings(timeline: &Timeline) -> Vec<Line> {
    let first = timeline.acts.first().map(|act| &act.body);
    let Some(Body::IncidentDeclared(declared)) = first else {
        return Vec::new();
    };
    let Some(Surroundings {
        clock,
        dependencies,
    }) = &declared.surroundings
    else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    if let Some(clock) = clock {
        lines.push(match clock.synchronised {
            true => {
                let off = i64::try_from(clock.max_error_ms).unwrap_or(i64::MAX);
                let off = match off {
                    0..1_000 => format!("{off} ms"),
                    _ => duration(off),
                };
                Line::from(format!("the clock was synchronised, at most {off} off"))
            }
            false => Line::new().styled(Style::Warning, "the clock was not synchronised"),
        });
    }
    let (loud, quiet): (Vec<&DependencySeen>, Vec<&DependencySeen>) = dependencies
        .iter()
        .partition(|seen| seen.alerts > 0 || seen.incident.is_some());
    lines.extend(loud.into_iter().map(|seen| {
        let alerts = (seen.alerts > 0).then(|| counted(seen.alerts, "alert"));
        let incident = seen.incident.map(|id| format!("{id} was open on it"));
        let what: Vec<String> = [alerts, incident].into_iter().flatten().collect();
        let needed = tell::dependency(&seen.dependency);
        Line::new().styled(Style::Warning, format!("{needed}: {}", what.join(", ")))
    }));
    if !quiet.is_empty() {
        let names: Vec<String> = quiet
            .iter()
            .map(|seen| tell::dependency(&seen.dependency))
            .collect();
        lines.push(Line::from(format!("no alert for {}", names.join(", "))));
    }
    lines
}

/// Who takes part, what it did, what it has to do with, what was erased.
pub(super) fn properties(incident: &wire::Incident) -> Vec<Property> {
    let mut all = Vec::new();
    if !incident.people.is_empty() {
        let people: Vec<&str> = incident.people.iter().map(PersonName::as_str).collect();
        all.push(("people", people.join(", "), Style::Plain));
    }
    let impact = tell::impact(&incident.impact);
    if !impact.is_empty() {
        all.push(("impact", impact, Style::Plain));
    }
    all.extend(incident.relations.iter().map(|related| {
        let words = format!("{} {}", tell::relation(related.relation), related.to);
        ("is", words, Style::Plain)
    }));
    all.extend(incident.rooms.iter().map(|it| {
        let words = match (&*it.state, &it.room) {
            ("linked", Some(room)) => format!("{}: {room}", it.channel),
            ("asked", _) => format!("{}: a room is being made", it.channel),
            ("closed", _) => format!("{}: the room ends", it.channel),
            _ => format!("{}: there is no room any more", it.channel),
        };
        ("chat", words, Style::Plain)
    }));
    if incident.redacted {
        let erased = "what was sealed in it, for good".to_owned();
        all.push(("erased", erased, Style::Bad));
    }
    all
}

/// What those who have a role have to do in other open incidents: `sam: commander of INC-3`.
pub(super) fn load(incident: &wire::Incident, open: &[wire::Incident]) -> Vec<Property> {
    let mut all = Vec::new();
    let mut people: Vec<&PersonName> = incident.roles.values().flatten().collect();
    people.sort();
    people.dedup();
    for person in people {
        let elsewhere: Vec<String> = open
            .iter()
            .filter(|other| other.id != incident.id)
            .flat_map(|other| {
                roles_of(other, person).map(|role| format!("{} of {}", tell::role(role), other.id))
            })
            .collect();
        if !elsewhere.is_empty() {
            let words = format!("{person} is also {}", elsewhere.join(", "));
            all.push(("load", words, Style::Warning));
        }
    }
    all
}

fn roles_of<'a>(
    incident: &'a wire::Incident,
    person: &'a PersonName,
) -> impl Iterator<Item = Role> + 'a {
    let held = incident.roles.iter();
    held.filter(|(_, people)| people.contains(person))
        .map(|(role, _)| *role)
}
