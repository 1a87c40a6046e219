//! A room in Matrix for an incident: made, or found by the alias that follows from what it is for.

use base::{IncidentId, Line as Words, Name};
use notify::chat::matrix::{Homeserver, Id, RoomPlan};
use record::hash;

use super::desk::Open;
use super::trouble::Trouble;
use super::words;

/// A room's id as the record has it.
///
/// # Errors
/// When it is none of Matrix's.
pub(super) fn id(room: &Words) -> Result<Id, Trouble> {
    let parsed = room.as_str().parse::<Id>().ok().filter(Id::is_room);
    parsed.ok_or_else(|| format!("{room} is no room of Matrix's: it begins with !").into())
}

/// Makes the room of an incident. Asked again it is the same one: after a lost answer, after a crash,
/// and when the incident is opened again.
///
/// # Errors
/// When there is none.
pub(super) async fn make(
    homeserver: &Homeserver,
    me: &Id,
    (origin, channel): (&str, &Name),
    open: &Open,
    wanted: Option<&Words>,
) -> Result<Id, Trouble> {
    if let Some(wanted) = wanted {
        let room = id(wanted)?;
        homeserver.join(&room).await?;
        return Ok(room);
    }
    let plan = RoomPlan {
        alias: &alias(origin, channel, open.incident),
        name: &words::room_name(open.incident, &open.title),
        topic: words::ROOM_TOPIC,
    };
    Ok(homeserver.room(me, &plan).await?)
}

/// `hereby-inc-7-` and twelve digits that follow from the record, the channel and the incident: two
/// records can share a homeserver.
fn alias(origin: &str, channel: &Name, incident: IncidentId) -> String {
    let name = incident.to_string();
    let digest = hash::sha256(&[
        origin.as_bytes(),
        b"\0",
        channel.as_str().as_bytes(),
        b"\0",
        name.as_bytes(),
    ]);
    let digits: String = digest
        .0
        .iter()
        .take(6)
        .map(|b| format!("{b:02x}"))
        .collect();
    format!("hereby-{}-{digits}", name.to_ascii_lowercase())
}
