//! Break-glass: whose notes edges believe when control is gone, and what stands on the record of those that
//! were used.

use base::Name;
use record::act::Subject;
use record::author::is_sound_key;
use record::break_glass::BreakGlass;
use record::command::ReportBreakGlass;
use record::kinds::rollout::{BreakGlassKeySet, BreakGlassUsed};
use record::note::{Algorithm, VerifierKey};
use record::refusal::{Draft, Refusal, out_of_range, wrong_state};
use serde::{Deserialize, Serialize};

use crate::decide::{Asked, Decision, fleet, needs_reason, not_found, own, person};
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

    /// What that note says, if one of these keys signed it.
    fn open(&self, note: &str) -> Option<BreakGlass> {
        let keys = self.set.iter().rev();
        let mut keys = keys.filter_map(|(_, vkey)| vkey.as_deref()?.parse::<VerifierKey>().ok());
        keys.find_map(|key| BreakGlass::open(note.as_bytes(), &key).ok())
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
    let sound = |vkey: &str| {
        vkey.len() <= 300
            && vkey.parse::<VerifierKey>().is_ok_and(|key| {
                key.algorithm() == Algorithm::Ed25519 && is_sound_key(key.public_key())
            })
    };
    if !vkey.is_none_or(sound) {
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
    let said = believed(state, &verb.note, &edge.cell)?;
    if said.counter <= edge.break_glass {
        return wrong_state(format!(
            "{} used note {} already, by the record",
            verb.edge, edge.break_glass
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

fn believed(state: &State, note: &str, cell: &Name) -> Result<BreakGlass, Refusal> {
    match state.break_glass.open(note) {
        Some(said) if said.cell == *cell => Ok(said),
        Some(said) => out_of_range(format!("the note is for {}", said.cell)),
        None => out_of_range("no break-glass key signed this note".to_owned()),
    }
}
