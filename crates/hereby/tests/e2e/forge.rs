//! Writes a record straight onto the disk with the log's own key: fast, and just what somebody could
//! do who has stolen it.

use std::path::Path;

use base::{Actor, CommandDigest, IncidentId, Proof, Severity, Timestamp};
use engine::ports::{Log as _, SignedHead};
use record::act::{Act, Evidence, Subject, act_id};
use record::kinds::Body;
use record::kinds::incident::{Declared, Noted};
use record::kinds::log::Opened;
use store::{DataDir, Log, TilePublisher};

/// The log's name in all places of these tests.
pub(crate) const ORIGIN: &str = "test.example/log";

/// The acts of a log that opens, declares one incident and notes things in it. `word` is what the
/// note with that index says.
pub(crate) fn acts(vkey: &str, count: u64, word: impl Fn(u64) -> String) -> Vec<Act> {
    let start = Timestamp::from_ms(1_513_841_400_000);
    let incident = IncidentId::from_number(1);
    (0..count)
        .map(|index| {
            let (subject, body): (Subject, Body) = match index {
                0 => (
                    Subject::Record,
                    Opened {
                        origin: ORIGIN.into(),
                        vkey: vkey.into(),
                    }
                    .into(),
                ),
                1 => {
                    let declared = Declared {
                        drill: false,
                        impact_start: None,
                        private: false,
                        service: None,
                        severity: Severity::from_number(2).unwrap(),
                        surroundings: None,
                        template: None,
                        title: "a long day".parse::<base::Line>().unwrap().into(),
                    };
                    (Subject::Incident(incident), declared.into())
                }
                _ => {
                    let text = word(index).parse::<base::Prose>().unwrap().into();
                    (
                        Subject::Incident(incident),
                        Noted {
                            blobs: vec![],
                            text,
                        }
                        .into(),
                    )
                }
            };
            let command = match index {
                // What the auditor knows the id of.
                0 => "hereby:record:opened".to_owned(),
                _ => format!("forged-{index}"),
            };
            let command = command.parse().unwrap();
            Act {
                id: act_id(&command, 0),
                at: start.plus_ms(i64::try_from(index).unwrap()),
                claimed_at: None,
                actor: Actor::Uid {
                    id: 1000,
                    on_behalf_of: None,
                },
                evidence: Evidence {
                    // Of each command another one.
                    digest: CommandDigest::from_bytes(u128::from(index).to_be_bytes()),
                    proof: Proof::LocalUid,
                    signed: None,
                },
                subject,
                tenant: None,
                cause: None,
                why: None,
                body,
            }
        })
        .collect()
}

/// Makes a record in `data` with these acts, a thousand to a batch. A key that is in `data` already
/// is used; else the log makes one. `at` is called with each head that was published, every
/// `every` acts and at the end.
pub(crate) fn write(
    data: &Path,
    anchor: &Path,
    acts: impl FnOnce(&str) -> Vec<Act>,
    every: usize,
    at: impl FnMut(&SignedHead),
) {
    let encoded = |key: &str| {
        let acts = acts(key);
        let entries = acts.iter().map(|act| act.encode().unwrap()).collect();
        (entries, acts)
    };
    write_entries(data, anchor, encoded, every, at);
}

/// The same with entries as they are to stand there; `acts` are what they are found by.
pub(crate) fn write_entries(
    data: &Path,
    anchor: &Path,
    entries: impl FnOnce(&str) -> (Vec<Vec<u8>>, Vec<Act>),
    every: usize,
    mut at: impl FnMut(&SignedHead),
) {
    let now = Timestamp::from_ms(0);
    let dir = DataDir::open(data, "a test", now).unwrap();
    let paths = dir.paths().clone();
    let mut options = store::Options::new(ORIGIN, anchor.to_owned());
    options.accept_anchor = true;
    options.low_water_bytes = 0;
    options.reserve_bytes = 0;
    let opened = Log::open(dir, &options).unwrap();
    let mut log = opened.log;
    let reader = log.reader();
    let (entries, acts) = entries(&log.vkey());
    let mut size = 0;
    for (entries, part) in entries.chunks(every).zip(acts.chunks(every)) {
        let mut head = None;
        for (entries, batch) in entries.chunks(1_000).zip(part.chunks(1_000)) {
            let appended = log.append_batch(size, log.epoch(), entries, false).unwrap();
            head = Some(log.sign().unwrap());
            engine::ports::Entries::publish(&reader, size, batch);
            size = appended.size;
        }
        let head = head.unwrap();
        TilePublisher::open(&paths, &reader, Some(&head)).unwrap();
        at(&head);
    }
}
