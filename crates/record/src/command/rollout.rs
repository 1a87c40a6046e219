//! What edges are to run: cells, edges, versions and how they go out.

use std::collections::BTreeSet;

use base::{IncidentId, Line, Name, Tenant, Timestamp};

use crate::hash::Hash;
use crate::kinds::rollout::{Part, Ring};

forms! {
    /// Makes a cell, or gives it another ring.
    DefineCell {
        /// What it is called.
        cell: Name,
        /// Who goes first.
        ring: Ring,
    }
    /// Removes a cell without edges.
    RemoveCell {
        /// Which.
        cell: Name,
    }
    /// Has edges of a cell take no bundle of an earlier protocol.
    SetCellFloor {
        /// Which cell.
        cell: Name,
        /// The least that is taken.
        protocol: u32,
    }
    /// Lets an edge enroll once, with the token that has this hash.
    InviteEdge {
        /// Which cell it will be in.
        cell: Name,
        /// What it is called.
        edge: Name,
        /// When the token stops working: within 7 days.
        expires_at: Timestamp,
        /// SHA-256 of the token.
        hash: Hash,
    }
    /// Takes an edge in that showed its token. hereby says it itself.
    EnrollEdge {
        /// Which.
        edge: Name,
        /// SHA-256 of the token that it showed.
        hash: Hash,
        /// Its key, as a C2SP signed-note verifier key.
        vkey: Box<str>,
    }
    /// Tells an edge nothing any more.
    RetireEdge {
        /// Which.
        edge: Name,
    }
    /// Brings out a version, which was uploaded before.
    DeployVersion {
        /// How long it is.
        bytes: u64,
        /// A tenant's cell, where the fleet's version names one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cell: Option<Name>,
        /// What it changes.
        changes: BTreeSet<Part>,
        /// SHA-256 of the version.
        digest: Hash,
        /// What it is done for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        incident: Option<IncidentId>,
        /// A template of plans in TOML; none: `careful`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        template: Option<Box<str>>,
        /// Whose own version it is; none: the fleet's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tenant: Option<Tenant>,
    }
    /// Begins the next stage. hereby does it when a stage has held; a person may before that, and says
    /// why.
    AdvanceDeployment {
        /// Which.
        deployment: Name,
        /// How many requests the changed edges answered in the stage that ends.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        requests: Option<u64>,
        /// Which stage begins, from 0 on.
        stage: u32,
    }
    /// Holds a deployment where it is.
    PauseDeployment {
        /// Which.
        deployment: Name,
    }
    /// Lets it go on.
    ResumeDeployment {
        /// Which.
        deployment: Name,
    }
    /// Sends a version back because a trigger says so. hereby says it itself.
    FireTrigger {
        /// Bad requests of the changed edges while they were looked at.
        bad: u64,
        /// Which deployment.
        deployment: Name,
        /// Requests of the changed edges.
        requests: u64,
        /// Which trigger.
        trigger: Name,
        /// Bad requests of the unchanged edges in the same time.
        unchanged_bad: u64,
        /// Requests of the unchanged edges.
        unchanged_requests: u64,
        /// What it found, in words.
        what: Line,
    }
    /// Ends a deployment that was watched as long as planned. hereby says it itself.
    CompleteDeployment {
        /// Which.
        deployment: Name,
    }
    /// Has all cells run an earlier version again, or a tenant's cells an earlier one of its own.
    RollBack {
        /// SHA-256 of the version to go back to; none: what was fully deployed last, other than what
        /// runs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digest: Option<Hash>,
        /// What it is done for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        incident: Option<IncidentId>,
        /// How long nothing brings out again what runs now, in milliseconds; none: a day.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lease_ms: Option<u64>,
        /// Whose own version goes back; none: the one whose `digest` it is, or the fleet's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tenant: Option<Tenant>,
    }
    /// Lets a version that was rolled back be brought out again.
    LiftLease {
        /// SHA-256 of the version.
        digest: Hash,
    }
    /// Lets nothing new go out.
    FreezeFleet {}
    /// Lets versions go out again.
    UnfreezeFleet {}
    /// Says whose break-glass notes edges believe when control is gone.
    SetBreakGlassKey {
        /// The key, as a C2SP verifier key; none: nobody's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vkey: Option<Box<str>>,
    }
    /// Has a cell's edges run what all run again, whatever notes they went back by.
    EndBreakGlass {
        /// Which cell.
        cell: Name,
    }
    /// Keeps that an edge went back by a break-glass note. hereby says it itself.
    ReportBreakGlass {
        /// Which edge.
        edge: Name,
        /// SHA-256 of the version that it ran before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Hash>,
        /// The note.
        note: Box<str>,
        /// When, by the edge's time.
        used_at: Timestamp,
    }
}
