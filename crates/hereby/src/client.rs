//! Asks a hereby over HTTP/1.1: on this machine through its socket, elsewhere with a token.
//!
//! One request a connection; what an answer means for a command is decided in [`submit`]. It
//! follows no redirect, uses no proxy and keeps no cookies.

use std::fmt;
use std::time::Duration;

use base::Timestamp;
use bytes::Bytes;
use exchange::chain;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::cli::Globals;
use crate::exit::{Exit, Failure};

mod connect;
mod events;
mod secret;
mod submit;
mod tls;

pub(crate) use events::{Event, Next};
pub(crate) use secret::Secret;
pub(crate) use submit::{Done, Sending, Via, quoted};
pub(crate) use tls::{Pin, trusted};

use connect::Target;

/// The longest answer that is read, in bytes: a thousand of the longest acts.
const ANSWER_BYTES_MAX: usize = 80 * 1024 * 1024;

/// How long an answer may take. hereby itself answers a command within 10 s.
const ANSWER_TIME: Duration = Duration::from_secs(20);

/// A hereby to ask.
#[derive(Clone)]
pub(crate) struct Client {
    target: Target,
    token: Option<Secret>,
    patience: Patience,
}

/// How long it is tried again.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// The pauses before each retry of a command.
    pauses: [Duration; 3],
    /// How long after the first sending the last retry begins.
    budget: Duration,
    /// The pauses before each retry of a reading.
    reading: [Duration; 2],
    /// The first pause before a lost stream of events is taken up; doubled each time.
    stream: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            pauses: [200, 800, 3_000].map(Duration::from_millis),
            budget: Duration::from_secs(10),
            reading: [300, 700].map(Duration::from_millis),
            stream: Duration::from_millis(500),
        }
    }
}

/// An answer, whatever it says.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// No connection was made: nothing was sent.
    Unsent(std::io::Error),
    /// The connection broke, or no whole answer came in time: what was sent may have been taken.
    Lost(String),
}

/// What a refusal or an unknown outcome says of itself (RFC 9457 problem details).
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Problem {
    pub(crate) title: Option<String>,
    pub(crate) detail: Option<String>,
    pub(crate) outcome: Option<String>,
    pub(crate) reason: Option<String>,
}

/// A request that can be sent again.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    /// Path and query, percent-encoded.
    pub(crate) path: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

impl Ask {
    /// Reads something.
    pub(crate) fn get(path: impl Into<String>) -> Ask {
        Ask {
            method: Method::GET,
            path: path.into(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// Sends a body of this type.
    pub(crate) fn with_body(
        method: Method,
        path: impl Into<String>,
        media_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Ask {
        let headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static(media_type))];
        Ask {
            method,
            path: path.into(),
            headers,
            body: body.into(),
        }
    }
}

impl Client {
    /// The hereby that the global options name.
    ///
    /// # Errors
    /// When they don't name one, or a file they name can't be read.
    pub(crate) fn new(globals: &Globals) -> Result<Client, Failure> {
        let (target, token) = match &globals.url {
            Some(url) => {
                let token = Secret::of_caller(globals.token_file.as_deref())?;
                (Target::remote(url, globals)?, token)
            }
            None => (Target::local(&globals.data_dir()?)?, None),
        };
        Ok(Client {
            target,
            token,
            patience: Patience::default(),
        })
    }

    /// What listens at the URL that the options name, asked without a token: a witness.
    ///
    /// # Errors
    /// When the URL is not one.
    pub(crate) fn without_token(globals: &Globals) -> Result<Client, Failure> {
        let url = globals.url.as_deref().unwrap_or_default();
        let target = Target::remote(url, globals)?;
        Ok(Client {
            target,
            token: None,
            patience: Patience::default(),
        })
    }

    /// The clock that relative times are resolved with.
    pub(crate) fn now() -> Timestamp {
        Timestamp::from_ms(jiff::Timestamp::now().as_millisecond())
    }

    /// Reads a JSON answer. Reading changes nothing, so it is tried again when it breaks.
    ///
    /// # Errors
    /// What [`Client::answer`] says.
    pub(crate) async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let answer = self.answer(&Ask::get(path)).await?;
        serde_json::from_slice(&answer.body).map_err(|error| {
            Failure::new(Exit::Internal, "this build cannot read hereby's answer")
                .because(format!("GET {path}: {error}"))
                .hint("use the hereby that is as new as the one that answers")
        })
    }

    /// A successful answer to something that may be sent any number of times.
    ///
    /// # Errors
    /// When hereby can't be reached, or says no.
    pub(crate) async fn answer(&self, ask: &Ask) -> Result<Answer, Failure> {
        let mut pauses = self.patience.reading.iter();
        loop {
            let outcome = self.once(ask).await;
            let passing = match &outcome {
                Ok(answer) => answer.status == StatusCode::SERVICE_UNAVAILABLE,
                Err(trouble) => !self.target.is_absent(trouble),
            };
            if passing && let Some(pause) = pauses.next() {
                tokio::time::sleep(*pause).await;
                continue;
            }
            return match outcome {
                Ok(answer) if answer.status.is_success() => Ok(answer),
                Ok(answer) => Err(refused_reading(answer.status, &answer.problem())),
                Err(trouble) => Err(self.unreachable(&trouble)),
            };
        }
    }

    /// Sends a request once.
    pub(crate) async fn once(&self, ask: &Ask) -> Result<Answer, Trouble> {
        in_time(async { whole(self.open(ask).await?).await }).await
    }

    /// A connection that is kept from one request to the next.
    pub(crate) fn keep(&self) -> Kept {
        Kept {
            client: self.clone(),
            sender: None,
        }
    }

    /// Sends a request and gives its response as soon as its head is there.
    async fn open(&self, ask: &Ask) -> Result<Response<Incoming>, Trouble> {
        let request = self.request(ask).map_err(|error| {
            Trouble::Unsent(std::io::Error::new(std::io::ErrorKind::InvalidInput, error))
        })?;
        let mut sender = self.connect().await?;
        sender.send_request(request).await.map_err(lost)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Trouble> {
        let stream = self.target.connect().await.map_err(Trouble::Unsent)?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
        let (sender, connection) = handshake.await.map_err(lost)?;
        // Ends when the response was read or dropped; its errors reach the sender as well.
        tokio::spawn(connection);
        Ok(sender)
    }

    fn request(&self, ask: &Ask) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(&ask.path)
            .header(header::HOST, self.target.authority())
            .header(
                header::USER_AGENT,
                concat!("hereby/", env!("CARGO_PKG_VERSION")),
            );
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, token.bearer());
        }
        request.body(Full::new(ask.body.clone()))
    }

    /// What to tell a person when there was no answer to something that changes nothing.
    pub(crate) fn unreachable(&self, trouble: &Trouble) -> Failure {
        match trouble {
            Trouble::Unsent(error) => self.target.unreachable(error),
            Trouble::Lost(why) => {
                Failure::new(Exit::Unreachable, format!("{} did not answer", self.target))
                    .because(why)
                    .hint("try again; `hereby doctor` looks for what is wrong")
            }
        }
    }
}

/// A connection to one hereby, made anew when it broke.
pub(crate) struct Kept {
    client: Client,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Kept {
    /// Sends a request once.
    pub(crate) async fn once(&mut self, ask: &Ask) -> Result<Answer, Trouble> {
        let request = self.client.request(ask).map_err(|error| {
            Trouble::Unsent(std::io::Error::new(std::io::ErrorKind::InvalidInput, error))
        })?;
        let kept = self.sender.take().filter(|sender| !sender.is_closed());
        let answer = in_time(async {
            let mut sender = match kept {
                Some(sender) => sender,
                None => self.client.connect().await?,
            };
            sender.ready().await.map_err(lost)?;
            let answer = whole(sender.send_request(request).await.map_err(lost)?).await?;
            Ok((answer, sender))
        });
        let (answer, sender) = answer.await?;
        self.sender = Some(sender);
        Ok(answer)
    }
}

fn lost(error: hyper::Error) -> Trouble {
    Trouble::Lost(chain(&error))
}

/// A response with its body.
async fn whole(response: Response<Incoming>) -> Result<Answer, Trouble> {
    let status = response.status();
    let retry_after = retry_after(&response);
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await;
    let body = body
        .map_err(|error| Trouble::Lost(error.to_string()))?
        .to_bytes();
    Ok(Answer {
        status,
        retry_after,
        body,
    })
}

async fn in_time<T>(exchange: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    match tokio::time::timeout(ANSWER_TIME, exchange).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Trouble::Lost(format!(
            "no answer within {} s",
            ANSWER_TIME.as_secs()
        ))),
    }
}

impl Answer {
    /// The problem details, empty when there are none.
    pub(crate) fn problem(&self) -> Problem {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Problem {
    /// What it says, for people.
    pub(crate) fn sentence(&self, status: StatusCode) -> String {
        let said = self.detail.clone().or_else(|| self.title.clone());
        said.unwrap_or_else(|| format!("it answered {status}"))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Unsent(error) => write!(f, "{error}"),
            Trouble::Lost(why) => f.write_str(why),
        }
    }
}

/// Which exit code an answer means that is no success. 4xx says that nothing happened.
fn exit_of(status: StatusCode) -> Exit {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Exit::Unauthorised,
        status if status.is_client_error() => Exit::Refused,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE => Exit::Refused,
        _ => Exit::Internal,
    }
}

fn refused_reading(status: StatusCode, problem: &Problem) -> Failure {
    let mut failure = Failure::new(exit_of(status), problem.sentence(status));
    failure.reason.clone_from(&problem.reason);
    with_hint_for(status, failure)
}

/// What helps with a missing token. What a token lacks, hereby says itself.
fn with_hint_for(status: StatusCode, failure: Failure) -> Failure {
    match status {
        StatusCode::UNAUTHORIZED => {
            failure.hint("show a token: --token-file FILE, or HEREBY_TOKEN in the environment")
        }
        _ => failure,
    }
}

/// Seconds only: hereby sends no dates there.
fn retry_after(response: &Response<Incoming>) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    value.parse().ok().map(Duration::from_secs)
}

/// Text in a URL's query or a header: every byte but RFC 3986's unreserved ones as `%XX`.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
pub(crate) mod tests;
