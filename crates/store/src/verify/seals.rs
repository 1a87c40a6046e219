//! Sealed text, opened as far as its keys are at hand, so that what was signed can be checked.
//!
//! Whether it opens says nothing about the record: entries are what was signed, whatever became of
//! the keys. So nothing here is a problem; a note says what stayed closed, and why.

use std::sync::Arc;

use record::act::Act;

use super::{Report, counted};
use crate::keystore::Keystore;

/// What every sealed field has.
const MARK: &[u8] = b"\"sealed\":";

/// The keystore, and what it did not open.
#[derive(Debug, Default)]
pub(super) struct Seals {
    keystore: Option<Arc<Keystore>>,
    /// Acts in which something stayed closed.
    closed: u64,
    /// The first reason for it that is more than a key that is not there.
    why: Option<String>,
}

impl Seals {
    pub(super) fn new(keystore: Option<Arc<Keystore>>) -> Seals {
        Seals {
            keystore,
            ..Seals::default()
        }
    }

    /// The act, with the sealed text open whose keys are here.
    pub(super) fn opened(&mut self, act: Act, entry: &[u8]) -> Act {
        if !entry.windows(MARK.len()).any(|window| window == MARK) {
            return act;
        }
        let mut trouble = None;
        let mut opened = act.clone();
        let closed = opened.open(&mut |name| {
            let key = self.keystore.as_ref()?.key(name);
            key.unwrap_or_else(|error| {
                trouble = Some(error.to_string());
                None
            })
        });
        let (act, closed) = match closed {
            Ok(closed) => (opened, closed > 0),
            Err(error) => {
                trouble = Some(format!("what is there does not open it: {error}"));
                (act, true)
            }
        };
        self.closed += u64::from(closed);
        if self.why.is_none() {
            self.why = trouble;
        }
        act
    }

    /// Says what stayed closed.
    pub(super) fn finish(self, report: &mut Report) {
        if self.closed == 0 {
            return;
        }
        let why = match (self.why, &self.keystore) {
            (Some(why), _) => why,
            (None, Some(keystore)) => format!(
                "the keystore {} has other keys and not those",
                keystore.directory().display()
            ),
            (None, None) => "no keystore was looked in".to_owned(),
        };
        let acts = counted(self.closed, "act");
        report
            .notes
            .push(format!("{acts} with sealed text that stayed closed: {why}"));
    }
}
