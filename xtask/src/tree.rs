//! The files of the project, read once.
//!
//! It walks the directory instead of asking git, so that tidy says the same on an export without
//! history; what git ignores by name is skipped here by the same names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context as _;

use crate::source::Source;

/// Directories that hold products or other people's files.
const SKIPPED: &[&str] = &[
    ".git",
    ".hereby",
    "target",
    ".hypothesis",
    ".schemathesis",
    "corpus",
    "artifacts",
    "coverage",
    "__pycache__",
];

pub(crate) struct Tree {
    /// Every file and directory, relative to the root.
    paths: BTreeSet<String>,
    /// Every file that is UTF-8.
    texts: BTreeMap<String, String>,
    rust: Vec<Source>,
}

impl Tree {
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let mut paths = BTreeSet::new();
        let mut texts = BTreeMap::new();
        let mut waiting = vec![String::new()];
        while let Some(directory) = waiting.pop() {
            let entries = std::fs::read_dir(root.join(&directory))
                .with_context(|| format!("cannot list {directory:?}"))?;
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let path = if directory.is_empty() {
                    name.clone()
                } else {
                    format!("{directory}/{name}")
                };
                let kind = entry.file_type()?;
                if kind.is_dir() && SKIPPED.contains(&name.as_str()) {
                    continue;
                }
                paths.insert(path.clone());
                if kind.is_dir() {
                    waiting.push(path);
                } else if kind.is_file() {
                    let bytes = std::fs::read(entry.path())
                        .with_context(|| format!("cannot read {path}"))?;
                    if let Ok(text) = String::from_utf8(bytes) {
                        texts.insert(path, text);
                    }
                }
            }
        }
        Ok(Self::new(paths, texts))
    }

    fn new(paths: BTreeSet<String>, texts: BTreeMap<String, String>) -> Self {
        let mut rust: Vec<Source> = texts
            .iter()
            .filter(|(path, _)| path.ends_with(".rs"))
            .map(|(path, text)| Source::new(path, text))
            .collect();
        let test_modules: Vec<String> = rust.iter().flat_map(test_module_stems).collect();
        for source in &mut rust {
            source.whole_test |= test_modules.iter().any(|stem| {
                source
                    .path
                    .strip_prefix(stem.as_str())
                    .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            });
        }
        Self { paths, texts, rust }
    }

    /// A tree of samples, for tests.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut paths = BTreeSet::new();
        for (path, _) in files {
            for (at, _) in path.match_indices('/') {
                paths.insert(path[..at].to_owned());
            }
            paths.insert((*path).to_owned());
        }
        let texts = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect();
        Self::new(paths, texts)
    }

    /// Whether there is a file or directory of this name.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Every text file, path and text.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Every Markdown file, path and text.
    pub(crate) fn pages(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(|(path, _)| path.ends_with(".md"))
    }

    pub(crate) fn rust(&self) -> &[Source] {
        &self.rust
    }

    /// The line, from 1, of the first line that starts with `start`; 1 when there is none.
    pub(crate) fn line_starting(&self, path: &str, start: &str) -> usize {
        let text = self.text(path).unwrap_or_default();
        text.lines()
            .position(|line| line.trim_start().starts_with(start))
            .map_or(1, |at| at + 1)
    }
}

/// For `src/a.rs` with `#[cfg(test)] mod b;`: `src/a/b`, which is a test whole with all below it.
fn test_module_stems(source: &Source) -> Vec<String> {
    let stem = source.path.trim_end_matches(".rs");
    let (directory, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    let home = if ["lib", "main", "mod"].contains(&name) {
        directory
    } else {
        stem
    };
    source
        .test_modules
        .iter()
        .map(|module| format!("{home}/{module}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Tree;

    #[test]
    fn a_module_declared_for_tests_is_test_code_with_all_below_it() {
        let tree = Tree::of(&[
            ("c/src/lib.rs", "#[cfg(test)]\nmod fixtures;\nmod real;\n"),
            ("c/src/fixtures.rs", "x\n"),
            ("c/src/fixtures/deep.rs", "x\n"),
            ("c/src/fixtures_of_ours.rs", "x\n"),
            ("c/src/real.rs", "#[cfg(test)] mod story;\n"),
            ("c/src/real/story.rs", "x\n"),
        ]);
        let tests: Vec<&str> = tree
            .rust()
            .iter()
            .filter(|s| s.whole_test)
            .map(|s| s.path.as_str())
            .collect();
        assert_eq!(
            tests,
            [
                "c/src/fixtures.rs",
                "c/src/fixtures/deep.rs",
                "c/src/real/story.rs"
            ]
        );
    }

    #[test]
    fn directories_are_there_too() {
        let tree = Tree::of(&[("docs/how-to/a.md", "")]);
        assert!(tree.has("docs/how-to"));
        assert!(!tree.has("docs/how"));
    }
}
