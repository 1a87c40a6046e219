//! A server that plays a tracker: it holds requests against the documented rules, keeps tickets,
//! and does on demand what servers and networks do. What it has to complain about is looked at
//! when it is told to close.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use base::Timestamp;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use notify::tracker::{
    Auth, BaseUrl, Marker, Outcome, Patience, Reason, Secret, System, TicketDraft, Tracker, find,
    open,
};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::{github_rules, jira_rules};

/// The token of every test. It must turn up in the header and nowhere else.
pub(crate) const TOKEN: &str = "ghp_sampleSAMPLE0123456789";
pub(crate) const MAIL: &str = "robot@acme.example";
pub(crate) const MARKER: &str = "hereby:ops.example/log/INC-7/F2";

/// 2018-01-04T10:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_ms(1_515_060_000_000);

/// Which tracker it plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    GitHub,
    Jira,
}

/// What it does with a request instead of what is asked.
#[derive(Clone, Debug)]
pub(crate) enum Play {
    /// Opens the ticket (a look-up is just answered) and then does this with the answer.
    Then(Box<Play>),
    /// Answers.
    Answer(Reply),
    /// Ends the connection without an answer.
    Cut,
    /// Answers nothing, and keeps the connection.
    Hang,
    /// Sends the head and half a body, and ends the connection.
    CutBody,
    /// Sends the head and half a body, and keeps the connection.
    HangBody,
    /// Sends more than anybody may send.
    Endless(u16),
}

impl Play {
    pub(crate) fn after_opening(self) -> Play {
        Play::Then(Box::new(self))
    }

    pub(crate) fn status(status: u16, body: &str) -> Play {
        Play::Answer(Reply::new(status, body))
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn new(status: u16, body: &str) -> Reply {
        Reply {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_owned(),
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }
}

/// A ticket.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) number: u64,
    pub(crate) title: String,
    /// GitHub: Markdown. Jira: the document's JSON.
    pub(crate) body: String,
    pub(crate) labels: Vec<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) closed: bool,
    pub(crate) is_pull_request: bool,
}

/// A request as it was heard.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: Bytes,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) kind: Kind,
    pub(crate) address: String,
    pub(crate) tickets: Vec<Made>,
    /// GitHub: the account may set labels; without, they are dropped without a word.
    pub(crate) may_label: bool,
    /// Jira: what was opened is not in the index yet.
    pub(crate) index_lags: bool,
    pub(crate) now: Timestamp,
    pub(crate) on_look: VecDeque<Play>,
    pub(crate) on_create: VecDeque<Play>,
    pub(crate) looks: usize,
    pub(crate) creations: usize,
    pub(crate) wrong: Vec<String>,
    /// Headers that every look-up must have.
    pub(crate) authorization: String,
    /// What GitHub's link to the next page begins with, if not with this server.
    pub(crate) next_at: Option<String>,
}

pub(crate) struct House {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl House {
    pub(crate) async fn new(kind: Kind) -> House {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            kind,
            address: address.to_string(),
            tickets: Vec::new(),
            may_label: true,
            index_lags: false,
            now: NOW,
            on_look: VecDeque::new(),
            on_create: VecDeque::new(),
            looks: 0,
            creations: 0,
            wrong: Vec::new(),
            authorization: authorization(kind).to_owned(),
            next_at: None,
        }));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(|request| {
                        let state = Arc::clone(&state);
                        async move { answer(&state, request).await }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        House {
            address,
            state,
            task,
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Changes what it does from now on.
    pub(crate) fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
    }

    /// The tracker at this house, or at what stands before it.
    pub(crate) fn tracker_at(&self, address: SocketAddr) -> Tracker {
        let kind = self.state().kind;
        tracker(kind, &base(kind, address))
    }

    pub(crate) fn tracker(&self) -> Tracker {
        self.tracker_at(self.address)
    }

    /// How many tickets have our marker.
    pub(crate) fn ours(&self) -> usize {
        let has = |made: &&Made| made.body.contains(MARKER) && !made.is_pull_request;
        self.state().tickets.iter().filter(has).count()
    }

    /// Looks and creations heard.
    pub(crate) fn heard(&self) -> (usize, usize) {
        let state = self.state();
        (state.looks, state.creations)
    }

    /// Ends it. Every rule that was broken is told.
    pub(crate) fn close(self) {
        self.task.abort();
        let wrong = std::mem::take(&mut self.state().wrong);
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

fn authorization(kind: Kind) -> &'static str {
    match kind {
        Kind::GitHub => "Bearer ghp_sampleSAMPLE0123456789",
        // coreutils' base64 of MAIL:TOKEN.
        Kind::Jira => "Basic cm9ib3RAYWNtZS5leGFtcGxlOmdocF9zYW1wbGVTQU1QTEUwMTIzNDU2Nzg5",
    }
}

pub(crate) fn base(kind: Kind, address: SocketAddr) -> BaseUrl {
    let path = match kind {
        Kind::GitHub => "/api/v3",
        Kind::Jira => "",
    };
    format!("http://{address}{path}").parse().unwrap()
}

pub(crate) fn tls() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

pub(crate) fn tracker(kind: Kind, base: &BaseUrl) -> Tracker {
    let token: Secret = TOKEN.parse().unwrap();
    let (system, auth) = match kind {
        Kind::GitHub => {
            let repository = "acme/shop".parse().unwrap();
            (System::GitHub { repository }, Auth::Bearer(token))
        }
        Kind::Jira => {
            let system = System::Jira {
                project: "OPS".parse().unwrap(),
                issue_type: "Task".parse().unwrap(),
                site: None,
            };
            let user = MAIL.parse().unwrap();
            (system, Auth::Basic { user, token })
        }
    };
    Tracker::new(system, base.clone(), auth, &tls())
        .unwrap()
        .with_patience(Patience {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(5),
            look: Duration::from_secs(20),
        })
}

/// Runs all at the same time: some of them are about waiting.
pub(crate) async fn together(
    tests: impl Iterator<Item = impl Future<Output = ()> + Send + 'static>,
) {
    let tests: tokio::task::JoinSet<()> = tests.collect();
    tests.join_all().await;
}

/// A tracker that waits a moment only, for servers that hang.
pub(crate) fn hasty(tracker: Tracker) -> Tracker {
    tracker.with_patience(Patience {
        connect: Duration::from_secs(2),
        answer: Duration::from_secs(2),
        look: Duration::from_secs(20),
    })
}

pub(crate) fn draft() -> TicketDraft {
    TicketDraft {
        marker: marker(),
        title: "Rotate the keys of \"web-3\" — überall".parse().unwrap(),
        body: "From INC-7:\n\nKeys lay in root's crontab.\n\t1. rotate\n\t2. <check> & \\tell"
            .parse()
            .unwrap(),
        since: NOW,
        unknown_at: None,
    }
}

pub(crate) fn marker() -> Marker {
    MARKER.parse().unwrap()
}

/// Opens the draft's ticket at [`NOW`].
pub(crate) async fn opened(tracker: &Tracker) -> Outcome {
    open(tracker, &draft(), NOW).await
}

/// Tries again, so long after an unknown outcome at [`NOW`].
pub(crate) async fn again(tracker: &Tracker, after: Duration) -> Outcome {
    let draft = TicketDraft {
        unknown_at: Some(NOW),
        ..draft()
    };
    let later = NOW.plus_ms(i64::try_from(after.as_millis()).unwrap());
    open(tracker, &draft, later).await
}

pub(crate) async fn found(
    tracker: &Tracker,
) -> Result<Option<notify::tracker::Ticket>, notify::tracker::Refusal> {
    find(tracker, &marker(), NOW, NOW).await
}

/// What comes of a request to open a ticket that is answered with this.
pub(crate) struct Expected {
    pub(crate) reason: Reason,
    /// In what happened.
    pub(crate) said: &'static str,
    /// In what to do next.
    pub(crate) next: &'static str,
}

/// Answers a request to open a ticket with each reply, and looks at what is made of it.
pub(crate) async fn explained(kind: Kind, cases: Vec<(Reply, Expected)>) {
    for (reply, expected) in cases {
        let house = House::new(kind).await;
        house.set(|state| state.on_create.push_back(Play::Answer(reply)));
        let Outcome::Refused(why) = opened(&house.tracker()).await else {
            panic!("not refused");
        };
        assert_eq!(why.reason, expected.reason, "{why:?}");
        assert!(why.what.contains(expected.said), "{why:?}");
        assert!(why.next.contains(expected.next), "{why:?}");
        assert_eq!(house.ours(), 0);
        house.close();
    }
}

async fn answer(
    state: &Mutex<State>,
    request: Request<Incoming>,
) -> Result<Response<Sent>, io::Error> {
    let (head, body) = request.into_parts();
    // A request that does not arrive whole does nothing.
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let heard = Heard {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().map(str::to_owned),
        headers: head.headers,
        body,
    };
    let (reply, play) = {
        let mut state = state.lock().unwrap();
        take(&mut state, &heard)
    };
    let reply = match play {
        None => reply,
        Some(Play::Answer(reply)) => reply,
        Some(Play::Cut) => return Err(io::ErrorKind::ConnectionReset.into()),
        Some(Play::Hang) => std::future::pending().await,
        Some(Play::CutBody) => return Ok(respond(&reply, End::Break)),
        Some(Play::HangBody) => return Ok(respond(&reply, End::Hang)),
        Some(Play::Endless(status)) => {
            return Ok(respond(&Reply::new(status, "[{}],"), End::Never));
        }
        Some(Play::Then(_)) => unreachable!("taken apart in take"),
    };
    Ok(respond(&reply, End::Whole))
}

/// What the request leads to by the rules, and what is done instead of answering with that.
fn take(state: &mut State, heard: &Heard) -> (Reply, Option<Play>) {
    let creates = match state.kind {
        Kind::GitHub => heard.method == "POST",
        Kind::Jira => !heard.path.ends_with("/search/jql"),
    };
    let play = if creates {
        state.creations += 1;
        state.on_create.pop_front()
    } else {
        state.looks += 1;
        state.on_look.pop_front()
    };
    check_any(state, heard);
    let instead = match play {
        None => None,
        Some(Play::Then(then)) => Some(*then),
        Some(play) => {
            // The rules are held against the request all the same, on a copy.
            let mut aside = State {
                tickets: state.tickets.clone(),
                wrong: Vec::new(),
                on_look: VecDeque::new(),
                on_create: VecDeque::new(),
                address: state.address.clone(),
                authorization: state.authorization.clone(),
                next_at: state.next_at.clone(),
                ..*state
            };
            let reply = by_the_rules(&mut aside, heard);
            state.wrong.append(&mut aside.wrong);
            return (reply, Some(play));
        }
    };
    (by_the_rules(state, heard), instead)
}

fn by_the_rules(state: &mut State, heard: &Heard) -> Reply {
    match state.kind {
        Kind::GitHub => github_rules::answer(state, heard),
        Kind::Jira => jira_rules::answer(state, heard),
    }
}

/// What holds for every request.
fn check_any(state: &mut State, heard: &Heard) {
    let mut wrong = Vec::new();
    let one = |name: &str| {
        let mut values = heard.headers.get_all(name).iter();
        let first = values
            .next()
            .map(|value| value.to_str().unwrap().to_owned());
        (first, values.next().is_some())
    };
    for name in ["host", "user-agent", "authorization", "accept"] {
        if !matches!(one(name), (Some(_), false)) {
            wrong.push(format!("not one {name}: {heard:?}"));
        }
    }
    let (authorization, _) = one("authorization");
    if authorization.as_deref() != Some(&state.authorization) {
        wrong.push(format!("authorization: {authorization:?}"));
    }
    let (agent, _) = one("user-agent");
    if !agent.is_some_and(|agent| agent.starts_with("hereby/")) {
        wrong.push("user-agent".to_owned());
    }
    let rest = format!("{} {:?} {:?}", heard.path, heard.query, heard.body);
    if rest.contains(TOKEN) || rest.contains("cm9ib3RA") {
        wrong.push(format!("the token is outside its header: {rest}"));
    }
    for forbidden in ["cookie", "referer", "proxy-authorization"] {
        if heard.headers.contains_key(forbidden) {
            wrong.push(forbidden.to_owned());
        }
    }
    state.wrong.append(&mut wrong);
}

/// The body as an object whose members are all among these.
pub(crate) fn object<'a>(
    value: &'a Value,
    allowed: &[&str],
) -> Result<&'a serde_json::Map<String, Value>, String> {
    let object = value.as_object().ok_or(format!("no object: {value}"))?;
    match object.keys().find(|key| !allowed.contains(&key.as_str())) {
        Some(key) => Err(format!("`{key}` is unknown")),
        None => Ok(object),
    }
}

fn respond(reply: &Reply, end: End) -> Response<Sent> {
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    let whole = Bytes::from(reply.body.clone());
    let length = whole.len() as u64;
    let start = match end {
        End::Break | End::Hang => whole.slice(..whole.len() / 2),
        End::Whole | End::Never => whole,
    };
    let body = Sent {
        next: Some(start),
        end,
        length,
    };
    response.body(body).unwrap()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    Break,
    Hang,
    Never,
}

/// A body that ends as told.
struct Sent {
    next: Option<Bytes>,
    end: End,
    length: u64,
}

impl Body for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(part) = self.next.take() {
            return Poll::Ready(Some(Ok(Frame::data(part))));
        }
        match self.end {
            End::Whole => Poll::Ready(None),
            End::Break => Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
            End::Hang => Poll::Pending,
            End::Never => Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b' '; 65_536]))))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self.end {
            End::Never => SizeHint::default(),
            _ => SizeHint::with_exact(self.length),
        }
    }
}
