//! What the command line says about itself: completions, man pages, the reference page.

use std::fmt::Write as _;

use crate::cli::access::{CompletionsArgs, ManArgs};
use crate::cli::{self, groups::GROUPS};
use crate::exit::{Exit, Failure};
use crate::say::Out;

/// Prints completions.
pub(crate) fn completions(args: &CompletionsArgs, out: &Out) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::command(), "hereby", &mut script);
    out.bytes(&script)
}

/// Writes a man page for hereby and one for each subcommand.
pub(crate) fn man(args: &ManArgs, out: &Out) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| {
        Failure::usage(format!("cannot write man pages to {}", args.dir.display())).because(error)
    };
    std::fs::create_dir_all(&args.dir).map_err(cannot)?;
    clap_mangen::generate_to(cli::command(), &args.dir).map_err(cannot)?;
    out.talk(format!("Man pages are in {}.", args.dir.display()));
    Ok(())
}

/// Prints `docs/reference/cli.md`.
pub(crate) fn reference(out: &Out) -> Result<(), Failure> {
    out.bytes(page().as_bytes())
}

/// The reference of the command line, as Markdown.
pub(crate) fn page() -> String {
    let mut command = cli::command().term_width(96);
    command.build();
    let mut page = String::from(HEAD);
    for option in command
        .get_arguments()
        .filter(|option| option.is_global_set())
    {
        let _ = writeln!(page, "{}", row(option));
    }
    for (heading, names) in GROUPS {
        let _ = writeln!(page, "\n## {heading}");
        for name in *names {
            if let Some(subcommand) = command.find_subcommand(name) {
                section(&mut page, subcommand, &format!("hereby {name}"));
            }
        }
    }
    page.push_str("\n## Exit codes\n\n");
    for exit in Exit::ALL {
        let _ = writeln!(
            page,
            "- {} `{}`: {}",
            exit.code(),
            exit.word(),
            exit.meaning()
        );
    }
    page.push_str("\nWhat to do after each: [exit codes](exit-codes.md).\n");
    page
}

const HEAD: &str = "# The command line

Made from the program itself by `hereby reference`; a test compares the two. What an option means
everywhere stands once, under [options for all](#options-for-all).

Data goes to stdout, talk to stderr. `--json` prints one document `{\"v\":1,…}` on stdout, and errors
as one document on stderr: `{\"v\":1,\"error\":{\"exit\",\"outcome\",\"reason\",\"what\",\"why\",\"hints\",\"id\"}}`.
`hereby watch --json` prints one document a line.

## Options for all

| option | environment | meaning |
|---|---|---|
";

/// A global option as a row of the table.
fn row(option: &clap::Arg) -> String {
    let value = match option.get_action().takes_values() {
        true => option
            .get_value_names()
            .unwrap_or_default()
            .iter()
            .map(|it| format!(" {it}"))
            .collect(),
        false => String::new(),
    };
    let short = option
        .get_short()
        .map(|short| format!("`-{short}`, "))
        .unwrap_or_default();
    let long = option.get_long().unwrap_or_default();
    let env = option
        .get_env()
        .map(|env| format!("`{}`", env.to_string_lossy()));
    let help = option
        .get_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    format!(
        "| {short}`--{long}{value}` | {} | {help} |",
        env.unwrap_or_default()
    )
}

fn section(page: &mut String, command: &clap::Command, name: &str) {
    let about = command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default();
    let _ = write!(page, "\n### {name}\n\n{about}.\n");
    let mut own = command.clone().mut_args(|arg| {
        // Some options belong to a subcommand and to all below it: those are its own.
        let everywhere = arg.get_help_heading() == Some("Global options");
        arg.hide(everywhere)
    });
    own = own
        .disable_help_flag(true)
        .help_template("{usage}\n\n{all-args}{after-help}")
        .term_width(96);
    let help = own.render_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(page, "\n```text\n{}\n```\n", help.join("\n").trim());
    for subcommand in command
        .get_subcommands()
        .filter(|it| it.get_name() != "help")
    {
        section(
            page,
            subcommand,
            &format!("{name} {}", subcommand.get_name()),
        );
    }
}

#[cfg(test)]
mod tests;
