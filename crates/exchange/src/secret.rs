//! A token: in a header, and nowhere else.
//!
//! Where it comes from (a file) is its caller's business.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;

use base::MailAddress;

/// The longest token, in bytes. Those that are signed documents have a thousand or two.
const SECRET_BYTES_MAX: usize = 4_096;

/// A token: 1 to 4,096 visible ASCII characters. It never shows itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

/// A text that can't be a token. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token is one word of 1 to 4096 visible ASCII characters")]
pub struct BadSecret;

impl Secret {
    /// The token itself, for whoever sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// How to show who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer TOKEN` (RFC 6750 §2.1).
    Bearer(Secret),
    /// `Authorization: Basic` with the account's mail address and an API token (RFC 7617).
    Basic {
        /// The account.
        user: MailAddress,
        /// Its API token.
        token: Secret,
    },
}

impl Auth {
    /// The header, which no log shows.
    pub fn header(&self) -> HeaderValue {
        let text = match self {
            Auth::Bearer(token) => format!("Bearer {}", token.0),
            Auth::Basic { user, token } => format!("Basic {}", basic(user, token)),
        };
        let mut value =
            HeaderValue::try_from(text).expect("visible ASCII and one space stand in a header");
        value.set_sensitive(true);
        value
    }

    /// What must not be in any text that goes to people, in every form it is sent in.
    pub fn unspeakable(&self) -> Vec<String> {
        match self {
            Auth::Bearer(token) => vec![token.0.to_string()],
            Auth::Basic { user, token } => vec![basic(user, token), token.0.to_string()],
        }
    }
}

fn basic(user: &MailAddress, token: &Secret) -> String {
    STANDARD.encode(format!("{user}:{}", token.0))
}

impl FromStr for Secret {
    type Err = BadSecret;
    fn from_str(text: &str) -> Result<Secret, BadSecret> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if visible && (1..=SECRET_BYTES_MAX).contains(&text.len()) {
            Ok(Secret(text.into()))
        } else {
            Err(BadSecret)
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
