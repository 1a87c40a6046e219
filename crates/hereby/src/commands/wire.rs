//! What hereby's answers look like (see the API's reference, "Reading"): the one place that knows.
//!
//! Members that this build does not use, or does not know yet, are ignored.

use std::collections::{BTreeMap, BTreeSet};

use base::{
    Actor, AlertId, IncidentId, Line, Name, PersonName, Prose, ServiceName, Severity, TeamName,
    Timestamp, TokenId,
};
use record::act::Act;
use record::kinds::access::Scope;
use record::kinds::alert::Ending;
use record::kinds::directory::{Dependency, Permission, Place};
use record::kinds::incident::{Audience, Role, Stamp, Status};
use record::kinds::work::{ImpactStated, Relation};
use record::sealed::Sealable;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tell::opened;
use crate::exit::{Exit, Failure};

pub(super) mod stats;

/// One page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Page<T = Value> {
    pub(super) items: Vec<T>,
    /// Where the next page begins.
    #[serde(default)]
    pub(super) next: Option<Value>,
}

/// What a list and the head of a page show of an incident.
#[derive(Debug, Deserialize)]
pub(super) struct Incident {
    pub(super) id: IncidentId,
    pub(super) title: Sealable<Line>,
    pub(super) severity: Severity,
    pub(super) status: Status,
    #[serde(default)]
    pub(super) service: Option<ServiceName>,
    #[serde(default)]
    pub(super) drill: bool,
    #[serde(default)]
    pub(super) private: bool,
    pub(super) declared_at: Timestamp,
    pub(super) declared_by: Actor,
    #[serde(default)]
    pub(super) acknowledged: Option<Acknowledged>,
    /// When things happened, as far as somebody said.
    #[serde(default)]
    pub(super) times: BTreeMap<Stamp, Said>,
    #[serde(default)]
    pub(super) resolved_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) reopened_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) roles: BTreeMap<Role, BTreeSet<PersonName>>,
    /// Roles that somebody was asked to take over.
    #[serde(default)]
    pub(super) offers: Vec<Offer>,
    /// Who may be commander and operations at once.
    #[serde(default)]
    pub(super) waived: BTreeSet<PersonName>,
    /// Who works on it.
    #[serde(default)]
    pub(super) people: BTreeSet<PersonName>,
    /// What it did, as far as somebody said.
    #[serde(default)]
    pub(super) impact: ImpactStated,
    /// What was sealed in it is erased.
    #[serde(default)]
    pub(super) redacted: bool,
    /// How it relates to others.
    #[serde(default)]
    pub(super) relations: Vec<Related>,
    /// Its rooms in channels.
    #[serde(default)]
    pub(super) rooms: Vec<Room>,
}

/// An incident's room in a channel.
#[derive(Debug, Deserialize)]
pub(super) struct Room {
    pub(super) channel: String,
    pub(super) state: String,
    pub(super) room: Option<String>,
}

/// How an incident relates to another one.
#[derive(Debug, Deserialize)]
pub(super) struct Related {
    pub(super) relation: Relation,
    pub(super) to: IncidentId,
}

/// When something happened.
#[derive(Debug, Deserialize)]
pub(super) struct Said {
    pub(super) at: Timestamp,
}

/// Somebody was asked to take a role over.
#[derive(Debug, Deserialize)]
pub(super) struct Offer {
    pub(super) role: Role,
    pub(super) from: PersonName,
    pub(super) to: PersonName,
}

/// Who acknowledged an incident, and when.
#[derive(Debug, Deserialize)]
pub(super) struct Acknowledged {
    pub(super) at: Timestamp,
    pub(super) by: Actor,
}

impl Incident {
    pub(super) fn title(&self) -> String {
        opened(&self.title)
    }

    pub(super) fn commander(&self) -> Option<&PersonName> {
        self.roles.get(&Role::Commander)?.first()
    }
}

/// `GET /api/v1/incidents/{id}`
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct IncidentPage {
    pub(super) incident: Value,
    #[serde(default)]
    pub(super) alerts: Vec<Value>,
}

/// One firing of an alert.
#[derive(Debug, Deserialize)]
pub(super) struct Alert {
    pub(super) id: AlertId,
    pub(super) title: Line,
    pub(super) source: Name,
    pub(super) starts_at: Timestamp,
    #[serde(default)]
    pub(super) ended_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) ending: Option<Ending>,
    #[serde(default)]
    pub(super) incident: Option<IncidentId>,
    #[serde(default)]
    pub(super) drill: bool,
}

/// A silence that holds.
#[derive(Debug, Deserialize)]
pub(super) struct Silence {
    pub(super) silence: Name,
    pub(super) ends_at: Timestamp,
    pub(super) matchers: BTreeMap<Box<str>, Box<str>>,
}

/// Who told edges something at once, when and why.
#[derive(Debug, Deserialize)]
pub(super) struct Contained {
    pub(super) at: Timestamp,
    pub(super) by: Actor,
    #[serde(default)]
    pub(super) incident: Option<IncidentId>,
    #[serde(default)]
    pub(super) why: Option<String>,
}

/// A ban that holds.
#[derive(Debug, Deserialize)]
pub(super) struct Ban {
    pub(super) prefix: String,
    #[serde(default)]
    pub(super) ends_at: Option<Timestamp>,
    #[serde(flatten)]
    pub(super) said: Contained,
}

/// An edge, of which only the name matters.
#[derive(Debug, Deserialize)]
pub(super) struct NamedEdge {
    pub(super) edge: Name,
}

/// A switch that is off.
#[derive(Debug, Deserialize)]
pub(super) struct Switch {
    pub(super) switch: String,
    #[serde(default)]
    pub(super) ends_at: Option<Timestamp>,
    #[serde(flatten)]
    pub(super) said: Contained,
}

/// A service that does not work as usual.
#[derive(Debug, Deserialize)]
pub(super) struct ServicePosture {
    pub(super) service: String,
    pub(super) posture: record::kinds::containment::Posture,
    #[serde(default)]
    pub(super) ends_at: Option<Timestamp>,
    #[serde(flatten)]
    pub(super) said: Contained,
}

/// A certificate that is revoked.
#[derive(Debug, Deserialize)]
pub(super) struct Revocation {
    pub(super) certificate: String,
    #[serde(default)]
    pub(super) issuer: Option<String>,
    #[serde(default)]
    pub(super) serial: Option<String>,
    #[serde(flatten)]
    pub(super) said: Contained,
}

/// Who came in with a certificate.
#[derive(Debug, Deserialize)]
pub(super) struct CertificateUses {
    pub(super) certificate: String,
    /// Whether an edge beside hereby said what it counted since.
    pub(super) edge: bool,
    #[serde(default)]
    pub(super) revoked: Option<Revocation>,
    pub(super) uses: Vec<CertificateUse>,
}

/// Who came in with it at one tenant.
#[derive(Debug, Deserialize)]
pub(super) struct CertificateUse {
    pub(super) cell: String,
    pub(super) tenant: String,
    pub(super) first_at: Timestamp,
    pub(super) last_at: Timestamp,
    #[serde(default)]
    pub(super) last_let_through_at: Option<Timestamp>,
    pub(super) let_through: u64,
    pub(super) let_through_after: u64,
    pub(super) refused: u64,
    pub(super) refused_after: u64,
    pub(super) prefixes: Vec<String>,
}

/// A route on which another tier answers than was planned.
#[derive(Debug, Deserialize)]
pub(super) struct Failover {
    pub(super) route: Name,
    #[serde(default)]
    pub(super) cell: Option<Name>,
    #[serde(default)]
    pub(super) tier: Option<u8>,
    pub(super) ends_at: Timestamp,
    #[serde(flatten)]
    pub(super) said: Contained,
}

/// A maintenance window.
#[derive(Debug, Deserialize)]
pub(super) struct Maintenance {
    pub(super) maintenance: Name,
    pub(super) service: ServiceName,
    pub(super) starts_at: Timestamp,
    pub(super) ends_at: Timestamp,
    pub(super) title: Line,
}

/// An expected heartbeat.
#[derive(Debug, Deserialize)]
pub(super) struct Heartbeat {
    pub(super) heartbeat: Name,
    pub(super) interval_ms: u64,
    pub(super) grace_ms: u64,
    pub(super) expected_since: Timestamp,
    #[serde(default)]
    pub(super) service: Option<ServiceName>,
    #[serde(default)]
    pub(super) severity: Option<Severity>,
    /// When one came last, if one came since hereby started.
    #[serde(default)]
    pub(super) last_at: Option<Timestamp>,
}

/// A token that works, without its secret.
#[derive(Debug, Deserialize)]
pub(super) struct Token {
    pub(super) token: TokenId,
    pub(super) actor: Actor,
    pub(super) expires_at: Timestamp,
    pub(super) scopes: BTreeSet<Scope>,
}

/// A key that may sign commands.
#[derive(Debug, Deserialize)]
pub(super) struct Key {
    pub(super) key: Name,
    pub(super) person: PersonName,
    pub(super) vkey: String,
}

/// Somebody.
#[derive(Debug, Deserialize)]
pub(super) struct Person {
    pub(super) person: PersonName,
    #[serde(default)]
    pub(super) full_name: Option<Sealable<Line>>,
    pub(super) places: Vec<Place>,
    pub(super) permissions: Vec<Grant>,
}

/// A permission and how far it reaches.
#[derive(Debug, Deserialize)]
pub(super) struct Grant {
    pub(super) permission: Permission,
    #[serde(default)]
    pub(super) team: Option<TeamName>,
}

/// A team.
#[derive(Debug, Deserialize)]
pub(super) struct Team {
    pub(super) team: TeamName,
    #[serde(default)]
    pub(super) about: Option<Line>,
}

/// A service.
#[derive(Debug, Deserialize)]
pub(super) struct Service {
    pub(super) service: ServiceName,
    #[serde(default)]
    pub(super) about: Option<Line>,
    #[serde(default)]
    pub(super) owner: Option<TeamName>,
    pub(super) tier: u8,
    pub(super) dependencies: Vec<Dependency>,
}

/// A request that waits for a second person.
#[derive(Debug, Deserialize)]
pub(super) struct Request {
    pub(super) request: Name,
    pub(super) command: String,
    pub(super) args: Value,
    pub(super) by: Actor,
    pub(super) at: Timestamp,
    /// The reason given.
    #[serde(default)]
    pub(super) why: Option<Sealable<Prose>>,
    /// How many others must approve.
    pub(super) approvals: usize,
    pub(super) approved: BTreeSet<PersonName>,
    /// When it is done if nobody rejects it.
    #[serde(default)]
    pub(super) due_at: Option<Timestamp>,
    /// Not before this, whoever approves.
    #[serde(default)]
    pub(super) not_before: Option<Timestamp>,
    pub(super) expires_at: Timestamp,
}

/// What people do, step by step.
#[derive(Debug, Deserialize)]
pub(super) struct Runbook {
    pub(super) runbook: Name,
    pub(super) title: Line,
    pub(super) steps: Vec<Line>,
}

/// What incidents of a kind begin with.
#[derive(Debug, Deserialize)]
pub(super) struct Template {
    pub(super) template: Name,
    #[serde(default)]
    pub(super) title: Option<Line>,
    #[serde(default)]
    pub(super) severity: Option<Severity>,
    #[serde(default)]
    pub(super) service: Option<ServiceName>,
    #[serde(default)]
    pub(super) private: bool,
    #[serde(default)]
    pub(super) runbooks: Vec<Name>,
    #[serde(default)]
    pub(super) update_every_ms: BTreeMap<Audience, u64>,
}

/// `GET /api/v1/status`
#[derive(Debug, Deserialize)]
pub(super) struct ServerStatus {
    pub(super) version: String,
    #[serde(default)]
    pub(super) origin: Option<String>,
    pub(super) size: u64,
    pub(super) root: String,
    #[serde(default)]
    pub(super) vkey: Option<String>,
    #[serde(default)]
    pub(super) published_size: Option<u64>,
    #[serde(default)]
    pub(super) witnesses: Vec<Witness>,
    #[serde(default)]
    pub(super) disk_free_bytes: Option<u64>,
    pub(super) started_at: Timestamp,
}

/// How far a witness has cosigned.
#[derive(Debug, Deserialize)]
pub(super) struct Witness {
    pub(super) name: String,
    #[serde(default)]
    pub(super) size: Option<u64>,
    #[serde(default)]
    pub(super) at: Option<Timestamp>,
}

/// An act and its place on the record.
#[derive(Debug, Deserialize)]
pub(super) struct Placed {
    pub(super) index: u64,
    act: Value,
}

impl Placed {
    /// The act, as far as this build can read it.
    pub(super) fn act(&self) -> Result<Act, Failure> {
        act(self.index, &self.act.to_string())
    }
}

/// The act at this place, as far as this build can read it.
pub(super) fn act(index: u64, json: &str) -> Result<Act, Failure> {
    Act::decode(json.as_bytes()).map_err(|error| {
        Failure::new(
            Exit::Internal,
            format!("this build cannot read entry {index}"),
        )
        .because(error)
        .hint("use the hereby that is as new as the one that answers")
    })
}

/// Items of a list as their type.
pub(super) fn typed<T: DeserializeOwned>(items: &[Value]) -> Result<Vec<T>, Failure> {
    items.iter().map(one).collect()
}

/// A part of an answer as its type.
pub(super) fn one<T: DeserializeOwned>(value: &Value) -> Result<T, Failure> {
    T::deserialize(value).map_err(|error| unreadable(&error))
}

/// An answer that is not of the form it must have.
pub(super) fn unreadable(error: &serde_json::Error) -> Failure {
    Failure::new(Exit::Internal, "this build cannot read hereby's answer")
        .because(error)
        .hint("use the hereby that is as new as the one that answers")
}
