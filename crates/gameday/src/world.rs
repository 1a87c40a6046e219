//! Everything that runs in a rehearsal: control and edges as real processes, services behind them, and
//! requests to them.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime};

use base::Name;
use serde_json::Value;

use crate::certificates;
use crate::load::{Count, Load, PATIENCE};
use crate::origin::Origin;
use crate::process::{Place, Process, call, free_ports};
use crate::run::{Call, CannotRun, Options, Tell, system};
use crate::scenario::{Condition, Scenario};
use crate::score::Deed;

/// Between two looks at how things stand.
pub(crate) const LOOK: Duration = Duration::from_millis(250);
/// So long everything may take to be there.
const BEGINS_WITHIN: Duration = Duration::from_secs(60);
/// A quick plan: nobody waits an hour for a rehearsal. What it watches is what any plan does.
const TEMPLATE: &str = "name = \"rehearsal\"\nwatch_ms = 60000\n\
    [[stage]]\nreach = \"internal\"\ntime_ms_min = 10000\nrequests_min = 20\n\
    [[stage]]\nreach = \"all\"\n\
    [[trigger]]\nname = \"errors\"\nmeasure = \"errors\"\ncompare = true\nmost_ppm = 100000\n\
    requests_min = 20\n";
/// Where edges find certificates, and those that take their place.
pub(crate) const CERTIFICATES: &str = "certificates";
pub(crate) const REISSUED: &str = "reissued";
/// An edge, with what is asked of it.
pub(crate) struct Edge {
    pub(crate) name: Name,
    pub(crate) port: u16,
    /// Where it shows certificates, if any tenant has one.
    pub(crate) tls: Option<u16>,
    pub(crate) process: Option<Process>,
    pub(crate) load: Option<Load>,
}

/// The release before, where the scenario begins with that.
fn before<'o>(scenario: &Scenario, options: &'o Options) -> Option<&'o Path> {
    let previous = options.previous.as_deref();
    previous.filter(|_| scenario.is_mixed())
}

/// Everything that runs.
pub(crate) struct World<'s> {
    pub(crate) scenario: &'s Scenario,
    pub(crate) options: &'s Options,
    // Processes end before the directory goes.
    pub(crate) edges: Vec<Edge>,
    /// As many that are one compartment without stages.
    pub(crate) without: Vec<Edge>,
    pub(crate) control: Option<Process>,
    /// What control is a process of.
    pub(crate) control_runs: PathBuf,
    pub(crate) origins: BTreeMap<Name, Origin>,
    pub(crate) port: u16,
    pub(crate) place: Place,
    pub(crate) begun: Instant,
    /// When a process was ended last, on purpose.
    pub(crate) lost_at: Option<Instant>,
    /// Where what was deployed last lies.
    pub(crate) site: PathBuf,
    /// When something first went wrong on purpose.
    pub(crate) wrong_at: Option<(Instant, SystemTime)>,
    pub(crate) deeds: Vec<Deed>,
    pub(crate) measured: BTreeMap<String, u64>,
    pub(crate) incident: String,
}
impl<'s> World<'s> {
    /// Control and edges, which all run the fleet's first version.
    pub(crate) async fn build(
        scenario: &'s Scenario,
        options: &'s Options,
        tell: &mut dyn Tell,
    ) -> Result<World<'s>, CannotRun> {
        let place = Place::new().map_err(system("no directory"))?;
        let count = scenario.edges().count();
        let both = if scenario.without { 2 * count } else { count };
        let certified = scenario.tenant.iter().any(|tenant| tenant.certificate);
        let shown = if certified { count } else { 0 };
        let mut ports = free_ports(both + shown + 1)
            .map_err(system("no ports"))?
            .into_iter();
        let mut world = World {
            scenario,
            options,
            edges: Vec::new(),
            without: Vec::new(),
            control: None,
            control_runs: before(scenario, options)
                .unwrap_or(&options.program)
                .to_owned(),
            origins: BTreeMap::new(),
            port: ports.next().unwrap_or_default(),
            place,
            begun: Instant::now(),
            lost_at: None,
            site: PathBuf::new(),
            wrong_at: None,
            deeds: Vec::new(),
            measured: BTreeMap::new(),
            incident: String::new(),
        };
        for tenant in &scenario.tenant {
            let origin = Origin::begin().await.map_err(system("no service"))?;
            world.origins.insert(tenant.name.clone(), origin);
            if tenant.certificate {
                world.certify(&tenant.name)?;
            }
        }
        tell.said(None, "control begins");
        world.begin_control().await?;
        for (name, cell) in scenario.edges() {
            let port = ports.next().unwrap_or_default();
            tell.said(None, &format!("{name} enrolls in {}", cell.name));
            world.enroll(&name, &cell.name, cell.ring.as_str()).await?;
            let tls = if certified { ports.next() } else { None };
            let process = world.begin_edge(&name, port, tls)?;
            world.edges.push(Edge {
                name,
                port,
                tls,
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
            world.begin_all_without(ports).await?;
        }
        Ok(world)
    }

    /// As many edges that are one compartment without stages.
    async fn begin_all_without(
        &mut self,
        ports: impl Iterator<Item = u16>,
    ) -> Result<(), CannotRun> {
        for ((name, _), port) in self.scenario.edges().zip(ports) {
            let process = self.begin_without(&name, port, &[])?;
            self.without.push(Edge {
                name,
                port,
                tls: None,
                process: Some(process),
                load: None,
            });
        }
        self.until_all_listen().await
    }

    pub(crate) async fn begin_control(&mut self) -> Result<(), CannotRun> {
        let listen = format!("127.0.0.1:{}", self.port);
        let data = self.place.path("data");
        let settings = data.join("hereby.toml");
        // One that was restored is there already.
        if !settings.exists() {
            // The default lies among the anchors of whoever runs this.
            let anchor = self.place.path("anchor");
            let text = format!("[record]\nanchor = {anchor:?}\n");
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&data);
            let written = made.and_then(|()| std::fs::write(&settings, text));
            written.map_err(system("a file can't be written"))?;
        }
        let data = data.to_string_lossy();
        let args = ["serve", "--listen", &listen, "--data-dir", &data];
        let process = Process::start(&self.control_runs, "control", args, &self.place);
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
    pub(crate) async fn until_all_listen(&self) -> Result<(), CannotRun> {
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
    pub(crate) fn said(&self, name: &str) -> String {
        let log = self.place.path(&format!("{name}.log"));
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let last = text.lines().rev().take(3);
        let mut last: Vec<&str> = last.collect();
        last.reverse();
        last.join("; ")
    }

    pub(crate) async fn enroll(
        &self,
        edge: &Name,
        cell: &Name,
        ring: &str,
    ) -> Result<(), CannotRun> {
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

    pub(crate) fn begin_edge(
        &self,
        name: &Name,
        port: u16,
        tls: Option<u16>,
    ) -> Result<Process, CannotRun> {
        let listen = format!("127.0.0.1:{port}");
        let state = self.place.path(name.as_str());
        let state = state.to_string_lossy();
        let mut args = vec!["edge", "--listen", &listen, "--state-dir", &state];
        let tls = tls.map(|port| format!("127.0.0.1:{port}"));
        args.extend(tls.iter().flat_map(|tls| ["--listen", tls.as_str()]));
        match before(self.scenario, self.options) {
            Some(previous) => {
                let own = self.own_program(name);
                if !own.exists() {
                    self.install(name, previous)?;
                }
                self.begin_as(&own, name.as_str(), &args)
            }
            None => self.begin(name.as_str(), &args),
        }
    }

    /// Where an edge's program lies, which is its own: each is upgraded for itself.
    fn own_program(&self, edge: &Name) -> PathBuf {
        self.place.path(&format!("installed/{edge}/hereby"))
    }

    /// Puts a program in the place of an edge's own, as a package does.
    pub(crate) fn install(&self, edge: &Name, program: &Path) -> Result<(), CannotRun> {
        let own = self.own_program(edge);
        let fresh = own.with_extension("new");
        let made = std::fs::create_dir_all(own.parent().unwrap_or(&own))
            .and_then(|()| {
                // Another name of the same file where that can be: what runs is known by its name.
                std::fs::hard_link(program, &fresh)
                    .or_else(|_| std::fs::copy(program, &fresh).map(drop))
            })
            .and_then(|()| std::fs::rename(&fresh, &own));
        made.map_err(system("a program can't be installed"))
    }

    /// A tenant's certificate, and the one that takes its place if it is reissued.
    fn certify(&self, tenant: &Name) -> Result<(), CannotRun> {
        let host = format!("{tenant}.example");
        for directory in [CERTIFICATES, REISSUED] {
            let made = certificates::make(&self.place.path(directory), tenant.as_str(), &host);
            made.map_err(system("a certificate can't be made"))?;
        }
        Ok(())
    }

    /// Whether every edge shows the certificates that took the place of the first.
    async fn shows_reissued(&self) -> bool {
        let tenants = self.scenario.tenant.iter();
        for tenant in tenants.filter(|tenant| tenant.certificate) {
            let host = format!("{}.example", tenant.name);
            let file = self
                .place
                .path(REISSUED)
                .join(format!("{}.crt", tenant.name));
            for port in self.edges.iter().filter_map(|edge| edge.tls) {
                if !certificates::shows(port, &host, &file).await {
                    return false;
                }
            }
        }
        true
    }

    fn begin(&self, log: &str, args: &[&str]) -> Result<Process, CannotRun> {
        self.begin_as(&self.options.program, log, args)
    }

    fn begin_as(&self, program: &Path, log: &str, args: &[&str]) -> Result<Process, CannotRun> {
        let process = Process::start(program, log, args, &self.place);
        process
            .map(Process::behind_others)
            .map_err(system("an edge can't begin"))
    }

    /// An edge by itself, with all tenants in one compartment.
    pub(crate) fn begin_without(
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
        self.begin(&format!("{name}-alone"), &args)
    }

    pub(crate) fn write_without(
        &self,
        name: &Name,
        port: u16,
        changed: &[(Name, Vec<toml::Table>)],
    ) -> Result<PathBuf, CannotRun> {
        let text = self.fleets(changed, true)?;
        let text = text.replace("127.0.0.1:7780", &format!("127.0.0.1:{port}"));
        self.write_files(".")?;
        let file = format!("{name}-alone.toml");
        let written = self.place.write(&file, &text);
        written.map_err(system("a file can't be written"))
    }

    /// Files that tenants' routes name, beside a configuration.
    pub(crate) fn write_files(&self, directory: &str) -> Result<(), CannotRun> {
        let all = self.scenario.tenant.iter().flat_map(|tenant| &tenant.files);
        for (name, text) in all {
            let written = self.place.write(&format!("{directory}/{name}"), text);
            written.map_err(system("a file can't be written"))?;
        }
        Ok(())
    }

    /// The fleet's version with these routes.
    pub(crate) fn fleets(
        &self,
        changed: &[(Name, Vec<toml::Table>)],
        flat: bool,
    ) -> Result<String, toml::ser::Error> {
        let certificates = self.place.path(CERTIFICATES);
        self.scenario
            .fleets(&self.ports(), changed, flat, &certificates)
    }

    pub(crate) fn ports(&self) -> BTreeMap<Name, u16> {
        let origins = self.origins.iter();
        origins
            .map(|(tenant, origin)| (tenant.clone(), origin.port))
            .collect()
    }

    pub(crate) async fn bring_out_first(&mut self, tell: &mut dyn Tell) -> Result<(), CannotRun> {
        tell.said(None, "the fleet's first version goes out");
        let text = self.fleets(&[], false)?;
        let write = |name: &str, text: &str| {
            let written = self.place.write(name, text);
            written.map_err(system("a file can't be written"))
        };
        write("template.toml", TEMPLATE)?;
        let file = write("first/edge.toml", &text)?;
        self.write_files("first")?;
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

    pub(crate) fn deploying(&self, file: &Path, tenant: Option<&Name>, why: &str) -> Vec<String> {
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
    pub(crate) fn load_on(&mut self, on: bool) {
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
    pub(crate) async fn output(&self, args: &[&str]) -> Result<Output, CannotRun> {
        let program = self.options.program.clone();
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let output = tokio::task::spawn_blocking(move || call(&program, &args)).await;
        let output = output.unwrap_or_else(|_| Err(io::Error::other("a bug")));
        output.map_err(system("hereby can't be run"))
    }

    pub(crate) async fn call(&self, args: &[&str]) -> Result<String, CannotRun> {
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
    pub(crate) async fn ask(&self, args: &[&str]) -> Result<String, CannotRun> {
        let data = self.place.path("data");
        let data = data.to_string_lossy();
        self.call(&[args, &["--data-dir", &data]].concat()).await
    }

    pub(crate) async fn document(&self, args: &[&str]) -> Option<Value> {
        serde_json::from_str(&self.ask(args).await.ok()?).ok()
    }

    /// How things stand, as far as can be told.
    pub(crate) async fn is(&self, condition: Condition) -> bool {
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
            Condition::Follow => self.edges_are("follows").await.1,
            Condition::Degraded => self
                .since(Duration::from_secs(1), |count| count.degraded)
                .is_some_and(|many| many > 0),
            Condition::Normal => {
                self.since(Duration::from_secs(2), |count| count.degraded) == Some(0)
            }
            Condition::Well => {
                // Whoever hangs has failed by then.
                let time = Duration::from_secs(2) + PATIENCE;
                self.failed_since(time) == Some(0)
            }
            Condition::BelowFloor => self.edges_are("below_floor").await.0,
            Condition::Reissued => self.shows_reissued().await,
            Condition::Hurt => self
                .failed_since(Duration::from_secs(1))
                .is_some_and(|many| many > 0),
        }
    }

    /// Whether some edge stands so, and whether all do.
    async fn edges_are(&self, standing: &str) -> (bool, bool) {
        let shown = self.document(&["fleet", "--json"]).await;
        let edges = shown
            .as_ref()
            .and_then(|shown| shown.get("edges")?.as_array());
        let so = |edge: &Value| edge.get("standing").and_then(Value::as_str) == Some(standing);
        edges.map_or((false, false), |edges| {
            (edges.iter().any(so), edges.iter().all(so))
        })
    }

    /// How many requests failed in whole seconds that ended lately; none: not so long is measured.
    pub(crate) fn failed_since(&self, time: Duration) -> Option<u64> {
        self.since(time, |count| count.failed)
    }

    fn since(&self, time: Duration, of: fn(&Count) -> u64) -> Option<u64> {
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
                .map(|(count, _)| of(count))
                .sum::<u64>();
        }
        Some(failed)
    }
}
