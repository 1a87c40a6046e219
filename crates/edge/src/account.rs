//! What one request was, from its head to the last byte of its answer. Closed exactly once, however
//! it ended: counted, written to the log, and remembered if it was refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use policy::config::{RouteId, TenantId, UpstreamId};
use policy::permits::Permit;
use policy::{Moment, Reason};

use crate::clock;
use crate::conversation::Conversation;
use crate::edge::Edge;
use crate::log::Asked;
use crate::running::Running;

/// Names one request, for `hereby edge explain` and for whoever reports a fault: 24 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestId {
    process: u64,
    number: u32,
}

impl RequestId {
    /// The next one of this process.
    pub(crate) fn next(process: u64) -> RequestId {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Relaxed);
        // After four billion requests the upper half goes on.
        RequestId {
            process: process.wrapping_add(number >> 32),
            number: number as u32,
        }
    }

    pub(crate) fn text(self) -> [u8; 24] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let value = (u128::from(self.process) << 32) | u128::from(self.number);
        std::array::from_fn(|place| {
            let digit = (value >> ((23 - place) * 4)) & 0xf;
            DIGITS.get(digit as usize).copied().unwrap_or(b'0')
        })
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or(""))
    }
}

/// One request.
pub(crate) struct Account {
    pub(crate) id: RequestId,
    pub(crate) edge: Arc<Edge>,
    pub(crate) running: Arc<Running>,
    pub(crate) conversation: Arc<Conversation>,
    pub(crate) begun: Moment,
    pub(crate) asked: Asked,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) route: Option<RouteId>,
    /// Which kind of client asks, if one is declared.
    pub(crate) cohort: Option<usize>,
    pub(crate) upstream: Option<(UpstreamId, usize)>,
    pub(crate) tier: usize,
    pub(crate) status: u16,
    pub(crate) reason: Option<Reason>,
    /// What the reason is about: which limit, which certificate.
    pub(crate) detail: Option<Box<str>>,
    pub(crate) retries: u32,
    pub(crate) bytes: u64,
    pub(crate) permit: Option<Permit>,
    pub(crate) total_permit: Option<Permit>,
    /// The answer was sent to its end.
    pub(crate) whole: bool,
}

/// However it ends, it is closed: answered to the end, broken off, or dropped because who asked has
/// gone.
impl Drop for Account {
    fn drop(&mut self) {
        let micros = clock::now().micros_since(self.begun);
        self.taken();
        if self.status == 0 {
            self.status = Reason::ClientGone.status();
            self.broke(Reason::ClientGone);
        }
        if !self.whole
            && let Some(reason) = self.conversation.body_refused()
        {
            self.broke(reason);
        }
        self.count(micros);
        self.permit = None;
        self.total_permit = None;
        self.conversation.end();
        let edge = self.edge.clone();
        edge.remember(self, micros);
    }
}

impl Account {
    /// So much of the answer goes out: how long the next piece waits, in milliseconds.
    pub(crate) fn sent(&mut self, size: usize) -> u64 {
        self.bytes += size as u64;
        if self.asked.http2 {
            let limits = &self.running.config.connection;
            self.conversation.given(self.id.number, size, limits);
        }
        let tenant = self.tenant.and_then(|tenant| self.running.tenant(tenant));
        tenant.map_or(0, |tenant| tenant.pace(size))
    }

    /// The answer ended before its end.
    pub(crate) fn broke(&mut self, reason: Reason) {
        self.reason.get_or_insert(reason);
    }

    /// Somebody asks for the next piece of the answer: what was given before was taken.
    pub(crate) fn taken(&self) {
        if self.asked.http2 {
            self.conversation.taken(self.id.number);
        }
    }

    /// Its end: the last byte went out, or never will.
    pub(crate) fn close(mut self: Box<Self>, whole: bool) {
        self.whole = whole;
    }

    fn count(&self, micros: u64) {
        if let Some(reason) = self.reason {
            self.edge.refusals.add(reason);
        }
        self.edge.statuses.add(self.status);
        if fails(self.status, self.reason) {
            self.edge.failed.add(1);
        }
        if let Some(tenant) = self.tenant.and_then(|tenant| self.running.tenant(tenant)) {
            tenant.counts.statuses.add(self.status);
            tenant.counts.bytes.add(self.bytes);
            if let Some(reason) = self.reason {
                tenant.counts.refusals.add(reason);
            }
        }
        if let Some(route) = self.route.and_then(|route| self.running.route(route)) {
            route.counts.statuses.add(self.status);
            route.counts.latency.add(micros);
            let timed_out = self.reason == Some(Reason::UpstreamTooSlow);
            let (retries, timeouts) = (u64::from(self.retries), u64::from(timed_out));
            route.counts.retries.add(retries);
            route.counts.timeouts.add(timeouts);
            if let Some(cohort) = route.cohorts.of(self.cohort) {
                cohort.retries.add(retries);
                cohort.timeouts.add(timeouts);
            }
            if self.tier > 0 {
                route.counts.degraded.add(1);
            }
        }
    }
}

/// Whether somebody here or behind is to blame: what is refused on purpose does not fail, nor what its
/// client left.
fn fails(status: u16, reason: Option<Reason>) -> bool {
    match reason {
        None => status >= 500,
        Some(reason) => matches!(
            reason,
            Reason::UpstreamUnhealthy
                | Reason::BreakerOpen
                | Reason::UpstreamConnections
                | Reason::UpstreamUnreachable
                | Reason::UpstreamTooSlow
                | Reason::UpstreamBroken
                | Reason::Panicked
        ),
    }
}
