//! The root key: whose word begins another epoch of the record ([`record::succession`]). Edges learn it as they
//! learn what to run, so that they know it when the record is gone.

use record::act::Subject;
use record::command::SetRootKey;
use record::kinds::log::RootKeySet;
use record::refusal::{Draft, out_of_range, wrong_state};
use record::succession::may_follow;
use serde::{Deserialize, Serialize};

use crate::decide::{Asked, Decision, needs_reason, person, sound_key};
use crate::state::State;

/// The root keys there were, the newest last, each with the place of the act that set it: an edge that was off
/// follows from one to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roots {
    set: Vec<(u64, Box<str>)>,
    /// Those before this one say nothing any more: the key was lost, and who learns of it anew begins here.
    begin: usize,
}

impl Roots {
    pub(crate) fn set(&mut self, index: u64, set: &RootKeySet) {
        if set.vouched.is_none() {
            self.begin = self.set.len();
        }
        self.set.push((index, set.vkey.clone()));
    }

    /// The acts that lead to the present one, from the last that nobody vouched for.
    pub fn indexes(&self) -> impl Iterator<Item = u64> {
        self.set.iter().skip(self.begin).map(|(index, _)| *index)
    }

    /// Whose word is believed now.
    pub fn vkey(&self) -> Option<&str> {
        self.set.last().map(|(_, vkey)| &**vkey)
    }
}

/// Where another was believed, and does not vouch for this one, only what learns of it anew believes it. That is
/// the way on when a root key is lost.
pub(crate) fn set_key(state: &State, verb: &SetRootKey, asked: &Asked<'_>) -> Decision {
    person(asked, "says whose word begins another epoch of the record")?;
    needs_reason(asked, "another root key")?;
    let known = state.root.vkey();
    if known == Some(&*verb.vkey) {
        return wrong_state("this is the root key already".to_owned());
    }
    if sound_key(&verb.vkey).is_none() {
        return out_of_range("vkey is not an Ed25519 verifier key (C2SP signed-note)".to_owned());
    }
    if verb.vouched.is_some() && !may_follow(known, &verb.vkey, verb.vouched.as_deref()) {
        return out_of_range(
            "the root key so far did not sign that this one follows it".to_owned(),
        );
    }
    let body = RootKeySet {
        vkey: verb.vkey.clone(),
        vouched: verb.vouched.clone(),
    };
    Ok(vec![Draft::new(Subject::Record, body)])
}
