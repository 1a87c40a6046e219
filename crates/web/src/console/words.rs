//! The console's words in each language, and how times and lengths are written in them.

use std::sync::LazyLock;

use base::Timestamp;
use language::{Language, Value, Words};

static ENGLISH: LazyLock<Words> = LazyLock::new(|| read(Language::English));
static GERMAN: LazyLock<Words> = LazyLock::new(|| read(Language::German));

fn read(language: Language) -> Words {
    let source = match language {
        Language::English => concat!(
            include_str!("../../words/en/pages.ftl"),
            include_str!("../../words/en/acts.ftl"),
            include_str!("../../words/en/forms.ftl"),
            include_str!("../../words/en/picture.ftl")
        ),
        Language::German => concat!(
            include_str!("../../words/de/pages.ftl"),
            include_str!("../../words/de/acts.ftl"),
            include_str!("../../words/de/forms.ftl"),
            include_str!("../../words/de/picture.ftl")
        ),
    };
    Words::new(language, source).expect("a test reads them")
}

/// The words of a language.
pub(crate) fn words(language: Language) -> &'static Words {
    match language {
        Language::English => &ENGLISH,
        Language::German => &GERMAN,
    }
}

/// A moment, as pages show it.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    /// RFC 3339, for programs.
    pub(super) iso: String,
    /// `2026-11-21 07:30:05 UTC`.
    pub(super) text: String,
    /// `2026-11-21`.
    pub(super) day: String,
    /// `07:30`.
    pub(super) clock: String,
    /// `5 min ago`, or `in 5 min`.
    pub(super) ago: String,
}

/// A moment as seen from `now`.
pub(super) fn moment(t: &Words, at: Timestamp, now: Timestamp) -> Moment {
    let iso = at.to_string();
    let (day, time) = (part(&iso, 0, 10), part(&iso, 11, 19));
    let since_ms = now.ms_since(at);
    let length = duration(t, since_ms.unsigned_abs());
    let ago = match since_ms {
        0.. => t.say_with("ago", &[("length", Value::from(length))]),
        _ => t.say_with("ahead", &[("length", Value::from(length))]),
    };
    Moment {
        text: format!("{day} {time} UTC"),
        day: day.to_owned(),
        clock: part(&iso, 11, 16).to_owned(),
        iso,
        ago,
    }
}

fn part(text: &str, from: usize, to: usize) -> &str {
    text.get(from..to).unwrap_or_default()
}

/// A length of time, rounded down to two figures that matter: `1 h 5 min`.
pub(super) fn duration(t: &Words, ms: u64) -> String {
    let (seconds, minutes, hours, days) =
        (ms / 1_000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    let parts: &[(u64, &str)] = match (days, hours, minutes) {
        (0, 0, 0) => &[(seconds, "seconds")],
        (0, 0, _) => &[(minutes, "minutes")],
        (0, _, _) => &[(hours, "hours"), (minutes % 60, "minutes")],
        _ => &[(days, "days"), (hours % 24, "hours")],
    };
    let shown = parts.iter().enumerate();
    let shown = shown.filter(|(at, (count, _))| *at == 0 || *count > 0);
    let words: Vec<String> = shown
        .map(|(_, (count, unit))| t.say_with(unit, &[("n", Value::from(*count))]))
        .collect();
    words.join(" ")
}

/// A word of the record's (`in_progress`) as people say it; itself if nobody says it otherwise.
pub(super) fn word(t: &Words, word: &str) -> String {
    let key = format!("word-{}", word.replace(['_', '.'], "-"));
    match t.has(&key) {
        true => t.say(&key).into_owned(),
        false => word.to_owned(),
    }
}

#[cfg(test)]
mod tests;
