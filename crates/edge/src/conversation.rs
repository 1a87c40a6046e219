//! What a connection's gate and its requests tell each other. One connection is served by one
//! thread; the atomics are for the types' sake (an upgraded stream may move), and never contended.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

use policy::{Moment, Reason};

use crate::clock;

/// The state of one connection, between its bytes and its requests.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    /// Heads that were handed on.
    heads: AtomicU64,
    /// Requests that were begun.
    requests: AtomicU64,
    /// Which of them is not theirs but stands for bytes that were refused, and why; 0: none.
    refused_at: AtomicU64,
    refused_why: AtomicU32,
    /// Whether a request was counted as refused for it.
    told: AtomicBool,
    /// Requests in progress.
    active: AtomicU32,
    /// When the last one ended, or the connection began.
    rested: AtomicU64,
    /// Whether the application agreed to speak another protocol.
    tunnel: AtomicBool,
    /// Whether the next answer is the last one here.
    closing: AtomicBool,
}

impl Conversation {
    pub(crate) fn new() -> Conversation {
        let conversation = Conversation::default();
        conversation.rested.store(clock::now().0, Relaxed);
        conversation
    }

    /// One more head goes to HTTP.
    pub(crate) fn head(&self) {
        self.heads.fetch_add(1, Relaxed);
    }

    /// The next head stands for bytes that were refused.
    pub(crate) fn refuse_next(&self, reason: Reason) {
        self.refused_why.store(reason as u32, Relaxed);
        let next = self.heads.fetch_add(1, Relaxed) + 1;
        self.refused_at.store(next, Relaxed);
    }

    /// The bytes of the requests in progress were refused, or the answers were taken too slowly.
    pub(crate) fn refuse_body(&self, reason: Reason) {
        self.refused_why.store(reason as u32, Relaxed);
        self.refused_at.store(u64::MAX, Relaxed);
    }

    /// Why the body of the request in progress was refused, if it was.
    pub(crate) fn body_refused(&self) -> Option<Reason> {
        let refused = self.refused_at.load(Relaxed) == u64::MAX;
        self.told.fetch_or(refused, Relaxed);
        refused.then(|| self.why()).flatten()
    }

    /// Why the connection was ended, if no request was counted for it.
    pub(crate) fn untold(&self) -> Option<Reason> {
        let told = self.told.load(Relaxed);
        (!told).then(|| self.body_refused()).flatten()
    }

    fn why(&self) -> Option<Reason> {
        let index = usize::try_from(self.refused_why.load(Relaxed)).ok()?;
        Reason::ALL.get(index).copied()
    }

    /// A request begins: the reason it is refused for if it stands for refused bytes.
    pub(crate) fn begin(&self) -> Option<Reason> {
        self.active.fetch_add(1, Relaxed);
        let number = self.requests.fetch_add(1, Relaxed) + 1;
        (self.refused_at.load(Relaxed) == number)
            .then(|| self.why())
            .flatten()
    }

    /// A request has ended, answer and all.
    pub(crate) fn end(&self) {
        self.rested.store(clock::now().0, Relaxed);
        self.active.fetch_sub(1, Relaxed);
    }

    /// Since when there is nothing to do; none while there is.
    pub(crate) fn idle_since(&self) -> Option<Moment> {
        (self.active.load(Relaxed) == 0).then(|| Moment(self.rested.load(Relaxed)))
    }

    /// How many requests were begun.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// The next answer says that it is the last one.
    pub(crate) fn close(&self) {
        self.closing.store(true, Relaxed);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Relaxed)
    }

    pub(crate) fn open_tunnel(&self) {
        self.tunnel.store(true, Relaxed);
    }

    pub(crate) fn is_tunnel(&self) -> bool {
        self.tunnel.load(Relaxed)
    }
}
