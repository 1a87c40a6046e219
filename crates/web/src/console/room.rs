//! The room of one incident: what is happening, who has which role, what was said and when the next
//! word is due, the timeline with its evidence, and everything that people work on.
//!
//! However long an incident is, a page reads the newest of its acts and those that open work rests
//! on, and no more.

mod badge;
mod timeline;
mod work;

use std::collections::BTreeMap;

use askama::Template;
use base::{IncidentId, Name, Timestamp};
use incident::{Alert, Followup, Incident, Summary};
use language::Words;
use record::act::Act;
use record::kinds::Body;
use record::kinds::incident::{Audience, Role, Stamp, Status};
use serde_json::Value as Json;

use super::frame::{self, Choice, Frame};
use super::incidents::{Row, row};
use super::sign_in::in_query;
use super::told::Told;
use super::visit::Visit;
use super::words::{Moment, duration, moment, word, words};
use super::{Page, page};
use crate::problem::Problem;
use crate::read::of_incident;
use crate::render;
use crate::reply::{Answer, BYTES, Keep, with_type};
use crate::sight::Sight;
use crate::site::Site;

pub(super) use timeline::acts_at;

pub(super) fn pages() -> Vec<Page> {
    vec![
        page("/incidents/{id}", |visit| Box::pin(room(visit))),
        page("/incidents/{id}/files/{sha256}", |visit| {
            Box::pin(file(visit))
        }),
    ]
}

/// Who has a role.
struct Holder {
    role: String,
    label: String,
    people: Vec<String>,
    /// Whoever asks has it.
    own: bool,
    /// Whom somebody asked to take it over.
    offered: String,
    /// Whoever asks is that somebody.
    offered_to_me: bool,
}

/// An audience, and when it is told something.
struct Word {
    audience: String,
    label: String,
    told: Option<Moment>,
    /// The act that said it, and the beginning of what it said.
    act: String,
    said: String,
    due: Option<Moment>,
    every: String,
    overdue: bool,
}

/// One of the times of an incident.
struct Stamped {
    label: String,
    at: Option<Moment>,
}

/// An alert that belongs to it.
struct AlertRow {
    title: String,
    source: String,
    firing: bool,
    at: Moment,
}

#[derive(Template)]
#[template(path = "room.html")]
struct Room {
    frame: Frame,
    row: Row,
    me: String,
    steps: Vec<Choice>,
    holders: Vec<Holder>,
    people: Vec<String>,
    joined: bool,
    spoken: Vec<Word>,
    stamps: Vec<Stamped>,
    alerts: Vec<AlertRow>,
    alerts_more: usize,
    work: work::Shown,
    relations: Vec<(String, IncidentId)>,
    impact: Vec<(String, String)>,
    timeline: Vec<Told>,
    /// The index before which older acts are.
    older: Option<u64>,
    /// Older acts are shown: these are not the newest.
    in_past: bool,
    badge: badge::Badge,
    redacted: bool,
    rooms: Vec<RoomElsewhere>,
    known_people: Vec<String>,
    dependencies: Vec<String>,
}

/// Its room in a channel.
struct RoomElsewhere {
    channel: String,
    says: String,
    /// Where a browser finds it.
    link: Option<String>,
}

/// What is read of an incident before its page is written.
struct Read {
    rooms: Vec<(Name, incident::Room)>,
    whole: Option<Incident>,
    summary: Summary,
    alerts: Vec<Alert>,
    followups: Vec<(u32, Followup)>,
    people: Vec<String>,
}

async fn room(visit: Visit) -> Answer {
    let id: IncidentId = visit.path_as("id")?;
    let before: Option<u64> = visit.query_as("before")?;
    let sight = visit.sight();
    sight.must_see(&visit.site, id)?;
    let site = visit.site.clone();
    let made = site.blocking(move |site| made(site, &visit, id, before, &sight));
    frame::shown(&made.await?)
}

/// Alerts on a page.
const ALERTS_MAX: usize = 30;

/// Names offered.
const PEOPLE_MAX: usize = 200;

fn read(site: &Site, id: IncidentId) -> Result<Read, Problem> {
    let found = site.engine().view().read(|state| {
        let state = &state.incidents;
        let summary = state.summary(id).cloned()?;
        let mut alerts: Vec<Alert> = state
            .alerts
            .values()
            .filter(|alert| alert.incident == Some(id))
            .cloned()
            .collect();
        alerts.sort_by_key(|alert| std::cmp::Reverse((alert.is_firing(), alert.fired_at)));
        let followups = state.followups.get(&id).into_iter().flatten();
        let people = state.directory.people.keys().take(PEOPLE_MAX);
        let rooms = state.rooms.0.get(&id).into_iter().flatten();
        Some(Read {
            rooms: rooms
                .map(|(channel, room)| (channel.clone(), room.clone()))
                .collect(),
            whole: state.incidents.get(&id).cloned(),
            summary,
            alerts,
            followups: followups
                .map(|(number, it)| (*number, it.clone()))
                .collect(),
            people: people.map(ToString::to_string).collect(),
        })
    });
    found.ok_or_else(|| Problem::not_found(format!("there is no incident {id}")))
}

fn made(
    site: &Site,
    visit: &Visit,
    id: IncidentId,
    before: Option<u64>,
    sight: &Sight,
) -> Result<Room, Problem> {
    let t = words(visit.language);
    let now = site.engine().now();
    let mut read = read(site, id)?;
    let indexes = of_incident(site, id, 0, timeline::INDEXES_MAX)?;
    if read.whole.is_none() && indexes.len() <= work::RECALLED_MAX {
        let acts = acts_at(site, &indexes, sight.open)?;
        let acts: Vec<Act> = acts.into_iter().map(|(_, act)| act).collect();
        read.whole = Incident::from_acts(id, &acts);
    }
    let part = timeline::page(&indexes, before);
    let acts = acts_at(site, part.indexes, sight.open)?;
    let (timeline, older) = timeline::told_all(t, &acts, part.older, now);
    let said = timeline::said_last(site, &indexes, sight.open)?;
    let me = visit.person().map(ToString::to_string).unwrap_or_default();
    let row = row(site, t, &read.summary, sight.open, now)?;
    let summary = &read.summary;
    let title = format!("{id} {}", row.title);
    Ok(Room {
        frame: Frame::new(visit, "incidents", title).following(Some(id), summary.acts),
        steps: steps(t, summary.status),
        holders: holders(t, &read, &me),
        people: summary.people.iter().map(ToString::to_string).collect(),
        joined: summary.involved().iter().any(|it| it.as_str() == me),
        spoken: spoken(t, read.whole.as_ref(), &said, now),
        stamps: stamps(t, summary, now),
        alerts_more: read.alerts.len().saturating_sub(ALERTS_MAX),
        alerts: alerts(t, &read.alerts, now),
        work: work::shown(site, t, &read, sight.open, now)?,
        relations: summary
            .relations
            .iter()
            .map(|(relation, to)| (word(t, &render::word(relation)), *to))
            .collect(),
        impact: impact(t, summary),
        badge: badge::badge(site, t, indexes.last().copied().unwrap_or(0), now),
        dependencies: dependencies(t, &acts),
        timeline,
        older,
        in_past: before.is_some(),
        redacted: summary.redacted,
        rooms: rooms(t, &read.rooms),
        known_people: read.people,
        row,
        me,
    })
}

fn rooms(t: &Words, rooms: &[(Name, incident::Room)]) -> Vec<RoomElsewhere> {
    let shown = rooms.iter().map(|(channel, room)| {
        let name = room.room().map(ToString::to_string);
        RoomElsewhere {
            channel: channel.to_string(),
            says: match (&name, room) {
                (Some(name), incident::Room::Linked { .. }) => name.clone(),
                _ => t.say(&format!("chat-{}", room.word())).into_owned(),
            },
            // A Matrix room's permanent link (Matrix specification, appendices, matrix.to).
            link: name
                .filter(|name| name.starts_with('!'))
                .map(|name| format!("https://matrix.to/#/{}", in_query(&name))),
        }
    });
    shown.collect()
}

fn steps(t: &Words, present: Status) -> Vec<Choice> {
    let all = [
        Status::Investigating,
        Status::Identified,
        Status::Monitoring,
        Status::Resolved,
    ];
    all.into_iter()
        .map(|status| Choice {
            value: render::word(&status),
            label: word(t, &render::word(&status)),
            chosen: status == present,
        })
        .collect()
}

fn holders(t: &Words, read: &Read, me: &str) -> Vec<Holder> {
    let roles = [
        Role::Commander,
        Role::Operations,
        Role::Communications,
        Role::Planning,
    ];
    roles
        .into_iter()
        .map(|role| {
            let people = read.summary.holders(role).map(ToString::to_string);
            let people: Vec<String> = people.collect();
            let offers = read.whole.iter().flat_map(|incident| &incident.offers);
            let mut offers = offers.filter(|offer| offer.role == role);
            let offer = offers.next().map(|offer| offer.to.to_string());
            Holder {
                role: role.as_str().to_owned(),
                label: word(t, role.as_str()),
                own: people.iter().any(|it| it == me),
                people,
                offered_to_me: offer.as_deref() == Some(me),
                offered: offer.unwrap_or_default(),
            }
        })
        .collect()
}

/// What each audience was told, and when it hears more.
fn spoken(
    t: &Words,
    whole: Option<&Incident>,
    said: &BTreeMap<Audience, (String, String)>,
    now: Timestamp,
) -> Vec<Word> {
    [Audience::Insiders, Audience::Public]
        .into_iter()
        .map(|audience| {
            let clock = whole.and_then(|it| it.work.clocks.get(&audience));
            let told = whole.and_then(|it| it.told_at.get(&audience));
            let (act, said) = said.get(&audience).cloned().unwrap_or_default();
            Word {
                act,
                said,
                audience: render::word(&audience),
                label: word(t, &render::word(&audience)),
                told: told.map(|at| moment(t, *at, now)),
                due: clock.map(|clock| moment(t, clock.due_at, now)),
                every: clock.map(|it| duration(t, it.every_ms)).unwrap_or_default(),
                overdue: clock.is_some_and(|clock| clock.due_at <= now),
            }
        })
        .collect()
}

fn stamps(t: &Words, summary: &Summary, now: Timestamp) -> Vec<Stamped> {
    let said = |stamp: Stamp| summary.times.get(&stamp).map(|said| said.at);
    let acknowledged = summary.acknowledged.as_ref().map(|(at, _)| *at);
    let all = [
        ("impact_start", said(Stamp::ImpactStart)),
        ("detected", said(Stamp::Detected)),
        ("declared", Some(summary.declared_at)),
        ("acknowledged", acknowledged),
        ("diagnosed", said(Stamp::Diagnosed)),
        ("mitigated", said(Stamp::Mitigated)),
        ("resolved", summary.resolved_at),
    ];
    all.into_iter()
        .map(|(name, at)| Stamped {
            label: word(t, name),
            at: at.map(|at| moment(t, at, now)),
        })
        .collect()
}

fn alerts(t: &Words, alerts: &[Alert], now: Timestamp) -> Vec<AlertRow> {
    let shown = alerts.iter().take(ALERTS_MAX);
    let rows = shown.map(|alert| AlertRow {
        title: alert.title.to_string(),
        source: alert.source.to_string(),
        firing: alert.is_firing(),
        at: moment(t, alert.ended.map_or(alert.fired_at, |(at, _)| at), now),
    });
    rows.collect()
}

fn impact(t: &Words, summary: &Summary) -> Vec<(String, String)> {
    let shown = serde_json::to_value(&summary.impact).unwrap_or_default();
    let fields = shown.as_object().into_iter().flatten();
    let rows = fields.filter(|(name, _)| *name != "currency");
    let rows = rows.map(|(name, value)| {
        let label = t
            .say(&match name.as_str() {
                "cost_minor" => "cost".to_owned(),
                name => format!("field-{}", name.replace('_', "-")),
            })
            .into_owned();
        let text = match (name.as_str(), value) {
            ("cost_minor", Json::Number(minor)) => {
                let minor = minor.as_u64().unwrap_or(0);
                let currency = shown
                    .pointer("/currency")
                    .and_then(Json::as_str)
                    .unwrap_or_default();
                format!("{}.{:02} {currency}", minor / 100, minor % 100)
            }
            (_, Json::String(text)) => word(t, text),
            (_, other) => other.to_string(),
        };
        (label, text)
    });
    rows.collect()
}

/// What the service needs, as it was when the incident was declared; on the page that shows that.
fn dependencies(t: &Words, acts: &[(u64, Act)]) -> Vec<String> {
    let declared = acts.iter().find_map(|(_, act)| match &act.body {
        Body::IncidentDeclared(body) => serde_json::to_value(body).ok(),
        _ => None,
    });
    let Some(declared) = declared else {
        return Vec::new();
    };
    let found = declared
        .pointer("/surroundings/dependencies")
        .and_then(Json::as_array);
    let found = found.into_iter().flatten().map(|it| {
        let kind = it
            .pointer("/dependency/kind")
            .and_then(Json::as_str)
            .unwrap_or_default();
        let name = it
            .pointer("/dependency/name")
            .and_then(Json::as_str)
            .unwrap_or_default();
        t.say_with(
            "dependency-seen",
            &[
                ("kind", word(t, kind).into()),
                ("name", name.into()),
                (
                    "alerts",
                    it.pointer("/alerts")
                        .and_then(Json::as_u64)
                        .unwrap_or(0)
                        .into(),
                ),
            ],
        )
    });
    found.collect()
}

/// A file of an incident. A browser never shows it as a page.
async fn file(visit: Visit) -> Answer {
    use hyper::header::{CONTENT_DISPOSITION, HeaderValue};
    let id: IncidentId = visit.path_as("id")?;
    let hex: String = visit.path_as("sha256")?;
    visit.sight().must_see(&visit.site, id)?;
    let site = visit.site.clone();
    let bytes = site.blocking(move |site| crate::files::opened(site, id, &hex));
    let mut response = with_type(bytes.await?, BYTES, Keep::Never);
    let attachment = HeaderValue::from_static("attachment");
    response
        .headers_mut()
        .insert(CONTENT_DISPOSITION, attachment);
    Ok(response)
}
