//! Pages about one thing that was told, and about a month of them.

use askama::Template;
use base::{Name, Timestamp};
use record::kinds::incident::Status;

use super::{Item, Making, Place, Shell, Written, minute, rendered};
use crate::page::{Phase, PublicIncident, PublicMaintenance, Word};

#[derive(Template)]
#[template(path = "incident.html")]
struct Told<'a> {
    shell: Shell<'a>,
    headline: Written,
    impact: &'static str,
    impact_words: String,
    status: &'static str,
    status_words: String,
    when: String,
    affects: String,
    told: Vec<Said>,
    left_out: String,
}

struct Said {
    anchor: String,
    at: Timestamp,
    at_text: String,
    status_words: String,
    text: Written,
    changed: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "month.html")]
struct Month<'a> {
    shell: Shell<'a>,
    heading: String,
    items: Vec<Item>,
    planned: Vec<Item>,
    earlier: String,
    later: String,
}

#[derive(Template)]
#[template(path = "history.html")]
struct History<'a> {
    shell: Shell<'a>,
    months: Vec<(String, usize)>,
}

pub(crate) fn status_word(status: Status) -> &'static str {
    match status {
        Status::Investigating => "investigating",
        Status::Identified => "identified",
        Status::Monitoring => "monitoring",
        Status::Resolved => "resolved",
    }
}

/// An incident in a list, from a page below `up`.
pub(super) fn incident_item(making: Making<'_>, it: &PublicIncident, up: &str) -> Item {
    let last = it.words.last();
    Item {
        href: format!("{up}incidents/{}.html", it.id),
        headline: making.headline(it),
        when: when(making, it),
        impact: it.impact.as_str(),
        impact_words: making.say(&format!("impact-{}", it.impact.as_str())),
        status: status_word(it.status),
        status_words: making.say(&format!("status-{}", status_word(it.status))),
        affects: making.titles(it.components.keys()),
        text: last.map(|word| making.text(word)),
    }
}

/// Planned work in a list.
pub(super) fn maintenance_item(making: Making<'_>, it: &PublicMaintenance, up: &str) -> Item {
    let (headline, text) = making.plan(it);
    let phase = it.phase(making.now).as_str();
    Item {
        href: format!("{up}maintenance/{}.html", it.id),
        headline,
        when: planned_when(making, it),
        impact: "maintenance",
        impact_words: String::new(),
        status: phase,
        status_words: making.say(&format!("phase-{phase}")),
        affects: making.titles(it.components.iter()),
        text: Some(text),
    }
}

fn when(making: Making<'_>, it: &PublicIncident) -> String {
    let since = making.say_of("since", "time", &minute(it.created_at));
    match it.resolved_at {
        None => since,
        Some(at) => {
            let over = making.say_of("resolved-at", "time", &minute(at));
            format!("{since} · {over}")
        }
    }
}

fn planned_when(making: Making<'_>, it: &PublicMaintenance) -> String {
    let (from, to) = (minute(it.starts_at), minute(it.ends_at));
    making.words.say_with(
        "planned-when",
        &[("from", from.as_str().into()), ("to", to.as_str().into())],
    )
}

/// Makes the page of an incident.
pub(crate) fn incident(making: Making<'_>, it: &PublicIncident, valid_until: Timestamp) -> String {
    let headline = making.headline(it);
    let said = |word: &Word| Said {
        anchor: word.act.to_string(),
        at: word.at,
        at_text: minute(word.at),
        status_words: making.say(&format!("status-{}", status_word(word.status))),
        text: making.text(word),
        changed: changed(making, word),
    };
    let left_out = match it.left_out {
        0 => String::new(),
        count => making.say_count("left-out", "count", count.into()),
    };
    rendered(&Told {
        shell: making.shell(Place {
            path: &format!("incidents/{}.html", it.id),
            title: headline.text.clone(),
            here: "",
            live: it.is_open(),
            valid_until,
        }),
        headline,
        impact: it.impact.as_str(),
        impact_words: making.say(&format!("impact-{}", it.impact.as_str())),
        status: status_word(it.status),
        status_words: making.say(&format!("status-{}", status_word(it.status))),
        when: when(making, it),
        affects: making.titles(it.components.keys()),
        told: it.words.iter().rev().map(said).collect(),
        left_out,
    })
}

fn changed(making: Making<'_>, word: &Word) -> Vec<(String, String)> {
    let one = |(name, (_, is)): (&Name, &(_, _))| {
        Some((making.title(name)?, making.component_words(*is)))
    };
    word.changed.iter().filter_map(one).collect()
}

/// Makes the page of planned work.
pub(crate) fn maintenance(
    making: Making<'_>,
    it: &PublicMaintenance,
    valid_until: Timestamp,
) -> String {
    let (headline, _) = making.plan(it);
    let phase = it.phase(making.now);
    let told = steps(making, it)
        .into_iter()
        .rev()
        .map(|step| Said {
            anchor: step.phase.as_str().to_owned(),
            at: step.at,
            at_text: minute(step.at),
            status_words: making.say(&format!("phase-{}", step.phase.as_str())),
            text: step.text,
            changed: Vec::new(),
        })
        .collect();
    rendered(&Told {
        shell: making.shell(Place {
            path: &format!("maintenance/{}.html", it.id),
            title: headline.text.clone(),
            here: "",
            live: phase != Phase::Completed,
            valid_until,
        }),
        headline,
        impact: "maintenance",
        impact_words: making.say("planned"),
        status: phase.as_str(),
        status_words: making.say(&format!("phase-{}", phase.as_str())),
        when: planned_when(making, it),
        affects: making.titles(it.components.iter()),
        told,
        left_out: String::new(),
    })
}

/// A step of planned work that was taken.
pub(crate) struct Step {
    pub(crate) phase: Phase,
    pub(crate) at: Timestamp,
    pub(crate) text: Written,
}

/// What has become of planned work so far, in order.
pub(crate) fn steps(making: Making<'_>, it: &PublicMaintenance) -> Vec<Step> {
    let (_, text) = making.plan(it);
    let mut all = vec![Step {
        phase: Phase::Scheduled,
        at: it.announced_at,
        text,
    }];
    let began = it.starts_at.max(it.announced_at);
    if !it.was_called_off() && began <= making.now {
        all.push(Step {
            phase: Phase::InProgress,
            at: began,
            text: making.said("said-started"),
        });
    }
    if it.phase(making.now) == Phase::Completed {
        let key = match it.was_called_off() {
            true => "said-called-off",
            false => "said-completed",
        };
        all.push(Step {
            phase: Phase::Completed,
            at: it.over_at(),
            text: making.said(key),
        });
    }
    all
}

/// Makes the page of a month; the newest first.
pub(crate) fn month(
    making: Making<'_>,
    month: &str,
    told: &crate::site::Month<'_>,
    neighbours: (&str, &str),
    (live, valid_until): (bool, Timestamp),
) -> String {
    let heading = making.say_of("month-title", "month", month);
    let incidents = told.incidents.iter().rev();
    let mut maintenances = told.maintenances.clone();
    maintenances.sort_by_key(|it| std::cmp::Reverse(it.starts_at));
    rendered(&Month {
        shell: making.shell(Place {
            path: &format!("history/{month}.html"),
            title: heading.clone(),
            here: "history",
            live,
            valid_until,
        }),
        heading,
        items: incidents
            .map(|it| incident_item(making, it, "../"))
            .collect(),
        planned: maintenances
            .iter()
            .map(|it| maintenance_item(making, it, "../"))
            .collect(),
        earlier: neighbours.0.to_owned(),
        later: neighbours.1.to_owned(),
    })
}

/// Makes the list of months.
pub(crate) fn history(
    making: Making<'_>,
    months: Vec<(String, usize)>,
    valid_until: Timestamp,
) -> String {
    rendered(&History {
        shell: making.shell(Place {
            path: "history.html",
            title: making.say("history-title"),
            here: "history",
            live: true,
            valid_until,
        }),
        months,
    })
}
