//! The invariants, held against everything that was ever answered.
//!
//! The checker believes nobody's word but the answers that were given and the bytes on the disk.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use base::{ActId, CommandId, Line, Name, Timestamp};
use engine::{Receipt, State};
use record::act::{Act, act_id};
use record::hash::{self, Hash};
use record::kinds::Body;
use record::tree::Frontier;

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The step in which it was noticed.
    pub step: u32,
    /// Which, and how.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}: {}", self.step, self.what)
    }
}

/// What was answered, and what the bytes have said so far.
#[derive(Default)]
pub struct Checker {
    /// The hash of every entry that an answer covered: nothing may ever change there.
    sealed: Vec<Hash>,
    /// Roots that were signed and shown, by size.
    heads: BTreeMap<u64, Hash>,
    /// The places of each command that was accepted.
    accepted: BTreeMap<CommandId, Vec<Place>>,
    /// The state and the tree as folded from the bytes alone.
    shadow: State,
    frontier: Frontier,
    leaves: Vec<Hash>,
    acts: HashSet<ActId>,
    /// Source and fingerprint of everything that ever fired.
    fired: HashSet<(Name, Line)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    act: ActId,
    at: Timestamp,
    index: u64,
    kind: Box<str>,
}

fn violated<T>(what: impl Into<String>) -> Result<T, String> {
    Err(what.into())
}

fn at(index: u64) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

impl Checker {
    /// The process has started anew and reads these entries.
    ///
    /// # Errors
    /// When something that was acknowledged is not there, or not as it was (invariant 1).
    pub fn restarted(&mut self, entries: &[Vec<u8>]) -> Result<(), String> {
        self.shadow = State::default();
        self.frontier = Frontier::new();
        self.leaves.clear();
        self.acts.clear();
        self.fired.clear();
        self.follow(entries)?;
        if self.leaves.len() < self.sealed.len() {
            return violated(format!(
                "invariant 1: {} entries were acknowledged, {} are left",
                self.sealed.len(),
                self.leaves.len()
            ));
        }
        match self
            .sealed
            .iter()
            .zip(&self.leaves)
            .position(|(sealed, leaf)| sealed != leaf)
        {
            Some(index) => violated(format!("invariant 1: entry {index} was changed")),
            None => Ok(()),
        }
    }

    /// Folds entries that were added.
    ///
    /// # Errors
    /// When one is no act, stands there twice (invariant 3), or is older than the one before.
    pub fn follow(&mut self, entries: &[Vec<u8>]) -> Result<(), String> {
        for (index, entry) in entries.iter().enumerate().skip(self.leaves.len()) {
            let act = Act::decode_strict(entry)
                .map_err(|error| format!("invariant 1: entry {index}: {error}"))?;
            if !self.acts.insert(act.id) {
                return violated(format!("invariant 3: {} happened again at {index}", act.id));
            }
            if act.at < self.shadow.log.last_at {
                return violated(format!("time ran backwards at entry {index}"));
            }
            if let Body::AlertFired(fired) = &act.body {
                self.fired
                    .insert((fired.source.clone(), fired.fingerprint.clone()));
            }
            let earlier = entries.get(..index).unwrap_or_default();
            let needed = self.shadow.needs(&act);
            let earlier = needed.map_or_else(Vec::new, |id| acts_on(earlier, id));
            self.shadow.apply(&act, &earlier);
            let leaf = hash::leaf(entry);
            self.leaves.push(leaf);
            self.frontier.append(leaf);
            if let Some(root) = self.heads.get(&self.frontier.size())
                && *root != self.frontier.root()
            {
                let size = self.frontier.size();
                return violated(format!(
                    "invariant 1: the root of {size} entries was another"
                ));
            }
        }
        Ok(())
    }

    /// The engine's state must be what the bytes say.
    ///
    /// # Errors
    /// When it is not (invariant 2).
    pub fn agrees(&self, state: &State, whose: &str) -> Result<(), String> {
        if *state == self.shadow {
            return Ok(());
        }
        let (at, rebuilt) = (state.log.acts, self.shadow.log.acts);
        violated(format!(
            "invariant 2: {whose} state after {at} acts is not the one rebuilt from {rebuilt}"
        ))
    }

    /// The same over the canonical forms: what a snapshot would hold.
    ///
    /// # Errors
    /// When the digests differ, or there is none (invariant 2).
    pub fn digests_agree(&self, state: &State) -> Result<(), String> {
        if let (Ok(live), Ok(rebuilt)) = (state.digest(), self.shadow.digest())
            && live == rebuilt
        {
            return Ok(());
        }
        violated("invariant 2: the digests of the live and the rebuilt state differ")
    }

    /// Somebody was told that this command was accepted.
    ///
    /// # Errors
    /// When the receipts are not the first ones (invariant 3), or don't say what the bytes say
    /// (invariant 1).
    pub fn accepted(&mut self, id: &CommandId, receipts: &[Receipt]) -> Result<(), String> {
        for (ordinal, receipt) in (0..).zip(receipts) {
            if receipt.act != act_id(id, ordinal) {
                return violated(format!("{id} got a receipt for another command's act"));
            }
        }
        let places = self.receipts(receipts)?;
        match self.accepted.get(id) {
            Some(first) if *first != places => {
                violated(format!("invariant 3: {id} got {places:?} after {first:?}"))
            }
            Some(_) => Ok(()),
            None => {
                self.accepted.insert(id.clone(), places);
                Ok(())
            }
        }
    }

    /// Somebody was handed these receipts.
    ///
    /// # Errors
    /// As for [`Checker::accepted`].
    pub fn acknowledged(&mut self, receipts: &[Receipt]) -> Result<(), String> {
        self.receipts(receipts).map(|_| ())
    }

    /// Somebody was told that this command was refused.
    ///
    /// # Errors
    /// When its acts are there although it was never accepted (invariant 3).
    pub fn refused(&self, id: &CommandId) -> Result<(), String> {
        if self.accepted.contains_key(id) || !self.acts.contains(&act_id(id, 0)) {
            return Ok(());
        }
        violated(format!("{id} was refused and is on the record"))
    }

    /// Whether this command was ever accepted.
    pub fn was_accepted(&self, id: &CommandId) -> bool {
        self.accepted.contains_key(id)
    }

    /// Whether an alert like this one ever fired, by the record.
    pub fn has_fired(&self, source: &Name, fingerprint: &Line) -> bool {
        self.fired.contains(&(source.clone(), fingerprint.clone()))
    }

    /// The state as rebuilt from the bytes.
    pub fn state(&self) -> &State {
        &self.shadow
    }

    /// The tree over the bytes.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    fn receipts(&mut self, receipts: &[Receipt]) -> Result<Vec<Place>, String> {
        let mut places = Vec::new();
        for receipt in receipts {
            let Receipt {
                act,
                at: time,
                index,
                kind,
                head,
                ..
            } = receipt;
            if head.size <= *index {
                return violated(format!(
                    "the checkpoint of {} does not cover {index}",
                    head.size
                ));
            }
            if !self.acts.contains(act) || at(*index) >= self.leaves.len() {
                return violated(format!(
                    "invariant 1: a receipt for {act}, which is not there"
                ));
            }
            let root = *self.heads.entry(head.size).or_insert(head.root);
            if root != head.root {
                return violated(format!("two roots were signed for {} entries", head.size));
            }
            if head.size == self.frontier.size() && head.root != self.frontier.root() {
                return violated(format!(
                    "the root signed for {} is not the bytes'",
                    head.size
                ));
            }
            places.push(Place {
                act: *act,
                at: *time,
                index: *index,
                kind: kind.clone(),
            });
            let covered = at(head.size).min(self.leaves.len());
            let new = self
                .leaves
                .get(self.sealed.len()..covered)
                .unwrap_or_default()
                .to_vec();
            self.sealed.extend(new);
        }
        Ok(places)
    }

    /// Every place that was ever given out must hold that very act.
    ///
    /// # Errors
    /// When one does not (invariant 1).
    pub fn all_in_place(&self, entries: &[Vec<u8>]) -> Result<(), String> {
        for (id, places) in &self.accepted {
            for place in places {
                let act = entries
                    .get(at(place.index))
                    .and_then(|entry| Act::decode(entry).ok());
                let held = act.map(|act| Place {
                    act: act.id,
                    at: act.at,
                    index: place.index,
                    kind: act.body.kind().into(),
                });
                if held.as_ref() != Some(place) {
                    return violated(format!("invariant 1: {id} stands at {place:?}: {held:?}"));
                }
            }
        }
        Ok(())
    }
}

fn acts_on(entries: &[Vec<u8>], id: base::IncidentId) -> Vec<Act> {
    let subject = record::act::Subject::Incident(id);
    let acts = entries.iter().filter_map(|entry| Act::decode(entry).ok());
    acts.filter(|act| act.subject == subject).collect()
}
