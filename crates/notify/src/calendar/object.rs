//! Content lines (RFC 5545 §3.1): escaping, and folding at 75 octets.
//!
//! What the properties mean is said in the parent.

use base::Timestamp;

/// The longest line, in octets without its end (RFC 5545 §3.1).
const LINE_OCTETS_MAX: usize = 75;

/// The text of an iCalendar object as it grows.
#[derive(Default)]
pub(super) struct Object(String);

impl Object {
    /// Adds one content line, folded. Both parts are escaped already and hold no control
    /// characters but tabs.
    pub(super) fn line(&mut self, name_and_parameters: &str, value: &str) {
        let whole = name_and_parameters
            .chars()
            .chain([':'])
            .chain(value.chars());
        let mut octets = 0;
        for character in whole {
            let width = character.len_utf8();
            if octets + width > LINE_OCTETS_MAX {
                self.0.push_str("\r\n ");
                octets = 1;
            }
            self.0.push(character);
            octets += width;
        }
        self.0.push_str("\r\n");
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// A value of type TEXT (RFC 5545 §3.3.11).
pub(super) fn text(plain: &str) -> String {
    let mut escaped = String::with_capacity(plain.len());
    for character in plain.chars() {
        match character {
            '\\' | ';' | ',' => escaped.extend(['\\', character]),
            '\n' => escaped.push_str("\\n"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A parameter's value in double quotes, which it can't hold itself: RFC 6868 writes them `^'`,
/// and the caret `^^`.
pub(super) fn parameter(plain: &str) -> String {
    let mut quoted = String::with_capacity(plain.len() + 2);
    quoted.push('"');
    for character in plain.chars() {
        match character {
            '^' => quoted.push_str("^^"),
            '"' => quoted.push_str("^'"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// A DATE-TIME in UTC (RFC 5545 §3.3.5, form 2), cut to whole seconds: `20171221T073000Z`.
pub(super) fn utc(time: Timestamp) -> String {
    let stamp = time.to_string();
    let seconds = stamp.split('.').next().unwrap_or_default();
    let digits: String = seconds
        .chars()
        .filter(|character| !matches!(character, '-' | ':'))
        .collect();
    format!("{digits}Z")
}
