//! One request and its answer, within limits: HTTP/1.1, a connection for each, no redirects followed,
//! nothing tried again here.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// The longest file of a site that is read, in bytes.
pub(crate) const FILE_BYTES_MAX: usize = 16 << 20;
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(15);

/// An address of `http` or `https`: scheme, host, port and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    tls: bool,
    host: String,
    port: u16,
    /// Begins with a slash, has none at its end.
    path: String,
}

/// What is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address of http or https without credentials, query or fragment")]
pub struct BadUrl(String);

impl std::str::FromStr for Url {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Url, BadUrl> {
        let bad = || BadUrl(text.chars().take(200).collect());
        let (tls, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            _ => return Err(bad()),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'<>\\?#@".contains(&byte);
        if authority.is_empty() || !rest.bytes().all(plain) {
            return Err(bad());
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| bad())?),
            _ => (authority, if tls { 443 } else { 80 }),
        };
        Ok(Url {
            tls,
            host: host.to_owned(),
            port,
            path: path.trim_end_matches('/').to_owned(),
        })
    }
}

impl Url {
    /// The address of a file below this one; its path is plain (see [`status::manifest::is_path`]).
    fn below(&self, path: &str) -> String {
        format!("{}/{path}", self.path)
    }

    fn authority(&self) -> String {
        let usual = if self.tls { 443 } else { 80 };
        match self.port == usual {
            true => self.host.clone(),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

/// Asks servers.
#[derive(Clone)]
pub(crate) struct Client {
    tls: Arc<ClientConfig>,
}

/// What a server is told of a file that it is to keep.
#[derive(Clone, Copy)]
pub(crate) struct Kept {
    /// Its media type.
    pub(crate) media: &'static str,
    /// For how long readers may keep it (`Cache-Control`).
    pub(crate) for_how_long: &'static str,
}

/// An answer that was read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

/// What is seen of a file.
pub(crate) enum Seen {
    There(Bytes),
    Missing,
    /// It is not shown, whether it is there or not.
    Refused,
}

impl Answer {
    /// What it shows of the file that was asked for.
    pub(crate) fn seen(self, path: &str) -> Result<Seen, String> {
        match self.status {
            StatusCode::OK => Ok(Seen::There(self.body)),
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Seen::Missing),
            StatusCode::FORBIDDEN => Ok(Seen::Refused),
            other => Err(format!("asked for {path}, it answers {other}")),
        }
    }
}

impl Client {
    pub(crate) fn new(tls: Arc<ClientConfig>) -> Client {
        Client { tls }
    }

    /// A file as a reader sees it, or is kept from seeing it.
    pub(crate) async fn see(&self, base: &Url, path: &str) -> Result<Seen, String> {
        let answer = self
            .ask(base, Method::GET, &base.below(path), Bytes::new(), None)
            .await?;
        answer.seen(path)
    }

    /// Sends one request to the host of `to`.
    pub(crate) async fn ask(
        &self,
        to: &Url,
        method: Method,
        path_and_query: &str,
        body: Bytes,
        kept: Option<Kept>,
    ) -> Result<Answer, String> {
        let stream = self.connect(to).await?;
        let mut request = Request::builder()
            .method(method)
            .uri(path_and_query)
            .header(header::HOST, to.authority())
            .header(
                header::USER_AGENT,
                concat!("hereby/", env!("CARGO_PKG_VERSION")),
            )
            .header(
                header::CACHE_CONTROL,
                kept.map_or("no-cache", |kept| kept.for_how_long),
            );
        if let Some(kept) = kept {
            request = request
                .header(header::CONTENT_TYPE, kept.media)
                .header(header::CONTENT_LENGTH, body.len());
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        let exchange = async {
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
                .await
                .map_err(|error| error.to_string())?;
            let task = Connection(tokio::spawn(async move {
                let _ = connection.await;
            }));
            let answer = sender.send_request(request).await;
            let (head, body) = answer.map_err(|error| error.to_string())?.into_parts();
            let body = Limited::new(body, FILE_BYTES_MAX).collect().await;
            drop(task);
            Ok(Answer {
                status: head.status,
                body: body.map_err(|error| error.to_string())?.to_bytes(),
            })
        };
        timeout(ANSWER, exchange)
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} s", ANSWER.as_secs())))
    }

    async fn connect(&self, to: &Url) -> Result<Box<dyn Stream>, String> {
        let connecting = async {
            let host = to.host.trim_matches(['[', ']']);
            let plain = TcpStream::connect((host, to.port)).await?;
            plain.set_nodelay(true)?;
            if !to.tls {
                return Ok(Box::new(plain) as Box<dyn Stream>);
            }
            let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
            let tls = TlsConnector::from(self.tls.clone());
            Ok(Box::new(tls.connect(name, plain).await?) as Box<dyn Stream>)
        };
        match timeout(CONNECT, connecting).await {
            Ok(outcome) => outcome.map_err(|error: std::io::Error| error.to_string()),
            Err(_) => Err(format!("no connection within {} s", CONNECT.as_secs())),
        }
    }
}

/// Ends a connection's task when its exchange is over or given up.
struct Connection(tokio::task::JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
