//! Connections, from `accept` to their first request: bans and caps before anything is read, the
//! PROXY header, TLS, and what is spoken.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use policy::Reason;
use policy::config::Listen;
use policy::wire::{self, HeadLimits};
use rustls::server::Acceptor;
use rustls::{CipherSuite, ProtocolVersion, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, Interest};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::clock;
use crate::conversation::Conversation;
use crate::cork::Corked;
use crate::edge::Place;
use crate::facts::{Facts, introductions};
use crate::gate::Gate;
use crate::http1;
use crate::pace::Pace;
use crate::scratch;
use crate::serve::{rest, serve};
use crate::worker::Worker;

/// After an error of `accept` (no file descriptor is left), so long nothing is accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// After so many others have their turn.
const ACCEPTED_AT_ONCE: usize = 16;
/// The most that a PROXY header takes.
const PROXY_BYTES_MAX: usize = 528;
const PROXY_LOOK: Duration = Duration::from_millis(2);
/// The alert `unrecognized_name`, fatal, as a record of its own: before a server has chosen anything it
/// goes out in the clear (RFC 6066, 3; RFC 8446, 5.1 and 6).
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];
/// How HTTP/2 begins in the clear (RFC 9113, 3.4): no HTTP/1 method begins so.
const PREFACE_START: &[u8] = b"PRI ";
/// How many connections may wait for `accept`.
pub(crate) const BACKLOG: i32 = 4_096;

/// A socket that is listened on. Who is banned is to be let go before anything is set up for the
/// connection, and tokio's own listener registers each before it is seen: of this only its readiness
/// is used, which is the same for whatever kind of socket.
pub(crate) struct Listener(TcpStream);

impl Listener {
    /// # Errors
    /// When it can't be watched.
    pub(crate) fn new(socket: std::net::TcpListener) -> io::Result<Listener> {
        let socket = OwnedFd::from(socket);
        TcpStream::from_std(socket.into()).map(Listener)
    }

    /// The next who waits.
    ///
    /// # Errors
    /// `WouldBlock` when nobody does.
    fn next(&self) -> io::Result<(OwnedFd, SocketAddr)> {
        use rustix::net::{SocketFlags, acceptfrom_with};
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        self.0.try_io(Interest::READABLE, || {
            let (socket, peer) = acceptfrom_with(&self.0, flags)?;
            let peer = peer.ok_or(io::ErrorKind::NotConnected)?;
            Ok((socket, peer.try_into()?))
        })
    }
}

/// Accepts on one socket until told to stop.
pub(crate) async fn accept(
    worker: Rc<Worker>,
    listener: Listener,
    settings: Arc<Listen>,
    mut accepting: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            biased;
            _ = accepting.wait_for(|accepting| !accepting) => return,
            ready = listener.0.readable() => {
                if let Err(error) = ready {
                    return tracing::error!(%error, "a socket can't be used any more");
                }
            }
        }
        for _ in 0..ACCEPTED_AT_ONCE {
            match listener.next() {
                Ok((socket, peer)) => {
                    worker.edge.accepted.add(1);
                    admit_or_drop(&worker, socket, peer, &settings);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    break;
                }
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Who is banned or has too many is let go before a task is made.
fn admit_or_drop(worker: &Rc<Worker>, socket: OwnedFd, peer: SocketAddr, settings: &Arc<Listen>) {
    let place = match settings.proxy_protocol {
        true => None,
        false => match admit(worker, peer.ip()) {
            Some(place) => Some(place),
            None => return,
        },
    };
    match TcpStream::from_std(socket.into()) {
        Ok(stream) => {
            let received = receive(worker.clone(), stream, peer, settings.clone(), place);
            tokio::task::spawn_local(received);
        }
        Err(error) => tracing::warn!(%error, "a connection can't be served"),
    }
}

fn admit(worker: &Rc<Worker>, client: IpAddr) -> Option<Place> {
    match worker.edge.admit(client.to_canonical()) {
        Ok(place) => Some(place),
        Err(reason) => {
            worker.edge.refusals.add(reason);
            None
        }
    }
}

/// Takes a connection to where its requests can be served.
async fn receive(
    worker: Rc<Worker>,
    mut stream: TcpStream,
    peer: SocketAddr,
    settings: Arc<Listen>,
    place: Option<Place>,
) {
    let running = worker.edge.running.load_full();
    let time = Duration::from_millis(running.config.connection.handshake_ms);
    let trusted = running.config.trusts(peer.ip());
    let mut client = peer.ip().to_canonical();
    if settings.proxy_protocol {
        let read = proxy_header(&mut stream, trusted);
        match tokio::time::timeout(time, read).await {
            Ok(Ok(said)) => client = said.unwrap_or(client),
            Ok(Err(reason)) => return worker.edge.refusals.add(reason),
            Err(_) => return worker.edge.refusals.add(Reason::FirstByteTooSlow),
        }
    }
    let place = match place {
        Some(place) => place,
        None => match admit(&worker, client) {
            Some(place) => place,
            None => return,
        },
    };
    let trusted = match settings.proxy_protocol {
        // Who is spoken for is not who is trusted to speak.
        true => running.config.trusts(client),
        false => trusted,
    };
    let caller = Caller {
        client,
        trusted,
        place,
    };
    if !settings.tls {
        let spoken = Spoken {
            name: None,
            chain: Vec::new(),
            version: None,
        };
        return Box::pin(converse(worker, stream, settings, caller, spoken)).await;
    }
    drop(running);
    // Rare and large: not part of what every connection holds as long as it lives.
    let shaken = Box::pin(handshake(&worker, stream, settings.http2));
    match tokio::time::timeout(time, shaken).await {
        Ok(Ok((stream, spoken))) => {
            Box::pin(converse(worker, stream, settings, caller, spoken)).await;
        }
        Ok(Err(reason)) => worker.edge.refusals.add(reason),
        Err(_) => worker.edge.refusals.add(Reason::HandshakeTooSlow),
    }
}

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Http1,
    Http2,
}

struct Caller {
    client: IpAddr,
    trusted: bool,
    place: Place,
}

/// What the handshake said.
struct Spoken {
    name: Option<String>,
    chain: Vec<rustls::pki_types::CertificateDer<'static>>,
    version: Option<Version>,
}

/// Reads who is spoken for, and not a byte more.
async fn proxy_header(stream: &mut TcpStream, trusted: bool) -> Result<Option<IpAddr>, Reason> {
    if !trusted {
        return Err(Reason::ProxyHeaderBad);
    }
    let mut buffer = [0; PROXY_BYTES_MAX];
    loop {
        let size = stream.peek(&mut buffer).await;
        let seen = size
            .ok()
            .filter(|size| *size > 0)
            .and_then(|size| buffer.get(..size));
        let seen = seen.ok_or(Reason::ProxyHeaderBad)?;
        if let Some((length, ends)) = wire::proxy::read(seen)? {
            let header = buffer.get_mut(..length).ok_or(Reason::ProxyHeaderBad)?;
            stream
                .read_exact(header)
                .await
                .map_err(|_| Reason::ProxyHeaderBad)?;
            return Ok(ends.map(|ends| ends.0.ip().to_canonical()));
        }
        // What is there stays there: what comes next can't be waited for, only looked for.
        tokio::time::sleep(PROXY_LOOK).await;
    }
}

/// The handshake: which way it goes follows from the name that is asked for.
async fn handshake<S>(
    worker: &Worker,
    stream: S,
    http2: bool,
) -> Result<(TlsStream<Corked<S>>, Spoken), Reason>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let acceptor = LazyConfigAcceptor::new(Acceptor::default(), Corked::new(stream));
    tokio::pin!(acceptor);
    let start = match acceptor.as_mut().await {
        Ok(start) => start,
        Err(error) => {
            tracing::debug!(%error, "no TLS handshake");
            if let Some(mut stream) = acceptor.take_io() {
                let _ = stream.shutdown().await;
            }
            return Err(Reason::HandshakeFailed);
        }
    };
    let hello = start.client_hello();
    let name = hello.server_name().map(str::to_ascii_lowercase);
    let name = name.unwrap_or_default();
    let Some(config) = way(worker, &name, hello.cipher_suites(), http2) else {
        let mut stream = start.io;
        let _ = stream.write_all(&UNRECOGNIZED_NAME).await;
        let _ = stream.shutdown().await;
        return Err(Reason::ServerNameUnknown);
    };
    let mut stream = match start.into_stream(config).into_fallible().await {
        Ok(stream) => stream,
        Err((error, mut stream)) => {
            tracing::debug!(%error, "no TLS handshake");
            // With the alert that says why.
            let _ = stream.shutdown().await;
            return Err(Reason::HandshakeFailed);
        }
    };
    stream.get_mut().0.begun();
    let (_, session) = stream.get_ref();
    if session.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        // There the server speaks last, and the client waits for it (RFC 5246, 7.3).
        stream.flush().await.map_err(|_| Reason::HandshakeFailed)?;
    }
    let (_, session) = stream.get_ref();
    let version = match session.alpn_protocol() {
        Some(b"h2") => Version::Http2,
        _ => Version::Http1,
    };
    let chain = session.peer_certificates().unwrap_or(&[]).to_vec();
    Ok((
        stream,
        Spoken {
            name: Some(name),
            chain,
            version: Some(version),
        },
    ))
}

/// How the handshake goes for this name; none: nobody here bears it.
fn way(
    worker: &Worker,
    name: &str,
    offered: &[CipherSuite],
    http2: bool,
) -> Option<Arc<ServerConfig>> {
    let running = worker.edge.running.load();
    let handshakes = running.handshakes.load();
    let (without, with) = &**handshakes.as_ref()?;
    let ways = if http2 { with } else { without };
    ways.of(&running.table, name, offered)
}

/// Serves what comes.
async fn converse<S>(
    worker: Rc<Worker>,
    mut stream: S,
    settings: Arc<Listen>,
    caller: Caller,
    spoken: Spoken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let running = worker.edge.running.load_full();
    let conversation = Arc::new(Conversation::new());
    let pace = Pace::new(&running.config.connection);
    let mut first = Vec::new();
    let version = match spoken.version {
        Some(version) => version,
        None if !settings.http2 => Version::Http1,
        None => {
            let mut draining = worker.edge.draining.subscribe();
            let wait = settle(&mut stream, &mut first, pace.first_byte_ms);
            let settled = tokio::select! {
                settled = wait => settled,
                // Who has just connected is about to ask.
                () = async {
                    let _ = draining.wait_for(|now| now.begun()).await;
                    rest(&worker.edge, &conversation).await;
                } => return,
            };
            match settled {
                Ok(version) => version,
                Err(Some(reason)) => return worker.edge.refusals.add(reason),
                Err(None) => return,
            }
        }
    };
    let tls = settings.tls;
    let (forwarded_for, forwarded, proto) = introductions(caller.client, tls);
    let facts = Rc::new(Facts {
        worker,
        conversation: conversation.clone(),
        client: caller.client,
        trusted: caller.trusted,
        tls,
        http2: version == Version::Http2,
        redirect_to_https: settings.redirect_to_https,
        server_name: spoken.name,
        chain: spoken.chain,
        shown: RefCell::default(),
        share: RefCell::default(),
        forwarded_for,
        forwarded,
        proto,
        _place: caller.place,
    });
    let limits = &running.config.connection;
    match version {
        Version::Http1 => {
            let heads = HeadLimits {
                head_bytes_max: limits.head_bytes_max,
                header_lines_max: limits.header_lines_max,
                url_bytes_max: limits.url_bytes_max,
            };
            drop(running);
            http1::serve(facts.clone(), stream, first, heads, pace).await;
        }
        Version::Http2 => {
            let most = wire::Http2Limits::new(&running.config.http2, limits.head_bytes_max);
            let frames = wire::Http2::new(most, clock::now());
            drop(running);
            let gate = Gate::new(stream, first, frames, pace, conversation);
            Box::pin(serve(facts.clone(), gate)).await;
        }
    }
    // A flood that came without a request is counted, too.
    if let Some(reason) = facts.conversation.untold() {
        facts.worker.edge.refusals.add(reason);
    }
}

/// Waits for the first bytes, and says what they speak.
///
/// # Errors
/// A reason when too little came in time; none when nothing came and the stream ended.
async fn settle<S: AsyncRead + Unpin>(
    stream: &mut S,
    first: &mut Vec<u8>,
    first_byte_ms: u64,
) -> Result<Version, Option<Reason>> {
    let wait = async {
        while PREFACE_START.starts_with(first) && first.len() < PREFACE_START.len() {
            let read = poll_fn(|cx| {
                scratch::read(stream, cx, scratch::MOST, |bytes| {
                    first.extend_from_slice(bytes);
                    bytes.len()
                })
            });
            if matches!(read.await, Ok(0) | Err(_)) {
                break;
            }
        }
    };
    let time = Duration::from_millis(first_byte_ms);
    if tokio::time::timeout(time, wait).await.is_err() {
        return Err(Some(Reason::FirstByteTooSlow));
    }
    match first.as_slice() {
        [] => Err(None),
        first if first.starts_with(PREFACE_START) => Ok(Version::Http2),
        _ => Ok(Version::Http1),
    }
}

/// Listens there.
///
/// # Errors
/// When the address can't be used.
pub(crate) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        // An IPv4 listener may stand on the same port.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    // What goes out is written whole; waiting for more only delays it. Who is accepted inherits it.
    sockopt::set_tcp_nodelay(&socket, true)?;
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket.into())
}
