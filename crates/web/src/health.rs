//! Whether this process serves, and whether the record takes acts.

use hyper::Method;

use crate::call::Call;
use crate::problem::Problem;
use crate::rates::Class;
use crate::reply::{Answer, Keep, TEXT, with_type};
use crate::route::{Access, Gives, Handler, Route, Takes};

pub(crate) fn routes() -> Vec<Route> {
    let get = |path: &str, summary: &str, says, handler: Handler| Route {
        method: Method::GET,
        path: path.to_owned(),
        access: Access::Open,
        class: Class::Read,
        takes: Takes::Nothing,
        parts: vec![],
        query: vec![],
        headers: vec![],
        summary: summary.to_owned(),
        gives: Gives::other(TEXT, says),
        fails: &[],
        handler,
    };
    vec![
        get(
            "/healthz",
            "Says whether this process serves",
            "It does",
            |_| Box::pin(async { Ok(with_type("serving\n", TEXT, Keep::Never)) }),
        ),
        get(
            "/readyz",
            "Says whether the record takes acts",
            "It does",
            |call| Box::pin(ready(call)),
        ),
    ]
}

async fn ready(call: Call) -> Answer {
    let ready = call
        .site
        .blocking(|site| site.backstage().readiness().map_err(Problem::not_ready));
    ready.await?;
    Ok(with_type("ready\n", TEXT, Keep::Never))
}
