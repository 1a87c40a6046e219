//! An act: a critical action that was taken, in the one form it has on the record.

use base::{
    ActId, Actor, AlertId, BadId, CommandDigest, CommandId, IncidentId, KeyRef, Line, LoginId,
    Name, PersonName, Proof, Prose, ServiceName, SessionId, TeamName, Tenant, Timestamp, TokenId,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::canonical;
use crate::hash;
use crate::kinds::{Body, SealVisitor};
use crate::sealed::{CannotOpen, Place, Sealable, SubjectKey};

mod visit;

use visit::{Opener, Sealer};
mod subject;

/// The longest entry, in bytes: what a C2SP entry bundle's 16-bit length can say.
pub const ENTRY_BYTES_MAX: usize = 65_535;

/// The version of the envelope, `v`.
pub const ENVELOPE_VERSION: u8 = 1;

/// A critical action that was taken. Immutable once written.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// Follows from the command's id and the act's place among that command's acts.
    pub id: ActId,
    /// The server's time.
    pub at: Timestamp,
    /// The sender's time, if it said one.
    pub claimed_at: Option<Timestamp>,
    /// Who acted.
    pub actor: Actor,
    /// How sure we are of that, and which command it was.
    pub evidence: Evidence,
    /// What it happened to.
    pub subject: Subject,
    /// Whose traffic it concerns.
    pub tenant: Option<Tenant>,
    /// The act that led to this one.
    pub cause: Option<ActId>,
    /// The reason given.
    pub why: Option<Sealable<Prose>>,
    /// What happened.
    pub body: Body,
}

/// How the actor was established, and a digest of the command that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// A keyed digest of who sent which command: the same id with another digest is a conflict.
    pub digest: CommandDigest,
    /// How the actor was established.
    pub proof: Proof,
    /// With [`Proof::Key`]: the signature and, on the command's first act, what was signed.
    pub signed: Option<Signed>,
}

/// An author's signature over a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The Ed25519 signature in base64 (see `command::signed_bytes`).
    pub signature: Box<str>,
    /// The canonical command that was signed; on the first of the command's acts only.
    pub command: Option<Sealable<String>>,
}

/// What an act happened to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// An incident.
    Incident(IncidentId),
    /// One firing of an alert.
    Alert(AlertId),
    /// A silence: `sil-3`.
    Silence(Name),
    /// A maintenance window: `mw-2`.
    Maintenance(Name),
    /// An expected heartbeat.
    Heartbeat(Name),
    /// A token.
    Token(TokenId),
    /// A link to sign in with.
    Login(LoginId),
    /// A session in a browser.
    Session(SessionId),
    /// A person's key.
    Key(Name),
    /// A person.
    Person(PersonName),
    /// A team.
    Team(TeamName),
    /// A service.
    Service(ServiceName),
    /// A request: `req-4`.
    Request(Name),
    /// A runbook.
    Runbook(Name),
    /// A template of incidents.
    Template(Name),
    /// A component of the status page.
    Component(Name),
    /// The status page itself.
    Page,
    /// Somebody outside who is told what the public is told: `sub-7`.
    Subscriber(Name),
    /// Whoever comes from these addresses: `192.0.2.0/24`.
    Client(Line),
    /// A certificate of a client: its fingerprint, or `ISSUER:SERIAL`.
    Certificate(Line),
    /// A route of the edges.
    Route(Name),
    /// A switch: `feature/recommendations`.
    Switch(Line),
    /// A compartment of edges.
    Cell(Name),
    /// An edge.
    Edge(Name),
    /// A version on its way to the edges: `dep-3`.
    Deployment(Name),
    /// All edges.
    Fleet,
    /// The record itself.
    Record,
}

/// Why bytes are not an act.
#[derive(Debug, thiserror::Error)]
pub enum BadAct {
    /// Not the canonical form.
    #[error(transparent)]
    NotCanonical(#[from] canonical::NotCanonical),
    /// Longer than [`ENTRY_BYTES_MAX`].
    #[error("the act takes {0} bytes, an entry has at most 65535")]
    TooLong(usize),
    /// The envelope is not of the form it must have.
    #[error("not an act: {0}")]
    Envelope(#[from] serde_json::Error),
    /// A later envelope version.
    #[error("envelope version {0}, this build reads 1: use a newer hereby")]
    Version(u64),
    /// The body does not fit its kind.
    #[error(transparent)]
    Body(#[from] crate::kinds::BadBody),
}

/// The id of the `ordinal`-th act of a command: a hash of both, cut to 128 bits.
pub fn act_id(command: &CommandId, ordinal: u32) -> ActId {
    let digest = hash::sha256(&[
        b"hereby/act/1\0",
        command.as_str().as_bytes(),
        b"\0",
        &ordinal.to_be_bytes(),
    ]);
    let mut id = [0; 16];
    for (slot, byte) in id.iter_mut().zip(digest.0) {
        *slot = byte;
    }
    ActId::from_bytes(id)
}

impl Act {
    /// The entry: canonical JSON, at most [`ENTRY_BYTES_MAX`] bytes, without a line feed.
    ///
    /// # Errors
    /// When the act would be too long.
    pub fn encode(&self) -> Result<Vec<u8>, BadAct> {
        let bytes = canonical::to_vec(&Envelope::from_act(self))?;
        if bytes.len() > ENTRY_BYTES_MAX {
            return Err(BadAct::TooLong(bytes.len()));
        }
        Ok(bytes)
    }

    /// Reads an entry. That it is canonical is checked by [`canonical::check`], not here.
    ///
    /// # Errors
    /// When the envelope or the body of a known kind is not of its form.
    pub fn decode(entry: &[u8]) -> Result<Act, BadAct> {
        // Checked once for all: from bytes, every string would be checked on its own.
        let text = std::str::from_utf8(entry).map_err(serde_json::Error::custom)?;
        let envelope: EnvelopeIn<'_> = match serde_json::from_str(text) {
            Ok(envelope) => envelope,
            // What another version has and this one has not is no mistake.
            Err(error) => match other_version(text) {
                Some(version) => return Err(BadAct::Version(version)),
                None => return Err(error.into()),
            },
        };
        if envelope.v != u64::from(ENVELOPE_VERSION) {
            return Err(BadAct::Version(envelope.v));
        }
        Ok(Act {
            id: envelope.id,
            at: envelope.at,
            claimed_at: envelope.claimed_at,
            actor: envelope.actor,
            evidence: envelope.proof,
            subject: envelope.subject,
            tenant: envelope.tenant,
            cause: envelope.cause,
            why: envelope.why,
            body: Body::decode(&envelope.kind, envelope.body)?,
        })
    }

    /// Reads an entry that nobody here wrote: it must be canonical as well.
    ///
    /// # Errors
    /// See [`BadAct`].
    pub fn decode_strict(entry: &[u8]) -> Result<Act, BadAct> {
        if entry.len() > ENTRY_BYTES_MAX {
            return Err(BadAct::TooLong(entry.len()));
        }
        canonical::check(entry)?;
        Act::decode(entry)
    }

    /// Seals every field that a private incident seals.
    pub fn seal(&mut self, key: &SubjectKey, name: &KeyRef) {
        let (act, digest) = (self.id, self.evidence.digest);
        let mut sealer = Sealer {
            key,
            name,
            act,
            digest,
        };
        if let Some(why) = &mut self.why {
            sealer.prose("why", why);
        }
        if let Some(Signed {
            command: Some(command),
            ..
        }) = &mut self.evidence.signed
        {
            command.seal(
                key,
                name,
                &Place {
                    act,
                    digest,
                    field: "proof.command",
                },
            );
        }
        self.body.visit_sealable(&mut sealer);
    }

    /// Opens every sealed field whose key `find` has. Returns how many stayed sealed.
    ///
    /// # Errors
    /// When a key is there and the text does not open with it: the entry was changed.
    pub fn open(
        &mut self,
        find: &mut dyn FnMut(&KeyRef) -> Option<SubjectKey>,
    ) -> Result<usize, CannotOpen> {
        let (act, digest) = (self.id, self.evidence.digest);
        let mut opener = Opener {
            find,
            act,
            digest,
            closed: 0,
            failed: None,
        };
        if let Some(why) = &mut self.why {
            opener.prose("why", why);
        }
        if let Some(Signed {
            command: Some(command),
            ..
        }) = &mut self.evidence.signed
        {
            opener.open("proof.command", command);
        }
        self.body.visit_sealable(&mut opener);
        opener.failed.map_or(Ok(opener.closed), Err)
    }
}

/// The version of the envelope, if it is not the one of this build.
fn other_version(text: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Versioned {
        v: u64,
    }
    let found = serde_json::from_str::<Versioned>(text).ok()?;
    (found.v != u64::from(ENVELOPE_VERSION)).then_some(found.v)
}

#[derive(Serialize)]
struct Envelope<'a> {
    actor: &'a Actor,
    at: Timestamp,
    body: &'a Body,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<ActId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed_at: Option<Timestamp>,
    id: ActId,
    kind: &'a str,
    proof: &'a Evidence,
    subject: &'a Subject,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a Tenant>,
    v: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a Sealable<Prose>>,
}

impl<'a> Envelope<'a> {
    fn from_act(act: &'a Act) -> Envelope<'a> {
        Envelope {
            actor: &act.actor,
            at: act.at,
            body: &act.body,
            cause: act.cause,
            claimed_at: act.claimed_at,
            id: act.id,
            kind: act.body.kind(),
            proof: &act.evidence,
            subject: &act.subject,
            tenant: act.tenant.as_ref(),
            v: ENVELOPE_VERSION,
            why: act.why.as_ref(),
        }
    }
}

impl Serialize for Act {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Envelope::from_act(self).serialize(serializer)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvelopeIn<'a> {
    actor: Actor,
    at: Timestamp,
    #[serde(borrow)]
    body: &'a RawValue,
    cause: Option<ActId>,
    claimed_at: Option<Timestamp>,
    id: ActId,
    #[serde(borrow)]
    kind: std::borrow::Cow<'a, str>,
    proof: Evidence,
    subject: Subject,
    tenant: Option<Tenant>,
    v: u64,
    why: Option<Sealable<Prose>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EvidenceForm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command: Option<Sealable<String>>,
    digest: CommandDigest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Name>,
    method: Method,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sig: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<TokenId>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Method {
    Internal,
    LocalUid,
    Token,
    Session,
    Key,
}

impl Serialize for Evidence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut form = EvidenceForm {
            command: None,
            digest: self.digest,
            key: None,
            method: Method::Internal,
            session: None,
            sig: None,
            token: None,
        };
        match &self.proof {
            Proof::Internal => {}
            Proof::LocalUid => form.method = Method::LocalUid,
            Proof::Token(token) => {
                form.method = Method::Token;
                form.token = Some(token.clone());
            }
            Proof::Session(session) => {
                form.method = Method::Session;
                form.session = Some(session.clone());
            }
            Proof::Key(key) => {
                form.method = Method::Key;
                form.key = Some(key.clone());
            }
        }
        if let Some(signed) = &self.signed {
            form.sig = Some(signed.signature.clone());
            form.command = signed.command.clone();
        }
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Evidence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Evidence, D::Error> {
        let form = EvidenceForm::deserialize(deserializer)?;
        let proof = match (form.method, form.token, form.session, form.key) {
            (Method::Internal, None, None, None) => Proof::Internal,
            (Method::LocalUid, None, None, None) => Proof::LocalUid,
            (Method::Token, Some(token), None, None) => Proof::Token(token),
            (Method::Session, None, Some(session), None) => Proof::Session(session),
            (Method::Key, None, None, Some(key)) => Proof::Key(key),
            _ => {
                return Err(serde::de::Error::custom(
                    "the proof's method and fields disagree",
                ));
            }
        };
        let signed = match (&proof, form.sig, form.command) {
            (Proof::Key(_), Some(signature), command) => Some(Signed { signature, command }),
            (Proof::Key(_), None, _) => {
                return Err(serde::de::Error::custom("a key's proof has a signature"));
            }
            (_, None, None) => None,
            _ => {
                return Err(serde::de::Error::custom(
                    "only a key's proof has a signature",
                ));
            }
        };
        Ok(Evidence {
            digest: form.digest,
            proof,
            signed,
        })
    }
}

impl Subject {
    /// The type of thing, as on the record: `incident`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Subject::Incident(_) => "incident",
            Subject::Alert(_) => "alert",
            Subject::Silence(_) => "silence",
            Subject::Maintenance(_) => "maintenance",
            Subject::Heartbeat(_) => "heartbeat",
            Subject::Token(_) => "token",
            Subject::Login(_) => "login",
            Subject::Session(_) => "session",
            Subject::Key(_) => "key",
            Subject::Person(_) => "person",
            Subject::Team(_) => "team",
            Subject::Request(_) => "request",
            Subject::Runbook(_) => "runbook",
            Subject::Template(_) => "template",
            Subject::Service(_) => "service",
            Subject::Component(_) => "component",
            Subject::Page => "page",
            Subject::Subscriber(_) => "subscriber",
            Subject::Client(_) => "client",
            Subject::Certificate(_) => "certificate",
            Subject::Route(_) => "route",
            Subject::Switch(_) => "switch",
            Subject::Cell(_) => "cell",
            Subject::Edge(_) => "edge",
            Subject::Deployment(_) => "deployment",
            Subject::Fleet => "fleet",
            Subject::Record => "record",
        }
    }

    /// Its id, as on the record.
    pub fn id(&self) -> String {
        match self {
            Subject::Incident(id) => id.to_string(),
            Subject::Alert(id) => id.to_string(),
            Subject::Token(id) => id.to_string(),
            Subject::Login(id) => id.to_string(),
            Subject::Session(id) => id.to_string(),
            Subject::Silence(id)
            | Subject::Maintenance(id)
            | Subject::Heartbeat(id)
            | Subject::Request(id)
            | Subject::Runbook(id)
            | Subject::Template(id)
            | Subject::Component(id)
            | Subject::Subscriber(id)
            | Subject::Route(id)
            | Subject::Cell(id)
            | Subject::Edge(id)
            | Subject::Deployment(id)
            | Subject::Key(id) => id.to_string(),
            Subject::Client(id) | Subject::Certificate(id) | Subject::Switch(id) => id.to_string(),
            Subject::Person(id) => id.to_string(),
            Subject::Team(id) => id.to_string(),
            Subject::Service(id) => id.to_string(),
            Subject::Page => "page".to_owned(),
            Subject::Fleet => "fleet".to_owned(),
            Subject::Record => "record".to_owned(),
        }
    }

    /// The subject of that type with that id.
    ///
    /// # Errors
    /// When there is no such type, or the id is not of the type's form.
    pub fn parse(type_name: &str, id: &str) -> Result<Subject, BadId> {
        match type_name {
            "incident" => id.parse().map(Subject::Incident),
            "alert" => id.parse().map(Subject::Alert),
            "silence" => id.parse().map(Subject::Silence),
            "maintenance" => id.parse().map(Subject::Maintenance),
            "heartbeat" => id.parse().map(Subject::Heartbeat),
            "token" => id.parse().map(Subject::Token),
            "login" => id.parse().map(Subject::Login),
            "session" => id.parse().map(Subject::Session),
            "key" => id.parse().map(Subject::Key),
            "person" => id.parse().map(Subject::Person),
            "team" => id.parse().map(Subject::Team),
            "request" => id.parse().map(Subject::Request),
            "runbook" => id.parse().map(Subject::Runbook),
            "template" => id.parse().map(Subject::Template),
            "service" => id.parse().map(Subject::Service),
            "component" => id.parse().map(Subject::Component),
            "page" if id == "page" => Ok(Subject::Page),
            "subscriber" => id.parse().map(Subject::Subscriber),
            "client" => line(id).map(Subject::Client),
            "certificate" => line(id).map(Subject::Certificate),
            "route" => id.parse().map(Subject::Route),
            "switch" => line(id).map(Subject::Switch),
            "cell" => id.parse().map(Subject::Cell),
            "edge" => id.parse().map(Subject::Edge),
            "deployment" => id.parse().map(Subject::Deployment),
            "fleet" if id == "fleet" => Ok(Subject::Fleet),
            "record" if id == "record" => Ok(Subject::Record),
            _ => Err(BadId {
                text: type_name.chars().take(80).collect(),
                expected: "a subject's type (incident, alert, silence, …)",
            }),
        }
    }
}

/// What a subject is called that no name can call.
fn line(id: &str) -> Result<Line, BadId> {
    id.parse().map_err(|_| BadId {
        text: id.chars().take(80).collect(),
        expected: "a line of at most 200 bytes",
    })
}

#[cfg(test)]
mod tests;
