//! What a scenario says is done, step by step, while it is watched that it does no more harm than it may.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime};

use base::Name;

use crate::load::PATIENCE;
use crate::run::{Call, CannotRun, Tell, system};
use crate::runbook;
use crate::scenario::{Step, own};
use crate::score::{Deed, Second};
use crate::world::{CERTIFICATES, Edge, LOOK, REISSUED, World};

impl World<'_> {
    /// Does what the scenario says. Why it was given up, if it was.
    pub(crate) async fn play(&mut self, tell: &mut dyn Tell) -> Result<Option<String>, CannotRun> {
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

    pub(crate) fn at_ms(&self) -> i64 {
        let since = self.wrong_at.map(|(at, _)| at.elapsed().as_millis());
        since.map_or(0, |since| i64::try_from(since).unwrap_or(i64::MAX))
    }

    pub(crate) fn tells(&mut self, what: &str, tell: &mut dyn Tell) {
        let at_ms = self.at_ms();
        tell.said(Some(at_ms), what);
        self.deeds.push(Deed {
            at_ms,
            what: what.to_owned(),
            kind: None,
        });
    }

    /// One step. Why it was given up, if it was.
    pub(crate) async fn take(
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
            Step::Kill { process, .. } if process.as_str() == "control" => {
                self.control = None;
                self.lost_at = Some(Instant::now());
            }
            Step::Upgrade { process, .. } => self.upgrade(process).await?,
            Step::Lose { .. } => self.lose()?,
            Step::Runbook { step, .. } => self.does(step).await?,
            Step::Start { process, .. } if process.as_str() == "control" => {
                self.begin_control().await?;
            }
            Step::Kill { process, .. } => {
                if let Some(edge) = self.edges.iter_mut().find(|edge| edge.name == *process) {
                    edge.process = None;
                    self.lost_at = Some(Instant::now());
                }
            }
            Step::Start { process, .. } => {
                let known = self.edges.iter().find(|edge| edge.name == *process);
                let ports = known.map(|edge| (edge.port, edge.tls));
                let (port, tls) = ports.unwrap_or_default();
                let begun = self.begin_edge(process, port, tls)?;
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
            Step::Until { .. } => return self.until(step, tell, ticks).await,
            Step::Wait { seconds, .. } => return self.pass(*seconds, tell, ticks).await,
        }
        Ok(self.look(tell, ticks))
    }

    /// Waits until it is so. Why it was given up, if it was.
    async fn until(
        &mut self,
        step: &Step,
        tell: &mut dyn Tell,
        ticks: &mut Ticks,
    ) -> Result<Option<String>, CannotRun> {
        let Step::Until {
            say,
            is,
            within_s,
            measures,
        } = step
        else {
            return Ok(None);
        };
        let end = Instant::now() + Duration::from_secs(*within_s);
        while !self.is(*is).await {
            if let Some(why) = self.look(tell, ticks) {
                return Ok(Some(why));
            }
            if Instant::now() > end {
                return Ok(Some(format!("within {within_s} s it was not so: {say}")));
            }
            tokio::time::sleep(LOOK).await;
        }
        if let (Some(figure), Some(lost_at)) = (measures, self.lost_at) {
            let took = u64::try_from(lost_at.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.measured.insert(figure.to_string(), took);
        }
        Ok(self.look(tell, ticks))
    }

    /// What runs goes on as the present release: control after a pause, an edge by handing over.
    async fn upgrade(&mut self, process: &Name) -> Result<(), CannotRun> {
        if process.as_str() == "control" {
            self.control = None;
            self.control_runs.clone_from(&self.options.program);
            return self.begin_control().await;
        }
        self.install(process, &self.options.program)?;
        let state = self.place.path(process.as_str());
        let state = state.to_string_lossy();
        self.call(&["edge", "upgrade", "--state-dir", &state])
            .await
            .map(drop)
    }

    /// Control is gone, and its disk.
    fn lose(&mut self) -> Result<(), CannotRun> {
        self.control = None;
        self.lost_at = Some(Instant::now());
        let gone = std::fs::remove_dir_all(self.place.path("data"));
        gone.map_err(system("control's disk does not burn"))
    }

    /// Does a step of the runbook, as it stands there.
    async fn does(&self, heading: &str) -> Result<(), CannotRun> {
        let name = self.scenario.runbook.as_ref();
        let steps = name.and_then(|name| runbook::steps(name.as_str()));
        let step = steps.unwrap_or_default();
        let step = step.into_iter().find(|step| step.heading == heading);
        let step = step.ok_or_else(|| CannotRun::Missing(format!("no step {heading:?}")))?;
        let at = |name: &str| self.place.path(name);
        let prepared = ["programs", "offline"]
            .iter()
            .try_for_each(|name| std::fs::create_dir_all(at(name)));
        let link = at("programs").join("hereby");
        let linked = prepared.and_then(|()| match link.exists() {
            true => Ok(()),
            false => std::os::unix::fs::symlink(&self.options.program, &link),
        });
        linked.map_err(system("hereby can't be found"))?;
        let seen = self.edges.first().map(|edge| at(edge.name.as_str()));
        let variables = [
            ("HEREBY_DATA_DIR", at("data")),
            ("DATA", at("data")),
            ("BACKUP", at("backup")),
            ("SAFE", at("safe")),
            ("OFFLINE", at("offline")),
            ("SEEN", seen.unwrap_or_default().join("checkpoint")),
            ("SITE", self.site.clone()),
            ("TEMPLATE", at("template.toml")),
            ("CERTIFICATES", at(CERTIFICATES)),
            ("REISSUED", at(REISSUED)),
            ("INC", PathBuf::from(&self.incident)),
            ("XDG_CONFIG_HOME", at("people")),
            ("XDG_STATE_HOME", at("state")),
        ];
        let (shell, programs) = (step.shell, at("programs"));
        let run = move || runbook::run(shell, &programs, &variables);
        let output = tokio::task::spawn_blocking(run).await;
        let output = output.unwrap_or_else(|_| Err(io::Error::other("a bug")));
        let output = output.map_err(system("the shell can't be run"))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(CannotRun::Step(Call {
                line: heading.to_owned(),
                said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            })),
        }
    }

    pub(crate) async fn must(&self, args: &[&str], refused: Option<&str>) -> Result<(), CannotRun> {
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

    pub(crate) async fn deploys(
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
            None => self.fleets(&changed, false)?,
        };
        // Every step is a deed: no two have one number.
        let directory = format!("version-{}", self.deeds.len());
        let file = self.place.write(&format!("{directory}/edge.toml"), &text);
        let file = file.map_err(system("a file can't be written"))?;
        if tenant.is_none() {
            self.write_files(&directory)?;
        }
        self.site = self.place.path(&directory);
        let mut line = self.deploying(&file, tenant, why);
        line.extend(["--incident".to_owned(), self.incident.clone()]);
        // The same fault, at the same moment.
        for place in 0..self.without.len() {
            self.change_without(place, &changed).await?;
        }
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        self.must(&line, refused).await
    }

    pub(crate) async fn change_without(
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
    pub(crate) async fn pass(
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
    pub(crate) fn look(&mut self, tell: &mut dyn Tell, ticks: &mut Ticks) -> Option<String> {
        // By then whoever was asked has answered, or has failed to.
        let over = self.begun.elapsed().saturating_sub(PATIENCE).as_secs();
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
                    degraded: sum.degraded + count.degraded,
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
}

/// Which seconds were told of, and what they came to.
#[derive(Default)]
pub(crate) struct Ticks {
    told: u64,
    failed: u64,
}
