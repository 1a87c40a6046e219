//! A link that is shown to people: in a meeting, in a review, in a terminal.
//!
//! It says nothing about where requests go: that is [`crate::tracker::BaseUrl`].

use std::fmt;
use std::str::FromStr;

use hyper::Uri;

/// The longest link, in bytes. Longer ones break in mail programs and terminals.
const LINK_BYTES_MAX: usize = 2_000;

/// An absolute `https://` or `http://` URL of visible ASCII, at most 2,000 bytes, without a user
/// name or password, and without the characters that RFC 3986 allows nowhere.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link(Box<str>);

/// A text that is no link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a link is written https://HOST/PATH, in visible ASCII, without a password")]
pub struct BadLink;

impl Link {
    /// The link as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Link {
    type Err = BadLink;
    fn from_str(text: &str) -> Result<Link, BadLink> {
        let allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
        if text.len() > LINK_BYTES_MAX || !text.bytes().all(allowed) {
            return Err(BadLink);
        }
        let uri: Uri = text.parse().map_err(|_| BadLink)?;
        let authority = uri.authority().ok_or(BadLink)?;
        let usual = matches!(uri.scheme_str(), Some("https" | "http"));
        if !usual || authority.host().is_empty() || authority.as_str().contains('@') {
            return Err(BadLink);
        }
        Ok(Link(text.into()))
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
