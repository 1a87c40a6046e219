//! Judges what stands on the record of versions: by the acts alone, apart from what decides them and from
//! the state that decides. Invariants 4 to 6 of `docs/invariants.md`.

use std::collections::BTreeMap;

use base::{Actor, Name, Tenant, Timestamp};
use record::act::{Act, Subject};
use record::hash::Hash;
use record::kinds::Body;
use record::kinds::rollout::{
    CellSupplied, DeploymentAdvanced, DeploymentCompleted, LeaseLifted, PlanDrawn, VersionDeployed,
    VersionRolledBack,
};

use crate::state::{State, name_of};

/// What must always hold of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// What edges are told to run was deployed (4).
    Deployed,
    /// A stage begins when those before have held, or somebody signed that it may (5).
    Stages,
    /// What was gone back from is not brought out again under its lease, and going back goes to what
    /// all ran (6).
    Rollback,
}

/// What it knows of the acts so far: some 40 bytes for every version that was ever deployed.
#[derive(Debug, Default)]
pub struct Judge {
    /// Versions that were deployed, whose own they are, and whether all ran them.
    versions: BTreeMap<Hash, (Option<Tenant>, bool)>,
    leases: BTreeMap<Hash, Timestamp>,
    /// What is on its way.
    under_way: BTreeMap<Name, UnderWay>,
    /// What all run of the fleet's version, and of each tenant's own.
    current: BTreeMap<Option<Tenant>, Hash>,
    /// There was an act on versions of a kind that is not known here: what follows can't be judged.
    unsure: bool,
}

#[derive(Debug)]
struct UnderWay {
    tenant: Option<Tenant>,
    cell: Option<Name>,
    digest: Hash,
    plan: PlanDrawn,
    /// The last stage that began, and when.
    stage: Option<(u32, Timestamp)>,
}

type Judged = Result<(), (Law, &'static str)>;

impl Judge {
    /// One that believes this state, and judges what comes behind it.
    pub fn behind(state: &State) -> Judge {
        let versions = state.versions.iter();
        let leases = state.leases.iter();
        let under_way = state.in_progress().map(|(number, deployment)| {
            let judged = UnderWay {
                tenant: deployment.tenant.clone(),
                cell: deployment.cell.clone(),
                digest: deployment.digest,
                plan: deployment.plan.clone(),
                stage: (!deployment.reached.is_empty())
                    .then_some((deployment.stage, deployment.stage_at)),
            };
            (name_of(number), judged)
        });
        let tenants = state.tenants.iter();
        let tracks = tenants.map(|(tenant, track)| (Some(tenant.clone()), track));
        let tracks = tracks.chain([(None, &state.fleet)]);
        Judge {
            versions: versions
                .map(|(digest, version)| {
                    let known = (version.tenant.clone(), version.full_at.is_some());
                    (*digest, known)
                })
                .collect(),
            leases: leases
                .map(|(digest, lease)| (*digest, lease.ends_at))
                .collect(),
            under_way: under_way.collect(),
            current: tracks
                .filter_map(|(tenant, track)| Some((tenant, track.current?)))
                .collect(),
            unsure: false,
        }
    }

    /// What all run of a tenant's own version, or of the fleet's, by the acts.
    pub fn current(&self, tenant: Option<&Tenant>) -> Option<Hash> {
        self.current.get(&tenant.cloned()).copied()
    }

    /// Looks at the next act. `signed`: somebody signed it, or nobody could have.
    ///
    /// # Errors
    /// Which law it breaks, and how, in words that go on from "entry 7 ".
    pub fn see(&mut self, act: &Act, signed: bool) -> Judged {
        match (&act.subject, &act.body) {
            _ if self.unsure => Ok(()),
            (Subject::Deployment(_) | Subject::Fleet | Subject::Cell(_), Body::Unknown(_)) => {
                self.unsure = true;
                Ok(())
            }
            (Subject::Deployment(name), Body::VersionDeployed(body)) => {
                self.deployed(act, name, body)
            }
            (Subject::Deployment(name), Body::DeploymentAdvanced(body)) => {
                self.advanced(act, name, body, signed)
            }
            (Subject::Deployment(name), Body::DeploymentCompleted(body)) => {
                self.completed(act, name, body)
            }
            (Subject::Deployment(name), Body::DeploymentAborted(_)) => self.aborted(act, name),
            (Subject::Deployment(name), Body::TriggerFired(_)) => self.fired(act, name),
            (_, Body::VersionRolledBack(body)) => self.rolled_back(act, body),
            (_, Body::LeaseLifted(body)) => self.lifted(act, body),
            (_, Body::BreakGlassUsed(body)) => {
                let known = self.versions.get(&body.digest);
                let known = known.is_some_and(|(whose, full)| whose.is_none() && *full);
                let what = "says that an edge went back to what was never fully deployed";
                hold(known, Law::Deployed, what)
            }
            (_, Body::CellSupplied(body)) => self.supplied(act, body),
            _ => Ok(()),
        }
    }

    fn deployed(&mut self, act: &Act, name: &Name, body: &VersionDeployed) -> Judged {
        let under_way = UnderWay {
            tenant: act.tenant.clone(),
            cell: body.cell.clone(),
            digest: body.digest,
            plan: body.plan.clone(),
            stage: None,
        };
        let alone = self.under_way.values().all(|it| it.is_apart(&under_way));
        self.under_way.insert(name.clone(), under_way);
        let known = self.versions.entry(body.digest);
        let (whose, _) = known.or_insert_with(|| (act.tenant.clone(), false));
        let own = *whose == act.tenant;
        hold(alone, Law::Stages, "deploys beside another")?;
        hold(own, Law::Deployed, "deploys another's version")?;
        let base = body.base == self.current(act.tenant.as_ref());
        hold(base, Law::Rollback, "would go back to what not all run")?;
        self.no_lease(&body.digest, act.at)
    }

    fn advanced(
        &mut self,
        act: &Act,
        name: &Name,
        body: &DeploymentAdvanced,
        signed: bool,
    ) -> Judged {
        let known = self.versions.contains_key(&body.digest);
        let free = self.no_lease(&body.digest, act.at);
        let of_this = self.under_way.get_mut(name);
        let before = of_this.map(|it| (it.stage.replace((body.stage, act.at)), &*it));
        hold(known, Law::Deployed, "tells what was never deployed")?;
        free?;
        let Some((before, under_way)) = before else {
            return Err((
                Law::Stages,
                "begins a stage of a deployment that is not on its way",
            ));
        };
        let same = under_way.digest == body.digest && under_way.tenant == act.tenant;
        hold(same, Law::Deployed, "tells another version than its own")?;
        let planned = is_planned(under_way, body);
        hold(planned, Law::Stages, "reaches whom its plan does not")?;
        let Some((stage, since)) = before else {
            return hold(body.stage == 0, Law::Stages, "begins in the middle");
        };
        let next = stage.checked_add(1) == Some(body.stage);
        hold(next, Law::Stages, "leaves a stage out")?;
        if body.early {
            let answered_for = is_person(act) && act.why.is_some() && signed;
            return hold(
                answered_for,
                Law::Stages,
                "goes on early, and nobody signed",
            );
        }
        let held = usize::try_from(stage).ok();
        let held = held.and_then(|stage| under_way.plan.stages.get(stage));
        let held = held.is_some_and(|held| {
            lasted(since, act.at, held.time_ms_min)
                && body.requests.unwrap_or(0) >= held.requests_min
        });
        let held = held && is_own(act);
        hold(
            held,
            Law::Stages,
            "goes on before the stage before has held",
        )
    }

    fn completed(&mut self, act: &Act, name: &Name, body: &DeploymentCompleted) -> Judged {
        let ended = self.ended(act, name)?;
        self.current.insert(act.tenant.clone(), body.digest);
        if let Some((_, full)) = self.versions.get_mut(&body.digest) {
            *full = true;
        }
        let watched = ended.stage.is_some_and(|(stage, since)| {
            let last = ended.plan.stages.len() == usize::try_from(stage).unwrap_or(usize::MAX) + 1;
            last && lasted(since, act.at, ended.plan.watch_ms)
        });
        let watched = watched && is_own(act) && ended.digest == body.digest;
        hold(
            watched,
            Law::Stages,
            "completes what was not watched to its end",
        )
    }

    fn aborted(&mut self, act: &Act, name: &Name) -> Judged {
        self.ended(act, name)?;
        // Of a tenant there is always what the fleet's version says.
        let alone = act.tenant.is_none() && self.current(None).is_none();
        hold(
            alone,
            Law::Rollback,
            "aborts where there was something to go back to",
        )
    }

    fn fired(&self, act: &Act, name: &Name) -> Judged {
        let on_its_way = self.under_way.get(name);
        let on_its_way = on_its_way.is_some_and(|it| it.tenant == act.tenant);
        hold(
            on_its_way && is_own(act),
            Law::Stages,
            "fires a trigger of what is not on its way",
        )
    }

    fn rolled_back(&mut self, act: &Act, body: &VersionRolledBack) -> Judged {
        let tenant = act.tenant.as_ref();
        let to = body.digest.as_ref();
        let free = to.map_or(Ok(()), |to| self.no_lease(to, act.at));
        let mut under_way = self.under_way.values();
        let under_way = under_way.find(|it| it.tenant.as_ref() == tenant);
        let left = under_way.is_some() && body.deployment.is_none();
        let runs = under_way.map(|it| it.digest).or(self.current(tenant));
        // Without a version of its own a tenant runs by the fleet's.
        let full = match to {
            None => tenant.is_some(),
            Some(to) => self
                .versions
                .get(to)
                .is_some_and(|(whose, full)| *full && whose.as_ref() == tenant),
        };
        let ended = match &body.deployment {
            Some(name) => self.ended(act, name).map(drop),
            None => hold(
                !left,
                Law::Rollback,
                "goes back and leaves a deployment on its way",
            ),
        };
        self.leases.retain(|_, end| act.at < *end);
        self.leases.insert(body.from, body.lease_ends_at);
        match body.digest {
            Some(digest) => self.current.insert(act.tenant.clone(), digest),
            None => self.current.remove(&act.tenant),
        };
        free?;
        ended?;
        let from = Some(body.from) == runs;
        hold(from, Law::Rollback, "goes back from what does not run")?;
        hold(
            full,
            Law::Rollback,
            "goes back to what never ran everywhere",
        )?;
        let other = body.digest != Some(body.from);
        hold(other, Law::Rollback, "goes back to what it goes back from")
    }

    fn lifted(&mut self, act: &Act, body: &LeaseLifted) -> Judged {
        self.leases.remove(&body.digest);
        let meant = is_person(act) && act.why.is_some();
        hold(
            meant,
            Law::Rollback,
            "lifts a lease without a person or a reason",
        )
    }

    fn supplied(&self, act: &Act, body: &CellSupplied) -> Judged {
        let current = self.current(act.tenant.as_ref()) == Some(body.digest);
        hold(current, Law::Deployed, "has a cell run what others do not")
    }

    /// Takes what is on its way, which is to be this.
    fn ended(&mut self, act: &Act, name: &Name) -> Result<UnderWay, (Law, &'static str)> {
        self.under_way
            .remove(name)
            .filter(|it| it.tenant == act.tenant)
            .ok_or((Law::Stages, "ends a deployment that is not on its way"))
    }

    fn no_lease(&self, digest: &Hash, at: Timestamp) -> Judged {
        let leased = self.leases.get(digest).is_some_and(|end| at < *end);
        hold(
            !leased,
            Law::Rollback,
            "brings out what was gone back from, under its lease",
        )
    }
}

impl UnderWay {
    /// Whether the two can be on their way at once: they meet in no cell.
    fn is_apart(&self, other: &UnderWay) -> bool {
        let cells = self.cell.as_ref().zip(other.cell.as_ref());
        self.tenant != other.tenant && cells.is_some_and(|(one, other)| one != other)
    }
}

/// Whether the plan has it reach these: at its end also cells that came later, unless it is for one alone.
fn is_planned(under_way: &UnderWay, body: &DeploymentAdvanced) -> bool {
    let plan = &under_way.plan;
    let index = usize::try_from(body.stage).unwrap_or(usize::MAX);
    let Some(stage) = plan.stages.get(index) else {
        return false;
    };
    let named = |cell: &Name| plan.stages.iter().any(|stage| stage.cells.contains(cell));
    let is_last = index + 1 == plan.stages.len();
    body.reaches.iter().all(|(cell, one)| {
        let of_stage = match &under_way.cell {
            Some(own) => cell == own && stage.cells.contains(cell),
            None => stage.cells.contains(cell) || (is_last && !named(cell)),
        };
        // Later its edges may all have been retired.
        of_stage && (one.is_some() || !stage.one || index > 0)
    })
}

fn hold(holds: bool, law: Law, what: &'static str) -> Judged {
    match holds {
        true => Ok(()),
        false => Err((law, what)),
    }
}

fn lasted(since: Timestamp, at: Timestamp, ms: u64) -> bool {
    u64::try_from(at.ms_since(since)).is_ok_and(|lasted| lasted >= ms)
}

fn is_own(act: &Act) -> bool {
    matches!(act.actor, Actor::System { .. })
}

fn is_person(act: &Act) -> bool {
    matches!(act.actor, Actor::Person { .. } | Actor::Uid { .. })
}
