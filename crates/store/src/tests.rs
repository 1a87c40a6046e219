//! A record from its first batch to a crash and back, and what the tests of every part share.

use std::path::{Path, PathBuf};

use base::{Actor, CommandDigest, IncidentId, Proof, Timestamp};
use engine::ports::{Entries as _, Log as _, SignedHead};
use record::act::{Act, Evidence, Subject, act_id};
use record::hash::{self, Hash};
use record::kinds::Body;
use record::kinds::incident::Noted;
use record::kinds::log::Opened as LogOpened;
use record::sealed::Sealable;
use record::tree::Frontier;

use crate::{DataDir, Log, Opened, Options, Paths, Reader};

pub(crate) const ORIGIN: &str = "record.example/hereby";

pub(crate) fn now() -> Timestamp {
    Timestamp::from_ms(1_513_841_400_000)
}

/// An act that is told from others by its number.
pub(crate) fn act(number: u64) -> Act {
    Act {
        id: act_id(&format!("cmd-{number}").parse().unwrap(), 0),
        at: now().plus_ms(i64::try_from(number).unwrap()),
        claimed_at: None,
        actor: Actor::Person {
            id: "sam".parse().unwrap(),
        },
        evidence: Evidence {
            digest: CommandDigest::from_bytes([7; 16]),
            proof: Proof::Internal,
            signed: None,
        },
        subject: Subject::Incident(IncidentId::from_number(
            1 + u32::try_from(number % 7).unwrap(),
        )),
        tenant: None,
        cause: None,
        why: None,
        body: Body::from(Noted {
            blobs: Vec::new(),
            text: Sealable::Open(format!("note number {number}").parse().unwrap()),
        }),
    }
}

/// The act that opens a record.
pub(crate) fn opening(vkey: &str) -> Act {
    Act {
        subject: Subject::Record,
        body: Body::from(LogOpened {
            origin: ORIGIN.into(),
            vkey: vkey.into(),
        }),
        ..act(0)
    }
}

/// A data directory and an anchor beside it, gone when dropped.
pub(crate) struct Place {
    pub(crate) temporary: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        // In memory where there is such a place: thousands of syncs cost minutes on a disk.
        let memory = Path::new("/dev/shm");
        let temporary = match memory.is_dir() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        Place {
            temporary: temporary.unwrap(),
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.temporary.path().join("data")
    }

    pub(crate) fn paths(&self) -> Paths {
        Paths::new(self.data())
    }

    pub(crate) fn anchor(&self) -> PathBuf {
        self.temporary.path().join("anchor")
    }

    /// Segments of a few kilobytes, and no opinion on how full this machine's disk is.
    pub(crate) fn options(&self) -> Options {
        Options {
            segment_bytes_max: 4_096,
            low_water_bytes: 0,
            reserve_bytes: 0,
            ..Options::new(ORIGIN, self.anchor())
        }
    }

    pub(crate) fn lock(&self) -> DataDir {
        DataDir::open(&self.data(), "a test", now()).unwrap()
    }

    pub(crate) fn open(&self) -> Opened {
        Log::open(self.lock(), &self.options()).unwrap()
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::open(&self.paths(), &[]).unwrap()
    }

    /// Copies everything, the anchor as well, to a place of its own.
    pub(crate) fn copy(&self) -> Place {
        let copy = Place::new();
        copy_dir(self.temporary.path(), copy.temporary.path());
        copy
    }

    /// The file that is being written.
    pub(crate) fn last_segment(&self) -> PathBuf {
        let listed = crate::catalog::list(&self.paths(), &[]).unwrap();
        listed.last().unwrap().path().unwrap().to_owned()
    }
}

/// How many bytes were written to a segment: the one being written is filled ahead.
pub(crate) fn written(path: &Path) -> u64 {
    crate::lines::written_bytes(&std::fs::File::open(path).unwrap()).unwrap()
}

/// What was written to it.
pub(crate) fn text_of(path: &Path) -> Vec<u8> {
    let mut text = std::fs::read(path).unwrap();
    text.truncate(usize::try_from(written(path)).unwrap());
    text
}

pub(crate) fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for found in std::fs::read_dir(from).unwrap() {
        let found = found.unwrap();
        let target = to.join(found.file_name());
        if found.file_type().unwrap().is_dir() {
            copy_dir(&found.path(), &target);
        } else if found.file_type().unwrap().is_file() {
            std::fs::copy(found.path(), target).unwrap();
        }
    }
}

/// Appends acts in one batch, signs, and makes them findable.
pub(crate) fn append(log: &mut Log, acts: &[Act]) -> (Vec<Hash>, SignedHead) {
    let entries: Vec<Vec<u8>> = acts.iter().map(|act| act.encode().unwrap()).collect();
    let first = log.frontier().size();
    let appended = log
        .append_batch(first, log.epoch(), &entries, false)
        .unwrap();
    let head = log.sign().unwrap();
    log.reader().publish(first, acts);
    (appended.leaves, head)
}

/// Opens the record if it is new, then appends so many batches of so many acts.
pub(crate) fn fill(log: &mut Log, batches: u64, acts: u64) {
    if log.frontier().size() == 0 {
        let opened = opening(&log.vkey());
        append(log, &[opened]);
    }
    for _ in 0..batches {
        let first = log.frontier().size();
        let acts: Vec<Act> = (first..first + acts).map(act).collect();
        append(log, &acts);
    }
}

/// The root over all entries, computed from nothing but them.
pub(crate) fn root_of(reader: &Reader) -> Hash {
    let mut tree = Frontier::new();
    reader
        .scan(0, &mut |_, entry| {
            tree.append(hash::leaf(entry));
            true
        })
        .unwrap();
    tree.root()
}

#[test]
fn what_was_written_is_read_back_across_segments_and_starts() {
    let place = Place::new();
    let mut size = 0;
    for round in 0..4 {
        let mut opened = place.open();
        assert_eq!(opened.is_new, round == 0);
        assert_eq!(opened.torn, None);
        assert!(!opened.unsigned_tail);
        assert_eq!(opened.log.frontier().size(), size);
        fill(&mut opened.log, 5, 3 + round);
        size = opened.log.frontier().size();
        let reader = opened.log.reader();
        assert_eq!((reader.size(), reader.durable()), (size, size));
        assert_eq!(root_of(&reader), opened.log.frontier().root());
        for index in 1..size {
            assert_eq!(
                reader.entry(index).unwrap().unwrap(),
                act(index).encode().unwrap()
            );
            assert_eq!(reader.find_act(&act(index).id).unwrap(), Some(index));
        }
        assert_eq!(reader.entry(size).unwrap(), None);
        assert_eq!(reader.find_act(&act(size).id).unwrap(), None);
    }
    let segments = crate::catalog::list(&place.paths(), &[]).unwrap();
    assert!(segments.len() > 3, "{segments:?}");
    let reader = place.reader();
    assert_eq!(reader.size(), size);
    let subject = act(9).subject;
    let all = reader.of_subject(&subject, 0, 1_000).unwrap();
    let expected: Vec<u64> = (1..size).filter(|index| index % 7 == 9 % 7).collect();
    assert_eq!(all, expected);
    let from = expected[3];
    assert_eq!(
        reader.of_subject(&subject, from, 4).unwrap(),
        expected[3..7]
    );
    let some = reader.entries(5..20, 900).unwrap();
    assert_eq!(some[0], act(5).encode().unwrap());
    assert!(some.len() > 1 && some.len() < 15, "{}", some.len());
}
