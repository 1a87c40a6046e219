//! What happens to every request, in this order: a place among all requests, a well-formed head,
//! the route, who asks, their rate, their scope, the query, the body, the handler; and to every
//! answer: its headers, what it holds until it was taken, its count.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::RawPathParams;
use axum::extract::rejection::RawPathParamsRejection;
use axum::routing::any;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName,
    HeaderValue, TRANSFER_ENCODING,
};
use hyper::{Method, Request, Response, Version};
use record::kinds::access::Scope;
use tokio::sync::OwnedSemaphorePermit;
use tower::ServiceExt as _;

use crate::auth::Caller;
use crate::call::Call;
use crate::connection::{Connection, Peer};
use crate::problem::Problem;
use crate::rates::Class;
use crate::reply::{Answer, Endless, Held, Tracked};
use crate::route::{Access, Route, Takes};
use crate::site::Site;
use crate::{console, query, table};

const NOSNIFF: HeaderName = HeaderName::from_static("x-content-type-options");

/// The path of the route that answered, for the metrics.
#[derive(Clone, Copy)]
struct Matched(&'static str);

/// Everything that can be reached.
pub(crate) fn app(site: &Arc<Site>) -> Router {
    let mut paths: BTreeMap<&'static str, Vec<&'static Route>> = BTreeMap::new();
    for route in table::ROUTES.iter() {
        paths.entry(&route.path).or_default().push(route);
    }
    let mut router = Router::new();
    for (path, routes) in paths {
        let (site, routes) = (site.clone(), Arc::new(routes));
        let handler = any(
            move |parts: Result<RawPathParams, RawPathParamsRejection>, request| {
                choose(site.clone(), routes.clone(), parts, request)
            },
        );
        router = router.route(path, handler);
    }
    let mut faces: BTreeMap<&'static str, Vec<console::Page>> = BTreeMap::new();
    for page in console::pages() {
        faces.entry(page.path).or_default().push(page);
    }
    for (path, pages) in faces {
        let (site, pages) = (site.clone(), Arc::new(pages));
        let handler = any(
            move |parts: Result<RawPathParams, RawPathParamsRejection>, request| {
                let answer = console::choose(site.clone(), pages.clone(), parts, request);
                async move {
                    let mut response = answer.await;
                    response.extensions_mut().insert(Matched(path));
                    response
                }
            },
        );
        router = router.route(path, handler);
    }
    router.fallback(|| async {
        let detail = "there is nothing here; /api/v1/openapi.json lists what there is";
        Problem::not_found(detail).into_response()
    })
}

/// Answers one request of a connection.
pub(crate) async fn exchange(
    site: Arc<Site>,
    app: Router,
    connection: Arc<Connection>,
    mut request: Request<Incoming>,
) -> Result<Response<Tracked>, Infallible> {
    let started = Instant::now();
    let ticket = connection.begin(started);
    let place = site.requests.clone().try_acquire_owned().ok();
    let (method, version) = (request.method().clone(), request.version());
    let chunked = request.headers().contains_key(TRANSFER_ENCODING);
    let answer = match may_pass(&connection.peer, place.is_some(), &request) {
        Err(problem) => problem.into_response(),
        Ok(()) => {
            request.extensions_mut().insert(connection);
            let answered = AssertUnwindSafe(app.oneshot(request.map(Body::new))).catch_unwind();
            match answered.await {
                Ok(Ok(answer)) => answer,
                Err(_) if method == Method::GET || method == Method::HEAD => {
                    Problem::internal("answering failed", &"a panic").into_response()
                }
                Err(_) => {
                    tracing::error!("answering failed: a panic");
                    Problem::unknown("answering failed; send it again").into_response()
                }
            }
        }
    };
    let held = Held {
        ticket,
        place,
        memory: None,
    };
    let mut answer = finish(&site, answer, held, &method, version).await;
    if chunked && version == Version::HTTP_11 {
        // A length beside the chunks is dropped before we see it, and whoever stands in front may
        // have gone by it: nothing that follows on this connection is believed (RFC 9112 §6.1).
        answer
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let route = answer.extensions().get::<Matched>();
    let label = route.map_or("unmatched", |Matched(path)| path);
    site.metrics
        .answered(label, &method, &answer, started.elapsed());
    Ok(answer)
}

/// Whether a request is let in at all.
fn may_pass<B>(peer: &Peer, placed: bool, request: &Request<B>) -> Result<(), Problem> {
    if !placed {
        return Err(Problem::overloaded("too many requests are in progress", 1));
    }
    if let Peer::Local {
        uid,
        admitted: false,
    } = peer
    {
        let detail = format!("user {uid} may not use this socket: only root and hereby's own user");
        return Err(Problem::forbidden(detail));
    }
    // RFC 9112 section 3.2: exactly one on HTTP/1.1. hyper lets none and several pass.
    let hosts = request.headers().get_all(HOST).iter().count();
    if hosts > 1 {
        return Err(Problem::bad_request("`Host` is there twice").closing());
    }
    if hosts == 0 && request.version() == Version::HTTP_11 {
        return Err(Problem::bad_request("`Host` is missing").closing());
    }
    Ok(())
}

/// Gives an answer its last headers, and what it holds until it was taken.
async fn finish(
    site: &Site,
    mut answer: Response<Body>,
    mut held: Held,
    method: &Method,
    version: Version,
) -> Response<Tracked> {
    if answer.extensions().get::<Endless>().is_some() {
        held.ticket.never_ends();
        held.place = None;
    }
    // Answers to commands are short, and what happened must never be answered with "too much".
    let is_read = answer.extensions().get::<crate::edges::Fetched>().is_some();
    if is_read || matches!(*method, Method::GET | Method::HEAD) {
        let bytes = answer.body().size_hint().exact();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok()).unwrap_or(0);
        match site.memory_to_send(bytes).await {
            Ok(memory) => held.memory = memory,
            Err(problem) => answer = problem.into_response(),
        }
    }
    if *method == Method::HEAD {
        // The router has emptied its own answers already, and said how long they would be.
        if let Some(bytes) = answer.body().size_hint().exact() {
            answer
                .headers_mut()
                .entry(CONTENT_LENGTH)
                .or_insert(bytes.into());
        }
        *answer.body_mut() = Body::empty();
    }
    let headers = answer.headers_mut();
    headers.insert(NOSNIFF, HeaderValue::from_static("nosniff"));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if version == Version::HTTP_2 {
        headers.remove(CONNECTION);
    }
    answer.map(|body| Tracked::new(body, held))
}

/// Finds the route among those of a path.
async fn choose(
    site: Arc<Site>,
    routes: Arc<Vec<&'static Route>>,
    parts: Result<RawPathParams, RawPathParamsRejection>,
    request: Request<Body>,
) -> Response<Body> {
    let method = match *request.method() {
        Method::HEAD => &Method::GET,
        ref other => other,
    };
    let Some(route) = routes.iter().copied().find(|route| route.method == *method) else {
        return Problem::method_not_allowed(&allowed(&routes)).into_response();
    };
    let answer = answer(site, route, parts, request).await;
    let mut response = answer.unwrap_or_else(Problem::into_response);
    response.extensions_mut().insert(Matched(&route.path));
    response
}

/// The methods of a path, as `Allow` says them.
fn allowed(routes: &[&Route]) -> String {
    let mut methods: Vec<&str> = routes.iter().map(|route| route.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.join(", ")
}

async fn answer(
    site: Arc<Site>,
    route: &'static Route,
    parts: Result<RawPathParams, RawPathParamsRejection>,
    request: Request<Body>,
) -> Answer {
    let (head, body) = request.into_parts();
    let connection = head.extensions.get::<Arc<Connection>>();
    let peer = connection.map(|connection| connection.peer.clone());
    let peer = peer.ok_or_else(|| Problem::internal("answering failed", &"no connection"))?;
    let caller = match route.access {
        Access::Open | Access::TokenInBody(_) => Caller::nobody(&peer),
        Access::Scopes(_) | Access::Metrics => {
            Caller::identify(&peer, &head.headers, site.engine())?
        }
    };
    let class = match route.access {
        // By its own address first; by its token once that was read.
        Access::TokenInBody(_) => Class::Read,
        _ => route.class,
    };
    let rate = site.rates.take(&caller.who, class, Instant::now());
    rate.map_err(|wait| Problem::overloaded("too many requests", wait.as_secs() + 1))?;
    match route.access {
        Access::Open | Access::TokenInBody(_) => {}
        Access::Metrics if site.options.metrics_open && !matches!(peer, Peer::Tls(_)) => {}
        Access::Metrics => drop(caller.require(&[Scope::Read])?),
        Access::Scopes(scopes) => drop(caller.require(scopes)?),
    }
    let query = parameters(route, head.uri.query().unwrap_or_default())?;
    let parts = parts.map_err(|_| Problem::not_found("the path is not percent-encoded UTF-8"))?;
    let path = parts
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let stranger = match route.access {
        Access::TokenInBody(_) => {
            let place = site.strangers.clone().try_acquire_owned();
            let crowded = |_| Problem::overloaded("too many events are being received", 1);
            Some(place.map_err(crowded)?)
        }
        _ => None,
    };
    let (body, memory) = receive(&site, route, &head.headers, body).await?;
    drop(stranger);
    let headers = head.headers;
    (route.handler)(Call {
        site,
        caller,
        route,
        path,
        query,
        headers,
        body,
        _memory: memory,
    })
    .await
}

/// The query's parameters; those that the route does not know are errors.
fn parameters(route: &Route, query: &str) -> Result<BTreeMap<String, String>, Problem> {
    let parameters = query::parse(query).map_err(Problem::bad_request)?;
    let unknown = parameters
        .keys()
        .find(|name| !route.query.iter().any(|known| known.name == name.as_str()));
    match unknown {
        None => Ok(parameters),
        Some(name) => {
            let name: String = name.chars().take(80).flat_map(char::escape_debug).collect();
            let known: Vec<&str> = route.query.iter().map(|known| known.name).collect();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            Err(Problem::bad_request(format!(
                "there is no parameter `{name}` here; there are: {known}"
            )))
        }
    }
}

/// Receives the body, within the route's size and the time there is.
async fn receive(
    site: &Site,
    route: &Route,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Problem> {
    let bytes_max = match route.takes {
        Takes::Nothing => return Ok((Bytes::new(), None)),
        Takes::Json { bytes_max, .. } => {
            if !is_json(headers) {
                return Err(Problem::unsupported_media_type());
            }
            bytes_max
        }
        Takes::Anything { bytes_max, .. } => bytes_max,
    };
    receive_bytes(site, bytes_max, body).await
}

/// Receives a body of at most so many bytes, within the time there is.
///
/// # Errors
/// 408, 413, or 503 when bodies take too much memory already.
pub(crate) async fn receive_bytes(
    site: &Site,
    bytes_max: usize,
    body: Body,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Problem> {
    let announced = body.size_hint().exact();
    if announced.is_some_and(|bytes| bytes > bytes_max as u64) {
        return Err(Problem::too_large(bytes_max));
    }
    let expected = announced
        .and_then(|bytes| bytes.try_into().ok())
        .unwrap_or(bytes_max);
    let memory = site.memory(expected)?;
    let time_max = site.limits().body_time_max;
    let received = tokio::time::timeout(time_max, Limited::new(body, bytes_max).collect()).await;
    match received {
        Ok(Ok(body)) => Ok((body.to_bytes(), memory)),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::too_large(bytes_max)),
        Ok(Err(_)) => Err(Problem::bad_request("the body could not be received").closing()),
        Err(_) => {
            let detail = format!("the body did not come within {} s", time_max.as_secs());
            Err(Problem::too_slow(detail))
        }
    }
}

/// Whether the body says that it is JSON, with whatever parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let media = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media = media
        .and_then(|media| media.split(';').next())
        .unwrap_or_default();
    media.trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests;
