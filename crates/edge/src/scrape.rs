//! The figures over TCP, for a Prometheus: `GET /metrics` and nothing else. Few may read at once, each
//! for a short time, on the thread that minds the edge and not on those that serve.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::edge::Edge;
use crate::metrics;

/// So many may read at once; whoever comes then is let go.
const READERS_MAX: usize = 8;
/// From the accepted connection to its end.
const TIME_MAX: Duration = Duration::from_secs(10);
const HEAD_BYTES_MAX: usize = 8 << 10;
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Answers until somebody else accepts there.
pub(crate) async fn serve(
    edge: Arc<Edge>,
    listener: TcpListener,
    mut accepting: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(READERS_MAX));
    loop {
        let arrival = tokio::select! {
            biased;
            _ = accepting.wait_for(|accepting| !accepting) => return,
            arrival = listener.accept() => arrival,
        };
        let Ok((stream, _)) = arrival else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            continue;
        };
        let edge = edge.clone();
        tokio::task::spawn_local(async move {
            let _ = tokio::time::timeout(TIME_MAX, answer(edge, stream)).await;
            drop(place);
        });
    }
}

/// One connection, one answer: who scrapes once more comes anew, also after an upgrade.
async fn answer(edge: Arc<Edge>, stream: TcpStream) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answered(&edge, &request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(TIME_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false);
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

fn answered(edge: &Edge, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let (status, kind, text) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => (StatusCode::OK, metrics::CONTENT, metrics::text(edge)),
        (_, "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, "text/plain", String::new()),
        _ => (StatusCode::NOT_FOUND, "text/plain", String::new()),
    };
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET"));
    }
    answer
}
