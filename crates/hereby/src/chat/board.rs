//! How the channels are, for whoever asks: written by those who serve them, read by the server.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base::{IncidentId, Name, Timestamp};
use web::{ChatChannel, ChatRoom, Notes, Outcomes};

use super::channel::Settings;

/// Every channel with its rooms.
#[derive(Default)]
pub(crate) struct Board {
    channels: Mutex<BTreeMap<Name, ChatChannel>>,
}

impl Board {
    pub(super) fn new(all: &[Settings]) -> Board {
        let shown = |settings: &Settings| {
            let channel = ChatChannel {
                name: settings.name.clone(),
                kind: settings.kind(),
                host: settings.host(),
                takes_private: settings.takes_private,
                rooms: Vec::new(),
                said: Outcomes::default(),
                notes: Notes::default(),
                last_error: None,
            };
            (settings.name.clone(), channel)
        };
        Board {
            channels: Mutex::new(all.iter().map(shown).collect()),
        }
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> Vec<ChatChannel> {
        self.lock().values().cloned().collect()
    }

    /// The rooms are these from now on.
    pub(super) fn rooms(&self, channel: &Name, rooms: Vec<ChatRoom>) {
        self.change(channel, |it| it.rooms = rooms);
    }

    /// Something was said, with this end.
    pub(super) fn said(&self, channel: &Name, count: impl FnOnce(&mut Outcomes)) {
        self.change(channel, |it| count(&mut it.said));
    }

    /// A message was to be noted, with this end.
    pub(super) fn note(&self, channel: &Name, count: impl FnOnce(&mut Notes)) {
        self.change(channel, |it| count(&mut it.notes));
    }

    /// Something went wrong. The same again is logged once.
    pub(super) fn error(&self, channel: &Name, of: Option<IncidentId>, now: Timestamp, what: &str) {
        let what = match of {
            Some(incident) => format!("{incident}: {what}"),
            None => what.to_owned(),
        };
        let mut said = false;
        self.change(channel, |it| {
            said = it
                .last_error
                .as_ref()
                .is_some_and(|(_, last)| *last == what);
            it.last_error = Some((now, what.clone()));
        });
        if said {
            tracing::debug!(%channel, what, "a channel has trouble still");
        } else {
            tracing::warn!(%channel, what, "a channel has trouble");
        }
    }

    fn change(&self, channel: &Name, change: impl FnOnce(&mut ChatChannel)) {
        if let Some(channel) = self.lock().get_mut(channel) {
            change(channel);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, ChatChannel>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
