//! Reads a configuration from TOML. Every mistake is told, with its line and column and, where one
//! can be guessed, what was meant. What is accepted holds: settings that this build can't enforce are
//! refused.
//!
//! No file is opened here. Names of files are taken as they stand; whether they exist shows when the
//! edge begins.

mod agreement;
pub(crate) mod keys;
pub(crate) mod nearest;
mod reading;
mod schema;
mod sections;
pub(crate) mod syntax;
mod traffic;
mod watching;

use core::fmt;

use toml::de::DeTable;

use super::Config;
use reading::{Report, Table};

pub use schema::schema;

/// The largest file that is read, in bytes.
pub const FILE_BYTES_MAX: usize = 4 << 20;

/// Settings that are well written and can't be enforced yet, and what to write instead. A key by its
/// path (`listen.proxy_protocol`: every value but `false`), or a key and a word
/// (`upstream.protocol=http2`).
pub const NOT_YET: &[(&str, &str)] = &[];

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// From 1 on.
    pub line: u32,
    /// From 1 on, in characters.
    pub column: u32,
    /// The setting's path: `route.to`; empty where the text is no TOML.
    pub key: String,
    pub what: String,
    /// What to do about it, or what was probably meant.
    pub next: Option<String>,
}

impl Wrong {
    /// A mistake at that byte of a text.
    pub fn at_byte(text: &str, at: usize, key: &str, what: String) -> Wrong {
        let mut place = Place::start(text);
        place.go_to(at.min(text.len()));
        Wrong {
            line: place.line,
            column: place.column,
            key: key.to_owned(),
            what,
            next: None,
        }
    }

    /// As a compiler says it: `edge.toml:12:8: route.to: there is no upstream "shpo"; did you mean
    /// "shop"?`
    pub fn at(&self, file: &str) -> String {
        format!("{file}:{self}")
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)?;
        match &self.next {
            Some(next) => write!(f, "; {next}"),
            None => Ok(()),
        }
    }
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    ///
    /// Every mistake, in the order of the text, at most 1,000 and a word that there are more. If the
    /// text is no TOML, only what TOML says: the rest would be guessed.
    pub fn parse(text: &str) -> Result<Config, Vec<Wrong>> {
        parse_without(text, NOT_YET)
    }
}

/// Reads a configuration; refuses what `not_yet` names.
pub(crate) fn parse_without(
    text: &str,
    not_yet: &'static [(&'static str, &'static str)],
) -> Result<Config, Vec<Wrong>> {
    let mut report = Report::new(not_yet);
    if text.len() > FILE_BYTES_MAX {
        let what = format!("the file is larger than {FILE_BYTES_MAX} bytes");
        report.wrong(0, "", what);
        return Err(told(report, ""));
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().map_or(text.len(), |span| span.start);
        report.wrong(at, "", error.message());
    }
    if !report.findings.is_empty() {
        return Err(told(report, text));
    }
    let span = document.span();
    let top = Table::open(&keys::TOP, span, document.get_ref(), &mut report);
    let config = sections::config(&top, &mut report);
    if report.findings.is_empty() {
        return Ok(config);
    }
    Err(told(report, text))
}

/// The findings with lines and columns, in the order of the text.
fn told(report: Report, text: &str) -> Vec<Wrong> {
    let mut findings = report.findings;
    findings.sort_by_key(|finding| finding.at);
    let mut place = Place::start(text);
    let mut wrong: Vec<Wrong> = findings
        .into_iter()
        .map(|finding| {
            place.go_to(finding.at);
            Wrong {
                line: place.line,
                column: place.column,
                key: finding.key,
                what: finding.what,
                next: finding.next,
            }
        })
        .collect();
    if report.untold > 0 {
        wrong.push(Wrong {
            line: place.line,
            column: place.column,
            key: String::new(),
            what: format!("there are {} more mistakes", report.untold),
            next: Some("mend these first".to_owned()),
        });
    }
    wrong
}

/// Walks through the text once, from finding to finding.
struct Place<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    column: u32,
}

impl Place<'_> {
    fn start(text: &str) -> Place<'_> {
        Place {
            text,
            at: 0,
            line: 1,
            column: 1,
        }
    }

    fn go_to(&mut self, at: usize) {
        let passed = self.text.get(self.at..at).unwrap_or_default();
        for c in passed.chars() {
            if c == '\n' {
                self.line = self.line.saturating_add(1);
                self.column = 1;
            } else {
                self.column = self.column.saturating_add(1);
            }
        }
        self.at = self.at.max(at);
    }
}
