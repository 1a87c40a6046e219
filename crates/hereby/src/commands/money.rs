//! Amounts of money, from and to the smallest unit of their currency (ISO 4217).

use record::kinds::work::Currency;

/// Currencies whose smallest unit is not a hundredth: how many digits stand behind the point
/// (ISO 4217, list one, column "minor unit").
const EXPONENTS: &[(&str, usize)] = &[
    ("BHD", 3),
    ("BIF", 0),
    ("CLF", 4),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("TND", 3),
    ("UGX", 0),
    ("UYI", 0),
    ("UYW", 4),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
];

fn exponent(currency: Currency) -> usize {
    let code = currency.to_string();
    let found = EXPONENTS.iter().find(|(other, _)| *other == code);
    found.map_or(2, |(_, digits)| *digits)
}

/// The largest amount: what the record's integers hold (2^53 - 1).
const MINOR_MAX: u64 = (1 << 53) - 1;

/// An amount in the smallest unit: `1200.50` EUR is 120050. No signs, no separators of thousands.
pub(super) fn minor(amount: &str, currency: Currency) -> Result<u64, String> {
    let digits = exponent(currency);
    let (whole, part) = amount.split_once('.').unwrap_or((amount, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let pointed = amount.contains('.');
    if whole.is_empty() || !plain(whole) || !plain(part) || (pointed && part.is_empty()) {
        return Err("write digits and at most one point: 1200.50".to_owned());
    }
    if part.len() > digits {
        return Err(match digits {
            0 => format!("{currency} has nothing smaller: write no point"),
            _ => format!("{currency} has {digits} digits behind the point"),
        });
    }
    let text = format!("{whole}{part:0<digits$}");
    let minor = text.parse().ok().filter(|minor| *minor <= MINOR_MAX);
    minor.ok_or_else(|| "it is more than the record's integers hold".to_owned())
}

/// An amount for people: `EUR 1200.50`.
pub(super) fn amount(minor: u64, currency: Currency) -> String {
    let digits = exponent(currency);
    if digits == 0 {
        return format!("{currency} {minor}");
    }
    let text = format!("{minor:0>width$}", width = digits + 1);
    let (whole, part) = text.split_at(text.len() - digits);
    format!("{currency} {whole}.{part}")
}

#[cfg(test)]
mod tests;
