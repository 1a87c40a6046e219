//! The engine as everyone else sees it: start it, ask it, stop it.

use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use base::{Name, Timestamp};
use incident::{AlertSignal, Deed, Reason, Refusal, Rules};
use record::act::{Act, BadAct};
use record::command::DigestKey;
use tokio::sync::oneshot;

use crate::answers::Committed;
use crate::asking::Asking;
use crate::decider::Decider;
use crate::follower::{self, View};
use crate::growth::Growth;
use crate::lookup::fold_act;
use crate::outlet::{Inlet, Outlet};
use crate::ports::{AppendError, Clock, Entries, Keystore, Log, Publisher, ReadError, Snapshots};
use crate::prepare::Front;
use crate::request::{Answer, Input, Outcome, Request, SignalReport, Transport};
use crate::signatures::Signatures;
use crate::state::State;
use crate::writer::{Deliver, Fatal, Job, Writer};

/// How many requests may wait for the writer.
const QUEUE_MAX: usize = 4_096;

/// How many batches the followers may lag behind before the writer waits.
const LAG_MAX: usize = 64;

/// What a thread of the engine is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Decides and commits: everyone waits for it.
    Writes,
    /// Shows readers what was committed, and answers.
    Follows,
    /// Publishes the tree: nobody waits for it.
    Publishes,
}

/// What an engine is made of.
pub struct Options {
    /// Where acts are written.
    pub log: Box<dyn Log>,
    /// Where they are read.
    pub entries: Arc<dyn Entries>,
    /// The keys of subjects.
    pub keystore: Arc<dyn Keystore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Tiles and the public checkpoint.
    pub publisher: Box<dyn Publisher>,
    /// States kept for the next start.
    pub snapshots: Arc<dyn Snapshots>,
    /// The key of command digests.
    pub digest_key: DigestKey,
    /// What alerts do.
    pub rules: Rules,
    /// How fast outsiders may make the record grow.
    pub growth: Growth,
    /// The epoch this writer believes in.
    pub epoch: u64,
    /// Acts to take first: opening the record, what recovery did.
    pub boot: Vec<Deed>,
    /// Called on each thread before anything else: it may raise or lower its priority.
    pub on_thread_start: Arc<dyn Fn(Duty) + Send + Sync>,
    /// Called when the writer can't go on. The process must end.
    pub on_fatal: Box<dyn FnOnce(AppendError) + Send>,
    /// Told how many entries were folded, of how many, while starting.
    pub progress: Box<dyn FnMut(u64, u64)>,
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum CannotStart {
    /// An entry can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An entry is no act of a form this build knows.
    #[error("entry {index}: {reason}")]
    Entry {
        /// Which.
        index: u64,
        /// Why not.
        reason: String,
    },
    /// An entry is of a later version of the envelope. Nothing was changed.
    #[error("entry {index} was written by a newer hereby: {reason}")]
    Newer {
        /// Which.
        index: u64,
        /// Which version.
        reason: String,
    },
    /// The first acts could not be written.
    #[error("the record can't be written")]
    Write(#[source] AppendError),
    /// No thread could be started.
    #[error("no thread could be started")]
    Thread(#[source] std::io::Error),
}

/// A running engine. Dropping it stops it; [`Engine::stop`] waits for the end.
pub struct Engine {
    front: Front,
    asking: Asking,
    jobs: Mutex<Option<SyncSender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// An engine before its first act and its first thread.
pub(crate) struct Parts {
    pub(crate) front: Front,
    pub(crate) writer: Writer,
    pub(crate) boot: Vec<Deed>,
    pub(crate) snapshots: Arc<dyn Snapshots>,
    /// The size of the snapshot that the state was folded from; 0 without one.
    kept: u64,
    publisher: Box<dyn Publisher>,
    on_thread_start: Arc<dyn Fn(Duty) + Send + Sync>,
    on_fatal: Box<dyn FnOnce(AppendError) + Send>,
}

impl Parts {
    /// Folds what is on the record; nothing follows the writer yet.
    pub(crate) fn new(mut options: Options) -> Result<Parts, CannotStart> {
        let now = options.clock.now();
        let (state, kept) = newest_state(
            options.entries.as_ref(),
            options.snapshots.as_ref(),
            &mut *options.progress,
        )?;
        let digest_key = Arc::new(options.digest_key);
        let head = options.log.sign().map_err(CannotStart::Write)?;
        let view = Arc::new(View::new(state.clone(), head));
        let decider = Decider::new(
            state,
            options.rules,
            options.growth,
            digest_key.clone(),
            options.keystore,
            options.entries.clone(),
            now,
        );
        let signatures = Signatures::default();
        let writer = Writer {
            decider,
            log: options.log,
            epoch: options.epoch,
            entries: options.entries.clone(),
            clock: options.clock.clone(),
            head: view.head(),
            view: view.clone(),
            deliver: Box::new(|_| Ok(())),
            tight: false,
            owed: None,
            checking: signatures.checking.clone(),
            expected: 0,
        };
        Ok(Parts {
            front: Front {
                view,
                entries: options.entries,
                clock: options.clock,
                digest_key,
                signatures,
            },
            writer,
            boot: options.boot,
            snapshots: options.snapshots,
            kept,
            publisher: options.publisher,
            on_thread_start: options.on_thread_start,
            on_fatal: options.on_fatal,
        })
    }
}

impl Engine {
    /// Folds what is on the record, takes the first acts and starts the threads.
    ///
    /// # Errors
    /// See [`CannotStart`].
    pub fn start(options: Options) -> Result<Engine, CannotStart> {
        let Parts {
            front,
            mut writer,
            boot,
            snapshots,
            kept,
            mut publisher,
            on_thread_start,
            on_fatal,
        } = Parts::new(options)?;
        let (jobs, work) = sync_channel(QUEUE_MAX);
        let (to_follower, follow) = sync_channel(LAG_MAX);
        let outlet = Arc::new(Outlet::default());
        writer.deliver = deliver(&front, to_follower, Inlet(outlet.clone()));
        let mut threads = Vec::new();
        let (entries, followed) = (front.entries.clone(), front.view.clone());
        let alarm = Alarm(Arc::new(Mutex::new(Some(on_fatal))));
        let fatal = alarm.clone();
        let begin = on_thread_start.clone();
        threads.push(spawn("follower", &alarm, move || {
            begin(Duty::Follows);
            let (entries, snapshots) = (entries.as_ref(), snapshots.as_ref());
            let ended = follower::follow(&followed, entries, snapshots, kept, &follow);
            if let Err(error) = ended {
                fatal.ring(unreadable(error));
            }
        })?);
        let begin = on_thread_start.clone();
        threads.push(spawn("publisher", &alarm, move || {
            begin(Duty::Publishes);
            outlet.publish(publisher.as_mut());
        })?);
        writer
            .boot(boot)
            .map_err(|Fatal(error)| CannotStart::Write(error))?;
        let fatal = alarm.clone();
        let begin = on_thread_start;
        threads.push(spawn("writer", &alarm, move || {
            begin(Duty::Writes);
            let ended = writer.run(&work);
            // Whoever waits, or asks from now on, hears of it at once.
            drop(work);
            if let Err(Fatal(error)) = ended {
                fatal.ring(error);
            }
        })?);
        Ok(Engine {
            front,
            asking: Asking::new(),
            jobs: Mutex::new(Some(jobs)),
            threads: Mutex::new(threads),
        })
    }

    /// What readers see.
    pub fn view(&self) -> &Arc<View> {
        &self.front.view
    }

    /// The entries that are durable.
    pub fn entries(&self) -> &Arc<dyn Entries> {
        &self.front.entries
    }

    /// The server's time.
    pub fn now(&self) -> Timestamp {
        self.front.clock.now()
    }

    /// Asks for acts, and waits until they are durable and readers see them.
    pub async fn submit(&self, request: Request) -> Outcome {
        let prepared = match self.front.prepare(request) {
            Ok(unchecked) => unchecked.together(&self.front.signatures).await,
            Err(refusal) => Err(refusal),
        };
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        match self.ask(Input::Command(Box::new(prepared))).await {
            Ok(Some(Answer::Command(outcome))) => outcome,
            Ok(_) => Outcome::Unknown,
            Err(refusal) => Outcome::Refused(refusal),
        }
    }

    /// Hands in alerts; answers once what followed is durable and readers see it. `None`: the outcome is unknown.
    pub async fn signals(
        &self,
        transport: Transport,
        signals: Vec<AlertSignal>,
    ) -> Option<SignalReport> {
        let refused = |refusal| SignalReport {
            refused: Some(refusal),
            ..SignalReport::default()
        };
        match self.ask(Input::Signals { transport, signals }).await {
            Ok(Some(Answer::Signals(report))) => Some(report),
            Ok(Some(Answer::Command(Outcome::Refused(refusal)))) | Err(refusal) => {
                Some(refused(refusal))
            }
            Ok(_) => None,
        }
    }

    /// Hands in a sign of life; says whether one is expected under this name.
    ///
    /// # Errors
    /// A refusal when the sender may not, or the writer is gone.
    pub async fn beat(&self, transport: Transport, heartbeat: Name) -> Result<bool, Refusal> {
        let gone = || Refusal::new(Reason::Stopping, "hereby is stopping");
        let beat = Input::Beat {
            transport,
            heartbeat,
        };
        match self.ask(beat).await? {
            Some(Answer::Beat(expected)) => expected,
            Some(Answer::Command(Outcome::Refused(refusal))) => Err(refusal),
            _ => Err(gone()),
        }
    }

    /// Takes no more requests, finishes what was taken, and waits for the end.
    pub fn stop(&self) {
        drop(
            self.jobs
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..).rev() {
            if thread.join().is_err() {
                tracing::error!("a thread of the engine had panicked");
            }
        }
    }

    /// The writer's answer; `None` when nobody can say what became of it.
    async fn ask(&self, input: Input) -> Result<Option<Answer>, Refusal> {
        let answer = self.hand_in(input)?;
        Ok(self.asking.wait(answer).await)
    }

    fn hand_in(&self, input: Input) -> Result<oneshot::Receiver<Answer>, Refusal> {
        let stopping = || Refusal::new(Reason::Stopping, "hereby is stopping; send it again later");
        let (answer, receiver) = oneshot::channel();
        let jobs = self
            .jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let jobs = jobs.ok_or_else(stopping)?;
        match jobs.try_send(Job { input, answer }) {
            Ok(()) => Ok(receiver),
            Err(TrySendError::Full(_)) => Err(Refusal::new(
                Reason::Overloaded,
                "more requests wait than the record can take; send it again in a second",
            )),
            Err(TrySendError::Disconnected(_)) => Err(stopping()),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Readers first, then whoever asked, then the public. What is short is done here, on the writer's
/// thread; the rest is left to the follower.
fn deliver(front: &Front, follower: SyncSender<Committed>, public: Inlet) -> Deliver {
    let (view, entries) = (front.view.clone(), front.entries.clone());
    Box::new(move |mut committed| {
        let leaves = std::mem::take(&mut committed.leaves);
        let head = committed.head.clone();
        let folded = view.fold_at_once(&committed, entries.as_ref());
        let folded = folded.map_err(unreadable)?;
        if folded {
            committed.answer(entries.as_ref());
            committed.acts.clear();
        }
        // The follower also keeps the snapshots.
        if !folded || follower::passes_snapshot(committed.first, committed.head.size) {
            // One that is gone has ended the process.
            let _ = follower.send(committed);
        }
        if !leaves.is_empty() {
            public.put(leaves, head);
        }
        Ok(())
    })
}

/// What is on the record must be folded, and can't be read: what readers see would not be what a
/// start makes of the record.
pub(crate) fn unreadable(error: ReadError) -> AppendError {
    AppendError::Fatal {
        what: "what was written can't be followed".to_owned(),
        source: std::io::Error::other(error),
    }
}

/// Told once that the engine can't go on, by whichever thread finds it first.
#[derive(Clone)]
struct Alarm(Arc<Mutex<Option<OnFatal>>>);

type OnFatal = Box<dyn FnOnce(AppendError) + Send>;

impl Alarm {
    fn ring(&self, error: AppendError) {
        let on_fatal = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(on_fatal) = on_fatal {
            on_fatal(error);
        }
    }
}

/// Starts a thread without which the engine is not whole: a panic in it is fatal, because a process
/// that lives on half dead looks well to everyone who watches it.
fn spawn(
    name: &'static str,
    alarm: &Alarm,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, CannotStart> {
    let alarm = alarm.clone();
    let guarded = move || {
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err() {
            let what = format!("the {name}'s thread panicked");
            alarm.ring(AppendError::Fatal {
                what,
                source: std::io::Error::other("a bug"),
            });
        }
    };
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(guarded)
        .map_err(CannotStart::Thread)
}

/// The state after all acts on the record: from the newest snapshot, or from the first act. With
/// it the size of that snapshot; 0 without one.
fn newest_state(
    entries: &dyn Entries,
    snapshots: &dyn Snapshots,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(State, u64), CannotStart> {
    let kept = snapshots
        .newest()
        .filter(|(size, _)| *size <= entries.size());
    let state = kept.and_then(|(size, json)| match State::from_snapshot(&json) {
        Ok(Some(state)) if state.log.acts == size => Some(state),
        Ok(_) => None,
        Err(error) => {
            tracing::warn!(%error, "a snapshot is damaged; the state is rebuilt without it");
            None
        }
    });
    let kept = state.as_ref().map_or(0, |state| state.log.acts);
    Ok((fold(state.unwrap_or_default(), entries, progress)?, kept))
}

/// Folds every act behind `state` into it. From an empty state this is the rebuild.
///
/// # Errors
/// When an entry can't be read, or is no act.
pub fn fold(
    mut state: State,
    entries: &dyn Entries,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<State, CannotStart> {
    let size = entries.size();
    let mut bad = None;
    entries.scan(state.log.acts, &mut |index, entry| {
        match Act::decode(entry) {
            Ok(act) => {
                let folded = fold_act(&mut state, &act, entries, index);
                bad = folded.err().map(CannotStart::Read);
            }
            Err(error) => {
                let reason = error.to_string();
                bad = Some(match error {
                    BadAct::Version(_) => CannotStart::Newer { index, reason },
                    _ => CannotStart::Entry { index, reason },
                });
            }
        }
        if index % 4_096 == 0 {
            progress(index, size);
        }
        bad.is_none()
    })?;
    progress(size, size);
    bad.map_or(Ok(state), Err)
}
