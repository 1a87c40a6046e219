//! Every page under `docs/` is in the book: what `docs/SUMMARY.md` does not list, mdBook does not
//! render and nobody finds.

use std::collections::BTreeSet;

use crate::docs;
use crate::finding::Finding;
use crate::markdown;
use crate::tree::Tree;

const SUMMARY: &str = "docs/SUMMARY.md";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let listed: BTreeSet<String> = markdown::links(tree.text(SUMMARY).unwrap_or_default())
        .iter()
        .filter_map(|link| docs::resolve(SUMMARY, link.target.split('#').next()?))
        .collect();
    tree.pages()
        .filter(|(page, _)| page.starts_with("docs/") && *page != SUMMARY)
        .filter(|(page, _)| !listed.contains(*page))
        .map(|(page, _)| {
            let from_docs = page.trim_start_matches("docs/");
            Finding::new(
                page,
                1,
                "the page is not in the book",
                format!("{SUMMARY} does not list it"),
                format!("add `- [Title]({from_docs})` to {SUMMARY}"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    #[test]
    fn a_page_outside_the_book_is_found() {
        let tree = Tree::of(&[
            (
                "docs/SUMMARY.md",
                "- [A](a.md)\n  - [B](how-to/b.md#part)\n",
            ),
            ("docs/a.md", ""),
            ("docs/how-to/b.md", ""),
            ("docs/how-to/c.md", ""),
            ("README.md", ""),
        ]);
        let all = check(&tree);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].path, "docs/how-to/c.md");
        assert_eq!(
            all[0].fix,
            "add `- [Title](how-to/c.md)` to docs/SUMMARY.md"
        );
    }

    #[test]
    fn without_a_book_every_page_is_outside() {
        assert_eq!(check(&Tree::of(&[("docs/a.md", "")])).len(), 1);
    }
}
