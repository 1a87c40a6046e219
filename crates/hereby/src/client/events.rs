//! Follows what happens: server-sent events (WHATWG HTML §9.2), taken up where they broke.
//!
//! The reader is a small machine over bytes, apart from the connection, so that it is tested on
//! bytes cut anywhere. It reads what hereby sends: `retry` is ignored, `id` is an index.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};

use super::{Ask, Client, Trouble, refused_reading};
use crate::exit::{Exit, Failure};

/// The longest line: an act in JSON with its opened text, and room.
const LINE_BYTES_MAX: usize = 256 * 1024;

/// hereby sends a comment every 15 s; after three missed ones the connection is taken for dead.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// The longest pause before connecting anew.
const PAUSE_MAX: Duration = Duration::from_secs(8);

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// The index of the act it is about.
    pub(crate) index: Option<u64>,
    /// What it says, as JSON.
    pub(crate) data: String,
}

/// Turns bytes into events.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    /// The last byte was a carriage return: a line feed behind it belongs to it.
    after_return: bool,
    index: Option<u64>,
    data: String,
}

/// More than a line holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Parser {
    /// Takes bytes, cut anywhere, and gives the events that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        for byte in bytes {
            let pair = self.after_return && *byte == b'\n';
            self.after_return = *byte == b'\r';
            match byte {
                _ if pair => {}
                b'\n' | b'\r' => events.extend(self.end_of_line()),
                _ if self.line.len() + self.data.len() >= LINE_BYTES_MAX => return Err(TooLong),
                other => self.line.push(*other),
            }
        }
        Ok(events)
    }

    fn end_of_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            let index = self.index.take();
            let data = data.strip_suffix('\n').map(str::to_owned);
            return data.map(|data| Event { index, data });
        }
        let line = String::from_utf8_lossy(&line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" => self.index = value.parse().ok(),
            // Comments have no field name; the kind stands in the data as well.
            _ => {}
        }
        None
    }
}

/// Events from an index on, for ever.
pub(crate) struct Events<'a> {
    client: &'a Client,
    path: String,
    last: Option<u64>,
    body: Option<Incoming>,
    parser: Parser,
    waiting: std::collections::VecDeque<Event>,
    pause: Duration,
}

impl Client {
    /// What happens at this path of the API; `last` is the index of the last act already seen.
    ///
    /// # Errors
    /// When hereby can't be reached now, or says no: a connection that is lost later is made anew.
    pub(crate) async fn follow(
        &self,
        path: String,
        last: Option<u64>,
    ) -> Result<Events<'_>, Failure> {
        let mut events = Events {
            client: self,
            path,
            last,
            body: None,
            parser: Parser::default(),
            waiting: std::collections::VecDeque::new(),
            pause: self.patience.stream,
        };
        events.connect().await.map_err(|stop| match stop {
            Stop::Refused(failure) => failure,
            Stop::Trouble(trouble) => self.unreachable(&trouble),
        })?;
        Ok(events)
    }
}

/// Why there is no connection.
enum Stop {
    /// hereby said no; asking again changes nothing.
    Refused(Failure),
    /// It may work in a moment.
    Trouble(Trouble),
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Something happened.
    Event(Event),
    /// The connection broke for this reason; [`Events::next`] makes another one.
    Lost(String),
    /// It is there again.
    Again,
}

impl Events<'_> {
    /// The next event, or what became of the connection.
    ///
    /// # Errors
    /// When hereby says no to a new connection.
    pub(crate) async fn next(&mut self) -> Result<Next, Failure> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                self.last = event.index.or(self.last);
                return Ok(Next::Event(event));
            }
            if self.body.is_none() {
                tokio::time::sleep(self.pause).await;
                self.pause = (self.pause * 2).min(PAUSE_MAX);
                match self.connect().await {
                    Ok(()) => return Ok(Next::Again),
                    Err(Stop::Refused(failure)) => return Err(failure),
                    Err(Stop::Trouble(_)) => continue,
                }
            }
            match self.chunk().await {
                Ok(bytes) => {
                    // What is read proves the connection good: the next loss starts afresh.
                    self.pause = self.client.patience.stream;
                    let events = self.parser.push(&bytes).map_err(|TooLong| {
                        Failure::new(Exit::Internal, "an event is longer than any act can be")
                    })?;
                    self.waiting.extend(events);
                }
                Err(why) => {
                    self.body = None;
                    return Ok(Next::Lost(why));
                }
            }
        }
    }

    async fn chunk(&mut self) -> Result<Bytes, String> {
        let Some(body) = &mut self.body else {
            return Err("there is no connection".to_owned());
        };
        match tokio::time::timeout(SILENCE_MAX, body.frame()).await {
            Err(_) => Err(format!("nothing came for {} s", SILENCE_MAX.as_secs())),
            Ok(None) => Err("hereby ended it".to_owned()),
            Ok(Some(Err(error))) => Err(error.to_string()),
            Ok(Some(Ok(frame))) => Ok(frame.into_data().unwrap_or_default()),
        }
    }

    async fn connect(&mut self) -> Result<(), Stop> {
        let mut ask = Ask::get(&self.path);
        ask.headers.push((
            header::ACCEPT,
            HeaderValue::from_static("text/event-stream"),
        ));
        if let Some(last) = self.last {
            ask.headers.push((
                HeaderName::from_static("last-event-id"),
                HeaderValue::from(last),
            ));
        }
        let opening = tokio::time::timeout(super::ANSWER_TIME, self.client.open(&ask));
        let response = match opening.await {
            Ok(opened) => opened.map_err(Stop::Trouble)?,
            Err(_) => return Err(Stop::Trouble(Trouble::Lost("no answer in time".to_owned()))),
        };
        let status = response.status();
        if status.is_success() {
            self.parser = Parser::default();
            self.body = Some(response.into_body());
            return Ok(());
        }
        if status.is_server_error() {
            return Err(Stop::Trouble(Trouble::Lost(format!(
                "it answered {status}"
            ))));
        }
        let body = http_body_util::Limited::new(response.into_body(), LINE_BYTES_MAX)
            .collect()
            .await;
        let body = body
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        let problem = serde_json::from_slice(&body).unwrap_or_default();
        Err(Stop::Refused(refused_reading(status, &problem)))
    }
}
