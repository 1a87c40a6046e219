//! Pages that claim a test shows something name a test that exists.
//!
//! In a table column headed "Test" or "Shown by", a name in backticks with `::` in it is a claim:
//! `` `package::module::name` ``, or `` `tests/file.rs::name` `` for one file. Whether the test
//! shows what the row says is for a reader to judge.

use crate::finding::Finding;
use crate::markdown;
use crate::source::Source;
use crate::tree::Tree;
use crate::workspace::Workspace;

const PAGES: &[&str] = &[
    "docs/conformance.md",
    "docs/invariants.md",
    "docs/reference/edge-modes.md",
    "docs/testing.md",
];
const COLUMNS: &[&str] = &["test", "tests", "shown by"];

pub(crate) fn check(workspace: &Workspace, tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in PAGES {
        for (line, name) in claims(tree.text(page).unwrap_or_default()) {
            if !exists(workspace, tree, &name) {
                findings.push(Finding::new(
                    *page,
                    line,
                    format!("there is no test `{name}`"),
                    "a claim without its test is a hope",
                    "write the test, or name the one that shows it",
                ));
            }
        }
    }
    findings
}

fn claims(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for table in markdown::tables(text) {
        let claimed = |(at, _): &(usize, &String)| {
            table
                .header
                .get(*at)
                .is_some_and(|head| COLUMNS.iter().any(|known| head.eq_ignore_ascii_case(known)))
        };
        for (line, row) in &table.rows {
            let cells = row.iter().enumerate().filter(claimed);
            let names = cells.flat_map(|(_, cell)| markdown::code_spans(cell));
            found.extend(
                names
                    .filter(|n| n.contains("::"))
                    .map(|n| (*line, n.to_owned())),
            );
        }
    }
    found
}

/// The last part is a function; what stands before narrows where, when it names a file or one of
/// our packages.
fn exists(workspace: &Workspace, tree: &Tree, name: &str) -> bool {
    let Some((place, function)) = name.rsplit_once("::") else {
        return false;
    };
    let within = |source: &Source| {
        if place.ends_with(".rs") {
            return source.path == place || source.path.ends_with(&format!("/{place}"));
        }
        let package = place
            .split("::")
            .next()
            .and_then(|first| workspace.member(first));
        package.is_none_or(|member| member.holds(&source.path))
    };
    tree.rust()
        .iter()
        .any(|source| within(source) && source.has_function(function))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;
    use crate::workspace::Workspace;

    fn found(page: &str, text: &str) -> Vec<String> {
        let tree = Tree::of(&[
            (page, text),
            (
                "crates/record/src/tree/tests.rs",
                "#[test]\nfn the_root_matches() {}\n",
            ),
            (
                "crates/hereby/tests/kill.rs",
                "proptest! {\n fn survives_kill_9(n: u8) {}\n}\n",
            ),
        ]);
        let workspace = Workspace::of(&[("record", &[]), ("hereby", &[])], &[]);
        check(&workspace, &tree)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn row(cell: &str) -> String {
        format!("| Rule | Shown by |\n|---|---|\n| `no::claim` | {cell} |\n")
    }

    #[test]
    fn tests_that_exist_are_fine() {
        for cell in [
            "`record::tree::tests::the_root_matches`",
            "`tests/kill.rs::survives_kill_9`, `record::the_root_matches`",
            "`elsewhere::survives_kill_9`",
            "by hand, see `docs`",
        ] {
            assert_eq!(
                found("docs/invariants.md", &row(cell)),
                Vec::<String>::new(),
                "{cell}"
            );
        }
    }

    #[test]
    fn tests_that_do_not_exist_are_found() {
        for cell in [
            "`record::tree::tests::the_root_differs`",
            "`record::survives_kill_9`",
            "`tests/other.rs::survives_kill_9`",
        ] {
            for page in [
                "docs/invariants.md",
                "docs/conformance.md",
                "docs/testing.md",
            ] {
                let all = found(page, &row(cell));
                assert_eq!(all.len(), 1, "{page} {cell}");
                assert!(all[0].starts_with(&format!("{page}:3: ")), "{all:?}");
            }
        }
    }
}
