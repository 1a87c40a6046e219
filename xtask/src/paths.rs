//! The paths a Rust file writes: `std::fs::read`, and every leaf of `use std::{fs, io::Write}`.
//!
//! Aliases and re-exports are not followed; clippy does that.

use crate::source::{Source, Token};

/// A path and the line its last part is on. Always two segments or more, or one from a `use`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CodePath<'a> {
    pub(crate) segments: Vec<&'a str>,
    pub(crate) line: usize,
}

pub(crate) fn of(source: &Source) -> Vec<CodePath<'_>> {
    let tokens = source.tokens();
    let mut found = Vec::new();
    let mut rest = tokens.as_slice();
    while let Some((first, after)) = rest.split_first() {
        // `impl Trait + use<'a>` captures lifetimes and imports nothing.
        if first.text == "use" && after.first().is_some_and(|next| next.text != "<") {
            rest = use_tree(after, &[], &mut found);
        } else if is_name(first) {
            rest = plain_path(rest, &mut found);
        } else {
            rest = after;
        }
    }
    found
}

fn is_name(token: &Token<'_>) -> bool {
    token
        .text
        .starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Consumes `a::b::c`, keeps it when it has more than one segment.
fn plain_path<'s, 't>(tokens: &'t [Token<'s>], found: &mut Vec<CodePath<'s>>) -> &'t [Token<'s>] {
    let mut segments = Vec::new();
    let mut line = 0;
    let mut rest = tokens;
    while let Some((name, after)) = rest.split_first().filter(|(name, _)| is_name(name)) {
        segments.push(name.text);
        line = name.line;
        rest = after;
        match after.split_first() {
            Some((colons, behind)) if colons.text == "::" => rest = behind,
            _ => break,
        }
    }
    if segments.len() > 1 {
        found.push(CodePath { segments, line });
    }
    rest
}

/// Consumes one use tree; what it returns starts with the `,`, `}` or `;` behind it.
fn use_tree<'s, 't>(
    tokens: &'t [Token<'s>],
    prefix: &[&'s str],
    found: &mut Vec<CodePath<'s>>,
) -> &'t [Token<'s>] {
    let mut segments = prefix.to_vec();
    let mut rest = tokens;
    while let Some((first, after)) = rest.split_first() {
        match first.text {
            "," | "}" | ";" => break,
            "{" => return use_group(after, &segments, found),
            "::" => rest = after,
            "as" => {
                rest = after.split_first().map_or(after, |(_, behind)| behind);
            }
            name => {
                segments.push(name);
                rest = after;
                if after.first().is_none_or(|next| next.text != "::") {
                    found.push(CodePath {
                        segments: segments.clone(),
                        line: first.line,
                    });
                }
            }
        }
    }
    rest
}

/// Consumes the trees behind a `{`, and the `}`.
fn use_group<'s, 't>(
    tokens: &'t [Token<'s>],
    prefix: &[&'s str],
    found: &mut Vec<CodePath<'s>>,
) -> &'t [Token<'s>] {
    let mut rest = use_tree(tokens, prefix, found);
    while let Some((first, after)) = rest.split_first() {
        match first.text {
            "," => rest = use_tree(after, prefix, found),
            "}" => return after,
            _ => break,
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::source::Source;

    fn paths(text: &str) -> Vec<String> {
        let source = Source::new("a.rs", text);
        of(&source)
            .iter()
            .map(|path| path.segments.join("::"))
            .collect()
    }

    #[test]
    fn plain_paths_have_two_segments_or_more() {
        assert_eq!(
            paths("fn f() { let rand = 1; std::fs::read(rand); ::std::net::x(); }"),
            ["std::fs::read", "std::net::x"]
        );
    }

    #[test]
    fn use_trees_are_spelled_out() {
        assert_eq!(
            paths("use std::{fs, io::{self, Write as _}, net::*,};\nuse rand;\na::b();"),
            [
                "std::fs",
                "std::io::self",
                "std::io::Write",
                "std::net::*",
                "rand",
                "a::b"
            ]
        );
    }

    #[test]
    fn a_captured_lifetime_is_no_import() {
        assert_eq!(
            paths("fn f() -> impl T + use<'a> { std::fs::x() }"),
            ["std::fs::x"]
        );
    }
}
