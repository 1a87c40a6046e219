//! Arguments of the commands about rooms of incidents in chats.

use base::{IncidentId, Line, Name};
use clap::{Args, Subcommand};

use super::machine::SettingsArgs;
use super::parse;

/// See and steer the rooms of incidents in chats
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  hereby chat                    channels, rooms, and what waits to be said
  hereby chat open INC-7         give an incident a room
  hereby chat close INC-7        end it, and attach what was said

Channels stand in hereby.toml: see docs/how-to/chat.md."
)]
pub(crate) struct ChatArgs {
    #[command(subcommand)]
    pub(crate) verb: Option<ChatVerb>,
}

/// What is done about rooms.
#[derive(Debug, Subcommand)]
pub(crate) enum ChatVerb {
    /// List channels and rooms, and what waits to be said
    List,
    /// Give an incident a room
    Open {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
        /// In which channel; needed where there are several
        #[arg(long, value_name = "NAME")]
        channel: Option<Name>,
        /// Take this room instead of making one: hereby's account must be invited to it
        #[arg(long, value_name = "ROOM")]
        room: Option<Line>,
    },
    /// End an incident's room: what was said in it is attached
    Close {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
        /// In which channel; needed where it has several rooms
        #[arg(long, value_name = "NAME")]
        channel: Option<Name>,
        /// End it without what was said, where that can't be read any more
        #[arg(long)]
        without_transcript: bool,
    },
    /// Try a channel as it is configured on this machine
    Test {
        /// Which
        #[arg(value_name = "NAME")]
        channel: Name,
        #[command(flatten)]
        settings: SettingsArgs,
    },
}
