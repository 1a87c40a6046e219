//! Connections to upstreams. Each worker has its own, so that none waits for another; how many
//! there are of an upstream is counted for all of them together.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::header::HOST;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use policy::config::Protocol;
use policy::permits::SharedPermit;
use policy::{Moment, Reason};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use crate::body::{Sent, Upload};
use crate::clock;
use crate::upstream::{Server, Upstream};
use crate::worker::Local;

/// So long an idle connection may take to notice that its last answer is whole.
const READY_MAX: Duration = Duration::from_millis(100);

/// Idle connections of one worker.
#[derive(Default)]
pub(crate) struct Pool {
    idle: RefCell<HashMap<Key, Vec<Idle>>>,
}

/// Which upstream's which server. Upstreams are numbered anew when what is told about them changes.
type Key = (u64, usize);

struct Idle {
    wire: Wire,
    /// Idle for too long from then on.
    until: Moment,
    permit: Option<SharedPermit>,
}

enum Wire {
    Http1 {
        sender: http1::SendRequest<Upload>,
        _driver: Driver,
    },
    Http2(http2::SendRequest<Upload>),
}

/// Who moves the bytes of one HTTP/1 connection. Nobody wants it any more when this is dropped: one
/// that can't write would otherwise hold the client's body, and its connection, for as long as the
/// server likes.
struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A connection in use.
pub(crate) struct Lease {
    wire: Wire,
    key: Key,
    idle_ms: u64,
    permit: Option<SharedPermit>,
    pool: std::rc::Weak<Pool>,
    /// It was used before, so the other side may have closed it meanwhile.
    pub(crate) used: bool,
    /// The body that goes over it.
    pub(crate) sent: Option<Arc<Sent>>,
}

/// Why a request got no answer.
pub(crate) struct NoAnswer {
    /// What was to be sent, if nothing of it was.
    pub(crate) unsent: Option<Box<Request<Upload>>>,
    pub(crate) why: hyper::Error,
}

impl Pool {
    /// A connection to this server: an idle one, or a new one.
    ///
    /// # Errors
    /// With the reason: there are too many, or it can't be reached, or not in time.
    pub(crate) async fn lease(
        self: &Rc<Self>,
        upstream: &Arc<Upstream>,
        server: usize,
        fresh: bool,
    ) -> Result<Lease, Reason> {
        let key = (upstream.number, server);
        if !fresh && let Some(lease) = self.reuse(upstream, key).await {
            return Ok(lease);
        }
        let permit = match upstream.connections.try_take() {
            Some(permit) => permit,
            None if self.close_one(key) => upstream
                .connections
                .try_take()
                .ok_or(Reason::UpstreamConnections)?,
            None => return Err(Reason::UpstreamConnections),
        };
        let target = upstream
            .servers
            .get(server)
            .ok_or(Reason::UpstreamUnhealthy)?;
        // Rare, and large: not part of every request's task.
        let connect = Box::pin(connect(upstream, target, upstream.connect_time()));
        let wire = match tokio::time::timeout(upstream.connect_time(), connect).await {
            Ok(Ok(wire)) => wire,
            Ok(Err(error)) => {
                tracing::debug!(upstream = upstream.config.name, server = target.address, %error,
                    "an upstream can't be reached");
                return Err(Reason::UpstreamUnreachable);
            }
            Err(_) => return Err(Reason::UpstreamTooSlow),
        };
        let lease = Lease {
            wire,
            key,
            idle_ms: upstream.config.idle_ms,
            permit: Some(permit.share()),
            pool: Rc::downgrade(self),
            used: false,
            sent: None,
        };
        Ok(self.shared(lease))
    }

    /// An HTTP/2 connection serves many at once: it stays with the pool from the first.
    fn shared(self: &Rc<Self>, lease: Lease) -> Lease {
        if let Wire::Http2(sender) = &lease.wire {
            let idle = Idle {
                wire: Wire::Http2(sender.clone()),
                until: clock::now().plus_ms(lease.idle_ms),
                // Requests may be in progress when the pool lets go of it.
                permit: lease.permit.clone(),
            };
            self.idle
                .borrow_mut()
                .entry(lease.key)
                .or_default()
                .push(idle);
        }
        lease
    }

    async fn reuse(self: &Rc<Self>, upstream: &Upstream, key: Key) -> Option<Lease> {
        let lease = |wire, permit| Lease {
            wire,
            key,
            idle_ms: upstream.config.idle_ms,
            permit,
            pool: Rc::downgrade(self),
            used: true,
            sent: None,
        };
        loop {
            let mut idle = {
                let mut all = self.idle.borrow_mut();
                let kept = all.get_mut(&key)?;
                if upstream.config.protocol == Protocol::Http2 {
                    kept.retain(|one| !one.wire.is_closed());
                    let one = kept.last_mut()?;
                    one.until = clock::now().plus_ms(upstream.config.idle_ms);
                    let Wire::Http2(sender) = &one.wire else {
                        return None;
                    };
                    return Some(lease(Wire::Http2(sender.clone()), one.permit.clone()));
                }
                kept.pop()?
            };
            if idle.wire.is_closed() {
                continue;
            }
            // Its driver may not have seen yet that the last answer is whole.
            let ready = tokio::time::timeout(READY_MAX, idle.wire.ready());
            if matches!(ready.await, Ok(Ok(()))) {
                return Some(lease(idle.wire, idle.permit));
            }
        }
    }

    /// Makes room by closing an idle connection to another server of the same upstream.
    fn close_one(&self, key: Key) -> bool {
        let mut all = self.idle.borrow_mut();
        all.iter_mut()
            .filter(|((number, _), _)| *number == key.0)
            .any(|(_, kept)| kept.pop().is_some())
    }

    /// Closes what was idle for too long, or is closed already.
    pub(crate) fn sweep(&self) {
        let now = clock::now();
        self.idle.borrow_mut().retain(|_, kept| {
            kept.retain(|one| !one.wire.is_closed() && now < one.until);
            !kept.is_empty()
        });
    }
}

impl Wire {
    fn is_closed(&self) -> bool {
        match self {
            Wire::Http1 { sender, .. } => sender.is_closed(),
            Wire::Http2(sender) => sender.is_closed(),
        }
    }

    async fn ready(&mut self) -> hyper::Result<()> {
        match self {
            Wire::Http1 { sender, .. } if sender.is_ready() => Ok(()),
            Wire::Http1 { sender, .. } => sender.ready().await,
            Wire::Http2(sender) => sender.ready().await,
        }
    }
}

impl Lease {
    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    /// With the request, if nothing of it was sent.
    pub(crate) async fn send(
        &mut self,
        request: Request<Upload>,
    ) -> Result<Response<Incoming>, NoAnswer> {
        let outcome = match &mut self.wire {
            Wire::Http1 { sender, .. } => sender.try_send_request(request).await,
            Wire::Http2(sender) => sender.try_send_request(request).await,
        };
        outcome.map_err(|mut error| NoAnswer {
            unsent: error.take_message().map(Box::new),
            why: error.into_error(),
        })
    }

    /// The next request may use it: its answer was taken to the end.
    pub(crate) fn give_back(self) {
        let (Some(pool), Wire::Http1 { .. }) = (self.pool.upgrade(), &self.wire) else {
            return;
        };
        // Somebody who answers early may still be sent the rest of a body, by a client who is slow.
        let sending = self.sent.is_some_and(|sent| !sent.is_over());
        if sending || self.wire.is_closed() {
            return;
        }
        let until = clock::now().plus_ms(self.idle_ms);
        let idle = Idle {
            wire: self.wire,
            until,
            permit: self.permit,
        };
        pool.idle
            .borrow_mut()
            .entry(self.key)
            .or_default()
            .push(idle);
    }
}

/// Asks a server how it is, over a connection of its own. What is asked for is its answer's status.
///
/// # Errors
/// When it can't be reached or does not answer.
pub(crate) async fn probe(
    upstream: &Upstream,
    server: usize,
    path: &str,
    time: Duration,
) -> io::Result<u16> {
    let target = upstream
        .servers
        .get(server)
        .ok_or(io::ErrorKind::NotFound)?;
    let mut wire = connect(upstream, target, time.min(upstream.connect_time())).await?;
    let mut request = Request::new(Upload::Empty);
    let host = upstream.host.to_str().unwrap_or("");
    *request.uri_mut() = match (&wire, &upstream.tls) {
        (Wire::Http1 { .. }, _) => path.to_owned(),
        (Wire::Http2(_), None) => format!("http://{host}{path}"),
        (Wire::Http2(_), Some(_)) => format!("https://{host}{path}"),
    }
    .parse()
    .map_err(io::Error::other)?;
    if let Wire::Http1 { .. } = wire {
        request.headers_mut().insert(HOST, upstream.host.clone());
    }
    let sent = match &mut wire {
        Wire::Http1 { sender, .. } => sender.try_send_request(request).await,
        Wire::Http2(sender) => sender.try_send_request(request).await,
    };
    let answer = sent.map_err(|error| io::Error::other(error.into_error()))?;
    Ok(answer.status().as_u16())
}

/// Connects to the first of a server's addresses with which that works. Each has its share of the time.
async fn connect(upstream: &Upstream, server: &Server, time: Duration) -> io::Result<Wire> {
    let mut places = server.places();
    if places.is_empty() {
        // Its name was not found yet.
        server.look_up().await;
        places = server.places();
    }
    let share = time / u32::try_from(places.len().max(1)).unwrap_or(u32::MAX);
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    let only = places.len() == 1;
    for place in places {
        let shaken = Box::pin(shake(upstream, place));
        let outcome = match only {
            true => Ok(shaken.await),
            false => tokio::time::timeout(share, shaken).await,
        };
        match outcome {
            Ok(Ok(wire)) => {
                server.answers_at(place);
                return Ok(wire);
            }
            Ok(Err(error)) => failure = error,
            Err(_) => failure = io::ErrorKind::TimedOut.into(),
        }
        server.fails_at(place);
    }
    Err(failure)
}

/// Connects, and agrees on how to speak.
async fn shake(upstream: &Upstream, place: SocketAddr) -> io::Result<Wire> {
    let stream = TcpStream::connect(place).await?;
    stream.set_nodelay(true)?;
    match &upstream.tls {
        None => handshake(stream, upstream.config.protocol).await,
        Some(tls) => {
            let (connector, name) = &*tls.load_full();
            let stream = connector.connect(name.clone(), stream).await?;
            handshake(stream, upstream.config.protocol).await
        }
    }
}

async fn handshake<S>(stream: S, protocol: Protocol) -> io::Result<Wire>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = TokioIo::new(stream);
    match protocol {
        Protocol::Http1 => {
            let mut http = http1::Builder::new();
            // Answers and requests are short as a rule: one copy is cheaper than a vectored write.
            http.max_buf_size(256 << 10).writev(false);
            let (sender, connection) = http.handshake(stream).await.map_err(io::Error::other)?;
            let driver = tokio::task::spawn_local(async move {
                // Who waits for an answer hears of it.
                let _ = connection.with_upgrades().await;
            });
            Ok(Wire::Http1 {
                sender,
                _driver: Driver(driver.abort_handle()),
            })
        }
        Protocol::Http2 => {
            let mut http = http2::Builder::new(Local);
            http.timer(hyper_util::rt::TokioTimer::new())
                .initial_stream_window_size(1 << 20)
                .initial_connection_window_size(4 << 20)
                .max_frame_size(16 << 10)
                .keep_alive_interval(Duration::from_secs(20))
                .keep_alive_timeout(Duration::from_secs(10));
            let (sender, connection) = http.handshake(stream).await.map_err(io::Error::other)?;
            tokio::task::spawn_local(async move {
                let _ = connection.await;
            });
            Ok(Wire::Http2(sender))
        }
    }
}
