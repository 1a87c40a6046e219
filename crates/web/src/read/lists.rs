//! Alerts, and everything that has a name: silences, windows, heartbeats, tokens, keys.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use base::{AlertId, Name, PersonName, SessionId, Timestamp};
use engine::State;
use incident::{Alert, Person, Request};
use serde_json::{Value, json};

use super::{LIMIT, Page, get, optional};
use crate::call::Call;
use crate::problem::Problem;
use crate::render;
use crate::reply::{self, Answer};
use crate::route::{Form, Gives, Handler, Parameter, Route};

const AFTER_NAME: Parameter = optional("after", Form::Text(64), "The name behind which to begin");

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route {
            query: vec![
                optional("state", Form::Words(&["firing", "ended", "all"]), "Which"),
                LIMIT,
                optional(
                    "before",
                    Form::Pattern("^[0-9]{1,16}-[0-9a-f]{32}$"),
                    "Only older ones",
                ),
            ],
            ..get(
                "/api/v1/alerts",
                "Lists alerts that fire, and those that ended within a day, newest first",
                Gives::list("Alert", "A page; `next` goes into `before`"),
                |call| Box::pin(alerts(call)),
            )
        },
        named("silences", "Silence", |call| {
            Box::pin(list(
                call,
                |state| &state.incidents.silences,
                render::silence,
            ))
        }),
        named("maintenances", "Maintenance", |call| {
            Box::pin(list(
                call,
                |state| &state.incidents.maintenances,
                render::maintenance,
            ))
        }),
        named("tokens", "Token", |call| {
            Box::pin(list(call, |state| &state.access.tokens, render::token))
        }),
        named("sessions", "Session", |call| Box::pin(sessions(call))),
        named("keys", "Key", |call| {
            Box::pin(list(
                call,
                |state| &state.access.keys,
                |name, key, _| render::key(name, key),
            ))
        }),
        named("teams", "Team", |call| {
            Box::pin(list(
                call,
                |state| &state.incidents.directory.teams,
                |name, team, _| render::team(name, team),
            ))
        }),
        named("services", "Service", |call| {
            Box::pin(list(
                call,
                |state| &state.incidents.directory.services,
                |name, service, _| render::service(name, service),
            ))
        }),
        named("people", "Person", |call| Box::pin(people(call))),
        named("heartbeats", "Heartbeat", |call| Box::pin(heartbeats(call))),
    ]
    .into_iter()
    .chain(prepared())
    .collect()
}

/// What is written down before an incident, and what waits.
fn prepared() -> Vec<Route> {
    vec![
        named("runbooks", "Runbook", |call| {
            Box::pin(list(
                call,
                |state| &state.incidents.runbooks.runbooks,
                |name, runbook, _| render::runbook(name, runbook),
            ))
        }),
        named("templates", "Template", |call| {
            Box::pin(list(
                call,
                |state| &state.incidents.runbooks.templates,
                |name, template, _| render::template(name, template),
            ))
        }),
        named("requests", "Request", |call| Box::pin(requests(call))),
    ]
}

/// A list of things with names.
fn named(what: &str, item: &str, handler: Handler) -> Route {
    Route {
        query: vec![AFTER_NAME, LIMIT],
        ..get(
            &format!("/api/v1/{what}"),
            &format!("Lists {what}, by name"),
            Gives::list(item, "A page; `next` goes into `after`"),
            handler,
        )
    }
}

/// Where a list of alerts goes on: by the time they fired, then by id.
struct AlertCursor(Timestamp, AlertId);

impl FromStr for AlertCursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<AlertCursor, &'static str> {
        let bad = "take it from `next` of the page before";
        let (ms, id) = text.split_once('-').ok_or(bad)?;
        let ms = ms.parse().map_err(|_| bad)?;
        Ok(AlertCursor(
            Timestamp::from_ms(ms),
            id.parse().map_err(|_| bad)?,
        ))
    }
}

async fn alerts(call: Call) -> Answer {
    let wanted = call.query_word("state", &["firing", "ended", "all"])?;
    let (limit, before) = (call.limit()?, call.query_as::<AlertCursor>("before")?);
    let sight = call.caller.sight();
    let page = call.site.blocking(move |site| {
        let found = site.engine().view().read(|state| {
            let mut found: Vec<&Alert> = state
                .incidents
                .alerts
                .values()
                .filter(|alert| sight.sees_alert(state, alert.id))
                .filter(|alert| wanted == "all" || (wanted == "firing") == alert.is_firing())
                .filter(|alert| {
                    before
                        .as_ref()
                        .is_none_or(|before| (alert.fired_at, alert.id) < (before.0, before.1))
                })
                .collect();
            found.sort_unstable_by_key(|alert| std::cmp::Reverse((alert.fired_at, alert.id)));
            found
                .into_iter()
                .take(limit + 1)
                .cloned()
                .collect::<Vec<Alert>>()
        });
        let page = Page::cut(found, limit, |last| {
            json!(format!("{}-{}", last.fired_at.as_ms(), last.id))
        });
        Ok(Page {
            items: page.items.iter().map(render::alert).collect(),
            next: page.next,
        })
    });
    reply::json(&page.await?)
}

/// A page of what has names.
async fn list<K, V>(
    call: Call,
    all: fn(&State) -> &BTreeMap<K, V>,
    show: fn(&K, &V, Timestamp) -> Value,
) -> Answer
where
    K: Ord + Display + FromStr<Err: Display>,
{
    let (limit, after) = (call.limit()?, call.query_as::<K>("after")?);
    let engine = call.site.engine();
    let now = engine.now();
    let found: Vec<(String, Value)> = engine.view().read(|state| {
        all(state)
            .iter()
            .filter(|(name, _)| after.as_ref().is_none_or(|after| *name > after))
            .take(limit + 1)
            .map(|(name, value)| (name.to_string(), show(name, value, now)))
            .collect()
    });
    let page = Page::cut(found, limit, |(name, _)| json!(name));
    let items: Vec<Value> = page.items.into_iter().map(|(_, value)| value).collect();
    reply::json(&Page {
        items,
        next: page.next,
    })
}

async fn people(call: Call) -> Answer {
    let (limit, after) = (call.limit()?, call.query_as::<PersonName>("after")?);
    let open = call.caller.sight().open;
    let page = call.site.blocking(move |site| {
        let found: Vec<(PersonName, Person)> = site.engine().view().read(|state| {
            let all = state.incidents.directory.people.iter();
            all.filter(|(name, _)| after.as_ref().is_none_or(|after| *name > after))
                .take(limit + 1)
                .map(|(name, person)| (name.clone(), person.clone()))
                .collect()
        });
        let page = Page::cut(found, limit, |(name, _)| json!(name));
        let items = page.items.iter();
        let items: Result<Vec<Value>, Problem> = items
            .map(|(name, person)| render::person(site, name, person, open))
            .collect();
        Ok(Page {
            items: items?,
            next: page.next,
        })
    });
    reply::json(&page.await?)
}

async fn heartbeats(call: Call) -> Answer {
    let (limit, after) = (call.limit()?, call.query_as::<Name>("after")?);
    let view = call.site.engine().view();
    let found: Vec<_> = view.read(|state| {
        let all = state.incidents.heartbeats.iter();
        all.filter(|(name, _)| after.as_ref().is_none_or(|after| *name > after))
            .take(limit + 1)
            .map(|(name, heartbeat)| (name.clone(), heartbeat.clone()))
            .collect()
    });
    let page = Page::cut(found, limit, |(name, _)| json!(name));
    let shown = page
        .items
        .iter()
        .map(|(name, heartbeat)| render::heartbeat(name, heartbeat, view.last_beat(name)));
    reply::json(&Page {
        items: shown.collect::<Vec<Value>>(),
        next: page.next,
    })
}

/// Who is signed in. When they asked for something last is known since the start of this process.
async fn sessions(call: Call) -> Answer {
    let (limit, after) = (call.limit()?, call.query_as::<SessionId>("after")?);
    let site = &call.site;
    let now = site.engine().now();
    let found: Vec<_> = site.engine().view().read(|state| {
        let all = state.access.sessions.iter();
        all.filter(|(id, _)| after.as_ref().is_none_or(|after| *id > after))
            .take(limit + 1)
            .map(|(id, session)| (id.clone(), session.clone()))
            .collect()
    });
    let page = Page::cut(found, limit, |(id, _)| json!(id));
    let shown = page
        .items
        .iter()
        .map(|(id, session)| render::session(id, session, site.presence.used_at(id), now));
    reply::json(&Page {
        items: shown.collect::<Vec<Value>>(),
        next: page.next,
    })
}

/// What waits, with the reasons given, as far as the caller sees what it is about.
async fn requests(call: Call) -> Answer {
    let (limit, after) = (call.limit()?, call.query_as::<Name>("after")?);
    let sight = call.caller.sight();
    let page = call.site.blocking(move |site| {
        let found: Vec<(Name, Request)> = site.engine().view().read(|state| {
            let all = state.incidents.requests.waiting.iter();
            all.filter(|(name, _)| after.as_ref().is_none_or(|after| *name > after))
                .filter(|(name, _)| sight.sees_request(state, name))
                .take(limit + 1)
                .map(|(name, request)| (name.clone(), request.clone()))
                .collect()
        });
        let page = Page::cut(found, limit, |(name, _)| json!(name));
        let items = page.items.iter();
        let items: Result<Vec<Value>, Problem> = items
            .map(|(name, request)| {
                let made = render::act_seen(site, &request.act, sight.open)?;
                Ok(render::request(name, request, made.and_then(|act| act.why)))
            })
            .collect();
        Ok(Page {
            items: items?,
            next: page.next,
        })
    });
    reply::json(&page.await?)
}
