//! Cells, edges, versions and how they go out, in words.

use base::IncidentId;
use record::act::Act;
use record::hash::Hash;
use record::kinds::Body;

use super::{Told, plain};
use crate::say::{Style, counted, duration, stamp};

pub(super) fn told(act: &Act) -> Option<Told> {
    Some(match &act.body {
        Body::CellDefined(body) => {
            plain(format!("made it a cell of the ring {}", body.ring.as_str()))
        }
        Body::CellRemoved(_) => plain("removed the cell"),
        Body::CellSupplied(body) => plain(format!("had it run {}", short(&body.digest))),
        Body::EdgeInvited(body) => plain(format!(
            "let it enroll in {}, until {}",
            body.cell,
            stamp(body.expires_at)
        )),
        Body::EdgeEnrolled(body) => plain(format!("took it in, in {}", body.cell)),
        Body::EdgeRetired(_) => strong("tells it nothing any more"),
        Body::VersionDeployed(body) => {
            let changes: Vec<&str> = body.changes.iter().map(|part| part.as_str()).collect();
            let changes = match changes.is_empty() {
                true => "nothing".to_owned(),
                false => changes.join(", "),
            };
            strong(format!(
                "began to bring out {}{}, which changes {changes}, in {}{}",
                whose(act),
                short(&body.digest),
                counted(body.plan.stages.len(), "stage"),
                beside(body.incident)
            ))
        }
        Body::DeploymentAdvanced(body) => {
            let reached = body.reaches.iter().map(|(cell, one)| match one {
                Some(edge) => format!("{edge} of {cell}"),
                None => cell.to_string(),
            });
            let reached: Vec<String> = reached.collect();
            let early = match body.early {
                true => ", before the one before had held",
                false => "",
            };
            let stage = body.stage + 1;
            plain(format!(
                "began stage {stage}: {}{early}",
                reached.join(", ")
            ))
        }
        Body::DeploymentPaused(_) => plain("held it where it is"),
        Body::DeploymentResumed(_) => plain("let it go on"),
        Body::TriggerFired(body) => strong(format!("sent it back: {}", body.what)),
        Body::DeploymentAborted(_) => strong("stopped it; nothing ran before"),
        Body::DeploymentCompleted(body) => {
            plain(format!("completed it: all run {}", short(&body.digest)))
        }
        Body::VersionRolledBack(body) => strong(format!(
            "went back from {}{} to {} everywhere; the lease ends {} ({}){}",
            whose(act),
            short(&body.from),
            body.digest
                .as_ref()
                .map_or_else(|| "what the fleet's version says".to_owned(), short),
            stamp(body.lease_ends_at),
            duration(body.lease_ends_at.ms_since(act.at)),
            beside(body.incident)
        )),
        Body::LeaseLifted(body) => {
            strong(format!("let {} be brought out again", short(&body.digest)))
        }
        Body::FleetFrozen(_) => strong("let nothing new go out"),
        Body::FleetUnfrozen(_) => plain("let versions go out again"),
        _ => return without_control(act),
    })
}

/// What was done against the day that control is gone, or somebody else in its place, and on it.
fn without_control(act: &Act) -> Option<Told> {
    Some(match &act.body {
        Body::CellFloorSet(body) => strong(format!(
            "has its edges take no protocol below {}",
            body.protocol
        )),
        Body::BreakGlassKeySet(body) => strong(match &body.vkey {
            Some(vkey) => format!("had edges believe break-glass notes of {vkey}"),
            None => "had edges believe nobody's break-glass notes".to_owned(),
        }),
        Body::BreakGlassUsed(body) => strong(format!(
            "went back {}to {} while control was gone, at {} by its clock, by break-glass note {}",
            body.from
                .as_ref()
                .map_or_else(String::new, |from| format!("from {} ", short(from))),
            short(&body.digest),
            stamp(body.used_at),
            body.counter
        )),
        _ => return None,
    })
}

/// Whose own version it is, before it.
fn whose(act: &Act) -> String {
    let tenant = act.tenant.as_ref();
    tenant.map_or_else(String::new, |tenant| format!("{tenant}'s "))
}

fn short(digest: &Hash) -> String {
    crate::edge::hex(digest).chars().take(12).collect()
}

fn strong(deed: impl Into<String>) -> Told {
    Told {
        style: Style::Bold,
        ..plain(deed)
    }
}

fn beside(incident: Option<IncidentId>) -> String {
    incident.map(|id| format!(", for {id}")).unwrap_or_default()
}
