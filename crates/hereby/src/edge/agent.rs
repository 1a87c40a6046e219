//! How an enrolled edge hears what it is to run: it asks control every second, whether anything changed or
//! not, believes only what is proven to be on the record, tries a version before it serves it, and goes on
//! with what it has when anything of that fails.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ::edge::{Adjust, Offer, Traffic};
use base::{Line, Name};
use hyper::{Method, StatusCode};
use policy::config::Config;
use record::fleet::{
    Bundle, Counts, Directions, Disbelieved, Fetch, Grown, Known, RefusedOrder, Report, Request,
    Runs, TOOK_MS, Wanted, sign,
};
use record::hash::Hash;
use record::note::SignerKey;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot};

use super::enrolled::{Home, hex};
use crate::client::{Ask, Client, Kept, Trouble};
use crate::exit::Failure;
use crate::log::Repeated;

/// Between two questions: never more, and up to a tenth less, so that not all edges ask at once.
const EVERY_MS: u64 = 1_000;
const JITTER_MS: u64 = 100;
/// A version that could not be run here is tried again after so long.
const TRIED_AGAIN_MS: u64 = 30_000;

/// What is different on this machine than in the version.
#[derive(Clone, Debug, Default)]
pub(super) struct Here {
    pub(super) cell: String,
    /// Where to listen instead, in the order of the version's listeners.
    pub(super) listen: Vec<std::net::SocketAddr>,
    pub(super) metrics: Option<std::net::SocketAddr>,
}

impl Here {
    /// As the edge applies it.
    pub(super) fn adjust(self) -> Adjust {
        Box::new(move |config| self.apply(config))
    }

    fn apply(&self, config: &mut Config) {
        config.cell.clone_from(&self.cell);
        for (listen, address) in config.listen.iter_mut().zip(&self.listen) {
            listen.address = *address;
        }
        if self.metrics.is_some() {
            config.metrics = self.metrics;
        }
    }

    /// Whether a configuration fits this machine, files and all.
    pub(super) fn try_out(&self, file: &std::path::Path) -> Result<(), String> {
        let config = ::edge::check_adjusted(file, &|config| self.apply(config));
        let config = config.map_err(|error| error.to_string())?;
        if config.listen.len() < self.listen.len() {
            return Err(format!(
                "it has {} listeners, and this edge was given {} addresses",
                config.listen.len(),
                self.listen.len()
            ));
        }
        Ok(())
    }
}

/// What goes on between this edge and control.
pub(super) struct Agent {
    home: Home,
    key: SignerKey,
    known: Known,
    client: Client,
    here: Here,
    /// What runs, or would run if the edge started now.
    runs: Option<Runs>,
    refused: Option<RefusedOrder>,
    refused_ms: u64,
    overlay: u64,
    at_ms: u64,
    trouble: Repeated,
    /// Said once for each reason.
    disbelieved: Option<String>,
}

/// Whom a version is handed to: the edge, once it runs.
struct Serving {
    traffic: Traffic,
    offers: mpsc::Sender<Offer>,
}

/// Why nothing changed in this round.
enum Stays {
    /// Control can't be asked, or says no: what is there goes on.
    Unheard(String),
    /// What it says is not believed.
    Disbelieved(Disbelieved),
    /// It can't be run here.
    Refused(RefusedOrder),
}

impl From<Disbelieved> for Stays {
    fn from(why: Disbelieved) -> Stays {
        Stays::Disbelieved(why)
    }
}

impl Agent {
    /// Of the edge that is enrolled there.
    ///
    /// # Errors
    /// When what it keeps can't be read.
    pub(super) fn new(home: Home, here: Here) -> Result<Agent, Failure> {
        let client = Client::without_token(&home.globals()?)?;
        Ok(Agent {
            key: home.key()?,
            known: home.known()?,
            client,
            here,
            runs: home.runs(),
            refused: None,
            refused_ms: 0,
            overlay: 0,
            at_ms: 0,
            trouble: Repeated::default(),
            disbelieved: None,
            home,
        })
    }

    /// What it ran last, laid out: the configuration's file and the version's digest. Waits until it was
    /// told, where it never was.
    pub(super) async fn first(&mut self) -> (PathBuf, String) {
        let mut said = false;
        loop {
            if let Some(runs) = &self.runs {
                match self.home.lay_out(&runs.digest) {
                    Ok(file) => return (file, hex(&runs.digest)),
                    Err(error) => {
                        tracing::error!(
                            "what ran before can't be run: {error}; it is asked for again"
                        );
                        self.runs = None;
                    }
                }
            }
            if !std::mem::replace(&mut said, true) {
                tracing::info!("waits to be told what to run");
            }
            let mut line = self.client.keep();
            self.round(&mut line, None).await;
            if self.runs.is_none() {
                tokio::time::sleep(Duration::from_millis(EVERY_MS)).await;
            }
        }
    }

    /// Asks for as long as the edge serves, on a thread of its own.
    pub(super) fn attend(mut self, offers: mpsc::Sender<Offer>) -> impl FnOnce(Traffic) + 'static {
        move |traffic| {
            let serving = Serving { traffic, offers };
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let begun = runtime.and_then(|runtime| {
                std::thread::Builder::new()
                    .name("agent".to_owned())
                    .spawn(move || {
                        runtime.block_on(async {
                            let client = self.client.clone();
                            let mut line = client.keep();
                            while !serving.offers.is_closed() {
                                self.round(&mut line, Some(&serving)).await;
                                tokio::time::sleep(self.pause()).await;
                            }
                        });
                    })
            });
            if let Err(error) = begun {
                tracing::error!(%error, "control can't be asked: what runs goes on");
            }
        }
    }

    fn pause(&self) -> Duration {
        // Which tenth of a second does not matter, only that it is another one for each edge and round.
        let jitter = self.at_ms.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        Duration::from_millis(EVERY_MS - jitter % JITTER_MS)
    }

    /// The edge's time, later than any it said before.
    fn now_ms(&mut self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0));
        self.at_ms = now.max(self.at_ms + 1);
        self.at_ms
    }

    async fn round(&mut self, line: &mut Kept, serving: Option<&Serving>) {
        match self.ask(line, serving).await {
            Ok(()) => {
                self.trouble.ended();
                if self.disbelieved.take().is_some() {
                    self.refused = None;
                }
            }
            Err(Stays::Unheard(why)) => {
                self.trouble
                    .say(&format!("control can't be heard, what runs goes on: {why}"));
            }
            Err(Stays::Disbelieved(why)) => {
                let why = why.to_string();
                if self.disbelieved.as_ref() != Some(&why) {
                    tracing::error!("what control says is not believed, what runs goes on: {why}");
                    self.disbelieved = Some(why.clone());
                }
                let sequence = self.runs.as_ref().map_or(0, |runs| runs.sequence);
                self.refused = Some(RefusedOrder {
                    sequence,
                    why: line_of(&why),
                });
            }
            Err(Stays::Refused(refused)) => {
                tracing::error!(sequence = refused.sequence, why = %refused.why,
                    "a version is not taken, what runs goes on");
                self.refused = Some(refused);
                self.refused_ms = self.at_ms;
            }
        }
    }

    async fn ask(&mut self, line: &mut Kept, serving: Option<&Serving>) -> Result<(), Stays> {
        let report = self.report(serving);
        let directions: Directions = self.send(line, "report", &report).await?;
        self.grow(&directions.grown)?;
        if directions.overlay > self.overlay {
            let bytes = self.fetch(line, Wanted::Overlay).await?;
            self.home
                .keep_overlay(&bytes)
                .map_err(|error| Stays::Unheard(format!("the overlay can't be kept: {error}")))?;
            self.overlay = directions.overlay;
        }
        let Some(sequence) = directions.sequence else {
            return Ok(());
        };
        let follows = self
            .runs
            .as_ref()
            .is_some_and(|runs| runs.sequence >= sequence);
        // What is missing on this machine may be there later.
        let lately = self.at_ms - self.refused_ms < TRIED_AGAIN_MS;
        let tried = self
            .refused
            .as_ref()
            .is_some_and(|it| it.sequence == sequence && lately);
        if follows || tried {
            return Ok(());
        }
        self.follow(line, serving).await
    }

    /// Fetches what it is told to run, and runs it.
    async fn follow(&mut self, line: &mut Kept, serving: Option<&Serving>) -> Result<(), Stays> {
        let bytes = self.fetch(line, Wanted::Bundle).await?;
        let bundle: Bundle = serde_json::from_slice(&bytes).map_err(|error| {
            // What this edge does not know of a bundle may change what it means.
            Stays::Refused(RefusedOrder {
                sequence: 0,
                why: line_of(&format!("the bundle can't be read: {error}")),
            })
        })?;
        let enrolled = &self.home.enrolled;
        let floor = self.runs.as_ref().map(|runs| runs.sequence);
        let us: (&Name, &Name) = (&enrolled.cell, &enrolled.edge);
        let (digest, sequence, _) = self.known.told(&bundle, us, floor)?;
        self.keep_checkpoint(&bundle.grown);
        let refused = |why: String| {
            Stays::Refused(RefusedOrder {
                sequence,
                why: line_of(&why),
            })
        };
        let same = self.runs.as_ref().filter(|runs| runs.digest == digest);
        let since_ms = match same {
            Some(runs) => runs.since_ms,
            None => {
                if !self.home.has(&digest) {
                    let bytes = self.fetch(line, Wanted::Version(digest)).await?;
                    self.home.keep_version(&digest, &bytes).map_err(refused)?;
                }
                let file = self.home.lay_out(&digest).map_err(refused)?;
                self.swap(file, &digest, serving).await.map_err(refused)?;
                self.now_ms()
            }
        };
        let runs = Runs {
            digest,
            sequence,
            since_ms,
        };
        if let Err(error) = self.home.keep_runs(&runs) {
            // A start without control would go back to what was kept before.
            tracing::error!(%error, "what runs can't be kept");
        }
        tracing::info!(
            sequence,
            version = hex(&digest),
            "runs what the record says"
        );
        self.runs = Some(runs);
        self.refused = None;
        Ok(())
    }

    /// Tries a version, and has the edge serve it.
    async fn swap(
        &self,
        file: PathBuf,
        digest: &Hash,
        serving: Option<&Serving>,
    ) -> Result<(), String> {
        let (here, tried) = (self.here.clone(), file.clone());
        let tried = tokio::task::spawn_blocking(move || here.try_out(&tried)).await;
        tried.map_err(|_| "trying it out ended in a bug".to_owned())??;
        let Some(serving) = serving else {
            return Ok(());
        };
        let (done, said) = oneshot::channel();
        let offer = Offer {
            config_file: file,
            label: hex(digest),
            done,
        };
        let stopping = || "the edge is stopping".to_owned();
        serving.offers.send(offer).await.map_err(|_| stopping())?;
        said.await.map_err(|_| stopping())?
    }

    fn grow(&mut self, grown: &Grown) -> Result<(), Stays> {
        if self.known.grow(grown)? {
            self.keep_checkpoint(grown);
        }
        Ok(())
    }

    fn keep_checkpoint(&self, grown: &Grown) {
        if let Err(error) = self.home.keep_checkpoint(&grown.checkpoint) {
            tracing::error!(%error, "the checkpoint can't be kept");
        }
    }

    fn report(&mut self, serving: Option<&Serving>) -> Report {
        let counts = serving.map(|serving| {
            let totals = serving.traffic.totals(&TOOK_MS);
            let named = |(reason, total): (&str, u64)| Some((reason.parse().ok()?, total));
            Counts {
                failed: totals.failed,
                refused: totals.refused.into_iter().filter_map(named).collect(),
                requests: totals.requests,
                took: totals.took,
            }
        });
        Report {
            at_ms: self.now_ms(),
            counts: counts.unwrap_or_default(),
            edge: self.home.enrolled.edge.clone(),
            overlay: serving.map_or(0, |serving| serving.traffic.overlay_sequence()),
            process: serving.map_or(0, |serving| serving.traffic.process() >> 12),
            program: line_of(env!("CARGO_PKG_VERSION")),
            refused: self.refused.clone(),
            runs: self.runs.clone().filter(|_| serving.is_some()),
            size: self.known.size(),
        }
    }

    async fn fetch(&mut self, line: &mut Kept, what: Wanted) -> Result<Vec<u8>, Stays> {
        let fetch = Fetch {
            at_ms: self.now_ms(),
            edge: self.home.enrolled.edge.clone(),
            size: self.known.size(),
            what,
        };
        self.exchange(line, "fetch", &fetch).await
    }

    async fn send<R: Request, T: DeserializeOwned>(
        &self,
        line: &mut Kept,
        path: &str,
        request: &R,
    ) -> Result<T, Stays> {
        let bytes = self.exchange(line, path, request).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Stays::Unheard(format!("its answer can't be read: {error}")))
    }

    async fn exchange<R: Request>(
        &self,
        line: &mut Kept,
        path: &str,
        request: &R,
    ) -> Result<Vec<u8>, Stays> {
        let note = sign(request, &self.key)
            .map_err(|error| Stays::Unheard(format!("this edge can't sign: {error}")))?;
        let ask = Ask::with_body(
            Method::POST,
            format!("/api/v1/edges/{path}"),
            "text/plain",
            note,
        );
        match line.once(&ask).await {
            Ok(answer) if answer.status == StatusCode::OK => Ok(answer.body.to_vec()),
            Ok(answer) => {
                let problem = answer.problem();
                let detail = problem.detail.or(problem.title).unwrap_or_default();
                Err(Stays::Unheard(format!("{}: {detail}", answer.status)))
            }
            Err(Trouble::Unsent(error)) => Err(Stays::Unheard(error.to_string())),
            Err(Trouble::Lost(why)) => Err(Stays::Unheard(why)),
        }
    }
}

/// Text as a line, cut where it is too long for one.
fn line_of(text: &str) -> Line {
    let line = Line::clean(text).map(|(line, _)| line);
    line.unwrap_or_else(|| "-".parse().expect("a line"))
}
