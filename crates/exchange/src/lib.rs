//! One request to somebody else's server and its answer, within limits; where that server is
//! ([`BaseUrl`]), and how to show who asks ([`Auth`]).
//!
//! A connection for each request, HTTP/1.1, no proxies, no cookies, no redirects followed, nothing
//! tried again. What an answer means is decided elsewhere; this crate knows one thing that nobody
//! can know later: whether the request may have arrived.

mod base_url;
mod secret;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

pub use base_url::{BadBaseUrl, BaseUrl};
pub use secret::{Auth, BadSecret, Secret};

/// The longest head of an answer, in bytes. GitHub's has about two thousand.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// A connection, with its TLS handshake.
    pub connect: Duration,
    /// An answer, from the first byte sent to the last one read.
    pub answer: Duration,
    /// Looking for a ticket, with all its requests.
    pub look: Duration,
}

impl Default for Patience {
    /// 10 s, 20 s, 120 s. GitHub gives up on a request itself after 10 s.
    fn default() -> Patience {
        Patience {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(20),
            look: Duration::from_secs(120),
        }
    }
}

/// A server, and how to ask it.
pub struct Server {
    /// Where it is.
    pub base: BaseUrl,
    /// How to show who asks.
    pub auth: Option<Auth>,
    /// Which certificates are trusted.
    pub tls: Arc<ClientConfig>,
    /// How long things may take.
    pub patience: Patience,
}

/// A request.
#[derive(Default)]
pub struct Ask {
    /// What is asked.
    pub method: Method,
    /// Absolute path and query, percent-encoded.
    pub path: String,
    /// Headers of every such request.
    pub headers: &'static [(&'static str, &'static str)],
    /// Further headers, made for this request.
    pub more: Vec<(&'static str, String)>,
    /// JSON, of whatever media type.
    pub body: Option<Vec<u8>>,
    /// The body's media type; empty: `application/json`.
    pub media_type: &'static str,
    /// The longest answer that is read, in bytes.
    pub answer_bytes_max: usize,
}

/// An answer whose head was read.
#[derive(Debug)]
pub struct Answer {
    /// How it went, by the server's own word.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Or why the rest of it was not read.
    pub body: Result<Bytes, Unread>,
}

/// Why an answer was not read to its end.
#[derive(Debug)]
pub enum Unread {
    /// It is longer than this many bytes.
    TooLong(usize),
    /// It broke off, or took too long.
    Lost(String),
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unread::TooLong(bytes_max) => write!(f, "the answer is longer than {bytes_max} bytes"),
            Unread::Lost(why) => f.write_str(why),
        }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Trouble {
    /// Nothing of the request was sent.
    Unsent(String),
    /// The request may have arrived.
    Lost(String),
}

impl Server {
    /// What must not be in any text that goes to people.
    pub fn unspeakable(&self) -> Vec<String> {
        let auth = self.auth.as_ref();
        auth.map(Auth::unspeakable).unwrap_or_default()
    }

    /// Sends a request, once.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn ask(&self, ask: Ask) -> Result<Answer, Trouble> {
        let bytes_max = ask.answer_bytes_max;
        let request = self
            .request(ask)
            .map_err(|error| Trouble::Unsent(error.to_string()))?;
        self.send(request, bytes_max).await
    }

    /// Sends a request that somebody else made, once; its URI is an absolute path with its query.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
        answer_bytes_max: usize,
    ) -> Result<Answer, Trouble> {
        let bytes_max = answer_bytes_max;
        let cannot = |error: &dyn fmt::Display| Trouble::Unsent(error.to_string());
        let host = HeaderValue::try_from(self.base.authority()).map_err(|error| cannot(&error))?;
        let headers = request.headers_mut();
        headers.insert(header::HOST, host);
        headers.insert(
            header::USER_AGENT,
            HeaderValue::from_static(concat!("hereby/", env!("CARGO_PKG_VERSION"))),
        );
        let stream = self.connect().await.map_err(Trouble::Unsent)?;
        let deadline = Instant::now() + self.patience.answer;
        let slow = || {
            let seconds = self.patience.answer.as_secs_f32();
            format!("no whole answer came within {seconds} s")
        };
        // Held until the body was read: dropping it ends the connection.
        let (mut sender, _connection) = open(stream)
            .await
            .map_err(|error| Trouble::Unsent(chain(&error)))?;
        let response = match timeout_at(deadline, sender.try_send_request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(mut failed)) => {
                let why = chain(failed.error());
                // hyper gives a request back only if it wrote nothing of it.
                return Err(match failed.take_message() {
                    Some(_) => Trouble::Unsent(why),
                    None => Trouble::Lost(why),
                });
            }
            Err(_) => return Err(Trouble::Lost(slow())),
        };
        let (head, body) = response.into_parts();
        let body = match timeout_at(deadline, read(body, bytes_max)).await {
            Ok(body) => body,
            Err(_) => Err(Unread::Lost(slow())),
        };
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    fn request(&self, ask: Ask) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let mut request = Request::builder()
            .method(ask.method)
            .uri(ask.path)
            // A ticket opened a moment ago is what is looked for.
            .header(header::CACHE_CONTROL, "no-cache");
        if let Some(auth) = &self.auth {
            request = request.header(header::AUTHORIZATION, auth.header());
        }
        for (name, value) in ask.headers {
            request = request.header(*name, *value);
        }
        for (name, value) in ask.more {
            request = request.header(name, value);
        }
        let media_type = match ask.media_type {
            "" => "application/json",
            other => other,
        };
        let body = match ask.body {
            Some(json) => {
                request = request.header(header::CONTENT_TYPE, media_type);
                Bytes::from(json)
            }
            None => Bytes::new(),
        };
        request.body(Full::new(body))
    }

    async fn connect(&self) -> Result<Box<dyn Stream>, String> {
        let connecting = async {
            let plain = TcpStream::connect((self.base.host(), self.base.port())).await?;
            plain.set_nodelay(true)?;
            let stream: Box<dyn Stream> = match self.base.tls_name() {
                None => Box::new(plain),
                Some(name) => {
                    let connector = TlsConnector::from(Arc::clone(&self.tls));
                    Box::new(connector.connect(name.clone(), plain).await?)
                }
            };
            Ok(stream)
        };
        match timeout(self.patience.connect, connecting).await {
            Ok(outcome) => outcome.map_err(|error: io::Error| error.to_string()),
            Err(_) => {
                let seconds = self.patience.connect.as_secs_f32();
                Err(format!("no connection was made within {seconds} s"))
            }
        }
    }
}

/// Ends a connection's task when its exchange is over or given up.
struct Connection(AbortHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn open(
    stream: Box<dyn Stream>,
) -> Result<(http1::SendRequest<Full<Bytes>>, Connection), hyper::Error> {
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await?;
    // Its errors reach the sender and the body as well.
    let task = tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok((sender, Connection(task.abort_handle())))
}

async fn read(body: Incoming, bytes_max: usize) -> Result<Bytes, Unread> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Unread::TooLong(bytes_max))
        }
        Err(error) => Err(Unread::Lost(format!("the answer broke off: {error}"))),
    }
}

/// An error with what caused it, for people: many libraries' own texts leave the cause out.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// A stream of either kind.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
