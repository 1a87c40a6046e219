//! Typed identifiers. Every one has one spelling and a bound.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An identifier that is not one, and what one looks like.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct BadId {
    /// What was given, cut to 80 characters.
    pub text: String,
    /// The form that would be right.
    pub expected: &'static str,
}

fn bad(text: &str, expected: &'static str) -> BadId {
    BadId {
        text: text
            .chars()
            .take(80)
            .flat_map(char::escape_default)
            .collect(),
        expected,
    }
}

macro_rules! spelled {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                crate::text::parse_str(deserializer)
            }
        }
    };
}

/// The value of a lower-case hexadecimal digit; 255 for every other byte. Every act has three such
/// ids: selecting among values, where returning early would branch for each digit, is measurable
/// in a rebuild.
fn hex_value(digit: u8) -> u8 {
    let number = digit.wrapping_sub(b'0');
    let letter = digit.wrapping_sub(b'a');
    if number < 10 {
        number
    } else if letter < 6 {
        letter + 10
    } else {
        255
    }
}

/// 16 bytes written as 32 lower-case hexadecimal digits.
macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The id with these bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> $name {
                $name(bytes)
            }
            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut out = [0_u8; 32];
                for (pair, byte) in out.chunks_exact_mut(2).zip(self.0) {
                    for (slot, half) in pair.iter_mut().zip([byte >> 4, byte & 15]) {
                        *slot = if half < 10 { b'0' + half } else { b'a' + half - 10 };
                    }
                }
                f.write_str(std::str::from_utf8(&out).unwrap_or("?"))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<$name, BadId> {
                let expected = "an id of 32 hexadecimal digits in lower case";
                if text.len() != 32 {
                    return Err(bad(text, expected));
                }
                let mut out = [0_u8; 16];
                let mut wrong = 0;
                for (slot, pair) in out.iter_mut().zip(text.as_bytes().as_chunks::<2>().0) {
                    let [high, low] = pair.map(hex_value);
                    wrong |= high | low;
                    *slot = high << 4 | low & 15;
                }
                if wrong > 15 {
                    return Err(bad(text, expected));
                }
                Ok($name(out))
            }
        }
        spelled!($name);
    };
}

hex_id!(
    /// Names one act: a hash of its command's id and its place among that command's acts.
    ActId
);
hex_id!(
    /// Names one firing of one alert: a hash of its source, fingerprint and start.
    AlertId
);
hex_id!(
    /// A keyed digest of a command's bytes: tells whether the same id came with the same command.
    CommandDigest
);

/// Text over a small alphabet, with a bound and a pattern said in words.
macro_rules! word_id {
    ($(#[$doc:meta])* $name:ident, $max:literal, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<$name, BadId> {
                let valid: fn(&[u8]) -> bool = $valid;
                if text.len() <= $max && !text.is_empty() && valid(text.as_bytes()) {
                    Ok($name(text.into()))
                } else {
                    Err(bad(text, $expected))
                }
            }
        }
        spelled!($name);
    };
}

/// Lower-case letters, digits, `.`, `_`, `-`; a letter or digit first and last.
fn is_name(bytes: &[u8]) -> bool {
    let word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    bytes
        .iter()
        .all(|byte| word(byte) || matches!(byte, b'.' | b'_' | b'-'))
        && bytes.first().is_some_and(word)
        && bytes.last().is_some_and(word)
}

fn is_visible(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"._:-/@+=".contains(byte))
}

word_id!(
    /// Chosen by the sender of a command; the same id happens once. 1 to 128 characters out of
    /// letters, digits and `. _ : - / @ + =`.
    CommandId, 128, "a command id (1 to 128 letters, digits or ._:-/@+=)", is_visible
);
word_id!(
    /// A person, as they are called in commands: `sam`, `alex.b`.
    PersonName, 64, "a person's name (1 to 64 lower-case letters, digits, `.`, `_` or `-`)", is_name
);
word_id!(
    /// Something people use: `checkout`.
    ServiceName, 64, "a service's name (1 to 64 lower-case letters, digits, `.`, `_` or `-`)",
    is_name
);
word_id!(
    /// People who look after services together: `payments`.
    TeamName, 64, "a team's name (1 to 64 lower-case letters, digits, `.`, `_` or `-`)", is_name
);
word_id!(
    /// Whose traffic it is.
    Tenant, 64, "a tenant (1 to 64 lower-case letters, digits, `.`, `_` or `-`)", is_name
);
word_id!(
    /// Any other thing with a name: a heartbeat, a rule, a source of alerts.
    Name, 64, "a name (1 to 64 lower-case letters, digits, `.`, `_` or `-`)", is_name
);
word_id!(
    /// Names a token without giving it away: `tok-` and 16 hexadecimal digits.
    TokenId, 20, "a token's id (`tok-` and 16 hexadecimal digits)",
    |bytes| bytes.len() == 20 && bytes.starts_with(b"tok-")
        && bytes.iter().skip(4).all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
);
word_id!(
    /// Names somebody's session without giving it away: `ses-` and 16 hexadecimal digits.
    SessionId, 20, "a session's id (`ses-` and 16 hexadecimal digits)",
    |bytes| bytes.len() == 20 && bytes.starts_with(b"ses-")
        && bytes.iter().skip(4).all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
);
word_id!(
    /// Names a link to sign in with, without giving it away: `log-` and 16 hexadecimal digits.
    LoginId, 20, "a login's id (`log-` and 16 hexadecimal digits)",
    |bytes| bytes.len() == 20 && bytes.starts_with(b"log-")
        && bytes.iter().skip(4).all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
);
word_id!(
    /// Names a key in the keystore: `incident/INC-7`, `person/sam`.
    KeyRef, 100, "a key reference such as incident/INC-7", is_visible
);

/// An incident's number, written `INC-42`: short enough to be said aloud.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncidentId(u32);

impl IncidentId {
    /// The incident with this number, from 1.
    pub const fn from_number(number: u32) -> IncidentId {
        IncidentId(number)
    }
    /// The number.
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "INC-{}", self.0)
    }
}

impl fmt::Debug for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for IncidentId {
    type Err = BadId;
    fn from_str(text: &str) -> Result<IncidentId, BadId> {
        let number = text.strip_prefix("INC-").filter(|digits| {
            digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0')
        });
        number
            .and_then(|digits| digits.parse().ok())
            .map(IncidentId)
            .ok_or_else(|| bad(text, "an incident such as INC-42"))
    }
}
spelled!(IncidentId);

/// How bad it is: 1 (everything is down for everyone) to 5 (nobody noticed).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Severity(u8);

impl Severity {
    /// The severity with this number, 1 to 5.
    pub fn from_number(number: u8) -> Result<Severity, BadId> {
        if (1..=5).contains(&number) {
            Ok(Severity(number))
        } else {
            Err(bad(&number.to_string(), "a severity from 1 (worst) to 5"))
        }
    }
    /// The number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SEV{}", self.0)
    }
}

impl FromStr for Severity {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Severity, BadId> {
        let digits = text.strip_prefix("SEV").unwrap_or(text);
        let number: Option<u8> = if digits.len() == 1 {
            digits.parse().ok()
        } else {
            None
        };
        number
            .and_then(|number| Severity::from_number(number).ok())
            .ok_or_else(|| bad(text, "a severity from 1 (worst) to 5"))
    }
}

impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.0)
    }
}

impl<'de> Deserialize<'de> for Severity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Severity, D::Error> {
        let number = u8::deserialize(deserializer)?;
        Severity::from_number(number).map_err(serde::de::Error::custom)
    }
}
