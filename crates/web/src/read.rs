//! Everything that can be read with the scope `read`: incidents, alerts, acts, their proofs, and
//! the state of hereby itself. Lists are pages, bounded by number and by bytes.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use base::{ActId, AlertId, IncidentId, Timestamp};
use engine::State;
use engine::ports::Entries;
use hyper::Method;
use incident::{Alert, Summary};
use record::act::Subject;
use record::kinds::access::Scope;
use record::note::{Note, VerifierKey};
use record::proof::ActProof;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::call::Call;
use crate::problem::Problem;
use crate::rates::Class;
use crate::reply::{self, Answer, JSON, Keep, TEXT, with_type};
use crate::route::{Access, Form, Gives, Handler, Parameter, Route, Takes};
use crate::site::Site;
use crate::{prove, render};

/// A page of acts ends once their entries have so many bytes.
const PAGE_BYTES_MAX: usize = 4 << 20;

const READ: Access = Access::Scopes(&[Scope::Read]);

const LIMIT: Parameter = optional("limit", Form::Limit, "How many items at most");
const AFTER: Parameter = optional("after", Form::Index, "The index behind which to begin");
const AFTER_NAME: Parameter = optional("after", Form::Text(64), "The name behind which to begin");
const INCIDENT: Parameter = part("id", Form::Pattern("^INC-[1-9][0-9]{0,9}$"), "The incident");
const ACT: Parameter = part(
    "act",
    Form::Pattern("^([0-9a-f]{32}|0|[1-9][0-9]{0,15})$"),
    "The act's id, or its index",
);

pub(crate) const fn optional(name: &'static str, form: Form, says: &'static str) -> Parameter {
    Parameter {
        name,
        form,
        required: false,
        says,
    }
}

pub(crate) const fn part(name: &'static str, form: Form, says: &'static str) -> Parameter {
    Parameter {
        name,
        form,
        required: true,
        says,
    }
}

fn get(path: &str, summary: &str, gives: Gives, handler: Handler) -> Route {
    Route {
        method: Method::GET,
        path: path.to_owned(),
        access: READ,
        class: Class::Read,
        takes: Takes::Nothing,
        parts: vec![],
        query: vec![],
        headers: vec![],
        summary: summary.to_owned(),
        gives,
        fails: &[500],
        handler,
    }
}

pub(crate) fn routes() -> Vec<Route> {
    [incident_routes(), list_routes(), act_routes()]
        .into_iter()
        .flatten()
        .collect()
}

fn incident_routes() -> Vec<Route> {
    vec![
        Route {
            query: vec![
                optional("status", Form::Words(&["open", "resolved", "all"]), "Which"),
                LIMIT,
                optional(
                    "before",
                    Form::Pattern("^INC-[1-9][0-9]{0,9}$"),
                    "Only older ones",
                ),
            ],
            ..get(
                "/api/v1/incidents",
                "Lists incidents, newest first",
                Gives::list("IncidentSummary", "A page; `next` goes into `before`"),
                |call| Box::pin(incidents(call)),
            )
        },
        Route {
            parts: vec![INCIDENT],
            ..get(
                "/api/v1/incidents/{id}",
                "Shows one incident",
                Gives::json(
                    "IncidentWithAlerts",
                    "The incident, and its alerts of the last day",
                ),
                |call| Box::pin(one_incident(call)),
            )
        },
        Route {
            parts: vec![INCIDENT],
            query: vec![AFTER, LIMIT],
            ..get(
                "/api/v1/incidents/{id}/timeline",
                "Lists the acts on an incident, in order",
                Gives::list("PlacedAct", "A page; `next` goes into `after`"),
                |call| Box::pin(timeline(call)),
            )
        },
        Route {
            parts: vec![INCIDENT],
            query: vec![optional(
                "keys",
                Form::Flag,
                "With the keys of sealed text: needs `admin`",
            )],
            ..get(
                "/api/v1/incidents/{id}/export",
                "Exports an incident as a bundle that verifies alone",
                Gives::json("Bundle", "The bundle"),
                |call| Box::pin(export(call)),
            )
        },
    ]
}

fn list_routes() -> Vec<Route> {
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
        named("keys", "Key", |call| {
            Box::pin(list(
                call,
                |state| &state.access.keys,
                |name, key, _| render::key(name, key),
            ))
        }),
        named("heartbeats", "Heartbeat", |call| Box::pin(heartbeats(call))),
    ]
}

fn act_routes() -> Vec<Route> {
    vec![
        Route {
            query: vec![AFTER, LIMIT],
            ..get(
                "/api/v1/acts",
                "Lists the record's acts, in order",
                Gives::list("PlacedAct", "A page; `next` goes into `after`"),
                |call| Box::pin(acts(call)),
            )
        },
        Route {
            parts: vec![ACT],
            ..get(
                "/api/v1/acts/{act}",
                "Shows one act, and the exact bytes of its entry",
                Gives::json("ActWithEntry", "The act"),
                |call| Box::pin(one_act(call)),
            )
        },
        Route {
            parts: vec![ACT],
            ..get(
                "/api/v1/acts/{act}/proof",
                "Proves that an act is on the record: a C2SP tlog-proof",
                Gives::other(TEXT, "The proof, with the entry in its `extra` line"),
                |call| Box::pin(proof(call)),
            )
        },
        get(
            "/api/v1/status",
            "Says how hereby is",
            Gives::json("Status", "Version, record, witnesses, disk"),
            |call| Box::pin(status(call)),
        ),
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

/// A page of a list.
#[derive(Serialize)]
struct Page<T> {
    items: Vec<T>,
    next: Value,
}

impl<T> Page<T> {
    /// Cuts what was found to `limit`; if there was more, `cursor` of the last says how to go on.
    fn cut(mut found: Vec<T>, limit: usize, cursor: impl FnOnce(&T) -> Value) -> Page<T> {
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map_or(Value::Null, cursor);
        Page { items: found, next }
    }
}

/// An act and its place.
#[derive(Serialize)]
struct PlacedAct {
    index: u64,
    act: Box<RawValue>,
}

async fn incidents(call: Call) -> Answer {
    let status = call.query_word("status", &["open", "resolved", "all"])?;
    let (limit, before) = (call.limit()?, call.query_as::<IncidentId>("before")?);
    let open = call.caller.opens_sealed();
    let page = call.site.blocking(move |site| {
        let found = site
            .engine()
            .view()
            .read(|state| newest_incidents(&state.incidents, status, before, limit + 1));
        let page = Page::cut(found, limit, |last| json!(last.id));
        let items: Result<Vec<Value>, Problem> = page
            .items
            .iter()
            .map(|summary| render::summary(site, summary, open))
            .collect();
        Ok(Page {
            items: items?,
            next: page.next,
        })
    });
    reply::json(&page.await?)
}

fn newest_incidents(
    state: &incident::State,
    status: &str,
    before: Option<IncidentId>,
    count: usize,
) -> Vec<Summary> {
    let end = before.map_or(u32::MAX, IncidentId::number);
    if status == "open" {
        let open = state
            .incidents
            .values()
            .rev()
            .map(|incident| &incident.summary);
        return open
            .filter(|summary| summary.is_open() && summary.id.number() < end)
            .take(count)
            .cloned()
            .collect();
    }
    (1..end.min(state.incidents_declared.saturating_add(1)))
        .rev()
        .filter_map(|number| state.summary(IncidentId::from_number(number)))
        .filter(|summary| status == "all" || !summary.is_open())
        .take(count)
        .cloned()
        .collect()
}

fn no_incident(id: IncidentId) -> Problem {
    Problem::not_found(format!("there is no incident {id}"))
}

async fn one_incident(call: Call) -> Answer {
    let id: IncidentId = call.path_as("id")?;
    let open = call.caller.opens_sealed();
    let shown = call.site.blocking(move |site| {
        let (whole, summary, alerts) = site.engine().view().read(|state| {
            let state = &state.incidents;
            let mut alerts: Vec<Alert> = state
                .alerts
                .values()
                .filter(|alert| alert.incident == Some(id))
                .cloned()
                .collect();
            alerts.sort_by_key(|alert| (alert.fired_at, alert.id));
            (
                state.incidents.get(&id).cloned(),
                state.summary(id).cloned(),
                alerts,
            )
        });
        let incident = match (whole, summary) {
            (Some(whole), _) => render::incident(site, &whole, open)?,
            (None, Some(summary)) => render::summary(site, &summary, open)?,
            (None, None) => return Err(no_incident(id)),
        };
        let alerts: Vec<Value> = alerts.iter().map(render::alert).collect();
        Ok(json!({"incident": incident, "alerts": alerts}))
    });
    reply::json(&shown.await?)
}

async fn timeline(call: Call) -> Answer {
    let id: IncidentId = call.path_as("id")?;
    let (from, limit, open) = (
        call.first_index()?,
        call.limit()?,
        call.caller.opens_sealed(),
    );
    let page = call.site.blocking(move |site| {
        if site
            .engine()
            .view()
            .read(|state| state.incidents.summary(id).is_none())
        {
            return Err(no_incident(id));
        }
        let entries = site.engine().entries();
        let indexes = entries.of_subject(&Subject::Incident(id), from, limit + 1)?;
        let mut found = Vec::new();
        let mut bytes = 0;
        for index in indexes {
            let Some(entry) = entries.entry(index)? else {
                break;
            };
            bytes += entry.len();
            found.push((index, entry));
            if bytes > PAGE_BYTES_MAX {
                break;
            }
        }
        placed(site, found, limit, bytes, open)
    });
    reply::json(&page.await?)
}

async fn acts(call: Call) -> Answer {
    let (from, limit, open) = (
        call.first_index()?,
        call.limit()?,
        call.caller.opens_sealed(),
    );
    let page = call.site.blocking(move |site| {
        let (found, bytes) = entries_from(site.engine().entries().as_ref(), from, limit + 1)?;
        placed(site, found, limit, bytes, open)
    });
    reply::json(&page.await?)
}

/// Entries with their indexes.
pub(crate) type Placed = Vec<(u64, Vec<u8>)>;

/// At most `count` entries from `from` on, and how many bytes they have: a little more than a
/// page's at most.
pub(crate) fn entries_from(
    entries: &dyn Entries,
    from: u64,
    count: usize,
) -> Result<(Placed, usize), Problem> {
    let mut found = Placed::new();
    let mut bytes = 0;
    if from < entries.size() {
        entries.scan(from, &mut |index, entry| {
            bytes += entry.len();
            found.push((index, entry.to_vec()));
            found.len() < count && bytes <= PAGE_BYTES_MAX
        })?;
    }
    Ok((found, bytes))
}

/// A page of acts: `limit` of them, or as many as fit.
fn placed(
    site: &Site,
    mut found: Placed,
    limit: usize,
    bytes: usize,
    open: bool,
) -> Result<Page<PlacedAct>, Problem> {
    let more = found.len() > limit || bytes > PAGE_BYTES_MAX;
    found.truncate(limit);
    let next = found
        .last()
        .filter(|_| more)
        .map_or(Value::Null, |(index, _)| json!(index));
    let items: Result<Vec<PlacedAct>, Problem> = found
        .iter()
        .map(|(index, entry)| {
            Ok(PlacedAct {
                index: *index,
                act: render::act(site, entry, open)?,
            })
        })
        .collect();
    Ok(Page {
        items: items?,
        next,
    })
}

async fn export(call: Call) -> Answer {
    let id: IncidentId = call.path_as("id")?;
    let keys = call.query_flag("keys")?;
    if keys {
        call.caller.require(&[Scope::Admin])?;
    }
    let bundle = call.site.blocking(move |site| {
        let bundle = site.backstage().export(id, keys);
        let bundle = bundle.map_err(|error| Problem::internal("the export failed", &error))?;
        bundle.ok_or_else(|| no_incident(id))
    });
    Ok(with_type(bundle.await?, JSON, Keep::Never))
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
    let page = call.site.blocking(move |site| {
        let found = site.engine().view().read(|state| {
            let mut found: Vec<&Alert> = state
                .incidents
                .alerts
                .values()
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

async fn heartbeats(call: Call) -> Answer {
    let (limit, after) = (call.limit()?, call.query_as::<base::Name>("after")?);
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

/// Where an act is: by its index, or by its id.
fn find(site: &Site, act: &str) -> Result<(u64, Vec<u8>), Problem> {
    let missing = || Problem::not_found(format!("there is no act {}", act.escape_debug()));
    let entries = site.engine().entries();
    let index = if act.len() == 32 {
        let id: ActId = act.parse().map_err(|_| missing())?;
        entries.find_act(&id)?.ok_or_else(missing)?
    } else {
        act.parse().map_err(|_| missing())?
    };
    let entry = entries.entry(index)?.ok_or_else(missing)?;
    Ok((index, entry))
}

/// An act, with its entry byte for byte.
#[derive(Serialize)]
struct ActWithEntry {
    index: u64,
    act: Box<RawValue>,
    entry: String,
}

async fn one_act(call: Call) -> Answer {
    let (wanted, open) = (call.path("act").to_owned(), call.caller.opens_sealed());
    let shown = call.site.blocking(move |site| {
        let (index, entry) = find(site, &wanted)?;
        let act = render::act(site, &entry, open)?;
        let entry = String::from_utf8(entry)
            .map_err(|error| Problem::internal("an act can't be read", &error))?;
        Ok(ActWithEntry { index, act, entry })
    });
    reply::json(&shown.await?)
}

async fn proof(call: Call) -> Answer {
    let wanted = call.path("act").to_owned();
    let (index, entry) = call.site.blocking(move |site| find(site, &wanted)).await?;
    let later = || Problem::overloaded("no published checkpoint covers this act yet", 1);
    if !prove::published(&call.site, index).await {
        return Err(later());
    }
    let text = call.site.blocking(move |site| {
        let broken = |error: &dyn Display| Problem::internal("no proof could be made", error);
        let Some(proven) = prove::inclusion(site.backstage(), &[index])? else {
            return Err(later());
        };
        let hashes = proven.inclusions.into_iter().next().unwrap_or_default();
        let note =
            Note::parse(proven.checkpoint.note.as_bytes()).map_err(|error| broken(&error))?;
        let proof =
            ActProof::new(Some(entry), index, hashes, note).map_err(|error| broken(&error))?;
        Ok(proof.to_string())
    });
    Ok(with_type(text.await?, TEXT, Keep::Never))
}

async fn status(call: Call) -> Answer {
    let status = call.site.blocking(|site| {
        let head = site.engine().view().head();
        let vkey = present_vkey(site);
        let key: Option<VerifierKey> = vkey.as_deref().and_then(|vkey| vkey.parse().ok());
        let witnesses: Vec<Value> = site
            .backstage()
            .witnesses()
            .into_iter()
            .map(|witness| json!({"name": witness.name, "size": witness.size, "at": witness.at}))
            .collect();
        Ok(json!({
            "version": site.options.version,
            "origin": key.as_ref().map(VerifierKey::name),
            "size": head.size,
            "root": head.root,
            "vkey": vkey,
            "published_size": site.backstage().published().map(|published| published.size),
            "witnesses": witnesses,
            "disk_free_bytes": site.backstage().disk_free_bytes().ok(),
            "started_at": site.options.started_at,
        }))
    });
    reply::json(&status.await?)
}

/// The key that signs checkpoints now, as the record says.
pub(crate) fn present_vkey(site: &Site) -> Option<Box<str>> {
    site.engine()
        .view()
        .read(|state| state.log.vkeys.last().map(|(_, vkey)| vkey.clone()))
}
