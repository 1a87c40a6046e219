//! Text and files that people hand over: from the command line, stdin, or disk.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use base::{Line, Prose};
use bytes::Bytes;

use super::Session;
use crate::exit::Failure;

/// The longest text, in bytes (that of [`Prose`]).
const TEXT_BYTES_MAX: usize = 16_384;

/// The largest file kept with an incident, in bytes: encrypted it has at most 8 MiB.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024 - record::sealed::SealedFile::OVERHEAD_BYTES as u64;

impl Session<'_> {
    /// The text that was given, or what stdin says when it is `-` or left out.
    pub(super) fn prose(&self, given: Option<&str>, what: &str) -> Result<Prose, Failure> {
        let text = match given {
            Some(text) if text != "-" => text.to_owned(),
            _ => self.stdin(what, TEXT_BYTES_MAX)?,
        };
        text.trim_end().parse().map_err(|error| {
            Failure::usage(format!("the {what} can't be taken"))
                .because(error)
                .hint("keep long or binary things as a file: hereby note INC TEXT --file FILE")
        })
    }

    /// All of stdin, if it is UTF-8 and no longer than that.
    pub(super) fn stdin(&self, what: &str, bytes_max: usize) -> Result<String, Failure> {
        let stdin = std::io::stdin();
        if stdin.is_terminal() {
            self.out.talk(format!(
                "Write the {what}; Ctrl-D on a line of its own ends it."
            ));
        }
        let limit = u64::try_from(bytes_max)
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        let mut text = String::new();
        stdin
            .lock()
            .take(limit)
            .read_to_string(&mut text)
            .map_err(|error| {
                Failure::usage(format!("cannot read the {what} from stdin")).because(error)
            })?;
        if text.len() > bytes_max {
            return Err(Failure::usage(format!("the {what} is too long"))
                .because(format!("at most {bytes_max} bytes are taken"))
                .hint("keep it as a file: hereby note INC TEXT --file FILE"));
        }
        Ok(text)
    }
}

/// A file that somebody hands over, with its name.
pub(super) fn read_file(path: &Path) -> Result<(Option<Line>, Bytes), Failure> {
    let cannot = |error: std::io::Error| {
        Failure::usage(format!("cannot read {}", path.display())).because(error)
    };
    let file = std::fs::File::open(path).map_err(cannot)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::usage(format!("{} is too large", path.display()))
            .because(format!(
                "a file kept with an incident has at most {FILE_BYTES_MAX} bytes"
            ))
            .hint("keep the part that matters"));
    }
    if bytes.is_empty() {
        return Err(Failure::usage(format!("{} is empty", path.display())));
    }
    let name = path
        .file_name()
        .and_then(|name| Line::clean(&name.to_string_lossy()));
    Ok((name.map(|(name, _)| name), bytes.into()))
}

/// A text file of at most so many bytes.
pub(super) fn read_text(path: &Path, bytes_max: usize) -> Result<String, Failure> {
    let cannot = |error: std::io::Error| {
        Failure::usage(format!("cannot read {}", path.display())).because(error)
    };
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let file = std::fs::File::open(path).map_err(cannot)?;
    let mut text = String::new();
    file.take(limit.saturating_add(1))
        .read_to_string(&mut text)
        .map_err(cannot)?;
    if text.len() > bytes_max {
        return Err(Failure::usage(format!("{} is too large", path.display()))
            .because(format!("at most {bytes_max} bytes are read")));
    }
    Ok(text)
}
