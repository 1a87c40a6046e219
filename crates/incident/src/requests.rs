//! What can't be undone: which commands those are, and how they wait for a second person.
//!
//! A command of the listed kind becomes a request. It is done once enough others approve it with
//! their keys; or once its time came and nobody rejected it, everyone having been told; or because
//! somebody answers for it, with their key and a reason. Nobody approves their own request. Here is
//! what becomes of requests; what they ask for is decided by the engine, when it is done.

use std::collections::{BTreeMap, BTreeSet};

use base::{ActId, Actor, Name, PersonName, Proof, Timestamp, TokenId};
use record::act::{Act, Subject};
use record::command::Verb;
use record::kinds::Body;
use record::kinds::directory::Permission;
use record::kinds::request::{
    Ground, LapseReason, RequestApproved, RequestCarriedOut, RequestLapsed, RequestMade,
    RequestRejected, RequestWithdrawn,
};
use serde::{Deserialize, Serialize};

use crate::hear::deed_id;
use crate::refusal::{at_most, forbidden, needs_reason, wrong_state};
use crate::{Context, Deed, Draft, Reason, Refusal, State};

const REQUESTS_MAX: usize = 200;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Requests that are not done are forgotten after 30 days.
const KEPT_MS: i64 = 30 * DAY_MS;

/// How a command that can't be undone is guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The command.
    pub command: &'static str,
    /// When it is guarded.
    pub when: &'static str,
    /// How many others must approve.
    pub approvals: u8,
    /// How long it waits even if they do, in milliseconds.
    pub wait_ms: i64,
    /// After how long it is done if nobody rejects it, in milliseconds; none: never.
    pub delay_ms: Option<i64>,
    /// Whether somebody can answer for it alone.
    pub override_allowed: bool,
}

/// Everything that can't be undone, or whose abuse can't.
pub const IRREVERSIBLE: &[Guard] = &[
    Guard {
        command: "incident.redact",
        when: "always: what is erased is gone",
        approvals: 1,
        wait_ms: 0,
        delay_ms: Some(3 * DAY_MS),
        override_allowed: true,
    },
    Guard {
        command: "person.redact",
        when: "always: what is erased is gone",
        approvals: 1,
        wait_ms: 0,
        delay_ms: Some(3 * DAY_MS),
        override_allowed: true,
    },
    Guard {
        command: "permission.grant",
        when: "of admin for everything, once two people have it: an admin can let in anybody",
        approvals: 1,
        wait_ms: 0,
        delay_ms: Some(DAY_MS),
        override_allowed: true,
    },
    Guard {
        command: "key.enroll",
        when: "for somebody who has or had a key, unless that key signs it: who is talked into it \
               gives that person's voice away",
        approvals: 2,
        wait_ms: HOUR_MS,
        delay_ms: None,
        override_allowed: false,
    },
];

/// Requests that wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    /// Those that wait, by name.
    pub waiting: BTreeMap<Name, Request>,
    /// How many were ever made.
    pub made: u32,
}

/// Somebody asked for what can't be undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The act that made it.
    pub act: ActId,
    /// Who asked.
    pub by: Actor,
    /// The key that signed it.
    pub key: Option<Name>,
    /// The token that it came with.
    pub token: Option<TokenId>,
    /// When.
    pub at: Timestamp,
    /// The command's name.
    pub command: Box<str>,
    /// Its arguments, as canonical JSON.
    pub args: Box<str>,
    /// How many others must approve.
    pub approvals: u8,
    /// Who has.
    pub approved: BTreeSet<PersonName>,
    /// When it is done if nobody rejects it.
    pub due_at: Option<Timestamp>,
    /// Not before this.
    pub not_before: Option<Timestamp>,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

impl Request {
    /// What it asks for.
    ///
    /// # Errors
    /// When this build has no such command any more.
    pub fn verb(&self) -> Result<Verb, Refusal> {
        Verb::decode(&self.command, &self.args)
            .map_err(|bad| Refusal::new(Reason::WrongState, format!("it can't be read: {bad}")))
    }

    /// Whether enough others approved who still may, and it has waited long enough.
    fn is_ripe(&self, now: Timestamp, stands: Stands<'_>) -> bool {
        let standing = self.approved.iter().filter(|person| stands(self, person));
        standing.count() >= usize::from(self.approvals)
            && self.not_before.is_none_or(|not_before| not_before <= now)
    }

    fn guard(&self) -> Option<&'static Guard> {
        guard_named(&self.command)
    }
}

/// Whether an approval still counts: the person may ask for it themselves, and has a key.
pub type Stands<'a> = &'a dyn Fn(&Request, &PersonName) -> bool;

fn guard_named(command: &str) -> Option<&'static Guard> {
    IRREVERSIBLE.iter().find(|guard| guard.command == command)
}

impl Requests {
    pub(crate) fn apply(&mut self, name: &Name, act: &Act) {
        match &act.body {
            Body::RequestMade(made) => {
                self.made += 1;
                let request = Request {
                    act: act.id,
                    by: act.actor.clone(),
                    key: match &act.evidence.proof {
                        Proof::Key(key) => Some(key.clone()),
                        _ => None,
                    },
                    token: match &act.evidence.proof {
                        Proof::Token(token) => Some(token.clone()),
                        _ => None,
                    },
                    at: act.at,
                    command: made.command.clone(),
                    args: made.args.clone(),
                    approvals: made.approvals,
                    approved: BTreeSet::new(),
                    due_at: made.due_at,
                    not_before: made.not_before,
                    expires_at: made.expires_at,
                };
                self.waiting.insert(name.clone(), request);
            }
            Body::RequestApproved(_) => {
                if let (Some(request), Some(person)) =
                    (self.waiting.get_mut(name), act.actor.person())
                {
                    request.approved.insert(person.clone());
                }
            }
            Body::RequestRejected(_)
            | Body::RequestWithdrawn(_)
            | Body::RequestCarriedOut(_)
            | Body::RequestLapsed(_) => {
                self.waiting.remove(name);
            }
            _ => {}
        }
    }
}

/// What a command about a request leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum Settlement {
    /// These acts, and no more.
    Acts(Vec<Draft>),
    /// These acts, and then what was asked for.
    CarryOut(Vec<Draft>, Box<Verb>),
}

/// How this command is guarded, if it is one that can't be undone. `keyed`: the person it gives a
/// key to has or had one.
pub fn guard(
    state: &State,
    verb: &Verb,
    context: &Context<'_>,
    keyed: bool,
) -> Option<&'static Guard> {
    let guarded = match verb {
        Verb::RedactIncident(_) | Verb::RedactPerson(_) => true,
        Verb::GrantPermission(grant) => {
            grant.permission == Permission::Admin && state.directory.admins() >= 2
        }
        Verb::EnrollKey(enroll) => {
            let by_own_key = context.signed && context.actor.person() == Some(&enroll.person);
            keyed && !by_own_key
        }
        _ => false,
    };
    guarded.then(|| guard_named(verb.name())).flatten()
}

/// The act that makes a request of a guarded command.
///
/// # Errors
/// When too many wait already.
pub fn request(
    state: &State,
    guard: &Guard,
    verb: &Verb,
    context: &Context<'_>,
) -> Result<Vec<Draft>, Refusal> {
    let requests = &state.requests;
    needs_reason(context, "what can't be undone")?;
    at_most(
        "requests that wait",
        requests.waiting.len() + 1,
        REQUESTS_MAX,
    )?;
    let args = verb.canonical_args().map_err(|bad| {
        Refusal::new(
            Reason::OutOfRange,
            format!("its arguments can't be written: {bad}"),
        )
    })?;
    let same = requests
        .waiting
        .iter()
        .find(|(_, waiting)| *waiting.command == *verb.name() && *waiting.args == *args);
    if let Some((name, _)) = same {
        return wrong_state(format!("{name} asks for that already: hereby requests"));
    }
    // Without a signature of their own nobody can tell who asks: whoever holds somebody's token, or
    // this machine's socket, may be one of those who approve.
    let unknown = u8::from(!context.signed);
    let body = RequestMade {
        approvals: guard.approvals.saturating_add(unknown),
        command: verb.name().into(),
        args: args.into(),
        due_at: guard.delay_ms.map(|delay| context.now.plus_ms(delay)),
        not_before: (guard.wait_ms > 0).then(|| context.now.plus_ms(guard.wait_ms)),
        expires_at: context.now.plus_ms(KEPT_MS),
    };
    let name: Name = format!("req-{}", requests.made + 1)
        .parse()
        .map_err(|bad| Refusal::new(Reason::TooMany, format!("no name is left: {bad}")))?;
    Ok(vec![Draft::new(Subject::Request(name), body)])
}

/// Decides on a command about a request; `None` for those about anything else.
///
/// # Errors
/// A refusal that says who may do it, or what is missing.
pub fn settle(
    state: &State,
    verb: &Verb,
    context: &Context<'_>,
    stands: Stands<'_>,
) -> Option<Result<Settlement, Refusal>> {
    Some(match verb {
        Verb::ApproveRequest(verb) => approve(state, &verb.request, context, stands),
        Verb::OverrideRequest(verb) => override_it(state, &verb.request, context),
        Verb::RejectRequest(verb) => waiting(state, &verb.request)
            .map(|_| Settlement::Acts(acts(&verb.request, RequestRejected {}))),
        Verb::WithdrawRequest(verb) => withdraw(state, &verb.request, context),
        _ => return None,
    })
}

fn acts(name: &Name, body: impl Into<Body>) -> Vec<Draft> {
    vec![Draft::new(Subject::Request(name.clone()), body)]
}

fn waiting<'a>(state: &'a State, name: &Name) -> Result<&'a Request, Refusal> {
    state.requests.waiting.get(name).ok_or_else(|| {
        Refusal::new(
            Reason::NotFound,
            format!("no request {name} waits: hereby requests"),
        )
    })
}

/// The person whose key signed. Only a key says who somebody is well enough for this.
fn signer<'a>(context: &Context<'a>, what: &str) -> Result<&'a PersonName, Refusal> {
    match context.actor {
        Actor::Person { id } if context.signed => Ok(id),
        _ => forbidden(format!(
            "{what} takes a person's own key: --sign KEY (hereby key --help)"
        )),
    }
}

fn approve(
    state: &State,
    name: &Name,
    context: &Context<'_>,
    stands: Stands<'_>,
) -> Result<Settlement, Refusal> {
    let request = waiting(state, name)?;
    let person = signer(context, "an approval")?;
    if request.by.person() == Some(person) {
        return forbidden(format!(
            "{person} asked for {name}, and nobody approves their own request: ask somebody else"
        ));
    }
    let verb = request.verb()?;
    if let Verb::EnrollKey(enroll) = &verb
        && enroll.person == *person
    {
        return forbidden(format!(
            "{name} gives {person} a key: others have to approve it"
        ));
    }
    if request.approved.contains(person) {
        return wrong_state(format!("{person} has approved {name}"));
    }
    let mut drafts = acts(name, RequestApproved {});
    let mut approved = request.clone();
    approved.approved.insert(person.clone());
    if !approved.is_ripe(context.now, stands) {
        return Ok(Settlement::Acts(drafts));
    }
    let ground = Ground::Approved;
    drafts.extend(acts(name, RequestCarriedOut { ground }));
    Ok(Settlement::CarryOut(drafts, Box::new(verb)))
}

fn override_it(state: &State, name: &Name, context: &Context<'_>) -> Result<Settlement, Refusal> {
    let request = waiting(state, name)?;
    if !request.guard().is_some_and(|guard| guard.override_allowed) {
        return forbidden(format!(
            "{} is never done by one person alone: it takes {} others",
            request.command, request.approvals
        ));
    }
    signer(context, "an override")?;
    needs_reason(context, "an override")?;
    let ground = Ground::Overridden;
    let drafts = acts(name, RequestCarriedOut { ground });
    Ok(Settlement::CarryOut(drafts, Box::new(request.verb()?)))
}

fn withdraw(state: &State, name: &Name, context: &Context<'_>) -> Result<Settlement, Refusal> {
    let request = waiting(state, name)?;
    let same = match (request.by.person(), context.actor.person()) {
        (Some(asked), Some(asks)) => asked == asks,
        _ => request.by == *context.actor,
    };
    if !same {
        return forbidden(format!(
            "{} asked for it: whoever asked takes it back, others reject it (hereby reject {name})",
            request.by
        ));
    }
    Ok(Settlement::Acts(acts(name, RequestWithdrawn {})))
}

/// What is done about requests because time passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DueRequest {
    /// It is done, for this reason.
    CarryOut(Name, Ground),
    /// It is forgotten.
    Forget(Name),
}

/// Requests whose time came.
pub fn due_requests(state: &State, now: Timestamp, stands: Stands<'_>) -> Vec<DueRequest> {
    let waiting = state.requests.waiting.iter();
    waiting
        .filter_map(|(name, request)| {
            let waited = request.due_at.is_some_and(|due_at| due_at <= now);
            if request.is_ripe(now, stands) {
                Some(DueRequest::CarryOut(name.clone(), Ground::Approved))
            } else if waited {
                Some(DueRequest::CarryOut(name.clone(), Ground::Waited))
            } else if request.expires_at <= now {
                Some(DueRequest::Forget(name.clone()))
            } else {
                None
            }
        })
        .collect()
}

impl DueRequest {
    fn name(&self) -> &Name {
        match self {
            DueRequest::CarryOut(name, _) | DueRequest::Forget(name) => name,
        }
    }

    /// Does it, with the acts that it asks for.
    pub fn done(self, asked: Vec<Draft>) -> Deed {
        let ground = match &self {
            DueRequest::CarryOut(_, ground) => *ground,
            DueRequest::Forget(_) => return self.lapsed(LapseReason::Expired),
        };
        let mut drafts = acts(self.name(), RequestCarriedOut { ground });
        drafts.extend(asked);
        self.deed("done", drafts)
    }

    /// Forgets it.
    pub fn lapsed(self, reason: LapseReason) -> Deed {
        let drafts = acts(self.name(), RequestLapsed { reason });
        self.deed("lapsed", drafts)
    }

    fn deed(&self, what: &str, drafts: Vec<Draft>) -> Deed {
        Deed {
            id: deed_id(&format!("request:{}:{what}", self.name())),
            actor: Actor::System {
                id: "timer".parse().expect("a lower-case word"),
            },
            cause: None,
            why: None,
            drafts,
        }
    }
}
