//! The least protocol that a cell's edges take: nobody can have them agree on less, also who answers in control's
//! place.

use base::Name;
use record::act::Subject;
use record::command::SetCellFloor;
use record::fleet::{FIRST_PROTOCOL, PROTOCOL, PROTOCOL_OF_EPOCHS};
use record::kinds::rollout::CellFloorSet;
use record::refusal::{Draft, out_of_range, wrong_state};
use serde::{Deserialize, Serialize};

use crate::decide::{Asked, Decision, known_cell, needs_reason, person};
use crate::state::State;

/// What a cell takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floor {
    /// The act that says so.
    pub index: u64,
    /// The least.
    pub protocol: u32,
}

impl State {
    /// The acts that tell this edge something else than what to run, as far as that protocol has them.
    pub fn beside_orders(&self, edge: &Name, protocol: u32) -> impl Iterator<Item = u64> {
        let cell = self.edges.get(edge).map(|edge| &edge.cell);
        let floor = cell.and_then(|cell| self.floors.get(cell));
        let later = self.root.indexes().chain(floor.map(|floor| floor.index));
        let later = later.filter(move |_| protocol >= PROTOCOL_OF_EPOCHS);
        self.break_glass.index().into_iter().chain(later)
    }

    /// The least protocol that this cell's edges take.
    pub fn floor(&self, cell: &Name) -> u32 {
        let floor = self.floors.get(cell);
        floor.map_or(FIRST_PROTOCOL, |floor| floor.protocol)
    }
}

pub(crate) fn set(state: &State, verb: &SetCellFloor, asked: &Asked<'_>) -> Decision {
    person(asked, "says which protocol a cell takes")?;
    needs_reason(asked, "another floor")?;
    known_cell(state, &verb.cell)?;
    if !(FIRST_PROTOCOL..=PROTOCOL).contains(&verb.protocol) {
        return out_of_range(format!(
            "protocol is {FIRST_PROTOCOL} to {PROTOCOL}: no edge of this release speaks another"
        ));
    }
    if state.floor(&verb.cell) == verb.protocol {
        let (cell, protocol) = (&verb.cell, verb.protocol);
        return wrong_state(format!("{cell} takes no less than {protocol} already"));
    }
    let body = CellFloorSet {
        protocol: verb.protocol,
    };
    Ok(vec![Draft::new(Subject::Cell(verb.cell.clone()), body)])
}
