//! A plan: by which stages one version reaches one fleet, cell by cell, drawn from a template. Data, for
//! people to read before it begins and for [`crate::check`] to judge.

use std::collections::{BTreeMap, BTreeSet};

use base::Name;
pub use record::kinds::rollout::Ring;

use crate::sequential::INTERVAL_MS;
use crate::template::{Reach, Step, Template, Trigger};

/// What the first edge is given where the template gives nobody any time.
const FIRST_MS_MIN: u64 = 60_000;
const FIRST_REQUESTS_MIN: u64 = 100;

/// The cells that there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// No two with one name.
    pub cells: Vec<Cell>,
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// What it is called.
    pub name: Name,
    /// Who goes first.
    pub ring: Ring,
    /// How many edges it has, at least one.
    pub edges: u32,
}

/// How far a version may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every cell.
    Fleet,
    /// The cell of the one tenant whose it is.
    Cell(Name),
}

/// By which stages a version reaches its scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Which template it was drawn from.
    pub template: Name,
    /// How far it goes.
    pub scope: Scope,
    /// In their order.
    pub stages: Vec<Stage>,
    /// What sends the version back, at every stage and after the last.
    pub triggers: Vec<Trigger>,
    /// How long it is watched after the last stage.
    pub watch_ms: u64,
    /// Steps of the template that this fleet has nobody for.
    pub left_out: Vec<Reach>,
}

/// One stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Cells that it reaches beside those before.
    pub cells: BTreeSet<Name>,
    /// How much of them.
    pub edges: Edges,
    /// It holds at least so long.
    pub time_ms_min: u64,
    /// The changed edges answered at least so many requests in it.
    pub requests_min: u64,
}

/// How much of a stage's cells is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edges {
    /// One edge of each: the others are what it is compared with.
    One,
    /// All of them.
    All,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPlan {
    /// Nobody would run the version.
    #[error("the fleet has no cell")]
    NoCell,
    /// Nobody knows it.
    #[error("there is no cell \"{0}\"")]
    UnknownCell(Name),
}

impl Fleet {
    /// The cell with this name.
    pub fn cell(&self, name: &Name) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.name == *name)
    }
}

impl Plan {
    /// Draws a plan. The seed (a part of the version's digest) chooses among cells that are as good as each
    /// other, so that not the same ones are always first.
    ///
    /// # Errors
    /// When there is nobody to reach.
    pub fn draw(
        template: &Template,
        fleet: &Fleet,
        scope: Scope,
        seed: u64,
    ) -> Result<Plan, NoPlan> {
        if fleet.cells.is_empty() {
            return Err(NoPlan::NoCell);
        }
        let mut drawing = Drawing {
            plan: Plan {
                template: template.name.clone(),
                scope,
                stages: Vec::new(),
                triggers: template.triggers.clone(),
                watch_ms: template.watch_ms,
                left_out: Vec::new(),
            },
            fleet,
            seed,
        };
        match drawing.plan.scope.clone() {
            Scope::Fleet => drawing.fleet(template),
            Scope::Cell(name) => {
                let cell = fleet.cell(&name).ok_or(NoPlan::UnknownCell(name))?;
                drawing.cell(template, cell);
            }
        }
        Ok(drawing.plan)
    }

    /// How many edges there are for it.
    pub fn edges(&self, fleet: &Fleet) -> u32 {
        let all = fleet.cells.iter().filter(|cell| match &self.scope {
            Scope::Fleet => true,
            Scope::Cell(own) => *own == cell.name,
        });
        all.fold(0, |sum, cell| sum.saturating_add(cell.edges))
    }

    /// How many edges run it after each stage.
    pub fn edges_reached(&self, fleet: &Fleet) -> Vec<u32> {
        // The first stage may be one edge of a cell that another stage has all of.
        let mut reached: BTreeMap<&Name, u32> = BTreeMap::new();
        let stages = self.stages.iter();
        stages
            .map(|stage| {
                for cell in stage.cells.iter().filter_map(|name| fleet.cell(name)) {
                    let edges = match stage.edges {
                        Edges::One => 1,
                        Edges::All => cell.edges,
                    };
                    reached.insert(&cell.name, edges);
                }
                reached
                    .values()
                    .fold(0_u32, |sum, edges| sum.saturating_add(*edges))
            })
            .collect()
    }

    /// How long it takes at least until all are reached, in milliseconds.
    pub fn time_ms_min(&self) -> u64 {
        let before_last = self.stages.len().saturating_sub(1);
        let times = self.stages.iter().take(before_last);
        times.map(|stage| stage.time_ms_min).sum()
    }
}

struct Drawing<'f> {
    plan: Plan,
    fleet: &'f Fleet,
    seed: u64,
}

impl Drawing<'_> {
    fn fleet(&mut self, template: &Template) {
        let mut reached = BTreeSet::new();
        for step in &steps(template) {
            let cells = self.chosen(step.reach, &reached);
            if cells.is_empty() {
                if template.stages.contains(step) && step.reach != Reach::All {
                    self.plan.left_out.push(step.reach);
                }
                continue;
            }
            if reached.is_empty() && self.edges(&cells) > 1 {
                self.first(template, self.smallest(&cells, 1));
            }
            reached.extend(cells.iter().cloned());
            self.stage(cells, Edges::All, (step.time_ms_min, step.requests_min));
        }
    }

    fn cell(&mut self, template: &Template, cell: &Cell) {
        let cells = BTreeSet::from([cell.name.clone()]);
        if cell.edges > 1 {
            self.first(template, cells.clone());
        }
        self.stage(cells, Edges::All, (0, 0));
    }

    /// Nobody runs it yet: one edge is the first, and those beside it are what it is compared with.
    fn first(&mut self, template: &Template, cells: BTreeSet<Name>) {
        self.stage(cells, Edges::One, timed(template));
    }

    fn stage(
        &mut self,
        cells: BTreeSet<Name>,
        edges: Edges,
        (time_ms_min, requests_min): (u64, u64),
    ) {
        self.plan.stages.push(Stage {
            cells,
            edges,
            time_ms_min,
            requests_min,
        });
    }

    /// Whom a step reaches beside those who were reached before.
    fn chosen(&self, reach: Reach, reached: &BTreeSet<Name>) -> BTreeSet<Name> {
        let of = |ring: Option<Ring>| -> BTreeSet<Name> {
            let cells = self.fleet.cells.iter();
            cells
                .filter(|cell| ring.is_none_or(|ring| cell.ring == ring))
                .map(|cell| cell.name.clone())
                .filter(|name| !reached.contains(name))
                .collect()
        };
        match reach {
            Reach::Internal => of(Some(Ring::Internal)),
            Reach::Canary => of(Some(Ring::Canary)),
            Reach::One => self.smallest(&of(Some(Ring::Serving)), 1),
            Reach::Share(percent) => {
                let all = self.fleet.cells.iter();
                let all = all.filter(|cell| cell.ring == Ring::Serving).count();
                let wanted = (all * usize::from(percent)).div_ceil(100);
                let left = of(Some(Ring::Serving));
                let had = all - left.len();
                // One is left for the last stage.
                let more = wanted.saturating_sub(had).min(left.len().saturating_sub(1));
                self.smallest(&left, more)
            }
            Reach::All => of(None),
        }
    }

    /// So many of these cells: those with the fewest edges, and among equals whichever the seed says.
    fn smallest(&self, cells: &BTreeSet<Name>, count: usize) -> BTreeSet<Name> {
        let mut all: Vec<&Cell> = self.fleet.cells.iter().collect();
        all.retain(|cell| cells.contains(&cell.name));
        all.sort_by_key(|cell| (cell.edges, mixed(self.seed, &cell.name), cell.name.clone()));
        all.iter()
            .take(count)
            .map(|cell| cell.name.clone())
            .collect()
    }

    fn edges(&self, cells: &BTreeSet<Name>) -> u32 {
        let all = self.fleet.cells.iter();
        all.filter(|cell| cells.contains(&cell.name))
            .fold(0, |sum, cell| sum.saturating_add(cell.edges))
    }
}

/// The template's steps. Cells that are there to go first do so, whether it names them or not.
fn steps(template: &Template) -> Vec<Step> {
    let (time_ms_min, requests_min) = timed(template);
    let has = |reach| template.stages.iter().any(|step| step.reach == reach);
    let first = [Reach::Internal, Reach::Canary].into_iter();
    let unnamed = first.filter(|reach| !has(*reach)).map(|reach| Step {
        reach,
        time_ms_min,
        requests_min,
    });
    let mut steps: Vec<Step> = unnamed.chain(template.stages.iter().copied()).collect();
    // As far as they are first, their order is theirs; the others' is the template's.
    steps.sort_by_key(|step| match step.reach {
        Reach::Internal => 0,
        Reach::Canary => 1,
        _ => 2,
    });
    steps
}

/// How long, and with how many requests, whoever is first is looked at.
fn timed(template: &Template) -> (u64, u64) {
    let seen = |step: &&Step| step.time_ms_min >= INTERVAL_MS && step.requests_min > 0;
    let timed = template.stages.iter().find(seen);
    timed.map_or((FIRST_MS_MIN, FIRST_REQUESTS_MIN), |step| {
        (step.time_ms_min, step.requests_min)
    })
}

/// A number for a name (FNV-1a), another one for each seed.
pub(crate) fn mixed(seed: u64, name: &Name) -> u64 {
    name.as_str()
        .bytes()
        .fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

#[cfg(test)]
mod tests;
