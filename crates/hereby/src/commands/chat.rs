//! Rooms of incidents in chats: which there are, how far they are, and a room more or less.

use base::{IncidentId, Name, Timestamp};
use record::command::{CloseRoom, OpenRoom, UnlinkRoom};
use record::kinds::chat::Transcript;
use serde::Deserialize;

use super::{Session, wire};
use crate::cli::chat::{ChatArgs, ChatVerb};
use crate::exit::{Exit, Failure};
use crate::say::{Line, Style, counted, duration};

/// An item of `GET /api/v1/chat`.
#[derive(Deserialize)]
struct Channel {
    channel: Name,
    kind: String,
    host: String,
    private: bool,
    rooms: Vec<Room>,
    said: Said,
    notes: Noted,
    #[serde(default)]
    last_error: Option<String>,
    #[serde(default)]
    last_error_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Room {
    incident: IncidentId,
    #[serde(default)]
    room: Option<String>,
    state: String,
    #[serde(default)]
    waiting: Option<u64>,
    #[serde(default)]
    waiting_since: Option<Timestamp>,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    done: u64,
    failed: u64,
    unknown: u64,
}

#[derive(Deserialize)]
struct Noted {
    noted: u64,
    refused: u64,
    unanswered: u64,
}

impl Session<'_> {
    pub(super) async fn chat(&self, args: ChatArgs) -> Result<(), Failure> {
        match args.verb {
            None | Some(ChatVerb::List) => self.channels().await,
            Some(ChatVerb::Open {
                incident,
                channel,
                room,
            }) => {
                let channel = match channel {
                    Some(channel) => channel,
                    None => self.only_channel().await?,
                };
                let said = format!("{incident} is to have a room in {channel}.");
                let verb = OpenRoom {
                    channel,
                    incident,
                    room,
                };
                self.does(verb, said).await?;
                self.next("chat");
                Ok(())
            }
            Some(ChatVerb::Close {
                incident,
                channel,
                without_transcript,
            }) => {
                let channel = match channel {
                    Some(channel) => channel,
                    None => self.only_room_of(incident).await?,
                };
                self.close_room(incident, channel, without_transcript).await
            }
            // It asks no running hereby: see `main`.
            Some(ChatVerb::Test { .. }) => Ok(()),
        }
    }

    async fn close_room(
        &self,
        incident: IncidentId,
        channel: Name,
        without_transcript: bool,
    ) -> Result<(), Failure> {
        if !without_transcript {
            let said = format!("The room of {incident} in {channel} ends once it was read.");
            return self.does(CloseRoom { channel, incident }, said).await;
        }
        let rooms = self.all_channels().await?;
        let found = rooms.iter().find(|it| it.channel == channel);
        let mut rooms = found.into_iter().flat_map(|it| &it.rooms);
        let is_open = rooms.any(|it| it.incident == incident && it.state != "closed");
        if is_open {
            let channel = channel.clone();
            self.submit_before(CloseRoom { channel, incident }).await?;
        }
        let said = format!("The room of {incident} in {channel} is let go, unread.");
        let verb = UnlinkRoom {
            channel,
            files: Vec::new(),
            incident,
            transcript: Transcript::GivenUp,
        };
        self.does(verb, said).await
    }

    async fn all_channels(&self) -> Result<Vec<Channel>, Failure> {
        let page: wire::Page = self.client.read("/api/v1/chat").await?;
        wire::typed(&page.items)
    }

    /// The channel, where nobody said which.
    async fn only_channel(&self) -> Result<Name, Failure> {
        let all = self.all_channels().await?;
        let names: Vec<String> = all.iter().map(|it| it.channel.to_string()).collect();
        match all.into_iter().next() {
            Some(only) if names.len() == 1 => Ok(only.channel),
            None => Err(Failure::new(Exit::Refused, "no channel is configured")
                .hint("docs/how-to/chat.md shows what stands in hereby.toml")),
            Some(_) => Err(Failure::usage("which channel?")
                .because(format!("there are {}", names.join(", ")))
                .hint("hereby chat open INC --channel NAME")),
        }
    }

    /// The channel in which an incident has its only room.
    async fn only_room_of(&self, incident: IncidentId) -> Result<Name, Failure> {
        let all = self.all_channels().await?;
        let has = |channel: &&Channel| channel.rooms.iter().any(|it| it.incident == incident);
        let names: Vec<Name> = all
            .iter()
            .filter(has)
            .map(|it| it.channel.clone())
            .collect();
        match names.as_slice() {
            [only] => Ok(only.clone()),
            [] => Err(
                Failure::new(Exit::Refused, format!("{incident} has no room")).hint("hereby chat"),
            ),
            several => {
                let several: Vec<&str> = several.iter().map(Name::as_str).collect();
                Err(Failure::usage(format!("which room of {incident}?"))
                    .because(format!("it has one in {}", several.join(", ")))
                    .hint("hereby chat close INC --channel NAME"))
            }
        }
    }

    async fn channels(&self) -> Result<(), Failure> {
        let page: wire::Page = self.client.read("/api/v1/chat").await?;
        let items = page.items;
        let all: Vec<Channel> = wire::typed(&items)?;
        if self.out.is_json() || all.is_empty() {
            let nothing = "No channel is configured: docs/how-to/chat.md.";
            return self.listed(items, &[], Vec::new(), nothing);
        }
        for channel in &all {
            self.show_channel(channel)?;
        }
        Ok(())
    }

    fn show_channel(&self, channel: &Channel) -> Result<(), Failure> {
        let private = if channel.private {
            ", takes private incidents"
        } else {
            ""
        };
        let head = format!(" ({} {}{private})", channel.kind, channel.host);
        self.out.data(
            Line::new()
                .styled(Style::Bold, channel.channel.to_string())
                .text(head),
        )?;
        let Said {
            done,
            failed,
            unknown,
        } = channel.said;
        let style = match failed + unknown {
            0 => Style::Plain,
            _ => Style::Warning,
        };
        let said = format!("  since the start: said {done}, failed {failed}, unknown {unknown}");
        let noted = &channel.notes;
        let noted = format!(
            "; noted {}, refused {}, unanswered {}",
            noted.noted, noted.refused, noted.unanswered
        );
        self.out.data(Line::new().styled(style, said + &noted))?;
        if let (Some(error), Some(at)) = (&channel.last_error, channel.last_error_at) {
            let ago = duration(self.now.ms_since(at).max(0));
            let last = format!("  last trouble, {ago} ago: {error}");
            self.out.data(Line::new().styled(Style::Warning, last))?;
        }
        for room in &channel.rooms {
            self.show_room(room)?;
        }
        Ok(())
    }

    fn show_room(&self, room: &Room) -> Result<(), Failure> {
        let place = match (&room.room, room.state.as_str()) {
            (None, _) => "its room is not there yet".to_owned(),
            (Some(place), "closed") => format!("{place}, about to end"),
            (Some(place), _) => place.clone(),
        };
        let (style, waits) = match (room.waiting, room.waiting_since) {
            (Some(0), _) => (Style::Good, "everything is said".to_owned()),
            (None, _) => (Style::Dim, "not looked at yet".to_owned()),
            (Some(acts), since) => {
                let since = since.map(|at| duration(self.now.ms_since(at).max(0)));
                let since = since.map(|it| format!(", the first for {it}"));
                let acts = counted(acts, "act");
                (
                    Style::Warning,
                    format!("{acts} wait{}", since.unwrap_or_default()),
                )
            }
        };
        let line = Line::new()
            .text("  ")
            .styled(Style::Bold, room.incident.to_string())
            .text(format!("  {place}: "))
            .styled(style, waits);
        self.out.data(line)?;
        match &room.error {
            Some(error) => self
                .out
                .data(Line::new().styled(Style::Warning, format!("    {error}"))),
            None => Ok(()),
        }
    }
}
