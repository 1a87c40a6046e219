//! An engine on the embedded storage, as `hereby serve` puts it together, in a directory of its own.

use std::path::Path;
use std::process::abort;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base::{Actor, CommandId, IncidentId, Prose, Severity, Timestamp};
use engine::ports::{AppendError, Clock, Entries as _};
use engine::{Duty, Engine, Growth, Outcome, Receipt, Request, Signature, Transport};
use incident::{DEED_ID_PREFIX, Deed, Draft};
use record::act::Subject;
use record::command::{Command, Declare, Note, Verb};
use record::kinds::log::Opened as LogOpened;
use store::{AnchorSync, DataDir, Keystore, Log, Rank, Reader, Snapshots, TilePublisher};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::say;
use crate::scratch::scratch;

/// The kernel's user id that commands come from.
const UID: u32 = 1_000;

/// How many bytes an entry has, about.
pub const ENTRY_BYTES: usize = 512;

/// How many incidents the notes go to.
const INCIDENTS: u32 = 8;

/// The log's name.
pub const ORIGIN: &str = "bench.example/log";

/// The writer's priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// That of everything else.
    Normal,
    /// In front of everything else, when the process may.
    Raised,
}

/// The machine's clock.
#[derive(Debug)]
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A running engine with a few open incidents.
pub struct Rig {
    runtime: Runtime,
    engine: Engine,
    _anchor: EverySecond,
    reader: Reader,
    next: AtomicU64,
    text: Prose,
    directory: TempDir,
}

/// Calls something every second, on a thread of its own, until it is dropped.
struct EverySecond {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl EverySecond {
    fn call(what: impl Fn() + Send + 'static) -> EverySecond {
        let (stop, stopped) = channel::<()>();
        let thread = std::thread::spawn(move || {
            let second = Duration::from_secs(1);
            while stopped.recv_timeout(second) == Err(RecvTimeoutError::Timeout) {
                what();
            }
        });
        EverySecond {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for EverySecond {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // What it calls says itself what goes wrong.
            let _ = thread.join();
        }
    }
}

/// What is beside the engine.
#[derive(Debug)]
pub struct Beside {
    /// Reads what is durable.
    pub reader: Reader,
    /// Makes the anchor durable.
    pub anchor: AnchorSync,
}

/// Ends everything: a figure of an engine that has stopped would be a lie.
#[expect(clippy::print_stderr, reason = "the process ends here")]
fn fatal(error: AppendError) {
    eprintln!("the writer has stopped: {error}");
    abort();
}

/// What an engine over the log in `data` is made of.
///
/// # Errors
/// When the directory can't be opened.
pub fn options(data: &Path, priority: Priority) -> Result<(engine::Options, Beside), Failed> {
    let dir = DataDir::open(data, "bench", WallClock.now()).map_err(failed("lock"))?;
    let paths = dir.paths().clone();
    let digest_key = store::digest_key(&paths).map_err(failed("make a key"))?;
    let anchor = data.with_extension("anchor");
    let opened = Log::open(dir, &store::Options::new(ORIGIN, anchor)).map_err(failed("open"))?;
    let reader = opened.log.reader();
    let anchor = opened.log.anchor_syncer();
    let publisher = TilePublisher::open(&paths, &reader, opened.head.as_ref());
    let publisher = publisher.map_err(failed("publish the tree"))?;
    let boot = match opened.is_new {
        true => vec![opening(&opened.log.vkey())?],
        false => Vec::new(),
    };
    let options = engine::Options {
        epoch: opened.log.epoch(),
        log: Box::new(opened.log),
        entries: Arc::new(reader.clone()),
        keystore: Arc::new(Keystore::new(&paths)),
        clock: Arc::new(WallClock),
        publisher: Box::new(publisher),
        snapshots: Arc::new(Snapshots::new(&paths, reader.clone())),
        digest_key,
        rules: incident::Rules::default(),
        growth: Growth::new(u64::MAX / 4_000, u64::MAX / 4_000),
        boot,
        on_thread_start: Arc::new(move |duty| {
            if priority == Priority::Raised {
                // As `hereby serve`. Whether it may be raised is asked before by `may_raise`.
                let _ = match duty {
                    Duty::Writes | Duty::Follows => Rank::Commits.take(),
                    Duty::Publishes => Rank::Behind.take(),
                };
            }
        }),
        on_fatal: Box::new(fatal),
        progress: Box::new(|_, _| {}),
    };
    Ok((options, Beside { reader, anchor }))
}

/// The first act of the record.
fn opening(vkey: &str) -> Result<Deed, Failed> {
    let opened = LogOpened {
        origin: ORIGIN.into(),
        vkey: vkey.into(),
    };
    Ok(Deed {
        id: format!("{DEED_ID_PREFIX}record-opened")
            .parse()
            .map_err(failed("open"))?,
        actor: Actor::System {
            id: "record".parse().map_err(failed("open"))?,
        },
        cause: None,
        why: None,
        drafts: vec![Draft::new(Subject::Record, opened)],
    })
}

/// A runtime as the server's: a thread for each core, in front but behind the writer's.
fn runtime(priority: Priority) -> Result<Runtime, Failed> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if priority == Priority::Raised {
        builder.on_thread_start(|| {
            let _ = Rank::Answers.take();
        });
    }
    builder.build().map_err(failed("start a runtime"))
}

/// Whether this process may raise a thread's priority.
pub fn may_raise() -> bool {
    std::thread::spawn(|| Rank::Commits.take().is_ok())
        .join()
        .unwrap_or(false)
}

/// A benchmark that could not be set up.
#[derive(Debug)]
pub struct Failed(pub String);

/// Turns any error into one that says what was tried.
pub fn failed<E: std::error::Error>(what: &str) -> impl Fn(E) -> Failed {
    move |error| {
        let mut text = format!("can't {what}: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        Failed(text)
    }
}

impl Rig {
    /// An engine on an empty record; declares incidents, and finds the text whose notes are
    /// entries of about [`ENTRY_BYTES`].
    ///
    /// # Errors
    /// When anything of it fails.
    pub fn new(priority: Priority) -> Result<Rig, Failed> {
        let directory = scratch().map_err(failed("make a directory"))?;
        let (options, beside) = options(&directory.path().join("data"), priority)?;
        let Beside { reader, anchor } = beside;
        let anchor = EverySecond::call(move || {
            if let Err(error) = anchor.sync() {
                say(&format!("the anchor can't be synced: {error}"));
            }
        });
        let engine = Engine::start(options).map_err(failed("start"))?;
        let text = "x".parse().map_err(failed("write"))?;
        let mut rig = Rig {
            runtime: runtime(priority)?,
            engine,
            _anchor: anchor,
            reader,
            next: AtomicU64::new(0),
            text,
            directory,
        };
        for number in 1..=INCIDENTS {
            let declare = Declare {
                alerts: Vec::new(),
                drill: false,
                impact_start: None,
                private: false,
                service: None,
                severity: Severity::from_number(2).map_err(failed("declare"))?,
                template: None,
                title: format!("checkout fails in region {number}")
                    .parse()
                    .map_err(failed("declare"))?,
            };
            rig.submit(rig.request(declare.into()))?;
        }
        let entry = rig.submit(rig.note())?.first().map(|receipt| receipt.index);
        let entry = rig
            .reader
            .entry(entry.unwrap_or(0))
            .map_err(failed("read"))?;
        let bare = entry.map_or(0, |entry| entry.len());
        let words = "the queue grows while consumers time out; ".repeat(ENTRY_BYTES / 40 + 1);
        let text = words
            .get(..ENTRY_BYTES.saturating_sub(bare))
            .unwrap_or(&words);
        rig.text = text.parse().map_err(failed("write"))?;
        Ok(rig)
    }

    /// Where those who ask run.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The directory that everything is in, data and what else a benchmark keeps.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A command with an id that was not used before.
    pub fn command(&self, verb: Verb) -> Command {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let id = format!("bench-{number:026}");
        let id: CommandId = id.parse().expect("letters and digits make an id");
        Command::new(id, verb)
    }

    /// A request that nobody signed, from the local socket.
    pub fn request(&self, verb: Verb) -> Request {
        request(self.command(verb), None)
    }

    /// What to note next.
    pub fn note_verb(&self) -> Verb {
        let number = self.next.load(Ordering::Relaxed) % u64::from(INCIDENTS);
        let number = u32::try_from(number).unwrap_or(0) + 1;
        let incident = IncidentId::from_number(number);
        Note {
            blobs: Vec::new(),
            incident,
            text: self.text.clone(),
        }
        .into()
    }

    /// A note in one of the incidents.
    pub fn note(&self) -> Request {
        self.request(self.note_verb())
    }

    /// Takes an act and waits until it is durable.
    ///
    /// # Errors
    /// When it is anything but done: a benchmark of refusals measures nothing.
    pub fn submit(&self, request: Request) -> Result<Vec<Receipt>, Failed> {
        self.runtime.block_on(self.send(request))
    }

    /// The same, on a task.
    ///
    /// # Errors
    /// As for [`Rig::submit`].
    pub async fn send(&self, request: Request) -> Result<Vec<Receipt>, Failed> {
        match self.engine.submit(request).await {
            Outcome::Done(receipts) => Ok(receipts),
            Outcome::Refused(refusal) => Err(Failed(format!("refused: {refusal}"))),
            Outcome::Unknown => Err(Failed("the outcome is unknown".to_owned())),
        }
    }

    /// How many bytes all segments have.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn segment_bytes(&self) -> Result<u64, Failed> {
        let mut bytes = 0;
        let segments = self.reader.paths().segments();
        for file in std::fs::read_dir(segments).map_err(failed("list segments"))? {
            let file = file.map_err(failed("list segments"))?;
            if file
                .path()
                .extension()
                .is_some_and(|ending| ending == "jsonl")
            {
                let content = std::fs::read(file.path()).map_err(failed("read a segment"))?;
                let last = content.iter().rposition(|byte| *byte != 0);
                bytes += last.map_or(0, |last| last as u64 + 1);
            }
        }
        Ok(bytes)
    }
}

/// A request from the local socket.
pub fn request(command: Command, signature: Option<Signature>) -> Request {
    Request {
        transport: Transport::LocalUid(UID),
        command,
        signature,
    }
}
