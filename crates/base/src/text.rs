//! Text with a limit, free of characters that could forge a line or hide in a terminal.
//!
//! Escaping for HTML, logs or a terminal happens where text is shown, not here.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Text of at most `MAX` bytes of UTF-8, not blank, without control characters.
///
/// `LINES` says whether line feeds and tabs may be in it. Bidirectional overrides and isolates
/// (U+202A to U+202E, U+2066 to U+2069) are refused in both: they make a line read as another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const MAX: usize, const LINES: bool>(Box<str>);

/// One line: titles, reasons in a list, names of things. At most 200 bytes.
pub type Line = Text<200, false>;

/// What a person writes: notes, updates, reasons. At most 16 KiB, with line feeds.
pub type Prose = Text<16_384, true>;

/// Why a text was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadText {
    /// Nothing but white space.
    #[error("it is empty")]
    Empty,
    /// More bytes than allowed.
    #[error("it has {bytes} bytes, at most {max} are allowed")]
    TooLong {
        /// How many bytes it has.
        bytes: usize,
        /// How many it may have.
        max: usize,
    },
    /// A control character or bidirectional override.
    #[error("character U+{code:04X} at byte {at} is not allowed")]
    Character {
        /// The code point.
        code: u32,
        /// The byte offset.
        at: usize,
    },
}

fn forbidden(character: char, lines: bool) -> bool {
    if lines && matches!(character, '\n' | '\t') {
        return false;
    }
    character.is_control()
        || matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
        || matches!(character, '\u{2028}' | '\u{2029}')
}

/// Whether it is ASCII without control characters, as most text is. Looked at a block at a time,
/// without a branch for each byte.
fn is_plain(text: &str) -> bool {
    text.as_bytes().chunks(64).all(|block| {
        block
            .iter()
            .fold(true, |plain, byte| plain & (0x20..0x7f).contains(byte))
    })
}

impl<const MAX: usize, const LINES: bool> Text<MAX, LINES> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Cuts and cleans what an outsider sent so that it fits; the second value says whether
    /// anything was lost. `None` when nothing is left.
    pub fn clean(text: &str) -> Option<(Self, bool)> {
        let mut kept = String::new();
        let mut lost = false;
        for character in text.trim().chars() {
            let character = if forbidden(character, LINES) {
                lost = true;
                ' '
            } else {
                character
            };
            if kept.len() + character.len_utf8() > MAX {
                lost = true;
                break;
            }
            kept.push(character);
        }
        kept.parse().ok().map(|text| (text, lost))
    }
}

impl<const MAX: usize, const LINES: bool> FromStr for Text<MAX, LINES> {
    type Err = BadText;
    fn from_str(text: &str) -> Result<Self, BadText> {
        if text.len() > MAX {
            return Err(BadText::TooLong {
                bytes: text.len(),
                max: MAX,
            });
        }
        if text.trim().is_empty() {
            return Err(BadText::Empty);
        }
        if is_plain(text) {
            return Ok(Text(text.into()));
        }
        match text
            .char_indices()
            .find(|(_, character)| forbidden(*character, LINES))
        {
            Some((at, character)) => Err(BadText::Character {
                code: u32::from(character),
                at,
            }),
            None => Ok(Text(text.into())),
        }
    }
}

impl<const MAX: usize, const LINES: bool> fmt::Display for Text<MAX, LINES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize, const LINES: bool> fmt::Debug for Text<MAX, LINES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<const MAX: usize, const LINES: bool> Serialize for Text<MAX, LINES> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const MAX: usize, const LINES: bool> Deserialize<'de> for Text<MAX, LINES> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse_str(deserializer)
    }
}

/// Deserializes through `FromStr` without a copy of the text.
pub(crate) fn parse_str<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    struct Parse<T>(PhantomData<T>);
    impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Parse<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }
    deserializer
        .deserialize_str(Parse(PhantomData))
        .map_err(D::Error::custom)
}
