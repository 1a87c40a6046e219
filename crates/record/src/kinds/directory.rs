//! Who and what there is: people, teams, services, and who may ask for what.

use base::{Line, Name, TeamName};
use serde::{Deserialize, Serialize};

use super::{SealVisitor, nothing_sealed};
use crate::sealed::Sealable;

/// The most places to reach one person at.
pub const PLACES_MAX: usize = 8;

/// Somebody is known, or is known otherwise from now on. What is personal is sealed under a key of
/// that person's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonRegistered {
    /// What they are called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_name: Option<Sealable<Line>>,
    /// Where they are reached, the quickest first; at most [`PLACES_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,
}

/// Where somebody is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The address, as that kind of place writes it.
    pub address: Sealable<Line>,
    /// What kind of place it is.
    pub kind: PlaceKind,
}

/// A kind of place to reach somebody at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceKind {
    /// Mail.
    Mail,
    /// A room or person on Matrix.
    Matrix,
    /// Speech.
    Phone,
    /// A member of a Slack workspace.
    Slack,
}

/// Somebody is not there any more; so are their permissions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonRemoved {}

/// What is personal of them can't be read any more: their key is erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonRedacted {
    /// Which time it is, from 1.
    pub count: u32,
}

/// People who look after services together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeamRegistered {
    /// What they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<Line>,
}

/// The team is no more; so are the permissions in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeamRemoved {}

/// Something people use, and what it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceRegistered {
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<Line>,
    /// What it needs; at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    /// Who looks after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<TeamName>,
    /// How much depends on it: 1 (everything) to 4.
    pub tier: u8,
}

/// Something a service needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dependency {
    /// What kind of thing it is.
    pub kind: DependencyKind,
    /// What it is called; a service's own name if it is one.
    pub name: Name,
    /// What the service does without it.
    pub when_fails: FailureMode,
}

/// A kind of thing that a service needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DependencyKind {
    /// A certificate, or who issues it.
    Certificate,
    /// Where the time comes from.
    Clock,
    /// A zone or resolver of the domain name system.
    Dns,
    /// Where people and programs prove who they are.
    Identity,
    /// A route to and from networks.
    Route,
    /// Another service.
    Service,
    /// What somebody else runs.
    Vendor,
}

/// What a service does when something it needs fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureMode {
    /// It refuses.
    Closed,
    /// It does less, and says so.
    Degraded,
    /// It goes on without.
    Open,
}

/// The service is no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceRemoved {}

/// What somebody may ask for. None includes another; somebody can have several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Read.
    Viewer,
    /// Say that something is wrong.
    Reporter,
    /// Work on incidents.
    Responder,
    /// Run incidents: give roles, decide.
    Commander,
    /// Say things to people outside the incident.
    Publisher,
    /// Say what hereby listens to: silences, maintenance, heartbeats, services.
    Operator,
    /// Say who may do what.
    Admin,
}

impl Permission {
    /// Every permission, from the one that allows least.
    pub const ALL: [Permission; 7] = [
        Permission::Viewer,
        Permission::Reporter,
        Permission::Responder,
        Permission::Commander,
        Permission::Publisher,
        Permission::Operator,
        Permission::Admin,
    ];

    /// The word, as on the record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Permission::Viewer => "viewer",
            Permission::Reporter => "reporter",
            Permission::Responder => "responder",
            Permission::Commander => "commander",
            Permission::Publisher => "publisher",
            Permission::Operator => "operator",
            Permission::Admin => "admin",
        }
    }
}

/// Somebody may ask for more from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermissionGranted {
    /// What.
    pub permission: Permission,
    /// For what this team looks after; for everything without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamName>,
}

/// Somebody may not ask for it any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermissionWithdrawn {
    /// What.
    pub permission: Permission,
    /// In this team; everywhere without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamName>,
}

impl PersonRegistered {
    pub(crate) fn visit_sealable(&mut self, visitor: &mut dyn SealVisitor) {
        if let Some(name) = &mut self.full_name {
            visitor.line("body.full_name", name);
        }
        for (at, place) in self.places.iter_mut().enumerate() {
            visitor.line(&format!("body.places.{at}.address"), &mut place.address);
        }
    }
}

nothing_sealed!(
    PersonRemoved,
    PersonRedacted,
    TeamRegistered,
    TeamRemoved,
    ServiceRegistered,
    ServiceRemoved,
    PermissionGranted,
    PermissionWithdrawn
);
