//! Live events: `GET /api/v1/events` sends every act as it becomes readable, as server-sent events
//! (WHATWG HTML, section 9.2). Who falls behind is cut after a while and resumes by
//! `Last-Event-ID`; nothing is skipped. Who may listen is asked again all the while: a stream ends
//! with its token.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use base::IncidentId;
use bytes::Bytes;
use engine::ports::Entries;
use futures_util::stream;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response};
use record::kinds::access::Scope;
use serde::Deserialize;
use tokio::sync::mpsc::{self, Sender};

use crate::auth::Caller;
use crate::call::Call;
use crate::problem::Problem;
use crate::rates::Class;
use crate::read::{entries_from, of_incident, optional};
use crate::render;
use crate::reply::{Answer, Endless};
use crate::route::{Access, Form, Gives, Parameter, Route, Takes};
use crate::sight::Sight;
use crate::site::{Site, stopped};

const EVENT_STREAM: &str = "text/event-stream";

/// What a token must be good for to listen.
const NEEDED: &[Scope] = &[Scope::Read];

/// How many acts are read at once.
const PAGE: usize = 128;

/// How many pieces of text wait for a listener before it counts as slow.
const WAITING_MAX: usize = 8;

/// Acts that come within this time are sent together.
const GATHER: Duration = Duration::from_millis(20);

/// A client that lost its connection tries again after so many milliseconds.
const GREETING: &str = ": hereby\nretry: 2000\n\n";

pub(crate) fn routes() -> Vec<Route> {
    vec![Route {
        method: Method::GET,
        path: "/api/v1/events".to_owned(),
        access: Access::Scopes(NEEDED),
        class: Class::Read,
        takes: Takes::Nothing,
        parts: vec![],
        query: vec![
            optional(
                "after",
                Form::Index,
                "The index behind which to begin; else: from now on",
            ),
            optional(
                "incident",
                Form::Pattern("^INC-[1-9][0-9]{0,9}$"),
                "Only acts on this one",
            ),
        ],
        headers: vec![Parameter {
            name: "Last-Event-ID",
            form: Form::Pattern("^[0-9]{1,16}$"),
            required: false,
            says: "Like `after`, and stronger: browsers send it when they reconnect",
        }],
        summary: "Sends acts as they happen, as server-sent events".to_owned(),
        gives: Gives::other(
            EVENT_STREAM,
            "`id`: the act's index; `event`: its kind; `data`: `{\"index\",\"act\"}`",
        ),
        fails: &[],
        handler: |call| Box::pin(events(call)),
    }]
}

async fn events(call: Call) -> Answer {
    let incident: Option<IncidentId> = call.query_as("incident")?;
    if let Some(id) = incident {
        let sight = call.caller.sight();
        // One that is yet to be declared can be waited for.
        let known = call.site.engine().view().read(|state| {
            let exists = state.incidents.summary(id).is_some();
            !exists || sight.sees(state, id)
        });
        if !known {
            sight.must_see(&call.site, id)?;
        }
    }
    let after = call.query_as::<u64>("after")?;
    let after = call.header_as::<u64>("Last-Event-ID")?.or(after);
    let size = call.site.engine().view().head().size;
    let next = after.map_or(size, |after| after.saturating_add(1));
    if next > size {
        let detail = format!(
            "the record has {size} acts: there is none at index {}",
            next - 1
        );
        return Err(Problem::bad_request(detail));
    }
    let place = call.site.event_streams.clone().try_acquire_owned();
    let place = place.map_err(|_| Problem::overloaded("too many listen to live events", 5))?;
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let listener = Listener {
        site: call.site,
        caller: call.caller,
    };
    let feed = Feed {
        site: listener.site.clone(),
        listener: listener.clone(),
        next,
        incident,
    };
    tokio::spawn(async move {
        let _place = place;
        feed.run(&sender).await;
    });
    let pieces = stream::unfold((receiver, listener), |(mut receiver, listener)| async {
        let piece: Bytes = receiver.recv().await?;
        // Asked once more here: since the piece was made the token may have been revoked, and the
        // piece may hold what happened after that.
        listener.sight()?;
        Some((
            Ok::<_, std::convert::Infallible>(piece),
            (receiver, listener),
        ))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    response.extensions_mut().insert(Endless);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Who listens.
#[derive(Clone)]
struct Listener {
    site: Arc<Site>,
    /// As they were when they asked.
    caller: Caller,
}

impl Listener {
    /// What they see now; `None`: they may listen no more.
    fn sight(&self) -> Option<Sight> {
        let caller = self.caller.still(self.site.engine()).ok()?;
        caller.require(NEEDED).ok()?;
        Some(caller.sight())
    }
}

/// What one listener is sent.
struct Feed {
    site: Arc<Site>,
    listener: Listener,
    /// The index of the next act to look at.
    next: u64,
    incident: Option<IncidentId>,
}

impl Feed {
    /// Sends until the listener is gone, slow or no longer allowed to listen, or the server stops.
    async fn run(mut self, sender: &Sender<Bytes>) {
        if !self.send(sender, GREETING.into()).await {
            return;
        }
        loop {
            let Some(sight) = self.listener.sight() else {
                return;
            };
            let (from, incident) = (self.next, self.incident);
            let page = self
                .site
                .blocking(move |site| page(site, from, incident, &sight))
                .await;
            match page {
                Ok((text, next)) => {
                    self.next = next;
                    if !text.is_empty() && !self.send(sender, text).await {
                        return;
                    }
                }
                Err(problem) if problem.reason == "overloaded" => {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
                Err(problem) => {
                    tracing::warn!(reason = problem.reason, "a stream of events ends early");
                    return;
                }
            }
            if !self.wait(sender).await {
                return;
            }
        }
    }

    /// Waits for the next act; says whether to go on.
    async fn wait(&self, sender: &Sender<Bytes>) -> bool {
        let mut heads = self.site.engine().view().heads();
        let mut stopping = self.site.stopping.clone();
        loop {
            tokio::select! {
                moved = async { heads.wait_for(|head| head.size > self.next).await.is_ok() } => {
                    if moved {
                        tokio::time::sleep(GATHER).await;
                    }
                    return moved;
                }
                () = tokio::time::sleep(self.site.limits().event_heartbeat) => {
                    if self.listener.sight().is_none() {
                        return false;
                    }
                    if !self.send(sender, ":\n\n".into()).await {
                        return false;
                    }
                }
                () = sender.closed() => return false,
                () = stopped(&mut stopping) => return false,
            }
        }
    }

    /// Hands a piece of text on; says whether the listener took it in time.
    async fn send(&self, sender: &Sender<Bytes>, text: String) -> bool {
        let patience = self.site.limits().write_stall_max;
        let sent = sender.send_timeout(text.into(), patience).await;
        if let Err(mpsc::error::SendTimeoutError::Timeout(_)) = sent {
            self.site.metrics.closed("slow_listener");
        }
        sent.is_ok()
    }
}

/// The next acts as text, and where to go on.
fn page(
    site: &Site,
    from: u64,
    incident: Option<IncidentId>,
    sight: &Sight,
) -> Result<(String, u64), Problem> {
    // Only what the state includes: whoever hears of an act can read what it led to.
    let size = site.engine().view().head().size;
    let entries: &dyn Entries = site.engine().entries().as_ref();
    let mut next = size;
    let found = match incident {
        None => {
            let (mut found, _) = entries_from(entries, from, PAGE)?;
            found.retain(|(index, _)| *index < size);
            next = found.last().map_or(from, |(index, _)| index + 1);
            found
        }
        Some(incident) => {
            let mut found = Vec::new();
            let indexes = of_incident(site, incident, from, PAGE)?;
            if let (PAGE, Some(last)) = (indexes.len(), indexes.last()) {
                next = last + 1;
            }
            for index in indexes.into_iter().filter(|index| *index < size) {
                found.extend(entries.entry(index)?.map(|entry| (index, entry)));
            }
            found
        }
    };
    let mut text = String::new();
    for (index, entry) in found {
        if sight.sees_entry(site, &entry) {
            write(site, &mut text, index, &entry, sight.open)?;
        }
    }
    Ok((text, next.min(size).max(from)))
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
}

/// One event. Canonical JSON has no line feeds, so an act is one line.
fn write(
    site: &Site,
    out: &mut String,
    index: u64,
    entry: &[u8],
    open: bool,
) -> Result<(), Problem> {
    use std::fmt::Write as _;
    let act = render::act(site, entry, open)?;
    let kind: Kind<'_> = serde_json::from_slice(entry)
        .map_err(|error| Problem::internal("an act can't be read", &error))?;
    let kind: String = kind.kind.chars().filter(|c| !c.is_control()).collect();
    let event = format_args!(
        "id: {index}\nevent: {kind}\ndata: {{\"index\":{index},\"act\":{}}}\n\n",
        act.get()
    );
    out.write_fmt(event)
        .map_err(|error| Problem::internal("an act can't be written", &error))
}
