//! Cutting what others send down to what a signal may carry, and counting what that cost.
//!
//! What survives depends on the alert alone, never on the order in which it was written: the
//! labels that rules and people look at first, then by name. A name is kept whole or not at all,
//! because half a name is another name; a value may lose its end.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base::{Line, Text};
use incident::{
    ANNOTATION_VALUE_BYTES_MAX, LABEL_NAME_BYTES_MAX, LABEL_VALUE_BYTES_MAX, LABELS_MAX,
};

use crate::json::Sent;

/// The most bytes that a signal's labels and annotations take together when they are written as
/// JSON: an act is an entry of at most 65,535 bytes, and this leaves room for the rest of it.
pub const SIGNAL_TEXT_BYTES_MAX: usize = 48 * 1024;

/// Labels that are kept before all others.
const LABELS_FIRST: &[&str] = &[
    "alertname",
    "severity",
    "service",
    "instance",
    "job",
    "team",
    "drill",
];

/// Annotations that are kept before all others.
const ANNOTATIONS_FIRST: &[&str] = &["summary", "description", "runbook_url", "generatorURL"];

/// Why something was left out or changed: the values of [`Dropped::reason`].
pub mod reason {
    /// An alert without labels and without a fingerprint: nothing tells which one it is.
    pub const ALERT_WITHOUT_IDENTITY: &str = "alert_without_identity";
    /// An alert that would end before it began.
    pub const ALERT_ENDS_BEFORE_START: &str = "alert_ends_before_start";
    /// A label or annotation with a name that is too long or not of printable ASCII.
    pub const NAME: &str = "name";
    /// A label or annotation with nothing to be seen in its value.
    pub const VALUE_BLANK: &str = "value_blank";
    /// A value that lost its end.
    pub const VALUE_CUT: &str = "value_cut";
    /// A control character or bidirectional override that became a space.
    pub const CHARACTER: &str = "character";
    /// A label or annotation beyond the number of them.
    pub const COUNT: &str = "count";
    /// An annotation beyond the signal's room for text.
    pub const ROOM: &str = "room";
    /// A link that is not HTTP, or too long to be kept whole.
    pub const LINK: &str = "link";
    /// A detail that is an object or array: only one level is kept.
    pub const NESTED: &str = "nested";

    /// All of them, so that metrics can start at zero.
    pub const ALL: &[&str] = &[
        ALERT_ENDS_BEFORE_START,
        ALERT_WITHOUT_IDENTITY,
        CHARACTER,
        COUNT,
        LINK,
        NAME,
        NESTED,
        ROOM,
        VALUE_BLANK,
        VALUE_CUT,
    ];
}

/// How often something was left out or changed for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// One of [`reason::ALL`].
    pub reason: &'static str,
    /// How many alerts, labels, annotations or characters.
    pub count: u64,
}

/// What was lost so far in a body.
#[derive(Debug, Default)]
pub(crate) struct Losses(BTreeMap<&'static str, u64>);

impl Losses {
    pub(crate) fn add(&mut self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.0.entry(reason).or_default() += count;
        }
    }

    pub(crate) fn into_dropped(self) -> Vec<Dropped> {
        self.0
            .into_iter()
            .map(|(reason, count)| Dropped { reason, count })
            .collect()
    }
}

/// Labels and annotations within the bounds.
pub(crate) struct Bounded {
    pub(crate) labels: BTreeMap<Box<str>, Box<str>>,
    pub(crate) annotations: BTreeMap<Box<str>, Box<str>>,
    pub(crate) lost_bytes: u64,
}

/// Cuts an alert's text to the bounds. Labels come first: they say what the alert is about. No
/// name may stand twice among the labels or among the annotations.
pub(crate) fn cut(labels: &Sent<'_>, annotations: &Sent<'_>, losses: &mut Losses) -> Bounded {
    let mut cutting = Cutting {
        room: SIGNAL_TEXT_BYTES_MAX,
        lost_bytes: 0,
        losses,
    };
    let labels = cutting.keep(labels, LABELS_FIRST, clean::<LABEL_VALUE_BYTES_MAX, false>);
    let annotations = cutting.keep(
        annotations,
        ANNOTATIONS_FIRST,
        clean::<ANNOTATION_VALUE_BYTES_MAX, true>,
    );
    Bounded {
        labels,
        annotations,
        lost_bytes: cutting.lost_bytes,
    }
}

/// The first candidate that says anything, as a line.
pub(crate) fn title<'a>(candidates: impl IntoIterator<Item = Cow<'a, str>>) -> Option<Line> {
    candidates
        .into_iter()
        .find_map(|text| Line::clean(&text))
        .map(|(line, _)| line)
}

struct Cutting<'a> {
    room: usize,
    lost_bytes: u64,
    losses: &'a mut Losses,
}

impl Cutting<'_> {
    fn keep(
        &mut self,
        sent: &Sent<'_>,
        first: &[&str],
        clean: fn(&str) -> Option<Cleaned>,
    ) -> BTreeMap<Box<str>, Box<str>> {
        // To Prometheus and Alertmanager a label without a value is not there: nothing is lost.
        let mut sent: Vec<_> = sent.iter().filter(|(_, value)| !value.is_empty()).collect();
        sent.sort_by_key(|(name, _)| {
            (
                first
                    .iter()
                    .position(|known| *known == name)
                    .unwrap_or(first.len()),
                name,
            )
        });
        let mut kept = BTreeMap::new();
        for (name, value) in sent {
            let whole = (name.len() + value.len()) as u64;
            let Some(cleaned) = self.cleaned(name, value, kept.len(), clean) else {
                self.lost_bytes += whole;
                continue;
            };
            self.room -= written_bytes(name, &cleaned.text);
            self.lost_bytes += cleaned.cut_bytes + cleaned.replaced_bytes;
            self.losses
                .add(reason::VALUE_CUT, u64::from(cleaned.cut_bytes > 0));
            self.losses.add(reason::CHARACTER, cleaned.replaced);
            kept.insert(Box::from(&**name), cleaned.text);
        }
        kept
    }

    /// The value as it is kept; `None`, with the reason counted, when the pair is left out.
    fn cleaned(
        &mut self,
        name: &str,
        value: &str,
        kept: usize,
        clean: fn(&str) -> Option<Cleaned>,
    ) -> Option<Cleaned> {
        let refuse = |losses: &mut Losses, reason| {
            losses.add(reason, 1);
            None
        };
        if !is_name(name) {
            return refuse(self.losses, reason::NAME);
        }
        if kept == LABELS_MAX {
            return refuse(self.losses, reason::COUNT);
        }
        match clean(value) {
            None => refuse(self.losses, reason::VALUE_BLANK),
            Some(cleaned) if written_bytes(name, &cleaned.text) > self.room => {
                refuse(self.losses, reason::ROOM)
            }
            cleaned => cleaned,
        }
    }
}

/// Printable ASCII that needs no escape in JSON, no space first or last. The record's keys are
/// ASCII; Prometheus' own label names are `[a-zA-Z_][a-zA-Z0-9_]*`.
fn is_name(name: &str) -> bool {
    (1..=LABEL_NAME_BYTES_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
        && !name.starts_with(' ')
        && !name.ends_with(' ')
}

/// `"name":"value",` as canonical JSON writes it.
fn written_bytes(name: &str, value: &str) -> usize {
    let escapes = value
        .bytes()
        .filter(|byte| matches!(byte, b'"' | b'\\' | b'\n' | b'\t'))
        .count();
    name.len() + value.len() + escapes + 6
}

struct Cleaned {
    text: Box<str>,
    /// Bytes beyond the bound.
    cut_bytes: u64,
    /// How many characters became a space.
    replaced: u64,
    /// Bytes that they took.
    replaced_bytes: u64,
}

/// `base`'s cleaning, with the loss measured: characters are replaced one by one and the end is
/// cut, so the two texts can be laid side by side.
fn clean<const MAX: usize, const LINES: bool>(value: &str) -> Option<Cleaned> {
    let (text, lost) = Text::<MAX, LINES>::clean(value)?;
    let text = text.as_str();
    let mut cleaned = Cleaned {
        text: text.into(),
        cut_bytes: 0,
        replaced: 0,
        replaced_bytes: 0,
    };
    if lost {
        let mut original = value.trim().chars();
        for (now, was) in text.chars().zip(original.by_ref()) {
            if now != was {
                cleaned.replaced += 1;
                cleaned.replaced_bytes += was.len_utf8() as u64;
            }
        }
        cleaned.cut_bytes = original.as_str().len() as u64;
    }
    Some(cleaned)
}

#[cfg(test)]
mod tests;
