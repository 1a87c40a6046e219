//! What a person signs with a key of their own where nobody can be asked: break-glass notes, and what the root key
//! says. The note goes to a file, or is printed.

use std::path::Path;

use base::{Line, Name};
use record::note::Note;
use record::statement::Statement;
use serde_json::Value;

use super::keyfile::Keys;
use crate::cli::Globals;
use crate::exit::{Exit, Failure};
use crate::say::{self, Out, Style};

/// Why, in a line: it is on the record in the clear.
///
/// # Errors
/// When nobody said it.
pub(super) fn why(globals: &Globals, example: &str) -> Result<Line, Failure> {
    let why = globals.why.as_ref();
    let line = why.and_then(|why| Line::clean(why.as_str()));
    line.map(|(line, _)| line).ok_or_else(|| {
        Failure::usage("nobody is told why").hint(format!("say why: -m \"{example}\""))
    })
}

/// Signs it with that key of the user's.
///
/// # Errors
/// When the key can't be read.
pub(super) fn signed(said: &impl Statement, key: &Name) -> Result<Note, Failure> {
    let signed = said.sign(&Keys::of_user()?.signer_of_notes(key)?);
    signed.map_err(|error| Failure::new(Exit::Internal, "the note can't be signed").because(error))
}

/// Keeps the note in a file, or prints it; where documents are wanted, in the one that says what it says.
///
/// # Errors
/// When it can't be written.
pub(super) fn keep(
    note: &Note,
    mut document: Value,
    output: Option<&Path>,
    out: &Out,
) -> Result<(), Failure> {
    let note = note.to_string();
    if let Some(path) = output {
        std::fs::write(path, &note).map_err(|error| {
            Failure::usage(format!("cannot write {}", path.display())).because(error)
        })?;
    }
    match (out.is_json(), output) {
        (true, _) => {
            if let Some(fields) = document.as_object_mut() {
                fields.insert("note".to_owned(), note.into());
            }
            out.json(&document)
        }
        (false, None) => out.bytes(note.as_bytes()),
        (false, Some(_)) => Ok(()),
    }
}

/// What is to be done with it next.
pub(super) fn next(then: &str, output: Option<&Path>, out: &Out) {
    let file = output.map_or_else(|| "NOTE".to_owned(), |path| path.display().to_string());
    let next = say::Line::new().styled(Style::Dim, "  next: ");
    out.talk(next.text(format!("{then} {file}")));
}
