//! How an enrolled edge hears what it is to run: it asks control every second, whether anything changed or
//! not, believes only what is proven to be on the record, tries a version before it serves it, and goes on
//! with what it has when anything of that fails.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ::edge::{NotTaken, Offer, Traffic};
use base::{Line, Name};
use hyper::{Method, StatusCode};
use record::fleet::{
    Bundle, Counts, Directions, Disbelieved, Fetch, Grown, KeyChange, Known, RefusedOrder, Report,
    Request, TOOK_MS, Wanted, sign,
};
use record::note::SignerKey;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot};

use super::ask::post;
use super::enrolled::{Home, hex};
use super::parts::{Here, Laid, Running};
use crate::client::{Ask, Client, Kept, Trouble};
use crate::exit::Failure;
use crate::log::Repeated;

/// Between two questions: never more, and up to a tenth less, so that not all edges ask at once.
const EVERY_MS: u64 = 1_000;
const JITTER_MS: u64 = 100;
/// A version that could not be run here is tried again after so long.
const TRIED_AGAIN: Duration = Duration::from_secs(30);

/// What goes on between this edge and control.
pub(super) struct Agent {
    home: Home,
    key: SignerKey,
    /// None: it can't be read, and nothing new is believed.
    known: Option<Known>,
    client: Client,
    here: Here,
    /// What runs, or would run if the edge started now.
    running: Running,
    /// It does what every act up to this one tells it.
    follows: Option<u64>,
    refused: Option<RefusedOrder>,
    /// What was directed when it was refused, and when.
    refused_at: Option<(u64, Instant)>,
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
    Refused(String),
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
        let known = home.known();
        if let Err(failure) = &known {
            // What runs is served all the same.
            let why = failure.why.as_deref().unwrap_or_default();
            tracing::error!(
                "{}: {why}; nothing new is believed until it is enrolled again",
                failure.what
            );
        }
        Ok(Agent {
            key: home.key()?,
            known: known.ok(),
            client,
            running: home
                .take_next()
                .filter(|next| fits(&home, &here, next))
                .unwrap_or_else(|| home.running()),
            follows: None,
            here,
            refused: None,
            refused_at: None,
            overlay: 0,
            at_ms: 0,
            trouble: Repeated::default(),
            disbelieved: None,
            home,
        })
    }

    /// What it ran last, laid out, and the version's digest. Waits until it was told, where it never was.
    pub(super) async fn first(&mut self) -> (Laid, String) {
        let mut said = false;
        loop {
            if let Some(runs) = &self.running.fleet {
                match self.home.lay_out(&self.running, &self.here) {
                    Ok(laid) => return (laid, hex(&runs.digest)),
                    Err(error) => {
                        tracing::error!(
                            "what ran before can't be run: {error}; it is asked for again"
                        );
                        // What was damaged is gone from this disk by now.
                        self.running = self.home.running();
                    }
                }
            }
            if self.running.fleet.is_none() && !std::mem::replace(&mut said, true) {
                tracing::info!("waits to be told what to run");
            }
            let mut line = self.client.keep();
            self.round(&mut line, None).await;
            if self.running.fleet.is_none() {
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
        let report = self.report(serving);
        let directions: Result<Directions, Stays> = self.send(line, "report", &report).await;
        let (outcome, sequence) = match directions {
            Ok(directions) => {
                let sequence = directions.sequence;
                (self.obey(line, directions, serving).await, sequence)
            }
            Err(stays) => (Err(stays), None),
        };
        match outcome {
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
                self.refuse(sequence, &why);
            }
            Err(Stays::Refused(why)) => {
                self.trouble
                    .say(&format!("a version is not taken, what runs goes on: {why}"));
                self.refuse(sequence, &why);
            }
        }
    }

    fn refuse(&mut self, sequence: Option<u64>, why: &str) {
        let sequence = sequence.unwrap_or(0);
        self.refused = Some(RefusedOrder {
            sequence,
            why: line_of(why),
        });
        self.refused_at = Some((sequence, Instant::now()));
    }

    /// Does what follows from how things stand: the version first, as that may be one to go back to.
    async fn obey(
        &mut self,
        line: &mut Kept,
        directions: Directions,
        serving: Option<&Serving>,
    ) -> Result<(), Stays> {
        // Control heard of a later time than ours: our clock went back.
        self.at_ms = self.at_ms.max(directions.at_ms);
        match self.grow(&directions.grown) {
            // Another key may have signed it. Where none is vouched for it stays what it is.
            Err(Stays::Disbelieved(why @ Disbelieved::Checkpoint(_))) => {
                return match self.follow_key(line).await {
                    // It was shown what grew out of an earlier tree: it asks again.
                    Ok(()) => Ok(()),
                    Err(Stays::Disbelieved(why)) => Err(Stays::Disbelieved(why)),
                    Err(_) => Err(Stays::Disbelieved(why)),
                };
            }
            other => other?,
        }
        let followed = match directions.sequence {
            Some(sequence) if self.is_news(sequence) => {
                self.follow_all(line, sequence, serving).await
            }
            _ => Ok(()),
        };
        let overlaid = self.overlay(line, directions.overlay).await;
        followed.and(overlaid)
    }

    /// The log may have another key by now, which the one before vouches for.
    async fn follow_key(&mut self, line: &mut Kept) -> Result<(), Stays> {
        let known = self.known.as_ref().ok_or_else(unknown_record)?;
        let vkey = known.key().to_string().into();
        let bytes = self.fetch(line, Wanted::Key { vkey }).await?;
        let change: KeyChange = serde_json::from_slice(&bytes)
            .map_err(|error| Stays::Unheard(format!("a key can't be read: {error}")))?;
        let known = self.known.as_mut().ok_or_else(unknown_record)?;
        known.follow_key(&change)?;
        let vkey = known.key().to_string();
        tracing::info!(
            vkey,
            "the log has another key, which the one before vouches for"
        );
        if let Err(error) = self.home.keep_log_key(&vkey, &change.next) {
            tracing::error!(%error, "the log's key can't be kept");
        }
        Ok(())
    }

    async fn overlay(&mut self, line: &mut Kept, sequence: u64) -> Result<(), Stays> {
        if sequence > self.overlay {
            let bytes = self.fetch(line, Wanted::Overlay).await?;
            self.home
                .keep_overlay(&bytes)
                .map_err(|error| Stays::Unheard(format!("the overlay can't be kept: {error}")))?;
            self.overlay = sequence;
        }
        Ok(())
    }

    /// Whether that act is neither followed nor was refused just now. What is missing on this machine may be
    /// there later.
    fn is_news(&self, sequence: u64) -> bool {
        let lately = self
            .refused_at
            .is_some_and(|(tried, at)| tried == sequence && at.elapsed() < TRIED_AGAIN);
        self.follows != Some(sequence) && !lately
    }

    /// Does what all acts up to that one tell it, a bundle at a time.
    async fn follow_all(
        &mut self,
        line: &mut Kept,
        directed: u64,
        serving: Option<&Serving>,
    ) -> Result<(), Stays> {
        // Control knows of less than it did: it is asked for all of it.
        self.follows.take_if(|follows| *follows > directed);
        let mut after = self.follows;
        let mut refused: Option<(u64, String)> = None;
        while after < Some(directed) {
            let (upto, more) = self.follow(line, after, serving).await?;
            if after >= Some(upto) {
                break;
            }
            after = Some(upto);
            refused = refused.or(more);
        }
        match refused {
            // What lies before it is followed.
            Some((sequence, why)) => {
                self.follows = self.follows.max(sequence.checked_sub(1));
                Err(Stays::Refused(why))
            }
            None => {
                self.follows = after;
                self.refused = None;
                tracing::info!(directed, "does what the record says");
                Ok(())
            }
        }
    }

    /// Fetches what it is told to run behind that act, and runs it: all of it at once; where that can't be,
    /// what of it can. Up to which act that is all, and the first that can't be followed.
    async fn follow(
        &mut self,
        line: &mut Kept,
        after: Option<u64>,
        serving: Option<&Serving>,
    ) -> Result<(u64, Option<(u64, String)>), Stays> {
        let bytes = self.fetch(line, Wanted::Bundle { after }).await?;
        // What this edge does not know of a bundle may change what it means.
        let bundle: Bundle = serde_json::from_slice(&bytes)
            .map_err(|error| Stays::Refused(format!("the bundle can't be read: {error}")))?;
        let enrolled = &self.home.enrolled;
        let us: (&Name, &Name) = (&enrolled.cell, &enrolled.edge);
        let known = self.known.as_mut().ok_or_else(unknown_record)?;
        let told = known.told(&bundle, us, |tenant| self.running.sequence(tenant))?;
        self.keep_checkpoint(&bundle.grown);
        let now_ms = self.now_ms();
        let mut next = self.running.clone();
        told.iter().for_each(|one| next.tell(one, now_ms));
        match self.run(line, next, serving).await {
            Ok(()) => return Ok((bundle.upto, None)),
            Err(Stays::Refused(_)) => {}
            Err(stays) => return Err(stays),
        }
        let mut refused = None;
        for one in &told {
            let mut next = self.running.clone();
            next.tell(one, now_ms);
            match self.run(line, next, serving).await {
                Err(Stays::Refused(why)) => refused = refused.or(Some((one.sequence, why))),
                other => other?,
            }
        }
        Ok((bundle.upto, refused))
    }

    /// Runs that from now on, whatever of it is new.
    async fn run(
        &mut self,
        line: &mut Kept,
        next: Running,
        serving: Option<&Serving>,
    ) -> Result<(), Stays> {
        if next == self.running {
            return Ok(());
        }
        if !next.is_like(&self.running) {
            for digest in next.digests() {
                if !self.home.has(&digest) {
                    let bytes = self.fetch(line, Wanted::Version(digest)).await?;
                    self.home
                        .keep_version(&digest, &bytes)
                        .map_err(Stays::Refused)?;
                }
            }
            if next.fleet.is_some() {
                self.swap(&next, serving).await.map_err(Stays::Refused)?;
            }
        }
        if let Err(error) = self.home.keep_running(&next) {
            // A start without control would go back to what was kept before.
            tracing::error!(%error, "what runs can't be kept");
        }
        self.running = next;
        Ok(())
    }

    /// Tries it out, and has the edge serve it; has a successor serve it where this process can't.
    async fn swap(&self, next: &Running, serving: Option<&Serving>) -> Result<(), String> {
        let laid = self.home.lay_out(next, &self.here)?;
        let tried = laid.clone();
        let tried = tokio::task::spawn_blocking(move || tried.try_out()).await;
        tried.map_err(|_| "trying it out ended in a bug".to_owned())??;
        let Some(serving) = serving else {
            return Ok(());
        };
        let (done, said) = oneshot::channel();
        let label = next.fleet.as_ref().map(|runs| hex(&runs.digest));
        let offer = Offer {
            adjust: laid.adjust(),
            config_file: laid.file,
            label: label.unwrap_or_default(),
            done,
        };
        let stopping = || "the edge is stopping".to_owned();
        serving.offers.send(offer).await.map_err(|_| stopping())?;
        match said.await.map_err(|_| stopping())? {
            Ok(()) => Ok(()),
            Err(NotTaken::Wrong(why)) => Err(why),
            Err(needs @ NotTaken::NeedsUpgrade(_)) => {
                tracing::info!("{needs}: a successor is started for it");
                let kept = self.home.keep_next(next);
                kept.map_err(|error| format!("what a successor is to run can't be kept: {error}"))?;
                self.succeeded().await
            }
        }
    }

    /// Whether a successor serves what it was left.
    async fn succeeded(&self) -> Result<(), String> {
        let state_dir = self.home.state_dir().to_owned();
        let asked = tokio::task::spawn_blocking(move || {
            post(
                &state_dir,
                "/upgrade",
                &serde_json::json!({ "program": null }),
            )
        });
        match asked.await {
            // It runs it by now, and this process ends.
            Ok(Ok(_)) => Ok(()),
            Ok(Err(failure)) => {
                let _ = self.home.take_next();
                let why = failure.why.unwrap_or_default();
                Err(format!(
                    "no successor would serve it: {}; {why}",
                    failure.what
                ))
            }
            Err(_) => Err("the edge is stopping".to_owned()),
        }
    }

    fn grow(&mut self, grown: &Grown) -> Result<(), Stays> {
        let known = self.known.as_mut().ok_or_else(unknown_record)?;
        if known.grow(grown)? {
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
            follows: self.follows.filter(|_| serving.is_some()),
            overlay: serving.map_or(0, |serving| serving.traffic.overlay_sequence()),
            process: serving.map_or(0, |serving| serving.traffic.process() >> 12),
            program: line_of(env!("CARGO_PKG_VERSION")),
            refused: self.refused.clone(),
            runs: self.running.fleet.clone().filter(|_| serving.is_some()),
            size: self.known.as_ref().map_or(0, Known::size),
        }
    }

    async fn fetch(&mut self, line: &mut Kept, what: Wanted) -> Result<Vec<u8>, Stays> {
        let fetch = Fetch {
            at_ms: self.now_ms(),
            edge: self.home.enrolled.edge.clone(),
            size: self.known.as_ref().map_or(0, Known::size),
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

fn unknown_record() -> Stays {
    Stays::Unheard("what this edge knew of the record can't be read: enroll it again".to_owned())
}

/// Whether what a predecessor could not change to can be served by this process. It is what runs then.
fn fits(home: &Home, here: &Here, next: &Running) -> bool {
    let fits = home.lay_out(next, here).and_then(|laid| laid.try_out());
    let kept = fits.and_then(|()| home.keep_running(next).map_err(|error| error.to_string()));
    kept.map_err(|error| tracing::error!("what was to be served next is not: {error}"))
        .is_ok()
}

/// Text as a line, cut where it is too long for one.
fn line_of(text: &str) -> Line {
    let line = Line::clean(text).map(|(line, _)| line);
    line.unwrap_or_else(|| "-".parse().expect("a line"))
}
