//! Who is asking, and may they: the kernel's word on the local socket, a bearer token elsewhere.
//!
//! A token's id is looked up and its hash compared in constant time, so the time this takes says
//! nothing about the secret. The engine checks token and scope again when it decides.

use std::collections::BTreeSet;

use base::{Actor, PersonName, SessionId, TokenId};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine::{Engine, Transport};
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use record::hash::{self, Hash};
use record::kinds::access::Scope;

use crate::connection::Peer;
use crate::problem::Problem;
use crate::rates::Who;
use crate::sight::Sight;

/// Every token begins so.
const TOKEN_PREFIX: &str = "hby_";

/// Whoever asks.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// For rates.
    pub(crate) who: Who,
    /// For the engine; `None`: nobody we know.
    pub(crate) transport: Option<Transport>,
    scopes: Scopes,
    /// The person whom a token makes its holder.
    person: Option<PersonName>,
}

#[derive(Clone, Debug)]
enum Scopes {
    All,
    These(BTreeSet<Scope>),
}

impl Caller {
    /// Somebody without a token, from this peer.
    pub(crate) fn nobody(peer: &Peer) -> Caller {
        let who = match peer {
            Peer::Local { uid, .. } => Who::Uid(*uid),
            Peer::Plain(address) | Peer::Tls(address) => Who::Address(*address),
        };
        Caller {
            who,
            transport: None,
            scopes: Scopes::These(BTreeSet::new()),
            person: None,
        }
    }

    /// Whoever sent a request with these headers over this connection.
    ///
    /// On the local socket a token is not needed; one that is sent there counts, so that a program
    /// can ask for less than its user may.
    ///
    /// # Errors
    /// 401 when a token was sent and does not work, 400 when the header is malformed.
    pub(crate) fn identify(
        peer: &Peer,
        headers: &HeaderMap,
        engine: &Engine,
    ) -> Result<Caller, Problem> {
        if let Some(token) = bearer(headers)? {
            return Caller::by_token(token, engine);
        }
        Ok(match peer {
            Peer::Local { uid, .. } => Caller {
                who: Who::Uid(*uid),
                transport: Some(Transport::LocalUid(*uid)),
                scopes: Scopes::All,
                person: None,
            },
            Peer::Plain(_) | Peer::Tls(_) => Caller::nobody(peer),
        })
    }

    /// The holder of this token.
    ///
    /// # Errors
    /// 401 when there is no such token, or it works no more.
    pub(crate) fn by_token(token: &str, engine: &Engine) -> Result<Caller, Problem> {
        let invalid = |detail: &str| Problem::unauthorized(detail, true);
        let secret = secret(token).ok_or_else(|| invalid("this is not a token of hereby"))?;
        let hash = hash::sha256(&[&secret]);
        let id = token_id(&hash).ok_or_else(|| invalid("this is not a token of hereby"))?;
        let (held, scopes, holder) = engine
            .view()
            .read(|state| {
                let found = state.access.valid_token(&id, engine.now());
                found.map(|token| (token.hash, token.scopes.clone(), token.actor.clone()))
            })
            .map_err(|refusal| invalid(&refusal.detail))?;
        if !equal(&held, &hash) {
            return Err(invalid("there is no such token, or it was revoked"));
        }
        Ok(Caller {
            who: Who::Token(id.clone()),
            transport: Some(Transport::Token(id)),
            scopes: Scopes::These(scopes),
            person: match holder {
                Actor::Person { id } => Some(id),
                _ => None,
            },
        })
    }

    /// Whoever is signed in with this session.
    pub(crate) fn by_session(id: SessionId, person: PersonName) -> Caller {
        Caller {
            who: Who::Session(id.clone()),
            transport: Some(Transport::Session(id)),
            scopes: Scopes::These([Scope::Read, Scope::Respond, Scope::Admin].into()),
            person: Some(person),
        }
    }

    /// The same caller as they stand now, for an answer that lasts: a token may have been revoked
    /// or have expired since they were identified. The kernel's word on the local socket does not
    /// expire.
    ///
    /// # Errors
    /// 401 when the token works no more.
    pub(crate) fn still(&self, engine: &Engine) -> Result<Caller, Problem> {
        let mut caller = self.clone();
        let gone = |refusal: incident::Refusal| Problem::unauthorized(&*refusal.detail, true);
        match &self.transport {
            Some(Transport::Token(id)) => {
                let scopes = engine.view().read(|state| {
                    let found = state.access.valid_token(id, engine.now());
                    found.map(|token| token.scopes.clone())
                });
                caller.scopes = Scopes::These(scopes.map_err(gone)?);
            }
            Some(Transport::Session(id)) => {
                let found = engine
                    .view()
                    .read(|state| state.access.valid_session(id, engine.now()).map(drop));
                found.map_err(gone)?;
            }
            _ => {}
        }
        Ok(caller)
    }

    /// Whether one of these scopes is among the caller's.
    pub(crate) fn holds(&self, any_of: &[Scope]) -> bool {
        match &self.scopes {
            Scopes::All => true,
            Scopes::These(scopes) => any_of.iter().any(|scope| scopes.contains(scope)),
        }
    }

    /// How the caller came, if one of these scopes is theirs.
    ///
    /// # Errors
    /// 401 for nobody, 403 for somebody without the scope.
    pub(crate) fn require(&self, any_of: &[Scope]) -> Result<&Transport, Problem> {
        let Some(transport) = &self.transport else {
            let detail = "this needs a token: send it as `Authorization: Bearer hby_…`";
            return Err(Problem::unauthorized(detail, false));
        };
        if self.holds(any_of) {
            Ok(transport)
        } else {
            Err(Problem::lacks_scope(any_of))
        }
    }

    /// What they see. Sealed text of private incidents is shown to those who may do something.
    pub(crate) fn sight(&self) -> Sight {
        Sight {
            open: self.holds(&[Scope::Respond, Scope::Admin]),
            person: self.person.clone(),
        }
    }
}

/// The bearer token among the headers (RFC 6750 section 2.1).
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Problem::bad_request("`Authorization` is there twice"));
    }
    let credentials = value.to_str().ok().and_then(|text| text.split_once(' '));
    match credentials {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(Problem::unauthorized(
            "only `Authorization: Bearer hby_…` is known here",
            true,
        )),
    }
}

/// The 32 random bytes of a token; `None` when it is not spelled as one.
pub(crate) fn secret(token: &str) -> Option<[u8; 32]> {
    let text = token
        .strip_prefix(TOKEN_PREFIX)
        .filter(|text| text.len() == 43)?;
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// `tok-` and the first 16 hexadecimal digits of the hash.
fn token_id(hash: &Hash) -> Option<TokenId> {
    let digits: String = hash
        .0
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("tok-{digits}").parse().ok()
}

fn equal(one: &Hash, other: &Hash) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(&one.0, &other.0).is_ok()
}

#[cfg(test)]
mod tests;
