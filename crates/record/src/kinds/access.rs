//! Who may speak to hereby: tokens and keys.

use std::collections::BTreeSet;

use base::{Actor, Line, LoginId, PersonName, Timestamp};
use serde::{Deserialize, Serialize};

use super::nothing_sealed;
use crate::hash::Hash;

/// What a token lets its holder do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Read incidents, acts and the record.
    Read,
    /// Declare and run incidents, silence alerts, plan maintenance.
    Respond,
    /// Send alerts and heartbeats.
    Alerts,
    /// Fetch entries, as a witness does.
    Witness,
    /// Issue and revoke tokens and keys, rotate the log's key.
    Admin,
}

impl Scope {
    /// The scope as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Respond => "respond",
            Scope::Alerts => "alerts",
            Scope::Witness => "witness",
            Scope::Admin => "admin",
        }
    }
}

/// A bearer token was issued. Only a hash of its 256 random bits is on the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenIssued {
    /// Whom it makes its holder: a person or a service.
    pub actor: Actor,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// SHA-256 of the secret.
    pub hash: Hash,
    /// What it is good for.
    pub scopes: BTreeSet<Scope>,
}

/// A token stopped working.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRevoked {}

/// A person's key can sign commands from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEnrolled {
    /// Whose key it is.
    pub person: PersonName,
    /// The key, as a C2SP signed-note verifier key.
    pub vkey: Box<str>,
}

/// A key signs nothing from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRevoked {}

/// Somebody may sign in once, with a link. Only a hash of its 256 random bits is on the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginOffered {
    /// When the link stops working.
    pub expires_at: Timestamp,
    /// SHA-256 of the secret.
    pub hash: Hash,
    /// Who.
    pub person: PersonName,
}

/// Somebody signed in, in a browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionBegun {
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// SHA-256 of the secret in the cookie.
    pub hash: Hash,
    /// It ends when nothing was asked with it for so long, in milliseconds.
    pub idle_ms: u64,
    /// Who vouched for them, if it was an identity provider: its issuer (OpenID Connect).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Line>,
    /// The link that was used, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<LoginId>,
    /// Who.
    pub person: PersonName,
}

/// A session is good for nothing from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionEnded {}

nothing_sealed!(TokenIssued, TokenRevoked, KeyEnrolled, KeyRevoked);
nothing_sealed!(LoginOffered, SessionBegun, SessionEnded);
