//! Arguments of the commands about the work in an incident: who takes part, decisions, tasks,
//! questions, files, checklists, when the next word is due, and what it did.

use std::path::PathBuf;

use base::{IncidentId, Line, Name, PersonName};
use clap::{Args, Subcommand, ValueEnum};
use record::kinds::work::{Currency, DataHarm, Relation};

use super::parse::{self, When};
use super::respond::AudienceArg;

/// What is said of the work in an incident.
#[derive(Debug, Subcommand)]
pub(crate) enum WorkVerb {
    Join(JoinArgs),
    Leave(LeaveArgs),
    Decide(DecideArgs),
    Task(TaskArgs),
    Ask(AskArgs),
    Answer(AnswerArgs),
    Questions(QuestionsArgs),
    Contact(ContactArgs),
    File(FileArgs),
    Relate(RelateArgs),
    Checklist(ChecklistArgs),
    Tick(TickArgs),
    Skip(SkipArgs),
    Clock(ClockArgs),
    Correct(CorrectArgs),
    Read(ReadArgs),
    Knew(KnewArgs),
    Impact(ImpactArgs),
}

/// Say that somebody works on an incident: you, or a person
#[derive(Args, Debug)]
pub(crate) struct JoinArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// Who; you without
    #[arg(value_name = "PERSON")]
    pub(crate) person: Option<PersonName>,
}

/// Say that somebody works on an incident no more
#[derive(Args, Debug)]
pub(crate) struct LeaveArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// Who; you without
    #[arg(value_name = "PERSON")]
    pub(crate) person: Option<PersonName>,
}

/// Decide something, with the options that were considered
#[derive(Args, Debug)]
#[command(after_help = "Example:
  hereby decide 7 \"Roll back to 2.4.1\" --option \"fix forward\" --option \"switch cards off\" \\
    -m \"nobody knows how long a fix takes\"

Where somebody commands the incident, they decide.")]
pub(crate) struct DecideArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// What was decided; from stdin when it is `-` or left out
    #[arg(value_name = "DECISION")]
    pub(crate) decision: Option<String>,
    /// What else was considered; may be repeated up to 8 times
    #[arg(long = "option", value_name = "TEXT")]
    pub(crate) options: Vec<Line>,
}

/// Keep the tasks of an incident
#[derive(Args, Debug)]
pub(crate) struct TaskArgs {
    #[command(subcommand)]
    pub(crate) verb: TaskVerb,
}

/// What is done with tasks.
#[derive(Debug, Subcommand)]
pub(crate) enum TaskVerb {
    /// Open a task
    #[command(after_help = "Example:
  hereby task add 7 \"Ask the card processor for their log\" --owner robin")]
    Add {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
        /// What is to be done, in a line
        #[arg(value_name = "TEXT")]
        text: Line,
        /// Who does it
        #[arg(long, value_name = "PERSON")]
        owner: Option<PersonName>,
    },
    /// Give a task to somebody
    Give {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
        /// Its number in the incident
        #[arg(value_name = "N")]
        task: u32,
        /// Who does it from now on
        #[arg(value_name = "PERSON")]
        owner: PersonName,
    },
    /// Say that a task is done
    Done {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
        /// Its number in the incident
        #[arg(value_name = "N")]
        task: u32,
    },
    /// Say that a task need not be done, and why
    #[command(after_help = "Example:
  hereby task drop 7 2 -m \"the rollback made it moot\"")]
    Drop {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
        /// Its number in the incident
        #[arg(value_name = "N")]
        task: u32,
    },
    /// List the tasks
    List {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
    },
}

/// Ask a question: did X change Y?
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby ask 7 \"Did the deployment of 07:12Z change the connection pool?\" --of alex
  hereby answer 7 1 \"Yes: it opens one for each request\"")]
pub(crate) struct AskArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// What; from stdin when it is `-` or left out
    #[arg(value_name = "QUESTION")]
    pub(crate) text: Option<String>,
    /// Who is asked; anybody without
    #[arg(long = "of", value_name = "PERSON")]
    pub(crate) person: Option<PersonName>,
}

/// Answer a question
#[derive(Args, Debug)]
pub(crate) struct AnswerArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// The question's number in the incident
    #[arg(value_name = "N")]
    pub(crate) question: u32,
    /// The answer; from stdin when it is `-` or left out
    #[arg(value_name = "ANSWER")]
    pub(crate) text: Option<String>,
}

/// List the questions of an incident, with their answers
#[derive(Args, Debug)]
pub(crate) struct QuestionsArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
}

/// Say whom to speak to about what
#[derive(Args, Debug)]
pub(crate) struct ContactArgs {
    #[command(subcommand)]
    pub(crate) verb: ContactVerb,
}

/// What is done with points of contact.
#[derive(Debug, Subcommand)]
pub(crate) enum ContactVerb {
    /// Name a point of contact
    #[command(after_help = "Example:
  hereby contact add 7 \"card processor\" \"their desk, +1 555 0100, reference 4711\"")]
    Add {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
        /// About what
        #[arg(value_name = "ABOUT")]
        about: Line,
        /// Who, and where they are reached
        #[arg(value_name = "WHO")]
        who: Line,
    },
    /// Remove a point of contact
    Remove {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
        /// Its number in the incident
        #[arg(value_name = "N")]
        contact: u32,
    },
    /// List points of contact
    List {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
    },
}

/// Pass files between those who work on an incident
#[derive(Args, Debug)]
pub(crate) struct FileArgs {
    #[command(subcommand)]
    pub(crate) verb: FileVerb,
}

/// What is done with files.
#[derive(Debug, Subcommand)]
pub(crate) enum FileVerb {
    /// Attach a file, and say where it came from
    #[command(after_help = "Examples:
  hereby file add 7 heap.txt --from \"jmap on web-3 at 07:58Z\" --vouch --sign sam-laptop
  hereby file add 7 mail.eml --from \"forwarded by a customer\"

It is kept encrypted under the incident's own key; its SHA-256 is on the record. Vouched for and
signed, the source counts as signed; vouched for, as attested; else as unverified.")]
    Add {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
        /// The file, at most 8 MiB
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Where it came from
        #[arg(long = "from", value_name = "SOURCE")]
        source: Line,
        /// Stand up for that
        #[arg(long)]
        vouch: bool,
    },
    /// Fetch a file
    #[command(after_help = "Example:
  hereby file get 7 1 -o heap.txt")]
    Get {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
        /// Its number in `hereby file list`, or 6 or more hexadecimal digits of its SHA-256
        #[arg(value_name = "N|SHA256")]
        which: String,
        /// Write it to this new file (mode 0600) instead of stdout
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// List files: those attached, and those of notes
    List {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
    },
}

/// How an incident relates to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RelationArg {
    /// They have to do with each other
    RelatedTo,
    /// It is because of the other one
    CausedBy,
    /// It is the other one, declared twice: resolved, and kept out of the numbers
    DuplicateOf,
}

impl From<RelationArg> for Relation {
    fn from(relation: RelationArg) -> Relation {
        match relation {
            RelationArg::RelatedTo => Relation::RelatedTo,
            RelationArg::CausedBy => Relation::CausedBy,
            RelationArg::DuplicateOf => Relation::DuplicateOf,
        }
    }
}

/// Say how an incident relates to another one
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby relate 8 duplicate-of 7
  hereby relate 7 caused-by 5")]
pub(crate) struct RelateArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// How
    #[arg(value_enum, value_name = "HOW")]
    pub(crate) relation: RelationArg,
    /// To which
    #[arg(value_name = "OTHER", value_parser = parse::incident)]
    pub(crate) to: IncidentId,
}

/// Go through a runbook, step by step
#[derive(Args, Debug)]
pub(crate) struct ChecklistArgs {
    #[command(subcommand)]
    pub(crate) verb: ChecklistVerb,
}

/// What is done with checklists.
#[derive(Debug, Subcommand)]
pub(crate) enum ChecklistVerb {
    /// Start a checklist from a runbook
    #[command(after_help = "Examples:
  hereby checklist start 7 db-failover
  hereby tick 7 1")]
    Start {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
        /// Which runbook
        #[arg(value_name = "RUNBOOK")]
        runbook: Name,
    },
    /// List the steps, and what became of them
    List {
        /// Which incident: 7, INC-7
        #[arg(value_name = "INC", value_parser = parse::incident)]
        incident: IncidentId,
    },
}

/// A step of a checklist: `3`, or `2.3` for step 3 of checklist 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StepArg {
    /// The checklist's number; the only one that is not done without.
    pub(crate) checklist: Option<u32>,
    /// The step's number, from 1.
    pub(crate) step: u32,
}

fn step(text: &str) -> Result<StepArg, String> {
    let wrong = || "a step is written 3, or 2.3 for step 3 of checklist 2".to_owned();
    let number = |digits: &str| match digits.parse::<u32>() {
        Ok(number) if number > 0 && !digits.starts_with('+') => Ok(number),
        _ => Err(wrong()),
    };
    Ok(match text.split_once('.') {
        Some((checklist, step)) => StepArg {
            checklist: Some(number(checklist)?),
            step: number(step)?,
        },
        None => StepArg {
            checklist: None,
            step: number(text)?,
        },
    })
}

/// Tick a step of a checklist: it was done
#[derive(Args, Debug)]
pub(crate) struct TickArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// Which step: 3, or 2.3 for step 3 of checklist 2
    #[arg(value_name = "STEP", value_parser = step)]
    pub(crate) step: StepArg,
}

/// Leave out a step of a checklist, and say why
#[derive(Args, Debug)]
#[command(after_help = "Example:
  hereby skip 7 2.3 -m \"the replica was promoted before\"")]
pub(crate) struct SkipArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// Which step: 3, or 2.3 for step 3 of checklist 2
    #[arg(value_name = "STEP", value_parser = step)]
    pub(crate) step: StepArg,
}

/// Say how often an audience is told something
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby clock 7 --to public --every 30m
  hereby clock 7 --to public --stop

Each update to that audience winds it up again; when the next word is overdue, hereby reminds.")]
pub(crate) struct ClockArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// Which audience
    #[arg(long, value_name = "AUDIENCE")]
    pub(crate) to: AudienceArg,
    /// How often: a minute to 30 days
    #[arg(
        long = "every",
        value_name = "DURATION",
        value_parser = parse::duration_ms,
        required_unless_present = "stop"
    )]
    pub(crate) every_ms: Option<i64>,
    /// No more
    #[arg(long, conflicts_with = "every_ms")]
    pub(crate) stop: bool,
}

/// Correct what an act says; the act stays
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby show 7 --entries
  hereby correct 7 52 \"It was db-2, not db-1\"")]
pub(crate) struct CorrectArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// Which act: its entry on the record, or 6 or more hexadecimal digits of its id
    #[arg(value_name = "ACT", value_parser = act)]
    pub(crate) act: String,
    /// What is right; from stdin when it is `-` or left out
    #[arg(value_name = "TEXT")]
    pub(crate) text: Option<String>,
}

fn act(text: &str) -> Result<String, String> {
    let lower = text.to_ascii_lowercase();
    let index = !lower.is_empty() && lower.bytes().all(|byte| byte.is_ascii_digit());
    let prefix = (6..=32).contains(&lower.len());
    let prefix = prefix && lower.bytes().all(|byte| byte.is_ascii_hexdigit());
    match index || prefix {
        true => Ok(lower),
        false => Err(
            "an act is named by its entry on the record, or by 6 or more hexadecimal digits of \
             its id"
                .to_owned(),
        ),
    }
}

/// Read what happened since you read last, and say that you did
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby read 7 --as kim
  hereby read 7 --sign kim-laptop

That you have read it is on the record; hereby knew shows it.")]
pub(crate) struct ReadArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// Who has read it; you without
    #[arg(value_name = "PERSON")]
    pub(crate) person: Option<PersonName>,
}

/// Show what somebody knew when, as far as the record says
#[derive(Args, Debug)]
#[command(after_help = "Example:
  hereby knew 7 kim --at 2017-12-21T08:00:00Z

Counted is what they did themselves, what named them, what was said while they worked on it, and
what they said they had read. What else they knew is not on the record.")]
pub(crate) struct KnewArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// Who
    #[arg(value_name = "PERSON")]
    pub(crate) person: PersonName,
    /// Until then: 2017-12-21T08:00:00Z, "10m ago"; now without
    #[arg(long, value_name = "TIME", value_parser = parse::when)]
    pub(crate) at: Option<When>,
}

/// What became of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataArg {
    /// None was harmed
    None,
    /// Some was read by who should not
    Read,
    /// Some was changed
    Changed,
    /// Some was lost
    Lost,
}

impl From<DataArg> for DataHarm {
    fn from(data: DataArg) -> DataHarm {
        match data {
            DataArg::None => DataHarm::None,
            DataArg::Read => DataHarm::Read,
            DataArg::Changed => DataHarm::Changed,
            DataArg::Lost => DataHarm::Lost,
        }
    }
}

/// Say what an incident did: customers, cost, data
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby impact 7 --customers 1200
  hereby impact 7 --cost 1200.50 --currency EUR --data none

What is left out stays as it was said before. What nobody said is not known, and never zero.")]
pub(crate) struct ImpactArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// How many customers were hurt
    #[arg(long, value_name = "N", required_unless_present_any = ["cost", "data"])]
    pub(crate) customers: Option<u64>,
    /// What it cost: 1200.50
    #[arg(long, value_name = "AMOUNT", requires = "currency")]
    pub(crate) cost: Option<String>,
    /// The currency of the cost (ISO 4217): EUR
    #[arg(long, value_name = "CODE", requires = "cost")]
    pub(crate) currency: Option<Currency>,
    /// What became of data
    #[arg(long, value_name = "HARM")]
    pub(crate) data: Option<DataArg>,
}
