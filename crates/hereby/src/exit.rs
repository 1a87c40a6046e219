//! How a run of hereby ends: the one table of exit codes, and what a person is told with it.
//!
//! Every error becomes a [`Failure`] before it leaves its command. How it is printed is decided in
//! [`crate::say`]; `docs/reference/exit-codes.md` shows this table, and a test compares the two.

use std::fmt;

use base::CommandId;
use serde::Serialize;

/// The code a process ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// It was done.
    Done = 0,
    /// Something failed that nothing here foresaw, or this machine failed: a disk, a pipe.
    Internal = 1,
    /// The command line, a file it names or the configuration is wrong.
    Usage = 2,
    /// hereby judged the command and said no: nothing happened.
    Refused = 3,
    /// The command was sent and nobody can say whether it happened.
    Unknown = 4,
    /// What was verified is not what it claims to be.
    Unverified = 5,
    /// hereby cannot be reached: nothing was sent.
    Unreachable = 6,
    /// Another process holds the data directory.
    Held = 7,
    /// The record is corrupt, or an anchor or witness contradicts it.
    Untrusted = 8,
    /// The token or user may not do this, or is not known.
    Unauthorised = 9,
}

impl Exit {
    /// Every code, in the order of their numbers.
    pub(crate) const ALL: [Exit; 10] = [
        Exit::Done,
        Exit::Internal,
        Exit::Usage,
        Exit::Refused,
        Exit::Unknown,
        Exit::Unverified,
        Exit::Unreachable,
        Exit::Held,
        Exit::Untrusted,
        Exit::Unauthorised,
    ];

    /// The number.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// The word for machines, as in `--json`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Exit::Done => "done",
            Exit::Internal => "internal",
            Exit::Usage => "usage",
            Exit::Refused => "refused",
            Exit::Unknown => "unknown",
            Exit::Unverified => "unverified",
            Exit::Unreachable => "unreachable",
            Exit::Held => "held",
            Exit::Untrusted => "untrusted",
            Exit::Unauthorised => "unauthorised",
        }
    }

    /// What it means, in a sentence.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Exit::Done => "It was done.",
            Exit::Internal => "Something failed that was not foreseen, or this machine failed.",
            Exit::Usage => "The command line, a file it names or the configuration is wrong.",
            Exit::Refused => "hereby said no, and said why. Nothing happened.",
            Exit::Unknown => "The command was sent and nobody can say whether it happened.",
            Exit::Unverified => "What was verified is not what it claims to be.",
            Exit::Unreachable => "hereby cannot be reached. Nothing was sent.",
            Exit::Held => "Another process holds the data directory.",
            Exit::Untrusted => "The record is corrupt, or an anchor or witness contradicts it.",
            Exit::Unauthorised => "The token or user is not known, or may not do this.",
        }
    }
}

impl Serialize for Exit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// Why something was not done: what happened, why, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// How the process ends.
    pub(crate) exit: Exit,
    /// What happened, in a sentence.
    pub(crate) what: String,
    /// Why, if that is more than `what` says.
    pub(crate) why: Option<String>,
    /// What to do next, each a sentence or a command line.
    pub(crate) hints: Vec<String>,
    /// The machine's word for a refusal, as in the API: `wrong_state`.
    pub(crate) reason: Option<String>,
    /// The command's id, when one was sent.
    pub(crate) id: Option<CommandId>,
}

impl Failure {
    /// A failure with the sentence that says what happened.
    pub(crate) fn new(exit: Exit, what: impl fmt::Display) -> Failure {
        Failure {
            exit,
            what: what.to_string(),
            why: None,
            hints: Vec::new(),
            reason: None,
            id: None,
        }
    }

    /// A mistake in how hereby was called.
    pub(crate) fn usage(what: impl fmt::Display) -> Failure {
        Failure::new(Exit::Usage, what)
    }

    /// Whoever read our output has left (`hereby incidents | head`): nothing more is to be said,
    /// and nothing went wrong.
    pub(crate) fn reader_left() -> Failure {
        Failure::new(Exit::Done, "")
    }

    /// With the reason behind it.
    #[must_use]
    pub(crate) fn because(mut self, why: impl fmt::Display) -> Failure {
        self.why = Some(why.to_string());
        self
    }

    /// With one more thing to do next.
    #[must_use]
    pub(crate) fn hint(mut self, next: impl Into<String>) -> Failure {
        self.hints.push(next.into());
        self
    }
}

/// What the code did not foresee; the chain of causes is the reason.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        let mut chain = error.chain();
        let what = chain.next().map_or_else(String::new, ToString::to_string);
        let why: Vec<String> = chain.map(ToString::to_string).collect();
        let failure = Failure::new(Exit::Internal, what);
        if why.is_empty() {
            failure
        } else {
            failure.because(why.join(": "))
        }
    }
}

#[cfg(test)]
mod tests;
