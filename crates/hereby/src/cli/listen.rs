//! Arguments of the commands about alerts, silences, maintenance and heartbeats.

use base::{IncidentId, Line, Name, ServiceName, Severity};
use clap::{Args, Subcommand};

use super::page::PlanArgs;
use super::parse::{self, When};

/// List alerts that fire
#[derive(Args, Debug)]
pub(crate) struct AlertsArgs {
    /// Ended ones as well
    #[arg(long)]
    pub(crate) all: bool,
}

/// Say that an alert belongs to an incident
#[derive(Args, Debug)]
pub(crate) struct AttachArgs {
    /// Which incident: 7, INC-7
    #[arg(value_name = "INC", value_parser = parse::incident)]
    pub(crate) incident: IncidentId,
    /// Which alert, by the first digits of its id (see `hereby alerts`)
    #[arg(value_name = "ALERT", value_parser = parse::alert)]
    pub(crate) alert: String,
}

/// Keep alerts with these labels from declaring or attaching for a while
#[derive(Args, Debug)]
#[command(
    override_usage = "hereby silence [OPTIONS] --for <DURATION> --why <WHY> <LABEL=VALUE>...",
    after_help = "Example:
  hereby silence service=checkout alertname=HighLatency --for 2h -m \"moving to new hosts\"

Silenced alerts are recorded and shown. A reason is required."
)]
pub(crate) struct SilenceArgs {
    /// Label values that must all be equal
    #[arg(value_name = "LABEL=VALUE", required = true, value_parser = parse::label)]
    pub(crate) matchers: Vec<(Box<str>, Box<str>)>,
    /// How long: 30m, 2h, 1d
    #[arg(long = "for", value_name = "DURATION", value_parser = parse::duration_ms)]
    pub(crate) length_ms: i64,
}

/// List silences, or end one early
#[derive(Args, Debug)]
pub(crate) struct SilencesArgs {
    #[command(subcommand)]
    pub(crate) verb: Option<SilencesVerb>,
}

/// What is done with silences.
#[derive(Debug, Subcommand)]
pub(crate) enum SilencesVerb {
    /// List those that hold (also without a subcommand)
    List,
    /// End a silence before its time
    End {
        /// Which silence: sil-3
        #[arg(value_name = "SILENCE")]
        silence: Name,
    },
}

/// Announce planned work on a service
#[derive(Args, Debug)]
pub(crate) struct MaintenanceArgs {
    #[command(subcommand)]
    pub(crate) verb: MaintenanceVerb,
}

/// What is done with maintenance windows.
#[derive(Debug, Subcommand)]
pub(crate) enum MaintenanceVerb {
    /// Announce a window: alerts of the service declare nothing in it
    #[command(after_help = "Example:
  hereby maintenance schedule db \"Upgrade to the next version\" --from \"in 2h\" --for 90m")]
    Schedule {
        /// Whose
        #[arg(value_name = "SERVICE")]
        service: ServiceName,
        /// What is done, in a line
        #[arg(value_name = "TITLE")]
        title: Line,
        /// From when: 2017-12-21T22:00:00Z, "in 2h"
        #[arg(long, value_name = "TIME", default_value = "now", value_parser = parse::when)]
        from: When,
        /// Until when
        #[arg(
            long,
            value_name = "TIME",
            value_parser = parse::when,
            conflicts_with = "length_ms",
            required_unless_present = "length_ms"
        )]
        until: Option<When>,
        /// How long: 30m, 2h
        #[arg(long = "for", value_name = "DURATION", value_parser = parse::duration_ms)]
        length_ms: Option<i64>,
        #[command(flatten)]
        plan: PlanArgs,
    },
    /// End a window early, or call it off
    End {
        /// Which window: mw-2
        #[arg(value_name = "WINDOW")]
        maintenance: Name,
    },
    /// List windows that are open or to come
    List,
}

/// Expect signs of life, and send them
#[derive(Args, Debug)]
pub(crate) struct HeartbeatArgs {
    #[command(subcommand)]
    pub(crate) verb: HeartbeatVerb,
}

/// What is done with heartbeats.
#[derive(Debug, Subcommand)]
pub(crate) enum HeartbeatVerb {
    /// Expect one from now on; its silence is an alert
    #[command(after_help = "Example:
  hereby heartbeat expect nightly-backup --every 1d --grace 2h --severity 3")]
    Expect {
        /// What it is called
        #[arg(value_name = "NAME")]
        heartbeat: Name,
        /// How often one is expected: 1m, 1h, 1d
        #[arg(long = "every", value_name = "DURATION", value_parser = parse::duration_ms)]
        interval_ms: i64,
        /// How late one may be
        #[arg(
            long = "grace",
            value_name = "DURATION",
            default_value = "1m",
            value_parser = parse::duration_ms
        )]
        grace_ms: i64,
        /// The service whose life it is a sign of
        #[arg(long, value_name = "NAME")]
        service: Option<ServiceName>,
        /// Declare an incident of this severity when it falls silent
        #[arg(long, value_name = "1-5")]
        severity: Option<Severity>,
    },
    /// Expect one no more
    Forget {
        /// Which
        #[arg(value_name = "NAME")]
        heartbeat: Name,
    },
    /// List those that are expected
    List,
    /// Send one
    Send {
        /// Which
        #[arg(value_name = "NAME")]
        heartbeat: Name,
    },
}
