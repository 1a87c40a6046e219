//! Incidents, alerts and heartbeats: what commands and signals lead to.
//!
//! Pure: a fold over acts ([`State::apply`]) and functions that decide, from the state and a
//! request, which acts follow ([`decide`], [`hear`], [`tick`]). Nothing here reads a clock or
//! writes anything; the rules that decide what an alert does are handed in, so that the fold
//! follows from the record alone.

mod alerts;
mod certificates;
mod chat;
mod commands;
mod containment;
mod directory;
mod groups;
mod hear;
mod homes;
mod incidents;
mod notices;
mod page;
mod permissions;
mod refusal;
mod requests;
mod review;
mod roles;
mod rules;
mod runbooks;
mod signal;
mod state;
pub mod stats;
mod subscribers;
mod surroundings;
mod switches;
mod tick;
mod work;

pub use alerts::{Alert, Alerts, Heartbeat, Maintenance, Silence};
pub use certificates::{CertificateUse, CertificateUses, Counts, is_due};
pub use chat::{Channel, Opens, Room, Rooms};
pub use commands::decide;
pub use containment::{Banned, Certificate, Contained, Containment, Override};
pub use directory::{Directory, Grant, Person, Service, Team};
pub use hear::{DEED_ID_PREFIX, Heard, alert_id, hear};
pub use incidents::{Incident, Offer, Said, Summary};
pub use notices::{Notice, Notices, Report, concerned};
pub use page::{PageBook, Placed};
pub use permissions::POLICY;
pub use record::refusal::Draft;
pub use refusal::{Reason, Refusal};
pub use requests::{
    DueRequest, Guard, IRREVERSIBLE, Request, Requests, Settlement, Stands, due_requests, guard,
    request, settle,
};
pub use review::{Followup, Followups, Meeting, Review};

/// A review as it is read: composed from the acts, and written as Markdown or HTML.
pub mod document {
    pub use crate::review::document::*;
    pub use crate::review::html::{content_security_policy, html};
    pub use crate::review::lint::{Issue, Remark};
    pub use crate::review::markdown::markdown;
}
pub use rules::{Action, AlertRule, Rules};
pub use runbooks::{Runbook, Runbooks, Template};
pub use signal::{
    ANNOTATION_VALUE_BYTES_MAX, AlertSignal, LABEL_NAME_BYTES_MAX, LABEL_VALUE_BYTES_MAX,
    LABELS_MAX, Phase,
};
pub use state::State;
pub use subscribers::{
    COMPONENTS_OF_ONE_MAX, LANGUAGES, Subscriber, Subscribers, subscriber_name, subscriber_number,
};
pub use switches::{Off, Postured, Switches};
pub use tick::{Leases, tick};
pub use work::{Checklist, Question, Task, UpdateClock, Work};

use base::{ActId, Actor, CommandId, Prose, Timestamp};
use record::kinds::incident::ClockSeen;

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
    /// This machine's clock, as the kernel has it.
    pub clock: Option<ClockSeen>,
    /// Whether they gave a reason.
    pub has_reason: bool,
    /// The server's time.
    pub now: Timestamp,
    /// The incident that a command is about, read back from its acts if it was closed long ago.
    pub recalled: Option<&'a Incident>,
    /// What alerts do and when people are reminded.
    pub rules: &'a Rules,
    /// Whether the person's own key signed it.
    pub signed: bool,
}

impl<'a> Context<'a> {
    /// What is known where nobody asks: no reason, no signature.
    pub fn new(actor: &'a Actor, now: Timestamp, rules: &'a Rules) -> Context<'a> {
        Context {
            actor,
            clock: None,
            has_reason: false,
            now,
            recalled: None,
            rules,
            signed: false,
        }
    }
}

#[cfg(test)]
mod tests;
