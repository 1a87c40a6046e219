//! Who may ask for what: tokens, keys and scopes, folded from the record.

use std::collections::{BTreeMap, BTreeSet};

use base::{Actor, LoginId, Name, PersonName, SessionId, Timestamp, TokenId};
use incident::{Draft, Reason, Refusal};
use record::act::{Act, Subject};
use record::author::is_sound_key;
use record::command::{EnrollKey, IssueToken, Verb};
use record::hash::Hash;
use record::kinds::Body;
use record::kinds::access::{KeyEnrolled, KeyRevoked, Scope, TokenIssued, TokenRevoked};
use record::note::{Algorithm, VerifierKey};
use serde::{Deserialize, Serialize};

use crate::sessions::{Login, Session};

const TOKENS_MAX: usize = 1_000;
const KEYS_MAX: usize = 1_000;
const TOKEN_LIFE_MAX_MS: i64 = 400 * 86_400_000;

/// Tokens and keys that work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Tokens that were not revoked; expired ones go when the next is issued.
    pub tokens: BTreeMap<TokenId, Token>,
    /// Keys that may sign commands.
    pub keys: BTreeMap<Name, Key>,
    /// Whoever has or had one.
    pub keyed: BTreeSet<PersonName>,
    /// Links to sign in with that were not used; expired ones go when the next is offered.
    pub logins: BTreeMap<LoginId, Login>,
    /// Sessions that were not ended; expired ones go when the next begins.
    pub sessions: BTreeMap<SessionId, Session>,
}

/// A bearer token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Whom it makes its holder.
    pub actor: Actor,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// SHA-256 of the secret.
    pub hash: Hash,
    /// What it is good for.
    pub scopes: BTreeSet<Scope>,
}

/// A person's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Whose it is.
    pub person: PersonName,
    /// The key as a C2SP verifier key.
    pub vkey: Box<str>,
}

/// What a token must be good for to ask for this.
pub fn scope_for(verb: &Verb) -> Scope {
    match verb {
        Verb::IssueToken(_)
        | Verb::RevokeToken(_)
        | Verb::EnrollKey(_)
        | Verb::RevokeKey(_)
        | Verb::RegisterPerson(_)
        | Verb::RemovePerson(_)
        | Verb::GrantPermission(_)
        | Verb::WithdrawPermission(_)
        | Verb::RegisterTeam(_)
        | Verb::RemoveTeam(_)
        | Verb::RegisterService(_)
        | Verb::RemoveService(_)
        | Verb::LinkRoom(_)
        | Verb::UnlinkRoom(_)
        | Verb::RegisterComponent(_)
        | Verb::RemoveComponent(_)
        | Verb::MeasurePage(_)
        | Verb::RedactIncident(_)
        | Verb::RedactPerson(_)
        | Verb::OfferLogin(_)
        | Verb::BeginSession(_)
        | Verb::ConfirmSubscriber(_)
        | Verb::ChangeSubscriber(_)
        | Verb::RemoveSubscriber(_)
        | Verb::ReportNotice(_)
        | Verb::ReportCertificate(_)
        | Verb::InviteEdge(_)
        | Verb::EnrollEdge(_)
        | Verb::RetireEdge(_)
        | Verb::FireTrigger(_)
        | Verb::CompleteDeployment(_)
        | Verb::SetBreakGlassKey(_)
        | Verb::ReportBreakGlass(_)
        | Verb::RotateLogKey(_)
        | Verb::SetRootKey(_) => Scope::Admin,
        _ => Scope::Respond,
    }
}

impl Access {
    pub(crate) fn apply(&mut self, act: &Act) {
        match (&act.subject, &act.body) {
            (Subject::Token(id), Body::TokenIssued(issued)) => {
                self.tokens.retain(|_, token| act.at < token.expires_at);
                let token = Token {
                    actor: issued.actor.clone(),
                    expires_at: issued.expires_at,
                    hash: issued.hash,
                    scopes: issued.scopes.clone(),
                };
                self.tokens.insert(id.clone(), token);
            }
            (Subject::Token(id), Body::TokenRevoked(_)) => {
                self.tokens.remove(id);
            }
            (Subject::Key(name), Body::KeyEnrolled(enrolled)) => {
                let key = Key {
                    person: enrolled.person.clone(),
                    vkey: enrolled.vkey.clone(),
                };
                self.keyed.insert(enrolled.person.clone());
                self.keys.insert(name.clone(), key);
            }
            (Subject::Key(name), Body::KeyRevoked(_)) => {
                self.keys.remove(name);
            }
            _ => self.apply_session(act),
        }
    }

    /// The token with this id, if it works now.
    ///
    /// # Errors
    /// A refusal that says whether it is unknown or expired.
    pub fn valid_token(&self, id: &TokenId, now: Timestamp) -> Result<&Token, Refusal> {
        let forbidden = |detail| Err(Refusal::new(Reason::Forbidden, detail));
        match self.tokens.get(id) {
            None => forbidden(format!("there is no token {id}, or it was revoked")),
            Some(token) if now >= token.expires_at => {
                forbidden(format!("token {id} expired at {}", token.expires_at))
            }
            Some(token) => Ok(token),
        }
    }

    /// Decides on a command about tokens or keys; `None` for those about anything else.
    pub(crate) fn decide(
        &self,
        verb: &Verb,
        now: Timestamp,
    ) -> Option<Result<Vec<Draft>, Refusal>> {
        Some(match verb {
            Verb::IssueToken(issue) => self.issue(issue, now),
            Verb::RevokeToken(verb) => {
                let known = self.tokens.contains_key(&verb.token);
                only_if(known, "token", &verb.token)
                    .map(|()| draft(Subject::Token(verb.token.clone()), TokenRevoked {}))
            }
            Verb::EnrollKey(enroll) => self.enroll(enroll),
            Verb::RevokeKey(verb) => {
                let known = self.keys.contains_key(&verb.key);
                only_if(known, "key", &verb.key)
                    .map(|()| draft(Subject::Key(verb.key.clone()), KeyRevoked {}))
            }
            _ => return self.decide_session(verb, now),
        })
    }

    fn issue(&self, issue: &IssueToken, now: Timestamp) -> Result<Vec<Draft>, Refusal> {
        let life_ms = issue.expires_at.ms_since(now);
        let out_of_range = |detail: &str| Err(Refusal::new(Reason::OutOfRange, detail));
        if !(1..=TOKEN_LIFE_MAX_MS).contains(&life_ms) {
            return out_of_range("a token expires in the future, within 400 days");
        }
        if issue.scopes.is_empty() {
            return out_of_range("a token without a scope is good for nothing: name at least one");
        }
        if !matches!(issue.actor, Actor::Person { .. } | Actor::Service { .. }) {
            return out_of_range("a token is issued for a person or a service");
        }
        if token_id(&issue.hash).as_ref() != Some(&issue.token) {
            return out_of_range("a token's id is `tok-` and the first 16 digits of its hash");
        }
        if self.tokens.contains_key(&issue.token) {
            return Err(Refusal::new(
                Reason::WrongState,
                "this token was issued before",
            ));
        }
        let live = self
            .tokens
            .values()
            .filter(|token| now < token.expires_at)
            .count();
        if live >= TOKENS_MAX {
            return Err(Refusal::new(
                Reason::TooMany,
                "there are 1,000 tokens: revoke some",
            ));
        }
        let body = TokenIssued {
            actor: issue.actor.clone(),
            expires_at: issue.expires_at,
            hash: issue.hash,
            scopes: issue.scopes.clone(),
        };
        Ok(draft(Subject::Token(issue.token.clone()), body))
    }

    fn enroll(&self, enroll: &EnrollKey) -> Result<Vec<Draft>, Refusal> {
        if self.keys.contains_key(&enroll.key) {
            return Err(Refusal::new(
                Reason::WrongState,
                format!(
                    "there is a key {} already: revoke it, or take another name",
                    enroll.key
                ),
            ));
        }
        if self.keys.len() >= KEYS_MAX {
            return Err(Refusal::new(
                Reason::TooMany,
                "there are 1,000 keys: revoke some",
            ));
        }
        let valid = enroll.vkey.len() <= 300
            && enroll.vkey.parse::<VerifierKey>().is_ok_and(|key| {
                key.algorithm() == Algorithm::Ed25519 && is_sound_key(key.public_key())
            });
        if !valid {
            return Err(Refusal::new(
                Reason::OutOfRange,
                "vkey is not an Ed25519 verifier key (C2SP signed-note: NAME+HASH+KEY) of which a \
                 signature fits one message alone",
            ));
        }
        let body = KeyEnrolled {
            person: enroll.person.clone(),
            vkey: enroll.vkey.clone(),
        };
        Ok(draft(Subject::Key(enroll.key.clone()), body))
    }
}

/// The id of the token whose secret has this hash.
pub(crate) fn token_id(hash: &Hash) -> Option<TokenId> {
    named_by("tok", hash)
}

/// The id of a secret with this hash: a word for what it is, and the hash's first 16 digits.
pub(crate) fn named_by<T: std::str::FromStr>(word: &str, hash: &Hash) -> Option<T> {
    let digits = hash.0.iter().take(8).map(|byte| format!("{byte:02x}"));
    format!("{word}-{}", digits.collect::<String>())
        .parse()
        .ok()
}

pub(crate) fn draft(subject: Subject, body: impl Into<Body>) -> Vec<Draft> {
    vec![Draft::new(subject, body)]
}

pub(crate) fn only_if(
    known: bool,
    what: &str,
    name: &impl std::fmt::Display,
) -> Result<(), Refusal> {
    if known {
        return Ok(());
    }
    Err(Refusal::new(
        Reason::NotFound,
        format!("there is no {what} {name}, or it was revoked"),
    ))
}
