//! What one act tells an edge: what it is to run, or whose notes it believes.

use base::{Actor, Name, Tenant, Timestamp};

use super::{FIRST_PROTOCOL, PROTOCOL_OF_EPOCHS};
use crate::act::{Act, Subject};
use crate::hash::Hash;
use crate::kinds::Body;

/// What one act tells an edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// What it is to run.
    Run(Told),
    /// Whose notes it believes when control is gone; none: nobody's.
    BreakGlassKey {
        /// The key, as a C2SP verifier key.
        vkey: Option<Box<str>>,
        /// The act's index.
        sequence: u64,
    },
    /// The least protocol that it takes.
    Floor {
        /// Which.
        protocol: u32,
        /// The act's index.
        sequence: u64,
    },
    /// Whose word begins another epoch of the record.
    RootKey {
        /// The key, as a C2SP verifier key.
        vkey: Box<str>,
        /// What the one before has signed to say so.
        vouched: Option<Box<str>>,
    },
}

/// What an edge is to run by one act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When the act was said, by control's time.
    pub at: Timestamp,
    /// What was fully deployed before, where the act says so: what may be gone back to without control.
    pub base: Option<Hash>,
    /// Whether hereby itself went back, by a trigger.
    pub by_trigger: bool,
    /// Whose own version it is about; none: the fleet's.
    pub tenant: Option<Tenant>,
    /// Which version; none, with a tenant: what the fleet's says of it.
    pub digest: Option<Hash>,
    /// The act's index.
    pub sequence: u64,
}

impl Word {
    /// The first protocol that has it.
    pub fn protocol(&self) -> u32 {
        match self {
            Word::Run(_) | Word::BreakGlassKey { .. } => FIRST_PROTOCOL,
            Word::Floor { .. } | Word::RootKey { .. } => PROTOCOL_OF_EPOCHS,
        }
    }

    /// What that act, which stands at that index, tells that edge of that cell.
    pub(super) fn of(act: &Act, sequence: u64, (cell, edge): (&Name, &Name)) -> Option<Word> {
        if let (Subject::Fleet, Body::BreakGlassKeySet(set)) = (&act.subject, &act.body) {
            let vkey = set.vkey.clone();
            return Some(Word::BreakGlassKey { vkey, sequence });
        }
        if let Body::LogRootKeySet(set) = &act.body {
            return Some(Word::RootKey {
                vkey: set.vkey.clone(),
                vouched: set.vouched.clone(),
            });
        }
        if let (Subject::Cell(named), Body::CellFloorSet(set)) = (&act.subject, &act.body) {
            let protocol = set.protocol;
            return (named == cell).then_some(Word::Floor { protocol, sequence });
        }
        let (tenant, digest) = tells(act, cell, edge)?;
        let base = match &act.body {
            Body::DeploymentAdvanced(advanced) => advanced.base,
            _ => None,
        };
        let back = matches!(act.body, Body::VersionRolledBack(_));
        Some(Word::Run(Told {
            at: act.at,
            base,
            by_trigger: back && matches!(act.actor, Actor::System { .. }),
            tenant: tenant.cloned(),
            digest,
            sequence,
        }))
    }
}

/// What this act tells that edge of that cell to run: whose own version it is about (none: the fleet's), and
/// which (none: what the fleet's says of the tenant).
pub fn tells<'a>(
    act: &'a Act,
    cell: &Name,
    edge: &Name,
) -> Option<(Option<&'a Tenant>, Option<Hash>)> {
    let tenant = act.tenant.as_ref();
    let digest = match (&act.subject, &act.body) {
        (Subject::Deployment(_), Body::DeploymentAdvanced(advanced)) => advanced
            .reaches(cell, edge)
            .then_some(Some(advanced.digest)),
        // Without the fleet's version there is nothing to run: no act says that.
        (Subject::Fleet, Body::VersionRolledBack(back)) => {
            let some = back.digest.is_some() || tenant.is_some();
            (some && back.cells.contains(cell)).then_some(back.digest)
        }
        (Subject::Cell(named), Body::CellSupplied(supplied)) => {
            (named == cell).then_some(Some(supplied.digest))
        }
        _ => None,
    };
    Some((tenant, digest?))
}
