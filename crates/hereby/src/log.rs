//! What hereby says of itself while it runs: structured lines on stderr.
//!
//! Text from outside may end up in a line; a control character in it must neither forge a second
//! line nor reach a terminal. So whatever the formatter produced is escaped as the last step: one
//! event is one line.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{LogFormat, LogOutput};

/// Starts logging. A second call changes nothing.
///
/// # Errors
/// When the level is not one.
pub(crate) fn start(output: &LogOutput) -> Result<(), String> {
    let filter = EnvFilter::try_new(&output.level)
        .map_err(|error| format!("log.level `{}`: {error}", output.level))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Stderr)
        .with_ansi(false);
    let started = match output.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // Only tests start it twice; the first one stays.
    drop(started);
    Ok(())
}

/// How often the same error is said again while nothing changes.
const SAID_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// An error that comes again and again: it is said when it is new or another one, and then once a
/// minute.
#[derive(Debug, Default)]
pub(crate) struct Repeated(Mutex<Option<(String, Instant)>>);

impl Repeated {
    /// Logs it, unless just this was logged within the last minute.
    pub(crate) fn say(&self, error: &dyn fmt::Display) {
        if self.is_due(error.to_string(), Instant::now()) {
            tracing::error!("{error}");
        }
    }

    /// It is over: should it come back, that is new.
    pub(crate) fn ended(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn is_due(&self, text: String, now: Instant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((said, at)) = &*last
            && *said == text
            && now.saturating_duration_since(*at) < SAID_AGAIN_AFTER
        {
            return false;
        }
        *last = Some((text, now));
        true
    }
}

struct Stderr;

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = Escaping<io::Stderr>;
    fn make_writer(&'a self) -> Escaping<io::Stderr> {
        Escaping(io::stderr())
    }
}

/// Escapes control characters in what it is given, but for the line feed at the end.
///
/// The formatter writes each event with one call.
struct Escaping<W>(W);

impl<W: Write> Write for Escaping<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0
            .write_all(escaped(&String::from_utf8_lossy(event)).as_bytes())?;
        Ok(event.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn escaped(event: &str) -> String {
    let (line, end) = match event.strip_suffix('\n') {
        Some(line) => (line, "\n"),
        None => (event, ""),
    };
    let mut out = String::with_capacity(event.len());
    for character in line.chars() {
        let hides = matches!(
            character,
            '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
        );
        if character.is_control() || hides {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out.push_str(end);
    out
}

#[cfg(test)]
mod tests {
    use super::{Escaping, Repeated, SAID_AGAIN_AFTER, escaped};
    use std::io::Write as _;
    use std::time::{Duration, Instant};

    #[test]
    fn what_comes_again_is_said_when_it_changes_and_then_once_a_minute() {
        let (repeated, begin) = (Repeated::default(), Instant::now());
        let due = |text: &str, after: Duration| repeated.is_due(text.to_owned(), begin + after);
        assert!(due("no token", Duration::ZERO));
        for second in 1..60 {
            assert!(!due("no token", Duration::from_secs(second)));
        }
        assert!(due("no token", SAID_AGAIN_AFTER));
        assert!(due("no answer", SAID_AGAIN_AFTER));
        assert!(!due("no answer", SAID_AGAIN_AFTER + Duration::from_secs(1)));
        repeated.ended();
        assert!(due("no answer", SAID_AGAIN_AFTER + Duration::from_secs(2)));
    }

    #[test]
    fn an_event_is_one_line_whatever_it_holds() {
        assert_eq!(
            escaped("a\nfake line\u{1b}[31m\r\n"),
            "a\\nfake line\\u{1b}[31m\\r\n"
        );
        assert_eq!(escaped("\u{202E}txt"), "\\u{202e}txt");
        let mut out = Vec::new();
        Escaping(&mut out).write_all(b"one\x07\n").unwrap();
        assert_eq!(out, b"one\\u{7}\n");
    }
}
