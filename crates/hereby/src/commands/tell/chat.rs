//! Rooms in words: asked for, there, about to end, gone.

use record::act::Act;
use record::kinds::Body;
use record::kinds::chat::Transcript;

use super::{Told, plain};

pub(super) fn told(act: &Act) -> Option<Told> {
    Some(match &act.body {
        Body::ChatRoomAsked(body) => plain(match &body.room {
            None => format!("asked for a room in {}", body.channel),
            Some(room) => format!("asked for the room {room} in {}", body.channel),
        }),
        Body::ChatRoomLinked(body) => plain(format!(
            "says it in {} from now on: {}",
            body.channel, body.room
        )),
        Body::ChatRoomClosed(body) => plain(format!("closed the room in {}", body.channel)),
        Body::ChatRoomUnlinked(body) => {
            let left = match body.transcript {
                Transcript::Attached => "what was said there is attached",
                Transcript::None => "nothing is read there",
                Transcript::GivenUp => "what was said there was not read",
            };
            plain(format!("left the room in {}: {left}", body.channel))
        }
        _ => return None,
    })
}
