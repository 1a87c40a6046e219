//! Who outside is told what is said to the public, and what became of telling them.
//!
//! Addresses are sealed under a key of each subscriber's own (`subscriber/sub-7`), which is erased
//! when they leave. Outcomes are kept by number, never by address.

use std::collections::BTreeSet;

use base::{ActId, Line, Name};
use serde::{Deserialize, Serialize};

use super::incident::BlobRef;
use super::{SealVisitor, nothing_sealed, words};
use crate::sealed::Sealable;

words! {
    /// How a subscriber is told.
    Channel {
        /// A person, by mail.
        Mail = "mail",
        /// A program, by a signed HTTPS request.
        Webhook = "webhook",
    }
}

/// Somebody asked to be told, and showed that the address is theirs; or a person answered for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriberConfirmed {
    /// A mail address, or an HTTPS URL.
    pub address: Sealable<Line>,
    /// How they are told.
    pub channel: Channel,
    /// What of; none: everything. At most 32.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub components: BTreeSet<Name>,
    /// In which language: `en`, `de`.
    pub language: Name,
}

/// A subscriber wants something else from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriberChanged {
    /// What of; none: everything. At most 32.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub components: BTreeSet<Name>,
    /// In which language.
    pub language: Name,
}

/// A subscriber is told nothing any more: their key is erased, and with it their address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriberRemoved {}

/// An update goes to those who subscribed to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeSent {
    /// What it is about: those who subscribed to one of these or to everything get it; none:
    /// everybody does.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub components: BTreeSet<Name>,
    /// How many people get it by mail.
    pub mail: u32,
    /// What it is called: `ntc-4`.
    pub notice: Name,
    /// The act that said it to the public.
    pub update: ActId,
    /// How many programs get it.
    pub webhook: u32,
}

/// What became of a notice so far. The three counts add up to those it was sent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeDelivered {
    /// Taken by the next server.
    pub done: u32,
    /// Not delivered, for a reason that is known.
    pub failed: u32,
    /// Which notice.
    pub notice: Name,
    /// One line of JSON for each subscriber, by number.
    pub outcomes: BlobRef,
    /// The first delivery is 1; each time somebody has the unknown ones tried again, one more.
    pub round: u32,
    /// Begun, and nobody can say.
    pub unknown: u32,
}

/// Somebody has those deliveries tried again whose outcome is unknown: who got one gets it twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeRetried {
    /// How many.
    pub count: u32,
    /// Which notice.
    pub notice: Name,
    /// Which delivery of it begins, from 2.
    pub round: u32,
}

impl SubscriberConfirmed {
    pub(crate) fn visit_sealable(&mut self, visitor: &mut dyn SealVisitor) {
        visitor.line("body.address", &mut self.address);
    }
}

nothing_sealed!(
    SubscriberChanged,
    SubscriberRemoved,
    NoticeSent,
    NoticeDelivered,
    NoticeRetried
);
