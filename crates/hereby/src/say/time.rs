//! Times and durations as people read them: always UTC, always saying so.

use base::Timestamp;

/// The day: `2017-12-21`.
pub(crate) fn date(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

/// The time of day to the second: `07:52:03Z`.
pub(crate) fn clock(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{}Z", text.get(11..19).unwrap_or(&text))
}

/// Both: `2017-12-21 07:52:03Z`.
pub(crate) fn stamp(at: Timestamp) -> String {
    format!("{} {}", date(at), clock(at))
}

/// How long, in the two largest units: `2 h 5 min`, `12 min`, `0 s`. A negative length is said as
/// its absolute value: who asks knows which of the two times was earlier.
pub(crate) fn duration(ms: i64) -> String {
    let seconds = ms.unsigned_abs() / 1_000;
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let first = parts
        .iter()
        .position(|(count, _)| *count > 0)
        .unwrap_or(parts.len() - 1);
    let words: Vec<String> = parts
        .iter()
        .skip(first)
        .take(2)
        .enumerate()
        .filter(|(place, (count, _))| *place == 0 || *count > 0)
        .map(|(_, (count, unit))| format!("{count} {unit}"))
        .collect();
    words.join(" ")
}
