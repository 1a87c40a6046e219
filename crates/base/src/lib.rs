//! Ids, time, actors and bounded text: the words every other crate speaks.
//!
//! Pure. Values are checked once, when they are parsed, and are right from then on. What a word
//! means in an incident is not decided here.

mod actor;
mod id;
mod mail;
mod text;
mod time;

pub use actor::{Actor, Proof};
pub use id::{
    ActId, AlertId, BadId, CommandDigest, CommandId, IncidentId, KeyRef, LoginId, Name, PersonName,
    ServiceName, SessionId, Severity, TeamName, Tenant, TokenId,
};
pub use mail::{BadMailAddress, MailAddress};
pub use text::{BadText, Line, Prose, Text};
pub use time::{BadTimestamp, Timestamp};

#[cfg(test)]
mod tests;
