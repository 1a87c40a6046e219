//! Who did something, and how sure hereby is of that.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Name, PersonName, TokenId};

/// Who acted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Actor {
    /// A person whom a token or a key names.
    Person {
        /// Their name.
        id: PersonName,
    },
    /// A user of this machine, seen by the kernel on the local socket.
    Uid {
        /// On whose behalf the command was sent (`--as`). It is a claim: it can't satisfy
        /// separation of duty.
        #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
        on_behalf_of: Option<PersonName>,
        /// The kernel's user id.
        id: u32,
    },
    /// Another program with a token of its own, such as an Alertmanager.
    Service {
        /// The name its token was issued for.
        id: Name,
    },
    /// hereby itself: timers, recovery, alert rules.
    System {
        /// The part that acted: `timer`, `rules`, `recovery`.
        id: Name,
    },
}

impl Actor {
    /// The person this act counts for, claimed or proven.
    pub fn person(&self) -> Option<&PersonName> {
        match self {
            Actor::Person { id } => Some(id),
            Actor::Uid { on_behalf_of, .. } => on_behalf_of.as_ref(),
            Actor::Service { .. } | Actor::System { .. } => None,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::Person { id } => write!(f, "{id}"),
            Actor::Uid { id, on_behalf_of: None } => write!(f, "uid {id}"),
            Actor::Uid { id, on_behalf_of: Some(person) } => write!(f, "{person} (uid {id})"),
            Actor::Service { id } => write!(f, "{id}"),
            Actor::System { id } => write!(f, "hereby ({id})"),
        }
    }
}

/// How the actor was established, weakest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proof {
    /// hereby acted by itself.
    Internal,
    /// The kernel named the uid of the process at the other end of the local socket.
    LocalUid,
    /// A bearer token.
    Token(TokenId),
    /// A signature by an enrolled key over the command.
    Key(Name),
}
