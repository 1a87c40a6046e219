//! Ports in memory: a log that can be told to fail, and everything beside it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::sync::{Mutex, MutexGuard};

use base::{ActId, KeyRef};
use record::checkpoint::{Checkpoint, SignedCheckpoint};
use record::hash::{self, Hash};
use record::note::{Algorithm, SignerKey};
use record::sealed::SubjectKey;
use record::tree::Frontier;

use super::*;
use crate::ports::{
    AppendRefusal, Appended, Entries, Keystore, Log, Publisher, ReadError, SignedHead, Snapshots,
};

pub(crate) const ORIGIN: &str = "example.org/hereby";

/// An entry's bytes.
pub(crate) type Entry = Vec<u8>;

/// What goes wrong at the next opportunity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The next append that is not urgent is refused; urgent ones pass and leave it standing.
    NoSpace,
    /// The next append fails, whether it is urgent or not, and nothing is written.
    NoReserve,
    /// The next append ends the process before anything is written.
    Append,
    /// The next signature ends the process.
    Sign,
    /// No new key can be kept.
    NewKey,
}

/// The record.
#[derive(Default)]
pub(crate) struct Disk(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    entries: Vec<Entry>,
    published: u64,
    acts: HashMap<ActId, u64>,
    subjects: BTreeMap<Subject, Vec<u64>>,
    faults: VecDeque<Fault>,
    batches: Vec<(u64, usize, bool)>,
    signing_key: u8,
    next_key: Option<u8>,
    heads: Vec<SignedHead>,
    leaves: Vec<Hash>,
    /// The entry that can't be read.
    unreadable: Option<u64>,
}

fn key(number: u8) -> SignerKey {
    SignerKey::from_seed(ORIGIN, Algorithm::Ed25519, [number; 32]).unwrap()
}

impl Disk {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    pub(crate) fn vkey(&self) -> String {
        key(self.inner().signing_key).verifier().to_string()
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.inner().entries.clone()
    }

    pub(super) fn fail(&self, fault: Fault) {
        self.inner().faults.push_back(fault);
    }

    pub(super) fn recover_space(&self) {
        self.inner().faults.clear();
    }

    /// How many entries there are, findable or not.
    pub(super) fn size(&self) -> u64 {
        self.inner().entries.len() as u64
    }

    /// First index, number of entries and urgency of each batch.
    pub(super) fn batches(&self) -> Vec<(u64, usize, bool)> {
        self.inner().batches.clone()
    }

    pub(super) fn heads(&self) -> Vec<SignedHead> {
        self.inner().heads.clone()
    }

    /// Leaves that were published.
    pub(super) fn leaves(&self) -> Vec<Hash> {
        self.inner().leaves.clone()
    }

    /// From now on this entry, and no other, can't be read by itself.
    pub(super) fn hide(&self, index: Option<u64>) {
        self.inner().unreadable = index;
    }

    /// Writes an entry past the engine, as a disk that rots would.
    pub(crate) fn overwrite(&self, index: usize, entry: &[u8]) {
        self.inner().entries[index] = entry.to_vec();
    }

    /// Takes entries away from the end, as an old backup would.
    pub(super) fn truncate(&self, size: usize) {
        let mut inner = self.inner();
        inner.entries.truncate(size);
        inner.published = 0;
        inner.acts.clear();
        inner.subjects.clear();
    }
}

impl Inner {
    /// Takes the fault at the head of the queue if it is one of these.
    fn takes(&mut self, of: &[Fault]) -> Option<Fault> {
        let fault = *self.faults.front()?;
        if !of.contains(&fault) {
            return None;
        }
        self.faults.pop_front()
    }
}

/// The writer's end of the disk.
pub(crate) struct MemoryLog {
    disk: Arc<Disk>,
    frontier: Frontier,
}

impl MemoryLog {
    pub(crate) fn open(disk: Arc<Disk>) -> MemoryLog {
        let mut frontier = Frontier::new();
        let entries = disk.entries();
        frontier.extend(entries.iter().map(|entry| hash::leaf(entry)));
        let acts: Vec<Act> = entries
            .iter()
            .filter_map(|entry| Act::decode(entry).ok())
            .collect();
        let published = disk.inner().published;
        disk.publish(
            published,
            &acts[usize::try_from(published).unwrap().min(acts.len())..],
        );
        MemoryLog { disk, frontier }
    }
}

fn fatal(what: &str) -> AppendError {
    AppendError::Fatal {
        what: what.to_owned(),
        source: io::Error::other("told to fail"),
    }
}

impl Log for MemoryLog {
    fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    fn append_batch(
        &mut self,
        expected_size: u64,
        _fence_epoch: u64,
        entries: &[Vec<u8>],
        urgent: bool,
    ) -> Result<Appended, AppendError> {
        let mut inner = self.disk.inner();
        let no_space = AppendRefusal::NoSpace {
            free_bytes: 1,
            needed_bytes: 2,
        };
        let faults: &[Fault] = if urgent {
            &[Fault::NoReserve, Fault::Append]
        } else {
            &[Fault::NoSpace, Fault::NoReserve, Fault::Append]
        };
        match inner.takes(faults) {
            Some(Fault::Append) => return Err(fatal("the batch")),
            Some(_) => return Err(AppendError::Refused(no_space)),
            None => {}
        }
        let actual = inner.entries.len() as u64;
        if actual != expected_size {
            let refusal = AppendRefusal::WrongSize {
                expected: expected_size,
                actual,
            };
            return Err(AppendError::Refused(refusal));
        }
        inner.batches.push((expected_size, entries.len(), urgent));
        inner.entries.extend_from_slice(entries);
        let leaves: Vec<Hash> = entries.iter().map(|entry| hash::leaf(entry)).collect();
        self.frontier.extend(leaves.iter().copied());
        Ok(Appended {
            size: self.frontier.size(),
            root: self.frontier.root(),
            leaves,
        })
    }

    fn sign(&mut self) -> Result<SignedHead, AppendError> {
        let mut inner = self.disk.inner();
        if inner.takes(&[Fault::Sign]).is_some() {
            return Err(fatal("the signature"));
        }
        let (size, root) = (self.frontier.size(), self.frontier.root());
        let checkpoint = Checkpoint::new(ORIGIN, size, root).unwrap();
        let signed = SignedCheckpoint::sign(checkpoint, &key(inner.signing_key)).unwrap();
        let head = SignedHead {
            size,
            root,
            note: signed.note().to_string(),
        };
        inner.heads.push(head.clone());
        Ok(head)
    }

    fn prepare_key(&mut self) -> Result<String, AppendError> {
        let mut inner = self.disk.inner();
        if inner.takes(&[Fault::NewKey]).is_some() {
            return Err(fatal("the new key"));
        }
        let number = inner.signing_key + 1;
        inner.next_key = Some(number);
        Ok(key(number).verifier().to_string())
    }

    fn use_new_key(&mut self) -> Result<(), AppendError> {
        let mut inner = self.disk.inner();
        inner.signing_key = inner
            .next_key
            .take()
            .ok_or_else(|| fatal("there is no new key"))?;
        Ok(())
    }
}

impl Entries for Disk {
    fn entry(&self, index: u64) -> Result<Option<Entry>, ReadError> {
        let inner = self.inner();
        if inner.unreadable == Some(index) {
            return Err(ReadError::Damaged(format!("entry {index} is hidden")));
        }
        let at = usize::try_from(index).unwrap();
        Ok(inner
            .entries
            .get(at)
            .filter(|_| index < inner.published)
            .cloned())
    }

    fn find_act(&self, id: &ActId) -> Result<Option<u64>, ReadError> {
        Ok(self.inner().acts.get(id).copied())
    }

    fn of_subject(
        &self,
        subject: &Subject,
        from: u64,
        limit: usize,
    ) -> Result<Vec<u64>, ReadError> {
        let inner = self.inner();
        let all = inner.subjects.get(subject).into_iter().flatten();
        Ok(all
            .copied()
            .filter(|index| *index >= from)
            .take(limit)
            .collect())
    }

    fn scan(&self, from: u64, visit: &mut dyn FnMut(u64, &[u8]) -> bool) -> Result<(), ReadError> {
        let entries = self.entries();
        let size = usize::try_from(self.inner().published).unwrap();
        let first = usize::try_from(from).unwrap();
        for (index, entry) in (from..).zip(&entries[first.min(size)..size]) {
            if !visit(index, entry) {
                break;
            }
        }
        Ok(())
    }

    fn publish(&self, first: u64, acts: &[Act]) {
        let mut inner = self.inner();
        for (index, act) in (first..).zip(acts) {
            inner.acts.insert(act.id, index);
            inner
                .subjects
                .entry(act.subject.clone())
                .or_default()
                .push(index);
        }
        inner.published = first + acts.len() as u64;
    }

    fn size(&self) -> u64 {
        self.inner().published
    }
}

/// Where leaves and checkpoints are published.
pub(super) struct Tiles(pub(super) Arc<Disk>);

impl Publisher for Tiles {
    fn publish(&mut self, leaves: &[Hash], head: &SignedHead) -> io::Result<()> {
        let mut inner = self.0.inner();
        inner.leaves.extend_from_slice(leaves);
        assert_eq!(inner.leaves.len() as u64, head.size);
        Ok(())
    }
}

/// The keystore.
#[derive(Default)]
pub(super) struct Keys(Mutex<BTreeMap<KeyRef, SubjectKey>>);

impl Keys {
    pub(super) fn erase(&self, name: &str) {
        self.0.lock().unwrap().remove(&word(name)).unwrap();
    }

    /// As if it had come back with a backup.
    pub(super) fn put(&self, name: &str) {
        let key = SubjectKey::from_bytes([1; 32]);
        self.0.lock().unwrap().insert(name.parse().unwrap(), key);
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap()
            .keys()
            .map(ToString::to_string)
            .collect()
    }
}

impl Keystore for Keys {
    fn ensure(&self, name: &KeyRef) -> io::Result<SubjectKey> {
        let digest = hash::sha256(&[name.as_str().as_bytes()]);
        let mut keys = self.0.lock().unwrap();
        Ok(keys
            .entry(name.clone())
            .or_insert(SubjectKey::from_bytes(digest.0))
            .clone())
    }

    fn find(&self, name: &KeyRef) -> io::Result<Option<SubjectKey>> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }

    fn erase(&self, name: &KeyRef) -> io::Result<()> {
        self.0.lock().unwrap().remove(name);
        Ok(())
    }
}

/// Snapshots, by size.
#[derive(Default)]
pub(super) struct Kept(Mutex<BTreeMap<u64, Vec<u8>>>);

impl Kept {
    pub(super) fn put(&self, size: u64, json: Vec<u8>) {
        self.0.lock().unwrap().insert(size, json);
    }
}

impl Snapshots for Kept {
    fn save(&self, size: u64, _root: &Hash, state: &[u8]) -> io::Result<()> {
        self.put(size, state.to_vec());
        Ok(())
    }

    fn newest(&self) -> Option<(u64, Vec<u8>)> {
        let kept = self.0.lock().unwrap();
        kept.last_key_value()
            .map(|(size, json)| (*size, json.clone()))
    }
}
