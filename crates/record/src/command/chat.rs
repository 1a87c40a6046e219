//! What is asked about an incident's rooms. People ask for a room and for its end; what chats hereby
//! reaches answers with the other two.

use base::{IncidentId, Line, Name};

use crate::kinds::chat::Transcript;
use crate::kinds::incident::BlobRef;

forms! {
    /// Asks for a room of an incident.
    OpenRoom {
        /// The channel, as it is configured.
        channel: Name,
        /// Which incident.
        incident: IncidentId,
        /// A room that is there already; none: one is made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        room: Option<Line>,
    }
    /// Says that the room is there.
    LinkRoom {
        /// The channel.
        channel: Name,
        /// Which incident.
        incident: IncidentId,
        /// What the channel calls it.
        room: Line,
    }
    /// Asks for the end of a room: what was said in it is attached to the incident.
    CloseRoom {
        /// The channel.
        channel: Name,
        /// Which incident.
        incident: IncidentId,
    }
    /// Says that nothing is said or heard there any more, and attaches what was.
    UnlinkRoom {
        /// The channel.
        channel: Name,
        /// What was said there; at most 8 files, none where the channel gives nothing back.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        files: Vec<BlobRef>,
        /// Which incident.
        incident: IncidentId,
        /// What became of what was said there.
        transcript: Transcript,
    }
}
