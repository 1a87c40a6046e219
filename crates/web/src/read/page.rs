//! The public status page from inside: its components, and the places it is published to.

use base::Name;
use serde_json::{Value, json};
use status::{Component, Page as Public};

use super::{LIMIT, Page, get, optional};
use crate::backstage::PageTarget;
use crate::call::Call;
use crate::reply::{self, Answer};
use crate::route::{Form, Gives, Route};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route {
            query: vec![
                optional("after", Form::Text(64), "The name behind which to begin"),
                LIMIT,
            ],
            ..get(
                "/api/v1/components",
                "Lists components of the status page, by name",
                Gives::list("Component", "A page; `next` goes into `after`"),
                |call| Box::pin(components(call)),
            )
        },
        get(
            "/api/v1/page/targets",
            "Lists where the status page is published to, and how each place stands",
            Gives::list("PageTarget", "All of them; `next` is `null`"),
            |call| Box::pin(targets(call)),
        ),
    ]
}

async fn components(call: Call) -> Answer {
    let (limit, after) = (call.limit()?, call.query_as::<Name>("after")?);
    let engine = call.site.engine();
    let now = engine.now();
    let found: Vec<(Name, Value)> = engine.view().read(|state| {
        let all = state.page.components.iter();
        all.filter(|(name, _)| after.as_ref().is_none_or(|after| *name > after))
            .take(limit + 1)
            .map(|(name, it)| (name.clone(), component(&state.page, name, it, now)))
            .collect()
    });
    let page = Page::cut(found, limit, |(name, _)| json!(name));
    let items: Vec<Value> = page.items.into_iter().map(|(_, value)| value).collect();
    reply::json(&Page {
        items,
        next: page.next,
    })
}

/// A component, and how it is said to be.
pub(crate) fn component(page: &Public, name: &Name, it: &Component, now: base::Timestamp) -> Value {
    json!({
        "component": name,
        "titles": it.titles,
        "descriptions": it.descriptions,
        "group": it.group,
        "position": it.position,
        "services": it.services,
        "status": page.status_of(name, now),
        "registered_at": it.registered_at,
    })
}

async fn targets(call: Call) -> Answer {
    let items: Vec<Value> = call
        .site
        .backstage()
        .page_targets()
        .iter()
        .map(target)
        .collect();
    reply::json(&Page {
        items,
        next: Value::Null,
    })
}

/// A place that the page is published to.
pub(crate) fn target(it: &PageTarget) -> Value {
    json!({
        "target": it.name,
        "kind": it.kind,
        "behind": it.behind,
        "sequence": it.sequence,
        "made_at": it.made_at,
        "seen_at": it.seen_at,
        "waiting_since": it.waiting_since,
        "news_took_ms": it.news_took_ms,
        "trouble": it.trouble,
        "rounds": it.rounds,
        "failures": it.failures,
        "failures_in_a_row": it.failures_in_a_row,
        "mended": it.mended,
    })
}
