//! Arguments of the commands that run an incident and show what happens in it.

use std::path::PathBuf;

use base::{IncidentId, Line, Name, PersonName, Prose, ServiceName, Severity};
use clap::{Args, ValueEnum};
use record::kinds::incident::{Audience, Role, Stamp, Status};

use super::page::WordArgs;
use super::parse::{self, When};

/// Declare an incident: by being said, it is one
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby declare \"Checkout fails for everyone\" --severity 1 --service checkout
  hereby declare \"Card payments are slow\" --impact-start \"25m ago\"
  hereby declare \"Rehearse losing the primary database\" --drill
  hereby declare --template payments-down

Not sure whether it is one? Declare it. It can be resolved in a minute.")]
pub(crate) struct DeclareArgs {
    /// What is wrong, in a line; without one, the template's
    #[arg(value_name = "TITLE", required_unless_present = "template")]
    pub(crate) title: Option<Line>,
    /// How bad it is: 1 (everything is down for everyone) to 5; without it, the template's, or 2
    #[arg(short, long, value_name = "1-5")]
    pub(crate) severity: Option<Severity>,
    /// What is affected
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<ServiceName>,
    /// Seal what is written in it, so that it can be erased later
    #[arg(long)]
    pub(crate) private: bool,
    /// Rehearsed, not real: marked as a drill everywhere
    #[arg(long)]
    pub(crate) drill: bool,
    /// Begin with what this template says, its checklists and update clocks
    #[arg(long, value_name = "TEMPLATE")]
    pub(crate) template: Option<Name>,
    /// When customers began to be hurt: 2017-12-21T07:30:00Z, "10m ago"
    #[arg(long, value_name = "TIME", value_parser = parse::when)]
    pub(crate) impact_start: Option<When>,
    /// An alert that belongs to it; may be repeated
    #[arg(long, value_name = "ALERT", value_parser = parse::alert)]
    pub(crate) alert: Vec<String>,
}

/// Say that you saw it and are on it; reminders stop
#[derive(Args, Debug)]
pub(crate) struct AcknowledgeArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
}

/// A role in an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleArg {
    /// Assigns and decides; never operates
    Commander,
    /// Changes systems; there may be several
    #[value(alias = "ops")]
    Operations,
    /// Says what is said, to insiders and the public
    #[value(alias = "comms")]
    Communications,
    /// Tickets, shifts, what comes next
    Planning,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Role {
        match role {
            RoleArg::Commander => Role::Commander,
            RoleArg::Operations => Role::Operations,
            RoleArg::Communications => Role::Communications,
            RoleArg::Planning => Role::Planning,
        }
    }
}

/// Give somebody a role
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby assign INC-7 commander sam
  hereby assign 7 operations alex

Nobody is both commander and operations of one incident.")]
pub(crate) struct AssignArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// Which role
    #[arg(value_name = "ROLE")]
    pub(crate) role: RoleArg,
    /// Who
    #[arg(value_name = "PERSON")]
    pub(crate) person: PersonName,
}

/// Ask somebody to take your role over
#[derive(Args, Debug)]
#[command(after_help = "Example:
  hereby hand-over 7 commander kim

You have the role until it is accepted: hereby accept 7 commander --as kim")]
pub(crate) struct HandOverArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// Which role
    #[arg(value_name = "ROLE")]
    pub(crate) role: RoleArg,
    /// Who is to have it
    #[arg(value_name = "PERSON")]
    pub(crate) to: PersonName,
}

/// Take over a role that was offered to you
#[derive(Args, Debug)]
pub(crate) struct AcceptArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// Which role
    #[arg(value_name = "ROLE")]
    pub(crate) role: RoleArg,
}

/// Let somebody leave a role
#[derive(Args, Debug)]
pub(crate) struct RelieveArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// Which role
    #[arg(value_name = "ROLE")]
    pub(crate) role: RoleArg,
    /// Who leaves it
    #[arg(value_name = "PERSON")]
    pub(crate) person: PersonName,
}

/// Let somebody be commander and operations at once, for a reason
#[derive(Args, Debug)]
#[command(after_help = "Example:
  hereby waive 7 sam -m \"it is Sunday, nobody else answers\"

It stands on the incident for everyone to see.")]
pub(crate) struct WaiveArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// Who
    #[arg(value_name = "PERSON")]
    pub(crate) person: PersonName,
}

/// A time that somebody has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StampArg {
    /// Customers began to be hurt
    ImpactStart,
    /// Something or somebody noticed
    Detected,
    /// The cause was known
    Diagnosed,
    /// Customers were hurt no more
    Mitigated,
}

impl From<StampArg> for Stamp {
    fn from(stamp: StampArg) -> Stamp {
        match stamp {
            StampArg::ImpactStart => Stamp::ImpactStart,
            StampArg::Detected => Stamp::Detected,
            StampArg::Diagnosed => Stamp::Diagnosed,
            StampArg::Mitigated => Stamp::Mitigated,
        }
    }
}

/// Say when something happened, or that nobody knows
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby time 7 impact-start 2017-12-21T07:25:00Z -m \"first failed payment in the log\"
  hereby time 7 mitigated \"10m ago\"
  hereby time 7 diagnosed --unknown

What was said before stays on the record. What nobody said is missing, and never counted as zero.")]
pub(crate) struct TimeArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// What
    #[arg(value_enum, value_name = "WHAT")]
    pub(crate) stamp: StampArg,
    /// When: 2017-12-21T07:30:00Z, "10m ago", now
    #[arg(value_name = "TIME", value_parser = parse::when, required_unless_present = "unknown")]
    pub(crate) at: Option<When>,
    /// Nobody knows
    #[arg(long, conflicts_with = "at")]
    pub(crate) unknown: bool,
}

/// Write something down, with files if you like
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby note INC-7 \"Connections to db-1 are exhausted\"
  journalctl -u checkout --since -10m | hereby note INC-7 -
  hereby note INC-7 \"The dashboard at 07:40\" --file dashboard.png")]
pub(crate) struct NoteArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// What; from stdin when it is `-` or left out
    #[arg(value_name = "TEXT")]
    pub(crate) text: Option<String>,
    /// A file to keep with it, at most 8 MiB; may be repeated up to 16 times
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,
}

/// Whom an update tells something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AudienceArg {
    /// The organisation's own people
    Insiders,
    /// Everyone
    Public,
}

impl From<AudienceArg> for Audience {
    fn from(audience: AudienceArg) -> Audience {
        match audience {
            AudienceArg::Insiders => Audience::Insiders,
            AudienceArg::Public => Audience::Public,
        }
    }
}

/// How far an open incident is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatusArg {
    /// The cause is being looked for
    Investigating,
    /// The cause is known
    Identified,
    /// A fix is in place and being watched
    Monitoring,
}

impl From<StatusArg> for Status {
    fn from(status: StatusArg) -> Status {
        match status {
            StatusArg::Investigating => Status::Investigating,
            StatusArg::Identified => Status::Identified,
            StatusArg::Monitoring => Status::Monitoring,
        }
    }
}

/// Tell insiders or the public something
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby update INC-7 --to insiders \"Rolling back to yesterday's version\"
  hereby update INC-7 --to public --status identified \"Payments fail. We know why.\"
  hereby update INC-7 --to public --headline \"Some payments fail\" --impact minor \\
    --component checkout=partial_outage \"We are looking for the cause.\"")]
pub(crate) struct UpdateArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// What; from stdin when it is `-` or left out
    #[arg(value_name = "TEXT")]
    pub(crate) text: Option<String>,
    /// Whom
    #[arg(long, value_name = "AUDIENCE")]
    pub(crate) to: AudienceArg,
    /// Move the status in the same breath
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Option<StatusArg>,
    #[command(flatten)]
    pub(crate) word: WordArgs,
    /// Send it to those who subscribed to what the public is told
    #[arg(long)]
    pub(crate) notify: bool,
}

/// Move an incident's status; without arguments, show how hereby is
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby status INC-7 monitoring
  hereby status

To end an incident: hereby resolve INC-7")]
pub(crate) struct StatusArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident, requires = "status")]
    pub(crate) incident: Option<IncidentId>,
    /// Where to
    #[arg(value_name = "STATUS")]
    pub(crate) status: Option<StatusArg>,
}

/// Say that it is worse or better than thought
#[derive(Args, Debug)]
pub(crate) struct SeverityArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// 1 (worst) to 5
    #[arg(value_name = "1-5")]
    pub(crate) severity: Severity,
}

/// End an incident
#[derive(Args, Debug)]
#[command(after_help = "Example:
  hereby resolve INC-7 \"Rolled back to 2.4.1; errors are gone since 08:12Z\"")]
pub(crate) struct ResolveArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// How it ended
    #[arg(value_name = "SUMMARY")]
    pub(crate) summary: Option<Prose>,
}

/// Open a resolved incident again
#[derive(Args, Debug)]
pub(crate) struct ReopenArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
}

/// Show an incident: roles, alerts, work, timeline
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// With the entry on the record of each act
    #[arg(long)]
    pub(crate) entries: bool,
}

/// List open incidents
#[derive(Args, Debug)]
pub(crate) struct IncidentsArgs {
    /// Resolved ones as well
    #[arg(long)]
    pub(crate) all: bool,
}

/// Print what happens as it happens
#[derive(Args, Debug)]
#[command(
    after_help = "Ctrl-C ends it. A lost connection is taken up where it broke.
With --json each act is one document on a line of its own."
)]
pub(crate) struct WatchArgs {
    /// Only this incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: Option<IncidentId>,
    /// Begin behind this entry of the record instead of now
    #[arg(long, value_name = "INDEX")]
    pub(crate) after: Option<u64>,
}
