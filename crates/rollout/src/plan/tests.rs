//! Plans as they are drawn for fleets of different shapes.

use super::{Cell, Edges, Fleet, NoPlan, Plan, Ring, Scope};
use crate::template::{Reach, Template};

pub(crate) fn cell(name: &str, ring: Ring, edges: u32) -> Cell {
    Cell {
        name: name.parse().unwrap(),
        ring,
        edges,
    }
}

pub(crate) fn fleet() -> Fleet {
    let mut cells = vec![
        cell("office", Ring::Internal, 1),
        cell("friends", Ring::Canary, 2),
    ];
    let serving = (1..=8).map(|number| cell(&format!("eu-{number}"), Ring::Serving, number));
    cells.extend(serving);
    Fleet { cells }
}

/// Each stage as its cells, with a `+` where one edge of it is meant.
fn drawn(plan: &Plan) -> Vec<String> {
    let stages = plan.stages.iter();
    stages
        .map(|stage| {
            let cells: Vec<&str> = stage.cells.iter().map(|name| name.as_str()).collect();
            let one = if stage.edges == Edges::One { "+" } else { "" };
            format!("{one}{}", cells.join(" "))
        })
        .collect()
}

fn draw(fleet: &Fleet, scope: Scope) -> Plan {
    Plan::draw(&Template::careful(), fleet, scope, 7).unwrap()
}

#[test]
fn a_version_goes_from_the_few_to_all() {
    let plan = draw(&fleet(), Scope::Fleet);
    assert_eq!(
        drawn(&plan),
        [
            "office",
            "friends",
            "eu-1",
            "eu-2",
            "eu-3 eu-4 eu-5 eu-6 eu-7 eu-8"
        ]
    );
    assert_eq!(plan.left_out, []);
    assert_eq!(plan.time_ms_min(), 60_000 + 3 * 300_000);
}

#[test]
fn one_edge_is_the_first_where_nobody_is_there_for_that() {
    let mut fleet = fleet();
    fleet
        .cells
        .retain(|cell| cell.ring == Ring::Serving && cell.edges > 2);
    let plan = draw(&fleet, Scope::Fleet);
    assert_eq!(
        drawn(&plan),
        ["+eu-3", "eu-3", "eu-4", "eu-5 eu-6 eu-7 eu-8"]
    );
    assert_eq!(plan.left_out, [Reach::Internal, Reach::Canary]);
    assert_eq!(plan.stages[0].time_ms_min, 60_000);
}

#[test]
fn a_fleet_of_one_cell_is_reached_edge_first() {
    let one = |edges| Fleet {
        cells: vec![cell("all", Ring::Serving, edges)],
    };
    assert_eq!(drawn(&draw(&one(3), Scope::Fleet)), ["+all", "all"]);
    // With one edge there is nothing to compare with, and nothing to go first.
    assert_eq!(drawn(&draw(&one(1), Scope::Fleet)), ["all"]);
}

#[test]
fn a_tenants_version_stays_in_its_cell() {
    let scope = Scope::Cell("eu-3".parse().unwrap());
    assert_eq!(drawn(&draw(&fleet(), scope)), ["+eu-3", "eu-3"]);
    let scope = Scope::Cell("eu-1".parse().unwrap());
    assert_eq!(drawn(&draw(&fleet(), scope)), ["eu-1"]);
}

#[test]
fn among_equals_the_seed_chooses() {
    let cells = (0..10).map(|number| cell(&format!("c{number}"), Ring::Serving, 1));
    let fleet = Fleet {
        cells: cells.collect(),
    };
    let first = |seed| {
        let plan = Plan::draw(&Template::careful(), &fleet, Scope::Fleet, seed).unwrap();
        plan.stages[0].cells.clone()
    };
    assert_eq!(first(1), first(1));
    assert!((0..20).any(|seed| first(seed) != first(1)));
}

#[test]
fn nobody_to_reach_is_no_plan() {
    let template = Template::careful();
    let empty = Fleet { cells: Vec::new() };
    let drawn = Plan::draw(&template, &empty, Scope::Fleet, 0);
    assert_eq!(drawn, Err(NoPlan::NoCell));
    let name: base::Name = "mars".parse().unwrap();
    let drawn = Plan::draw(&template, &fleet(), Scope::Cell(name.clone()), 0);
    assert_eq!(drawn, Err(NoPlan::UnknownCell(name)));
}
