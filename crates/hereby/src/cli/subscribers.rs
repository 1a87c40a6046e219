//! Arguments of the commands about who outside is told what is said to the public.

use base::{ActId, IncidentId, Line, Name};
use clap::{Args, Subcommand, ValueEnum};

use super::parse;

/// What is done about subscribers and notices.
#[derive(Debug, Subcommand)]
pub(crate) enum SubscriberVerb {
    Subscribers(SubscribersArgs),
    Subscriber(SubscriberArgs),
    Notices(NoticesArgs),
    Notice(NoticeArgs),
}

/// Count who is told what is said to the public
#[derive(Args, Debug)]
pub(crate) struct SubscribersArgs {
    /// List each, with the address they are told at (for admins)
    #[arg(long)]
    pub(crate) addresses: bool,
}

/// Add or remove somebody who is told what is said to the public
#[derive(Args, Debug)]
pub(crate) struct SubscriberArgs {
    #[command(subcommand)]
    pub(crate) verb: OneSubscriberVerb,
}

/// What is done with one of them.
#[derive(Debug, Subcommand)]
pub(crate) enum OneSubscriberVerb {
    /// Ask an address whether it wants to be told
    #[command(after_help = "Examples:
  hereby subscriber add sam@example.org --language de
  hereby subscriber add https://example.org/status --of checkout
  hereby subscriber add sam@example.org --confirmed -m \"asked for it by phone\"

A mail address gets a link, a webhook a challenge; nothing is kept before they answer. With
--confirmed you answer for it, and say why.")]
    Add {
        /// A mail address, or the https URL of a webhook
        #[arg(value_name = "ADDRESS")]
        address: Line,
        /// In which language they are told
        #[arg(long, value_enum, default_value = "en")]
        language: LanguageArg,
        /// What of; without, everything
        #[arg(long = "of", value_name = "COMPONENT")]
        components: Vec<Name>,
        /// You answer for it: tell them from now on, without asking
        #[arg(long)]
        confirmed: bool,
    },
    /// Tell somebody nothing any more, and erase their address
    Remove {
        /// Whom: sub-7
        #[arg(value_name = "SUBSCRIBER")]
        subscriber: Name,
    },
}

/// A language in which subscribers are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LanguageArg {
    /// English
    En,
    /// German
    De,
}

impl LanguageArg {
    /// The language's tag, as on the record.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            LanguageArg::En => "en",
            LanguageArg::De => "de",
        }
    }
}

/// List what subscribers were told, and what became of it
#[derive(Args, Debug)]
pub(crate) struct NoticesArgs {}

/// Send a public update to subscribers, and see what became of it
#[derive(Args, Debug)]
pub(crate) struct NoticeArgs {
    #[command(subcommand)]
    pub(crate) verb: NoticeVerb,
}

/// What is done about a notice.
#[derive(Debug, Subcommand)]
pub(crate) enum NoticeVerb {
    /// Show what would be sent, and to how many; sends nothing
    Preview(WhichUpdate),
    /// Send it
    #[command(after_help = "Example:
  hereby update INC-7 \"Payments work again.\" --to public
  hereby notice preview INC-7
  hereby notice send INC-7")]
    Send(WhichUpdate),
    /// Show what became of one
    Show {
        /// Which: ntc-4
        #[arg(value_name = "NOTICE")]
        notice: Name,
    },
    /// Try deliveries again whose outcome is unknown
    #[command(after_help = "Who got it gets it twice: say why with -m.")]
    Retry {
        /// Which: ntc-4
        #[arg(value_name = "NOTICE")]
        notice: Name,
        /// Yes, those whose outcome is unknown
        #[arg(long, required = true)]
        unknown: bool,
    },
}

/// What was said to the public.
#[derive(Args, Debug)]
pub(crate) struct WhichUpdate {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// The act that said it; without, the last one that did
    #[arg(long, value_name = "ACT")]
    pub(crate) update: Option<ActId>,
    /// What it is about; without, every component that was named in this incident so far
    #[arg(long = "of", value_name = "COMPONENT")]
    pub(crate) components: Vec<Name>,
}
