//! What is asked of the engine, and what it answers.

use std::sync::Arc;

use base::{ActId, Actor, Name, PersonName, Proof, SessionId, Timestamp, TokenId};
use incident::{AlertSignal, Refusal};
use record::act::Subject;
use record::command::Command;

use crate::ports::SignedHead;

/// How a request reached us: it decides who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// The local socket; the kernel says whose process is at the other end.
    LocalUid(u32),
    /// A bearer token that was found valid.
    Token(TokenId),
    /// A session in a browser, whose cookie was found valid.
    Session(SessionId),
    /// A part of hereby itself, by its name: `auditor`. Nothing that comes from outside has it.
    Own(Name),
}

/// An author's signature over the canonical command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Which enrolled key made it.
    pub key: Name,
    /// The signature: 64 bytes of Ed25519.
    pub bytes: Vec<u8>,
}

/// A command and how it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// How it came.
    pub transport: Transport,
    /// What is asked.
    pub command: Command,
    /// The author's signature, if there is one.
    pub signature: Option<Signature>,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It happened: these acts are durable.
    Done(Vec<Receipt>),
    /// It did not happen, and will not unless it is sent again.
    Refused(Refusal),
    /// Nobody can say: the writer ended before it answered. Sent again with the same id, it
    /// happens once.
    Unknown,
}

/// An act that a command led to, and where it stands on the record.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    /// The act.
    pub act: ActId,
    /// The server's time of it.
    pub at: Timestamp,
    /// Its place on the record.
    pub index: u64,
    /// What happened.
    pub kind: Box<str>,
    /// To what.
    pub subject: Subject,
    /// A signed checkpoint that covers it.
    pub head: Arc<SignedHead>,
}

/// What a delivery of alerts came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SignalReport {
    /// Acts that followed.
    pub receipts: Vec<Receipt>,
    /// Alerts that were known; their lease was extended.
    pub known: u32,
    /// Alerts that a rule ignores.
    pub ignored: u32,
    /// Ends and acknowledgements of what does not fire.
    pub stale: u32,
    /// Alerts whose acts can't be written down at all.
    pub unwritable: u32,
    /// Set when the record may not grow faster: what follows was not taken. To be sent again.
    pub refused: Option<Refusal>,
}

/// A command that has passed everything that needs no writer.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) transport: Transport,
    pub(crate) command: Command,
    pub(crate) digest: base::CommandDigest,
    /// The key that signed, whose it is, the signature and what was signed.
    pub(crate) signed: Option<SignedCommand>,
    /// The command's id is on no act before this index.
    pub(crate) unseen_before: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct SignedCommand {
    pub(crate) key: Name,
    pub(crate) person: PersonName,
    /// The key that the signature was checked against.
    pub(crate) vkey: Box<str>,
    pub(crate) signature: Box<str>,
    pub(crate) canonical: String,
}

/// One thing for the writer to do.
#[derive(Debug)]
pub(crate) enum Input {
    Command(Box<Prepared>),
    Signals {
        transport: Transport,
        signals: Vec<AlertSignal>,
    },
    Beat {
        transport: Transport,
        heartbeat: Name,
    },
}

/// The answer to a command, a delivery of alerts or a sign of life.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// What became of a command, or why signals or a sign of life were not taken.
    Command(Outcome),
    /// What a delivery of alerts came to.
    Signals(SignalReport),
    /// Whether such a heartbeat is expected.
    Beat(Result<bool, Refusal>),
}

/// Who acts, from how the request came and what it claims.
pub(crate) fn actor_of(
    transport: &Transport,
    on_behalf_of: Option<&PersonName>,
    signed: Option<&SignedCommand>,
    holder: Option<&Actor>,
) -> (Actor, Proof) {
    if let Some(signed) = signed {
        return (
            Actor::Person {
                id: signed.person.clone(),
            },
            Proof::Key(signed.key.clone()),
        );
    }
    match transport {
        Transport::LocalUid(uid) => (
            Actor::Uid {
                id: *uid,
                on_behalf_of: on_behalf_of.cloned(),
            },
            Proof::LocalUid,
        ),
        Transport::Own(part) => (Actor::System { id: part.clone() }, Proof::Internal),
        Transport::Token(token) => (held_by(holder), Proof::Token(token.clone())),
        Transport::Session(session) => (held_by(holder), Proof::Session(session.clone())),
    }
}

/// A token or session without a holder is refused before anybody asks who acts.
fn held_by(holder: Option<&Actor>) -> Actor {
    let nobody = Actor::Uid {
        id: u32::MAX,
        on_behalf_of: None,
    };
    holder.cloned().unwrap_or(nobody)
}
