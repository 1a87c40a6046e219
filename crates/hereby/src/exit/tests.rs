//! The table in the reference is the table in the code.

use super::{Exit, Failure};

const PAGE: &str = include_str!("../../../../docs/reference/exit-codes.md");

#[test]
fn the_page_shows_this_table() {
    let rows: Vec<Vec<&str>> = PAGE
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let expected: Vec<[String; 3]> = Exit::ALL
        .iter()
        .map(|exit| {
            [
                exit.code().to_string(),
                format!("`{}`", exit.word()),
                exit.meaning().to_owned(),
            ]
        })
        .collect();
    assert_eq!(rows.len(), expected.len(), "{rows:?}");
    for (row, expected) in rows.iter().zip(&expected) {
        assert_eq!(row.get(..3).unwrap(), expected);
    }
}

#[test]
fn codes_are_their_places_and_words_are_unique() {
    for (place, exit) in Exit::ALL.iter().enumerate() {
        assert_eq!(usize::from(exit.code()), place);
    }
    let words: std::collections::BTreeSet<_> = Exit::ALL.iter().map(|exit| exit.word()).collect();
    assert_eq!(words.len(), Exit::ALL.len());
}

#[test]
fn what_was_not_foreseen_keeps_its_causes() {
    let error = anyhow::anyhow!("the disk said no").context("cannot write the page");
    let failure = Failure::from(error);
    assert_eq!(failure.exit, Exit::Internal);
    assert_eq!(failure.what, "cannot write the page");
    assert_eq!(failure.why.as_deref(), Some("the disk said no"));
}
