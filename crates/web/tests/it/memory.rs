//! A record in memory behind the engine's ports, with switches for what a disk can do to it.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use base::{ActId, IncidentId, KeyRef, Timestamp};
use engine::ports::{
    AppendError, AppendRefusal, Appended, Clock, Entries, Keystore, Log, Publisher, ReadError,
    SignedHead, Snapshots,
};
use incident::{Reason, Refusal};
use record::act::{Act, Subject};
use record::checkpoint::{Checkpoint, SignedCheckpoint};
use record::hash::{self, Hash};
use record::note::{Algorithm, SignerKey};
use record::sealed::SubjectKey;
use record::tile::{TileBuilder, TileId};
use record::tree::Frontier;
use web::{Backstage, BlobRefused, Published, Witness};

pub(crate) const ORIGIN: &str = "example.org/record";

/// Everything that would lie on a disk.
#[derive(Default)]
pub(crate) struct Memory {
    durable: Mutex<Durable>,
    tiles: Mutex<HashMap<TileId, Vec<u8>>>,
    published: Mutex<Option<Arc<Published>>>,
    keys: Mutex<HashMap<String, [u8; 32]>>,
    blobs: Mutex<HashMap<Hash, Vec<u8>>>,
    /// Held by a test: the writer stands still before it makes anything durable.
    pub(crate) writing: Mutex<()>,
    /// Held by a test: nothing is published.
    pub(crate) publishing: Mutex<()>,
    /// Nothing fits on the disk any more.
    pub(crate) full: AtomicBool,
    /// What an auditor would say; none runs here.
    pub(crate) audited: Mutex<Option<web::Audited>>,
    pub(crate) targets: Mutex<Vec<web::PageTarget>>,
}

#[derive(Default)]
struct Durable {
    entries: Vec<Vec<u8>>,
    readable: u64,
    by_act: HashMap<ActId, u64>,
    by_subject: HashMap<Subject, Vec<u64>>,
}

impl Memory {
    fn durable(&self) -> MutexGuard<'_, Durable> {
        self.durable.lock().unwrap()
    }

    /// How many acts are durable.
    pub(crate) fn size(&self) -> u64 {
        self.durable().readable
    }
}

pub(crate) fn signer(seed: u8) -> SignerKey {
    SignerKey::from_seed(ORIGIN, Algorithm::Ed25519, [seed; 32]).unwrap()
}

/// The log: appends to memory, signs with a key that is no secret.
pub(crate) struct MemoryLog {
    memory: Arc<Memory>,
    frontier: Frontier,
    key: SignerKey,
    next_key: Option<SignerKey>,
    seed: u8,
}

impl MemoryLog {
    pub(crate) fn new(memory: Arc<Memory>) -> MemoryLog {
        let (frontier, key) = (Frontier::new(), signer(1));
        MemoryLog {
            memory,
            frontier,
            key,
            next_key: None,
            seed: 1,
        }
    }
}

impl Log for MemoryLog {
    fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    fn append_batch(
        &mut self,
        expected_size: u64,
        _epoch: u64,
        entries: &[Vec<u8>],
        _urgent: bool,
    ) -> Result<Appended, AppendError> {
        let _turn = self.memory.writing.lock().unwrap();
        if self.memory.full.load(Ordering::SeqCst) {
            let refusal = AppendRefusal::NoSpace {
                free_bytes: 1,
                needed_bytes: 64 << 20,
            };
            return Err(AppendError::Refused(refusal));
        }
        assert_eq!(expected_size, self.frontier.size());
        let leaves: Vec<Hash> = entries.iter().map(|entry| hash::leaf(entry)).collect();
        for leaf in &leaves {
            self.frontier.append(*leaf);
        }
        self.memory.durable().entries.extend_from_slice(entries);
        Ok(Appended {
            size: self.frontier.size(),
            root: self.frontier.root(),
            leaves,
        })
    }

    fn sign(&mut self) -> Result<SignedHead, AppendError> {
        let (size, root) = (self.frontier.size(), self.frontier.root());
        let checkpoint = Checkpoint::new(ORIGIN, size, root).unwrap();
        let note = SignedCheckpoint::sign(checkpoint, &self.key)
            .unwrap()
            .to_string();
        Ok(SignedHead { size, root, note })
    }

    fn prepare_key(&mut self) -> Result<String, AppendError> {
        self.seed += 1;
        let key = signer(self.seed);
        let vkey = key.verifier().to_string();
        self.next_key = Some(key);
        Ok(vkey)
    }

    fn use_new_key(&mut self) -> Result<(), AppendError> {
        self.key = self.next_key.take().unwrap();
        Ok(())
    }
}

impl Entries for Memory {
    fn entry(&self, index: u64) -> Result<Option<Vec<u8>>, ReadError> {
        let durable = self.durable();
        let known = index < durable.readable;
        Ok(known.then(|| durable.entries[index as usize].clone()))
    }

    fn find_act(&self, id: &ActId) -> Result<Option<u64>, ReadError> {
        Ok(self.durable().by_act.get(id).copied())
    }

    fn of_subject(
        &self,
        subject: &Subject,
        from: u64,
        limit: usize,
    ) -> Result<Vec<u64>, ReadError> {
        let durable = self.durable();
        let all = durable
            .by_subject
            .get(subject)
            .map(Vec::as_slice)
            .unwrap_or_default();
        Ok(all
            .iter()
            .copied()
            .filter(|index| *index >= from)
            .take(limit)
            .collect())
    }

    fn scan(&self, from: u64, visit: &mut dyn FnMut(u64, &[u8]) -> bool) -> Result<(), ReadError> {
        for index in from..self.size() {
            let entry = self.entry(index)?.unwrap();
            if !visit(index, &entry) {
                break;
            }
        }
        Ok(())
    }

    fn publish(&self, first: u64, acts: &[Act]) {
        let mut durable = self.durable();
        for (index, act) in (first..).zip(acts) {
            durable.by_act.insert(act.id, index);
            durable
                .by_subject
                .entry(act.subject.clone())
                .or_default()
                .push(index);
        }
        durable.readable = first + acts.len() as u64;
    }

    fn size(&self) -> u64 {
        Memory::size(self)
    }
}

impl Keystore for Memory {
    fn ensure(&self, name: &KeyRef) -> io::Result<SubjectKey> {
        let mut keys = self.keys.lock().unwrap();
        let secret = hash::sha256(&[b"no secret", name.as_str().as_bytes()]).0;
        Ok(SubjectKey::from_bytes(
            *keys.entry(name.to_string()).or_insert(secret),
        ))
    }

    fn find(&self, name: &KeyRef) -> io::Result<Option<SubjectKey>> {
        let keys = self.keys.lock().unwrap();
        Ok(keys.get(name.as_str()).copied().map(SubjectKey::from_bytes))
    }

    fn erase(&self, name: &KeyRef) -> io::Result<()> {
        self.keys.lock().unwrap().remove(name.as_str());
        Ok(())
    }
}

impl Snapshots for Memory {
    fn save(&self, _size: u64, _root: &Hash, _state: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn newest(&self) -> Option<(u64, Vec<u8>)> {
        None
    }
}

/// Publishes into memory.
pub(crate) struct MemoryPublisher {
    pub(crate) memory: Arc<Memory>,
    pub(crate) builder: TileBuilder,
}

impl Publisher for MemoryPublisher {
    fn publish(&mut self, leaves: &[Hash], head: &SignedHead) -> io::Result<()> {
        let _turn = self.memory.publishing.lock().unwrap();
        for leaf in leaves {
            self.builder.append(*leaf);
        }
        self.memory
            .tiles
            .lock()
            .unwrap()
            .extend(self.builder.take_tiles());
        let published = Published {
            size: head.size,
            note: head.note.clone(),
        };
        *self.memory.published.lock().unwrap() = Some(Arc::new(published));
        Ok(())
    }
}

impl Backstage for Memory {
    fn signed_by(&self, _: u64, _: &record::note::VerifierKey) -> io::Result<Option<String>> {
        Ok(None)
    }

    fn chat(&self) -> Vec<web::ChatChannel> {
        let said = web::Outcomes {
            done: 3,
            failed: 0,
            unknown: 1,
        };
        vec![web::ChatChannel {
            name: "matrix".parse().unwrap(),
            kind: "matrix",
            host: "matrix.example.org".to_owned(),
            takes_private: false,
            rooms: vec![web::ChatRoom {
                incident: IncidentId::from_number(1),
                room: Some("!opaque:example.org".to_owned()),
                state: "linked",
                waiting: Some(2),
                waiting_since: Some(Timestamp::from_ms(0)),
                error: None,
            }],
            said,
            notes: web::Notes::default(),
            last_error: Some((Timestamp::from_ms(0), "it is not reached".to_owned())),
        }]
    }

    fn edge_certificate(
        &self,
        _: &base::Line,
    ) -> Option<Vec<record::kinds::containment::CertificateUsed>> {
        None
    }

    fn edge(&self) -> Option<serde_json::Value> {
        Some(serde_json::from_str(include_str!("edge.json")).unwrap())
    }

    fn published(&self) -> Option<Arc<Published>> {
        self.published.lock().unwrap().clone()
    }

    fn tile(&self, id: TileId) -> io::Result<Option<Vec<u8>>> {
        Ok(self.tiles.lock().unwrap().get(&id).cloned())
    }

    fn subject_key(&self, name: &KeyRef) -> io::Result<Option<SubjectKey>> {
        self.find(name)
    }

    fn ensure_subject_key(&self, name: &KeyRef) -> io::Result<SubjectKey> {
        self.ensure(name)
    }

    fn put_blob(&self, bytes: &[u8]) -> Result<Hash, BlobRefused> {
        if self.full.load(Ordering::SeqCst) {
            return Err(BlobRefused::NoSpace);
        }
        let sha256 = hash::sha256(&[bytes]);
        self.blobs.lock().unwrap().insert(sha256, bytes.to_vec());
        Ok(sha256)
    }

    fn blob(&self, sha256: &Hash) -> io::Result<Option<Vec<u8>>> {
        Ok(self.blobs.lock().unwrap().get(sha256).cloned())
    }

    fn disk_free_bytes(&self) -> io::Result<u64> {
        Ok(1 << 30)
    }

    fn witnesses(&self) -> Vec<Witness> {
        vec![Witness {
            name: "witness.example/w1".to_owned(),
            size: None,
            at: None,
        }]
    }

    fn readiness(&self) -> Result<(), Refusal> {
        if self.full.load(Ordering::SeqCst) {
            return Err(Refusal::new(Reason::NoSpace, "the disk is full"));
        }
        Ok(())
    }

    fn export(&self, incident: IncidentId, with_keys: bool) -> io::Result<Option<Vec<u8>>> {
        let indexes = self
            .of_subject(&Subject::Incident(incident), 0, 10)
            .unwrap();
        let keys = if with_keys { ",\"keys\":{}" } else { "" };
        let bundle = format!("{{\"hereby_bundle\":1,\"incident\":\"{incident}\"{keys}}}");
        Ok((!indexes.is_empty()).then(|| bundle.into_bytes()))
    }

    fn page_targets(&self) -> Vec<web::PageTarget> {
        self.targets.lock().unwrap().clone()
    }

    fn overlay_file(&self) -> Option<web::OverlayFile> {
        Some(web::OverlayFile {
            written: Some(0),
            ..web::OverlayFile::default()
        })
    }

    fn audited(&self) -> Option<web::Audited> {
        self.audited.lock().unwrap().clone()
    }
}

/// The real time, moved by hand.
#[derive(Default)]
pub(crate) struct MovedClock(AtomicI64);

impl MovedClock {
    pub(crate) fn forward_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        Timestamp::from_ms(since.as_millis() as i64 + self.0.load(Ordering::SeqCst))
    }
}
