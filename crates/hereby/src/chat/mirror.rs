//! Says the acts of incidents in one channel, in their order, each once as far as that can be known.
//!
//! There is no queue: the record is the queue, and what is kept is how far each room is.
//!
//! - Matrix: the room itself says how far it is. What hereby said last is looked for in it at each
//!   start, and what may be on its way carries the same transaction id when it is said again.
//! - CloudEvents: a journal says how far it is. What may have arrived is delivered again: receivers
//!   know an event by its id. Without the journal everything is delivered again.
//! - Slack's shape: the journal says before each message that it is tried. What may have arrived is
//!   counted as unknown and not said again. Without the journal nothing earlier is said.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base::{IncidentId, Line as Words, Timestamp};
use incident::Room;
use notify::chat::matrix::{Homeserver, Id, Marked, Notice};
use notify::chat::{Fate, Undone, cloudevents, slack};
use record::act::Act;
use record::command::{LinkRoom, UnlinkRoom};
use record::kinds::chat::Transcript;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use web::ChatRoom;

use super::board::Board;
use super::channel::{Channel, Line};
use super::desk::{Desk, Open};
use super::journal::Journal;
use super::people::People;
use super::trouble::Trouble;
use super::{longer, rooms, transcript, words};

/// Acts that are said in one room before the next one has its turn.
const TURN: usize = 32;

/// Acts that come within this time are looked at together.
const GATHER: Duration = Duration::from_millis(20);

/// How often it is counted what waits while nothing can be said.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// Incidents of which a journal is kept.
const JOURNALS_MAX: usize = 2_000;

/// How far a place is that does not say so itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Said {
    /// The index from which on nothing was said.
    next: u64,
    /// The act that was about to be said.
    trying: Option<u64>,
}

/// One who says things in a channel.
pub(super) struct Mirror {
    desk: Arc<Desk>,
    channel: Arc<Channel>,
    board: Arc<Board>,
    journal: Journal<BTreeMap<IncidentId, Said>>,
    spots: BTreeMap<IncidentId, Spot>,
    people: People,
    /// Whose the token is, once the homeserver said so.
    me: Option<Id>,
    /// When it was last counted what waits while the channel does.
    counted_at: Instant,
    /// The pause of the whole channel, and until when it lasts.
    pause: Duration,
    paused_until: Option<Instant>,
}

/// One room, as far as it was looked at since the start.
#[derive(Default)]
struct Spot {
    next: Option<u64>,
    /// All that many acts were said.
    said: Option<u64>,
    waiting: Option<u64>,
    waiting_since: Option<Timestamp>,
    /// Who is in the room, or was, or was asked.
    known: Option<Vec<Box<str>>>,
    error: Option<String>,
    pause: Duration,
    paused_until: Option<Instant>,
}

impl Mirror {
    pub(super) fn new(
        (desk, channel, board): (Arc<Desk>, Arc<Channel>, Arc<Board>),
        journal: PathBuf,
    ) -> Mirror {
        Mirror {
            desk,
            channel,
            board,
            journal: Journal::open(journal),
            spots: BTreeMap::new(),
            people: People::default(),
            me: None,
            counted_at: Instant::now(),
            pause: Duration::ZERO,
            paused_until: None,
        }
    }

    /// Serves the channel for ever.
    pub(super) async fn run(mut self) {
        let mut heads = self.desk.engine.view().heads();
        loop {
            heads.mark_unchanged();
            let more = self.round().await;
            if more {
                continue;
            }
            let wake = self.wake_at();
            let waiting = async {
                match wake {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = heads.changed() => match changed {
                    Ok(()) => tokio::time::sleep(GATHER).await,
                    Err(_) => return,
                },
                () = waiting => {}
            }
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        let spots = self.spots.values().filter_map(|spot| spot.paused_until);
        self.paused_until.into_iter().chain(spots).min()
    }

    /// Gives each room its turn; says whether there is more to do at once.
    async fn round(&mut self) -> bool {
        let rooms = self.desk.rooms(self.channel.name());
        let is_open = |id: &IncidentId| rooms.iter().any(|open| open.incident == *id);
        self.spots.retain(|id, _| is_open(id));
        let mut more = false;
        for open in &rooms {
            let now = Instant::now();
            if self.paused_until.is_some_and(|until| now < until) {
                break;
            }
            self.paused_until = None;
            let spot = self.spots.entry(open.incident).or_default();
            if spot.paused_until.is_some_and(|until| now < until) {
                continue;
            }
            spot.paused_until = None;
            match self.turn(open).await {
                Ok(again) => {
                    more |= again;
                    self.went_well(open.incident);
                }
                Err(trouble) => self.went_wrong(open.incident, &trouble),
            }
        }
        if self.paused_until.is_some() && self.counted_at.elapsed() >= COUNT_EVERY {
            self.counted_at = Instant::now();
            self.count(&rooms);
        }
        self.show(&rooms);
        more
    }

    fn went_well(&mut self, id: IncidentId) {
        self.pause = Duration::ZERO;
        if let Some(spot) = self.spots.get_mut(&id) {
            spot.pause = Duration::ZERO;
            spot.error = None;
        }
    }

    fn went_wrong(&mut self, id: IncidentId, trouble: &Trouble) {
        let now = self.desk.now();
        let of = (!trouble.whole).then_some(id);
        self.board
            .error(self.channel.name(), of, now, &trouble.what);
        let Some(spot) = self.spots.get_mut(&id) else {
            return;
        };
        spot.error = Some(trouble.what.clone());
        let (pause, until) = match trouble.whole {
            true => (&mut self.pause, &mut self.paused_until),
            false => (&mut spot.pause, &mut spot.paused_until),
        };
        *pause = longer(*pause);
        *until = Some(Instant::now() + trouble.wait.unwrap_or(*pause));
    }

    /// Counts what waits in rooms that have no turn now.
    fn count(&mut self, rooms: &[Open]) {
        for open in rooms {
            let id = open.incident;
            let next = self.spots.get(&id).and_then(|spot| spot.next);
            let Some(Ok(indexes)) = next.map(|next| self.desk.indexes(id, next)) else {
                continue;
            };
            if let Err(trouble) = self.waits(id, &indexes) {
                self.went_wrong(id, &trouble);
            }
        }
    }

    fn show(&self, rooms: &[Open]) {
        let shown = rooms.iter().map(|open| {
            let spot = self.spots.get(&open.incident);
            ChatRoom {
                incident: open.incident,
                room: open.room.room().map(ToString::to_string),
                state: match open.room {
                    Room::Asked { .. } => "asked",
                    Room::Linked { .. } => "linked",
                    Room::Closed { .. } | Room::Unlinked => "closed",
                },
                waiting: spot.and_then(|spot| spot.waiting),
                waiting_since: spot.and_then(|spot| spot.waiting_since),
                error: spot.and_then(|spot| spot.error.clone()),
            }
        });
        self.board.rooms(self.channel.name(), shown.collect());
    }

    /// Does what is next for one room; says whether there is more to do at once.
    async fn turn(&mut self, open: &Open) -> Result<bool, Trouble> {
        let incident = open.incident;
        let channel = self.channel.name().clone();
        match &open.room {
            Room::Asked { act, wanted } => {
                let room = self.make(open, wanted.as_ref()).await?;
                let verb = LinkRoom {
                    channel,
                    incident,
                    room,
                };
                self.desk.ask(&format!("{act}:linked"), verb, None).await?;
                Ok(true)
            }
            Room::Linked { room } => self.say_on(open, room).await,
            Room::Closed { act, room } => {
                if self.say_on(open, room).await? {
                    return Ok(true);
                }
                let verb = self.ending(open, room).await?;
                self.desk
                    .ask(&format!("{act}:unlinked"), verb, None)
                    .await?;
                Ok(true)
            }
            Room::Unlinked => Ok(false),
        }
    }

    /// Makes the room, or finds it; where incidents share a place, begins to keep how far it is.
    async fn make(&mut self, open: &Open, wanted: Option<&Words>) -> Result<Words, Trouble> {
        let channel = self.channel.clone();
        let host = match channel.line() {
            Line::Matrix(homeserver) => {
                let me = self.me(homeserver).await?;
                let (origin, name) = (&self.desk.origin, channel.name());
                let room = rooms::make(homeserver, &me, (origin, name), open, wanted).await?;
                return words_of(room.as_str());
            }
            Line::Slack(webhook) => webhook.host(),
            Line::Events(receiver) => receiver.host(),
        };
        let id = open.incident;
        let busy: Vec<IncidentId> = self.spots.keys().copied().collect();
        self.journal.change(|all| {
            all.entry(id).or_default();
            while all.len() > JOURNALS_MAX {
                let oldest = all.keys().copied().find(|id| !busy.contains(id));
                let Some(oldest) = oldest else { break };
                all.remove(&oldest);
            }
        })?;
        words_of(host)
    }

    async fn me(&mut self, homeserver: &Homeserver) -> Result<Id, Trouble> {
        if let Some(me) = &self.me {
            return Ok(me.clone());
        }
        let me = homeserver.whoami().await?;
        self.me = Some(me.clone());
        Ok(me)
    }

    /// Says the next acts; says whether there were some.
    async fn say_on(&mut self, open: &Open, room: &Words) -> Result<bool, Trouble> {
        let id = open.incident;
        let done = |spot: &Spot| spot.said == Some(open.acts);
        if self.spots.get(&id).is_some_and(done) {
            return Ok(false);
        }
        let next = self.next(open, room).await?;
        let indexes = self.desk.indexes(id, next)?;
        self.waits(id, &indexes)?;
        if let Line::Matrix(homeserver) = self.channel.clone().line() {
            self.invite(homeserver, open, room).await?;
        }
        let mut left = indexes.len() as u64;
        for index in indexes.iter().copied().take(TURN) {
            let act = self.desk.act(index)?;
            self.say(id, room, index, &act).await?;
            left = left.saturating_sub(1);
            if let Some(spot) = self.spots.get_mut(&id) {
                spot.next = Some(index + 1);
                spot.waiting = Some(left);
            }
        }
        if let (Some(spot), true) = (self.spots.get_mut(&id), indexes.is_empty()) {
            spot.said = Some(open.acts);
        }
        Ok(!indexes.is_empty())
    }

    /// Notes how many acts wait, and since when.
    fn waits(&mut self, id: IncidentId, indexes: &[u64]) -> Result<(), Trouble> {
        let first = indexes.first().map(|first| self.desk.act(*first));
        let since = first.transpose()?.map(|act| act.at);
        if let Some(spot) = self.spots.get_mut(&id) {
            spot.waiting = Some(indexes.len() as u64);
            spot.waiting_since = since;
        }
        Ok(())
    }

    /// The index from which on nothing was said.
    async fn next(&mut self, open: &Open, room: &Words) -> Result<u64, Trouble> {
        let id = open.incident;
        if let Some(next) = self.spots.get(&id).and_then(|spot| spot.next) {
            return Ok(next);
        }
        let channel = self.channel.clone();
        let next = match channel.line() {
            Line::Matrix(homeserver) => {
                let me = self.me(homeserver).await?;
                let room = rooms::id(room)?;
                let desk = self.desk.clone();
                let known = |mark: &Marked| desk.has(id, mark);
                let last = homeserver.last_said(&me, &room, &known).await?;
                last.map_or(0, |last| last + 1)
            }
            Line::Events(_) => self.journal.content().get(&id).map_or(0, |said| said.next),
            Line::Slack(_) => self.next_unsaid(id)?,
        };
        self.spots.entry(id).or_default().next = Some(next);
        Ok(next)
    }

    /// Where to go on in Slack's shape: behind what was tried, whatever became of it.
    fn next_unsaid(&mut self, id: IncidentId) -> Result<u64, Trouble> {
        let (next, unknown, what) = match self.journal.content().get(&id) {
            Some(Said { next, trying: None }) => return Ok(*next),
            Some(Said {
                trying: Some(tried),
                ..
            }) => (
                tried + 1,
                1,
                "hereby ended while a message was on its way: it is not said again",
            ),
            None => {
                let all = self.desk.indexes(id, 0)?;
                let next = all.last().map_or(0, |last| last + 1);
                let what = "how far it was is lost: what happened before is not said again";
                (next, all.len() as u64, what)
            }
        };
        self.board
            .said(self.channel.name(), |said| said.unknown += unknown);
        let now = self.desk.now();
        self.board.error(self.channel.name(), Some(id), now, what);
        self.keep(id, next, None)?;
        Ok(next)
    }

    fn keep(&mut self, id: IncidentId, next: u64, trying: Option<u64>) -> Result<(), Trouble> {
        self.journal
            .change(|all| all.extend([(id, Said { next, trying })]))?;
        Ok(())
    }

    /// Asks whoever works on it into the room.
    async fn invite(
        &mut self,
        homeserver: &Homeserver,
        open: &Open,
        room: &Words,
    ) -> Result<(), Trouble> {
        let wanted = self.people.addresses(&self.desk, &open.people)?;
        let room = rooms::id(room)?;
        let known = self.spots.entry(open.incident).or_default();
        let known = known.known.take();
        let mut known = match known {
            Some(known) => known,
            None => homeserver.people(&room).await?,
        };
        for user in wanted {
            if known.iter().any(|known| **known == *user.as_str()) {
                continue;
            }
            match homeserver.invite(&room, &user).await {
                Ok(()) => {}
                Err(undone) if matches!(undone.fate, Fate::Later(_) | Fate::Unknown) => {
                    return Err(undone.into());
                }
                // Somebody who can't be asked keeps nobody else from anything.
                Err(undone) => {
                    let now = self.desk.now();
                    let (channel, id) = (self.channel.name(), open.incident);
                    let what = format!("somebody could not be invited: {undone}");
                    self.board.error(channel, Some(id), now, &what);
                }
            }
            known.push(user.as_str().into());
        }
        self.spots.entry(open.incident).or_default().known = Some(known);
        Ok(())
    }

    /// Says one act.
    async fn say(
        &mut self,
        id: IncidentId,
        room: &Words,
        index: u64,
        act: &Act,
    ) -> Result<(), Trouble> {
        let channel = self.channel.clone();
        let said = match channel.line() {
            Line::Matrix(homeserver) => {
                let transaction = format!("{}.{}", act.id, channel.name());
                let mark = marked(id, index, act);
                let notice = Notice {
                    text: &words::message(act),
                    act: Some(&mark),
                    answers: None,
                };
                homeserver
                    .say(&rooms::id(room)?, &transaction, &notice)
                    .await
            }
            Line::Events(receiver) => self.deliver(receiver, id, index, act).await?,
            Line::Slack(webhook) => return self.say_once(webhook, id, index, act).await,
        };
        match said {
            Ok(()) => self.count_done(),
            Err(undone) if undone.fate == Fate::Failed => self.count_failed(id, &undone),
            // It is said again under the same id.
            Err(undone) => return Err(undone.into()),
        }
        if !matches!(channel.line(), Line::Matrix(_)) {
            self.keep(id, index + 1, None)?;
        }
        Ok(())
    }

    async fn deliver(
        &self,
        receiver: &cloudevents::Receiver,
        id: IncidentId,
        index: u64,
        act: &Act,
    ) -> Result<Result<(), Undone>, Trouble> {
        let json = serde_json::value::to_raw_value(act).map_err(|error| error.to_string())?;
        let event = cloudevents::Event {
            act: act.id,
            origin: &self.desk.origin,
            kind: act.body.kind(),
            subject: &id.to_string(),
            at: act.at,
            index,
            json: &json,
        };
        Ok(receiver.deliver(&event, self.desk.now()).await)
    }

    /// Says something where nothing keeps it from being there twice: what may have arrived is not
    /// said again.
    async fn say_once(
        &mut self,
        webhook: &slack::Webhook,
        id: IncidentId,
        index: u64,
        act: &Act,
    ) -> Result<(), Trouble> {
        self.keep(id, index, Some(index))?;
        match webhook.say(&words::message_of(id, act)).await {
            Ok(()) => self.count_done(),
            Err(undone) => match undone.fate {
                Fate::Failed => self.count_failed(id, &undone),
                Fate::Unknown => {
                    let (channel, now) = (self.channel.name(), self.desk.now());
                    self.board.said(channel, |said| said.unknown += 1);
                    let what = format!("nobody knows whether a message arrived: {undone}");
                    self.board.error(channel, Some(id), now, &what);
                }
                Fate::Blocked | Fate::Later(_) => {
                    self.keep(id, index, None)?;
                    return Err(undone.into());
                }
            },
        }
        self.keep(id, index + 1, None)
    }

    fn count_done(&self) {
        self.board.said(self.channel.name(), |said| said.done += 1);
    }

    fn count_failed(&self, id: IncidentId, undone: &Undone) {
        let (channel, now) = (self.channel.name(), self.desk.now());
        self.board.said(channel, |said| said.failed += 1);
        let what = format!("an act is left out: {undone}");
        self.board.error(channel, Some(id), now, &what);
    }

    /// What ends the room: with what was said in it, where that can be read.
    async fn ending(&mut self, open: &Open, room: &Words) -> Result<UnlinkRoom, Trouble> {
        let (channel, incident) = (self.channel.clone(), open.incident);
        let mut verb = UnlinkRoom {
            channel: channel.name().clone(),
            files: Vec::new(),
            incident,
            transcript: Transcript::None,
        };
        let Line::Matrix(homeserver) = channel.line() else {
            return Ok(verb);
        };
        let redacted = self.desk.read(|state| {
            let summary = state.incidents.summary(incident);
            summary.is_some_and(|summary| summary.redacted)
        });
        if redacted {
            verb.transcript = Transcript::GivenUp;
            return Ok(verb);
        }
        let room = rooms::id(room)?;
        verb.files =
            transcript::keep(&self.desk, homeserver, incident, channel.name(), &room).await?;
        verb.transcript = Transcript::Attached;
        Ok(verb)
    }
}

fn words_of(text: &str) -> Result<Words, Trouble> {
    text.parse()
        .map_err(|error| Trouble::from(format!("the room's name can't be recorded: {error}")))
}

fn marked(id: IncidentId, index: u64, act: &Act) -> Marked {
    Marked {
        act: act.id.to_string().into(),
        incident: id.to_string().into(),
        index,
        kind: act.body.kind().into(),
    }
}
