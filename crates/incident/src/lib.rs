//! Incidents, alerts and heartbeats: what commands and signals lead to.
//!
//! Pure: a fold over acts ([`State::apply`]) and functions that decide, from the state and a
//! request, which acts follow ([`decide`], [`hear`], [`tick`]). Nothing here reads a clock or
//! writes anything; the rules that decide what an alert does are handed in, so that the fold
//! follows from the record alone.

mod alerts;
mod commands;
mod directory;
mod groups;
mod hear;
mod homes;
mod incidents;
mod permissions;
mod refusal;
mod roles;
mod rules;
mod signal;
mod state;
pub mod stats;
mod tick;

pub use alerts::{Alert, Alerts, Heartbeat, Maintenance, Silence};
pub use commands::decide;
pub use directory::{Directory, Grant, Person, Service, Team};
pub use hear::{DEED_ID_PREFIX, Heard, alert_id, hear};
pub use incidents::{Incident, Offer, Said, Summary};
pub use permissions::POLICY;
pub use refusal::{Reason, Refusal};
pub use rules::{Action, AlertRule, Rules};
pub use signal::{
    ANNOTATION_VALUE_BYTES_MAX, AlertSignal, LABEL_NAME_BYTES_MAX, LABEL_VALUE_BYTES_MAX,
    LABELS_MAX, Phase,
};
pub use state::State;
pub use tick::{Leases, tick};

use base::{ActId, Actor, CommandId, Prose, Timestamp};
use record::act::Subject;
use record::kinds::Body;

/// An act that follows from a request, before the writer gives it its id and time.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// What it happens to.
    pub subject: Subject,
    /// What happens.
    pub body: Body,
}

impl Draft {
    fn new(subject: Subject, body: impl Into<Body>) -> Draft {
        Draft {
            subject,
            body: body.into(),
        }
    }
}

/// Acts that hereby takes by itself: with a command id that follows from what they are, so that
/// the same thing happens once however often it is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Deed {
    /// The id of the command that this amounts to.
    pub id: CommandId,
    /// The part of hereby, or the tool, that acts.
    pub actor: Actor,
    /// The act that led to it.
    pub cause: Option<ActId>,
    /// Why, in words.
    pub why: Option<Prose>,
    /// The acts.
    pub drafts: Vec<Draft>,
}

/// What a decision may know beside the state.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Who asks.
    pub actor: &'a Actor,
    /// Whether they gave a reason.
    pub has_reason: bool,
    /// The server's time.
    pub now: Timestamp,
    /// What alerts do and when people are reminded.
    pub rules: &'a Rules,
}

#[cfg(test)]
mod tests;
