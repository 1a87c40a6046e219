//! Requests, whatever they came over: judged, passed on, answered, accounted for. A panic in one of
//! them ends it alone. And HTTP/2's connections, which hyper speaks; HTTP/1's are in `http1`.

use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, DATE, HOST, HeaderValue, LOCATION};
use hyper::http::request::Parts;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioTimer;
use policy::Reason;
use policy::config::Action;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::account::{Account, RequestId};
use crate::body::{Answer, Inbound};
use crate::clock;
use crate::conversation::Conversation;
use crate::edge::{Draining, Edge};
use crate::facts::Facts;
use crate::files;
use crate::forward::Errand;
use crate::gate::Gate;
use crate::judge;
use crate::log::Asked;
use crate::refuse::{REQUEST_ID, Refused};
use crate::running::Route;
use crate::worker::Local;

/// Between two looks at whether an HTTP/2 connection has nothing to do.
const REST_LOOK: Duration = Duration::from_secs(5);
/// While the edge drains an idle connection is closed after so long, or half the drain's time.
const DRAIN_REST_MS: u64 = 5_000;

/// Waits until the conversation has rested as long as it may while the edge drains.
pub(crate) async fn rest(edge: &Edge, conversation: &Conversation) {
    let most_ms = edge.running.load().config.drain_ms / 2;
    let rest_ms = DRAIN_REST_MS.min(most_ms);
    let begun = clock::now();
    loop {
        let since = conversation.idle_since().map(|since| since.max(begun));
        let now = clock::now();
        let due = since.unwrap_or(now).plus_ms(rest_ms);
        if due <= now {
            return;
        }
        tokio::time::sleep_until(clock::instant(due)).await;
    }
}

/// Serves a connection that speaks HTTP/2 to its end.
pub(crate) async fn serve<S>(facts: Rc<Facts>, gate: Gate<S>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let running = facts.worker.edge.running.load_full();
    let (limits, own) = (&running.config.connection, &running.config.http2);
    let resets = usize::try_from(own.resets_per_minute_max).unwrap_or(usize::MAX);
    let mut http = http2::Builder::new(Local);
    http.timer(TokioTimer::new())
        .max_concurrent_streams(own.streams_max)
        .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX))
        .initial_stream_window_size(256 << 10)
        .initial_connection_window_size(1 << 20)
        .max_send_buf_size(64 << 10)
        // The gate counts them first, and says so.
        .max_pending_accept_reset_streams(resets)
        .max_local_error_reset_streams(64);
    let idle_ms = limits.idle_ms;
    drop(running);
    let conversation = facts.conversation.clone();
    let mut draining = facts.worker.edge.draining.subscribe();
    let service = service_fn(|request: Request<Incoming>| {
        let request = request.map(Inbound::Http2);
        let facts = facts.clone();
        Box::pin(async { Ok::<_, Infallible>(answer(facts, request).await) })
    });
    let connection = http.serve_connection(gate, service);
    let mut connection = pin!(connection);
    let mut polite = false;
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = draining.wait_for(|now| now.begun() && (!polite || *now == Draining::Now)) => {
                if polite {
                    return;
                }
                polite = true;
                connection.as_mut().graceful_shutdown();
            }
            () = conversation.enough.notified(), if !polite => {
                polite = true;
                connection.as_mut().graceful_shutdown();
            }
            () = tokio::time::sleep(REST_LOOK) => {
                if conversation.is_untaken() {
                    conversation.refuse_body(Reason::BodyTooSlow);
                    return;
                }
                let rest = conversation.idle_since();
                if rest.is_some_and(|since| clock::now().ms_since(since) >= idle_ms) {
                    if polite {
                        return;
                    }
                    polite = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// The answer to a request.
pub(crate) async fn answer(facts: Rc<Facts>, request: Request<Inbound>) -> Response<Answer> {
    facts.conversation.begin();
    let (parts, body) = request.into_parts();
    let mut account = open(
        &facts,
        Asked {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            host: parts.headers.get(HOST).cloned(),
            client: facts.client,
            http2: facts.http2,
            certificate: None,
        },
    );
    let decided = catch_unwind(AssertUnwindSafe(|| decide(&facts, &parts, &mut account)));
    let outcome = match decided {
        Ok(Ok(Decided::Answered(answer))) => Some(Ok(answer)),
        Ok(Err(refused)) => Some(Err(refused)),
        Ok(Ok(Decided::Route(route))) => {
            let request = Request::from_parts(parts, body);
            // What is refused needs no room for it.
            let work = Box::pin(carry_out(&facts, &route, request, &mut account));
            contained(work).await
        }
        Err(_) => None,
    };
    let outcome = outcome.unwrap_or_else(|| {
        facts.worker.edge.panics.add(1);
        Err(Refused::new(Reason::Panicked))
    });
    told(&facts, account, outcome)
}

/// What becomes of a request that is not refused.
enum Decided {
    Answered(Response<Answer>),
    Route(Arc<Route>),
}

fn decide(
    facts: &Rc<Facts>,
    parts: &Parts,
    account: &mut Box<Account>,
) -> Result<Decided, Refused> {
    #[cfg(feature = "faults")]
    crate::faults::reached(&account.running.config);
    match account.edge.acme.answer(facts.tls, parts) {
        Some(answer) => Ok(Decided::Answered(answer)),
        None => judge::judge(facts, parts, account).map(Decided::Route),
    }
}

/// The answer to what could not be read as a request.
pub(crate) fn refuse(facts: &Facts, reason: Reason) -> Response<Answer> {
    facts.conversation.begin();
    let account = open(
        facts,
        Asked {
            method: Method::from_bytes(b"-").unwrap_or_default(),
            uri: Uri::default(),
            host: None,
            client: facts.client,
            http2: facts.http2,
            certificate: None,
        },
    );
    told(facts, account, Err(Refused::new(reason)))
}

/// What came of a request, as it is answered.
fn told(
    facts: &Facts,
    mut account: Box<Account>,
    outcome: Result<Response<Answer>, Refused>,
) -> Response<Answer> {
    let id = account.id;
    let mut response = outcome.unwrap_or_else(|refused| {
        account.reason = Some(refused.reason);
        account.detail = refused.detail.clone();
        refused.answer(id)
    });
    account.status = response.status().as_u16();
    if let Ok(id) = HeaderValue::from_bytes(&id.text()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let most = account.running.config.connection.requests_max;
    let last = facts.conversation.is_closing() || facts.conversation.requests() >= most;
    if facts.http2 {
        response.headers_mut().remove(CONNECTION);
        // h2's own would stay ahead after the calendar has gone back.
        let date = HeaderValue::from_bytes(&clock::http_date());
        if let (false, Ok(date)) = (response.headers().contains_key(DATE), date) {
            response.headers_mut().insert(DATE, date);
        }
        if last || account.reason == Some(Reason::AddressBanned) {
            facts.conversation.enough.notify_one();
        }
    } else if last {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response.map(|answer| answer.on(account))
}

/// What a task gives; none if it panicked. What it had a hold of is dropped, not used again.
async fn contained<T>(task: impl Future<Output = T>) -> Option<T> {
    let mut task = pin!(task);
    poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        },
    )
    .await
}

fn open(facts: &Facts, asked: Asked) -> Box<Account> {
    let edge = facts.worker.edge.clone();
    let running = edge.running.load_full();
    Box::new(Account {
        id: RequestId::next(edge.process),
        conversation: facts.conversation.clone(),
        begun: clock::now(),
        asked,
        tenant: None,
        route: None,
        cohort: None,
        upstream: None,
        tier: 0,
        status: 0,
        reason: None,
        detail: None,
        retries: 0,
        bytes: 0,
        permit: None,
        total_permit: None,
        whole: false,
        edge,
        running,
    })
}

/// Has a route answer.
async fn carry_out(
    facts: &Rc<Facts>,
    route: &Arc<Route>,
    request: Request<Inbound>,
    account: &mut Box<Account>,
) -> Result<Response<Answer>, Refused> {
    match &route.config.action {
        Action::Forward(forward) => {
            let errand = Errand {
                facts,
                route,
                account,
            };
            errand.run(forward, request).await
        }
        Action::Files(found) => {
            let directory = account.running.directory.clone();
            files::answer(&directory, found, &request).await
        }
        Action::Redirect { to, status } => {
            let mut response = Response::new(Answer::empty());
            *response.status_mut() = StatusCode::from_u16(*status).unwrap_or(StatusCode::FOUND);
            if let Ok(to) = HeaderValue::from_str(to) {
                response.headers_mut().insert(LOCATION, to);
            }
            Ok(response)
        }
        Action::Respond { status, body } => {
            let mut response = Response::new(Answer::whole(body.clone()));
            *response.status_mut() = StatusCode::from_u16(*status).unwrap_or(StatusCode::OK);
            let kind = HeaderValue::from_static("text/plain; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, kind);
            Ok(response)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::contained;

    /// Runs one future to its end.
    fn run<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(future)
    }

    #[test]
    fn a_request_that_panics_ends_alone() {
        run(async {
            let dies = tokio::task::LocalSet::new();
            dies.run_until(async {
                let bad = tokio::task::spawn_local(contained(async {
                    tokio::task::yield_now().await;
                    panic!("one request's own");
                }));
                let good = tokio::task::spawn_local(contained(async {
                    tokio::task::yield_now().await;
                    tokio::task::yield_now().await;
                    200
                }));
                assert_eq!(bad.await.unwrap(), None::<u16>);
                assert_eq!(good.await.unwrap(), Some(200));
            })
            .await;
        });
    }
}
