//! Going back: to what, and what may not be brought out again after that.

use base::{Tenant, Timestamp};
use record::act::Subject;
use record::command::RollBack;
use record::hash::Hash;
use record::kinds::rollout::{DeploymentAborted, LeaseLifted, VersionRolledBack};
use record::refusal::{Draft, Refusal, out_of_range, wrong_state};

use crate::decide::{
    Asked, Decision, LEASE_MS, after_ms, cells_of, fleet, needs_reason, not_found, not_leased, one,
    person,
};
use crate::state::{State, name_of};

const LEASE_MAX_MS: u64 = 30 * 86_400_000;

pub(crate) fn roll_back(state: &State, verb: &RollBack, asked: &Asked<'_>) -> Decision {
    let named = verb.digest.and_then(|digest| state.versions.get(&digest));
    let whose = named.and_then(|version| version.tenant.as_ref());
    let tenant = verb.tenant.as_ref().or(whose);
    if named.is_some() && whose != tenant {
        return wrong_state("this version is another's: hereby versions says whose".to_owned());
    }
    let under_way = state.in_progress_of(tenant);
    if let (Some((number, deployment)), None, None) = (under_way, verb.digest, tenant)
        && deployment.base.is_none()
    {
        return one((&name_of(number), None), DeploymentAborted {});
    }
    let current = state.track(tenant).and_then(|track| track.current);
    let from = under_way
        .map(|(_, deployment)| deployment.digest)
        .or(current);
    let Some(from) = from else {
        return wrong_state(match tenant {
            None => "no version runs: there is nothing to go back from".to_owned(),
            Some(tenant) => format!("{tenant} runs by the fleet's version: it has none of its own"),
        });
    };
    let digest = match verb.digest {
        Some(digest) => {
            let full = named.is_some_and(|version| version.full_at.is_some());
            if !full && current != Some(digest) {
                return wrong_state(
                    "this version was never fully deployed: hereby versions lists those that were"
                        .to_owned(),
                );
            }
            Some(digest)
        }
        None => to_go_back_to(state, tenant, from, asked.now)?,
    };
    if digest == Some(from) {
        return wrong_state("all run this version already".to_owned());
    }
    if let Some(digest) = &digest {
        not_leased(state, digest, asked.now)?;
    }
    let lease_ms = verb.lease_ms.unwrap_or(LEASE_MS);
    if !(1..=LEASE_MAX_MS).contains(&lease_ms) {
        return out_of_range("a lease lasts 1 ms to 30 days".to_owned());
    }
    let body = VersionRolledBack {
        cells: cells_of(state, tenant),
        deployment: under_way.map(|(number, _)| name_of(number)),
        digest,
        from,
        incident: verb.incident,
        lease_ends_at: after_ms(asked.now, lease_ms),
    };
    Ok(vec![Draft::new(Subject::Fleet, body).about(tenant)])
}

/// What was fully deployed last, other than what runs; before a tenant's first: what the fleet's version says
/// of it. Who asks a moment after somebody else did means the same as they did: nobody goes back twice
/// unawares.
fn to_go_back_to(
    state: &State,
    tenant: Option<&Tenant>,
    from: Hash,
    now: Timestamp,
) -> Result<Option<Hash>, Refusal> {
    if let Some((_, deployment)) = state.in_progress_of(tenant) {
        return Ok(deployment.base);
    }
    if let Some(back) = state.track(tenant).and_then(|track| track.back.as_ref())
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
        let own = version.tenant.as_ref() == tenant;
        own && good && **digest != from && state.lease(digest, now).is_none()
    });
    let newest = full.max_by_key(|(_, version)| (version.ran_at, version.deployment));
    match newest {
        Some((digest, _)) => Ok(Some(*digest)),
        None if tenant.is_some() => Ok(None),
        None => wrong_state("no other version was ever fully deployed".to_owned()),
    }
}

pub(crate) fn lift(state: &State, digest: &Hash, asked: &Asked<'_>) -> Decision {
    person(asked, "lifts a lease")?;
    needs_reason(asked, "lifting a lease")?;
    match state.lease(digest, asked.now) {
        Some(_) => Ok(fleet(LeaseLifted { digest: *digest })),
        None => not_found("no lease holds on this version".to_owned()),
    }
}
