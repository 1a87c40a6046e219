//! What edges run: cells, the edges in them, versions, and how a version reaches them. Acts about a tenant's
//! own version have that tenant in their envelope; all others are about the fleet's.
//!
//! An act that says what somebody runs from now on ([`DeploymentAdvanced`], [`VersionRolledBack`]) names
//! version and cells itself: an edge needs nothing but that act and its proof to know what it is told.

use std::collections::{BTreeMap, BTreeSet};

use base::{IncidentId, Line, Name, Timestamp};
use serde::{Deserialize, Serialize};

use super::{nothing_sealed, words};
use crate::hash::Hash;

words! {
    /// Who goes first.
    Ring {
        /// For the people who run it.
        Internal = "internal",
        /// For tenants who know that they are first.
        Canary = "canary",
        /// For everybody.
        Serving = "serving",
    }
    /// Which requests are bad.
    Measure {
        /// Those answered with 5xx, or broken off by us.
        Errors = "errors",
        /// Those that took longer than a bound.
        Slower = "slower",
        /// Those that were refused.
        Refused = "refused",
    }
    /// What of the edge's behaviour a version changes.
    Part {
        /// Who is shut out.
        Bans = "bans",
        /// Whom it shows itself as, and whom it believes.
        Certificates = "certificates",
        /// Files that are served.
        Files = "files",
        /// How much may be asked.
        Limits = "limits",
        /// Where requests go.
        Routes = "routes",
        /// How the edge itself works: listeners, deadlines, logs.
        Station = "station",
        /// Whose traffic there is.
        Tenants = "tenants",
        /// Who answers.
        Upstreams = "upstreams",
    }
}

/// A compartment: edges that share fate. Said again, the new ring holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellDefined {
    /// Who goes first.
    pub ring: Ring,
}

/// A cell is no more. It had no edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellRemoved {}

/// A cell that came later runs what all run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellSupplied {
    /// SHA-256 of the version.
    pub digest: Hash,
}

/// An edge may enroll once, with a token. Only a hash of its 256 random bits is on the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeInvited {
    /// Which cell it will be in.
    pub cell: Name,
    /// When the token stops working.
    pub expires_at: Timestamp,
    /// SHA-256 of the token.
    pub hash: Hash,
}

/// An edge showed its token, and signs with its own key from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeEnrolled {
    /// Which cell it is in.
    pub cell: Name,
    /// Its key, as a C2SP signed-note verifier key.
    pub vkey: Box<str>,
}

/// An edge is told nothing any more; its key is worth nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeRetired {}

/// A version is to be brought out, by this plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionDeployed {
    /// What was fully deployed before, and is gone back to. Before the first of a tenant's own: what the
    /// fleet's version says of the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Hash>,
    /// How long it is.
    pub bytes: u64,
    /// The only cell that it goes to; none: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<Name>,
    /// What it changes of that.
    pub changes: BTreeSet<Part>,
    /// SHA-256 of the version.
    pub digest: Hash,
    /// What it is done for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
    /// How.
    pub plan: PlanDrawn,
}

/// By which stages a version reaches all cells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanDrawn {
    /// In their order.
    pub stages: Vec<StageDrawn>,
    /// Which template it was drawn from.
    pub template: Name,
    /// What sends the version back.
    pub triggers: Vec<TriggerDrawn>,
    /// How long it is watched after the last stage, in milliseconds.
    pub watch_ms: u64,
}

/// One stage of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageDrawn {
    /// Cells that it reaches beside those before.
    pub cells: BTreeSet<Name>,
    /// Whether it is one edge of each.
    pub one: bool,
    /// The changed edges answer at least so many requests in it.
    pub requests_min: u64,
    /// It holds at least so long, in milliseconds.
    pub time_ms_min: u64,
}

/// One trigger of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TriggerDrawn {
    /// Whether changed edges are compared with unchanged ones.
    pub compare: bool,
    /// Which requests are bad.
    pub measure: Measure,
    /// A share of bad requests that is too many whatever others do, in millionths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_ppm: Option<u32>,
    /// What it is called.
    pub name: Name,
    /// With `refused`: for which reason; none: for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Name>,
    /// Below so many requests `most_ppm` is not looked at.
    pub requests_min: u64,
    /// With `slower`: than what, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slower_than_ms: Option<u64>,
}

/// A stage begins: these run the version from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeploymentAdvanced {
    /// Of the fleet's version: what was fully deployed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Hash>,
    /// SHA-256 of the version.
    pub digest: Hash,
    /// Whether the stage before had not held as long, or with as many requests, as planned.
    pub early: bool,
    /// Whom it reaches beside those before: each cell, or the one edge of it that is named.
    pub reaches: BTreeMap<Name, Option<Name>>,
    /// How many requests the changed edges answered in the stage before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// Which of the plan's stages, from 0 on.
    pub stage: u32,
}

/// It goes no further until somebody says so. Triggers go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeploymentPaused {}

/// It goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeploymentResumed {}

/// A trigger says that the version does harm: on these numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TriggerFired {
    /// Bad requests of the changed edges while they were looked at.
    pub bad: u64,
    /// SHA-256 of the version.
    pub digest: Hash,
    /// Requests of the changed edges.
    pub requests: u64,
    /// At which stage.
    pub stage: u32,
    /// Which trigger.
    pub trigger: Name,
    /// Bad requests of the unchanged edges in the same time.
    pub unchanged_bad: u64,
    /// Requests of the unchanged edges.
    pub unchanged_requests: u64,
    /// What it found, in words.
    pub what: Line,
}

/// It goes no further, and there is nothing to go back to: whoever runs it goes on with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeploymentAborted {}

/// All run it, and it was watched as long as planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeploymentCompleted {
    /// SHA-256 of the version.
    pub digest: Hash,
}

/// These cells run an earlier version again, all edges, from now on. Nothing brings out the one that
/// they ran until the lease ends or is lifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionRolledBack {
    /// Which cells.
    pub cells: BTreeSet<Name>,
    /// The deployment that is ended by it, if one was in progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Name>,
    /// SHA-256 of the version that they run again; none, with a tenant alone: what the fleet's version says
    /// of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Hash>,
    /// SHA-256 of the version that goes.
    pub from: Hash,
    /// What it is done for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
    /// When the lease ends.
    pub lease_ends_at: Timestamp,
}

/// A version that was rolled back may be brought out again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseLifted {
    /// SHA-256 of the version.
    pub digest: Hash,
}

/// Nothing new goes out. What goes back does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FleetFrozen {}

/// Versions go out again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FleetUnfrozen {}

/// Edges of a cell take no bundle of an earlier protocol ([`crate::fleet::PROTOCOL`]) any more: nobody can have
/// them agree on less.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellFloorSet {
    /// The least that is taken.
    pub protocol: u32,
}

/// From now on edges believe break-glass notes of this key ([`crate::break_glass`]) when control is gone;
/// without one, nobody's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakGlassKeySet {
    /// The key, as a C2SP signed-note verifier key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vkey: Option<Box<str>>,
}

/// While control was gone an edge went back by a break-glass note. It stands here since control heard of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakGlassUsed {
    /// As in the note.
    pub counter: u64,
    /// SHA-256 of the version that it ran from then on.
    pub digest: Hash,
    /// SHA-256 of the version that it ran before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Hash>,
    /// The note, as it was signed.
    pub note: Box<str>,
    /// When, by the edge's time.
    pub used_at: Timestamp,
}

nothing_sealed!(
    BreakGlassKeySet,
    BreakGlassUsed,
    CellDefined,
    CellFloorSet,
    CellRemoved,
    CellSupplied,
    EdgeInvited,
    EdgeEnrolled,
    EdgeRetired,
    VersionDeployed,
    DeploymentAdvanced,
    DeploymentPaused,
    DeploymentResumed,
    TriggerFired,
    DeploymentAborted,
    DeploymentCompleted,
    VersionRolledBack,
    LeaseLifted,
    FleetFrozen,
    FleetUnfrozen,
);

impl DeploymentAdvanced {
    /// Whether this tells that edge of that cell what to run.
    pub fn reaches(&self, cell: &Name, edge: &Name) -> bool {
        let reached = self.reaches.get(cell);
        reached.is_some_and(|one| one.as_ref().is_none_or(|one| one == edge))
    }
}
