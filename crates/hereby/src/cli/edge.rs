//! Arguments of `hereby edge`: the data plane, which runs and is asked without the rest of hereby.

use std::net::SocketAddr;
use std::path::PathBuf;

use base::Name;
use clap::{Args, Subcommand};

use super::parse;

/// Run a reverse proxy that contains failure, or ask the one that runs
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  hereby edge --config /etc/hereby/edge.toml     serve what this file says
  hereby edge check edge.toml                    is it right?
  hereby edge top                                what goes on
  hereby edge upgrade                            hand over to a new process; nothing is dropped"
)]
pub(crate) struct EdgeArgs {
    #[command(subcommand)]
    pub(crate) verb: Option<EdgeVerb>,
    #[command(flatten)]
    pub(crate) place: EdgePlace,
    /// What it serves [default: DATA/edge.toml]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Listen here instead of where the version says, again for each listener of it
    #[arg(long, value_name = "ADDRESS", conflicts_with = "config")]
    pub(crate) listen: Vec<SocketAddr>,
    /// Show figures here instead of where the version says
    #[arg(long, value_name = "ADDRESS", conflicts_with = "config")]
    pub(crate) metrics: Option<SocketAddr>,
    /// How long control must be silent before a break-glass note is taken
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse::duration_ms)]
    pub(crate) control_gone_after: i64,
    /// Bans, revocations and failovers as control says them [default: STATE_DIR/overlay.json]
    #[arg(long, value_name = "FILE")]
    pub(crate) overlay: Option<PathBuf>,
}

/// Which edge of this machine.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct EdgePlace {
    /// Where the edge's own socket lies [default: DATA/edge]
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}

/// What is done with an edge.
#[derive(Debug, Subcommand)]
pub(crate) enum EdgeVerb {
    /// Let an edge of another machine enroll once: prints its token
    #[command(after_help = "Examples:
  hereby cell define eu-1 --ring serving
  hereby edge invite edge-1 --cell eu-1 --output edge-1.token
  hereby edge enroll edge-1 --url https://control:7743 --ca-file ours.pem --token-file edge-1.token")]
    Invite {
        /// What it is called
        #[arg(value_name = "EDGE")]
        edge: Name,
        /// Which cell it will be in
        #[arg(long, value_name = "CELL")]
        cell: Name,
        /// How long the token works, at most 7 days
        #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse::duration_ms)]
        expires: i64,
        /// Keep the token in this file, which must not be there yet
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Enroll the edge of this machine, with the token it was invited with
    #[command(after_help = "Example:
  hereby edge enroll edge-1 --url https://control:7743 --ca-file ours.pem --token-file edge-1.token

From then on it runs what the record says, and nothing else: start it with
`hereby edge --state-dir DIR`.")]
    Enroll {
        #[command(flatten)]
        place: EdgePlace,
        /// What it was invited as
        #[arg(value_name = "EDGE")]
        edge: Name,
        /// Sign with a new key from now on
        #[arg(long)]
        new_key: bool,
    },
    /// Tell an edge nothing any more
    Retire {
        /// Which
        #[arg(value_name = "EDGE")]
        edge: Name,
    },
    /// Say whether a configuration is right, and where it is not
    Check {
        /// The configuration
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Print the JSON Schema of the configuration
    Schema,
    /// Show what goes on, again and again
    Top {
        #[command(flatten)]
        place: EdgePlace,
        /// Show it once
        #[arg(long)]
        once: bool,
    },
    /// Print the metrics
    Metrics {
        #[command(flatten)]
        place: EdgePlace,
    },
    /// List client certificates that were used, and what they got
    Certificates {
        #[command(flatten)]
        place: EdgePlace,
    },
    /// Say why a request was refused, or broke
    Explain {
        #[command(flatten)]
        place: EdgePlace,
        /// As in the answer's hereby-request-id
        #[arg(value_name = "REQUEST-ID")]
        request: String,
    },
    /// Read the configuration again
    Reload {
        #[command(flatten)]
        place: EdgePlace,
    },
    /// Hand over to a new process, dropping nothing
    #[command(
        after_help = "The new process reads the configuration and takes the listening \
        sockets before the old one stops accepting. If it refuses or crashes, the old one goes on."
    )]
    Upgrade {
        #[command(flatten)]
        place: EdgePlace,
        /// Another program than the one that runs [default: the same path, read anew]
        #[arg(long, value_name = "FILE")]
        program: Option<PathBuf>,
    },
    /// Go back by a break-glass note while control is gone, or show what to
    #[command(after_help = "Examples:
  hereby edge break-glass                        what could this edge go back to?
  hereby edge break-glass note                   go back

The note is signed by the key that hereby break-glass trust named (hereby break-glass sign). The edge takes
it when it has not heard of control for a minute, and runs by it until the record tells it something newer.")]
    BreakGlass {
        #[command(flatten)]
        place: EdgePlace,
        /// The note
        #[arg(value_name = "NOTE")]
        note: Option<PathBuf>,
    },
    /// Lead a name elsewhere when the one it leads to stays down
    #[command(
        after_help = "Needs dig and nsupdate (Debian: bind9-dnsutils). Runs until it is told to stop.

Examples:
  hereby edge failover-plan plan.toml --dry-run
  hereby edge failover-plan plan.toml
  hereby edge failover-plan plan.toml --now \"the provider says hours\" --to 1 --for 4h"
    )]
    FailoverPlan {
        /// The plan: who serves, how that is seen, and which record leads there
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Say what would be sent, and send nothing
        #[arg(long)]
        dry_run: bool,
        /// Don't wait, and say why
        #[arg(long, value_name = "WHY")]
        now: Option<String>,
        /// With --now: to which tier
        #[arg(long, value_name = "TIER", default_value_t = 1, requires = "now")]
        to: usize,
        /// With --now: for how long
        #[arg(long = "for", value_name = "TIME", default_value = "1h", requires = "now", value_parser = parse::duration_ms)]
        duration_ms: i64,
    },
    /// Have another tier of a route answer, or go back to the plan
    #[command(after_help = "Examples:
  hereby edge failover site --to 1 --for 2h -m \"the primary's disk is full\"
  hereby edge failover site --to auto -m \"repaired\"

This is on no record, for an edge by itself. Beside a running hereby: hereby failover.")]
    Failover {
        #[command(flatten)]
        place: EdgePlace,
        /// Which route
        #[arg(value_name = "ROUTE")]
        route: String,
        /// A tier, 0 the primary; or `auto`: as planned
        #[arg(long, value_name = "TIER", value_parser = tier)]
        to: Tier,
        /// For how long
        #[arg(long = "for", value_name = "TIME", default_value = "1h", value_parser = parse::duration_ms)]
        duration_ms: i64,
    },
}

impl EdgeArgs {
    /// With nothing else said.
    pub(crate) fn of(verb: EdgeVerb) -> EdgeArgs {
        EdgeArgs {
            verb: Some(verb),
            place: EdgePlace::default(),
            config: None,
            listen: Vec::new(),
            metrics: None,
            control_gone_after: 0,
            overlay: None,
        }
    }
}

/// Where `failover` leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    Auto,
    Place(usize),
}

fn tier(text: &str) -> Result<Tier, String> {
    match text {
        "auto" => Ok(Tier::Auto),
        digits => digits
            .parse()
            .map(Tier::Place)
            .map_err(|_| "a tier is 0 (the primary), 1, 2, or `auto`".to_owned()),
    }
}
