//! When each session was used last. Only heard, never recorded: a start forgets it, and then the
//! time of the start counts, so that nobody is signed out by an upgrade in the middle of an incident.
//! The absolute end of a session is on the record and holds whatever happens here.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base::{SessionId, Timestamp};
use engine::Session;

/// More sessions than this are never on the record at once; beyond it those idle longest are forgotten.
const KEPT_MAX: usize = 2_048;

/// Who was here when.
pub(crate) struct Presence {
    started_at: Timestamp,
    used: Mutex<HashMap<SessionId, Timestamp>>,
}

impl Presence {
    pub(crate) fn new(started_at: Timestamp) -> Presence {
        Presence {
            started_at,
            used: Mutex::default(),
        }
    }

    /// When something was asked with it last, if since the start.
    pub(crate) fn used_at(&self, id: &SessionId) -> Option<Timestamp> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.get(id).copied()
    }

    /// Whether it was idle for too long.
    pub(crate) fn is_idle(&self, id: &SessionId, session: &Session, now: Timestamp) -> bool {
        let since = self
            .used_at(id)
            .unwrap_or(session.begun_at.max(self.started_at));
        let idle_ms = i64::try_from(session.idle_ms).unwrap_or(i64::MAX);
        now.ms_since(since) >= idle_ms
    }

    /// It is used now.
    pub(crate) fn used(&self, id: &SessionId, now: Timestamp) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= KEPT_MAX && !used.contains_key(id) {
            let oldest = used.iter().min_by_key(|(_, at)| **at);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                used.remove(&oldest);
            }
        }
        used.insert(id.clone(), now);
    }

    /// It has ended.
    pub(crate) fn forget(&self, id: &SessionId) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.remove(id);
    }
}
