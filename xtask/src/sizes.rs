//! A file is one thought: at most 600 lines without tests.
//!
//! A ratchet, for files that are over: `xtask/ratchet.toml` lists each with its present number,
//! which may only shrink. Functions are clippy's (`too_many_lines` at 70).

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::finding::Finding;
use crate::tree::Tree;

const LINES_MAX: usize = 600;
const RATCHET: &str = "xtask/ratchet.toml";
const WHY: &str = "a file is one thought, at most 600 lines without tests";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ratchet {
    /// Path to lines without tests.
    files: BTreeMap<String, usize>,
}

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let ratchet: Ratchet = match toml::from_str(tree.text(RATCHET).unwrap_or_default()) {
        Ok(ratchet) => ratchet,
        Err(error) => {
            let what = format!(
                "the list of large files cannot be read: {}",
                error.message()
            );
            return vec![Finding::new(
                RATCHET,
                1,
                what,
                WHY,
                "write `[files]`, then path = lines",
            )];
        }
    };
    let mut findings = Vec::new();
    for source in tree.rust() {
        let lines = source.lines_without_tests();
        let listed = ratchet.files.get(&source.path).copied();
        findings.extend(judge(tree, &source.path, lines, listed));
    }
    for path in ratchet.files.keys().filter(|path| !tree.has(path)) {
        let what = format!("`{path}` is listed and does not exist");
        findings.push(listing(tree, path, what, "remove its line"));
    }
    findings
}

fn judge(tree: &Tree, path: &str, lines: usize, listed: Option<usize>) -> Option<Finding> {
    match listed {
        None if lines > LINES_MAX => {
            let what = format!("{lines} lines");
            Some(Finding::new(
                path,
                LINES_MAX + 1,
                what,
                WHY,
                "split it where the thought changes",
            ))
        }
        Some(_) if lines <= LINES_MAX => {
            let what = format!("`{path}` has {lines} lines now and needs no exception");
            Some(listing(tree, path, what, "remove its line"))
        }
        Some(number) if lines > number => {
            let what = format!("{lines} lines, and the ratchet holds it at {number}");
            Some(Finding::new(
                path,
                number + 1,
                what,
                WHY,
                "move something out of it",
            ))
        }
        Some(number) if lines < number => {
            let what = format!("`{path}` shrank to {lines} lines and is listed with {number}");
            Some(listing(
                tree,
                path,
                what,
                &format!("lower the number to {lines}"),
            ))
        }
        _ => None,
    }
}

fn listing(tree: &Tree, path: &str, what: String, fix: &str) -> Finding {
    let line = tree.line_starting(RATCHET, &format!("\"{path}\""));
    Finding::new(RATCHET, line, what, "the ratchet only tightens", fix)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    fn found(lines: usize, ratchet: &str) -> Vec<String> {
        let text = "//! x\n".repeat(lines) + "#[cfg(test)]\nmod tests {\n}\n";
        let tree = Tree::of(&[
            ("crates/a/src/b.rs", &text),
            ("xtask/ratchet.toml", ratchet),
        ]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn six_hundred_lines_without_tests_are_the_limit() {
        assert_eq!(found(600, "[files]"), Vec::<String>::new());
        assert!(found(601, "[files]")[0].starts_with("crates/a/src/b.rs:601: 601 lines; "));
    }

    #[test]
    fn test_files_have_no_limit() {
        let text = "x\n".repeat(5000);
        let tree = Tree::of(&[("a/tests/b.rs", &text), ("xtask/ratchet.toml", "[files]")]);
        assert_eq!(check(&tree), []);
    }

    #[test]
    fn a_listed_file_stays_at_its_number_or_shrinks() {
        let ratchet = "[files]\n\"crates/a/src/b.rs\" = 700\n";
        assert_eq!(found(700, ratchet), Vec::<String>::new());
        assert!(found(701, ratchet)[0].contains("the ratchet holds it at 700"));
        let shrunk = found(650, ratchet);
        assert!(
            shrunk[0].starts_with("xtask/ratchet.toml:2: "),
            "{shrunk:?}"
        );
        assert!(shrunk[0].ends_with("lower the number to 650"), "{shrunk:?}");
        assert!(found(600, ratchet)[0].ends_with("remove its line"));
    }

    #[test]
    fn a_listed_file_that_is_gone_is_found() {
        let all = found(1, "[files]\n\"crates/gone.rs\" = 700\n");
        assert!(all[0].contains("does not exist"), "{all:?}");
    }

    #[test]
    fn a_list_that_cannot_be_read_is_found() {
        assert_eq!(found(1, "[file]\n").len(), 1);
        assert_eq!(check(&Tree::of(&[])).len(), 1);
    }
}
