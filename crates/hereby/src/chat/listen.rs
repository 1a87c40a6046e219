//! Hears what is said in the rooms of a homeserver: what is meant for the record becomes a note.
//!
//! Each note's command has an id that follows from the message, so that it is one note however often
//! the message is read: after a crash, after a lost journal, with two pins on it. How far it was read
//! is kept in a journal; without it the rooms are read from their beginning.
//!
//! A message in a chat is no proof of who wrote it. The note is hereby's own act, with the person's
//! name in its text; what the person may see and note is looked at as if they asked themselves.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base::{Actor, IncidentId, Line as Words, PersonName, Prose};
use incident::{Reason, Refusal, Room};
use notify::chat::matrix::{Event, Homeserver, Id, Notice, Reading, Synced, Timeline};
use notify::chat::{Fate, Undone};
use record::command::{Note, Verb};
use record::hash;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::board::Board;
use super::channel::{Channel, LISTEN};
use super::desk::Desk;
use super::journal::Journal;
use super::people::{People, Stranger};
use super::trouble::Trouble;
use super::{longer, notes};

/// Pages of a hundred events that are read back at once.
const PAGES_MAX: usize = 100;

/// Refusals that are answered in [`ANSWERS_EVERY`]; further ones are counted.
const ANSWERS_MAX: u32 = 20;
const ANSWERS_EVERY: Duration = Duration::from_secs(600);

/// How far it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Heard {
    /// The homeserver's own word for it; none: from the beginning.
    since: Option<String>,
}

/// One who hears what is said.
pub(super) struct Listener {
    desk: Arc<Desk>,
    channel: Arc<Channel>,
    board: Arc<Board>,
    journal: Journal<Heard>,
    people: People,
    me: Option<Id>,
    answers: u32,
    answers_since: Instant,
}

/// What a message comes to.
struct Wanted<'a> {
    /// The message that is noted.
    message: &'a Event,
    /// What is noted of it.
    text: &'a str,
    /// Who wants it noted, and where they said so.
    by: &'a Id,
    answers: &'a Id,
}

impl Listener {
    pub(super) fn new(
        (desk, channel, board): (Arc<Desk>, Arc<Channel>, Arc<Board>),
        journal: PathBuf,
    ) -> Listener {
        Listener {
            desk,
            channel,
            board,
            journal: Journal::open(journal),
            people: People::default(),
            me: None,
            answers: 0,
            answers_since: Instant::now(),
        }
    }

    /// Listens for ever, while there is a room.
    pub(super) async fn run(mut self) {
        let channel = self.channel.clone();
        let Some(homeserver) = channel.homeserver() else {
            return;
        };
        let mut heads = self.desk.engine.view().heads();
        let mut pause = Duration::ZERO;
        loop {
            heads.mark_unchanged();
            if !self.has_rooms() {
                match heads.changed().await {
                    Ok(()) => continue,
                    Err(_) => return,
                }
            }
            match self.listen(homeserver).await {
                Ok(()) => pause = Duration::ZERO,
                Err(trouble) => {
                    let now = self.desk.now();
                    self.board.error(channel.name(), None, now, &trouble.what);
                    pause = longer(pause);
                    tokio::time::sleep(trouble.wait.unwrap_or(pause)).await;
                }
            }
        }
    }

    fn has_rooms(&self) -> bool {
        let name = self.channel.name();
        self.desk.read(|state| {
            let mut rooms = state.incidents.rooms.of_channel(name);
            rooms.any(|(_, room)| room.room().is_some())
        })
    }

    /// The incident that has this room.
    fn incident_of(&self, room: &Id) -> Option<IncidentId> {
        let room: Words = room.as_str().parse().ok()?;
        let name = self.channel.name();
        self.desk
            .read(|state| state.incidents.rooms.incident_of(name, &room))
    }

    /// Hears once, and keeps how far that was once all of it is done.
    async fn listen(&mut self, homeserver: &Homeserver) -> Result<(), Trouble> {
        if self.me.is_none() {
            self.me = Some(homeserver.whoami().await?);
        }
        let next = match self.journal.content().since.clone() {
            None => {
                // From where it is read on is asked first: what comes meanwhile is read twice.
                let synced = homeserver.sync(None, Duration::ZERO).await?;
                self.read_back_all(homeserver).await?;
                synced.next_batch
            }
            Some(since) => match homeserver.sync(Some(&since), LISTEN).await {
                Ok(synced) => {
                    let next = synced.next_batch.clone();
                    self.hear(homeserver, synced, &since).await?;
                    next
                }
                Err(undone) if undone.fate == Fate::Failed => {
                    // It does not know its own word any more.
                    self.journal.change(|heard| heard.since = None)?;
                    return Err(undone.into());
                }
                Err(undone) => return Err(undone.into()),
            },
        };
        self.journal.change(|heard| heard.since = Some(next))?;
        Ok(())
    }

    async fn hear(
        &mut self,
        homeserver: &Homeserver,
        synced: Synced,
        since: &str,
    ) -> Result<(), Trouble> {
        for (room, timeline) in synced.rooms() {
            let Some(incident) = self.incident_of(&room) else {
                continue;
            };
            let Timeline {
                events,
                limited,
                prev_batch,
            } = timeline;
            if limited {
                let from = prev_batch.as_deref();
                self.read_back(homeserver, incident, &room, from, Some(since))
                    .await?;
            }
            for event in &events {
                self.event(homeserver, incident, &room, event).await?;
            }
        }
        Ok(())
    }

    async fn read_back_all(&mut self, homeserver: &Homeserver) -> Result<(), Trouble> {
        let name = self.channel.name().clone();
        let rooms: Vec<(IncidentId, Room)> = self.desk.read(|state| {
            let rooms = state.incidents.rooms.of_channel(&name);
            rooms.map(|(id, room)| (id, room.clone())).collect()
        });
        for (incident, room) in rooms {
            let room = room.room().map(|room| room.as_str().parse::<Id>());
            if let Some(Ok(room)) = room {
                self.read_back(homeserver, incident, &room, None, None)
                    .await?;
            }
        }
        Ok(())
    }

    /// Reads what was said between two places, and then takes it in its order.
    async fn read_back(
        &mut self,
        homeserver: &Homeserver,
        incident: IncidentId,
        room: &Id,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<(), Trouble> {
        let only = serde_json::json!({"types": ["m.room.message", "m.reaction"]});
        let mut from = from.map(str::to_owned);
        let mut events = Vec::new();
        for page in 0..=PAGES_MAX {
            if page == PAGES_MAX {
                let now = self.desk.now();
                let what = "more was said than is read back: older messages are not looked at";
                self.board
                    .error(self.channel.name(), Some(incident), now, what);
                break;
            }
            let reading = Reading::back(from.as_deref(), to, Some(&only));
            let page = homeserver.messages(room, &reading).await?;
            events.extend(page.events);
            match page.end {
                Some(end) if Some(&end) != from.as_ref() => from = Some(end),
                _ => break,
            }
        }
        for event in events.iter().rev() {
            self.event(homeserver, incident, room, event).await?;
        }
        Ok(())
    }

    /// One event: most are nothing to hereby.
    async fn event(
        &mut self,
        homeserver: &Homeserver,
        incident: IncidentId,
        room: &Id,
        event: &Event,
    ) -> Result<(), Trouble> {
        if self.me.as_ref() == Some(&event.sender) {
            return Ok(());
        }
        if let Some(text) = event.message().and_then(notes::command) {
            let wanted = Wanted {
                message: event,
                text,
                by: &event.sender,
                answers: &event.id,
            };
            return self.note(homeserver, incident, room, &wanted).await;
        }
        let Some((target, _)) = event.reaction().filter(|(_, sign)| notes::pins(sign)) else {
            return Ok(());
        };
        let message = match homeserver.event(room, &target).await {
            Ok(message) => message,
            Err(undone) if matches!(undone.fate, Fate::Later(_)) => return Err(undone.into()),
            // It is gone, or was never there.
            Err(_) => return Ok(()),
        };
        // What hereby said is on the record already.
        let ours = self.me.as_ref() == Some(&message.sender);
        let Some(text) = message.message().filter(|_| !ours) else {
            return Ok(());
        };
        let wanted = Wanted {
            message: &message,
            text: notes::command(text).unwrap_or(text),
            by: &event.sender,
            answers: &event.id,
        };
        self.note(homeserver, incident, room, &wanted).await
    }

    /// Makes a note, or says why not.
    async fn note(
        &mut self,
        homeserver: &Homeserver,
        incident: IncidentId,
        room: &Id,
        wanted: &Wanted<'_>,
    ) -> Result<(), Trouble> {
        let outcome = match self.people.who(&self.desk, wanted.by)? {
            Ok(person) => self.ask(incident, &person, wanted).await?,
            Err(stranger) => Err(unknown(stranger)),
        };
        let name = self.channel.name();
        match outcome {
            Ok(()) => {
                self.board.note(name, |notes| notes.noted += 1);
                Ok(())
            }
            // The message is noted already.
            Err(refusal) if refusal.reason == Reason::IdReused => Ok(()),
            Err(refusal) if refusal.reason.is_passing() => Err(refusal.into()),
            Err(refusal) => {
                self.answer(homeserver, room, wanted.answers, &refusal.detail)
                    .await
            }
        }
    }

    async fn ask(
        &mut self,
        incident: IncidentId,
        person: &PersonName,
        wanted: &Wanted<'_>,
    ) -> Result<Result<(), Refusal>, Trouble> {
        let message = wanted.message;
        let (author, how) = if message.sender == *wanted.by {
            (
                person.to_string(),
                "written in the room with !note".to_owned(),
            )
        } else {
            let author = self.people.who(&self.desk, &message.sender)?;
            let author = match author {
                Ok(author) => author.to_string(),
                // Their address is theirs: it stands in the transcript, which is sealed.
                Err(_) => "somebody hereby does not know".to_owned(),
            };
            (
                author,
                format!("a message in the room, put here by {person} with 📌"),
            )
        };
        if wanted.text.is_empty() {
            let detail = "there is nothing to note: write `!note` and what you saw";
            return Ok(Err(Refusal::new(Reason::OutOfRange, detail)));
        }
        let text = format!("{author} in the room: {}", wanted.text);
        let Some((text, _)) = Prose::clean(&text) else {
            return Ok(Err(Refusal::new(
                Reason::OutOfRange,
                "it can't be written down",
            )));
        };
        let verb = Verb::from(Note {
            blobs: Vec::new(),
            incident,
            text,
        });
        let actor = Actor::Person { id: person.clone() };
        let may = self
            .desk
            .read(|state| state.incidents.permit(&actor, &verb));
        if let Err(refusal) = may {
            return Ok(Err(refusal));
        }
        let why = format!("{how} ({})", message.id).parse().ok();
        let digest = hash::sha256(&[message.id.as_str().as_bytes()]);
        let digits: String = digest.0.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(self.desk.ask(&format!("note:{digits}"), verb, why).await)
    }

    /// Says why something was not noted, unless too much of that was said.
    async fn answer(
        &mut self,
        homeserver: &Homeserver,
        room: &Id,
        to: &Id,
        why: &str,
    ) -> Result<(), Trouble> {
        if self.answers_since.elapsed() > ANSWERS_EVERY {
            (self.answers, self.answers_since) = (0, Instant::now());
        }
        let name = self.channel.name();
        if self.answers >= ANSWERS_MAX {
            self.board.note(name, |notes| notes.unanswered += 1);
            return Ok(());
        }
        let digest = hash::sha256(&[to.as_str().as_bytes()]);
        let digits: String = digest.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let notice = Notice {
            text: &format!("This was not noted: {why}"),
            act: None,
            answers: Some(to),
        };
        let transaction = format!("answer.{digits}");
        match homeserver.say(room, &transaction, &notice).await {
            Ok(()) => {}
            Err(undone) if undone.fate == Fate::Failed => self.failed(&undone),
            Err(undone) => return Err(undone.into()),
        }
        self.answers += 1;
        self.board.note(name, |notes| notes.refused += 1);
        Ok(())
    }

    fn failed(&self, undone: &Undone) {
        let now = self.desk.now();
        self.board
            .error(self.channel.name(), None, now, &undone.what);
    }
}

fn unknown(stranger: Stranger) -> Refusal {
    let detail = match stranger {
        Stranger::Nobody => {
            "hereby does not know whose address yours is. An admin says so: hereby person add \
             NAME --at matrix:ADDRESS"
        }
        Stranger::Several => "more than one person is registered with your address",
    };
    Refusal::new(Reason::Forbidden, detail)
}
