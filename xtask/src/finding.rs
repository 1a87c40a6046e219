//! What a check says: where, what, why it matters, and what to do about it.

use std::fmt;

/// One broken rule at one place. Sorts by path and line, so that a run reads like the tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// Relative to the root, with forward slashes.
    pub(crate) path: String,
    /// From 1.
    pub(crate) line: usize,
    pub(crate) what: String,
    pub(crate) why: String,
    pub(crate) fix: String,
}

impl Finding {
    pub(crate) fn new(
        path: impl Into<String>,
        line: usize,
        what: impl Into<String>,
        why: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            path: path.into(),
            line,
            what: what.into(),
            why: why.into(),
            fix: fix.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            line,
            what,
            why,
            fix,
        } = self;
        write!(f, "{path}:{line}: {what}; {why}; {fix}")
    }
}

#[cfg(test)]
mod tests {
    use super::Finding;

    #[test]
    fn one_line_says_where_what_why_and_what_to_do() {
        let finding = Finding::new(
            "a/b.rs",
            7,
            "601 lines",
            "a file is one thought",
            "split it",
        );
        assert_eq!(
            finding.to_string(),
            "a/b.rs:7: 601 lines; a file is one thought; split it"
        );
    }
}
