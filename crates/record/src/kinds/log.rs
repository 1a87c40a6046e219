//! What happens to the record itself.

use serde::{Deserialize, Serialize};

use super::nothing_sealed;

/// The first act of every record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opened {
    /// The name in every checkpoint.
    pub origin: Box<str>,
    /// The key that signs checkpoints, as a C2SP verifier key.
    pub vkey: Box<str>,
}

/// A start found a torn batch that no checkpoint covered, and set it aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recovered {
    /// How many bytes were set aside.
    pub dropped_bytes: u64,
    /// The file they are kept in, relative to the record's directory.
    pub kept_in: Box<str>,
    /// How many entries there were behind which they stood.
    pub size: u64,
}

/// From the next checkpoint on, another key signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRotated {
    /// The key that signs no more.
    pub from: Box<str>,
    /// The key that signs from now on.
    pub to: Box<str>,
}

/// A person told hereby to go on although the anchor was missing or ahead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnchorAccepted {
    /// The anchor's checkpoint, if there was one: evidence of what is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Box<str>>,
    /// How many entries the record had when it was accepted.
    pub size: u64,
}

/// From now on a succession is believed that this key has signed ([`crate::succession`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootKeySet {
    /// The key, as a C2SP verifier key.
    pub vkey: Box<str>,
    /// What the root key so far has signed to say so ([`crate::succession::RootChange`]). Where there was one
    /// and this is not there, edges and verifiers stay with that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vouched: Option<Box<str>>,
}

/// The first act of an epoch behind the first: the record goes on here, under another name and key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Succeeded {
    /// What the root key has signed ([`crate::succession::Succession`]).
    pub note: Box<str>,
    /// That key, as a C2SP verifier key.
    pub root: Box<str>,
}

nothing_sealed!(
    Opened,
    Recovered,
    KeyRotated,
    AnchorAccepted,
    RootKeySet,
    Succeeded
);
