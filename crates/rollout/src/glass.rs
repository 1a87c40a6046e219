//! Break-glass: whose notes edges believe when control is gone, and what stands on the record of those that
//! were used.

use base::{Name, Timestamp};
use record::act::Subject;
use record::break_glass::BreakGlass;
use record::command::ReportBreakGlass;
use record::kinds::rollout::{BreakGlassKeySet, BreakGlassUsed, CellSupplied};
use record::note::VerifierKey;
use record::refusal::{Draft, Refusal, out_of_range, wrong_state};
use record::statement::Statement as _;
use serde::{Deserialize, Serialize};

use crate::decide::{
    Asked, Decision, fleet, known_cell, needs_reason, not_found, not_under_way, own, person,
    sound_key,
};
use crate::state::State;

/// So many keys are remembered: what was signed by one may be heard of when it was changed already.
const KEYS_KEPT: usize = 16;

/// The break-glass keys there were, the newest last; none: nobody's notes are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// Each with the place of the act that set it.
    set: Vec<(u64, Option<Box<str>>)>,
}

impl Keys {
    pub(crate) fn set(&mut self, index: u64, set: &BreakGlassKeySet) {
        self.set.push((index, set.vkey.clone()));
        let many = self.set.len().saturating_sub(KEYS_KEPT);
        self.set.drain(..many);
    }

    /// The act that says whose notes are believed now, if one ever did.
    pub fn index(&self) -> Option<u64> {
        self.set.last().map(|(index, _)| *index)
    }

    /// Whose notes are believed now.
    pub fn vkey(&self) -> Option<&str> {
        self.set.last()?.1.as_deref()
    }

    /// What that note says, if one of these keys signed it, and the act that named that key.
    pub(crate) fn open(&self, note: &str) -> Option<(u64, BreakGlass)> {
        let keys = self.set.iter().rev();
        let mut keys = keys.filter_map(|(index, vkey)| {
            let key = vkey.as_deref()?.parse::<VerifierKey>().ok()?;
            Some((*index, key))
        });
        keys.find_map(|(index, key)| {
            let said = BreakGlass::open(note.as_bytes(), &key).ok()?;
            Some((index, said))
        })
    }
}

/// The last note that an edge is known to have used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// The act that named the key that signed it. Each key has counters of its own.
    pub key: u64,
    /// As in the note.
    pub counter: u64,
    /// Since when that is on the record.
    pub at: Timestamp,
}

impl Used {
    /// Whether a note by that key with that counter is this one, or an earlier one.
    pub fn has(&self, key: u64, counter: u64) -> bool {
        (key, counter) <= (self.key, self.counter)
    }
}

impl State {
    /// Whether the record has that this edge used that note, or a later one.
    pub fn has_note_of(&self, edge: &Name, note: &str) -> bool {
        let used = self.edges.get(edge).and_then(|edge| edge.break_glass);
        let signed_by = self.break_glass.open(note);
        let both = used.zip(signed_by);
        both.is_some_and(|(used, (key, said))| used.has(key, said.counter))
    }
}

pub(crate) fn set_key(state: &State, vkey: Option<&str>, asked: &Asked<'_>) -> Decision {
    person(asked, "says whose break-glass notes are believed")?;
    needs_reason(asked, "another break-glass key")?;
    if state.break_glass.vkey() == vkey {
        return wrong_state(match vkey {
            Some(_) => "notes of this key are believed already".to_owned(),
            None => "nobody's break-glass notes are believed already".to_owned(),
        });
    }
    if vkey.is_some_and(|vkey| sound_key(vkey).is_none()) {
        return out_of_range("vkey is not an Ed25519 verifier key (C2SP signed-note)".to_owned());
    }
    let vkey = vkey.map(Into::into);
    Ok(fleet(BreakGlassKeySet { vkey }))
}

/// It happened already: what is kept is that the note is one, and which version it names. Whether that was one
/// to go back to is judged by whoever reads the record ([`crate::judge`]).
pub(crate) fn report(state: &State, verb: &ReportBreakGlass, asked: &Asked<'_>) -> Decision {
    own(asked, "keeps which break-glass notes were used")?;
    let Some(edge) = state.edges.get(&verb.edge) else {
        return not_found(format!("there is no edge {}", verb.edge));
    };
    let (key, said) = believed(state, &verb.note, &edge.cell)?;
    if edge
        .break_glass
        .is_some_and(|used| used.has(key, said.counter))
    {
        return wrong_state(format!(
            "{} used note {} already, by the record, or a later one",
            verb.edge, said.counter
        ));
    }
    let body = BreakGlassUsed {
        counter: said.counter,
        digest: said.digest,
        from: verb.from,
        note: verb.note.clone(),
        used_at: verb.used_at,
    };
    Ok(vec![Draft::new(Subject::Edge(verb.edge.clone()), body)])
}

/// A cell's edges run what all run again, whatever notes they went back by: it is said anew.
pub(crate) fn end(state: &State, cell: &Name, asked: &Asked<'_>) -> Decision {
    person(asked, "ends what a break-glass note began")?;
    needs_reason(asked, "ending what a break-glass note began")?;
    known_cell(state, cell)?;
    let mut edges = state.edges.values().filter(|edge| edge.cell == *cell);
    if !edges.any(|edge| edge.break_glass.is_some()) {
        return wrong_state(format!("no edge of {cell} ever went back by a note"));
    }
    not_under_way(state, Some(cell), "what all run is not settled")?;
    let Some(digest) = state.fleet.current else {
        return wrong_state("no version was fully deployed yet".to_owned());
    };
    let subject = Subject::Cell(cell.clone());
    Ok(vec![Draft::new(subject, CellSupplied { digest })])
}

fn believed(state: &State, note: &str, cell: &Name) -> Result<(u64, BreakGlass), Refusal> {
    match state.break_glass.open(note) {
        Some((key, said)) if said.cell == *cell => Ok((key, said)),
        Some((_, said)) => out_of_range(format!("the note is for {}", said.cell)),
        None => out_of_range("no break-glass key signed this note".to_owned()),
    }
}
