//! Everything the handlers share: the engine, what the binary handed in, and the counts that bound
//! how much goes on at once.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use base::Timestamp;
use bytes::Bytes;
use engine::Engine;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::backstage::{AlertFormats, Backstage};
use crate::console::Console;
use crate::identity::IdentityProvider;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::presence::Presence;
use crate::problem::Problem;
use crate::rates::Rates;
use crate::subscribers::Subscriptions;

/// Memory is counted in pieces of so many bytes.
const PIECE_BYTES: usize = 1 << 10;

/// Bodies up to this size are not counted: they are as small as what a request takes anyway.
const UNCOUNTED_BYTES: usize = 4 << 10;

/// How long a large answer waits for memory.
const MEMORY_PATIENCE: Duration = Duration::from_secs(5);

/// How long a reader waits for its turn.
const READER_PATIENCE: Duration = Duration::from_secs(5);

/// What a server is made of.
pub struct Options {
    /// The engine that is asked.
    pub engine: Arc<Engine>,
    /// Storage and everything else the binary hands in.
    pub backstage: Arc<dyn Backstage>,
    /// Readers of what monitoring tools send.
    pub formats: AlertFormats,
    /// The bounds.
    pub limits: Limits,
    /// The version of this build.
    pub version: &'static str,
    /// When this process started.
    pub started_at: Timestamp,
    /// Whether `/metrics` needs no token on the loopback interface.
    pub metrics_open: bool,
    /// Those who are told what is said to the public; none: nobody can subscribe here.
    pub subscriptions: Option<Arc<dyn Subscriptions>>,
    /// To whom an incident must be reported, and how soon: shown in reviews for executives.
    pub regulators: Vec<incident::document::Regulator>,
    /// The pages for people.
    pub console: Console,
    /// What edges report.
    pub watch: Arc<Mutex<rollout::watch::Watch>>,
    /// Who says who people are, beside links; none: links alone.
    pub identity: Option<Arc<dyn IdentityProvider>>,
}

pub(crate) struct Site {
    pub(crate) options: Options,
    pub(crate) metrics: Metrics,
    pub(crate) rates: Rates,
    pub(crate) presence: Presence,
    /// The description of the API, made when somebody first asks for it.
    pub(crate) openapi: OnceLock<Bytes>,
    pub(crate) requests: Arc<Semaphore>,
    pub(crate) event_streams: Arc<Semaphore>,
    /// Places for bodies of senders who are not known yet.
    pub(crate) strangers: Arc<Semaphore>,
    /// True once the server stops.
    pub(crate) stopping: watch::Receiver<bool>,
    memory: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    calculations: Arc<Semaphore>,
}

impl Site {
    pub(crate) fn new(options: Options, stopping: watch::Receiver<bool>) -> Arc<Site> {
        let limits = &options.limits;
        let site = Site {
            metrics: Metrics::new(),
            rates: Rates::new(limits),
            presence: Presence::new(options.started_at),
            openapi: OnceLock::new(),
            requests: Arc::new(Semaphore::new(limits.requests_max)),
            event_streams: Arc::new(Semaphore::new(limits.event_streams_max)),
            strangers: Arc::new(Semaphore::new(limits.strangers_max)),
            memory: Arc::new(Semaphore::new(limits.body_bytes_total_max / PIECE_BYTES)),
            readers: Arc::new(Semaphore::new(limits.readers_max)),
            calculations: Arc::new(Semaphore::new(limits.calculations_max)),
            stopping,
            options,
        };
        Arc::new(site)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.options.engine
    }

    /// What edges report. Held for a moment only.
    pub(crate) fn watch(&self) -> MutexGuard<'_, rollout::watch::Watch> {
        let watch = self.options.watch.lock();
        watch.unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn backstage(&self) -> &dyn Backstage {
        self.options.backstage.as_ref()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.options.limits
    }

    /// Memory for a body of at most so many bytes that is about to be received.
    ///
    /// # Errors
    /// 503 when bodies take too much already.
    pub(crate) fn memory(&self, bytes: usize) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        let Some(pieces) = pieces(bytes) else {
            return Ok(None);
        };
        self.memory
            .clone()
            .try_acquire_many_owned(pieces)
            .map(Some)
            .map_err(|_| Problem::overloaded("too many bytes are being received; send it again", 1))
    }

    /// Memory for an answer of so many bytes; waits a little for it.
    ///
    /// # Errors
    /// 503 when it does not come.
    pub(crate) async fn memory_to_send(
        &self,
        bytes: usize,
    ) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        let Some(pieces) = pieces(bytes) else {
            return Ok(None);
        };
        let waited = self.memory.clone().acquire_many_owned(pieces);
        match tokio::time::timeout(MEMORY_PATIENCE, waited).await {
            Ok(Ok(permit)) => Ok(Some(permit)),
            _ => Err(Problem::overloaded(
                "too many bytes are being sent; ask again",
                1,
            )),
        }
    }

    /// Runs something that reads files, on a thread that may wait for them. A bounded number at
    /// once.
    ///
    /// # Errors
    /// What it answers, or 503 when its turn does not come.
    pub(crate) async fn blocking<T: Send + 'static>(
        self: &Arc<Site>,
        run: impl FnOnce(&Site) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = tokio::time::timeout(READER_PATIENCE, self.readers.clone().acquire_owned());
        let Ok(Ok(turn)) = turn.await else {
            return Err(Problem::overloaded("too many are reading; ask again", 1));
        };
        let site = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            run(&site)
        });
        done.await
            .unwrap_or_else(|error| Err(Problem::internal("reading failed", &error)))
    }

    /// Runs something that takes a core for a while, on a thread of its own. Fewer at once than
    /// readers, so that numbers never keep others from reading.
    ///
    /// # Errors
    /// What it answers, or 503 when its turn does not come.
    pub(crate) async fn calculating<T: Send + 'static>(
        self: &Arc<Site>,
        run: impl FnOnce(&Site) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = tokio::time::timeout(READER_PATIENCE, self.calculations.clone().acquire_owned());
        let Ok(Ok(turn)) = turn.await else {
            return Err(Problem::overloaded(
                "other numbers are being computed; ask again",
                1,
            ));
        };
        let run = move |site: &Site| {
            let _turn = turn;
            run(site)
        };
        self.blocking(run).await
    }
}

/// Ends once the server stops.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // When the sender is gone the server has stopped as well.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// How many pieces so many bytes are; `None`: too few to count.
fn pieces(bytes: usize) -> Option<u32> {
    (bytes > UNCOUNTED_BYTES)
        .then(|| u32::try_from(bytes.div_ceil(PIECE_BYTES)).unwrap_or(u32::MAX))
}
