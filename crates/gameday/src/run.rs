//! Runs a scenario: builds what it needs of real processes, does what it says, counts, and takes everything
//! away again.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime};

use base::Name;
use serde_json::Value;
use tokio::sync::watch;

use crate::load::Load;
use crate::origin::Origin;
use crate::process::{Place, Process, call, free_ports};
use crate::scenario::{Condition, Need, Scenario, Step, own};
use crate::score::{Deed, Outcome, Second, damage, seconds, summed};

/// Between two looks at how things stand.
const LOOK: Duration = Duration::from_millis(250);
/// So long everything may take to be there.
const BEGINS_WITHIN: Duration = Duration::from_secs(60);
/// A quick plan: nobody waits an hour for a rehearsal. What it watches is what any plan does.
const TEMPLATE: &str = "name = \"rehearsal\"\nwatch_ms = 60000\n\
    [[stage]]\nreach = \"internal\"\ntime_ms_min = 10000\nrequests_min = 20\n\
    [[stage]]\nreach = \"all\"\n\
    [[trigger]]\nname = \"errors\"\nmeasure = \"errors\"\ncompare = true\nmost_ppm = 100000\n\
    requests_min = 20\n";

/// How it is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which hereby.
    pub program: PathBuf,
    /// Whether that has bugs that can be met on purpose.
    pub faults: bool,
}

/// Who follows a run.
pub trait Tell {
    /// What is done now, in a line: while it is built, or `at_ms` after something first went wrong.
    fn said(&mut self, at_ms: Option<i64>, what: &str);
    /// A second is over: what it came to with stages and cells, and without.
    fn second(&mut self, with: Second, without: Option<Second>);
}

/// A `hereby` that did what it was not to, or did not what it was.
#[derive(Debug)]
pub struct Call {
    /// What was called.
    pub line: String,
    /// What it said.
    pub said: String,
}

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum CannotRun {
    /// The build has no such bugs.
    #[error("this build has no bugs to meet on purpose, and the scenario needs one")]
    NoFaults,
    /// The system said no.
    #[error("{0}: {1}")]
    System(&'static str, io::Error),
    /// A configuration can't be written.
    #[error("a configuration can't be written: {0}")]
    Config(#[from] toml::ser::Error),
    /// A command went another way than it had to.
    #[error("`hereby {}`: {}", .0.line, .0.said)]
    Call(Call),
    /// Something is not there.
    #[error("{0}")]
    Missing(String),
    /// It was stopped from outside.
    #[error("it was stopped")]
    Stopped,
}

fn system(what: &'static str) -> impl FnOnce(io::Error) -> CannotRun {
    move |error| CannotRun::System(what, error)
}

/// An edge, with what is asked of it.
struct Edge {
    name: Name,
    port: u16,
    process: Option<Process>,
    load: Option<Load>,
}

/// Everything that runs.
struct World<'s> {
    scenario: &'s Scenario,
    options: &'s Options,
    // Processes end before the directory goes.
    edges: Vec<Edge>,
    /// As many that are one compartment without stages.
    without: Vec<Edge>,
    control: Option<Process>,
    origins: BTreeMap<Name, Origin>,
    port: u16,
    place: Place,
    begun: Instant,
    /// When something first went wrong on purpose.
    wrong_at: Option<(Instant, SystemTime)>,
    deeds: Vec<Deed>,
    measured: BTreeMap<String, u64>,
    incident: String,
}

/// Runs a scenario. It ends early when `stop` becomes true, or what it does is more than its limit.
///
/// # Errors
/// When it can't be built, or goes another way than it can be judged by. Everything is taken away then, too.
pub async fn run(
    scenario: &Scenario,
    options: &Options,
    tell: &mut dyn Tell,
    mut stop: watch::Receiver<bool>,
) -> Result<Outcome, CannotRun> {
    if scenario.needs.contains(&Need::Faults) && !options.faults {
        return Err(CannotRun::NoFaults);
    }
    let mut world = tokio::select! {
        world = World::build(scenario, options, tell) => world?,
        _ = stop.wait_for(|stop| *stop) => return Err(CannotRun::Stopped),
    };
    let aborted = tokio::select! {
        done = world.play(tell) => done?,
        _ = stop.wait_for(|stop| *stop) => return Err(CannotRun::Stopped),
    };
    world.end(aborted, tell).await
}

impl<'s> World<'s> {
    /// Control and edges, which all run the fleet's first version.
    async fn build(
        scenario: &'s Scenario,
        options: &'s Options,
        tell: &mut dyn Tell,
    ) -> Result<World<'s>, CannotRun> {
        let place = Place::new().map_err(system("no directory"))?;
        let count = scenario.edges().count();
        let both = if scenario.without { 2 * count } else { count };
        let mut ports = free_ports(both + 1)
            .map_err(system("no ports"))?
            .into_iter();
        let mut world = World {
            scenario,
            options,
            edges: Vec::new(),
            without: Vec::new(),
            control: None,
            origins: BTreeMap::new(),
            port: ports.next().unwrap_or_default(),
            place,
            begun: Instant::now(),
            wrong_at: None,
            deeds: Vec::new(),
            measured: BTreeMap::new(),
            incident: String::new(),
        };
        for tenant in &scenario.tenant {
            let origin = Origin::begin().await.map_err(system("no service"))?;
            world.origins.insert(tenant.name.clone(), origin);
        }
        tell.said(None, "control begins");
        world.begin_control().await?;
        for (name, cell) in scenario.edges() {
            let port = ports.next().unwrap_or_default();
            tell.said(None, &format!("{name} enrolls in {}", cell.name));
            world.enroll(&name, &cell.name, cell.ring.as_str()).await?;
            let process = world.begin_edge(&name, port)?;
            world.edges.push(Edge {
                name,
                port,
                process: Some(process),
                load: None,
            });
        }
        world.bring_out_first(tell).await?;
        if scenario.without {
            tell.said(
                None,
                "beside them as many edges that are one compartment without stages",
            );
            for ((name, _), port) in scenario.edges().zip(ports) {
                let process = world.begin_without(&name, port, &[])?;
                world.without.push(Edge {
                    name,
                    port,
                    process: Some(process),
                    load: None,
                });
            }
            world.until_all_listen().await?;
        }
        Ok(world)
    }

    async fn begin_control(&mut self) -> Result<(), CannotRun> {
        let listen = format!("127.0.0.1:{}", self.port);
        let data = self.place.path("data");
        let data = data.to_string_lossy();
        let args = ["serve", "--listen", &listen, "--data-dir", &data];
        let process = Process::start(&self.options.program, "control", args, &self.place);
        self.control = Some(process.map_err(system("control can't begin"))?);
        let end = Instant::now() + BEGINS_WITHIN;
        while self.ask(&["fleet", "--json"]).await.is_err() {
            let lives = self.control.as_mut().is_some_and(Process::runs);
            if !lives || Instant::now() > end {
                return Err(CannotRun::Missing(format!(
                    "control does not begin: {}",
                    self.said("control")
                )));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Waits until edges that ask nobody are there.
    async fn until_all_listen(&self) -> Result<(), CannotRun> {
        let end = Instant::now() + BEGINS_WITHIN;
        for edge in &self.without {
            let place = (Ipv4Addr::LOCALHOST, edge.port);
            while tokio::net::TcpStream::connect(place).await.is_err() {
                if Instant::now() > end {
                    let said = self.said(&format!("{}-alone", edge.name));
                    let what = format!("{} does not begin: {said}", edge.name);
                    return Err(CannotRun::Missing(what));
                }
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(())
    }

    /// The end of what a process said.
    fn said(&self, name: &str) -> String {
        let log = self.place.path(&format!("{name}.log"));
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let last = text.lines().rev().take(3);
        let mut last: Vec<&str> = last.collect();
        last.reverse();
        last.join("; ")
    }

    async fn enroll(&self, edge: &Name, cell: &Name, ring: &str) -> Result<(), CannotRun> {
        let token = self.place.path(&format!("{edge}.token"));
        let token = token.to_string_lossy().into_owned();
        let state = self.place.path(edge.as_str());
        let state = state.to_string_lossy().into_owned();
        let url = format!("http://127.0.0.1:{}", self.port);
        // The first edge of a cell makes it.
        let _ = self
            .ask(&["cell", "define", cell.as_str(), "--ring", ring])
            .await;
        let invite = [
            "edge",
            "invite",
            edge.as_str(),
            "--cell",
            cell.as_str(),
            "--output",
            &token,
        ];
        self.ask(&invite).await?;
        let enroll = [
            "edge",
            "enroll",
            edge.as_str(),
            "--state-dir",
            &state,
            "--url",
            &url,
        ];
        let enroll = [&enroll[..], &["--token-file", &token]].concat();
        self.call(&enroll).await.map(drop)
    }

    fn begin_edge(&self, name: &Name, port: u16) -> Result<Process, CannotRun> {
        let listen = format!("127.0.0.1:{port}");
        let state = self.place.path(name.as_str());
        let state = state.to_string_lossy();
        let args = ["edge", "--listen", &listen, "--state-dir", &state];
        let process = Process::start(&self.options.program, name.as_str(), args, &self.place);
        process
            .map(Process::behind_others)
            .map_err(system("an edge can't begin"))
    }

    /// An edge by itself, with all tenants in one compartment.
    fn begin_without(
        &self,
        name: &Name,
        port: u16,
        changed: &[(Name, Vec<toml::Table>)],
    ) -> Result<Process, CannotRun> {
        let file = self.write_without(name, port, changed)?;
        let (file, state) = (
            file.to_string_lossy(),
            self.place.path(&format!("{name}-alone")),
        );
        let state = state.to_string_lossy();
        let args = ["edge", "--config", &file, "--state-dir", &state];
        let log = format!("{name}-alone");
        let process = Process::start(&self.options.program, &log, args, &self.place);
        process
            .map(Process::behind_others)
            .map_err(system("an edge can't begin"))
    }

    fn write_without(
        &self,
        name: &Name,
        port: u16,
        changed: &[(Name, Vec<toml::Table>)],
    ) -> Result<PathBuf, CannotRun> {
        let text = self.scenario.fleets(&self.ports(), changed, true)?;
        let text = text.replace("127.0.0.1:7780", &format!("127.0.0.1:{port}"));
        let file = format!("{name}-alone.toml");
        let written = self.place.write(&file, &text);
        written.map_err(system("a file can't be written"))
    }

    fn ports(&self) -> BTreeMap<Name, u16> {
        let origins = self.origins.iter();
        origins
            .map(|(tenant, origin)| (tenant.clone(), origin.port))
            .collect()
    }

    async fn bring_out_first(&mut self, tell: &mut dyn Tell) -> Result<(), CannotRun> {
        tell.said(None, "the fleet's first version goes out");
        let text = self.scenario.fleets(&self.ports(), &[], false)?;
        let write = |name: &str, text: &str| {
            let written = self.place.write(name, text);
            written.map_err(system("a file can't be written"))
        };
        write("template.toml", TEMPLATE)?;
        let file = write("first/edge.toml", &text)?;
        let line = self.deploying(&file, None, "the first version");
        self.load_on(true);
        self.ask(&line.iter().map(String::as_str).collect::<Vec<_>>())
            .await?;
        let end = Instant::now() + BEGINS_WITHIN;
        while !(self.is(Condition::Completed).await && self.is(Condition::Follow).await) {
            if Instant::now() > end {
                return Err(CannotRun::Missing(
                    "the first version reaches not all".to_owned(),
                ));
            }
            tokio::time::sleep(LOOK).await;
        }
        // What was asked before anything was there says nothing.
        self.load_on(false);
        Ok(())
    }

    fn deploying(&self, file: &Path, tenant: Option<&Name>, why: &str) -> Vec<String> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let template = self.place.path("template.toml");
        let directory = file.parent().unwrap_or(file);
        let mut line = vec!["deploy".to_owned(), text(directory)];
        line.extend(["--template".to_owned(), text(&template)]);
        if let Some(tenant) = tenant {
            line.extend(["--tenant".to_owned(), tenant.to_string()]);
        }
        line.extend(["-m".to_owned(), why.to_owned()]);
        line
    }

    /// Begins to ask all edges, or stops.
    fn load_on(&mut self, on: bool) {
        let (scenario, begun) = (self.scenario, self.begun);
        let rate = scenario.load.requests_per_s;
        for (edge, (_, cell)) in self.edges.iter_mut().zip(scenario.edges()) {
            let tenants = scenario.tenants_of(&cell.name);
            edge.load = on.then(|| Load::on(edge.port, &tenants, rate, begun));
        }
        let all: Vec<Name> = scenario.tenant.iter().map(|one| one.name.clone()).collect();
        for edge in &mut self.without {
            edge.load = on.then(|| Load::on(edge.port, &all, rate, begun));
        }
    }

    /// Runs `hereby ARGS` to its end.
    async fn output(&self, args: &[&str]) -> Result<Output, CannotRun> {
        let program = self.options.program.clone();
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let output = tokio::task::spawn_blocking(move || call(&program, &args)).await;
        let output = output.unwrap_or_else(|_| Err(io::Error::other("a bug")));
        output.map_err(system("hereby can't be run"))
    }

    async fn call(&self, args: &[&str]) -> Result<String, CannotRun> {
        let output = self.output(args).await?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(CannotRun::Call(Call {
            line: args.join(" "),
            said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        }))
    }

    /// The same of the control that runs here.
    async fn ask(&self, args: &[&str]) -> Result<String, CannotRun> {
        let data = self.place.path("data");
        let data = data.to_string_lossy();
        self.call(&[args, &["--data-dir", &data]].concat()).await
    }

    async fn document(&self, args: &[&str]) -> Option<Value> {
        serde_json::from_str(&self.ask(args).await.ok()?).ok()
    }

    /// How things stand, as far as can be told.
    async fn is(&self, condition: Condition) -> bool {
        match condition {
            Condition::RolledBack | Condition::Completed | Condition::Out => {
                let Some(shown) = self.document(&["history", "--json"]).await else {
                    return false;
                };
                let standing = shown.pointer("/items/0/standing").and_then(Value::as_str);
                let wanted: &[&str] = match condition {
                    Condition::RolledBack => &["rolled_back"],
                    Condition::Completed => &["completed"],
                    _ => &["watched", "completed"],
                };
                standing.is_some_and(|standing| wanted.contains(&standing))
            }
            Condition::Follow => {
                let Some(shown) = self.document(&["fleet", "--json"]).await else {
                    return false;
                };
                let edges = shown.get("edges").and_then(Value::as_array);
                edges.is_some_and(|edges| {
                    let mut all = edges.iter();
                    all.all(|edge| edge.get("standing").and_then(Value::as_str) == Some("follows"))
                })
            }
            Condition::Well => self.failed_since(Duration::from_secs(2)) == Some(0),
            Condition::Hurt => self
                .failed_since(Duration::from_secs(1))
                .is_some_and(|many| many > 0),
        }
    }

    /// How many requests failed in whole seconds that ended lately; none: not so long is measured.
    fn failed_since(&self, time: Duration) -> Option<u64> {
        let now_s = self.begun.elapsed().as_secs();
        let first = now_s.checked_sub(time.as_secs())?;
        // Before anything goes wrong nothing may fail at those beside it either.
        let beside = self.without.iter().filter(|_| self.wrong_at.is_none());
        let all = self
            .edges
            .iter()
            .chain(beside)
            .filter_map(|edge| edge.load.as_ref());
        let mut failed = 0;
        for load in all {
            let counts = load.counts.lock().unwrap_or_else(PoisonError::into_inner);
            let seconds = counts.seconds.iter().zip(0_u64..);
            failed += seconds
                .filter(|(_, second)| *second >= first)
                .map(|(count, _)| count.failed)
                .sum::<u64>();
        }
        Some(failed)
    }

    /// Does what the scenario says. Why it was given up, if it was.
    async fn play(&mut self, tell: &mut dyn Tell) -> Result<Option<String>, CannotRun> {
        self.begun = Instant::now();
        self.load_on(true);
        let steady = self.scenario.load.steady_s;
        tell.said(
            None,
            &format!("requests to all edges; nothing may fail for {steady} s"),
        );
        let mut ticks = Ticks::default();
        self.pass(steady, tell, &mut ticks).await?;
        let failed = self.failed_since(Duration::from_secs(steady)).unwrap_or(0);
        if failed > 0 {
            let what = format!("{failed} requests failed before anything went wrong");
            return Err(CannotRun::Missing(what));
        }
        let title = format!("Game day: {}", self.scenario.title);
        self.ask(&["declare", &title, "-s", "3", "--drill"]).await?;
        self.incident = "INC-1".to_owned();
        self.wrong_at = Some((Instant::now(), SystemTime::now()));
        let steps = &self.scenario.step;
        for step in steps {
            // What is waited for is told when it is so.
            let waits = matches!(step, Step::Until { .. });
            if !waits {
                self.tells(step.say(), tell);
            }
            if let Some(why) = self.take(step, tell, &mut ticks).await? {
                return Ok(Some(why));
            }
            if waits {
                self.tells(step.say(), tell);
            }
        }
        self.pass(self.scenario.load.after_s, tell, &mut ticks)
            .await
    }

    fn at_ms(&self) -> i64 {
        let since = self.wrong_at.map(|(at, _)| at.elapsed().as_millis());
        since.map_or(0, |since| i64::try_from(since).unwrap_or(i64::MAX))
    }

    fn tells(&mut self, what: &str, tell: &mut dyn Tell) {
        let at_ms = self.at_ms();
        tell.said(Some(at_ms), what);
        self.deeds.push(Deed {
            at_ms,
            what: what.to_owned(),
            kind: None,
        });
    }

    /// One step. Why it was given up, if it was.
    async fn take(
        &mut self,
        step: &Step,
        tell: &mut dyn Tell,
        ticks: &mut Ticks,
    ) -> Result<Option<String>, CannotRun> {
        match step {
            Step::Deploy {
                tenant,
                route,
                why,
                refused,
                ..
            } => {
                self.deploys(tenant.as_ref(), route, (why, refused.as_deref()))
                    .await?
            }
            Step::Hereby {
                args,
                refused,
                measures,
                ..
            } => {
                let begun = Instant::now();
                let args: Vec<&str> = args.iter().map(String::as_str).collect();
                self.must(&args, refused.as_deref()).await?;
                if let Some(figure) = measures {
                    let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                    self.measured.insert(figure.to_string(), took);
                }
            }
            Step::Kill { process, .. } if process.as_str() == "control" => self.control = None,
            Step::Start { process, .. } if process.as_str() == "control" => {
                self.begin_control().await?;
            }
            Step::Kill { process, .. } => {
                if let Some(edge) = self.edges.iter_mut().find(|edge| edge.name == *process) {
                    edge.process = None;
                }
            }
            Step::Start { process, .. } => {
                let port = self.edges.iter().find(|edge| edge.name == *process);
                let port = port.map(|edge| edge.port).unwrap_or_default();
                let begun = self.begin_edge(process, port)?;
                if let Some(edge) = self.edges.iter_mut().find(|edge| edge.name == *process) {
                    edge.process = Some(begun);
                }
            }
            Step::Origin {
                tenant, answers, ..
            } => {
                if let Some(origin) = self.origins.get(tenant) {
                    origin.answer(*answers);
                }
            }
            Step::Until { is, within_s, .. } => {
                let end = Instant::now() + Duration::from_secs(*within_s);
                while !self.is(*is).await {
                    if let Some(why) = self.look(tell, ticks) {
                        return Ok(Some(why));
                    }
                    if Instant::now() > end {
                        return Ok(Some(format!(
                            "within {within_s} s it was not so: {}",
                            step.say()
                        )));
                    }
                    tokio::time::sleep(LOOK).await;
                }
            }
            Step::Wait { seconds, .. } => return self.pass(*seconds, tell, ticks).await,
        }
        Ok(self.look(tell, ticks))
    }

    async fn must(&self, args: &[&str], refused: Option<&str>) -> Result<(), CannotRun> {
        match (self.ask(args).await, refused) {
            (Ok(_), None) => Ok(()),
            (Ok(_), Some(_)) => Err(CannotRun::Call(Call {
                line: args.join(" "),
                said: "it was to be refused, and was done".to_owned(),
            })),
            (Err(CannotRun::Call(call)), Some(why)) if call.said.contains(why) => Ok(()),
            (Err(error), _) => Err(error),
        }
    }

    async fn deploys(
        &mut self,
        tenant: Option<&Name>,
        routes: &[toml::Table],
        (why, refused): (&str, Option<&str>),
    ) -> Result<(), CannotRun> {
        let ports = self.ports();
        let mut changed: BTreeMap<Name, Vec<toml::Table>> = BTreeMap::new();
        for route in routes {
            let mut route = route.clone();
            let named = route.remove("tenant");
            let named = named.as_ref().and_then(toml::Value::as_str);
            let named = named.and_then(|named| named.parse().ok());
            if let Some(whose) = named.or_else(|| tenant.cloned()) {
                changed.entry(whose).or_default().push(route);
            }
        }
        let changed: Vec<_> = changed.into_iter().collect();
        let text = match tenant {
            Some(tenant) => {
                let routes = changed.iter().find(|(name, _)| name == tenant);
                let routes = routes.map(|(_, routes)| routes.as_slice());
                own(ports.get(tenant), routes.unwrap_or_default())?
            }
            None => self.scenario.fleets(&ports, &changed, false)?,
        };
        let file = self
            .place
            .write(&format!("{}/edge.toml", digest_of(&text)), &text);
        let file = file.map_err(system("a file can't be written"))?;
        let mut line = self.deploying(&file, tenant, why);
        line.extend(["--incident".to_owned(), self.incident.clone()]);
        // The same fault, at the same moment.
        for place in 0..self.without.len() {
            self.change_without(place, &changed).await?;
        }
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        self.must(&line, refused).await
    }

    async fn change_without(
        &self,
        place: usize,
        changed: &[(Name, Vec<toml::Table>)],
    ) -> Result<(), CannotRun> {
        let Some(edge) = self.without.get(place) else {
            return Ok(());
        };
        self.write_without(&edge.name, edge.port, changed)?;
        let state = self.place.path(&format!("{}-alone", edge.name));
        let state = state.to_string_lossy();
        self.call(&["edge", "reload", "--state-dir", &state])
            .await
            .map(drop)
    }

    /// Lets time pass. Why it was given up, if it was.
    async fn pass(
        &mut self,
        seconds: u64,
        tell: &mut dyn Tell,
        ticks: &mut Ticks,
    ) -> Result<Option<String>, CannotRun> {
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            if let Some(why) = self.look(tell, ticks) {
                return Ok(Some(why));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(None)
    }

    /// Tells of the seconds that are over. Why it is given up, if it is.
    fn look(&mut self, tell: &mut dyn Tell, ticks: &mut Ticks) -> Option<String> {
        // The answers to what was asked a second ago are there, as a rule.
        let over = self.begun.elapsed().as_secs().saturating_sub(1);
        while ticks.told < over {
            let place = usize::try_from(ticks.told).unwrap_or(usize::MAX);
            let at = |edges: &[Edge]| {
                let each = edges.iter().filter_map(|edge| {
                    let load = edge.load.as_ref()?;
                    let counts = load.counts.lock().unwrap_or_else(PoisonError::into_inner);
                    counts.seconds.get(place).copied()
                });
                each.fold(Second::default(), |sum, count| Second {
                    sent: sum.sent + count.sent,
                    failed: sum.failed + count.failed,
                })
            };
            let (with, without) = (at(&self.edges), at(&self.without));
            ticks.failed += with.failed;
            tell.second(with, self.scenario.without.then_some(without));
            ticks.told += 1;
        }
        let limit = &self.scenario.limit;
        if ticks.failed > limit.failed_max {
            return Some(format!(
                "{} requests failed, more than its limit",
                ticks.failed
            ));
        }
        let too_long = self.begun.elapsed().as_secs() > limit.seconds_max;
        too_long.then(|| format!("it takes longer than {} s", limit.seconds_max))
    }

    /// Reads what there is on the record, and takes everything away.
    async fn end(
        mut self,
        aborted: Option<String>,
        tell: &mut dyn Tell,
    ) -> Result<Outcome, CannotRun> {
        let incident = self.incident.clone();
        let summary = match &aborted {
            None => "the rehearsal is over",
            Some(_) => "the rehearsal was given up",
        };
        self.ask(&["resolve", &incident, summary]).await?;
        self.tells("The incident is resolved: it was a drill.", tell);
        let of = |edges: &[Edge]| -> Vec<(Name, Vec<Second>)> {
            let each = edges.iter().filter_map(|edge| {
                let counts = edge.load.as_ref()?.counts.lock();
                let counts = counts.unwrap_or_else(PoisonError::into_inner);
                Some((edge.name.clone(), seconds(&counts)))
            });
            each.collect()
        };
        let hurt: Vec<(Instant, Instant)> = self
            .edges
            .iter()
            .filter_map(|edge| edge.load.as_ref())
            .filter_map(|load| {
                load.counts
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .hurt
            })
            .collect();
        let (each, without) = (of(&self.edges), of(&self.without));
        let without = summed(&without.into_iter().map(|(_, one)| one).collect::<Vec<_>>());
        let seconds_of: Vec<Vec<Second>> = each.iter().map(|(_, one)| one.clone()).collect();
        let beside = self.scenario.without.then_some(without.as_slice());
        let mut figures = damage(&seconds_of, beside, &hurt);
        figures.append(&mut self.measured);
        let (bundle, vkey) = self.evidence(&incident).await?;
        let acts = self.acts(&bundle);
        if let Some(first) = hurt.iter().map(|(first, _)| *first).min() {
            let wrong_at = self.wrong_at.map(|(at, _)| at).unwrap_or(first);
            let first_ms = first.saturating_duration_since(wrong_at).as_millis();
            let first_ms = i64::try_from(first_ms).unwrap_or(i64::MAX);
            for (kind, figure) in [
                ("trigger.fired/1", "detect_ms"),
                ("incident.resolved/1", "resolve_ms"),
            ] {
                let found = acts.iter().find(|deed| deed.kind.as_deref() == Some(kind));
                if let Some(found) = found {
                    let after = u64::try_from((found.at_ms - first_ms).max(0)).unwrap_or(0);
                    figures.insert(figure.to_owned(), after);
                }
            }
        }
        let mut deeds = std::mem::take(&mut self.deeds);
        deeds.extend(acts);
        deeds.sort_by_key(|deed| deed.at_ms);
        let began_s = self
            .wrong_at
            .map(|(at, _)| at.duration_since(self.begun).as_secs());
        let mut outcome = Outcome {
            scenario: self.scenario.clone(),
            review: self.ask(&["review", &incident]).await?,
            incident,
            held: false,
            aborted,
            expected: Vec::new(),
            figures,
            deeds,
            began_s: began_s.unwrap_or(0),
            seconds: summed(&seconds_of),
            without,
            edges: each
                .into_iter()
                .map(|(name, one)| (name.to_string(), one))
                .collect(),
            bundle,
            vkey,
        };
        outcome.judge();
        Ok(outcome)
    }

    /// The incident's export, and the key that it verifies by. It must.
    async fn evidence(&self, incident: &str) -> Result<(String, String), CannotRun> {
        let vkey = self.ask(&["record", "keys"]).await?.trim().to_owned();
        let file = self.place.path("evidence.json");
        let text = file.to_string_lossy();
        self.ask(&["export", incident, "-o", &text]).await?;
        self.ask(&["verify", "--bundle", &text, "--vkey", &vkey])
            .await?;
        let bundle = std::fs::read_to_string(&file).map_err(system("no evidence"))?;
        Ok((bundle, vkey))
    }

    /// What the record says of it.
    fn acts(&self, bundle: &str) -> Vec<Deed> {
        let Some((_, wrong_at)) = self.wrong_at else {
            return Vec::new();
        };
        let bundle: Value = serde_json::from_str(bundle).unwrap_or_default();
        let acts = bundle.get("acts").and_then(Value::as_array).cloned();
        let acts = acts.unwrap_or_default().into_iter().filter_map(|act| {
            let entry: Value = serde_json::from_str(act.get("entry")?.as_str()?).ok()?;
            let at: jiff::Timestamp = entry.get("at")?.as_str()?.parse().ok()?;
            let wrong_at = jiff::Timestamp::try_from(wrong_at).ok()?;
            let what = entry.pointer("/body/what").and_then(Value::as_str);
            let kind = entry.get("kind")?.as_str()?.to_owned();
            Some(Deed {
                at_ms: at.as_millisecond() - wrong_at.as_millisecond(),
                what: what.unwrap_or_default().to_owned(),
                kind: Some(kind),
            })
        });
        acts.collect()
    }
}

/// Which seconds were told of, and what they came to.
#[derive(Default)]
struct Ticks {
    told: u64,
    failed: u64,
}

/// A short name for a text: the same for the same.
fn digest_of(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("v-{hash:016x}")
}
