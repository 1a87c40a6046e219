//! Arguments of the commands about how versions are brought out: they look ahead, and change nothing.

use std::path::PathBuf;

use ::rollout::plan::{Cell, Ring};
use base::Name;
use clap::{Args, Subcommand};

/// See how a version would be brought out, and what would send it back
#[derive(Args, Debug)]
pub(crate) struct RolloutArgs {
    #[command(subcommand)]
    pub(crate) verb: RolloutVerb,
}

/// What is to be seen.
#[derive(Debug, Subcommand)]
pub(crate) enum RolloutVerb {
    Plan(PlanArgs),
    Try(TryArgs),
    /// Print the template that holds where no other was said
    Template,
}

/// Draw the stages by which a version would reach these cells
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby rollout plan --cell office:internal --cell friends:canary:2 --cell eu-1:3 --cell eu-2:4
  hereby rollout plan --template ours.toml --cell eu-1:3 --cell eu-2:4
  hereby rollout plan --cell eu-1:3 --cell eu-2:4 --only eu-2

A cell is NAME, NAME:RING or NAME:RING:EDGES, in any order behind the name.
Rings are internal (for the people who run it), canary (for tenants who know
that they are first) and serving, which is meant where none is said. A
template is TOML: `hereby rollout template` prints one.")]
pub(crate) struct PlanArgs {
    /// A cell, its ring and how many edges it has; again for each
    #[arg(long = "cell", value_name = "CELL", required = true, value_parser = cell)]
    pub(crate) cells: Vec<Cell>,
    /// How versions are to be brought out; without, as `hereby rollout template` says
    #[arg(long, value_name = "FILE")]
    pub(crate) template: Option<PathBuf>,
    /// Draw it for a tenant's version, which stays in this cell
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Option<Name>,
}

/// Say how soon a faulty version would be sent back
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby rollout try
  hereby rollout try --requests-per-s 40 --others-per-s 2000 --usual 0.5

A thousand canaries are simulated for each row, always the same ones, each
with one trigger that says `compare = true`: a sequential likelihood-ratio
test of changed against unchanged edges, every 10 seconds.")]
pub(crate) struct TryArgs {
    /// Requests a second that the changed edges answer
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) requests_per_s: u64,
    /// Requests a second that unchanged edges answer
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) others_per_s: u64,
    /// How many of them are bad as a rule, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 0.1, value_parser = percent)]
    pub(crate) usual: f64,
}

fn percent(text: &str) -> Result<f64, String> {
    let percent: f64 = text.parse().map_err(|_| "a number, as 0.1".to_owned())?;
    match percent {
        0.001..=50.0 => Ok(percent),
        _ => Err("it is from 0.001 to 50".to_owned()),
    }
}

fn cell(text: &str) -> Result<Cell, String> {
    let mut pieces = text.split(':');
    let name = pieces.next().unwrap_or("");
    let name = name.parse::<Name>().map_err(|error| error.to_string())?;
    let (mut ring, mut edges) = (None, None);
    for piece in pieces {
        let said = match piece {
            "internal" => ring.replace(Ring::Internal).is_none(),
            "canary" => ring.replace(Ring::Canary).is_none(),
            "serving" => ring.replace(Ring::Serving).is_none(),
            number => match number.parse::<u32>() {
                Ok(number @ 1..=10_000) => edges.replace(number).is_none(),
                _ => {
                    return Err(format!(
                        "\"{piece}\" is no ring (internal, canary, serving) and no number of edges \
                         from 1 to 10000"
                    ));
                }
            },
        };
        if !said {
            return Err(format!("\"{piece}\" says again what was said"));
        }
    }
    Ok(Cell {
        name,
        ring: ring.unwrap_or(Ring::Serving),
        edges: edges.unwrap_or(1),
    })
}
