//! What those who serve a channel need of hereby: which rooms there are, the acts of an incident,
//! and a way to ask for acts of their own.

use std::sync::Arc;

use base::{ActId, CommandId, IncidentId, Name, PersonName, Prose, Timestamp};
use engine::ports::{Clock as _, Entries, Keystore as _};
use engine::{Engine, Outcome, Request, State, Transport};
use incident::{DEED_ID_PREFIX, Reason, Refusal, Room, Summary};
use notify::chat::matrix::Marked;
use record::act::{Act, Subject};
use record::command::{Command, Verb};
use record::hash::Hash;
use record::sealed::SealedFile;

use crate::station::{Station, SystemClock};

/// Entries of one incident that are looked for at once.
pub(super) const INDEXES_MAX: usize = 10_000;

/// The desk.
pub(super) struct Desk {
    pub(super) engine: Arc<Engine>,
    pub(super) origin: String,
    keystore: Arc<store::Keystore>,
    blobs: store::Blobs,
}

/// A room to look after.
pub(super) struct Open {
    pub(super) incident: IncidentId,
    pub(super) room: Room,
    /// How many acts there are on the incident.
    pub(super) acts: u64,
    /// What is said of the incident in the room's name; nothing where that is sealed.
    pub(super) title: String,
    /// Whoever has to do with it.
    pub(super) people: Vec<PersonName>,
}

impl Desk {
    pub(super) fn new(station: &Station) -> Desk {
        Desk {
            engine: station.engine.clone(),
            origin: station.origin.clone(),
            keystore: station.keystore.clone(),
            blobs: store::Blobs::new(&station.paths),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        self.engine.view().read(read)
    }

    /// The rooms of a channel that are not done with.
    pub(super) fn rooms(&self, channel: &Name) -> Vec<Open> {
        self.read(|state| {
            let rooms = state.incidents.rooms.of_channel(channel);
            let live = rooms.filter(|(_, room)| **room != Room::Unlinked);
            live.filter_map(|(id, room)| Some(open(id, room, state.incidents.summary(id)?)))
                .collect()
        })
    }

    /// Where the acts on an incident are, from a place on the record on.
    ///
    /// # Errors
    /// When the record can't be read.
    pub(super) fn indexes(&self, id: IncidentId, from: u64) -> Result<Vec<u64>, String> {
        let size = self.engine.view().head().size;
        let entries: &dyn Entries = self.engine.entries().as_ref();
        let found = entries.of_subject(&Subject::Incident(id), from, INDEXES_MAX);
        let mut found = found.map_err(|error| error.to_string())?;
        found.retain(|index| *index < size);
        Ok(found)
    }

    /// The act at this place, with its sealed text opened as far as its keys are there.
    ///
    /// # Errors
    /// When the record or the keystore can't be read.
    pub(super) fn act(&self, index: u64) -> Result<Act, String> {
        let entry = self.engine.entries().entry(index);
        let entry = entry.map_err(|error| error.to_string())?;
        let entry = entry.ok_or_else(|| format!("entry {index} is gone"))?;
        let mut act = Act::decode(&entry).map_err(|error| format!("entry {index}: {error}"))?;
        self.unseal(&mut act)?;
        Ok(act)
    }

    /// The act with this id, likewise; none: there is none.
    ///
    /// # Errors
    /// When the record or the keystore can't be read.
    pub(super) fn act_called(&self, id: &ActId) -> Result<Option<Act>, String> {
        let index = self.engine.entries().find_act(id);
        let index = index.map_err(|error| error.to_string())?;
        index.map(|index| self.act(index)).transpose()
    }

    /// Whether this act of the incident stands on the record where the mark says.
    pub(super) fn has(&self, id: IncidentId, mark: &Marked) -> bool {
        let subject = Subject::Incident(id);
        *mark.incident == *id.to_string()
            && self
                .act(mark.index)
                .is_ok_and(|act| act.subject == subject && *mark.act == *act.id.to_string())
    }

    fn unseal(&self, act: &mut Act) -> Result<(), String> {
        let mut unreadable = None;
        let opened = act.open(&mut |name| {
            self.keystore.find(name).unwrap_or_else(|error| {
                unreadable = Some(error.to_string());
                None
            })
        });
        match unreadable {
            Some(error) => Err(format!("the keystore can't be read: {error}")),
            None => opened.map(drop).map_err(|error| error.to_string()),
        }
    }

    /// Keeps a file of an incident, encrypted under its key. Its digest and length as it is kept.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub(super) fn keep_file(&self, id: IncidentId, bytes: &[u8]) -> Result<(Hash, u64), String> {
        let key = self.keystore.ensure(&engine::key_of_incident(id));
        let key = key.map_err(|error| error.to_string())?;
        let kept = SealedFile::seal(&key, id, bytes);
        let sha256 = self.blobs.put(&kept).map_err(|error| error.to_string())?;
        Ok((sha256, kept.len() as u64))
    }

    /// Asks for an act under an id that follows from what it is, so that it happens once.
    ///
    /// # Errors
    /// A refusal; a passing one when nobody knows or hereby is stopping: asked again, it happens once.
    pub(super) async fn ask(
        &self,
        what: &str,
        verb: impl Into<Verb>,
        why: Option<Prose>,
    ) -> Result<(), Refusal> {
        let id: Result<CommandId, _> = format!("{DEED_ID_PREFIX}chat:{what}").parse();
        let id = id.map_err(|error| Refusal::new(Reason::OutOfRange, error))?;
        let mut command = Command::new(id, verb);
        command.why = why;
        let request = Request {
            transport: Transport::Own(super::part()),
            command,
            signature: None,
        };
        match self.engine.submit(request).await {
            Outcome::Done(_) => Ok(()),
            Outcome::Refused(refusal) => Err(refusal),
            Outcome::Unknown => Err(Refusal::new(Reason::Stopping, "hereby is stopping")),
        }
    }
}

fn open(incident: IncidentId, room: &Room, summary: &Summary) -> Open {
    let title = summary.title.readable().map(ToString::to_string);
    let mut people: Vec<PersonName> = summary.involved().into_iter().cloned().collect();
    people.extend(summary.declared_by.person().cloned());
    let acknowledged = summary.acknowledged.as_ref();
    people.extend(acknowledged.and_then(|(_, actor)| actor.person().cloned()));
    Open {
        incident,
        room: room.clone(),
        acts: summary.acts,
        title: title.unwrap_or_default(),
        people,
    }
}
