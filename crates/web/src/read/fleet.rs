//! What edges there are, what each is told to run and does, and how versions went out.

use std::collections::BTreeMap;

use base::{Name, Tenant, Timestamp};
use engine::State;
use policy::config::Config;
use policy::version::Version;
use record::command::DeployVersion;
use record::hash::Hash;
use rollout::state::{Deployment, End, Said, name_of};
use serde_json::{Value, json};

use super::{LIMIT, Page, get, optional};
use crate::blobs::hex;
use crate::call::Call;
use crate::edges;
use crate::problem::Problem;
use crate::reply::{self, Answer};
use crate::route::{Form, Gives, Parameter, Route};
use crate::site::Site;

/// So many edges are named at most.
const HELD_SHOWN: usize = 4;

/// So many tenants are counted in an answer.
const TENANTS_MAX: usize = 1_000;

const BELOW: Parameter = optional("before", Form::Index, "What `next` of the page before was");

const BEHIND: Parameter = optional(
    "after",
    Form::Text(64),
    "What `next` of the page before was",
);

pub(super) fn routes() -> Vec<Route> {
    vec![
        get(
            "/api/v1/fleet",
            "Shows cells, what all run, what goes out, and what must not",
            Gives::json("Fleet", "As things stand"),
            |call| Box::pin(fleet(call)),
        ),
        get(
            "/api/v1/traffic",
            "Counts requests of the last hour by tenant, as far as edges have said",
            Gives::json("Traffic", "The tenants with the most first, at most 1,000"),
            |call| Box::pin(traffic(call)),
        ),
        Route {
            query: vec![BEHIND, LIMIT],
            ..get(
                "/api/v1/edges",
                "Lists edges, by name: what each is told to run, what it does, how old that is",
                Gives::list("Edge", "A page; `next` goes into `after`"),
                |call| Box::pin(all_edges(call)),
            )
        },
        Route {
            query: vec![BELOW, LIMIT],
            ..get(
                "/api/v1/versions",
                "Lists versions, the newest deployment first",
                Gives::list("Version", "A page; `next` goes into `before`"),
                |call| Box::pin(versions(call)),
            )
        },
        Route {
            query: vec![BELOW, LIMIT],
            ..get(
                "/api/v1/deployments",
                "Lists deployments, the newest first",
                Gives::list("Deployment", "A page; `next` goes into `before`"),
                |call| Box::pin(deployments(call)),
            )
        },
    ]
}

async fn traffic(call: Call) -> Answer {
    let now = call.site.engine().now();
    let hour = call.site.watch().last_hour(now);
    let mut tenants: Vec<_> = hour.tenants.into_iter().collect();
    tenants.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    tenants.truncate(TENANTS_MAX);
    let tenants = tenants.into_iter();
    let tenants = tenants.map(|(tenant, requests)| json!({"tenant": tenant, "requests": requests}));
    reply::json(&json!({
        "measured_ms": hour.measured_ms,
        "requests": hour.requests,
        "tenants": tenants.collect::<Vec<_>>(),
    }))
}

async fn fleet(call: Call) -> Answer {
    let now = call.site.engine().now();
    let requests = in_stages(&call.site);
    let held = held(&call.site, now);
    let shown = call.site.engine().view().read(|state| {
        let fleet = &state.fleet;
        let cells = fleet.cells.iter().map(|(name, ring)| {
            let orders = fleet.fleet.orders.get(name);
            let all = orders.and_then(|orders| orders.all.as_ref());
            let one = orders.and_then(|orders| orders.one.as_ref());
            json!({
                "cell": name,
                "ring": ring.as_str(),
                "edges": fleet.edges_of(name).count(),
                "version": all.and_then(|order| order.digest).as_ref().map(hex),
                "one": one.map(|(edge, order)| {
                    json!({"edge": edge, "version": order.digest.as_ref().map(hex)})
                }),
            })
        });
        let leases = fleet.leases.iter().filter(|(_, lease)| now < lease.ends_at);
        let leases = leases.map(|(digest, lease)| {
            json!({"version": hex(digest), "ends_at": lease.ends_at, "said": said(&lease.said)})
        });
        let tenants = fleet.tenants.iter().map(|(tenant, track)| {
            json!({
                "tenant": tenant,
                "version": track.current.as_ref().map(hex),
                "cells": track.orders.keys().collect::<Vec<_>>(),
            })
        });
        let under_way = fleet.in_progress().map(|(number, it)| {
            let mut shown = deployment(number, it);
            if let Value::Object(fields) = &mut shown {
                fields.insert("requests_in_stage".to_owned(), json!(requests.get(&number)));
                fields.insert("held_by".to_owned(), json!(held.get(&number)));
            }
            shown
        });
        json!({
            "current": fleet.fleet.current.as_ref().map(hex),
            "tenants": tenants.collect::<Vec<_>>(),
            "cells": cells.collect::<Vec<_>>(),
            "leases": leases.collect::<Vec<_>>(),
            "frozen": fleet.frozen.as_ref().map(said),
            "break_glass": fleet.break_glass.vkey(),
            "deployments": under_way.collect::<Vec<_>>(),
            "invitations": fleet.invitations.iter().filter(|(_, it)| now < it.expires_at)
                .map(|(edge, it)| json!({"edge": edge, "cell": it.cell, "expires_at": it.expires_at}))
                .collect::<Vec<_>>(),
        })
    });
    reply::json(&shown)
}

/// Edges that went back by break-glass notes, by the deployment in progress that does not go on because of
/// them: a few of each.
pub(crate) fn held(site: &Site, now: Timestamp) -> BTreeMap<u32, Vec<Name>> {
    let watch = site.watch();
    site.engine().view().read(|state| {
        let under_way = state.fleet.in_progress();
        let held = under_way.map(|(number, deployment)| {
            let edges = watch.went_back(&state.fleet, deployment, now);
            (number, edges.take(HELD_SHOWN).cloned().collect::<Vec<_>>())
        });
        held.filter(|(_, edges)| !edges.is_empty()).collect()
    })
}

/// How many requests the changed edges of each deployment in progress answered in its stage. Read before
/// anything else: nobody waits for that who holds the view.
pub(crate) fn in_stages(site: &Site) -> BTreeMap<u32, u64> {
    let under_way = |state: &State| -> Vec<u32> {
        let all = state.fleet.in_progress();
        all.map(|(number, _)| number).collect()
    };
    let numbers = site.engine().view().read(under_way);
    let watch = site.watch();
    let known = numbers.into_iter();
    known
        .filter_map(|number| Some((number, watch.requests_in_stage(number)?)))
        .collect()
}

async fn all_edges(call: Call) -> Answer {
    let now = call.site.engine().now();
    let (limit, after) = (call.limit()?, call.query_as::<Name>("after")?);
    let found = edges::edges(&call.site, now, after.as_ref(), limit + 1);
    let page = Page::cut(found, limit, |(name, _)| json!(name));
    reply::json(&Page {
        items: page.items.into_iter().map(|(_, value)| value).collect(),
        next: page.next,
    })
}

async fn versions(call: Call) -> Answer {
    list(call, |state, before| {
        let current = |version: &rollout::state::Version| {
            let track = state.fleet.track(version.tenant.as_ref());
            track.and_then(|track| track.current)
        };
        let mut all: Vec<(u32, Value)> = state
            .fleet
            .versions
            .iter()
            .filter(|(_, version)| version.deployment < before)
            .map(|(digest, version)| {
                let shown = json!({
                    "version": hex(digest),
                    "tenant": version.tenant,
                    "bytes": version.bytes,
                    "deployment": name_of(version.deployment),
                    "said": said(&version.said),
                    "full_at": version.full_at,
                    "current": current(version) == Some(*digest),
                });
                (version.deployment, shown)
            })
            .collect();
        all.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        all
    })
    .await
}

async fn deployments(call: Call) -> Answer {
    list(call, |state, before| {
        let all = state.fleet.deployments.range(..before).rev();
        all.map(|(number, it)| (*number, deployment(*number, it)))
            .collect()
    })
    .await
}

async fn list(call: Call, find: impl FnOnce(&State, u32) -> Vec<(u32, Value)>) -> Answer {
    let (limit, before) = (call.limit()?, call.query_as::<u32>("before")?);
    let view = call.site.engine().view();
    let mut found = view.read(|state| find(state, before.unwrap_or(u32::MAX)));
    found.truncate(limit + 1);
    let page = Page::cut(found, limit, |(number, _)| json!(number));
    reply::json(&Page {
        items: page.items.into_iter().map(|(_, value)| value).collect(),
        next: page.next,
    })
}

fn said(said: &Said) -> Value {
    json!({"at": said.at, "by": said.by, "why": said.why})
}

fn deployment(number: u32, it: &Deployment) -> Value {
    let standing = match (&it.ended, &it.paused) {
        (Some((_, End::Completed)), _) => "completed",
        (Some((_, End::RolledBack)), _) => "rolled_back",
        (Some((_, End::Aborted)), _) => "aborted",
        (None, Some(_)) => "paused",
        (None, None) if it.is_out() => "watched",
        (None, None) => "going",
    };
    let reached = it.reached.iter();
    json!({
        "deployment": name_of(number),
        "tenant": it.tenant,
        "cell": it.cell,
        "version": hex(&it.digest),
        "base": it.base.as_ref().map(hex),
        "standing": standing,
        "stage": it.stage,
        "stage_at": it.stage_at,
        "stages": it.plan.stages,
        "triggers": it.plan.triggers,
        "watch_ms": it.plan.watch_ms,
        "template": it.plan.template,
        "reached": reached.map(|(cell, edge)| json!({"cell": cell, "edge": edge})).collect::<Vec<_>>(),
        "said": said(&it.said),
        "paused": it.paused.as_ref().map(said),
        "fired": it.fired,
        "ended_at": it.ended.as_ref().map(|(at, _)| at),
    })
}

/// Checks that what is to be deployed was uploaded, can be read, and changes what is said that it does.
/// Blocks.
///
/// # Errors
/// 404 where it is not there, 422 where it is no version, 409 where it changes something else.
pub(crate) fn must_be_sound(site: &Site, verb: &DeployVersion) -> Result<(), Problem> {
    let blob = |digest: &Hash| {
        let blob = site.backstage().blob(digest);
        blob.map_err(|error| Problem::internal("a version can't be read", &error))
    };
    let bytes = blob(&verb.digest)?.ok_or_else(|| {
        Problem::not_found("this version was not uploaded: PUT /api/v1/blobs comes first")
    })?;
    let after = Version::parse(&bytes).map_err(|flaws| {
        let lines: Vec<String> = flaws.iter().map(ToString::to_string).collect();
        let detail = lines.join("\n");
        Problem::from(incident::Refusal::new(incident::Reason::OutOfRange, detail))
    })?;
    let length = bytes.len() as u64;
    if length != verb.bytes {
        let detail = format!("this version has {length} bytes, not {}", verb.bytes);
        return Err(Problem::wrong_state(detail));
    }
    let tenant = verb.tenant.as_ref();
    if after.0.tenant() != tenant {
        let detail = match after.0.tenant() {
            Some(tenant) => format!("this version is {tenant}'s own: say so (--tenant {tenant})"),
            None => "this version is the fleet's, no tenant's own".to_owned(),
        };
        return Err(Problem::wrong_state(detail));
    }
    let current = |tenant: Option<&Tenant>| {
        let view = site.engine().view();
        view.read(|state| state.fleet.track(tenant).and_then(|track| track.current))
    };
    let base = current(tenant)
        .map(|base| blob(&base))
        .transpose()?
        .flatten();
    // What this build can't read any more is as none: otherwise nothing could ever replace it.
    let before = base.and_then(|bytes| Version::parse(&bytes).ok());
    if let Some(tenant) = tenant {
        let fleets = current(None)
            .map(|fleets| blob(&fleets))
            .transpose()?
            .flatten();
        let fleets = fleets.and_then(|bytes| Version::parse(&bytes).ok());
        must_be_there(
            tenant,
            verb.cell.as_ref(),
            fleets.as_ref().map(|(_, config)| config),
        )?;
    } else {
        must_stay(site, &after.1)?;
    }
    let before = before.as_ref().map(|(version, config)| (version, config));
    let changes = rollout::changes::parts(before, (&after.0, &after.1));
    if changes != verb.changes {
        return Err(Problem::wrong_state(
            "it changes something else than is said: what all run is another version by now. Look \
             again: hereby deploy --plan",
        ));
    }
    Ok(())
}

/// A tenant's own version goes where the fleet's says that the tenant is.
fn must_be_there(
    tenant: &Tenant,
    cell: Option<&Name>,
    fleets: Option<&Config>,
) -> Result<(), Problem> {
    let mut tenants = fleets.into_iter().flat_map(|config| &config.tenants);
    let known = tenants.find(|one| one.name == tenant.as_str());
    let Some(known) = known else {
        let detail = format!("the version that all run has no tenant {tenant}");
        return Err(Problem::wrong_state(detail));
    };
    if known.cell.as_deref() != cell.map(Name::as_str) {
        let place = known.cell.as_deref().unwrap_or("every cell");
        let detail = format!("{tenant} is in {place}, by the version that all run: look again");
        return Err(Problem::wrong_state(detail));
    }
    Ok(())
}

/// A tenant with a version of its own stays in its cell: elsewhere nobody was told of that.
fn must_stay(site: &Site, config: &Config) -> Result<(), Problem> {
    site.engine().view().read(|state| {
        for tenant in &config.tenants {
            let mut tracks = state.fleet.tenants.iter();
            let known = tracks.find(|(name, _)| name.as_str() == tenant.name);
            let Some((name, track, current)) =
                known.and_then(|(name, track)| Some((name, track, track.current?)))
            else {
                continue;
            };
            let runs = |cell: &str| {
                let mut orders = track.orders.iter();
                let orders = orders.find(|(name, _)| name.as_str() == cell);
                let all = orders.and_then(|(_, orders)| orders.all.as_ref());
                all.is_some_and(|order| order.digest == Some(current))
            };
            if !tenant.cell.as_deref().map_or(track.everywhere, runs) {
                return Err(Problem::wrong_state(format!(
                    "{name} would be in another cell, where nobody was told of the version of its own: \
                     send that back first (hereby rollback --tenant {name}), until it has none"
                )));
            }
        }
        Ok(())
    })
}
