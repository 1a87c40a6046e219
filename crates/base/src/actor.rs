//! Who did something, and how sure hereby is of that.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Name, PersonName, SessionId, TokenId};

/// Who acted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
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
        #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
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

/// An actor as it is read. A derived `Deserialize` of a tagged enum keeps everything aside until
/// it has seen the tag, which took a tenth of the time to read an act.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActorForm<'a> {
    #[serde(rename = "for")]
    on_behalf_of: Option<PersonName>,
    #[serde(borrow)]
    id: ActorId<'a>,
    #[serde(borrow, rename = "type")]
    type_name: Cow<'a, str>,
}

/// A user's number, or a name.
enum ActorId<'a> {
    Number(u32),
    Name(Cow<'a, str>),
}

impl<'de: 'a, 'a> Deserialize<'de> for ActorId<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ActorId<'a>, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = ActorId<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name, or a user's number")
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<ActorId<'de>, E> {
                u32::try_from(number)
                    .map(ActorId::Number)
                    .map_err(E::custom)
            }
            fn visit_borrowed_str<E: de::Error>(self, name: &'de str) -> Result<ActorId<'de>, E> {
                Ok(ActorId::Name(Cow::Borrowed(name)))
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<ActorId<'de>, E> {
                Ok(ActorId::Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Actor, D::Error> {
        let form = ActorForm::deserialize(deserializer)?;
        let wrong = || D::Error::custom("the actor's type and fields disagree");
        let actor = match (&*form.type_name, form.id, form.on_behalf_of) {
            ("uid", ActorId::Number(id), on_behalf_of) => Ok(Actor::Uid { on_behalf_of, id }),
            ("person", ActorId::Name(id), None) => id.parse().map(|id| Actor::Person { id }),
            ("service", ActorId::Name(id), None) => id.parse().map(|id| Actor::Service { id }),
            ("system", ActorId::Name(id), None) => id.parse().map(|id| Actor::System { id }),
            _ => return Err(wrong()),
        };
        actor.map_err(D::Error::custom)
    }
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
            Actor::Uid {
                id,
                on_behalf_of: None,
            } => write!(f, "uid {id}"),
            Actor::Uid {
                id,
                on_behalf_of: Some(person),
            } => write!(f, "{person} (uid {id})"),
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
    /// A session in a browser: whoever has its cookie.
    Session(SessionId),
    /// A signature by an enrolled key over the command.
    Key(Name),
}
