//! The engine over ports that live in memory: a [`House`] whose record outlives its restarts.

mod access;
mod dedupe;
pub(crate) mod disk;
mod faults;
mod growth;
mod laws;
mod private;
mod requests;
mod start;
mod subscribers;
mod threads;

use std::fmt::Debug;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base::{IncidentId, Proof, Severity, Timestamp};
use incident::{AlertSignal, Deed, Draft, Phase, Reason, Rules};
use record::act::{Act, Subject};
use record::command::{Acknowledge, Command, Declare, DigestKey, Note, Verb};
use record::kinds::log::Opened;

use self::disk::{Disk, Kept, Keys, MemoryLog, Tiles};
use crate::drive::{Answer, Driver, Pending, Reply};
use crate::ports::{AppendError, Clock};
use crate::{
    CannotStart, Growth, Options, Outcome, Receipt, Request, SignalReport, Signature, Transport,
};

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// Reads an id, a name, a line: whatever the place needs.
fn word<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn inc(number: u32) -> IncidentId {
    IncidentId::from_number(number)
}

/// The local user who sends what nobody else does.
const LOCAL: Transport = Transport::LocalUid(1000);

struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.load(Ordering::Relaxed))
    }
}

/// Everything that outlives the process, and the process.
struct House {
    clock: Arc<TestClock>,
    disk: Arc<Disk>,
    keys: Arc<Keys>,
    kept: Arc<Kept>,
    rules: Rules,
    growth: Growth,
    driver: Option<Driver>,
}

impl House {
    /// An empty record, opened.
    fn new() -> House {
        let mut house = House::shut();
        house.start();
        house
    }

    /// An empty record that nobody has opened.
    fn shut() -> House {
        let now: Timestamp = word("2017-12-21T07:30:00.000Z");
        House {
            clock: Arc::new(TestClock(AtomicI64::new(now.as_ms()))),
            disk: Arc::default(),
            keys: Arc::default(),
            kept: Arc::default(),
            rules: Rules::default(),
            growth: Growth::new(1_000, 1_000_000),
            driver: None,
        }
    }

    fn options(&self) -> Options {
        let boot = if self.disk.size() > 0 {
            Vec::new()
        } else {
            vec![opening(&self.disk)]
        };
        Options {
            log: Box::new(MemoryLog::open(self.disk.clone())),
            entries: self.disk.clone(),
            keystore: self.keys.clone(),
            clock: self.clock.clone(),
            publisher: Box::new(Tiles(self.disk.clone())),
            snapshots: self.kept.clone(),
            digest_key: DigestKey::from_bytes(&[7; 32]),
            rules: self.rules.clone(),
            growth: self.growth.clone(),
            epoch: 1,
            boot,
            on_thread_start: Arc::new(|_| {}),
            on_fatal: Box::new(|_| {}),
            progress: Box::new(|_, _| {}),
        }
    }

    fn try_start(&mut self) -> Result<(), CannotStart> {
        self.driver = None;
        self.driver = Some(Driver::start(self.options())?);
        Ok(())
    }

    fn start(&mut self) {
        self.try_start().unwrap();
    }

    fn driver(&mut self) -> &mut Driver {
        self.driver.as_mut().unwrap()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn wait(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::Relaxed);
    }

    /// Asks for it on the local socket and waits for the answer.
    fn ask(&mut self, id: &str, verb: impl Into<Verb>) -> Outcome {
        self.send(local(id, verb))
    }

    fn done(&mut self, id: &str, verb: impl Into<Verb>) -> Vec<Receipt> {
        done(self.ask(id, verb))
    }

    fn send(&mut self, request: Request) -> Outcome {
        self.together(vec![request]).remove(0)
    }

    /// Hands all of them in before the writer comes to any.
    fn together(&mut self, requests: Vec<Request>) -> Vec<Outcome> {
        let driver = self.driver();
        let waiting: Vec<Pending> = requests
            .into_iter()
            .map(|request| driver.submit(request))
            .collect();
        let served = driver.serve();
        let outcomes = waiting.into_iter().map(|mut asked| match asked.look() {
            Reply::Answered(Answer::Command(outcome)) => outcome,
            Reply::Lost => Outcome::Unknown,
            other => unreachable!("{other:?}"),
        });
        let outcomes: Vec<Outcome> = outcomes.collect();
        assert!(served.is_ok() || outcomes.contains(&Outcome::Unknown));
        outcomes
    }

    fn signals(&mut self, signals: &[AlertSignal]) -> SignalReport {
        let asked = self.driver().signals(LOCAL, signals.to_vec());
        self.driver().serve().unwrap();
        report(asked)
    }

    fn tick(&mut self) -> Result<(), AppendError> {
        self.driver().tick()
    }

    /// Lets time pass, looking at what is due a hundred times.
    fn pass(&mut self, ms: i64) {
        let step = (ms / 100).max(1);
        for _ in 0..ms / step {
            self.wait(step);
            self.tick().unwrap();
        }
    }

    fn state(&mut self) -> &crate::State {
        self.driver().state()
    }

    fn acts(&self) -> Vec<Act> {
        self.disk
            .entries()
            .iter()
            .map(|entry| Act::decode(entry).unwrap())
            .collect()
    }

    /// What the writer, the readers and a rebuild from the record make of it must be one.
    fn agrees(&mut self) {
        let rebuilt = crate::fold(crate::State::default(), &*self.disk, &mut |_, _| {}).unwrap();
        let driver = self.driver();
        assert_eq!(driver.state().digest().unwrap(), rebuilt.digest().unwrap());
        assert_eq!(driver.state(), &rebuilt);
        driver.view().read(|state| assert_eq!(state, &rebuilt));
        // Whatever a test has done by commands, no audit finds anything wrong with it.
        let mut audit = crate::audit::Audit::of_everything();
        audit.read(&*self.disk, u64::MAX).unwrap();
        assert_eq!(audit.take_found(), []);
    }
}

fn opening(disk: &Disk) -> Deed {
    Deed {
        id: word("hereby:record:opened"),
        actor: base::Actor::System { id: word("record") },
        cause: None,
        why: None,
        drafts: vec![Draft::new(
            Subject::Record,
            Opened {
                origin: disk::ORIGIN.into(),
                vkey: disk.vkey().into(),
            },
        )],
    }
}

fn local(id: &str, verb: impl Into<Verb>) -> Request {
    Request {
        transport: LOCAL,
        command: Command::new(word(id), verb),
        signature: None,
    }
}

#[track_caller]
fn done(outcome: Outcome) -> Vec<Receipt> {
    match outcome {
        Outcome::Done(receipts) => receipts,
        other => unreachable!("{other:?}"),
    }
}

#[track_caller]
fn reason(outcome: &Outcome) -> Reason {
    match outcome {
        Outcome::Refused(refusal) => refusal.reason,
        other => unreachable!("{other:?}"),
    }
}

#[track_caller]
fn report(mut asked: Pending) -> SignalReport {
    match asked.look() {
        Reply::Answered(Answer::Signals(report)) => report,
        other => unreachable!("{other:?}"),
    }
}

/// Receipts without their checkpoint, which is as new as the answer.
fn places(receipts: &[Receipt]) -> Vec<(u64, String, Timestamp)> {
    let place = |it: &Receipt| {
        (
            it.index,
            format!("{} {} {}", it.act, it.kind, it.subject.id()),
            it.at,
        )
    };
    receipts.iter().map(place).collect()
}

fn declare(title: &str) -> Declare {
    Declare {
        alerts: Vec::new(),
        drill: false,
        impact_start: None,
        private: false,
        service: None,
        severity: Severity::from_number(2).unwrap(),
        template: None,
        title: word(title),
    }
}

fn note(incident: u32, text: &str) -> Note {
    Note {
        blobs: Vec::new(),
        incident: inc(incident),
        text: word(text),
    }
}

fn firing(fingerprint: &str, service: &str, at: Timestamp) -> AlertSignal {
    AlertSignal {
        annotations: std::collections::BTreeMap::new(),
        ends_at: None,
        fingerprint: word(fingerprint),
        labels: [("service".into(), service.into())].into(),
        lost_bytes: 0,
        phase: Phase::Firing,
        source: word("alertmanager"),
        starts_at: Some(at),
        title: word(&format!("{fingerprint} is wrong")),
    }
}
