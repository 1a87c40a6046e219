//! Incidents: the list, one of them, its timeline, and its export.

use base::IncidentId;
use engine::State;
use incident::{Alert, Summary};
use record::kinds::access::Scope;
use serde_json::{Value, json};

use super::acts::{entries_at, of_incident, placed};
use super::{AFTER, LIMIT, Page, get, optional, part};
use crate::call::Call;
use crate::problem::Problem;
use crate::prove;
use crate::render;
use crate::reply::{self, Answer, JSON, Keep, with_type};
use crate::route::{Form, Gives, Parameter, Route};
use crate::sight::Sight;

pub(super) const INCIDENT: Parameter =
    part("id", Form::Pattern("^INC-[1-9][0-9]{0,9}$"), "The incident");

pub(super) fn routes() -> Vec<Route> {
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

async fn incidents(call: Call) -> Answer {
    let status = call.query_word("status", &["open", "resolved", "all"])?;
    let (limit, before) = (call.limit()?, call.query_as::<IncidentId>("before")?);
    let sight = call.caller.sight();
    let page = call.site.blocking(move |site| {
        let found = site
            .engine()
            .view()
            .read(|state| newest_incidents(state, status, before, limit + 1, &sight));
        let page = Page::cut(found, limit, |last| json!(last.id));
        let items: Result<Vec<Value>, Problem> = page
            .items
            .iter()
            .map(|summary| render::summary(site, summary, sight.open))
            .collect();
        Ok(Page {
            items: items?,
            next: page.next,
        })
    });
    reply::json(&page.await?)
}

/// Incidents with this status, newest first, as many as there are of those that are seen.
pub(crate) fn newest_incidents(
    state: &State,
    status: &str,
    before: Option<IncidentId>,
    count: usize,
    sight: &Sight,
) -> Vec<Summary> {
    let seen = |summary: &&Summary| sight.sees(state, summary.id);
    let state = &state.incidents;
    let end = before.map_or(u32::MAX, IncidentId::number);
    if status == "open" {
        let open = state
            .incidents
            .values()
            .rev()
            .map(|incident| &incident.summary);
        return open
            .filter(|summary| summary.is_open() && summary.id.number() < end)
            .filter(seen)
            .take(count)
            .cloned()
            .collect();
    }
    (1..end.min(state.incidents_declared.saturating_add(1)))
        .rev()
        .filter_map(|number| state.summary(IncidentId::from_number(number)))
        .filter(|summary| status == "all" || !summary.is_open())
        .filter(seen)
        .take(count)
        .cloned()
        .collect()
}

pub(super) fn no_incident(id: IncidentId) -> Problem {
    Problem::not_found(format!("there is no incident {id}"))
}

async fn one_incident(call: Call) -> Answer {
    let id: IncidentId = call.path_as("id")?;
    let sight = call.caller.sight();
    sight.must_see(&call.site, id)?;
    let shown = call.site.blocking(move |site| {
        let (whole, summary, alerts, rooms) = site.engine().view().read(|state| {
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
                render::rooms(state, id),
            )
        });
        let mut incident = match (whole, summary) {
            (Some(whole), _) => render::incident(site, &whole, sight.open)?,
            (None, Some(summary)) => render::summary(site, &summary, sight.open)?,
            (None, None) => return Err(no_incident(id)),
        };
        if let Value::Object(fields) = &mut incident {
            fields.insert("rooms".to_owned(), json!(rooms));
        }
        let alerts: Vec<Value> = alerts.iter().map(render::alert).collect();
        Ok(json!({"incident": incident, "alerts": alerts}))
    });
    reply::json(&shown.await?)
}

async fn timeline(call: Call) -> Answer {
    let id: IncidentId = call.path_as("id")?;
    let (from, limit, sight) = (call.first_index()?, call.limit()?, call.caller.sight());
    sight.must_see(&call.site, id)?;
    let page = call.site.blocking(move |site| {
        let entries = site.engine().entries();
        let indexes = of_incident(site, id, from, limit + 1)?;
        let (found, bytes) = entries_at(entries.as_ref(), &indexes)?;
        placed(site, found, limit, bytes, &sight)
    });
    reply::json(&page.await?)
}

async fn export(call: Call) -> Answer {
    let id: IncidentId = call.path_as("id")?;
    let keys = call.query_flag("keys")?;
    call.caller.sight().must_see(&call.site, id)?;
    if keys {
        call.caller.require(&[Scope::Admin])?;
    }
    // All that was answered for before this request is in the bundle.
    let newest = call.site.engine().view().head().size.checked_sub(1);
    if let Some(newest) = newest
        && !prove::published(&call.site, newest).await
    {
        let behind = "no published checkpoint covers this incident's newest acts yet";
        return Err(Problem::overloaded(behind, 1));
    }
    let bundle = call.site.blocking(move |site| {
        let bundle = site.backstage().export(id, keys);
        let bundle = bundle.map_err(|error| Problem::internal("the export failed", &error))?;
        bundle.ok_or_else(|| no_incident(id))
    });
    Ok(with_type(bundle.await?, JSON, Keep::Never))
}
