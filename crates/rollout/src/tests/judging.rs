//! The judge finds each thing that must not be, in acts that were bent after they were decided.

use base::Actor;
use record::act::Act;
use record::command::{AdvanceDeployment, CompleteDeployment, LiftLease, RollBack};
use record::kinds::Body;

use super::{Who, World, deploying, deploying_own, going_back, name, own_version, version};
use crate::judge::{Judge, Law};
use crate::state::name_of;

/// The first version goes out to all, the second goes on early once and is gone back from, and its lease
/// is lifted; then it goes out, watched.
fn history() -> Vec<(Act, Who)> {
    let mut world = World::new();
    let advance = |number: u32, stage: u32| AdvanceDeployment {
        deployment: name_of(number),
        requests: Some(10),
        stage,
    };
    world.must(Who::Person, deploying(1));
    for stage in 1..3 {
        world.pass(60_000);
        world.must(Who::Own, advance(1, stage));
    }
    world.pass(60_000);
    let deployment = name_of(1);
    world.must(Who::Own, CompleteDeployment { deployment });
    world.must(Who::Person, deploying(2));
    world.must(Who::Signed, advance(2, 1));
    world.must(Who::Hasty, going_back());
    world.must(Who::Person, LiftLease { digest: version(2) });
    world.must(Who::Person, deploying(2));
    for stage in 1..3 {
        world.pass(60_000);
        world.must(Who::Own, advance(3, stage));
    }
    world.pass(60_000);
    let deployment = name_of(3);
    world.must(Who::Own, CompleteDeployment { deployment });
    world.acts
}

/// Behind a fleet's version: two tenants' own at once, of which one goes back to the fleet's.
fn of_tenants() -> Vec<(Act, Who)> {
    let mut world = World::new();
    world.must(Who::Person, deploying(1));
    let advance = |number: u32, stage: u32| AdvanceDeployment {
        deployment: name_of(number),
        requests: Some(10),
        stage,
    };
    let complete = |number: u32| CompleteDeployment {
        deployment: name_of(number),
    };
    for stage in 1..3 {
        world.pass(60_000);
        world.must(Who::Own, advance(1, stage));
    }
    world.pass(60_000);
    world.must(Who::Own, complete(1));
    world.must(Who::Person, deploying_own("shop", 1));
    world.must(Who::Person, deploying_own("bank", 1));
    world.pass(60_000);
    world.must(Who::Own, advance(3, 1));
    let tenant = "shop".parse().ok();
    world.must(
        Who::Hasty,
        RollBack {
            tenant,
            ..going_back()
        },
    );
    world.pass(60_000);
    world.must(Who::Own, complete(3));
    world.acts
}

/// What the judge says first.
fn judged(acts: &[(Act, Who)]) -> Option<(Law, &'static str)> {
    let mut judge = Judge::default();
    let mut found = acts
        .iter()
        .filter_map(|(act, who)| judge.see(act, *who == Who::Signed).err());
    found.next()
}

/// The index of the nth act that is so.
fn nth(acts: &[(Act, Who)], number: usize, is: fn(&Body) -> bool) -> usize {
    let mut found = acts
        .iter()
        .enumerate()
        .filter(|(_, (act, _))| is(&act.body));
    found.nth(number).unwrap().0
}

const DEPLOYED: fn(&Body) -> bool = |body| matches!(body, Body::VersionDeployed(_));
const ADVANCED: fn(&Body) -> bool = |body| matches!(body, Body::DeploymentAdvanced(_));
const COMPLETED: fn(&Body) -> bool = |body| matches!(body, Body::DeploymentCompleted(_));
const BACK: fn(&Body) -> bool = |body| matches!(body, Body::VersionRolledBack(_));
const LIFTED: fn(&Body) -> bool = |body| matches!(body, Body::LeaseLifted(_));

type Bend = fn(&mut Vec<(Act, Who)>);

#[test]
fn what_was_decided_is_sound() {
    assert_eq!(judged(&history()), None);
    assert_eq!(judged(&of_tenants()), None);
}

#[test]
fn each_bent_act_of_a_tenants_own_is_found() {
    let bends: [(Law, &'static str, Bend); 7] = [
        (Law::Stages, "beside another", |acts| {
            let at = nth(acts, 2, DEPLOYED);
            if let Body::VersionDeployed(body) = &mut acts[at].0.body {
                body.cell = Some(name("eu-1"));
            }
        }),
        (Law::Stages, "beside another", |acts| {
            let at = nth(acts, 2, DEPLOYED);
            if let Body::VersionDeployed(body) = &mut acts[at].0.body {
                body.cell = None;
            }
        }),
        (Law::Deployed, "another's version", |acts| {
            let at = nth(acts, 2, DEPLOYED);
            if let Body::VersionDeployed(body) = &mut acts[at].0.body {
                body.digest = own_version("shop", 1);
            }
        }),
        (Law::Deployed, "another version than its own", |acts| {
            let at = nth(acts, 4, ADVANCED);
            acts[at].0.tenant = None;
        }),
        (Law::Stages, "whom its plan does not", |acts| {
            let at = nth(acts, 4, ADVANCED);
            if let Body::DeploymentAdvanced(body) = &mut acts[at].0.body {
                body.reaches.insert(name("canary"), None);
            }
        }),
        (Law::Rollback, "never ran everywhere", |acts| {
            let at = nth(acts, 0, BACK);
            if let Body::VersionRolledBack(body) = &mut acts[at].0.body {
                body.digest = Some(version(1));
            }
        }),
        (Law::Stages, "not on its way", |acts| {
            let at = nth(acts, 0, BACK);
            acts[at].0.tenant = None;
        }),
    ];
    find(of_tenants, bends);
}

#[test]
fn each_bent_act_is_found() {
    let bends: [(Law, &'static str, Bend); 14] = [
        (Law::Deployed, "never deployed", |acts| {
            acts.remove(nth(acts, 0, DEPLOYED));
        }),
        (Law::Stages, "in the middle", |acts| {
            acts.remove(nth(acts, 0, ADVANCED));
        }),
        (Law::Stages, "leaves a stage out", |acts| {
            acts.remove(nth(acts, 1, ADVANCED));
        }),
        (Law::Stages, "before the stage before has held", |acts| {
            let at = nth(acts, 1, ADVANCED);
            acts[at].0.at = acts[at].0.at.plus_ms(-1);
        }),
        (Law::Stages, "before the stage before has held", |acts| {
            let at = nth(acts, 1, ADVANCED);
            if let Body::DeploymentAdvanced(body) = &mut acts[at].0.body {
                body.requests = Some(9);
            }
        }),
        (Law::Deployed, "another version", |acts| {
            let at = nth(acts, 4, ADVANCED);
            if let Body::DeploymentAdvanced(body) = &mut acts[at].0.body {
                body.digest = version(1);
            }
        }),
        (Law::Stages, "nobody signed", |acts| {
            let at = nth(acts, 4, ADVANCED);
            acts[at].1 = Who::Person;
        }),
        (Law::Stages, "nobody signed", |acts| {
            let at = nth(acts, 4, ADVANCED);
            acts[at].0.why = None;
        }),
        (Law::Stages, "not watched", |acts| {
            let at = nth(acts, 1, COMPLETED);
            acts[at].0.at = acts[at].0.at.plus_ms(-1);
        }),
        (Law::Stages, "beside another", |acts| {
            acts.remove(nth(acts, 0, COMPLETED));
        }),
        (Law::Rollback, "never ran everywhere", |acts| {
            let at = nth(acts, 0, BACK);
            if let Body::VersionRolledBack(body) = &mut acts[at].0.body {
                body.digest = Some(version(3));
            }
        }),
        (Law::Rollback, "leaves a deployment", |acts| {
            let at = nth(acts, 0, BACK);
            if let Body::VersionRolledBack(body) = &mut acts[at].0.body {
                body.deployment = None;
            }
        }),
        (Law::Rollback, "under its lease", |acts| {
            acts.remove(nth(acts, 0, LIFTED));
        }),
        (Law::Rollback, "without a person", |acts| {
            let at = nth(acts, 0, LIFTED);
            acts[at].0.actor = Actor::System {
                id: name("rollout"),
            };
        }),
    ];
    find(history, bends);
}

#[test]
fn each_act_that_reaches_or_leaves_the_wrong_ones_is_found() {
    let bends: [(Law, &'static str, Bend); 5] = [
        (Law::Stages, "whom its plan does not", |acts| {
            let at = nth(acts, 0, ADVANCED);
            if let Body::DeploymentAdvanced(body) = &mut acts[at].0.body {
                body.reaches.insert(name("eu-2"), None);
            }
        }),
        (Law::Stages, "whom its plan does not", |acts| {
            let at = nth(acts, 4, ADVANCED);
            if let Body::DeploymentAdvanced(body) = &mut acts[at].0.body {
                body.stage = 7;
            }
        }),
        (Law::Rollback, "would go back to", |acts| {
            let at = nth(acts, 1, DEPLOYED);
            if let Body::VersionDeployed(body) = &mut acts[at].0.body {
                body.base = None;
            }
        }),
        (Law::Rollback, "from what does not run", |acts| {
            let at = nth(acts, 0, BACK);
            if let Body::VersionRolledBack(body) = &mut acts[at].0.body {
                body.from = version(3);
            }
        }),
        (Law::Rollback, "to what it goes back from", |acts| {
            let at = nth(acts, 0, BACK);
            if let Body::VersionRolledBack(body) = &mut acts[at].0.body {
                (body.from, body.digest) = (version(1), Some(version(1)));
                body.deployment = None;
            }
            acts.retain(|(act, _)| act.subject.id() != "dep-2");
        }),
    ];
    find(history, bends);
}

/// That each is found in the history that it bends, and nothing else is said of it first.
fn find(
    history: fn() -> Vec<(Act, Who)>,
    bends: impl IntoIterator<Item = (Law, &'static str, Bend)>,
) {
    for (number, (law, what, bend)) in bends.into_iter().enumerate() {
        let mut acts = history();
        bend(&mut acts);
        let found = judged(&acts);
        let right = found.is_some_and(|(by, said)| by == law && said.contains(what));
        assert!(right, "{number}: {law:?}, {what:?}, and it said {found:?}");
    }
}

#[test]
fn behind_a_state_it_goes_on_as_if_it_had_seen_all() {
    for acts in [history(), of_tenants()] {
        goes_on_behind_any(&acts);
    }
}

fn goes_on_behind_any(acts: &[(Act, Who)]) {
    for cut in 0..acts.len() {
        let mut state = crate::State::default();
        for (index, (act, _)) in acts[..cut].iter().enumerate() {
            state.apply(act, index as u64);
        }
        let mut judge = Judge::behind(&state);
        for (act, who) in &acts[cut..] {
            assert_eq!(judge.see(act, *who == Who::Signed), Ok(()), "{cut}");
        }
    }
}
