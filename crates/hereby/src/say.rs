//! What hereby says: data to stdout, talk to stderr, and nothing else writes to either.
//!
//! Text that came from outside cannot move the cursor, hide or forge a line: every span is escaped
//! here, where it leaves the process, so no caller can forget it. What to say is not decided here.

use std::io::{IsTerminal as _, Write};
use std::sync::Mutex;

use serde::Serialize;
use serde_json::Value;

use crate::exit::{Exit, Failure};

mod count;
mod line;
mod table;
mod time;
mod wrap;

pub(crate) use count::counted;
pub(crate) use line::{Line, Style, escaped};
pub(crate) use table::{hanging, table};
pub(crate) use time::{clock, date, duration, stamp};
pub(crate) use wrap::wrapped;

/// The version of every document that `--json` prints.
pub(crate) const JSON_VERSION: u64 = 1;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set or TERM is `dumb`
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Where the output goes and how it looks.
pub(crate) struct Out {
    stdout: Mutex<Sink>,
    stderr: Mutex<Sink>,
    /// Columns of the terminal on stdout; `None` when it is none: lines are not wrapped then.
    width: Option<usize>,
    json: bool,
    quiet: bool,
    progress: bool,
}

struct Sink {
    to: Box<dyn Write + Send>,
    color: bool,
}

impl Out {
    /// The process's own stdout and stderr.
    pub(crate) fn of_process(color: Color, json: bool, quiet: bool) -> Out {
        let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
        let wanted = |terminal: bool| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !no_color(),
        };
        Out {
            width: stdout.is_terminal().then(terminal_width),
            progress: stderr.is_terminal() && !quiet && !json,
            json,
            quiet,
            stdout: Mutex::new(Sink {
                color: wanted(stdout.is_terminal()),
                to: Box::new(stdout),
            }),
            stderr: Mutex::new(Sink {
                color: wanted(stderr.is_terminal()),
                to: Box::new(stderr),
            }),
        }
    }

    /// Whether results are printed as JSON documents.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a progress bar on stderr would be seen and is wanted.
    pub(crate) fn shows_progress(&self) -> bool {
        self.progress
    }

    /// Columns to wrap at, if lines are to be wrapped.
    pub(crate) fn width(&self) -> Option<usize> {
        self.width
    }

    /// A line of data, to stdout.
    ///
    /// # Errors
    /// When stdout takes nothing more.
    pub(crate) fn data(&self, line: impl Into<Line>) -> Result<(), Failure> {
        write(&self.stdout, &line.into()).map_err(|error| cannot_write(&error))
    }

    /// Many lines of data, written at once.
    ///
    /// # Errors
    /// When stdout takes nothing more.
    pub(crate) fn lines(&self, lines: &[Line]) -> Result<(), Failure> {
        let mut sink = lock(&self.stdout);
        let text: String = lines.iter().map(|line| line.render(sink.color)).collect();
        let written = sink.to.write_all(text.as_bytes());
        let written = written.and_then(|()| sink.to.flush());
        written.map_err(|error| cannot_write(&error))
    }

    /// One JSON document on one line of stdout: `{"v":1,…}`. What is no object goes under `value`.
    ///
    /// # Errors
    /// When stdout takes nothing more.
    pub(crate) fn json(&self, document: &impl Serialize) -> Result<(), Failure> {
        let text = versioned(document)?;
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// Bytes as they are, to stdout: a file somebody redirects. Never text from outside.
    ///
    /// # Errors
    /// When stdout takes nothing more.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut sink = lock(&self.stdout);
        let written = sink.to.write_all(bytes).and_then(|()| sink.to.flush());
        written.map_err(|error| cannot_write(&error))
    }

    /// A sentence for the person at the terminal, to stderr; not with `--quiet` or `--json`.
    pub(crate) fn talk(&self, line: impl Into<Line>) {
        if !self.quiet && !self.json {
            // Nobody can be told that talk was not heard.
            let _ = write(&self.stderr, &line.into());
        }
    }

    /// Something a person must know although it stops nothing. Not silenced by `--quiet`.
    pub(crate) fn warn(&self, text: &str) {
        if self.json {
            let _ = self.error_document(&serde_json::json!({ "warning": text }));
        } else {
            let line = Line::new().styled(Style::Warning, "warning: ").text(text);
            let _ = write(&self.stderr, &line);
        }
    }

    /// Says why something failed, and what to do next.
    pub(crate) fn failure(&self, failure: &Failure) {
        if failure.exit == Exit::Done {
            return;
        }
        if self.json {
            let _ = self.error_document(&serde_json::json!({ "error": {
                "exit": failure.exit.code(),
                "outcome": failure.exit,
                "reason": failure.reason,
                "what": failure.what,
                "why": failure.why,
                "hints": failure.hints,
                "id": failure.id,
            }}));
            return;
        }
        let mut lines = vec![
            Line::new()
                .styled(Style::Bad, "error: ")
                .text(&failure.what),
        ];
        if let Some(why) = &failure.why {
            lines.push(Line::new().styled(Style::Dim, "  why: ").text(why));
        }
        for hint in &failure.hints {
            lines.push(Line::new().styled(Style::Good, " next: ").text(hint));
        }
        for line in lines {
            let _ = write(&self.stderr, &line);
        }
    }

    fn error_document(&self, document: &Value) -> std::io::Result<()> {
        let text = versioned(document).unwrap_or_default();
        let mut sink = lock(&self.stderr);
        writeln!(sink.to, "{text}")
    }
}

/// The document with its version first, on one line.
fn versioned(document: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string(document)
        .map_err(|error| Failure::new(Exit::Internal, "the answer has no JSON").because(error))?;
    let members = match text.strip_prefix('{') {
        Some("}") => "}".to_owned(),
        Some(members) => format!(",{members}"),
        None => format!(",\"value\":{text}}}"),
    };
    Ok(line::json_for_terminals(&format!(
        "{{\"v\":{JSON_VERSION}{members}"
    )))
}

fn write(sink: &Mutex<Sink>, line: &Line) -> std::io::Result<()> {
    let mut sink = lock(sink);
    let text = line.render(sink.color);
    sink.to.write_all(text.as_bytes())?;
    sink.to.flush()
}

fn lock(sink: &Mutex<Sink>) -> std::sync::MutexGuard<'_, Sink> {
    sink.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn cannot_write(error: &std::io::Error) -> Failure {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        return Failure::reader_left();
    }
    Failure::new(Exit::Internal, "cannot write to stdout").because(error)
}

/// <https://no-color.org>: set and not empty. A dumb terminal shows escapes as text.
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || std::env::var_os("TERM").is_some_and(|value| value == "dumb")
}

fn terminal_width() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
    let columns = size
        .map(|size| usize::from(size.ws_col))
        .filter(|columns| *columns > 0);
    columns.unwrap_or(80).clamp(40, 160)
}

#[cfg(test)]
pub(crate) mod tests;
