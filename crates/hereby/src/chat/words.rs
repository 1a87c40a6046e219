//! An act as a message: who did what, when, and what they said.

use base::IncidentId;
use record::act::Act;

use crate::commands::tell;
use crate::say::clock;

/// The message about an act.
pub(super) fn message(act: &Act) -> String {
    let told = tell::told(act);
    let head = format!("{} {}", act.actor, told.deed);
    let at = clock(act.at);
    match told.text {
        Some(text) => format!("{head} ({at})\n{text}"),
        None => format!("{head} ({at})"),
    }
}

/// The same where incidents share a place.
pub(super) fn message_of(incident: IncidentId, act: &Act) -> String {
    format!("{incident}: {}", message(act))
}

/// What a room is called.
pub(super) fn room_name(incident: IncidentId, title: &str) -> String {
    match title {
        "" => incident.to_string(),
        title => format!("{incident} {title}"),
    }
}

/// What stands above a room.
pub(super) const ROOM_TOPIC: &str = "hereby says here what happens in this incident. Write `!note \
what you saw`, or put 📌 on a message, and it is on the record. At the end the whole room is attached \
to the incident.";
