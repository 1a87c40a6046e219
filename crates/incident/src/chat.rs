//! Rooms of incidents in chats: which channel may have which incident, which is asked for by itself,
//! and how far each room is. What is said in them is nobody's business here.

use std::collections::BTreeMap;

use base::{ActId, Actor, IncidentId, Line, Name, ServiceName, Severity, Timestamp};
use record::act::{Act, Subject};
use record::command::{CloseRoom, LinkRoom, OpenRoom, UnlinkRoom, Verb};
use record::kinds::Body;
use record::kinds::chat::{RoomAsked, RoomClosed, RoomLinked, RoomUnlinked, Transcript};
use record::kinds::work::{FileAttached, Verification};
use record::sealed::Sealable;
use serde::{Deserialize, Serialize};

use crate::commands::{Decision, known, open};
use crate::hear::deed_id;
use crate::incidents::Summary;
use crate::refusal::{at_most, forbidden, out_of_range, wrong_state};
use crate::{Deed, Draft, Reason, Refusal, Rules, State};

/// Rooms that are open or about to be, of all incidents.
const ROOMS_MAX: usize = 1_000;
/// Rooms of one incident.
const ROOMS_OF_ONE_MAX: usize = 8;
/// Files that one transcript consists of.
const FILES_MAX: usize = 8;

/// A place outside where acts of incidents are said. Comes from `hereby.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// What it is called.
    pub name: Name,
    /// Each incident has a room of its own there; else all share one place.
    pub has_rooms: bool,
    /// Incidents that are private may be said there as well.
    pub takes_private: bool,
    /// For which incidents a room is asked for by itself; none: for no one.
    pub opens: Option<Opens>,
    /// A room is closed so long after its incident was resolved, in milliseconds.
    pub stays_ms: i64,
}

/// For which incidents a room is asked for by itself: all of this must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opens {
    /// They are this bad or worse.
    pub severity_at_most: Severity,
    /// They are of one of these services; empty: of any, or of none.
    pub services: Vec<ServiceName>,
    /// Drills have one as well.
    pub drills: bool,
}

impl Opens {
    fn holds(&self, summary: &Summary) -> bool {
        let service = summary.service.as_ref();
        summary.severity <= self.severity_at_most
            && (!summary.drill || self.drills)
            && (self.services.is_empty()
                || service.is_some_and(|service| self.services.contains(service)))
    }
}

/// How far a room is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum Room {
    /// It was asked for.
    Asked {
        /// The act that did.
        act: ActId,
        /// A room that is there already; none: one is made.
        wanted: Option<Line>,
    },
    /// It is there.
    Linked {
        /// What the channel calls it.
        room: Line,
    },
    /// It is to end.
    Closed {
        /// The act that says so.
        act: ActId,
        /// What the channel calls it.
        room: Line,
    },
    /// It has ended while the incident goes on. No other one is asked for by itself.
    Unlinked,
}

impl Room {
    /// How far it is, in a word.
    pub fn word(&self) -> &'static str {
        match self {
            Room::Asked { .. } => "asked",
            Room::Linked { .. } => "linked",
            Room::Closed { .. } => "closed",
            Room::Unlinked => "unlinked",
        }
    }

    /// What the channel calls it, once it is there and until it is gone.
    pub fn room(&self) -> Option<&Line> {
        match self {
            Room::Linked { room } | Room::Closed { room, .. } => Some(room),
            Room::Asked { .. } | Room::Unlinked => None,
        }
    }
}

/// The rooms of incidents that are open, or not yet done with: by channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rooms(pub BTreeMap<IncidentId, BTreeMap<Name, Room>>);

impl Rooms {
    /// How far an incident's room in a channel is; none was asked for without.
    pub fn find(&self, incident: IncidentId, channel: &Name) -> Option<&Room> {
        self.0.get(&incident)?.get(channel)
    }

    /// The rooms of one channel, by incident.
    pub fn of_channel<'a>(
        &'a self,
        channel: &'a Name,
    ) -> impl Iterator<Item = (IncidentId, &'a Room)> {
        let all = self.0.iter();
        all.filter_map(move |(id, rooms)| rooms.get(channel).map(|room| (*id, room)))
    }

    /// The incident that has this room.
    pub fn incident_of(&self, channel: &Name, room: &Line) -> Option<IncidentId> {
        let mut all = self.of_channel(channel);
        all.find(|(_, it)| it.room() == Some(room))
            .map(|(id, _)| id)
    }

    /// How many are open or about to be.
    fn count(&self) -> usize {
        let all = self.0.values().flat_map(BTreeMap::values);
        all.filter(|room| **room != Room::Unlinked).count()
    }

    /// Folds in an act on this incident, which is open after it or not.
    pub(crate) fn follow(&mut self, id: IncidentId, act: &Act, is_open: bool) {
        match &act.body {
            Body::ChatRoomAsked(RoomAsked { channel, room }) => {
                let (act, wanted) = (act.id, room.clone());
                self.put(id, channel, Room::Asked { act, wanted });
            }
            Body::ChatRoomLinked(RoomLinked { channel, room }) => {
                let room = room.clone();
                self.put(id, channel, Room::Linked { room });
            }
            Body::ChatRoomClosed(RoomClosed { channel }) => {
                let room = self.find(id, channel).and_then(Room::room).cloned();
                if let Some(room) = room {
                    let act = act.id;
                    self.put(id, channel, Room::Closed { act, room });
                }
            }
            Body::ChatRoomUnlinked(RoomUnlinked { channel, .. }) => {
                self.put(id, channel, Room::Unlinked);
            }
            _ => {}
        }
        if !is_open && let Some(rooms) = self.0.get_mut(&id) {
            rooms.retain(|_, room| *room != Room::Unlinked);
            if rooms.is_empty() {
                self.0.remove(&id);
            }
        }
    }

    fn put(&mut self, id: IncidentId, channel: &Name, room: Room) {
        let rooms = self.0.entry(id).or_default();
        rooms.insert(channel.clone(), room);
    }
}

/// Decides on a command about rooms; `None` for those about anything else.
pub(crate) fn decide(state: &State, verb: &Verb, rules: &Rules) -> Option<Decision> {
    Some(match verb {
        Verb::OpenRoom(verb) => open_room(state, verb, rules),
        Verb::LinkRoom(verb) => link_room(state, verb),
        Verb::CloseRoom(verb) => close_room(state, verb),
        Verb::UnlinkRoom(verb) => unlink_room(state, verb),
        _ => return None,
    })
}

fn draft(id: IncidentId, body: impl Into<Body>) -> Draft {
    Draft::new(Subject::Incident(id), body)
}

fn none_there<T>(id: IncidentId, channel: &Name) -> Result<T, Refusal> {
    wrong_state(format!(
        "{id} has no room in {channel}: hereby chat open {id} --channel {channel}"
    ))
}

fn open_room(state: &State, verb: &OpenRoom, rules: &Rules) -> Decision {
    let (id, name) = (verb.incident, &verb.channel);
    let summary = open(state, id)?;
    let Some(channel) = rules.channels.iter().find(|it| it.name == *name) else {
        let detail = format!("there is no channel {name}: hereby chat lists them");
        return Err(Refusal::new(Reason::NotFound, detail));
    };
    may_leave(summary, channel)?;
    match state.rooms.find(id, name) {
        None | Some(Room::Unlinked) => {}
        Some(Room::Asked { .. }) => {
            return wrong_state(format!(
                "a room of {id} in {name} is asked for already: hereby chat says why there is none"
            ));
        }
        Some(Room::Linked { room }) => {
            return wrong_state(format!("{id} has a room in {name}: {room}"));
        }
        Some(Room::Closed { .. }) => {
            return wrong_state(format!(
                "the room of {id} in {name} is about to end: ask again once its transcript is there"
            ));
        }
    }
    if let Some(room) = &verb.room {
        if !channel.has_rooms {
            return out_of_range(format!("all incidents share one place in {name}"));
        }
        if let Some(other) = state.rooms.incident_of(name, room) {
            return wrong_state(format!("{room} is the room of {other}"));
        }
    }
    at_most("rooms", state.rooms.count() + 1, ROOMS_MAX)?;
    let of_one = state.rooms.0.get(&id).map_or(0, BTreeMap::len);
    let more = usize::from(state.rooms.find(id, name).is_none());
    at_most("rooms of one incident", of_one + more, ROOMS_OF_ONE_MAX)?;
    let body = RoomAsked {
        channel: name.clone(),
        room: verb.room.clone(),
    };
    Ok(vec![draft(id, body)])
}

/// Nothing of a private incident leaves unless its channel was said to be for that.
fn may_leave(summary: &Summary, channel: &Channel) -> Result<(), Refusal> {
    if summary.private && !channel.takes_private {
        return forbidden(format!(
            "{} is private, and what is said in {} leaves hereby unencrypted: set `private = true` \
             at that channel in hereby.toml if it may",
            summary.id, channel.name
        ));
    }
    Ok(())
}

fn link_room(state: &State, verb: &LinkRoom) -> Decision {
    let (id, channel) = (verb.incident, &verb.channel);
    known(state, id)?;
    match state.rooms.find(id, channel) {
        Some(Room::Asked { .. }) => {}
        _ => return wrong_state(format!("no room of {id} in {channel} is asked for")),
    }
    let body = RoomLinked {
        channel: channel.clone(),
        room: verb.room.clone(),
    };
    Ok(vec![draft(id, body)])
}

fn close_room(state: &State, verb: &CloseRoom) -> Decision {
    let (id, channel) = (verb.incident, &verb.channel);
    known(state, id)?;
    match state.rooms.find(id, channel) {
        None | Some(Room::Unlinked) => none_there(id, channel),
        Some(Room::Closed { .. }) => {
            wrong_state(format!("the room of {id} in {channel} is about to end"))
        }
        Some(room) => Ok(ending(id, channel, room, true)),
    }
}

/// What ends a room. One that is not there yet, or whose channel nobody reaches any more, has no
/// transcript to wait for.
fn ending(id: IncidentId, channel: &Name, room: &Room, is_reached: bool) -> Vec<Draft> {
    let closed = RoomClosed {
        channel: channel.clone(),
    };
    let transcript = match (room.room(), is_reached) {
        (None, _) => Some(Transcript::None),
        (Some(_), false) => Some(Transcript::GivenUp),
        (Some(_), true) => None,
    };
    let closes = !matches!(room, Room::Closed { .. });
    let closed = closes.then(|| draft(id, closed));
    let unlinked = transcript.map(|transcript| {
        let channel = channel.clone();
        draft(
            id,
            RoomUnlinked {
                channel,
                transcript,
            },
        )
    });
    closed.into_iter().chain(unlinked).collect()
}

fn unlink_room(state: &State, verb: &UnlinkRoom) -> Decision {
    let (id, channel) = (verb.incident, &verb.channel);
    let summary = known(state, id)?;
    let Some(Room::Closed { room, .. }) = state.rooms.find(id, channel) else {
        return wrong_state(format!(
            "no room of {id} in {channel} is about to end: hereby chat close {id} --channel {channel}"
        ));
    };
    at_most("files of one transcript", verb.files.len(), FILES_MAX)?;
    if (verb.transcript == Transcript::Attached) == verb.files.is_empty() {
        return out_of_range(
            "a transcript that is attached has files, and no other one".to_owned(),
        );
    }
    if summary.redacted && !verb.files.is_empty() {
        return wrong_state(format!(
            "what is sealed in {id} was erased: no file is taken any more"
        ));
    }
    let source: Line = format!("the room {room} in {channel}")
        .parse()
        .or_else(|_| format!("a room in {channel}").parse())
        .map_err(|error| Refusal::new(Reason::OutOfRange, error))?;
    let mut drafts: Vec<Draft> = verb
        .files
        .iter()
        .map(|file| {
            let body = FileAttached {
                bytes: file.bytes,
                name: file.name.clone().map(Sealable::from),
                sha256: file.sha256,
                source: source.clone().into(),
                // A chat's server can say what it likes.
                verification: Verification::UnverifiedSource,
            };
            draft(id, body)
        })
        .collect();
    let body = RoomUnlinked {
        channel: channel.clone(),
        transcript: verb.transcript,
    };
    drafts.push(draft(id, body));
    Ok(drafts)
}

/// Rooms that are asked for by themselves, and those whose incident is over for long enough.
pub(crate) fn due<'a>(
    state: &'a State,
    now: Timestamp,
    rules: &'a Rules,
) -> impl Iterator<Item = Deed> + 'a {
    let incidents = state
        .open_incidents()
        .filter(|_| !rules.channels.is_empty());
    let asked = incidents.flat_map(move |incident| {
        let channels = rules.channels.iter();
        channels.filter_map(move |channel| ask_for(state, &incident.summary, channel))
    });
    let over = state.rooms.0.iter().flat_map(move |(id, rooms)| {
        let resolved_at = state.summary(*id).and_then(|summary| summary.resolved_at);
        let rooms = rooms.iter();
        rooms.filter_map(move |(channel, room)| close(*id, channel, room, resolved_at?, now, rules))
    });
    asked.chain(over)
}

fn chat() -> Actor {
    Actor::System {
        id: "chat".parse().expect("a lower-case word"),
    }
}

fn ask_for(state: &State, summary: &Summary, channel: &Channel) -> Option<Deed> {
    let id = summary.id;
    let wanted = channel.opens.as_ref()?.holds(summary)
        && state.rooms.find(id, &channel.name).is_none()
        && may_leave(summary, channel).is_ok()
        && state.rooms.count() < ROOMS_MAX
        && state.rooms.0.get(&id).map_or(0, BTreeMap::len) < ROOMS_OF_ONE_MAX;
    let since = summary.reopened_at.unwrap_or(summary.declared_at).as_ms();
    let body = RoomAsked {
        channel: channel.name.clone(),
        room: None,
    };
    wanted.then(|| Deed {
        id: deed_id(&format!("chat:{id}:{}:{since}:asked", channel.name)),
        actor: chat(),
        cause: Some(summary.declared_act),
        why: None,
        drafts: vec![draft(id, body)],
    })
}

/// Ends the room of an incident that was resolved then, if it is time.
fn close(
    id: IncidentId,
    name: &Name,
    room: &Room,
    resolved_at: Timestamp,
    now: Timestamp,
    rules: &Rules,
) -> Option<Deed> {
    let channel = rules.channels.iter().find(|it| it.name == *name);
    let due = match (room, channel) {
        (Room::Unlinked, _) | (Room::Closed { .. }, Some(_)) => false,
        (_, Some(channel)) => now.ms_since(resolved_at) >= channel.stays_ms,
        // It is configured no more.
        (_, None) => true,
    };
    let at = resolved_at.as_ms();
    let ends = match room {
        Room::Closed { .. } => "unlinked",
        _ => "closed",
    };
    due.then(|| Deed {
        id: deed_id(&format!("chat:{id}:{name}:{at}:{ends}")),
        actor: chat(),
        cause: None,
        why: None,
        drafts: ending(id, name, room, channel.is_some()),
    })
}
