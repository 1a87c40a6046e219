//! Arguments of the commands about tokens, keys, and the command line itself.

use std::path::PathBuf;

use base::{Actor, Name, PersonName, SessionId, TokenId};
use clap::{Args, Subcommand, ValueEnum};
use record::kinds::access::Scope;
use record::note::VerifierKey;

use super::parse;

/// Give access to callers from elsewhere, and take it back
#[derive(Args, Debug)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    pub(crate) verb: TokenVerb,
}

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScopeArg {
    /// Read incidents, acts and the record
    Read,
    /// Declare and run incidents, silence alerts, plan maintenance
    Respond,
    /// Send alerts and heartbeats
    Alerts,
    /// Fetch entries, as a witness does
    Witness,
    /// Issue and revoke tokens and keys, rotate the log's key
    Admin,
}

impl From<ScopeArg> for Scope {
    fn from(scope: ScopeArg) -> Scope {
        match scope {
            ScopeArg::Read => Scope::Read,
            ScopeArg::Respond => Scope::Respond,
            ScopeArg::Alerts => Scope::Alerts,
            ScopeArg::Witness => Scope::Witness,
            ScopeArg::Admin => Scope::Admin,
        }
    }
}

/// What is done with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenVerb {
    /// Make a token here and let hereby know its hash
    #[command(after_help = "Examples:
  hereby token issue --for service:alertmanager --scope alerts --expires 90d -o alertmanager.token
  hereby token issue --for person:sam --scope read,respond --expires 30d

The secret is made on this machine, printed once, and never sent when the token is issued:
hereby keeps its SHA-256 alone.")]
    Issue {
        /// Whom it makes its holder: person:NAME or service:NAME
        #[arg(long = "for", value_name = "HOLDER", value_parser = parse::holder)]
        holder: Actor,
        /// What it is good for, separated by commas
        #[arg(long, value_name = "SCOPES", required = true, value_delimiter = ',')]
        scope: Vec<ScopeArg>,
        /// When it stops working, from now: 12h, 90d; at most 400d
        #[arg(long, value_name = "DURATION", value_parser = parse::duration_ms)]
        expires: i64,
        /// Write the secret to this new file (mode 0600) instead of stdout
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// List tokens that work
    List,
    /// Stop a token from working, from the next request on
    Revoke {
        /// Which: tok-0123456789abcdef
        #[arg(value_name = "TOKEN")]
        token: TokenId,
    },
}

/// Make a link with which somebody signs in to the console, once
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby login --for sam
  hereby login --for sam --expires 5m -o link.txt

The link's secret is made on this machine and stands behind the `#`, where a browser never sends it:
hereby keeps its SHA-256 alone. Whoever opens the link first is signed in, so give it to nobody else.")]
pub(crate) struct LoginArgs {
    /// Who signs in
    #[arg(long = "for", value_name = "PERSON")]
    pub(crate) person: PersonName,
    /// When the link stops working, from now: at most 1h
    #[arg(long, value_name = "DURATION", value_parser = parse::duration_ms, default_value = "10m")]
    pub(crate) expires: i64,
    /// Write the link to this new file (mode 0600) instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Show who is signed in to the console, and end sessions
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby sessions
  hereby sessions end ses-0123456789abcdef
  hereby sessions end --person sam")]
pub(crate) struct SessionsArgs {
    #[command(subcommand)]
    pub(crate) verb: Option<SessionsVerb>,
}

/// What is done with sessions.
#[derive(Debug, Subcommand)]
pub(crate) enum SessionsVerb {
    /// End sessions at once; pages that are open go dark
    #[command(group = clap::ArgGroup::new("which").required(true).args(["session", "person"]))]
    End {
        /// Which: ses-0123456789abcdef
        #[arg(value_name = "SESSION")]
        session: Option<SessionId>,
        /// All of this person
        #[arg(long, value_name = "PERSON")]
        person: Option<PersonName>,
    },
}

/// Sign your commands with a key of your own
#[derive(Args, Debug)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    pub(crate) verb: KeyVerb,
}

/// What is done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyVerb {
    /// Make a key in $XDG_CONFIG_HOME/hereby and print its public half
    New {
        /// What it is called
        #[arg(value_name = "KEY")]
        key: Name,
    },
    /// Let a key sign for a person
    #[command(after_help = "Examples:
  hereby key new sam-laptop
  hereby key enroll sam-laptop --person sam
  hereby acknowledge INC-7 --sign sam-laptop")]
    Enroll {
        /// What it is called
        #[arg(value_name = "KEY")]
        key: Name,
        /// Whose it is
        #[arg(long, value_name = "PERSON")]
        person: PersonName,
        /// Its public half, if the key is not on this machine
        #[arg(long, value_name = "VKEY")]
        vkey: Option<VerifierKey>,
    },
    /// List keys that may sign
    List,
    /// Stop a key from signing
    Revoke {
        /// Which
        #[arg(value_name = "KEY")]
        key: Name,
    },
}

/// Send any command by its name, with its arguments as JSON
#[derive(Args, Debug)]
#[command(after_help = "Example:
  hereby send incident.acknowledge '{\"incident\":\"INC-7\"}' --id page-4711

Every other command comes down to one of these. With the same --id it happens once, however
often it is sent.")]
pub(crate) struct SendArgs {
    /// The command's name in the API: incident.note
    #[arg(value_name = "COMMAND")]
    pub(crate) command: String,
    /// Its arguments; from stdin when it is `-` or left out
    #[arg(value_name = "JSON")]
    pub(crate) args: Option<String>,
}

/// Print completions for a shell
#[derive(Args, Debug)]
#[command(after_help = "Example:
  hereby completions bash > ~/.local/share/bash-completion/completions/hereby")]
pub(crate) struct CompletionsArgs {
    /// Which shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

/// Write man pages into a directory
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// Where to
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
}
