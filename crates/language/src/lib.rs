//! The languages that pages and mails speak: which one somebody wants, and its words.
//!
//! A face (the console, the status site, mails) keeps its words in Fluent files of its own, one for
//! each [`Language`], and reads them with [`Words`]. A language is chosen by what somebody said they
//! want, never by their address. English is complete by definition; every other language has every
//! message of it, which [`Words::missing_from`] lets the faces' tests hold.
//!
//! Not here: dates and numbers, which are written the same in every language (ISO 8601, UTC), and
//! what people wrote themselves, which is shown as it is.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

/// What stands in a message's placeable.
pub type Value<'a> = FluentValue<'a>;

/// Entries of `Accept-Language` that are looked at; the rest is left out.
const ACCEPTED_MAX: usize = 32;

/// A language that hereby speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// `en`: the one in which everything is written first.
    #[default]
    English,
    /// `de`.
    German,
}

/// No language of hereby's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no language `{0}` here; there are: en, de")]
pub struct UnknownLanguage(String);

impl Language {
    /// Every language there is, English first.
    pub const ALL: &[Language] = &[Language::English, Language::German];

    /// Its tag (BCP 47): `en`.
    pub fn as_str(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::German => "de",
        }
    }

    /// What it calls itself.
    pub fn own_name(self) -> &'static str {
        match self {
            Language::English => "English",
            Language::German => "Deutsch",
        }
    }

    /// The language of a tag, whatever region or script follows: `de-AT` is German.
    pub fn of_tag(tag: &str) -> Option<Language> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        let mut all = Language::ALL.iter().copied();
        all.find(|language| language.as_str().eq_ignore_ascii_case(primary))
    }

    /// The first choice of `Accept-Language` that there is here (RFC 9110 section 12.5.4); English
    /// when there is none. Malformed entries are skipped.
    pub fn from_accept_language(header: &str) -> Language {
        let mut best: Option<(Language, u16)> = None;
        for entry in header.split(',').take(ACCEPTED_MAX) {
            let Some((tag, weight)) = weighted(entry) else {
                continue;
            };
            let language = match tag {
                "*" => Some(Language::default()),
                tag => Language::of_tag(tag),
            };
            let Some(language) = language else {
                continue;
            };
            if weight > 0 && best.is_none_or(|(_, so_far)| weight > so_far) {
                best = Some((language, weight));
            }
        }
        best.map_or(Language::default(), |(language, _)| language)
    }

    fn identifier(self) -> LanguageIdentifier {
        match self {
            Language::English => unic_langid::langid!("en"),
            Language::German => unic_langid::langid!("de"),
        }
    }
}

/// A tag and its weight in thousandths.
fn weighted(entry: &str) -> Option<(&str, u16)> {
    let mut parts = entry.split(';').map(str::trim);
    let tag = parts.next().filter(|tag| !tag.is_empty())?;
    let Some(weight) = parts.next() else {
        return Some((tag, 1_000));
    };
    let digits = weight.strip_prefix("q=").or(weight.strip_prefix("Q="))?;
    let weight: f32 = digits.parse().ok()?;
    if !(0.0..=1.0).contains(&weight) {
        return None;
    }
    // In 0 to 1,000 by the line above.
    Some((tag, (weight * 1_000.0) as u16))
}

impl fmt::Display for Language {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Language, UnknownLanguage> {
        let mut all = Language::ALL.iter().copied();
        all.find(|language| language.as_str() == text)
            .ok_or_else(|| UnknownLanguage(text.chars().take(40).collect()))
    }
}

/// Messages that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("the messages in {language} can't be read: {reason}")]
pub struct BadWords {
    language: Language,
    reason: String,
}

/// The messages of one face in one language.
pub struct Words {
    language: Language,
    bundle: FluentBundle<FluentResource>,
    keys: BTreeSet<String>,
}

impl Words {
    /// Reads messages in Fluent's syntax (Fluent 1.0).
    ///
    /// # Errors
    /// When the text is not of that syntax, or a message is there twice.
    pub fn new(language: Language, source: &str) -> Result<Words, BadWords> {
        let bad = |reason: String| BadWords { language, reason };
        let keys = source.lines().filter_map(key).map(str::to_owned).collect();
        let resource = FluentResource::try_new(source.to_owned()).map_err(|(_, errors)| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            bad(errors.join("; "))
        })?;
        let mut bundle = FluentBundle::new_concurrent(vec![language.identifier()]);
        // Pages set the direction of what people wrote by `dir`; the marks would be shown in mails.
        bundle.set_use_isolating(false);
        bundle.add_resource(resource).map_err(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            bad(errors.join("; "))
        })?;
        Ok(Words {
            language,
            bundle,
            keys,
        })
    }

    /// The language that they are in.
    pub fn language(&self) -> Language {
        self.language
    }

    /// The message with this key. One that is not there is shown as its key: tests see to it that
    /// there is none.
    pub fn say<'a>(&'a self, key: &'a str) -> Cow<'a, str> {
        self.formatted(key, None)
    }

    /// The same, with values in its placeables.
    pub fn say_with(&self, key: &str, values: &[(&str, Value<'_>)]) -> String {
        let mut arguments = FluentArgs::with_capacity(values.len());
        for (name, value) in values {
            arguments.set(*name, value.clone());
        }
        self.formatted(key, Some(&arguments)).into_owned()
    }

    fn formatted<'a>(&'a self, key: &'a str, values: Option<&'a FluentArgs<'_>>) -> Cow<'a, str> {
        let pattern = self
            .bundle
            .get_message(key)
            .and_then(|message| message.value());
        let Some(pattern) = pattern else {
            return Cow::Borrowed(key);
        };
        // What is wrong with a placeable is shown in its place.
        let mut errors = Vec::new();
        self.bundle.format_pattern(pattern, values, &mut errors)
    }

    /// Whether there is a message with this key.
    pub fn has(&self, key: &str) -> bool {
        self.bundle.has_message(key)
    }

    /// Every key, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(String::as_str)
    }

    /// Keys of this language that are not in `other`.
    pub fn missing_from(&self, other: &Words) -> Vec<&str> {
        self.keys().filter(|key| !other.has(key)).collect()
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "Words({}, {} messages)",
            self.language,
            self.keys.len()
        )
    }
}

/// The key that a line of a Fluent file defines.
fn key(line: &str) -> Option<&str> {
    let (key, _) = line.split_once('=')?;
    let key = key.trim_end();
    let spelled = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    let begins = key.starts_with(|first: char| first.is_ascii_alphabetic());
    (begins && key.chars().all(spelled)).then_some(key)
}

#[cfg(test)]
mod tests;
