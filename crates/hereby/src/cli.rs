//! The command line: what can be said, and which function does it.
//!
//! Arguments become typed values here and are right from then on. What a command does is in
//! [`crate::commands`] for those that ask a running hereby, in [`crate::serve`] and
//! [`crate::offline`] for the others.

use std::path::PathBuf;

use base::{CommandId, Name, PersonName, Prose};
use clap::parser::ValueSource;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::client::Pin;
use crate::say::Color;

pub(crate) mod access;
pub(crate) mod chat;
pub(crate) mod containment;
pub(crate) mod directory;
pub(crate) mod edge;
pub(crate) mod fleet;
pub(crate) mod gameday;
pub(crate) mod groups;
pub(crate) mod listen;
pub(crate) mod machine;
pub(crate) mod page;
pub(crate) mod parse;
pub(crate) mod prepare;
pub(crate) mod request;
pub(crate) mod respond;
pub(crate) mod review;
pub(crate) mod rollout;
pub(crate) mod stats;
pub(crate) mod subscribers;
pub(crate) mod succession;
pub(crate) mod work;

/// Declare incidents, run them, and keep evidence that stays trustworthy
#[derive(Debug, Parser)]
#[command(
    name = "hereby",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) task: Task,
    #[command(flatten)]
    pub(crate) globals: Globals,
}

/// What every subcommand takes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// Where hereby keeps everything, and where its socket is
    #[arg(
        long,
        global = true,
        env = "HEREBY_DATA_DIR",
        hide_env = true,
        value_name = "DIR"
    )]
    pub(crate) data_dir: Option<PathBuf>,
    /// Ask the hereby there instead of the one on this machine
    #[arg(
        long,
        global = true,
        env = "HEREBY_URL",
        hide_env = true,
        value_name = "URL"
    )]
    pub(crate) url: Option<String>,
    /// File with the token to show there, or set HEREBY_TOKEN
    #[arg(
        long,
        global = true,
        env = "HEREBY_TOKEN_FILE",
        hide_env = true,
        value_name = "FILE"
    )]
    pub(crate) token_file: Option<PathBuf>,
    /// Trust certificates signed by those in this PEM file
    #[arg(
        long,
        global = true,
        env = "HEREBY_CA_FILE",
        hide_env = true,
        value_name = "FILE"
    )]
    pub(crate) ca_file: Option<PathBuf>,
    /// Trust the certificate with this fingerprint, or what it signed
    #[arg(
        long,
        global = true,
        env = "HEREBY_PIN",
        hide_env = true,
        value_name = "sha256:HEX",
        conflicts_with = "ca_file"
    )]
    pub(crate) pin: Option<Pin>,
    /// Say on whose behalf you act (recorded beside your user id)
    #[arg(long = "as", global = true, value_name = "PERSON")]
    pub(crate) on_behalf_of: Option<PersonName>,
    /// Say why
    #[arg(short = 'm', long, global = true, value_name = "WHY")]
    pub(crate) why: Option<Prose>,
    /// Send the command under this id: the same id happens once
    #[arg(long, global = true, value_name = "ID")]
    pub(crate) id: Option<CommandId>,
    /// Sign the command with this key of yours
    #[arg(
        long,
        global = true,
        env = "HEREBY_SIGN",
        hide_env = true,
        value_name = "KEY"
    )]
    pub(crate) sign: Option<Name>,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say nothing but data, warnings and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// When to colour
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    pub(crate) color: Color,
}

/// What hereby is asked to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    Declare(respond::DeclareArgs),
    #[command(visible_alias = "ack")]
    Acknowledge(respond::AcknowledgeArgs),
    Assign(respond::AssignArgs),
    HandOver(respond::HandOverArgs),
    Accept(respond::AcceptArgs),
    Relieve(respond::RelieveArgs),
    Waive(respond::WaiveArgs),
    Time(respond::TimeArgs),
    Note(respond::NoteArgs),
    Update(respond::UpdateArgs),
    Status(respond::StatusArgs),
    Severity(respond::SeverityArgs),
    Resolve(respond::ResolveArgs),
    Reopen(respond::ReopenArgs),
    Review(review::ReviewArgs),
    Finding(review::FindingArgs),
    Followup(review::FollowupArgs),
    Followups(review::FollowupsArgs),
    Meeting(review::MeetingArgs),
    Show(respond::ShowArgs),
    Incidents(respond::IncidentsArgs),
    Watch(respond::WatchArgs),
    Stats(stats::StatsArgs),

    #[command(flatten)]
    Work(work::WorkVerb),

    Chat(chat::ChatArgs),
    Alerts(listen::AlertsArgs),
    Attach(listen::AttachArgs),
    Silence(listen::SilenceArgs),
    Silences(listen::SilencesArgs),
    Maintenance(listen::MaintenanceArgs),
    Heartbeat(listen::HeartbeatArgs),

    #[command(flatten)]
    Contain(containment::ContainVerb),

    #[command(flatten)]
    Fleet(fleet::FleetVerb),

    Component(page::ComponentArgs),
    Page(page::PageArgs),

    Person(directory::PersonArgs),
    Team(directory::TeamArgs),
    Service(directory::ServiceArgs),
    Grant(directory::GrantArgs),
    Withdraw(directory::WithdrawArgs),
    Policy(directory::PolicyArgs),

    #[command(flatten)]
    Subscriber(subscribers::SubscriberVerb),

    #[command(flatten)]
    Prepare(prepare::PrepareVerb),
    #[command(flatten)]
    Request(request::RequestVerb),

    Verify(machine::VerifyArgs),
    Auditor(machine::AuditorArgs),
    Prove(machine::ProveArgs),
    Export(machine::ExportArgs),
    Record(machine::RecordArgs),
    Succession(succession::SuccessionArgs),
    Rebuild(machine::RebuildArgs),
    Backup(machine::BackupArgs),
    Restore(machine::RestoreArgs),
    RotateSecrets(machine::RotateSecretsArgs),
    Witness(machine::WitnessArgs),

    Up(machine::UpArgs),
    Serve(machine::ServeArgs),
    Edge(edge::EdgeArgs),
    Rollout(rollout::RolloutArgs),
    Gameday(gameday::GamedayArgs),
    Doctor(machine::DoctorArgs),
    Token(access::TokenArgs),
    Login(access::LoginArgs),
    Sessions(access::SessionsArgs),
    Key(access::KeyArgs),
    Send(access::SendArgs),
    Completions(access::CompletionsArgs),
    Man(access::ManArgs),
    /// Print the reference of the command line as Markdown
    #[command(hide = true)]
    Reference,
}

impl Globals {
    /// What was said on the command line goes before what the environment says: a data directory
    /// named there means the hereby of that directory, whatever `HEREBY_URL` is.
    fn settle(mut self, dir_said: bool, url_said: bool) -> Result<Globals, clap::Error> {
        match (dir_said, url_said) {
            (true, true) => Err(command().error(
                clap::error::ErrorKind::ArgumentConflict,
                "--data-dir asks the hereby on this machine, --url another one: give one of them",
            )),
            (true, false) => {
                self.url = None;
                Ok(self)
            }
            _ => Ok(self),
        }
    }

    fn of_matches(matches: &clap::ArgMatches) -> Result<Globals, clap::Error> {
        let said = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
        Globals::from_arg_matches(matches)?.settle(said("data_dir"), said("url"))
    }
}

/// The command line as clap sees it, with the overview of subcommands in groups.
pub(crate) fn command() -> clap::Command {
    let command = Cli::command();
    let overview = groups::overview(&command);
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{overview}\nGlobal options:\n{{options}}\n\n{ENVIRONMENT}"
    ))
}

const ENVIRONMENT: &str = "HEREBY_DATA_DIR, HEREBY_URL, HEREBY_TOKEN_FILE, HEREBY_CA_FILE, \
HEREBY_PIN and HEREBY_SIGN\nin the environment stand for the options of these names.";

/// Reads the command line.
///
/// # Errors
/// What clap says about it; `--help` and `--version` count as such.
pub(crate) fn parse(
    args: impl IntoIterator<Item = std::ffi::OsString>,
) -> Result<Cli, clap::Error> {
    let matches = command().try_get_matches_from(args)?;
    let globals = Globals::of_matches(&matches)?;
    Ok(Cli {
        globals,
        ..Cli::from_arg_matches(&matches)?
    })
}

/// The global options of a command line that is wrong elsewhere, as far as they can be read.
pub(crate) fn globals_of_wrong_line(args: &[std::ffi::OsString]) -> Globals {
    let lenient = command().ignore_errors(true).try_get_matches_from(args);
    let mut globals = lenient
        .and_then(|matches| Globals::of_matches(&matches))
        .unwrap_or_default();
    // Behind a subcommand that does not exist nothing is read, and a program still wants JSON.
    globals.json |= args.iter().any(|arg| arg == "--json");
    globals
}

/// What to write instead, where all that is wrong with a value is its capital letters.
pub(crate) fn in_lower_case(error: &clap::Error, args: &[std::ffi::OsString]) -> Option<String> {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else {
        return None;
    };
    let lower = value.to_ascii_lowercase();
    if error.kind() != ErrorKind::ValueValidation || lower == *value {
        return None;
    }
    let lowered = args.iter().map(|arg| match arg.to_str() {
        Some(text) if text == value => lower.clone().into(),
        Some(text) => match text.split_once('=') {
            Some((option, given)) if given == value && option.starts_with("--") => {
                format!("{option}={lower}").into()
            }
            _ => arg.clone(),
        },
        None => arg.clone(),
    });
    parse(lowered)
        .is_ok()
        .then(|| format!("write it in lower case: {lower}"))
}

/// Whether the mistake is about which incident: left out, or no incident.
pub(crate) fn lacks_incident(error: &clap::Error) -> bool {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    let about = matches!(
        error.kind(),
        ErrorKind::MissingRequiredArgument | ErrorKind::ValueValidation
    );
    let names = |text: &String| text.contains("<INC>") || text.contains("[INC]");
    about
        && match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(name)) => names(name),
            Some(ContextValue::Strings(all)) => all.iter().any(names),
            _ => false,
        }
}

#[cfg(test)]
mod tests;
