//! Arguments of the commands that run hereby, and of those that check the record without it.

use std::net::SocketAddr;
use std::path::PathBuf;

use base::IncidentId;
use clap::{Args, Subcommand};
use record::note::VerifierKey;

use super::parse;

/// Which settings count, for everything that works in the data directory.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SettingsArgs {
    /// Settings; default: hereby.toml in the data directory, if it is there
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Run everything on this machine and say what to do next
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby up
  hereby up --rehearse          watch a real incident being run, as a drill
  hereby up --data-dir /srv/hereby --config /etc/hereby.toml

Ctrl-C stops it cleanly.")]
pub(crate) struct UpArgs {
    /// Where control listens; other addresses than loopback need TLS (see hereby.toml)
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    /// Play a real incident through the API, marked as a drill
    #[arg(long)]
    pub(crate) rehearse: bool,
}

/// Run as a service: like `up`, with logs instead of talk
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Where control listens; other addresses than loopback need TLS (see hereby.toml)
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
}

/// Watch another machine's record, cosign its checkpoints, keep a copy
#[derive(Args, Debug)]
#[command(
    after_help = "Example, on a machine that shares no fate with the first:
  hereby witness /srv/witness --url https://control:7700 --token-file witness.token \\
    --vkey \"$(cat log.vkey)\""
)]
pub(crate) struct WitnessArgs {
    /// Where the copy and the witness's key are kept
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// The log's public key, from a place you trust; while it rotates the old one and the new one
    #[arg(long, value_name = "VKEY", required = true)]
    pub(crate) vkey: Vec<VerifierKey>,
    /// Where it takes checkpoints (tlog-witness)
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
}

/// Check that nobody changed the story: a record, a proof or a bundle
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby verify                              the record in the data directory
  hereby verify /mnt/backup/hereby           a copy of it
  hereby verify --proof act.proof --vkey \"$(cat log.vkey)\"
  hereby verify --bundle INC-7.json --vkey \"$(cat log.vkey)\"
  hereby verify --witness /mnt/witness       also against a witness's copy

Needs no running hereby. Exit code 5: something is not what it claims to be.")]
pub(crate) struct VerifyArgs {
    /// A data directory; default: the one of --data-dir
    #[arg(value_name = "DIR", conflicts_with_all = ["proof", "bundle"])]
    pub(crate) dir: Option<PathBuf>,
    /// The log's public key, from a place you trust
    #[arg(long, value_name = "VKEY")]
    pub(crate) vkey: Option<VerifierKey>,
    /// The first root key's public half, from a place you trust: no other can have begun another epoch
    #[arg(long, value_name = "VKEY", conflicts_with_all = ["proof", "bundle"])]
    pub(crate) root_key: Option<VerifierKey>,
    /// Check a proof that `hereby prove` wrote
    #[arg(
        long,
        value_name = "FILE",
        requires = "vkey",
        conflicts_with = "bundle"
    )]
    pub(crate) proof: Option<PathBuf>,
    /// Check a bundle that `hereby export` wrote
    #[arg(long, value_name = "FILE", requires = "vkey")]
    pub(crate) bundle: Option<PathBuf>,
    /// A witness's directory to compare with
    #[arg(long, value_name = "DIR")]
    pub(crate) witness: Option<PathBuf>,
    /// Where archived segments went; may be repeated
    #[arg(long, value_name = "DIR")]
    pub(crate) archive: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
}

/// Fold the record again and check that its invariants hold
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby auditor                             the record in the data directory
  hereby auditor /mnt/backup/hereby          a copy of it

Reads only, also beside a running hereby, which audits itself all the time.
Exit code 5: an invariant is violated.")]
pub(crate) struct AuditorArgs {
    /// A data directory; default: the one of --data-dir
    #[arg(value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Where archived segments went; may be repeated
    #[arg(long, value_name = "DIR")]
    pub(crate) archive: Vec<PathBuf>,
}

/// Write a proof that an act is on the record
#[derive(Args, Debug)]
pub(crate) struct ProveArgs {
    /// The act's id, or its index on the record
    #[arg(value_name = "ACT")]
    pub(crate) act: String,
    /// Where to; default: to stdout
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Write one incident, with its proofs, as a file that verifies alone
#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// Where to
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Put in the keys that open its sealed text
    #[arg(long)]
    pub(crate) with_keys: bool,
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
}

/// Make everything that follows from the record anew
#[derive(Args, Debug)]
pub(crate) struct RebuildArgs {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
}

/// Back the record up, also while hereby runs
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby backup /mnt/backup/hereby
  hereby backup /mnt/backup/hereby --keys /mnt/safe/hereby-keys
  hereby backup --check /mnt/backup/hereby

Into the directory of the last backup only what is new is copied. The record's
backup never holds a key: name another place for those, and look after it apart.")]
pub(crate) struct BackupArgs {
    /// Where to: a directory that is not there, is empty, or holds the last backup
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Back up the keys too, there: the log's, and those that open sealed text
    #[arg(long, value_name = "DIR")]
    pub(crate) keys: Option<PathBuf>,
    /// Also erase from there the keys that were erased from the keystore
    #[arg(long, requires = "keys", conflicts_with = "check")]
    pub(crate) erase: bool,
    /// Check a backup instead of making one
    #[arg(long)]
    pub(crate) check: bool,
    /// With --check: the log's public key, from a place you trust
    #[arg(long, value_name = "VKEY", requires = "check")]
    pub(crate) vkey: Option<VerifierKey>,
    /// With --check: the first root key's public half, where the record does not lead to it
    #[arg(long, value_name = "VKEY", requires = "check")]
    pub(crate) root_key: Option<VerifierKey>,
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
}

/// Make every token, session and key worthless, and list what is left to do
#[derive(Args, Debug)]
#[command(
    override_usage = "hereby rotate-secrets [OPTIONS] --why <WHY> <INC>
       hereby rotate-secrets --plan",
    after_help = "Examples:
  hereby rotate-secrets --plan                   what would be worthless, and what is left for people
  hereby declare \"keys may be in the wrong hands\" --severity 1
  hereby rotate-secrets INC-7 -m \"the laptop with the backup was stolen\"

It revokes every token and every person's key, ends every session, withdraws invitations of edges, and
changes the log's key; edges follow that by themselves. What only people can do stands as steps of the
incident's checklist: hereby tick ticks them. Begun again, it goes on where it was. Nobody is signed in
after it, and no program: only the local socket of this machine lets anybody in, so it is done there."
)]
pub(crate) struct RotateSecretsArgs {
    /// The incident whose checklist it is
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: Option<IncidentId>,
    /// Show what would happen, and change nothing
    #[arg(long)]
    pub(crate) plan: bool,
}

/// Make a data directory from a backup
#[derive(Args, Debug)]
#[command(after_help = "Example:
  hereby restore /mnt/backup/hereby --keys /mnt/safe/hereby-keys --to /var/lib/hereby

Everything is checked before anything gets its place: files, tree, signatures, blobs.")]
pub(crate) struct RestoreArgs {
    /// What `hereby backup` made
    #[arg(value_name = "BACKUP")]
    pub(crate) backup: PathBuf,
    /// The data directory; it is not there yet, or has at most hereby.toml in it
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    /// The backup of the keys; without it the record can be read and not be continued
    #[arg(long, value_name = "DIR")]
    pub(crate) keys: Option<PathBuf>,
    /// The log's public key, from a place you trust
    #[arg(long, value_name = "VKEY")]
    pub(crate) vkey: Option<VerifierKey>,
    /// The first root key's public half, where the record does not lead to it
    #[arg(long, value_name = "VKEY")]
    pub(crate) root_key: Option<VerifierKey>,
    /// A witness's directory: does it know more?
    #[arg(long, value_name = "DIR")]
    pub(crate) witness: Option<PathBuf>,
    /// Where archived segments went; may be repeated
    #[arg(long, value_name = "DIR")]
    pub(crate) archive: Vec<PathBuf>,
}

/// Read and tend the record
#[derive(Args, Debug)]
pub(crate) struct RecordArgs {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    #[command(subcommand)]
    pub(crate) verb: RecordVerb,
}

/// What is done with the record.
#[derive(Debug, Subcommand)]
pub(crate) enum RecordVerb {
    /// Print the last acts
    Tail {
        /// How many
        #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20)]
        count: u64,
    },
    /// Print one act, its exact bytes and where it stands
    Show {
        /// The act's id, or its index on the record
        #[arg(value_name = "ACT")]
        act: String,
    },
    /// List the keys that signed the record, and those that open sealed text
    Keys,
    /// Make a new key for the log and sign with it from the next checkpoint on
    Rotate,
    /// Move full segments to another place, where they stay verifiable
    Archive {
        /// Where to
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// Keep this many full segments here
        #[arg(long, value_name = "COUNT", default_value_t = 1)]
        keep: u64,
    },
    /// Go on although the anchor is missing or ahead; that is recorded
    AcceptAnchor,
}

/// Look for what is wrong with this installation
#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
}
