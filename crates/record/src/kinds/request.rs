//! Requests: what can't be undone waits for a second person, or for time.

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::{nothing_sealed, words};

/// Somebody asked for what can't be undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestMade {
    /// How many others must approve.
    pub approvals: u8,
    /// What: the command's name.
    pub command: Box<str>,
    /// Its arguments, as canonical JSON.
    pub args: Box<str>,
    /// When it is done although nobody approved, if nobody rejects it; none: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// Not before this, whoever approves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// Somebody else wants it done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestApproved {}

/// Somebody wants it not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestRejected {}

/// Whoever asked does not any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestWithdrawn {}

words! {
    /// Why a request was done.
    Ground {
        /// Others approved it.
        Approved = "approved",
        /// Its time came and nobody had rejected it.
        Waited = "waited",
        /// Somebody answers for it with their key and a reason.
        Overridden = "overridden",
    }
    /// Why a request was not done.
    LapseReason {
        /// Its time ran out.
        Expired = "expired",
        /// What it asks for is refused by now.
        Refused = "refused",
    }
}

/// It was done: the acts behind this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestCarriedOut {
    /// Why it could be.
    pub ground: Ground,
}

/// It was not done and will not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestLapsed {
    /// Why not.
    pub reason: LapseReason,
}

nothing_sealed!(
    RequestMade,
    RequestApproved,
    RequestRejected,
    RequestWithdrawn,
    RequestCarriedOut,
    RequestLapsed
);
