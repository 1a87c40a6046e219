//! Listeners, and what a connection may cost: caps by total and by peer, deadlines for handshake,
//! first byte and head, HTTP/2's own bounds, and a bounded end when the server stops.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::connection::{Connection, Peer, Verdict, Watched};
use crate::dispatch;
use crate::limits::Limits;
use crate::site::{Options, Site, stopped};

/// After an error of `accept` (no file descriptor is left), so long nothing is accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Where requests come in.
pub enum Listener {
    /// Plain HTTP. Only on a loopback address.
    Plain(TcpListener),
    /// HTTP over TLS. What is negotiated by ALPN is up to the configuration: `h2`, `http/1.1`.
    Tls(TcpListener, Arc<rustls::ServerConfig>),
    /// The local socket; see [`bind_local`].
    Local(UnixListener),
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum CannotServe {
    /// Tokens would cross a network in the clear.
    #[error("{0} is no loopback address: plain HTTP is for this machine only, use TLS")]
    NotLoopback(SocketAddr),
    /// The operating system said no.
    #[error("a listener can't be used")]
    Io(#[from] io::Error),
}

/// Makes the local socket, for its owner alone. Whoever calls this holds the data directory, so a
/// socket that is there already belongs to a process that is gone.
///
/// # Errors
/// When something else lies at the path, or the operating system says no.
pub fn bind_local(path: &Path) -> io::Result<UnixListener> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path)?,
        Ok(_) => {
            let what = format!("{} is there and is no socket", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers on these listeners until `shutdown` is done; then lets what is in progress end, for a
/// bounded time.
///
/// # Errors
/// See [`CannotServe`]; nothing was accepted then.
pub async fn serve(
    options: Options,
    listeners: Vec<Listener>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), CannotServe> {
    for listener in &listeners {
        if let Listener::Plain(listener) = listener {
            let address = listener.local_addr()?;
            if !address.ip().is_loopback() {
                return Err(CannotServe::NotLoopback(address));
            }
        }
    }
    let (stop, stopping) = watch::channel(false);
    let site = Site::new(options, stopping.clone());
    let house = Arc::new(House {
        app: dispatch::app(&site),
        slots: Slots::new(site.limits()),
        http: http(site.limits()),
        uid: rustix::process::geteuid().as_raw(),
        stopping,
        site,
    });
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept(house.clone(), listener));
    }
    shutdown.await;
    stop.send_replace(true);
    while accepting.join_next().await.is_some() {}
    Ok(())
}

/// What all connections share.
struct House {
    site: Arc<Site>,
    app: Router,
    slots: Arc<Slots>,
    http: auto::Builder<TokioExecutor>,
    uid: u32,
    stopping: watch::Receiver<bool>,
}

fn http(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time_max)
        .max_headers(limits.header_lines_max)
        .max_buf_size(limits.head_bytes_max);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(64)
        .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX))
        .initial_stream_window_size(64 << 10)
        .initial_connection_window_size(256 << 10)
        .max_send_buf_size(64 << 10)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(64)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    http
}

/// Somebody who wants in.
enum Arrival {
    Tcp(TcpStream, SocketAddr, Option<TlsAcceptor>),
    Local(UnixStream),
}

impl Listener {
    async fn arrival(&self) -> io::Result<Arrival> {
        match self {
            Listener::Plain(listener) => {
                let (stream, from) = listener.accept().await?;
                Ok(Arrival::Tcp(stream, from, None))
            }
            Listener::Tls(listener, config) => {
                let (stream, from) = listener.accept().await?;
                Ok(Arrival::Tcp(
                    stream,
                    from,
                    Some(TlsAcceptor::from(config.clone())),
                ))
            }
            Listener::Local(listener) => listener
                .accept()
                .await
                .map(|(stream, _)| Arrival::Local(stream)),
        }
    }
}

/// Accepts until the server stops, then waits for the connections, not for ever.
async fn accept(house: Arc<House>, listener: Listener) {
    let mut stopping = house.stopping.clone();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            arrival = listener.arrival() => match arrival {
                Ok(arrival) => {
                    if let Some(slot) = house.slot(&arrival) {
                        connections.spawn(receive(house.clone(), arrival, slot));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = stopped(&mut stopping) => break,
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(house.site.limits().stop_time_max, all)
        .await
        .is_err()
    {
        tracing::warn!(
            connections = connections.len(),
            "cut: they did not end in time"
        );
        connections.shutdown().await;
    }
}

/// Takes a connection through its handshake, if it has one, and serves it.
async fn receive(house: Arc<House>, arrival: Arrival, slot: Slot) {
    let limits = house.site.limits().clone();
    match arrival {
        Arrival::Tcp(stream, from, tls) => {
            // Answers are short; waiting for more to send with them only delays them.
            let _ = stream.set_nodelay(true);
            let address = peer_key(from.ip());
            let Some(tls) = tls else {
                return converse(&house, stream, Peer::Plain(address), slot).await;
            };
            match tokio::time::timeout(limits.handshake_time_max, tls.accept(stream)).await {
                Ok(Ok(stream)) => converse(&house, stream, Peer::Tls(address), slot).await,
                Ok(Err(error)) => {
                    tracing::debug!(%error, peer = %address, "no TLS handshake");
                    house.site.metrics.closed("handshake_failed");
                }
                Err(_) => house.site.metrics.closed("handshake_too_slow"),
            }
        }
        Arrival::Local(stream) => match stream.peer_cred() {
            Ok(peer) => {
                let uid = peer.uid();
                let admitted = uid == 0 || uid == house.uid;
                converse(&house, stream, Peer::Local { uid, admitted }, slot).await;
            }
            Err(error) => {
                tracing::warn!(%error, "the kernel does not say who is at the local socket");
                house.site.metrics.closed("peer_unknown");
            }
        },
    }
}

/// Serves one connection to its end.
async fn converse<S>(house: &Arc<House>, stream: S, peer: Peer, _slot: Slot)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (site, limits) = (&house.site, house.site.limits());
    let _counted = site.metrics.connected(match peer {
        Peer::Local { .. } => "local",
        Peer::Plain(_) => "plain",
        Peer::Tls(_) => "tls",
    });
    let connection = Connection::new(peer, Instant::now());
    let service = service_fn(|request: Request<Incoming>| {
        let (site, app, connection) = (site.clone(), house.app.clone(), connection.clone());
        dispatch::exchange(site, app, connection, request)
    });
    let stream = TokioIo::new(Watched::new(stream, limits));
    let mut http = pin!(house.http.serve_connection(stream, service));
    let mut check = tokio::time::interval((limits.idle_time_max / 4).min(Duration::from_secs(2)));
    let mut stopping = house.stopping.clone();
    let mut told_to_stop = false;
    loop {
        tokio::select! {
            ended = http.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error = %error, "a connection ended early");
                    site.metrics.closed("broken_or_too_slow");
                }
                return;
            }
            _ = check.tick() => match connection.verdict(limits, Instant::now()) {
                Verdict::Stay => {}
                // Told once already, and nothing came of it.
                Verdict::Idle if told_to_stop => return site.metrics.closed("idle"),
                Verdict::Idle => {
                    told_to_stop = true;
                    http.as_mut().graceful_shutdown();
                }
                Verdict::Stuck => return site.metrics.closed("answer_not_taken"),
            },
            () = stopped(&mut stopping), if !told_to_stop => {
                told_to_stop = true;
                http.as_mut().graceful_shutdown();
            }
        }
    }
}

/// How many connections there are, and of whom.
struct Slots {
    tcp_max: usize,
    per_peer_max: usize,
    local_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    tcp: usize,
    local: usize,
    peers: HashMap<IpAddr, usize>,
}

/// A connection's place, given back when it is dropped. `None`: on the local socket.
struct Slot {
    slots: Arc<Slots>,
    peer: Option<IpAddr>,
}

impl House {
    /// A place for whoever arrives; they are closed and counted when there is none.
    fn slot(&self, arrival: &Arrival) -> Option<Slot> {
        let taken = match arrival {
            Arrival::Tcp(_, from, _) => self.slots.take(Some(peer_key(from.ip()))),
            Arrival::Local(_) => self.slots.take(None),
        };
        taken
            .map_err(|reason| self.site.metrics.closed(reason))
            .ok()
    }
}

impl Slots {
    fn new(limits: &Limits) -> Arc<Slots> {
        Arc::new(Slots {
            tcp_max: limits.tcp_connections_max,
            per_peer_max: limits.tcp_connections_per_peer_max,
            local_max: limits.local_connections_max,
            taken: Mutex::default(),
        })
    }

    fn take(self: &Arc<Slots>, peer: Option<IpAddr>) -> Result<Slot, &'static str> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match peer {
            None if taken.local >= self.local_max => return Err("too_many_local"),
            None => taken.local += 1,
            Some(_) if taken.tcp >= self.tcp_max => return Err("too_many"),
            Some(peer) => {
                let of_peer = taken.peers.entry(peer).or_default();
                if *of_peer >= self.per_peer_max {
                    return Err("too_many_of_peer");
                }
                *of_peer += 1;
                taken.tcp += 1;
            }
        }
        Ok(Slot {
            slots: self.clone(),
            peer,
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self
            .slots
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(peer) = self.peer else {
            taken.local -= 1;
            return;
        };
        taken.tcp -= 1;
        if let Some(of_peer) = taken.peers.get_mut(&peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                taken.peers.remove(&peer);
            }
        }
    }
}

/// Whose connections count together: an IPv4 address, or an IPv6 /64, which one host can have all
/// of.
fn peer_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests;
