//! Which key seals an act's text, before it is written.

use base::KeyRef;
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
    let Subject::Incident(id) = act.subject else {
        return Ok(None);
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
    let unreadable = |error: std::io::Error| {
        Refusal::new(
            Reason::Keystore,
            format!("the keystore can't be used: {error}"),
        )
    };
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

/// Whether any text of the act would stand sealed on the record.
fn has_text_to_seal(act: &Act, name: &KeyRef) -> bool {
    // Sealed under any key at all it becomes another act, if there is something to seal.
    let mut sealed = act.clone();
    sealed.seal(&SubjectKey::from_bytes([0; 32]), name);
    sealed != *act
}
