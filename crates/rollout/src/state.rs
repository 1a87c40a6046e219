//! What edges there are and what each is to run: the fold over acts. Nothing here reads a clock; what has
//! ended by now is asked with the time.

use std::collections::BTreeMap;

use base::{Actor, IncidentId, Line, Name, Tenant, Timestamp};
use record::act::{Act, Subject};
use record::hash::Hash;
use record::kinds::Body;
use record::kinds::rollout::{
    DeploymentAdvanced, PlanDrawn, Ring, TriggerFired, VersionDeployed, VersionRolledBack,
};
use serde::{Deserialize, Serialize};

use crate::floor::Floor;
use crate::glass::{Keys, Used};
use crate::plan::{Cell, Fleet};
use crate::root::Roots;

mod kept;

/// Cells, edges, versions, and which of them is to run where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Cells, and who goes first.
    pub cells: BTreeMap<Name, Ring>,
    /// Edges that enrolled.
    pub edges: BTreeMap<Name, Edge>,
    /// Who may enroll, by the edge's name.
    pub invitations: BTreeMap<Name, Invitation>,
    /// Versions that were deployed.
    pub versions: BTreeMap<Hash, Version>,
    /// Deployments in progress, and the last that ended, by number.
    pub deployments: BTreeMap<u32, Deployment>,
    /// How many there were.
    pub deployed: u32,
    /// The fleet's version.
    pub fleet: Track,
    /// Versions of tenants' own.
    pub tenants: BTreeMap<Tenant, Track>,
    /// The newest act that tells anybody in a cell what to run.
    pub newest: BTreeMap<Name, u64>,
    /// Versions that are not to be brought out again, until then.
    pub leases: BTreeMap<Hash, Lease>,
    /// Nothing new goes out.
    pub frozen: Option<Said>,
    /// Whose break-glass notes edges believe.
    pub break_glass: Keys,
    /// Whose word begins another epoch of the record.
    pub root: Roots,
    /// The least protocol that a cell's edges take, where one was set.
    pub floors: BTreeMap<Name, Floor>,
}

/// What runs of the fleet's version, or of a tenant's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// Whether the last version of it went to all cells.
    pub everywhere: bool,
    /// What each cell is to run.
    pub orders: BTreeMap<Name, Orders>,
    /// What all cells ran last, together: the last version that was fully deployed or gone back to. None of
    /// a tenant: what the fleet's version says of it.
    pub current: Option<Hash>,
    /// How `current` came, if it was by going back.
    pub back: Option<Back>,
}

/// Who said something, when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// The beginning of why, as a line.
    pub why: Option<Line>,
}

/// An edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Which cell it is in.
    pub cell: Name,
    /// Since when.
    pub at: Timestamp,
    /// The last break-glass note that it is known to have used.
    pub break_glass: Option<Used>,
    /// Its key.
    pub vkey: Box<str>,
}

/// An edge may enroll once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// Which cell it will be in.
    pub cell: Name,
    /// When the token stops working.
    pub expires_at: Timestamp,
    /// SHA-256 of the token.
    pub hash: Hash,
}

/// A version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Whose own it is; none: the fleet's.
    pub tenant: Option<Tenant>,
    /// How long it is.
    pub bytes: u64,
    /// Who deployed it last, when and why.
    pub said: Said,
    /// By which deployment.
    pub deployment: u32,
    /// Since when it is known that all can run it.
    pub full_at: Option<Timestamp>,
    /// When it was the one that all ran last: when it was completed, or gone back to.
    pub ran_at: Option<Timestamp>,
    /// When it was gone back from, unless it was completed since.
    pub sent_back_at: Option<Timestamp>,
}

/// A version on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Whose own version it is; none: the fleet's.
    pub tenant: Option<Tenant>,
    /// The only cell that it goes to; none: all.
    pub cell: Option<Name>,
    /// Which version.
    pub digest: Hash,
    /// What is gone back to.
    pub base: Option<Hash>,
    /// How it goes.
    pub plan: PlanDrawn,
    /// Who said so.
    pub said: Said,
    /// What it is done for.
    pub incident: Option<IncidentId>,
    /// At which stage it is.
    pub stage: u32,
    /// Since when.
    pub stage_at: Timestamp,
    /// Whom the stages reached so far.
    pub reached: BTreeMap<Name, Option<Name>>,
    /// Who holds it.
    pub paused: Option<Said>,
    /// Which trigger fired, on which numbers.
    pub fired: Option<TriggerFired>,
    /// How it ended, and when.
    pub ended: Option<(Timestamp, End)>,
}

/// How a deployment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// All run it.
    Completed,
    /// What ran before runs again.
    RolledBack,
    /// It goes no further; nothing ran before.
    Aborted,
}

/// What a cell is to run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orders {
    /// All its edges.
    pub all: Option<Order>,
    /// But for this one.
    pub one: Option<(Name, Order)>,
}

/// What is to run, and where on the record that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The version; none of a tenant: what the fleet's says of it.
    pub digest: Option<Hash>,
    /// The act that says so.
    pub index: u64,
    /// When it was said.
    pub at: Timestamp,
}

/// What all run was gone back to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Back {
    /// From which version.
    pub from: Hash,
    /// Until when that is not to be brought out again.
    pub lease_ends_at: Timestamp,
    /// Who went back.
    pub said: Said,
}

/// A version is not to be brought out again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Until then.
    pub ends_at: Timestamp,
    /// Who went back from it.
    pub said: Said,
}

impl Said {
    fn of(act: &Act) -> Said {
        let why = act.why.as_ref().and_then(|why| why.readable());
        Said {
            at: act.at,
            by: act.actor.clone(),
            why: why.and_then(|why| Line::clean(why.as_str()).map(|(line, _)| line)),
        }
    }
}

impl Deployment {
    /// Whether its last stage was reached: it is only watched any more.
    pub fn is_out(&self) -> bool {
        usize::try_from(self.stage).unwrap_or(usize::MAX) + 1 >= self.plan.stages.len()
    }

    /// Whether it may reach edges that one in that cell may (none: in all) reach, too.
    pub fn meets(&self, cell: Option<&Name>) -> bool {
        let own = self.cell.as_ref();
        own.zip(cell).is_none_or(|(own, cell)| own == cell)
    }

    /// Whether this edge of this cell runs it by now.
    pub fn reaches(&self, cell: &Name, edge: &Name) -> bool {
        let reached = self.reached.get(cell);
        reached.is_some_and(|one| one.as_ref().is_none_or(|one| one == edge))
    }
}

impl State {
    /// Folds in an act, which stands at that index.
    pub fn apply(&mut self, act: &Act, index: u64) {
        match (&act.subject, &act.body) {
            (Subject::Cell(name), Body::CellDefined(defined)) => {
                self.cells.insert(name.clone(), defined.ring);
            }
            (Subject::Cell(name), Body::CellRemoved(_)) => {
                self.cells.remove(name);
                self.newest.remove(name);
                self.floors.remove(name);
                let tenants = self.tenants.values_mut();
                for track in tenants.chain([&mut self.fleet]) {
                    track.orders.remove(name);
                }
                self.invitations.retain(|_, it| it.cell != *name);
            }
            (Subject::Cell(name), Body::CellFloorSet(set)) => {
                let protocol = set.protocol;
                self.floors.insert(name.clone(), Floor { index, protocol });
            }
            (Subject::Cell(name), Body::CellSupplied(supplied)) => {
                let order = Order::of(act, index, Some(supplied.digest));
                self.order(act.tenant.as_ref(), (name, None), order);
            }
            (Subject::Edge(name), body) => self.apply_to_edge(name, act, body),
            (Subject::Deployment(name), body) => {
                if let Some(number) = number(name) {
                    self.apply_to_deployment(number, act, index, body);
                }
            }
            (Subject::Fleet, Body::VersionRolledBack(back)) => self.go_back(act, index, back),
            (Subject::Fleet, Body::LeaseLifted(lifted)) => {
                self.leases.remove(&lifted.digest);
                let tenants = self.tenants.values_mut();
                for track in tenants.chain([&mut self.fleet]) {
                    track.back.take_if(|it| it.from == lifted.digest);
                }
            }
            (Subject::Fleet, Body::FleetFrozen(_)) => self.frozen = Some(Said::of(act)),
            (Subject::Fleet, Body::FleetUnfrozen(_)) => self.frozen = None,
            (Subject::Fleet, Body::BreakGlassKeySet(set)) => self.break_glass.set(index, set),
            (Subject::Record, Body::LogRootKeySet(set)) => self.root.set(index, set),
            _ => {}
        }
    }

    fn apply_to_edge(&mut self, name: &Name, act: &Act, body: &Body) {
        match body {
            Body::EdgeInvited(invited) => {
                self.invitations.retain(|_, it| act.at < it.expires_at);
                let invitation = Invitation {
                    cell: invited.cell.clone(),
                    expires_at: invited.expires_at,
                    hash: invited.hash,
                };
                self.invitations.insert(name.clone(), invitation);
            }
            Body::EdgeEnrolled(enrolled) => {
                self.invitations.remove(name);
                let before = self.edges.get(name);
                let edge = Edge {
                    cell: enrolled.cell.clone(),
                    at: act.at,
                    // With another key it is another edge, which knows of no note.
                    break_glass: before
                        .filter(|before| before.vkey == enrolled.vkey)
                        .and_then(|before| before.break_glass),
                    vkey: enrolled.vkey.clone(),
                };
                self.edges.insert(name.clone(), edge);
            }
            Body::BreakGlassUsed(used) => {
                let signed_by = self.break_glass.open(&used.note);
                if let (Some(edge), Some((key, _))) = (self.edges.get_mut(name), signed_by) {
                    edge.break_glass = Some(Used {
                        key,
                        counter: used.counter,
                        at: act.at,
                    });
                }
            }
            Body::EdgeRetired(_) => {
                self.invitations.remove(name);
                self.edges.remove(name);
            }
            _ => {}
        }
    }

    fn apply_to_deployment(&mut self, number: u32, act: &Act, index: u64, body: &Body) {
        if let Body::VersionDeployed(deployed) = body {
            return self.begin(number, act, deployed);
        }
        let Some(deployment) = self.deployments.get_mut(&number) else {
            return;
        };
        match body {
            Body::DeploymentAdvanced(advanced) => self.advance(number, act, index, advanced),
            Body::DeploymentPaused(_) => deployment.paused = Some(Said::of(act)),
            Body::DeploymentResumed(_) => deployment.paused = None,
            Body::TriggerFired(fired) => deployment.fired = Some(fired.clone()),
            Body::DeploymentAborted(_) => deployment.ended = Some((act.at, End::Aborted)),
            Body::DeploymentCompleted(completed) => {
                deployment.ended = Some((act.at, End::Completed));
                let track = self.track_mut(act.tenant.as_ref());
                (track.current, track.back) = (Some(completed.digest), None);
                if let Some(version) = self.versions.get_mut(&completed.digest) {
                    (version.full_at, version.ran_at) = (Some(act.at), Some(act.at));
                    version.sent_back_at = None;
                }
            }
            _ => {}
        }
    }

    fn begin(&mut self, number: u32, act: &Act, deployed: &VersionDeployed) {
        let said = Said::of(act);
        let before = self.versions.get(&deployed.digest);
        let version = Version {
            tenant: act.tenant.clone(),
            bytes: deployed.bytes,
            said: said.clone(),
            deployment: number,
            full_at: before.and_then(|before| before.full_at),
            ran_at: before.and_then(|before| before.ran_at),
            sent_back_at: before.and_then(|before| before.sent_back_at),
        };
        self.versions.insert(deployed.digest, version);
        self.track_mut(act.tenant.as_ref()).everywhere = deployed.cell.is_none();
        let deployment = Deployment {
            tenant: act.tenant.clone(),
            cell: deployed.cell.clone(),
            digest: deployed.digest,
            base: deployed.base,
            plan: deployed.plan.clone(),
            said,
            incident: deployed.incident,
            stage: 0,
            stage_at: act.at,
            reached: BTreeMap::new(),
            paused: None,
            fired: None,
            ended: None,
        };
        self.deployments.insert(number, deployment);
        self.deployed = self.deployed.max(number);
        self.forget();
    }

    fn advance(&mut self, number: u32, act: &Act, index: u64, advanced: &DeploymentAdvanced) {
        if let Some(deployment) = self.deployments.get_mut(&number) {
            deployment.stage = advanced.stage;
            deployment.stage_at = act.at;
            deployment.reached.extend(advanced.reaches.clone());
        }
        let order = Order::of(act, index, Some(advanced.digest));
        for (cell, one) in &advanced.reaches {
            self.order(act.tenant.as_ref(), (cell, one.as_ref()), order);
        }
    }

    fn go_back(&mut self, act: &Act, index: u64, back: &VersionRolledBack) {
        let said = Said::of(act);
        let tenant = act.tenant.as_ref();
        for cell in &back.cells {
            self.order(tenant, (cell, None), Order::of(act, index, back.digest));
        }
        let ended = back.deployment.as_ref().and_then(number);
        if let Some(deployment) = ended.and_then(|number| self.deployments.get_mut(&number)) {
            deployment.ended = Some((act.at, End::RolledBack));
        }
        self.leases.retain(|_, lease| act.at < lease.ends_at);
        let lease = Lease {
            ends_at: back.lease_ends_at,
            said: said.clone(),
        };
        self.leases.insert(back.from, lease);
        if let Some(version) = self.versions.get_mut(&back.from) {
            version.sent_back_at = Some(act.at);
        }
        let to = back.digest;
        if let Some(version) = to.and_then(|to| self.versions.get_mut(&to)) {
            version.ran_at = Some(act.at);
        }
        let track = self.track_mut(tenant);
        track.current = to;
        track.back = Some(Back {
            from: back.from,
            lease_ends_at: back.lease_ends_at,
            said,
        });
    }

    fn track_mut(&mut self, tenant: Option<&Tenant>) -> &mut Track {
        match tenant {
            None => &mut self.fleet,
            Some(tenant) => self.tenants.entry(tenant.clone()).or_default(),
        }
    }

    fn order(
        &mut self,
        tenant: Option<&Tenant>,
        (cell, one): (&Name, Option<&Name>),
        order: Order,
    ) {
        self.newest.insert(cell.clone(), order.index);
        let orders = self.track_mut(tenant).orders.entry(cell.clone());
        let orders = orders.or_default();
        match one {
            Some(edge) => orders.one = Some((edge.clone(), order)),
            None => {
                *orders = Orders {
                    all: Some(order),
                    one: None,
                }
            }
        }
    }

    /// Deployments in progress. No two meet in a cell.
    pub fn in_progress(&self) -> impl Iterator<Item = (u32, &Deployment)> {
        let all = self.deployments.iter();
        all.filter(|(_, deployment)| deployment.ended.is_none())
            .map(|(number, deployment)| (*number, deployment))
    }

    /// The one of a tenant's own version, or of the fleet's.
    pub fn in_progress_of(&self, tenant: Option<&Tenant>) -> Option<(u32, &Deployment)> {
        self.in_progress()
            .find(|(_, it)| it.tenant.as_ref() == tenant)
    }

    /// What runs of a tenant's own version, or of the fleet's.
    pub fn track(&self, tenant: Option<&Tenant>) -> Option<&Track> {
        match tenant {
            None => Some(&self.fleet),
            Some(tenant) => self.tenants.get(tenant),
        }
    }

    /// What this edge is to run of the fleet's version.
    pub fn order_of(&self, edge: &Name) -> Option<&Order> {
        self.fleet.order_of(&self.edges.get(edge)?.cell, edge)
    }

    /// Acts behind that one that tell this edge something still, in their order, and what.
    pub fn orders_of(&self, edge: &Name, after: Option<u64>) -> Vec<(Option<&Tenant>, &Order)> {
        let Some(known) = self.edges.get(edge) else {
            return Vec::new();
        };
        let tenants = self.tenants.iter();
        let tracks = tenants.map(|(tenant, track)| (Some(tenant), track));
        let orders = tracks
            .chain([(None, &self.fleet)])
            .filter_map(|(tenant, track)| {
                let order = track.order_of(&known.cell, edge)?;
                after
                    .is_none_or(|after| order.index > after)
                    .then_some((tenant, order))
            });
        let mut orders: Vec<_> = orders.collect();
        orders.sort_by_key(|(_, order)| order.index);
        orders
    }

    /// The newest act that tells anybody in this edge's cell anything.
    pub fn newest_for(&self, edge: &Name) -> Option<u64> {
        let cell = &self.edges.get(edge)?.cell;
        let floor = self.floors.get(cell).map(|floor| floor.index);
        let newest = self.newest.get(cell).copied().max(floor);
        newest
            .max(self.break_glass.index())
            .max(self.root.indexes().last())
    }

    /// The lease on a version, if it holds now.
    pub fn lease(&self, digest: &Hash, now: Timestamp) -> Option<&Lease> {
        let lease = self.leases.get(digest);
        lease.filter(|lease| now < lease.ends_at)
    }

    /// The edges of a cell.
    pub fn edges_of(&self, cell: &Name) -> impl Iterator<Item = &Name> {
        let all = self.edges.iter();
        all.filter(move |(_, edge)| edge.cell == *cell)
            .map(|(name, _)| name)
    }

    /// Cells that have edges.
    pub fn fleet(&self) -> Fleet {
        let cells = self.cells.iter().map(|(name, ring)| Cell {
            name: name.clone(),
            ring: *ring,
            edges: u32::try_from(self.edges_of(name).count()).unwrap_or(u32::MAX),
        });
        Fleet {
            cells: cells.filter(|cell| cell.edges > 0).collect(),
        }
    }
}

impl Track {
    /// What this edge of this cell is to run.
    pub fn order_of(&self, cell: &Name, edge: &Name) -> Option<&Order> {
        let orders = self.orders.get(cell)?;
        match &orders.one {
            Some((one, order)) if one == edge => Some(order),
            _ => orders.all.as_ref(),
        }
    }
}

impl Order {
    fn of(act: &Act, index: u64, digest: Option<Hash>) -> Order {
        Order {
            digest,
            index,
            at: act.at,
        }
    }
}

/// The number of a deployment: of `dep-3` 3.
pub fn number(name: &Name) -> Option<u32> {
    name.as_str().strip_prefix("dep-")?.parse().ok()
}

/// What the deployment with this number is called.
pub fn name_of(number: u32) -> Name {
    format!("dep-{number}")
        .parse()
        .expect("a word and a number")
}
