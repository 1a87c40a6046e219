//! Every relative link in a page leads to a file, and behind `#` to a heading that is there.
//!
//! Links to other sites are not followed: a check that needs the network fails for reasons that
//! are nobody's here.

use crate::finding::Finding;
use crate::markdown;
use crate::tree::Tree;

const WHY: &str = "a page whose links break is not trusted at night";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (page, text) in tree.pages() {
        for link in markdown::links(text) {
            if let Some((what, fix)) = judge(tree, page, &link.target) {
                findings.push(Finding::new(page, link.line, what, WHY, fix));
            }
        }
    }
    findings
}

/// What is wrong with a link and what to do, if anything is.
fn judge(tree: &Tree, page: &str, target: &str) -> Option<(String, String)> {
    if ["http://", "https://", "mailto:"]
        .iter()
        .any(|scheme| target.starts_with(scheme))
    {
        return None;
    }
    let (path, anchor) = match target.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (target, None),
    };
    if path.is_empty() && anchor.is_none() {
        return Some((
            "a link to nothing".to_owned(),
            "give it a target".to_owned(),
        ));
    }
    let Some(file) = resolve(page, path) else {
        let what = format!("link `{target}` leaves the repository or starts at the disk's root");
        return Some((what, "write it relative to this page".to_owned()));
    };
    if !tree.has(&file) {
        let what = format!("link `{target}` leads to no file");
        return Some((what, format!("write `{file}` or mend the link")));
    }
    let anchor = anchor?;
    let anchors = tree.text(&file).map(markdown::anchors).unwrap_or_default();
    if file.ends_with(".md") && !anchors.iter().any(|known| known == anchor) {
        let what = format!("link `{target}` leads to no heading");
        return Some((what, format!("`{file}` has: {}", anchors.join(", "))));
    }
    None
}

/// The target's path from the root. `None` when it is absolute or climbs out of the tree.
pub(crate) fn resolve(page: &str, path: &str) -> Option<String> {
    if path.is_empty() {
        return Some(page.to_owned());
    }
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::{check, resolve};
    use crate::tree::Tree;

    fn found(text: &str) -> Vec<String> {
        let tree = Tree::of(&[
            ("docs/page.md", text),
            ("docs/how-to/other.md", "# A heading\n"),
            ("README.md", ""),
            ("dev", ""),
        ]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        for text in [
            "[a](how-to/other.md)",
            "[a](./how-to/other.md#a-heading)",
            "# Here\n[a](#here)",
            "[a](../README.md) [b](../dev) [c](how-to/)",
            "[a](https://example.org/x.md) [b](mailto:sam@example.org)",
        ] {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        for (text, what) in [
            ("[a](other.md)", "leads to no file"),
            ("[a](how-to/other.md#another)", "leads to no heading"),
            ("# Here\n[a](#there)", "leads to no heading"),
            ("[a](/docs/page.md)", "starts at the disk's root"),
            ("[a](../../x.md)", "leaves the repository"),
            ("[a]()", "a link to nothing"),
        ] {
            let all = found(text);
            assert_eq!(all.len(), 1, "{text}");
            assert!(all[0].contains(what), "{all:?}");
        }
    }

    #[test]
    fn paths_resolve_from_the_page() {
        assert_eq!(
            resolve("docs/a/b.md", "../c.md").as_deref(),
            Some("docs/c.md")
        );
        assert_eq!(resolve("README.md", "docs/").as_deref(), Some("docs"));
        assert_eq!(resolve("README.md", "../x").as_deref(), None);
    }
}
