//! Arguments of the commands about what follows an incident: its review, follow-ups, the meeting.

use std::path::PathBuf;

use base::{IncidentId, Line, Name, PersonName};
use clap::{Args, Subcommand, ValueEnum};
use record::kinds::review::{Reach, ReviewAudience, Section};

use super::parse::{self, ActRef, When};

/// Write the review of an incident, for one of three audiences
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:
  hereby review 7
  hereby review 7 --audience customers --format html -o report.html
  hereby review publish 7 --audience customers

It is made from the acts and from what people say with hereby finding. What is to be mended goes to
stderr, each with its next step."
)]
pub(crate) struct ReviewArgs {
    #[command(subcommand)]
    pub(crate) verb: Option<ReviewVerb>,
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident, required = true)]
    pub(crate) incident: Option<IncidentId>,
    /// For whom
    #[arg(long, value_name = "AUDIENCE", default_value = "internal")]
    pub(crate) audience: ReviewAudienceArg,
    /// As Markdown, or as a page that stands alone
    #[arg(long, value_name = "FORMAT", default_value = "md")]
    pub(crate) format: FormatArg,
    /// Write it there instead of to stdout
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// What is done with a review beside reading it.
#[derive(Debug, Subcommand)]
pub(crate) enum ReviewVerb {
    /// Publish a review as it is now
    #[command(after_help = "Example:
  hereby review publish 7 --audience customers --not-a-name will

The document is kept, and its digest is on the record. For customers and executives it is refused
while a person's name stands in it, or two versions of one finding.")]
    Publish {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
        /// For whom
        #[arg(long, value_name = "AUDIENCE")]
        audience: ReviewAudienceArg,
        /// As Markdown, or as a page that stands alone
        #[arg(long, value_name = "FORMAT", default_value = "html")]
        format: FormatArg,
        /// A word that is a person's name and names nobody here; may be repeated
        #[arg(long, value_name = "WORD")]
        not_a_name: Vec<String>,
        /// Publish what was written in a private incident: the document is not sealed
        #[arg(long)]
        readable: bool,
    },
}

/// Whom a review is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReviewAudienceArg {
    /// Those who were there, and their colleagues
    Internal,
    /// Those who were hurt
    Customers,
    /// Those who answer for it
    Executive,
}

impl From<ReviewAudienceArg> for ReviewAudience {
    fn from(audience: ReviewAudienceArg) -> ReviewAudience {
        match audience {
            ReviewAudienceArg::Internal => ReviewAudience::Internal,
            ReviewAudienceArg::Customers => ReviewAudience::Customers,
            ReviewAudienceArg::Executive => ReviewAudience::Executive,
        }
    }
}

/// How a review is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// Markdown
    Md,
    /// A page that stands alone
    Html,
}

impl FormatArg {
    /// The word, and how such a file's name ends.
    pub(crate) fn word(self) -> &'static str {
        match self {
            FormatArg::Md => "md",
            FormatArg::Html => "html",
        }
    }
}

/// Say something in the review of an incident
#[derive(Args, Debug)]
pub(crate) struct FindingArgs {
    #[command(subcommand)]
    pub(crate) verb: FindingVerb,
}

/// What is done with findings.
#[derive(Debug, Subcommand)]
pub(crate) enum FindingVerb {
    /// Say something; it stands until another finding replaces it
    #[command(after_help = "Examples:
  hereby finding add 7 problem \"The pool was too small\" --cite 3f9a01
  hereby finding add 7 learned \"Watch pools\" --reach organisation
  hereby finding add 7 problem \"It was half as large\" --cite 52 --replaces 8c21e0

An act is named by the first 6 or more digits of its id, or by its place on the record: 52. Two
people who replace the same finding lose nothing: both stand until somebody replaces both.")]
    Add {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
        /// Where in the review
        #[arg(value_name = "SECTION")]
        section: SectionArg,
        /// What; from stdin when it is `-` or left out
        #[arg(value_name = "TEXT")]
        text: Option<String>,
        /// An act that shows it; may be repeated
        #[arg(long, value_name = "ACT", value_parser = parse::act)]
        cite: Vec<ActRef>,
        /// A finding that it replaces; may be repeated
        #[arg(long, value_name = "FINDING", value_parser = parse::act)]
        replaces: Vec<ActRef>,
        /// How far what was learned travels
        #[arg(long, value_name = "REACH")]
        reach: Option<ReachArg>,
    },
    /// Take something out again; it stays in the review's history
    Withdraw {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
        /// Which: the first 6 or more digits of its id, or its place on the record
        #[arg(value_name = "FINDING", value_parser = parse::act)]
        finding: ActRef,
    },
    /// List the findings that stand
    List {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
    },
}

/// A part of the review that people write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SectionArg {
    /// What happened, in a few sentences
    Abstract,
    /// What was wrong
    Problem,
    /// What it did to whom
    Impact,
    /// What contributed to it: there is no single root cause
    ContributingFactor,
    /// How it could have been detected sooner
    SoonerDetection,
    /// What worked, and why it usually works
    Worked,
    /// Near misses, and failures that were absorbed
    NearMiss,
    /// What was learned
    Learned,
    /// For customers: what happened, in their terms
    CustomersWhat,
    /// For customers: what about their data
    CustomersData,
    /// For customers: what is done about it
    CustomersActions,
    /// For customers: when the next word comes
    CustomersNext,
    /// For executives: what may still happen
    ResidualRisk,
}

impl From<SectionArg> for Section {
    fn from(section: SectionArg) -> Section {
        match section {
            SectionArg::Abstract => Section::Abstract,
            SectionArg::Problem => Section::Problem,
            SectionArg::Impact => Section::Impact,
            SectionArg::ContributingFactor => Section::ContributingFactor,
            SectionArg::SoonerDetection => Section::SoonerDetection,
            SectionArg::Worked => Section::Worked,
            SectionArg::NearMiss => Section::NearMiss,
            SectionArg::Learned => Section::Learned,
            SectionArg::CustomersWhat => Section::CustomersWhat,
            SectionArg::CustomersData => Section::CustomersData,
            SectionArg::CustomersActions => Section::CustomersActions,
            SectionArg::CustomersNext => Section::CustomersNext,
            SectionArg::ResidualRisk => Section::ResidualRisk,
        }
    }
}

/// How far what was learned travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReachArg {
    /// The team's own work
    Team,
    /// The whole organisation
    Organisation,
    /// Everyone who runs such things
    Everyone,
}

impl From<ReachArg> for Reach {
    fn from(reach: ReachArg) -> Reach {
        match reach {
            ReachArg::Team => Reach::Team,
            ReachArg::Organisation => Reach::Organisation,
            ReachArg::Everyone => Reach::Everyone,
        }
    }
}

/// Say what is still to be done after an incident
#[derive(Args, Debug)]
pub(crate) struct FollowupArgs {
    #[command(subcommand)]
    pub(crate) verb: FollowupVerb,
}

/// What is done with follow-ups.
#[derive(Debug, Subcommand)]
pub(crate) enum FollowupVerb {
    /// Open a follow-up, with who sees to it and until when
    #[command(after_help = "Examples:
  hereby followup add 7 \"Alert on pool exhaustion\" --owner sam --due 14d
  hereby followup add 7 \"Rehearse the failover\" --owner kim --due 2018-01-29

Once it is overdue its owner is reminded every week, until it is done or dropped.")]
    Add {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
        /// What is to be done, in a line
        #[arg(value_name = "TEXT")]
        text: Line,
        /// Who sees to it
        #[arg(long, value_name = "PERSON")]
        owner: PersonName,
        /// Until when: a day, 14d, 2018-01-29T15:00:00Z
        #[arg(long, value_name = "WHEN", value_parser = parse::due)]
        due: When,
    },
    /// Give a follow-up to somebody else, or another date
    Change {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
        /// Its number in the incident
        #[arg(value_name = "NUMBER")]
        followup: u32,
        /// Who sees to it from now on
        #[arg(long, value_name = "PERSON", required_unless_present = "due")]
        owner: Option<PersonName>,
        /// Until when from now on; later needs a reason (-m)
        #[arg(long, value_name = "WHEN", value_parser = parse::due)]
        due: Option<When>,
    },
    /// Open a ticket for it in GitHub or Jira, or find the one that is there
    #[command(after_help = "Example:
  hereby followup ticket 7 1 --tracker shop

Where tickets go stands in trackers.toml, in the directory of your keys ($XDG_CONFIG_HOME/hereby):
  [tracker.shop]
  kind = \"github\"
  repository = \"acme/shop\"
  token_file = \"github.token\"
  [tracker.ops]
  kind = \"jira\"
  url = \"https://acme.atlassian.net\"
  project = \"OPS\"
  user = \"sam@example.org\"
  token_file = \"jira.token\"
Also: url of an enterprise GitHub, issue_type and site of Jira. Tokens are files of their own, for
their owner's eyes alone. Run again after a lost answer, it looks before it opens: one follow-up has
one ticket.")]
    Ticket {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
        /// Its number in the incident
        #[arg(value_name = "NUMBER")]
        followup: u32,
        /// Which tracker
        #[arg(long, value_name = "NAME")]
        tracker: Name,
        /// The file that says where tickets go
        #[arg(long, value_name = "FILE")]
        trackers: Option<PathBuf>,
    },
    /// Say that it is done
    Done {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
        /// Its number in the incident
        #[arg(value_name = "NUMBER")]
        followup: u32,
    },
    /// Say that it will not be done, and why (-m)
    Drop {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
        /// Its number in the incident
        #[arg(value_name = "NUMBER")]
        followup: u32,
    },
}

/// List what is still to be done, what is overdue first
#[derive(Args, Debug)]
pub(crate) struct FollowupsArgs {
    /// Only what this person sees to
    #[arg(long, value_name = "PERSON")]
    pub(crate) owner: Option<PersonName>,
    /// Only what is overdue
    #[arg(long)]
    pub(crate) overdue: bool,
}

/// Set when people meet to follow up, or show it
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby meeting 7 --at 2018-01-29T15:00:00Z --place \"Room 2\"
  hereby meeting 7
  hereby meeting 7 --ics follow-up.ics
  hereby meeting 7 --cancel

Set again, it replaces what was set before.")]
pub(crate) struct MeetingArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// From when: 2018-01-29T15:00:00Z, "in 3d"
    #[arg(long, value_name = "TIME", value_parser = parse::when)]
    pub(crate) at: Option<When>,
    /// How long, in minutes
    #[arg(long, value_name = "MINUTES", default_value = "60", requires = "at")]
    pub(crate) minutes: u32,
    /// Where
    #[arg(long, value_name = "TEXT", requires = "at")]
    pub(crate) place: Option<Line>,
    /// Call it off
    #[arg(long, conflicts_with = "at")]
    pub(crate) cancel: bool,
    /// Write it for calendars: an invitation, or that it was called off; to stdout when it is `-`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["at", "cancel"])]
    pub(crate) ics: Option<PathBuf>,
    /// Who invites; else the first whose mail address is known
    #[arg(long, value_name = "PERSON", requires = "ics")]
    pub(crate) organizer: Option<PersonName>,
}
