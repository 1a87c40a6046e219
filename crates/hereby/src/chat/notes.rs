//! What in a room is meant for the record: `!note text`, and 📌 on a message.

/// What a note begins with; people write either.
const COMMANDS: [&str; 2] = ["!note", "!hereby note"];

/// The sign that makes a note of a message, with or without the mark that makes it colourful.
const PIN: &str = "📌";

/// What is to be noted of a message, if something is.
pub(super) fn command(text: &str) -> Option<&str> {
    let text = text.trim_start();
    COMMANDS.iter().find_map(|command| {
        let rest = text.strip_prefix(command)?;
        // `!notebook` is another word.
        let separated = rest.is_empty() || rest.starts_with(char::is_whitespace);
        separated.then(|| rest.trim())
    })
}

/// Whether a sign makes a note of the message that it is put on.
pub(super) fn pins(sign: &str) -> bool {
    sign.trim_end_matches('\u{FE0F}') == PIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_asked_for_by_name() {
        for (text, note) in [
            ("!note it is db1", Some("it is db1")),
            ("  !hereby note it is db1 \n", Some("it is db1")),
            ("!note\nline 1\nline 2", Some("line 1\nline 2")),
            ("!note", Some("")),
            ("!notebook", None),
            ("please !note this", None),
            ("> !note quoted", None),
            ("!Note x", None),
            ("", None),
        ] {
            assert_eq!(command(text), note, "{text:?}");
        }
        assert!(pins("📌") && pins("📌\u{FE0F}") && !pins("👍") && !pins(""));
    }
}
