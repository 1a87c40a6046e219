//! Figures for a Prometheus, and switches and postures for applications, over TCP: `GET /metrics`,
//! `GET /switches`, and `GET /switches/events`, which goes on. Few may read at once, each for a short time,
//! on the thread that minds the edge and not on those that serve.

use std::cell::Cell;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};

use crate::edge::Edge;
use crate::metrics;

/// So many connections at once; whoever comes then is let go.
const CONNECTIONS_MAX: usize = 512;
/// So many may read figures at once: they are large.
const READERS_MAX: usize = 8;
/// So many may listen to switches at once.
const LISTENERS_MAX: usize = 256;
/// After so long those who listened come again, when the edge hands over, and not all of them at once.
const RETRY_MS: u64 = 500;
/// From the accepted connection to its end, but for who listens to switches.
const TIME_MAX: Duration = Duration::from_secs(10);
const HEAD_BYTES_MAX: usize = 8 << 10;
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Who listens hears at least a comment so often, and so finds out when nobody is there any more.
const SIGN_EVERY: Duration = Duration::from_secs(15);
/// So many pieces wait for who listens; who does not take them in time is let go.
const WAITING_MAX: usize = 4;

/// Who may still come.
struct Places {
    connections: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    listeners: Arc<Semaphore>,
}

/// Answers until somebody else accepts there.
pub(crate) async fn serve(
    edge: Arc<Edge>,
    listener: TcpListener,
    mut accepting: watch::Receiver<bool>,
) {
    let places = Rc::new(Places {
        connections: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        readers: Arc::new(Semaphore::new(READERS_MAX)),
        listeners: Arc::new(Semaphore::new(LISTENERS_MAX)),
    });
    let stopping = accepting.clone();
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
        let Ok(place) = places.connections.clone().try_acquire_owned() else {
            continue;
        };
        let reader = Reader {
            edge: edge.clone(),
            places: places.clone(),
            _place: place,
            stopping: stopping.clone(),
            listens: Cell::new(false),
            ended: Notify::new(),
        };
        tokio::task::spawn_local(answer(Rc::new(reader), stream));
    }
}

/// A connection.
struct Reader {
    edge: Arc<Edge>,
    places: Rc<Places>,
    _place: OwnedSemaphorePermit,
    stopping: watch::Receiver<bool>,
    listens: Cell<bool>,
    /// What it listened to has ended.
    ended: Notify,
}

/// One connection, one answer: who scrapes once more comes anew, also after an upgrade.
async fn answer(reader: Rc<Reader>, stream: TcpStream) {
    let answering = reader.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answered(&answering, &request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(TIME_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::time::timeout(TIME_MAX, connection.as_mut()).await;
    if ended.is_err() && reader.listens.get() {
        let taken = async {
            reader.ended.notified().await;
            tokio::time::sleep(TIME_MAX).await;
        };
        tokio::select! {
            _ = connection => {}
            () = taken => {}
        }
    }
}

type Answer = Response<Either<Full<Bytes>, Pieces>>;

fn answered(reader: &Rc<Reader>, request: &Request<Incoming>) -> Answer {
    let edge = &reader.edge;
    let (kind, text) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => match reader.places.readers.try_acquire() {
            Ok(_place) => (metrics::CONTENT, metrics::text(edge)),
            Err(_) => return busy("too many read at once\n"),
        },
        (&Method::GET, "/switches") => match &*edge.told.borrow() {
            Some(told) => ("application/json", told.to_string()),
            None => return busy("control has said nothing yet: go by what you heard last\n"),
        },
        (&Method::GET, "/switches/events") => return listened(reader),
        (_, "/metrics" | "/switches" | "/switches/events") => {
            let mut answer = said(StatusCode::METHOD_NOT_ALLOWED, "text/plain", String::new());
            let get = HeaderValue::from_static("GET");
            answer.headers_mut().insert(ALLOW, get);
            return answer;
        }
        _ => return said(StatusCode::NOT_FOUND, "text/plain", String::new()),
    };
    said(StatusCode::OK, kind, text)
}

fn busy(why: &str) -> Answer {
    said(
        StatusCode::SERVICE_UNAVAILABLE,
        "text/plain",
        why.to_owned(),
    )
}

fn said(status: StatusCode, kind: &'static str, text: String) -> Answer {
    headed(status, kind, Either::Left(Full::new(Bytes::from(text))))
}

fn headed(status: StatusCode, kind: &'static str, body: Either<Full<Bytes>, Pieces>) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// Server-sent events (HTML, 9.2): all of it at once, and again whenever something of it changes.
fn listened(reader: &Rc<Reader>) -> Answer {
    let Ok(place) = reader.places.listeners.clone().try_acquire_owned() else {
        return busy("too many listen\n");
    };
    reader.listens.set(true);
    let (sender, pieces) = mpsc::channel(WAITING_MAX);
    let (mut told, mut stopping) = (reader.edge.told.subscribe(), reader.stopping.clone());
    let (listening, retry_ms) = (reader.clone(), RETRY_MS + reader.edge.choice() % RETRY_MS);
    tokio::task::spawn_local(async move {
        loop {
            let text = told.borrow_and_update().clone();
            let event = match text {
                Some(text) => format!("retry: {retry_ms}\nevent: switches\ndata: {text}\n\n"),
                None => format!("retry: {retry_ms}\n\n"),
            };
            if sender.send_timeout(event.into(), TIME_MAX).await.is_err() {
                break;
            }
            let goes_on = loop {
                tokio::select! {
                    changed = told.changed() => break changed.is_ok(),
                    _ = stopping.wait_for(|accepting| !accepting) => break false,
                    () = sender.closed() => break false,
                    () = tokio::time::sleep(SIGN_EVERY) => {
                        let sign = Bytes::from_static(b":\n\n");
                        if sender.send_timeout(sign, TIME_MAX).await.is_err() {
                            break false;
                        }
                    }
                }
            };
            if !goes_on {
                break;
            }
        }
        drop(place);
        listening.ended.notify_one();
    });
    headed(
        StatusCode::OK,
        "text/event-stream",
        Either::Right(Pieces(pieces)),
    )
}

/// A body that goes on.
struct Pieces(mpsc::Receiver<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.0.poll_recv(cx);
        piece.map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
