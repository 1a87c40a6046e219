//! One Rust file as the checks see it: its text, its code without comments and literals, its
//! tokens, and which of its lines are tests.
//!
//! This is a lexer, not a parser: enough to not be fooled by a word in a comment or a string. It
//! deliberately resolves no names (clippy's `disallowed_methods` does, and covers what hides behind
//! an alias).

use std::ops::RangeInclusive;

/// A Rust file.
pub(crate) struct Source {
    /// Relative to the root.
    pub(crate) path: String,
    pub(crate) text: String,
    /// `text` with every comment, string and character literal turned to spaces, line for line.
    pub(crate) code: String,
    /// The whole file is test code (by its place, or because its parent says `#[cfg(test)] mod`).
    pub(crate) whole_test: bool,
    /// Lines of items under `#[cfg(test)]`.
    test_lines: Vec<RangeInclusive<usize>>,
    /// Modules in other files declared under `#[cfg(test)]`.
    pub(crate) test_modules: Vec<String>,
}

/// A word, a `::`, or one other character, and its line from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    pub(crate) line: usize,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = blank(text);
        let parts: Vec<&str> = path.split('/').collect();
        let whole_test = parts.contains(&"tests") || parts.last() == Some(&"tests.rs");
        let (test_lines, test_modules) = test_items(&tokens(&code));
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            whole_test,
            test_lines,
            test_modules,
        }
    }

    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.whole_test || self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    /// Lines that are not tests, comments and blank lines included.
    pub(crate) fn lines_without_tests(&self) -> usize {
        (1..=self.text.lines().count())
            .filter(|&line| !self.is_test(line))
            .count()
    }

    pub(crate) fn tokens(&self) -> Vec<Token<'_>> {
        tokens(&self.code)
    }

    /// Whether a function of this name is written here.
    pub(crate) fn has_function(&self, name: &str) -> bool {
        self.tokens()
            .windows(2)
            .any(|pair| matches!(pair, [f, n] if f.text == "fn" && n.text == name))
    }
}

/// The text with comments and literals blanked.
pub(crate) fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (skip, keep) = match blank_length(rest) {
            Some(length) => (length, false),
            None if is_word(first) => (word_length(rest), true),
            None => (first.len_utf8(), true),
        };
        let (piece, after) = rest.split_at(skip);
        if keep {
            out.push_str(piece);
        } else {
            out.extend(piece.chars().map(|c| if c == '\n' { c } else { ' ' }));
        }
        rest = after;
    }
    out
}

/// How many bytes of comment or literal `rest` starts with, if it does.
fn blank_length(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment_length(rest));
    }
    let (prefix, after) = rest.split_at(word_length(rest));
    match prefix {
        "" if rest.starts_with('"') => Some(string_length(rest)),
        "" if rest.starts_with('\'') => char_length(rest),
        "b" if after.starts_with('\'') => char_length(after).map(|n| n + 1),
        "b" | "c" if after.starts_with('"') => Some(prefix.len() + string_length(after)),
        "r" | "br" | "cr" => raw_string_length(after).map(|n| n + prefix.len()),
        _ => None,
    }
}

fn block_comment_length(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut previous = ' ';
    for (at, c) in rest.char_indices() {
        match (previous, c) {
            ('/', '*') => {
                depth += 1;
                previous = ' ';
                continue;
            }
            ('*', '/') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
                previous = ' ';
                continue;
            }
            _ => previous = c,
        }
    }
    rest.len()
}

/// Of a literal that starts with `"`, escapes included.
fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Of what follows the `r`: `#…#"…"#…#`. `None` for a raw identifier.
fn raw_string_length(after: &str) -> Option<usize> {
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after.trim_start_matches('#').strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&close).map_or(body.len(), |at| at + close.len());
    Some(hashes + 1 + length)
}

/// Of a literal that starts with `'`. `None` for a lifetime.
fn char_length(rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1);
    let (_, first) = chars.next()?;
    if first != '\\' {
        return chars
            .next()
            .filter(|&(_, c)| c == '\'')
            .map(|(at, _)| at + 1);
    }
    chars.next()?;
    chars.find(|&(_, c)| c == '\'').map(|(at, _)| at + 1)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn word_length(rest: &str) -> usize {
    rest.find(|c| !is_word(c)).unwrap_or(rest.len())
}

fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match word_length(rest) {
                0 if rest.starts_with("::") => 2,
                0 => first.len_utf8(),
                n => n,
            };
            let (text, after) = rest.split_at(length);
            found.push(Token {
                text,
                line: number + 1,
            });
            rest = after.trim_start();
        }
    }
    found
}

/// Lines of the items under `#[cfg(test)]` (or `cfg(all(test, …))`), and the modules among them
/// that lie in a file of their own.
fn test_items(tokens: &[Token<'_>]) -> (Vec<RangeInclusive<usize>>, Vec<String>) {
    let mut lines = Vec::new();
    let mut modules = Vec::new();
    let mut rest = tokens;
    while let Some((first, after)) = rest.split_first() {
        let words: Vec<&str> = rest.iter().take(7).map(|token| token.text).collect();
        let starts = words.starts_with(&["#", "[", "cfg", "(", "test", ")", "]"])
            || words.starts_with(&["#", "[", "cfg", "(", "all", "(", "test"]);
        if !starts {
            rest = after;
            continue;
        }
        let (length, end) = item_length(rest);
        lines.push(first.line..=end);
        let (item, behind) = rest.split_at(length);
        if let [.., m, name, semicolon] = item
            && m.text == "mod"
            && semicolon.text == ";"
        {
            modules.push(name.text.to_owned());
        }
        rest = behind;
    }
    (lines, modules)
}

/// Tokens of the item that starts here, attributes included, and its last line: up to the first
/// `;` or closing brace outside all brackets.
fn item_length(tokens: &[Token<'_>]) -> (usize, usize) {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return (at + 1, token.line);
                }
            }
            ";" if depth == 0 => return (at + 1, token.line),
            _ => {}
        }
    }
    (tokens.len(), tokens.last().map_or(0, |token| token.line))
}

#[cfg(test)]
mod tests;
