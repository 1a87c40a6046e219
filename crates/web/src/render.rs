//! What is shown of incidents, alerts and acts: the one file in which the domain's types become
//! the API's JSON.

mod work;

use base::{
    ActId, IncidentId, Name, PersonName, ServiceName, SessionId, TeamName, Timestamp, TokenId,
};
use engine::{Key, Session, Token};
use incident::{Alert, Heartbeat, Incident, Maintenance, Person, Service, Silence, Summary, Team};
use record::act::{Act, Subject};
use record::kinds::Body;
use record::kinds::incident::Role;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

pub(crate) use work::{request, runbook, template};

use crate::problem::Problem;
use crate::site::Site;

pub(crate) mod stats;

/// An incident in a list. `open`: whoever asks may see sealed text.
pub(crate) fn summary(site: &Site, summary: &Summary, open: bool) -> Result<Value, Problem> {
    let acknowledged = summary
        .acknowledged
        .as_ref()
        .map(|(at, by)| json!({"at": at, "by": by}));
    let roles: Map<String, Value> = [
        Role::Commander,
        Role::Operations,
        Role::Communications,
        Role::Planning,
    ]
    .into_iter()
    .filter(|role| summary.holders(*role).next().is_some())
    .map(|role| {
        let people: Vec<&str> = summary
            .holders(role)
            .map(|person| person.as_str())
            .collect();
        (word(&role), json!(people))
    })
    .collect();
    Ok(json!({
        "id": summary.id,
        "title": title(site, summary, open)?,
        "severity": summary.severity,
        "status": summary.status,
        "service": summary.service,
        "private": summary.private,
        "drill": summary.drill,
        "declared_act": summary.declared_act,
        "declared_at": summary.declared_at,
        "declared_by": summary.declared_by,
        "acknowledged": acknowledged,
        "times": summary.times,
        "reopened_at": summary.reopened_at,
        "resolved_at": summary.resolved_at,
        "touched_at": summary.touched_at,
        "roles": roles,
        "acts": summary.acts,
        "people": summary.involved(),
        "impact": summary.impact,
        "redacted": summary.redacted,
        "relations": summary
            .relations
            .iter()
            .map(|(relation, to)| json!({"relation": relation, "to": to}))
            .collect::<Vec<_>>(),
        "waived": summary.waived,
    }))
}

/// A unit variant as the API spells it.
pub(crate) fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The title; a sealed one is opened by way of the act that declared it.
pub(crate) fn title(site: &Site, summary: &Summary, open: bool) -> Result<Value, Problem> {
    if summary.title.readable().is_some() || !open {
        return Ok(json!(summary.title));
    }
    if let Some(act) = opened_act(site, &summary.declared_act)?
        && let Body::IncidentDeclared(declared) = &act.body
    {
        return Ok(json!(declared.title));
    }
    Ok(json!(summary.title))
}

/// An incident by itself.
pub(crate) fn incident(site: &Site, incident: &Incident, open: bool) -> Result<Value, Problem> {
    let mut value = summary(site, &incident.summary, open)?;
    if let Value::Object(fields) = &mut value {
        fields.insert("offers".to_owned(), json!(incident.offers));
        fields.insert("next_reminder".to_owned(), json!(incident.next_reminder));
        fields.insert("reminders".to_owned(), json!(incident.reminders));
        fields.insert("told_at".to_owned(), json!(incident.told_at));
        fields.insert("work".to_owned(), work::work(&incident.work));
        fields.insert("review".to_owned(), work::review(&incident.review));
    }
    Ok(value)
}

/// The rooms of an incident in channels.
pub(crate) fn rooms(state: &incident::State, id: IncidentId) -> Vec<Value> {
    let rooms = state.rooms.0.get(&id).into_iter().flatten();
    rooms
        .map(|(channel, room)| {
            json!({"channel": channel, "state": room.word(), "room": room.room()})
        })
        .collect()
}

/// An alert.
pub(crate) fn alert(alert: &Alert) -> Value {
    json!({
        "id": alert.id,
        "title": alert.title,
        "state": if alert.is_firing() { "firing" } else { "ended" },
        "source": alert.source,
        "fingerprint": alert.fingerprint,
        "labels": alert.labels,
        "starts_at": alert.starts_at,
        "fired_at": alert.fired_at,
        "fired_act": alert.fired_act,
        "firings": alert.firings,
        "ended_at": alert.ended.map(|(at, _)| at),
        "ending": alert.ended.map(|(_, ending)| ending),
        "acknowledged": alert.acknowledged,
        "drill": alert.drill,
        "incident": alert.incident,
    })
}

/// A silence.
pub(crate) fn silence(name: &Name, silence: &Silence, now: Timestamp) -> Value {
    json!({
        "silence": name,
        "matchers": silence.matchers,
        "ends_at": silence.ends_at,
        "active": now < silence.ends_at,
    })
}

/// A maintenance window.
pub(crate) fn maintenance(name: &Name, window: &Maintenance, now: Timestamp) -> Value {
    json!({
        "maintenance": name,
        "title": window.title,
        "service": window.service,
        "starts_at": window.starts_at,
        "ends_at": window.ends_at,
        "active": window.starts_at <= now && now < window.ends_at,
    })
}

/// An expected heartbeat; `last`: when one came last, if one came since the start.
pub(crate) fn heartbeat(name: &Name, heartbeat: &Heartbeat, last: Option<Timestamp>) -> Value {
    json!({
        "heartbeat": name,
        "interval_ms": heartbeat.interval_ms,
        "grace_ms": heartbeat.grace_ms,
        "service": heartbeat.service,
        "severity": heartbeat.severity,
        "expected_since": heartbeat.expected_since,
        "last_at": last,
    })
}

/// A token, without its hash: that is on the record, and of no use here.
pub(crate) fn token(id: &TokenId, token: &Token, now: Timestamp) -> Value {
    json!({
        "token": id,
        "actor": token.actor,
        "scopes": token.scopes,
        "expires_at": token.expires_at,
        "expired": now >= token.expires_at,
    })
}

/// Somebody who is signed in; `used_at`: when they asked for something last, if since the start.
pub(crate) fn session(
    id: &SessionId,
    session: &Session,
    used_at: Option<Timestamp>,
    now: Timestamp,
) -> Value {
    json!({
        "session": id,
        "person": session.person,
        "begun_at": session.begun_at,
        "used_at": used_at,
        "expires_at": session.expires_at,
        "idle_ms": session.idle_ms,
        "issuer": session.issuer,
        "over": now >= session.expires_at,
    })
}

/// A person's key.
pub(crate) fn key(name: &Name, key: &Key) -> Value {
    json!({"key": name, "person": key.person, "vkey": key.vkey})
}

/// Somebody, by way of the act that made them known; what is personal only if `open`.
pub(crate) fn person(
    site: &Site,
    name: &PersonName,
    person: &Person,
    open: bool,
) -> Result<Value, Problem> {
    let act = match open {
        true => opened_act(site, &person.registered_act)?,
        false => None,
    };
    let (full_name, places) = match act.map(|act| act.body) {
        Some(Body::PersonRegistered(registered)) => (registered.full_name, registered.places),
        _ => (None, Vec::new()),
    };
    Ok(json!({
        "person": name,
        "full_name": full_name,
        "places": places,
        "permissions": person.grants,
        "registered_act": person.registered_act,
    }))
}

/// A team.
pub(crate) fn team(name: &TeamName, team: &Team) -> Value {
    json!({"team": name, "about": team.about})
}

/// A service.
pub(crate) fn service(name: &ServiceName, service: &Service) -> Value {
    json!({
        "service": name,
        "about": service.about,
        "owner": service.owner,
        "tier": service.tier,
        "dependencies": service.dependencies,
    })
}

/// An act on the record, opened as far as its keys are there.
pub(crate) fn opened_act(site: &Site, id: &ActId) -> Result<Option<Act>, Problem> {
    let entries = site.engine().entries();
    let entry = match entries.find_act(id)? {
        Some(index) => entries.entry(index)?,
        None => None,
    };
    let mut act = entry.and_then(|entry| Act::decode(&entry).ok());
    if let Some(act) = &mut act {
        opened(site, act)?;
    }
    Ok(act)
}

/// An act on the record, opened as far as its keys are there if whoever asks may see that.
pub(crate) fn act_seen(site: &Site, id: &ActId, open: bool) -> Result<Option<Act>, Problem> {
    if open {
        return opened_act(site, id);
    }
    let entries = site.engine().entries();
    let entry = match entries.find_act(id)? {
        Some(index) => entries.entry(index)?,
        None => None,
    };
    entry.map(|entry| decoded(site, &entry, false)).transpose()
}

/// An entry as an act, opened as far as its keys are there if whoever asks may see that.
///
/// # Errors
/// When it can't be read: the record is damaged.
pub(crate) fn decoded(site: &Site, entry: &[u8], open: bool) -> Result<Act, Problem> {
    let mut act =
        Act::decode(entry).map_err(|error| Problem::internal("an act can't be read", &error))?;
    if open && contains(entry, b"\"sealed\":") {
        opened(site, &mut act)?;
    }
    Ok(act)
}

/// An act as it stands on the record, with sealed text opened if whoever asks may see it.
///
/// # Errors
/// When the entry is no JSON, or sealed text does not open with its key: the record is damaged.
pub(crate) fn act(site: &Site, entry: &[u8], open: bool) -> Result<Box<RawValue>, Problem> {
    let damaged = |cause: &dyn std::fmt::Display| Problem::internal("an act can't be read", cause);
    if open && contains(entry, b"\"sealed\":") {
        let mut act = Act::decode(entry).map_err(|error| damaged(&error))?;
        opened(site, &mut act)?;
        return serde_json::value::to_raw_value(&act).map_err(|error| damaged(&error));
    }
    let text = std::str::from_utf8(entry).map_err(|error| damaged(&error))?;
    RawValue::from_string(text.to_owned()).map_err(|error| damaged(&error))
}

/// Opens what is sealed in an act, as far as its keys are there.
/// Where strangers are told is not among it: that is listed for admins alone.
fn opened(site: &Site, act: &mut Act) -> Result<(), Problem> {
    if matches!(act.subject, Subject::Subscriber(_)) {
        return Ok(());
    }
    let mut unreadable = None;
    let opened = act.open(&mut |name| {
        site.backstage().subject_key(name).unwrap_or_else(|error| {
            unreadable = Some(error);
            None
        })
    });
    if let Some(error) = unreadable {
        return Err(Problem::internal("the keystore can't be read", &error));
    }
    opened
        .map(drop)
        .map_err(|error| Problem::internal("sealed text can't be opened", &error))
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}
