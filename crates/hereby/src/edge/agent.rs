//! How an enrolled edge hears what it is to run: it asks control every second, whether anything changed or
//! not, believes only what is proven to be on the record, tries a version before it serves it, and goes on
//! with what it has when anything of that fails.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ::edge::{Offer, Traffic};
use base::{Line, Name, Tenant};
use hyper::{Method, StatusCode};
use record::fleet::{
    Bundle, Counts, Directions, Disbelieved, Fetch, Grown, KeyChange, Known, PROTOCOL, REFUSED_MAX,
    RefusedOrder, Report, Request, TENANTS_MAX, TOOK_MS, Told, Wanted, Word, sign,
};
use record::note::SignerKey;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::enrolled::{Home, hex};
use super::glass::Glass;
use super::parts::{Here, Laid, Running, fitting};
use crate::client::{Ask, Client, Kept, Trouble};
use crate::exit::Failure;
use crate::log::Repeated;

mod doing;
mod glass;
mod succession;

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
    /// It knows every act up to this one that tells it something.
    follows: Option<u64>,
    /// What it keeps of break-glass notes.
    glass: Glass,
    /// When control was heard of last, and believed, in this process.
    heard: Option<Instant>,
    begun: Instant,
    /// What it was told, and believes, and does not do: by whose version it is.
    refused: BTreeMap<Option<Tenant>, Refused>,
    /// What control says that is not believed, or can't be read.
    unbelieved: Option<RefusedOrder>,
    overlay: u64,
    at_ms: u64,
    /// Whose requests are reported next.
    tenant: usize,
    trouble: Repeated,
    /// Said once for each reason.
    disbelieved: Option<String>,
}

/// An act that is believed, and not done.
struct Refused {
    told: Told,
    why: String,
    /// When it was tried last; none: it is tried again at once.
    at: Option<Instant>,
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
    /// Control answers, and says no.
    Denied(String),
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
    pub(super) fn new(mut home: Home, here: Here) -> Result<Agent, Failure> {
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
                .and_then(|next| left(&home, &here, next))
                .unwrap_or_else(|| home.running()),
            follows: None,
            glass: home.glass(),
            heard: None,
            begun: Instant::now(),
            here,
            refused: BTreeMap::new(),
            unbelieved: None,
            overlay: 0,
            at_ms: 0,
            tenant: 0,
            trouble: Repeated::default(),
            disbelieved: None,
            home,
        })
    }

    /// What it ran last, laid out, and the version's digest. Waits until it was told, where it never was, and
    /// until it can be run.
    pub(super) async fn first(&mut self) -> (Laid, String) {
        let mut said = String::new();
        loop {
            let why = match &self.running.fleet {
                None => "waits to be told what to run".to_owned(),
                Some(runs) => {
                    let label = hex(&runs.digest);
                    match self.fitting(self.running.clone()).await {
                        Ok(fitting) => {
                            let laid = fitting.laid.clone();
                            self.take(fitting);
                            return (laid, label);
                        }
                        Err(why) => {
                            // Of what was damaged the blob is gone by now: it is asked for again.
                            let there = self.home.running();
                            if there != self.running {
                                (self.running, self.follows) = (there, None);
                            }
                            format!("what ran before can't be run: {why}; it is tried again")
                        }
                    }
                }
            };
            if said != why {
                tracing::info!("{why}");
                said = why;
            }
            let mut line = self.client.keep();
            self.round(&mut line, None).await;
            self.break_glass(None).await;
            tokio::time::sleep(Duration::from_millis(EVERY_MS / 2)).await;
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
                                self.break_glass(Some(&serving)).await;
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
                (self.disbelieved, self.unbelieved) = (None, None);
            }
            Err(Stays::Unheard(why) | Stays::Denied(why)) => {
                self.trouble
                    .say(&format!("control can't be heard, what runs goes on: {why}"));
            }
            Err(Stays::Disbelieved(why)) => {
                let why = why.to_string();
                if self.disbelieved.as_ref() != Some(&why) {
                    tracing::error!("what control says is not believed, what runs goes on: {why}");
                    self.disbelieved = Some(why.clone());
                }
                self.unbelieved = Some(refused(sequence.unwrap_or(0), &why));
            }
            Err(Stays::Refused(why)) => {
                self.trouble.say(&format!(
                    "what control says is not taken, what runs goes on: {why}"
                ));
                self.unbelieved = Some(refused(sequence.unwrap_or(0), &why));
            }
        }
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
        if directions.epoch > self.home.trust.epoch {
            // What grew out of what is known is of the same epoch: it enrolled in it.
            if self.grow(&directions.grown).is_err() {
                // What it was shown is of that epoch: it asks again.
                return self.succeed(line).await;
            }
            self.home.trust.epoch = directions.epoch;
            if let Err(error) = self.home.keep_trust() {
                tracing::error!(%error, "which epoch is followed can't be kept");
            }
            return Ok(());
        }
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
        self.heard = Some(Instant::now());
        self.was_heard();
        let learned = match directions.sequence {
            Some(sequence) if self.follows != Some(sequence) => self.learn(line, sequence).await,
            _ => Ok(()),
        };
        self.attempt(line, serving).await;
        let overlaid = self.overlay(line, directions.overlay).await;
        learned.and(overlaid)
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

    /// Learns what all acts up to that one tell it, a bundle at a time.
    async fn learn(&mut self, line: &mut Kept, directed: u64) -> Result<(), Stays> {
        // Control knows of less than it did: it is asked for all of it.
        self.follows.take_if(|follows| *follows > directed);
        while self.follows < Some(directed) {
            let after = self.follows;
            let bytes = self.fetch(line, Wanted::Bundle { after }).await?;
            // What this edge does not know of a bundle may change what it means.
            let bundle: Bundle = serde_json::from_slice(&bytes)
                .map_err(|error| Stays::Refused(format!("the bundle can't be read: {error}")))?;
            let enrolled = &self.home.enrolled;
            let us: (&Name, &Name) = (&enrolled.cell, &enrolled.edge);
            let known = self.known.as_mut().ok_or_else(unknown_record)?;
            let (running, refused) = (&self.running, &self.refused);
            let floor = |tenant: Option<&Tenant>| {
                let refused = refused.get(&tenant.cloned()).map(|one| one.told.sequence);
                running.sequence(tenant).max(refused)
            };
            let told = known.told(&bundle, us, self.home.trust.floor, floor)?;
            self.keep_checkpoint(&bundle.grown);
            let mut roots = Vec::new();
            for word in told {
                let told = match word {
                    Word::Run(told) => told,
                    Word::BreakGlassKey { vkey, sequence } => {
                        self.trust(vkey, sequence);
                        continue;
                    }
                    Word::Floor { protocol, sequence } => {
                        self.take_no_less(protocol, sequence);
                        continue;
                    }
                    Word::RootKey { vkey, vouched } => {
                        roots.push((vkey, vouched));
                        continue;
                    }
                };
                if self.passes_over(&told) {
                    continue;
                }
                let whose = told.tenant.clone();
                let done = self.running.does(&told);
                let why = "it was not tried yet".to_owned();
                let at = None;
                match done {
                    true => self.refused.remove(&whose),
                    false => self.refused.insert(whose, Refused { told, why, at }),
                };
            }
            self.learn_roots(&roots);
            if self.follows >= Some(bundle.upto) {
                return Err(Stays::Refused("the bundle leads no further".to_owned()));
            }
            self.follows = Some(bundle.upto);
        }
        Ok(())
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
        let unbelieved = self.unbelieved.iter().cloned();
        let others = self.refused.values();
        let others = others.map(|one| refused(one.told.sequence, &one.why));
        let told_refused: Vec<RefusedOrder> = unbelieved.chain(others).collect();
        let many = told_refused.len().saturating_sub(REFUSED_MAX);
        Report {
            at_ms: self.now_ms(),
            break_glass: self.glass.went.first().cloned(),
            counts: counts.unwrap_or_default(),
            edge: self.home.enrolled.edge.clone(),
            epoch: self.home.trust.epoch,
            follows: self.follows.filter(|_| serving.is_some()),
            overlay: serving.map_or(0, |serving| serving.traffic.overlay_sequence()),
            process: serving.map_or(0, |serving| serving.traffic.process() >> 12),
            program: line_of(env!("CARGO_PKG_VERSION")),
            protocol: PROTOCOL,
            refused: told_refused.into_iter().take(REFUSED_MAX).collect(),
            refused_more: u32::try_from(many).unwrap_or(u32::MAX),
            runs: self.running.fleet.clone().filter(|_| serving.is_some()),
            size: self.known.as_ref().map_or(0, Known::size),
            tenants: serving
                .map(|serving| self.some_tenants(serving))
                .unwrap_or_default(),
        }
    }

    /// Requests of some tenants, and the next time of others.
    fn some_tenants(&mut self, serving: &Serving) -> BTreeMap<Tenant, u64> {
        let (some, all) = serving.traffic.tenants(self.tenant, TENANTS_MAX);
        self.tenant += TENANTS_MAX;
        if self.tenant >= all {
            self.tenant = 0;
        }
        let named = some.into_iter();
        named
            .filter_map(|(name, requests)| Some((name.parse().ok()?, requests)))
            .collect()
    }

    async fn fetch(&mut self, line: &mut Kept, what: Wanted) -> Result<Vec<u8>, Stays> {
        let is_version = matches!(what, Wanted::Version(_));
        let fetch = Fetch {
            at_ms: self.now_ms(),
            edge: self.home.enrolled.edge.clone(),
            size: self.known.as_ref().map_or(0, Known::size),
            what,
        };
        match self.exchange(line, "fetch", &fetch).await {
            // Control answers, and does not have it: what else was told does not wait for that.
            Err(Stays::Denied(why)) if is_version => Err(Stays::Refused(why)),
            Err(Stays::Denied(why)) => Err(Stays::Unheard(why)),
            other => other,
        }
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
                Err(Stays::Denied(format!("{}: {detail}", answer.status)))
            }
            Err(Trouble::Unsent(error)) => Err(Stays::Unheard(error.to_string())),
            Err(Trouble::Lost(why)) => Err(Stays::Unheard(why)),
        }
    }
}

fn unknown_record() -> Stays {
    Stays::Unheard("what this edge knew of the record can't be read: enroll it again".to_owned())
}

/// What a predecessor could not change to, as far as this process can serve it. It is what runs then.
fn left(home: &Home, here: &Here, next: Running) -> Option<Running> {
    let fits = fitting(home, here, next);
    let kept = fits.and_then(|fits| match home.keep_running(&fits.running) {
        Ok(()) => Ok(fits.running),
        Err(error) => Err(error.to_string()),
    });
    kept.map_err(|error| tracing::error!("what was to be served next is not: {error}"))
        .ok()
}

fn refused(sequence: u64, why: &str) -> RefusedOrder {
    let why = line_of(why);
    RefusedOrder { sequence, why }
}

/// Text as a line, cut where it is too long for one.
fn line_of(text: &str) -> Line {
    let line = Line::clean(text).map(|(line, _)| line);
    line.unwrap_or_else(|| "-".parse().expect("a line"))
}
