//! Nothing is found in what the planner draws, and something in each plan that is broken.

use std::collections::BTreeSet;

use base::Name;
use proptest::prelude::*;

use super::{Change, Flaw, check};
use crate::plan::{Cell, Edges, Fleet, Plan, Ring, Scope, Stage};
use crate::sequential::INTERVAL_MS;
use crate::template::{Reach, Step, Template};

const DECIDES: Change = Change { decides: true };

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn fleet() -> Fleet {
    let cell = |text: &str, ring, edges| Cell {
        name: name(text),
        ring,
        edges,
    };
    Fleet {
        cells: vec![
            cell("office", Ring::Internal, 1),
            cell("friends", Ring::Canary, 2),
            cell("eu-1", Ring::Serving, 2),
            cell("eu-2", Ring::Serving, 3),
            cell("eu-3", Ring::Serving, 3),
        ],
    }
}

fn sound() -> Plan {
    Plan::draw(&Template::careful(), &fleet(), Scope::Fleet, 1).unwrap()
}

fn stage(cells: &[&str], edges: Edges) -> Stage {
    Stage {
        cells: cells.iter().map(|text| name(text)).collect(),
        edges,
        time_ms_min: INTERVAL_MS,
        requests_min: 1,
    }
}

/// What is found in the sound plan after it was broken.
fn found(break_it: impl FnOnce(&mut Plan)) -> Vec<Flaw> {
    let mut plan = sound();
    break_it(&mut plan);
    check(&plan, &fleet(), DECIDES)
}

#[test]
fn each_way_to_break_a_plan_is_found() {
    assert_eq!(found(|_| ()), []);
    let everybody = ["office", "friends", "eu-1", "eu-2", "eu-3"];
    let has = |flaws: Vec<Flaw>, flaw: Flaw| assert!(flaws.contains(&flaw), "{flaw}: {flaws:?}");

    has(found(|plan| plan.stages.clear()), Flaw::NoStage);
    has(
        found(|plan| plan.stages.clear()),
        Flaw::NeverReached(name("eu-1")),
    );
    has(
        found(|plan| plan.stages = vec![stage(&everybody, Edges::All)]),
        Flaw::FirstTooWide(11),
    );
    has(
        found(|plan| plan.stages.swap(0, 1)),
        Flaw::OutOfOrder(1, name("friends")),
    );
    has(
        found(|plan| plan.stages.swap(1, 2)),
        Flaw::OutOfOrder(2, name("eu-1")),
    );
    has(
        found(|plan| {
            plan.stages.pop();
        }),
        Flaw::NeverReached(name("eu-3")),
    );
    has(
        found(|plan| plan.stages.push(stage(&["eu-2"], Edges::All))),
        Flaw::ReachedTwice(5, name("eu-2")),
    );
    has(
        found(|plan| plan.stages.push(stage(&["eu-2"], Edges::One))),
        Flaw::NobodyNew(5),
    );
    has(
        found(|plan| plan.stages.push(stage(&["mars"], Edges::All))),
        Flaw::UnknownCell(5, name("mars")),
    );
    has(
        found(|plan| plan.stages[1].time_ms_min = INTERVAL_MS - 1),
        Flaw::Unseen(2),
    );
    has(
        found(|plan| plan.stages[2].requests_min = 0),
        Flaw::Unseen(3),
    );
    has(found(|plan| plan.triggers.clear()), Flaw::NoTrigger);
    has(
        found(|plan| {
            plan.triggers[0].compare = false;
            plan.triggers[0].most_ppm = None;
        }),
        Flaw::NeverFires(name("errors")),
    );
    has(found(|plan| plan.watch_ms = 0), Flaw::Unwatched);
    has(
        found(|plan| plan.scope = Scope::Cell(name("eu-1"))),
        Flaw::OutOfScope(1, name("office")),
    );
    has(
        found(|plan| plan.stages[3].edges = Edges::One),
        Flaw::NeverReached(name("eu-3")),
    );
}

#[test]
fn a_comparison_needs_somebody_to_compare_with() {
    let mut fleet = fleet();
    fleet.cells.truncate(1);
    let mut plan = Plan::draw(&Template::careful(), &fleet, Scope::Fleet, 1).unwrap();
    assert_eq!(check(&plan, &fleet, DECIDES), []);
    plan.triggers[0].most_ppm = None;
    let never = Flaw::NeverFires(name("errors"));
    assert_eq!(check(&plan, &fleet, DECIDES), [never]);
}

#[test]
fn what_decides_nothing_needs_no_trigger() {
    let mut plan = sound();
    plan.triggers.clear();
    assert_eq!(check(&plan, &fleet(), Change::default()), []);
    assert_eq!(check(&plan, &fleet(), DECIDES), [Flaw::NoTrigger]);
}

fn fleets() -> impl Strategy<Value = Fleet> {
    let ring = prop_oneof![
        1 => Just(Ring::Internal),
        1 => Just(Ring::Canary),
        6 => Just(Ring::Serving)
    ];
    proptest::collection::vec((ring, 1_u32..6), 1..40).prop_map(|cells| Fleet {
        cells: cells
            .into_iter()
            .enumerate()
            .map(|(number, (ring, edges))| Cell {
                name: name(&format!("c{number}")),
                ring,
                edges,
            })
            .collect(),
    })
}

fn templates() -> impl Strategy<Value = Template> {
    let chosen = proptest::collection::vec(any::<bool>(), 3);
    let shares = proptest::collection::btree_set(1_u8..100, 0..5);
    let last_ms = prop_oneof![Just(0), Just(60_000_u64)];
    (chosen, shares, last_ms).prop_map(|(chosen, shares, last_ms)| {
        let step = |reach| Step {
            reach,
            time_ms_min: INTERVAL_MS,
            requests_min: 1,
        };
        let few = [Reach::Internal, Reach::Canary, Reach::One];
        let few = few.into_iter().zip(chosen).filter(|(_, chosen)| *chosen);
        let few = few.map(|(reach, _)| step(reach));
        let shares = shares
            .into_iter()
            .map(|percent| step(Reach::Share(percent)));
        let mut stages: Vec<Step> = few.chain(shares).collect();
        stages.push(Step {
            reach: Reach::All,
            time_ms_min: last_ms,
            requests_min: 0,
        });
        Template {
            stages,
            ..Template::careful()
        }
    })
}

proptest! {
    #[test]
    fn nothing_is_found_in_what_the_planner_draws(template in templates(), fleet in fleets(), seed: u64, place: prop::sample::Index) {
        let plan = Plan::draw(&template, &fleet, Scope::Fleet, seed).unwrap();
        prop_assert_eq!(check(&plan, &fleet, DECIDES), []);
        let own = fleet.cells[place.index(fleet.cells.len())].name.clone();
        let plan = Plan::draw(&template, &fleet, Scope::Cell(own), seed).unwrap();
        prop_assert_eq!(check(&plan, &fleet, DECIDES), []);
    }

    #[test]
    fn a_stage_less_or_twice_is_found(template in templates(), fleet in fleets(), seed: u64, place: prop::sample::Index) {
        let plan = Plan::draw(&template, &fleet, Scope::Fleet, seed).unwrap();
        let place = place.index(plan.stages.len());
        let mut broken = plan.clone();
        let gone = broken.stages.remove(place);
        let reached: BTreeSet<&Name> = broken.stages.iter().flat_map(|stage| &stage.cells).collect();
        let flaws = check(&broken, &fleet, DECIDES);
        for name in gone.cells.iter().filter(|name| !reached.contains(name)) {
            prop_assert!(flaws.contains(&Flaw::NeverReached(name.clone())), "{:?}", flaws);
        }
        if gone.edges == Edges::One {
            let wide = |flaw: &Flaw| matches!(flaw, Flaw::FirstTooWide(_));
            prop_assert!(flaws.iter().any(wide), "{:?}", flaws);
        }
        let mut twice = plan.clone();
        twice.stages.insert(place, plan.stages[place].clone());
        prop_assert!(!check(&twice, &fleet, DECIDES).is_empty());
    }
}
