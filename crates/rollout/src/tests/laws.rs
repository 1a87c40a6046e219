//! Whatever is asked, by whomever, in any order, late, twice: the invariants hold. They are looked up in the
//! acts alone, not in the state that decided them.

use std::collections::BTreeMap;

use base::{Name, Tenant};
use proptest::prelude::*;
use record::command::{
    AdvanceDeployment, CompleteDeployment, DefineCell, FireTrigger, FreezeFleet, LiftLease,
    PauseDeployment, ResumeDeployment, RetireEdge, RollBack, UnfreezeFleet,
};
use record::hash::Hash;
use record::kinds::Body;
use record::kinds::rollout::Ring;

use super::{Who, World, deploying, deploying_own, going_back, name, own_version, version};
use crate::judge::Judge;
use crate::state::{State, name_of};

const TENANTS: [&str; 3] = ["shop", "bank", "blog"];

/// Something that is asked, or happens.
#[derive(Clone, Debug)]
enum Step {
    Deploy(u8),
    DeployOwn(u8, u8),
    /// Out to all, if nothing stands in its way.
    Whole(u8),
    /// Of the deployment that is so many back.
    Advance(u32, u32, u64),
    Pause(bool),
    Fire(u32),
    Complete(u32),
    Back(Option<u8>),
    BackOwn(u8, Option<u8>),
    Lift(u8),
    Freeze(bool),
    Cell(u8),
    Enroll(u8),
    Retire(u8),
    Pass(i64),
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![
        4 => Just(Who::Own),
        2 => Just(Who::Signed),
        2 => Just(Who::Person),
        1 => Just(Who::Hasty),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_u8..6).prop_map(Step::Deploy),
        4 => (1_u8..6).prop_map(Step::Whole),
        4 => (0_u8..3, 1_u8..4).prop_map(|(tenant, number)| Step::DeployOwn(tenant, number)),
        8 => (0_u32..2, 0_u32..4, prop_oneof![Just(0_u64), Just(10)])
            .prop_map(|(back, stage, requests)| Step::Advance(back, stage, requests)),
        1 => any::<bool>().prop_map(Step::Pause),
        2 => (0_u32..2).prop_map(Step::Fire),
        4 => (0_u32..2).prop_map(Step::Complete),
        3 => proptest::option::of(1_u8..6).prop_map(Step::Back),
        2 => (0_u8..3, proptest::option::of(1_u8..4))
            .prop_map(|(tenant, number)| Step::BackOwn(tenant, number)),
        1 => (1_u8..6).prop_map(Step::Lift),
        1 => any::<bool>().prop_map(Step::Freeze),
        1 => (0_u8..3).prop_map(Step::Cell),
        1 => (0_u8..3).prop_map(Step::Enroll),
        1 => (0_u8..8).prop_map(Step::Retire),
        6 => prop_oneof![Just(1_000_i64), Just(60_000), Just(86_400_000)].prop_map(Step::Pass),
    ]
}

/// Whether it happened.
#[expect(clippy::too_many_lines, reason = "a table of what each step asks for")]
fn take(world: &mut World, who: Who, step: &Step) -> bool {
    let number = world.state.deployed;
    let back = |back: u32| name_of(number.saturating_sub(back).max(1));
    let edges = ["c-1", "e-1", "e-2", "f-1", "f-2", "x-0", "x-1", "x-2"];
    let outcome = match step {
        Step::Deploy(number) => world.ask(who, deploying(*number)),
        Step::DeployOwn(tenant, number) => {
            let tenant = TENANTS[usize::from(*tenant)];
            world.ask(who, deploying_own(tenant, *number))
        }
        Step::Whole(number) => {
            if world.ask(Who::Person, deploying(*number)).is_ok() {
                for stage in 1..4 {
                    world.pass(60_000);
                    take(world, Who::Own, &Step::Advance(0, stage, 10));
                }
                world.pass(60_000);
                take(world, Who::Own, &Step::Complete(0));
            }
            return true;
        }
        Step::Advance(which, stage, requests) => {
            let verb = AdvanceDeployment {
                deployment: back(*which),
                requests: Some(*requests),
                stage: *stage,
            };
            world.ask(who, verb)
        }
        Step::Pause(true) => world.ask(
            who,
            PauseDeployment {
                deployment: back(0),
            },
        ),
        Step::Pause(false) => world.ask(
            who,
            ResumeDeployment {
                deployment: back(0),
            },
        ),
        Step::Fire(which) => {
            let verb = FireTrigger {
                bad: 1,
                deployment: back(*which),
                requests: 1,
                trigger: name("errors"),
                unchanged_bad: 0,
                unchanged_requests: 0,
                what: "errors".parse().unwrap(),
            };
            world.ask(who, verb)
        }
        Step::Complete(which) => world.ask(
            who,
            CompleteDeployment {
                deployment: back(*which),
            },
        ),
        Step::Back(number) => {
            let verb = RollBack {
                digest: number.map(version),
                lease_ms: Some(3_600_000),
                ..going_back()
            };
            world.ask(who, verb)
        }
        Step::BackOwn(tenant, number) => {
            let tenant = TENANTS[usize::from(*tenant)];
            let verb = RollBack {
                digest: number.map(|number| own_version(tenant, number)),
                tenant: tenant.parse().ok(),
                lease_ms: Some(3_600_000),
                ..going_back()
            };
            world.ask(who, verb)
        }
        Step::Lift(number) => world.ask(
            who,
            LiftLease {
                digest: version(*number),
            },
        ),
        Step::Freeze(true) => world.ask(who, FreezeFleet {}),
        Step::Freeze(false) => world.ask(who, UnfreezeFleet {}),
        Step::Cell(number) => {
            let cell = name(&format!("x{number}"));
            let ring = Ring::Serving;
            world.ask(who, DefineCell { cell, ring })
        }
        Step::Enroll(number) => {
            if world.state.cells.contains_key(&name(&format!("x{number}"))) {
                world.enroll(&format!("x-{number}"), &format!("x{number}"));
            }
            return true;
        }
        Step::Retire(number) => {
            let edge = name(edges[usize::from(*number)]);
            world.ask(who, RetireEdge { edge })
        }
        Step::Pass(ms) => {
            world.pass(*ms);
            return true;
        }
    };
    outcome.is_ok()
}

/// What every edge is told, by the acts alone: of the fleet's version, and of each tenant's own.
fn told(world: &World, cell: &Name, edge: &Name) -> Vec<(Option<Tenant>, Option<Hash>, u64)> {
    let mut told = BTreeMap::new();
    for (index, (act, _)) in (0_u64..).zip(&world.acts) {
        if let Some((tenant, digest)) = record::fleet::tells(act, cell, edge) {
            told.insert(tenant.cloned(), (digest, index));
        }
    }
    let told = told.into_iter();
    let mut told: Vec<_> = told
        .map(|(tenant, (digest, index))| (tenant, digest, index))
        .collect();
    told.sort_by_key(|(_, _, index)| *index);
    told
}

fn holds(world: &mut World, judge: &mut Judge, seen: &mut usize) {
    for (act, who) in world.acts.get(*seen..).unwrap_or_default() {
        let judged = judge.see(act, *who == Who::Signed);
        assert_eq!(judged, Ok(()), "{act:?}");
        if let Body::DeploymentAdvanced(body) = &act.body
            && body.stage == 0
        {
            let whole = body.reaches.iter().filter(|(_, one)| one.is_none());
            let some = |cell: &Name| world.state.edges_of(cell).next().is_some();
            let cells = whole.filter(|(cell, _)| some(cell)).count();
            assert!(cells <= 1, "more than one is the first");
        }
    }
    *seen = world.acts.len();
    assert_eq!(world.state.fleet.current, judge.current(None));
    for (tenant, track) in &world.state.tenants {
        assert_eq!(track.current, judge.current(Some(tenant)), "{tenant}");
    }
    for (edge, known) in &world.state.edges {
        let orders = world.state.orders_of(edge, None);
        let orders: Vec<_> = orders
            .into_iter()
            .map(|(tenant, order)| (tenant.cloned(), order.digest, order.index))
            .collect();
        // An edge that believes the newest acts that name it does what the state says.
        assert_eq!(orders, told(world, &known.cell, edge), "{edge}");
        let newest = world.state.newest_for(edge);
        assert!(newest >= orders.last().map(|(_, _, index)| *index));
        if let Some((_, _, middle)) = orders.get(orders.len() / 2) {
            let behind = world.state.orders_of(edge, Some(*middle));
            assert_eq!(behind.len(), orders.len() - orders.len() / 2 - 1);
        }
    }
    // Invariant 6: going back is possible whenever something was fully deployed before.
    for (number, tenant) in world
        .state
        .in_progress()
        .map(|(number, it)| (number, it.tenant.clone()))
        .collect::<Vec<_>>()
    {
        let (acts, now) = (world.acts.clone(), world.now);
        let mut other = World {
            state: world.state.clone(),
            acts,
            now,
        };
        let back = RollBack {
            tenant,
            ..going_back()
        };
        assert!(other.ask(Who::Hasty, back).is_ok(), "no way back");
        assert!(other.state.in_progress().all(|(left, _)| left != number));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_holds_the_invariants(steps in proptest::collection::vec((who(), step()), 1..80)) {
        let mut world = World::new();
        let (mut judge, mut seen) = (Judge::default(), 0);
        for (who, step) in &steps {
            let enrolls = matches!(step, Step::Enroll(_) | Step::Pass(_) | Step::Whole(_));
            let happened = take(&mut world, *who, step);
            holds(&mut world, &mut judge, &mut seen);
            // The same once more: happens only where it is another thing by now.
            let again = *who == Who::Own && happened && !enrolls;
            if again && !matches!(step, Step::Back(_) | Step::BackOwn(..) | Step::Deploy(_) | Step::DeployOwn(..)) {
                prop_assert!(!take(&mut world, *who, step), "{step:?} twice");
            }
            holds(&mut world, &mut judge, &mut seen);
        }
        // Invariant 2: the fold alone gives the same.
        let mut again = State::default();
        for (index, (act, _)) in world.acts.iter().enumerate() {
            again.apply(act, index as u64);
        }
        prop_assert_eq!(&again, &world.state);
    }
}
