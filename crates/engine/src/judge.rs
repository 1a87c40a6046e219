//! What a command leads to, whoever decides about it: incidents and what belongs to them, access,
//! and requests, which wait before what they ask for is decided.

use base::{Actor, CommandId, IncidentId, PersonName};
use incident::{Context, DEED_ID_PREFIX, Draft, Incident, Reason, Refusal, Request, Settlement};
use record::act::{Act, Subject};
use record::command::Verb;
use record::kinds::Body;
use record::kinds::incident::Audience;

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
            Some(id) if !needs_no_recall(verb) => self.recalled(id)?,
            _ => None,
        };
        let context = Context {
            recalled: recalled.as_ref(),
            ..*context
        };
        self.may_settle(verb, &context)?;
        let stands = |request: &Request, person: &PersonName| self.stands(request, person);
        if let Some(settled) = incident::settle(&self.state.incidents, verb, &context, &stands) {
            return match settled? {
                Settlement::Acts(drafts) => Ok(drafts),
                Settlement::CarryOut(mut drafts, wanted) => {
                    drafts.extend(self.decide(&wanted, &context)?);
                    Ok(drafts)
                }
            };
        }
        // Once people have keys, a waiver is somebody's own: it stands for all to see who signed it.
        if matches!(verb, Verb::Waive(_)) && !context.signed && !self.state.access.keys.is_empty() {
            return Err(Refusal::new(
                Reason::Forbidden,
                "a waiver is signed by whoever answers for it: --sign KEY (hereby key --help)",
            ));
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

    /// Whoever approves or overrides must be allowed to ask for it themselves; and whoever asked must
    /// be allowed to ask for it still.
    fn may_settle(&self, verb: &Verb, context: &Context<'_>) -> Result<(), Refusal> {
        let name = match verb {
            Verb::ApproveRequest(verb) => &verb.request,
            Verb::OverrideRequest(verb) => &verb.request,
            _ => return Ok(()),
        };
        let Some(request) = self.state.incidents.requests.waiting.get(name) else {
            return Ok(());
        };
        self.state
            .incidents
            .permit(context.actor, &request.verb()?)?;
        match self.asks_still(request) {
            true => Ok(()),
            false => Err(Refusal::new(
                Reason::WrongState,
                format!("whoever asked for {name} may not any more, or their key or token is gone"),
            )),
        }
    }

    /// Whether an approval still counts.
    pub(crate) fn stands(&self, request: &Request, person: &PersonName) -> bool {
        let actor = Actor::Person { id: person.clone() };
        let may = |verb: &Verb| self.state.incidents.permit(&actor, verb).is_ok();
        let mut keys = self.state.access.keys.values();
        request.verb().is_ok_and(|verb| may(&verb)) && keys.any(|key| key.person == *person)
    }

    /// Whether whoever asked may ask for it still: with the token or key that is there still.
    pub(crate) fn asks_still(&self, request: &Request) -> bool {
        let access = &self.state.access;
        let has_key = |key| access.keys.contains_key(key);
        let has_token = |token| access.tokens.contains_key(token);
        let there = request.key.as_ref().is_none_or(has_key)
            && request.token.as_ref().is_none_or(has_token);
        let may = |verb: &Verb| self.state.incidents.permit(&request.by, verb).is_ok();
        there && request.verb().is_ok_and(|verb| may(&verb))
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
        let asked = rollout::Asked {
            actor: context.actor,
            has_reason: context.has_reason,
            signed: context.signed || self.state.access.keys.is_empty(),
            now: context.now,
        };
        if let Some(decision) = rollout::decide(&self.state.fleet, verb, &asked) {
            let incident = match verb {
                Verb::DeployVersion(verb) => verb.incident,
                Verb::RollBack(verb) => verb.incident,
                _ => None,
            };
            return match incident.filter(|id| self.state.incidents.summary(*id).is_none()) {
                Some(id) => Err(Refusal::new(Reason::NotFound, format!("there is no {id}"))),
                None => decision,
            };
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
            Verb::SendNotice(send) => {
                let id = &send.update;
                let index = self.entries.find_act(id).map_err(unread)?;
                let index = index.ok_or_else(|| none(id))?;
                let entry = self.entries.entry(index).map_err(unread)?;
                let act = entry.and_then(|entry| Act::decode(&entry).ok());
                if !act.is_some_and(|act| is_public_update(&act, send.incident)) {
                    let detail = format!(
                        "{id} is no update of {} for the public: hereby show {} lists them",
                        send.incident, send.incident
                    );
                    return Err(Refusal::new(Reason::NotFound, detail));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether this is what was said to the public of an incident.
fn is_public_update(act: &Act, incident: IncidentId) -> bool {
    let said = matches!(
        &act.body,
        Body::IncidentUpdated(updated) if updated.audience == Audience::Public
    );
    said && act.subject == Subject::Incident(incident)
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

/// What is left to do, and who outside was told, is kept apart from the incident: it need not be
/// read back for it.
fn needs_no_recall(verb: &Verb) -> bool {
    matches!(
        verb,
        Verb::ChangeFollowup(_)
            | Verb::CloseFollowup(_)
            | Verb::TryTicket(_)
            | Verb::LinkTicket(_)
            | Verb::SendNotice(_)
            | Verb::ReportNotice(_)
            | Verb::RetryNotice(_)
    )
}

/// Who does what is due because time passed.
pub(crate) fn timer() -> Actor {
    Actor::System {
        id: "timer".parse().expect("a lower-case word"),
    }
}

/// Refuses ids that only hereby's own commands may have.
pub(crate) fn own_id(id: &CommandId) -> Result<(), Refusal> {
    if id.as_str().starts_with(DEED_ID_PREFIX) {
        let detail = format!("ids that begin with {DEED_ID_PREFIX} are hereby's own: take another");
        return Err(Refusal::new(Reason::Forbidden, detail));
    }
    Ok(())
}
