//! What an open page hears: that something happened. It then asks for itself again, so that what is
//! shown is written in one place. A stream says nothing but an act's place on the record.
//!
//! One line for each batch of acts, not for each act: a page needs no more. A stream ends with its
//! session, and a page that is not looked at keeps none.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use base::IncidentId;
use bytes::Bytes;
use engine::{Transport, View};
use futures_util::stream;
use hyper::Response;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use tokio::sync::OwnedSemaphorePermit;

use super::visit::Visit;
use super::{Page, page};
use crate::auth::Caller;
use crate::problem::Problem;
use crate::reply::{Answer, Endless};
use crate::site::{Site, stopped};

/// A page that lost its stream asks again after so many milliseconds.
const GREETING: &str = "retry: 2000\n\n";

/// Nothing happened, and the stream is there: a script hears events and no comments.
const BEAT: &str = "event: beat\ndata:\n\n";

/// Acts that come within this time are told together.
const GATHER: Duration = Duration::from_millis(30);

pub(super) fn pages() -> Vec<Page> {
    vec![page("/live", |visit| Box::pin(live(visit)))]
}

async fn live(visit: Visit) -> Answer {
    let incident: Option<IncidentId> = visit.query_as("incident")?;
    if let Some(id) = incident {
        visit.sight().must_see(&visit.site, id)?;
    }
    let place = visit.site.event_streams.clone().try_acquire_owned();
    let place = place.map_err(|_| Problem::overloaded("too many pages are open", 5))?;
    let seen = visit.query_as("seen")?.unwrap_or(0);
    let listener = Listener {
        site: visit.site.clone(),
        caller: visit.caller.clone(),
        incident,
        seen,
        greeted: false,
        _place: place,
    };
    let pieces = stream::unfold(listener, |mut listener| async {
        let piece = listener.next().await?;
        Some((Ok::<_, std::convert::Infallible>(piece), listener))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    response.extensions_mut().insert(Endless);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// One open page.
struct Listener {
    site: Arc<Site>,
    caller: Caller,
    incident: Option<IncidentId>,
    /// How many acts the page shows: those of its incident, or all.
    seen: u64,
    greeted: bool,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    /// The next piece; `None`: the session is over, or the server stops.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.greeted {
            self.greeted = true;
            return Some(Bytes::from_static(GREETING.as_bytes()));
        }
        let site = self.site.clone();
        let mut heads = site.engine().view().heads();
        let mut stopping = site.stopping.clone();
        let mut heartbeat = tokio::time::interval(site.limits().event_heartbeat);
        heartbeat.tick().await;
        loop {
            self.caller.still(site.engine()).ok()?;
            if self.is_idle() {
                return None;
            }
            let head = heads.borrow_and_update().size;
            let there = self.there(site.engine().view());
            if there > self.seen {
                self.seen = there;
                return Some(Bytes::from(format!("id: {head}\ndata: {there}\n\n")));
            }
            tokio::select! {
                changed = heads.changed() => {
                    changed.ok()?;
                    tokio::time::sleep(GATHER).await;
                }
                _ = heartbeat.tick() => return Some(Bytes::from_static(BEAT.as_bytes())),
                () = stopped(&mut stopping) => return None,
            }
        }
    }

    /// Whether whoever looks at the page has not used it for too long: following is no use of it.
    fn is_idle(&self) -> bool {
        let Some(Transport::Session(id)) = &self.caller.transport else {
            return false;
        };
        let now = self.site.engine().now();
        let session = self.site.engine().view().read(|state| {
            let session = state.access.valid_session(id, now);
            session.cloned().ok()
        });
        session.is_none_or(|session| self.site.presence.is_idle(id, &session, now))
    }

    /// How many acts there are now of what the page shows.
    fn there(&self, view: &View) -> u64 {
        match self.incident {
            None => view.head().size,
            Some(id) => view.read(|state| {
                let summary = state.incidents.summary(id);
                summary.map_or(0, |summary| summary.acts)
            }),
        }
    }
}
