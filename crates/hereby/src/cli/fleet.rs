//! Arguments of the commands about what edges run: cells, versions, how they go out and come back.

use std::path::PathBuf;

use base::{IncidentId, Name, Tenant};
use clap::{Args, Subcommand, ValueEnum};
use record::break_glass::COUNTER_MAX;
use record::hash::Hash;
use record::kinds::rollout::Ring;
use record::note::VerifierKey;

use super::parse;

/// What edges run.
#[derive(Debug, Subcommand)]
pub(crate) enum FleetVerb {
    Deploy(DeployArgs),
    Rollback(RollbackArgs),
    Promote(PromoteArgs),
    /// Hold the version that goes out where it is; triggers go on
    Pause(OfTenant),
    /// Let the version that was held go on
    Resume(OfTenant),
    /// Let nothing new go out; what goes back does
    Freeze,
    /// Let versions go out again
    Unfreeze,
    Lease(LeaseArgs),
    BreakGlass(BreakGlassArgs),
    Fleet(FleetArgs),
    Versions(VersionsArgs),
    Diff(DiffArgs),
    /// List how versions went out, and which triggers fired
    History,
    Cell(CellArgs),
}

/// Whose version is meant.
#[derive(Args, Debug)]
pub(crate) struct OfTenant {
    /// The version of this tenant's own, not the fleet's
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<Tenant>,
}

/// Bring out a version of what edges run, stage by stage
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby deploy site/ --plan                     what would change, for whom, by which stages
  hereby deploy site/ -m \"new shop behind /shop\"
  hereby deploy edge.toml --template night.toml -m \"while few are awake\"
  hereby deploy shop/ --tenant shop -m \"the cart moves\"

PATH is a directory with an edge.toml and the files it names, or an edge.toml alone. Keys of certificates
stay on the edges: they are named by absolute paths. The stages follow from a template (hereby rollout
template prints the one that holds where none is said); triggers send the version back by themselves.

With --tenant the edge.toml has [[upstream]], [[limit]] and [[route]] alone, and stands for all that the
fleet's version says of that tenant's routes. It goes to one edge of the tenant's cell, then to the rest.")]
pub(crate) struct DeployArgs {
    /// A directory with an edge.toml, or an edge.toml
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,
    /// Show what would happen, and change nothing
    #[arg(long)]
    pub(crate) plan: bool,
    /// How it is to be brought out
    #[arg(long, value_name = "FILE")]
    pub(crate) template: Option<PathBuf>,
    /// The incident it is done for
    #[arg(long, value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: Option<IncidentId>,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

/// Have all edges run an earlier version again, at once
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby rollback -m \"checkout fails\"
  hereby rollback 3fa9c1d2 -m \"the one from before the weekend\"
  hereby rollback --tenant shop -m \"its cart fails\"

Without a version: the newest that was fully deployed, other than what runs. It goes to all cells in one
step. Until its lease ends nothing brings out again what was gone back from, unless somebody lifts the
lease: hereby lease lift.")]
pub(crate) struct RollbackArgs {
    /// A version, by the beginning of its digest
    #[arg(value_name = "VERSION")]
    pub(crate) version: Option<String>,
    /// How long nothing brings out again what ran, at most 30 days
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = parse::duration_ms)]
    pub(crate) lease: i64,
    /// The incident it is done for
    #[arg(long, value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: Option<IncidentId>,
    /// Don't wait until edges follow
    #[arg(long)]
    pub(crate) no_wait: bool,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

/// Begin the next stage before the present one has held
#[derive(Args, Debug)]
#[command(after_help = "Example:
  hereby promote --sign sam-laptop -m \"the canary has seen what it can\"

A stage that has held is followed by the next one without this. A reason is required, and where people
have keys, a signature.")]
pub(crate) struct PromoteArgs {
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

/// See which versions are not to be brought out again, or lift that
#[derive(Args, Debug)]
pub(crate) struct LeaseArgs {
    #[command(subcommand)]
    pub(crate) verb: LeaseVerb,
}

/// What is done with a lease.
#[derive(Debug, Subcommand)]
pub(crate) enum LeaseVerb {
    /// Let a version that was rolled back be brought out again
    Lift {
        /// A version, by the beginning of its digest
        #[arg(value_name = "VERSION")]
        version: String,
    },
}

/// Send edges back while control is gone
#[derive(Args, Debug)]
#[command(after_help = "Examples, before anything happens:
  hereby key new break-glass                     keep the file where control is not
  hereby break-glass trust break-glass -m \"for the day that control is gone\"

When control is gone and what edges run does harm:
  hereby edge break-glass                        at an edge: what could it go back to?
  hereby break-glass sign break-glass --cell eu-1 -m \"control burned down\" --output note \\
    --version 3fa9c1d2b07e5a6648d1c0f3a2917be45cd80e6f31b2a4970d5c8e1f6ab37290
  hereby edge break-glass note                   at each edge of the cell

An edge goes back to nothing but what was fully deployed before, and not while it hears of control.
When control is back it puts each such note on the record before it answers that edge. Then:
  hereby rollback -m WHY                         that is right; all go back
  hereby break-glass end eu-1 -m WHY             all is well; the cell runs what all run")]
pub(crate) struct BreakGlassArgs {
    #[command(subcommand)]
    pub(crate) verb: BreakGlassVerb,
}

/// What is done with break-glass notes.
#[derive(Debug, Subcommand)]
pub(crate) enum BreakGlassVerb {
    /// Say whose notes edges believe when control is gone
    Trust {
        /// A key of yours (hereby key new)
        #[arg(value_name = "KEY", required_unless_present_any = ["vkey", "nobody"])]
        key: Option<Name>,
        /// Its public half, where the key is not on this machine
        #[arg(long, value_name = "VKEY", conflicts_with = "key")]
        vkey: Option<VerifierKey>,
        /// Believe nobody's notes any more
        #[arg(long, conflicts_with_all = ["key", "vkey"])]
        nobody: bool,
    },
    /// Have a cell's edges run what all run again, after control is back
    End {
        /// Which cell
        #[arg(value_name = "CELL")]
        cell: Name,
    },
    /// Sign a note that sends a cell's edges back; nobody is asked for that
    Sign {
        /// A key of yours
        #[arg(value_name = "KEY")]
        key: Name,
        /// Which cell
        #[arg(long, value_name = "CELL")]
        cell: Name,
        /// The version, by its whole digest: hereby edge break-glass lists those that an edge can go back to
        #[arg(long, value_name = "DIGEST", value_parser = parse::digest)]
        version: Hash,
        /// Higher than that of any note before [default: the seconds since 1970]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=COUNTER_MAX))]
        counter: Option<u64>,
        /// How long the note works, at most 7 days
        #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = parse::duration_ms)]
        expires: i64,
        /// Keep the note in this file
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// Show cells and edges: what each is told to run, and what it does
#[derive(Args, Debug)]
pub(crate) struct FleetArgs {
    /// Show it again and again
    #[arg(long)]
    pub(crate) watch: bool,
}

/// List versions, or show one
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby versions
  hereby versions 3fa9c1d2                       its files
  hereby versions 3fa9c1d2 --print edge.toml")]
pub(crate) struct VersionsArgs {
    /// A version, by the beginning of its digest
    #[arg(value_name = "VERSION")]
    pub(crate) version: Option<String>,
    /// Print one of its files
    #[arg(long, value_name = "FILE", requires = "version")]
    pub(crate) print: Option<String>,
}

/// Show what one version changes of another
#[derive(Args, Debug)]
pub(crate) struct DiffArgs {
    /// The version before
    #[arg(value_name = "A")]
    pub(crate) before: String,
    /// The version after
    #[arg(value_name = "B")]
    pub(crate) after: String,
}

/// Make or remove compartments of edges
#[derive(Args, Debug)]
pub(crate) struct CellArgs {
    #[command(subcommand)]
    pub(crate) verb: CellVerb,
}

/// What is done with a cell.
#[derive(Debug, Subcommand)]
pub(crate) enum CellVerb {
    /// Make a cell, or give it another ring
    Define {
        /// What it is called
        #[arg(value_name = "CELL")]
        cell: Name,
        /// Who goes first: internal (those who run it), canary (those who know), serving (everybody)
        #[arg(long, value_name = "RING", value_enum, default_value = "serving")]
        ring: RingWord,
    },
    /// Have a cell's edges take no bundle of an earlier protocol
    #[command(after_help = "Example:
  hereby cell floor eu-1 2 -m \"all its edges speak it: hereby fleet --json\"

What edges and control say to each other has a version; they speak the latest that both know. Once all edges of
a cell speak one, the floor keeps everybody, also who answers in control's place, from having them agree on less.")]
    Floor {
        /// Which cell
        #[arg(value_name = "CELL")]
        cell: Name,
        /// The least that is taken
        #[arg(value_name = "PROTOCOL")]
        protocol: u32,
    },
    /// Remove a cell without edges
    Remove {
        /// Which
        #[arg(value_name = "CELL")]
        cell: Name,
    },
}

/// Who goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RingWord {
    Internal,
    Canary,
    Serving,
}

impl From<RingWord> for Ring {
    fn from(word: RingWord) -> Ring {
        match word {
            RingWord::Internal => Ring::Internal,
            RingWord::Canary => Ring::Canary,
            RingWord::Serving => Ring::Serving,
        }
    }
}
