//! What past incidents add up to: a picture, and the same as a table.

use askama::Template;
use incident::stats::Phase;
use language::Words;
use serde_json::Value as Json;

use super::frame::{self, Choice, Frame};
use super::visit::Visit;
use super::words::{duration, word, words};
use super::{Page, page};
use crate::picture;
use crate::problem::Problem;
use crate::read::{asked, computed, computed_for};
use crate::render;
use crate::reply::{Answer, Keep, SVG, with_type};

/// What resampling draws from: as for the API.
const SEED: u64 = 1;

pub(super) fn pages() -> Vec<Page> {
    vec![
        page("/numbers", |visit| Box::pin(numbers(visit))),
        page("/numbers/picture.svg", |visit| Box::pin(picture(visit))),
    ]
}

/// One phase in the table.
struct Line {
    phase: String,
    n: u64,
    ongoing: u64,
    missing: u64,
    median: String,
    interval: String,
    p90: String,
}

#[derive(Template)]
#[template(path = "numbers.html")]
struct Numbers {
    frame: Frame,
    picture: String,
    incidents: u64,
    open: u64,
    lines: Vec<Line>,
    phases: Vec<Choice>,
    severities: Vec<Choice>,
    service: String,
    services: Vec<String>,
    drills: bool,
}

async fn numbers(visit: Visit) -> Answer {
    let question = asked(&visit.query)?;
    let sight = visit.sight();
    let site = visit.site.clone();
    let made = site.calculating(move |site| {
        let t = words(visit.language);
        let (now, found) = computed(site, &question, &sight)?;
        let shown = render::stats::numbers(&found, &question, now, SEED);
        let (services, size) = site.engine().view().read(|state| {
            let all = state.incidents.directory.services.keys();
            let seen = all.filter(|it| sight.sees_service(state, it));
            let names: Vec<String> = seen.map(ToString::to_string).collect();
            (names, state.log.acts)
        });
        let lines = shown.get("phases").and_then(Json::as_array);
        let lines = lines.into_iter().flatten().map(|it| line(t, it));
        let query = visit.here.split_once('?').map_or("", |(_, query)| query);
        let phases = Phase::ALL.into_iter().map(|phase| Choice {
            value: phase.word().to_owned(),
            label: word(t, phase.word()),
            chosen: question.phase == Some(phase),
        });
        let chosen = visit.query.get("severity").cloned().unwrap_or_default();
        let severities = (1..=5_u8).map(|it| Choice {
            value: it.to_string(),
            label: t.say(&format!("severity-{it}")).into_owned(),
            chosen: it.to_string() == chosen,
        });
        Ok(Numbers {
            picture: format!("/numbers/picture.svg?{query}"),
            incidents: number(&shown, "/incidents"),
            open: number(&shown, "/open"),
            lines: lines.collect(),
            phases: phases.collect(),
            severities: severities.collect(),
            service: visit.query.get("service").cloned().unwrap_or_default(),
            services,
            drills: question.drills,
            frame: Frame::new(&visit, "numbers", t.say("numbers")).following(None, size),
        })
    });
    frame::shown(&made.await?)
}

async fn picture(visit: Visit) -> Answer {
    let question = asked(&visit.query)?;
    let sight = visit.sight();
    let language = visit.language;
    let svg = visit
        .site
        .calculating(move |site| computed_for(site, &question, &sight, language));
    let mut response = with_type(svg.await?, SVG, Keep::Never);
    let policy = hyper::header::HeaderValue::try_from(picture::policy())
        .map_err(|error| Problem::internal("the picture can't be shown", &error))?;
    response
        .headers_mut()
        .insert(hyper::header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// A number somewhere in the answer.
fn number(value: &Json, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Json::as_u64).unwrap_or(0)
}

/// A length of time, or that nobody knows.
fn length(t: &Words, value: Option<&Json>) -> String {
    match value.and_then(Json::as_i64) {
        Some(ms) => duration(t, ms.unsigned_abs()),
        None => t.say("unknown").into_owned(),
    }
}

fn line(t: &Words, it: &Json) -> Line {
    let phase = it.get("phase").and_then(Json::as_str).unwrap_or_default();
    let interval = it.get("median_interval_ms").filter(|it| it.is_object());
    Line {
        phase: word(t, phase),
        n: number(it, "/n"),
        ongoing: number(it, "/ongoing"),
        missing: number(it, "/missing/either"),
        median: length(t, it.pointer("/quantiles_ms/p50")),
        interval: match interval {
            Some(it) => format!(
                "{} – {}",
                length(t, it.get("low")),
                length(t, it.get("high"))
            ),
            None => t.say("too-few").into_owned(),
        },
        p90: length(t, it.pointer("/quantiles_ms/p90")),
    }
}
