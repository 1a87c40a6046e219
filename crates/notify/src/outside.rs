//! Requests to servers that strangers name: their addresses are looked at first.
//!
//! Whoever may name a URL could have this machine speak to what only it can reach. So a name is
//! resolved once, every address it has must be one of the public Internet, and the connection is
//! made to the very address that was looked at: a name that means something else a moment later
//! (DNS rebinding) changes nothing. HTTPS only; no redirect is followed, no proxy asked.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

mod sign;

pub use sign::{HookSecret, Signed};

/// The longest URL, in bytes: what the record keeps of one.
const URL_BYTES_MAX: usize = 200;

/// The longest head of an answer, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The longest answer that is read, in bytes: only a challenge's is looked at.
const ANSWER_BYTES_MAX: usize = 4 * 1024;

/// The most addresses of one name that are looked at.
const ADDRESSES_MAX: usize = 16;

/// `https://HOST[:PORT]/PATH[?QUERY]` of at most 200 visible ASCII bytes, without a password.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HookUrl {
    text: Box<str>,
    host: Box<str>,
    port: u16,
    path: Box<str>,
}

/// A text that is no URL for a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a webhook is written https://HOST/PATH, at most 200 bytes, without a password")]
pub struct BadHookUrl;

impl HookUrl {
    /// The URL as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host's name or address, without brackets, in lower case.
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl FromStr for HookUrl {
    type Err = BadHookUrl;
    fn from_str(text: &str) -> Result<HookUrl, BadHookUrl> {
        let allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte);
        if text.len() > URL_BYTES_MAX || !text.bytes().all(allowed) {
            return Err(BadHookUrl);
        }
        let uri: Uri = text.parse().map_err(|_| BadHookUrl)?;
        let authority = uri.authority().ok_or(BadHookUrl)?;
        let host = authority.host().trim_matches(['[', ']']);
        let host = host.to_ascii_lowercase();
        ServerName::try_from(host.as_str()).map_err(|_| BadHookUrl)?;
        let port = match authority.port_u16() {
            Some(port) if port > 0 => port,
            // A port that is no number, or none there can be, is there and is none.
            None if authority.as_str() == authority.host() => 443,
            _ => return Err(BadHookUrl),
        };
        if uri.scheme_str() != Some("https") || authority.as_str().contains('@') {
            return Err(BadHookUrl);
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(HookUrl {
            text: text.into(),
            host: host.into(),
            port,
            path: path.into(),
        })
    }
}

impl fmt::Display for HookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for HookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What an address is for, where it is not the public Internet; none: it is.
///
/// After the IANA registries of special-purpose addresses (RFC 6890 and its updates). Of IPv6 only
/// global unicast (2000::/3) is public, without what embeds or relays IPv4 (6to4, Teredo) and what
/// is for documents.
pub fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => not_public_v4(address),
        IpAddr::V6(address) => not_public_v6(address),
    }
}

fn not_public_v4(address: Ipv4Addr) -> Option<&'static str> {
    const SPECIAL: &[(Ipv4Addr, u32, &str)] = &[
        (Ipv4Addr::new(0, 0, 0, 0), 8, "this network"),
        (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
        (Ipv4Addr::new(100, 64, 0, 0), 10, "shared by a carrier"),
        (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
        (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
        (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
        (Ipv4Addr::new(192, 0, 0, 0), 24, "for protocols"),
        (Ipv4Addr::new(192, 0, 2, 0), 24, "for documents"),
        (Ipv4Addr::new(192, 88, 99, 0), 24, "a relay"),
        (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
        (Ipv4Addr::new(198, 18, 0, 0), 15, "for benchmarks"),
        (Ipv4Addr::new(198, 51, 100, 0), 24, "for documents"),
        (Ipv4Addr::new(203, 0, 113, 0), 24, "for documents"),
        (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
        (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
    ];
    let inside = |network: Ipv4Addr, bits: u32| {
        (u32::from(address) ^ u32::from(network)).leading_zeros() >= bits
    };
    let mut special = SPECIAL.iter();
    special
        .find(|(network, bits, _)| inside(*network, *bits))
        .map(|(_, _, what)| *what)
}

fn not_public_v6(address: Ipv6Addr) -> Option<&'static str> {
    let bits = u128::from(address);
    let inside = |network: u128, length: u32| (bits ^ network).leading_zeros() >= length;
    let at_top = |segments: u128, width: u32| segments << (128 - width);
    if address.is_loopback() {
        return Some("loopback");
    }
    if address.to_ipv4_mapped().is_some() {
        return Some("IPv4 written as IPv6");
    }
    if !inside(at_top(0b001, 3), 3) {
        return Some(match address.segments() {
            [first, ..] if first & 0xfe00 == 0xfc00 => "private",
            [first, ..] if first & 0xffc0 == 0xfe80 => "link-local",
            [first, ..] if first & 0xff00 == 0xff00 => "multicast",
            _ => "reserved",
        });
    }
    const SPECIAL: &[(u128, u32, u32, &str)] = &[
        (0x2001_0000, 32, 23, "for protocols"),
        (0x2001_0db8, 32, 32, "for documents"),
        (0x2002, 16, 16, "a relay"),
        (0x3_fff0, 20, 20, "for documents"),
    ];
    let mut special = SPECIAL.iter();
    special
        .find(|(top, width, length, _)| inside(at_top(*top, *width), *length))
        .map(|(_, _, _, what)| *what)
}

/// What says which addresses a name has.
pub trait Resolver: Send + Sync {
    /// The addresses of a host.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>>;
}

/// This machine's own resolver.
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// How strangers' servers are reached.
#[derive(Clone)]
pub struct Outside {
    /// Who resolves names.
    pub resolver: Arc<dyn Resolver>,
    /// Which certificates are trusted.
    pub tls: Arc<ClientConfig>,
    /// Whether addresses that are not public are taken as well: for tests and closed networks.
    pub allow_private: bool,
    /// A name, a connection and its TLS handshake take at most so long.
    pub connect_max: Duration,
    /// An answer takes at most so long, from the first byte sent.
    pub answer_max: Duration,
}

/// Why nothing was sent. Whoever asks may try again if it is passing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsent {
    /// The word for counts and outcomes.
    pub why: &'static str,
    /// Whether it may go better later.
    pub passing: bool,
}

/// What became of a request whose first byte may have been sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// This status, and the body's beginning if it was read.
    Status(StatusCode, Bytes),
    /// Nobody can say: no whole head of an answer came.
    Lost,
}

/// A connection to a server that was looked at, with nothing sent on it yet.
pub struct Line {
    stream: TlsStream<TcpStream>,
    address: SocketAddr,
}

impl Line {
    /// Whom it leads to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Outside {
    /// Resolves, looks, connects, and does the TLS handshake.
    ///
    /// # Errors
    /// See [`Unsent`]; nothing was sent.
    pub async fn connect(&self, url: &HookUrl) -> Result<Line, Unsent> {
        let unsent = |why, passing| Unsent { why, passing };
        let connecting = async {
            let address = self.look(url).await?;
            let address = SocketAddr::new(address, url.port);
            let plain = TcpStream::connect(address).await;
            let plain = plain.map_err(|_| unsent("no_connection", true))?;
            // A failure costs speed and nothing else.
            let _ = plain.set_nodelay(true);
            let name = ServerName::try_from(url.host.to_string());
            let name = name.map_err(|_| unsent("bad_name", false))?;
            let connector = TlsConnector::from(self.tls.clone());
            let stream = connector.connect(name, plain).await;
            let stream = stream.map_err(|_| unsent("no_tls", true))?;
            Ok(Line { stream, address })
        };
        match timeout(self.connect_max, connecting).await {
            Ok(outcome) => outcome,
            Err(_) => Err(unsent("slow_connection", true)),
        }
    }

    /// The address that is connected to: the first, if all of them are public.
    async fn look(&self, url: &HookUrl) -> Result<IpAddr, Unsent> {
        let unsent = |why, passing| Unsent { why, passing };
        let found = match url.host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => {
                let found = self.resolver.resolve(&url.host).await;
                found.map_err(|_| unsent("no_such_host", true))?
            }
        };
        let found: Vec<IpAddr> = found.into_iter().take(ADDRESSES_MAX).collect();
        if !self.allow_private && found.iter().any(|address| not_public(*address).is_some()) {
            return Err(unsent("private_address", false));
        }
        found
            .first()
            .copied()
            .ok_or_else(|| unsent("no_such_host", true))
    }

    /// Sends a signed body on a line, once.
    ///
    /// # Errors
    /// [`Unsent`] when not a byte of it was sent.
    pub async fn post(
        &self,
        line: Line,
        url: &HookUrl,
        signed: &Signed,
    ) -> Result<Answered, Unsent> {
        let deadline = Instant::now() + self.answer_max;
        let unsent = |why| Unsent { why, passing: true };
        let request = request(url, signed).map_err(|_| Unsent {
            why: "bad_request",
            passing: false,
        })?;
        let io = TokioIo::new(line.stream);
        let builder = http1::Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .handshake(io)
            .await;
        let (mut sender, connection) = builder.map_err(|_| unsent("no_connection"))?;
        // Its errors reach the sender and the body as well.
        let task = tokio::spawn(async move {
            let _ = connection.await;
        });
        let _ended = Ended(task.abort_handle());
        let response = match timeout_at(deadline, sender.try_send_request(request)).await {
            Ok(Ok(response)) => response,
            // hyper gives a request back only if it wrote nothing of it.
            Ok(Err(mut failed)) => {
                return match failed.take_message() {
                    Some(_) => Err(unsent("no_connection")),
                    None => Ok(Answered::Lost),
                };
            }
            Err(_) => return Ok(Answered::Lost),
        };
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect();
        let body = match timeout_at(deadline, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            // The status says what became of it; nobody needs the rest.
            _ => Bytes::new(),
        };
        Ok(Answered::Status(head.status, body))
    }
}

fn request(url: &HookUrl, signed: &Signed) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    let host = match (url.host.contains(':'), url.port) {
        (true, 443) => format!("[{}]", url.host),
        (true, port) => format!("[{}]:{port}", url.host),
        (false, 443) => url.host.to_string(),
        (false, port) => format!("{}:{port}", url.host),
    };
    Request::post(&*url.path)
        .header(header::HOST, host)
        .header(
            header::USER_AGENT,
            concat!("hereby/", env!("CARGO_PKG_VERSION")),
        )
        .header(header::CONTENT_TYPE, "application/cloudevents+json")
        .header("webhook-id", &*signed.id)
        .header("webhook-timestamp", signed.timestamp_s.to_string())
        .header("webhook-signature", signed.signature())
        .body(Full::new(Bytes::from(signed.body.clone())))
}

/// Ends a connection's task when its exchange is over or given up.
struct Ended(tokio::task::AbortHandle);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests;
