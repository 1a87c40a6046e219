//! One connection's requests, one after another or side by side: judged, passed on, answered,
//! accounted for. A panic in one of them ends it alone.

use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue, LOCATION};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioTimer;
use policy::Reason;
use policy::config::Action;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::account::{Account, RequestId};
use crate::body::Answer;
use crate::clock;
use crate::conversation::Conversation;
use crate::edge::{Draining, Edge};
use crate::facts::Facts;
use crate::files;
use crate::forward::Errand;
use crate::gate::{Gate, Version};
use crate::judge;
use crate::log::Asked;
use crate::refuse::{REQUEST_ID, Refused};
use crate::worker::Local;

/// Between two looks at whether an HTTP/2 connection has nothing to do.
const REST_LOOK: Duration = Duration::from_secs(5);
/// While the edge drains an idle connection is closed after so long, or half the drain's time.
const DRAIN_REST_MS: u64 = 5_000;

/// Serves a connection to its end.
pub(crate) async fn serve<S>(facts: Rc<Facts>, gate: Gate<S>, version: Version)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    match version {
        Version::Http1 => serve_1(facts.clone(), gate).await,
        Version::Http2 => serve_2(facts.clone(), gate).await,
    }
    // A flood that came without a request is counted, too.
    if let Some(reason) = facts.conversation.untold() {
        facts.worker.edge.refusals.add(reason);
    }
}

async fn serve_1<S>(facts: Rc<Facts>, gate: Gate<S>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let running = facts.worker.edge.running.load_full();
    let limits = &running.config.connection;
    let mut http = http1::Builder::new();
    http.max_headers(limits.header_lines_max.saturating_add(8))
        .max_buf_size(limits.head_bytes_max.saturating_mul(2).max(64 << 10))
        .writev(false)
        .header_read_timeout(None);
    drop(running);
    let mut draining = facts.worker.edge.draining.subscribe();
    let service = service_fn(|request| Box::pin(answer(facts.clone(), request)));
    let connection = http.serve_connection(gate, service).with_upgrades();
    let mut connection = pin!(connection);
    if !draining.borrow().begun() {
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = draining.wait_for(|now| now.begun()) => {}
        }
    }
    // Whoever asks now is answered, and told that it was the last answer. To close a connection
    // that is merely idle at this moment would lose the request that is on its way.
    facts.conversation.close();
    // Boxed, so that no idle connection holds room for it.
    let last = Box::pin(async {
        tokio::select! {
            // First: what has come already is heard before the connection is closed.
            biased;
            _ = connection.as_mut() => return,
            () = rest(&facts.worker.edge, &facts.conversation) => {}
            _ = draining.wait_for(|now| *now == Draining::Now) => return,
        }
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            _ = connection.as_mut() => {}
            _ = draining.wait_for(|now| *now == Draining::Now) => {}
        }
    });
    last.await;
}

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

async fn serve_2<S>(facts: Rc<Facts>, gate: Gate<S>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let running = facts.worker.edge.running.load_full();
    let (limits, own) = (&running.config.connection, &running.config.http2);
    let mut http = http2::Builder::new(Local);
    http.timer(TokioTimer::new())
        .max_concurrent_streams(own.streams_max)
        .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX))
        .initial_stream_window_size(256 << 10)
        .initial_connection_window_size(1 << 20)
        .max_send_buf_size(64 << 10)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(64);
    let idle_ms = limits.idle_ms;
    drop(running);
    let conversation = facts.conversation.clone();
    let mut draining = facts.worker.edge.draining.subscribe();
    let service = service_fn(|request| Box::pin(answer(facts.clone(), request)));
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
            () = tokio::time::sleep(REST_LOOK) => {
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

async fn answer(
    facts: Rc<Facts>,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    let stands_for = facts.conversation.begin();
    let mut account = open(&facts, &request);
    if stands_for.is_some() {
        // What it was could not be read.
        account.asked.method = Method::from_bytes(b"-").unwrap_or_default();
        account.asked.host = None;
    }
    let id = account.id;
    let outcome = match stands_for {
        Some(reason) => Err(Refused::new(reason)),
        None => {
            let work = contained(handle(&facts, request, &mut account));
            work.await.unwrap_or_else(|| {
                facts.worker.edge.panics.add(1);
                Err(Refused::new(Reason::Panicked))
            })
        }
    };
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
        response.headers_mut().remove(hyper::header::CONNECTION);
    } else if last {
        let close = HeaderValue::from_static("close");
        response
            .headers_mut()
            .insert(hyper::header::CONNECTION, close);
    }
    Ok(response.map(|answer| answer.on(account)))
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

fn open(facts: &Facts, request: &Request<Incoming>) -> Box<Account> {
    let edge = facts.worker.edge.clone();
    let running = edge.running.load_full();
    Box::new(Account {
        id: RequestId::next(edge.process),
        conversation: facts.conversation.clone(),
        begun: clock::now(),
        asked: Asked {
            method: request.method().clone(),
            uri: request.uri().clone(),
            host: request.headers().get(HOST).cloned(),
            client: facts.client,
            http2: facts.http2,
            certificate: None,
        },
        tenant: None,
        route: None,
        upstream: None,
        tier: 0,
        status: 0,
        reason: None,
        detail: None,
        retries: 0,
        bytes: 0,
        permit: None,
        total_permit: None,
        edge,
        running,
    })
}

async fn handle(
    facts: &Rc<Facts>,
    request: Request<Incoming>,
    account: &mut Box<Account>,
) -> Result<Response<Answer>, Refused> {
    let (parts, body) = request.into_parts();
    if let Some(answer) = account.edge.acme.answer(facts.tls, &parts) {
        return Ok(answer);
    }
    let route = judge::judge(facts, &parts, account)?;
    let request = Request::from_parts(parts, body);
    match &route.config.action {
        Action::Forward(forward) => {
            let errand = Errand {
                facts,
                route: &route,
                account,
            };
            errand.run(forward, request).await
        }
        Action::Files(found) => {
            let directory = account.running.directory.clone();
            Box::pin(files::answer(&directory, found, &request)).await
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
