//! `hereby edge failover-plan`: watches a primary from outside, and leads its name elsewhere when it
//! stays down. For what an edge can't do for itself: its provider fails, or it does.
//!
//! The same state machine as a route's (`policy::failover`) decides; DNS is where it is carried out.
//! What serves is what the zone says, so nothing is kept between two runs. It acts only on a record
//! that it could read and that it knows, with the record as it was as a condition; what became of an
//! update is read back and never assumed.

mod file;
mod zone;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use exchange::{Ask, Patience, Server};
use policy::Moment;
use policy::failover::{Failover, Override, Saved, SavedTier, To};
use policy::health::Health;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::client::trusted;
use crate::exit::{Exit, Failure};
use crate::say::{Line, Out};

use file::Plan;
use zone::{Became, Zone};

/// After an update that was not made, so long at first, and twice as long each time.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// What a file says holds as long as it is there; it is heard again and again.
const OVERRIDE_MS: u64 = 86_400_000;
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// What is asked for beside the file.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) dry_run: bool,
    /// To that tier at once, for so long, and why.
    pub(crate) now: Option<(usize, u64, String)>,
}

/// Watches until it is told to stop.
pub(crate) fn run(file: &Path, asked: &Asked, out: &Out) -> Result<(), Failure> {
    let plan = Plan::read(file)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed("no thread could be started", error))?;
    let mut watch = Watch::new(plan, asked, out)?;
    let mut stop = runtime.block_on(async { Stop::new() })?;
    loop {
        watch.look(&runtime)?;
        if stop.within(&runtime, watch.plan.every()) {
            out.talk("Stopped. The zone stays as it is.");
            return Ok(());
        }
    }
}

fn failed(what: &str, error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Internal, what).because(error)
}

/// What kind of thing is said.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Where the record leads as the watch begins.
    Begins,
    /// Another tier is to serve.
    Changes,
    /// What comes next, and when.
    Plans,
    /// The zone says so now.
    Updated,
    /// What would be sent.
    Dry,
    /// Why nothing is done.
    Waits,
}

impl Event {
    fn name(self) -> &'static str {
        match self {
            Event::Begins => "begins",
            Event::Changes => "changes",
            Event::Plans => "plans",
            Event::Updated => "updated",
            Event::Dry => "dry_run",
            Event::Waits => "waits",
        }
    }
}

struct Watch<'a> {
    plan: Plan,
    zone: Zone,
    /// Each tier's URLs.
    probes: Vec<Vec<Arc<Server>>>,
    health: Health,
    failover: Failover,
    begun: Instant,
    /// What the file said that overrides.
    overriding: Option<(usize, String)>,
    /// Not before that is an update tried again.
    not_before: Option<(Instant, Duration)>,
    /// What is wrong with the record, as it was said.
    said: String,
    dry_run: bool,
    out: &'a Out,
}

impl<'a> Watch<'a> {
    fn new(plan: Plan, asked: &Asked, out: &'a Out) -> Result<Watch<'a>, Failure> {
        let tls = trusted(plan.ca_file.as_deref())?;
        let patience = Patience {
            connect: plan.timeout(),
            answer: plan.timeout(),
            look: plan.timeout(),
        };
        let server = |base: &exchange::BaseUrl| {
            Arc::new(Server {
                base: base.clone(),
                auth: None,
                tls: Arc::clone(&tls),
                patience,
            })
        };
        let tiers = plan.tiers.iter();
        let probes = tiers.map(|tier| tier.probes.iter().map(server).collect());
        let zone = Zone::new(&plan.dns);
        let names: Vec<Box<str>> = plan
            .tiers
            .iter()
            .map(|tier| tier.name.as_str().into())
            .collect();
        let serving = serving(&plan, &zone)?;
        let saved = Saved {
            serving,
            serving_for_ms: 0,
            tiers: names.iter().map(|_| unknown()).collect(),
            override_ended_ms_ago: None,
            overriding: None,
        };
        let begun = Instant::now();
        let failover = Failover::restore(&plan.failover(), names, &saved, Moment(0))
            .map_err(|error| failed("the plan can't begin", error))?;
        let mut watch = Watch {
            probes: probes.collect(),
            health: Health::new(plan.tiers.len(), Some(&plan.health()), &file::never()),
            zone,
            failover,
            begun,
            overriding: None,
            not_before: None,
            said: String::new(),
            dry_run: asked.dry_run,
            out,
            plan,
        };
        let name = watch.name(serving).to_owned();
        let begins = format!("{} leads to {name}", watch.plan.dns.name);
        watch.say(Event::Begins, begins)?;
        if let Some((tier, for_ms, why)) = &asked.now {
            watch.instruct(Some(*tier), *for_ms, why)?;
        }
        Ok(watch)
    }

    fn now(&self) -> Moment {
        Moment(u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    fn name(&self, tier: usize) -> &str {
        self.plan.tiers.get(tier).map_or("", |tier| &tier.name)
    }

    /// A line for people, or a document for programs.
    fn say(&self, event: Event, what: impl Into<String>) -> Result<(), Failure> {
        let what = what.into();
        if !self.out.is_json() {
            return self.out.data(Line::new().text(what));
        }
        self.out.json(&json!({
            "event": event.name(),
            "record": self.plan.dns.name,
            "serving": self.name(self.failover.serving()),
            "said": what,
        }))
    }

    fn instruct(&mut self, tier: Option<usize>, for_ms: u64, why: &str) -> Result<(), Failure> {
        let said = Override {
            to: tier.map_or(To::Auto, To::Tier),
            until: self.now().plus_ms(for_ms),
            reason: why.into(),
        };
        match self.failover.instruct(self.now(), &said) {
            Ok(Some(change)) => self.say(Event::Changes, change.to_string()),
            Ok(None) => Ok(()),
            Err(error) => Err(Failure::usage(error)),
        }
    }

    /// One look: who is up, what follows, and whether the zone says so.
    fn look(&mut self, runtime: &Runtime) -> Result<(), Failure> {
        for (tier, good) in runtime
            .block_on(probe(&self.probes))
            .into_iter()
            .enumerate()
        {
            self.health.probed(tier, good);
        }
        self.hear_file()?;
        let now = self.now();
        let up: Vec<bool> = (0..self.plan.tiers.len())
            .map(|tier| self.health.usable(tier, now))
            .collect();
        let before = self.failover.plan(now).next.map(|next| next.to);
        if let Some(change) = self.failover.step(now, &up) {
            self.say(Event::Changes, change.to_string())?;
        }
        let plan = self.failover.plan(now);
        if plan.next.is_some() && plan.next.as_ref().map(|next| next.to) != before {
            self.say(Event::Plans, plan.to_string())?;
        }
        self.carry_out()
    }

    fn hear_file(&mut self) -> Result<(), Failure> {
        let heard = self.plan.overridden();
        match heard {
            Err(error) => self.complain(Event::Waits, error),
            Ok(heard) if heard == self.overriding => Ok(()),
            Ok(None) => {
                self.overriding = None;
                self.instruct(None, 0, "")
            }
            Ok(Some((tier, why))) => {
                self.overriding = Some((tier, why.clone()));
                self.instruct(Some(tier), OVERRIDE_MS, &why)
            }
        }
    }

    /// Says what is wrong, once.
    fn complain(&mut self, event: Event, what: String) -> Result<(), Failure> {
        if self.said == what {
            return Ok(());
        }
        self.said.clone_from(&what);
        self.say(event, what)
    }

    /// Makes the zone say who serves. Whatever stands in the way is said, and tried again later.
    fn carry_out(&mut self) -> Result<(), Failure> {
        if self.not_before.is_some_and(|(at, _)| Instant::now() < at) {
            return Ok(());
        }
        let to = self.failover.serving();
        let Some(wanted) = self.plan.tiers.get(to).map(|tier| tier.addresses.clone()) else {
            return Ok(());
        };
        let found = match self.zone.read() {
            Ok(found) => found,
            Err(error) => return self.wait(format!("nothing is done: {error}")),
        };
        if found == wanted {
            self.not_before = None;
            self.said.clear();
            return Ok(());
        }
        if self.plan.holder(&found).is_none() {
            let what = format!("nothing is done: the record is no tier's: {found}");
            return self.wait(what);
        }
        let script = self.zone.script(&found, &wanted, self.plan.dns.ttl_s);
        if self.dry_run {
            let would = format!("this is what would be sent:\n{script}");
            return self.complain(Event::Dry, would);
        }
        let name = self.name(to).to_owned();
        let became = self.zone.update(&script);
        // Whatever the server said or did not say: what it holds now is what counts.
        let holds = self.zone.read().is_ok_and(|now| now == wanted);
        let record = self.plan.dns.name.clone();
        match (became, holds) {
            (Became::Done, true) => {
                self.not_before = None;
                let leads = format!("{record} leads to {name} now: {wanted}");
                self.say(Event::Updated, leads)
            }
            (Became::Unknown(why), true) => {
                self.not_before = None;
                let leads = format!(
                    "{record} leads to {name} now: {wanted} (read back; the update itself got no answer: {why})"
                );
                self.say(Event::Updated, leads)
            }
            (Became::Refused(why), _) => self.wait(format!("the update was refused: {why}")),
            (Became::Unknown(why), false) => self.wait(format!(
                "whether the update was made is not known yet, the record is as it was: {why}"
            )),
            (Became::Done, false) => self.wait(
                "the server said that the update was made, and the record does not say so"
                    .to_owned(),
            ),
        }
    }

    /// Says it and does nothing for a while, longer each time.
    fn wait(&mut self, what: String) -> Result<(), Failure> {
        let pause = self
            .not_before
            .map_or(PAUSE_MIN, |(_, pause)| (pause * 2).min(PAUSE_MAX));
        self.not_before = Some((Instant::now() + pause, pause));
        self.complain(Event::Waits, what)
    }
}

/// Which tier the zone leads to. What nobody knows is nobody's to change.
fn serving(plan: &Plan, zone: &Zone) -> Result<usize, Failure> {
    let record = &plan.dns.name;
    let found = zone.read().map_err(|error| {
        Failure::new(Exit::Unreachable, format!("{record} can't be read")).because(error)
    })?;
    plan.holder(&found).ok_or_else(|| {
        Failure::new(Exit::Refused, format!("{record} is no tier's: {found}")).hint(
            "a record that nobody here knows is left alone: set it to a tier's addresses once",
        )
    })
}

/// Up, and nobody knows since when: as long as it can have been.
fn unknown() -> SavedTier {
    SavedTier {
        up: true,
        for_ms: 0,
        down_for_ms: None,
        left_ms_ago: None,
    }
}

/// Asks every URL at once: which tiers answer well at all of theirs.
async fn probe(tiers: &[Vec<Arc<Server>>]) -> Vec<bool> {
    let tier = |servers: &[Arc<Server>]| {
        let all: Vec<_> = servers.iter().cloned().map(well).collect();
        async move {
            futures_util::future::join_all(all)
                .await
                .into_iter()
                .all(|well| well)
        }
    };
    futures_util::future::join_all(tiers.iter().map(|servers| tier(servers))).await
}

async fn well(server: Arc<Server>) -> bool {
    let ask = Ask {
        path: server.base.whole_path(),
        answer_bytes_max: ANSWER_BYTES_MAX,
        ..Ask::default()
    };
    let answer = server.ask(ask).await;
    answer.is_ok_and(|answer| answer.status.is_success())
}

/// The signals that end it.
struct Stop {
    term: Signal,
    interrupt: Signal,
}

impl Stop {
    fn new() -> Result<Stop, Failure> {
        let hear = |kind| signal(kind).map_err(|error| failed("signals can't be heard", error));
        Ok(Stop {
            term: hear(SignalKind::terminate())?,
            interrupt: hear(SignalKind::interrupt())?,
        })
    }

    /// Whether one comes within that time.
    fn within(&mut self, runtime: &Runtime, time: Duration) -> bool {
        runtime.block_on(async {
            tokio::select! {
                _ = self.term.recv() => true,
                _ = self.interrupt.recv() => true,
                () = tokio::time::sleep(time) => false,
            }
        })
    }
}
