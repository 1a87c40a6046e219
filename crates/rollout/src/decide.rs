//! What may happen to the fleet: which acts follow from a command, or why none do. The rules that hold
//! whoever asks stand here, also against the controller: a stage follows the one before, nothing is brought
//! out again that was sent back, and going back is always possible.

use std::collections::BTreeSet;

use base::{Actor, Name, Tenant, Timestamp};
use record::act::Subject;
use record::author::is_sound_key;
use record::command::{
    AdvanceDeployment, DeployVersion, EnrollEdge, FireTrigger, InviteEdge, Verb,
};
use record::hash::Hash;
use record::kinds::rollout::{
    CellDefined, CellRemoved, CellSupplied, DeploymentAborted, DeploymentAdvanced,
    DeploymentCompleted, DeploymentPaused, DeploymentResumed, EdgeEnrolled, EdgeInvited,
    EdgeRetired, FleetFrozen, FleetUnfrozen, PlanDrawn, Ring, TriggerFired, VersionDeployed,
    VersionRolledBack,
};
use record::note::{Algorithm, VerifierKey};
use record::refusal::{Draft, Reason, Refusal, at_most, forbidden, out_of_range, wrong_state};

use crate::back::{lift, roll_back};
use crate::floor;
use crate::glass;
use crate::reach::{draw, reaches};
use crate::root;
use crate::state::{Deployment, State, name_of, number};

/// Their names stand in one act each time all go back.
const CELLS_MAX: usize = 500;
/// Each keeps a connection to control.
const EDGES_MAX: usize = 1_500;
const INVITATION_MAX_MS: i64 = 7 * 86_400_000;
/// Each of their cells has an order of each.
const OWN_MAX: usize = 1_000;
/// As long as a blob may be.
const BYTES_MAX: u64 = 8 << 20;
pub(crate) const LEASE_MS: u64 = 86_400_000;

/// What is known of who asks.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Who.
    pub actor: &'a Actor,
    /// Whether they gave a reason.
    pub has_reason: bool,
    /// Whether nobody could have signed, or they did.
    pub signed: bool,
    /// The server's time.
    pub now: Timestamp,
}

pub(crate) type Decision = Result<Vec<Draft>, Refusal>;

/// Decides on a command about what edges run; `None` for those about anything else.
pub fn decide(state: &State, verb: &Verb, asked: &Asked<'_>) -> Option<Decision> {
    Some(match verb {
        Verb::DefineCell(verb) => define(state, &verb.cell, verb.ring),
        Verb::RemoveCell(verb) => remove(state, &verb.cell),
        Verb::InviteEdge(verb) => invite(state, verb, asked),
        Verb::EnrollEdge(verb) => {
            own(asked, "enrolls edges").and_then(|()| enroll(state, verb, asked))
        }
        Verb::RetireEdge(verb) => retire(state, &verb.edge),
        Verb::DeployVersion(verb) => deploy(state, verb, asked),
        Verb::AdvanceDeployment(verb) => advance(state, verb, asked),
        Verb::PauseDeployment(verb) => {
            in_progress(state, &verb.deployment).and_then(|(_, deployment)| {
                match &deployment.paused {
                    Some(said) => wrong_state(format!("{} holds it since {}", said.by, said.at)),
                    None => one(
                        (&verb.deployment, deployment.tenant.as_ref()),
                        DeploymentPaused {},
                    ),
                }
            })
        }
        Verb::ResumeDeployment(verb) => {
            in_progress(state, &verb.deployment).and_then(|(_, deployment)| {
                match &deployment.paused {
                    Some(_) => one(
                        (&verb.deployment, deployment.tenant.as_ref()),
                        DeploymentResumed {},
                    ),
                    None => wrong_state(format!("{} goes on already", verb.deployment)),
                }
            })
        }
        Verb::FireTrigger(verb) => {
            own(asked, "fires triggers").and_then(|()| fire(state, verb, asked))
        }
        Verb::CompleteDeployment(verb) => {
            own(asked, "ends deployments").and_then(|()| complete(state, &verb.deployment, asked))
        }
        Verb::RollBack(verb) => roll_back(state, verb, asked),
        Verb::LiftLease(verb) => lift(state, &verb.digest, asked),
        Verb::FreezeFleet(_) => match &state.frozen {
            Some(said) => wrong_state(format!("{} froze it at {}", said.by, said.at)),
            None => needs_reason(asked, "a freeze").map(|()| fleet(FleetFrozen {})),
        },
        Verb::UnfreezeFleet(_) => match &state.frozen {
            Some(_) => Ok(fleet(FleetUnfrozen {})),
            None => wrong_state("nothing is frozen".to_owned()),
        },
        Verb::SetBreakGlassKey(verb) => glass::set_key(state, verb.vkey.as_deref(), asked),
        Verb::ReportBreakGlass(verb) => glass::report(state, verb, asked),
        Verb::EndBreakGlass(verb) => glass::end(state, &verb.cell, asked),
        Verb::SetCellFloor(verb) => floor::set(state, verb, asked),
        Verb::SetRootKey(verb) => root::set_key(state, verb, asked),
        _ => return None,
    })
}

pub(crate) fn one(
    (name, tenant): (&Name, Option<&Tenant>),
    body: impl Into<record::kinds::Body>,
) -> Decision {
    let draft = Draft::new(Subject::Deployment(name.clone()), body);
    Ok(vec![draft.about(tenant)])
}

pub(crate) fn fleet(body: impl Into<record::kinds::Body>) -> Vec<Draft> {
    vec![Draft::new(Subject::Fleet, body)]
}

pub(crate) fn needs_reason(asked: &Asked<'_>, what: &str) -> Result<(), Refusal> {
    match asked.has_reason {
        true => Ok(()),
        false => out_of_range(format!("{what} has a reason: say why (-m)")),
    }
}

/// Whether hereby itself asks.
pub(crate) fn own(asked: &Asked<'_>, what: &str) -> Result<(), Refusal> {
    match asked.actor {
        Actor::System { .. } => Ok(()),
        _ => forbidden(format!("hereby {what} itself")),
    }
}

/// Whether a person asks: what was gone back from by one is not brought out again by a program.
pub(crate) fn person(asked: &Asked<'_>, what: &str) -> Result<(), Refusal> {
    match asked.actor {
        Actor::Person { .. } | Actor::Uid { .. } => Ok(()),
        _ => forbidden(format!("a person {what}, no program")),
    }
}

pub(crate) fn not_found<T>(detail: String) -> Result<T, Refusal> {
    Err(Refusal::new(Reason::NotFound, detail))
}

fn define(state: &State, cell: &Name, ring: Ring) -> Decision {
    let body = CellDefined { ring };
    let mut drafts = vec![Draft::new(Subject::Cell(cell.clone()), body)];
    match state.cells.get(cell) {
        Some(before) if *before == ring => {
            return wrong_state(format!("{cell} is {} already", ring.as_str()));
        }
        Some(_) => {}
        None => {
            at_most("cells", state.cells.len() + 1, CELLS_MAX)?;
            not_under_way(state, Some(cell), "its plan does not know the cell")?;
            drafts.extend(supplied(state, cell));
        }
    }
    Ok(drafts)
}

/// What a cell that comes later is to run: the fleet's version, and those of tenants' own that all cells run.
fn supplied(state: &State, cell: &Name) -> Vec<Draft> {
    let tenants = state.tenants.iter();
    let tenants = tenants.filter(|(_, track)| track.everywhere);
    let tracks = tenants.map(|(tenant, track)| (Some(tenant), track));
    let tracks = [(None, &state.fleet)].into_iter().chain(tracks);
    let drafts = tracks.filter_map(|(tenant, track)| {
        let digest = track.current?;
        let draft = Draft::new(Subject::Cell(cell.clone()), CellSupplied { digest });
        Some(draft.about(tenant))
    });
    drafts.collect()
}

/// Nothing goes out that reaches edges which one in that cell (none: in all) would reach.
pub(crate) fn not_under_way(state: &State, cell: Option<&Name>, why: &str) -> Result<(), Refusal> {
    match state.in_progress().find(|(_, it)| it.meets(cell)) {
        Some((number, deployment)) => wrong_state(format!(
            "{} is under way since {}, by {}: {why}. Wait for it, or send it back: hereby rollback{}",
            name_of(number),
            deployment.said.at,
            deployment.said.by,
            deployment
                .tenant
                .as_ref()
                .map_or_else(String::new, |tenant| format!(" --tenant {tenant}")),
        )),
        None => Ok(()),
    }
}

fn remove(state: &State, cell: &Name) -> Decision {
    known_cell(state, cell)?;
    let edges = state.edges_of(cell).count();
    if edges > 0 {
        return wrong_state(format!("{cell} has {edges} edges: retire them first"));
    }
    not_under_way(state, Some(cell), "its plan may name the cell")?;
    Ok(vec![Draft::new(
        Subject::Cell(cell.clone()),
        CellRemoved {},
    )])
}

pub(crate) fn known_cell(state: &State, cell: &Name) -> Result<(), Refusal> {
    match state.cells.contains_key(cell) {
        true => Ok(()),
        false => not_found(format!(
            "there is no cell {cell}: hereby cell define {cell} --ring serving"
        )),
    }
}

fn invite(state: &State, verb: &InviteEdge, asked: &Asked<'_>) -> Decision {
    known_cell(state, &verb.cell)?;
    if let Some(edge) = state.edges.get(&verb.edge)
        && edge.cell != verb.cell
    {
        return wrong_state(format!(
            "{} is in {}: retire it first, or take another name",
            verb.edge, edge.cell
        ));
    }
    let life_ms = verb.expires_at.ms_since(asked.now);
    if !(1..=INVITATION_MAX_MS).contains(&life_ms) {
        return out_of_range("an invitation ends in the future, within 7 days".to_owned());
    }
    let open = state
        .invitations
        .values()
        .filter(|it| asked.now < it.expires_at);
    let open = open.count() + state.edges.len() + 1;
    at_most("edges and invitations", open, EDGES_MAX)?;
    let body = EdgeInvited {
        cell: verb.cell.clone(),
        expires_at: verb.expires_at,
        hash: verb.hash,
    };
    Ok(vec![Draft::new(Subject::Edge(verb.edge.clone()), body)])
}

/// The key that a text says, if it is one that notes may be signed with.
pub(crate) fn sound_key(vkey: &str) -> Option<VerifierKey> {
    let key: VerifierKey = (vkey.len() <= 300).then(|| vkey.parse().ok()).flatten()?;
    let sound = key.algorithm() == Algorithm::Ed25519 && is_sound_key(key.public_key());
    sound.then_some(key)
}

fn enroll(state: &State, verb: &EnrollEdge, asked: &Asked<'_>) -> Decision {
    let invitation = state.invitations.get(&verb.edge);
    let invitation = invitation.filter(|it| it.hash == verb.hash && asked.now < it.expires_at);
    let Some(invitation) = invitation else {
        return forbidden("this token lets no edge enroll, or not any more".to_owned());
    };
    known_cell(state, &invitation.cell)?;
    let key = sound_key(&verb.vkey).filter(|key| key.name() == verb.edge.as_str());
    if key.is_none() {
        return out_of_range(
            "vkey is not an Ed25519 verifier key (C2SP signed-note) with the edge's name"
                .to_owned(),
        );
    }
    let body = EdgeEnrolled {
        cell: invitation.cell.clone(),
        vkey: verb.vkey.clone(),
    };
    let mut drafts = vec![Draft::new(Subject::Edge(verb.edge.clone()), body)];
    if !state.fleet.orders.contains_key(&invitation.cell) {
        drafts.extend(supplied(state, &invitation.cell));
    }
    Ok(drafts)
}

fn retire(state: &State, edge: &Name) -> Decision {
    if !state.edges.contains_key(edge) && !state.invitations.contains_key(edge) {
        return not_found(format!("there is no edge {edge}: hereby fleet lists them"));
    }
    let looked_at = |deployment: &Deployment| {
        let mut reached = deployment.reached.values();
        !deployment.is_out() && reached.any(|one| one.as_ref() == Some(edge))
    };
    if let Some((number, _)) = state.in_progress().find(|(_, it)| looked_at(it)) {
        return wrong_state(format!(
            "{} runs on {edge} to be looked at: send it back first (hereby rollback), or go on (hereby \
             promote)",
            name_of(number)
        ));
    }
    Ok(vec![Draft::new(
        Subject::Edge(edge.clone()),
        EdgeRetired {},
    )])
}

/// What is gone back to, if this may go out.
fn may_go_out(
    state: &State,
    verb: &DeployVersion,
    now: Timestamp,
) -> Result<Option<Hash>, Refusal> {
    if let Some(said) = &state.frozen {
        let why = said
            .why
            .as_ref()
            .map_or_else(String::new, |why| format!(": {why}"));
        return wrong_state(format!(
            "nothing goes out: {} froze it at {}{why}. hereby unfreeze",
            said.by, said.at
        ));
    }
    at_most(
        "bytes",
        usize::try_from(verb.bytes).unwrap_or(usize::MAX),
        BYTES_MAX as usize,
    )?;
    if let Some(cell) = &verb.cell {
        known_cell(state, cell)?;
        if verb.tenant.is_none() {
            return out_of_range("the fleet's version goes to all cells".to_owned());
        }
    }
    let tenant = verb.tenant.as_ref();
    if tenant.is_some() && state.fleet.current.is_none() {
        return wrong_state(
            "a tenant's own version stands on the fleet's, and none was fully deployed yet"
                .to_owned(),
        );
    }
    // A tenant that was moved meanwhile has still one version on its way.
    let own = tenant.and_then(|tenant| state.in_progress_of(Some(tenant)));
    let cell = verb.cell.as_ref().filter(|_| own.is_none());
    not_under_way(state, cell, "one version goes out at a time")?;
    not_leased(state, &verb.digest, now)?;
    let track = state.track(tenant);
    if track.is_none() {
        at_most("tenants' own versions", state.tenants.len() + 1, OWN_MAX)?;
    }
    let base = track.and_then(|track| track.current);
    if base == Some(verb.digest) {
        return wrong_state("all run this version already".to_owned());
    }
    Ok(base)
}

fn deploy(state: &State, verb: &DeployVersion, asked: &Asked<'_>) -> Decision {
    let base = may_go_out(state, verb, asked.now)?;
    let tenant = verb.tenant.as_ref();
    let Some(number) = state.deployed.checked_add(1) else {
        return Err(Refusal::new(
            Reason::TooMany,
            "there are 2^32 deployments already",
        ));
    };
    let mut plan = draw(state, verb)?;
    if base.is_none() && tenant.is_none() {
        // Watching ends in going back, and nothing ran before.
        plan.watch_ms = 0;
    }
    let name = name_of(number);
    let body = VersionDeployed {
        base,
        bytes: verb.bytes,
        cell: verb.cell.clone(),
        changes: verb.changes.clone(),
        digest: verb.digest,
        incident: verb.incident,
        plan: PlanDrawn::from(&plan),
    };
    let scope = (&verb.digest, verb.cell.as_ref());
    let first = reaches(state, &body.plan, 0, scope);
    let mut drafts = one((&name, tenant), body)?;
    drafts.extend(one(
        (&name, tenant),
        DeploymentAdvanced {
            base: base.filter(|_| tenant.is_none()),
            digest: verb.digest,
            early: false,
            reaches: first,
            requests: None,
            stage: 0,
        },
    )?);
    Ok(drafts)
}

pub(crate) fn not_leased(state: &State, digest: &Hash, now: Timestamp) -> Result<(), Refusal> {
    let Some(lease) = state.lease(digest, now) else {
        return Ok(());
    };
    let why = lease
        .said
        .why
        .as_ref()
        .map_or_else(String::new, |why| format!(" ({why})"));
    wrong_state(format!(
        "{} went back from this version at {}{why}; it is not brought out again before {}, unless \
         somebody lifts that: hereby lease lift VERSION -m WHY",
        lease.said.by, lease.said.at, lease.ends_at
    ))
}

fn in_progress<'s>(state: &'s State, name: &Name) -> Result<(u32, &'s Deployment), Refusal> {
    let found = number(name).and_then(|number| Some((number, state.deployments.get(&number)?)));
    let Some((number, deployment)) = found else {
        return not_found(format!("there is no {name}: hereby history lists them"));
    };
    match &deployment.ended {
        Some((at, _)) => wrong_state(format!("{name} ended at {at}")),
        None => Ok((number, deployment)),
    }
}

fn advance(state: &State, verb: &AdvanceDeployment, asked: &Asked<'_>) -> Decision {
    let name = &verb.deployment;
    let (_, deployment) = in_progress(state, name)?;
    let next = deployment.stage.checked_add(1);
    let index = usize::try_from(verb.stage).unwrap_or(usize::MAX);
    if next != Some(verb.stage) || index >= deployment.plan.stages.len() {
        return wrong_state(format!(
            "{name} is at stage {} of {}",
            deployment.stage + 1,
            deployment.plan.stages.len()
        ));
    }
    if let Some(said) = &state.frozen {
        return wrong_state(format!(
            "nothing goes out: {} froze it at {}",
            said.by, said.at
        ));
    }
    if let Some(said) = &deployment.paused {
        return wrong_state(format!("{} holds it since {}", said.by, said.at));
    }
    // Only hereby knows whether it has: what anybody else says of requests is not believed.
    let early = own(asked, "").is_err();
    if !early && !has_held(deployment, verb.requests.unwrap_or(0), asked.now) {
        return wrong_state(format!("stage {} has not held yet", deployment.stage + 1));
    }
    if early {
        person(asked, "goes on before a stage has held")?;
        needs_reason(asked, "going on before a stage has held")?;
        if !asked.signed {
            return forbidden(
                "going on before a stage has held is signed by whoever answers for it: --sign KEY"
                    .to_owned(),
            );
        }
    }
    let body = DeploymentAdvanced {
        base: deployment.base.filter(|_| deployment.tenant.is_none()),
        digest: deployment.digest,
        early,
        reaches: reaches(
            state,
            &deployment.plan,
            index,
            (&deployment.digest, deployment.cell.as_ref()),
        ),
        requests: verb.requests.filter(|_| !early),
        stage: verb.stage,
    };
    one((name, deployment.tenant.as_ref()), body)
}

/// Whether its stage has held as long, and with as many requests, as planned.
pub(crate) fn has_held(deployment: &Deployment, requests: u64, now: Timestamp) -> bool {
    let stage = usize::try_from(deployment.stage).ok();
    let stage = stage.and_then(|stage| deployment.plan.stages.get(stage));
    stage.is_some_and(|stage| {
        let held_ms = u64::try_from(now.ms_since(deployment.stage_at)).unwrap_or(0);
        held_ms >= stage.time_ms_min && requests >= stage.requests_min
    })
}

fn fire(state: &State, verb: &FireTrigger, asked: &Asked<'_>) -> Decision {
    let name = &verb.deployment;
    let (_, deployment) = in_progress(state, name)?;
    let triggers = &deployment.plan.triggers;
    if !triggers.iter().any(|trigger| trigger.name == verb.trigger) {
        return not_found(format!("{name} has no trigger {}", verb.trigger));
    }
    let body = TriggerFired {
        bad: verb.bad,
        digest: deployment.digest,
        requests: verb.requests,
        stage: deployment.stage,
        trigger: verb.trigger.clone(),
        unchanged_bad: verb.unchanged_bad,
        unchanged_requests: verb.unchanged_requests,
        what: verb.what.clone(),
    };
    let tenant = deployment.tenant.as_ref();
    let mut drafts = one((name, tenant), body)?;
    // Of a tenant there is always something to go back to.
    if deployment.base.is_none() && tenant.is_none() {
        drafts.extend(one((name, None), DeploymentAborted {})?);
        return Ok(drafts);
    }
    let body = VersionRolledBack {
        cells: cells_of(state, tenant),
        deployment: Some(name.clone()),
        digest: deployment.base,
        from: deployment.digest,
        incident: deployment.incident,
        lease_ends_at: after_ms(asked.now, LEASE_MS),
    };
    drafts.push(Draft::new(Subject::Fleet, body).about(tenant));
    Ok(drafts)
}

/// Where the fleet's version runs, or where a tenant's own was brought.
pub(crate) fn cells_of(state: &State, tenant: Option<&Tenant>) -> BTreeSet<Name> {
    match tenant {
        None => state.cells.keys().cloned().collect(),
        Some(tenant) => {
            let track = state.tenants.get(tenant);
            track.map_or_else(BTreeSet::new, |track| {
                track.orders.keys().cloned().collect()
            })
        }
    }
}

pub(crate) fn after_ms(now: Timestamp, ms: u64) -> Timestamp {
    now.plus_ms(i64::try_from(ms).unwrap_or(i64::MAX))
}

fn complete(state: &State, name: &Name, asked: &Asked<'_>) -> Decision {
    let (_, deployment) = in_progress(state, name)?;
    let watched_ms = u64::try_from(asked.now.ms_since(deployment.stage_at)).unwrap_or(0);
    if !deployment.is_out() || watched_ms < deployment.plan.watch_ms {
        return wrong_state(format!("{name} is still to be watched"));
    }
    let digest = deployment.digest;
    one(
        (name, deployment.tenant.as_ref()),
        DeploymentCompleted { digest },
    )
}
