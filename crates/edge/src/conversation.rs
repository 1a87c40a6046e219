//! What a connection's bytes and its requests tell each other. One connection is served by one
//! thread; the atomics are for the types' sake (HTTP/2 wants its stream to be movable), and never
//! contended.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

use policy::config::Connection;
use policy::{Moment, Reason};
use tokio::sync::Notify;

use crate::clock;
use crate::upstream::lock;

/// The state of one connection, between its bytes and its requests.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    /// Requests that were begun.
    requests: AtomicU64,
    /// Why the bytes of the requests in progress were refused, plus 1; 0: they were not.
    refused: AtomicU32,
    /// Whether a request was counted as refused for it.
    told: AtomicBool,
    /// Requests in progress.
    active: AtomicU32,
    /// A part of a head has come.
    listening: AtomicBool,
    /// When the last request ended, or the connection began.
    rested: AtomicU64,
    /// Whether the next answer is the last one here.
    closing: AtomicBool,
    /// After this answer nothing is heard for so many milliseconds.
    pause_ms: AtomicU64,
    /// Over HTTP/2: the piece of each answer that was given last, if no other was asked for since.
    given: Mutex<BTreeMap<u32, Given>>,
    /// Over HTTP/2: no other request is to be begun here.
    pub(crate) enough: Notify,
}

/// A piece of an answer that the client has not taken, as far as is known.
#[derive(Debug)]
struct Given {
    size: usize,
    /// It should be by then.
    due: Moment,
}

impl Conversation {
    pub(crate) fn new() -> Conversation {
        let conversation = Conversation::default();
        conversation.rested.store(clock::now().0, Relaxed);
        conversation
    }

    /// The bytes of the requests in progress were refused, or the answers were taken too slowly.
    pub(crate) fn refuse_body(&self, reason: Reason) {
        self.refused.store(reason as u32 + 1, Relaxed);
    }

    /// Why the body of the request in progress was refused, if it was.
    pub(crate) fn body_refused(&self) -> Option<Reason> {
        let index = self.refused.load(Relaxed).checked_sub(1)?;
        self.told.store(true, Relaxed);
        Reason::ALL.get(usize::try_from(index).ok()?).copied()
    }

    /// Why the connection was ended, if no request was counted for it.
    pub(crate) fn untold(&self) -> Option<Reason> {
        let told = self.told.load(Relaxed);
        (!told).then(|| self.body_refused()).flatten()
    }

    /// A request is being heard.
    pub(crate) fn listen(&self) {
        self.listening.store(true, Relaxed);
    }

    /// A request begins.
    pub(crate) fn begin(&self) {
        self.active.fetch_add(1, Relaxed);
        self.requests.fetch_add(1, Relaxed);
        self.listening.store(false, Relaxed);
    }

    /// A request has ended, answer and all.
    pub(crate) fn end(&self) {
        self.rested.store(clock::now().0, Relaxed);
        self.active.fetch_sub(1, Relaxed);
    }

    /// When the last request ended, or the connection began.
    pub(crate) fn rested(&self) -> Moment {
        Moment(self.rested.load(Relaxed))
    }

    /// Since when there is nothing to do; none while there is.
    pub(crate) fn idle_since(&self) -> Option<Moment> {
        let rests = self.active.load(Relaxed) == 0 && !self.listening.load(Relaxed);
        rests.then(|| self.rested())
    }

    /// How many requests were begun.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// A piece of this request's answer goes to HTTP/2, which asks for another when the client has
    /// made room. By when that is due follows from all that waits on this connection.
    pub(crate) fn given(&self, request: u32, size: usize, limits: &Connection) {
        let mut given = lock(&self.given);
        let waiting: usize = given.values().map(|one| one.size).sum();
        let waiting = (waiting + size) as u64;
        let time_ms = waiting.saturating_mul(1_000) / limits.body_bytes_per_s_min.max(1);
        let due = clock::now().plus_ms(limits.idle_ms.saturating_add(time_ms));
        given.insert(request, Given { size, due });
    }

    /// It was taken.
    pub(crate) fn taken(&self, request: u32) {
        lock(&self.given).remove(&request);
    }

    /// Whether something was not taken in its time.
    pub(crate) fn is_untaken(&self) -> bool {
        let now = clock::now();
        lock(&self.given).values().any(|one| one.due <= now)
    }

    /// There is too much to do, and who asked is told to come again in a second. The likelier the next
    /// request is refused as well, the longer it is not heard: to refuse costs something too. HTTP/2 is heard
    /// all the same: there a pause would be everybody's who shares the connection.
    pub(crate) fn pause(&self, ms: u64) {
        self.pause_ms.store(ms, Relaxed);
    }

    /// For how long nothing is to be heard now.
    pub(crate) fn take_pause_ms(&self) -> u64 {
        match self.pause_ms.load(Relaxed) {
            0 => 0,
            _ => self.pause_ms.swap(0, Relaxed),
        }
    }

    /// The next answer says that it is the last one.
    pub(crate) fn close(&self) {
        self.closing.store(true, Relaxed);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Relaxed)
    }
}
