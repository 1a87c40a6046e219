//! The edge of this machine: what serves, what is degraded and what happens next, and what is refused
//! and why, drawn. It is the edge's own word, asked for anew each time: none of it is on the record.

use askama::Template;
use language::Words;
use serde_json::Value as Json;

use super::frame::{self, Frame};
use super::visit::Visit;
use super::words::{duration, words};
use super::{Page, page};
use crate::reply::Answer;

/// As wide as the longest bar is, in the picture's own units.
const BAR_WIDTH: u64 = 200;
const REASONS_SHOWN: usize = 16;

pub(super) fn pages() -> Vec<Page> {
    vec![page("/edge", |visit| Box::pin(edge(visit)))]
}

#[derive(Template)]
#[template(path = "edge.html")]
struct EdgePage {
    frame: Frame,
    found: Option<Found>,
}

/// What the edge said.
struct Found {
    cell: String,
    uptime: String,
    listening: String,
    figures: Vec<(String, String)>,
    shed: u64,
    routes: Vec<Route>,
    upstreams: Vec<Upstream>,
    reasons: Vec<Reason>,
    refused: Vec<Refused>,
}

struct Route {
    name: String,
    tenant: String,
    degraded: bool,
    tiers: Vec<(String, bool)>,
    plan: String,
    answers: u64,
    errors: u64,
}

struct Upstream {
    name: String,
    up: bool,
    breaker: String,
    servers: Vec<(String, String)>,
    connections: u64,
    failures: u64,
}

struct Reason {
    name: String,
    total: u64,
    width: u64,
}

struct Refused {
    id: String,
    reason: String,
    what: String,
    tenant: String,
}

async fn edge(visit: Visit) -> Answer {
    let site = visit.site.clone();
    let made = site.blocking(move |site| {
        let t = words(visit.language);
        let said = site.backstage().edge();
        Ok(EdgePage {
            found: said.as_ref().map(|said| found(t, said)),
            frame: Frame::new(&visit, "containment", t.say("edge")),
        })
    });
    frame::shown(&made.await?)
}

fn number(value: &Json, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Json::as_u64).unwrap_or(0)
}

fn text(value: &Json, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Json::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn list<'a>(value: &'a Json, pointer: &str) -> &'a [Json] {
    value
        .pointer(pointer)
        .and_then(Json::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The second of each pair, added up; with `of`, of those whose first is that.
fn sum(value: &Json, pointer: &str, of: Option<&str>) -> u64 {
    let pairs = list(value, pointer).iter();
    pairs
        .filter(|pair| of.is_none_or(|of| pair.get(0).and_then(Json::as_str) == Some(of)))
        .filter_map(|pair| pair.get(1)?.as_u64())
        .sum()
}

fn found(t: &Words, said: &Json) -> Found {
    let figure =
        |key: &str, pointer: &str| (t.say(key).into_owned(), number(said, pointer).to_string());
    let listening: Vec<&str> = list(said, "/listening")
        .iter()
        .filter_map(Json::as_str)
        .collect();
    let memory = t.say("edge-memory").into_owned();
    Found {
        cell: text(said, "/cell"),
        uptime: duration(t, number(said, "/uptime_ms")),
        listening: listening.join(", "),
        figures: vec![
            figure("edge-connections", "/connections"),
            figure("edge-in-progress", "/requests_in_progress"),
            figure("edge-websockets", "/websockets"),
            (
                t.say("edge-answers").into_owned(),
                sum(said, "/statuses", None).to_string(),
            ),
            (
                t.say("edge-errors").into_owned(),
                sum(said, "/statuses", Some("5xx")).to_string(),
            ),
            (
                memory,
                format!("{} MiB", number(said, "/resident_bytes") >> 20),
            ),
        ],
        shed: number(said, "/shed_per_mille"),
        routes: list(said, "/routes").iter().map(route).collect(),
        upstreams: list(said, "/upstreams").iter().map(upstream).collect(),
        reasons: reasons(said),
        refused: list(said, "/refused").iter().map(refused).collect(),
    }
}

fn route(said: &Json) -> Route {
    let serving = number(said, "/serving");
    let tiers = (0..).zip(list(said, "/tiers"));
    let tiers: Vec<(String, bool)> = tiers
        .map(|(place, tier)| {
            (
                tier.as_str().unwrap_or_default().to_owned(),
                place == serving,
            )
        })
        .collect();
    Route {
        name: text(said, "/name"),
        tenant: text(said, "/tenant"),
        degraded: text(said, "/posture") == "degraded",
        tiers,
        plan: text(said, "/plan"),
        answers: sum(said, "/statuses", None),
        errors: sum(said, "/statuses", Some("5xx")),
    }
}

fn upstream(said: &Json) -> Upstream {
    let servers = list(said, "/servers").iter();
    Upstream {
        name: text(said, "/name"),
        up: said.pointer("/up").and_then(Json::as_bool).unwrap_or(false),
        breaker: text(said, "/breaker"),
        servers: servers
            .map(|it| (text(it, "/address"), text(it, "/condition")))
            .collect(),
        connections: number(said, "/connections"),
        failures: number(said, "/failures_total"),
    }
}

/// The most frequent reasons, each with a bar against the first.
fn reasons(said: &Json) -> Vec<Reason> {
    let pairs = list(said, "/refusals").iter().take(REASONS_SHOWN);
    let pairs: Vec<(String, u64)> = pairs
        .filter_map(|pair| Some((pair.get(0)?.as_str()?.to_owned(), pair.get(1)?.as_u64()?)))
        .collect();
    let most = pairs
        .iter()
        .map(|(_, total)| *total)
        .max()
        .unwrap_or(1)
        .max(1);
    let reasons = pairs.into_iter().map(|(name, total)| Reason {
        name,
        total,
        width: (total.saturating_mul(BAR_WIDTH) / most).max(2),
    });
    reasons.collect()
}

fn refused(said: &Json) -> Refused {
    let (method, host, path) = (
        text(said, "/method"),
        text(said, "/host"),
        text(said, "/path"),
    );
    Refused {
        id: text(said, "/request_id"),
        reason: text(said, "/reason"),
        what: format!("{method} {host}{path}"),
        tenant: text(said, "/tenant"),
    }
}
