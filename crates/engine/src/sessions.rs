//! Sessions in a browser, folded from the record: links to sign in with, who is signed in, and what
//! a session is not good for.
//!
//! A cookie can be stolen, and whoever has it is that person until somebody notices. So a session
//! can't ask for what would outlive its end: see [`BEYOND_SESSIONS`].

use base::{Actor, LoginId, PersonName, SessionId, Timestamp};
use incident::{Draft, Reason, Refusal};
use record::act::{Act, Subject};
use record::command::{BeginSession, OfferLogin, Verb};
use record::hash::Hash;
use record::kinds::Body;
use record::kinds::access::{LoginOffered, SessionBegun, SessionEnded};
use serde::{Deserialize, Serialize};

use crate::access::{Access, draft, named_by, only_if};

const LOGINS_MAX: usize = 100;
const SESSIONS_MAX: usize = 1_000;
const LOGIN_LIFE_MAX_MS: i64 = 3_600_000;
const SESSION_LIFE_MAX_MS: i64 = 30 * 86_400_000;
const IDLE_MIN_MS: u64 = 60_000;

/// What no session can ask for, and the line in a terminal that does: it would let in somebody, or
/// give them more, beyond the session's end, or can't be undone.
pub const BEYOND_SESSIONS: &[(&str, &str)] = &[
    ("token.issue", "hereby token issue"),
    ("key.enroll", "hereby key enroll"),
    ("login.offer", "hereby login"),
    ("permission.grant", "hereby grant"),
    ("incident.redact", "hereby redact"),
    ("person.redact", "hereby redact"),
    ("incident.waive", "hereby waive"),
    ("request.approve", "hereby approve"),
    ("request.override", "hereby override"),
    ("chat.link_room", "hereby send chat.link_room"),
    ("edge.invite", "hereby edge invite"),
    ("cell.set_floor", "hereby cell floor"),
    ("version.deploy", "hereby deploy"),
    ("deployment.advance", "hereby promote"),
    ("lease.lift", "hereby lease lift"),
    ("break_glass.set_key", "hereby break-glass trust"),
    ("break_glass.end", "hereby break-glass end"),
    ("subscriber.confirm", "hereby subscriber add"),
    ("record.rotate_key", "hereby record rotate"),
    ("record.set_root_key", "hereby succession trust"),
];

/// A link to sign in with, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// When it stops working.
    pub expires_at: Timestamp,
    /// SHA-256 of the secret.
    pub hash: Hash,
    /// Who signs in with it.
    pub person: PersonName,
}

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// When it began.
    pub begun_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// SHA-256 of the secret in the cookie.
    pub hash: Hash,
    /// How long it may be idle, in milliseconds. When it was used last is not on the record: whoever
    /// answers requests keeps that.
    pub idle_ms: u64,
    /// The identity provider that vouched for them; none: a link.
    pub issuer: Option<Box<str>>,
    /// Who.
    pub person: PersonName,
}

impl Session {
    /// Who acts in it.
    pub fn actor(&self) -> Actor {
        Actor::Person {
            id: self.person.clone(),
        }
    }
}

/// The line in a terminal that does what no session can ask for; `None`: a session can.
pub fn beyond_sessions(verb: &str) -> Option<&'static str> {
    let mut all = BEYOND_SESSIONS.iter();
    all.find(|(name, _)| *name == verb).map(|(_, line)| *line)
}

/// That a session may ask for this at all.
///
/// # Errors
/// A refusal that says what to do instead.
pub(crate) fn within_sessions(verb: &Verb) -> Result<(), Refusal> {
    let Some(line) = beyond_sessions(verb.name()) else {
        return Ok(());
    };
    Err(Refusal::new(
        Reason::Forbidden,
        format!(
            "a session in a browser can't ask for {}: a stolen cookie would do; in a terminal: {line}",
            verb.name()
        ),
    ))
}

impl Access {
    /// The session with this id, if it was not ended and is not over. Whether it was idle for too
    /// long is not looked at here.
    ///
    /// # Errors
    /// A refusal that says so.
    pub fn valid_session(&self, id: &SessionId, now: Timestamp) -> Result<&Session, Refusal> {
        let session = self.sessions.get(id).filter(|it| now < it.expires_at);
        session.ok_or_else(|| Refusal::new(Reason::Forbidden, "the session has ended: sign in"))
    }

    /// The link with this id, if it was not used and has not expired.
    pub fn valid_login(&self, id: &LoginId, now: Timestamp) -> Option<&Login> {
        self.logins.get(id).filter(|it| now < it.expires_at)
    }

    /// Whether this ends the sender's own session: everybody may do that.
    pub(crate) fn signs_out(&self, actor: &Actor, verb: &Verb) -> bool {
        let Verb::EndSession(end) = verb else {
            return false;
        };
        let session = self.sessions.get(&end.session);
        session.is_some_and(|session| actor.person() == Some(&session.person))
    }

    pub(crate) fn apply_session(&mut self, act: &Act) {
        match (&act.subject, &act.body) {
            (Subject::Login(id), Body::LoginOffered(offered)) => {
                self.logins.retain(|_, login| act.at < login.expires_at);
                let login = Login {
                    expires_at: offered.expires_at,
                    hash: offered.hash,
                    person: offered.person.clone(),
                };
                self.logins.insert(id.clone(), login);
            }
            (Subject::Session(id), Body::SessionBegun(begun)) => {
                self.sessions
                    .retain(|_, session| act.at < session.expires_at);
                if let Some(login) = &begun.login {
                    self.logins.remove(login);
                }
                let session = Session {
                    begun_at: act.at,
                    expires_at: begun.expires_at,
                    hash: begun.hash,
                    idle_ms: begun.idle_ms,
                    issuer: begun.issuer.as_ref().map(|issuer| issuer.as_str().into()),
                    person: begun.person.clone(),
                };
                self.sessions.insert(id.clone(), session);
            }
            (Subject::Session(id), Body::SessionEnded(_)) => {
                self.sessions.remove(id);
            }
            // Who is not there any more is not signed in any more.
            (Subject::Person(person), Body::PersonRemoved(_)) => {
                self.sessions.retain(|_, session| session.person != *person);
                self.logins.retain(|_, login| login.person != *person);
            }
            _ => {}
        }
    }

    /// Decides on a command about sessions; `None` for those about anything else.
    pub(crate) fn decide_session(
        &self,
        verb: &Verb,
        now: Timestamp,
    ) -> Option<Result<Vec<Draft>, Refusal>> {
        Some(match verb {
            Verb::OfferLogin(offer) => self.offer(offer, now),
            Verb::BeginSession(begin) => self.begin(begin, now),
            Verb::EndSession(end) => {
                let known = self.sessions.contains_key(&end.session);
                let ended = || draft(Subject::Session(end.session.clone()), SessionEnded {});
                only_if(known, "session", &end.session).map(|()| ended())
            }
            _ => return None,
        })
    }

    fn offer(&self, offer: &OfferLogin, now: Timestamp) -> Result<Vec<Draft>, Refusal> {
        let life_ms = offer.expires_at.ms_since(now);
        if !(1..=LOGIN_LIFE_MAX_MS).contains(&life_ms) {
            return out_of_range("a link expires in the future, within an hour");
        }
        if named_by("log", &offer.hash).as_ref() != Some(&offer.login) {
            return out_of_range("a login's id is `log-` and the first 16 digits of its hash");
        }
        if self.logins.contains_key(&offer.login) {
            return Err(Refusal::new(
                Reason::WrongState,
                "this link was offered before",
            ));
        }
        let live = self
            .logins
            .values()
            .filter(|it| now < it.expires_at)
            .count();
        if live >= LOGINS_MAX {
            let detail = "there are 100 links to sign in with: use them, or wait";
            return Err(Refusal::new(Reason::TooMany, detail));
        }
        let body = LoginOffered {
            expires_at: offer.expires_at,
            hash: offer.hash,
            person: offer.person.clone(),
        };
        Ok(draft(Subject::Login(offer.login.clone()), body))
    }

    /// The engine lets hereby alone ask for this.
    fn begin(&self, begin: &BeginSession, now: Timestamp) -> Result<Vec<Draft>, Refusal> {
        let life_ms = begin.expires_at.ms_since(now);
        if !(1..=SESSION_LIFE_MAX_MS).contains(&life_ms) || begin.idle_ms < IDLE_MIN_MS {
            return out_of_range("a session lasts at most 30 days, and may be idle for a minute");
        }
        if named_by("ses", &begin.hash).as_ref() != Some(&begin.session) {
            return out_of_range("a session's id is `ses-` and the first 16 digits of its hash");
        }
        match (&begin.login, &begin.issuer) {
            (Some(login), None) => {
                let login = self.valid_login(login, now);
                if login.is_none_or(|login| login.person != begin.person) {
                    let detail = "this link was used, or has expired: hereby login makes another";
                    return Err(Refusal::new(Reason::Forbidden, detail));
                }
            }
            (None, Some(_)) => {}
            _ => return out_of_range("a link or an identity provider says who somebody is"),
        }
        if self.sessions.contains_key(&begin.session) {
            return Err(Refusal::new(
                Reason::WrongState,
                "this session began before",
            ));
        }
        let live = self.sessions.values().filter(|it| now < it.expires_at);
        if live.count() >= SESSIONS_MAX {
            let detail = "1,000 people are signed in: end some sessions (hereby sessions)";
            return Err(Refusal::new(Reason::TooMany, detail));
        }
        let body = SessionBegun {
            expires_at: begin.expires_at,
            hash: begin.hash,
            idle_ms: begin.idle_ms,
            issuer: begin.issuer.clone(),
            login: begin.login.clone(),
            person: begin.person.clone(),
        };
        Ok(draft(Subject::Session(begin.session.clone()), body))
    }
}

fn out_of_range(detail: &str) -> Result<Vec<Draft>, Refusal> {
    Err(Refusal::new(Reason::OutOfRange, detail))
}
