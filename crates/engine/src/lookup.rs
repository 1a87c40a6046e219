//! Looks back at the record: whether a command happened, and what there is on an incident.

use std::collections::BTreeSet;
use std::fmt::Display;

use base::{ActId, CommandDigest, CommandId, IncidentId};
use record::act::{Act, Subject, act_id};
use record::kinds::Body;

use crate::ports::{Entries, ReadError};
use crate::state::State;

/// The first index, number of acts and digest of the command with this id, from the record.
pub(crate) fn find_command(
    entries: &dyn Entries,
    id: &CommandId,
) -> Result<Option<(u64, u32, CommandDigest)>, ReadError> {
    let damaged = |what: String| ReadError::Damaged(what);
    let Some(first) = entries.find_act(&act_id(id, 0))? else {
        return Ok(None);
    };
    let entry = entries
        .entry(first)?
        .ok_or_else(|| damaged(format!("entry {first} is gone")))?;
    let act = Act::decode(&entry).map_err(|bad| damaged(format!("entry {first}: {bad}")))?;
    let mut count = 1;
    while entries.find_act(&act_id(id, count))? == Some(first + u64::from(count)) {
        count += 1;
    }
    Ok(Some((first, count, act.evidence.digest)))
}

/// All acts on an incident before `index`: those on the record, then those of the batch.
pub(crate) fn acts_on(
    entries: &dyn Entries,
    id: IncidentId,
    index: u64,
    done: &[Act],
) -> Result<Vec<Act>, ReadError> {
    let subject = Subject::Incident(id);
    let damaged = |at: u64, what: &dyn Display| ReadError::Damaged(format!("entry {at}: {what}"));
    let mut acts = Vec::new();
    let mut from = 0;
    loop {
        let indexes = entries.of_subject(&subject, from, 1_000)?;
        let Some(last) = indexes.last() else { break };
        from = last + 1;
        for at in indexes.into_iter().filter(|at| *at < index) {
            let entry = entries.entry(at)?;
            let entry = entry.ok_or_else(|| damaged(at, &"it is gone"))?;
            acts.push(Act::decode(&entry).map_err(|bad| damaged(at, &bad))?);
        }
    }
    let ids: BTreeSet<ActId> = acts.iter().map(|act| act.id).collect();
    let unwritten = done
        .iter()
        .filter(|act| act.subject == subject && !ids.contains(&act.id));
    acts.extend(unwritten.cloned());
    match acts.first().map(|act| &act.body) {
        Some(Body::IncidentDeclared(_)) => Ok(acts),
        _ => {
            let what = format!("the declaration of {id} is not found on the record");
            Err(ReadError::Damaged(what))
        }
    }
}

/// Folds in the act at `index`, with what of the record that takes.
pub(crate) fn fold_act(
    state: &mut State,
    act: &Act,
    entries: &dyn Entries,
    index: u64,
) -> Result<(), ReadError> {
    let earlier = match state.needs(act) {
        Some(id) => acts_on(entries, id, index, &[])?,
        None => Vec::new(),
    };
    state.apply(act, &earlier);
    Ok(())
}
