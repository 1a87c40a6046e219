//! Subscribers to the public word, and what they were told. Addresses are for admins alone.

use std::collections::BTreeMap;

use base::{ActId, IncidentId, Name};
use incident::{Notice, subscriber_name};
use record::kinds::access::Scope;
use serde_json::{Value, json};

use super::incidents::INCIDENT;
use super::{LIMIT, Page, get, optional};
use crate::call::Call;
use crate::problem::Problem;
use crate::reply::{self, Answer};
use crate::route::{Access, Form, Gives, Route};
use crate::site::Site;
use crate::subscribers::{Draft, Subscriptions, shown};

/// The most components that a preview names.
const COMPONENTS_TEXT_MAX: usize = 1_000;

pub(super) fn routes() -> Vec<Route> {
    let page = || {
        vec![
            optional("after", Form::Index, "The number behind which to begin"),
            LIMIT,
        ]
    };
    vec![
        Route {
            query: page(),
            ..get(
                "/api/v1/subscribers",
                "Lists subscribers by number, without their addresses",
                Gives::list("Subscriber", "A page; `next` goes into `after`"),
                |call| Box::pin(subscribers(call)),
            )
        },
        get(
            "/api/v1/subscribers/counts",
            "Counts subscribers by channel, language and component",
            Gives::json("SubscriberCounts", "The counts"),
            |call| Box::pin(counts(call)),
        ),
        Route {
            access: Access::Scopes(&[Scope::Admin]),
            query: page(),
            fails: &[404, 500],
            ..get(
                "/api/v1/subscribers/addresses",
                "Lists subscribers with their addresses, for admins",
                Gives::list("SubscriberAddress", "A page; `next` goes into `after`"),
                |call| Box::pin(addresses(call)),
            )
        },
        Route {
            query: page(),
            ..get(
                "/api/v1/notices",
                "Lists what subscribers were told, by number",
                Gives::list("Notice", "A page; `next` goes into `after`"),
                |call| Box::pin(notices(call)),
            )
        },
        Route {
            parts: vec![INCIDENT],
            query: vec![
                optional(
                    "update",
                    Form::Pattern("^[0-9a-f]{32}$"),
                    "The act that said it; the last one that did without",
                ),
                optional(
                    "components",
                    Form::Text(COMPONENTS_TEXT_MAX),
                    "What it is about, separated by commas; everything without",
                ),
            ],
            fails: &[404, 409, 500],
            ..get(
                "/api/v1/incidents/{id}/notice",
                "Shows what subscribers would be told, and how many they are; sends nothing",
                Gives::json("NoticePreview", "What would be sent"),
                |call| Box::pin(preview(call)),
            )
        },
    ]
}

async fn subscribers(call: Call) -> Answer {
    let (limit, after) = (call.limit()?, call.query_as::<u32>("after")?);
    let view = call.site.engine().view();
    let found: Vec<(u32, Value)> = view.read(|state| {
        let known = state.incidents.subscribers.known.iter();
        known
            .filter(|(number, _)| after.is_none_or(|after| **number > after))
            .take(limit + 1)
            .map(|(number, known)| (*number, shown(*number, known)))
            .collect()
    });
    numbered(found, limit)
}

fn numbered(found: Vec<(u32, Value)>, limit: usize) -> Answer {
    let page = Page::cut(found, limit, |(number, _)| json!(number));
    let items: Vec<Value> = page.items.into_iter().map(|(_, value)| value).collect();
    reply::json(&Page {
        items,
        next: page.next,
    })
}

async fn counts(call: Call) -> Answer {
    let counted = call.site.calculating(|site| {
        Ok(site.engine().view().read(|state| {
            let known = &state.incidents.subscribers.known;
            let mut channels: BTreeMap<&str, u32> = BTreeMap::new();
            let mut languages: BTreeMap<String, u32> = BTreeMap::new();
            let mut components: BTreeMap<String, u32> = BTreeMap::new();
            let mut everything = 0_u32;
            for subscriber in known.values() {
                *channels.entry(subscriber.channel.as_str()).or_default() += 1;
                *languages
                    .entry(subscriber.language.to_string())
                    .or_default() += 1;
                everything += u32::from(subscriber.components.is_empty());
                for component in &subscriber.components {
                    *components.entry(component.to_string()).or_default() += 1;
                }
            }
            json!({
                "total": known.len(),
                "everything": everything,
                "channels": channels,
                "languages": languages,
                "components": components,
            })
        }))
    });
    reply::json(&counted.await?)
}

async fn addresses(call: Call) -> Answer {
    let (limit, after) = (call.limit()?, call.query_as::<u32>("after")?);
    may_govern(&call)?;
    let found = call.site.blocking(move |site| {
        let known = port(site)?.addresses()?;
        let known = known.into_iter();
        Ok(known
            .filter(|(number, _)| after.is_none_or(|after| *number > after))
            .take(limit + 1)
            .map(|(number, address)| {
                let value = json!({"subscriber": subscriber_name(number), "address": address});
                (number, value)
            })
            .collect::<Vec<_>>())
    });
    numbered(found.await?, limit)
}

/// Addresses of strangers are for those who may remove them.
fn may_govern(call: &Call) -> Result<(), Problem> {
    let Some(person) = call.caller.sight().person else {
        return Ok(());
    };
    let actor = base::Actor::Person { id: person };
    let verb = record::command::RemoveSubscriber {
        subscriber: subscriber_name(1),
    };
    let view = call.site.engine().view();
    view.read(|state| state.incidents.permit(&actor, &verb.into()))?;
    Ok(())
}

fn port(site: &Site) -> Result<&dyn Subscriptions, Problem> {
    let port = site.options.subscriptions.as_deref();
    port.ok_or_else(|| Problem::not_found("there are no subscriptions here: set [subscriptions]"))
}

async fn notices(call: Call) -> Answer {
    let (limit, after) = (call.limit()?, call.query_as::<u32>("after")?);
    let sight = call.caller.sight();
    let site = call.site.clone();
    let found: Vec<(u32, Notice)> = site.engine().view().read(|state| {
        let known = state.incidents.notices.known.iter();
        known
            .filter(|(number, _)| after.is_none_or(|after| **number > after))
            .filter(|(_, notice)| sight.sees(state, notice.incident))
            .take(limit + 1)
            .map(|(number, notice)| {
                // Who gets it is no part of the list, and may be long.
                let recipients = Vec::new();
                (
                    *number,
                    Notice {
                        recipients,
                        ..notice.clone()
                    },
                )
            })
            .collect()
    });
    let found = found
        .into_iter()
        .map(|(number, notice)| (number, notice_shown(&site, number, &notice)));
    numbered(found.collect(), limit)
}

/// What subscribers were told, and what became of it so far.
pub(crate) fn notice_shown(site: &Site, number: u32, notice: &Notice) -> Value {
    let name = format!("ntc-{number}");
    let port = site.options.subscriptions.as_deref();
    let progress = notice.is_running().then(|| {
        let name: Name = name.parse().ok()?;
        port?.progress(&name)
    });
    let progress = progress.flatten();
    let reported = notice.report.as_ref();
    let reported = reported.map(|report| [report.done, report.failed, report.unknown, 0]);
    let counts = progress.or(reported).unwrap_or([0, 0, 0, notice.people()]);
    let [done, failed, unknown, open] = counts;
    json!({
        "notice": name,
        "incident": notice.incident,
        "update": notice.update,
        "at": notice.at,
        "by": notice.by,
        "components": notice.components,
        "mail": notice.mail,
        "webhook": notice.webhook,
        "round": notice.round,
        "running": notice.is_running(),
        "done": done,
        "failed": failed,
        "unknown": unknown,
        "open": open,
        "outcomes": notice.report.as_ref().map(|report| &report.outcomes),
    })
}

async fn preview(call: Call) -> Answer {
    let incident: IncidentId = call.path_as("id")?;
    let update = call.query_as::<ActId>("update")?;
    let named = call.query.get("components").map(String::as_str);
    let named = named.unwrap_or_default().split(',');
    let components = named.map(str::trim).filter(|name| !name.is_empty());
    let components = components.map(str::parse::<Name>).collect::<Result<_, _>>();
    let components = components.map_err(|bad| Problem::bad_request(format!("{bad}")))?;
    let sight = call.caller.sight();
    let draft = Draft {
        incident,
        update,
        components,
    };
    let previewed = call.site.blocking(move |site| {
        let view = site.engine().view();
        let seen = view.read(|state| {
            state.incidents.summary(incident).is_some() && sight.sees(state, incident)
        });
        if !seen || !sight.open {
            return Err(Problem::not_found(format!(
                "there is no {incident}, or you may not see what would be sent"
            )));
        }
        Ok(port(site)?.preview(&draft)?)
    });
    reply::json(&previewed.await?)
}
