//! The plan by which a version would go out now, and whom each of its stages reaches.

use std::collections::BTreeMap;

use base::Name;
use record::command::DeployVersion;
use record::hash::Hash;
use record::kinds::rollout::{Part, PlanDrawn};
use record::refusal::{Reason, Refusal, out_of_range};

use crate::check::{Change, check};
use crate::plan::{Plan, Scope, mixed};
use crate::state::State;
use crate::template::Template;

/// The plan by which this would go out now.
///
/// # Errors
/// When there is none, or a template is wrong.
pub fn draw(state: &State, verb: &DeployVersion) -> Result<Plan, Refusal> {
    let template = match &verb.template {
        None => Template::careful(),
        Some(text) => Template::parse(text).map_err(|wrong| {
            let lines: Vec<String> = wrong.iter().map(|wrong| wrong.at("template")).collect();
            Refusal::new(Reason::OutOfRange, lines.join("; "))
        })?,
    };
    let fleet = state.fleet();
    let scope = match &verb.cell {
        Some(cell) => Scope::Cell(cell.clone()),
        None => Scope::Fleet,
    };
    let plan = Plan::draw(&template, &fleet, scope, seed(&verb.digest)).map_err(|none| {
        Refusal::new(
            Reason::WrongState,
            format!("{none} with an edge: hereby edge invite"),
        )
    })?;
    let decides = [Part::Limits, Part::Bans, Part::Certificates, Part::Routes];
    let change = Change {
        decides: decides.iter().any(|part| verb.changes.contains(part)),
    };
    let flaws = check(&plan, &fleet, change);
    if flaws.is_empty() {
        return Ok(plan);
    }
    let lines: Vec<String> = flaws.iter().map(ToString::to_string).collect();
    out_of_range(format!("no sound plan: {}", lines.join("; ")))
}

fn seed(digest: &Hash) -> u64 {
    let (first, _) = digest.0.split_first_chunk().expect("32 bytes begin with 8");
    u64::from_be_bytes(*first)
}

/// Whom a stage reaches. The last one of a version that goes to all cells reaches those without edges as
/// well: who enrolls there later finds what all run.
pub(crate) fn reaches(
    state: &State,
    plan: &PlanDrawn,
    stage: usize,
    (digest, cell): (&Hash, Option<&Name>),
) -> BTreeMap<Name, Option<Name>> {
    let Some(drawn) = plan.stages.get(stage) else {
        return BTreeMap::new();
    };
    let seed = seed(digest);
    let first = |cell: &Name| {
        let edges = state.edges_of(cell);
        edges
            .min_by_key(|edge| (mixed(seed, edge), (*edge).clone()))
            .cloned()
    };
    let cells = drawn.cells.iter();
    let mut reached: BTreeMap<Name, Option<Name>> = cells
        .map(|cell| (cell.clone(), first(cell).filter(|_| drawn.one)))
        .collect();
    if cell.is_none() && stage + 1 == plan.stages.len() {
        let named = |cell: &&Name| plan.stages.iter().any(|stage| stage.cells.contains(*cell));
        let rest = state.cells.keys().filter(|cell| !named(cell));
        reached.extend(rest.map(|cell| (cell.clone(), None)));
    }
    reached
}
