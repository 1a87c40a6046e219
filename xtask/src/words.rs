//! What no file may say: unfinished work that compiles, tests that do not run, and the names of
//! one person's machine or of a package registry.
//!
//! The lists lie here, so this file and its tests are the one place where the words may stand.

use crate::finding::Finding;
use crate::source::Source;
use crate::tree::Tree;

/// In any text, as a word of its own.
const UNFINISHED: &[&str] = &["FIXME", "XXX"];

/// In any text, not behind a letter or digit. Paths of one machine, hosts that packages come from.
const FOREIGN: &[&str] = &["/root/.", "crates.io", "pypi.org", "proxy.golang.org"];

/// In Rust code: tokens in a row.
const SHAMS: &[(&[&str], &str)] = &[
    (&["todo", "!"], "`todo!` compiles and then fails a person"),
    (
        &["unimplemented", "!"],
        "`unimplemented!` compiles and then fails a person",
    ),
    (
        &["#", "[", "ignore"],
        "a test that does not run shows nothing",
    ),
];

/// Written by cargo, which names its registry.
const WRITTEN_BY_TOOLS: &[&str] = &[
    "Cargo.lock",
    "benches/peers/pingora/Cargo.lock",
    "fuzz/Cargo.lock",
];

const HERE: &str = "xtask/src/words";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts() {
        if WRITTEN_BY_TOOLS.contains(&path) || path.starts_with(HERE) {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            findings.extend(judge(path, number + 1, line));
        }
    }
    let sources = tree
        .rust()
        .iter()
        .filter(|source| !source.path.starts_with(HERE));
    findings.extend(sources.flat_map(shams));
    findings
}

fn judge(path: &str, number: usize, line: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for word in UNFINISHED.iter().filter(|word| stands(line, word, true)) {
        let what = format!("`{word}`");
        let why = "unfinished work hides in comments";
        findings.push(Finding::new(
            path,
            number,
            what,
            why,
            "finish it or say plainly what is missing",
        ));
    }
    for word in FOREIGN.iter().filter(|word| stands(line, word, false)) {
        let what = format!("`{word}`");
        let why = "the project's text speaks of the project, not of one machine or a registry";
        findings.push(Finding::new(path, number, what, why, "say it without"));
    }
    findings
}

/// Whether the word is in the line with no letter or digit before it, and none after when `whole`.
fn stands(line: &str, word: &str, whole: bool) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let (before, from) = line.split_at(at);
        let behind = from.strip_prefix(word).unwrap_or_default();
        let joined = before.ends_with(char::is_alphanumeric)
            || (whole && behind.starts_with(char::is_alphanumeric));
        !joined
    })
}

fn shams(source: &Source) -> Vec<Finding> {
    let tokens = source.tokens();
    let mut findings = Vec::new();
    for (sham, why) in SHAMS {
        for window in tokens.windows(sham.len()) {
            if !window
                .iter()
                .map(|token| token.text)
                .eq(sham.iter().copied())
            {
                continue;
            }
            let line = window.first().map_or(1, |token| token.line);
            let what = format!("`{}`", sham.concat());
            findings.push(Finding::new(
                &source.path,
                line,
                what,
                *why,
                "write what is missing",
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests;
