//! JSON read step by step, so that every complaint names its place.
//!
//! A body is checked once as a whole and then read one level at a time: a value that nobody asks
//! for is skipped without being built. Nothing here recurses, so depth costs no stack: what nests
//! deeper than a format goes is skipped by `serde_json` in a loop, within the body's bound.
//! Duplicate keys are refused in every object that is read. A field that is `null` counts as
//! absent, as it does for the tools that these formats come from.

use std::borrow::Cow;
use std::fmt;

use base::Timestamp;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::bad_input::{BadInput, quoted};

/// The most bytes of one body.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// The most alerts in one body.
pub const ALERTS_MAX: usize = 1_000;

/// Where in a body something stands. Written out only when there is something to complain about.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    Body,
    Field(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl Place<'_> {
    pub(crate) fn wrong(&self, what: impl Into<String>) -> BadInput {
        BadInput::Wrong {
            at: self.to_string(),
            what: what.into(),
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Body => f.write_str("body"),
            Place::Field(parent, name) => {
                if !matches!(parent, Place::Body) {
                    write!(f, "{parent}.")?;
                }
                name.chars()
                    .take(80)
                    .flat_map(char::escape_debug)
                    .try_for_each(|c| write!(f, "{c}"))
            }
            Place::Item(Place::Body, index) => write!(f, "[{index}]"),
            Place::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// The whole body, if it is JSON and not too long.
pub(crate) fn body(bytes: &[u8]) -> Result<&RawValue, BadInput> {
    if bytes.len() > BODY_BYTES_MAX {
        return Err(BadInput::TooLarge { bytes: bytes.len() });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| BadInput::NotJson {
        what: format!("it is not UTF-8 at byte {}", error.valid_up_to()),
    })?;
    serde_json::from_str(text).map_err(|error| BadInput::NotJson {
        what: error.to_string(),
    })
}

/// An object with the fields that `T` names.
pub(crate) fn object<'a, T: Deserialize<'a>>(
    raw: &'a RawValue,
    place: &Place<'_>,
) -> Result<T, BadInput> {
    expect_kind(raw, place, Kind::Object)?;
    read(raw, place)
}

/// Names and values of an object whose names are the sender's, sorted by name.
pub(crate) fn pairs<'a>(
    raw: &'a RawValue,
    place: &Place<'_>,
) -> Result<Vec<(Cow<'a, str>, &'a RawValue)>, BadInput> {
    expect_kind(raw, place, Kind::Object)?;
    let Pairs(mut pairs) = read(raw, place)?;
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    let twice = pairs.windows(2).find_map(|two| match two {
        [(first, _), (second, _)] if first == second => Some(second),
        _ => None,
    });
    match twice {
        Some(name) => Err(Place::Field(place, name).wrong("stands here twice")),
        None => Ok(pairs),
    }
}

/// Names and texts of an object whose names are the sender's, sorted by name.
pub(crate) fn texts<'a>(
    raw: Option<&'a RawValue>,
    place: &Place<'_>,
) -> Result<Sent<'a>, BadInput> {
    let Some(raw) = raw else {
        return Ok(Vec::new());
    };
    let mut texts = Vec::new();
    for (name, value) in pairs(raw, place)? {
        let text = string(value, &Place::Field(place, &name))?;
        texts.push((name, text));
    }
    Ok(texts)
}

/// The items of an array of at most [`ALERTS_MAX`].
pub(crate) fn alerts<'a>(
    raw: Option<&'a RawValue>,
    place: &Place<'_>,
) -> Result<Vec<&'a RawValue>, BadInput> {
    let Some(raw) = raw else {
        return Ok(Vec::new());
    };
    expect_kind(raw, place, Kind::Array)?;
    let items: Items<'a> = read(raw, place)?;
    if items.count > ALERTS_MAX {
        return Err(BadInput::TooMany {
            alerts: items.count,
        });
    }
    Ok(items.first)
}

/// A string.
pub(crate) fn string<'a>(raw: &'a RawValue, place: &Place<'_>) -> Result<Cow<'a, str>, BadInput> {
    expect_kind(raw, place, Kind::String)?;
    let inside = raw
        .get()
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match inside {
        Some(plain) if !plain.contains('\\') => Ok(Cow::Borrowed(plain)),
        _ => read::<String>(raw, place).map(Cow::Owned),
    }
}

/// A string, or nothing when it is absent.
pub(crate) fn optional_string<'a>(
    raw: Option<&'a RawValue>,
    place: &Place<'_>,
) -> Result<Option<Cow<'a, str>>, BadInput> {
    raw.map(|raw| string(raw, place)).transpose()
}

/// A string that must be there and not be blank.
pub(crate) fn required_string<'a>(
    raw: Option<&'a RawValue>,
    place: &Place<'_>,
) -> Result<Cow<'a, str>, BadInput> {
    match optional_string(raw, place)? {
        None => Err(place.wrong("is missing")),
        Some(text) if text.trim().is_empty() => Err(place.wrong("is empty")),
        Some(text) => Ok(text),
    }
}

/// An RFC 3339 time. Absent, or Go's zero time `0001-01-01T00:00:00Z`, is none.
pub(crate) fn time(
    raw: Option<&RawValue>,
    place: &Place<'_>,
) -> Result<Option<Timestamp>, BadInput> {
    const GO_ZERO_MS: i64 = -62_135_596_800_000;
    let Some(text) = optional_string(raw, place)? else {
        return Ok(None);
    };
    match Timestamp::parse_rfc3339(&text) {
        Ok(at) => Ok(Some(at).filter(|at| at.as_ms() != GO_ZERO_MS)),
        Err(_) => {
            let what = "is not a time like 2017-12-21T07:30:00Z (RFC 3339)";
            Err(place.wrong(format!("{} {what}", quoted(&text))))
        }
    }
}

/// A whole number from 0; 0 when absent.
pub(crate) fn count(raw: Option<&RawValue>, place: &Place<'_>) -> Result<u64, BadInput> {
    let Some(raw) = raw else { return Ok(0) };
    let number = serde_json::from_str(raw.get());
    number.map_err(|_| place.wrong("must be a whole number from 0"))
}

/// Names and texts as they were sent.
pub(crate) type Sent<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// What a JSON value is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

impl Kind {
    pub(crate) fn of(raw: &RawValue) -> Kind {
        match raw.get().bytes().next() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') | None => Kind::Null,
            Some(_) => Kind::Number,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Object => "an object",
            Kind::Array => "an array",
            Kind::String => "a string",
            Kind::Number => "a number",
            Kind::Bool => "true or false",
            Kind::Null => "null",
        })
    }
}

fn expect_kind(raw: &RawValue, place: &Place<'_>, wanted: Kind) -> Result<(), BadInput> {
    let found = Kind::of(raw);
    if found == wanted {
        return Ok(());
    }
    Err(place.wrong(format!("must be {wanted}, not {found}")))
}

/// The kind was checked already, so what `serde_json` still complains of quotes no value: a field
/// twice, or an escape that is no character.
fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue, place: &Place<'_>) -> Result<T, BadInput> {
    serde_json::from_str(raw.get()).map_err(|error| {
        let what = error.to_string();
        // Line and column count within this value and would mislead.
        let what = what
            .rsplit_once(" at line ")
            .map_or(what.as_str(), |(what, _)| what);
        place.wrong(what)
    })
}

struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs<'de>, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Pairs<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some((Key(name), value)) = map.next_entry()? {
                    pairs.push((name, value));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Read)
    }
}

struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key<'de>, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(name)))
            }
            fn visit_str<E>(self, name: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(Read)
    }
}

/// The first [`ALERTS_MAX`] items of an array, and how many it has.
struct Items<'a> {
    first: Vec<&'a RawValue>,
    count: usize,
}

impl<'de> Deserialize<'de> for Items<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Items<'de>, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Items<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Items<'de>, A::Error> {
                let mut first = Vec::new();
                while first.len() < ALERTS_MAX {
                    match seq.next_element()? {
                        Some(item) => first.push(item),
                        None => {
                            return Ok(Items {
                                count: first.len(),
                                first,
                            });
                        }
                    }
                }
                let mut count = first.len();
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Items { first, count })
            }
        }
        deserializer.deserialize_seq(Read)
    }
}

#[cfg(test)]
mod tests;
