//! What hereby knows its own ticket by: a token that stands in the ticket and nowhere else.
//!
//! It follows from what is on the record (whose record, which incident, which follow-up), so it is
//! the same at every attempt and after a restart. Where it is written and looked for is decided per
//! system.

use std::fmt;
use std::str::FromStr;

use base::IncidentId;

/// The longest marker, in bytes: the longest label that Jira takes.
pub const MARKER_BYTES_MAX: usize = 255;

/// The longest name of a log that hereby takes.
const ORIGIN_BYTES_MAX: usize = 200;

/// `F` and a number, with room to grow.
const ITEM_BYTES_MAX: usize = 16;

const SCHEME: &str = "hereby:";

/// `hereby:ORIGIN/INC-7/F2`: the follow-up F2 of INC-7 on the record that ORIGIN names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Marker(Box<str>);

/// A text that is no marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a marker is written hereby:ORIGIN/INC-7/F2")]
pub struct BadMarker;

impl Marker {
    /// The marker of one follow-up. `origin` is the record's name (1 to 200 letters, digits or
    /// `. - _ / : @`), `item` the follow-up's (1 to 16 letters, digits or `-`).
    ///
    /// # Errors
    /// When one of them is none.
    pub fn new(origin: &str, incident: IncidentId, item: &str) -> Result<Marker, BadMarker> {
        format!("{SCHEME}{origin}/{incident}/{item}").parse()
    }

    /// The marker as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands in a text as a word of its own: `…/F2` is not in `…/F21`.
    pub fn is_in(&self, text: &str) -> bool {
        Marker::all_in(text).any(|found| found == *self)
    }

    /// Every marker in a text, from the first to the last. Full stops and colons that follow one
    /// belong to the sentence.
    pub fn all_in(text: &str) -> impl Iterator<Item = Marker> {
        text.split(|character| !is_marker_character(character))
            .filter_map(|word| word.trim_end_matches(['.', ':']).parse().ok())
    }
}

fn is_marker_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || ".-_/:@".contains(character)
}

impl FromStr for Marker {
    type Err = BadMarker;
    fn from_str(text: &str) -> Result<Marker, BadMarker> {
        let name = text.strip_prefix(SCHEME).ok_or(BadMarker)?;
        let mut parts = name.rsplitn(3, '/');
        let (Some(item), Some(incident), Some(origin)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(BadMarker);
        };
        let is_item = (1..=ITEM_BYTES_MAX).contains(&item.len())
            && item
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let is_origin = (1..=ORIGIN_BYTES_MAX).contains(&origin.len())
            && origin.chars().all(is_marker_character);
        if is_item && is_origin && incident.parse::<IncidentId>().is_ok() {
            Ok(Marker(text.into()))
        } else {
            Err(BadMarker)
        }
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
