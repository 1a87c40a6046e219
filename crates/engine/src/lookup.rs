//! Looks back at the record: whether a command happened, and what there is on an incident.

use std::collections::BTreeSet;

use base::{ActId, CommandDigest, CommandId, IncidentId};
use record::act::{Act, Subject, act_id};

use crate::ports::Entries;

/// The first index, number of acts and digest of the command with this id, from the record.
pub(crate) fn find_command(
    entries: &dyn Entries,
    id: &CommandId,
) -> Result<Option<(u64, u32, CommandDigest)>, crate::ports::ReadError> {
    let damaged = |what: String| crate::ports::ReadError::Damaged(what);
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
pub(crate) fn acts_on(entries: &dyn Entries, id: IncidentId, index: u64, done: &[Act]) -> Vec<Act> {
    let subject = Subject::Incident(id);
    let mut acts = Vec::new();
    let mut from = 0;
    loop {
        let Ok(indexes) = entries.of_subject(&subject, from, 1_000) else {
            return Vec::new();
        };
        let Some(last) = indexes.last() else { break };
        from = last + 1;
        for at in indexes.into_iter().filter(|at| *at < index) {
            let read = entries.entry(at).ok().flatten();
            let Some(act) = read.and_then(|entry| Act::decode(&entry).ok()) else {
                // What can't be read leaves the incident with its summary alone.
                tracing::warn!(index = at, incident = %id, "an act of a closed incident can't be read");
                return Vec::new();
            };
            acts.push(act);
        }
    }
    let ids: BTreeSet<ActId> = acts.iter().map(|act| act.id).collect();
    let unwritten = done
        .iter()
        .filter(|act| act.subject == subject && !ids.contains(&act.id));
    acts.extend(unwritten.cloned());
    acts
}
