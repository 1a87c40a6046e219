//! A logarithmic axis of time, and how times are written on it.

use std::fmt::Write as _;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Where the axis may begin, end, and be labelled: the steps in which people think.
const TICKS: &[(i64, &str)] = &[
    (SECOND, "1 s"),
    (10 * SECOND, "10 s"),
    (MINUTE, "1 min"),
    (10 * MINUTE, "10 min"),
    (HOUR, "1 h"),
    (6 * HOUR, "6 h"),
    (DAY, "1 d"),
    (7 * DAY, "7 d"),
    (30 * DAY, "30 d"),
    (365 * DAY, "1 y"),
    (3_650 * DAY, "10 y"),
];

/// An axis from one tick to another that has all values between them. What is shorter than a second
/// stands at its beginning; a logarithm knows no zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    pub(super) low_ms: i64,
    pub(super) high_ms: i64,
    /// Whether something is shorter than where it begins.
    pub(super) cut: bool,
}

impl Scale {
    /// Of all these values; from a minute to a day of none.
    pub(super) fn of(values_ms: impl Iterator<Item = i64>) -> Scale {
        let mut range: Option<(i64, i64)> = None;
        for ms in values_ms {
            let (low, high) = range.unwrap_or((ms, ms));
            range = Some((low.min(ms), high.max(ms)));
        }
        let (low, high) = range.unwrap_or((MINUTE, DAY));
        let ticks = || TICKS.iter().map(|(ms, _)| *ms);
        let low_ms = ticks().rfind(|ms| *ms <= low).unwrap_or(SECOND);
        let above = ticks().find(|ms| *ms >= high && *ms > low_ms);
        Scale {
            low_ms,
            high_ms: above.unwrap_or(high.max(10 * low_ms)),
            cut: low < low_ms,
        }
    }

    /// How far along the axis it stands, 0 to 1.
    pub(super) fn place(&self, ms: f64) -> f64 {
        let (low, high) = (self.low_ms as f64, self.high_ms as f64);
        (ms.clamp(low, high) / low).ln() / (high / low).ln()
    }

    /// What is labelled: where, and with what.
    pub(super) fn ticks(&self) -> impl Iterator<Item = (f64, String)> {
        let within = |ms: i64| (self.low_ms..=self.high_ms).contains(&ms);
        let ticks = TICKS.iter().filter(move |(ms, _)| within(*ms));
        ticks.map(|(ms, says)| {
            let below = if self.cut && *ms == self.low_ms {
                "≤ "
            } else {
                ""
            };
            (self.place(*ms as f64), format!("{below}{says}"))
        })
    }
}

/// How long, to two digits or more: `8.2 min`, `20 min`, `1.5 h`.
pub(super) fn rounded(ms: f64) -> String {
    let units = [(DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s")];
    let Some((unit, name)) = units.into_iter().find(|(unit, _)| *unit as f64 <= ms) else {
        return format!("{ms:.0} ms");
    };
    let value = ms / unit as f64;
    match value < 9.95 {
        true => format!("{value:.1} {name}"),
        false => format!("{value:.0} {name}"),
    }
}

/// How long, in the two largest units: `2 h 5 min`; below a second in milliseconds.
pub(super) fn lasts(ms: f64) -> String {
    let whole = ms.round() as i64;
    if whole < SECOND {
        return format!("{whole} ms");
    }
    let units = [(DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s")];
    let mut text = String::new();
    let mut rest = whole;
    let mut left = 2;
    for (unit, name) in units {
        if left == 0 || (rest < unit && left == 2) {
            continue;
        }
        left -= 1;
        if rest >= unit {
            let gap = if text.is_empty() { "" } else { " " };
            let _ = write!(text, "{gap}{} {name}", rest / unit);
        }
        rest %= unit;
    }
    text
}
