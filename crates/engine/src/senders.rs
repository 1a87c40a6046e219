//! Who sends, from how a request came, and whether they may ask for this at all that way.

use base::{Actor, Proof, Timestamp};
use incident::{Reason, Refusal};
use record::command::Verb;
use record::kinds::access::Scope;

use crate::request::{Prepared, Transport, actor_of};
use crate::sessions::within_sessions;
use crate::state::State;

/// Who sends, if they may.
pub(crate) fn sender(
    state: &State,
    transport: &Transport,
    scope: Scope,
    now: Timestamp,
) -> Result<(Actor, Proof), Refusal> {
    let holder = match transport {
        Transport::LocalUid(_) | Transport::Own(_) => None,
        Transport::Token(id) => {
            let token = state.access.valid_token(id, now)?;
            if !token.scopes.contains(&scope) {
                let detail = format!("token {id} is not good for `{}`", scope.as_str());
                return Err(Refusal::new(Reason::Forbidden, detail));
            }
            Some(token.actor.clone())
        }
        Transport::Session(id) => {
            let session = state.access.valid_session(id, now)?;
            if matches!(scope, Scope::Alerts | Scope::Witness) {
                let detail = format!("a session is not good for `{}`", scope.as_str());
                return Err(Refusal::new(Reason::Forbidden, detail));
            }
            Some(session.actor())
        }
    };
    Ok(actor_of(transport, None, None, holder.as_ref()))
}

/// Whether this may be asked at all by whoever comes in this way.
pub(crate) fn may_come_so(
    state: &State,
    transport: &Transport,
    actor: &Actor,
    verb: &Verb,
) -> Result<(), Refusal> {
    if matches!(transport, Transport::Session(_)) {
        within_sessions(verb)?;
    }
    if matches!(verb, Verb::BeginSession(_)) && !matches!(transport, Transport::Own(_)) {
        let detail = "hereby begins sessions itself: hereby login --for PERSON";
        return Err(Refusal::new(Reason::Forbidden, detail));
    }
    if state.access.signs_out(actor, verb) {
        return Ok(());
    }
    state.incidents.permit(actor, verb)
}

/// Who acts: the key's person if the command is signed, else whoever sends it.
pub(crate) fn author(
    state: &State,
    prepared: &Prepared,
    sender: Actor,
    proof: Proof,
) -> Result<(Actor, Proof), Refusal> {
    let behalf = prepared.command.on_behalf_of.as_ref();
    if let Some(signed) = &prepared.signed {
        let key = state.access.keys.get(&signed.key);
        // Under the same name another key may have been enrolled since the signature was checked.
        if key.is_none_or(|key| key.person != signed.person || key.vkey != signed.vkey) {
            let detail = format!("there is no key {}, or it was revoked", signed.key);
            return Err(Refusal::new(Reason::Forbidden, detail));
        }
        if behalf.is_some_and(|person| *person != signed.person)
            || matches!(&sender, Actor::Person { id } if *id != signed.person)
        {
            let detail = "the signature is one person's, the command claims to be another's";
            return Err(Refusal::new(Reason::Forbidden, detail));
        }
    } else if behalf.is_some() && !matches!(prepared.transport, Transport::LocalUid(_)) {
        let detail = "a token can't act on behalf of somebody else: only the local socket can";
        return Err(Refusal::new(Reason::Forbidden, detail));
    } else if prepared.signed.is_none() && behalf.is_none() {
        return Ok((sender, proof));
    }
    Ok(actor_of(
        &prepared.transport,
        behalf,
        prepared.signed.as_ref(),
        None,
    ))
}
