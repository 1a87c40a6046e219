//! An incident's room in a chat, or its place in a channel that takes messages: asked for, there,
//! asked to end, gone. What is said in a room is not on the record; notes that were made of it are.

use base::{Line, Name};
use serde::{Deserialize, Serialize};

use super::{nothing_sealed, words};

words! {
    /// What became of what was said in a room.
    Transcript {
        /// It is attached to the incident.
        Attached = "attached",
        /// The channel takes messages and gives none back.
        None = "none",
        /// It was not read: somebody said to go without it.
        GivenUp = "given_up",
    }
}

/// The incident is to have a room there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomAsked {
    /// The channel, as it is configured.
    pub channel: Name,
    /// A room that is there already; none: one is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<Line>,
}

/// It has one: its acts are said there from now on, the earlier ones first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomLinked {
    /// The channel.
    pub channel: Name,
    /// What the channel calls it: `!opaque:example.org` in Matrix.
    pub room: Line,
}

/// It is to end: once all is said there, what was said is attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomClosed {
    /// The channel.
    pub channel: Name,
}

/// hereby neither says nor hears anything there any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomUnlinked {
    /// The channel.
    pub channel: Name,
    /// What became of what was said there.
    pub transcript: Transcript,
}

nothing_sealed!(RoomAsked, RoomLinked, RoomClosed, RoomUnlinked);
