//! How the channels are in which acts of incidents are said: as the binary hands it in, and as it is
//! counted. What is said in them, and how, is decided in the binary.

use std::sync::atomic::AtomicU64;

use base::{IncidentId, Name, Timestamp};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// A configured channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatChannel {
    /// What it is called.
    pub name: Name,
    /// `matrix`, `slack` or `webhook`.
    pub kind: &'static str,
    /// The server's name; of an address that is a secret no more is shown.
    pub host: String,
    /// Whether private incidents may be said there.
    pub takes_private: bool,
    /// The rooms of incidents that are not done with.
    pub rooms: Vec<ChatRoom>,
    /// Acts that were said since the start: taken, refused for good, and those of which nobody knows.
    pub said: Outcomes,
    /// Messages there that were to be noted: noted, refused, and left unanswered because too many
    /// were refused.
    pub notes: Notes,
    /// What went wrong last, and when.
    pub last_error: Option<(Timestamp, String)>,
}

/// How often something came to which end, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// It was taken.
    pub done: u64,
    /// It will never be taken.
    pub failed: u64,
    /// Nobody knows.
    pub unknown: u64,
}

/// What became of messages that were to be noted, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// They are on the record.
    pub noted: u64,
    /// They were refused, and their sender was told why.
    pub refused: u64,
    /// They were refused, and so many were that nobody was told.
    pub unanswered: u64,
}

/// The room of an incident, or its place in a channel that all share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatRoom {
    /// Whose it is.
    pub incident: IncidentId,
    /// What the channel calls it, once it is there.
    pub room: Option<String>,
    /// `asked`, `linked` or `closed`.
    pub state: &'static str,
    /// Acts that are not said there yet; none: not looked at yet.
    pub waiting: Option<u64>,
    /// When the first of them was taken.
    pub waiting_since: Option<Timestamp>,
    /// What keeps them.
    pub error: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    channel: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Became {
    channel: String,
    outcome: &'static str,
}

type Count = Counter<u64, AtomicU64>;

/// Puts what is counted of channels among the metrics. Channels come from the configuration: their
/// number is bounded.
pub(crate) fn register(registry: &mut Registry, channels: &[ChatChannel], now: Timestamp) {
    let (said, notes) = (Family::<Became, Count>::default(), Family::default());
    let (rooms, waiting) = (
        Family::<Of, Gauge>::default(),
        Family::<Of, Gauge>::default(),
    );
    let late = Family::<Of, Gauge>::default();
    for channel in channels {
        let name = channel.name.to_string();
        let of = Of {
            channel: name.clone(),
        };
        let add = |family: &Family<Became, Count>, outcome, count| {
            let channel = name.clone();
            let labels = Became { channel, outcome };
            family.get_or_create(&labels).inc_by(count);
        };
        add(&said, "done", channel.said.done);
        add(&said, "failed", channel.said.failed);
        add(&said, "unknown", channel.said.unknown);
        add(&notes, "noted", channel.notes.noted);
        add(&notes, "refused", channel.notes.refused);
        add(&notes, "unanswered", channel.notes.unanswered);
        let all = channel.rooms.iter();
        let acts: u64 = all.clone().filter_map(|room| room.waiting).sum();
        let oldest = all.clone().filter_map(|room| room.waiting_since).min();
        let late_s = oldest.map_or(0, |at| now.ms_since(at).max(0) / 1_000);
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        rooms.get_or_create(&of).set(count(channel.rooms.len()));
        waiting
            .get_or_create(&of)
            .set(i64::try_from(acts).unwrap_or(i64::MAX));
        late.get_or_create(&of).set(late_s);
    }
    let help = "Acts said in channels since the start, by channel and outcome";
    registry.register("chat_said", help, said);
    let help = "Messages in channels that were to be noted, by channel and outcome";
    registry.register("chat_notes", help, notes);
    let help = "Rooms of incidents that are not done with, by channel";
    registry.register("chat_rooms", help, rooms);
    let help = "Acts that are not said yet, by channel";
    registry.register("chat_waiting", help, waiting);
    let help = "Age of the oldest act that is not said yet, by channel";
    let unit = prometheus_client::registry::Unit::Seconds;
    registry.register_with_unit("chat_lag", help, unit, late);
}
