//! Why something was not done now, and how long to wait before it is tried again.

use std::time::Duration;

use incident::Refusal;
use notify::chat::{Fate, Undone};

/// Why nothing was done now.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) what: String,
    /// How long to wait, if somebody said.
    pub(super) wait: Option<Duration>,
    /// It is the channel's, not this room's.
    pub(super) whole: bool,
}

impl From<Undone> for Trouble {
    fn from(undone: Undone) -> Trouble {
        let wait = match undone.fate {
            Fate::Later(wait) => wait,
            _ => None,
        };
        Trouble {
            whole: matches!(undone.fate, Fate::Later(_) | Fate::Unknown),
            what: undone.what,
            wait,
        }
    }
}

impl From<String> for Trouble {
    fn from(what: String) -> Trouble {
        Trouble {
            what,
            wait: None,
            whole: false,
        }
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Trouble {
        refusal.detail.into()
    }
}
