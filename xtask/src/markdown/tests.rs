//! Samples of the Markdown these pages are written in.

use super::{anchors, code_spans, links, tables};

fn targets(text: &str) -> Vec<String> {
    links(text).into_iter().map(|link| link.target).collect()
}

#[test]
fn links_of_every_form_are_seen() {
    assert_eq!(
        targets("a [b](c.md) ![d](e.svg \"title\") [f](<g h.md>) [i](j_(k).md)\n"),
        ["c.md", "e.svg", "g h.md", "j_(k).md"]
    );
    assert_eq!(
        targets("[label]: there.md \"title\"\n[^1]: no link\n"),
        ["there.md"]
    );
    assert_eq!(
        targets("<img src=\"a.svg\"> <a href=\"b.md\">"),
        ["b.md", "a.svg"]
    );
    assert_eq!(targets("[draft]()"), [""]);
}

#[test]
fn code_holds_no_links() {
    assert_eq!(targets("```sh\n[a](b)\n```\n[c](d)\n"), ["d"]);
    assert_eq!(targets("````\n```\n[a](b)\n```\n````\n[c](d)\n"), ["d"]);
    assert_eq!(
        targets("`[a](b)` ``x`[c](d)`` [e](f) `open [g](h)\n"),
        ["f", "h"]
    );
}

#[test]
fn a_link_knows_its_line() {
    assert_eq!(links("one\n\n[a](b)\n")[0].line, 3);
}

#[test]
fn headings_are_named_as_the_forge_names_them() {
    let text = "# The `hereby up` command!\n## Two\n## Two\n### A [link](x.md) here\n#no\n\
                ```\n# code\n```\n## Own name {#mine}\n<a id=\"there\"></a>\n";
    assert_eq!(
        anchors(text),
        [
            "the-hereby-up-command",
            "two",
            "two-1",
            "a-link-here",
            "mine",
            "there"
        ]
    );
}

#[test]
fn tables_have_headers_and_rows() {
    let text =
        "| Rule | Test |\n|---|:--|\n| a `x|y` | `p::t` |\n| b \\| c | - |\n\ntext\n| no |\n";
    let all = tables(text);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].header, ["Rule", "Test"]);
    assert_eq!(
        all[0].rows[0],
        (3, vec!["a `x|y`".to_owned(), "`p::t`".to_owned()])
    );
    assert_eq!(all[0].rows[1].1, ["b \\| c", "-"]);
}

#[test]
fn an_empty_cell_keeps_the_others_in_their_columns() {
    let text = "| A | Test |\n|---|---|\n| | `p::t` |\n";
    assert_eq!(tables(text)[0].rows[0].1, ["", "`p::t`"]);
}

#[test]
fn code_spans_are_what_stands_in_backticks() {
    assert_eq!(code_spans("`a::b` and `c`"), ["a::b", "c"]);
    assert!(code_spans("none").is_empty());
}
