//! Which key seals an act's text, before it is written.

use base::{KeyRef, PersonName};
use incident::{Reason, Refusal};
use record::act::{Act, Subject};
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
        Subject::Person(person) => return of_person(person, keystore, act),
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
    let name: KeyRef = format!("incident/{id}")
        .parse()
        .map_err(|bad| Refusal::new(Reason::OutOfRange, format!("no key name: {bad}")))?;
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

/// What is personal is sealed under that person's own key.
fn of_person(
    person: &PersonName,
    keystore: &dyn Keystore,
    act: &Act,
) -> Result<Option<(SubjectKey, KeyRef)>, Refusal> {
    let name: KeyRef = format!("person/{person}")
        .parse()
        .map_err(|bad| Refusal::new(Reason::OutOfRange, format!("no key name: {bad}")))?;
    // Permissions are no secret, and must be withdrawn whatever becomes of keys.
    if !matches!(act.body, Body::PersonRegistered(_)) || !has_text_to_seal(act, &name) {
        return Ok(None);
    }
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
