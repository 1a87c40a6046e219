//! What outlives the process: the disk, the keys, the anchor, the snapshots. And what will go
//! wrong next.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base::{ActId, KeyRef, Timestamp};
use engine::ports::{Clock, Entries, Keystore, Publisher, ReadError, SignedHead, Snapshots};
use record::act::{Act, Subject};
use record::hash::{self, Hash};
use record::note::{Algorithm, SignerKey, VerifierKey};
use record::sealed::SubjectKey;
use record::tree::Frontier;

use crate::dice::Dice;
use crate::disk::Image;
use crate::recover::{Corruption, ORIGIN, recover};

/// Where on the write path the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// Before a byte of the batch is written.
    BeforeWrite,
    /// When so many 256ths of the batch are written.
    WithinWrite(u8),
    /// When it is written and not synced.
    BeforeSync,
    /// When it is synced and not signed.
    BeforeSign,
    /// When it is signed and nobody was answered.
    AfterSign,
    /// When a new key was made durable and the act that names it is not written.
    AfterNewKey,
}

impl Trap {
    /// Any of them.
    pub fn any(dice: &mut Dice) -> Trap {
        match dice.below(8) {
            0 => Trap::BeforeWrite,
            1 | 2 => Trap::WithinWrite(u8::try_from(dice.below(256)).unwrap_or(u8::MAX)),
            3 | 4 => Trap::BeforeSync,
            5 => Trap::BeforeSign,
            6 => Trap::AfterSign,
            _ => Trap::AfterNewKey,
        }
    }
}

/// A deliberate mistake in the simulated log, to see that the checks find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Batches are acknowledged before they are synced.
    NoSync,
    /// Recovery signs a batch that was written and never synced, without syncing it.
    NoSyncAtRecovery,
    /// A full disk refuses the batch after it was written.
    RefusedButWritten,
    /// Now and then a batch's entries are written in another order.
    Reordered,
    /// Recovery drops the last whole batch too, and whatever says that it was there.
    RecoveryDropsABatch,
    /// A byte of an old entry flips, and recovery does not look.
    RottenEntry,
    /// An index that forgets acts: commands sent again are not found.
    ForgetfulIndex,
}

impl Bug {
    /// All of them.
    pub const ALL: [Bug; 7] = [
        Bug::NoSync,
        Bug::NoSyncAtRecovery,
        Bug::RefusedButWritten,
        Bug::Reordered,
        Bug::RecoveryDropsABatch,
        Bug::RottenEntry,
        Bug::ForgetfulIndex,
    ];
}

/// What outlives the process.
#[derive(Default)]
pub struct Machine(Mutex<Parts>);

/// The inside of a [`Machine`].
#[derive(Default)]
pub struct Parts {
    /// The log's file.
    pub image: Image,
    /// What kills the process next.
    pub trap: Option<Trap>,
    /// Whether the disk is full, but for the reserve.
    pub full: bool,
    /// How many urgent batches the reserve still takes.
    pub reserve: u32,
    /// How many signing keys were ever made.
    pub keys: u8,
    /// The newest checkpoint in the anchor, and the newest that was synced there.
    pub anchor: [Option<(u64, Hash)>; 2],
    /// The mistake that is made, if one is.
    pub bug: Option<Bug>,
    entries: Vec<Vec<u8>>,
    acts: HashMap<ActId, u64>,
    subjects: HashMap<Subject, Vec<u64>>,
    snapshots: BTreeMap<u64, (Hash, Vec<u8>)>,
    subject_keys: BTreeMap<KeyRef, SubjectKey>,
    verified: HashSet<Vec<u8>>,
}

/// The log's signing key of this number.
pub fn signing_key(number: u8) -> SignerKey {
    SignerKey::from_seed(ORIGIN, Algorithm::Ed25519, [number; 32])
        .expect("the origin is a key name and the seed has 32 bytes")
}

impl Machine {
    /// The inside. One thread uses it, so nobody waits.
    pub fn parts(&self) -> MutexGuard<'_, Parts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process is gone, and with `power` all that the disk had not made certain.
    pub fn die(&self, power: bool, dice: &mut Dice) {
        let mut parts = self.parts();
        parts.trap = None;
        if power {
            parts.image.lose_power(dice);
            if dice.once_in(2) {
                parts.anchor = [parts.anchor[1]; 2];
            }
            if dice.once_in(3)
                && let Some(mut newest) = parts.snapshots.last_entry()
            {
                let (_, json) = newest.get_mut();
                json.truncate(dice.index(json.len()));
            }
        }
    }

    /// Reads the log as a new process does. Gives the tree, the hash of the newest checkpoint and
    /// how many torn bytes were cut off.
    ///
    /// # Errors
    /// When the log is not what somebody was told it is.
    pub fn reopen(&self) -> Result<(Frontier, Option<Hash>, usize), Corruption> {
        let mut parts = self.parts();
        let keys: Vec<VerifierKey> = (0..=parts.keys)
            .map(|number| signing_key(number).verifier().clone())
            .collect();
        let mut verified = std::mem::take(&mut parts.verified);
        let drops = parts.bug == Some(Bug::RecoveryDropsABatch);
        let anchor = parts.anchor[0].filter(|_| !drops);
        let found = if drops {
            crate::log::recover_dropping(&parts.image, &keys, &mut verified)
        } else {
            recover(parts.image.bytes(), &keys, anchor, &mut verified)
        };
        parts.verified = verified;
        let found = found?;
        let torn = parts.image.bytes().len() - found.whole_bytes;
        parts.image.truncate(found.whole_bytes);
        if parts.bug != Some(Bug::NoSyncAtRecovery) {
            parts.image.sync();
        }
        parts.index(found.entries)?;
        Ok((found.frontier, found.prev, torn))
    }

    /// How many snapshots are kept.
    pub fn snapshots(&self) -> usize {
        self.parts().snapshots.len()
    }
}

impl Parts {
    /// Takes the trap if it is one of these.
    pub fn springs(&mut self, of: impl Fn(Trap) -> bool) -> Option<Trap> {
        self.trap.take_if(|trap| of(*trap))
    }

    /// Every entry that can be read.
    pub fn entries(&self) -> &[Vec<u8>] {
        &self.entries
    }

    /// Builds the index anew.
    fn index(&mut self, entries: Vec<Vec<u8>>) -> Result<(), Corruption> {
        self.acts.clear();
        self.subjects.clear();
        self.entries = entries;
        for index in 0..self.entries.len() as u64 {
            self.index_entry(index)?;
        }
        Ok(())
    }

    fn index_entry(&mut self, index: u64) -> Result<(), Corruption> {
        let entry = usize::try_from(index)
            .ok()
            .and_then(|at| self.entries.get(at));
        let act = entry.map(|entry| Act::decode(entry));
        match act {
            Some(Ok(act)) => {
                self.index_act(index, &act);
                Ok(())
            }
            Some(Err(error)) => Err(Corruption(format!("entry {index}: {error}"))),
            None => Err(Corruption(format!("entry {index} is gone"))),
        }
    }

    fn index_act(&mut self, index: u64, act: &Act) {
        if self.bug != Some(Bug::ForgetfulIndex) || index % 7 != 6 {
            self.acts.insert(act.id, index);
        }
        self.subjects
            .entry(act.subject.clone())
            .or_default()
            .push(index);
    }

    /// A batch that is being written becomes readable once it is published.
    pub fn add_entries(&mut self, entries: &[Vec<u8>]) {
        self.entries.extend_from_slice(entries);
    }

    fn root_of(&self, size: u64) -> Option<Hash> {
        let prefix = self.entries.get(..usize::try_from(size).ok()?)?;
        let mut frontier = Frontier::new();
        frontier.extend(prefix.iter().map(|entry| hash::leaf(entry)));
        Some(frontier.root())
    }
}

impl Entries for Machine {
    fn entry(&self, index: u64) -> Result<Option<Vec<u8>>, ReadError> {
        let parts = self.parts();
        Ok(usize::try_from(index)
            .ok()
            .and_then(|at| parts.entries.get(at))
            .cloned())
    }

    fn find_act(&self, id: &ActId) -> Result<Option<u64>, ReadError> {
        Ok(self.parts().acts.get(id).copied())
    }

    fn of_subject(
        &self,
        subject: &Subject,
        from: u64,
        limit: usize,
    ) -> Result<Vec<u64>, ReadError> {
        let parts = self.parts();
        let all = parts.subjects.get(subject).into_iter().flatten();
        Ok(all
            .copied()
            .filter(|index| *index >= from)
            .take(limit)
            .collect())
    }

    fn scan(&self, from: u64, visit: &mut dyn FnMut(u64, &[u8]) -> bool) -> Result<(), ReadError> {
        let entries = self.parts().entries.clone();
        let skip = usize::try_from(from).unwrap_or(usize::MAX);
        for (index, entry) in (0..).zip(&entries).skip(skip) {
            if !visit(index, entry) {
                break;
            }
        }
        Ok(())
    }

    fn publish(&self, first: u64, acts: &[Act]) {
        let mut parts = self.parts();
        for (index, act) in (first..).zip(acts) {
            parts.index_act(index, act);
        }
    }

    fn size(&self) -> u64 {
        self.parts().entries.len() as u64
    }
}

impl Keystore for Machine {
    fn ensure(&self, name: &KeyRef) -> io::Result<SubjectKey> {
        let made = SubjectKey::from_bytes(hash::sha256(&[name.as_str().as_bytes()]).0);
        Ok(self
            .parts()
            .subject_keys
            .entry(name.clone())
            .or_insert(made)
            .clone())
    }

    fn find(&self, name: &KeyRef) -> io::Result<Option<SubjectKey>> {
        Ok(self.parts().subject_keys.get(name).cloned())
    }

    fn erase(&self, name: &KeyRef) -> io::Result<()> {
        self.parts().subject_keys.remove(name);
        Ok(())
    }
}

impl Snapshots for Machine {
    fn save(&self, size: u64, root: &Hash, state: &[u8]) -> io::Result<()> {
        self.parts().snapshots.insert(size, (*root, state.to_vec()));
        Ok(())
    }

    fn newest(&self) -> Option<(u64, Vec<u8>)> {
        let parts = self.parts();
        let fits = |size: u64, root: &Hash| parts.root_of(size) == Some(*root);
        let newest = parts
            .snapshots
            .iter()
            .rev()
            .find(|(size, (root, _))| fits(**size, root));
        newest.map(|(size, (_, json))| (*size, json.clone()))
    }
}

/// The time, as far as the simulation has let it pass.
#[derive(Default)]
pub struct SimClock(AtomicI64);

impl SimClock {
    /// Sets it.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_ms(), Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.load(Ordering::Relaxed))
    }
}

/// Publishes nothing: the driver has no publisher.
pub struct NoTiles;

impl Publisher for NoTiles {
    fn publish(&mut self, _leaves: &[Hash], _head: &SignedHead) -> io::Result<()> {
        Ok(())
    }
}
