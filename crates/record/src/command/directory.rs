//! What people ask for about who and what there is, who may do what, and the record itself.

use std::collections::BTreeSet;

use base::{Actor, Line, Name, PersonName, ServiceName, TeamName, Timestamp, TokenId};
use serde::{Deserialize, Serialize};

use crate::hash::Hash;
use crate::kinds::access::Scope;
use crate::kinds::directory::{Dependency, Permission, PlaceKind};

forms! {
    /// Makes a bearer token known. Its secret never leaves the machine that made it.
    IssueToken {
        /// Whom it makes its holder.
        actor: Actor,
        /// When it stops working: within 400 days.
        expires_at: Timestamp,
        /// SHA-256 of the secret, which has 256 random bits.
        hash: Hash,
        /// What it is good for.
        scopes: BTreeSet<Scope>,
        /// Its name: `tok-` and the first 16 hexadecimal digits of the hash.
        token: TokenId,
    }
    /// Stops a token from working.
    RevokeToken {
        /// Which.
        token: TokenId,
    }
    /// Lets a person's key sign commands.
    EnrollKey {
        /// What the key is called.
        key: Name,
        /// Whose it is.
        person: PersonName,
        /// The key, as a C2SP verifier key.
        vkey: Box<str>,
    }
    /// Stops a key from signing commands.
    RevokeKey {
        /// Which.
        key: Name,
    }
    /// Makes somebody known, or changes what is known of them.
    RegisterPerson {
        /// What they are called.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        full_name: Option<Line>,
        /// Who.
        person: PersonName,
        /// Where they are reached, the quickest first; at most 8.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        places: Vec<Address>,
    }
    /// Makes a team known, or changes what is known of it.
    RegisterTeam {
        /// What they do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        about: Option<Line>,
        /// What it is called.
        team: TeamName,
    }
    /// Makes a service known, or changes what is known of it.
    RegisterService {
        /// What it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        about: Option<Line>,
        /// What it needs; at most 64.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        dependencies: Vec<Dependency>,
        /// Who looks after it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<TeamName>,
        /// What it is called.
        service: ServiceName,
        /// How much depends on it: 1 (everything) to 4.
        tier: u8,
    }
    /// Lets somebody ask for more.
    GrantPermission {
        /// What.
        permission: Permission,
        /// Who.
        person: PersonName,
        /// For what this team looks after; for everything without.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        team: Option<TeamName>,
    }
    /// Lets somebody ask for less.
    WithdrawPermission {
        /// What.
        permission: Permission,
        /// Who.
        person: PersonName,
        /// In this team; everywhere without.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        team: Option<TeamName>,
    }
    /// Forgets a service.
    RemoveService {
        /// Which.
        service: ServiceName,
    }
    /// Forgets a team, with the permissions in it.
    RemoveTeam {
        /// Which.
        team: TeamName,
    }
    /// Forgets somebody, with their permissions.
    RemovePerson {
        /// Who.
        person: PersonName,
    }
    /// Says whose word begins another epoch of the record ([`crate::succession`]).
    SetRootKey {
        /// The key, as a C2SP verifier key.
        vkey: Box<str>,
        /// What the root key so far has signed to say so ([`crate::succession::RootChange`]).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vouched: Option<Box<str>>,
    }
    /// Makes a new key for the log and signs with it from the next checkpoint on.
    RotateLogKey {
    }
}

/// Where somebody is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// The address, as that kind of place writes it.
    pub address: Line,
    /// What kind of place it is.
    pub kind: PlaceKind,
}
