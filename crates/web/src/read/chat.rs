//! The channels in which acts of incidents are said, and how far that is.

use serde_json::{Value, json};

use super::{Page, get};
use crate::call::Call;
use crate::chat::{ChatChannel, ChatRoom};
use crate::reply::{self, Answer};
use crate::route::{Gives, Route};

pub(super) fn routes() -> Vec<Route> {
    vec![get(
        "/api/v1/chat",
        "Lists the channels in which acts of incidents are said, with their rooms",
        Gives::list("ChatChannel", "All of them: `next` is always null"),
        |call| Box::pin(channels(call)),
    )]
}

async fn channels(call: Call) -> Answer {
    let sight = call.caller.sight();
    let items = call.site.blocking(move |site| {
        let channels = site.backstage().chat();
        Ok(site.engine().view().read(|state| {
            let shown = |room: &&ChatRoom| sight.sees(state, room.incident);
            let channels = channels.iter();
            channels
                .map(|channel| {
                    let rooms = channel.rooms.iter().filter(shown).map(room).collect();
                    shown_channel(channel, rooms, sight.is_whole(state))
                })
                .collect::<Vec<Value>>()
        }))
    });
    let items = items.await?;
    reply::json(&Page {
        items,
        next: Value::Null,
    })
}

/// What went wrong is shown to those who see everything: it may name an incident.
fn shown_channel(channel: &ChatChannel, rooms: Vec<Value>, whole: bool) -> Value {
    let error = channel.last_error.as_ref().filter(|_| whole);
    json!({
        "channel": channel.name,
        "kind": channel.kind,
        "host": channel.host,
        "private": channel.takes_private,
        "rooms": rooms,
        "said": {
            "done": channel.said.done,
            "failed": channel.said.failed,
            "unknown": channel.said.unknown,
        },
        "notes": {
            "noted": channel.notes.noted,
            "refused": channel.notes.refused,
            "unanswered": channel.notes.unanswered,
        },
        "last_error": error.map(|(_, what)| what),
        "last_error_at": error.map(|(at, _)| at),
    })
}

fn room(room: &ChatRoom) -> Value {
    json!({
        "incident": room.incident,
        "room": room.room,
        "state": room.state,
        "waiting": room.waiting,
        "waiting_since": room.waiting_since,
        "error": room.error,
    })
}
