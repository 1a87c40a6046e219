//! Alerts in, in the shapes that tools speak, and signs of life. 2xx goes out only when what
//! followed is durable. Whoever is too fast gets 503, never 429: Alertmanager drops on 4xx.

use std::collections::BTreeMap;
use std::time::Instant;

use base::Name;
use engine::{SignalReport, Transport};
use hyper::{Method, Response, StatusCode};
use incident::AlertSignal;
use record::kinds::access::Scope;
use serde_json::{Value, json};

use crate::auth::Caller;
use crate::backstage::{Delivery, Unreadable};
use crate::call::Call;
use crate::problem::Problem;
use crate::rates::Class;
use crate::read::part;
use crate::reply::{self, Answer, JSON, Keep, with_type};
use crate::route::{Access, Form, Gives, Route, Takes};

/// Bytes of a delivery.
const DELIVERY_BYTES_MAX: usize = 1 << 20;

/// Bytes that may come with a sign of life; nobody reads them.
const BEAT_BYTES_MAX: usize = 64 << 10;

const ALERTS: &[Scope] = &[Scope::Alerts];

pub(crate) fn routes() -> Vec<Route> {
    let post = |path: &str, summary: &str, gives, handler| Route {
        method: Method::POST,
        path: path.to_owned(),
        access: Access::Scopes(ALERTS),
        class: Class::Delivery,
        takes: Takes::Anything {
            bytes_max: DELIVERY_BYTES_MAX,
            media: JSON,
            schema: json!({}),
            required: true,
        },
        parts: vec![],
        query: vec![],
        headers: vec![],
        summary: summary.to_owned(),
        gives,
        fails: &[422, 504, 507],
        handler,
    };
    let taken = "Everything that followed is durable";
    vec![
        post(
            "/api/v1/alertmanager",
            "Takes alerts from an Alertmanager's webhook (version 4)",
            Gives::json("Delivered", taken),
            |call| Box::pin(alertmanager(call)),
        ),
        post(
            "/api/v2/alerts",
            "Takes alerts from a Prometheus, as an Alertmanager would",
            Gives::json("Delivered", taken),
            |call| Box::pin(prometheus(call)),
        ),
        Route {
            access: Access::TokenInBody(ALERTS),
            ..post(
                "/v2/enqueue",
                "Takes an event in PagerDuty's shape (Events v2); `routing_key` is the token",
                Gives {
                    status: 202,
                    ..Gives::json("Enqueued", taken)
                },
                |call| Box::pin(pagerduty(call)),
            )
        },
        Route {
            parts: vec![part(
                "name",
                Form::Pattern("^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$"),
                "The heartbeat",
            )],
            takes: Takes::Anything {
                bytes_max: BEAT_BYTES_MAX,
                media: "*/*",
                schema: json!({}),
                required: false,
            },
            ..post(
                "/api/v1/heartbeats/{name}",
                "Takes a sign of life",
                Gives {
                    status: 204,
                    media: None,
                    also: &[],
                    schema: Value::Null,
                    says: "It was expected",
                },
                |call| Box::pin(beat(call)),
            )
        },
    ]
}

async fn alertmanager(call: Call) -> Answer {
    let read = (call.site.options.formats.alertmanager)(&call.body, call.site.engine().now());
    deliver(&call, read).await
}

async fn prometheus(call: Call) -> Answer {
    let read = (call.site.options.formats.prometheus)(&call.body, call.site.engine().now());
    deliver(&call, read).await
}

async fn deliver(call: &Call, read: Result<Delivery, Unreadable>) -> Answer {
    let delivery = read.map_err(|bad| Problem::bad_request(bad.detail))?;
    count_dropped(call, &delivery.dropped);
    if delivery.truncated > 0 {
        call.site
            .metrics
            .dropped("truncated_by_sender", delivery.truncated);
    }
    let report = hand_in(call, call.transport()?, delivery.signals).await?;
    let mut dropped: BTreeMap<&str, u64> = delivery.dropped.into_iter().collect();
    if report.unwritable > 0 {
        call.site
            .metrics
            .dropped("unwritable", u64::from(report.unwritable));
        dropped.insert("unwritable", u64::from(report.unwritable));
    }
    reply::json(&json!({
        "recorded": report.receipts.len(),
        "known": report.known,
        "ignored": report.ignored,
        "stale": report.stale,
        "truncated": delivery.truncated,
        "dropped": dropped,
    }))
}

async fn pagerduty(call: Call) -> Answer {
    let event = match (call.site.options.formats.pagerduty)(&call.body) {
        Ok(event) => event,
        Err(Unreadable {
            answer: Some(answer),
            ..
        }) => {
            let mut response = with_type(answer, JSON, Keep::Never);
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return Ok(response);
        }
        Err(bad) => return Err(Problem::bad_request(bad.detail)),
    };
    let caller = Caller::by_token(&event.token, call.site.engine())?;
    let transport = caller.require(ALERTS)?.clone();
    let rate = call
        .site
        .rates
        .take(&caller.who, Class::Delivery, Instant::now());
    rate.map_err(|wait| Problem::overloaded("too many events", wait.as_secs() + 1))?;
    count_dropped(&call, &event.dropped);
    hand_in(&call, transport, vec![event.signal]).await?;
    let mut response: Response<_> = with_type(event.answer, JSON, Keep::Never);
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

async fn beat(call: Call) -> Answer {
    let name: Name = call.path_as("name")?;
    let asked = call.site.engine().beat(call.transport()?, name.clone());
    let time_max = call.site.limits().command_time_max;
    match tokio::time::timeout(time_max, asked).await {
        Ok(Ok(true)) => Ok(reply::empty(StatusCode::NO_CONTENT)),
        Ok(Ok(false)) => Err(Problem::not_found(format!(
            "no heartbeat {name} is expected"
        ))),
        Ok(Err(refusal)) => Err(refusal.into()),
        Err(_) => Err(unknown()),
    }
}

fn count_dropped(call: &Call, dropped: &[(&'static str, u64)]) {
    for (reason, count) in dropped {
        call.site.metrics.dropped(reason, *count);
    }
}

/// Hands alerts to the engine, and waits until what followed is durable and can be read.
async fn hand_in(
    call: &Call,
    transport: Transport,
    signals: Vec<AlertSignal>,
) -> Result<SignalReport, Problem> {
    let engine = call.site.engine();
    let time_max = call.site.limits().command_time_max;
    let asked = tokio::time::timeout(time_max, engine.signals(transport, signals)).await;
    let Ok(Some(report)) = asked else {
        return Err(unknown());
    };
    let metrics = &call.site.metrics;
    metrics.signals("recorded", report.receipts.len() as u64);
    metrics.signals("known", u64::from(report.known));
    metrics.signals("ignored", u64::from(report.ignored));
    metrics.signals("stale", u64::from(report.stale));
    if let Some(refusal) = report.refused {
        metrics.signals("refused", 1);
        return Err(refusal.into());
    }
    Ok(report)
}

fn unknown() -> Problem {
    Problem::unknown("nobody can say whether this is on the record; send it again")
}
