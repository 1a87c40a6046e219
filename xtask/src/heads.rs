//! Every Rust file opens with `//!`: what it is for, and what it deliberately does not do.

use crate::finding::Finding;
use crate::tree::Tree;

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| {
            Finding::new(
                &source.path,
                1,
                "the file does not open with `//! `",
                "a reader asks first what a file is for",
                "say in a sentence what it is for and what it does not do",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    #[test]
    fn the_first_line_says_what_the_file_is_for() {
        let of = |text| check(&Tree::of(&[("a/src/b.rs", text)])).len();
        assert_eq!(of("//! The tree.\nfn a() {}\n"), 0);
        assert_eq!(of("// The tree.\n//! x\n"), 1);
        assert_eq!(of("use a::b;\n"), 1);
        assert_eq!(of("//!\n"), 1);
        assert_eq!(of(""), 1);
    }
}
