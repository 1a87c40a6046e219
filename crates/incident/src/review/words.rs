//! Times, lengths of time, money and counts as a review writes them: always UTC, always with the
//! unit.

use base::Timestamp;
use record::kinds::incident::{Audience, Role, Status};
use record::kinds::review::{Reach, Section};
use record::kinds::work::{Currency, DataHarm};

/// To the second: `2017-12-21 07:52:03 UTC`.
pub(super) fn second(at: Timestamp) -> String {
    let text = at.to_string();
    let (day, clock) = (text.get(..10), text.get(11..19));
    format!("{} {} UTC", day.unwrap_or(&text), clock.unwrap_or_default())
}

/// To the minute: `2017-12-21 07:52 UTC`.
pub(super) fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    let (day, clock) = (text.get(..10), text.get(11..16));
    format!("{} {} UTC", day.unwrap_or(&text), clock.unwrap_or_default())
}

/// The day: `2017-12-21`.
pub(super) fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

/// How long, in the two largest units: `2 h 5 min`, `12 min`, `0 s`; a negative length with a minus.
pub(super) fn span(ms: i64) -> String {
    let seconds = ms.unsigned_abs() / 1_000;
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(3);
    let shown = parts.iter().skip(first).take(2).enumerate();
    let words: Vec<String> = shown
        .filter(|(place, (count, _))| *place == 0 || *count > 0)
        .map(|(_, (count, unit))| format!("{count} {unit}"))
        .collect();
    let minus = if ms < 0 && seconds > 0 { "−" } else { "" };
    format!("{minus}{}", words.join(" "))
}

/// A term as laws say it: whole hours up to four days (`72 h`), else as any length of time.
pub(super) fn term(ms: i64) -> String {
    let hours = ms / 3_600_000;
    match ms % 3_600_000 == 0 && (1..=96).contains(&hours) {
        true => format!("{hours} h"),
        false => span(ms),
    }
}

/// A number with its thousands apart: `12,345`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// How many of something: `1 act`, `2 acts`.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{} {many}", thousands(count as u64)),
    }
}

/// An amount in a currency's smallest unit: `12,345.67 EUR`.
pub(super) fn money(minor: u64, currency: Currency) -> String {
    let code = currency.to_string();
    let digits = minor_digits(&code);
    let scale = 10_u64.pow(digits);
    let (whole, part) = (thousands(minor / scale), minor % scale);
    match digits {
        0 => format!("{whole} {code}"),
        _ => format!("{whole}.{part:0width$} {code}", width = digits as usize),
    }
}

/// Digits behind the point, as ISO 4217 lists them; two for all others.
fn minor_digits(code: &str) -> u32 {
    match code {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

pub(super) fn data(harm: DataHarm) -> &'static str {
    match harm {
        DataHarm::Changed => "some was changed",
        DataHarm::Lost => "some was lost",
        DataHarm::None => "none was harmed",
        DataHarm::Read => "some was read by somebody who should not have",
    }
}

pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::Investigating => "investigating",
        Status::Identified => "identified",
        Status::Monitoring => "monitoring",
        Status::Resolved => "resolved",
    }
}

pub(super) fn audience(audience: Audience) -> &'static str {
    match audience {
        Audience::Insiders => "insiders",
        Audience::Public => "the public",
    }
}

pub(super) fn role(role: Role) -> &'static str {
    role.as_str()
}

pub(super) fn reach(reach: Reach) -> &'static str {
    match reach {
        Reach::Team => "travels as far as the team",
        Reach::Organisation => "travels through the whole organisation",
        Reach::Everyone => "travels to everyone who runs such things",
    }
}

/// What a section is called where people say it: `contributing-factor`.
pub(super) fn section(section: Section) -> String {
    section.as_str().replace('_', "-")
}
