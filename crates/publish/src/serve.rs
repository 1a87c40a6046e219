//! A server for a site in a directory: reads, and nothing else.
//!
//! It needs no control, no key and no configuration, so it goes on when everything else is gone.
//! Every answer is a whole file, with a tag that changes with its bytes. Connections are bounded in
//! number, heads in size and time, and a connection in its life.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use record::hash;
use status::manifest;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::target::{blocking, read};

/// Connections at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 1_024;
const HEAD_TIME: Duration = Duration::from_secs(10);
const HEAD_BYTES_MAX: usize = 16 << 10;
const HEADERS_MAX: usize = 64;
/// However it is used, a connection ends after this.
const LIFE: Duration = Duration::from_secs(300);
/// What is in progress when the server stops has so long to end.
const STOP_TIME: Duration = Duration::from_secs(5);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Answers readers from this directory until `shutdown` is done.
pub async fn serve(root: PathBuf, listener: TcpListener, shutdown: impl Future<Output = ()>) {
    let root = Arc::new(root);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let arrival = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        tokio::select! {
            (place, arrived) = arrival => match arrived {
                Ok((stream, _)) => {
                    let (root, stopping) = (root.clone(), stopping.clone());
                    connections.spawn(async move {
                        converse(root, stream, stopping).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = shutdown.as_mut() => break,
        }
    }
    drop(listener);
    stop.send_replace(true);
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(STOP_TIME, all).await;
}

async fn converse(
    root: Arc<PathBuf>,
    stream: TcpStream,
    mut stopping: tokio::sync::watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| {
        let root = root.clone();
        async move { Ok::<_, Infallible>(answer(&root, &request).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let mut life = pin!(tokio::time::sleep(LIFE));
    let mut told = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            // Dropped, it is closed, whatever is on its way.
            () = life.as_mut() => return,
            changed = stopping.changed(), if !told => {
                told = true;
                if changed.is_ok() {
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// What is answered to a request.
async fn answer(root: &Path, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        let allow = HeaderValue::from_static("GET, HEAD");
        refused.headers_mut().insert(header::ALLOW, allow);
        return refused;
    }
    let Some(path) = file_of(request.uri().path()) else {
        return missing(root, request).await;
    };
    match whole(root, &path).await {
        Ok(Some(bytes)) => file(&path, bytes, request, StatusCode::OK),
        Ok(None) => missing(root, request).await,
        Err(error) => {
            tracing::warn!(path, error, "a file could not be read");
            plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                "this can't be read now\n",
            )
        }
    }
}

async fn missing(root: &Path, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    match whole(root, "404.html").await {
        Ok(Some(bytes)) => file("404.html", bytes, request, StatusCode::NOT_FOUND),
        _ => plain(StatusCode::NOT_FOUND, "there is no such page here\n"),
    }
}

async fn whole(root: &Path, path: &str) -> Result<Option<Vec<u8>>, String> {
    let (root, path) = (root.to_owned(), path.to_owned());
    blocking(move || match root.join(&path).is_dir() {
        true => Ok(None),
        false => read(&root, &path),
    })
    .await
}

/// The file that an address's path means; none when it can be none.
fn file_of(path: &str) -> Option<String> {
    let path = path.strip_prefix('/')?;
    let path = match path.is_empty() || path.ends_with('/') {
        true => format!("{path}index.html"),
        false => path.to_owned(),
    };
    manifest::is_path(&path).then_some(path)
}

fn file(
    path: &str,
    bytes: Vec<u8>,
    request: &Request<Incoming>,
    status: StatusCode,
) -> Response<Full<Bytes>> {
    let digest = manifest::hex(&hash::sha256(&[&bytes]));
    let tag = format!("\"{}\"", digest.get(..32).unwrap_or(&digest));
    let known = request.headers().get(header::IF_NONE_MATCH);
    let known = known
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            let mut tags = value
                .split(',')
                .map(|it| it.trim().trim_start_matches("W/"));
            tags.any(|it| it == tag || it == "*")
        });
    let unchanged = known && status == StatusCode::OK;
    let length = bytes.len();
    let body = match unchanged || request.method() == Method::HEAD {
        true => Bytes::new(),
        false => Bytes::from(bytes),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = match unchanged {
        true => StatusCode::NOT_MODIFIED,
        false => status,
    };
    let headers = response.headers_mut();
    guard(headers);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    if !unchanged {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media(path)));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep(path)));
    if path.starts_with("api/") || path.ends_with(".atom") || path.ends_with(".rss") {
        let anybody = HeaderValue::from_static("*");
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, anybody);
    }
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    guard(headers);
    let media = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, media);
    response
}

/// What a page may do, for browsers: what its own `meta` element says, and what only a header can.
fn guard(headers: &mut header::HeaderMap) {
    let policy = format!("{}; frame-ancestors 'none'", status::POLICY);
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    let quiet = HeaderValue::from_static("no-referrer");
    headers.insert(header::REFERRER_POLICY, quiet);
}

/// For how long a file may be kept without asking again.
pub(crate) fn keep(path: &str) -> &'static str {
    match path.ends_with(".css") || path.ends_with(".js") {
        true => "public, max-age=300",
        false => "public, max-age=15",
    }
}

/// The media type of a file, by how its name ends.
pub(crate) fn media(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("atom") => "application/atom+xml; charset=utf-8",
        Some("rss") => "application/rss+xml; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    }
}
