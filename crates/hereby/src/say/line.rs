//! A line of styled spans, escaped as it is rendered.

use std::fmt::Write as _;

/// How a span looks. Colour never carries meaning alone: the words say it too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Style {
    /// As everything else.
    #[default]
    Plain,
    /// Worth finding.
    Bold,
    /// There for completeness.
    Dim,
    /// Wrong, or the worst severities.
    Bad,
    /// To be looked at.
    Warning,
    /// In order.
    Good,
    /// A mark that must not be missed: DRILL, PRIVATE.
    Loud,
}

impl Style {
    /// The SGR sequence (ECMA-48 §8.3.117) that switches it on.
    fn sgr(self) -> &'static str {
        match self {
            Style::Plain => "",
            Style::Bold => "\x1b[1m",
            Style::Dim => "\x1b[2m",
            Style::Bad => "\x1b[1;31m",
            Style::Warning => "\x1b[33m",
            Style::Good => "\x1b[32m",
            Style::Loud => "\x1b[1;7m",
        }
    }
}

/// One line, or several when a span holds line feeds; rendered with a line feed at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    spans: Vec<(Style, String)>,
}

impl Line {
    pub(crate) fn new() -> Line {
        Line::default()
    }

    /// With text as everything else.
    #[must_use]
    pub(crate) fn text(self, text: impl Into<String>) -> Line {
        self.styled(Style::Plain, text)
    }

    /// With text in a style.
    #[must_use]
    pub(crate) fn styled(mut self, style: Style, text: impl Into<String>) -> Line {
        let text = text.into();
        if !text.is_empty() {
            self.spans.push((style, text));
        }
        self
    }

    /// With another line's spans behind its own.
    #[must_use]
    pub(crate) fn then(mut self, other: Line) -> Line {
        self.spans.extend(other.spans);
        self
    }

    /// With spaces behind it, up to that many columns and at least one.
    #[must_use]
    pub(crate) fn padded(self, columns: usize) -> Line {
        let room = columns.saturating_sub(self.columns()).max(1);
        self.text(" ".repeat(room))
    }

    /// How many columns it takes once it is escaped.
    pub(crate) fn columns(&self) -> usize {
        self.spans
            .iter()
            .map(|(_, text)| super::wrap::columns(&escaped(text)))
            .sum()
    }

    /// The text with a line feed, escaped, with colours if they are wanted.
    pub(crate) fn render(&self, color: bool) -> String {
        let mut rendered = String::new();
        for (style, text) in &self.spans {
            let colored = color && *style != Style::Plain;
            if colored {
                rendered.push_str(style.sgr());
            }
            rendered.push_str(&escaped(text));
            if colored {
                rendered.push_str("\x1b[0m");
            }
        }
        let kept = if color {
            rendered.len()
        } else {
            rendered.trim_end().len()
        };
        rendered.truncate(kept);
        rendered.push('\n');
        rendered
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Line {
        Line::new().text(text)
    }
}

impl From<String> for Line {
    fn from(text: String) -> Line {
        Line::new().text(text)
    }
}

/// Whether the character could act on a terminal or make a line read as another.
fn acts(character: char) -> bool {
    (character.is_control() && character != '\n')
        || matches!(
            character,
            '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// The text with every character that acts written out: ESC as `\u{1b}`. Tabs become spaces.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => safe.push_str("    "),
            _ if acts(character) => safe.extend(character.escape_unicode()),
            _ => safe.push(character),
        }
    }
    safe
}

/// JSON in which the characters that JSON allows and a terminal obeys (DEL, C1, bidirectional
/// overrides) are escaped. They can only stand in strings, where `\uXXXX` means the same.
pub(super) fn json_for_terminals(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for character in json.chars() {
        if acts(character) {
            // All of these are in the basic plane: four digits.
            let _ = write!(safe, "\\u{:04x}", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    safe
}
