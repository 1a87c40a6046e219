//! Arguments of the command that adds up past incidents.

use std::path::PathBuf;

use base::{ServiceName, Severity};
use clap::{Args, ValueEnum};

use super::parse::{self, When};

/// A phase of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PhaseArg {
    /// Impact start to detected
    Detect,
    /// Detected to declared
    Declare,
    /// Declared, or reopened last, to acknowledged
    Acknowledge,
    /// Detected to diagnosed
    Diagnose,
    /// Impact start to mitigated
    Mitigate,
    /// Impact start to resolved
    Repair,
}

/// Say how long incidents take and how sure that is
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby stats --since 2024-01-01 --service checkout
  hereby stats --phase repair --trend
  hereby stats --svg incidents.svg

A time that nobody said is missing and never counted as zero: hereby time INC detected TIME.
Open incidents count for as long as they have lasted. Drills are left out.")]
pub(crate) struct StatsArgs {
    /// Only incidents of this service
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<ServiceName>,
    /// Only those of this severity
    #[arg(long, value_name = "1-5")]
    pub(crate) severity: Option<Severity>,
    /// Only those declared then or later: 2024-01-01, "90d ago"
    #[arg(long, value_name = "TIME", value_parser = parse::day_or_when)]
    pub(crate) since: Option<When>,
    /// Only those declared before then
    #[arg(long, value_name = "TIME", value_parser = parse::day_or_when)]
    pub(crate) until: Option<When>,
    /// Drills, and nothing else
    #[arg(long)]
    pub(crate) drills: bool,
    /// This phase alone, with every incident
    #[arg(long, value_enum, value_name = "PHASE")]
    pub(crate) phase: Option<PhaseArg>,
    /// Hold later incidents against earlier ones, if there are enough to tell
    #[arg(long, conflicts_with = "svg")]
    pub(crate) trend: bool,
    /// Draw them into this file instead, or to stdout when it is `-`
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

impl PhaseArg {
    /// As the API spells it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            PhaseArg::Detect => "detect",
            PhaseArg::Declare => "declare",
            PhaseArg::Acknowledge => "acknowledge",
            PhaseArg::Diagnose => "diagnose",
            PhaseArg::Mitigate => "mitigate",
            PhaseArg::Repair => "repair",
        }
    }
}
