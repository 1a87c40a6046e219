//! The public status page, in words.

use record::act::Act;
use record::kinds::Body;
use record::kinds::page::PublicWord;

use super::{Told, plain, said};
use crate::say::stamp;

/// What an update said on the page beside its text.
pub(super) fn beside(word: Option<&PublicWord>) -> String {
    let Some(word) = word else {
        return String::new();
    };
    let mut parts = Vec::new();
    if let Some(headline) = &word.headline {
        parts.push(format!("as \u{201c}{headline}\u{201d}"));
    }
    if let Some(impact) = word.impact {
        parts.push(format!("impact {}", impact.as_str()));
    }
    for (name, status) in &word.components {
        parts.push(format!("{name} {}", status.as_str().replace('_', " ")));
    }
    match parts.is_empty() {
        true => String::new(),
        false => format!(" ({})", parts.join(", ")),
    }
}

/// The act in words.
pub(super) fn told(act: &Act) -> Option<Told> {
    Some(match &act.body {
        Body::ComponentRegistered(body) => {
            let titles: Vec<&str> = body.titles.values().map(|it| it.as_str()).collect();
            said("stands on the status page", titles.join(" / "))
        }
        Body::ComponentRemoved(_) => plain("was taken from the status page"),
        Body::PageMeasured(body) => plain(format!(
            "measured {} of 1440 minutes of the day from {}",
            body.minutes,
            stamp(body.starts_at)
        )),
        _ => return None,
    })
}
