//! The front page: how things are, what happens, what is planned, and how it was of late.

use askama::Template;
use base::{Name, Timestamp};
use record::kinds::page::{ComponentStatus, PublicImpact};

use super::told::{incident_item, maintenance_item};
use super::{Item, Making, Place, Shell, day, minute, rendered};
use crate::page::{Component, Page, Phase, badness};
use crate::uptime::{self, Day, Share};

/// Days of which the front page tells what happened.
const RECENT_DAYS: i64 = 7;
const DAY_MS: i64 = 86_400_000;
/// The height and step of the bars, in the units of their picture.
const HEIGHT: i64 = 34;
const STEP: i64 = 5;
/// What can't be seen would not be shown: an outage of a minute has this height.
const LEAST: i64 = 5;

#[derive(Template)]
#[template(path = "front.html")]
struct Front<'a> {
    shell: Shell<'a>,
    state: &'static str,
    state_words: String,
    made_at: String,
    open: Vec<Item>,
    planned: Vec<Item>,
    rows: Vec<Row>,
    legend: Vec<Legend>,
    days: Vec<Recent>,
}

/// A component.
struct Row {
    title: String,
    description: String,
    under: bool,
    status: &'static str,
    shape: &'static str,
    status_words: String,
    bars: Vec<Bar>,
    bars_label: String,
    summary: String,
    /// Days on which something was said, or a part was not measured; the newest first.
    days: Vec<String>,
}

/// All stretches of one kind, in one path.
struct Bar {
    class: &'static str,
    path: String,
}

struct Legend {
    class: &'static str,
    words: String,
}

/// A day, and what happened on it.
struct Recent {
    day: String,
    incidents: Vec<Item>,
    note: String,
}

/// How bad it is on the whole, as the classes of the page and the words of the Statuspage API say it.
/// Where nothing is listed, nobody says that it is well.
pub(crate) fn state(page: &Page, now: Timestamp) -> &'static str {
    if page.components.is_empty() && page.incidents.is_empty() {
        return "unknown";
    }
    let impacts = page.incidents.values().filter(|it| it.is_open());
    let said = impacts.map(|it| match it.impact {
        PublicImpact::None => 0,
        PublicImpact::Minor => 2,
        PublicImpact::Major => 3,
        PublicImpact::Critical => 4,
    });
    let are = page
        .components
        .keys()
        .map(|name| badness(page.status_of(name, now)));
    match said.chain(are).max().unwrap_or(0) {
        0 => "well",
        1 => "maintenance",
        2 => "minor",
        3 => "major",
        _ => "critical",
    }
}

/// Makes the front page.
pub(crate) fn front(making: Making<'_>, valid_until: Timestamp) -> String {
    let page = making.page;
    let state = state(page, making.now);
    let key = match state {
        "well" => "all-well".to_owned(),
        other => format!("state-{other}"),
    };
    let mut open: Vec<_> = page.incidents.values().filter(|it| it.is_open()).collect();
    open.sort_by_key(|it| std::cmp::Reverse((it.updated_at, it.created_at)));
    let mut planned: Vec<_> = page
        .maintenances
        .values()
        .filter(|it| it.phase(making.now) != Phase::Completed)
        .collect();
    planned.sort_by_key(|it| it.starts_at);
    let rows = page.in_order();
    let legend = [
        "well",
        "degraded",
        "partial",
        "major",
        "maintained",
        "unknown",
    ];
    rendered(&Front {
        shell: making.shell(Place {
            path: "index.html",
            title: String::new(),
            here: "front",
            live: true,
            valid_until,
        }),
        state,
        state_words: making.say(&key),
        made_at: making.say_of("made-at", "time", &minute(making.now)),
        open: open
            .iter()
            .map(|it| incident_item(making, it, ""))
            .collect(),
        planned: planned
            .iter()
            .map(|it| maintenance_item(making, it, ""))
            .collect(),
        rows: rows
            .iter()
            .map(|(name, it)| row(making, name, it))
            .collect(),
        legend: legend
            .into_iter()
            .map(|class| Legend {
                class,
                words: making.say(&format!("legend-{class}")),
            })
            .collect(),
        days: recent(making),
    })
}

fn row(making: Making<'_>, name: &Name, component: &Component) -> Row {
    let page = making.page;
    let status = page.status_with_parts(name, making.now);
    let is_group = page.parts_of(name).next().is_some();
    let title = making.title(name).unwrap_or_default();
    let description = making.of_language(&component.descriptions);
    let days = match is_group {
        true => Vec::new(),
        false => uptime::days(page, name, making.now, making.today_minutes),
    };
    let summary = summary(making, &days);
    let label = making.words.say_with(
        "bars-label",
        &[
            ("component", title.as_str().into()),
            ("summary", summary.as_str().into()),
        ],
    );
    Row {
        description: description.map(ToString::to_string).unwrap_or_default(),
        under: component
            .group
            .as_ref()
            .is_some_and(|group| page.components.contains_key(group)),
        status: status.as_str(),
        shape: match status {
            ComponentStatus::Operational => "well",
            ComponentStatus::UnderMaintenance => "maintenance",
            ComponentStatus::DegradedPerformance => "minor",
            ComponentStatus::PartialOutage | ComponentStatus::MajorOutage => "major",
        },
        status_words: making.component_words(status),
        bars: bars(&days),
        bars_label: label,
        days: days
            .iter()
            .rev()
            .filter_map(|it| told(making, it))
            .collect(),
        summary,
        title,
    }
}

/// What the bars say, in words: for those who don't see them, and beside them for everybody.
fn summary(making: Making<'_>, days: &[Day]) -> String {
    let all = uptime::sum(days);
    let known = match all.uptime() {
        None => return making.say("uptime-none"),
        // A share of a few minutes would say nothing, and in large letters.
        Some(_) if all.known() < 1_440 => return making.say("uptime-short"),
        Some(hundredths) => {
            let percent = format!("{}.{:02}", hundredths / 100, hundredths % 100);
            making.say_of("uptime-known", "percent", &percent)
        }
    };
    let unknown = days
        .iter()
        .filter(|it| it.share.known() == 0 && it.share.unknown > 0);
    match unknown.count() {
        0 => known,
        count => {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            let unknown = making.say_count("uptime-unknown", "days", count);
            format!("{known} · {unknown}")
        }
    }
}

/// A day in words; none if all of it was well, or nobody knows anything of it.
fn told(making: Making<'_>, day: &Day) -> Option<String> {
    let share = &day.share;
    if share.known() == 0 || share.well == share.total() {
        return None;
    }
    let parts = [
        ("minutes-major", share.major),
        ("minutes-partial", share.partial),
        ("minutes-degraded", share.degraded),
        ("minutes-maintained", share.maintained),
        ("minutes-unknown", share.unknown),
    ];
    let parts = parts.into_iter().filter(|(_, minutes)| *minutes > 0);
    let parts: Vec<String> = parts
        .map(|(key, minutes)| making.say_count(key, "minutes", minutes))
        .collect();
    let (on, what) = (super::day(day.starts_at), parts.join(", "));
    Some(making.words.say_with(
        "bar-day",
        &[("day", on.as_str().into()), ("what", what.as_str().into())],
    ))
}

/// The days as paths, one for each kind: each day a stack, the worst at the bottom.
fn bars(days: &[Day]) -> Vec<Bar> {
    let kinds = [
        "major",
        "partial",
        "degraded",
        "maintained",
        "unknown",
        "well",
    ];
    let mut paths = [const { String::new() }; 6];
    for (at, day) in (0_i64..).zip(days) {
        let mut floor = HEIGHT;
        for (path, height) in paths.iter_mut().zip(heights(&day.share)) {
            if height > 0 {
                floor -= height;
                path.push_str(&format!("M{} {floor}h4v{height}h-4z", at * STEP));
            }
        }
    }
    kinds
        .into_iter()
        .zip(paths)
        .filter(|(_, path)| !path.is_empty())
        .map(|(class, path)| Bar { class, path })
        .collect()
}

/// The heights of a day's parts, from the bottom; together as high as the picture.
fn heights(share: &Share) -> [i64; 6] {
    let parts = [
        share.major,
        share.partial,
        share.degraded,
        share.maintained,
        share.unknown,
        share.well,
    ];
    let total = share.total();
    if total <= 0 {
        // A day that has hardly begun: nothing is known of it.
        return [0, 0, 0, 0, HEIGHT, 0];
    }
    let mut left = HEIGHT;
    let mut heights = [0; 6];
    for (height, minutes) in heights.iter_mut().zip(parts) {
        if minutes > 0 {
            *height = (minutes * HEIGHT / total).max(LEAST).min(left);
            left -= *height;
        }
    }
    // What rounding left over goes to the tallest.
    if let Some(tallest) = heights.iter_mut().max() {
        *tallest += left;
    }
    heights
}

fn recent(making: Making<'_>) -> Vec<Recent> {
    let today = making.now.as_ms().div_euclid(DAY_MS);
    let opened = making.page.components.values().map(|it| it.registered_at);
    let said = making.page.incidents.values().map(|it| it.created_at);
    let Some(first) = opened.chain(said).min() else {
        return Vec::new();
    };
    let first = first.as_ms().div_euclid(DAY_MS);
    let days = (today - RECENT_DAYS + 1..=today).rev();
    days.filter(|number| *number >= first)
        .map(|number| {
            let starts_at = Timestamp::from_ms(number * DAY_MS);
            let ends_at = starts_at.plus_ms(DAY_MS);
            let mut incidents: Vec<_> = making
                .page
                .incidents
                .values()
                .filter(|it| {
                    let over = it.resolved_at.unwrap_or(making.now);
                    it.created_at < ends_at && over >= starts_at
                })
                .collect();
            incidents.sort_by_key(|it| std::cmp::Reverse(it.created_at));
            let note = match incidents.is_empty() {
                false => String::new(),
                true => quiet(making, starts_at, number == today),
            };
            Recent {
                day: day(starts_at),
                incidents: incidents
                    .iter()
                    .map(|it| incident_item(making, it, ""))
                    .collect(),
                note,
            }
        })
        .collect()
}

/// What is said of a day on which nothing was said.
fn quiet(making: Making<'_>, starts_at: Timestamp, is_today: bool) -> String {
    let passed = making.now.ms_since(starts_at) / 60_000;
    let (passed, measured) = match is_today {
        true => (passed, i64::from(making.today_minutes)),
        false => {
            let measured = making.page.measured.get(&starts_at).copied();
            (1_440, measured.map_or(0, i64::from))
        }
    };
    // What is counted in tens of minutes can be as much behind.
    let unknown = passed - measured;
    match measured {
        0 if passed > 10 => making.say("recent-unknown"),
        _ if unknown <= 10 => making.say("recent-none"),
        _ => making.say_count("recent-partly-unknown", "minutes", unknown),
    }
}
