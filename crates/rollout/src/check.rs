//! Whether a plan is sound, whoever drew it: written apart from what draws plans, from the rules and not
//! from the code. It is asked before a rollout begins, and by the auditor of whatever is under way.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use base::Name;

use crate::plan::{Edges, Fleet, Plan, Scope, Stage};
use crate::sequential::INTERVAL_MS;
use crate::template::WATCH_MS_MIN;

/// What a version changes of what it replaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Whom something is refused, whose certificate counts, or where requests go: limits, bans,
    /// certificates, routes.
    pub decides: bool,
}

/// What is wrong with a plan. Stages are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flaw {
    /// It reaches nobody.
    NoStage,
    /// A stage names a cell that there is not.
    UnknownCell(usize, Name),
    /// A stage names a cell that is not the version's.
    OutOfScope(usize, Name),
    /// A stage reaches nobody who was not reached before.
    NobodyNew(usize),
    /// A cell is reached again after all of it was.
    ReachedTwice(usize, Name),
    /// Somebody is never reached.
    NeverReached(Name),
    /// More than one edge is the first to run it.
    FirstTooWide(u32),
    /// A cell runs it, and those that are there to go first don't yet.
    OutOfOrder(usize, Name),
    /// A stage before the last can be passed before anything is measured in it.
    Unseen(usize),
    /// Nothing sends it back, and it decides whom something is refused or where requests go.
    NoTrigger,
    /// A trigger that nothing makes fire: it compares, and there is nobody to compare with.
    NeverFires(Name),
    /// It is watched for less than a minute after the last stage.
    Unwatched,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::NoStage => write!(f, "there is no stage"),
            Flaw::UnknownCell(stage, name) => {
                write!(f, "stage {stage}: there is no cell \"{name}\"")
            }
            Flaw::OutOfScope(stage, name) => {
                write!(f, "stage {stage}: cell \"{name}\" is not the version's")
            }
            Flaw::NobodyNew(stage) => write!(f, "stage {stage} reaches nobody new"),
            Flaw::ReachedTwice(stage, name) => {
                write!(f, "stage {stage} reaches cell \"{name}\" again")
            }
            Flaw::NeverReached(name) => write!(f, "cell \"{name}\" is never reached"),
            Flaw::FirstTooWide(edges) => {
                write!(
                    f,
                    "{edges} edges are the first to run it, and one is enough"
                )
            }
            Flaw::OutOfOrder(stage, name) => {
                write!(
                    f,
                    "stage {stage}: cell \"{name}\" comes before those that are to go first"
                )
            }
            Flaw::Unseen(stage) => {
                write!(
                    f,
                    "stage {stage} can be passed before anything is measured in it"
                )
            }
            Flaw::NoTrigger => write!(
                f,
                "nothing sends it back, and it changes limits, bans, certificates or routes"
            ),
            Flaw::NeverFires(name) => write!(f, "nothing makes the trigger \"{name}\" fire"),
            Flaw::Unwatched => write!(
                f,
                "it is watched for less than a minute after the last stage"
            ),
        }
    }
}

/// Everything that is wrong with a plan; nothing: it is sound.
pub fn check(plan: &Plan, fleet: &Fleet, change: Change) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    if plan.stages.is_empty() {
        flaws.push(Flaw::NoStage);
    }
    reaches(plan, fleet, &mut flaws);
    first(plan, fleet, &mut flaws);
    order(plan, fleet, &mut flaws);
    let before_last = plan.stages.len().saturating_sub(1);
    for (stage, number) in plan.stages.iter().take(before_last).zip(1..) {
        if stage.time_ms_min < INTERVAL_MS || stage.requests_min == 0 {
            flaws.push(Flaw::Unseen(number));
        }
    }
    if change.decides && plan.triggers.is_empty() {
        flaws.push(Flaw::NoTrigger);
    }
    let compares = compares(plan, fleet);
    for trigger in &plan.triggers {
        if !(trigger.compare && compares) && trigger.most_ppm.is_none_or(|most| most >= 1_000_000) {
            flaws.push(Flaw::NeverFires(trigger.name.clone()));
        }
    }
    if plan.watch_ms < WATCH_MS_MIN {
        flaws.push(Flaw::Unwatched);
    }
    flaws
}

/// Whether the first stage leaves an edge that can be compared with.
fn compares(plan: &Plan, fleet: &Fleet) -> bool {
    let edges = |name: &Name| fleet.cell(name).map_or(0, |cell| cell.edges);
    let all: u32 = match &plan.scope {
        Scope::Fleet => fleet
            .cells
            .iter()
            .fold(0, |sum, cell| sum.saturating_add(cell.edges)),
        Scope::Cell(own) => edges(own),
    };
    all > plan.stages.first().map_or(0, |stage| reached(stage, fleet))
}

/// How many edges a stage reaches.
fn reached(stage: &Stage, fleet: &Fleet) -> u32 {
    let cells = stage.cells.iter().filter_map(|name| fleet.cell(name));
    cells.fold(0, |sum, cell| {
        sum.saturating_add(match stage.edges {
            Edges::One => 1,
            Edges::All => cell.edges,
        })
    })
}

/// Who is reached: everybody that it is for, each once, nobody else.
fn reaches(plan: &Plan, fleet: &Fleet, flaws: &mut Vec<Flaw>) {
    let is_for = |name: &Name| match &plan.scope {
        Scope::Fleet => true,
        Scope::Cell(own) => own == name,
    };
    let mut reached: BTreeMap<&Name, Edges> = BTreeMap::new();
    for (stage, number) in plan.stages.iter().zip(1..) {
        let mut somebody = false;
        for name in &stage.cells {
            if fleet.cell(name).is_none() {
                flaws.push(Flaw::UnknownCell(number, name.clone()));
                continue;
            }
            if !is_for(name) {
                flaws.push(Flaw::OutOfScope(number, name.clone()));
            }
            match (reached.get(name), stage.edges) {
                (None, edges) => {
                    reached.insert(name, edges);
                    somebody = true;
                }
                (Some(Edges::One), Edges::All) => {
                    reached.insert(name, Edges::All);
                    somebody = true;
                }
                (Some(_), _) => flaws.push(Flaw::ReachedTwice(number, name.clone())),
            }
        }
        if !somebody {
            flaws.push(Flaw::NobodyNew(number));
        }
    }
    for cell in fleet.cells.iter().filter(|cell| is_for(&cell.name)) {
        let all = match reached.get(&cell.name) {
            Some(Edges::All) => true,
            Some(Edges::One) => cell.edges <= 1,
            None => false,
        };
        if !all {
            flaws.push(Flaw::NeverReached(cell.name.clone()));
        }
    }
}

/// How many edges run it first.
fn first(plan: &Plan, fleet: &Fleet, flaws: &mut Vec<Flaw>) {
    let Some(stage) = plan.stages.first() else {
        return;
    };
    match reached(stage, fleet) {
        0 | 1 => {}
        edges => flaws.push(Flaw::FirstTooWide(edges)),
    }
}

/// Whether those go first who are there for that: all of them before anybody else.
fn order(plan: &Plan, fleet: &Fleet, flaws: &mut Vec<Flaw>) {
    if plan.scope != Scope::Fleet {
        return;
    }
    let ring = |name: &Name| fleet.cell(name).map(|cell| cell.ring);
    let mut waiting: BTreeSet<&Name> = fleet.cells.iter().map(|cell| &cell.name).collect();
    for (stage, number) in plan.stages.iter().zip(1..) {
        let first = waiting.iter().filter_map(|name| ring(name)).min();
        for name in &stage.cells {
            if first.is_some() && first < ring(name) {
                flaws.push(Flaw::OutOfOrder(number, name.clone()));
            }
        }
        if stage.edges == Edges::All {
            waiting.retain(|name| !stage.cells.contains(*name));
        }
    }
}

#[cfg(test)]
mod tests;
