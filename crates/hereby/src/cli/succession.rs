//! Arguments of `hereby succession`: how a record goes on that was lost.

use std::path::PathBuf;

use base::Name;
use clap::{Args, Subcommand};
use record::note::VerifierKey;

use super::machine::SettingsArgs;

/// Go on with a record that was lost, in a new epoch
#[derive(Args, Debug)]
#[command(
    after_help = "Before it is needed, on a machine that is kept offline, and then with control:
  hereby key new root                            there: a root key
  hereby succession trust root -m \"the first root key\"    or --vkey VKEY, from there

When the record was lost, or its key may be in the wrong hands: restore the newest backup, and
  hereby succession request --output request     where it stands, and the key it is to go on with
  hereby succession sign root request -m \"the disk died\" --output note    on the offline machine
  hereby succession begin note                   then hereby up: edges follow by themselves

From then on the record has another name and key. What stood behind the backup is lost, and the record says
so; nobody can put it back, or anything else in its place: edges and verifiers follow the note alone."
)]
pub(crate) struct SuccessionArgs {
    #[command(subcommand)]
    pub(crate) verb: SuccessionVerb,
}

/// What is done for a succession.
#[derive(Debug, Subcommand)]
pub(crate) enum SuccessionVerb {
    /// Say whose word begins another epoch of the record
    Trust {
        /// A key of yours (hereby key new)
        #[arg(value_name = "KEY", required_unless_present = "vkey")]
        key: Option<Name>,
        /// Its public half, where the key is not on this machine
        #[arg(long, value_name = "VKEY", conflicts_with = "key")]
        vkey: Option<VerifierKey>,
        /// What the root key so far signed to say so (hereby succession vouch)
        #[arg(long, value_name = "FILE")]
        vouched: Option<PathBuf>,
        /// The root key so far is lost: edges believe the new one once they are enrolled anew
        #[arg(long, conflicts_with = "vouched")]
        lost: bool,
    },
    /// Sign that another root key follows this one; nobody is asked for that
    Vouch {
        /// The root key so far
        #[arg(value_name = "KEY")]
        key: Name,
        /// The public half of the next
        #[arg(value_name = "VKEY")]
        next: VerifierKey,
        /// Keep the note in this file
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Say where a stopped record stands, and make the key to go on with
    Request {
        /// A checkpoint of what was lost, of an edge or a witness; may be repeated
        #[arg(long, value_name = "FILE")]
        seen: Vec<PathBuf>,
        /// Keep the request in this file
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Sign that the record goes on so; nobody is asked for that
    Sign {
        /// The root key
        #[arg(value_name = "KEY")]
        key: Name,
        /// What hereby succession request wrote
        #[arg(value_name = "REQUEST")]
        request: PathBuf,
        /// Keep the note in this file
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Begin the epoch that the root key signed, with hereby stopped
    Begin {
        /// What hereby succession sign wrote
        #[arg(value_name = "NOTE")]
        note: PathBuf,
        /// The root key's public half, where the record names none, or another
        #[arg(long, value_name = "VKEY")]
        root_key: Option<VerifierKey>,
        #[command(flatten)]
        settings: SettingsArgs,
    },
}
