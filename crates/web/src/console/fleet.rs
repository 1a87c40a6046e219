//! What edges run: the version on its way with its stages, what each edge is told and does, what went out
//! before; and what to do about it. Follows by itself; without JavaScript when it is asked to.

use askama::Template;
use base::Timestamp;
use engine::State;
use language::Words;
use record::hash::Hash;
use record::kinds::rollout::TriggerDrawn;
use rollout::state::{Deployment, End, Said, name_of};
use serde_json::Value as Json;

use super::frame::{self, Frame};
use super::told::who;
use super::visit::Visit;
use super::words::{Moment, duration, moment, words};
use super::{Page, page};
use crate::blobs::hex;
use crate::edges::edges;
use crate::read::fleet::{held, in_stages};
use crate::reply::Answer;

const EDGES_SHOWN: usize = 200;
const OWN_SHOWN: usize = 100;
const HISTORY_SHOWN: usize = 10;
/// As many digits of a digest as people compare.
const DIGITS: usize = 12;
/// As wide as a stage's bar is when it has held.
const BAR_WIDTH: u64 = 200;

pub(super) fn pages() -> Vec<Page> {
    vec![page("/fleet", |visit| Box::pin(fleet(visit)))]
}

#[derive(Template)]
#[template(path = "fleet.html")]
struct FleetPage {
    frame: Frame,
    current: Option<String>,
    frozen: Option<Because>,
    tenants: Vec<Own>,
    going: Vec<Going>,
    leases: Vec<Lease>,
    edges: Vec<Edge>,
    more: bool,
    history: Vec<Past>,
}

/// Who said something, and why.
struct Because {
    by: String,
    at: Moment,
    why: String,
}

/// A version of a tenant's own.
struct Own {
    tenant: String,
    version: String,
    cells: String,
}

/// A version on its way.
struct Going {
    name: String,
    /// Whose own it is; empty: the fleet's.
    tenant: String,
    version: String,
    said: Because,
    held: Option<Because>,
    /// Edges that went back by break-glass notes since; empty: none, and it goes on.
    by_note: String,
    stages: Vec<Stage>,
    triggers: Vec<String>,
}

struct Stage {
    cells: String,
    one: bool,
    /// `done`, `now`, `next`.
    standing: &'static str,
    /// What is still to be waited for.
    until: String,
    width: u64,
}

struct Lease {
    version: String,
    ends: Moment,
    said: Because,
}

struct Edge {
    name: String,
    cell: String,
    ring: String,
    told: String,
    runs: String,
    standing: String,
    /// `good`, `bad`, or neither.
    tone: &'static str,
    heard: String,
    failed: String,
    why: String,
}

struct Past {
    name: String,
    tenant: String,
    version: String,
    at: Moment,
    by: String,
    standing: String,
    tone: &'static str,
    why: String,
    fired: String,
}

async fn fleet(visit: Visit) -> Answer {
    let site = visit.site.clone();
    let made = site.blocking(move |site| {
        let t = words(visit.language);
        let now = site.engine().now();
        let head = site.engine().view().head().size;
        let all = edges(site, now, None, EDGES_SHOWN + 1);
        let (requests, held) = (in_stages(site), held(site, now));
        let more = all.len() > EDGES_SHOWN;
        let shown = all.iter().take(EDGES_SHOWN);
        let frame = Frame::new(&visit, "fleet", t.say("fleet"));
        Ok(site.engine().view().read(|state| FleetPage {
            frame: frame.following(None, head),
            current: state.fleet.fleet.current.as_ref().map(short),
            tenants: tenants(state),
            frozen: state
                .fleet
                .frozen
                .as_ref()
                .map(|said| because(t, said, now)),
            going: state
                .fleet
                .in_progress()
                .map(|(number, it)| {
                    let requests = requests.get(&number).copied();
                    let mut shown = going(t, number, it, requests.unwrap_or(0), now);
                    let edges = held.get(&number).into_iter().flatten();
                    let edges: Vec<&str> = edges.map(base::Name::as_str).collect();
                    shown.by_note = edges.join(", ");
                    shown
                })
                .collect(),
            leases: leases(t, state, now),
            edges: shown.map(|(_, edge)| one(t, edge)).collect(),
            more,
            history: history(t, state, now),
        }))
    });
    frame::shown(&made.await?)
}

fn short(digest: &Hash) -> String {
    hex(digest).chars().take(DIGITS).collect()
}

fn because(t: &Words, said: &Said, now: Timestamp) -> Because {
    Because {
        by: who(t, &said.by),
        at: moment(t, said.at, now),
        why: said
            .why
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    }
}

fn tenants(state: &State) -> Vec<Own> {
    let all = state.fleet.tenants.iter();
    let own = all.filter_map(|(tenant, track)| {
        let cells: Vec<&str> = track.orders.keys().map(|cell| cell.as_str()).collect();
        Some(Own {
            tenant: tenant.to_string(),
            version: short(&track.current?),
            cells: cells.join(", "),
        })
    });
    own.take(OWN_SHOWN).collect()
}

fn tenant(it: &Deployment) -> String {
    let tenant = it.tenant.as_ref();
    tenant.map(ToString::to_string).unwrap_or_default()
}

fn going(t: &Words, number: u32, it: &Deployment, requests: u64, now: Timestamp) -> Going {
    let held_ms = u64::try_from(now.ms_since(it.stage_at)).unwrap_or(0);
    let last = it.plan.stages.len();
    let stages = it.plan.stages.iter().zip(1_usize..).map(|(stage, number)| {
        let at = usize::try_from(it.stage).unwrap_or(0) + 1;
        let (time_ms, wanted) = match number == last {
            true => (it.plan.watch_ms, 0),
            false => (stage.time_ms_min, stage.requests_min),
        };
        let standing = match number.cmp(&at) {
            std::cmp::Ordering::Less => "done",
            std::cmp::Ordering::Equal => "now",
            std::cmp::Ordering::Greater => "next",
        };
        let share = |done: u64, all: u64| match all {
            0 => BAR_WIDTH,
            all => done.min(all).saturating_mul(BAR_WIDTH) / all,
        };
        let width = match standing {
            "done" => BAR_WIDTH,
            "now" => share(held_ms, time_ms).min(share(requests, wanted)),
            _ => 0,
        };
        let until = match standing {
            "now" => t.say_with(
                if number == last {
                    "fleet-watched"
                } else {
                    "fleet-held"
                },
                &[
                    ("held", duration(t, held_ms).into()),
                    ("time", duration(t, time_ms).into()),
                    ("requests", requests.into()),
                    ("wanted", wanted.into()),
                ],
            ),
            _ => duration(t, time_ms),
        };
        let cells: Vec<&str> = stage.cells.iter().map(|cell| cell.as_str()).collect();
        Stage {
            cells: cells.join(", "),
            one: stage.one,
            standing,
            until,
            width,
        }
    });
    Going {
        name: name_of(number).to_string(),
        tenant: tenant(it),
        version: short(&it.digest),
        said: because(t, &it.said, now),
        held: it.paused.as_ref().map(|said| because(t, said, now)),
        by_note: String::new(),
        stages: stages.collect(),
        triggers: it.plan.triggers.iter().map(|one| trigger(t, one)).collect(),
    }
}

/// When a trigger fires, in words.
fn trigger(t: &Words, drawn: &TriggerDrawn) -> String {
    let key = format!("fleet-measure-{}", drawn.measure.as_str());
    let what = t.say_with(
        &key,
        &[
            ("ms", drawn.slower_than_ms.unwrap_or(0).into()),
            (
                "reason",
                drawn.reason.as_ref().map_or("", |it| it.as_str()).into(),
            ),
        ],
    );
    let percent = drawn.most_ppm.map(|most| f64::from(most) / 10_000.0);
    let most = percent.map(|percent| {
        let percent = percent.to_string();
        t.say_with("fleet-most", &[("percent", percent.into())])
    });
    let compared = drawn.compare.then(|| t.say("fleet-compared").into_owned());
    let how: Vec<String> = compared.into_iter().chain(most).collect();
    format!("{}: {what}, {}", drawn.name, how.join(", "))
}

fn leases(t: &Words, state: &State, now: Timestamp) -> Vec<Lease> {
    let all = state.fleet.leases.iter();
    all.filter(|(_, lease)| now < lease.ends_at)
        .map(|(digest, lease)| Lease {
            version: short(digest),
            ends: moment(t, lease.ends_at, now),
            said: because(t, &lease.said, now),
        })
        .collect()
}

fn one(t: &Words, edge: &Json) -> Edge {
    let text = |field: &str| {
        edge.get(field)
            .and_then(Json::as_str)
            .unwrap_or("")
            .to_owned()
    };
    let number = |field: &str| edge.get(field).and_then(Json::as_u64);
    let digest = |field: &str| text(field).chars().take(DIGITS).collect::<String>();
    let standing = text("standing");
    let tone = match standing.as_str() {
        "follows" => "good",
        "refuses" | "unknown" | "break_glass" | "below_floor" => "bad",
        _ => "",
    };
    let heard = number("heard_ms").map_or_else(
        || t.say("fleet-never").into_owned(),
        |ms| t.say_with("fleet-ago", &[("time", duration(t, ms).into())]),
    );
    let failed = match (number("failed"), number("requests")) {
        (Some(failed), Some(requests)) => format!("{failed} / {requests}"),
        _ => "–".to_owned(),
    };
    Edge {
        name: text("edge"),
        cell: text("cell"),
        ring: text("ring"),
        told: digest("told"),
        runs: digest("runs"),
        standing: t
            .say(&format!("fleet-is-{}", standing.replace('_', "-")))
            .into_owned(),
        tone,
        heard,
        failed,
        why: text("refused"),
    }
}

fn history(t: &Words, state: &State, now: Timestamp) -> Vec<Past> {
    let all = state.fleet.deployments.iter().rev();
    let ended = all.filter_map(|(number, it)| Some((number, it, it.ended?.1)));
    ended
        .take(HISTORY_SHOWN)
        .map(|(number, it, end)| {
            let (key, tone) = match end {
                End::Completed => ("fleet-completed", "good"),
                End::RolledBack => ("fleet-rolled-back", "bad"),
                End::Aborted => ("fleet-aborted", "bad"),
            };
            Past {
                name: name_of(*number).to_string(),
                tenant: tenant(it),
                version: short(&it.digest),
                at: moment(t, it.said.at, now),
                by: who(t, &it.said.by),
                standing: t.say(key).into_owned(),
                tone,
                why: it
                    .said
                    .why
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                fired: it
                    .fired
                    .as_ref()
                    .map(|it| it.what.to_string())
                    .unwrap_or_default(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::short;
    use record::hash::sha256;

    #[test]
    fn a_digest_is_as_the_command_line_shows_it() {
        assert_eq!(short(&sha256(&[b""])), "e3b0c44298fc");
    }
}
