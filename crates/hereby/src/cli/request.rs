//! Arguments of the commands about what can't be undone: what erases, and how it waits for a second
//! person.

use base::{IncidentId, Name, PersonName};
use clap::{Args, Subcommand};

use super::parse;

/// What is said of what can't be undone.
#[derive(Debug, Subcommand)]
pub(crate) enum RequestVerb {
    Requests(RequestsArgs),
    Approve(ApproveArgs),
    Reject(RejectArgs),
    TakeBack(TakeBackArgs),
    Override(OverrideArgs),
    Redact(RedactArgs),
}

/// List what waits for a second person
#[derive(Args, Debug)]
pub(crate) struct RequestsArgs {}

/// Let somebody else's request be done, with your key
#[derive(Args, Debug)]
#[command(after_help = "Example:
  hereby approve req-3 --sign kim-laptop

Nobody approves their own request.")]
pub(crate) struct ApproveArgs {
    /// Which: req-3
    #[arg(value_name = "REQUEST")]
    pub(crate) request: Name,
}

/// Keep a request from being done
#[derive(Args, Debug)]
pub(crate) struct RejectArgs {
    /// Which: req-3
    #[arg(value_name = "REQUEST")]
    pub(crate) request: Name,
}

/// Take your own request back
#[derive(Args, Debug)]
pub(crate) struct TakeBackArgs {
    /// Which: req-3
    #[arg(value_name = "REQUEST")]
    pub(crate) request: Name,
}

/// Answer alone for a request: with your key, and a reason
#[derive(Args, Debug)]
#[command(after_help = "Example:
  hereby override req-3 -m \"it is Sunday, nobody else answers\" --sign sam-laptop

Not every request can be overridden: hereby policy shows which.")]
pub(crate) struct OverrideArgs {
    /// Which: req-3
    #[arg(value_name = "REQUEST")]
    pub(crate) request: Name,
}

/// Erase what is sealed in an incident, or what is personal of somebody
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby redact INC-7 -m \"a customer's password is in the notes\"
  hereby redact --person sam -m \"they asked for it\"

The key is erased; every proof still holds. It can't be undone, so it waits as a request until
somebody else approves it.")]
pub(crate) struct RedactArgs {
    /// Which incident: 7, INC-7
    #[arg(
        value_name = "INC",
        value_parser = parse::incident,
        required_unless_present = "person",
        conflicts_with = "person"
    )]
    pub(crate) incident: Option<IncidentId>,
    /// Whose name and addresses
    #[arg(long, value_name = "PERSON")]
    pub(crate) person: Option<PersonName>,
}
