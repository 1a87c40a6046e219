//! Everything that is true now, folded from the acts.

use base::{IncidentId, Timestamp};
use record::act::Act;
use record::canonical;
use record::hash::{self, Hash};
use record::kinds::Body;
use record::note::VerifierKey;
use record::statement::Statement as _;
use record::succession::{FIRST_EPOCH, Succession};
use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::done_for::DoneFor;

/// Raised whenever the fold or its form changes: older snapshots are then rebuilt.
pub(crate) const STATE_VERSION: u32 = 18;

/// The state after a number of acts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Incidents, alerts, silences, heartbeats.
    pub incidents: incident::State,
    /// Tokens and keys.
    pub access: Access,
    /// What the public was told.
    pub page: status::Page,
    /// What edges there are, and what each is to run.
    pub fleet: rollout::State,
    /// How many acts there were after the last one about containment: what edges are told changes
    /// with it, and with nothing else.
    pub overlay_sequence: u64,
    /// Which acts were done for an incident without being about it.
    pub done_for: DoneFor,
    /// The record itself.
    pub log: LogState,
}

/// What the record says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogState {
    /// Every key that ever signed, with the index from which on it did.
    pub vkeys: Vec<(u64, Box<str>)>,
    /// How the present epoch began; none: it is the first.
    pub succession: Option<Succeeded>,
    /// How many acts were folded in.
    pub acts: u64,
    /// The time of the last act: time never runs backwards on the record.
    pub last_at: Timestamp,
    /// The time of the first act.
    pub opened_at: Timestamp,
}

/// How an epoch of the record began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Succeeded {
    /// When it came on the record.
    pub at: Timestamp,
    /// What the root key has signed.
    pub note: Box<str>,
    /// What it says.
    pub said: Succession,
}

impl LogState {
    /// Which epoch it is.
    pub fn epoch(&self) -> u64 {
        let began = self.succession.as_ref();
        began.map_or(FIRST_EPOCH, |began| began.said.epoch)
    }

    /// Whether the note is one was looked at before it came on the record, and is by whoever verifies that.
    fn succeed(&mut self, succeeded: &record::kinds::log::Succeeded, at: Timestamp) {
        let root: Option<VerifierKey> = succeeded.root.parse().ok();
        let said = root.and_then(|root| Succession::open(succeeded.note.as_bytes(), &root).ok());
        if let Some(said) = said {
            self.vkeys.push((self.acts, said.vkey.clone()));
            let note = succeeded.note.clone();
            self.succession = Some(Succeeded { at, note, said });
        }
    }
}

impl State {
    /// The incident whose earlier acts [`State::apply`] needs for this one.
    pub fn needs(&self, act: &Act) -> Option<IncidentId> {
        self.incidents.needs(act)
    }

    /// Folds in the next act. `earlier` are all acts before it on the incident that it
    /// [needs](State::needs), in order; else none.
    pub fn apply(&mut self, act: &Act, earlier: &[Act]) {
        self.incidents.apply(act, earlier);
        self.access.apply(act);
        self.page.apply(act);
        self.fleet.apply(act, self.log.acts);
        match &act.body {
            Body::LogOpened(opened) => self.log.vkeys.push((0, opened.vkey.clone())),
            Body::LogKeyRotated(rotated) => {
                self.log.vkeys.push((self.log.acts + 1, rotated.to.clone()));
            }
            Body::LogSucceeded(succeeded) => self.log.succeed(succeeded, act.at),
            _ => {}
        }
        if self.log.acts == 0 {
            self.log.opened_at = act.at;
        }
        self.done_for.apply(act, self.log.acts);
        self.log.acts += 1;
        if incident::Containment::is_about(&act.body) {
            self.overlay_sequence = self.log.acts;
        }
        self.log.last_at = act.at;
    }

    /// The state as canonical JSON, for a snapshot.
    ///
    /// # Errors
    /// When a number in it has grown beyond what the form can hold.
    pub fn to_snapshot(&self) -> Result<Vec<u8>, canonical::NotCanonical> {
        canonical::to_vec(&Snapshot {
            state: self,
            version: STATE_VERSION,
        })
    }

    /// Reads a snapshot; `None` when it is of another version of the fold.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn from_snapshot(json: &[u8]) -> Result<Option<State>, serde_json::Error> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        #[derive(Deserialize)]
        struct Form {
            state: State,
        }
        if serde_json::from_slice::<Version>(json)?.version != STATE_VERSION {
            return Ok(None);
        }
        serde_json::from_slice::<Form>(json).map(|form| Some(form.state))
    }

    /// A digest of the state: two states are equal when their digests are.
    ///
    /// # Errors
    /// When the state has no canonical form. Such states have nothing that could be compared: each
    /// may differ from every other.
    pub fn digest(&self) -> Result<Hash, canonical::NotCanonical> {
        Ok(hash::sha256(&[&self.to_snapshot()?]))
    }
}

#[derive(Serialize)]
struct Snapshot<'a> {
    state: &'a State,
    version: u32,
}
