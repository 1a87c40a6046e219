//! How single arguments are read: incidents, durations, times, labels.
//!
//! Nothing here reads a clock: a relative time is resolved by the command that uses it.

use base::{Actor, IncidentId, Timestamp};
use record::hash::Hash;

/// An incident as people say it: `7`, `INC-7`, `inc-7`.
pub(crate) fn incident(text: &str) -> Result<IncidentId, String> {
    let digits = match text.get(..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case("INC-") => text.get(4..).unwrap_or_default(),
        _ => text,
    };
    format!("INC-{digits}")
        .parse()
        .map_err(|_| "an incident is written 7, INC-7 or inc-7".to_owned())
}

/// A whole digest: 64 hexadecimal digits.
pub(crate) fn digest(text: &str) -> Result<Hash, String> {
    let wrong = || "a digest is 64 hexadecimal digits".to_owned();
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let mut digest = Hash([0; 32]);
    for (place, byte) in digest.0.iter_mut().enumerate() {
        let digits = text.get(place * 2..place * 2 + 2).ok_or_else(wrong)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
    }
    Ok(digest)
}

/// A length of time in milliseconds: `90s`, `30m`, `2h`, `1h30m`, `90d`; more than nothing.
pub(crate) fn duration_ms(text: &str) -> Result<i64, String> {
    let wrong = || "a length of time is written 90s, 30m, 2h, 1h30m or 7d".to_owned();
    let mut total: i64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, behind) = rest.split_at_checked(digits).ok_or_else(wrong)?;
        let letters = behind.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, next) = behind.split_at_checked(letters).ok_or_else(wrong)?;
        let unit_ms: i64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            _ => return Err(wrong()),
        };
        let number: i64 = number.parse().map_err(|_| wrong())?;
        let part = number.checked_mul(unit_ms).ok_or_else(wrong)?;
        total = total.checked_add(part).ok_or_else(wrong)?;
        rest = next;
    }
    if total > 0 { Ok(total) } else { Err(wrong()) }
}

/// A point in time, possibly seen from when the command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// A time on the clock.
    At(Timestamp),
    /// That many milliseconds from now; negative for the past.
    FromNow(i64),
}

impl When {
    /// The time it is, if it is `now` now.
    pub(crate) fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            When::At(at) => at,
            When::FromNow(ms) => now.plus_ms(ms),
        }
    }
}

/// A time: RFC 3339 with its offset, `now`, `10m ago`, `in 2h`.
pub(crate) fn when(text: &str) -> Result<When, String> {
    let text = text.trim();
    if text == "now" {
        return Ok(When::FromNow(0));
    }
    if let Some(length) = text.strip_suffix(" ago") {
        return duration_ms(length.trim()).map(|ms| When::FromNow(-ms));
    }
    if let Some(length) = text.strip_prefix("in ") {
        return duration_ms(length.trim()).map(When::FromNow);
    }
    Timestamp::parse_rfc3339(text).map(When::At).map_err(|_| {
        "a time is written 2017-12-21T07:30:00Z, `now`, `10m ago` or `in 2h`".to_owned()
    })
}

/// The same, or a day, which begins at midnight UTC: `2024-01-01`.
pub(crate) fn day_or_when(text: &str) -> Result<When, String> {
    let midnight = format!("{}T00:00:00Z", text.trim());
    match Timestamp::parse_rfc3339(&midnight) {
        Ok(at) => Ok(When::At(at)),
        Err(_) => when(text).map_err(|_| {
            "a time is written 2024-01-01, 2024-01-01T07:30:00Z, `now` or `90d ago`".to_owned()
        }),
    }
}

/// A label and its value: `service=checkout`.
pub(crate) fn label(text: &str) -> Result<(Box<str>, Box<str>), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("a label is written NAME=VALUE".to_owned()),
    }
}

/// Whom a token makes its holder: `person:sam`, `service:alertmanager`.
pub(crate) fn holder(text: &str) -> Result<Actor, String> {
    let said = |error: base::BadId| error.to_string();
    match text.split_once(':') {
        Some(("person", name)) => Ok(Actor::Person {
            id: name.parse().map_err(said)?,
        }),
        Some(("service", name)) => Ok(Actor::Service {
            id: name.parse().map_err(said)?,
        }),
        _ => Err("a holder is written person:NAME or service:NAME".to_owned()),
    }
}

/// The first digits of an alert's id, or all 32 of them.
pub(crate) fn alert(text: &str) -> Result<String, String> {
    let text = text.to_ascii_lowercase();
    let hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hexadecimal && (4..=32).contains(&text.len()) {
        Ok(text)
    } else {
        Err("an alert is named by its id or the first 4 or more digits of it".to_owned())
    }
}

/// An act as people name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ActRef {
    /// Its place on the record: `52`, `#52`.
    Index(u64),
    /// The first digits of its id, or all 32 of them. A number of that length may be its place too.
    Digits(String),
}

/// The fewest digits of an act's id that name it: a shorter number is a place on the record.
const ACT_DIGITS_MIN: usize = 6;

/// An act: `52` or `#52`, or the first 6 or more hexadecimal digits of its id.
pub(crate) fn act(text: &str) -> Result<ActRef, String> {
    let wrong = || {
        "an act is named by its place on the record (52, '#52'), or by its id or the first 6 or \
         more digits of it"
            .to_owned()
    };
    if let Some(index) = text.strip_prefix('#') {
        return index.parse().map(ActRef::Index).map_err(|_| wrong());
    }
    if text.len() < ACT_DIGITS_MIN {
        let index = text.bytes().all(|byte| byte.is_ascii_digit());
        let index = index.then(|| text.parse().ok()).flatten();
        return index.map(ActRef::Index).ok_or_else(wrong);
    }
    let text = text.to_ascii_lowercase();
    let hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match hexadecimal && text.len() <= 32 {
        true => Ok(ActRef::Digits(text)),
        false => Err(wrong()),
    }
}

/// Until when: a length of time from now (`14d`), a day (its end, UTC), or a time.
pub(crate) fn due(text: &str) -> Result<When, String> {
    if let Ok(ms) = duration_ms(text) {
        return Ok(When::FromNow(ms));
    }
    let end_of_day = format!("{text}T23:59:59Z");
    if text.len() == 10
        && let Ok(at) = Timestamp::parse_rfc3339(&end_of_day)
    {
        return Ok(When::At(at));
    }
    when(text).map_err(|_| {
        "a date is written 2018-01-29, 14d, `in 2h` or 2018-01-29T15:00:00Z".to_owned()
    })
}
