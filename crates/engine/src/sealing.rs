//! Which key seals an act's text, before it is written.

use base::{IncidentId, KeyRef, Name, PersonName};
use incident::{Reason, Refusal};
use record::act::{Act, Subject};
use record::command::Verb;
use record::kinds::Body;
use record::sealed::SubjectKey;

use crate::ports::Keystore;
use crate::state::State;

/// The key that seals the act's text, and its name; `None` if there is nothing to seal.
///
/// # Errors
/// When the key was erased, or the keystore can't be used. Acts without text need no key: an
/// incident must be brought to its end although nothing can be said in it any more.
pub(crate) fn sealing_key(
    state: &State,
    keystore: &dyn Keystore,
    act: &Act,
) -> Result<Option<(SubjectKey, KeyRef)>, Refusal> {
    let id = match &act.subject {
        Subject::Incident(id) => *id,
        Subject::Person(person) => return for_person(state, person, keystore, act),
        Subject::Subscriber(name) => return for_subscriber(name, keystore, act),
        // What is said about a request about a private incident is sealed with it.
        Subject::Request(name) => match asked_about(state, name, act) {
            Some(id) => id,
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    let declares = match &act.body {
        Body::IncidentDeclared(declared) => Some(declared.private),
        _ => None,
    };
    let summary = || state.incidents.summary(id).map(|summary| summary.private);
    // Acts of the declaring command itself come before its declaration is folded in.
    let private = declares.or_else(summary).unwrap_or(false);
    if !private {
        return Ok(None);
    }
    let name = of_incident(id);
    if !has_text_to_seal(act, &name) {
        return Ok(None);
    }
    let key = if declares.is_some() {
        Some(keystore.ensure(&name).map_err(unreadable)?)
    } else {
        keystore.find(&name).map_err(unreadable)?
    };
    match key {
        Some(key) => Ok(Some((key, name))),
        None => Err(Refusal::new(
            Reason::WrongState,
            format!(
                "the key of {id} was erased: no text can be written in it any more, nor a reason \
                 or a signed command; what comes without still can"
            ),
        )),
    }
}

/// The key of an incident: its files are encrypted under it and, if it is private, its text.
pub fn of_incident(id: IncidentId) -> KeyRef {
    let name = format!("incident/{id}");
    name.parse().expect("an incident's id is short and visible")
}

/// The key of a person, after what is personal of them was erased so often: what is written about
/// them later has another one.
fn of_person(person: &PersonName, redactions: u32) -> KeyRef {
    let name = match redactions {
        0 => format!("person/{person}"),
        more => format!("person/{person}/{}", u64::from(more) + 1),
    };
    name.parse().expect("a person's name is short and visible")
}

/// The key that the act says is erased.
pub(crate) fn erased_by(act: &Act) -> Option<KeyRef> {
    match (&act.subject, &act.body) {
        (Subject::Incident(id), Body::IncidentRedacted(_)) => Some(of_incident(*id)),
        (Subject::Person(person), Body::PersonRedacted(redacted)) => {
            Some(of_person(person, redacted.count.saturating_sub(1)))
        }
        (Subject::Subscriber(name), Body::SubscriberRemoved(_)) => Some(of_subscriber(name)),
        _ => None,
    }
}

/// Every key that the record says is erased.
pub(crate) fn erased_keys(state: &State) -> Vec<KeyRef> {
    let incidents = state.incidents.summaries();
    let incidents = incidents.filter(|summary| summary.redacted);
    let people = state.incidents.directory.redactions.iter();
    let subscribers = state.incidents.subscribers.gone();
    incidents
        .map(|summary| of_incident(summary.id))
        .chain(subscribers.map(|name| of_subscriber(&name)))
        .chain(people.flat_map(|(person, count)| {
            (0..*count).map(|redactions| of_person(person, redactions))
        }))
        .collect()
}

/// The incident that a request is about.
fn asked_about(state: &State, name: &Name, act: &Act) -> Option<IncidentId> {
    let verb = match &act.body {
        Body::RequestMade(made) => Verb::decode(&made.command, &made.args).ok(),
        _ => {
            let request = state.incidents.requests.waiting.get(name)?;
            request.verb().ok()
        }
    };
    verb?.incident()
}

/// What is personal is sealed under that person's own key.
fn for_person(
    state: &State,
    person: &PersonName,
    keystore: &dyn Keystore,
    act: &Act,
) -> Result<Option<(SubjectKey, KeyRef)>, Refusal> {
    let redactions = &state.incidents.directory.redactions;
    let name = of_person(person, redactions.get(person).copied().unwrap_or(0));
    // Permissions are no secret, and must be withdrawn whatever becomes of keys.
    if !matches!(act.body, Body::PersonRegistered(_)) || !has_text_to_seal(act, &name) {
        return Ok(None);
    }
    let key = keystore.ensure(&name).map_err(unreadable)?;
    Ok(Some((key, name)))
}

/// The key of a subscriber. Numbers are not given twice, so it has no successor.
pub(crate) fn of_subscriber(name: &Name) -> KeyRef {
    let name = format!("subscriber/{name}");
    name.parse()
        .expect("a subscriber's name is short and visible")
}

/// Where a subscriber is told is sealed under their own key, and goes when they do.
fn for_subscriber(
    name: &Name,
    keystore: &dyn Keystore,
    act: &Act,
) -> Result<Option<(SubjectKey, KeyRef)>, Refusal> {
    if !matches!(act.body, Body::SubscriberConfirmed(_)) {
        return Ok(None);
    }
    let name = of_subscriber(name);
    let key = keystore.ensure(&name).map_err(unreadable)?;
    Ok(Some((key, name)))
}

fn unreadable(error: std::io::Error) -> Refusal {
    Refusal::new(
        Reason::Keystore,
        format!("the keystore can't be used: {error}"),
    )
}

/// Whether any text of the act would stand sealed on the record.
fn has_text_to_seal(act: &Act, name: &KeyRef) -> bool {
    // Sealed under any key at all it becomes another act, if there is something to seal.
    let mut sealed = act.clone();
    sealed.seal(&SubjectKey::from_bytes([0; 32]), name);
    sealed != *act
}
