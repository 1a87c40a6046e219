//! Arguments of the commands about what is written down before anything is wrong: runbooks,
//! templates, and whole directories of both with the people and services they are for.

use std::path::PathBuf;

use base::{Line, Name, ServiceName, Severity};
use clap::{Args, Subcommand};
use record::kinds::incident::Audience;

use super::parse;

/// What is written down before anything is wrong.
#[derive(Debug, Subcommand)]
pub(crate) enum PrepareVerb {
    Runbook(RunbookArgs),
    Template(TemplateArgs),
    Import(ImportArgs),
}

/// Write down what people do, step by step
#[derive(Args, Debug)]
pub(crate) struct RunbookArgs {
    #[command(subcommand)]
    pub(crate) verb: RunbookVerb,
}

/// What is done with runbooks.
#[derive(Debug, Subcommand)]
pub(crate) enum RunbookVerb {
    /// Save a runbook from a Markdown file, or replace it
    #[command(after_help = "Example:
  hereby runbook save db-failover db-failover.md

The first heading is its title; list items (`- step`, `- [ ] step`, `1. step`) are its steps, each
on one line of at most 200 bytes, at most 64 of them. Other text is not kept. Checklists that were
started go on with the steps they began with.")]
    Save {
        /// What it is called
        #[arg(value_name = "NAME")]
        runbook: Name,
        /// The Markdown file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// List runbooks
    List,
    /// Show a runbook's steps
    Show {
        /// Which
        #[arg(value_name = "NAME")]
        runbook: Name,
    },
    /// Forget a runbook
    Remove {
        /// Which
        #[arg(value_name = "NAME")]
        runbook: Name,
    },
}

/// Write down what incidents of a kind begin with
#[derive(Args, Debug)]
pub(crate) struct TemplateArgs {
    #[command(subcommand)]
    pub(crate) verb: TemplateVerb,
}

/// What is done with templates.
#[derive(Debug, Subcommand)]
pub(crate) enum TemplateVerb {
    /// Save a template, or replace it
    #[command(after_help = "Examples:
  hereby template save payments-down --title \"Payments fail\" --severity 1 --service checkout \\
    --runbook db-failover --update-every insiders=30m --update-every public=1h
  hereby declare --template payments-down")]
    Save {
        /// What it is called
        #[arg(value_name = "NAME")]
        template: Name,
        /// What is usually wrong, in a line
        #[arg(long, value_name = "TEXT")]
        title: Option<Line>,
        /// How bad it usually is: 1 (worst) to 5
        #[arg(short, long, value_name = "1-5")]
        severity: Option<Severity>,
        /// What is affected
        #[arg(long, value_name = "NAME")]
        service: Option<ServiceName>,
        /// Seal what is written in them
        #[arg(long)]
        private: bool,
        /// A runbook whose checklist they begin with; may be repeated up to 8 times
        #[arg(long = "runbook", value_name = "RUNBOOK")]
        runbooks: Vec<Name>,
        /// How often an audience is told something; may be repeated
        #[arg(long = "update-every", value_name = "AUDIENCE=DURATION", value_parser = update_every)]
        update_every: Vec<(Audience, u64)>,
    },
    /// List templates
    List,
    /// Forget a template
    Remove {
        /// Which
        #[arg(value_name = "NAME")]
        template: Name,
    },
}

/// `insiders=30m`: an audience, and milliseconds.
fn update_every(text: &str) -> Result<(Audience, u64), String> {
    let form = "an update clock is AUDIENCE=DURATION, as in insiders=30m or public=1h";
    let (audience, every) = text.split_once('=').ok_or(form)?;
    let audience = match audience {
        "insiders" => Audience::Insiders,
        "public" => Audience::Public,
        _ => return Err(form.to_owned()),
    };
    let every_ms = parse::duration_ms(every)?;
    Ok((audience, u64::try_from(every_ms).map_err(|_| form)?))
}

/// Make known what files say: people, teams, services, runbooks, templates
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hereby import ops/ --plan
  hereby import ops/

A directory's *.toml files (tables person, team, service, runbook, template) and *.md files
(runbooks, called like the file) are taken, not those in directories below. What is there already
is left alone, so that a second run changes nothing.")]
pub(crate) struct ImportArgs {
    /// A directory, or one file
    #[arg(value_name = "DIR|FILE")]
    pub(crate) path: PathBuf,
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(crate) plan: bool,
    /// Forget what the files don't name, of the kinds of things they do name
    #[arg(long)]
    pub(crate) remove: bool,
}
