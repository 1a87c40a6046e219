//! How each target stands: which edition it has, since when, and what is wrong.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use base::Timestamp;

/// How a target stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// What kind of place it is: `directory`, `bucket`, `rsync`.
    pub kind: &'static str,
    /// The edition that is there, as far as was seen.
    pub sequence: Option<u64>,
    /// When that edition was made.
    pub made_at: Option<Timestamp>,
    /// When it was seen to be there.
    pub seen_at: Option<Timestamp>,
    /// How long the last news took to be seen there, in milliseconds.
    pub news_took_ms: Option<u64>,
    /// Since when news wait to be seen there.
    pub waiting_since: Option<Timestamp>,
    /// What was wrong the last time; none: nothing.
    pub trouble: Option<String>,
    /// How often in a row it did not work.
    pub failures_in_a_row: u32,
    /// How often it did not work since the start.
    pub failures: u64,
    /// Files that were other than they should be, and were put right.
    pub mended: u64,
    /// How often it was brought up to date since the start.
    pub rounds: u64,
}

impl Standing {
    /// Whether readers there may see what is not true any more: news wait for longer than `news_ms`,
    /// or nothing was renewed for longer than `renewal_ms`.
    pub fn is_behind(&self, now: Timestamp, news_ms: i64, renewal_ms: i64) -> bool {
        let news = self
            .waiting_since
            .is_some_and(|at| now.ms_since(at) > news_ms);
        let old = self.seen_at.is_some_and(|at| now.ms_since(at) > renewal_ms);
        news || old
    }
}

/// All targets, for whoever asks.
#[derive(Debug, Default)]
pub struct Board {
    all: Mutex<BTreeMap<String, Standing>>,
}

impl Board {
    /// How each stands, by its name.
    pub fn all(&self) -> BTreeMap<String, Standing> {
        self.lock().clone()
    }

    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Standing)) {
        change(self.lock().entry(name.to_owned()).or_default());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Standing>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
