//! Arguments of rehearsed failures.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Rehearse a failure with real processes, and see what holds
#[derive(Args, Debug)]
pub(crate) struct GamedayArgs {
    #[command(subcommand)]
    pub(crate) verb: GamedayVerb,
}

/// What is done with game days.
#[derive(Debug, Subcommand)]
pub(crate) enum GamedayVerb {
    /// List the scenarios that come with hereby
    List,
    /// Show a scenario: what is there, what goes wrong, and what is expected
    Show {
        /// Its name, or a file
        #[arg(value_name = "SCENARIO")]
        scenario: String,
    },
    Run(RunArgs),
}

/// Run a scenario
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby gameday run workers-rollback-2023
  hereby gameday run fastly-2021 --report fastly.html
  hereby gameday run ours.toml --evidence evidence/ --json
  hereby gameday run mixed-version --previous /usr/bin/hereby.before

It starts a control and edges of its own on free ports of this machine, asks them for real, does what the
scenario says, and takes all of it away again, also when it is stopped or killed. Your own hereby is not
touched. It is given up when more fails than the scenario allows. Some scenarios need bugs that can be met
on purpose: cargo build --release --features faults")]
pub(crate) struct RunArgs {
    /// Its name, or a file
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenario: String,
    /// Write a page with pictures there
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
    /// The program of the release before, for scenarios with two releases
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) previous: Option<PathBuf>,
    /// Keep the drill's evidence there: the incident's export, the log's key, the review
    #[arg(long, value_name = "DIR")]
    pub(crate) evidence: Option<PathBuf>,
}
