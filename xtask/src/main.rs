//! `cargo xtask tidy`: the rules of this house that neither rustc nor clippy can hold.
//!
//! Each check is a module with one pure function from what was read to findings, so each is tested
//! on small samples; only this file and [`tree`], [`workspace`] touch the disk or run a program.
//! It checks and never changes a file: what to do is in the finding, and a person does it.

mod budget;
mod docs;
mod finding;
mod heads;
mod layers;
mod markdown;
mod paths;
mod purity;
mod shown;
mod sizes;
mod source;
mod summary;
mod tree;
mod words;
mod workspace;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use finding::Finding;
use tree::Tree;
use workspace::Workspace;

const USAGE: &str = "usage: cargo xtask tidy";

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["tidy"] => tidy(),
        _ => {
            writeln!(std::io::stderr(), "{USAGE}")?;
            Ok(ExitCode::from(2))
        }
    }
}

fn tidy() -> anyhow::Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask lies in the root")?;
    let tree = Tree::read(root)?;
    let workspace = Workspace::read(root)?;

    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(layers::check(&workspace, &tree));
    findings.extend(purity::check(&workspace, &tree));
    findings.extend(sizes::check(&tree));
    findings.extend(heads::check(&tree));
    findings.extend(budget::check(&workspace));
    findings.extend(docs::check(&tree));
    findings.extend(summary::check(&tree));
    findings.extend(shown::check(&workspace, &tree));
    findings.extend(words::check(&tree));
    findings.sort();

    let mut out = std::io::stdout().lock();
    for finding in &findings {
        writeln!(out, "{finding}")?;
    }
    writeln!(
        out,
        "tidy: {} crates, {} Rust files, {} pages, {} packages bought (budget {}): {}",
        workspace.members.len(),
        tree.rust().len(),
        tree.pages().count(),
        workspace.bought().len(),
        budget::PACKAGES_MAX,
        match findings.len() {
            0 => "nothing found".to_owned(),
            1 => "1 finding".to_owned(),
            n => format!("{n} findings"),
        },
    )?;
    Ok(if findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
