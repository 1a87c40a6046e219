//! What a command leads to, whoever decides about it: incidents and what belongs to them, access,
//! and requests, which wait before what they ask for is decided.

use base::{Actor, IncidentId};
use incident::{Context, Draft, Incident, Reason, Refusal, Settlement};
use record::act::{Act, Subject};
use record::command::Verb;

use crate::lookup::acts_on;
use crate::ports::{Entries, ReadError};
use crate::state::State;

/// What is looked at to judge a command.
pub(crate) struct Judge<'a> {
    pub(crate) state: &'a State,
    pub(crate) entries: &'a dyn Entries,
    /// Acts that were decided and are not on the record yet.
    pub(crate) unwritten: &'a [Act],
}

impl Judge<'_> {
    /// The acts that a command leads to.
    ///
    /// # Errors
    /// A refusal; then nothing happens.
    pub(crate) fn judge(&self, verb: &Verb, context: &Context<'_>) -> Result<Vec<Draft>, Refusal> {
        self.cited(verb)?;
        let recalled = match verb.incident() {
            Some(id) => self.recalled(id)?,
            None => None,
        };
        let context = Context {
            recalled: recalled.as_ref(),
            ..*context
        };
        if let Some(settled) = incident::settle(&self.state.incidents, verb, &context) {
            return match settled? {
                Settlement::Acts(drafts) => Ok(drafts),
                Settlement::CarryOut(mut drafts, wanted) => {
                    self.state.incidents.permit(context.actor, &wanted)?;
                    drafts.extend(self.decide(&wanted, &context)?);
                    Ok(drafts)
                }
            };
        }
        // What would be refused anyway does not wait first.
        let drafts = self.decide(verb, &context)?;
        let keyed = match verb {
            Verb::EnrollKey(enroll) => self.state.access.keyed.contains(&enroll.person),
            _ => false,
        };
        match incident::guard(&self.state.incidents, verb, &context, keyed) {
            Some(guard) => incident::request(&self.state.incidents, guard, verb, &context),
            None => Ok(drafts),
        }
    }

    /// The acts that a command leads to, whether it can be undone or not.
    ///
    /// # Errors
    /// A refusal.
    pub(crate) fn decide(&self, verb: &Verb, context: &Context<'_>) -> Result<Vec<Draft>, Refusal> {
        if let Some(decision) = incident::decide(&self.state.incidents, verb, context) {
            return decision;
        }
        if let Some(decision) = self.state.access.decide(verb, context.now) {
            return decision;
        }
        // The one command that is left changes the log's key; the writer adds its act, because
        // only it can make the key.
        Err(Refusal::new(
            Reason::WrongState,
            "the log's key is changed by the writer alone",
        ))
    }

    /// The incident, read back from its acts, if it was closed long ago.
    fn recalled(&self, id: IncidentId) -> Result<Option<Incident>, Refusal> {
        let incidents = &self.state.incidents;
        if incidents.incidents.contains_key(&id) || incidents.summary(id).is_none() {
            return Ok(None);
        }
        let acts = acts_on(self.entries, id, self.state.log.acts, self.unwritten);
        let acts = acts.map_err(|error| unreadable(id, &error))?;
        Ok(Incident::from_acts(id, &acts))
    }

    /// Whether the acts that a command cites are on the record.
    fn cited(&self, verb: &Verb) -> Result<(), Refusal> {
        let none = |id: &base::ActId| {
            Refusal::new(
                Reason::NotFound,
                format!("there is no act {id} on the record"),
            )
        };
        let unread = |error: ReadError| {
            Refusal::new(
                Reason::Overloaded,
                format!("whether an act is on the record can't be read: {error}"),
            )
        };
        match verb {
            Verb::StateFinding(finding) => {
                for id in &finding.cites {
                    self.entries
                        .find_act(id)
                        .map_err(unread)?
                        .ok_or_else(|| none(id))?;
                }
            }
            Verb::Correct(correct) => {
                let id = &correct.act;
                let index = self.entries.find_act(id).map_err(unread)?;
                let index = index.ok_or_else(|| none(id))?;
                let entry = self.entries.entry(index).map_err(unread)?;
                let act = entry.and_then(|entry| Act::decode(&entry).ok());
                let of = Subject::Incident(correct.incident);
                if act.is_none_or(|act| act.subject != of) {
                    let detail = format!("{id} is no act of {}", correct.incident);
                    return Err(Refusal::new(Reason::NotFound, detail));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Why what happened in an incident can't be read now.
pub(crate) fn unreadable(id: IncidentId, error: &ReadError) -> Refusal {
    let reason = match error {
        ReadError::Archived { .. } => Reason::WrongState,
        ReadError::Damaged(_) | ReadError::Io(_) => Reason::Overloaded,
    };
    Refusal::new(
        reason,
        format!("what happened in {id} can't be read: {error}"),
    )
}

/// Who does what is due because time passed.
pub(crate) fn timer() -> Actor {
    Actor::System {
        id: "timer".parse().expect("a lower-case word"),
    }
}
