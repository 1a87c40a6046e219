//! Going back: to what, and what may not be brought out again after that.

use base::Timestamp;
use record::command::RollBack;
use record::hash::Hash;
use record::kinds::rollout::{DeploymentAborted, LeaseLifted, VersionRolledBack};
use record::refusal::{Refusal, out_of_range, wrong_state};

use crate::decide::{
    Asked, Decision, LEASE_MS, after_ms, fleet, needs_reason, not_found, not_leased, one, person,
};
use crate::state::{State, name_of};

const LEASE_MAX_MS: u64 = 30 * 86_400_000;

pub(crate) fn roll_back(state: &State, verb: &RollBack, asked: &Asked<'_>) -> Decision {
    let under_way = state.in_progress();
    if let (Some((number, deployment)), None) = (under_way, verb.digest)
        && deployment.base.is_none()
    {
        return one(&name_of(number), DeploymentAborted {});
    }
    let from = match under_way {
        Some((_, deployment)) => Some(deployment.digest),
        None => state.current,
    };
    let Some(from) = from else {
        return wrong_state("no version runs: there is nothing to go back from".to_owned());
    };
    let digest = match verb.digest {
        Some(digest) => {
            let full = state
                .versions
                .get(&digest)
                .is_some_and(|version| version.full_at.is_some());
            if !full && state.current != Some(digest) {
                return wrong_state(
                    "this version was never fully deployed: hereby versions lists those that were"
                        .to_owned(),
                );
            }
            digest
        }
        None => to_go_back_to(state, from, asked.now)?,
    };
    if digest == from {
        return wrong_state("all run this version already".to_owned());
    }
    not_leased(state, &digest, asked.now)?;
    let lease_ms = verb.lease_ms.unwrap_or(LEASE_MS);
    if !(1..=LEASE_MAX_MS).contains(&lease_ms) {
        return out_of_range("a lease lasts 1 ms to 30 days".to_owned());
    }
    Ok(fleet(VersionRolledBack {
        cells: state.cells.keys().cloned().collect(),
        deployment: under_way.map(|(number, _)| name_of(number)),
        digest,
        from,
        incident: verb.incident,
        lease_ends_at: after_ms(asked.now, lease_ms),
    }))
}

/// What was fully deployed last, other than what runs. Who asks a moment after somebody else did means the
/// same as they did: nobody goes back twice unawares.
fn to_go_back_to(state: &State, from: Hash, now: Timestamp) -> Result<Hash, Refusal> {
    if let Some(base) = state
        .in_progress()
        .and_then(|(_, deployment)| deployment.base)
    {
        return Ok(base);
    }
    if let Some(back) = &state.back
        && now < back.lease_ends_at
    {
        return wrong_state(format!(
            "{} went back at {}: that is what runs. To go further back, name a version: hereby \
             rollback VERSION (hereby versions lists them)",
            back.said.by, back.said.at
        ));
    }
    // Not what was gone back from, also when its lease has ended: it may be named.
    let full = state.versions.iter().filter(|(digest, version)| {
        let good = version.full_at.is_some() && version.sent_back_at.is_none();
        **digest != from && good && state.lease(digest, now).is_none()
    });
    let newest = full.max_by_key(|(_, version)| (version.ran_at, version.deployment));
    newest.map_or_else(
        || wrong_state("no other version was ever fully deployed".to_owned()),
        |(digest, _)| Ok(*digest),
    )
}

pub(crate) fn lift(state: &State, digest: &Hash, asked: &Asked<'_>) -> Decision {
    person(asked, "lifts a lease")?;
    needs_reason(asked, "lifting a lease")?;
    match state.lease(digest, asked.now) {
        Some(_) => Ok(fleet(LeaseLifted { digest: *digest })),
        None => not_found("no lease holds on this version".to_owned()),
    }
}
