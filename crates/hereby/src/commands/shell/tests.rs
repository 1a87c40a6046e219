//! The reference page is what the program says of itself.

use super::{completions, man, page};
use crate::cli::access::{CompletionsArgs, ManArgs};
use crate::cli::command;
use crate::say::tests::captured;

const PAGE: &str = include_str!("../../../../../docs/reference/cli.md");

#[test]
fn the_reference_page_is_up_to_date() {
    assert!(
        PAGE == page(),
        "docs/reference/cli.md is old: cargo run -p hereby -- reference > docs/reference/cli.md"
    );
}

#[test]
fn the_reference_page_has_every_subcommand() {
    fn check(command: &clap::Command, name: &str) {
        for subcommand in command.get_subcommands().filter(|it| !it.is_hide_set()) {
            let name = format!("{name} {}", subcommand.get_name());
            assert!(PAGE.contains(&format!("\n### {name}\n")), "{name}");
            check(subcommand, &name);
        }
    }
    check(&command(), "hereby");
}

#[test]
fn completions_name_the_subcommands() {
    let (out, stdout, _) = captured(false);
    completions(
        &CompletionsArgs {
            shell: clap_complete::Shell::Bash,
        },
        &out,
    )
    .unwrap();
    assert!(stdout.text().contains("acknowledge"));
}

#[test]
fn there_is_a_man_page_for_each_subcommand() {
    let dir = tempfile::tempdir().unwrap();
    let (out, _, _) = captured(false);
    let pages = dir.path().join("man1");
    man(&ManArgs { dir: pages.clone() }, &out).unwrap();
    for name in ["hereby.1", "hereby-declare.1", "hereby-token-issue.1"] {
        let text = std::fs::read_to_string(pages.join(name)).unwrap();
        assert!(text.contains(".TH"), "{name}");
    }
}
