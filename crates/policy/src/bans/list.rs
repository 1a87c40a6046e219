//! A file of bans: one a line, `PREFIX [until TIME] [# comment]`. `TIME` is RFC 3339; empty lines and
//! lines of comment alone are fine. In place of a prefix may stand a client certificate, as
//! `sha256:` and its fingerprint.
//!
//! ```text
//! # seen in March
//! 192.0.2.7
//! 198.51.100.0/24 until 2030-01-01T00:00:00Z   # a botnet's
//! 2001:db8:1::/48
//! sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 until 2026-12-01T00:00:00Z
//! ```

use super::{Ban, Bans, CertificateBan, fingerprint};
use crate::Prefix;

/// So many mistakes are told; with more the file is another kind of file.
const MISTAKES_MAX: usize = 100;

/// A line that is no ban.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct BadLine {
    /// Counted from 1.
    pub line: usize,
    pub what: String,
}

/// Reads a file's text. Times are kept as seconds after `base_s`, as in [`Bans::build`].
///
/// # Errors
///
/// Every line that can't be read, the first hundred of them. One bad line and none is taken: a ban
/// that was meant and isn't there would be found out by who it was meant for.
pub fn parse(text: &str, base_s: i64) -> Result<Bans, Vec<BadLine>> {
    let mut mistakes = Vec::new();
    let mut certificates = Vec::new();
    let lines = (1..).zip(text.lines()).filter_map(|(line, text)| {
        if mistakes.len() >= MISTAKES_MAX {
            return None;
        }
        match ban(text) {
            Ok(Some(Line::Block(ban))) => return Some(ban),
            Ok(Some(Line::Certificate(ban))) => certificates.push(ban),
            Ok(None) => {}
            Err(what) => mistakes.push(BadLine { line, what }),
        }
        None
    });
    let bans = Bans::build(base_s, lines).with_certificates(certificates);
    match mistakes.is_empty() {
        true => Ok(bans),
        false => Err(mistakes),
    }
}

enum Line {
    Block(Ban),
    Certificate(CertificateBan),
}

fn ban(line: &str) -> Result<Option<Line>, String> {
    let said = line.split_once('#').map_or(line, |(said, _)| said);
    let mut words = said.split_ascii_whitespace();
    let Some(who) = words.next() else {
        return Ok(None);
    };
    let certificate = who.strip_prefix("sha256:").map(fingerprint);
    let prefix = match certificate {
        Some(None) => return Err(format!("`{}`: no SHA-256 of 64 digits", short(who))),
        Some(Some(_)) => None,
        None => {
            let prefix = who.parse::<Prefix>();
            Some(prefix.map_err(|why| format!("`{}`: {why}", short(who)))?)
        }
    };
    let until_s = match (words.next(), words.next(), words.next()) {
        (None, ..) => None,
        (Some("until"), Some(time), None) => {
            let time = base::Timestamp::parse_rfc3339(time).map_err(|why| why.to_string())?;
            // A part of a second more is a second more: nobody is let in early.
            let ms = time.as_ms();
            Some(ms.div_euclid(1_000) + i64::from(ms.rem_euclid(1_000) > 0))
        }
        (Some("until"), None, _) => {
            return Err("after `until` stands a time like 2030-01-01T00:00:00Z".to_owned());
        }
        (Some("until"), Some(_), Some(word)) | (Some(word), ..) => {
            return Err(format!(
                "`{}` is one word too many: PREFIX [until TIME] [# comment]",
                short(word)
            ));
        }
    };
    let line = prefix.map(|prefix| Line::Block(Ban { prefix, until_s }));
    Ok(line.or(certificate.flatten().map(|fingerprint| {
        Line::Certificate(CertificateBan {
            fingerprint,
            until_s,
        })
    })))
}

/// Enough of a word to find it again.
fn short(word: &str) -> String {
    word.chars().take(60).collect()
}
