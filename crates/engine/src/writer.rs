//! The writer's thread: takes what is asked in batches, decides, writes, syncs, signs, answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use base::Proof;
use incident::{Deed, Reason, Refusal};
use record::command::Verb;
use record::hash::Hash;
use tokio::sync::oneshot;

use crate::answers::{Committed, Waiting};
use crate::decider::Decider;
use crate::follower::View;
use crate::ports::{AppendError, AppendRefusal, Clock, Entries, Log, SignedHead};
use crate::request::{Answer, Input, Prepared};
use crate::settled::{Batch, Settled, SignalsSettled};

/// The most requests in a batch.
const BATCH_REQUESTS_MAX: usize = 1_024;

/// A batch is written once its entries have this many bytes.
const BATCH_BYTES_MAX: usize = 4 << 20;

/// How often what is due because of time is looked for.
const TICK_EVERY_MS: i64 = 1_000;

/// How long the writer looks for the next request before it sleeps, if the last one came so soon:
/// whoever sends one after the other is back before a thread is woken.
const LINGER: Duration = Duration::from_micros(60);

/// How long a batch that has fewer requests than the last one is held open for the next of them.
const LULL: Duration = Duration::from_micros(20);

/// The longest time that a batch is held open.
const GATHER_MAX: Duration = Duration::from_micros(500);

/// How often the writer looks for requests whose signatures are being checked.
const GATHER_STEP: Duration = Duration::from_micros(100);

/// How soon is soon: longer than [`LINGER`] by what waking this thread takes.
const SOON: Duration = Duration::from_micros(120);

/// A request and where its answer goes. A dropped sender means: unknown.
pub(crate) struct Job {
    pub(crate) input: Input,
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// Takes a batch that is durable and signed on to readers, to the public, and to who asked.
pub(crate) type Deliver = Box<dyn FnMut(Committed) -> Result<(), AppendError> + Send>;

/// Everything the writer owns.
pub(crate) struct Writer {
    pub(crate) decider: Decider,
    pub(crate) log: Box<dyn Log>,
    pub(crate) epoch: u64,
    pub(crate) entries: Arc<dyn Entries>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) view: Arc<View>,
    /// The newest checkpoint: covers everything that was ever committed, while readers lag behind.
    pub(crate) head: Arc<SignedHead>,
    /// Set before the first batch.
    pub(crate) deliver: Deliver,
    /// The disk was full at the last try: one request at a time, so that urgent ones pass.
    pub(crate) tight: bool,
    /// What must stand on the record before anything else does.
    pub(crate) owed: Option<Owed>,
    /// How many signatures are being checked at this moment.
    pub(crate) checking: Arc<AtomicUsize>,
    /// How many requests the last batch answered: they may be back soon.
    pub(crate) expected: usize,
}

/// Acts of the start that the record had no room for: what is written without them would be a
/// record that nothing opened, or a recovery that nothing tells of.
#[derive(Debug)]
pub(crate) struct Owed {
    deeds: Vec<Deed>,
    refusal: AppendRefusal,
}

/// The writer can't go on: what is on the disk is unknown.
#[derive(Debug)]
pub(crate) struct Fatal(pub(crate) AppendError);

impl Writer {
    /// Serves until every sender of jobs is gone.
    pub(crate) fn run(mut self, jobs: &Receiver<Job>) -> Result<(), Fatal> {
        let mut next_tick = self.clock.now();
        let (mut answered, mut soon) = (Instant::now(), false);
        loop {
            let now = self.clock.now();
            // A clock that was set back must not keep what is due waiting until it has caught up.
            if now >= next_tick || next_tick.ms_since(now) > TICK_EVERY_MS {
                next_tick = now.plus_ms(TICK_EVERY_MS);
                self.tick()?;
            }
            let patience = u64::try_from(next_tick.ms_since(now)).unwrap_or(0);
            let patience = Duration::from_millis(patience.max(1));
            let at_once = if soon {
                linger(jobs, answered, LINGER)
            } else {
                None
            };
            match at_once.map_or_else(|| jobs.recv_timeout(patience), Ok) {
                Ok(job) => {
                    soon = answered.elapsed() < SOON;
                    self.serve(job, jobs)?;
                    answered = Instant::now();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Takes what hereby does by itself at the start: opening the record, saying what recovery did.
    /// On a full disk it is owed: readers are served, and nothing is written before it.
    pub(crate) fn boot(&mut self, deeds: Vec<Deed>) -> Result<(), Fatal> {
        let now = self.clock.now();
        let mut batch = self.decider.batch();
        for deed in deeds.clone() {
            if let Err(refusal) = self.decider.deed(&mut batch, deed, &Proof::Internal, now) {
                tracing::error!(%refusal, "the record's own act could not be taken");
            }
        }
        if let Some(refusal) = self.write(batch, Vec::new())? {
            self.owed = Some(Owed { deeds, refusal });
        }
        Ok(())
    }

    /// Tries again what is owed.
    fn pay(&mut self) -> Result<(), Fatal> {
        match self.owed.take() {
            Some(owed) => self.boot(owed.deeds),
            None => Ok(()),
        }
    }

    /// Does what is due because time passed.
    pub(crate) fn tick(&mut self) -> Result<(), Fatal> {
        self.pay()?;
        let now = self.clock.now();
        let mut batch = self.decider.batch();
        self.decider.look_at_clock(self.clock.seen());
        self.decider.tick(&mut batch, now);
        self.commit(batch, Vec::new())
    }

    /// Decides on this job and all that wait behind it, and writes what follows.
    pub(crate) fn serve(&mut self, first: Job, jobs: &Receiver<Job>) -> Result<(), Fatal> {
        self.pay()?;
        let mut batch = self.decider.batch();
        let mut waiting = Vec::new();
        let begin = Instant::now();
        let mut next = Some(first);
        while let Some(job) = next {
            if let Input::Command(prepared) = &job.input
                && matches!(prepared.command.verb, Verb::RotateLogKey(_))
            {
                self.commit(batch, std::mem::take(&mut waiting))?;
                self.rotate(prepared, job.answer)?;
                batch = self.decider.batch();
            } else {
                waiting.push(self.decide(&mut batch, job));
            }
            let full = waiting.len() >= BATCH_REQUESTS_MAX || batch.bytes >= BATCH_BYTES_MAX;
            next = if full || self.tight {
                None
            } else {
                self.gather(jobs, waiting.len(), begin)
            };
        }
        self.expected = waiting.len();
        self.commit(batch, waiting)
    }

    /// The next job for the batch that was begun then and has so many: one that waits already, or
    /// comes soon enough. A sync costs as much for one request as for a hundred.
    fn gather(&self, jobs: &Receiver<Job>, has: usize, begin: Instant) -> Option<Job> {
        if let Ok(job) = jobs.try_recv() {
            return Some(job);
        }
        // Signatures are checked on all cores; this thread leaves them alone meanwhile.
        while self.checking.load(Ordering::Relaxed) > 0 && begin.elapsed() < GATHER_MAX {
            std::thread::sleep(GATHER_STEP);
            if let Ok(job) = jobs.try_recv() {
                return Some(job);
            }
        }
        if has < self.expected && begin.elapsed() < GATHER_MAX {
            return linger(jobs, Instant::now(), LULL);
        }
        None
    }

    fn decide(&mut self, batch: &mut Batch, job: Job) -> Waiting {
        let now = self.clock.now();
        let settled = self.decider.admit(batch, &job.input, now);
        match (&job.input, &settled) {
            (Input::Signals { .. }, _) => batch.urgent = false,
            (Input::Command(prepared), _) => {
                batch.urgent &= is_urgent(prepared.command.verb.name());
            }
            (Input::Beat { heartbeat, .. }, Settled::Beat(true)) => {
                self.view.beat(heartbeat.clone(), now);
            }
            (Input::Beat { .. }, _) => {}
        }
        Waiting {
            answer: job.answer,
            settled,
        }
    }

    /// Changes the log's key: in a batch of its own, signed by the old key for the last time.
    fn rotate(
        &mut self,
        prepared: &Prepared,
        answer: oneshot::Sender<Answer>,
    ) -> Result<(), Fatal> {
        let now = self.clock.now();
        let mut batch = self.decider.batch();
        let settled = match self.decider.before_rotation(prepared, now) {
            Ok(Some(repeated)) => repeated,
            Err(refusal) => Settled::Refused(refusal),
            Ok(None) => match self.log.prepare_key() {
                Ok(vkey) => self
                    .decider
                    .rotate(&mut batch, prepared, vkey, now)
                    .unwrap_or_else(Settled::Refused),
                Err(error) => Settled::Refused(Refusal::new(
                    Reason::NoSpace,
                    format!("no new key could be kept: {error}"),
                )),
            },
        };
        self.commit(batch, vec![Waiting { answer, settled }])
    }

    fn commit(&mut self, batch: Batch, waiting: Vec<Waiting>) -> Result<(), Fatal> {
        match &self.owed {
            Some(owed) if !batch.acts.is_empty() => {
                let refusal = owed.refusal.clone();
                self.refuse(&batch, waiting, &refusal)
            }
            _ => self.write(batch, waiting).map(drop),
        }
    }

    /// Writes a batch and answers; says why if the record did not take it.
    fn write(
        &mut self,
        batch: Batch,
        waiting: Vec<Waiting>,
    ) -> Result<Option<AppendRefusal>, Fatal> {
        if batch.acts.is_empty() {
            self.hand_on(batch, Vec::new(), waiting)?;
            return Ok(None);
        }
        // On a tight disk an urgent batch first asks for ordinary room: getting it is how one learns
        // that the disk is not tight any more, and what is refused was not written.
        let mut urgent = batch.urgent && !self.tight;
        let mut appended = self
            .log
            .append_batch(batch.first, self.epoch, &batch.entries, urgent);
        if matches!(appended, Err(AppendError::Refused(_))) && batch.urgent && !urgent {
            urgent = true;
            appended = self
                .log
                .append_batch(batch.first, self.epoch, &batch.entries, urgent);
        }
        let appended = match appended {
            Ok(appended) => appended,
            Err(AppendError::Refused(refusal)) => {
                self.refuse(&batch, waiting, &refusal)?;
                return Ok(Some(refusal));
            }
            Err(fatal) => return Err(Fatal(fatal)),
        };
        let mut head = self.log.sign().map_err(Fatal)?;
        if batch.rotates {
            self.log.use_new_key().map_err(Fatal)?;
            head = self.log.sign().map_err(Fatal)?;
        }
        self.tight &= urgent;
        self.head = Arc::new(head);
        self.entries.publish(batch.first, &batch.acts);
        self.decider.committed(&batch.acts);
        self.hand_on(batch, appended.leaves, waiting)?;
        Ok(None)
    }

    fn hand_on(
        &mut self,
        batch: Batch,
        leaves: Vec<Hash>,
        waiting: Vec<Waiting>,
    ) -> Result<(), Fatal> {
        let committed = Committed {
            first: batch.first,
            acts: batch.acts,
            leaves,
            head: self.head.clone(),
            waiting,
        };
        (self.deliver)(committed).map_err(Fatal)
    }

    /// The batch was not written: nothing of it happened, and the state goes back.
    fn refuse(
        &mut self,
        batch: &Batch,
        waiting: Vec<Waiting>,
        refusal: &AppendRefusal,
    ) -> Result<(), Fatal> {
        tracing::error!(%refusal, acts = batch.acts.len(), "nothing was written");
        self.tight = true;
        while self.view.head().size < batch.first {
            // Rare, and short: the follower folds what is durable already.
            std::thread::sleep(Duration::from_millis(1));
        }
        self.decider.reset(self.view.read(Clone::clone));
        let reason = match refusal {
            AppendRefusal::NoSpace { .. } => Reason::NoSpace,
            AppendRefusal::WrongSize { .. } | AppendRefusal::Fenced { .. } => Reason::Stopping,
        };
        let refused = Refusal::new(reason, refusal);
        let first = batch.first;
        let waiting = waiting.into_iter().map(|Waiting { answer, settled }| {
            // Whatever was decided beside these acts may rest on them: an alert that was known, a
            // refusal because somebody else had just done it. All of it is to be asked again.
            let settled = match settled {
                Settled::Done { .. } | Settled::Refused(_) => Settled::Refused(refused.clone()),
                Settled::Signals(_) => Settled::Signals(SignalsSettled {
                    refused: Some(refused.clone()),
                    ..SignalsSettled::default()
                }),
                Settled::Repeated { first: at, .. } if at >= first => {
                    Settled::Refused(refused.clone())
                }
                other => other,
            };
            Waiting { answer, settled }
        });
        let waiting = waiting.collect();
        self.hand_on(self.decider.batch(), Vec::new(), waiting)
    }
}

/// Whether a command may use the room that is kept for a full disk: what an incident needs while it is
/// run, and what contains it.
fn is_urgent(command: &str) -> bool {
    const FAMILIES: [&str; 4] = ["incident.", "client.", "certificate.", "failover."];
    const STOPS: [&str; 4] = [
        "version.roll_back",
        "deployment.fire",
        "deployment.pause",
        "fleet.freeze",
    ];
    STOPS.contains(&command) || FAMILIES.iter().any(|family| command.starts_with(family))
}

/// Looks for a job for a moment without going to sleep.
fn linger(jobs: &Receiver<Job>, since: Instant, time: Duration) -> Option<Job> {
    while since.elapsed() < time {
        if let Ok(job) = jobs.try_recv() {
            return Some(job);
        }
        std::hint::spin_loop();
    }
    None
}
